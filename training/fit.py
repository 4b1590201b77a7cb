"""Fit linear learners with scikit-learn: for each category one on all sources together, and those of a few alone.

A learner is a logistic regression over features scaled by how unevenly the head's two classes use them (the log-count
ratios of Wang & Manning 2012, "Baselines and bigrams"). Scales and word vectors are folded into the weights afterwards,
so that every learner is a vector of weights over the same columns, and so is any sum of learners (`training.mixture`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from moderate.features import LEVEL_COUNT, SIGNALS
from moderate.folding import Ints
from moderate.guidelines import CATEGORIES, PROMOTIONS, Category
from moderate.sites import KINDS

from .augment import KINDS_OF_ABUSE
from .corpora import UNKNOWN, Corpus, Labels
from .matrix import Matrix, Space
from .mixture import Learner, domain_sources, needed_learners
from .vectors import Vectors

# Inverse regularisation strength (dev AUC by source, see TRIALS.md): all sources together carry over best to others
# when held a little shorter; a domain alone is there for what it alone knows.
POOLED_STRENGTH: Final = 0.7
DOMAIN_STRENGTH: Final = 1.0
TOLERANCE: Final = 0.1  # of liblinear's dual coordinate descent; tighter changed no AUC by more than 0.001
ITERATIONS: Final = 100
SOURCE_VALUE: Final = 1.0  # value of the per-source intercept's column, which the exported model does not have
SEED: Final = 0  # the order in which coordinate descent visits the rows

# Bounds of a feature's scale: what both classes use alike is not lost, what one comment used does not take over.
LEAST_SCALE, LARGEST_SCALE = 0.1, 4.0
SEEN: Final = 20  # comments from which a feature counts in the mean scale, which is made 1

# Value of a feature of several words, and of a word's n-grams, beside the word: what is worth less is held shorter.
# There are many combinations of each word, and what they say of tone is more often an accident of the corpora; what is
# said of a group, or offered for sale, they tell. (TRIALS.md)
VALUES: Final[Mapping[str, tuple[float, float]]] = {
    **dict.fromkeys(CATEGORIES, (1.0, 1.0)),
    **dict.fromkeys((Category.PROFANITY, Category.PERSONAL_ATTACK, Category.TOXIC), (0.6, 1.5)),
    **dict.fromkeys((Category.ABUSE, *KINDS_OF_ABUSE), (0.8, 1.5)),
    Category.SEXISM: (1.0, 1.0),
}

LEAST_CLASS: Final = 20  # comments of either class without which there is no learner

# How much a sentence of our templates counts in each head, clean and not, against a comment of a corpus. They are as
# many as a large corpus, but of one mould: they count most where structure matters most, in abuse of groups and
# threats, and where there is little else, least in the general head (TRIALS.md). Clean ones count more, so that a frame
# or a group's name alone decides nothing.
TEMPLATE_WEIGHT: Final[Mapping[str, tuple[float, float]]] = {
    **dict.fromkeys(CATEGORIES, (0.4, 0.25)),
    **dict.fromkeys((Category.PROFANITY, Category.PERSONAL_ATTACK), (0.25, 0.15)),
    **dict.fromkeys((Category.ABUSE, *KINDS_OF_ABUSE), (1.0, 0.7)),
    **dict.fromkeys((Category.PROMOTION, Category.COMMERCIAL_PROMOTION, Category.PERSONAL_PROMOTION), (0.4, 0.375)),
    Category.THREAT: (0.9, 0.6),
    Category.VULGARITY: (0.8, 0.5),
    Category.TOXIC: (0.06, 0.04),
}

# Few, but all that there is of honest comments with links and brands, of civil comments under the news, and of readers'
# and users' conversations.
SOURCE_WEIGHT: Final[Mapping[str, float]] = {
    "hard_negatives_links_brands": 20.0, "civil_comments_clean": 20.0, "reddit_incivility": 3.0, "convabuse": 3.0,
}  # fmt: skip
# Advertising by readers themselves, under videos and posts, is a small part of what is labelled as promotion; most of
# that are messages which nobody publishes (TRIALS.md).
PROMOTION_WEIGHT: Final[Mapping[str, float]] = {
    "youtube_spam_collection": 12.0, "janitr_x_posts": 2.5, "scamspot_instagram": 1.5,
}  # fmt: skip

# Links, handles, money and the like tell promotion; for the other heads they would only betray the source of a row.
PROMOTION_SIGNALS: Final = ("links", "handles", "hashtags", "money", "numbers", *KINDS, "alone")
SIGNAL_COUNT: Final = len(SIGNALS) * LEVEL_COUNT

Floats = npt.NDArray[np.float32]


def template_weights(sentences: Corpus, weights: Floats) -> Floats:
    """Weight of each label of the templates' ``sentences``, from that of their sets; float32 (n, len(CATEGORIES))."""
    clean, broken = np.array([TEMPLATE_WEIGHT[head] for head in CATEGORIES], np.float32).T
    scaled: Floats = weights[:, None] * np.where(sentences.labels == 1, broken, clean)
    return scaled


def fit_learners(
    matrix: Matrix,
    labels: Labels,
    weights: Floats,
    sources: npt.NDArray[np.object_],
    space: Space,
    vectors: Vectors,
    *,
    jobs: int = 2,
) -> list[Learner]:
    """Fit the learners of `mixture.RECIPE`, each on the comments that speak for it, with an intercept a source.

    Args:
        matrix: features of the n comments; CSR float32 (n, F).
        labels: 1, 0 or unknown; int8 (n, len(CATEGORIES)).
        weights: of each label; float32 (n, len(CATEGORIES)).
        sources: source of each comment; object (n,).
        space: the feature space.
        vectors: word vectors of its rows.
        jobs: learners fitted at the same time.
    """
    names = sources.astype(str)
    design = _design(matrix, names, space, vectors)
    importance = _source_weights(names)
    samples = [(name, _sample(name, labels, names)) for name in needed_learners(np.unique(names).tolist())]
    samples = [(name, rows) for name, rows in samples if rows.size]
    samples.sort(key=lambda sample: -sample[1].size)  # the longest first, so that no core waits at the end
    tasks = []
    for name, rows in samples:
        category, _, domain = name.partition("/")
        column = CATEGORIES.index(category)
        strength = DOMAIN_STRENGTH if domain else POOLED_STRENGTH
        values = _column_values(category, space, matrix.shape[1])
        told = labels[rows, column], weights[rows, column], importance[rows, column]
        tasks.append(delayed(_fit)(design, rows, *told, values, np.unique(names).size, strength))
    results = Parallel(n_jobs=jobs, return_as="generator", max_nbytes="1M")(tasks)
    fitted = tqdm(results, total=len(samples), desc="learners", unit="learner")
    return [
        Learner(name, _fold(coefficients, matrix.shape[1], vectors))
        for (name, _), coefficients in zip(samples, fitted, strict=True)
    ]


def _source_weights(sources: npt.NDArray[np.str_]) -> Floats:
    """How much each comment counts in each head, for its source; float32 (n, len(CATEGORIES))."""
    weights = np.ones((sources.size, len(CATEGORIES)), np.float32)
    for name, weight in SOURCE_WEIGHT.items():
        weights[sources == name] *= weight
    for name, weight in PROMOTION_WEIGHT.items():
        weights[np.ix_(sources == name, PROMOTIONS)] *= weight
    return weights


def _sample(name: str, labels: Labels, sources: npt.NDArray[np.str_]) -> Ints:
    """The rows that the learner ``name`` is fitted on; none where a class is too small."""
    category, _, domain = name.partition("/")
    column = labels[:, CATEGORIES.index(category)]
    spoken = column != UNKNOWN
    if domain:
        spoken &= np.isin(sources, domain_sources(domain))
    rows = np.flatnonzero(spoken)
    positives = int((column[rows] == 1).sum())
    return rows if min(positives, rows.size - positives) >= LEAST_CLASS else rows[:0]


def _design(matrix: Matrix, sources: npt.NDArray[np.str_], space: Space, vectors: Vectors) -> Matrix:
    """The matrix, and behind it the mean word vector and the source of each comment; CSR float32."""
    means = sparse.csr_matrix(matrix[:, : space.hashes.size] @ vectors)
    names, source = np.unique(sources, return_inverse=True)
    rows = np.arange(matrix.shape[0])
    intercepts = sparse.csr_matrix(
        (np.full(rows.size, SOURCE_VALUE, np.float32), (rows, source)), shape=(rows.size, names.size)
    )
    return sparse.hstack([matrix, means, intercepts], "csr", np.float32)


def _column_values(head: str, space: Space, width: int) -> Floats:
    """By how much the matrix's columns are scaled for the head, 0 for those that it may not use; float32 (F,)."""
    values = np.ones(width, np.float32)
    rows, grams = np.split(values, [space.hashes.size])
    rows[space.combined], grams[: space.grams.size] = VALUES[head]
    if "promotion" not in head:
        for name in PROMOTION_SIGNALS:
            begin = width - SIGNAL_COUNT + SIGNALS.index(name) * LEVEL_COUNT
            values[begin : begin + LEVEL_COUNT] = 0
    return values


def _fit(
    design: Matrix,
    rows: Ints,
    targets: npt.NDArray[np.int8],
    weights: Floats,
    importance: Floats,
    values: Floats,
    sources: int,
    strength: float,
) -> npt.NDArray[np.float64]:
    """Weights of all columns of ``design``, the last ``sources`` of which are intercepts; float64.

    How sure a label is counts in the ratios of the classes, too; how important its source is does not: a few comments
    tell no more of a word for being heard twenty times.
    """
    sample = design[rows]
    positive, negative = (_weigh_columns(sample[targets == label], weights[targets == label]) for label in (1, 0))
    scale = np.ones(sample.shape[1], np.float32)
    counted = values.size - SIGNAL_COUNT  # signals and vectors are as they are
    scale[:counted] = class_ratios(positive[:counted], negative[:counted])
    scale[: values.size] *= values
    scale[-sources:] = positive[-sources:] > 0  # what is all clean must be told by its words, not by its source
    sample.data *= scale.take(sample.indices)
    regression = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=TOLERANCE, max_iter=ITERATIONS, random_state=SEED
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        regression.fit(sample, targets, sample_weight=weights * importance)
    return np.asarray(regression.coef_[0], np.float64) * scale


def _weigh_columns(sample: Matrix, weights: Floats) -> npt.NDArray[np.float64]:
    """The weight of the comments that have each column; float64 (F,)."""
    each = np.repeat(weights, np.diff(sample.indptr))
    return np.asarray(np.bincount(sample.indices, weights=each, minlength=sample.shape[1]), np.float64)


def class_ratios(positive: npt.NDArray[np.float64] | Ints, negative: npt.NDArray[np.float64] | Ints) -> Floats:
    """Scale of each column: the size of the log ratio of its shares in the two classes, 1 on average; float32.

    Args:
        positive, negative: comments of either class that have the column, or their weight.
    """
    shares = (positive + 1) / (positive + 1).sum(), (negative + 1) / (negative + 1).sum()
    ratios = np.abs(np.log(shares[0] / shares[1])).clip(LEAST_SCALE, LARGEST_SCALE)
    seen = positive + negative > SEEN
    scale: Floats = (ratios / (ratios[seen].mean() if seen.any() else 1)).astype(np.float32)
    return scale


def _fold(coefficients: npt.NDArray[np.float64], width: int, vectors: Vectors) -> Floats:
    """Weights of the matrix's columns, those of the word vectors folded into the words; intercepts are dropped."""
    weights = coefficients[:width].copy()
    weights[: len(vectors)] += vectors @ coefficients[width : width + vectors.shape[1]]
    weights[0] = 0
    return weights.astype(np.float32)
