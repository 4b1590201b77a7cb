"""Decision and Reason: what a comment gets, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .folding import Ints
from .guidelines import CATEGORIES, Category

Verdict = Literal["approve", "reject"]
DecisionSource = Literal["model", "rules"]
ReasonSource = Literal["model", "rule"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground for a rejection.

    Attributes:
        category: the guideline category that the comment breaks.
        score: the category's calibrated probability, in [0, 1].
        source: ``"model"`` (words that moved the model's score) or ``"rule"`` (a hit of the rule book).
        rule: name of the rule that hit; ``None`` when the source is the model.
        spans: code-point ``(start, end)`` pairs into the original comment, in order of position.
    """

    category: Category
    score: float
    source: ReasonSource
    rule: str | None
    spans: tuple[Span, ...]

    def words(self, text: str) -> tuple[str, ...]:
        """The parts of ``text`` (the comment that was classified) that the spans point at."""
        return tuple(text[start:end] for start, end in self.spans)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one comment.

    Attributes:
        verdict: ``"approve"`` or ``"reject"``.
        score: calibrated probability, in [0, 1], that a moderator would reject the comment.
        scores: every category name to its calibrated probability, in the order of ``CATEGORIES``.
        categories: the categories that the comment breaks, strongest first; ``()`` when approved.
        reasons: grounds, strongest first; ``()`` when approved. Where no word says anything by itself, but links alone
            do, the one ground is the comment as a whole.
        source: ``"model"``, or ``"rules"`` when the fallback decided.
    """

    verdict: Verdict
    score: float
    scores: Mapping[str, float]
    categories: tuple[Category, ...]
    reasons: tuple[Reason, ...]
    source: DecisionSource

    @property
    def approved(self) -> bool:
        """Whether the comment may be published."""
        return self.verdict == "approve"


_Value = TypeVar("_Value", Reason, Decision)
_Item = TypeVar("_Item")
_TEMPLATE: Final = dict.fromkeys(CATEGORIES, 0.0)


def construct(kind: type[_Value], *columns: list[Any]) -> list[_Value]:
    """Many reasons or decisions at once: one list for each of their fields, in order, all of one length."""
    if kernels is None:
        return list(map(kind, *columns))
    made: list[_Value] = kernels.construct(kind, kind.__match_args__, columns)
    return made


def group(items: list[_Item], bounds: Ints) -> list[tuple[_Item, ...]]:
    """Cut a list into tuples: item ``bounds[i]`` to ``bounds[i + 1]``, for each i."""
    if kernels is None:
        return [tuple(items[begin:end]) for begin, end in pairwise(bounds.tolist())]
    groups: list[tuple[_Item, ...]] = kernels.group(items, (bounds,))
    return groups


def name_scores(scores: npt.NDArray[np.float32]) -> list[dict[str, float]]:
    """Rows of scores as dictionaries by category; ``scores`` is float32 (n, len(CATEGORIES))."""
    if kernels is None:
        return [dict(zip(CATEGORIES, row, strict=True)) for row in scores.tolist()]
    named: list[dict[str, float]] = kernels.name_rows(_TEMPLATE, CATEGORIES, (np.ascontiguousarray(scores),))
    return named
