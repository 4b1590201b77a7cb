"""Throughput inside Apache Spark, on all cores of this machine, beside `Moderator.scores` in one process."""

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
FILES: Final = 8  # a task each


def measure_spark(texts: Sequence[str], *, rows: int = BATCH_ROWS) -> list[Figure]:
    """Measure comments a second and core, from Parquet to Parquet and without the writing, on ``rows`` rows."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    from moderate.spark import moderate_dataframe

    cores = len(os.sched_getaffinity(0))
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    comments = list(islice(cycle(texts), rows))
    moderator = Moderator.load()
    with TemporaryDirectory() as folder:
        _write(comments, Path(folder))
        frame = moderate_dataframe(spark.read.parquet(f"{folder}/*.parquet"), "comment")
        contenders: dict[str, Callable[[], Any]] = {
            "scores": lambda: moderator.scores(comments),
            "written": lambda: frame.write.mode("overwrite").parquet(f"{folder}/out"),
            "decided": lambda: frame.write.mode("overwrite").format("noop").save(),
        }
        for run in contenders.values():  # the workers start, and Java compiles
            run()
        pace = {name: rows / seconds for name, seconds in take_turns(contenders, TURNS).items()}
    spark.stop()
    peer = ("scores in one process", pace["scores"])
    return [
        compare(
            f"Spark, Parquet to Parquet, comments/s/core ({cores})", pace["written"] / cores, peer, bar="at least 0.5"
        ),
        compare(f"Spark, decided and dropped, comments/s/core ({cores})", pace["decided"] / cores, peer),
    ]


def _write(comments: Sequence[str], folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in range(FILES):
        mine = comments[part::FILES]
        pq.write_table(pa.table({"id": range(len(mine)), "comment": mine}), folder / f"part-{part}.parquet")
