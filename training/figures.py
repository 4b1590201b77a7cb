"""Figures of a report, as SVG to stand inside a page: the same data give the same bytes."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import average_precision_score, precision_recall_curve

from moderate.folding import Bools, Floats

from .words import WordChange

# Colours that differ in lightness too and that colour-blind readers tell apart (Okabe & Ito 2008).
APPROVED, REJECTED = "#0072b2", "#d55e00"
BEFORE, AFTER = "#8c8c8c", "#1b3a57"
GRID: Final = "#dddddd"

BINS: Final = 25  # of a histogram
LEAST_BIN: Final = 10  # comments of a point of a calibration curve
STYLE: Final[Any] = {  # matplotlib's type of its settings has hundreds of names
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "moderate",  # names inside the picture do not change from run to run
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "legend.frameon": False,
}

_PART_NAMES: Final = re.compile(r' id="\w+_\d+"')  # matplotlib's, which nothing refers to and every figure repeats

Curve = tuple[str, Floats, Bools]  # label of a model, scores, truth


def draw_histogram(scores: Floats, rejected: Bools, line: float) -> str:
    """Scores of what moderators approved and of what they rejected, with the line that the policy draws."""
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(9, 3.6)
        edges = np.linspace(0, 1, BINS + 1).tolist()
        for mask, colour, label in ((~rejected, APPROVED, "approved"), (rejected, REJECTED, "rejected")):
            weights = np.full(int(mask.sum()), 1 / max(int(mask.sum()), 1))
            axes.hist(scores[mask], edges, weights=weights, color=colour, alpha=0.55, label=f"{label} by moderators")
        axes.axvline(line, color="black", linewidth=1.5)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
        right = line < 0.72
        axes.annotate(
            "rejected by the model →" if right else "← approved by the model",
            (line, axes.get_ylim()[1] * 0.95),
            xytext=(6 if right else -6, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
        )
        axes.set(
            xlabel="score: probability that a moderator would reject it", ylabel="share of the comments", xlim=(0, 1)
        )
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _percent(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=2)
        return _svg(figure)


def draw_costs(scores: Floats, rejected: Bools, line: float) -> str:
    """What each threshold on the score would find, and what it would reject falsely."""
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(9, 3.6)
        limits = np.linspace(0, 1, 201)
        for mask, colour, label in (
            (rejected, REJECTED, "rightly rejected, of what moderators reject"),
            (~rejected, APPROVED, "falsely rejected, of what moderators approve"),
        ):
            ordered = np.sort(scores[mask])
            shares = 1 - np.searchsorted(ordered, limits) / max(ordered.size, 1)
            axes.plot(limits, shares, color=colour, linewidth=2, label=label)
        axes.axvline(line, color="black", linewidth=1.5)
        axes.set(xlabel="reject from this score on", ylabel="share rejected", xlim=(0, 1), ylim=(0, 1.02))
        _percent(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=2)
        return _svg(figure)


def draw_precision(curves: Sequence[Curve]) -> str:
    """Precision against recall, of one or two models."""
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(4.6, 3.9)
        for (label, scores, truth), style in zip(curves, _styles(curves), strict=True):
            precision, recall, _ = precision_recall_curve(truth, scores)
            area = average_precision_score(truth, scores)
            axes.plot(recall[:-1], precision[:-1], label=f"{label}: {area:.2f}", **style)
        base = float(curves[0][2].mean())
        axes.axhline(base, color="black", linewidth=0.8, linestyle=":")
        axes.annotate("by chance", (0.01, base), xytext=(0, 3), textcoords="offset points", fontsize=9)
        axes.set(
            xlabel="share found (recall)", ylabel="right, of those flagged (precision)", xlim=(0, 1), ylim=(0, 1.03)
        )
        _percent(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=2)
        return _svg(figure)


def draw_calibration(curves: Sequence[Curve]) -> str:
    """How often what got a score is in fact rejected, against the score, in groups of equally many comments."""
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(4.6, 3.9)
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
        top = 0.0
        for (label, scores, truth), style in zip(curves, _styles(curves), strict=True):
            said, is_so = _groups(scores, truth)
            axes.plot(said, is_so, marker="o", markersize=4, label=label, **style)
            top = max(top, float(said.max()), float(is_so.max()))
        top = min(1.02, top * 1.15)
        axes.set(xlabel="what the score says", ylabel="what it turned out to be", xlim=(0, top), ylim=(0, top))
        _percent(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=2)
        return _svg(figure)


def draw_words(gained: Sequence[WordChange], lost: Sequence[WordChange]) -> str:
    """The words that became heavier and lighter, side by side."""
    with mpl.rc_context(STYLE):
        rows = max(len(gained), len(lost), 1)
        figure = Figure(figsize=(9, 0.5 + 0.3 * rows), layout="constrained")
        left, right = figure.subplots(1, 2)
        widest = max((abs(change.gain) for change in (*gained, *lost)), default=1.0) * 1.05
        for axes, changes, colour, title in (
            (left, lost, APPROVED, "speak less for a rejection now"),
            (right, gained, REJECTED, "speak more for a rejection now"),
        ):
            places = np.arange(len(changes))
            axes.barh(places, [abs(change.gain) for change in changes], color=colour, alpha=0.8)
            axes.set_yticks(places, [change.word for change in changes])
            axes.set_ylim(rows - 0.5, -0.5)
            axes.set_xlim(0, widest)
            axes.grid(visible=False, axis="y")
            axes.set_title(title, fontsize=11, loc="left")
        return _svg(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _styles(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    after = {"color": AFTER, "linewidth": 2, "linestyle": "-"}
    return [after] if len(curves) == 1 else [{"color": BEFORE, "linewidth": 2, "linestyle": "--"}, after]


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _groups(scores: Floats, truth: Bools) -> tuple[Floats, Floats]:
    """Mean score and share of positives of up to ten groups of comments with neighbouring scores."""
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, int(np.clip(scores.size // LEAST_BIN, 1, 10)))
    return np.array([scores[part].mean() for part in parts]), np.array([truth[part].mean() for part in parts])


def _svg(figure: Figure) -> str:
    """The figure as an SVG element, as wide as the page allows."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the browser has it
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = _PART_NAMES.sub("", text[text.index("<svg") :])
    return text.replace("<svg ", '<svg role="img" ', 1)
