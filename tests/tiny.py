"""A model small enough to reason about: a few words with weights that a test chooses, no training."""

from collections.abc import Iterable, Mapping

import numpy as np
from hypothesis import strategies as st

from moderate.feature_table import FeatureTable
from moderate.features import BOUNDARY_CLASS, LEVEL_COUNT, SIGNALS, Vocabulary, combine
from moderate.guidelines import CATEGORIES, PRESETS
from moderate.letters import disguises, spelling_keys
from moderate.model import CLASS_BYTE, OFFSET, ROW_BYTES, LinearModel
from moderate.passages import Lengths
from moderate.spaced import half_keys
from moderate.spelling import Spelling
from moderate.text import hash_words, tokenize

BOUNDARY = tokenize([""]).hashes[0]
NO_SPELLING = Spelling(keys=np.zeros(0, np.uint64), words=np.zeros(0, np.uint64))

# Pieces that a careless tokenizer would read across the border of two comments, and what evaders use.
PIECES = [
    *"abk<>/&;#.:@*!$ \n-'\"1x%_~^|+(=",
    "br>", "<b", "<a h", "<a href", "http://", "www.", ".com", "&#3", "9;", "&am", "p;", "&shy;", "\r\n",
    "ebay", "ebay.com", "?ref=", "://", "?", "=",
    "idiot", "1d10t", "i d i o t", "idi*t", "idi", "ot", "i.d.i.o", "😀o😀t", "sh!7", "th0$3", "you are ", "f*", "**",
    "\u200b", "\u00ad", "\u0301", "\ufeff", "\x00", "\u202e", "\ud800", "\udfff",
    "😀", "👍🏽", "ﬁ", "İ", "ſ", "ß", "日", "한", "ש", "ب", "я", "①", "𝐟",
]  # fmt: skip
comments = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(st.characters(codec=None), max_size=20)
batches = st.lists(comments, min_size=1, max_size=6)


def build_spelling(words: Iterable[str]) -> Spelling:
    """Spellings of ``words`` in disguise and in halves, of longer ones with a letter dropped and with two swapped."""
    words = list(words)
    halves = [(word[:place], word[place:], word) for word in words if len(word) >= 4 for place in range(1, len(word))]
    changed = [(spelling, word) for word in words if len(word) >= 5 for spelling in disguises(word)]
    keys = [spelling_keys(words, plain=False)]
    targets = [hash_words(words)]
    if changed:
        keys.append(spelling_keys([spelling for spelling, _ in changed], plain=True))
        targets.append(hash_words([word for _, word in changed]))
    if halves:
        left, right = (hash_words([half[side] for half in halves]) for side in (0, 1))
        for marked in (False, True):
            keys.append(half_keys(left, right, np.full(len(halves), marked)))
            targets.append(hash_words([half[2] for half in halves]))
    return Spelling.build(np.concatenate(keys), np.concatenate(targets))


def build_vocabulary(classes: Mapping[str, int], *, extra=(), spelling: Spelling = NO_SPELLING) -> Vocabulary:
    """A vocabulary of words (word -> class, 0 for none), the boundary, and ``extra`` hashes of other features."""
    words = list(classes)
    hashes = np.concatenate([[BOUNDARY], hash_words(words), np.array(extra, np.uint64)]).astype(np.uint64)
    table, kept = FeatureTable.build(hashes, bits=10)
    assert kept.size == hashes.size
    row_classes = np.zeros(kept.size + 1, np.uint8)
    row_classes[table.look_up(hashes)[: len(words) + 1]] = [BOUNDARY_CLASS, *classes.values()]
    return Vocabulary(table=table, classes=row_classes, spelling=spelling)


def build_model(
    weights: Mapping[str | tuple[str, ...] | int, Mapping[str, int]],
    *,
    signals: Mapping[tuple[str, int], Mapping[str, int]] | None = None,
    spelling: Spelling = NO_SPELLING,
    intercept: float = -4.0,
    scale: float = 0.05,
    threshold: float = 0.5,
) -> LinearModel:
    """A model with weights (-127 to 127) of words, of pairs (``""`` is the boundary) and of hashes, by category."""

    def hash_of(feature) -> int:
        if isinstance(feature, str):
            return int(hash_words([feature])[0])
        if isinstance(feature, tuple):
            left, right = (np.array([BOUNDARY]) if word == "" else hash_words([word]) for word in feature)
            return int(combine(left, right, kind="bigram")[0])
        return int(feature)

    hashes = np.array([int(BOUNDARY), *map(hash_of, weights)], np.uint64)
    table, kept = FeatureTable.build(hashes, bits=10)
    assert kept.size == hashes.size
    rows = np.full((kept.size + 1, ROW_BYTES), OFFSET, np.uint8)
    rows[:, CLASS_BYTE:] = 0
    for number, values in zip(table.look_up(hashes).tolist(), [{}, *weights.values()], strict=True):
        for category, weight in values.items():
            rows[number, CATEGORIES.index(category)] = weight + OFFSET
    rows[table.look_up(hashes)[0], CLASS_BYTE] = BOUNDARY_CLASS
    levels = np.zeros((len(SIGNALS), LEVEL_COUNT, len(CATEGORIES)), np.int16)
    for (signal, level), values in (signals or {}).items():
        for category, weight in values.items():
            levels[SIGNALS.index(signal), level, CATEGORIES.index(category)] = weight
    heads = len(CATEGORIES)
    return LinearModel(
        table=table,
        rows=rows,
        spelling=spelling,
        signals=levels,
        scale=np.full(heads, scale),
        gram_ratio=0.5,
        lengths=Lengths(prior_words=0.0),
        slopes=np.ones(heads),
        intercepts=np.full(heads, intercept),
        presets={
            name: dict.fromkeys(CATEGORIES, value)
            for name, value in zip(PRESETS, (threshold, threshold / 2, (1 + threshold) / 2), strict=True)
        },
        card={"name": "tiny"},
    )
