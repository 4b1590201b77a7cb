"""Fit, calibrate and set the thresholds of a model on a publisher's decisions; all by cross-validation among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from joblib import Parallel, delayed

from moderate import Moderator
from moderate.errors import InputError
from moderate.folding import Floats, Ints
from moderate.guidelines import CATEGORIES
from moderate.model import LinearModel

from .adapt import Prior
from .comparison import Judged, judge
from .decisions import Decisions
from .regression import FOLDS, Crossed, cross_fit, fit_line, make_folds
from .scratch import Scratch
from .targets import LEAST_CLASS, learning_heads, make_targets, shares_of_rejection
from .thresholds import DEFAULT_FALSE_REJECT, NEVER, HeldOut, Limits, choose_thresholds

CALIBRATION_STRENGTH: Final = 1.0  # inverse penalty on the slope's distance from 1: some dozen comments outweigh it
LEAST_SLOPE: Final = 0.05  # a head is never turned around: what speaks for it may come to say little, not the contrary


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of the learning.

    Attributes:
        model: with calibration and thresholds.
        strengths: inverse strength of the penalty of each category that learned.
        held_out: what models that were fitted without a fold make of its comments.
        notes: what was done, for people.
    """

    model: LinearModel
    strengths: Mapping[str, float]
    held_out: Judged
    notes: tuple[str, ...]


class _Learner:
    """The steps, and what they hand on to each other."""

    def __init__(self, train: Decisions, start: Moderator, *, from_scratch: bool) -> None:
        assert start.model is not None
        self.train, self.rules = train, start.rules
        self.ground = Scratch(self.rules, train.texts) if from_scratch else Prior(start.model, self.rules, train.texts)
        self.judged = None if from_scratch else judge(start, train.texts)
        self.targets = make_targets(train, self.judged)
        self.heads = learning_heads(self.targets)
        self.folds = make_folds(train.groups, train.verdicts.astype(np.int64))

    def fit(self, jobs: int) -> dict[int, Crossed]:
        """Fit each head on the comments that speak for it."""
        tasks = []
        for head in self.heads:
            rows = self._rows(head)
            offset = self.ground.logits[rows, head] + self.ground.evidence[rows, head]
            shared, matrix = self.ground.shared[rows], self.ground.matrix[rows]
            tasks.append((shared, matrix, self.targets[rows, head], offset, self.folds[rows]))
        fitted = Parallel(n_jobs=min(jobs, len(tasks)))(delayed(cross_fit)(*task) for task in tasks)
        return dict(zip(self.heads, fitted, strict=True))

    def calibrate(self, crossed: Mapping[int, Crossed]) -> dict[int, tuple[float, float]]:
        """Platt's slope and intercept of each head that learned, and of those that may be measured by verdicts."""
        ground, calibration = self.ground, {}
        for head, found in crossed.items():
            rows = self._rows(head)
            logits = ground.logits[rows, head] + found.held_out
            calibration[head] = _calibrate(logits, self.targets[rows, head], ground.evidence[rows, head])
        if self.judged is not None and self.train.has_verdicts:
            shares = shares_of_rejection(self.train, self.targets, self.judged)
            for head in range(len(CATEGORIES)):
                if head not in crossed:
                    calibration[head] = _calibrate(ground.logits[:, head], shares[:, head], ground.evidence[:, head])
        return calibration

    def without_folds(
        self, crossed: Mapping[int, Crossed], calibration: Mapping[int, tuple[float, float]]
    ) -> list[LinearModel]:
        """The model as it is when a fold is left out, for every fold."""
        return [
            self.ground.assemble({head: found.by_fold[fold] for head, found in crossed.items()}, calibration)
            for fold in range(FOLDS)
        ]

    def judge_folds(self, models: Sequence[LinearModel]) -> Judged:
        """What each of ``models`` makes of the fold that it was fitted without."""
        parts, places = [], []
        for fold, model in enumerate(models):
            rows = np.flatnonzero(self.folds == fold)
            parts.append(judge(Moderator(model=model, rules=self.rules), [self.train.texts[row] for row in rows]))
            places.append(rows)
        return Judged.put(parts, places)

    def _rows(self, head: int) -> Ints:
        return np.flatnonzero(~np.isnan(self.targets[:, head]))


def learn(
    train: Decisions,
    start: Moderator,
    limits: Limits,
    *,
    from_scratch: bool = False,
    jobs: int = 2,
    report: Callable[[str], None] = lambda message: None,
) -> Learned:
    """Learn from the decisions of ``train``.

    Args:
        train: the decisions, without those to measure on.
        start: the moderator whose model is the prior.
        limits: what is asked of the thresholds.
        from_scratch: learn from the decisions alone.
        jobs: heads fitted at the same time.
        report: called with what happens.

    Raises:
        InputError: no category can learn from them.
    """
    learner = _Learner(train, start, from_scratch=from_scratch)
    if not learner.heads:
        raise InputError(
            f"{train.name}: no category has {LEAST_CLASS} comments that break it and {LEAST_CLASS} that do not, apart "
            f"from the test part. Found: {'; '.join(train.notes)}"
        )
    crossed = learner.fit(jobs)
    strengths = {CATEGORIES[head]: found.strength for head, found in crossed.items()}
    report("fitted: " + ", ".join(f"{head} (strength {strength:g})" for head, strength in strengths.items()))
    calibration = learner.calibrate(crossed)
    folds = learner.without_folds(crossed, calibration)
    scored = learner.judge_folds(folds)
    moving = train.has_verdicts and not from_scratch
    fixed = {} if moving else _fixed_thresholds(start, strengths, from_scratch=from_scratch)
    scores = scored.scores.astype(np.float32)
    presets = choose_thresholds(
        HeldOut(scores, train.verdicts, train.labels),
        limits,
        taught=strengths.keys(),
        fixed=fixed,
        least=dict(zip(CATEGORIES, start.thresholds, strict=True)),
    )
    held_out = learner.judge_folds([replace(model, presets=presets) for model in folds])
    model = learner.ground.assemble({head: found.line for head, found in crossed.items()}, calibration)
    return Learned(
        model=replace(model, presets=presets),
        strengths=strengths,
        held_out=held_out,
        notes=(*_describe_heads(learner), *_describe_thresholds(train, held_out, limits)),
    )


def _calibrate(logits: Floats, targets: Floats, evidence: Floats) -> tuple[float, float]:
    """Slope and intercept of ``logits`` such that they and the rule book's ``evidence`` give the ``targets``."""
    line = fit_line(logits[:, None], targets, logits + evidence, strength=CALIBRATION_STRENGTH)
    slope = 1 + float(line.weights[0])
    if slope >= LEAST_SLOPE:
        return slope, line.intercept
    flat = fit_line(np.zeros((logits.size, 0)), targets, LEAST_SLOPE * logits + evidence, strength=CALIBRATION_STRENGTH)
    return LEAST_SLOPE, flat.intercept


def _fixed_thresholds(start: Moderator, strengths: Mapping[str, float], *, from_scratch: bool) -> dict[str, float]:
    """Thresholds of the heads that did not learn, where no verdict says what they may reject."""
    kept = dict(zip(CATEGORIES, start.thresholds, strict=True))
    return {head: NEVER if from_scratch else kept[head] for head in CATEGORIES if head not in strengths}


def _describe_heads(learner: _Learner) -> list[str]:
    """Which categories learned, from how many comments, and which columns had too few."""
    notes = []
    counts = {
        CATEGORIES[head]: [int((learner.targets[:, head] == label).sum()) for label in (1, 0)]
        for head in range(len(CATEGORIES))
    }
    learned = [CATEGORIES[head] for head in learner.heads]
    notes.append("learned: " + ", ".join(f"{head} ({counts[head][0]:,} of {sum(counts[head]):,})" for head in learned))
    for head in learner.train.named:
        if head not in learned:
            broken, unbroken = counts[head]
            notes.append(
                f"{head} did not learn: apart from the test part {broken:,} comments break it and {unbroken:,} do not, "
                f"and it takes {LEAST_CLASS} of each"
            )
    if learner.train.has_verdicts and learner.judged is not None:
        notes.append(
            "a verdict without a category teaches the general impression, toxic, or promotion where the old model sees "
            "that; the other categories keep their weights and are calibrated anew"
        )
    return notes


def _describe_thresholds(train: Decisions, held_out: Judged, limits: Limits) -> list[str]:
    """What the thresholds do on the comments that they were chosen on."""
    shares = [float(held_out.rejected[train.verdicts == verdict].mean()) for verdict in (0, 1)]
    asked = DEFAULT_FALSE_REJECT if limits.max_false_reject is None else limits.max_false_reject
    aim = f"at most {asked:.1%} false rejections" if limits.min_recall is None else f"{limits.min_recall:.0%} found"
    return [
        f"thresholds chosen for {aim}: on held-out folds they reject {shares[0]:.1%} of what was approved and find "
        f"{shares[1]:.1%} of what was rejected"
    ]
