"""Figures of two models with intervals: measures against scikit-learn's, the bootstrap against what is known."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from moderate import CATEGORIES
from training.comparison import FALLING, MEASURES, Judged, compare, format_comparison, judge
from training.corpora import UNKNOWN

chance = np.random.default_rng(0)
TRUTH = chance.random(400) < 0.3
GOOD = np.clip(0.2 + 0.4 * TRUTH + chance.normal(0, 0.2, 400), 0, 1)
POOR = np.clip(GOOD + chance.normal(0, 0.3, 400), 0, 1)


def judged(overall):
    scores = np.zeros((overall.size, len(CATEGORIES)))
    scores[:, CATEGORIES.index("toxic")] = overall
    return Judged(overall, scores, overall >= 0.5)


def figures(before, after, truth=TRUTH):
    labels = np.full((truth.size, len(CATEGORIES)), UNKNOWN, np.int8)
    labels[:, CATEGORIES.index("toxic")] = truth
    found = compare(judged(before), judged(after), truth.astype(np.int8), labels)
    return {(figure.subject, figure.measure): figure for figure in found}


def test_measures_are_those_of_scikit_learn():
    row = GOOD[None], TRUTH[None], (GOOD >= 0.5)[None]
    assert MEASURES["AUC"](*row)[0] == pytest.approx(roc_auc_score(TRUTH, GOOD))
    assert MEASURES["average precision"](*row)[0] == pytest.approx(average_precision_score(TRUTH, GOOD))
    assert MEASURES["Brier score"](*row)[0] == pytest.approx(brier_score_loss(TRUTH, GOOD))
    assert MEASURES["found by the policy"](*row)[0] == pytest.approx((GOOD >= 0.5)[TRUTH].mean())
    assert MEASURES["falsely rejected by the policy"](*row)[0] == pytest.approx((GOOD >= 0.5)[~TRUTH].mean())


def test_ties_count_half():
    scores, truth = np.array([[0.5, 0.5, 0.5, 0.1]]), np.array([[True, False, True, False]])
    assert MEASURES["AUC"](scores, truth, truth)[0] == pytest.approx(roc_auc_score(truth[0], scores[0]))


def test_found_at_a_rate_is_what_lies_above_nearly_all_negatives():
    scores = np.r_[np.linspace(0, 0.5, 100), [0.9], np.full(9, 0.8), np.full(10, 0.2)][None]
    truth = np.r_[np.zeros(101), np.ones(19)].astype(bool)[None]
    assert MEASURES["found at 2% false rejections"](scores, truth, truth)[0] == pytest.approx(9 / 19)


def test_a_better_model_gains_and_the_interval_says_so():
    figure = figures(POOR, GOOD)["verdict", "AUC"]
    assert (figure.comments, figure.positives) == (400, int(TRUTH.sum()))
    assert figure.before.low < figure.before.value < figure.before.high
    assert 0 < figure.gain.low < figure.gain.value < figure.gain.high
    assert figure.gain.value == pytest.approx(figure.after.value - figure.before.value)
    assert figures(POOR, GOOD)["toxic", "AUC"].gain == figure.gain


def test_a_model_compared_with_itself_gains_nothing_for_sure():
    for figure in figures(GOOD, GOOD).values():
        assert (figure.gain.low, figure.gain.value, figure.gain.high) == (0, 0, 0)
    assert all(name in MEASURES for name in FALLING)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(24):
        own = np.random.default_rng(seed)
        truth = np.arange(80) % 2 == 0
        scores = own.normal(size=80) + truth
        interval = figures(scores, scores, truth)["verdict", "AUC"].after
        covered += interval.low <= 0.7602 <= interval.high  # of two normal scores one standard deviation apart
    assert covered >= 20


def test_what_has_hardly_a_positive_is_not_measured():
    assert figures(GOOD, POOR, np.arange(400) < 4) == {}


def test_a_moderator_is_laid_out_as_arrays(moderator):
    found = judge(moderator, ["You are a complete idiot.", "Thank you for the article."])
    assert found.rejected.tolist() == [True, False]
    assert found.scores.shape == (2, len(CATEGORIES))
    assert found.overall[0] > found.overall[1]
    assert judge(moderator, []).scores.shape == (0, len(CATEGORIES))


def test_parts_are_put_together_in_their_places():
    whole = judged(GOOD)
    places = [np.arange(0, 400, 2), np.arange(1, 400, 2)]
    parts = [Judged(whole.overall[place], whole.scores[place], whole.rejected[place]) for place in places]
    assert (Judged.put(parts, places).overall == whole.overall).all()


def test_the_table_names_both_figures_and_the_interval():
    table = format_comparison(list(figures(POOR, GOOD).values()))
    assert "| verdict | 400 |" in table
    assert " to +0." in table
