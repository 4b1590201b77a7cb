"""Weights that the rule book lends to its words which the corpora hardly know."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate.guidelines import CATEGORIES
from moderate.text import hash_words
from training.lending import LEAST_LENDERS, WELL_KNOWN, count_support, lend
from training.matrix import build_space

PROFANITY, TOXIC, SEXISM = (CATEGORIES.index(name) for name in ("profanity", "toxic", "sexism"))
KNOWN = ["shit", "fuck", "fucking", "bullshit", "asshole", "fucked", "shitty"]
RARE, UNSEEN = "shyte", "dogshit"


@pytest.fixture(scope="module")
def space(book):
    return build_space([f"what {word} is this" for word in KNOWN] * 3, book)


def rows_of(space, words):
    return space.vocabulary.table.look_up(hash_words(words))


@pytest.fixture
def lent(space, book):
    """Weights before and after: known words weigh 1 to 7 in profanity and nothing in other heads."""
    weights = np.zeros((space.hashes.size + space.grams.size, len(CATEGORIES)))
    weights[rows_of(space, KNOWN), PROFANITY] = np.arange(1, len(KNOWN) + 1)
    support = np.zeros((space.hashes.size, len(CATEGORIES)), np.int64)
    support[rows_of(space, KNOWN)] = WELL_KNOWN
    support[rows_of(space, [RARE])] = WELL_KNOWN // 2
    before = weights.copy()
    lend(weights, space, book, support)
    return before, weights


def test_a_word_that_no_comment_has_weighs_what_the_median_of_its_like_does(space, lent):
    _, weights = lent
    assert weights[rows_of(space, [UNSEEN]), PROFANITY] == pytest.approx(4)


def test_a_rare_word_is_lent_the_less_the_better_it_is_known(space, lent):
    _, weights = lent
    assert weights[rows_of(space, [RARE]), PROFANITY] == pytest.approx(4 * WELL_KNOWN / (1.5 * WELL_KNOWN))


def test_no_word_loses_weight(lent):
    before, weights = lent
    assert (weights >= before).all()


def test_other_words_and_other_heads_keep_their_weights(space, lent):
    before, weights = lent
    np.testing.assert_array_equal(weights[:, SEXISM], before[:, SEXISM])
    plain = rows_of(space, ["what", "this"])
    np.testing.assert_array_equal(weights[plain], before[plain])


def test_too_few_words_lend_nothing(space, book):
    weights = np.zeros((space.hashes.size + space.grams.size, len(CATEGORIES)))
    weights[rows_of(space, KNOWN), PROFANITY] = 5
    support = np.zeros((space.hashes.size, len(CATEGORIES)), np.int64)
    support[rows_of(space, KNOWN[: LEAST_LENDERS - 1])] = WELL_KNOWN
    before = weights.copy()
    lend(weights, space, book, support)
    np.testing.assert_array_equal(weights, before)


def test_comments_support_a_head_only_where_their_source_speaks_for_it(space):
    labels = np.full((3, len(CATEGORIES)), -1, np.int8)
    labels[:2, TOXIC] = 1, 0
    labels[2, PROFANITY] = 0
    counts = {name: np.full(space.hashes.size + 1, count) for name, count in (("a", 2), ("b", 5))}
    support = count_support(counts, labels, np.array(["a", "a", "b"], object), space)
    assert support.shape == (space.hashes.size, len(CATEGORIES))
    assert (support[:, TOXIC] == 2).all()
    assert (support[:, PROFANITY] == 5).all()
    assert not support[:, SEXISM].any()
