"""Compile mixed heads into a `LinearModel`: n-grams of known words into their rows, eight-bit weights, the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moderate.feature_table import FeatureTable
from moderate.features import CLASS_HASHES, IDENTITY_CLASS, LEVEL_COUNT, SIGNALS, combine
from moderate.folding import Ints
from moderate.guidelines import CATEGORIES, PRESETS
from moderate.model import CLASS_BYTE, OFFSET, ROW_BYTES, LinearModel
from moderate.passages import Lengths

from .matrix import PRIOR_WORDS, Space

MOST_ROWS: Final = 330_000  # rows of 16 bytes; with 300,000 no AUC fell by more than 0.0003
MODEL_BITS: Final = 18  # 2**18 buckets of four: a table of 3 MB

# Share of what a group's bare name adds to abuse, and to the general impression, that is taken away: in the corpora
# some groups are hardly named but in abuse. What is said of them stays. (TRIALS.md: what it costs and what it saves;
# nothing in sexism, where the word "women" is what tells it.)
FORGIVEN: Final[Mapping[str, float]] = {
    "abuse": 0.5, "toxic": 0.2, "racism": 0.4, "homophobia": 0.4, "xenophobia": 0.4, "other_abuse": 0.4,
}  # fmt: skip
# A name is as bare beside one of the most frequent words: what the two say together is said of every group alike, and
# stands in the frame. 100 and 10,000 did the same.
COMMON: Final = 1000

# Share of what any link adds to promotion that is taken away: in the corpora hardly anybody shows one but to advertise,
# while readers of news cite. Where it leads, and how many there are, stays. (TRIALS.md)
LINK_FORGIVEN: Final = 0.75


def export_model(
    space: Space, weights: npt.NDArray[np.float64], frequencies: Ints, card: Mapping[str, Any]
) -> LinearModel:
    """Quantise the weights and lay out the table; calibration is still to come (slope 1, intercept 0).

    A head's largest weight becomes 127 units: clipping even the largest 50 cost 0.01 AUC.

    Args:
        space: the feature space.
        weights: of the training matrix's F columns; float64 (F, len(CATEGORIES)).
        frequencies: number of training comments that have each column; int64 (F,).
        card: what the configuration says of the model.
    """
    row_count, gram_count = space.hashes.size, space.grams.size
    gram_weights = weights[row_count : row_count + gram_count]
    row_weights = weights[:row_count] + space.word_grams @ gram_weights
    row_weights[0] = 0
    _forgive_names(row_weights, space, frequencies[:row_count])
    signals = weights[row_count + gram_count :].reshape(len(SIGNALS), LEVEL_COUNT, -1).copy()
    _forgive_links(signals)
    scale = np.maximum(np.abs(row_weights).max(axis=0), 1e-9) / (OFFSET - 1)
    gram_ratio = float(np.max(np.abs(gram_weights).max(axis=0, initial=0) / (scale * (OFFSET - 1))))
    rows = _quantise(row_weights / scale)
    grams = _quantise(gram_weights / (scale * max(gram_ratio, 1e-9)))
    telling = np.flatnonzero((rows != 0).any(axis=1) | (space.vocabulary.classes > 0))
    telling = telling[telling > 0]
    gram_telling = np.flatnonzero((grams != 0).any(axis=1))
    hashes = np.concatenate([space.hashes[telling], space.grams[gram_telling]])
    values = np.concatenate([rows[telling], grams[gram_telling]])
    classes = np.concatenate([space.vocabulary.classes[telling], np.zeros(gram_telling.size, np.uint8)])
    counts = np.concatenate([frequencies[telling], frequencies[row_count + gram_telling]])
    order = _importance(values, classes, counts)[:MOST_ROWS]
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
        signals=np.rint(signals / scale).clip(-32767, 32767).astype(np.int16),
        scale=scale,
        gram_ratio=gram_ratio,
        lengths=Lengths(prior_words=PRIOR_WORDS),
        slopes=np.ones(heads),
        intercepts=np.zeros(heads),
        presets={name: dict.fromkeys(CATEGORIES, 0.5) for name in PRESETS},
        card={**card, "rows": int(kept.size), "rows_left_out": int(hashes.size - kept.size)},
    )


def _forgive_names(row_weights: npt.NDArray[np.float64], space: Space, frequencies: Ints) -> None:
    """Lower, in place, what the names of groups add by themselves: as words, by topic, and beside a common word."""
    words = np.flatnonzero(space.vocabulary.classes == IDENTITY_CLASS)
    common = np.argsort(-frequencies, kind="stable")[:COMMON]  # those that are no words make no bigram
    name, neighbour = space.hashes[words], space.hashes[common][:, None]
    hashes = [
        combine(name, CLASS_HASHES[IDENTITY_CLASS], kind="topic"),
        combine(name, neighbour, kind="bigram"),
        combine(neighbour, name, kind="bigram"),
    ]
    found = [space.vocabulary.table.look_up(one.ravel()) for one in hashes]
    named = np.unique(np.concatenate([words, *found]))
    for head, share in FORGIVEN.items():
        column = CATEGORIES.index(head)
        row_weights[named, column] -= share * np.maximum(row_weights[named, column], 0)


def _forgive_links(signals: npt.NDArray[np.float64]) -> None:
    """Lower, in place, what any link adds to promotion: at every level as much as at the first."""
    links = signals[SIGNALS.index("links"), 1:, CATEGORIES.index("promotion")]
    links -= LINK_FORGIVEN * max(links[0], 0)


def _quantise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.rint(values).clip(1 - OFFSET, OFFSET - 1).astype(np.int16)


def _importance(values: npt.NDArray[np.int16], classes: npt.NDArray[np.uint8], counts: Ints) -> Ints:
    """Indices of the rows: members of a class, then by what they move; where a bucket is full the last goes.

    What a row moves is its largest weight, and how often: by the root, since a rare feature's weight may be an accident
    as well as a rare insult.
    """
    moved = np.abs(values).max(axis=1) * np.sqrt(counts)
    return np.lexsort((-moved, classes == 0))
