"""Quotations: words in quotation marks that a comment reports in order to condemn them.

'Whoever shouts "go home" at a nurse is a racist' says what it quotes no more than a court reporter does, but a bag of
words cannot tell who speaks. So what stands in quotation marks is innocent where the comment, outside them, reports it
nearby and condemns it anywhere, or tells nearby at whom it was hurled; the rule book's table ``quotations`` says by
which words. A comment that agrees is read as it stands, and so is one whose writer spoke himself, "I shouted ...". One
or two words in quotation marks count if they are no insult by themselves: '"people"' is contempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .feature_table import filter_hashes
from .folding import U8, U64, Bools, Ints
from .links import expand
from .text import hash_boundary, hash_words

# Keys of the rule book's table.
ROLES: Final = ("reported", "condemned", "approved", "insults", "hurled", "suffered", "oneself", "uttered")
_REPORTED, _CONDEMNED, _APPROVED, _INSULTS, _HURLED, _SUFFERED, _ONESELF, _UTTERED = (1 << n for n in range(len(ROLES)))
BEFORE: Final = 4  # words before the marks that are near: among them one has to report, ...
BEHIND: Final = 6  # ... or behind them: '"..." is a disgusting thing to say'
LONGEST: Final = 25  # words in the marks; more are a text of one's own, or marks that do not belong together
LEAST_SAID: Final = 3  # words in the marks that say something, insult or none

_MARK: Final = int(hash_words(['"'])[0])
_BOUNDARY: Final = int(hash_boundary()[0])
KNOWLEDGE: Final = (_MARK, _BOUNDARY, BEFORE, BEHIND, LONGEST, LEAST_SAID)  # as the compiled kernel reads it


@dataclass(frozen=True, slots=True)
class Quotations:
    """The words by which a quotation is told from a saying of one's own.

    Attributes:
        words: role (`ROLES`) -> its words, folded; without any nothing is a quotation.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _hashes: U64 = field(init=False, repr=False, compare=False)
    _roles: Ints = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the hashes of all words, each with the bits of its roles."""
        bits: dict[int, int] = {}
        for number, role in enumerate(ROLES):
            for key in hash_words(self.words.get(role, ())).tolist():
                bits[key] = bits.get(key, 0) | 1 << number
        object.__setattr__(self, "_hashes", np.array(sorted(bits), np.uint64))
        object.__setattr__(self, "_roles", np.array([*(bits[key] for key in sorted(bits)), 0], np.int64))

    @property
    def tables(self) -> tuple[U64, Ints, U8]:
        """What the compiled kernel has to know: hashes of the words, their roles, and a filter of the hashes."""
        return self._hashes, self._roles, filter_hashes(self._hashes)

    def find(self, words: U64) -> Ints:
        """Indices of the words that are quoted in order to condemn them; int64.

        Args:
            words: hashes of the words of a batch, comments divided by boundary words; uint64 (K,).
        """
        marks = np.flatnonzero(words == _MARK)
        if marks.size < 2 or not self._hashes.size:
            return np.zeros(0, np.int64)
        begins = np.unique([0, *np.flatnonzero(words == _BOUNDARY).tolist(), words.size])
        owner = begins.searchsorted(marks, side="right")  # comment k - 1 of each mark; they are in order
        rank = np.arange(marks.size) - owner.searchsorted(owner)
        opening = np.flatnonzero((rank[:-1] % 2 == 0) & (owner[:-1] == owner[1:]))
        opens, closes, owner = marks.take(opening), marks.take(opening + 1), owner.take(opening)
        first, last = begins.take(owner - 1), begins.take(owner)

        roles = self._find_roles(words, np.unique(first), np.unique(last))
        lengths = closes - opens - 1
        said = (lengths <= LONGEST) & ((lengths >= LEAST_SAID) | _stands(roles, _INSULTS, opens + 1, closes))
        roles[expand(opens, closes + 1)] = 0  # what is said outside the marks is left
        own = (roles[:-1] & _ONESELF != 0) & (roles[1:] & _UTTERED != 0)  # "I shouted": he means it
        roles[:-1][own] |= _APPROVED
        before, behind = np.maximum(first, opens - BEFORE), np.minimum(last, closes + 1 + BEHIND)
        condemned = _stands(roles, _REPORTED, before, behind) & _stands(roles, _CONDEMNED, first, last)
        hurled = _stands(roles, _HURLED, before, behind) & _stands(roles, _SUFFERED, before, behind)
        chosen = np.flatnonzero(said & (condemned | hurled) & ~_stands(roles, _APPROVED, first, last))
        return expand(opens.take(chosen) + 1, closes.take(chosen))

    def _find_roles(self, words: U64, first: Ints, last: Ints) -> Ints:
        """Bits of the roles of each word of the comments [first, last), 0 elsewhere; int64 (K,)."""
        roles = np.zeros(words.size, np.int64)
        inside = expand(first, last)
        asked = words.take(inside)
        place = self._hashes.searchsorted(asked)
        known = self._hashes.take(place, mode="clip") == asked
        roles[inside] = np.where(known, self._roles.take(place), 0)
        return roles


def _stands(roles: Ints, role: int, begin: Ints, end: Ints) -> Bools:
    """Whether a word of the ``role`` stands in each stretch [begin, end); bool."""
    counts = np.append(0, np.cumsum(roles & role != 0))
    found: Bools = counts.take(end) > counts.take(begin)
    return found
