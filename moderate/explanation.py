"""Why comments were rejected: the categories they break, and the words that moved the model's scores of these.

Works on whole batches: a *case* is a rejected comment and one category that it breaks. The words of all cases are laid
out one after another, weighed, and the strongest of each case are turned into spans of the original comment.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from .decision import Span
from .features import Features
from .folding import Bools, Ints
from .guidelines import CATEGORIES, FAMILY, Category
from .links import expand
from .model import LinearModel

KIND_SHARE: Final = 0.15  # of a broken category's score, from which a kind of it is named too; golden cases chose it
MOST_WORDS: Final = 5  # words that a reason names
LEAST_SHARE: Final = 0.35  # of the strongest word's weight, that a word must have to be named

_TOXIC: Final = CATEGORIES.index(Category.TOXIC)
_NEAREST: Final = [column for column, name in enumerate(CATEGORIES) if "promotion" not in name and column != _TOXIC]


def name_categories(scores: npt.NDArray[np.float32], broken: Bools, limits: npt.NDArray[np.float32]) -> list[list[int]]:
    """Columns of the categories that each of n rejected comments breaks, strongest first.

    A broken child breaks its parent, and a broken parent names the kinds that have a fair share of its score. A rude
    general impression counts as the nearest of the other categories: the one that comes closest to its threshold.

    Args:
        scores: probabilities; float32 (n, len(CATEGORIES)).
        broken: which reach their threshold; bool, same shape.
        limits: thresholds; float32, same shape.
    """
    named = broken.copy()
    for child, parent in FAMILY:
        named[:, parent] |= named[:, child]
    for child, parent in FAMILY:
        named[:, child] |= named[:, parent] & (scores[:, child] >= KIND_SHARE * scores[:, parent])
    named[:, _TOXIC] = False
    vague = np.flatnonzero(~named.any(axis=1))
    if vague.size:
        closeness = scores[vague][:, _NEAREST] / np.maximum(limits[vague][:, _NEAREST], 1e-9)
        named[vague, np.take(_NEAREST, closeness.argmax(axis=1))] = True
    order = np.argsort(np.where(named, -scores, 1), axis=1, kind="stable").tolist()
    return [columns[:count] for columns, count in zip(order, named.sum(axis=1).tolist(), strict=True)]


def locate_words(
    model: LinearModel, features: Features, first: Ints, comments: Ints, columns: Ints
) -> tuple[Ints, Ints]:
    """The words that weigh most in each case: a head and a comment.

    Args:
        model: the model that scored.
        features: features of the batch.
        first: index of each comment's first word, and the number of words; int64 (n + 1,).
        comments, columns: comment and head of each case; int64 (m,).

    Returns:
        the words, in order of place, and the case of each; int64.
    """
    begins, ends = first.take(comments), first.take(comments + 1)
    words = expand(begins, ends)
    starts = np.cumsum(ends - begins) - (ends - begins)
    case = np.repeat(np.arange(comments.size), ends - begins)
    weights = model.word_weights(features, words, columns.take(case))
    weights[features.boundaries().take(words)] = 0
    strongest = np.maximum.reduceat(weights, starts)
    kept = np.flatnonzero((weights > 0) & (weights >= LEAST_SHARE * strongest.take(case)))
    order = kept[np.lexsort((-weights.take(kept), case.take(kept)))]
    rank = np.arange(order.size) - np.searchsorted(case.take(order), case.take(order))
    chosen = np.sort(order[rank < MOST_WORDS])
    return words.take(chosen), case.take(chosen)


def merge_spans(begins: Ints, ends: Ints, owner: Ints, count: int) -> list[tuple[Span, ...]]:
    """Spans of each of ``count`` owners, in order of place; those that overlap or lie one character apart are one.

    Args:
        begins, ends: code points; int64 (s,), ordered by owner, then by place.
        owner: owner of each; int64 (s,).
    """
    if not owner.size:
        return [()] * count
    shift = owner * (int(ends.max()) + 2)  # keeps the owners apart
    apart = np.append(True, (begins + shift)[1:] > np.maximum.accumulate(ends + shift)[:-1] + 1)
    new = np.flatnonzero(apart)
    spans = list(zip(begins.take(new).tolist(), np.maximum.reduceat(ends, new).tolist(), strict=True))
    bounds = np.searchsorted(owner.take(new), np.arange(count + 1)).tolist()
    return [tuple(spans[start:end]) for start, end in pairwise(bounds)]
