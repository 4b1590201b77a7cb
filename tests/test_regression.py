"""Logistic regression with an offset: what the penalty holds, what the offset explains, how the strength is chosen."""

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from sklearn.linear_model import LogisticRegression

from training.regression import FOLDS, STRENGTHS, cross_fit, fit_line, make_folds

chance = np.random.default_rng(0)
MATRIX = sparse.csr_matrix((chance.random((600, 30)) < 0.2).astype(np.float64))
WEIGHTS = np.r_[3.0, -3.0, 2.0, -2.0, np.zeros(26)]
TARGETS = (chance.random(600) < 1 / (1 + np.exp(-(MATRIX @ WEIGHTS)))).astype(np.float64)
NOTHING = np.zeros(600)


def test_without_an_offset_it_is_the_logistic_regression_of_scikit_learn():
    line = fit_line(MATRIX, TARGETS, NOTHING, strength=0.5)
    known = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(MATRIX, TARGETS)
    np.testing.assert_allclose(line.weights, known.coef_[0], atol=0.01)
    assert line.intercept == pytest.approx(known.intercept_[0], abs=0.01)


def test_what_the_offset_explains_the_weights_need_not():
    alone = fit_line(MATRIX, TARGETS, NOTHING, strength=1.0)
    on_top = fit_line(MATRIX, TARGETS, MATRIX @ WEIGHTS, strength=1.0)
    assert np.abs(alone.weights[:4]).min() > 1.5
    assert np.abs(on_top.weights[:4]).max() < 0.8


def test_a_strong_penalty_moves_the_intercept_alone():
    line = fit_line(MATRIX, TARGETS, NOTHING, strength=1e-4)
    assert np.abs(line.weights).max() < 0.01
    assert 1 / (1 + np.exp(-line.intercept)) == pytest.approx(TARGETS.mean(), abs=1e-3)


def test_targets_may_be_probabilities():
    line = fit_line(np.zeros((4, 0)), np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(4), strength=1.0)
    assert 1 / (1 + np.exp(-line.intercept)) == pytest.approx(0.25, abs=1e-3)


def cross(targets):
    folds = make_folds(np.arange(600), targets.astype(np.int64))
    return cross_fit(np.zeros((600, 0)), MATRIX, targets, NOTHING, folds), folds


def test_where_there_is_something_to_learn_the_weights_move():
    found, folds = cross(TARGETS)
    assert found.strength >= 0.05
    assert found.line.weights[0] > 1
    assert found.line.weights[1] < -1
    for fold in range(FOLDS):  # every held-out value is by the fit without its fold
        rows = np.flatnonzero(folds == fold)
        np.testing.assert_allclose(found.by_fold[fold](MATRIX[rows]), found.held_out[rows])


def test_where_there_is_nothing_to_learn_they_hardly_do():
    found, _ = cross(chance.permutation(TARGETS))
    assert found.strength <= STRENGTHS[1]
    assert np.abs(found.line.weights).max() < 0.3


def test_folds_keep_groups_together_and_classes_even():
    groups = np.repeat(np.arange(100), 3)
    classes = np.repeat(np.arange(100) % 4 == 0, 3).astype(np.int64)
    folds = make_folds(groups, classes)
    assert (folds.reshape(100, 3) == folds[::3, None]).all()
    assert sorted(set(folds.tolist())) == list(range(FOLDS))
    assert {int(classes[folds == fold].sum()) for fold in range(FOLDS)} == {15}
