"""Which words are looked for in words run together (`moderate.joined`), and what each costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from moderate.joined import (
    LEAST_LETTERS,
    LONGEST_PART,
    MOST_LETTERS,
    NEVER_LAST,
    OPENER,
    TELLING,
    Parts,
    part_keys,
    part_values,
)

from .lexicon import RARE, Lexicon, is_latin

PART_WORD: Final = 100  # occurrences from which a word is looked for; those of the lexicon always are
LEAST_COUNT: Final = 2  # occurrences that a word is taken to have, for its cost, though it has none
SHORTEST: Final = 3  # letters; of shorter words only these are looked for:
SHORT_WORDS: Final = frozenset(
    "a i u am an as at be by do go he if in is it me my no of on or so to up us we im ur ya".split()  # noqa: SIM905
)
# What words are derived with: as a part it would take every derived word apart.
AFFIXES: Final = frozenset(
    "non anti pre pro counter semi ultra homo psycho schizo pedo paedo narco "  # noqa: SIM905
    "ing able ability ities ally ness less ism ist ists est ate ive ion als ers".split()
)
# Words of groups that begin other words too, "transactions", tell nothing.
BEGINNINGS: Final = frozenset(["trans", "afro", "anglo", "euro"])
# What ends no row of words: articles and the like, and what ends the names of places and people, "Killingworth".
NO_ENDS: Final = frozenset(
    "a an the i my your our no to of and or if as "  # noqa: SIM905
    "worth field stone hill wood land lands well ford ton port gate mouth bridge town ville son".split()
)
# Beside one of these, or of the lexicon's openers, one telling word is enough: "thevermin", but "dumbwaiter".
MORE_OPENERS: Final = frozenset("a all the this that are is im youre".split())  # noqa: SIM905
_BATCH: Final = 20_000  # strings taken apart at once: bounds the memory


def choose_parts(lexicon: Lexicon, undone: Collection[str]) -> tuple[Parts, set[str]]:
    """The words looked for in words run together, and the strings of the texts that are such words.

    A string that is not rare is a word, and becomes a part, so that it stays whole: the training may know it and the
    model not, which leaves out what weighs nothing, "therapist". Those of ``undone`` are no words, but misspelt.
    """
    words = [word for word, count in lexicon.counts.items() if count >= PART_WORD and is_latin(word)]
    words = [word for word in dict.fromkeys((*words, *lexicon.by_frequency)) if _is_part(word, lexicon)]
    together = _come_apart(_compile(words, lexicon), lexicon.counts.keys() - undone)
    whole = {string for string in together if string in lexicon.words or lexicon.counts[string] >= RARE}
    words += sorted(string for string in whole if len(string) <= LONGEST_PART)
    return _compile(list(dict.fromkeys(words)), lexicon), together - whole


def _is_part(word: str, lexicon: Lexicon) -> bool:
    """Whether ``word`` is looked for; crude words are not: they stand in too many names, "Penistone", "Cockburn"."""
    if len(word) < SHORTEST:
        return word in SHORT_WORDS
    return len(word) <= LONGEST_PART and word not in AFFIXES and word not in lexicon.crude


def _flag(word: str, lexicon: Lexicon) -> int:
    telling = TELLING * (word in lexicon.telling and word not in BEGINNINGS and len(word) >= SHORTEST)
    return telling | NEVER_LAST * (word in NO_ENDS) | OPENER * (word in lexicon.openers or word in MORE_OPENERS)


def _compile(words: list[str], lexicon: Lexicon) -> Parts:
    """``words`` with their costs and flags."""
    total = sum(lexicon.counts.values())
    counts = np.array([lexicon.counts.get(word, 0) for word in words], np.float64)
    flags = np.array([_flag(word, lexicon) for word in words], np.int64)
    keys, values = part_keys(words), part_values(np.log(total / np.maximum(counts, LEAST_COUNT)), flags)
    order = np.argsort(keys)
    return Parts.select(keys[order], values[order])


def _come_apart(parts: Parts, strings: Iterable[str]) -> set[str]:
    """Those of ``strings`` that are several parts."""
    strings = sorted(word for word in strings if is_latin(word) and LEAST_LETTERS <= len(word) <= MOST_LETTERS)
    together: set[str] = set()
    for start in range(0, len(strings), _BATCH):
        batch = strings[start : start + _BATCH]
        codes = np.frombuffer("".join(batch).encode("utf-32-le"), "<u4")
        apart, _ = parts.split(codes, np.append(0, np.cumsum([len(word) for word in batch])))
        together |= {batch[index] for index in apart}
    return together
