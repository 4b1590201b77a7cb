"""Undo disguises: from the spelling of a word nobody knows to the word it is meant to be.

Only tokens that the vocabulary does not know are looked at. Their spelling is normalised (look-alikes from other
scripts, digits and symbols become the Latin letters they are read as, repeated letters are collapsed) and looked up
among the spellings of known words, compiled with the model: the plain spelling of common words, and for words
that tell much also those with letters dropped, swapped or starred, or in two halves. What is set apart, "f u c k",
is put together first (`moderate.spaced`), and what is no word is taken apart if it is several (`moderate.joined`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import folding
from .folding import U32, U64, Bools, Ints
from .joined import LEAST_LETTERS, MOST_LETTERS, Parts, find_keys, mark_tops
from .links import expand
from .spaced import LEAST_RUN, Runs, drop_overlaps, find_halves, find_runs, half_keys
from .text import Tokens, hash_stretches

# Letters of other scripts that look like Latin ones (after Unicode TR 39, "Confusable detection", chosen by us), and
# digits and symbols that are read as letters.
LOOK_ALIKES: Final = {
    "a": "аαа4@ᴀɑ", "b": "вьβ8", "c": "сϲ(<¢", "d": "ԁ", "e": "еεє3€ё", "f": "ғϝ", "g": "ԍց9", "h": "һнհ#",
    "i": "іι1!|їاі", "j": "јϳ", "k": "кκ", "l": "ӏ£", "m": "мμ", "n": "ոпη", "o": "оοσօ0", "p": "рρ", "q": "ԛգ",
    "r": "гя", "s": "ѕ5$", "t": "тτ7+", "u": "υսцμ", "v": "νѵ", "w": "ԝωшա", "x": "хχ", "y": "уγү¥", "z": "ᴢ2",
}  # fmt: skip
# The same of scripts that few readers write, Cherokee, Coptic, Lisu and others: the confusables of TR 39, as folded.
RARE_LOOK_ALIKES: Final = {
    "a": "ꓮᎪᗅ", "b": "ƅꓐᏏᖯꞵᗷᑲᏴ", "c": "ⲥꓚᏟ", "d": "ᏧꓓᑯᗞᗪꓒᎠ", "e": "ⴹꬲᎬꓰҽ", "f": "քᖴꓝꬵ", "g": "ƍɡᏳᏀꓖ",
    "h": "ᕼꓧᏂⲏᎻ", "i": "Ꭵɩꙇᛁⲓꓲⵏ", "j": "ᒍᎫꓙ", "k": "ꓗᛕⲕᏦ", "l": "ⳑꓡᏞᒪ", "m": "Ꮇⲙᛖꓟᗰ", "n": "ռⲛꓠ",
    "o": "ჿⲟഠᴑⵔꓳଠዐꬽဝ", "p": "ᑭᏢⲣꓑ", "q": "զⵕ", "r": "ᏒꓣᖇᎱᎡꭇⲅꭈᴦ", "s": "ꓢտᏚƽᏕ", "t": "Ꭲⲧꓔ", "u": "ሀꞟꓴᑌ",
    "v": "ꓦᏙⴸᐯꛟ", "w": "ꓪѡᎳᏔ", "x": "ꓫⵝᕽⲭᚷꭓᕁ", "y": "ყⲩᎽꓬɣᎩ", "z": "Ꮓꓜ",
}  # fmt: skip
DROPPED: Final = "*_^~%&"  # symbols that stand for a letter left out, or for nothing
EITHER: Final = "1!|"  # read as i first, then as l
PLAIN: Final = np.uint64(0x5851F42D4C957F2D)  # tells the keys of plain words from those of disguised ones
ACRONYM: Final = 3  # letters: so many capitals are an abbreviation
UNIT: Final = 2  # letters behind a number that are its unit rather than the end of a word
LONGEST: Final = 40  # letters; a longer token is no word in disguise


_EITHER: Final = np.array([ord(char) for char in EITHER], np.uint32)


@dataclass(frozen=True, slots=True)
class Replacement:
    """First and last token, int64 (R,), and the hash of the word they stand for, uint64 (R,).

    In order of token; one that is several words has as many entries, in order of reading.
    """

    index: Ints
    last: Ints
    words: U64

    @classmethod
    def none(cls) -> Replacement:
        """No replacement."""
        return cls(index=np.zeros(0, np.int64), last=np.zeros(0, np.int64), words=np.zeros(0, np.uint64))

    @classmethod
    def join(cls, parts: Sequence[Replacement]) -> Replacement:
        """Several of them as one; those of one token stay in their order."""
        index = np.concatenate([part.index for part in parts])
        order = np.argsort(index, kind="stable")
        last = np.concatenate([part.last for part in parts]).take(order)
        return cls(index=index.take(order), last=last, words=np.concatenate([part.words for part in parts]).take(order))


@dataclass(frozen=True, slots=True)
class Spelling:
    """The compiled spellings.

    Attributes:
        keys: hashes of normalised spellings, and keys of `parts`, sorted; uint64 (S,).
        words: hash of the word that each stands for, or the value of the part; uint64 (S,).
        parts: the words that are looked for in words run together.
        tops: which beginnings of keys there are; bool.
    """

    keys: U64
    words: U64
    parts: Parts = field(init=False, repr=False, compare=False)
    tops: Bools = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the parts among the keys, and mark what is there."""
        object.__setattr__(self, "parts", Parts.select(self.keys, self.words))
        object.__setattr__(self, "tops", mark_tops(self.keys))

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What the compiled kernel has to know, in its order."""
        parts = (self.parts.keys, self.parts.values, self.parts.tops)
        return (self.keys, self.words, self.tops, *parts, *_letter_tables(), _star_table())

    @classmethod
    def build(cls, keys: U64, words: U64) -> Spelling:
        """Sort keys for look-up; where several words have one key, the first has it."""
        unique, index = np.unique(keys, return_index=True)
        return cls(keys=unique, words=words[index])

    def resolve(self, tokens: Tokens, unknown: Bools) -> tuple[Replacement, Bools, Ints]:
        """Find the words that unknown tokens stand for.

        Returns:
            the replacements; whether each token is dropped (handles, and what was put together with the one before),
            bool (T,); the number of handles of each comment, int64 (n,).
        """
        dropped = np.zeros(unknown.size, np.bool_)
        handles = np.zeros(tokens.offsets.size, np.int64)
        lengths = tokens.starts[1:] - tokens.starts[:-1]
        runs = find_runs(tokens, lengths)
        spelt = self._join_letters(tokens, runs)
        halved = self._join_halves(tokens, lengths, unknown, runs.within)
        alone = unknown.copy()
        alone[expand(halved.index, halved.last + 1)] = False
        index = np.flatnonzero(alone & (lengths > 1) & (lengths <= LONGEST))
        index = index[~(_is_acronym(tokens, index, lengths) | _is_quantity(tokens, index, lengths))]
        codes, starts = _take(tokens, index, lengths)
        words, found = self.look_up(codes, starts)
        at = codes.take(starts[:-1]) == ord("@")
        named = index[at & ~found]
        if named.size:
            dropped[named] = True
            comments = np.searchsorted(tokens.first, named, side="right") - 1
            handles = np.bincount(comments, minlength=handles.size)
        joined, joined_words = self._take_apart(tokens, index[~found], lengths)
        replacement = Replacement.join([
            spelt,
            halved,
            Replacement(index=index[found], last=index[found], words=words[found]),
            Replacement(index=joined, last=joined, words=joined_words),
        ])  # fmt: skip
        dropped[expand(replacement.index + 1, replacement.last + 1)] = True
        return replacement, dropped, handles

    def look_up(self, codes: U32, starts: Ints, *, spaced: bool = False) -> tuple[U64, Bools]:
        """The words that stretches of ``codes`` spell, uint64, and whether each spells one, bool."""
        count = starts.size - 1
        words, found = np.zeros(count, np.uint64), np.zeros(count, np.bool_)
        if not self.keys.size or not count:
            return words, found
        plain = is_plain(codes, starts) & (not spaced)
        first, second = _letter_tables()
        stars = codes == ord(folding.STARS)
        # A star is a letter before it is nothing, "w*ho"; a letter doubled is two before it is one, "$hoot".
        if stars.any():
            starry = np.logical_or.reduceat(stars, starts[:-1])
            self._try(codes, starts, starry, _star_table(), (words, found), collapse=False)
        self._try(codes, starts, np.ones(count, np.bool_), first, (words, found), plain=plain, collapse=False)
        self._try(codes, starts, ~plain, first, (words, found))
        either = np.isin(codes, _EITHER)
        if either.any():
            self._try(codes, starts, np.logical_or.reduceat(either, starts[:-1]), second, (words, found))
        return words, found

    def _try(
        self,
        codes: U32,
        starts: Ints,
        chosen: Bools,
        table: U32,
        result: tuple[U64, Bools],
        *,
        plain: Bools | None = None,
        collapse: bool = True,
    ) -> None:
        """Read the ``chosen`` stretches by ``table``; put the words of those not found before into ``result``."""
        words, found = result
        index = np.flatnonzero(chosen & ~found)
        if not index.size:
            return
        begins, ends = starts.take(index), starts.take(index + 1)
        letters = codes.take(expand(begins, ends))
        kind = np.zeros(index.size, np.bool_) if plain is None else plain.take(index)
        keys = spell(letters, np.append(0, np.cumsum(ends - begins)), table, plain=kind, collapse=collapse)
        hit, place = find_keys(self.keys, self.tops, keys)
        hit = index.take(hit)
        words[hit], found[hit] = self.words.take(place), True

    def _take_apart(self, tokens: Tokens, index: Ints, lengths: Ints) -> tuple[Ints, U64]:
        """Those of the tokens at ``index`` that are several words run together, once for each, and these words."""
        sizes = lengths.take(index)
        index = index[(sizes >= LEAST_LETTERS) & (sizes <= MOST_LETTERS)]
        at = tokens.starts.take(index)
        first, last = tokens.codes.take(at), tokens.codes.take(at + lengths.take(index) - 1)
        index = index[~(_is_odd(first) | _is_odd(last))]  # parts are letters: the others would not come apart
        codes, starts = _take(tokens, index, lengths)
        apart, begins = self.parts.split(codes, starts)
        if not apart.size:
            return apart, np.zeros(0, np.uint64)
        owner = np.searchsorted(starts, begins, side="right") - 1
        letters, ends = _take(tokens, index.take(apart), lengths)
        shift = starts.take(apart) - ends[:-1]  # from all tokens to those that come apart
        parts = begins - shift.take(np.searchsorted(apart, owner))
        return index.take(owner), hash_stretches(letters, np.append(parts, letters.size))

    def _join_letters(self, tokens: Tokens, runs: Runs) -> Replacement:
        """What runs of single letters spell: a word, or several, one after another.

        A word may have one letter too many at either end: "what a f u c k", "f u c k u".
        """
        letters = tokens.codes.take(tokens.starts.take(runs.letters))
        begins, ends = runs.begins, runs.ends
        if not begins.size:
            return Replacement.none()
        firsts, lasts = np.concatenate([begins, begins + 1, begins]), np.concatenate([ends, ends, ends - 1])
        sizes = lasts - firsts
        tried = np.flatnonzero((sizes >= LEAST_RUN) & (sizes <= LONGEST))
        first, last = firsts.take(tried), lasts.take(tried)
        spelt, hit = self.look_up(letters.take(expand(first, last)), np.append(0, np.cumsum(last - first)), spaced=True)
        words, found = np.zeros(firsts.size, np.uint64), np.zeros(firsts.size, np.bool_)
        words[tried], found[tried] = spelt, hit
        best = np.arange(begins.size) + begins.size * found.reshape(-1, begins.size).argmax(axis=0)
        whole = found.take(best)
        best = best[whole]
        first, last, run, parts = self._split_runs(letters, begins, ends, ~whole)
        begin, end = np.zeros(begins.size, np.int64), np.full(begins.size, -1, np.int64)
        begin[whole], end[whole] = firsts.take(best), lasts.take(best) - 1
        begin[run], end[run] = begins.take(run), ends.take(run) - 1
        hits = np.flatnonzero(end >= 0)
        kept = np.zeros(begins.size, np.bool_)
        kept[hits] = drop_overlaps(begin.take(hits), end.take(hits))
        first = np.concatenate([firsts.take(best), first])
        last = np.concatenate([lasts.take(best) - 1, last])
        words = np.concatenate([words.take(best), parts])
        chosen = kept.take(np.concatenate([np.flatnonzero(whole), run]))
        return Replacement(
            index=runs.letters.take(first[chosen]), last=runs.letters.take(last[chosen]), words=words[chosen]
        )

    def _split_runs(self, letters: U32, begins: Ints, ends: Ints, chosen: Bools) -> tuple[Ints, Ints, Ints, U64]:
        """The ``chosen`` runs that are several words: first and last letter of each word, its run, and its hash."""
        runs = np.flatnonzero(chosen & (ends - begins >= LEAST_LETTERS))
        sizes = (ends - begins).take(runs)
        starts = np.append(0, np.cumsum(sizes))
        codes = _read(letters.take(expand(begins.take(runs), ends.take(runs))))
        _, parts = self.parts.split(codes, starts)
        owner = np.searchsorted(starts, parts, side="right") - 1
        stops = np.append(parts[1:], 0)
        final = np.append(owner[1:] != owner[:-1], True)[: owner.size]
        stops[final] = starts.take(owner[final] + 1)
        letters_of_parts = codes.take(expand(parts, stops))
        hashes = hash_stretches(letters_of_parts, np.append(0, np.cumsum(stops - parts)))
        shift = (begins.take(runs) - starts[:-1]).take(owner)
        return parts + shift, stops - 1 + shift, runs.take(owner), hashes

    def _join_halves(self, tokens: Tokens, lengths: Ints, unknown: Bools, within: Bools) -> Replacement:
        """Words in two halves: those that a model was compiled with, and across a mark any whose half is unknown."""
        first, second, marked = find_halves(tokens, unknown, within)
        if not first.size or not self.keys.size:
            return Replacement.none()
        words = np.zeros(first.size, np.uint64)
        keys = half_keys(tokens.hashes.take(first), tokens.hashes.take(second), marked)
        hit, place = find_keys(self.keys, self.tops, keys)
        words[hit] = self.words.take(place)
        found = np.zeros(first.size, np.bool_)
        found[hit] = True
        tried = marked & ~found & (unknown.take(first) | unknown.take(second))
        tried &= lengths.take(first) + lengths.take(second) <= LONGEST
        initial = tokens.codes.take(tokens.starts[:-1])
        tried &= ~(_is_odd(initial.take(first)) | _is_odd(initial.take(second)))
        pairs = np.flatnonzero(tried)
        if pairs.size:
            halves = np.stack([first.take(pairs), second.take(pairs)], axis=1).reshape(-1)
            codes, starts = _take(tokens, halves, lengths)
            spelt, hits = self.look_up(codes, starts[::2], spaced=True)
            words[pairs[hits]], found[pairs[hits]] = spelt[hits], True
        first, second, words = first[found], second[found], words[found]
        kept = drop_overlaps(first, second)
        return Replacement(index=first[kept], last=second[kept], words=words[kept])


def spell(codes: U32, starts: Ints, table: U32, *, plain: Bools, collapse: bool = True) -> U64:
    """Keys of stretches of ``codes``: letters by ``table``, repeats collapsed if asked for, hashed; uint64.

    A ``plain`` stretch, of nothing but letters that nobody stretched, has a key of its own kind and keeps its repeats:
    it may be a word with a letter missing, but "as" is not "ass" with its repeats collapsed.
    """
    letters = np.where(codes < table.size, table.take(codes, mode="clip"), codes)
    places = np.flatnonzero(letters)
    owner = np.searchsorted(starts, places, side="right")
    letters = letters.take(places)
    if collapse:
        repeats = np.append(False, (letters[1:] == letters[:-1]) & (owner[1:] == owner[:-1]))[: letters.size]
        repeats &= ~plain.take(owner - 1)
        letters, owner = letters[~repeats], owner[~repeats]
    keys = hash_stretches(letters, np.searchsorted(owner, np.arange(1, starts.size + 1)))
    return np.where(plain, keys ^ PLAIN, keys)


def is_plain(codes: U32, starts: Ints) -> Bools:
    """Whether each stretch is only letters a to z, none three times in a row; bool."""
    odd = _is_odd(codes)
    tripled = np.flatnonzero((codes[2:] == codes[1:-1]) & (codes[1:-1] == codes[:-2]))
    owner = np.searchsorted(starts, tripled, side="right")
    odd[tripled[tripled + 2 < starts.take(np.minimum(owner, starts.size - 1))]] = True
    return ~np.logical_or.reduceat(odd, starts[:-1]) if starts.size > 1 else np.zeros(0, np.bool_)


def _is_odd(codes: U32) -> Bools:
    """Whether each code is no letter a to z; bool."""
    odd: Bools = (codes < ord("a")) | (codes > ord("z"))
    return odd


@cache
def _letter_tables() -> tuple[U32, U32]:
    """Letter read for each code point below the table's end (0: none); the second reads `EITHER` as l."""
    alike = [*LOOK_ALIKES.items(), *RARE_LOOK_ALIKES.items()]
    size = max(ord(char) for _, chars in alike for char in chars) + 2
    first = np.arange(size, dtype=np.uint32)
    for letter, chars in alike:
        first[[ord(char) for char in chars]] = ord(letter)
    first[[ord(char) for char in DROPPED]] = 0
    second = first.copy()
    second[[ord(char) for char in EITHER]] = ord("l")
    return first, second


def _read(letters: U32) -> U32:
    """The Latin letters that single ``letters`` are read as; what is left out in a word is itself."""
    table = _letter_tables()[0]
    read = np.where(letters < table.size, table.take(letters, mode="clip"), letters)
    return np.where(read == 0, letters, read)


@cache
def _star_table() -> U32:
    """Like the first of `_letter_tables`, but a star is itself."""
    table = _letter_tables()[0].copy()
    table[ord(folding.STARS)] = ord(folding.STARS)
    return table


def spelling_keys(words: Sequence[str], *, plain: bool, collapse: bool = True) -> U64:
    """Keys of folded words, as `Spelling` looks them up: as plain letters, or in disguise, maybe starred; uint64.

    Words in disguise may ``collapse`` their repeats; plain ones never do.
    """
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    starts = np.append(0, np.cumsum([len(word) for word in words]))
    return spell(codes, starts, _star_table(), plain=np.full(len(words), plain), collapse=collapse)


def disguises(word: str) -> list[str]:
    """Spellings of ``word`` with one inner letter dropped or two neighbours swapped."""
    dropped = [word[:place] + word[place + 1 :] for place in range(1, len(word) - 1)]
    swapped = [word[:place] + right + left + word[place + 2 :] for place, (left, right) in enumerate(pairwise(word))]
    return [spelling for spelling in dict.fromkeys(dropped + swapped) if spelling != word]


def _is_acronym(tokens: Tokens, index: Ints, lengths: Ints) -> Bools:
    """Whether each of the tokens at ``index`` is `ACRONYM` capitals: "SCM" is not "scum" without its vowel."""
    acronym: Bools = tokens.capitals.take(index) & (lengths.take(index) == ACRONYM)
    return acronym


def _is_quantity(tokens: Tokens, index: Ints, lengths: Ints) -> Bools:
    """Whether each of the tokens at ``index`` is a number and a unit, "90k", "4s", "80th"."""
    quantity = np.zeros(index.size, np.bool_)
    begins = np.flatnonzero(_is_digit(tokens.codes.take(tokens.starts.take(index))))
    if not begins.size:
        return quantity
    codes, starts = _take(tokens, index.take(begins), lengths)
    sizes = starts[1:] - starts[:-1]
    places = np.arange(codes.size) - np.repeat(starts[:-1], sizes)
    digit = _is_digit(codes)
    count = np.add.reduceat(digit, starts[:-1], dtype=np.int64)
    leading = np.add.reduceat(places * digit, starts[:-1]) == count * (count - 1) // 2  # as low as can be
    quantity[begins] = leading & (sizes - count <= UNIT)
    return quantity


def _is_digit(codes: U32) -> Bools:
    digit: Bools = (codes >= ord("0")) & (codes <= ord("9"))
    return digit


def _take(tokens: Tokens, index: Ints, lengths: Ints) -> tuple[U32, Ints]:
    """Codes of the tokens at ``index``, one after another, and where each starts."""
    begins = tokens.starts.take(index)
    starts = np.append(0, np.cumsum(lengths.take(index)))
    return tokens.codes.take(expand(begins, begins + lengths.take(index))), starts
