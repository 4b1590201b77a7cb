"""What letter each character is read as in a disguised word, and the keys under which spellings are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np

from . import folding
from .folding import U32, U64, Bools, Ints
from .text import hash_stretches

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
HIDING: Final = DROPPED + "#"  # those that are put for any letter, as a star is; the last is an "h", too
EITHER: Final = "1!|"  # read as i first, then as l
PLAIN: Final = np.uint64(0x5851F42D4C957F2D)  # tells the keys of plain words from those of disguised ones

EITHER_CODES: Final = np.array([ord(char) for char in EITHER], np.uint32)
HIDING_CODES: Final = np.array([ord(char) for char in HIDING], np.uint32)


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
    odd = is_odd(codes)
    tripled = np.flatnonzero((codes[2:] == codes[1:-1]) & (codes[1:-1] == codes[:-2]))
    owner = np.searchsorted(starts, tripled, side="right")
    odd[tripled[tripled + 2 < starts.take(np.minimum(owner, starts.size - 1))]] = True
    return ~np.logical_or.reduceat(odd, starts[:-1]) if starts.size > 1 else np.zeros(0, np.bool_)


def is_odd(codes: U32) -> Bools:
    """Whether each code is no letter a to z; bool."""
    odd: Bools = (codes < ord("a")) | (codes > ord("z"))
    return odd


@cache
def letter_tables() -> tuple[U32, U32]:
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


def read(letters: U32) -> U32:
    """The Latin letters that single ``letters`` are read as; what is left out in a word is itself."""
    table = letter_tables()[0]
    read = np.where(letters < table.size, table.take(letters, mode="clip"), letters)
    return np.where(read == 0, letters, read)


@cache
def star_table() -> U32:
    """Like the first of `letter_tables`, but a star is itself, and so is every other symbol put for a letter."""
    table = letter_tables()[0].copy()
    table[[ord(char) for char in HIDING]] = ord(folding.STARS)
    return table


def spelling_keys(words: Sequence[str], *, plain: bool, collapse: bool = True) -> U64:
    """Keys of folded words, as `Spelling` looks them up: as plain letters, or in disguise, maybe starred; uint64.

    Words in disguise may ``collapse`` their repeats; plain ones never do.
    """
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    starts = np.append(0, np.cumsum([len(word) for word in words]))
    return spell(codes, starts, star_table(), plain=np.full(len(words), plain), collapse=collapse)


def disguises(word: str) -> list[str]:
    """Spellings of ``word`` with one inner letter dropped or two neighbours swapped."""
    dropped = [word[:place] + word[place + 1 :] for place in range(1, len(word) - 1)]
    swapped = [word[:place] + right + left + word[place + 2 :] for place, (left, right) in enumerate(pairwise(word))]
    return [spelling for spelling in dict.fromkeys(dropped + swapped) if spelling != word]
