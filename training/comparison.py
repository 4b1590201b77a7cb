"""Two models on the same held-out comments: figures of both, and how sure the difference is.

Intervals are percentiles of a paired bootstrap (Efron 1979; Berg-Kirkpatrick et al. 2012): the comments are drawn
again, with replacement, and both models measured on each draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from moderate import Moderator
from moderate.folding import Bools, Floats, Ints
from moderate.guidelines import CATEGORIES

from .corpora import UNKNOWN, Labels

DRAWS: Final = 1000
SURE: Final = 0.95  # of the draws lie in an interval
SEED: Final = 0
LEAST_CLASS: Final = 5  # comments of either class without which nothing is measured
AT_FALSE_REJECT: Final = 0.02  # false rejections at which two rankings are compared

Measure = Callable[[Floats, Bools, Bools], Floats]  # scores, truth, rejected, each (draws, n), to (draws,)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a moderator makes of n comments.

    Attributes:
        overall: probability that it is rejected; float64 (n,).
        scores: of every category; float64 (n, len(CATEGORIES)).
        rejected: the verdicts; bool (n,).
    """

    overall: Floats
    scores: Floats
    rejected: Bools

    @classmethod
    def put(cls, parts: Sequence[Judged], places: Sequence[Ints]) -> Judged:
        """One of several parts, each at its places (indices)."""
        order = np.argsort(np.concatenate(places))
        return cls(
            overall=np.concatenate([part.overall for part in parts])[order],
            scores=np.concatenate([part.scores for part in parts])[order],
            rejected=np.concatenate([part.rejected for part in parts])[order],
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where it lies in `SURE` of the draws."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of one subject, before and after.

    Attributes:
        subject: "verdict", or a category.
        measure: key of `MEASURES`.
        comments: how many it is measured on.
        positives: how many of them are rejected, or break the category.
        before, after: of the two models.
        gain: after less before, draw by draw.
    """

    subject: str
    measure: str
    comments: int
    positives: int
    before: Interval
    after: Interval
    gain: Interval


def judge(moderator: Moderator, texts: Sequence[str]) -> Judged:
    """Decide on ``texts``, and lay the decisions out as arrays."""
    decisions = moderator.classify_many(texts)
    scores = np.array([list(decision.scores.values()) for decision in decisions], np.float64)
    return Judged(
        overall=np.array([decision.score for decision in decisions], np.float64),
        scores=scores.reshape(-1, len(CATEGORIES)),
        rejected=np.array([not decision.approved for decision in decisions], np.bool_),
    )


# --- Measures, of many draws at once ----------------------------------------------------------------------------------


def area_under_roc(scores: Floats, truth: Bools, _rejected: Bools) -> Floats:
    """Probability that a positive outranks a negative, from the rank sum (Mann & Whitney 1947)."""
    positives = truth.sum(axis=1)
    negatives = truth.shape[1] - positives
    ranks = (rankdata(scores, axis=1) * truth).sum(axis=1)
    with np.errstate(invalid="ignore"):
        area: Floats = (ranks - positives * (positives + 1) / 2) / (positives * negatives)
    return area


def average_precision(scores: Floats, truth: Bools, _rejected: Bools) -> Floats:
    """Mean of the precision at each positive, from the highest score down."""
    ordered = np.take_along_axis(truth, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    precision = ordered.cumsum(axis=1) / np.arange(1, truth.shape[1] + 1)
    with np.errstate(invalid="ignore"):
        mean: Floats = (precision * ordered).sum(axis=1) / ordered.sum(axis=1)
    return mean


def found_at_rate(scores: Floats, truth: Bools, _rejected: Bools) -> Floats:
    """Share of the positives that score higher than all but `AT_FALSE_REJECT` of the negatives."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ordered = np.take_along_axis(truth, order, axis=1)
    false = (~ordered).cumsum(axis=1) / np.maximum((~truth).sum(axis=1, keepdims=True), 1)
    with np.errstate(invalid="ignore"):
        found: Floats = (ordered & (false <= AT_FALSE_REJECT)).sum(axis=1) / truth.sum(axis=1)
    return found


def share_found(_scores: Floats, truth: Bools, rejected: Bools) -> Floats:
    """Share of the positives that the policy rejects."""
    with np.errstate(invalid="ignore"):
        share: Floats = (rejected & truth).sum(axis=1) / truth.sum(axis=1)
    return share


def share_falsely_rejected(_scores: Floats, truth: Bools, rejected: Bools) -> Floats:
    """Share of the negatives that the policy rejects."""
    return share_found(_scores, ~truth, rejected)


def brier_score(scores: Floats, truth: Bools, _rejected: Bools) -> Floats:
    """Mean squared distance of the score from what is (Brier 1950); 0 is best."""
    score: Floats = ((scores - truth) ** 2).mean(axis=1)
    return score


MEASURES: Final[Mapping[str, Measure]] = {
    "AUC": area_under_roc,
    "average precision": average_precision,
    f"found at {AT_FALSE_REJECT:.0%} false rejections": found_at_rate,
    "found by the policy": share_found,
    "falsely rejected by the policy": share_falsely_rejected,
    "Brier score": brier_score,
}
FALLING: Final = frozenset({"falsely rejected by the policy", "Brier score"})  # less is better
OF_CATEGORIES: Final = ("AUC", "average precision")


# --- Before and after -------------------------------------------------------------------------------------------------


def compare(before: Judged, after: Judged, verdicts: npt.NDArray[np.int8], labels: Labels) -> list[Figure]:
    """Figures of the verdict, by every measure, and of every category that has enough comments of both classes."""
    figures = []
    known = np.flatnonzero(verdicts != UNKNOWN)
    if _enough(verdicts[known]):
        truth = verdicts[known] == 1
        pair = [(model.overall[known], model.rejected[known]) for model in (before, after)]
        figures += [_figure("verdict", measure, truth, pair) for measure in MEASURES]
    for column, head in enumerate(CATEGORIES):
        known = np.flatnonzero(labels[:, column] != UNKNOWN)
        if _enough(labels[known, column]):
            truth = labels[known, column] == 1
            pair = [(model.scores[known, column], model.rejected[known]) for model in (before, after)]
            figures += [_figure(head, measure, truth, pair) for measure in OF_CATEGORIES]
    return figures


def _enough(labels: npt.NDArray[np.int8]) -> bool:
    positives = int((labels == 1).sum())
    return min(positives, labels.size - positives) >= LEAST_CLASS


def _figure(subject: str, measure: str, truth: Bools, pair: list[tuple[Floats, Bools]]) -> Figure:
    draws = _draws(truth.size)
    whole = np.arange(truth.size)[None]
    values, drawn = [], []
    for scores, rejected in pair:
        values.append(float(MEASURES[measure](scores[whole], truth[whole], rejected[whole])[0]))
        parts = np.array_split(draws, 10)  # bounds the memory
        drawn.append(np.concatenate([MEASURES[measure](scores[part], truth[part], rejected[part]) for part in parts]))
    return Figure(
        subject=subject,
        measure=measure,
        comments=truth.size,
        positives=int(truth.sum()),
        before=_interval(values[0], drawn[0]),
        after=_interval(values[1], drawn[1]),
        gain=_interval(values[1] - values[0], drawn[1] - drawn[0]),
    )


def _draws(size: int) -> Ints:
    draws: Ints = np.random.default_rng(SEED).integers(0, size, (DRAWS, size))
    return draws


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.nanquantile(drawn, [(1 - SURE) / 2, (1 + SURE) / 2])
    return Interval(value, float(low), float(high))


def format_comparison(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"| subject | comments | positive | measure | before | after | gain ({SURE:.0%} interval) |",
        "|---|--:|--:|---|--:|--:|--:|",
    ]
    for figure in figures:
        gain = figure.gain
        lines.append(
            f"| {figure.subject} | {figure.comments:,} | {figure.positives:,} | {figure.measure} | "
            f"{figure.before.value:.3f} | {figure.after.value:.3f} | "
            f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) |"
        )
    return "\n".join(lines)
