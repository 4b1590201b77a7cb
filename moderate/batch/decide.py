"""A chunk of comments decided: the columns that stand beside them in the output, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..columns import SCORE_COLUMNS, SCORE_DECIMALS, describe_all, explain_fully, join_categories
from ..guidelines import CATEGORIES
from ..html import strip_html

if TYPE_CHECKING:
    from ..moderator import Moderator, Outcome
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

    verdict: list[str | None] = field(default_factory=list)
    categories: list[str | None] = field(default_factory=list)
    score: list[float | None] = field(default_factory=list)
    reason: list[str | None] = field(default_factory=list)
    scores: list[list[float | None]] | None = None
    explain: list[str | None] | None = None
    error: list[str | None] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Append what was decided."""
        self.verdict += outcome.verdicts()
        self.categories += join_categories(outcome)
        self.score += outcome.overall().round(SCORE_DECIMALS).tolist()
        self.reason += describe_all(outcome)
        if self.scores is not None:
            rounded = outcome.judgement.scores.astype(np.float64).round(SCORE_DECIMALS)
            for column, values in zip(self.scores, rounded.T.tolist(), strict=True):
                column.extend(values)
        if self.explain is not None:
            pairs = zip(outcome.decisions(), outcome.texts, strict=True)
            self.explain += [explain_fully(*pair) for pair in pairs]

    def added(self) -> list[Sequence[Any]]:
        """The columns in the order of their names in ``added_columns``."""
        explain = [] if self.explain is None else [self.explain]
        return [self.verdict, self.categories, self.score, self.reason, *(self.scores or ()), *explain, self.error]

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
    columns = Columns(scores=[[] for _ in CATEGORIES] if scores else None, explain=[] if explain else None)
    by_rules: list[bool] = []
    for outcome in moderator.outcomes(texts):
        columns.add(outcome)
        by_rules += outcome.judgement.by_rules.tolist()
    columns.error = [None] * len(texts)
    problems = problems or {}
    decided_by_rules = by_rules.count(True) - sum(by_rules[index] for index in problems)
    for index, problem in problems.items():
        _blank(columns, index, str(problem))
    return columns, _count(columns, decided_by_rules, len(problems))


def _blank(columns: Columns, index: int, error: str) -> None:
    columns.error[index] = error
    columns.verdict[index] = columns.categories[index] = columns.score[index] = columns.reason[index] = None
    for values in columns.scores or []:
        values[index] = None
    if columns.explain is not None:
        columns.explain[index] = None


def _count(columns: Columns, by_rules: int, problems: int) -> Counts:
    by_category: Counter[str] = Counter()
    for broken, number in Counter(columns.categories).items():
        if broken:
            by_category.update(dict.fromkeys(broken.split(";"), number))
    return Counts(
        rows=len(columns.verdict),
        approved=columns.verdict.count("approve"),
        rejected=columns.verdict.count("reject"),
        decided_by_rules=by_rules,
        problems=problems,
        by_category=dict(by_category),
    )
