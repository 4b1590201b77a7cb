"""Measure a moderator by ability: the functional test of hate speech detection in ``functional.toml``.

A held-out set says how often a model is right; this says at what. The sentences are ours and serve for measuring
only: nothing trains on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from moderate import Decision, Moderator
from moderate.guidelines import PARENT, Category

from .functional_cases import Case, read_functional

__all__ = [
    "HARMLESS",
    "HATE",
    "Accuracy",
    "Case",
    "Disguise",
    "FunctionalReport",
    "Functionality",
    "Group",
    "format_functional",
    "measure_functional",
    "read_functional",
]

# What counts as hate: abuse in any form, and a threat.
HATE: Final = frozenset(
    {Category.ABUSE, Category.THREAT, *(child for child, parent in PARENT.items() if parent == Category.ABUSE)}
)
# Functionalities in which a group is named and nothing bad is said: a rejection is for the group's name.
HARMLESS: Final = ("neutral", "positive")
NOTHING: Final = float("nan")  # a share of no comments at all


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many cases there are, and the shares decided rightly in two readings.

    Attributes:
        cases: comments.
        verdict: share whose verdict is what the guidelines ask for (`Case.reject`).
        hate: share for which "it breaks a category of `HATE`" is what it should be (`Case.hateful`).
    """

    cases: int
    verdict: float
    hate: float


@dataclass(frozen=True, slots=True)
class Functionality:
    """How one ability does: what is expected of it, and the accuracy."""

    name: str
    reject: bool
    hateful: bool
    accuracy: Accuracy


@dataclass(frozen=True, slots=True)
class Disguise:
    """What one disguise costs: accuracy on the plain sentences, and on the same ones disguised."""

    name: str
    plain: Accuracy
    disguised: Accuracy

    @property
    def lost(self) -> tuple[float, float]:
        """Percentage points lost by the disguise, by verdict and by hate."""
        return (
            100 * (self.plain.verdict - self.disguised.verdict),
            100 * (self.plain.hate - self.disguised.hate),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """How one group fares, in the functionalities that every group is in.

    Attributes:
        name: of the group.
        harmless: comments of the functionalities of `HARMLESS`.
        false_rejections: share of them that is rejected.
        hateful: hateful comments.
        recall: share of them that is rejected.
    """

    name: str
    harmless: int
    false_rejections: float
    hateful: int
    recall: float


@dataclass(frozen=True, slots=True)
class FunctionalReport:
    """A whole measurement.

    Attributes:
        overall: over all cases; a text with a slot counts once for every group.
        by_functionality: mean of the functionalities, each counting the same; ``cases`` is how many cases in all.
        hateful: over the hateful cases.
        not_hateful: over the others.
        functionalities: one by one, in the order of the file.
        disguises: the functionalities that have plain forms.
        groups: one by one, in the order of the file.
    """

    overall: Accuracy
    by_functionality: Accuracy
    hateful: Accuracy
    not_hateful: Accuracy
    functionalities: tuple[Functionality, ...]
    disguises: tuple[Disguise, ...]
    groups: tuple[Group, ...]

    @property
    def largest_gap(self) -> tuple[float, float]:
        """Percentage points between the best and the worst group: in false rejections, and in recall."""
        return (
            _gap([group.false_rejections for group in self.groups]),
            _gap([group.recall for group in self.groups]),
        )


def measure_functional(moderator: Moderator, cases: Sequence[Case] | None = None) -> FunctionalReport:
    """Measure ``moderator``, with the policy it has, on ``cases`` (by default those of ``functional.toml``)."""
    cases = read_functional() if cases is None else cases
    texts = dict.fromkeys(text for case in cases for text in (case.text, case.plain) if text is not None)
    decisions = dict(zip(texts, moderator.classify_many(list(texts)), strict=True))
    functionalities, disguises = [], []
    for name, members in _by_functionality(cases).items():
        first = members[0]
        accuracy = _accuracy(members, decisions)
        functionalities.append(Functionality(name, first.reject, first.hateful, accuracy))
        disguised = [case for case in members if case.plain is not None]
        if disguised:
            plain = _accuracy(disguised, decisions, plain=True)
            disguises.append(Disguise(name, plain, _accuracy(disguised, decisions)))
    each = [functionality.accuracy for functionality in functionalities]
    return FunctionalReport(
        overall=_accuracy(cases, decisions),
        by_functionality=Accuracy(len(cases), _mean(one.verdict for one in each), _mean(one.hate for one in each)),
        hateful=_accuracy([case for case in cases if case.hateful], decisions),
        not_hateful=_accuracy([case for case in cases if not case.hateful], decisions),
        functionalities=tuple(functionalities),
        disguises=tuple(disguises),
        groups=tuple(_groups(cases, decisions)),
    )


def format_functional(report: FunctionalReport) -> str:
    """The report as Markdown tables."""
    lines = [
        "| functionality | expected | hateful | cases | right verdict | right about hate |",
        "|---|---|---|--:|--:|--:|",
    ]
    for one in report.functionalities:
        expected, hateful = "reject" if one.reject else "approve", "yes" if one.hateful else "no"
        lines.append(f"| {one.name} | {expected} | {hateful} | {_cells(one.accuracy)} |")
    for name in ("hateful", "not_hateful", "overall", "by_functionality"):
        title = {"not_hateful": "not hateful", "by_functionality": "mean of the functionalities"}.get(name, name)
        lines.append(f"| **{title}** | | | {_cells(getattr(report, name))} |")
    lines += [
        "",
        "| disguise | cases | rejected plain | disguised | points lost | hate found plain | disguised | points lost |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for disguise in report.disguises:
        plain, hidden, lost = disguise.plain, disguise.disguised, disguise.lost
        lines.append(
            f"| {disguise.name} | {hidden.cases:,} "
            f"| {_percent(plain.verdict)} | {_percent(hidden.verdict)} | {lost[0]:.1f} "
            f"| {_percent(plain.hate)} | {_percent(hidden.hate)} | {lost[1]:.1f} |"
        )
    lines += [
        "",
        "| group | harmless | of these rejected | hateful | of these rejected |",
        "|---|--:|--:|--:|--:|",
    ]
    for group in report.groups:
        shares = _percent(group.false_rejections), _percent(group.recall)
        lines.append(f"| {group.name} | {group.harmless:,} | {shares[0]} | {group.hateful:,} | {shares[1]} |")
    gaps = ["" if math.isnan(gap) else f"{gap:.1f} points" for gap in report.largest_gap]
    lines.append(f"| **largest gap** | | {gaps[0]} | | {gaps[1]} |")
    return "\n".join(lines)


def _by_functionality(cases: Iterable[Case]) -> dict[str, list[Case]]:
    members: dict[str, list[Case]] = {}
    for case in cases:
        members.setdefault(case.functionality, []).append(case)
    return members


def _accuracy(cases: Sequence[Case], decisions: Mapping[str, Decision], *, plain: bool = False) -> Accuracy:
    """Accuracy on ``cases``, or with ``plain`` on their undisguised forms."""
    verdicts, hates = [], []
    for case in cases:
        decision = decisions[(case.plain or case.text) if plain else case.text]
        verdicts.append(decision.approved != case.reject)
        hates.append(HATE.isdisjoint(decision.categories) != case.hateful)
    return Accuracy(len(cases), _mean(verdicts), _mean(hates))


def _groups(cases: Sequence[Case], decisions: Mapping[str, Decision]) -> Iterator[Group]:
    """Every group on the same sentences: only functionalities whose slots all groups fill are compared."""
    names = dict.fromkeys(case.group for case in cases if case.group is not None)
    present = {
        name: {case.group for case in members if case.group is not None}
        for name, members in _by_functionality(cases).items()
    }
    shared = {name for name, inside in present.items() if inside == set(names)}
    for name in names:
        own = [case for case in cases if case.group == name and case.functionality in shared]
        harmless = [not decisions[case.text].approved for case in own if case.functionality in HARMLESS]
        hateful = [not decisions[case.text].approved for case in own if case.hateful]
        yield Group(name, len(harmless), _mean(harmless), len(hateful), _mean(hateful))


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else NOTHING


def _gap(shares: Iterable[float]) -> float:
    known = [share for share in shares if not math.isnan(share)]
    return 100 * (max(known) - min(known)) if known else NOTHING


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}%"


def _cells(accuracy: Accuracy) -> str:
    return f"{accuracy.cases:,} | {_percent(accuracy.verdict)} | {_percent(accuracy.hate)}"
