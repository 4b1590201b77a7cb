"""Decisions in words and as plain arrays: what stands beside a comment in a table or a data frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .compiled import kernels
from .decision import Decision, Span
from .guidelines import CATEGORIES

if TYPE_CHECKING:
    from .moderator import Moderator, Outcome

# A table cell should stay readable in a spreadsheet; `explain_fully` holds everything.
REASON_WORDS: Final[int] = 5
REASON_CHARS: Final[int] = 120
# Four decimals are more than the calibration is good for, and keep files small.
SCORE_DECIMALS: Final[int] = 4

SCORE_COLUMNS: Final[tuple[str, ...]] = tuple(f"score_{category}" for category in CATEGORIES)
_NO_SCORES: Final = np.zeros((0, len(CATEGORIES)), np.float32)


def to_columns(
    texts: Iterable[str], *, moderator: Moderator | None = None, scores: bool = False
) -> dict[str, NDArray[Any]]:
    """Classify comments into plain arrays, for a data frame of any library.

    >>> frame = pandas.DataFrame({"comment": texts, **moderate.to_columns(texts)})      # doctest: +SKIP

    Args:
        texts: the comments, any iterable of ``str``: a list, or a column of pandas, polars or pyarrow without nulls.
        moderator: who decides; the packaged model with the default policy when ``None``.
        scores: add one float32 array per category, named ``score_<category>``.

    Returns:
        Arrays of shape ``(n,)``: ``verdict`` ("approve" or "reject"), ``categories`` (joined by ";", strongest first),
        ``score`` (float64 in [0, 1]) and ``reason``; those of words are object arrays of ``str``.

    Raises:
        TypeError: a comment is not a ``str``; names its type and position.
    """
    if moderator is None:
        from .moderator import Moderator as Loader  # it is imported after this module

        moderator = Loader.load()
    # pyarrow's columns hold scalars of their own
    texts = texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)
    outcomes = list(moderator.outcomes(texts))
    columns: dict[str, NDArray[Any]] = {
        "verdict": _strings(verdict for outcome in outcomes for verdict in outcome.verdicts()),
        "categories": _strings(names for outcome in outcomes for names in join_categories(outcome)),
        "score": np.concatenate([np.zeros(0), *(outcome.overall() for outcome in outcomes)]),
        "reason": _strings(reason for outcome in outcomes for reason in describe_all(outcome)),
    }
    if scores:
        table = np.concatenate([outcome.judgement.scores for outcome in outcomes] or [_NO_SCORES])
        columns |= dict(zip(SCORE_COLUMNS, table.T.copy(), strict=True))
    return columns


def _strings(values: Iterable[str]) -> NDArray[Any]:
    """Strings as an object array: a fixed-width one would give every row the room of the longest."""
    values = list(values)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def join_categories(outcome: Outcome) -> list[str]:
    """The categories that each comment breaks, strongest first, joined by ";"; "" where it is approved."""
    joined = [""] * len(outcome.texts)
    columns, bounds = outcome.named.columns.tolist(), outcome.named.bounds.tolist()
    for number, (begin, end) in zip(outcome.rejected.tolist(), pairwise(bounds), strict=True):
        joined[number] = _join(tuple(columns[begin:end]))
    return joined


@lru_cache(maxsize=4096)  # few of the combinations occur
def _join(columns: tuple[int, ...]) -> str:
    return ";".join(CATEGORIES[column] for column in columns)


def describe_all(outcome: Outcome) -> list[str]:
    """What `describe` says of each decision of ``outcome``, without making the decisions."""
    described = [""] * len(outcome.texts)
    strongest = outcome.named.columns.take(outcome.named.bounds[:-1])
    all_spans = outcome.leading_spans()
    if kernels is not None:
        places = (outcome.rejected, strongest)
        kernels.quote(described, outcome.texts, places, CATEGORIES, all_spans, REASON_WORDS, REASON_CHARS)
        return described
    for number, column, spans in zip(outcome.rejected.tolist(), strongest.tolist(), all_spans, strict=True):
        described[number] = _quote(CATEGORIES[column], outcome.texts[number], spans)
    return described


def describe(decision: Decision, text: str) -> str:
    """A short reason for people: the strongest category and the words that decided; ``""`` when approved."""
    if not decision.categories:
        return ""
    strongest = decision.categories[0]
    if not decision.reasons:
        return str(strongest)
    reason = next((reason for reason in decision.reasons if reason.category is strongest), decision.reasons[0])
    return _quote(str(strongest), text, reason.spans)


def _quote(category: str, text: str, spans: tuple[Span, ...]) -> str:
    """A category and the first words at ``spans``, each once."""
    if not spans:
        return category
    words = dict.fromkeys([text[start:end] for start, end in spans[:REASON_WORDS]])
    quoted = " ".join(('"' + '", "'.join(words) + '"').split())
    if len(quoted) > REASON_CHARS:
        quoted = quoted[: REASON_CHARS - 1] + "…"
    return f"{category}: {quoted}"


def explain_fully(decision: Decision, text: str) -> str:
    """Every reason as a JSON array of objects: category, score, source, rule, spans (code points), words."""
    return json.dumps(_reasons(decision, text), ensure_ascii=False)


def to_values(decision: Decision, text: str) -> dict[str, Any]:
    """A decision as plain values, for JSON: verdict, score, categories, scores, reasons, source.

    Args:
        decision: what was decided.
        text: the comment that the decision's spans point into.
    """
    return {
        "verdict": decision.verdict,
        "score": round(decision.score, SCORE_DECIMALS),
        "categories": [category.value for category in decision.categories],
        "scores": {name: round(score, SCORE_DECIMALS) for name, score in decision.scores.items()},
        "reasons": _reasons(decision, text),
        "source": decision.source,
    }


def _reasons(decision: Decision, text: str) -> list[dict[str, Any]]:
    return [
        {
            "category": reason.category.value,
            "score": round(reason.score, SCORE_DECIMALS),
            "source": reason.source,
            "rule": reason.rule,
            "spans": [list(span) for span in reason.spans],
            "words": list(reason.words(text)),
        }
        for reason in decision.reasons
    ]
