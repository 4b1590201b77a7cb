"""Decisions in words and as plain arrays: what stands beside a comment in a table or a data frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .decision import Decision
from .guidelines import CATEGORIES

if TYPE_CHECKING:
    from .moderator import Moderator

# A table cell should stay readable in a spreadsheet; `explain_fully` holds everything.
REASON_WORDS: Final[int] = 5
REASON_CHARS: Final[int] = 118
# Four decimals are more than the calibration is good for, and keep files small.
SCORE_DECIMALS: Final[int] = 4

SCORE_COLUMNS: Final[tuple[str, ...]] = tuple(f"score_{category}" for category in CATEGORIES)


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
    decisions = moderator.classify_many(texts)
    columns: dict[str, NDArray[Any]] = {
        "verdict": _strings(decision.verdict for decision in decisions),
        "categories": _strings(";".join(decision.categories) for decision in decisions),
        "score": np.array([decision.score for decision in decisions], np.float64),
        "reason": _strings(describe(*pair) for pair in zip(decisions, texts, strict=True)),
    }
    if scores:
        for name, category in zip(SCORE_COLUMNS, CATEGORIES, strict=True):
            columns[name] = np.array([decision.scores[category] for decision in decisions], np.float32)
    return columns


def _strings(values: Iterable[str]) -> NDArray[Any]:
    """Strings as an object array: a fixed-width one would give every row the room of the longest."""
    values = list(values)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def describe(decision: Decision, text: str) -> str:
    """A short reason for people: the strongest category and the words that decided; ``""`` when approved."""
    if not decision.categories:
        return ""
    strongest = decision.categories[0]
    if not decision.reasons:
        return str(strongest)
    reason = decision.reasons[0]
    if reason.category is not strongest:
        reason = next((other for other in decision.reasons if other.category is strongest), reason)
    words = [text[start:end] for start, end in reason.spans[:REASON_WORDS]]
    quoted = '", "'.join(dict.fromkeys(words) if len(words) > 1 else words)
    if "  " in quoted or not quoted.isprintable():
        quoted = " ".join(quoted.split())
    if len(quoted) > REASON_CHARS:
        quoted = quoted[: REASON_CHARS - 1] + "…"
    return strongest + ': "' + quoted + '"'


def explain_fully(decision: Decision, text: str) -> str:
    """Every reason as a JSON array of objects: category, score, source, rule, spans (code points), words."""
    reasons = [
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
    return json.dumps(reasons, ensure_ascii=False)
