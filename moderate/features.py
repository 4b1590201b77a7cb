"""Tokens -> hashed features: the one feature pipeline, used in training and at run time.

A comment is a bag of features, each a 64-bit hash:

- ``word``: a token, spelt as the vocabulary knows it (`Vocabulary.resolve` undoes obfuscation),
- ``bigram``: two neighbouring words,
- ``frame``: three neighbouring words in which members of a word class are replaced by the class, "hate IDENTITY and",
- ``chain2``, ``chain3``: neighbouring classes, the words between them left out, "YOU ... NEGATION ... INSULT",
- ``topic``: a word of a comment that names a group: what "gift" or "remove" says there, it does not say elsewhere,
- ``gram``: the character n-grams of a word that the vocabulary does not know,

and a few counted signals: links, where they lead and how alone they are, handles, capitals, exclamation marks. The
table of a model maps hashes to rows of weights; hashes without a row are no features. Nothing here depends on weights:
training counts the same hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .feature_table import FeatureTable, Rows
from .folding import U8, U32, U64, Bools, Ints
from .links import expand
from .sites import KINDS, OWN
from .spelling import Spelling
from .text import SPREAD, Tokens, chain_bounds, mix

# Every kind of feature hashes apart; the constants are arbitrary and only have to differ.
SALTS: Final = {
    name: np.uint64(0xD6E8FEB86659FD93 * (number + 1) & 0xFFFFFFFFFFFFFFFF)
    for number, name in enumerate(("bigram", "frame", "chain2", "chain3", "gram", "class", "phrase", "topic"))
}
_SALTS: Final = np.array(list(SALTS.values()), np.uint64)

# Word classes are numbers, 0 for none; these three have a meaning here, the others come from the rule book.
BOUNDARY_CLASS: Final = 1
IDENTITY_CLASS: Final = 2  # names of groups that are abused for what they are
IGNORED_CLASS: Final = 255  # place-holders such as "user" or "rt": no word of the comment
CLASS_HASHES: Final = mix(np.arange(256, dtype=np.uint64) * SPREAD ^ SALTS["class"])

# First characters of the tokens that are no words.
_MARKS: Final = np.isin(np.arange(0x100), [ord('"'), ord("?")])

GRAM_SIZES: Final = (3, 4, 5)
GRAM_LETTERS: Final = 32  # letters of an unknown word that are read: longer ones are no words

# Signals: what is counted, and from which counts on the next of its four levels begins.
SIGNALS: Final = (
    *("links", "handles", "exclamations", "questions", "quotes", "hashtags", "money", "numbers", "capitals"),
    *KINDS,  # of links
    "alone",  # how many words a comment with a link to what is one's own lacks of `ALONE_WORDS`
)
ALONE_WORDS: Final = 7  # as many say what a link is shown for; see TRIALS.md
_LEVELS: Final = {
    **dict.fromkeys(("links", "money", "numbers", *KINDS), (1, 2, 3)),
    "capitals": (10, 35, 75),
    "alone": (1, ALONE_WORDS - 2, ALONE_WORDS),
}
LEVELS: Final = np.array([_LEVELS.get(name, (1, 2, 4)) for name in SIGNALS], np.int64)
LEVEL_COUNT: Final = 4
LONG_NUMBER: Final = 7  # digits from which a number is like a telephone number
CAPITAL_WORD: Final = 3  # letters from which a word in capitals is shouted rather than an initial


@dataclass(slots=True)
class Features:
    """The features of a batch of n comments with K words in all; a row is an index into the model's table, 0 = none.

    Attributes:
        tokens: the tokens they come from.
        index: token index of each word, boundaries included; int64 (K,).
        last: token index of its last part, where it was put together from several; int64 (K,).
        first: index of each comment's boundary among the words, and K at the end; int64 (n + 1,).
        words: hash of each word as the vocabulary spells it; uint64 (K,).
        rows: rows of word, bigram and frame that begin at each word, and of the word by topic; int32 (K, 4).
        chain: index among the words of those that have a class, boundaries included; int64 (C,).
        chain_rows: rows of chain2 and chain3 that begin at each of these; int32 (C, 2).
        gram_rows: rows of character n-grams; int32 (G,).
        gram_words: index among the words of the word each belongs to; int64 (G,).
        signals: level of each signal; int64 (n, len(SIGNALS)).
        counts: number of words of each comment, marks left out; int64 (n,).
        known: number of those that the vocabulary knows; int64 (n,).
    """

    tokens: Tokens
    index: Ints
    last: Ints
    first: Ints
    words: U64
    rows: Rows
    chain: Ints
    chain_rows: Rows
    gram_rows: Rows
    gram_words: Ints
    signals: Ints
    counts: Ints
    known: Ints

    @classmethod
    def join(cls, parts: Sequence[Features]) -> Features:
        """The features of several batches as those of one."""
        tokens = np.cumsum([0, *(part.tokens.hashes.size for part in parts)])
        sizes = [part.words.size for part in parts]
        words = np.cumsum([0, *sizes])

        def join(name: str, shifts: Ints | None = None) -> npt.NDArray[Any]:
            values = [getattr(part, name) for part in parts]
            if shifts is not None:
                values = [part + shift for part, shift in zip(values, shifts, strict=False)]
            return np.concatenate(values)

        return cls(
            tokens=Tokens.join([part.tokens for part in parts]),
            index=join("index", tokens),
            last=join("last", tokens),
            first=chain_bounds([part.first for part in parts], sizes),
            words=join("words"),
            rows=join("rows"),
            chain=join("chain", words),
            chain_rows=join("chain_rows"),
            gram_rows=join("gram_rows"),
            gram_words=join("gram_words", words),
            signals=join("signals"),
            counts=join("counts"),
            known=join("known"),
        )

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What the compiled kernel of the model reads, in its order."""
        grams = (self.gram_rows, self.gram_words)
        return (self.first, self.rows, self.chain, self.chain_rows, *grams, self.signals)

    def mute(self, words: Ints) -> None:
        """Take away, in place, the features that begin at ``words`` (indices), and the n-grams of these words."""
        muted = np.zeros(self.words.size, np.bool_)
        muted[words] = True
        self.rows[words] = 0
        self.chain_rows[muted.take(self.chain)] = 0
        self.gram_rows[muted.take(self.gram_words)] = 0

    def boundaries(self) -> Bools:
        """Whether each word is the boundary that opens a comment; bool (K,)."""
        mask = np.zeros(self.words.size, np.bool_)
        mask[self.first[:-1]] = True
        return mask


def combine(left: U64, right: U64 | np.uint64, *, kind: str) -> U64:
    """Hash pairs of hashes, in order, apart from other kinds of feature; uint64."""
    return mix((left * SPREAD + right) ^ SALTS[kind])


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a pipeline has to know before it can extract: known words, their classes, and how evaders spell them.

    Attributes:
        table: rows of all features.
        classes: class of each row that is a word; uint8 (rows,).
        spelling: from the spelling of a disguised word to the word.
    """

    table: FeatureTable
    classes: U8
    spelling: Spelling
    _tables: tuple[npt.NDArray[Any], ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out what the compiled kernel has to know, in its order."""
        if kernels is not None:
            tables = (self.table.entries(), self.classes, _SALTS, CLASS_HASHES, LEVELS)
            object.__setattr__(self, "_tables", (*tables, *self.spelling.arrays()))

    def extract(self, tokens: Tokens) -> Features:
        """Extract the features of a batch."""
        if kernels is None:
            return self._extract(tokens)
        index, last, first, words, rows, chain, chain_rows, gram_rows, gram_words, signals, counts, known = (
            kernels.extract(self._tables, tokens.arrays())
        )
        return Features(
            tokens=tokens,
            index=np.frombuffer(index, np.int64),
            last=np.frombuffer(last, np.int64),
            first=np.frombuffer(first, np.int64),
            words=np.frombuffer(words, np.uint64),
            rows=np.frombuffer(rows, np.int32).reshape(-1, 4),
            chain=np.frombuffer(chain, np.int64),
            chain_rows=np.frombuffer(chain_rows, np.int32).reshape(-1, 2),
            gram_rows=np.frombuffer(gram_rows, np.int32),
            gram_words=np.frombuffer(gram_words, np.int64),
            signals=np.frombuffer(signals, np.int64).reshape(-1, len(SIGNALS)),
            counts=np.frombuffer(counts, np.int64),
            known=np.frombuffer(known, np.int64),
        )

    def _extract(self, tokens: Tokens) -> Features:
        words, rows, index, last, first, handles = self._resolve(tokens)
        classes = self.classes.take(rows)
        chain = classes.nonzero()[0]
        bigrams, frames = hash_neighbours(words, classes, first)
        chain2, chain3 = hash_chains(classes.take(chain))
        topics, topical = hash_topics(words, classes, first)
        marks = _MARKS.take(tokens.codes.take(tokens.starts.take(index)), mode="clip")
        unknown = ((rows == 0) & ~marks).nonzero()[0]
        grams, gram_words = hash_grams(tokens, index.take(unknown))
        counts = first[1:] - first[:-1] - 1 - np.add.reduceat(marks, first[:-1], dtype=np.int64)
        missing = np.bincount(first.searchsorted(unknown, side="right") - 1, minlength=counts.size)
        hashes = np.concatenate([bigrams, frames, chain2, chain3, topics, grams])
        found = self.table.look_up(hashes)
        found[hashes == 0] = 0  # there is no such frame or chain
        ends = np.cumsum([2 * words.size, 2 * chain.size, topics.size])
        table_rows = np.zeros((words.size, 4), np.int32)
        table_rows[:, 0] = rows
        table_rows[:, 1:3] = found[: ends[0]].reshape(2, -1).T
        table_rows[topical, 3] = found[ends[1] : ends[2]]
        chain_rows = found[ends[0] : ends[1]].reshape(2, -1).T
        return Features(
            tokens=tokens,
            index=index,
            last=last,
            first=first,
            words=words,
            rows=table_rows,
            chain=chain,
            chain_rows=chain_rows,
            gram_rows=found[ends[2] :],
            gram_words=unknown.take(gram_words),
            signals=count_signals(tokens, handles),
            counts=counts,
            known=counts - missing,
        )

    def _resolve(self, tokens: Tokens) -> tuple[U64, Rows, Ints, Ints, Ints, Ints]:
        """Words as the vocabulary spells them: hash, row, first and last token; first of each comment; handles."""
        words = tokens.hashes
        rows = self.table.look_up(words)
        replaced, dropped, handles = self.spelling.resolve(tokens, rows == 0)
        index = last = np.arange(dropped.size)
        if replaced.index.size:
            times = np.bincount(replaced.index, minlength=dropped.size)
            index = np.repeat(index, np.maximum(times, 1))
            places = (times > 0).take(index).nonzero()[0]
            words, rows, last = words.take(index), rows.take(index), index.copy()
            words[places], last[places] = replaced.words, replaced.last
            rows[places] = self.table.look_up(replaced.words)
        kept = (~dropped.take(index) & (self.classes.take(rows) != IGNORED_CLASS)).nonzero()[0]
        index = index.take(kept)
        first = index.searchsorted(tokens.first)
        return words.take(kept), rows.take(kept), index, last.take(kept), first, handles


def hash_neighbours(words: U64, classes: U8, first: Ints) -> tuple[U64, U64]:
    """Hashes of the bigram and the frame that begin at each word; 0 where there is none; uint64 (K,) each.

    A boundary follows every comment: the next one's, or behind the last one a copy of the first word, which is one.
    """
    words, classes = np.append(words, words[:1]), np.append(classes, classes[:1])
    bigrams = combine(words[:-1], words[1:], kind="bigram")
    frames = np.zeros(words.size, np.uint64)
    telling = classes > BOUNDARY_CLASS
    open_words = np.where(telling, CLASS_HASHES.take(classes), words)
    framed = (telling[:-2] | telling[1:-1] | telling[2:]).nonzero()[0]
    pairs = combine(open_words.take(framed), open_words.take(framed + 1), kind="frame")
    frames[framed] = combine(pairs, open_words.take(framed + 2), kind="frame")
    if first.size > 2:
        frames[first[1:-1] - 1] = 0  # would reach across the next comment's boundary
    return bigrams, frames[:-1]


def hash_chains(classes: U8) -> tuple[U64, U64]:
    """Hashes of the pairs and triples of neighbouring classes that begin at each; 0 where there is none; uint64.

    A boundary follows the last comment as it follows the others.
    """
    classes = np.append(classes, np.uint8(BOUNDARY_CLASS))
    hashes = CLASS_HASHES.take(classes)
    pairs, triples = np.zeros(hashes.size, np.uint64), np.zeros(hashes.size, np.uint64)
    pairs[:-1] = combine(hashes[:-1], hashes[1:], kind="chain2")
    triples[:-2] = combine(pairs[:-2], hashes[2:], kind="chain3")
    triples[:-2][classes[1:-1] == BOUNDARY_CLASS] = 0
    return pairs[:-1], triples[:-1]


def hash_topics(words: U64, classes: U8, first: Ints) -> tuple[U64, Ints]:
    """Hashes of the words of comments that name a group, apart from words elsewhere; and their indices."""
    named = np.add.reduceat(classes == IDENTITY_CLASS, first[:-1], dtype=np.int64) > 0
    topical = expand(first[:-1][named] + 1, first[1:][named])
    return combine(words.take(topical), CLASS_HASHES[IDENTITY_CLASS], kind="topic"), topical


def hash_grams(tokens: Tokens, index: Ints) -> tuple[U64, Ints]:
    """Hashes of the character n-grams of the tokens at ``index``, word ends marked; and which of them each is from."""
    begins = tokens.starts.take(index)
    lengths = np.minimum(tokens.starts.take(index + 1) - begins, GRAM_LETTERS)
    return hash_word_grams(tokens.codes, begins, lengths)


def hash_word_grams(codes: U32, begins: Ints, lengths: Ints) -> tuple[U64, Ints]:
    """Hashes of the n-grams of words that stand at ``begins`` in ``codes``; and the index of the word of each."""
    padded = lengths + 2  # a mark at both ends
    total = int(padded.sum())
    if not total:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    ends = np.cumsum(padded)
    starts = ends - padded
    owner = np.repeat(np.arange(lengths.size), padded)
    place = np.arange(total) - starts.take(owner)
    letters = codes.take(begins.take(owner) + place - 1, mode="clip")
    letters[starts] = letters[ends - 1] = 0
    inside = place[:, None] + np.array(GRAM_SIZES) <= padded.take(owner)[:, None]
    return _hash_windows(letters)[inside], np.repeat(owner, inside.sum(axis=1))


def _hash_windows(codes: U32) -> U64:
    """Hash the stretches of each of `GRAM_SIZES` that begin at each place; uint64 (C, len(GRAM_SIZES))."""
    padded = np.append(codes, np.zeros(max(GRAM_SIZES), np.uint32)).astype(np.uint64) + np.uint64(1)
    sums = np.zeros(codes.size, np.uint64)
    hashes = np.empty((codes.size, len(GRAM_SIZES)), np.uint64)
    for size in range(1, max(GRAM_SIZES) + 1):
        sums = (sums + padded[size - 1 : size - 1 + codes.size]) * SPREAD
        if size in GRAM_SIZES:
            hashes[:, GRAM_SIZES.index(size)] = mix(sums ^ SALTS["gram"])
    return hashes


def count_signals(tokens: Tokens, handles: Ints) -> Ints:
    """Level, 0 to 3, of each signal of each comment; int64 (n, len(SIGNALS))."""
    starts = tokens.starts[:-1]
    lengths = tokens.starts[1:] - starts
    initial = tokens.codes.take(starts)
    numbers = (initial >= ord("0")) & (initial <= ord("9")) & (lengths >= LONG_NUMBER)
    counted = np.empty((handles.size, len(SIGNALS)), np.int64)
    counted[:, 0] = tokens.links[:, 0]
    counted[:, 1] = handles
    counted[:, 2:7] = tokens.marks
    counted[:, 7] = np.add.reduceat(numbers, tokens.first[:-1], dtype=np.int64)
    shouted = tokens.capitals & (lengths >= CAPITAL_WORD)
    counted[:, 8] = 100 * np.add.reduceat(shouted, tokens.first[:-1], dtype=np.int64) // np.diff(tokens.first)
    counted[:, 9:-1] = tokens.links[:, 1:]
    short = ALONE_WORDS + 1 - np.diff(tokens.first)  # the boundary is no word
    counted[:, -1] = np.where(tokens.links[:, OWN:].any(axis=1), short, 0)
    levels: Ints = (counted[:, :, None] >= LEVELS).sum(axis=2)
    return levels
