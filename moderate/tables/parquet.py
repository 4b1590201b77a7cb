"""Parquet in and out, by pyarrow (the extra ``parquet``).

A Parquet file has its index at its end, so it cannot grow a chunk at a time and survive a kill. While a run goes on,
its chunks are appended as Arrow streams; they become one Parquet file when the last is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import InputError, MissingExtraError
from .formats import PART_ROWS, WINDOW_BYTES, Format, Kind, Mark, Piece, Problem, Rows, Table
from .reading import Options, choose_text_column
from .streams import STDIN
from .writing import ERRORS, Layout, row_values, unique_names

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtraError("reading or writing Parquet", extra="parquet") from None

# Row groups of the result: what readers of Parquet like, and a bounded amount of memory.
GROUP_BYTES: Final[int] = 8 << 20


class ParquetReader:
    """A Parquet file; see ``TableReader``. Positions count rows."""

    def __init__(self, path: str, format_: Format, options: Options) -> None:
        """Open ``path``; see ``open_table``."""
        if path == STDIN:
            raise InputError("Parquet cannot be read from a pipe: its index is at its end; save it to a file first")
        try:
            # Without these, whole row groups are read ahead, and those of many files hold a million rows.
            self._file = pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=WINDOW_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: {error}") from error
        self._path = path
        self._rows_read = 0
        self.encoding, self.seekable = "utf-8", True
        self.size: int | None = self._file.metadata.num_rows
        schema = self._file.schema_arrow
        sample = [list(row.values()) for row in self._sample()]
        text_column, self.chosen_by = choose_text_column(path, schema.names, sample, options.text_column)
        type_ = schema.field(text_column).type if schema.names else pa.null()
        if not _is_text(type_):
            raise InputError(f"{path}: column {schema.names[text_column]!r} holds {type_}, not text")
        self.table = Table(path, format_, tuple(schema.names), text_column, max_field=options.max_field, schema=schema)

    def _sample(self) -> list[dict[str, Any]]:
        batch = next(self._file.iter_batches(batch_size=200), None)
        return [] if batch is None else batch.to_pylist()

    @property
    def bytes_read(self) -> int:
        """How far the file has been read, in rows like ``size``."""
        return self._rows_read

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def pieces(self, mark: Mark | None = None, *, trusted: bool = False) -> Iterator[Piece]:
        """The pieces from ``mark`` on; see ``TableReader``."""
        if mark is not None and not trusted:
            raise InputError(f"{self._path}: the file has changed since; start again without --resume")
        start = mark.position if mark else 0
        position = 0
        try:
            for group in range(self._file.metadata.num_row_groups):
                rows = self._file.metadata.row_group(group).num_rows
                if position + rows <= start:
                    position += rows
                    continue
                for batch in self._file.iter_batches(batch_size=PART_ROWS, row_groups=[group]):
                    position += batch.num_rows
                    if position > start:
                        self._rows_read = position
                        first = position - batch.num_rows + 1
                        yield Piece(batch, first, Mark(position, position + 1, 0))
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self._path}, after row {position}: {error}") from error


def _is_text(type_: Any) -> bool:
    value_type = type_.value_type if pa.types.is_dictionary(type_) else type_
    views = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(value_type) or pa.types.is_large_string(value_type) or views(value_type))


def parse(piece: Piece, table: Table) -> Rows:
    """Turn a record batch into rows."""
    values = piece.data.column(table.text_column).to_pylist()
    rows = Rows(values, piece.data)
    for index, text in enumerate(values):
        message = None
        if text is None:
            message = "null where text was expected"
        elif len(text) > table.max_field:
            message = f"{len(text):,} characters are over the limit of {table.max_field:,}"
        if message:
            rows.problems[index] = Problem(message, piece.line + index, table.columns[table.text_column])
            values[index] = ""
    return rows


def text_values(batch: Any, kept: Sequence[str]) -> list[Sequence[Any]]:
    """The values of the columns ``kept`` as text, row by row, for formats that hold nothing else."""
    return [[_as_text(value) for value in row] for row in _values(batch, kept)]


def native_values(batch: Any, kept: Sequence[str]) -> list[Sequence[Any]]:
    """The values of the columns ``kept``, row by row, for JSON: what it cannot hold becomes text, NaN null."""
    return [[None if value != value else value for value in row] for row in _values(batch, kept)]  # noqa: PLR0124


def _values(batch: Any, kept: Sequence[str]) -> list[tuple[Any, ...]]:
    columns = [batch.column(batch.schema.names.index(name)).to_pylist() for name in kept]
    return list(zip(*columns, strict=True)) if columns else [()] * batch.num_rows


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


# --- Writing ----------------------------------------------------------------------------------------------------


def _schema(layout: Layout, table: Table) -> Any:
    """Of the output: columns of Parquet keep their types, all others are text."""
    kept = table.columns if layout.kept is None else layout.kept
    if table.schema is not None:
        fields = [table.schema.field(table.columns.index(name)) for name in kept]
    else:
        fields = [pa.field(name, pa.string()) for name in unique_names(kept)]
    numbers = [name.removeprefix("moderate_").startswith("score") for name in layout.added]
    types = [pa.float64() if number else pa.string() for number in numbers]
    return pa.schema([*fields, *(pa.field(*pair) for pair in zip(layout.added, types, strict=True))])


def encode_rows(rows: Rows, added: Sequence[Sequence[Any]], layout: Layout, table: Table) -> bytes:
    """Rows of ``table`` with the columns ``added``, as one Arrow stream (see the top of this file)."""
    if not rows.texts:
        return b""
    schema = _schema(layout, table)
    kept = table.columns if layout.kept is None else layout.kept
    if table.format.kind is Kind.PARQUET:
        arrays = [rows.records.column(table.columns.index(name)) for name in kept]
    else:
        columns = list(zip(*row_values(rows, layout, table), strict=True)) if kept else []
        arrays = [_text_array(column) for column in columns]
    arrays += [
        _text_array(column) if type_ == pa.string() else pa.array(column, type_)
        for column, type_ in zip(added, schema.types[len(kept) :], strict=True)
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


def _text_array(values: Sequence[str | None]) -> Any:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # a lone surrogate: shown, as in the other formats
        return pa.array([value and value.encode("utf-8", ERRORS).decode() for value in values], pa.string())


def assemble(streams: Path, target: Path, layout: Layout, table: Table) -> None:
    """Make one Parquet file of the Arrow streams that follow each other in the file ``streams``."""
    schema = _schema(layout, table)
    pa.default_memory_pool().release_unused()  # what reading and writing chunks took
    try:
        with pa.OSFile(str(streams)) as source, pq.ParquetWriter(str(target), schema) as writer:
            held: list[Any] = []
            while source.tell() < source.size():
                held += list(pa.ipc.open_stream(source))
                if sum(batch.nbytes for batch in held) >= GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(held, schema))
                    held = []
            if held:
                writer.write_table(pa.Table.from_batches(held, schema))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
