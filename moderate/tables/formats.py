"""What a table is made of: format, compression, dialect, the rows read from it and the columns added to it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from ..errors import InputError

# 1 MiB holds some 8,000 comments: enough for numpy to run at full speed and for a worker process to be worth its
# call, little enough that a handful in flight stays far below the memory bar.
WINDOW_BYTES: Final[int] = 1 << 20

# Rows handled together: a window may hold half a million of one letter, and what is made of a row takes a kilobyte.
PART_ROWS: Final[int] = 8192

# The csv module's own limit. No reader's comment is longer, and an unclosed quote cannot swallow more than this.
MAX_FIELD: Final[int] = 131_072


class Kind(StrEnum):
    """How rows are written down."""

    DELIMITED = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Compression(StrEnum):
    """What the bytes are wrapped in."""

    NONE = ""
    GZIP = "gz"
    ZSTD = "zst"


KINDS: Final[dict[str, tuple[Kind, str | None]]] = {
    "csv": (Kind.DELIMITED, ","),
    "tsv": (Kind.DELIMITED, "\t"),
    "tab": (Kind.DELIMITED, "\t"),
    "jsonl": (Kind.JSONL, None),
    "ndjson": (Kind.JSONL, None),
    "parquet": (Kind.PARQUET, None),
    "pq": (Kind.PARQUET, None),
}
COMPRESSIONS: Final[dict[str, Compression]] = {
    "gz": Compression.GZIP,
    "gzip": Compression.GZIP,
    "zst": Compression.ZSTD,
    "zstd": Compression.ZSTD,
}
KNOWN: Final[str] = "csv, tsv, jsonl or parquet, the first three also with .gz or .zst"


@dataclass(frozen=True, slots=True)
class Format:
    """Format of a table.

    Attributes:
        kind: how rows are written down.
        compression: what the bytes are wrapped in.
        delimiter: what the suffix promises between fields; ``None`` when the kind has none.
    """

    kind: Kind
    compression: Compression = Compression.NONE
    delimiter: str | None = None

    @classmethod
    def named(cls, name: str) -> Format:
        """Return the format called ``name``, as in ``"tsv.gz"``; InputError when there is none."""
        format_ = _parse(name.lower().strip(".").split("."))
        if format_ is None:
            raise InputError(f"unknown format {name!r}: use {KNOWN}")
        return format_

    @classmethod
    def of_path(cls, path: str) -> Format | None:
        """Return the format that the suffixes of ``path`` promise; ``None`` when they promise none."""
        suffixes = [suffix[1:].lower() for suffix in PurePath(path).suffixes]
        return _parse(suffixes[-2:]) or _parse(suffixes[-1:])


def _parse(parts: list[str]) -> Format | None:
    compression = Compression.NONE
    if len(parts) == 2 and parts[1] in COMPRESSIONS:
        compression = COMPRESSIONS[parts.pop()]
    if len(parts) != 1 or parts[0] not in KINDS:
        return None
    kind, delimiter = KINDS[parts[0]]
    if kind is Kind.PARQUET and compression:
        raise InputError("Parquet is compressed inside: leave out the second suffix")
    return Format(kind, compression, delimiter)


class Quoting(StrEnum):
    """How a field that holds the delimiter, a quote or a newline is protected."""

    DOUBLE = "double"  # "she said ""no""", the usual one
    BACKSLASH = "backslash"  # "she said \"no\"", as some databases export
    NONE = "none"  # quotes are ordinary characters


@dataclass(frozen=True, slots=True)
class Dialect:
    """How fields and rows of a delimited table are set apart.

    Attributes:
        delimiter: one character between fields.
        quoting: how quotes are protected.
        newline: the byte that ends every row: line feed (also after carriage return), or carriage return alone.
    """

    delimiter: str = ","
    quoting: Quoting = Quoting.DOUBLE
    newline: str = "\n"

    def reader_options(self) -> dict[str, Any]:
        """Keyword arguments for ``csv.reader``."""
        options: dict[str, Any] = {"delimiter": self.delimiter, "strict": True}
        if self.quoting is Quoting.NONE:
            return {**options, "quoting": csv.QUOTE_NONE}
        return {**options, "escapechar": "\\"} if self.quoting is Quoting.BACKSLASH else options


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row could not be read.

    Attributes:
        message: what is wrong, for people.
        line: line number in the file from 1 (the row number in Parquet).
        column: name of the column, or number of the field from 1; ``None`` when it concerns the whole row.
    """

    message: str
    line: int
    column: str | int | None = None

    def __str__(self) -> str:
        """Place and message, without the file."""
        place = f"line {self.line}"
        if self.column is not None:
            place += f", column {self.column!r}" if isinstance(self.column, str) else f", column {self.column}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two pieces, from which reading can go on.

    Attributes:
        position: in bytes of the decoded stream (rows for Parquet).
        line: line number of the row that follows.
        crc: CRC-32 of the decoded stream up to there.
    """

    position: int
    line: int
    crc: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a table that starts and ends with a row; workers get it as it stands in the file.

    Attributes:
        data: bytes of whole rows; a ``pyarrow.RecordBatch`` for Parquet.
        line: line number of its first row.
        end: the place just after it.
        dropped: bytes left out of a row too long to hold, 0 for all others.
    """

    data: Any
    line: int
    end: Mark
    dropped: int = 0


@dataclass(slots=True)
class Rows:
    """The rows of one piece, in order.

    Attributes:
        texts: the comments; ``""`` where a row has a problem.
        records: lists of cells (delimited), dicts (JSON Lines) or a ``pyarrow.RecordBatch``.
        raw: each row as it stood in the file, without its line end, where it can be copied unchanged; else ``None``.
        problems: row index to what is wrong with it.
        blank_lines: lines that hold no row and were passed over.
    """

    texts: list[str]
    records: Any
    raw: list[str] | None = None
    problems: dict[int, Problem] = field(default_factory=dict)
    blank_lines: int = 0

    def parts(self) -> Iterator[Rows]:
        """These rows, all of them read without a problem, in parts of at most `PART_ROWS`."""
        for start in range(0, len(self.texts), PART_ROWS):
            part = slice(start, start + PART_ROWS)
            yield Rows(self.texts[part], self.records[part], self.raw and self.raw[part])

    def select(self, keep: Sequence[int]) -> Rows:
        """The rows whose indexes are in ``keep``, problems left out."""
        if isinstance(self.records, list):
            records: Any = [self.records[index] for index in keep]
        else:
            records = self.records.take(np.asarray(keep, np.int64))
        raw = None if self.raw is None else [self.raw[index] for index in keep]
        return Rows([self.texts[index] for index in keep], records, raw)


@dataclass(frozen=True, slots=True)
class Table:
    """An input table as opened: plain settings that a worker process can be sent.

    Attributes:
        name: how messages call it.
        format: format and compression.
        columns: the names in the header, in order.
        text_column: index of the comment's column in ``columns``.
        encoding: of the bytes in a piece.
        dialect: of a delimited table.
        line_end: as the first row of a delimited table ends, carriage return and all.
        max_field: longest cell that is read, in characters.
        reserved: names of the columns that the output adds, which no row may bring along.
        closed: whether a row with a key outside of ``columns`` has a problem (JSON Lines into fixed columns).
        schema: of a Parquet file, the ``pyarrow.Schema``.
    """

    name: str
    format: Format
    columns: tuple[str, ...]
    text_column: int = 0
    encoding: str = "utf-8"
    dialect: Dialect = field(default_factory=Dialect)
    line_end: str = "\n"
    max_field: int = MAX_FIELD
    reserved: frozenset[str] = frozenset()
    closed: bool = False
    schema: Any = None
