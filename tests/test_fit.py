"""Learners: what they are fitted on, and what a source's own rate or a frequent word may not do to them."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate.features import LEVEL_COUNT, SIGNALS
from moderate.guidelines import CATEGORIES
from moderate.text import hash_words
from training.corpora import UNKNOWN
from training.fit import LEAST_CLASS, fit_learners
from training.matrix import build_matrix, build_space

TOXIC, THREAT, PROMOTION = (CATEGORIES.index(name) for name in ("toxic", "threat", "promotion"))
SUBJECTS = ["bridge", "museum", "harbour", "library", "market", "school", "river", "garden"]


def fit_rows(book, rows, heads):
    """The learners that ``rows`` give, of text, source and the label of all ``heads``; and their space and width."""
    texts, sources, broken = zip(*rows, strict=True)
    space = build_space(texts, book)
    labels = np.full((len(rows), len(CATEGORIES)), UNKNOWN, np.int8)
    labels[:, heads] = np.array(broken)[:, None]
    matrix, weights = build_matrix(texts, space), np.ones(labels.shape, np.float32)
    vectors = np.zeros((space.hashes.size, 3), np.float32)
    learners = fit_learners(matrix, labels, weights, np.array(sources, object), space, vectors, jobs=1)
    return learners, space, matrix.shape[1]


@pytest.fixture(scope="module")
def fitted(book):
    """Weights of words in the pooled learner, after fitting on three small sources.

    "forum" and "letters" call "zonkel" toxic; "forum" is rude much more often, and always says "indeed". "notices" is
    all clean and always says "hereby".
    """
    rows = []
    for number in range(400):
        subject = SUBJECTS[number % len(SUBJECTS)]
        rude = number % 5 != 0
        rows.append((f"indeed the {subject} {'zonkel' if rude else 'friend'} number {number % 7}", "forum", int(rude)))
        rude = number % 5 == 0
        rows.append((f"well the {subject} {'zonkel' if rude else 'friend'} number {number % 7}", "letters", int(rude)))
        rows.append((f"hereby the {subject} is announced number {number % 7}", "notices", 0))
    learners, space, width = fit_rows(book, rows, [TOXIC])

    def weight(word, name="toxic"):
        (learner,) = [learner for learner in learners if learner.name == name]
        place = int(space.vocabulary.table.look_up(hash_words([word]))[0])
        assert place > 0
        own = learner.weights[place]
        grams = learner.weights[space.hashes.size : space.hashes.size + space.grams.size]
        return float(own + (space.word_grams[place] @ grams)[0])

    return learners, weight, width


def test_a_learner_has_a_weight_for_every_column_of_the_matrix_and_none_for_sources_and_vectors(fitted):
    learners, _, width = fitted
    # no other head has labels, "notices" are of one class, and the domain of conversation has no source here
    assert {learner.name for learner in learners} == {"toxic", "toxic/forum", "toxic/letters"}
    assert all(learner.weights.shape == (width,) for learner in learners)
    assert all(np.isfinite(learner.weights).all() for learner in learners)


def test_what_breaks_the_guidelines_has_weight_whatever_the_rate_of_its_source(fitted):
    _, weight, _ = fitted
    assert weight("zonkel") > 1
    assert weight("friend") < 0


def test_the_habit_of_a_rude_source_is_no_insult(fitted):
    _, weight, _ = fitted
    assert weight("indeed") < 0.25 * weight("zonkel")


def test_the_habit_of_a_source_that_is_all_clean_is_a_good_sign(fitted):
    _, weight, _ = fitted
    assert weight("hereby") < 0


def test_signals_of_promotion_have_no_weight_in_another_head(fitted):
    learners, _, width = fitted
    begin = width - len(SIGNALS) * LEVEL_COUNT + SIGNALS.index("links") * LEVEL_COUNT
    assert not learners[0].weights[begin : begin + LEVEL_COUNT].any()


def test_a_class_of_few_comments_makes_no_learner(book):
    texts = [f"the {subject} number {number}" for number in range(20) for subject in SUBJECTS]
    rows = [(text, "forum", int(number < LEAST_CLASS - 1)) for number, text in enumerate(texts)]
    assert fit_rows(book, rows, [TOXIC])[0] == []


def test_tone_is_told_by_words_more_than_by_combinations_of_them(book):
    rows = [
        (f"the {SUBJECTS[number % 8]} is {'a zonkel' if number % 2 else 'of steel'} today", "forum", number % 2)
        for number in range(400)
    ]
    learners, space, _ = fit_rows(book, rows, [TOXIC, THREAT])
    weights = {learner.name: learner.weights for learner in learners}

    def share(columns):
        size = np.abs(columns[1 : space.hashes.size])
        return size[space.combined[1:]].sum() / size.sum()

    assert 0 < share(weights["toxic"]) < 0.8 * share(weights["threat"])


def test_what_readers_themselves_advertise_counts_more_in_promotion_alone(book):
    rows = []
    for number in range(400):
        subject = SUBJECTS[number % 8]
        advert = number % 2
        rows.append((f"zonkel the {subject}" if advert else f"see the {subject}", "youtube_spam_collection", advert))
        if number % 3 == 0:
            rows.append((f"see the {subject}" if advert else f"zonkel the {subject}", "letters", advert))
    learners, space, _ = fit_rows(book, rows, [TOXIC, PROMOTION])
    weights = {learner.name: learner.weights for learner in learners}
    (zonkel,) = space.vocabulary.table.look_up(hash_words(["zonkel"]))
    assert weights["promotion"][zonkel] > 1.2 * weights["toxic"][zonkel] > 0
