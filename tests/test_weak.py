"""Weak labels: what is filled in where a source is silent, and what is left alone."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate.guidelines import CATEGORIES
from moderate.rules import NONE, STRONG
from training.corpora import UNKNOWN
from training.weak import CALM_WEIGHT, WEAK_WEIGHT, fill_blanks


def row(**labels):
    values = np.full(len(CATEGORIES), UNKNOWN, np.int8)
    for category, label in labels.items():
        values[CATEGORIES.index(category)] = label
    return values


def fill(*rows, severity=None, mentioned=()):
    """The filled rows, by category, and their weights."""
    labels = np.stack(rows)
    levels = np.full(labels.shape, NONE, np.int64)
    for category, level in (severity or {}).items():
        levels[:, CATEGORIES.index(category)] = level
    named = np.zeros(labels.shape, np.bool_)
    named[:, [CATEGORIES.index(category) for category in mentioned]] = True
    filled, weights = fill_blanks(labels, levels, named)
    return [
        {category: (int(label), float(weight)) for category, label, weight in zip(CATEGORIES, *pair, strict=True)}
        for pair in zip(filled, weights, strict=True)
    ]


def test_what_a_source_says_is_kept():
    (filled,) = fill(row(abuse=1, threat=0, toxic=0, sexism=1), severity={"threat": STRONG})
    assert [filled[name] for name in ("abuse", "threat", "toxic", "sexism")] == [(1, 1), (0, 1), (0, 1), (1, 1)]


def test_a_strong_rule_hit_is_weakly_a_threat_or_vulgar():
    (filled,) = fill(row(toxic=1), severity={"threat": STRONG, "vulgarity": STRONG, "profanity": STRONG})
    assert filled["threat"] == (1, pytest.approx(WEAK_WEIGHT))
    assert filled["vulgarity"] == (1, pytest.approx(WEAK_WEIGHT))
    assert filled["profanity"][0] == UNKNOWN


def test_what_is_not_toxic_is_weakly_no_abuse_and_no_attack():
    calm, harsh = fill(row(toxic=0), row(toxic=1))
    for category in ("abuse", "sexism", "other_abuse", "personal_attack"):
        assert calm[category] == (0, pytest.approx(CALM_WEIGHT))
        assert harsh[category][0] == UNKNOWN
    assert calm["profanity"][0] == UNKNOWN


def test_the_kind_of_abuse_is_that_of_the_group_it_names():
    (filled,) = fill(row(abuse=1), mentioned=["sexism"])
    assert filled["sexism"] == (1, pytest.approx(WEAK_WEIGHT))
    assert filled["racism"] == (0, pytest.approx(WEAK_WEIGHT))
    (silent,) = fill(row(abuse=1))
    assert silent["sexism"][0] == UNKNOWN
