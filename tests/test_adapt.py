"""A model as a prior: read as a matrix, with rows added, with its heads moved; and what that leaves as it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from tiny import batches

from moderate import CATEGORIES, Moderator
from moderate.model import LinearModel
from moderate.text import hash_words
from training.adapt import HEADS, Prior, add_rows, read_comments
from training.regression import Line
from training.words import weigh_words

TOXIC, THREAT, ABUSE = map(CATEGORIES.index, ("toxic", "threat", "abuse"))
LONG = "You are a liar and an idiot. " + "The council meets on Monday to talk about the bridge over the river. " * 3
TEXTS = ["The zonkel snorfled past the bridge.", "A zonkel, a zonkel and its snorfled bridge!", "You stupid idiot",
         "thank you for the article", "www.example.com cheap watches", "zonkel bridge zonkel bridge", "",
         LONG]  # fmt: skip


def read_whole(moderator, texts):
    """`read_comments`, without what passages add."""
    return read_comments(replace(moderator.model, passage_shares=np.zeros(HEADS)), moderator.rules, texts)


def weights_of(model):
    """The float weights of every column that `read_comments` has; float64 (F, heads)."""
    rows = model.rows[:, :HEADS].astype(np.float64) - 128
    return np.concatenate([rows, model.signals.reshape(-1, HEADS)]) * (model.scale * model.slopes)


@given(texts=batches)
@settings(max_examples=25)
def test_a_reading_times_the_weights_is_what_the_model_says_of_the_whole(moderator, texts):
    reading = read_whole(moderator, texts)
    logits = reading.matrix @ weights_of(moderator.model) + moderator.model.intercepts
    units = moderator.model.scale * moderator.model.slopes  # n-grams of an unknown word are rounded to whole ones
    words = sum(len(text) + 1 for text in texts)
    assert (np.abs(logits - reading.logits) <= units * np.sqrt(words)).all()


def test_a_reading_of_known_words_is_exact(moderator):
    known = ["You are a complete idiot.", "thank you for the article", "I will KILL you!!", "a bridge over the river"]
    reading = read_whole(moderator, known)
    logits = reading.matrix @ weights_of(moderator.model) + moderator.model.intercepts
    np.testing.assert_allclose(logits, reading.logits, atol=1e-9)


def test_a_reading_has_the_evidence_of_the_rule_book_apart(moderator):
    reading = read_comments(moderator.model, moderator.rules, ["I will kill you", "a fine day"])
    assert reading.evidence[0].max() > 0
    assert not reading.evidence[1].any()


@given(texts=batches)
@settings(max_examples=12)
def test_added_rows_leave_the_scores_as_they_are(moderator, texts):
    extended = Moderator(model=add_rows(moderator.model, texts * 3), rules=moderator.rules)
    before, after = moderator.scores(texts), extended.scores(texts)
    by_rules = np.array([decision.source == "rules" for decision in moderator.classify_many(texts)])
    np.testing.assert_allclose(after[~by_rules], before[~by_rules], atol=0.05)


def test_a_word_that_is_not_rare_gets_a_row_worth_its_n_grams(moderator):
    model = moderator.model
    extended = add_rows(model, TEXTS)
    word = hash_words(["zonkel"])
    assert model.table.look_up(word) == 0
    assert extended.table.look_up(word) > 0
    units = model.scale * model.slopes / np.sqrt(22)
    np.testing.assert_allclose(
        weigh_words(extended, ["zonkel"]) / units, weigh_words(model, ["zonkel"]) / units, atol=0.51
    )
    assert len(extended.rows) > len(model.rows)


def test_rows_that_there_were_keep_their_bytes(moderator):
    model, extended = moderator.model, add_rows(moderator.model, TEXTS)
    words = hash_words(["idiot", "article", "you", "bridge", "kill"])
    assert (model.rows[model.table.look_up(words)] == extended.rows[extended.table.look_up(words)]).all()


@pytest.fixture(scope="module")
def prior(moderator):
    return Prior(moderator.model, moderator.rules, TEXTS)


def still(prior):
    """A line that moves nothing."""
    return Line(np.zeros(HEADS + prior.matrix.shape[1]), 0.0)


def test_a_line_that_moves_nothing_leaves_what_a_head_says_by_itself(moderator, prior):
    before, after = (
        Moderator(model=replace(model, leaning=np.zeros(HEADS)), rules=moderator.rules).scores(TEXTS)
        for model in (moderator.model, prior.assemble({TOXIC: still(prior)}, {}))
    )
    np.testing.assert_allclose(after, before, atol=0.02)


def test_a_model_of_which_nothing_moved_leans_as_before(moderator, prior):
    unmoved = prior.assemble({}, {})
    assert unmoved.leaning.tolist() == moderator.model.leaning.tolist()
    found = Moderator(model=unmoved, rules=moderator.rules).scores(TEXTS)
    np.testing.assert_allclose(found, moderator.scores(TEXTS), atol=0.01)


def test_a_head_that_learned_or_was_calibrated_leans_on_no_other(moderator, prior):
    assert prior.assemble({TOXIC: still(prior)}, {}).leaning[TOXIC] == 0
    assert prior.assemble({}, {TOXIC: (1.0, 0.0)}).leaning[TOXIC] == 0
    assert prior.assemble({TOXIC: still(prior)}, {}).leaning[ABUSE] == moderator.model.leaning[ABUSE] > 0


def test_a_head_does_not_follow_one_that_it_leaned_on(moderator, prior):
    moved = prior.assemble({}, {THREAT: (1.0, 6.0)})
    assert moved.leaning[TOXIC] == 0
    before, after = (Moderator(model=one, rules=moderator.rules).scores(TEXTS) for one in (moderator.model, moved))
    assert (after[:, THREAT] > before[:, THREAT] + 0.1).any()
    assert np.abs(after[:, TOXIC] - before[:, TOXIC]).mean() < 0.05


def test_a_line_is_what_the_new_head_says(moderator, prior):
    chance = np.random.default_rng(0)
    line = Line(chance.normal(size=HEADS + prior.matrix.shape[1]), -0.7)
    model = prior.assemble({TOXIC: line}, {TOXIC: (0.8, 0.25)})
    design = np.hstack([prior.shared, prior.matrix.toarray()])
    expected = 0.8 * (prior.logits[:, TOXIC] + line(design)) + 0.25
    found = read_comments(model, moderator.rules, TEXTS).logits
    assert np.abs(found[:, TOXIC] - expected).max() < 40 * model.scale[TOXIC]  # a few dozen rows, half a unit each
    assert found[:, THREAT] == pytest.approx(prior.logits[:, THREAT], abs=1e-9)


def test_calibration_alone_moves_a_head_without_a_line(moderator, prior):
    model = prior.assemble({}, {THREAT: (0.5, 1.0)})
    found = read_comments(model, moderator.rules, TEXTS).logits
    np.testing.assert_allclose(found[:, THREAT], 0.5 * prior.logits[:, THREAT] + 1.0, atol=1e-9)


def test_an_assembled_model_is_saved_and_loaded(prior, tmp_path):
    model = prior.assemble({TOXIC: still(prior)}, {})
    model.save(tmp_path)
    assert (LinearModel.load(tmp_path).rows == model.rows).all()


def test_a_model_that_was_extended_is_extended_again(moderator):
    once = add_rows(moderator.model, TEXTS)
    assert len(add_rows(once, TEXTS).rows) == len(once.rows)
