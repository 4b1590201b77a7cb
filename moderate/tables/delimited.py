"""Delimited tables (CSV, TSV): where bytes may be cut between rows, and bytes to rows.

There are two ways through a piece. The quick one hands everything to the csv module at once and is taken when nothing
is wrong with it. The careful one goes row by row, says what is wrong with each, and after a broken quote starts again
at the next line, so that one bad row never takes its neighbours along.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from operator import add, attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .formats import PART_ROWS, Dialect, Piece, Problem, Quoting, Rows, Table

_QUOTE: Final[int] = ord('"')
_FEED: Final[int] = ord("\n")
_RETURN: Final[int] = ord("\r")
# What "surrogateescape" makes of bytes that could not be decoded.
_UNDECODABLE: Final[re.Pattern[str]] = re.compile("[\udc80-\udcff]")
_UNREADABLE: Final[re.Pattern[str]] = re.compile("[\x00\udc80-\udcff]")

_line_number = attrgetter("line_num")


@contextmanager
def field_limit(limit: int) -> Iterator[None]:
    """Set the csv module's limit (it has one for the whole process) and put it back."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def split_lines(text: str) -> list[str]:
    """Lines with their ends, as the csv module counts them."""
    lines = text.splitlines(keepends=True)  # five times as fast, but it splits at rarer characters, too
    if len(lines) == text.count("\n") + (not text.endswith("\n")):
        return lines
    return list(io.StringIO(text, newline=""))


def count_lines(data: bytes) -> int:
    """Number of line ends, "\\r\\n" being one."""
    marks = np.frombuffer(data, np.uint8)
    feeds, returns = marks == _FEED, marks == _RETURN
    return int(np.count_nonzero(feeds) + np.count_nonzero(returns) - np.count_nonzero(returns[:-1] & feeds[1:]))


# --- Where to cut -----------------------------------------------------------------------------------------------


def find_cut(window: bytes, dialect: Dialect) -> int:
    """How many bytes of ``window`` are whole rows; 0 when not even the first is.

    The window starts with a row and is cut off anywhere. The answer depends on these bytes alone.
    """
    newline = dialect.newline.encode()
    if dialect.quoting is Quoting.NONE or b'"' not in window:
        return window.rfind(newline) + 1
    if dialect.quoting is Quoting.DOUBLE:
        marks = np.frombuffer(window, np.uint8)
        quotes = np.flatnonzero(marks == _QUOTE)
        if _quotes_are_regular(marks, quotes, dialect) and (cut := _cut_by_parity(window, quotes, newline)):
            return cut
    return _cut_carefully(window, dialect)


def _quotes_are_regular(marks: NDArray[np.uint8], quotes: NDArray[np.intp], dialect: Dialect) -> bool:
    """Whether every quote opens a field, closes one, or is one of two in a row: then counting them is exact.

    Counted from 0, an even quote must open a field or be the second of two, an odd one must close a field or be the
    first of two; by induction the csv module then sees each the same way.
    """
    edges = np.zeros(256, bool)
    edges[[ord(dialect.delimiter), 10, 13, _QUOTE]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    opening = opening[1:] if opening[0] == 0 else opening
    closing = closing[:-1] if closing.size and closing[-1] == marks.size - 1 else closing
    return bool(edges[marks[opening - 1]].all() and edges[marks[closing + 1]].all())


def _cut_by_parity(window: bytes, quotes: NDArray[np.intp], newline: bytes) -> int:
    end = window.rfind(newline)
    while end >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            break
        end = window.rfind(newline, 0, int(quotes[before - 1]))  # inside quotes: go back before they opened
    return end + 1


def _cut_carefully(window: bytes, dialect: Dialect) -> int:
    lines = split_lines(window.decode("latin-1"))  # a character a byte: offsets stay true
    while lines and not lines[-1].endswith(dialect.newline):
        lines.pop()
    for record in walk(lines, dialect, limit=len(window)):
        if record.unclosed and record.start:
            lines = lines[: record.start]  # it may close further on: leave it for the next window
            break
    return sum(map(len, lines))


# --- Row by row -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Record:
    """A row as the careful way sees it: lines ``start`` to ``end`` (from 0, end not included).

    ``cells`` is ``None`` when its quoting is broken; ``unclosed`` when that is a quote without an end.
    """

    cells: list[str] | None
    start: int
    end: int
    unclosed: bool = False


def walk(lines: Sequence[str], dialect: Dialect, *, limit: int) -> Iterator[Record]:
    """Read row by row; a row whose quoting is broken ends with its first line.

    A quoted cell of more than ``limit`` characters counts as broken, unless it closes in good order after all.
    """
    start = 0
    while start < len(lines):
        with field_limit(limit):
            records = _read_until_error(lines, start, dialect)
            while (record := next(records, None)) is not None:
                yield record
                start = record.end
        if start < len(lines):
            yield (record := _read_one(lines, start, dialect))
            start = record.end


def _read_until_error(lines: Sequence[str], start: int, dialect: Dialect) -> Iterator[Record]:
    feed = iter(lines) if not start else (lines[index] for index in range(start, len(lines)))
    reader, end = csv.reader(feed, **dialect.reader_options()), start
    try:
        for cells in reader:
            begin, end = end, start + reader.line_num
            yield Record(cells, begin, end)
    except csv.Error:
        return


def _read_one(lines: Sequence[str], start: int, dialect: Dialect) -> Record:
    """The row at ``start``, which could not be read with the limit: over it, or broken."""
    with field_limit(sys.maxsize):
        reader = csv.reader((lines[index] for index in range(start, len(lines))), **dialect.reader_options())
        try:
            return Record(next(reader), start, start + reader.line_num)
        except csv.Error:
            return Record(None, start, start + 1, unclosed=start + reader.line_num == len(lines))


# --- A piece to rows --------------------------------------------------------------------------------------------


def parse(piece: Piece, table: Table) -> Iterator[Rows]:
    """Turn the bytes of a piece into rows, part by part."""
    if piece.dropped:
        yield _parse_oversize(piece, table)
    elif (rows := _parse_quickly(piece.data, table)) is not None:
        yield from rows.parts()
    else:
        yield from _parse_carefully(piece, table)


def _parse_quickly(data: bytes, table: Table) -> Rows | None:
    """All rows at once; ``None`` when anything at all is wrong with one."""
    try:
        text = data.decode(table.encoding)
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    with field_limit(table.max_field):
        try:
            records, raw = _read_rows(text, table)
        except csv.Error:
            return None
    if set(map(len, records)) != {len(table.columns)}:
        return None
    column = table.text_column
    return Rows([record[column] for record in records], records, raw)


def _read_rows(text: str, table: Table) -> tuple[list[list[str]], list[str]]:
    """Records, and the same rows as they stood in the file without their line ends."""
    newline = "\r\n" if "\r" in text else "\n"
    lines = text.split(newline)
    alike = not lines.pop() and (newline == "\n" or len(lines) == text.count("\r") == text.count("\n"))
    lines = lines if alike else split_lines(text)
    reader = csv.reader(map(add, lines, repeat(newline)) if alike else lines, **table.dialect.reader_options())
    numbered = list(zip(reader, map(_line_number, repeat(reader)), strict=False))  # the second never ends
    records = [record for record, _ in numbered]
    if not alike or len(records) < len(lines):
        joint = newline if alike else ""
        ends = [end for _, end in numbered]
        spans = zip([0, *ends[:-1]], ends, strict=True)
        lines = [lines[start] if end - start == 1 else joint.join(lines[start:end]) for start, end in spans]
    return records, lines if alike else [line.rstrip("\r\n") for line in lines]


def _parse_carefully(piece: Piece, table: Table) -> Iterator[Rows]:
    lines = split_lines(piece.data.decode(table.encoding, "surrogateescape"))
    rows = Rows([], [])
    for record in walk(lines, table.dialect, limit=table.max_field):
        if len(rows.texts) == PART_ROWS:
            yield rows
            rows = Rows([], [])
        if record.cells == [] and len(table.columns) > 1:
            rows.blank_lines += 1
            continue
        cells = record.cells or [""]
        problem = None
        line = piece.line + record.start
        if record.cells is None:
            source = lines[record.start].rstrip("\r\n")
            cells = source.split(table.dialect.delimiter)
            column = next((number for number, cell in enumerate(cells, 1) if cell.startswith('"')), None)
            message = "a quote that opens is never closed" if record.unclosed else "broken quoting"
            problem = Problem(message, line, column)
        problem = problem or _find_problem(cells, table, line)
        cells = _fit(cells, table)
        if problem is not None:
            rows.problems[len(rows.records)] = problem
        rows.records.append(cells)
        rows.texts.append("" if problem else cells[table.text_column])
    yield rows


def _find_problem(cells: list[str], table: Table, line: int) -> Problem | None:
    for index, cell in enumerate(cells):
        column = table.columns[index] if index < len(table.columns) else index + 1
        if len(cell) > table.max_field:
            return Problem(f"a field of {len(cell):,} characters, over the limit of {table.max_field:,}", line, column)
        if _UNDECODABLE.search(cell):
            return Problem(f"bytes that are not {table.encoding} text", line, column)
        if "\0" in cell:
            return Problem("a NUL", line, column)
    have, want = len(cells), len(table.columns)
    if have == want:
        return None
    column = table.columns[have] if have < want else want + 1
    return Problem(f"{have} field{'s' * (have != 1)} where the header has {want}", line, column)


def _fit(cells: list[str], table: Table) -> list[str]:
    """As many cells as the header has: missing ones empty, surplus ones in the last; stray bytes as ``\\xNN``."""
    width = len(table.columns)
    if len(cells) > width:
        cells = [*cells[: width - 1], table.dialect.delimiter.join(cells[width - 1 :])]
    cells = cells + [""] * (width - len(cells))
    return [_UNREADABLE.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", cell) for cell in cells]


def _parse_oversize(piece: Piece, table: Table) -> Rows:
    """The start of a row too long to hold in memory, as one row with a problem."""
    text = piece.data.decode(table.encoding, "surrogateescape")[: table.max_field]
    size = len(piece.data) + piece.dropped
    problem = Problem(f"a row of {size:,} bytes is over the limit; only its start is kept", piece.line)
    cells = _fit(text.rstrip("\r\n").split(table.dialect.delimiter), table)
    return Rows([""], [cells], problems={0: problem})
