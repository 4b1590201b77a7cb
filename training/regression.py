"""Logistic regression on top of what is known: a fixed offset, weights held near 0, strength by cross-validation.

With the log-odds of a fitted model as the offset, weights are the distance from that model, and the penalty on them is
a prior: normal, around the model (Chelba & Acero 2006, "Adaptation of maximum entropy capitalizer"). scikit-learn's
logistic regression has no offset, so the objective stands here; SciPy minimises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from moderate.folding import Floats, Ints

from .fit import class_ratios
from .matrix import Matrix

FOLDS: Final = 5
SEED: Final = 0

# Inverse strengths of the penalty that are tried; from the weakest data, which should move nothing, to 10,000 comments.
STRENGTHS: Final = (0.001, 0.01, 0.05, 0.2, 0.8)
ITERATIONS: Final = 200
TOLERANCE: Final = 1e-7  # relative, of the objective; a hundredth of it changed no AUC by 0.0002


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted linear function: ``matrix @ weights + intercept``, the offset left out; float64 (F,)."""

    weights: Floats
    intercept: float

    def __call__(self, matrix: Matrix | Floats) -> Floats:
        """Values of n rows; float64 (n,)."""
        values: Floats = matrix @ self.weights + self.intercept
        return values


@dataclass(frozen=True, slots=True)
class Crossed:
    """A fit with its strength chosen by cross-validation.

    Attributes:
        line: fitted on all rows.
        by_fold: fitted without each fold.
        strength: the best of `STRENGTHS`.
        held_out: values of every row by the fit without its fold; float64 (n,).
    """

    line: Line
    by_fold: tuple[Line, ...]
    strength: float
    held_out: Floats


def fit_line(
    matrix: Matrix | Floats,
    targets: Floats | npt.NDArray[np.int8],
    offset: Floats,
    *,
    strength: float,
    weights: Floats | None = None,
    start: Line | None = None,
) -> Line:
    """Minimise ``strength * log loss + |weights|² / 2``, the intercept free.

    Args:
        matrix: CSR or dense float64 (n, F).
        targets: probability of class 1, in [0, 1]; float64 (n,).
        offset: known log-odds; float64 (n,).
        strength: inverse strength of the penalty.
        weights: weight of each row, 1 if not given; float64 (n,).
        start: a fit from which to begin.
    """
    transposed = matrix.T if isinstance(matrix, np.ndarray) else matrix.T.tocsr()
    size = matrix.shape[1]
    rates = np.ones(offset.size) if weights is None else weights

    def objective(parameters: Floats) -> tuple[float, Floats]:
        slopes, intercept = parameters[:-1], parameters[-1]
        logits = offset + matrix @ slopes + intercept
        residuals = rates * (expit(logits) - targets)
        gradient = np.append(strength * (transposed @ residuals) + slopes, strength * residuals.sum())
        return strength * log_loss(logits, targets, rates) + float(slopes @ slopes) / 2, gradient

    first = np.zeros(size + 1) if start is None else np.append(start.weights, start.intercept)
    options = {"maxiter": ITERATIONS, "ftol": TOLERANCE, "gtol": 1e-5}
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x
    return Line(found[:-1], float(found[-1]))


def log_loss(logits: Floats, targets: Floats | npt.NDArray[np.int8], weights: Floats | float = 1.0) -> float:
    """Weighted sum of the log loss; logits, targets and weights float64 (n,)."""
    return float((weights * (np.logaddexp(0, logits) - targets * logits)).sum())


def cross_fit(shared: Floats, matrix: Matrix, targets: Floats, offset: Floats, folds: Ints) -> Crossed:
    """Choose the strength by held-out log loss and fit.

    The columns of ``matrix`` are scaled by the root of the log-count ratios of the two classes (`training.fit`; see
    TRIALS.md), counted without the fold that is held out; the weights given back are those of the columns as they came.

    Args:
        shared: columns that are not scaled; float64 (n, S).
        matrix: CSR float64 (n, F).
        targets: float64 (n,).
        offset: float64 (n,).
        folds: fold of each row, 0 to `FOLDS` - 1; int64 (n,).

    Returns:
        lines over the S + F columns of both.
    """
    losses = np.zeros(len(STRENGTHS))
    held_out = np.zeros((len(STRENGTHS), targets.size))
    lines: list[list[Line]] = [[] for _ in STRENGTHS]
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        scale = _scale(shared.shape[1], matrix[inside], targets[inside])
        design = sparse.hstack([shared, matrix], "csr") @ sparse.diags(scale)
        line = None
        for index, strength in enumerate(STRENGTHS):
            line = fit_line(design[inside], targets[inside], offset[inside], strength=strength, start=line)
            held_out[index, outside] = line(design[outside])
            losses[index] += log_loss(offset[outside] + held_out[index, outside], targets[outside])
            lines[index].append(Line(line.weights * scale, line.intercept))
    best = int(losses.argmin())
    scale = _scale(shared.shape[1], matrix, targets)
    design = sparse.hstack([shared, matrix], "csr") @ sparse.diags(scale)
    line = fit_line(design, targets, offset, strength=STRENGTHS[best])
    return Crossed(Line(line.weights * scale, line.intercept), tuple(lines[best]), STRENGTHS[best], held_out[best])


def _scale(shared: int, matrix: Matrix, targets: Floats) -> Floats:
    positive, negative = (np.bincount(matrix[targets == label].indices, minlength=matrix.shape[1]) for label in (1, 0))
    return np.append(np.ones(shared), np.sqrt(class_ratios(positive, negative)))


def make_folds(groups: Ints, classes: Ints) -> Ints:
    """Fold of each row: the rows of a group together, classes spread evenly; int64 (n,).

    Args:
        groups: group of each row; int64 (n,).
        classes: class of each row; int64 (n,).
    """
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    folds = np.zeros(first.size, np.int64)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for fold, (_, members) in enumerate(splitter.split(first, classes[first])):
        folds[members] = fold
    return folds[inverse]
