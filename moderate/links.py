"""What a comment contains besides words: links, mark-up, HTML entities and drawn letters, found and cut out of a batch.

Part of `moderate.text`; works in place on the folded entries and the classes of a joined batch. Everything here looks
only at the few places where a telling character stands, and reads a fixed window from there: time stays linear.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from . import folding
from .folding import U8, U32, Bools, Ints
from .sites import KINDS, REFERRALS, SITES

# Longest entity handled, "&rsquo;" and "&#x1F600;" included.
_ENTITY_WINDOW: Final = 10
_NAMED: Final = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " ",
    "rsquo": "'", "lsquo": "'", "rdquo": '"', "ldquo": '"', "shy": "\u00ad", "zwj": "\u200d", "zwnj": "\u200c",
}  # fmt: skip

# Letters drawn with several strokes. "\\/" and "/\\" are not among them: they stand in links and paths.
DRAWINGS: Final = {"|-|": "h", "|_|": "u", "|\\|": "n", "|\\/|": "m", "|<": "k", "|3": "b", "|)": "d", "()": "o"}
_DRAWING_WINDOW: Final = max(map(len, DRAWINGS))

# Top-level domains that make a link of "name.tld" even without "www." or a path behind it; short ones that are also
# English words count only with a path ("t.me/x").
_DOMAINS: Final = tuple(
    "com net org info biz xyz shop store online site club io ly tv gg edu gov ru uk de fr nl tr eu iq ir".split()  # noqa: SIM905
)
_DOMAINS_WITH_PATH: Final = (
    *_DOMAINS,
    *"co me be us to so is it in cc ws im am fm app dev link top page".split(),  # noqa: SIM905
)
_ANCHOR: Final = np.array([ord(char) for char in "a href"], np.int64)
_TAGS: Final = ("br", "a", "b", "i", "u", "p", "em", "strong", "span", "div", "blockquote")


_NAME_LETTERS: Final = 12  # letters of a name in an address that are read: as many as a key can hold
_DIVIDERS: Final = np.array([ord(char) for char in "./:?#=&@"], np.int64)  # between names in an address
_SCHEME: Final = np.array([ord(char) for char in "://"], np.int64)
_BREAKS: Final = np.array([ord(char) for char in "/?#"], np.int64)  # those behind which the path has begun


def _key(word: str) -> int:
    """Pack up to `_NAME_LETTERS` lower-case letters into an integer, five bits each."""
    return sum((ord(char) - 96) << (5 * place) for place, char in enumerate(word))


_NAMED_KEYS: Final = np.array(sorted(_key(name) for name in _NAMED), np.int64)
_NAMED_CODES: Final = np.array([ord(_NAMED[name]) for name in sorted(_NAMED, key=_key)], np.int64)
_DOMAIN_KEYS: Final = np.array(sorted(map(_key, _DOMAINS)), np.int64)
_PATH_KEYS: Final = np.array(sorted(map(_key, _DOMAINS_WITH_PATH)), np.int64)
_TAG_KEYS: Final = np.array(sorted(map(_key, _TAGS)), np.int64)
_SITE_KINDS: Final = {_key(name[:_NAME_LETTERS]): kind for kind, names in enumerate(SITES.values()) for name in names}
_SITE_KEYS: Final = np.array(sorted(_SITE_KINDS), np.int64)
_SITES: Final = np.array([_SITE_KINDS[key] for key in sorted(_SITE_KINDS)], np.int64)
_REFERRAL_KEYS: Final = np.array(sorted(_key(name[:_NAME_LETTERS]) for name in REFERRALS), np.int64)
# What the compiled kernel has to know, in its order.
LINK_TABLES: Final = (
    *(_NAMED_KEYS, _NAMED_CODES, _DOMAIN_KEYS, _PATH_KEYS, _TAG_KEYS),
    *(_SITE_KEYS, _SITES, _REFERRAL_KEYS),
)


def replace_entities(folded: U32, classes: U8) -> None:
    """Put the character in place of each HTML entity (``&amp;``, ``&#39;``, ``&#x27;``); mark the rest as ignored."""
    places = np.flatnonzero(folding.codes_of(folded) == ord("&"))
    if not places.size:
        return
    window = _window(folded, places + 1, _ENTITY_WINDOW)
    semicolon = (window == ord(";")).argmax(axis=1)  # 0 where there is none, too
    found = semicolon > 1
    places, window, semicolon = places[found], window[found], semicolon[found]
    inside = np.arange(_ENTITY_WINDOW) < semicolon[:, None]

    named, known = _look_up(_packed(window, inside), _NAMED_KEYS)
    decoded = np.where(known, _NAMED_CODES[named], -1)
    number = window[:, 0] == ord("#")
    hexadecimal = number & (window[:, 1] == ord("x"))
    for numeric, base, skip in ((number & ~hexadecimal, 10, 1), (hexadecimal, 16, 2)):
        if numeric.any():
            value, valid = _parse_number(window[numeric], inside[numeric], base=base, skip=skip)
            decoded[numeric] = np.where(valid & (value > 0) & (value < folding.BOUNDARY_CODE), value, -1)

    good = decoded >= 0
    places, semicolon, decoded = places[good], semicolon[good], decoded[good]
    classes[expand(places, places + semicolon + 2)] = folding.IGNORED
    folded[places] = folding.folding_table()[decoded]
    classes[places] = folding.classes_of(folded[places])


def replace_drawings(folded: U32, classes: U8) -> None:
    """Put the letter in place of each of `DRAWINGS` beside a letter (``5ub|-|uman``); mark the rest as ignored."""
    codes = folding.codes_of(folded)
    opens = np.flatnonzero((codes == ord("|")) | (codes == ord("(")))
    if not opens.size:
        return
    window = _window(folded, opens, _DRAWING_WINDOW)
    found = [
        (opens[(window[:, : len(strokes)] == [ord(stroke) for stroke in strokes]).all(axis=1)], strokes, letter)
        for strokes, letter in DRAWINGS.items()
    ]
    places = np.concatenate([places for places, _, _ in found])
    lengths = np.concatenate([np.full(places.size, len(strokes)) for places, strokes, _ in found])
    letters = np.concatenate([np.full(places.size, ord(letter)) for places, _, letter in found])
    before = classes.take(places - 1) == folding.LETTER
    behind = classes.take(places + lengths, mode="clip") == folding.LETTER
    behind &= places + lengths < classes.size
    bracket = codes.take(places) == ord("(")
    order = np.argsort(places)
    order = order[np.where(bracket, before & behind, before | behind)[order]]
    places, lengths, letters = places[order], lengths[order], letters[order]
    apart = places >= np.append(0, np.maximum.accumulate(places + lengths)[:-1])[: places.size]
    places, lengths, letters = places[apart], lengths[apart], letters[apart]
    classes[expand(places, places + lengths)] = folding.IGNORED
    folded[places] = folding.folding_table()[letters]
    classes[places] = folding.LETTER


def cut_links(folded: U32, classes: U8, boundaries: Ints, marks: Ints) -> Ints:
    """Blank out links and e-mail addresses, and make punctuation of HTML tags; return the links of each comment.

    They are counted in all, and by each of `sites.KINDS`; int64 (n, 1 + len(KINDS)).

    Args:
        folded: folded entries; uint32 (C,).
        classes: their classes, changed in place; uint8 (C,).
        boundaries: where each comment begins; int64 (n,).
        marks: places of all punctuation and symbols; int64.
    """
    codes = folding.codes_of(folded.take(marks))
    _cut_tags(folded, classes, marks[codes == ord("<")])
    schemes = marks[codes == ord(":")]
    if schemes.size:
        schemes = schemes[(_window(folded, schemes + 1, 2) == ord("/")).all(axis=1)]
    domains = _find_domains(folded, classes, marks[codes == ord(".")])
    if schemes.size + domains.size == 0:
        return np.zeros((boundaries.size, 1 + len(KINDS)), np.int64)

    blanks = np.append(np.flatnonzero((classes == folding.SPACE) | (classes == folding.BOUNDARY)), classes.size)
    scheme_letters = _window(classes, schemes[:, None] - 1 - np.arange(8), 0) == folding.LETTER
    scheme_starts = schemes - np.where(scheme_letters.all(axis=1), 8, (~scheme_letters).argmax(axis=1))
    domain_starts = blanks[np.searchsorted(blanks, domains) - 1] + 1
    starts = np.concatenate([scheme_starts, domain_starts])
    ends = blanks[np.searchsorted(blanks, np.concatenate([schemes, domains]))]
    order = np.argsort(starts, kind="stable")
    ends, earliest = np.unique(ends[order], return_index=True)
    starts = starts[order][earliest]
    classes[expand(starts, ends)] = folding.SPACE
    comments = np.searchsorted(boundaries, starts, side="right") - 1
    told = np.ones((starts.size, 1 + len(KINDS)), np.int64)
    told[:, 1:] = _tell_kinds(folded, starts, ends)
    links = np.zeros((boundaries.size, told.shape[1]), np.int64)
    np.add.at(links, comments, told)
    return links


def _tell_kinds(folded: U32, starts: Ints, ends: Ints) -> Bools:
    """Which of `sites.KINDS` each link is, by the names in its address; bool (links, len(KINDS)).

    Names stand between dividers. Those of sites count until the path begins, those of referrals behind that and before
    a "=".
    """
    places = expand(starts, ends + 1)  # with what ends each link, which ends its last name
    last = np.cumsum(ends + 1 - starts) - 1
    window = _window(folded, places, 3)
    codes = window[:, 0]
    codes[last] = 0
    divider = np.isin(codes, _DIVIDERS)
    divider[last] = True
    closes = divider.nonzero()[0]
    opens = np.append(0, closes[:-1] + 1)

    scheme = (window == _SCHEME).all(axis=1)
    breaks = np.isin(codes, _BREAKS)
    for slash in (1, 2):
        breaks[scheme.nonzero()[0] + slash] = False
    scheme[np.append(0, last[:-1] + 1)] = True  # as it does behind a scheme, the site stands where a link begins
    order = np.arange(places.size)
    begun = np.maximum.accumulate(np.where(scheme, order, -1))
    broken = np.maximum.accumulate(np.where(breaks, order, -1))
    at_site = begun.take(opens) > broken.take(opens)

    inside = np.arange(_NAME_LETTERS) < (closes - opens)[:, None]
    keys = _packed(_window(folded, places.take(opens), _NAME_LETTERS), inside)
    site, is_site = _look_up(keys, _SITE_KEYS)
    kind = np.where(at_site & is_site, _SITES.take(site), -1)
    refers = ~at_site & _look_up(keys, _REFERRAL_KEYS)[1] & (codes.take(closes) == ord("="))
    kind[refers] = len(KINDS) - 1
    told = np.zeros((starts.size, len(KINDS)), np.bool_)
    named = kind >= 0
    told[last.searchsorted(closes[named]), kind[named]] = True
    return told


def expand(starts: Ints, ends: Ints) -> Ints:
    """All indices of the stretches [start, end), one after another; int64."""
    lengths = ends - starts
    total = int(lengths.sum())
    shift = starts - (np.cumsum(lengths) - lengths)
    return np.repeat(shift, lengths) + np.arange(total)


def _find_domains(folded: U32, classes: U8, dots: Ints) -> Ints:
    """The dots that stand before a top-level domain: letters behind, a word before; most end a sentence instead."""
    if not dots.size:
        return dots
    after = classes.take(dots + 1, mode="clip")  # a dot at the very end is no letter itself
    inside: Bools = (after == folding.LETTER) & ((classes.take(dots - 1) | 1) == folding.DIGIT)
    dots = dots[inside]
    if not dots.size:
        return dots
    window = _window(folded, dots + 1, 8)
    letters = _window(classes, dots[:, None] + 1 + np.arange(8), 0) == folding.LETTER
    length = np.where(letters.all(axis=1), 8, (~letters).argmax(axis=1))
    key = _packed(window, np.arange(8) < length[:, None])
    path = np.take_along_axis(window, np.minimum(length, 7)[:, None], axis=1)[:, 0] == ord("/")
    www = (_window(folded, dots[:, None] - 1 - np.arange(3), 0) == ord("w")).all(axis=1)
    domain = _look_up(key, _DOMAIN_KEYS)[1] | (path & _look_up(key, _PATH_KEYS)[1]) | www
    found: Ints = dots[domain]
    return found


def _cut_tags(folded: U32, classes: U8, places: Ints) -> None:
    """Turn ``<br>``, ``</p>``, ``<a href=`` and the like into punctuation; text in angle brackets stays."""
    if not places.size:
        return
    window = _window(folded, places + 1, 14)
    slash = window[:, 0] == ord("/")
    window[slash, :-1] = window[slash, 1:]
    letters = (window >= ord("a")) & (window <= ord("z"))
    length = (~letters).argmax(axis=1)
    key = _packed(window, np.arange(14) < np.minimum(length, 10)[:, None])
    rest = np.take_along_axis(window, np.minimum(length[:, None] + np.arange(3), 13), axis=1)
    rest[np.logical_or.accumulate(rest == folding.BOUNDARY_CODE, axis=1)] = 0  # the next comment closes no tag
    closed = (rest == ord(">")).any(axis=1)
    anchor = (window[:, : len(_ANCHOR)] == _ANCHOR).all(axis=1)
    tag = _look_up(key, _TAG_KEYS)[1] & (closed | anchor)
    ends = places + 1 + slash + np.where(anchor, len(_ANCHOR), length)
    classes[expand(places[tag], np.minimum(ends[tag], classes.size))] = folding.PUNCTUATION


def _window(values: npt.NDArray[np.unsignedinteger], places: Ints, width: int) -> npt.NDArray[np.int64]:
    """Values at ``places`` and the ``width - 1`` behind each; past the ends, 0. ``width`` 0: at ``places`` as given."""
    if width:
        places = places[:, None] + np.arange(width)
    inside = (places >= 0) & (places < values.size)
    found = values.take(places, mode="clip").astype(np.int64) & folding.CODE_MASK
    return np.where(inside, found, 0)


def _packed(window: npt.NDArray[np.int64], inside: Bools) -> Ints:
    """Pack the letters of each row where ``inside`` (see `_key`); -1 when another character is among them."""
    letters = window - 96
    valid = ((letters > 0) & (letters < 27)) | ~inside
    shifts = 5 * np.arange(window.shape[1])
    packed = (np.where(inside, letters, 0) << shifts).sum(axis=1)
    return np.where(valid.all(axis=1), packed, -1)


def _look_up(keys: Ints, table: Ints) -> tuple[Ints, Bools]:
    """Index of each key in the sorted ``table``, and whether it is there."""
    index = np.minimum(np.searchsorted(table, keys), table.size - 1)
    return index, table[index] == keys


def _parse_number(window: npt.NDArray[np.int64], inside: Bools, *, base: int, skip: int) -> tuple[Ints, Bools]:
    """Value of the digits behind the first ``skip`` characters of each row, and whether all of them are digits."""
    digits = np.where(window >= ord("a"), window - ord("a") + 10, window - ord("0"))
    value = np.zeros(window.shape[0], np.int64)
    valid = inside[:, skip] if window.size else np.zeros(0, np.bool_)
    for place in range(skip, window.shape[1]):
        here = inside[:, place]
        valid = valid & (~here | ((digits[:, place] >= 0) & (digits[:, place] < base)))
        value = np.where(here, value * base + digits[:, place], value)
    return value, valid
