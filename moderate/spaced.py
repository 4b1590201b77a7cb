"""Words set apart, "f u c k", "m.o.r.o.n", "ver.min": which tokens may be letters, or the two halves, of one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from . import folding
from .folding import U32, U64, Bools, Ints
from .links import expand
from .text import ADJACENT, ONE_BLANK, ONE_MARK, SPREAD, Tokens, mix

LEAST_RUN: Final = 3  # single letters in a row from which they may be a word spelt out
# Letters that are put together at once: whoever spells out a whole comment is read piece by piece.
LONGEST_RUN: Final = 48

# Arrows, symbols, dingbats and emoji: what is put between letters. Other single characters are writing.
_PICTOGRAPHS: Final = ((0x2190, 0x2C00), (0x1F000, 0x20000))
# Tell the keys of two halves from those of spellings: with a mark or an emoji between them, with a blank.
_MARKED, _BLANK = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows of single letters set apart alike: all by a blank, or all by a mark or an emoji; R of them.

    Attributes:
        letters: token index of every single letter of the batch; int64.
        begins: index into ``letters`` of the first letter of each run; int64 (R,).
        ends: index behind its last one; int64 (R,). A run may begin with the letter that ends the one before.
        within: whether each token is a letter of a run; bool (T,).
    """

    letters: Ints
    begins: Ints
    ends: Ints
    within: Bools


def find_runs(tokens: Tokens, lengths: Ints) -> Runs:
    """Find the runs of at least `LEAST_RUN` letters; longer ones than `LONGEST_RUN` come in several."""
    initial = tokens.codes.take(tokens.starts[:-1])
    pictograph = _is_pictograph(initial)
    single = (lengths == 1) & (initial >= ord("0")) & (initial != folding.BOUNDARY_CODE) & ~pictograph
    letters = single.nonzero()[0]
    within = np.zeros(lengths.size, np.bool_)
    left, right = letters[:-1], letters[1:]
    gap, step = tokens.gaps.take(right), right - left
    marked = (step == 1) & (gap == ONE_MARK)
    marked |= (step == 2) & pictograph.take(right - 1) & (gap == ADJACENT) & (tokens.gaps.take(right - 1) == ADJACENT)
    links = np.where(marked, ONE_MARK, np.where((step == 1) & (gap == ONE_BLANK), ONE_BLANK, ADJACENT))
    opens = (links != np.append(ADJACENT, links[:-1])[: links.size]) & (links != ADJACENT)
    closes = (links != np.append(links[1:], ADJACENT)[: links.size]) & (links != ADJACENT)
    begins, ends = opens.nonzero()[0], closes.nonzero()[0] + 2
    long = ends - begins >= LEAST_RUN
    begins, ends = begins[long], ends[long]
    within[letters.take(expand(begins, ends))] = True
    pieces = -(-(ends - begins) // LONGEST_RUN)
    owner = np.repeat(np.arange(begins.size), pieces)
    number = np.arange(owner.size) - (pieces.cumsum() - pieces).take(owner)
    begins = begins.take(owner) + LONGEST_RUN * number
    ends = np.minimum(begins + LONGEST_RUN, ends.take(owner))
    long = ends - begins >= LEAST_RUN
    return Runs(letters=letters, begins=begins[long], ends=ends[long], within=within)


def find_halves(tokens: Tokens, unknown: Bools, within: Bools) -> tuple[Ints, Ints, Bools]:
    """Find pairs of tokens that may be the halves of one word.

    Args:
        tokens: of the batch.
        unknown: whether the vocabulary does not know each; bool (T,).
        within: whether each belongs to a run; bool (T,).

    Returns:
        first and second token of each pair, int64 (P,), in order, and whether a mark or an emoji stands between them,
        bool (P,); of those with a blank between, one is unknown.
    """
    gaps = tokens.gaps
    odd = unknown[1:] | unknown[:-1]
    near = ((gaps[1:] == ONE_MARK) | ((gaps[1:] == ONE_BLANK) & odd)).nonzero()[0] + 1
    pictograph = _is_pictograph(tokens.codes.take(tokens.starts[1:-2]))
    over = (pictograph & (gaps[1:-1] == ADJACENT) & (gaps[2:] == ADJACENT)).nonzero()[0] + 2
    second = np.concatenate([near, over])
    first = second - np.repeat([1, 2], [near.size, over.size])
    marked = gaps.take(second) != ONE_BLANK
    order = np.argsort(first, kind="stable")
    order = order[~(within.take(first) | within.take(second))[order]]
    return first.take(order), second.take(order), marked.take(order)


def half_keys(first: U64, second: U64, marked: Bools) -> U64:
    """Keys of words in two halves, from the hashes of these, as a model's spellings have them; uint64."""
    return mix((first * SPREAD + second) ^ np.where(marked, _MARKED, _BLANK))


def drop_overlaps(begins: Ints, ends: Ints) -> Bools:
    """Whether each of the stretches, in order, begins behind the end of those before it; ``ends`` inclusive; bool."""
    reach = np.append(-1, np.maximum.accumulate(ends)[:-1])[: begins.size]
    kept: Bools = begins > reach
    return kept


def _is_pictograph(codes: U32) -> Bools:
    """Whether each code is one of `_PICTOGRAPHS`; bool."""
    found = np.zeros(codes.size, np.bool_)
    for begin, end in _PICTOGRAPHS:
        found |= (codes >= begin) & (codes < end)
    return found
