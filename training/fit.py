"""Fit every head with scikit-learn and compile the weights into a `LinearModel`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from moderate.features import LEVEL_COUNT, SIGNALS, FeatureTable
from moderate.folding import Ints
from moderate.guidelines import CATEGORIES, PRESETS
from moderate.model import CLASS_BYTE, OFFSET, ROW_BYTES, LinearModel

from .corpora import UNKNOWN, Labels
from .matrix import Matrix, Space
from .vectors import Vectors

# Inverse regularisation strength; the heads with few positives overfit sooner (dev AUC by source, see TRIALS.md).
STRENGTH: Final[Mapping[str, float]] = {
    **dict.fromkeys(CATEGORIES, 0.5), "toxic": 1.0, "abuse": 0.5, "promotion": 1.0, "profanity": 1.0, "sexism": 1.0,
}  # fmt: skip
TOLERANCE: Final = 0.1  # of liblinear's dual coordinate descent; tighter changed no AUC by more than 0.001
ITERATIONS: Final = 100
SOURCE_VALUE: Final = 1.0  # value of the per-source intercept's column, which the exported model does not have
SEED: Final = 0  # the order in which coordinate descent visits the rows

# Links, handles, money and the like tell promotion; for the other heads they would only betray the source of a row.
PROMOTION_SIGNALS: Final = ("links", "handles", "hashtags", "money", "numbers")

# Share of another head's weights, both scaled alike, that a head takes over: the sum of linear heads is a linear head.
# The general heads have most data and carry over best to sources that nobody has seen (TRIALS.md).
BORROWED: Final[Mapping[str, Mapping[str, float]]] = {
    "profanity": {"toxic": 0.5},
    "personal_attack": {"toxic": 0.4},
    "abuse": {"toxic": 0.5},
    "sexism": {"toxic": 0.3},
    "toxic": {"abuse": 0.1, "profanity": 0.1},
}

SPREAD_SAMPLE: Final = 20_000  # comments on which the spread of scores is measured
LARGEST: Final = 99.995  # percentile of a head's weights that becomes 127 units; the few beyond are clipped
MOST_ROWS: Final = 600_000  # rows of 16 bytes in the packaged model, which has 15 MB at the most
MODEL_BITS: Final = 18  # 2**18 buckets of four: a table of 3 MB


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted weights: of table rows (n-grams of words compiled in), n-grams and signals; float64, a column a head."""

    rows: npt.NDArray[np.float64]
    grams: npt.NDArray[np.float64]
    signals: npt.NDArray[np.float64]


def fit_heads(
    matrix: Matrix,
    labels: Labels,
    weights: npt.NDArray[np.float32],
    sources: npt.NDArray[np.object_],
    space: Space,
    vectors: Vectors,
    *,
    jobs: int = 2,
) -> Weights:
    """Fit one logistic regression a head, each on the rows that speak for it, with an intercept for each source."""
    row_count, gram_count = space.hashes.size, space.grams.size
    means = sparse.csr_matrix(matrix[:, :row_count] @ vectors)
    names, source = np.unique(sources.astype(str), return_inverse=True)
    columns = np.arange(matrix.shape[0])
    intercepts = sparse.csr_matrix(
        (np.full(columns.size, SOURCE_VALUE, np.float32), (columns, source)), shape=(columns.size, names.size)
    )
    design = sparse.hstack([matrix, means, intercepts], "csr", np.float32)
    masks = {head: _signal_mask(head, matrix.shape[1], design.shape[1]) for head in CATEGORIES}
    tasks = (
        delayed(_fit_head)(design, labels[:, column], weights[:, column], masks[head], STRENGTH[head])
        for column, head in enumerate(CATEGORIES)
    )
    results = Parallel(n_jobs=jobs, return_as="generator", max_nbytes="1M")(tasks)
    fitted = np.stack(list(tqdm(results, total=len(CATEGORIES), desc="heads", unit="head")), axis=1)
    fitted = _borrow(fitted[: matrix.shape[1] + vectors.shape[1]], design)
    grams = fitted[row_count : row_count + gram_count]
    signals = fitted[row_count + gram_count : matrix.shape[1]]
    rows = fitted[:row_count] + space.word_grams @ grams + vectors @ fitted[matrix.shape[1] :]
    rows[0] = 0
    return Weights(rows=rows, grams=grams, signals=signals.reshape(len(SIGNALS), LEVEL_COUNT, -1))


def _signal_mask(head: str, feature_count: int, width: int) -> npt.NDArray[np.float32]:
    """1 for each column that the head may use, else 0."""
    mask = np.ones(width, np.float32)
    if "promotion" not in head:
        start = feature_count - len(SIGNALS) * LEVEL_COUNT
        for name in PROMOTION_SIGNALS:
            begin = start + SIGNALS.index(name) * LEVEL_COUNT
            mask[begin : begin + LEVEL_COUNT] = 0
    return mask


def _fit_head(
    design: Matrix,
    labels: npt.NDArray[np.int8],
    weights: npt.NDArray[np.float32],
    mask: npt.NDArray[np.float32],
    strength: float,
) -> npt.NDArray[np.float64]:
    spoken = np.flatnonzero(labels != UNKNOWN)
    targets = labels[spoken]
    if np.unique(targets).size < 2:
        return np.zeros(design.shape[1])
    rows = design[spoken] @ sparse.diags(mask)
    regression = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=TOLERANCE, max_iter=ITERATIONS, random_state=SEED
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        regression.fit(rows.astype(np.float32), targets, sample_weight=weights[spoken])
    return np.asarray(regression.coef_[0], np.float64) * mask


def _borrow(weights: npt.NDArray[np.float64], design: Matrix) -> npt.NDArray[np.float64]:
    """Weights of the heads with what they take over from others, in proportion to the spread of their scores."""
    sample = design[:: max(1, design.shape[0] // SPREAD_SAMPLE), : weights.shape[0]]
    spread = np.maximum((sample @ weights).std(axis=0), 1e-9)
    mixed = weights.copy()
    for head, shares in BORROWED.items():
        column = CATEGORIES.index(head)
        for lender, share in shares.items():
            other = CATEGORIES.index(lender)
            mixed[:, column] += share * spread[column] / spread[other] * weights[:, other]
    return mixed


def compile_model(space: Space, weights: Weights, card: Mapping[str, Any]) -> LinearModel:
    """Quantise the weights and lay out the table; calibration is still to come (slope 1, intercept 0)."""
    reach = np.percentile(np.abs(weights.rows), LARGEST, axis=0)
    scale = np.maximum(reach, 1e-9) / (OFFSET - 1)
    gram_ratio = float(np.max(np.abs(weights.grams).max(axis=0, initial=0) / (scale * (OFFSET - 1))))
    rows = _quantise(weights.rows / scale)
    grams = _quantise(weights.grams / (scale * max(gram_ratio, 1e-9)))
    telling = np.flatnonzero((rows != 0).any(axis=1) | (space.vocabulary.classes > 0))
    telling = telling[telling > 0]
    gram_telling = np.flatnonzero((grams != 0).any(axis=1))
    hashes = np.concatenate([space.hashes[telling], space.grams[gram_telling]])
    values = np.concatenate([rows[telling], grams[gram_telling]])
    classes = np.concatenate([space.vocabulary.classes[telling], np.zeros(gram_telling.size, np.uint8)])
    order = _importance(values, classes)[:MOST_ROWS]
    table, kept = FeatureTable.build(hashes[order], bits=MODEL_BITS)
    kept = order[kept]
    packed = np.full((kept.size + 1, ROW_BYTES), OFFSET, np.uint8)
    packed[1:, : len(CATEGORIES)] = values[kept] + OFFSET
    packed[0, CLASS_BYTE:] = 0
    packed[1:, CLASS_BYTE] = classes[kept]
    packed[:, CLASS_BYTE + 1] = 0
    heads = len(CATEGORIES)
    return LinearModel(
        table=table,
        rows=packed,
        spelling=space.vocabulary.spelling,
        signals=np.rint(weights.signals / scale).clip(-32767, 32767).astype(np.int16),
        scale=scale,
        gram_ratio=gram_ratio,
        slopes=np.ones(heads),
        intercepts=np.zeros(heads),
        presets={name: dict.fromkeys(CATEGORIES, 0.5) for name in PRESETS},
        card={**card, "rows": int(kept.size), "rows_left_out": int(hashes.size - kept.size)},
    )


def _quantise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.rint(values).clip(1 - OFFSET, OFFSET - 1).astype(np.int16)


def _importance(values: npt.NDArray[np.int16], classes: npt.NDArray[np.uint8]) -> Ints:
    """Indices of the rows: members of a class first, then by largest weight; where a bucket is full the last goes."""
    strength = np.abs(values).max(axis=1).astype(np.int64) + np.where(classes > 0, 1000, 0)
    return np.argsort(-strength, kind="stable")
