"""Words run together, "killallmuslims": from a token that nobody knows to the known words it is made of.

A token is taken apart where its letters are best explained as words: every word has a cost, what it takes to name it
(-ln of its share of all words), and the cheapest row of words that spells the token is found for all tokens at once
(Viterbi 1967; Norvig 2009, "Natural language corpus data"). It is believed only if it is cheap for so many letters and
has a word in it that tells something: a slur, an insult, a violent verb, a group. Names seldom come apart so cheaply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .folding import U32, U64, Bools, Ints
from .text import SPREAD, mix

LEAST_LETTERS: Final = 6  # of a token: shorter ones come apart by chance
MOST_LETTERS: Final = 32  # longer ones are no words, and the search grows with the longest
LONGEST_PART: Final = 16  # letters

COST_UNIT: Final = 16  # costs are integers: sixteenths of a nat
# Nats a letter up to which a row of words is believed: most that were run together cost 1.3 to 2.2. Measured on names
# and rare words of civil comments, 2.5 takes more of them apart that are words of their own.
MOST_COST: Final = 2.3
# Letters spelt out one by one are words of some kind, so that dearer rows of words are believed than in one token.
MOST_SPELT_COST: Final = 3.5
TELLING: Final = 1  # flag of a part: without one of these a token stays whole, there is nothing to find
NEVER_LAST: Final = 2  # flag of a part that ends no row of words: articles and the like
OPENER: Final = 4  # flag of a part that makes one telling word enough beside it: "killthem", but "kickstart"
FLAG_BITS: Final = 3
PART_LIMIT: Final = np.uint64(1 << 32)  # the value of a part is below, a hash of a word is above

# A row of words is summed up in one number, so that the cheapest is the least: its cost, then how many words there are,
# how many of them tell something, and how many are openers; each below the unit of the one before.
_ONE_TELLING: Final = 1 << 6
_ONE_PART: Final = 1 << 12
_ONE_COST: Final = 1 << 20
_ABSENT: Final = 1 << 44  # more than any row of words
_SALT: Final = np.uint64(0x94D049BB133111EB)  # tells the keys of parts from those of spellings
_BEFORE: Final = np.arange(LONGEST_PART)
_SIZES: Final = np.arange(LONGEST_PART, 0, -1)  # letters of the parts that end at a place, longest first


@dataclass(frozen=True, slots=True)
class Parts:
    """The words that tokens are taken apart into.

    Attributes:
        keys: key of each part, sorted; uint64 (P,).
        values: its cost in units of `COST_UNIT`, shifted by `FLAG_BITS`, and its flags; int64 (P,).
        bounds: where the keys of each beginning stand, see `index_keys`; int32.
    """

    keys: U64
    values: Ints
    bounds: npt.NDArray[np.int32]

    @classmethod
    def select(cls, keys: U64, values: U64) -> Parts:
        """The parts among sorted ``keys``: those whose value is below `PART_LIMIT`."""
        chosen = np.flatnonzero(values < PART_LIMIT)
        keys = keys.take(chosen)
        return cls(keys=keys, values=values.take(chosen).astype(np.int64), bounds=index_keys(keys))

    def split(self, codes: U32, starts: Ints, *, spelt: bool = False) -> tuple[Ints, Ints]:
        """Take tokens apart; ``starts`` says where each one starts in ``codes``, and where the last ends.

        Letters that were ``spelt`` out are words whatever these tell, and at `MOST_SPELT_COST`.

        Returns:
            index of each token that comes apart, int64 (S,), and where each of its parts begins, int64 (P,): indices
            into ``codes``, in order. A token's own start is the first of its parts.
        """
        nothing = np.zeros(0, np.int64)
        if not self.keys.size or starts.size < 2:
            return nothing, nothing
        hashes = _hash_windows(codes)
        begins, ends = starts[:-1], starts[1:]
        index = np.flatnonzero(self._touches(hashes, begins, ends))
        begins, lengths = begins.take(index), (ends - begins).take(index)
        values, token, end, size = self._inside(hashes, begins, lengths)
        told = np.full(index.size, spelt)
        told[token[(values & TELLING) > 0]] = True
        if not told.any():
            return nothing, nothing
        kept = told.take(token)
        token = (told.cumsum() - 1).take(token[kept])
        index, begins, lengths = index[told], begins[told], lengths[told]
        apart, cuts = _cheapest(values[kept], token, end[kept], size[kept], lengths, spelt=spelt)
        tokens, inside = np.nonzero(cuts[apart])
        return index[apart], begins[apart].take(tokens) + inside

    def _inside(self, hashes: U64, begins: Ints, lengths: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """All parts in tokens: value, index of the token, where in the token it ends, and its letters; int64 each."""
        owner = np.repeat(np.arange(begins.size), lengths)
        place = np.arange(owner.size) - (lengths.cumsum() - lengths).take(owner)
        keys = hashes.take(begins.take(owner) + place, axis=0)
        fits = _SIZES[::-1] <= (lengths.take(owner) - place)[:, None]
        values = self._look_up(np.where(fits, keys, 0).reshape(-1))
        found = values.nonzero()[0]
        at, size = np.divmod(found, LONGEST_PART)
        return values.take(found), owner.take(at), place.take(at) + size + 1, size + 1

    def _touches(self, hashes: U64, begins: Ints, ends: Ints) -> Bools:
        """Whether each token begins with a part and ends with one, and is none itself; bool."""
        size = np.arange(1, LONGEST_PART + 1)
        fits = (ends - begins)[:, None] >= size
        touches = np.ones(begins.size, np.bool_)
        for places in (np.broadcast_to(begins[:, None], fits.shape), ends[:, None] - size):
            token, part = np.nonzero(fits & touches[:, None])
            found = self._look_up(hashes[places[token, part], part]) > 0
            touched = np.zeros(begins.size, np.bool_)
            touched[token[found]] = True
            touches &= touched
        index = np.flatnonzero(touches & (ends - begins <= LONGEST_PART))
        begins, ends = begins.take(index), ends.take(index)
        touches[index] = self._look_up(hashes[begins, ends - begins - 1]) == 0
        return touches

    def _look_up(self, keys: U64) -> Ints:
        """Value of each key, 0 where there is no such part; int64."""
        values = np.zeros(keys.size, np.int64)
        found, place = find_keys(self.keys, self.bounds, keys)
        values[found] = self.values.take(place)
        return values


def index_keys(keys: U64) -> npt.NDArray[np.int32]:
    """Where in sorted ``keys`` those with each beginning stand, a key or none for most; int32 (2**bits + 1,)."""
    bits = max(int(keys.size).bit_length(), 1)
    counts = np.bincount((keys >> np.uint64(64 - bits)).view(np.int64), minlength=1 << bits)
    return np.append(0, counts.cumsum()).astype(np.int32)


def find_keys(table: U64, bounds: npt.NDArray[np.int32], keys: U64) -> tuple[Ints, Ints]:
    """Indices of the ``keys`` that are in the sorted ``table``, and the place of each there; int64."""
    top = (keys >> np.uint64(65 - bounds.size.bit_length())).view(np.int64)
    likely = (bounds.take(top) != bounds.take(top + 1)).nonzero()[0]
    wanted = keys.take(likely)
    place = np.minimum(table.searchsorted(wanted), table.size - 1)
    hit = (table.take(place) == wanted).nonzero()[0]
    return likely.take(hit), place.take(hit)


def _cheapest(values: Ints, token: Ints, end: Ints, size: Ints, lengths: Ints, *, spelt: bool) -> tuple[Bools, Bools]:
    """The cheapest row of parts of each token, from all parts that there are in it.

    Args:
        values, token, end, size: value of each part, the token it is in, where in the token it ends, its letters.
        lengths: letters of each token; int64 (n,).
        spelt: whether the letters were spelt out.

    Returns:
        whether each token comes apart, bool (n,); whether a part begins at each of its letters, bool (n, longest).
    """
    count, longest = lengths.size, int(lengths.max())
    costs = np.full((longest + 1, LONGEST_PART, count), _ABSENT, np.int64)
    misplaced = ((values & NEVER_LAST) > 0) & (end == lengths.take(token))
    tally = _ONE_PART + (values & TELLING) * (_ONE_TELLING // TELLING) + (values & OPENER) // OPENER
    costs[end, LONGEST_PART - size, token] = np.where(misplaced, _ABSENT, (values >> FLAG_BITS) * _ONE_COST + tally)
    best = np.full((longest + 1 + LONGEST_PART, count), _ABSENT, np.int64)  # shifted: parts begin before the token, too
    best[LONGEST_PART] = 0
    for place in range(1, longest + 1):
        np.minimum.reduce(best[place : place + LONGEST_PART] + costs[place], axis=0, out=best[place + LONGEST_PART])
    total = best[lengths + LONGEST_PART, np.arange(count)]
    parts, telling, openers = total % _ONE_COST // _ONE_PART, total % _ONE_PART // _ONE_TELLING, total % _ONE_TELLING
    enough = (telling > 0) & ((parts > 2) | ((parts == 2) & (telling + openers > 1)))
    most = COST_UNIT * (MOST_SPELT_COST if spelt else MOST_COST)
    apart = (enough | spelt) & (total // _ONE_COST <= most * lengths)
    cuts = np.zeros((count, longest), np.bool_)
    rows = np.flatnonzero(apart)
    left = lengths.take(rows)
    while left.any():
        before = best[left[:, None] + _BEFORE, rows[:, None]] + costs[left, :, rows]
        left = np.maximum(left - _SIZES.take(before.argmin(axis=1)), 0)
        cuts[rows, left] = True
    return apart, cuts


def part_keys(words: list[str]) -> U64:
    """Keys of words of 1 to `LONGEST_PART` letters a to z, as `Parts` looks them up; uint64 (len(words),)."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    lengths = np.array([len(word) for word in words], np.int64)
    keys: U64 = _hash_windows(codes)[np.cumsum(lengths) - lengths, lengths - 1]
    return keys


def part_values(costs: npt.NDArray[np.float64], flags: Ints) -> U64:
    """Values of parts from their costs in nats, float64, and their flags; uint64."""
    units = np.maximum(np.rint(costs * COST_UNIT), 1).astype(np.int64)
    return ((units << FLAG_BITS) | flags).astype(np.uint64)


def _hash_windows(codes: U32) -> U64:
    """Keys of the stretches of 1 to `LONGEST_PART` codes that begin at each place; uint64 (C, LONGEST_PART)."""
    padded = np.append(codes, np.zeros(LONGEST_PART, np.uint32)).astype(np.uint64)
    sums = np.full(codes.size, _SALT, np.uint64)
    hashes = np.empty((LONGEST_PART, codes.size), np.uint64)
    for size in range(LONGEST_PART):
        sums += padded[size : size + codes.size]
        sums *= SPREAD
        hashes[size] = sums
    return mix(hashes).T
