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
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .feature_table import filter_hashes
from .folding import U32, U64, Bools, Ints
from .joined import LEAST_LETTERS, MOST_LETTERS, Parts, find_keys, index_keys
from .letters import EITHER_CODES, HIDING_CODES, is_odd, is_plain, letter_tables, read, spell, star_table
from .links import expand
from .spaced import LEAST_RUN, Runs, drop_overlaps, find_halves, find_runs, half_keys
from .text import ONE_BLANK, Tokens, hash_stretches

ACRONYM: Final = 3  # letters: so many capitals are an abbreviation
UNIT: Final = 2  # letters behind a number that are its unit rather than the end of a word
LONGEST: Final = 40  # letters; a longer token is no word in disguise


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
        bounds: where the keys of each beginning stand; int32.
    """

    keys: U64
    words: U64
    parts: Parts = field(init=False, repr=False, compare=False)
    bounds: npt.NDArray[np.int32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the parts among the keys, and index both."""
        object.__setattr__(self, "parts", Parts.select(self.keys, self.words))
        object.__setattr__(self, "bounds", index_keys(self.keys))

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What the compiled kernel has to know, in its order."""
        parts = (self.parts.keys, self.parts.values, self.parts.bounds, filter_hashes(self.parts.keys))
        return (self.keys, self.words, self.bounds, filter_hashes(self.keys), *parts, *letter_tables(), star_table())

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
        first, second = letter_tables()
        stars = np.isin(codes, HIDING_CODES)
        # A star is a letter before it is nothing, "w*ho"; a letter doubled is two before it is one, "$hoot".
        if stars.any():
            starry = np.logical_or.reduceat(stars, starts[:-1])
            self._try(codes, starts, starry, star_table(), (words, found), collapse=False)
        self._try(codes, starts, np.ones(count, np.bool_), first, (words, found), plain=plain, collapse=False)
        self._try(codes, starts, ~plain, first, (words, found))
        either = np.isin(codes, EITHER_CODES)
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
        hit, place = find_keys(self.keys, self.bounds, keys)
        hit = index.take(hit)
        words[hit], found[hit] = self.words.take(place), True

    def _take_apart(self, tokens: Tokens, index: Ints, lengths: Ints) -> tuple[Ints, U64]:
        """Those of the tokens at ``index`` that are several words run together, once for each, and these words."""
        sizes = lengths.take(index)
        index = index[(sizes >= LEAST_LETTERS) & (sizes <= MOST_LETTERS)]
        at = tokens.starts.take(index)
        first, last = tokens.codes.take(at), tokens.codes.take(at + lengths.take(index) - 1)
        index = index[~(is_odd(first) | is_odd(last))]  # parts are letters: the others would not come apart
        owner, _, _, words = self._split(*_take(tokens, index, lengths), spelt=False)
        return index.take(owner), words

    def _split(self, codes: U32, starts: Ints, *, spelt: bool) -> tuple[Ints, Ints, Ints, U64]:
        """The words that stretches of ``codes`` are made of: stretch, first and last letter, int64; hash, uint64."""
        _, begins = self.parts.split(codes, starts, spelt=spelt)
        owner = np.searchsorted(starts, begins, side="right") - 1
        final = np.append(owner[1:] != owner[:-1], True)[: owner.size]
        ends = np.where(final, starts.take(owner + 1), np.append(begins[1:], 0)[: owner.size])
        letters = codes.take(expand(begins, ends))
        return owner, begins, ends - 1, hash_stretches(letters, np.append(0, np.cumsum(ends - begins)))

    def _join_letters(self, tokens: Tokens, runs: Runs) -> Replacement:
        """What runs of single letters spell: a word, or several, one after another.

        A word may have one letter too many at either end: "what a f u c k", "f u c k u". Letters with marks between
        them are a word even if nobody knows it.
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
        strange = np.setdiff1d(_find_marked(tokens, runs, letters), np.append(np.flatnonzero(whole), run))
        starts, stops = begins.take(strange), ends.take(strange)
        spelt = hash_stretches(letters.take(expand(starts, stops)), np.append(0, np.cumsum(stops - starts)))
        first, last = np.append(first, starts), np.append(last, stops - 1)
        run, parts = np.append(run, strange), np.append(parts, spelt)
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
        starts = np.append(0, np.cumsum((ends - begins).take(runs)))
        codes = read(letters.take(expand(begins.take(runs), ends.take(runs))))
        owner, first, last, words = self._split(codes, starts, spelt=True)
        shift = (begins.take(runs) - starts[:-1]).take(owner)
        return first + shift, last + shift, runs.take(owner), words

    def _join_halves(self, tokens: Tokens, lengths: Ints, unknown: Bools, within: Bools) -> Replacement:
        """Words in halves: those a model was compiled with; any across an emoji, or a mark if a half is unknown."""
        first, second, marked = find_halves(tokens, unknown, within)
        if not first.size or not self.keys.size:
            return Replacement.none()
        words = np.zeros(first.size, np.uint64)
        keys = half_keys(tokens.hashes.take(first), tokens.hashes.take(second), marked)
        hit, place = find_keys(self.keys, self.bounds, keys)
        words[hit] = self.words.take(place)
        found = np.zeros(first.size, np.bool_)
        found[hit] = True
        over = second - first > 1  # nobody writes on behind an emoji without a blank
        tried = marked & ~found & (over | unknown.take(first) | unknown.take(second))
        tried &= lengths.take(first) + lengths.take(second) <= LONGEST
        initial = tokens.codes.take(tokens.starts[:-1])
        tried &= ~(is_odd(initial.take(first)) | is_odd(initial.take(second)))
        pairs = np.flatnonzero(tried)
        if pairs.size:
            halves = np.stack([first.take(pairs), second.take(pairs)], axis=1).reshape(-1)
            codes, starts = _take(tokens, halves, lengths)
            spelt, hits = self.look_up(codes, starts[::2], spaced=True)
            words[pairs[hits]], found[pairs[hits]] = spelt[hits], True
        first, second, words = first[found], second[found], words[found]
        kept = drop_overlaps(first, second)
        return Replacement(index=first[kept], last=second[kept], words=words[kept])


def _is_acronym(tokens: Tokens, index: Ints, lengths: Ints) -> Bools:
    """Whether each of the tokens at ``index`` is `ACRONYM` capitals: "SCM" is not "scum" without its vowel."""
    acronym: Bools = tokens.capitals.take(index) & (lengths.take(index) == ACRONYM)
    return acronym


def _find_marked(tokens: Tokens, runs: Runs, letters: U32) -> Ints:
    """The runs with a mark or an emoji between their ``letters``, a to z all of them; int64."""
    marked: Ints = (tokens.gaps.take(runs.letters.take(runs.begins + 1)) != ONE_BLANK).nonzero()[0]
    if not marked.size:
        return marked
    begins, ends = runs.begins.take(marked), runs.ends.take(marked)
    odd = is_odd(letters.take(expand(begins, ends)))
    plain: Bools = ~np.logical_or.reduceat(odd, np.append(0, np.cumsum(ends - begins))[:-1])
    chosen: Ints = marked[plain]
    return chosen


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
