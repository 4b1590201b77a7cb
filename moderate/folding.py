"""What each code point is read as: the folding table and the character classes.

The table is packaged (``data/folding_*.npy``, written by ``python -m training folding``), so that every Python version
folds alike.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from .errors import ModelError

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

DATA: Final = Path(__file__).parent / "data"

# Character classes. Letters and digits differ in the last bit only, and everything from SINGLE on is part of a token.
SPACE, PUNCTUATION, SYMBOL, SINGLE, LETTER, DIGIT, BOUNDARY, IGNORED = range(8)

CLASS_SHIFT: Final = 24  # a table entry is folded code point (21 bits), class, flags
CODE_MASK: Final = 0x1FFFFF
UPPER: Final = 1 << 27
BOUNDARY_CODE: Final = 0x110000  # one past the last code point, so no comment can contain it

# Symbols that are read as letters; anything else separates words.
LETTER_LIKE: Final = "@$€£¢"  # next to a letter: "a$$", "@ss"
STARS: Final = "*"  # a run inside a word, "f**k", or behind one or two letters, "f***"
INFIX: Final = "!|+#%^~&_"  # between two letters: "sh!t", "f_u_c_k"
STROKES: Final = "!|"  # of these, those that are letters between a letter and a digit, too: "sh!7"
SYMBOLS: Final = LETTER_LIKE + STARS + INFIX


_CODES, _CLASSES, _SHIFT = np.uint32(CODE_MASK), np.uint8(7), np.uint32(CLASS_SHIFT)


def codes_of(entries: U32) -> U32:
    """Folded code points of table entries; uint32."""
    return entries & _CODES


def classes_of(entries: U32) -> U8:
    """Character classes of table entries; uint8."""
    classes = (entries >> _SHIFT).astype(np.uint8)
    classes &= _CLASSES
    return classes


@cache
def folding_table() -> U32:
    """The folding table over all code points and the boundary; uint32 (0x110001,)."""
    try:
        index = np.load(DATA / "folding_index.npy", allow_pickle=False)
        pages = np.load(DATA / "folding_pages.npy", allow_pickle=False)
        entries = pages[index].reshape(-1)
        if entries.size != BOUNDARY_CODE or entries.dtype != np.uint32 or (classes_of(pages) == BOUNDARY).any():
            raise ValueError("not a table of every code point")
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise ModelError(f"the installation is damaged, reinstall moderate: folding table: {error}") from error
    codes = (entries + np.arange(entries.size, dtype=np.uint32)) & np.uint32(CODE_MASK)
    table = np.empty(entries.size + 1, np.uint32)
    table[:-1] = codes | (entries & np.uint32(0xFFFFFFFF ^ CODE_MASK))
    table[-1] = BOUNDARY_CODE | (BOUNDARY << CLASS_SHIFT)
    table.flags.writeable = False
    return table
