"""What words weigh in a model, and what a retraining made of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from moderate.features import hash_word_grams
from moderate.folding import Floats
from moderate.guidelines import CATEGORIES
from moderate.model import OFFSET, LinearModel
from moderate.text import hash_words

from .matrix import count_words

LEAST_SEEN: Final = 5  # times that a word must stand in the comments to be told of
COMMENT_WORDS: Final = 20  # length of the comment in which a word's weight is given


@dataclass(frozen=True, slots=True)
class WordChange:
    """What one occurrence of a word adds to a category's log-odds, in a comment of `COMMENT_WORDS` words."""

    word: str
    before: float
    after: float
    seen: int

    @property
    def gain(self) -> float:
        """How much heavier the word became."""
        return self.after - self.before


def weigh_words(model: LinearModel, words: Sequence[str]) -> Floats:
    """What each folded word, by itself, adds to the log-odds of each head; float64 (n, heads).

    A word without a row weighs what its character n-grams do.
    """
    weights = model.rows[:, : len(CATEGORIES)].astype(np.float64) - OFFSET
    rows = model.table.look_up(hash_words(words))
    values = weights.take(rows, axis=0)
    unknown = np.flatnonzero(rows == 0)
    spelt = [words[index] for index in unknown.tolist()]
    lengths = np.array([len(word) for word in spelt], np.int64)
    codes = np.frombuffer("".join(spelt).encode("utf-32-le", "surrogatepass"), "<u4")
    hashes, owner = hash_word_grams(codes, np.cumsum(lengths) - lengths, lengths)
    grams = model.table.look_up(hashes)
    counts = np.bincount(owner[grams > 0], minlength=unknown.size)
    sums = np.zeros((unknown.size, len(CATEGORIES)))
    np.add.at(sums, owner, weights.take(grams, axis=0))
    values[unknown] = sums * (model.gram_ratio / np.sqrt(np.maximum(counts, 1)))[:, None]
    scaled: Floats = values * (model.scale * model.slopes) / model.lengths.divisors(np.array(COMMENT_WORDS))
    return scaled


def compare_words(before: LinearModel, after: LinearModel, texts: Sequence[str], head: str) -> list[WordChange]:
    """The words of ``texts`` that ``after`` knows and that are not rare, by how much they gained in ``head``."""
    hashes, counts, strings = count_words(texts)
    known = np.flatnonzero((counts >= LEAST_SEEN) & (after.table.look_up(hashes) > 0))
    known = np.array([row for row in known if strings[int(hashes[row])].isalpha()], np.int64)
    words = [strings[int(hashes[row])] for row in known]
    column = CATEGORIES.index(head)
    pairs = zip(weigh_words(before, words)[:, column], weigh_words(after, words)[:, column], strict=True)
    changes = [
        WordChange(word, float(old), float(new), int(counts[row]))
        for word, row, (old, new) in zip(words, known, pairs, strict=True)
    ]
    return sorted(changes, key=lambda change: (-change.gain, change.word))
