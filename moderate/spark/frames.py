"""Spark data frames and columns with the decisions beside them: what a notebook or a job of one's own calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..errors import InputError, MissingExtraError
from ..guidelines import Policy
from .shipping import ship
from .worker import ADDED, STRUCT, Recipe, Settings, decide_batches, decide_series

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField


def require_spark() -> None:
    """MissingExtraError where what Spark needs on the Python side is not installed."""
    try:
        import pandas  # noqa: F401 - for moderate_udf
        import pyarrow  # noqa: F401 - for the workers
        import pyspark.sql  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("moderate.spark", extra="spark") from error


def moderate_dataframe(
    df: DataFrame,
    text_col: str,
    *,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    ship_model: bool = True,
    corrupt_column: str | None = None,
    reason: bool = True,
) -> DataFrame:
    """Decide on a column of comments; nothing runs before the result is asked for.

    Args:
        df: any data frame.
        text_col: name of its column of strings with the comments.
        model: a model folder; ``None`` is the packaged model, which is installed with the library.
        policy: a `Policy`, the name of a preset, or the ``Path`` of a policy file; read here, on the driver.
        ship_model: send the folder to the executors (``SparkContext.addArchive``). With ``False`` it stays where it is:
            an absolute path that every executor sees, or the name of a folder sent by other means (``--archives``).
        corrupt_column: a column in which Spark's reader put the rows that it could not read, as ``_corrupt_record``.
            It is left out, and what it holds is said in ``error``.
        reason: with ``False`` there is no column ``reason``; it takes a quarter of the time.

    Returns:
        The columns of ``df`` and behind them ``verdict`` ("approve" or "reject"), ``categories`` (array, strongest
        first), ``score`` (double in [0, 1]), ``reason``, ``source`` ("model" or "rules") and ``error``. The decisions
        equal those of `Moderator.classify_many`. A name that ``df`` has already gets ``moderate_`` in front. A null, a
        string that is not valid UTF-8, and a row in ``corrupt_column`` have an ``error`` and no verdict.

    Raises:
        InputError: there is no such column, or two, or it does not hold strings.
        ModelError: ``model`` is to be sent and is no usable model folder.
        PolicyError: the policy is not valid.
        MissingExtraError: the extra ``spark`` is not installed.
    """
    require_spark()
    from pyspark.sql.types import StringType, StructType

    text = _find_column(df, text_col)
    type_ = df.schema.fields[text].dataType
    if not isinstance(type_, StringType):
        raise InputError(f"column {text_col!r} holds {type_.simpleString()}, not strings")
    corrupt = None if corrupt_column is None else _find_column(df, corrupt_column)
    kept = [field for index, field in enumerate(df.schema.fields) if index != corrupt]
    taken = [field.name for field in kept]
    columns = [name for name in ADDED if reason or name != "reason"]
    added = free_names(taken, columns)
    recipe = _recipe(df.sparkSession, model, policy, ship_model=ship_model)
    settings = Settings(text=text, names=(*taken, *added), recipe=recipe, corrupt=corrupt, reason=reason)
    # mapInArrow looks columns up by unquoted names, and finds none that has a dot
    numbered = df.toDF(*map(str, range(len(df.columns))))
    return numbered.mapInArrow(
        partial(decide_batches, settings=settings), StructType([*kept, *_fields(columns, added)])
    )


@overload
def moderate_udf(
    column: Column | str,
    *,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    ship_model: bool = True,
) -> Column: ...


@overload
def moderate_udf(
    column: None = None,
    *,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    ship_model: bool = True,
) -> Callable[..., Column]: ...


def moderate_udf(
    column: Column | str | None = None,
    *,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    ship_model: bool = True,
) -> Column | Callable[..., Column]:
    """Decide on a column of strings: a struct of ``verdict``, ``score``, ``categories`` and ``source`` (a pandas UDF).

    >>> df.withColumn("decision", moderate_udf("comment"))      # doctest: +SKIP
    >>> spark.udf.register("moderate", moderate_udf(policy="strict"))      # doctest: +SKIP

    Without a ``column`` it is the function itself, to call on columns or to register for SQL. The fields are null where
    the comment is. The other arguments, and what they raise, are those of `moderate_dataframe`.
    """
    require_spark()
    import pandas as pd
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.functions import pandas_udf
    from pyspark.sql.types import StructType

    recipe = _recipe(SparkSession.getActiveSession(), model, policy, ship_model=ship_model)

    def decide(batches: Any) -> Any:
        return decide_series(batches, recipe)

    # pandas_udf goes by the hints, which are strings in this module
    decide.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.DataFrame]}
    declare: Any = pandas_udf  # its hints know no structs
    udf: Callable[..., Column] = declare(decide, StructType(_fields(STRUCT, STRUCT)))
    return udf if column is None else udf(column)


def free_names(taken: Sequence[str], columns: Sequence[str] = ADDED) -> tuple[str, ...]:
    """How the added ``columns`` are called beside those in ``taken``; Spark does not tell case apart."""
    lowered = {name.lower() for name in taken}
    names = []
    for name in columns:
        while name in lowered:
            name = "moderate_" + name  # noqa: PLW2901
        names.append(name)
    return tuple(names)


def _fields(columns: Iterable[str], names: Iterable[str]) -> list[StructField]:
    from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField

    types = {"categories": ArrayType(StringType()), "score": DoubleType()}
    return [StructField(name, types.get(column, StringType())) for column, name in zip(columns, names, strict=True)]


def _find_column(df: DataFrame, name: str) -> int:
    number = df.columns.count(name)
    if number != 1:
        found = "no column" if number == 0 else f"{number} columns"
        raise InputError(f"the data frame has {found} {name!r}; there are {', '.join(map(repr, df.columns))}")
    return df.columns.index(name)


def _recipe(
    spark: SparkSession | None, model: str | Path | None, policy: Policy | str | Path | None, *, ship_model: bool
) -> Recipe:
    if isinstance(policy, Path):
        policy = Policy.from_toml(policy)
    elif isinstance(policy, str):
        policy = Policy.named(policy)
    if model is not None and ship_model:
        if spark is None:
            raise InputError("there is no Spark session whose executors the model could be sent to: start one first")
        model = ship(spark, Path(model))
    return Recipe.of(None if model is None else str(model), policy)
