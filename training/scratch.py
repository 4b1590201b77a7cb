"""Training from nothing but a publisher's decisions: the features are those of its own comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from moderate.folding import Floats
from moderate.guidelines import CATEGORIES
from moderate.judgement import EVIDENCE
from moderate.model import LinearModel
from moderate.rules import RuleBook

from .adapt import LEAST_COMMENTS
from .export import export_model
from .matrix import Matrix, build_matrix, build_space
from .regression import Line
from .weak import severities

SILENT: Final = -16.0  # log-odds of a head that nothing taught: no evidence of the rule book makes it reject


class Scratch:
    """The ground that a training from nothing stands on; in the place of `training.adapt.Prior`."""

    def __init__(self, rules: RuleBook, texts: Sequence[str]) -> None:
        """Choose the features of ``texts`` and read them."""
        self._space = build_space(texts, rules)
        matrix = build_matrix(texts, self._space).astype(np.float64)
        self._counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        self._columns = np.flatnonzero(self._counts >= LEAST_COMMENTS)
        self.matrix: Matrix = matrix[:, self._columns]
        self.shared: Floats = np.zeros((len(texts), 0))
        self.logits: Floats = np.zeros((len(texts), len(CATEGORIES)))
        self.evidence: Floats = EVIDENCE.take(severities(texts, rules, self._space.vocabulary))

    def assemble(self, lines: Mapping[int, Line], calibration: Mapping[int, tuple[float, float]]) -> LinearModel:
        """A model whose heads are ``lines`` over ``matrix``, calibrated; a head without a line is silent."""
        weights = np.zeros((self._counts.size, len(CATEGORIES)))
        slopes, intercepts = np.ones(len(CATEGORIES)), np.full(len(CATEGORIES), SILENT)
        for head, line in lines.items():
            weights[self._columns, head] = line.weights
            slope, intercept = calibration[head]
            slopes[head], intercepts[head] = slope, slope * line.intercept + intercept
        model = export_model(self._space, weights, self._counts, {})
        return replace(model, slopes=slopes, intercepts=intercepts)
