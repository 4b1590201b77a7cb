"""Weak labels: what the rule book, or another label, says of comments whose source does not say.

Some heads have few labelled comments or none: vulgarity 149 positives, threats a few thousand at a low rate, and no
source tells commercial from personal promotion; most abusive comments do not say of which kind. There the rule book
fills blanks, at a lower weight (`WEAK_WEIGHT`), never where a source speaks, and never from evaluation files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.features import Vocabulary
from moderate.guidelines import CATEGORIES, Category
from moderate.rules import MILD, NONE, STRONG, RuleBook
from moderate.text import hash_words, tokenize

from .corpora import UNKNOWN, Labels
from .matrix import chunks

WEAK_WEIGHT: Final = 0.3  # a rule hit is right more often than not, but knows no context
SILENT_WEIGHT: Final = 0.2  # for promotion: comments of sources that do not say are practically all clean
CALM_WEIGHT: Final = 0.5  # what a source calls not toxic at all is neither abuse nor a threat nor an attack
THINNED: Final = 4  # of the many comments that are weakly clean, one in so many is used, at so many times the weight

_RULED: Final = (Category.VULGARITY, Category.THREAT)  # for profanity it cost 0.011 AUC on Wikipedia comments
_TOXIC: Final = CATEGORIES.index(Category.TOXIC)
_HARSH: Final = (Category.THREAT, Category.PERSONAL_ATTACK, Category.ABUSE)  # and the kinds of abuse
_PROMOTION: Final = CATEGORIES.index(Category.PROMOTION)
_KINDS: Final = (Category.COMMERCIAL_PROMOTION, Category.PERSONAL_PROMOTION)


# Word sets of the rule book that name groups, by the kind of abuse that their mention makes of an abusive comment.
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    Category.SEXISM: ("group_women",),
    Category.HOMOPHOBIA: ("group_lgbt", "group_trans"),
    Category.RACISM: (
        "group_black", "group_white", "group_asian", "group_latino", "group_arab", "group_middle_east", "group_roma",
    ),
    Category.XENOPHOBIA: ("group_immigrant", "group_nationality"),
    Category.OTHER_ABUSE: (
        "group_jewish", "group_muslim", "group_christian", "group_religion_other", "group_disabled", "group_age_weight",
    ),
}  # fmt: skip
_ABUSE: Final = CATEGORIES.index(Category.ABUSE)


def mentions(texts: Sequence[str], sets: Mapping[str, Sequence[str]], vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Whether each comment names a group of each kind of abuse; bool (n, len(CATEGORIES)).

    ``sets`` are the word sets of the rule book.
    """
    kinds = np.zeros((vocabulary.classes.size, len(CATEGORIES)), np.bool_)
    for category, names in _GROUPS.items():
        words = [word for name in names for word in sets.get(name, ())]
        if words:
            kinds[vocabulary.table.look_up(hash_words(words)), CATEGORIES.index(category)] = True
    kinds[0] = False
    parts = []
    for chunk in chunks(texts, label="groups"):
        features = vocabulary.extract(tokenize(chunk))
        named = kinds.take(features.rows[:, 0], axis=0)
        parts.append(np.logical_or.reduceat(named, features.first[:-1], axis=0))
    return np.concatenate(parts)


def severities(texts: Sequence[str], rules: RuleBook, vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """Severity of rule hits in each comment and category; int64 (n, len(CATEGORIES))."""
    parts = []
    for chunk in chunks(texts, label="rules"):
        features = vocabulary.extract(tokenize(chunk))
        parts.append(rules.severities(rules.find(features.words), features.first))
    return np.concatenate(parts)


def fill_blanks(
    labels: Labels, severity: npt.NDArray[np.int64], mentioned: npt.NDArray[np.bool_]
) -> tuple[Labels, npt.NDArray[np.float32]]:
    """Labels with blanks filled, and the weight of each; int8 and float32, (n, len(CATEGORIES))."""
    filled = labels.copy()
    weights = np.ones(labels.shape, np.float32)
    for category in _RULED:
        column = CATEGORIES.index(category)
        blank = labels[:, column] == UNKNOWN
        filled[blank & (severity[:, column] >= STRONG), column] = 1
        weights[blank, column] = WEAK_WEIGHT
        _add_clean(blank & (severity[:, column] == NONE), filled[:, column], weights[:, column], WEAK_WEIGHT)
    kinds = [CATEGORIES.index(category) for category in _GROUPS]
    meant = mentioned | (severity >= STRONG)
    telling = (labels[:, _ABUSE] == 1) & meant[:, kinds].any(axis=1)
    for column in kinds:
        blank = telling & (labels[:, column] == UNKNOWN)
        filled[blank, column] = meant[blank, column]
        weights[blank, column] = WEAK_WEIGHT
    for name in (*_HARSH, *_GROUPS):
        column = CATEGORIES.index(name)
        calm = (labels[:, column] == UNKNOWN) & (labels[:, _TOXIC] == 0)
        filled[calm, column] = 0
        weights[calm, column] = CALM_WEIGHT
    promotion = labels[:, _PROMOTION]
    for category in _KINDS:
        column = CATEGORIES.index(category)
        other = CATEGORIES.index(_KINDS[1 - _KINDS.index(category)])
        promoted = promotion == 1
        filled[promoted & (severity[:, column] >= MILD), column] = 1
        filled[promoted & (severity[:, column] == NONE) & (severity[:, other] >= MILD), column] = 0
        filled[promotion == 0, column] = 0
    silent = promotion == UNKNOWN
    for category in (Category.PROMOTION, *_KINDS):
        column = CATEGORIES.index(category)
        _add_clean(silent & (severity[:, column] == NONE), filled[:, column], weights[:, column], SILENT_WEIGHT)
    return filled, weights


def _add_clean(
    clean: npt.NDArray[np.bool_], labels: npt.NDArray[np.int8], weights: npt.NDArray[np.float32], weight: float
) -> None:
    """Label one in `THINNED` of the ``clean`` rows 0, in place."""
    rows = np.flatnonzero(clean)[::THINNED]
    labels[rows] = 0
    weights[rows] = weight * THINNED
