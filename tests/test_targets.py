"""What each head is to learn: from categories, from verdicts alone, and where a rejection was for promotion."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate import CATEGORIES
from training.comparison import Judged
from training.corpora import UNKNOWN
from training.decisions import Decisions
from training.targets import LEAST_CLASS, learning_heads, make_targets, shares_of_rejection

PROMOTION, TOXIC, THREAT, ATTACK = (CATEGORIES.index(name) for name in
                                    ("promotion", "toxic", "threat", "personal_attack"))  # fmt: skip


def given(rows, *, has_verdicts=True):
    """Decisions of (verdict, {category: label})."""
    labels = np.full((len(rows), len(CATEGORIES)), UNKNOWN, np.int8)
    for row, (_, known) in enumerate(rows):
        for name, value in known.items():
            labels[row, CATEGORIES.index(name)] = value
    verdicts = np.array([verdict for verdict, _ in rows], np.int8)
    labels[verdicts == 0] = 0
    index = np.arange(len(rows))
    return Decisions("own.csv", ["text"] * len(rows), verdicts, labels, index + 1, index, has_verdicts=has_verdicts)


def judged(size, *, promotion=0.0, tone=0.0):
    scores = np.full((size, len(CATEGORIES)), 0.01)
    scores[:, PROMOTION], scores[:, ATTACK] = promotion, tone
    overall = 1 - (1 - scores[:, TOXIC].clip(tone)) * (1 - scores[:, PROMOTION])
    return Judged(overall, scores, np.maximum(scores[:, PROMOTION], scores[:, ATTACK]) > 0.1)


def test_a_verdict_alone_teaches_the_general_impression():
    targets = make_targets(given([(1, {}), (0, {})]), judged(2))
    assert targets[:, TOXIC].tolist() == [1, 0]
    assert np.isnan(targets[0, [THREAT, ATTACK, PROMOTION]]).all()
    assert not targets[1].any()


def test_what_the_old_model_takes_for_promotion_teaches_promotion():
    rows = [(1, {})] * LEAST_CLASS
    targets = make_targets(given(rows), judged(LEAST_CLASS, promotion=0.8, tone=0.2))
    assert (targets[:, PROMOTION] == 1).all()
    assert np.isnan(targets[:, TOXIC]).all()


@pytest.mark.parametrize(
    ("size", "scores"), [(LEAST_CLASS - 1, {"promotion": 0.8}), (LEAST_CLASS, {"promotion": 0.8, "tone": 0.9})]
)
def test_but_not_if_they_are_few_or_rude(size, scores):
    targets = make_targets(given([(1, {})] * size), judged(size, **scores))
    assert (targets[:, TOXIC] == 1).all()
    assert np.isnan(targets[:, PROMOTION]).all()


def test_a_training_from_nothing_knows_no_promotion():
    assert (make_targets(given([(1, {})] * LEAST_CLASS), None)[:, TOXIC] == 1).all()


def test_a_category_of_tone_is_a_rude_impression_and_promotion_is_none():
    targets = make_targets(
        given([(1, {"threat": 1}), (1, {"promotion": 1}), (1, {"toxic": 0, "threat": 1})]), judged(3)
    )
    assert targets[0, [THREAT, TOXIC]].tolist() == [1, 1]
    assert np.isnan(targets[1, TOXIC])
    assert targets[2, TOXIC] == 0


def test_categories_without_verdicts_teach_themselves_alone():
    targets = make_targets(given([(1, {"threat": 1}), (1, {"threat": 0})], has_verdicts=False), judged(2))
    assert targets[:, THREAT].tolist() == [1, 0]
    assert np.isnan(targets[:, TOXIC]).all()


def test_a_head_learns_from_enough_of_both_classes():
    targets = np.full((100, len(CATEGORIES)), np.nan)
    targets[:LEAST_CLASS, [THREAT, TOXIC]] = 1
    targets[50:, TOXIC] = 0
    targets[50 : 49 + LEAST_CLASS, THREAT] = 0
    assert learning_heads(targets) == [TOXIC]


def test_other_heads_are_measured_by_their_share_in_the_rejection():
    decisions, model = given([(1, {}), (0, {}), (1, {"threat": 0})]), judged(3, tone=0.5)
    shares = shares_of_rejection(decisions, make_targets(decisions, model), model)
    assert shares[0, ATTACK] == pytest.approx(1, abs=0.02)
    assert shares[0, THREAT] == pytest.approx(0.02, abs=0.005)
    assert not shares[1].any()
    assert shares[2, THREAT] == 0


def test_a_rejection_that_the_old_model_did_not_see_says_nothing_of_them():
    decisions, model = given([(1, {})]), judged(1, tone=0.05)
    assert shares_of_rejection(decisions, make_targets(decisions, model), model)[0, ATTACK] == pytest.approx(0.05)
