"""Decisions that deserve a second look: those that a model which never saw them finds least likely.

The probability that a held-out model gives to the label it was not told is the self-confidence of confident learning
(Northcutt, Jiang & Chuang 2021); the rows with the least of it come first.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moderate.folding import Floats
from moderate.guidelines import CATEGORIES, Category

from .comparison import Judged
from .corpora import UNKNOWN
from .decisions import Decisions

LISTED: Final = 0.05  # of the comments: further down the list, fewer are wrong
MOST_LISTED: Final = 200  # as many as can be read in an hour or two


@dataclass(frozen=True, slots=True)
class Doubt:
    """A decision that the model contradicts.

    Attributes:
        row: of the table, from 1.
        text: the comment.
        subject: "verdict", or a category.
        decided: what the table says: "approve", "reject", "1" or "0".
        probability: that the model gives to a rejection, or to the category.
    """

    row: int
    text: str
    subject: str
    decided: str
    probability: float

    @property
    def confidence(self) -> float:
        """Probability that the decision is right, as the model sees it."""
        return self.probability if self.decided in {"reject", "1"} else 1 - self.probability


def list_doubts(
    decisions: Decisions, judged: Judged, *, count: int | None = None, learned: Collection[str] = CATEGORIES
) -> list[Doubt]:
    """The ``count`` decisions that the model finds least likely, the least likely first; one a comment.

    Args:
        decisions: n decisions.
        judged: what models that did not see them make of each.
        count: how many; by the number of decisions when ``None``.
        learned: the categories that learned from the decisions. Of a verdict they are the better judges: with the
            others 0.04 fewer of the decisions listed were turned ones.
    """
    overall = _rejection(judged, learned)
    if count is None:
        count = min(round(LISTED * len(decisions.texts)), MOST_LISTED)
    doubts = []
    for place, text in enumerate(decisions.texts):
        row, verdict = int(decisions.rows[place]), int(decisions.verdicts[place])
        found = []
        if decisions.has_verdicts and verdict != UNKNOWN:
            decided = "reject" if verdict else "approve"
            found.append(Doubt(row, text, "verdict", decided, float(overall[place])))
        for head in decisions.named:
            column = CATEGORIES.index(head)
            label = int(decisions.labels[place, column])
            if label != UNKNOWN and (verdict != 0 or not decisions.has_verdicts):
                found.append(Doubt(row, text, head, str(label), float(judged.scores[place, column])))
        doubts.append(min(found, key=lambda doubt: doubt.confidence))
    doubts.sort(key=lambda doubt: (doubt.confidence, doubt.row))
    return doubts[:count]


def _rejection(judged: Judged, learned: Collection[str]) -> Floats:
    """Probability of a rejection by the categories that learned; float64 (n,)."""
    names = [name if name in learned else "" for name in CATEGORIES]
    tones = [column for column, name in enumerate(names) if name and "promotion" not in name]
    promotions = [column for column, name in enumerate(names) if name == Category.PROMOTION]
    tone, promotion = (judged.scores[:, columns].max(axis=1, initial=0) for columns in (tones, promotions))
    rejection: Floats = 1 - (1 - tone) * (1 - promotion)
    return rejection


def write_doubts(doubts: Sequence[Doubt], path: Path) -> None:
    """Write the list as a CSV file: row of the table, subject, decision, the model's probability, comment."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "subject", "decided", "probability", "text"])
        for doubt in doubts:
            writer.writerow([doubt.row, doubt.subject, doubt.decided, f"{doubt.probability:.4f}", doubt.text])
