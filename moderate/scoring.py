"""Scoring: from the log-odds that the heads say by themselves to the probability of each category.

General heads lean on particular ones, the logistic function makes probabilities, and no kind is surer than its parent.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .folding import Floats
from .guidelines import CATEGORIES, FAMILY, Category

# What a general head may lean on, as score columns: (particular, general). Each says what it says by itself.
PARTICULARS: Final = (
    *((child, parent) for child, parent in FAMILY if parent == CATEGORIES.index(Category.ABUSE)),
    *(
        (CATEGORIES.index(particular), CATEGORIES.index(Category.TOXIC))
        for particular in (Category.THREAT, Category.PERSONAL_ATTACK, Category.ABUSE)
    ),
)

# Knots of the logistic function, so that a probability does not depend on a platform's exp(): 1/256 apart, linear
# between, off by less than 1e-6; beyond 16 it is 0 or 1 to seven digits.
_REACH: Final = 16
_STEPS: Final = 256
LOGISTIC: Final = np.round(1 / (1 + np.exp(-np.arange(-_REACH * _STEPS, _REACH * _STEPS + 1) / _STEPS)), 9)


def lean(logits: Floats, leaning: Floats) -> None:
    """Let general heads lean, in place, on the surest of their `PARTICULARS`.

    A head on all kinds of abuse at once is one line through all of them; the surest of several lines bounds more than a
    line can (Jacobs et al. 1991, "Adaptive mixtures of local experts", with the hardest of gates).

    Args:
        logits: log-odds; float64 (n, len(CATEGORIES)).
        leaning: share of the surest; float64 (len(CATEGORIES),).
    """
    general = leaning.nonzero()[0]
    surest, own = find_surest(logits)[:, general], logits[:, general]
    logits[:, general] = own + leaning[general] * (surest - own)


def find_surest(logits: Floats) -> Floats:
    """The largest of the log-odds of each head's `PARTICULARS`, -inf where it has none; float64, same shape."""
    surest = np.full(logits.shape, -np.inf)
    for particular, general in PARTICULARS:
        np.maximum(surest[:, general], logits[:, particular], out=surest[:, general])
    return surest


def probabilities(logits: Floats) -> npt.NDArray[np.float32]:
    """The logistic function by table; float32, same shape."""
    place = ((logits + _REACH) * _STEPS).clip(0, LOGISTIC.size - 1)
    below = place.astype(np.int64)
    low = LOGISTIC.take(below)
    return (low + (LOGISTIC.take(below + 1, mode="clip") - low) * (place - below)).astype(np.float32)


def cap_children(scores: npt.NDArray[np.float32]) -> None:
    """Lower, in place, every child category's score to its parent's; float32 (n, len(CATEGORIES)).

    Raising the parent instead was worse: 0.963 -> 0.871 AUC for promotion, 0.885 -> 0.870 for abuse on hatexplain.
    """
    for child, parent in FAMILY:
        np.minimum(scores[:, child], scores[:, parent], out=scores[:, child])
