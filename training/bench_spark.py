"""Throughput inside Apache Spark, in one task slot and on all cores of this machine, beside `Moderator.scores`.

In one slot Java and Python work at the same time, on two cores if these are free; with a slot a core they share them,
and that figure is what a machine costs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from moderate import Moderator

from .bench import BATCH_ROWS, Figure, compare, take_turns

TURNS: Final = 3
WARM_UPS: Final = 2  # the workers start, and Java compiles what it runs often
FILES: Final = 8  # a task each


def measure_spark(texts: Sequence[str], *, rows: int = BATCH_ROWS) -> list[Figure]:
    """Measure comments a second and slot on ``rows`` rows, from Parquet to Parquet and without the writing."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    comments = list(islice(cycle(texts), rows))
    figures = []
    with TemporaryDirectory() as folder:
        _write(comments, Path(folder))
        for slots in sorted({1, len(os.sched_getaffinity(0))}):
            pace = _measure(comments, folder, slots)
            peer = ("scores in one process", pace.pop("scores"))
            for name, value in pace.items():
                bar = "at least 0.5" if slots == 1 and name != "Parquet to Parquet" else None
                figures.append(compare(f"Spark, {slots} slots, {name}, comments/s/slot", value / slots, peer, bar=bar))
    return figures


def _measure(comments: Sequence[str], folder: str, slots: int) -> dict[str, float]:
    """Comments a second of each contender."""
    from pyspark.sql import SparkSession

    from moderate.spark import moderate_dataframe, moderate_udf

    builder = SparkSession.builder.master(f"local[{slots}]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    moderator = Moderator.load()
    source = spark.read.parquet(f"{folder}/*.parquet")
    frame, column = moderate_dataframe(source, "comment"), source.select("id", moderate_udf("comment"))
    verdicts = moderate_dataframe(source, "comment", reason=False)
    contenders: dict[str, Callable[[], Any]] = {
        "scores": lambda: moderator.scores(comments),
        "moderate_dataframe": lambda: frame.write.mode("overwrite").format("noop").save(),
        "moderate_dataframe without reasons": lambda: verdicts.write.mode("overwrite").format("noop").save(),
        "moderate_udf": lambda: column.write.mode("overwrite").format("noop").save(),
        "Parquet to Parquet": lambda: frame.write.mode("overwrite").parquet(f"{folder}/out"),
    }
    try:
        for _ in range(WARM_UPS):
            for name, run in contenders.items():
                if name != "scores":
                    run()
        return {name: len(comments) / seconds for name, seconds in take_turns(contenders, TURNS).items()}
    finally:
        spark.stop()


def _write(comments: Sequence[str], folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in range(FILES):
        mine = comments[part::FILES]
        pq.write_table(pa.table({"id": range(len(mine)), "comment": mine}), folder / f"part-{part}.parquet")
