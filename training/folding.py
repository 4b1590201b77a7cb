"""Write the folding table of `moderate.text`: what every code point becomes, from this Python's Unicode data.

The table is a file, not computed at import, so that every Python version folds alike and importing costs nothing.
Run ``python -m training folding`` after changing this file; then rebuild the model.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np

from moderate import folding as target

# Letters that no decomposition relates to the Latin letter they are read as.
READ_AS = {
    "ı": "i", "æ": "a", "œ": "o", "ð": "d", "ß": "s", "ſ": "s", "ŋ": "n", "ə": "e",
    "ک": "ك", "ی": "ي", "ى": "ي", "ة": "ه", "ھ": "ه", "ہ": "ه",
}  # fmt: skip

# Quotation marks and apostrophes of every shape are one each.
QUOTES = dict.fromkeys("“”„‟«»″〝〞〟❝❞", '"') | dict.fromkeys("‘’‚‛‹›′ʼʻ`´", "'")

# Blank or joining letters that show nothing: Hangul fillers, Arabic tatweel, Khmer inherent vowels, braille blank.
INVISIBLE_LETTERS = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x0640, 0x17B4, 0x17B5, 0x180E}

SKIN_TONES = range(0x1F3FB, 0x1F400)
PICTOGRAPHS = range(0x1F000, 0x1FB00)  # emoji blocks, unassigned code points included: new emoji come every year
IDEOGRAPHS = (range(0x2E80, 0x3100), range(0x3100, 0x3130), range(0x31A0, 0xA000), range(0xF900, 0xFB00),
              range(0x20000, 0x32000))  # fmt: skip

LATIN_NAME = re.compile(
    r"^(?:NEGATIVE SQUARED |NEGATIVE CIRCLED |CROSSED NEGATIVE SQUARED )?LATIN (?:CAPITAL |SMALL )?LETTER "
    r"(?:SMALL CAPITAL |TURNED |REVERSED )?([A-Z])(?: WITH .*| SIDEWAYS .*)?$"
)


def classify_code_point(code: int) -> tuple[int, int]:
    """Return ``(folded code point, class)`` of one code point; the classes are constants of `moderate.text`."""
    char = chr(code)
    category = unicodedata.category(char)
    if char in QUOTES:
        return ord(QUOTES[char]), target.PUNCTUATION
    if code in SKIN_TONES or code in INVISIBLE_LETTERS:
        return code, target.IGNORED
    if category in {"Zs", "Zl", "Zp"} or char in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85" or code == 0x2800:
        return code, target.SPACE
    if category in {"Mn", "Me", "Cf", "Cc"}:
        return code, target.IGNORED
    if char in target.SYMBOLS:
        return code, target.SYMBOL
    folded = fold(char)
    if folded.isascii() and folded.isalpha():
        return ord(folded), target.LETTER
    if folded.isdigit() and folded.isascii():
        return ord(folded), target.DIGIT
    if any(code in block for block in IDEOGRAPHS) and category[0] in "LNS":
        return code, target.SINGLE
    if category[0] in "LM" or category == "Nl":
        return ord(folded), target.LETTER
    if category[0] == "N":
        return code, target.DIGIT
    if code in PICTOGRAPHS or (code > 0x7F and category in {"So", "Sm"}):
        return code, target.SINGLE
    return code, target.PUNCTUATION


def fold(char: str) -> str:
    """Return the one character that ``char`` is read as: lower case, no accent, plain form."""
    if char in READ_AS:
        return READ_AS[char]
    if 0x1F1E6 <= ord(char) <= 0x1F1FF:  # regional indicators make flags, not words
        return char
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    letters = [part for part in plain if part.isalnum()]
    if not letters:
        match = LATIN_NAME.match(unicodedata.name(char, ""))
        return match.group(1).lower() if match else char
    letter = READ_AS.get(letters[0], letters[0])
    if not letter.isascii():
        match = LATIN_NAME.match(unicodedata.name(letter, ""))
        if match:
            return match.group(1).lower()
    if letter.isdigit():
        return str(unicodedata.digit(letter, letter)) if len(letters) == 1 else letter
    return letter


def build_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the two-level table: page index uint16 (4352,), pages uint32 (k, 256).

    An entry is ``(folded - code) mod 2**21``, so that pages which only classify are shared, plus the class and the
    upper-case flag in the high byte.
    """
    entries = np.empty(0x110000, np.uint32)
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:  # surrogates are not characters; they separate words
            entries[code] = target.PUNCTUATION << target.CLASS_SHIFT
            continue
        folded, kind = classify_code_point(code)
        upper = target.UPPER if unicodedata.category(chr(code)) == "Lu" and kind == target.LETTER else 0
        entries[code] = ((folded - code) & target.CODE_MASK) | (kind << target.CLASS_SHIFT) | upper
    pages, index = np.unique(entries.reshape(-1, 256), axis=0, return_inverse=True)
    return index.reshape(-1).astype("<u2"), pages.astype("<u4")


def write_table(folder: Path) -> None:
    """Write ``folding_index.npy`` and ``folding_pages.npy`` into ``folder``."""
    index, pages = build_table()
    np.save(folder / "folding_index.npy", index)
    np.save(folder / "folding_pages.npy", pages)
