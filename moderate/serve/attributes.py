"""Perspective's attributes in terms of our categories. README has the table for people; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ..decision import Decision
from ..guidelines import CATEGORIES, Category

# The highest of these categories is the attribute's score.
_HIGHEST_OF: Final[Mapping[str, tuple[Category, ...]]] = {
    "TOXICITY": (Category.TOXIC,),
    "IDENTITY_ATTACK": (Category.ABUSE,),
    "INSULT": (Category.PERSONAL_ATTACK,),
    "PROFANITY": (Category.PROFANITY,),
    "THREAT": (Category.THREAT,),
    "SEXUALLY_EXPLICIT": (Category.VULGARITY,),
    "OBSCENE": (Category.PROFANITY, Category.VULGARITY),
    "SPAM": (Category.PROMOTION,),
    "ATTACK_ON_COMMENTER": (Category.PERSONAL_ATTACK,),
    "ATTACK_ON_AUTHOR": (Category.PERSONAL_ATTACK,),
}
SEVERE: Final = "SEVERE_TOXICITY"
REJECT: Final = "LIKELY_TO_REJECT"
EXPERIMENTAL: Final = "_EXPERIMENTAL"

# No attributes, but what Coral's own Perspective integration suggests when a moderator has decided; and our verdicts.
STATUSES: Final[Mapping[str, str]] = MappingProxyType({"APPROVED": "approve", "DELETED": "reject"})


def _names() -> Iterator[tuple[str, tuple[Category, ...]]]:
    for name, categories in {**_HIGHEST_OF, SEVERE: (), REJECT: ()}.items():
        yield name, categories
        yield name + EXPERIMENTAL, categories
    for name, category in zip(CATEGORIES, Category, strict=True):
        yield name, (category,)
        yield name.upper(), (category,)  # a much used client turns names into capitals


# Every attribute that can be asked for, and the categories behind it; () for the two that are computed otherwise.
ATTRIBUTES: Final[Mapping[str, tuple[Category, ...]]] = MappingProxyType(dict(_names()))


def score_attribute(name: str, decision: Decision) -> float:
    """The score of an attribute of `ATTRIBUTES`, in [0, 1]."""
    scores = decision.scores
    if categories := ATTRIBUTES[name]:
        return max(scores[category] for category in categories)
    if name.removesuffix(EXPERIMENTAL) == REJECT:
        return decision.score
    # Severe is what is rude and, besides, a threat or abuse of a group: swearing alone does not make it so.
    return min(scores[Category.TOXIC], max(scores[Category.THREAT], scores[Category.ABUSE]))


def read_labels(name: str, *, holds: bool) -> dict[str, int]:
    """What it says of our categories that an attribute holds of a comment, or does not; 1 or 0."""
    categories = ATTRIBUTES[name]
    if not holds:
        return {category.value: 0 for category in categories}
    if name.removesuffix(EXPERIMENTAL) == SEVERE:
        return {Category.TOXIC.value: 1}
    return {categories[0].value: 1} if len(categories) == 1 else {}
