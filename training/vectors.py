"""Word vectors from the training texts themselves, so that words used alike share their weights.

Positive pointwise mutual information of neighbouring words, factorised (Levy & Goldberg 2014). A head's weights on the
dimensions of the mean vector are, word by word, weights of words, so they are compiled into the word rows: they cost
nothing at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from moderate.features import Vocabulary
from moderate.folding import Ints
from moderate.text import tokenize

from .matrix import chunks

DIMENSIONS: Final = 150  # with 300, fitting took 18 GB of memory
WINDOW: Final = (1.0, 1.0, 0.75, 0.5, 0.4)  # weight of a neighbour one, two, ... words away
SMOOTHING: Final = 0.75  # exponent of the context distribution (Levy, Goldberg & Dagan 2015)
SEED: Final = 0

Vectors = npt.NDArray[np.float32]


def learn_vectors(texts: Sequence[str], vocabulary: Vocabulary, rows: int) -> Vectors:
    """Unit vectors of the words among ``rows`` table rows, zero for the others; float32 (rows, DIMENSIONS)."""
    sequence = _word_sequence(texts, vocabulary)
    words = np.unique(sequence)
    words = words[words > 0]
    vectors = np.zeros((rows, DIMENSIONS), np.float32)
    if words.size <= DIMENSIONS:
        return vectors
    index = np.full(rows, -1, np.int64)
    index[words] = np.arange(words.size)
    information = _mutual_information(_count_neighbours(sequence, index, words.size))
    with threadpool_limits(1):  # sums in another order would give other bytes
        left, strength, _ = randomized_svd(information, DIMENSIONS, n_iter=4, random_state=SEED)
    scaled = left * np.sqrt(strength)
    vectors[words] = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
    return vectors


def _word_sequence(texts: Sequence[str], vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """Row of every word of every text, in order; 0 at boundaries and for unknown words."""
    parts = []
    for chunk in chunks(texts, label="vectors"):
        features = vocabulary.extract(tokenize(chunk))
        rows = features.rows[:, 0].copy()
        rows[features.boundaries()] = 0
        parts.append(rows)
    return np.concatenate(parts)


def _count_neighbours(sequence: npt.NDArray[np.int32], index: Ints, size: int) -> sparse.csr_matrix:
    """Weighted counts of words near each other, not across an unknown word or a boundary."""
    places = np.where(sequence > 0, index[sequence], -1)
    stretch = np.cumsum(sequence == 0)
    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    for distance, weight in enumerate(WINDOW, 1):
        left, right = places[:-distance], places[distance:]
        near = (left >= 0) & (right >= 0) & (stretch[:-distance] == stretch[distance:])
        values = np.full(int(near.sum()), weight, np.float32)
        counts = counts + sparse.coo_matrix((values, (left[near], right[near])), shape=(size, size)).tocsr()
    counts = (counts + counts.T).tocsr()
    counts.data[counts.data < 1] = 0  # seen once, some words apart: noise
    counts.eliminate_zeros()
    return counts


def _mutual_information(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Positive pointwise mutual information; CSR, same shape."""
    entries = counts.tocoo()
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
    context = totals**SMOOTHING
    context /= context.sum()
    information = np.log(entries.data / totals[entries.row] / context[entries.col])
    positive = sparse.coo_matrix((np.maximum(information, 0), (entries.row, entries.col)), shape=counts.shape).tocsr()
    positive.eliminate_zeros()
    return positive.astype(np.float32)
