"""From log-odds to probabilities: general heads lean, the logistic function, kinds below their parents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from moderate.guidelines import CATEGORIES, PARENT
from moderate.scoring import cap_children, lean, probabilities

# --- general heads ---------------------------------------------------------------------------------------------------


def leaned(logits, leaning):
    """What becomes of the log-odds of categories, -9 if not given, with ``leaning``."""
    values = np.full((1, len(CATEGORIES)), -9.0)
    shares = np.zeros(len(CATEGORIES))
    for category, value in logits.items():
        values[0, CATEGORIES.index(category)] = value
    for category, share in leaning.items():
        shares[CATEGORIES.index(category)] = share
    lean(values, shares)
    return {category: value for category, value in zip(CATEGORIES, values[0].tolist(), strict=True) if value != -9}


@pytest.mark.parametrize(
    ("logits", "leaning", "expected"),
    [
        ({"abuse": -2.0, "racism": 2.0, "sexism": 1.0}, {}, {"abuse": -2.0}),
        ({"abuse": -2.0, "racism": 2.0, "sexism": 1.0}, {"abuse": 0.25}, {"abuse": -1.0}),
        ({"abuse": 2.0, "racism": -2.0, "sexism": -6.0}, {"abuse": 0.25}, {"abuse": 1.0}),
        ({"toxic": 0.0, "threat": 4.0, "profanity": 8.0}, {"toxic": 0.5}, {"toxic": 2.0}),
        ({"toxic": 0.0, "abuse": -2.0, "racism": 6.0}, {"toxic": 0.5, "abuse": 0.5}, {"toxic": -1.0, "abuse": 2.0}),
    ],
    ids=["not at all", "up", "down", "on no swearing", "on what abuse says by itself"],
)
def test_a_general_head_leans_on_the_surest_of_its_particular_ones(logits, leaning, expected):
    assert leaned(logits, leaning) == {**logits, **expected}


# --- probabilities ---------------------------------------------------------------------------------------------------


def test_probabilities_are_the_logistic_function():
    logits = np.linspace(-20, 20, 100_001)
    assert np.abs(probabilities(logits) - 1 / (1 + np.exp(-logits))).max() < 1e-6


def test_probabilities_never_fall_where_logits_rise():
    logits = np.linspace(-18, 18, 1_000_001)
    assert (np.diff(probabilities(logits).astype(np.float64)) >= 0).all()


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(-1e20, 1e20)))
def test_probabilities_lie_between_0_and_1(logits):
    found = probabilities(logits)
    assert found.dtype == np.float32
    assert found.shape == logits.shape
    assert ((found >= 0) & (found <= 1)).all()


# --- kinds -----------------------------------------------------------------------------------------------------------


@given(arrays.arrays(np.float32, (3, len(CATEGORIES)), elements=st.floats(0, 1, width=32)))
def test_no_kind_is_surer_than_its_parent_and_nothing_else_changes(scores):
    capped = scores.copy()
    cap_children(capped)
    for column, category in enumerate(CATEGORIES):
        expected = scores[:, column]
        if category in PARENT:
            expected = np.minimum(expected, scores[:, CATEGORIES.index(PARENT[category])])
        assert capped[:, column].tolist() == expected.tolist()
