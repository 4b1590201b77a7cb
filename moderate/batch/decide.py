"""A chunk of comments decided: the columns that stand beside them in the output, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..columns import SCORE_COLUMNS, SCORE_DECIMALS, describe, explain_fully
from ..decision import Decision
from ..guidelines import CATEGORIES
from ..html import strip_html

if TYPE_CHECKING:
    from ..moderator import Moderator
    from ..tables.formats import Problem

BASE_COLUMNS: Final[tuple[str, ...]] = ("verdict", "categories", "score", "reason")


@dataclass(slots=True)
class Counts:
    """What a run has seen so far; adds up."""

    rows: int = 0
    approved: int = 0
    rejected: int = 0
    decided_by_rules: int = 0
    problems: int = 0
    blank_lines: int = 0
    by_category: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Add ``other`` to this."""
        for name in ("rows", "approved", "rejected", "decided_by_rules", "problems", "blank_lines"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for category, number in other.by_category.items():
            self.by_category[category] = self.by_category.get(category, 0) + number


@dataclass(slots=True)
class Columns:
    """One value a row in each; ``None`` in the rows that could not be read (their error says why)."""

    verdict: list[str | None]
    categories: list[str | None]
    score: list[float | None]
    reason: list[str | None]
    scores: list[list[float | None]] | None
    explain: list[str | None] | None
    error: list[str | None]

    def select(self, keep: Sequence[int]) -> Columns:
        """The rows whose indexes are in ``keep``."""

        def pick(values: list[Any]) -> list[Any]:
            return [values[index] for index in keep]

        return Columns(
            verdict=pick(self.verdict),
            categories=pick(self.categories),
            score=pick(self.score),
            reason=pick(self.reason),
            scores=None if self.scores is None else [pick(values) for values in self.scores],
            explain=None if self.explain is None else pick(self.explain),
            error=pick(self.error),
        )


def added_columns(*, scores: bool, explain: bool) -> tuple[str, ...]:
    """Names of the columns that the output adds, in order."""
    return (*BASE_COLUMNS, *(SCORE_COLUMNS if scores else ()), *(("explain",) if explain else ()), "error")


def decide(
    texts: list[str],
    moderator: Moderator,
    *,
    html: bool = False,
    scores: bool = False,
    explain: bool = False,
    problems: Mapping[int, Problem] | None = None,
) -> tuple[Columns, Counts]:
    """Classify ``texts`` and lay the decisions out as columns.

    Args:
        texts: the comments.
        moderator: who decides.
        html: strip HTML from each comment before it is classified.
        scores: one column per category, too.
        explain: every reason in full, as JSON, too.
        problems: index of each row that could not be read, and why; it gets no verdict.
    """
    if html:
        texts = [strip_html(text) for text in texts]
    decisions = moderator.classify_many(texts)
    columns = Columns(
        verdict=[decision.verdict for decision in decisions],
        categories=[";".join(decision.categories) if decision.categories else "" for decision in decisions],
        score=_rounded(decision.score for decision in decisions),
        reason=[
            describe(decision, text) if decision.categories else ""
            for decision, text in zip(decisions, texts, strict=True)
        ],
        scores=_score_columns(decisions) if scores else None,
        explain=[explain_fully(*pair) for pair in zip(decisions, texts, strict=True)] if explain else None,
        error=[None] * len(texts),
    )
    for index, problem in (problems or {}).items():
        _blank(columns, index, str(problem))
    return columns, _count(decisions, columns.verdict, problems or {})


def _score_columns(decisions: list[Decision]) -> list[list[float | None]]:
    return [_rounded(decision.scores[name] for decision in decisions) for name in CATEGORIES]


def _rounded(values: Iterable[float]) -> list[float | None]:
    return list(np.fromiter(values, np.float64).round(SCORE_DECIMALS).tolist())


def _blank(columns: Columns, index: int, error: str) -> None:
    columns.error[index] = error
    columns.verdict[index] = columns.categories[index] = columns.score[index] = columns.reason[index] = None
    for values in columns.scores or []:
        values[index] = None
    if columns.explain is not None:
        columns.explain[index] = None


def _count(decisions: list[Decision], verdicts: list[str | None], problems: Mapping[int, Problem]) -> Counts:
    read = [decision for index, decision in enumerate(decisions) if index not in problems] if problems else decisions
    by_category: Counter[str] = Counter()
    for broken, number in Counter(";".join(decision.categories) for decision in read if decision.categories).items():
        by_category.update(dict.fromkeys(broken.split(";"), number))
    return Counts(
        rows=len(decisions),
        approved=verdicts.count("approve"),
        rejected=verdicts.count("reject"),
        decided_by_rules=[decision.source for decision in read].count("rules"),
        problems=len(problems),
        by_category=dict(by_category),
    )
