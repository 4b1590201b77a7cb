"""Heads as sums of learners: what takes part in a head, and how much."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from scipy import sparse

from moderate.guidelines import CATEGORIES
from training.mixture import DOMAINS, RECIPE, Learner, mix, needed_learners

COLUMNS = 4
MATRIX = sparse.csr_matrix(np.random.default_rng(0).normal(size=(300, COLUMNS)))


def learner(name, column, size=1.0):
    weights = np.zeros(COLUMNS, np.float32)
    weights[column] = size
    return Learner(name, weights)


def head(weights, category):
    return weights[:, CATEGORIES.index(category)]


def test_every_name_of_the_recipe_is_a_category_and_perhaps_a_domain():
    for category, shares in RECIPE.items():
        assert category in CATEGORIES
        for name, share in shares.items():
            lender, _, domain = name.partition("/")
            assert lender in CATEGORIES
            assert not domain or domain in DOMAINS
            assert name != category
            assert share > 0
    assert set(CATEGORIES) <= set(needed_learners())


def test_a_head_is_its_learner_and_the_shares_of_the_recipe():
    lenders = list(RECIPE["toxic"])
    weights, shares = mix(
        [learner("toxic", 0), *(learner(name, place) for place, name in enumerate(lenders, 1))], MATRIX
    )
    assert shares["toxic"] == {"toxic": 1.0, **RECIPE["toxic"]}
    spread = MATRIX.toarray().std(axis=0)
    expected = np.array([1.0, *RECIPE["toxic"].values()]) / spread[: len(lenders) + 1]
    np.testing.assert_allclose(head(weights, "toxic")[: len(lenders) + 1], expected, rtol=1e-6)


def test_the_size_of_a_learners_weights_does_not_matter():
    small, large = (mix([learner("toxic", 0), learner("abuse", 1, size)], MATRIX)[0] for size in (0.01, 100))
    np.testing.assert_allclose(small, large, rtol=1e-5)


def test_a_learner_that_could_not_be_fitted_takes_no_part():
    weights, shares = mix([learner("toxic", 0)], MATRIX)
    assert shares["toxic"] == {"toxic": 1.0}
    assert not head(weights, "toxic")[1:].any()


def test_a_head_without_a_learner_of_its_own_is_zero():
    weights, shares = mix([learner("toxic", 0)], MATRIX)
    assert shares["profanity"] == {}
    assert not head(weights, "profanity").any()


def test_a_learner_that_never_scores_is_no_division_by_zero():
    weights, _ = mix([learner("toxic", 0, 0.0)], MATRIX)
    assert np.isfinite(weights).all()
