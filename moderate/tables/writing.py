"""Rows and added columns to bytes: CSV, TSV and JSON Lines. (Parquet: see ``parquet``.)"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ..errors import MissingExtraError
from .formats import Compression, Dialect, Format, Kind, Quoting, Rows, Table

# Lone surrogates cannot be written as UTF-8; "\\ud800" can, and inside JSON it is the very escape that means the same.
ERRORS: Final[str] = "backslashreplace"


@dataclass(frozen=True, slots=True)
class Layout:
    """How an output looks.

    Attributes:
        format: format and compression.
        kept: the input columns that come out, in order; ``None`` for all, as they are.
        added: names of the columns that follow them.
        newline: what ends a row of a delimited table.
    """

    format: Format
    kept: tuple[str, ...] | None
    added: tuple[str, ...]
    newline: str = "\n"


def encode_header(layout: Layout, table: Table) -> bytes:
    """The first bytes of the output: the names of the columns, where the format has such a line."""
    if layout.format.kind is not Kind.DELIMITED:
        return b""
    names = [*(table.columns if layout.kept is None else layout.kept), *layout.added]
    return (_join(names, layout) + layout.newline).encode("utf-8", ERRORS)


def encode_rows(rows: Rows, added: Sequence[Sequence[Any]], layout: Layout, table: Table) -> bytes:
    """Rows of ``table`` with the columns ``added`` (one sequence a column) in the output's format, not yet packed."""
    if not rows.texts:
        return b""
    if layout.format.kind is Kind.JSONL:
        text = _encode_jsonl(rows, added, layout, table)
    else:
        text = _encode_delimited(rows, added, layout, table)
    return text.encode("utf-8", ERRORS)


def pack(data: bytes, compression: Compression) -> bytes:
    """``data`` as one gzip member or zstd frame, which may follow others; always the same bytes for the same data."""
    if not data or compression is Compression.NONE:
        return data
    if compression is Compression.GZIP:
        return gzip.compress(data, compresslevel=6, mtime=0)
    try:
        import zstandard  # an extra: imported only where it is used
    except ImportError:
        raise MissingExtraError("reading or writing zstd", extra="zstd") from None
    return bytes(zstandard.ZstdCompressor(level=6).compress(data))


def row_values(rows: Rows, layout: Layout, table: Table) -> Iterable[Sequence[Any]]:
    """The values of the kept columns, row by row; a problem row without them has its line in the text column."""
    kept = table.columns if layout.kept is None else layout.kept
    if table.format.kind is Kind.DELIMITED:
        if layout.kept is None:
            return list(rows.records)
        indexes = [table.columns.index(name) for name in kept]
        return [[record[index] for index in indexes] for record in rows.records]
    if table.format.kind is Kind.JSONL:
        return [_json_values(record, kept, table, unread=not raw) for record, raw in _with_raw(rows)]
    from . import parquet

    return parquet.text_values(rows.records, kept)


# --- Delimited --------------------------------------------------------------------------------------------------


def _copies_unchanged(layout: Layout, table: Table) -> bool:
    """Whether a row can be written just as it was read, with more cells after it."""
    return (
        table.format.kind is Kind.DELIMITED
        and layout.kept is None
        and table.dialect == Dialect(layout.format.delimiter or ",", Quoting.DOUBLE)
    )


def _encode_delimited(rows: Rows, added: Sequence[Sequence[Any]], layout: Layout, table: Table) -> str:
    delimiter, newline = layout.format.delimiter or ",", layout.newline
    columns = [_cells(column, delimiter) for column in added]
    if rows.raw is not None and _copies_unchanged(layout, table):
        columns.insert(0, rows.raw)
    elif layout.kept != ():
        columns.insert(0, [_join(row, layout) for row in row_values(rows, layout, table)])
    return newline.join(map(delimiter.join, zip(*columns, strict=True))) + newline


def _cells(column: Sequence[Any], delimiter: str) -> list[str]:
    """A column as it is written: nothing for ``None``, four decimals for numbers, quotes where they are needed."""
    cells = ["" if value is None else value if isinstance(value, str) else _number(value) for value in column]
    if _needs_quotes("\0".join(cells), delimiter):
        return [cell and _quote(cell, delimiter) for cell in cells]
    return cells


def _join(cells: Iterable[str], layout: Layout) -> str:
    """Cells as a row without its end. (``csv.writer`` leaves a bare carriage return unquoted, then misreads it.)"""
    delimiter = layout.format.delimiter or ","
    return delimiter.join([_quote(cell, delimiter) for cell in cells])


@lru_cache(maxsize=1 << 14)  # there are ten thousand scores of four decimals
def _number(value: float) -> str:
    return f"{value:.4f}"


def _quote(cell: str, delimiter: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _needs_quotes(cell, delimiter) else cell


def _needs_quotes(text: str, delimiter: str) -> bool:
    return '"' in text or delimiter in text or "\n" in text or "\r" in text


# --- JSON Lines -------------------------------------------------------------------------------------------------


def _encode_jsonl(rows: Rows, added: Sequence[Sequence[Any]], layout: Layout, table: Table) -> str:
    names = [json.dumps(name, ensure_ascii=False) for name in layout.added]
    lines = []
    for start, values in zip(_json_starts(rows, layout, table), zip(*added, strict=True), strict=True):
        spelled = (json.dumps(value, ensure_ascii=False) for value in values)
        members = ", ".join([f"{name}: {value}" for name, value in zip(names, spelled, strict=True)])
        lines.append(f"{start}{members}}}\n")
    return "".join(lines)


def _json_starts(rows: Rows, layout: Layout, table: Table) -> Iterable[str]:
    """Each row as a JSON object that still lacks its end."""
    if table.format.kind is Kind.JSONL and layout.kept is None:
        for record, raw in _with_raw(rows):  # copied as it stood: numbers keep their spelling
            whole = raw or json.dumps(record, ensure_ascii=False)
            yield whole[:-1].rstrip() + (", " if record else "")
        return
    kept = unique_names(table.columns if layout.kept is None else layout.kept)
    if table.format.kind is Kind.JSONL:
        for record, raw in _with_raw(rows):
            known = {name: record[name] for name in kept if name in record} if raw else record
            yield json.dumps(known, ensure_ascii=False)[:-1] + (", " if known else "")
        return
    for row in _native_values(rows, layout, table):
        whole = json.dumps(dict(zip(kept, row, strict=True)), ensure_ascii=False, default=str)
        yield whole[:-1] + (", " if kept else "")


def _native_values(rows: Rows, layout: Layout, table: Table) -> Iterable[Sequence[Any]]:
    if table.format.kind is not Kind.PARQUET:
        return row_values(rows, layout, table)
    from . import parquet

    return parquet.native_values(rows.records, table.columns if layout.kept is None else layout.kept)


def _with_raw(rows: Rows) -> Iterable[tuple[dict[str, Any], str]]:
    return zip(rows.records, rows.raw or [], strict=True)


def _json_values(record: dict[str, Any], kept: Sequence[str], table: Table, *, unread: bool) -> list[str]:
    """The values of ``kept`` as text; a line that was no object stands in the column of the comments."""
    if unread:
        text_column = table.columns[table.text_column]
        return [next(iter(record.values())) if name == text_column else "" for name in kept]
    values = [record.get(name) for name in kept]
    return [
        "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    ]


def unique_names(names: Sequence[str]) -> list[str]:
    """``names`` with a number after each that occurred before: keys of an object must differ."""
    seen: dict[str, None] = {}
    for name in names:
        number, candidate = 1, name
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen[candidate] = None
    return list(seen)
