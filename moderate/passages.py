"""Length: what sums are divided by, and the passages that a long comment is also read by.

Words that tell a little add up in a long comment, and one vile line in it is still one. So what the whole says is
divided by more than the root of its length, and a comment is also read a few words at a time.

Each head is heard on every passage, too, and where one stands out by more than a margin it raises what the whole says
(multiple instances with the maximum as their pool: Dietterich et al. 1997, "Solving the multiple instance problem with
axis-parallel rectangles"). What a passage is depends on the comment alone, not on any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .folding import Bools, Floats, Ints
from .links import expand

BLOCK: Final = 4  # words; a passage is two blocks, so that neighbours overlap by half (TRIALS.md: 6 to 16 words)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How sums are divided for length.

    Attributes:
        prior_words: words that every comment and passage is taken to have besides its own, so that one alone says
            little.
        damping: how much of another eighth root what is longer than a passage is divided by, in [0, 1].
    """

    prior_words: float
    damping: float = 0.0

    def divisors(self, words: Floats | Ints) -> Floats:
        """What the sums over numbers of ``words`` are divided by; float64, same shape."""
        roots: Floats = np.sqrt(np.maximum(words + self.prior_words, 1))
        passage = np.sqrt(2 * BLOCK + self.prior_words)
        beyond = np.maximum(np.sqrt(np.sqrt(roots)) / np.sqrt(np.sqrt(passage)), 1)  # an eighth root of the length
        roots *= 1 + self.damping * (beyond - 1)
        return roots


def begin_blocks(first: Ints) -> tuple[Ints, Ints]:
    """Cut stretches of words, each opened by a boundary, into blocks; every stretch has at least one.

    Args:
        first: index of each stretch's boundary, and the number of words at the end; int64 (n + 1,).

    Returns:
        the word that begins each block, int64 (B,): the first block begins with the boundary, which does not count
        among its words; and index of each stretch's first block, and B, int64 (n + 1,).
    """
    counts = np.maximum(-(-(np.diff(first) - 1) // BLOCK), 1)
    first_block = np.append(0, counts.cumsum())
    place = np.arange(first_block[-1]) - np.repeat(first_block[:-1], counts)
    return np.repeat(first[:-1], counts) + place * BLOCK + (place > 0), first_block


def join_blocks(first: Ints, first_block: Ints) -> tuple[Ints, Bools, Floats, Ints]:
    """Passages: each block with the one behind it; the only block of a stretch is one by itself.

    Args:
        first: as given to `begin_blocks`.
        first_block: as it returned it.

    Returns:
        the first block of each passage, int64 (P,); whether another belongs to it, bool (P,); number of its words,
        float64 (P,); and index of each stretch's first passage, and P, int64 (n + 1,).
    """
    counts = np.diff(first_block)
    passages = np.maximum(counts - 1, 1)
    first_passage = np.append(0, passages.cumsum())
    owner = np.repeat(np.arange(counts.size), passages)
    place = np.arange(owner.size) - first_passage.take(owner)
    words = np.minimum(np.diff(first).take(owner) - 1 - place * BLOCK, 2 * BLOCK)
    return first_block.take(owner) + place, counts.take(owner) > 1, words.astype(np.float64), first_passage


def find_peaks(sums: Ints, first: Ints, first_block: Ints, lengths: Lengths) -> Floats:
    """The largest sum of a passage, divided for its length as a comment's is; float64 (n, H).

    Args:
        sums: of each block; int64 (B, H).
        first: as given to `begin_blocks`.
        first_block: as it returned it.
        lengths: how it is divided.
    """
    blocks, paired, words, first_passage = join_blocks(first, first_block)
    totals = _sum_passages(sums, blocks, paired)
    return np.maximum.reduceat(totals * (1 / lengths.divisors(words))[:, None], first_passage[:-1], axis=0)


def _sum_passages(sums: Ints, blocks: Ints, paired: Bools) -> Ints:
    """Sums of passages from those of blocks, along the first axis."""
    totals: Ints = sums.take(blocks, axis=0)
    totals[paired] += sums.take(blocks[paired] + 1, axis=0)
    return totals


def raise_to_peaks(raw: Floats, peaks: Floats, shares: Floats, margins: Floats) -> None:
    """Raise, in place, what a head says of a whole comment by a share of what the peak exceeds it and the margin.

    Args:
        raw: of whole comments, divided for their length; float64 (n, H).
        peaks: as from `find_peaks`; float64 (n, H).
        shares: in [0, 1]; float64 (H,).
        margins: in units of ``raw``; float64 (H,).
    """
    raw += shares * np.maximum(peaks - raw - margins, 0)


def weigh_passages(weights: Ints, first: Ints, shares: Floats, margins: Floats, lengths: Lengths) -> Floats:
    """What words add, from what they add by themselves: those of a passage that stands out count more.

    Args:
        weights: of the words of m stretches; 0 at their boundaries; int64 (E,).
        first: index of each stretch's boundary, and E; int64 (m + 1,).
        shares, margins: of the head of each; float64 (m,).
        lengths: how sums are divided.

    Returns:
        float64 (E,); to be compared within a stretch only.
    """
    begins, first_block = begin_blocks(first)
    blocks, paired, words, first_passage = join_blocks(first, first_block)
    values = _sum_passages(np.add.reduceat(weights, begins), blocks, paired) / lengths.divisors(words)
    peaks = np.maximum.reduceat(values, first_passage[:-1])
    sizes = np.diff(first)
    roots = lengths.divisors(sizes - 1)
    standing = peaks - np.add.reduceat(weights, first[:-1]) / roots - margins > 0
    factors = np.repeat(np.where(standing, 1 - shares, 1.0), sizes)
    owner = np.repeat(np.arange(sizes.size), np.diff(first_passage))
    highest = ((values == peaks.take(owner)) & standing.take(owner)).nonzero()[0]
    owner, best = np.unique(owner.take(highest), return_index=True)
    best = highest.take(best)
    inside = begins.take(blocks.take(best))
    ends = inside + words.take(best).astype(np.int64) + (inside == first.take(owner))
    gained = shares.take(owner) * roots.take(owner) / lengths.divisors(words.take(best))
    factors[expand(inside, ends)] += np.repeat(gained, ends - inside)
    raised: Floats = weights * factors
    return raised
