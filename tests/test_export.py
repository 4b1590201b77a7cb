"""From weights to a packed model: what eight bits keep, and what a group's name may weigh."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate.features import LEVEL_COUNT, SIGNALS
from moderate.guidelines import CATEGORIES
from moderate.text import hash_words, tokenize
from training.export import FORGIVEN, export_model
from training.matrix import build_matrix, build_space

SUBJECTS = ["women", "muslims", "refugees", "bridges", "museums", "harbours", "schools", "rivers"]
TEXTS = [
    f"{start} {subject} are {end}" for subject in SUBJECTS for start in ("all", "those") for end in ("fine", "vermin")
]
ABUSE, RACISM = CATEGORIES.index("abuse"), CATEGORIES.index("racism")


@pytest.fixture(scope="module")
def packed(book):
    """A feature space, random weights of its columns with one that stands out, and the model made of them."""
    space = build_space(TEXTS * 3, book)
    matrix = build_matrix(TEXTS, space)
    weights = np.random.default_rng(0).normal(size=(matrix.shape[1], len(CATEGORIES)))
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


def test_a_groups_name_adds_little_to_abuse_and_all_to_its_kind(packed):
    space, _, weights, model = packed
    word = int(space.vocabulary.table.look_up(hash_words(["muslims"]))[0])
    row = int(model.table.look_up(hash_words(["muslims"]))[0])
    grams = space.word_grams[word] @ weights[space.hashes.size : space.hashes.size + space.grams.size]
    full = weights[word] + np.asarray(grams).ravel()
    kept = (model.rows[row, : len(CATEGORIES)].astype(int) - 128) * model.scale
    expected = full[ABUSE] * (1 - FORGIVEN["abuse"]) if full[ABUSE] > 0 else full[ABUSE]
    assert kept[ABUSE] == pytest.approx(expected, abs=model.scale[ABUSE])
    assert kept[RACISM] == pytest.approx(full[RACISM], abs=model.scale[RACISM])
