"""Files from outside, damaged or made to do harm: what must hold before anything relies on them.

A model folder may come from anywhere. The compiled kernels index with what it holds, and do not look twice: so every
index is checked here, once, when the folder is loaded.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, Final

import numpy as np

from .feature_table import FeatureTable
from .folding import U64

LARGEST_TEXT: Final = 1 << 22  # bytes of a configuration or a rule book; the packaged ones have 12 and 155 thousand
LARGEST_ARRAY: Final = 1 << 28  # bytes of one array, on disk or unpacked; the packaged model's largest has 7 million
# Dots outside strings in one line of TOML, and so parts of a key; ours have two. The time that tomllib takes grows with
# the square of them: 20 seconds for a file of 64 kB.
MOST_DOTS: Final = 16

_STRINGS: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*')


def check_file(path: Path, *, most: int = LARGEST_ARRAY) -> None:
    """Raise OSError unless ``path`` is, or links to, a regular file of at most ``most`` bytes.

    A pipe would block and a device might never end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError("not a regular file")
    if found.st_size > most:
        raise OSError(f"{found.st_size:,} bytes are more than the {most:,} that are read")


def read_bytes(path: Path) -> bytes:
    """The whole of a text file; OSError where `check_file` would raise it."""
    check_file(path, most=LARGEST_TEXT)
    return path.read_bytes()


def parse_toml(raw: bytes) -> tuple[str, dict[str, Any]]:
    """Text and content of a TOML file; ValueError if it is none, or is made to take long."""
    import tomllib

    text = raw.decode("utf-8-sig")
    for number, line in enumerate(_STRINGS.sub("", text).split("\n"), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"more than {MOST_DOTS} dots outside strings: no key has so many parts (at line {number})")
    try:
        return text, tomllib.loads(text)
    except RecursionError:
        raise ValueError("nests too deeply") from None


def fits_table(table: FeatureTable, rows: int) -> bool:
    """Whether every hash finds a row below ``rows`` in the table, or none."""
    buckets, base = table.buckets, table.base
    if buckets.size == 0 or buckets.size & (buckets.size - 1) or base.size != buckets.size:
        return False
    # The first row of a bucket belongs to its lowest fingerprint: what counts is the highest lane that is not empty.
    last = base.astype(np.int64)
    last += buckets > 0
    for lane in (16, 32, 48):
        last += buckets >= np.uint64(1 << lane)
    return int(base.min()) > 0 and int(last.max()) <= rows


def ascends(keys: U64) -> bool:
    """Whether keys are sorted and all different, as a binary search needs them."""
    return bool((keys[1:] > keys[:-1]).all())
