"""From weights to a packed model: what eight bits keep, and what a group's name may weigh."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate.features import LEVEL_COUNT, SIGNALS, combine
from moderate.guidelines import CATEGORIES
from moderate.text import hash_words, tokenize
from training.export import FORGIVEN, LINK_FORGIVEN, export_model
from training.matrix import build_matrix, build_space

SUBJECTS = ["women", "muslims", "refugees", "bridges", "museums", "harbours", "schools", "rivers"]
TEXTS = [
    f"{start} {subject} are {end}" for subject in SUBJECTS for start in ("all", "those") for end in ("fine", "vermin")
]
ABUSE, RACISM = CATEGORIES.index("abuse"), CATEGORIES.index("racism")
LINKS, PROMOTION = SIGNALS.index("links"), CATEGORIES.index("promotion")


@pytest.fixture(scope="module")
def packed(book):
    """A feature space, random weights of its columns with one that stands out, and the model made of them."""
    space = build_space(TEXTS * 3, book)
    matrix = build_matrix(TEXTS, space)
    weights = np.random.default_rng(1).normal(size=(matrix.shape[1], len(CATEGORIES)))
    weights[1] = 30.0
    weights[-len(SIGNALS) * LEVEL_COUNT :: LEVEL_COUNT] = 0  # level 0 has a column that no comment ever has
    frequencies = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return space, matrix, weights, export_model(space, weights, frequencies, {"name": "test"})


def logits(model, texts):
    return model.logits(model.vocabulary.extract(tokenize(texts)))


def test_scores_of_the_packed_model_are_those_of_the_weights(packed):
    _, matrix, weights, model = packed
    plain = [number for number, text in enumerate(TEXTS) if not {"women", "muslims", "refugees"} & set(text.split())]
    expected = (matrix @ weights)[plain]
    found = logits(model, [TEXTS[number] for number in plain])
    assert np.abs(found - expected).max() < 2 * model.scale.max() * np.sqrt(30)  # a few dozen rows, half a unit each
    assert np.corrcoef(found[:, RACISM], expected[:, RACISM])[0, 1] > 0.99


def test_the_largest_weight_is_not_clipped(packed):
    space, _, weights, model = packed
    rows = weights[: space.hashes.size] + space.word_grams @ weights[space.hashes.size :][: space.grams.size]
    np.testing.assert_allclose(model.scale[RACISM] * 127, np.abs(rows[1:, RACISM]).max())


@pytest.mark.parametrize("weight", [3.0, -3.0])
def test_what_any_link_adds_to_promotion_is_lowered_and_nothing_else_of_links(packed, weight):
    space, _, weights, _ = packed
    weights = weights.copy()
    levels = weights[-len(SIGNALS) * LEVEL_COUNT :].reshape(len(SIGNALS), LEVEL_COUNT, -1)
    levels[LINKS, 1, PROMOTION] = weight
    model = export_model(space, weights, np.ones(len(weights), np.int64), {"name": "test"})
    expected = levels.copy()
    expected[LINKS, 1:, PROMOTION] -= LINK_FORGIVEN * max(weight, 0)
    assert np.abs(model.signals * model.scale - expected).max() <= model.scale.max() / 2


def both_weights(packed, phrase):
    """What a word or a pair of words weighs before it is packed, and in the model; float64 (len(CATEGORIES),) each."""
    space, _, weights, model = packed
    hashes = hash_words(phrase.split())
    key = combine(hashes[:-1], hashes[1:], kind="bigram") if hashes.size > 1 else hashes
    number, row = (int(table.look_up(key)[0]) for table in (space.vocabulary.table, model.table))
    assert number > 0
    assert row > 0
    grams = space.word_grams[number] @ weights[space.hashes.size : space.hashes.size + space.grams.size]
    kept = (model.rows[row, : len(CATEGORIES)].astype(int) - 128) * model.scale
    return weights[number] + np.asarray(grams).ravel(), kept


NAMED = ["muslims", "women", "refugees", "all muslims", "those women", "muslims are", "women are", "refugees are"]


@pytest.mark.parametrize("phrase", NAMED)
def test_a_groups_name_alone_or_by_a_common_word_adds_less_to_what_is_forgiven_and_all_to_the_rest(packed, phrase):
    full, kept = both_weights(packed, phrase)
    shares = np.array([1 - FORGIVEN.get(category, 0.0) for category in CATEGORIES])
    expected = full * np.where(full > 0, shares, 1)
    assert (np.abs(kept - expected) <= packed[-1].scale).all()


@pytest.mark.parametrize("phrase", ["bridges", "all rivers", "schools are", "museums are"])
def test_what_names_no_group_keeps_its_weight(packed, phrase):
    full, kept = both_weights(packed, phrase)
    assert kept == pytest.approx(full, abs=packed[-1].scale.max())


def test_some_of_these_would_have_added_to_abuse(packed):
    assert sum(both_weights(packed, phrase)[0][ABUSE] > 0 for phrase in NAMED if " " in phrase) > 1
