"""Before a run: what the output will look like, where it goes, and whether all that is asked can be done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._version import __version__
from ..errors import InputError
from ..tables.formats import WINDOW_BYTES, Compression, Format, Kind, Quoting
from ..tables.reading import TableReader
from ..tables.streams import STDIN
from ..tables.writing import Layout, pack
from .journal import Output, PartialOutput, PipeOutput
from .work import Work

if TYPE_CHECKING:
    from ..moderator import Moderator

STDOUT: Final[str] = "-"


def plan_layout(
    reader: TableReader,
    output: str,
    *,
    output_format: str | None,
    columns: Sequence[str] | None,
    added: Sequence[str],
    tell: Callable[[str], None],
) -> Layout:
    """How the output looks; InputError when it cannot be written so."""
    table = reader.table
    named = Format.named(output_format) if output_format else Format.of_path(output)
    if named is None and output != STDOUT and is_file_target(output):
        raise InputError(
            f"{output}: cannot tell the format by the name: give --output-format csv, tsv, jsonl or parquet"
        )
    # Into a pipe: as the input, unpacked.
    format_ = named or replace(table.format, compression=Compression.NONE)
    if format_.kind is Kind.PARQUET and not is_file_target(output):
        raise InputError(f"{output}: Parquet cannot be written to a pipe; choose another --output-format")
    pack(b"any", format_.compression)  # a missing extra shows now, not after an hour
    if columns is not None and (missing := [name for name in columns if name not in table.columns]):
        raise InputError(f"{table.name}: no column {missing[0]!r}; there are {', '.join(map(repr, table.columns))}")
    names = []
    for name in added:
        free = name
        while free in table.columns:
            free = "moderate_" + free
        if free != name:
            tell(f"the input has a column {name!r} of its own: the decision's is called {free!r}")
        names.append(free)
    return Layout(format_, tuple(columns) if columns is not None else None, tuple(names), table.line_end)


def tell_findings(reader: TableReader, tell: Callable[[str], None]) -> None:
    """Say what was found out about the input, so that a wrong guess is seen at once."""
    table = reader.table
    found = [table.format.kind.value]
    if table.format.kind is Kind.DELIMITED:
        found.append(f"delimiter {table.dialect.delimiter!r}")
        if table.dialect.quoting is not Quoting.DOUBLE:
            found.append(f"quoting {table.dialect.quoting.value}")
    if table.format.kind is not Kind.PARQUET:
        found.append(reader.encoding)
    tell(f"{table.name}: {', '.join(found)}")
    column = table.columns[table.text_column]
    tell(f"text column: {column!r} (column {table.text_column + 1} of {len(table.columns)}, {reader.chosen_by})")


def collect_settings(work: Work, moderator: Moderator) -> dict[str, Any]:
    """All that shapes the output, as plain JSON values, by what a user would call it."""
    info = {key: value for key, value in moderator.info().items() if key not in {"policy", "thresholds", "kernels"}}
    digest = hashlib.sha256(json.dumps(info, sort_keys=True, default=str).encode()).hexdigest()
    table = asdict(work.table)
    shaping = {
        "version": __version__,
        "model": digest,
        "thresholds": list(moderator.thresholds),
        "html": work.html,
        "scores": work.scores,
        "explain": work.explain,
        "only": work.only,
        "output": asdict(work.layout),
        "window": WINDOW_BYTES,
        **{key: value for key, value in table.items() if key not in {"name", "reserved"}},
    }
    return dict(json.loads(json.dumps(shaping, default=str)))


def identify(path: str) -> dict[str, int]:
    """What tells whether a file was touched since; nothing for a pipe."""
    if path == STDIN:
        return {}
    status = Path(path).stat()
    return {"size": status.st_size, "changed_ns": status.st_mtime_ns}


def refuse_same_file(source: str, output: str) -> None:
    """InputError when writing the output would destroy the input, by whatever name or pipe either is reached."""
    target = Path(output)
    names = [target, target.with_name(target.name + ".partial"), target.with_name(target.name + ".partial.json")]
    with contextlib.suppress(OSError):  # what is not there is said later
        read = os.fstat(0) if source == STDIN else Path(source).stat()
        written = [os.fstat(1)] if output == STDOUT else [name.stat() for name in names if name.exists()]
        for status in written:
            if stat.S_ISREG(read.st_mode) and os.path.samestat(read, status):
                raise InputError(f"{output}: this is the input itself; write to another file")


def is_file_target(output: str) -> bool:
    """Whether the output is an ordinary file, there or not yet; no pipe and no device."""
    return output != STDOUT and (Path(output).is_file() or not Path(output).exists())


@contextmanager
def open_output(output: str, layout: Layout) -> Iterator[Output]:
    """Open where the result goes: a partial file, or straight into a pipe or device."""
    if output == STDOUT:
        yield PipeOutput(sys.stdout.buffer)
    elif Path(output).is_dir():
        raise InputError(f"{output}: this is a folder; name a file in it")
    elif not is_file_target(output):
        with Path(output).open("wb", buffering=0) as file:
            yield PipeOutput(file)
    else:
        with PartialOutput(Path(output).resolve()) as partial:
            yield partial


def most_jobs(reader: TableReader) -> int:
    """No more workers than there can be chunks: starting one takes longer than a chunk."""
    if reader.size is None or not reader.seekable:
        return sys.maxsize
    return max(1, -(-reader.size // WINDOW_BYTES))
