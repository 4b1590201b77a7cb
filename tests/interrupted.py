"""A run for the tests to interrupt: in small pieces, from a process that has the model loaded already."""

import sys
from pathlib import Path

import moderate
from moderate.batch import Options, StoppedError, moderate_file
from moderate.batch import plan as batch_plan
from moderate.batch import work as batch_work
from moderate.tables import reading

PIECE_BYTES = 1 << 15
MODERATOR = moderate.Moderator.load()


def run_in_pieces(source, output, jobs=1, resume=False):
    """What `moderate batch SOURCE -o OUTPUT` does; when stopped, leaves the message in OUTPUT.said and exits with 3."""
    reading.WINDOW_BYTES = batch_plan.WINDOW_BYTES = PIECE_BYTES
    batch_work.Work.load_moderator = lambda work: MODERATOR
    try:
        options = Options(max_field=PIECE_BYTES // reading.BYTES_PER_CHARACTER)
        moderate_file(source, output, options=options, jobs=jobs, resume=resume)
    except StoppedError as error:
        Path(f"{output}.said").write_text(str(error), encoding="utf-8")
        sys.exit(3)
