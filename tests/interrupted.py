"""Runs for the tests to interrupt: in small pieces, so that a small file is many of them."""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import moderate
from moderate.batch import Options, StoppedError, moderate_file
from moderate.batch import plan as batch_plan
from moderate.batch import work as batch_work
from moderate.tables import reading

PIECE_BYTES = 1 << 15
MODERATOR = moderate.Moderator.load()


def in_pieces(source, output, **options):
    """A run in small pieces."""
    limit = PIECE_BYTES // reading.BYTES_PER_CHARACTER
    with patch.object(reading, "WINDOW_BYTES", PIECE_BYTES), patch.object(batch_plan, "WINDOW_BYTES", PIECE_BYTES):
        return moderate_file(source, output, options=Options(max_field=limit), **options)


def run_in_pieces(source, output, **options):
    """The same in a process of its own; when stopped, leaves the message in OUTPUT.said and exits with 3."""
    batch_work.Work.load_moderator = lambda work: MODERATOR  # the process is a fork of one that has loaded it
    try:
        in_pieces(source, output, **options)
    except StoppedError as error:
        Path(f"{output}.said").write_text(str(error), encoding="utf-8")
        sys.exit(3)


def journal(output):
    """What the journal of an unfinished run says."""
    return json.loads(output.with_name(output.name + ".partial.json").read_text(encoding="utf-8"))
