"""Calibrate each head at a natural base rate, and choose the thresholds of the policy presets; on dev splits only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate import Moderator
from moderate.errors import InputError
from moderate.folding import Floats, Ints
from moderate.guidelines import CATEGORIES, PARENT, PROMOTIONS, Category
from moderate.model import LinearModel
from moderate.scoring import PARTICULARS, find_surest
from moderate.text import tokenize

from .corpora import UNKNOWN, Corpus
from .matrix import chunks
from .regression import fit_line

# Share of comments on an unmoderated news site that break each category. wikipedia_context, unfiltered, is 1% toxic,
# the Wikipedia test set 9%; open news sites report 2 to 10% removals. The children divide their parent's share.
NATURAL_RATE: Final[Mapping[str, float]] = {
    "profanity": 0.03, "vulgarity": 0.01, "threat": 0.005, "personal_attack": 0.04, "abuse": 0.02, "sexism": 0.006,
    "racism": 0.006, "homophobia": 0.003, "xenophobia": 0.004, "other_abuse": 0.004, "promotion": 0.03,
    "commercial_promotion": 0.02, "personal_promotion": 0.015, "toxic": 0.06,
}  # fmt: skip

# Sources whose clean comments are like a site's ordinary ones; the clean rows of hate corpora were picked to be hard.
ORDINARY: Final = (
    "wikipedia_context", "civil_comments_clean", "jigsaw_wikipedia", "reddit_incivility",
)  # fmt: skip
ORDINARY_WEIGHT: Final = 0.8  # share of the clean side that ordinary comments make up

# Among these, talk pages carry notices full of links that no reader would write: they say nothing of promotion.
TALK_PAGES: Final = ("jigsaw_wikipedia",)

UNPENALISED: Final = 1e3  # inverse penalty on a calibration's slope: none to speak of

# Quantile of the positives' raw scores beyond which all are alike: a slur repeated a hundred times, in one comment that
# its source does not call racist, would flatten the whole curve.
SATURATED: Final = 0.9

# How much of what the surest particular head says makes up a general one (TRIALS.md).
LEANING: Final[Mapping[str, float]] = {"abuse": 0.15, "toxic": 0.55}

# Heads are fitted on rows divided by the root of their length, but heard with long comments divided by more: in a set
# ranks hardly change, but civil long comments and hateful short ones are told apart better (TRIALS.md).
DAMPING: Final = 1.0

# How much a passage that stands out raises a head, and by how many standard deviations of the head's scores it has to
# (TRIALS.md): readers of a long comment are offended by its worst line, but most lines of one are merely different.
PASSAGES: Final[Mapping[str, tuple[float, float]]] = {
    **dict.fromkeys(CATEGORIES, (0.6, 0.5)),
    **dict.fromkeys((Category.THREAT, Category.VULGARITY, Category.PERSONAL_ATTACK), (0.6, 0.75)),
    Category.ABUSE: (0.5, 0.8),
    Category.SEXISM: (0.5, 0.5),
    Category.PROFANITY: (0.5, 1.0),
    Category.TOXIC: (0.6, 1.0),
}

# Share of ordinary clean comments that a preset may reject, all categories together.
FALSE_REJECTION: Final[Mapping[str, float]] = {"strict": 0.031, "default": 0.0118, "lenient": 0.0028}
# How the share is divided: in proportion to what a head finds for what it costs (TRIALS.md). The general head finds
# next to nothing that no other finds.
SHARES: Final[Mapping[str, float]] = {
    "toxic": 0.2, "abuse": 0.68, "promotion": 0.6, "personal_attack": 0.37, "profanity": 0.4, "threat": 0.5,
    "vulgarity": 0.09,
}  # fmt: skip
LEAST_THRESHOLD: Final = 0.02  # a category never rejects on less, however rare it is among clean comments


def raw_scores(model: LinearModel, texts: list[str]) -> Floats:
    """Uncalibrated scores; float64 (n, heads)."""
    uncalibrated = replace(model, slopes=np.ones(len(CATEGORIES)), intercepts=np.zeros(len(CATEGORIES)))
    vocabulary = model.vocabulary  # laid out anew each time it is asked for
    parts = [uncalibrated.logits(vocabulary.extract(tokenize(chunk))) for chunk in chunks(texts, label="scores")]
    return np.concatenate(parts)


def read_at_length(model: LinearModel, dev: Corpus) -> LinearModel:
    """The model as it reads long comments: damped, and raised by what stands out on the scale of the dev comments."""
    model = replace(model, lengths=replace(model.lengths, damping=DAMPING))
    shares, margins = (np.array(values) for values in zip(*(PASSAGES[head] for head in CATEGORIES), strict=True))
    spread = raw_scores(model, dev.texts).std(axis=0) / model.scale
    return replace(model, passage_shares=shares, passage_margins=margins * spread)


def calibrate(model: LinearModel, dev: Corpus) -> LinearModel:
    """Platt's calibration of each head on the dev comments that speak for it, weighted to the natural rate.

    A head that leans on others is calibrated as it will be heard, behind those: its own line makes up for the rest. It
    leans only if there is something to calibrate each of them on.
    """
    if not dev.texts:
        raise InputError("no comment has split 'dev': calibration and thresholds need some that were not trained on")
    raw = raw_scores(model, dev.texts)
    slopes, intercepts = np.ones(len(CATEGORIES)), np.full(len(CATEGORIES), -4.0)
    leaning = np.zeros(len(CATEGORIES))
    samples = {column: (rows, weights) for column, rows, weights in natural_samples(dev)}
    for column in sorted(samples, key=lambda column: CATEGORIES[column] in LEANING):
        rows, weights = samples[column]
        labels = dev.labels[rows, column]
        scores = raw[rows, column]
        scores = np.minimum(scores, np.quantile(scores[labels == 1], SATURATED))
        offset = np.zeros(rows.size)
        if samples.keys() >= {particular for particular, general in PARTICULARS if general == column}:
            leaning[column] = LEANING.get(CATEGORIES[column], 0.0)
        if leaning[column]:
            offset = leaning[column] * find_surest(raw[rows] * slopes + intercepts)[:, column]
        line = fit_line(scores[:, None], labels, offset, strength=UNPENALISED, weights=weights)
        slopes[column], intercepts[column] = np.append(line.weights, line.intercept) / (1 - leaning[column])
    return replace(model, slopes=slopes, intercepts=intercepts, leaning=leaning)


def insist(model: LinearModel) -> LinearModel:
    """The model that hears a passage with a strong hit of the rule book as the default preset needs it to be rejected.

    Not beyond: how sure it is of the whole stays what decides between comments that are rejected anyway (TRIALS.md).
    """
    return replace(model, ceilings=np.array([model.presets["default"][head] for head in CATEGORIES]))


def natural_samples(dev: Corpus) -> Iterator[tuple[int, Ints, Floats]]:
    """For each head that has comments of both classes: its column, the rows that speak for it, and their weights.

    They are weighted as on an unmoderated site: positives by `NATURAL_RATE`, `ORDINARY` comments as `ORDINARY_WEIGHT`
    of the rest.
    """
    ordinary = np.isin(dev.sources.astype(str), ORDINARY)
    for column, head in enumerate(CATEGORIES):
        rows = np.flatnonzero(dev.labels[:, column] != UNKNOWN)
        labels = dev.labels[rows, column]
        if len(set(labels.tolist())) == 2:
            yield column, rows, _natural_weights(labels, ordinary[rows], NATURAL_RATE[head])


def choose_presets(moderator: Moderator, dev: Corpus) -> dict[str, dict[str, float]]:
    """Thresholds such that each preset rejects its share of ordinary clean comments, divided by `SHARES`.

    A comment that the rule book alone would reject is none of them, whatever its source says: annotators forgive a word
    that is starred, and rejecting it is no mistake of the model's.
    """
    clean = (dev.labels == 0).any(axis=1) & ~(dev.labels == 1).any(axis=1)
    by_rules = Moderator(model=None, rules=moderator.rules)
    clean &= [decision.approved for decision in by_rules.classify_many(dev.texts)]
    ordinary = clean & np.isin(dev.sources.astype(str), ORDINARY)
    chosen = dev.take(ordinary if ordinary.any() else clean)
    if not chosen.texts:
        return {name: dict.fromkeys(CATEGORIES, 0.5) for name in FALSE_REJECTION}
    scores = moderator.scores(chosen.texts)
    talk = np.flatnonzero(np.isin(chosen.sources.astype(str), TALK_PAGES))
    scores[talk[:, None], PROMOTIONS] = 0
    weights = _equal_sources(chosen.sources.astype(str))
    return {name: _thresholds(scores, weights, target) for name, target in FALSE_REJECTION.items()}


def _thresholds(scores: npt.NDArray[np.float32], weights: Floats, target: float) -> dict[str, float]:
    """The lowest thresholds, in the proportions of `SHARES`, that together reject at most ``target`` of the weight.

    A kind rejects with its parent, not by itself: among ordinary comments, which seldom name a group, the most harmless
    mention of one would be the most extreme.
    """
    low, high = 0.0, 0.2
    best: dict[str, float] = dict.fromkeys(CATEGORIES, 1.0)
    for _ in range(30):
        share = (low + high) / 2
        own = {head: quantile(scores[:, CATEGORIES.index(head)], weights, share * SHARES[head]) for head in SHARES}
        limits = {head: own[PARENT.get(Category(head), Category(head))] for head in CATEGORIES}
        if weights[(scores >= np.array(list(limits.values()))).any(axis=1)].sum() <= target:
            low, best = share, limits
        else:
            high = share
    return {head: round(limit, 4) for head, limit in best.items()}


def quantile(scores: npt.NDArray[np.float32], weights: Floats, share: float) -> float:
    """The score that at most ``share`` of the weight exceeds, a little above it; never under `LEAST_THRESHOLD`."""
    order = np.argsort(-scores, kind="stable")
    place = int(np.searchsorted(np.cumsum(weights[order]), share))
    score = float(scores[order[min(place, order.size - 1)]])
    return min(max(score * 1.0001 + 1e-4, LEAST_THRESHOLD), 0.99)


def _equal_sources(sources: npt.NDArray[np.str_]) -> Floats:
    """Weights by square root of a source's size, 1 in all: a small source is noisy, a large one not all the world."""
    _, index, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = (1 / np.sqrt(counts))[index]
    shares: Floats = weights / weights.sum()
    return shares


def _natural_weights(labels: npt.NDArray[np.int8], ordinary: npt.NDArray[np.bool_], rate: float) -> Floats:
    """Weights such that positives are ``rate`` of the whole and ordinary comments `ORDINARY_WEIGHT` of the rest."""
    weights = np.zeros(labels.size)
    positive = labels == 1
    weights[positive] = rate / positive.sum()
    clean, hard = ~positive & ordinary, ~positive & ~ordinary
    share = ORDINARY_WEIGHT if clean.any() and hard.any() else float(clean.any())
    if clean.any():
        weights[clean] = (1 - rate) * share / clean.sum()
    if hard.any():
        weights[hard] = (1 - rate) * (1 - share) / hard.sum()
    return weights * labels.size
