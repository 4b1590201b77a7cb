"""Heads as sums of learners: what takes part in a head, and how much."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from scipy import sparse

from moderate.guidelines import CATEGORIES
from training.augment import SOURCE
from training.mixture import DOMAINS, LOCAL, RECIPE, Learner, domain_sources, mix, needed_learners

COLUMNS = 4
MATRIX = sparse.csr_matrix(np.random.default_rng(0).normal(size=(300, COLUMNS)))
SPREAD = MATRIX.toarray().std(axis=0)
NO_COUNTS = {}


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
            assert not domain or domain == LOCAL or domain_sources(domain)
            assert name != category
            assert share > 0


def test_a_local_learner_needs_one_of_every_domain_and_every_other_source():
    needed = needed_learners(["forum", "letters", *DOMAINS["conversation"], SOURCE])
    assert set(CATEGORIES) <= set(needed)
    assert {"abuse/forum", "abuse/letters", "abuse/conversation"} <= set(needed)
    assert not {name for name in needed if name.endswith((f"/{LOCAL}", *DOMAINS["conversation"]))}
    named = {name for shares in RECIPE.values() for name in shares}
    assert {name for name in needed if name.endswith(f"/{SOURCE}")} <= named  # templates are no domain
    assert len(set(needed)) == len(needed)


def test_a_head_is_its_learner_and_the_shares_of_the_recipe():
    lenders = list(RECIPE["personal_attack"])
    weights, shares = mix(
        [learner("personal_attack", 0), *(learner(name, place) for place, name in enumerate(lenders, 1))],
        MATRIX,
        NO_COUNTS,
    )
    assert shares["personal_attack"] == {"personal_attack": 1.0, **RECIPE["personal_attack"]}
    expected = np.array([1.0, *RECIPE["personal_attack"].values()]) / SPREAD[: len(lenders) + 1]
    np.testing.assert_allclose(head(weights, "personal_attack")[: len(lenders) + 1], expected, rtol=1e-6)


def test_a_local_learner_weighs_each_domain_by_how_often_it_has_the_feature():
    both = [learner("toxic", 3), Learner("toxic/forum", np.ones(COLUMNS, np.float32)), learner("toxic/letters", 3)]
    counts = {"forum": np.array([10, 5, 0, 0]), "letters": np.array([0, 15, 0, 7])}
    weights, shares = mix(both, MATRIX, counts)
    assert shares["toxic"] == {"toxic": 1.0, "toxic/local": RECIPE["toxic"]["toxic/local"]}
    mixed = head(weights, "toxic")
    assert mixed[0] > 0  # only the forum has it
    assert mixed[1] == pytest.approx(mixed[0] / 4)  # the letters, where it has no weight, have it three times as often
    assert mixed[2] == 0  # nobody has it


def test_a_domain_counts_what_all_its_sources_have():
    first, second = DOMAINS["conversation"][:2]
    both = [learner("toxic", 3), learner("toxic/conversation", 0), learner("toxic/forum", 1)]
    halves = {first: np.array([4, 0, 0, 0]), second: np.array([4, 0, 0, 0]), "forum": np.array([8, 8, 0, 0])}
    whole = {first: np.array([8, 0, 0, 0]), "forum": np.array([8, 8, 0, 0])}
    np.testing.assert_allclose(mix(both, MATRIX, halves)[0], mix(both, MATRIX, whole)[0])


def test_one_domain_alone_is_no_local_learner():
    _, shares = mix([learner("toxic", 0), learner("toxic/forum", 1)], MATRIX, {"forum": np.ones(COLUMNS, int)})
    assert shares["toxic"] == {"toxic": 1.0}


def test_the_size_of_a_learners_weights_does_not_matter():
    small, large = (mix([learner("toxic", 0), learner("abuse", 1, size)], MATRIX, NO_COUNTS)[0] for size in (0.01, 100))
    np.testing.assert_allclose(small, large, rtol=1e-5)


def test_a_learner_that_could_not_be_fitted_takes_no_part():
    weights, shares = mix([learner("toxic", 0)], MATRIX, NO_COUNTS)
    assert shares["toxic"] == {"toxic": 1.0}
    assert not head(weights, "toxic")[1:].any()


def test_a_head_without_a_learner_of_its_own_is_zero():
    weights, shares = mix([learner("toxic", 0)], MATRIX, NO_COUNTS)
    assert shares["profanity"] == {}
    assert not head(weights, "profanity").any()


def test_a_learner_that_never_scores_is_no_division_by_zero():
    weights, _ = mix([learner("toxic", 0, 0.0)], MATRIX, NO_COUNTS)
    assert np.isfinite(weights).all()
