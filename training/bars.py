"""The bars that the project has set itself, each with the figure of a model beside it.

Bars stand for the packaged model and its default policy. The sets are read from a folder with ``corpora/`` (their dev
splits), ``eval/`` and ``lists/``; a set that is not there is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.metrics import f1_score

from moderate import Moderator
from moderate.guidelines import CATEGORIES

from .calibrate import natural_samples
from .corpora import UNKNOWN, Corpus, read_corpora, read_corpus
from .evaluate import calibration_error, measure_set

# test set -> label -> least AUC
LEAST_AUC: Final = {
    "fox_news": {"abuse": 0.80},
    "surge_toxicity": {"toxic": 0.955},
    "edos": {"sexism": 0.89},
    "hatexplain": {"abuse": 0.91, "toxic": 0.82},
    "convabuse": {"toxic": 0.94},
    "jigsaw_wikipedia_test": {"toxic": 0.960, "profanity": 0.970, "personal_attack": 0.966, "abuse": 0.975},
    "janitr_x_posts_test": {"promotion": 0.93},
}
LEAST_MACRO_F1: Final = {"edos": {"sexism": 0.79}}  # at the threshold that is best on the set's dev split
LEAST_F1: Final = {"youtube_spam_collection_test": {"promotion": 0.95}}  # at the default policy's threshold
MOST_CLEAN_REJECTED: Final = {"wikipedia_context": 0.02, "civil_comments_clean": 0.02}
MOST_CALLED_PROMOTION: Final = {"hard_negatives_links_brands": 0.02}
MOST_TERMS_REJECTED: Final = {"innocent_terms_mit": 0.010, "news_names": 0.015}
SENTENCES: Final = ("{}", "I met {} in town")  # in which terms and names are tried
MOST_CALIBRATION_ERROR: Final = 0.03

_PROMOTION: Final = CATEGORIES.index("promotion")


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it should be.

    Attributes:
        subject: set and label.
        measure: what is measured.
        figure: the model's.
        bar: what it should reach, or not exceed.
        least: whether more is better.
    """

    subject: str
    measure: str
    figure: float
    bar: float
    least: bool

    @property
    def reached(self) -> bool:
        """Whether the figure is as good as the bar."""
        return self.figure >= self.bar if self.least else self.figure <= self.bar


def measure_bars(moderator: Moderator, folder: Path) -> list[Bar]:
    """Measure ``moderator`` against every bar whose set lies in ``folder``."""
    dev = read_corpora(folder / "corpora") if (folder / "corpora").is_dir() else None
    bars = list(_ranking(moderator, folder / "eval", dev))
    if dev is not None:
        dev = dev.take(dev.dev)
        bars += [*_false_rejections(moderator, dev), *_calibration(moderator, dev)]
    return bars + list(_terms(moderator, folder / "lists"))


def _ranking(moderator: Moderator, folder: Path, dev: Corpus | None) -> Iterator[Bar]:
    """How well the heads rank, and decide on, the test sets."""
    for name in dict.fromkeys((*LEAST_AUC, *LEAST_MACRO_F1, *LEAST_F1)):
        path = folder / f"{name}.csv.gz"
        if not path.is_file():
            continue
        corpus = read_corpus(path)
        measures = {measure.label: measure for measure in measure_set(moderator, name, corpus)}
        for label, bar in LEAST_AUC.get(name, {}).items():
            yield Bar(f"{name}: {label}", "AUC", measures[label].auc, bar, least=True)
        for label, bar in LEAST_F1.get(name, {}).items():
            yield Bar(f"{name}: {label}", "F1, default policy", measures[label].f1, bar, least=True)
        for label, bar in LEAST_MACRO_F1.get(name, {}).items():
            if dev is not None:
                own = dev.take(dev.dev & (dev.sources == name))
                figure = _macro_f1(moderator, corpus, own, label)
                yield Bar(f"{name}: {label}", "macro-F1, threshold of its dev split", figure, bar, least=True)


def _macro_f1(moderator: Moderator, corpus: Corpus, dev: Corpus, label: str) -> float:
    """Macro-averaged F1 on ``corpus`` at the threshold that is best on ``dev``."""
    column = CATEGORIES.index(label)
    known = {}
    for name, part in (("dev", dev), ("test", corpus)):
        spoken = part.labels[:, column] != UNKNOWN
        known[name] = moderator.scores(part.texts)[spoken, column], part.labels[spoken, column] == 1
    scores, truth = known["dev"]
    thresholds = np.unique(scores)[:: max(1, scores.size // 500)]
    best = max(thresholds, key=lambda threshold: f1_score(truth, scores >= threshold, average="macro"))
    scores, truth = known["test"]
    return float(f1_score(truth, scores >= best, average="macro"))


def _false_rejections(moderator: Moderator, dev: Corpus) -> Iterator[Bar]:
    """Clean comments that are rejected."""
    for name, bar in MOST_CLEAN_REJECTED.items():
        clean = dev.take((dev.sources == name) & (dev.labels != 1).all(axis=1))
        if clean.texts:
            rejected = np.mean([not decision.approved for decision in moderator.classify_many(clean.texts)])
            yield Bar(f"{name} dev, {len(clean.texts)} clean", "rejected", float(rejected), bar, least=False)
    for name, bar in MOST_CALLED_PROMOTION.items():
        clean = dev.take((dev.sources == name) & (dev.labels[:, _PROMOTION] == 0))
        if clean.texts:
            decisions = moderator.classify_many(clean.texts)
            called = np.mean(["promotion" in decision.categories for decision in decisions])
            yield Bar(f"{name} dev, {len(clean.texts)} clean", "rejected as promotion", float(called), bar, least=False)


def _calibration(moderator: Moderator, dev: Corpus) -> Iterator[Bar]:
    """Expected calibration error of every head on the dev splits, weighted to the natural rate."""
    scores = moderator.scores(dev.texts)
    for column, rows, weights in natural_samples(dev):
        error = calibration_error(scores[rows, column], dev.labels[rows, column] == 1, weights)
        subject = f"{CATEGORIES[column]}, dev splits"
        yield Bar(subject, "calibration error, natural rate", error, MOST_CALIBRATION_ERROR, least=False)


def _terms(moderator: Moderator, folder: Path) -> Iterator[Bar]:
    """Innocent terms and names that are rejected."""
    for name, bar in MOST_TERMS_REJECTED.items():
        path = folder / f"{name}.csv"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            terms = [row["term"] for row in csv.DictReader(file)]
        for sentence in SENTENCES:
            decisions = moderator.classify_many([sentence.format(term) for term in terms])
            rejected = np.mean([not decision.approved for decision in decisions])
            measure = "rejected alone" if sentence == "{}" else f"rejected in {sentence.format('X')!r}"
            yield Bar(f"{name}, {len(terms)}", measure, float(rejected), bar, least=False)


def format_bars(bars: list[Bar]) -> str:
    """The bars as a Markdown table."""
    lines = ["| set | measure | figure | bar | |", "|---|---|--:|--:|---|"]
    for bar in bars:
        digits = 3 if bar.least else 4
        lines.append(
            f"| {bar.subject} | {bar.measure} | {bar.figure:.{digits}f} | {'≥' if bar.least else '≤'} {bar.bar:.3f} | "
            f"{'reached' if bar.reached else 'missed'} |"
        )
    return "\n".join(lines)
