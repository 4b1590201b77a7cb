"""A batch of strings -> folded code points -> tokens, with no Python loop over characters or words.

The batch is joined, decoded once to code points, folded by one look-up table over all of Unicode (case,
compatibility forms, accents; invisible characters are dropped), and cut into tokens by character class. A token is

- a run of letters and digits, with symbols that stand for letters inside it (``sh!t``, ``a$$``, ``f**k``),
- a single emoji, pictograph or ideograph,
- a quotation mark, as ``"`` whatever its shape, or the first of a run of question marks: who says it matters, or
- the boundary that opens every comment, so that no comment is without a token.

Each token has a 64-bit hash: a polynomial over its code points, computed for all tokens at once from prefix sums
modulo 2**64 (Karp & Rabin 1987), then mixed. Folding is one to one, so that every token knows where it stands in the
original string. Links and e-mail addresses are no words: they are cut out and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import folding
from .compiled import kernels
from .folding import U8, U32, U64, Bools, Ints
from .links import LINK_TABLES, cut_links, expand, replace_drawings, replace_entities
from .sites import KINDS

# A prime near 2**61, odd, so that it has an inverse modulo 2**64; the mixing constant is that of splitmix64.
BASE: Final = 0x1FFFFFFFFFFFFFE7
MIX: Final = 0x9E3779B97F4A7C15
_MODULUS: Final = 1 << 64
SPREAD: Final = np.uint64(0xBF58476D1CE4E5B9)  # odd, from splitmix64: order matters in a combined hash
_MIX, _HALF = np.uint64(MIX), np.uint64(32)
_ONE: Final = np.uint32(1)
_UPPER: Final = np.uint32(folding.UPPER)
_PUNCTUATION: Final = np.uint8(folding.PUNCTUATION)

# What may stand between two tokens: nothing, as before an emoji; one white space; one mark, as in "f.u.c.k". An
# apostrophe, a boundary and whatever is longer are more than that.
ADJACENT, ONE_BLANK, ONE_MARK, APART = range(4)

# Comments are handled in pieces of at most this many characters: bounds memory, and lets powers be computed once.
PIECE: Final = 1 << 16


@dataclass(slots=True)
class Tokens:
    """The tokens of a batch of n comments, T in all, in order.

    Attributes:
        codes: folded code points of all tokens, one after another; uint32 (C,).
        starts: where each token starts in ``codes``, and C at the end; int64 (T + 1,).
        begins: index of each token's first character in the joined batch; int64 (T,).
        ends: index behind its last character there; int64 (T,).
        gaps: what stands between each token and the one before, `ADJACENT` to `APART`; uint8 (T,).
        first: index of each comment's boundary token, and T at the end; int64 (n + 1,).
        offsets: index of each comment's first character in the joined batch; int64 (n,).
        hashes: one 64-bit hash a token; uint64 (T,).
        capitals: whether each token is upper-case letters alone; bool (T,).
        links: number of links and e-mail addresses of each comment, in all and by `sites.KINDS`; int64 (n, 1 + kinds).
        marks: number of exclamation, question, quotation, hash and money marks of each comment; int64 (n, 5).
    """

    codes: U32
    starts: Ints
    begins: Ints
    ends: Ints
    gaps: U8
    first: Ints
    offsets: Ints
    hashes: U64
    capitals: Bools
    links: Ints
    marks: Ints

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What the compiled kernel of features reads, in its order."""
        words = (self.codes, self.starts, self.gaps, self.first, self.hashes, self.capitals)
        return (*words, self.links, self.marks)

    @classmethod
    def join(cls, parts: Sequence[Tokens]) -> Tokens:
        """The tokens of several batches as those of one."""
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PLAIN_FIELDS}
        starts = chain_bounds([part.starts for part in parts], [part.codes.size for part in parts])
        first = chain_bounds([part.first for part in parts], [part.hashes.size for part in parts])
        return cls(starts=starts, first=first, **joined)

    def spans(self, tokens: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Code-point start and end, in their own comment, of the stretches from ``tokens`` to ``last`` inclusive."""
        comment = np.searchsorted(self.first, tokens, side="right") - 1
        offsets = self.offsets.take(comment)
        return self.begins.take(tokens) - offsets, self.ends.take(last) - offsets


# Those that say nothing of other arrays: places in a joined batch are meant from the comment's own offset in it.
_PLAIN_FIELDS: Final = ("codes", "begins", "ends", "gaps", "offsets", "hashes", "capitals", "links", "marks")


def chain_bounds(parts: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """Put bounds, each ending with the number of things, behind one another; ``sizes`` are these numbers."""
    shifts = np.cumsum([0, *sizes])
    shifted = [part[:-1] + shift for part, shift in zip(parts, shifts, strict=False)]
    return np.concatenate([*shifted, shifts[-1:]])


@cache
def _powers(size: int) -> tuple[U64, U64]:
    """``BASE**i`` and its inverse modulo 2**64 for i < size; computed by doubling."""
    tables = []
    for base in (BASE, pow(BASE, -1, _MODULUS)):
        powers = np.ones(1, np.uint64)
        while powers.size < size:
            step = np.uint64(pow(base, powers.size, _MODULUS))
            powers = np.concatenate([powers, powers * step])
        tables.append(powers[:size].copy())
    return tables[0], tables[1]


def mix(hashes: U64) -> U64:
    """Spread the bits of raw hashes; uint64 in, uint64 out."""
    hashes = hashes * _MIX
    hashes ^= hashes >> _HALF
    return hashes


def hash_stretches(codes: U32, starts: Ints) -> U64:
    """Hash the stretches of ``codes`` that begin at ``starts[:-1]`` and end at ``starts[1:]``; uint64."""
    size = 1 << max(12, int(codes.size).bit_length())
    powers, inverses = _powers(size)
    sums = np.empty(codes.size + 1, np.uint64)
    sums[0] = 0
    ((codes + _ONE) * powers[: codes.size]).cumsum(out=sums[1:])
    ends = sums.take(starts)
    return mix((ends[1:] - ends[:-1]) * inverses.take(starts[:-1]))


def hash_words(words: Sequence[str]) -> U64:
    """Hashes of whole folded words, as `tokenize` would give them; uint64 (len(words),)."""
    joined = "".join(words)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=starts[1:])
    return hash_stretches(codes, starts)


def hash_boundary() -> U64:
    """Hash of the boundary that opens every comment; uint64 (1,)."""
    return hash_stretches(np.array([folding.BOUNDARY_CODE], np.uint32), np.array([0, 1]))


def decode(codes: U32) -> str:
    """Folded codes as a string; a space for the boundary, which is no character."""
    return np.where(codes > 0x10FFFF, 32, codes).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def find_extent(text: str) -> tuple[int, int]:
    """Begin and end, in code points, of what can be seen of a text: blank or invisible characters around it are out."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    classes = folding.classes_of(folding.folding_table().take(codes, mode="clip"))
    seen = ((classes != folding.SPACE) & (classes != folding.IGNORED)).nonzero()[0]
    return (int(seen[0]), int(seen[-1]) + 1) if seen.size else (0, 0)


def tokenize(texts: Sequence[str]) -> Tokens:
    """Cut ``texts`` (each of at most `PIECE` characters) into tokens."""
    if kernels is None:
        return _tokenize(texts)
    tables = (folding.folding_table(), *LINK_TABLES, _LETTER_LIKE, _COUNTED)
    columns = kernels.tokenize(list(texts), tables)
    codes, starts, begins, ends, gaps, first, offsets, hashes, capitals, links, marks = columns
    return Tokens(
        codes=np.frombuffer(codes, np.uint32),
        starts=np.frombuffer(starts, np.int64),
        begins=np.frombuffer(begins, np.int64),
        ends=np.frombuffer(ends, np.int64),
        gaps=np.frombuffer(gaps, np.uint8),
        first=np.frombuffer(first, np.int64),
        offsets=np.frombuffer(offsets, np.int64),
        hashes=np.frombuffer(hashes, np.uint64),
        capitals=np.frombuffer(capitals, np.bool_),
        links=np.frombuffer(links, np.int64).reshape(-1, 1 + len(KINDS)),
        marks=np.frombuffer(marks, np.int64).reshape(-1, len(_COUNTED_MARKS)),
    )


def _tokenize(texts: Sequence[str]) -> Tokens:
    joined = "\n" + "\n".join(texts)
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    offsets = (lengths + 1).cumsum() - lengths
    table = folding.folding_table()
    folded = table.take(raw, mode="clip")
    folded[offsets - 1] = table[folding.BOUNDARY_CODE]
    classes = folding.classes_of(folded)

    replace_entities(folded, classes)
    replace_drawings(folded, classes)
    positions: Ints | None = None
    boundaries = offsets - 1
    if classes.max() == folding.IGNORED:
        positions = (classes != folding.IGNORED).nonzero()[0]
        folded, classes = folded.take(positions), classes.take(positions)
        boundaries = (classes == folding.BOUNDARY).nonzero()[0]
    marks = ((classes - _PUNCTUATION) < 2).nonzero()[0]  # punctuation and symbols: few
    links = cut_links(folded, classes, boundaries, marks)
    _admit_symbols(folded, classes, marks)
    _admit_marks(folded, classes, marks)

    word = (classes >> 1) == folding.LETTER >> 1
    start = classes >= folding.SINGLE
    kept = start.nonzero()[0]
    start[1:] &= ~(word[1:] & word[:-1])
    entries = folded.take(kept)
    codes = folding.codes_of(entries)
    starts = np.append(start.take(kept), True).nonzero()[0]
    first = kept.take(starts[:-1]).searchsorted(boundaries)
    places = kept if positions is None else positions.take(kept)
    return Tokens(
        codes=codes,
        starts=starts,
        begins=places.take(starts[:-1]),
        ends=places.take(starts[1:] - 1) + 1,
        gaps=_measure_gaps(folded, classes, kept.take(starts[:-1]), kept.take(starts[1:] - 1)),
        first=np.append(first, starts.size - 1),
        offsets=offsets,
        hashes=hash_stretches(codes, starts),
        capitals=np.logical_and.reduceat((entries & _UPPER) != 0, starts[:-1]),
        links=links,
        marks=_count_marks(folded, boundaries, marks),
    )


def _measure_gaps(folded: U32, classes: U8, begins: Ints, ends: Ints) -> U8:
    """What stands before each token, from the places of its first and last character; uint8."""
    gaps = np.full(begins.size, APART, np.uint8)
    apart = begins[1:] - ends[:-1]
    gaps[1:][apart == 1] = ADJACENT
    single = np.flatnonzero(apart == 2) + 1
    between = begins.take(single) - 1
    blank = classes.take(between) == folding.SPACE
    gaps[single] = np.where(blank, ONE_BLANK, ONE_MARK)
    gaps[single[folding.codes_of(folded.take(between)) == ord("'")]] = APART
    boundary = (classes.take(begins) == folding.BOUNDARY).nonzero()[0]
    gaps[boundary] = APART
    gaps[np.minimum(boundary + 1, gaps.size - 1)] = APART
    return gaps


_LETTER_LIKE: Final = np.zeros(max(map(ord, folding.LETTER_LIKE)) + 2, np.bool_)  # the last entry stands for the rest
_LETTER_LIKE[[ord(char) for char in folding.LETTER_LIKE]] = True
_STROKES: Final = np.array([ord(char) for char in folding.STROKES], np.uint32)


def _admit_symbols(folded: U32, classes: U8, marks: Ints) -> None:
    """Make letters of the symbols that stand for letters inside a word.

    A digit inside a word, "th0$e", is as good as a letter beside a symbol; behind others a symbol is money, "10$".
    """
    marks = marks[(classes.take(marks) == folding.SYMBOL)]
    if not marks.size:
        return
    codes = folding.codes_of(folded.take(marks))
    like, star = _LETTER_LIKE.take(codes, mode="clip"), codes == ord(folding.STARS)
    left, right = classes.take(marks - 1), _classes_behind(classes, marks)
    before = classes.take(np.maximum(marks - 2, 0))
    inner = (before == folding.LETTER) | (before == folding.SYMBOL)
    neighbours = like[1:] & like[:-1] & (np.diff(marks) == 1)
    like_left, like_right = np.append(False, neighbours), np.append(neighbours, False)
    inner_digit = inner & (left == folding.DIGIT)
    admitted = like & ((right != folding.DIGIT) | inner_digit | (inner & like_left))
    admitted &= (left == folding.LETTER) | (right == folding.LETTER) | like_left | like_right | inner_digit
    classes[marks[admitted]] = folding.LETTER
    infix, stroke = ~like & ~star, np.isin(codes, _STROKES)
    left, right = classes.take(marks - 1), _classes_behind(classes, marks)
    letter_left, letter_right = left == folding.LETTER, right == folding.LETTER
    mixed = (letter_left & (right == folding.DIGIT)) | (letter_right & (left == folding.DIGIT))
    classes[marks[infix & ((letter_left & letter_right) | (stroke & mixed))]] = folding.LETTER
    if star.any():
        _admit_stars(classes, marks[star])


def _classes_behind(classes: U8, places: Ints) -> U8:
    """Class of the character behind each of ``places``; uint8."""
    behind = classes.take(places + 1, mode="clip")
    behind[places + 1 == classes.size] = folding.SPACE
    return behind


def _admit_stars(classes: U8, stars: Ints) -> None:
    """Make letters of runs of stars inside a word (``f**k``) and, two or more, behind one or two letters (``f***``)."""
    opens = np.append(True, np.diff(stars) > 1)
    begins, ends = stars[opens], stars[np.append(opens[1:], True)]
    padded = np.pad(classes, (3, 1))  # three places before the comment's first character, one behind its last
    before, after = padded[begins + 2] == folding.LETTER, padded[ends + 4] == folding.LETTER
    short = (padded[begins] != folding.LETTER) | (padded[begins + 1] != folding.LETTER)
    admitted = before & (after | (short & (ends > begins)))
    classes[expand(begins[admitted], ends[admitted] + 1)] = folding.LETTER


def _admit_marks(folded: U32, classes: U8, marks: Ints) -> None:
    """Make tokens of quotation marks, and of the first of a run of question marks.

    An apostrophe is a quotation mark unless it has letters or digits on both sides; behind "=" and before ">" stand
    the marks of an attribute.
    """
    codes = folding.codes_of(folded.take(marks))
    single = marks[codes == ord("'")]
    if single.size:
        inside = (classes.take(single - 1) | 1) == folding.DIGIT
        inside &= (classes.take(single + 1, mode="clip") | 1) == folding.DIGIT
        single = single[~inside]
        folded[single] = ord('"')
    questions = marks[codes == ord("?")]
    if questions.size:
        questions = questions[np.append(True, np.diff(questions) > 1)]
    quotes = np.concatenate([marks[codes == ord('"')], single])
    opens = folding.codes_of(folded.take(quotes - 1)) == ord("=")
    closes = folding.codes_of(folded.take(quotes + 1, mode="clip")) == ord(">")
    quotes = quotes[~(opens | closes)]
    admitted = np.concatenate([quotes, questions])
    classes[admitted[classes.take(admitted) == folding.PUNCTUATION]] = folding.SINGLE


# What `Tokens.marks` counts, in this order.
_COUNTED_MARKS: Final = ("!", "?", '"', "#", "$£%")
_COUNTED: Final = np.full(0x100, len(_COUNTED_MARKS), np.uint8)
for _kind, _marks in enumerate(_COUNTED_MARKS):
    _COUNTED[[ord(mark) for mark in _marks]] = _kind


def _count_marks(folded: U32, boundaries: Ints, marks: Ints) -> Ints:
    """Count the marks of `_COUNTED` in each comment; int64 (n, 5)."""
    width = len(_COUNTED_MARKS)
    kinds = _COUNTED.take(folding.codes_of(folded.take(marks)), mode="clip")
    counted = kinds < width
    comments = boundaries.searchsorted(marks[counted], side="right") - 1
    return np.bincount(comments * width + kinds[counted], minlength=boundaries.size * width).reshape(-1, width)
