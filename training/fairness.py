"""Measure who is rejected for being named: neutral sentences about groups, and reports of abuse and violence.

The sentences of ``fairness.toml`` are ours and serve for measuring only: nothing trains on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from moderate import Moderator

from .functional import FunctionalReport, measure_functional
from .functional_cases import read_functional

FAIRNESS: Final = Path(__file__).with_name("fairness.toml")


def measure_fairness(moderator: Moderator) -> FunctionalReport:
    """Measure ``moderator``, with the policy it has, on ``fairness.toml``, of which nothing is to be rejected."""
    return measure_functional(moderator, read_functional(FAIRNESS))


def format_fairness(report: FunctionalReport) -> str:
    """False rejections by group and by kind of sentence, as Markdown tables."""
    lines = ["| group | neutral sentences | rejected |", "|---|--:|--:|"]
    lines += [f"| {one.name} | {one.harmless:,} | {100 * one.false_rejections:.1f}% |" for one in report.groups]
    lines += [
        f"| **largest gap** | | {report.largest_gap[0]:.1f} points |",
        "",
        "| kind of sentence | sentences | rejected |",
        "|---|--:|--:|",
    ]
    for kind in report.functionalities:
        lines.append(f"| {kind.name} | {kind.accuracy.cases:,} | {100 * (1 - kind.accuracy.verdict):.1f}% |")
    return "\n".join(lines)
