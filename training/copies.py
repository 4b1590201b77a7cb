"""Copies of comments: which decision a comment got that stands in a table several times, and which differ hardly."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderate.folding import Ints
from moderate.text import tokenize

from .corpora import UNKNOWN, Labels
from .matrix import chunks


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A comment whose copies were decided differently.

    Attributes:
        text: the comment.
        rows: rows of the table that it stands in, from 1.
        approved, rejected: how many of them were.
    """

    text: str
    rows: tuple[int, ...]
    approved: int
    rejected: int

    @property
    def even(self) -> bool:
        """Whether as many copies were approved as rejected, so that none of them can be used."""
        return self.approved == self.rejected


def write_contradictions(contradictions: Sequence[Contradiction], path: Path) -> None:
    """Write them as a CSV file: rows of the table, how often approved and rejected, comment."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["rows", "approved", "rejected", "text"])
        for dispute in contradictions:
            rows = " ".join(map(str, dispute.rows))
            writer.writerow([rows, dispute.approved, dispute.rejected, dispute.text])


def find_copies(texts: Sequence[str], rows: Ints) -> list[list[int]]:
    """The ``rows`` (indices into ``texts``) of each different comment; case and white space make no difference."""
    copies: dict[str, list[int]] = {}
    for row in rows.tolist():
        copies.setdefault(" ".join(texts[row].split()).casefold(), []).append(row)
    return list(copies.values())


def find_contradiction(text: str, rows: Sequence[int], verdicts: npt.NDArray[np.int8]) -> Contradiction | None:
    """What is said of a comment with copies in ``rows``, if they contradict each other."""
    said = Counter(verdicts[list(rows)].tolist())
    if not (said[0] and said[1]):
        return None
    return Contradiction(text, tuple(row + 1 for row in rows), approved=said[0], rejected=said[1])


def agreeing(rows: Sequence[int], verdicts: npt.NDArray[np.int8]) -> list[int]:
    """Those of the copies in ``rows`` that have the verdict of most."""
    said = Counter(verdicts[list(rows)].tolist())
    most = max(said, key=lambda verdict: (verdict != UNKNOWN, said[verdict]))
    return [row for row in rows if verdicts[row] == most]


def majority(labels: Labels) -> npt.NDArray[np.int8]:
    """What most copies say of each category, 1 where they are even; int8 (len(CATEGORIES),)."""
    ones, zeros = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    said: npt.NDArray[np.int8] = np.where(ones + zeros == 0, UNKNOWN, ones >= np.maximum(zeros, 1)).astype(np.int8)
    return said


def group_by_words(texts: Sequence[str]) -> Ints:
    """Number of each comment's group, in which all have the same words; int64 (n,).

    Comments of a group differ in punctuation, links, accents, capitals and the like: who has seen one knows the others,
    so they belong on the same side of a split.
    """
    keys: dict[bytes, int] = {}
    groups = np.empty(len(texts), np.int64)
    place = 0
    for chunk in chunks(texts, label="groups"):
        tokens = tokenize(chunk)
        for start, end in zip(tokens.first[:-1].tolist(), tokens.first[1:].tolist(), strict=True):
            groups[place] = keys.setdefault(tokens.hashes[start:end].tobytes(), len(keys))
            place += 1
    return groups
