"""The report: one page that stands by itself, for people who would rather look than read.

`report_retrained` shows a retraining, before and after; `report_model` one model on any labelled file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from moderate import Moderator
from moderate._version import __version__
from moderate.columns import describe
from moderate.folding import Bools, Floats, Ints
from moderate.guidelines import CATEGORIES, WORDING, Category

from .comparison import FALLING, LEAST_CLASS, SURE, Figure, Judged, compare, judge
from .corpora import UNKNOWN
from .decisions import Decisions
from .figures import draw_calibration, draw_costs, draw_histogram, draw_precision, draw_words
from .functional import FunctionalReport, measure_functional
from .retrain import Retrained
from .second_look import list_doubts
from .words import compare_words

TEMPLATE: Final = "report.html.j2"
MISTAKES: Final = 12  # of each kind that are shown
DOUBTS: Final = 12
WORDS: Final = 15  # that gained, and that lost
MOST_HEADS: Final = 3  # categories whose words are shown
LONGEST: Final = 320  # characters of a comment that are shown
FALSE_SHARES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # false rejections whose thresholds are listed

# Measures as a newsroom would call them, and what they say.
PLAIN: Final[Mapping[str, str]] = {
    "AUC": "Of a rejected and an approved comment drawn at random, how often the rejected one has the higher score",
    "average precision": "How right the model is about what it puts at the top, on average",
    "found at 2% false rejections": "Found of what moderators reject, if 2% of what they approve may be rejected too",
    "found by the policy": "Found of what moderators reject, with the thresholds as they are",
    "falsely rejected by the policy": "Rejected of what moderators approve, with the thresholds as they are",
    "Brier score": "How far scores are from what happened, squared: 0 is best",
}


@dataclass(frozen=True, slots=True)
class View:
    """A model on the comments of the page: how it is called, its moderator, what it makes of them."""

    name: str
    moderator: Moderator
    judged: Judged


def report_retrained(retrained: Retrained) -> str:
    """The page of a retraining, as HTML."""
    decisions = retrained.decisions
    test = decisions.take(retrained.test)
    views = [View("before", retrained.start, retrained.before), View("after", retrained.moderator, retrained.after)]
    shown = retrained.doubts[:DOUBTS]
    return _render(
        test,
        views,
        retrained.figures,
        title=f"Retraining on {Path(decisions.name).name}",
        retrained=retrained,
        words=_words(retrained),
        functional=[measure_functional(view.moderator) for view in views],
        doubts=[(doubt, _shorten(doubt.text)) for doubt in shown],
        doubt_count=len(retrained.doubts),
        notes=retrained.notes,
    )


def report_model(moderator: Moderator, decisions: Decisions) -> str:
    """The page of one model on labelled comments, as HTML."""
    judged = judge(moderator, decisions.texts)
    shown = list_doubts(decisions, judged, count=DOUBTS)
    return _render(
        decisions,
        [View("model", moderator, judged)],
        compare(judged, judged, decisions.verdicts, decisions.labels),
        title=f"The model on {Path(decisions.name).name}",
        retrained=None,
        words=[],
        functional=[],
        doubts=[(doubt, _shorten(doubt.text)) for doubt in shown],
        doubt_count=len(shown),
        notes=decisions.notes,
    )


def _render(decisions: Decisions, views: Sequence[View], figures: Sequence[Figure], **others: Any) -> str:
    """Fill the template."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"percent": _percent, "percents": _percents}
    known = np.flatnonzero(decisions.verdicts != UNKNOWN)
    rejected = decisions.verdicts[known] == 1
    last = views[-1]
    page = environment.get_template(TEMPLATE)
    return page.render(
        version=__version__,
        sure=SURE,
        views=views,
        plain=PLAIN,
        falling=FALLING,
        figures=figures,
        comments=len(decisions.texts),
        rejected=int(rejected.sum()),
        approved=int((~rejected).sum()),
        confusion=[_confusion(view.judged.rejected[known], rejected) for view in views],
        verdict=_verdict(last, known, rejected),
        heads=_heads(decisions, views),
        mistakes=_mistakes(decisions, last, known, rejected),
        **others,
    )


# --- Sections ---------------------------------------------------------------------------------------------------------


def _confusion(by_model: Bools, by_moderators: Bools) -> dict[str, float]:
    """Comments of the four kinds, and the shares that are wrong; NaN of a class that has no comment."""
    found, missed = int((by_model & by_moderators).sum()), int((~by_model & by_moderators).sum())
    false, kept = int((by_model & ~by_moderators).sum()), int((~by_model & ~by_moderators).sum())
    return {
        "found": found,
        "missed": missed,
        "false": false,
        "kept": kept,
        "missed_share": missed / (missed + found) if missed + found else float("nan"),
        "false_share": false / (false + kept) if false + kept else float("nan"),
    }


def _verdict(view: View, known: Ints, rejected: Bools) -> dict[str, Any] | None:
    """Histogram and costs of the verdict; ``None`` where there is one class alone."""
    if min(rejected.sum(), (~rejected).sum()) < LEAST_CLASS:
        return None
    scores = view.judged.overall[known]
    line = _equal_line(scores, view.judged.rejected[known])
    costs = [_cost(scores, rejected, share) for share in FALSE_SHARES]
    return {
        "line": line,
        "histogram": draw_histogram(scores, rejected, line),
        "costs": draw_costs(scores, rejected, line),
        "table": list({cost["limit"]: cost for cost in costs}.values()),  # few comments: several shares are one
    }


def _equal_line(scores: Floats, rejected: Bools) -> float:
    """The score from which on as many comments lie as the policy rejects, by its threshold for each category."""
    count = int(rejected.sum())
    return float(np.sort(scores)[-count]) if count else 1.0


def _cost(scores: Floats, rejected: Bools, share: float) -> dict[str, float]:
    """The lowest score from which at most ``share`` of the approved comments would be rejected; and what it finds."""
    approved = np.sort(scores[~rejected])[::-1]
    allowed = int(share * approved.size)
    limit = float(approved[allowed]) if allowed < approved.size else 0.0
    above = scores > limit
    flagged = int(above.sum())
    return {
        "limit": limit,
        "false": float(above[~rejected].mean()),
        "found": float(above[rejected].mean()),
        "right": float(rejected[above].mean()) if flagged else float("nan"),
        "flagged": flagged / scores.size,
    }


def _heads(decisions: Decisions, views: Sequence[View]) -> list[dict[str, Any]]:
    """Curves and thresholds of the verdict, and of every category with enough comments of both classes."""
    subjects: list[tuple[str, str, np.ndarray, int | None]] = [
        ("verdict", "approved or rejected, all categories together", decisions.verdicts, None)
    ]
    subjects += [
        (head, WORDING[Category(head)], decisions.labels[:, column], column) for column, head in enumerate(CATEGORIES)
    ]
    heads = []
    for name, wording, labels, column in subjects:
        known = np.flatnonzero(labels != UNKNOWN)
        truth = labels[known] == 1
        if min(truth.sum(), (~truth).sum()) < LEAST_CLASS:
            continue
        curves = []
        for view in views:
            scores = view.judged.overall if column is None else view.judged.scores[:, column]
            curves.append((view.name, scores[known], truth))
        limit = None if column is None else views[-1].moderator.thresholds[column]
        heads.append(
            {
                "name": name,
                "wording": wording,
                "comments": known.size,
                "positives": int(truth.sum()),
                "precision": draw_precision(curves),
                "calibration": draw_calibration(curves),
                "limit": limit,
                "found": None if limit is None else float((curves[-1][1] >= limit)[truth].mean()),
                "false": None if limit is None else float((curves[-1][1] >= limit)[~truth].mean()),
            }
        )
    return heads


def _words(retrained: Retrained) -> list[dict[str, Any]]:
    """The words that gained and lost most, of the first categories that learned; toxic first."""
    before, after = retrained.start.model, retrained.moderator.model
    assert before is not None
    assert after is not None
    shown = []
    for head in sorted(retrained.heads, key=lambda name: (name != Category.TOXIC, CATEGORIES.index(name)))[:MOST_HEADS]:
        changes = compare_words(before, after, retrained.decisions.texts, head)
        gained = [change for change in changes[:WORDS] if change.gain > 0]
        lost = [change for change in changes[::-1][:WORDS] if change.gain < 0]
        if gained or lost:
            shown.append({"name": head, "picture": draw_words(gained, lost)})
    return shown


def _mistakes(decisions: Decisions, view: View, known: Ints, rejected: Bools) -> dict[str, list[dict[str, Any]]]:
    """The comments falsely rejected with the highest scores, and missed with the lowest."""
    judged = view.judged
    wrong = {
        "false": known[~rejected & judged.rejected[known]],
        "missed": known[rejected & ~judged.rejected[known]],
    }
    shown = {}
    for kind, places in wrong.items():
        order = np.argsort(judged.overall[places] * (-1 if kind == "false" else 1), kind="stable")[:MISTAKES]
        texts = [decisions.texts[place] for place in places[order]]
        shown[kind] = [
            {
                "row": int(decisions.rows[place]),
                "text": _shorten(text),
                "score": float(judged.overall[place]),
                "reason": describe(decision, text),
            }
            for place, text, decision in zip(places[order], texts, view.moderator.classify_many(texts), strict=True)
        ]
    return shown


# --- In words ---------------------------------------------------------------------------------------------------------


def _shorten(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST else joined[: LONGEST - 1] + "…"


def _percent(share: float) -> str:
    """A share for people: more digits where it is small."""
    if np.isnan(share):
        return "–"
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def _percents(report: FunctionalReport) -> list[tuple[str, str]]:
    """What a functional test says that a newsroom wants to know: what, and the share."""
    harmless = [group.false_rejections for group in report.groups]
    return [
        ("hateful sentences rejected", _percent(report.hateful.verdict)),
        ("harmless mentions of a group rejected, on average", _percent(float(np.mean(harmless)))),
        ("… of the group that fares worst", _percent(float(np.max(harmless)))),
    ]
