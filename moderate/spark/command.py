"""``python -m moderate.spark IN OUT``: a table on any path that Hadoop knows in, Parquet with the decisions out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

import click

from ..batch import Summary
from ..cli import model_options, read_policy
from ..errors import InputError, StoppedError
from ..guidelines import CATEGORIES, Policy
from ..tables.reading import choose_text_column
from ..terminal import EXIT_PROBLEMS, exit_on_errors, format_summary, say
from .files import Format, Mode, Source, format_of, read_table, refuse_overlap, write_table
from .frames import moderate_dataframe, require_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SAMPLE_ROWS = 200  # to find the comments by: as many as the batch looks at in Parquet


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("input_", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("--text-column", metavar="NAME", help="The column with the comments (guessed by the usual names).")
@click.option(
    "--format", "format_", type=click.Choice(get_args(Format)), help="Of the input [by its suffix, else parquet]."
)
@click.option("--multiline/--no-multiline", default=None, help="Rows may take several lines [in CSV and TSV].")
@click.option("--partition-by", metavar="COLUMN", multiple=True, help="Make folders by a column. May be repeated.")
@click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    default="overwrite",
    show_default=True,
    help="Where OUT exists: replace it, replace the partitions that have rows in the input, or stop.",
)
@click.option("--ship-model/--no-ship-model", default=True, help="Send --model to the executors, or it is there.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@model_options
def main(
    input_: str,
    output: str,
    *,
    policy: str | None,
    thresholds: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Decide on every comment of a table with Apache Spark.

    IN is Parquet, CSV, TSV or JSON Lines: a file, a folder or a pattern. OUT is a folder of Parquet with every row and
    column of IN, and verdict, categories, score, reason, source and error. Run with spark-submit it uses that cluster,
    else this machine. A run that is repeated replaces what an earlier one wrote; OUT is whole when it has _SUCCESS.

    \b
    Exit status:
      0  every row was read
      1  the output is whole but some rows could not be read: their error column says why
      2  nothing was done: wrong usage, or an input that cannot be used
      3  stopped before the end; run the same command again
    """
    with exit_on_errors():
        with _session() as spark:
            summary = moderate_table(
                spark, input_, output, policy=read_policy(policy, thresholds), quiet=quiet, **options
            )
        if not quiet:
            click.echo(format_summary(summary), err=True)
        sys.exit(EXIT_PROBLEMS if summary.problems else 0)


@contextmanager
def _session() -> Iterator[SparkSession]:
    """The session that is active, or one of our own, which ends here."""
    require_spark()
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # Spark's choice is whatever "python3" is, which need not have this library
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    active = SparkSession.getActiveSession()
    try:
        spark = active or SparkSession.builder.appName("moderate").getOrCreate()
    except PySparkException as error:
        raise InputError(f"Spark does not start (is there a Java 17?): {error}") from error
    try:
        yield spark
    finally:
        if active is None:
            spark.stop()


def moderate_table(
    spark: SparkSession,
    input: str,  # noqa: A002 - the word of the command line
    output: str,
    *,
    text_column: str | None = None,
    format_: Format | None = None,
    multiline: bool | None = None,
    partition_by: tuple[str, ...] = (),
    mode: Mode = "overwrite",
    model: str | None = None,
    policy: Policy | None = None,
    ship_model: bool = True,
    quiet: bool = False,
) -> Summary:
    """Do what the command does.

    Raises:
        InputError: the input cannot be used, or the output cannot be written as asked; nothing was done.
        StoppedError: the job failed; the output is not whole.
    """
    from pyspark.errors import AnalysisException, PySparkException

    began = time.monotonic()
    format_ = format_ or format_of(input)
    source = read_table(spark, input, format=format_, multiline=multiline)
    try:
        column = _choose_column(source, input, text_column)
        if not quiet:
            say(f"{input}: {format_}, text column {column!r}")
        refuse_overlap(spark, input, source.frame, output)
        frame = source.frame if format_ in {"parquet", "json"} else _fill_blank(source, column)
        decided = moderate_dataframe(
            frame, column, model=model, policy=policy, ship_model=ship_model, corrupt_column=source.corrupt
        )
        if missing := [name for name in partition_by if name not in decided.columns]:
            raise InputError(f"--partition-by: no column {missing[0]!r}; there are {', '.join(decided.columns)}")
        counts = _write_counted(decided, output, partition_by=partition_by, mode=mode)
    except AnalysisException as error:
        raise InputError(f"{output}: {error}") from error
    except PySparkException as error:
        raise StoppedError(f"Spark gave up, {output} is not whole; run it again: {error}") from error
    return _summarise(counts, seconds=time.monotonic() - began)


def _choose_column(source: Source, path: str, asked: str | None) -> str:
    frame = source.frame if source.corrupt is None else source.frame.drop(source.corrupt)
    rows = [] if asked is not None else [list(row) for row in frame.limit(SAMPLE_ROWS).collect()]
    return frame.columns[choose_text_column(path, frame.columns, rows, asked)[0]]


def _fill_blank(source: Source, column: str) -> DataFrame:
    """An empty field of CSV is a blank comment; Spark takes it for a null."""
    return source.frame.fillna("", subset=[_quote(column)])


def _quote(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"


# --- Counting ---------------------------------------------------------------------------------------------------


def _write_counted(decided: DataFrame, output: str, *, partition_by: tuple[str, ...], mode: Mode) -> dict[str, int]:
    """Write, and count on the way, in the same pass."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as sql

    # the last six, whatever they are called
    verdict, categories, _, _, source, error = (decided[_quote(name)] for name in decided.columns[-6:])
    conditions = {
        "approved": verdict == "approve",
        "rejected": verdict == "reject",
        "decided_by_rules": source == "rules",
        "problems": error.isNotNull(),
        **{category: sql.array_contains(categories, category) for category in CATEGORIES},
    }
    counters = [sql.count(sql.when(condition, 1)).alias(name) for name, condition in conditions.items()]
    observation = Observation()
    observed = decided.observe(observation, sql.count(sql.lit(1)).alias("rows"), *counters)
    write_table(observed, output, partition_by=partition_by, mode=mode)
    return dict(observation.get)


def _summarise(counts: dict[str, int], *, seconds: float) -> Summary:
    by_category = {category: counts[category] for category in CATEGORIES if counts[category]}
    return Summary(
        rows=counts["rows"],
        approved=counts["approved"],
        rejected=counts["rejected"],
        by_category=dict(sorted(by_category.items(), key=lambda item: (-item[1], item[0]))),
        decided_by_rules=counts["decided_by_rules"],
        problems=counts["problems"],
        blank_lines=0,
        seconds=seconds,
    )
