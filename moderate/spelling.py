"""Undo disguises: from the spelling of a word nobody knows to the word it is meant to be.

Only tokens that the vocabulary does not know are looked at. Their spelling is normalised (look-alikes from other
scripts, digits and symbols become the Latin letters they are read as, repeated letters are collapsed) and looked up
among the spellings of known words, compiled with the model: the plain spelling of common words, and for the words of
the lexicon also those with a letter dropped or two swapped. Letters spaced out, "f u c k", are put together first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np

from . import folding
from .folding import U32, U64, Bools, Ints
from .links import expand
from .text import Tokens, hash_stretches

# Letters of other scripts that look like Latin ones (after Unicode TR 39, "Confusable detection", chosen by us), and
# digits and symbols that are read as letters.
LOOK_ALIKES: Final = {
    "a": "аαа4@ᴀɑ", "b": "вьβ8", "c": "сϲ(<¢", "d": "ԁ", "e": "еεє3€ё", "f": "ғϝ", "g": "ԍց9", "h": "һнհ#",
    "i": "іι1!|їاі", "j": "јϳ", "k": "кκ", "l": "ӏ£", "m": "мμ", "n": "ոпη", "o": "оοσօ0", "p": "рρ", "q": "ԛգ",
    "r": "гя", "s": "ѕ5$", "t": "тτ7+", "u": "υսцμ", "v": "νѵ", "w": "ԝωшա", "x": "хχ", "y": "уγү¥", "z": "ᴢ2",
}  # fmt: skip
DROPPED: Final = "*_^~%&"  # symbols that stand for a letter left out, or for nothing
EITHER: Final = "1!|"  # read as i first, then as l
SPACED_RUN: Final = 3  # single letters in a row from which they may be a word spelt out
PLAIN: Final = np.uint64(0x5851F42D4C957F2D)  # tells the keys of plain words from those of disguised ones
LONGEST: Final = 40  # letters; a longer token is no word in disguise


@dataclass(frozen=True, slots=True)
class Replacement:
    """First and last token, int64 (R,), and the hash of the word they stand for, uint64 (R,)."""

    index: Ints
    last: Ints
    words: U64


@dataclass(frozen=True, slots=True)
class Spelling:
    """The compiled spellings.

    Attributes:
        keys: hashes of normalised spellings, sorted; uint64 (S,).
        words: hash of the word that each stands for; uint64 (S,).
    """

    keys: U64
    words: U64

    @classmethod
    def build(cls, keys: U64, words: U64) -> Spelling:
        """Sort keys for look-up; where several words have one key, the first has it."""
        unique, index = np.unique(keys, return_index=True)
        return cls(keys=unique, words=words[index])

    def resolve(self, tokens: Tokens, unknown: Bools) -> tuple[Replacement, Bools, Ints]:
        """Find the words that unknown tokens stand for.

        Returns:
            the replacements; whether each token is dropped (handles, and letters put together with the one before),
            bool (T,); the number of handles of each comment, int64 (n,).
        """
        dropped = np.zeros(unknown.size, np.bool_)
        handles = np.zeros(tokens.offsets.size, np.int64)
        lengths = tokens.starts[1:] - tokens.starts[:-1]
        runs, run_ends, run_words = self._join_spaced(tokens, lengths, dropped)
        index = np.flatnonzero(unknown & ~dropped & (lengths <= LONGEST))
        index = index[~np.isin(index, runs)] if runs.size else index
        words, found = self._look_up(*_take(tokens, index, lengths))
        at = tokens.codes.take(tokens.starts.take(index)) == ord("@")
        named = index[at & ~found]
        if named.size:
            dropped[named] = True
            comments = np.searchsorted(tokens.first, named, side="right") - 1
            handles = np.bincount(comments, minlength=handles.size)
        replacement = Replacement(
            index=np.concatenate([runs, index[found]]),
            last=np.concatenate([run_ends - 1, index[found]]),
            words=np.concatenate([run_words, words[found]]),
        )
        return replacement, dropped, handles

    def _look_up(self, codes: U32, starts: Ints, *, spaced: bool = False) -> tuple[U64, Bools]:
        """The words that stretches of ``codes`` spell, and whether each spells one."""
        words, found = np.zeros(starts.size - 1, np.uint64), np.zeros(starts.size - 1, np.bool_)
        if not self.keys.size or not words.size:
            return words, found
        plain = is_plain(codes, starts) & (not spaced)
        for table in _letter_tables():
            keys = spell(codes, starts, table, plain=plain)
            place = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
            better = ~found & (self.keys[place] == keys)
            words[better] = self.words[place[better]]
            found |= better
        return words, found

    def _join_spaced(self, tokens: Tokens, lengths: Ints, dropped: Bools) -> tuple[Ints, Ints, U64]:
        """Runs of single letters one character apart that spell a word: first, end, word; marks the rest.

        A run may have one letter too many at either end: "what a f u c k", "f u c k u".
        """
        single = lengths == 1
        initial = tokens.codes.take(tokens.starts[:-1])
        single &= (initial >= ord("0")) & (initial != folding.BOUNDARY_CODE)
        position = tokens.positions.take(tokens.starts[:-1])
        joined = single[1:] & single[:-1] & (position[1:] - position[:-1] == 2)
        begins = np.flatnonzero(joined & ~np.append(False, joined[:-1]))
        ends = np.flatnonzero(joined & ~np.append(joined[1:], False)) + 2 if begins.size else begins
        long = ends - begins >= SPACED_RUN
        begins, ends = begins[long], np.minimum(ends[long], begins[long] + LONGEST)
        if not begins.size:
            return begins, begins, np.zeros(0, np.uint64)
        words, found = np.zeros(begins.size, np.uint64), np.zeros(begins.size, np.bool_)
        for skipped, left in ((0, 0), (1, 0), (0, 1)):
            open_runs = np.flatnonzero(~found & (ends - begins - skipped - left >= SPACED_RUN))
            first, end = begins[open_runs] + skipped, ends[open_runs] - left
            starts = np.append(0, np.cumsum(end - first))
            spelt, hit = self._look_up(initial.take(expand(first, end)), starts, spaced=True)
            chosen = open_runs[hit]
            begins[chosen], ends[chosen], words[chosen], found[chosen] = first[hit], end[hit], spelt[hit], True
        begins, ends, words = begins[found], ends[found], words[found]
        dropped[expand(begins + 1, ends)] = True
        return begins, ends, words


def spell(codes: U32, starts: Ints, table: U32, *, plain: Bools) -> U64:
    """Keys of stretches of ``codes``: letters by ``table``, repeats collapsed, hashed; uint64.

    A ``plain`` stretch, of nothing but letters that nobody stretched, has a key of its own kind: it may be a word with
    a letter missing, but "as" is not "ass" with its repeats collapsed.
    """
    letters = np.where(codes < table.size, table.take(codes, mode="clip"), codes)
    places = np.flatnonzero(letters)
    owner = np.searchsorted(starts, places, side="right")
    letters = letters.take(places)
    repeats = np.append(False, (letters[1:] == letters[:-1]) & (owner[1:] == owner[:-1]))[: letters.size]
    letters, owner = letters[~repeats], owner[~repeats]
    keys = hash_stretches(letters, np.searchsorted(owner, np.arange(1, starts.size + 1)))
    return np.where(plain, keys ^ PLAIN, keys)


def is_plain(codes: U32, starts: Ints) -> Bools:
    """Whether each stretch is only letters a to z, none three times in a row; bool."""
    odd = (codes < ord("a")) | (codes > ord("z"))
    tripled = np.flatnonzero((codes[2:] == codes[1:-1]) & (codes[1:-1] == codes[:-2]))
    owner = np.searchsorted(starts, tripled, side="right")
    odd[tripled[tripled + 2 < starts.take(np.minimum(owner, starts.size - 1))]] = True
    return ~np.logical_or.reduceat(odd, starts[:-1]) if starts.size > 1 else np.zeros(0, np.bool_)


@cache
def _letter_tables() -> tuple[U32, U32]:
    """Letter read for each code point below the table's end (0: none); the second reads `EITHER` as l."""
    size = max(ord(char) for chars in LOOK_ALIKES.values() for char in chars) + 2
    first = np.arange(size, dtype=np.uint32)
    for letter, chars in LOOK_ALIKES.items():
        first[[ord(char) for char in chars]] = ord(letter)
    first[[ord(char) for char in DROPPED]] = 0
    second = first.copy()
    second[[ord(char) for char in EITHER]] = ord("l")
    return first, second


def spelling_keys(words: list[str], *, plain: bool) -> U64:
    """Keys of folded words, as `Spelling` looks them up: as plain letters, or in disguise; uint64."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    starts = np.append(0, np.cumsum([len(word) for word in words]))
    return spell(codes, starts, _letter_tables()[0], plain=np.full(len(words), plain))


def disguises(word: str) -> list[str]:
    """Spellings of ``word`` with one inner letter dropped or two neighbours swapped."""
    dropped = [word[:place] + word[place + 1 :] for place in range(1, len(word) - 1)]
    swapped = [word[:place] + right + left + word[place + 2 :] for place, (left, right) in enumerate(pairwise(word))]
    return [spelling for spelling in dict.fromkeys(dropped + swapped) if spelling != word]


def _take(tokens: Tokens, index: Ints, lengths: Ints) -> tuple[U32, Ints]:
    """Codes of the tokens at ``index``, one after another, and where each starts."""
    begins = tokens.starts.take(index)
    starts = np.append(0, np.cumsum(lengths.take(index)))
    return tokens.codes.take(expand(begins, begins + lengths.take(index))), starts
