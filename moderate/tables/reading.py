"""Opening a table of any format, and reading it piece by piece."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..errors import InputError
from . import delimited, jsonl
from .detect import SAMPLE_BYTES, SAMPLE_ROWS, detect_dialect, find_longest_column, find_named_column
from .formats import MAX_FIELD, WINDOW_BYTES, Dialect, Format, Kind, Mark, Piece, Quoting, Rows, Table
from .streams import STDIN, Source

# A character takes at most four bytes, and a quoted quote two characters: so every field within the limit, with its
# neighbours, fits into one window.
BYTES_PER_CHARACTER: Final[int] = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say about an input that would otherwise be found out.

    Attributes:
        format: as in ``"csv"`` or ``"jsonl.gz"``; by the file's suffix when ``None``.
        encoding: name of a Python codec.
        delimiter: one character.
        quoting: ``"double"``, ``"backslash"`` or ``"none"``.
        text_column: name of the column with the comments.
        header: whether the first row of a delimited table holds the names of the columns.
        max_field: longest field that is read, in characters.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    text_column: str | None = None
    header: bool = True
    max_field: int = MAX_FIELD


class TableReader(Protocol):
    """An input that is open.

    Attributes:
        table: what it is, with the text column found.
        chosen_by: how the text column was found, for people.
        encoding: as found, for people.
        size: bytes of the file; ``None`` for a pipe.
        seekable: whether a place can be found again without reading what lies before.
    """

    table: Table
    chosen_by: str
    encoding: str
    size: int | None
    seekable: bool

    @property
    def bytes_read(self) -> int:
        """How far the file has been read."""

    def pieces(self, mark: Mark | None = None, *, trusted: bool = False) -> Iterator[Piece]:
        """The pieces from ``mark`` on; ``trusted`` when the file is known to be unchanged up to there.

        Raises:
            InputError: the file is damaged, or not the one that the mark was made in.
        """

    def close(self) -> None:
        """Close the file."""


def open_table(path: str, options: Options | None = None) -> TableReader:
    """Open the table at ``path`` (``-`` for standard input) and find out what ``options`` does not say.

    Raises:
        InputError: it cannot be opened, its format is not known, it has no header, or no column of that name.
        MissingExtraError: the format needs an extra.
    """
    options = options or Options()
    format_ = Format.named(options.format) if options.format else Format.of_path(path)
    if format_ is None:
        if path != STDIN:
            raise InputError(f"{path}: cannot tell the format by the name: give --format csv, tsv, jsonl or parquet")
        format_ = Format.named("csv")
    if format_.kind is Kind.PARQUET:
        from .parquet import ParquetReader  # an extra: imported only where it is used

        return ParquetReader(path, format_, options)
    return TextReader(path, format_, options)


def parse(piece: Piece, table: Table) -> Iterator[Rows]:
    """Turn a piece of ``table`` into rows, in parts of at most `formats.PART_ROWS`."""
    if table.format.kind is Kind.DELIMITED:
        return delimited.parse(piece, table)
    if table.format.kind is Kind.JSONL:
        return jsonl.parse(piece, table)
    from . import parquet

    return iter([parquet.parse(piece, table)])


class TextReader:
    """A delimited table or JSON Lines."""

    def __init__(self, path: str, format_: Format, options: Options) -> None:
        """Open ``path``; see ``open_table``."""
        mark = options.delimiter
        if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in '"\r\n\0'):
            raise InputError(f"the delimiter must be one ASCII character and no quote or line end, not {mark!r}")
        self._source = source = Source(path, format_.compression, encoding=options.encoding)
        self.encoding, self.size, self.seekable = source.encoding, source.size, source.seek_base is not None
        sample = source.stream.peek(SAMPLE_BYTES)
        if not sample:
            source.stream.raise_failure()
        text = sample.decode(source.piece_encoding, "replace")
        if format_.kind is Kind.JSONL:
            dialect = Dialect(quoting=Quoting.NONE)
            columns, rows = _sample_objects(text)
            if not columns and not options.text_column and len(sample) == SAMPLE_BYTES:
                raise InputError(f"{path}: no JSON object in the first {SAMPLE_BYTES:,} bytes: give --text-column")
            columns = columns or (options.text_column or "text",)
            self._start = Mark(0, 1, 0)
        else:
            expected = format_.delimiter or ","
            quoting = Quoting(options.quoting) if options.quoting else None
            dialect = detect_dialect(text, delimiter=options.delimiter, quoting=quoting, expected=expected)
            columns, self._start = _read_header(path, sample, source.piece_encoding, dialect, header=options.header)
            rows = _sample_rows(text, dialect, len(columns))
        text_column, self.chosen_by = choose_text_column(path, columns, rows, options.text_column)
        self.table = Table(
            name=path,
            format=format_,
            columns=columns,
            text_column=text_column,
            encoding=source.piece_encoding,
            dialect=dialect,
            line_end="\r\n" if text.partition("\n")[0].endswith("\r") else "\n",
            max_field=options.max_field,
        )

    @property
    def bytes_read(self) -> int:
        """How far the file has been read."""
        return self._source.bytes_read

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def pieces(self, mark: Mark | None = None, *, trusted: bool = False) -> Iterator[Piece]:
        """The pieces from ``mark`` on; see ``TableReader``."""
        source = self._source
        if mark is None:
            mark = self._start
            source.stream.take(mark.position)
        elif trusted and self.seekable:
            source.seek(mark.position)
        elif source.skip(mark.position) != mark.crc:
            raise InputError(f"{source.path}: not the same input as before: its beginning has changed")
        size = max(WINDOW_BYTES, BYTES_PER_CHARACTER * self.table.max_field)
        while True:
            window = source.stream.peek(size)
            cut = len(window)
            if cut < size:
                source.stream.raise_failure()
                if not window:
                    return
            elif self.table.format.kind is Kind.JSONL:
                cut = jsonl.find_cut(window)
            else:
                cut = delimited.find_cut(window, self.table.dialect)
            piece = self._piece(window[:cut], mark) if cut else self._oversize_piece(window, mark)
            if cut:
                source.stream.take(cut)
            yield piece
            mark = piece.end

    def _piece(self, data: bytes, mark: Mark, *, dropped: int = 0, crc: int = 0) -> Piece:
        delimited_table = self.table.format.kind is Kind.DELIMITED
        lines = 1 if dropped else delimited.count_lines(data) if delimited_table else data.count(b"\n")
        end = Mark(mark.position + len(data) + dropped, mark.line + lines, crc or zlib.crc32(data, mark.crc))
        return Piece(data, mark.line, end, dropped)

    def _oversize_piece(self, window: bytes, mark: Mark) -> Piece:
        """A row that does not fit into a window: its start is kept, the rest read past."""
        stream, newline = self._source.stream, self.table.dialect.newline.encode()
        stream.take(len(window))
        crc, dropped, ended = zlib.crc32(window, mark.crc), 0, False
        while not ended and (part := stream.peek(WINDOW_BYTES)):
            end = part.find(newline) + 1
            part = part[:end] if end else part
            crc, dropped, ended = zlib.crc32(part, crc), dropped + len(part), bool(end)
            stream.take(len(part))
        if not ended:
            stream.raise_failure()
        return self._piece(window, mark, dropped=dropped, crc=crc)


def choose_text_column(path: str, columns: Sequence[str], rows: list[list[Any]], asked: str | None) -> tuple[int, str]:
    """(index of the column with the comments, how it was found); ``rows`` are the first of the table."""
    if not columns:
        raise InputError(f"{path}: the table has no columns")
    if asked is not None:
        if asked not in columns:
            raise InputError(f"{path}: no column {asked!r}; there are {', '.join(map(repr, columns)) or 'none'}")
        return columns.index(asked), "as asked"
    if len(columns) <= 1:
        return 0, "the only column"
    strings = [index for index in range(len(columns)) if any(isinstance(row[index], str) for row in rows)]
    named = find_named_column([columns[index] for index in strings])
    if named is not None:
        return strings[named], "by its name"
    longest = find_longest_column(rows, len(columns))
    if longest is None:
        raise InputError(f"{path}: no column holds text; name it with --text-column, of {', '.join(columns)}")
    return longest, "the longest text on average"


def _read_header(
    path: str, sample: bytes, encoding: str, dialect: Dialect, *, header: bool
) -> tuple[tuple[str, ...], Mark]:
    """The names of the columns, and where the rows start."""
    lines = delimited.split_lines(sample.decode("latin-1"))  # a character a byte: offsets stay true
    records = delimited.walk(lines, dialect, limit=MAX_FIELD)
    first = next((record for record in records if record.cells != []), None)
    if first is None:
        raise InputError(f"{path}: the file is empty: there is no header row")
    if first.end == len(lines) and len(sample) == SAMPLE_BYTES:
        raise InputError(f"{path}: the first row does not end within {SAMPLE_BYTES:,} bytes; is this a table of text?")
    if not header:
        width = len(first.cells or [""])
        return tuple(f"column_{number}" for number in range(1, width + 1)), Mark(0, 1, 0)
    data = "".join(lines[: first.end]).encode("latin-1")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, line {first.start + 1}: the header is not {encoding}; try --encoding") from error
    if first.cells is None or "\0" in text:
        raise InputError(f"{path}, line {first.start + 1}: the header cannot be read: broken quoting or a NUL")
    rows = csv.reader(delimited.split_lines(text), **dialect.reader_options())
    columns = next(tuple(row) for row in rows if row)
    return columns, Mark(len(data), 1 + first.end, zlib.crc32(data))


def _sample_rows(text: str, dialect: Dialect, width: int) -> list[list[Any]]:
    """The first rows, at least ``width`` cells each; the header is among them and does no harm."""
    lines = delimited.split_lines(text[: SAMPLE_BYTES // 8])
    rows: list[list[Any]] = []
    for record in delimited.walk(lines, dialect, limit=MAX_FIELD):
        if record.cells and len(rows) < SAMPLE_ROWS:
            rows.append(record.cells)
    return [row + [""] * (width - len(row)) for row in rows]


def _sample_objects(text: str) -> tuple[tuple[str, ...], list[list[Any]]]:
    """(names of all keys in order of appearance, values of the first objects)."""
    objects: list[dict[str, Any]] = []
    for line in text.split("\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            objects.append(record)
    columns = tuple(dict.fromkeys(key for record in objects for key in record))
    return columns, [[record.get(key) for key in columns] for record in objects[:SAMPLE_ROWS]]
