"""Choose a policy's thresholds on held-out decisions, by what a publisher can say: how many false rejections it bears,
or how much of what it rejects it wants found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from moderate.errors import InputError
from moderate.guidelines import CATEGORIES, PARENT, PRESETS, Category

from .calibrate import FALSE_REJECTION, LEAST_THRESHOLD, SHARES, quantile
from .corpora import Labels

DEFAULT_FALSE_REJECT: Final = 0.02  # of approved comments, where nothing else is asked for
UNTAUGHT_SHARE: Final = 0.1  # of a head's usual share of the false rejections, where the decisions taught others
LEAST_LABELLED: Final = 20  # comments of a class without which no threshold of a category can be chosen
MOST_SHARE: Final = 0.9  # of the approved comments that a single head may reject, when much has to be found
NEVER: Final = 1.01
TAIL: Final = 0.1  # of the comments, the highest scores, whose fall-off is extrapolated ...
LEAST_TAIL: Final = 10  # ... but so many at the least
_UNIT: Final = 1_000_000  # a threshold has six decimals, rounded to the side that keeps what was asked for
_LEAST: Final = 1e-6  # distance of a probability from 0 and 1
_STEPS: Final = 30  # of bisection: the share is then known to a billionth

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a publisher asks of its thresholds.

    Attributes:
        max_false_reject: largest share of approved comments that may be rejected, all categories together.
        min_recall: least share of rejected comments to be found; instead of ``max_false_reject``.
        category_false_reject, category_recall: the same for single categories, by name.
    """

    max_false_reject: float | None = None
    min_recall: float | None = None
    category_false_reject: Mapping[str, float] = field(default_factory=dict)
    category_recall: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that what is asked for can be meant; InputError says what cannot."""
        if self.max_false_reject is not None and self.min_recall is not None:
            raise InputError(
                "give --max-false-reject or --min-recall for the whole, not both: one follows from the other"
            )
        both = self.category_false_reject.keys() & self.category_recall.keys()
        if both:
            raise InputError(f"{sorted(both)[0]}: give --max-false-reject or --min-recall, not both")
        named = {**self.category_false_reject, **self.category_recall}
        if unknown := named.keys() - set(CATEGORIES):
            raise InputError(f"no category {sorted(unknown)[0]!r}: use one of {', '.join(CATEGORIES)}")
        for share in (self.max_false_reject, self.min_recall, *named.values()):
            if share is not None and not 0 < share < 1:
                raise InputError(f"{share:g} is not a share between 0 and 1, as 0.02 for 2%")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Comments with scores by models that never saw them.

    Attributes:
        scores: float32 (n, len(CATEGORIES)).
        verdicts: 1 rejected, 0 approved, or unknown; int8 (n,).
        labels: int8 (n, len(CATEGORIES)).
    """

    scores: Scores
    verdicts: npt.NDArray[np.int8]
    labels: Labels


def choose_thresholds(
    held_out: HeldOut,
    limits: Limits,
    *,
    taught: Collection[str],
    fixed: Mapping[str, float],
    least: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, dict[str, float]]:
    """Thresholds of every preset.

    All heads that reject share the false rejections; those that the decisions ``taught`` take most. The presets
    "strict" and "lenient" stand to "default" as in the packaged model, by false rejections.

    Args:
        held_out: the decisions.
        limits: what is asked for.
        taught: the heads that were fitted on the decisions.
        fixed: heads whose thresholds stay as they are.
        least: what the thresholds of the heads that were not taught are never lower than: a few hundred comments may
            hold nothing that comes near them, and a site's next one does.
    """
    own = {head: _category_threshold(held_out, head, limits) for head in _asked(limits)}
    approved = held_out.scores[held_out.verdicts == 0]
    rejected = held_out.scores[held_out.verdicts == 1]
    free = [head for head in CATEGORIES if head not in fixed and head not in own]
    weights = {head: 1.0 if head in taught else UNTAUGHT_SHARE * SHARES.get(head, 0) for head in free}
    weights |= {
        head: 0.0 for head in free if _parent(head) != head and _parent(head) in free
    }  # rejects with its parent

    def at(share: float) -> dict[str, float]:
        chosen = {
            head: max(
                tail_quantile(approved[:, CATEGORIES.index(head)], min(share * weights[head], MOST_SHARE)),
                0.0 if head in taught else least.get(head, 0.0),
            )
            for head in free
            if weights[head]
        }
        chosen = {**fixed, **chosen, **own}
        full = {head: chosen[head] if head in chosen else chosen.get(_parent(head), NEVER) for head in CATEGORIES}
        return {head: _round(limit, upwards=limits.min_recall is None) for head, limit in full.items()}

    def rejects(scores: Scores, share: float) -> float:
        chosen = at(share)
        heads = [index for index, head in enumerate(CATEGORIES) if head not in fixed]
        lines = np.array([chosen[CATEGORIES[index]] for index in heads], np.float32)  # as the moderator draws them
        return float((scores[:, heads] >= lines).any(axis=1).mean()) if len(scores) else 0.0

    def within(most: float) -> float:
        return _largest(lambda share: rejects(approved, share) <= most)

    if limits.min_recall is not None:
        wanted = limits.min_recall
        share = 1 - _largest(lambda rest: rejects(rejected, 1 - rest) >= wanted)
        target = rejects(approved, share)
    else:
        target = limits.max_false_reject or DEFAULT_FALSE_REJECT
        share = within(target)
    presets = {}
    for name in PRESETS:
        most = target * FALSE_REJECTION[name] / FALSE_REJECTION["default"]
        presets[name] = at(share if name == "default" else within(most))
    return presets


def tail_quantile(scores: Scores, share: float) -> float:
    """The score that ``share`` of the comments exceed, also where that is less than one of those that there are.

    The log-odds of the highest `TAIL` of the scores are taken to fall off exponentially (peaks over threshold, Pickands
    1975). The highest score that was seen would be too low a line: with a dozen heads, each of which rejects no comment
    of 250, one in 50 was rejected among others.
    """
    logits = -np.sort(-logit(np.clip(scores, _LEAST, 1 - _LEAST).astype(np.float64)))
    count = int(np.clip(scores.size * TAIL, min(LEAST_TAIL, scores.size - 1), scores.size - 1))
    if share * scores.size >= count:
        return quantile(scores, np.full(scores.size, 1 / scores.size), share)
    excess = float((logits[:count] - logits[count]).mean())
    limit = float(expit(logits[count] + excess * np.log(count / max(share * scores.size, _LEAST))))
    return min(max(limit, LEAST_THRESHOLD), 1 - _LEAST)


def _round(limit: float, *, upwards: bool) -> float:
    return (math.ceil if upwards else math.floor)(limit * _UNIT) / _UNIT


def _asked(limits: Limits) -> list[str]:
    return [*limits.category_false_reject, *limits.category_recall]


def _parent(head: str) -> str:
    return PARENT.get(Category(head), Category(head)).value


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest share in [0, 1] for which ``holds``, which does so up to some share and then no more."""
    if holds(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _category_threshold(held_out: HeldOut, head: str, limits: Limits) -> float:
    """The threshold of one category that was asked for by name."""
    column = CATEGORIES.index(head)
    wanted = 1 if head in limits.category_recall else 0
    scores = held_out.scores[held_out.labels[:, column] == wanted, column]
    if scores.size < LEAST_LABELLED:
        raise InputError(
            f"{head}: a threshold needs {LEAST_LABELLED} comments with {wanted} in its column to be chosen on, "
            f"and there are {scores.size}"
        )
    if wanted:
        place = int(np.floor(scores.size * (1 - limits.category_recall[head])))
        return float(np.sort(scores)[place]) * 0.9999  # the score itself rejects, after rounding too
    even = np.full(scores.size, 1 / scores.size)
    return quantile(scores, even, limits.category_false_reject[head])
