"""Tables on any path that Hadoop knows: read so that no row is lost, written so that a rerun gives the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

Format = Literal["parquet", "csv", "tsv", "json"]
SUFFIXES: Final[dict[str, Format]] = {
    "parquet": "parquet",
    "pq": "parquet",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
}
# Quotes are doubled, as RFC 4180 has it and `moderate batch` writes it; Spark's own choice is a backslash. Files of one
# folder whose headers differ are an error rather than columns that change places.
_CSV: Final[dict[str, Any]] = {"header": True, "escape": '"', "enforceSchema": False}

Mode = Literal["overwrite", "overwrite-partitions", "error"]
_MODES: Final[dict[str, tuple[str, str]]] = {  # to what Spark calls them
    "overwrite": ("overwrite", "static"),
    "overwrite-partitions": ("overwrite", "dynamic"),
    "error": ("errorifexists", "static"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A table to decide on.

    Attributes:
        frame: its rows.
        corrupt: the column of ``frame`` with what could not be read; ``None`` where there is no such thing.
    """

    frame: DataFrame
    corrupt: str | None = None


def format_of(path: str) -> Format:
    """The format that the name of a file, folder or pattern promises; Parquet where it promises none."""
    suffixes = path.rstrip("/").rpartition("/")[2].lower().split(".")[1:]
    return next((SUFFIXES[suffix] for suffix in reversed(suffixes) if suffix in SUFFIXES), "parquet")


def read_table(spark: SparkSession, path: str, *, format: Format, multiline: bool | None = None) -> Source:  # noqa: A002
    """Plan to read a table; InputError when there is none.

    CSV has a header, and every column is text. JSON is an object a line, and Spark reads it once to find the columns.

    Args:
        spark: the session.
        path: a file, a folder or a pattern, on any file system that Spark knows.
        format: how rows are written down.
        multiline: whether one row may take several lines, so that Spark does not share a file out; as a default in CSV.
    """
    from pyspark.errors import AnalysisException

    reader = spark.read
    try:
        if format == "parquet":
            return Source(reader.parquet(path))
        if format == "json":
            return _read_text(reader.options(multiLine=bool(multiline)), "json", path)
        delimiter = "\t" if format == "tsv" else ","
        return _read_text(reader.options(**_CSV, sep=delimiter, multiLine=multiline is not False), "csv", path)
    except AnalysisException as error:
        raise InputError(f"{path}: {error}") from error


def _read_text(reader: DataFrameReader, format: str, path: str) -> Source:  # noqa: A002
    """Read with one more column, for what cannot be read: it takes part only if the schema is given and has it."""
    from pyspark.sql.types import StringType, StructField, StructType

    reader = reader.format(format).option("mode", "PERMISSIVE")
    default = "_corrupt_record"
    fields = reader.option("columnNameOfCorruptRecord", default).load(path).schema.fields
    if format == "json":  # there it stands already when Spark met one
        fields = [field for field in fields if field.name != default]
    corrupt = default
    while corrupt in {field.name for field in fields}:
        corrupt = "_" + corrupt
    schema = StructType([*fields, StructField(corrupt, StringType())])
    return Source(reader.option("columnNameOfCorruptRecord", corrupt).schema(schema).load(path), corrupt)


def write_table(frame: DataFrame, path: str, *, partition_by: Sequence[str] = (), mode: Mode = "overwrite") -> None:
    """Write Parquet; the folder has a file ``_SUCCESS`` when it is whole.

    Args:
        frame: the rows.
        path: the folder.
        partition_by: columns that become folders.
        mode: "overwrite" replaces what is there, "overwrite-partitions" only those partitions that have rows in
            ``frame``, "error" stops where there is something.
    """
    saved, partitions = _MODES[mode]
    writer = frame.write.mode(saved).option("partitionOverwriteMode", partitions)
    if partition_by:
        writer = writer.partitionBy(*partition_by)
    writer.parquet(path)


def refuse_overlap(spark: SparkSession, source: str, frame: DataFrame, output: str) -> None:
    """InputError when writing ``output`` would destroy what ``frame`` was read from, or add to it."""
    target = _normalise(spark, output)
    read = [_normalise(spark, source), *map(_shorten, frame.inputFiles())]
    if any(path == target or path.startswith(target + "/") for path in read) or target.startswith(read[0] + "/"):
        raise InputError(f"{output}: this is the input itself, or a part of it; write to another folder")


def _normalise(spark: SparkSession, path: str) -> str:
    """The full name of a path, file system and all."""
    context: Any = spark.sparkContext  # its gateway to Hadoop has no types
    hadoop = context._jvm.org.apache.hadoop.fs.Path(path)
    system = hadoop.getFileSystem(context._jsc.hadoopConfiguration())
    return _shorten(system.makeQualified(hadoop).toUri().toString())


def _shorten(address: str) -> str:
    """``file:///folder`` and ``file:/folder`` are the same."""
    return re.sub(r"^([\w+.-]+):/+", r"\1:/", address).rstrip("/")
