"""What a worker process of Spark does: Arrow batches in, the same with decisions out. Knows nothing of the driver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..batch.work import paused_collector
from ..columns import describe_all
from ..guidelines import CATEGORIES, Policy

if TYPE_CHECKING:
    from ..moderator import Moderator, Outcome

# In the order of the output. `error` says why a row has no verdict, as in the batch.
ADDED: Final[tuple[str, ...]] = ("verdict", "categories", "score", "reason", "source", "error")
STRUCT: Final[tuple[str, ...]] = ("verdict", "score", "categories", "source")
NULL: Final = "null where text was expected"
_SOURCES: Final = ("model", "rules")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which moderator a worker loads: plain settings, which is all that travels to it.

    Attributes:
        model: a path that every worker sees, or a name below `SparkFiles`; ``None`` for the packaged model.
        name, base, thresholds: the policy.
    """

    model: str | None = None
    name: str = "default"
    base: str = "default"
    thresholds: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, model: str | None, policy: Policy | None) -> Recipe:
        """The recipe for a model and a policy."""
        if policy is None:
            return cls(model)
        thresholds = tuple((category.value, value) for category, value in policy.thresholds.items())
        return cls(model, policy.name, policy.base, thresholds)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to do with a batch.

    Attributes:
        text: index of the column with the comments.
        names: of the output: of the columns that came, and of those in `ADDED`.
        recipe: who decides.
        corrupt: index of a column that holds what the reader could not read, null elsewhere; it is left out.
        reason: whether there is a column with the words that decided.
    """

    text: int
    names: tuple[str, ...]
    recipe: Recipe = Recipe()
    corrupt: int | None = None
    reason: bool = True


@cache
def load_moderator(recipe: Recipe) -> Moderator:
    """Load what ``recipe`` says, once in a worker process; the arrays of the model are memory-mapped."""
    from ..moderator import Moderator

    policy = Policy(recipe.name, recipe.base).with_thresholds(dict(recipe.thresholds))
    return Moderator.load(recipe.model and _find(recipe.model), policy)


def _find(model: str) -> Path:
    from pyspark import SparkFiles

    return Path(SparkFiles.getRootDirectory(), model)  # an absolute path stays what it is


def decide_batches(batches: Iterable[Any], settings: Settings) -> Iterator[Any]:
    """Add the decisions to each ``pyarrow.RecordBatch``; for ``DataFrame.mapInArrow``."""
    import pyarrow as pa

    moderator = load_moderator(settings.recipe)
    for batch in batches:
        kept = [index for index in range(batch.num_columns) if index != settings.corrupt]
        corrupt = None if settings.corrupt is None else batch.column(settings.corrupt)
        with paused_collector():
            added = decide(*read_texts(batch.column(settings.text), corrupt), moderator, reason=settings.reason)
        arrays = [*map(batch.column, kept), *added.values()]
        yield pa.RecordBatch.from_arrays(arrays, names=list(settings.names))


def read_texts(column: Any, corrupt: Any = None) -> tuple[list[str], dict[int, str]]:
    """The comments of a column of strings, "" where one cannot be read; and why, by index."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:  # Spark lets any bytes into a string
        values = [_decode(value) for value in column.cast("binary").to_pylist()]
    problems = {index: NULL for index, value in enumerate(values) if value is None}
    for index, value in enumerate(values):
        if isinstance(value, UnicodeDecodeError):
            problems[index] = f"bytes that are not UTF-8 text, from byte {value.start + 1} on"
    if corrupt is not None and corrupt.null_count < len(corrupt):
        records = enumerate(corrupt.to_pylist())
        problems |= {index: f"cannot be read: {record}" for index, record in records if record is not None}
    for index in problems:
        values[index] = ""
    return values, problems


def _decode(value: bytes | None) -> str | UnicodeDecodeError | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError as error:
        return error


def decide(texts: list[str], problems: dict[int, str], moderator: Moderator, *, reason: bool = True) -> dict[str, Any]:
    """Decide on ``texts``: Arrow columns by the names in `ADDED`, null but for the error where there are problems.

    Without ``reason``, which takes a quarter of the time, there is no such column.
    """
    import pyarrow as pa

    outcomes = list(moderator.outcomes(texts))
    columns = {
        "verdict": pa.array((verdict for outcome in outcomes for verdict in outcome.verdicts()), pa.string()),
        "categories": _list_categories(outcomes),
        "score": pa.array(np.concatenate([np.zeros(0), *(outcome.overall() for outcome in outcomes)])),
        "source": _name_sources(outcomes),
    }
    if reason:
        columns["reason"] = pa.array((words for outcome in outcomes for words in describe_all(outcome)), pa.string())
    if problems:
        rows = np.arange(len(texts))
        places = pa.array(rows, mask=np.isin(rows, list(problems)))  # to take a null gives a null
        columns = {name: column.take(places) for name, column in columns.items()}
    errors = [problems.get(index) for index in range(len(texts))] if problems else [None] * len(texts)
    columns["error"] = pa.array(errors, pa.string())
    return {name: columns[name] for name in ADDED if name in columns}


def _list_categories(outcomes: list[Outcome]) -> Any:
    """The categories that each comment breaks, strongest first; an array of lists of strings."""
    import pyarrow as pa

    counts, members = [], []
    for outcome in outcomes:
        broken = np.zeros(len(outcome.texts), np.int32)
        broken[outcome.rejected] = np.diff(outcome.named.bounds)
        counts.append(broken)
        members.append(outcome.named.columns)
    ends = np.concatenate([np.zeros(1, np.int32), *counts]).cumsum(dtype=np.int32)
    names = pa.array(CATEGORIES, pa.string()).take(pa.array(np.concatenate([np.zeros(0, np.int64), *members])))
    return pa.ListArray.from_arrays(pa.array(ends), names)


def _name_sources(outcomes: list[Outcome]) -> Any:
    import pyarrow as pa

    by_rules = np.concatenate([np.zeros(0, bool), *(outcome.judgement.by_rules for outcome in outcomes)])
    return pa.array(_SOURCES, pa.string()).take(pa.array(by_rules.astype(np.int8)))


def _keep_type(kind: Any) -> Any:
    """How pandas is to hold Arrow's ``kind``: as it is, with no Python object a row; but Spark wants lists as such."""
    import pandas as pd
    import pyarrow as pa

    return None if pa.types.is_list(kind) else pd.ArrowDtype(kind)


def decide_series(batches: Iterable[Any], recipe: Recipe) -> Iterator[Any]:
    """A ``pandas.DataFrame`` of the columns in `STRUCT` for each series of comments; for a pandas UDF."""
    import pyarrow as pa

    moderator = load_moderator(recipe)
    for batch in batches:
        with paused_collector():
            try:
                column = pa.array(batch.tolist(), pa.string(), from_pandas=True)
            except pa.ArrowException as error:
                raise TypeError(f"comments must be strings, not {batch.dtype}") from error
            columns = decide(*read_texts(column), moderator, reason=False)
        yield pa.table({name: columns[name] for name in STRUCT}).to_pandas(types_mapper=_keep_type)
