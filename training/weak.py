"""Weak labels: what the rule book says of comments whose source does not say.

Some heads have few labelled comments or none: vulgarity 149 positives, threats a few thousand at a low rate, and no
source tells commercial from personal promotion. There the rule book fills blanks, at a lower weight
(`WEAK_WEIGHT`), never where a source speaks, and never from evaluation files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.features import Vocabulary
from moderate.guidelines import CATEGORIES, Category
from moderate.rules import MILD, NONE, STRONG, RuleBook
from moderate.text import tokenize

from .corpora import UNKNOWN, Labels
from .matrix import chunks

WEAK_WEIGHT: Final = 0.3  # a rule hit is right more often than not, but knows no context
SILENT_WEIGHT: Final = 0.05  # for promotion: comments of sources that do not say are practically all clean

_RULED: Final = (Category.PROFANITY, Category.VULGARITY, Category.THREAT)
_PROMOTION: Final = CATEGORIES.index(Category.PROMOTION)
_KINDS: Final = (Category.COMMERCIAL_PROMOTION, Category.PERSONAL_PROMOTION)


def severities(texts: Sequence[str], rules: RuleBook, vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """Severity of rule hits in each comment and category; int64 (n, len(CATEGORIES))."""
    parts = []
    for chunk in chunks(texts, label="rules"):
        features = vocabulary.extract(tokenize(chunk))
        parts.append(rules.severities(rules.find(features.words), features.first))
    return np.concatenate(parts)


def fill_blanks(labels: Labels, severity: npt.NDArray[np.int64]) -> tuple[Labels, npt.NDArray[np.float32]]:
    """Labels with blanks filled, and the weight of each; int8 and float32, (n, len(CATEGORIES))."""
    filled = labels.copy()
    weights = np.ones(labels.shape, np.float32)
    for category in _RULED:
        column = CATEGORIES.index(category)
        blank = labels[:, column] == UNKNOWN
        filled[blank & (severity[:, column] >= STRONG), column] = 1
        filled[blank & (severity[:, column] == NONE), column] = 0
        weights[blank, column] = WEAK_WEIGHT
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
        clean = silent & (severity[:, column] == NONE)
        filled[clean, column] = 0
        weights[clean, column] = SILENT_WEIGHT
    return filled, weights
