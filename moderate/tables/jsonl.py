"""JSON Lines: bytes to rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from .formats import PART_ROWS, Piece, Problem, Rows, Table

# Under this name a line that is no JSON object comes out, as it stood.
RAW_KEY: Final[str] = "raw"

# What "surrogateescape" makes of bytes that could not be decoded.
_UNDECODABLE: Final[re.Pattern[str]] = re.compile("[\udc80-\udcff]")
_decode = json.JSONDecoder().decode


def find_cut(window: bytes) -> int:
    """How many bytes of ``window`` are whole lines."""
    return window.rfind(b"\n") + 1


def parse(piece: Piece, table: Table) -> Iterator[Rows]:
    """Turn the bytes of a piece into rows, part by part; no object becomes ``{"raw": line}``, with a problem."""
    rows = None if piece.dropped else _parse_quickly(piece.data, table)
    yield from _parse_carefully(piece, table) if rows is None else rows.parts()


def _parse_quickly(data: bytes, table: Table) -> Rows | None:
    """All rows at once; ``None`` when anything at all is wrong with one."""
    key = table.columns[table.text_column]
    try:
        text = data.decode(table.encoding)
        lines = text.removesuffix("\n").split("\n")
        records = [_decode(line) for line in lines]
        texts = [record[key] for record in records]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None
    if set(map(type, records)) != {dict} or set(map(type, texts)) != {str}:
        return None
    if max(map(len, texts)) > table.max_field or any(f'"{name}"' in text for name in table.reserved):
        return None
    if table.closed and not set(table.columns).issuperset(chain.from_iterable(records)):
        return None
    return Rows(texts, records, raw=[line.strip() for line in lines])


def _parse_carefully(piece: Piece, table: Table) -> Iterator[Rows]:
    lines = piece.data.decode(table.encoding, "surrogateescape").removesuffix("\n").split("\n")
    rows = Rows([], [], raw=[])
    for number, line in enumerate(lines, piece.line):
        if len(rows.texts) == PART_ROWS:
            yield rows
            rows = Rows([], [], raw=[])
        if not line.strip():
            rows.blank_lines += 1
            continue
        if piece.dropped:
            size = len(piece.data) + piece.dropped
            message = f"a line of {size:,} bytes is over the limit; only its start is kept"
            record: dict[str, Any] | None = None
            problem: Problem | None = Problem(message, number)
            line = line[: table.max_field]  # noqa: PLW2901
        else:
            record, problem = _parse_line(line, number, table)
        if problem is not None:
            rows.problems[len(rows.texts)] = problem
        rows.texts.append("" if problem or record is None else record[table.columns[table.text_column]])
        rows.records.append({RAW_KEY: _show(line)} if record is None else record)
        assert rows.raw is not None
        rows.raw.append("" if record is None else line.strip())
    yield rows


def _parse_line(line: str, number: int, table: Table) -> tuple[dict[str, Any] | None, Problem | None]:
    """The object of a line, ``None`` where it cannot be kept as one; and what is wrong."""
    if stray := _UNDECODABLE.search(line):
        return None, Problem(f"bytes that are not {table.encoding} text", number, stray.start() + 1)
    try:
        record = _decode(line)
    except json.JSONDecodeError as error:
        return None, Problem(f"bad JSON: {error.msg}", number, error.colno)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; 10,000 brackets
        return None, Problem(f"JSON beyond reason: {error}", number)
    if not isinstance(record, dict):
        return None, Problem("a JSON object was expected", number)
    if clash := sorted(table.reserved & set(record)):
        return None, Problem(f"it has {', '.join(clash)} of its own, which earlier rows had not", number)
    return record, _find_problem(record, number, table)


def _find_problem(record: dict[str, Any], number: int, table: Table) -> Problem | None:
    key = table.columns[table.text_column]
    if key not in record:
        return Problem("the row has no such key", number, key)
    text = record[key]
    if not isinstance(text, str):
        return Problem(f"{'null' if text is None else type(text).__name__} where text was expected", number, key)
    if len(text) > table.max_field:
        return Problem(f"{len(text):,} characters are over the limit of {table.max_field:,}", number, key)
    if table.closed and (others := sorted(set(record) - set(table.columns))):
        names = ", ".join(others)
        return Problem(f"the output has no column for {names}: earlier rows had none (name them in --columns)", number)
    return None


def _show(line: str) -> str:
    """A line as it stood, bytes that are not text shown as ``\\xNN``."""
    return _UNDECODABLE.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", line.rstrip("\r"))
