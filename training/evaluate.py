"""Measure a model on labelled comments: AUC, average precision, F1, false rejections, for every set and label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score
from tqdm import tqdm

from moderate import Moderator
from moderate.errors import InputError
from moderate.guidelines import CATEGORIES

from .corpora import UNKNOWN, Corpus, read_corpus

LEAST_POSITIVES: Final = 5  # fewer tell nothing


@dataclass(frozen=True, slots=True)
class Measure:
    """How one head does on one set.

    Attributes:
        name: of the set.
        label: the head.
        rows: comments labelled for it.
        positives: those that break it.
        auc: area under the receiver operating characteristic; chance is 0.5.
        average_precision: area under the precision-recall curve; chance is positives / rows.
        f1: of the head at the policy's threshold.
        best_f1: of the head at the best threshold of this very set: an upper bound, not a result.
        recall: share of positives that the moderator rejects, for whatever category.
        false_rejection: share of negatives, clean of every labelled category, that the moderator rejects.
        calibration_error: expected calibration error in ten bins, as the set is (its rate is seldom natural).
    """

    name: str
    label: str
    rows: int
    positives: int
    auc: float
    average_precision: float
    f1: float
    best_f1: float
    recall: float
    false_rejection: float
    calibration_error: float


def read_sets(folder: Path) -> Iterator[tuple[str, Corpus]]:
    """Every labelled file of ``folder``, in order of name; or the one file that ``folder`` is."""
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.csv.gz")) + sorted(folder.glob("*.csv"))
    paths = [path for path in paths if path.name != "MANIFEST.csv"]
    if not paths:
        raise InputError(f"{folder}: no labelled file (*.csv, *.csv.gz)")
    for path in paths:
        yield path.name.removesuffix(".gz").removesuffix(".csv"), read_corpus(path)


def evaluate(moderator: Moderator, folder: Path, *, split: str | None = None) -> list[Measure]:
    """Measure ``moderator`` on every set of ``folder``; ``split`` "dev" takes only the dev rows of each."""
    measures = []
    for name, corpus in tqdm(list(read_sets(folder)), desc="sets", unit="set"):
        chosen = corpus.take(corpus.dev) if split == "dev" else corpus
        if chosen.texts:
            measures += measure_set(moderator, name, chosen)
    return measures


def measure_sources(moderator: Moderator, corpus: Corpus) -> list[Measure]:
    """Measure every source of ``corpus`` by itself."""
    sources = corpus.sources.astype(str)
    return [
        measure
        for source in np.unique(sources)
        for measure in measure_set(moderator, source, corpus.take(sources == source))
    ]


def measure_set(moderator: Moderator, name: str, corpus: Corpus) -> list[Measure]:
    """Measure every head on one set; a head with too few positives only for its false rejections."""
    scores = moderator.scores(corpus.texts)
    rejected = np.array([not decision.approved for decision in moderator.classify_many(corpus.texts)])
    clean = (corpus.labels != 1).all(axis=1) & (corpus.labels == 0).any(axis=1)
    measures = []
    for column, head in enumerate(CATEGORIES):
        labels = corpus.labels[:, column]
        spoken = labels != UNKNOWN
        positives = int((labels == 1).sum())
        negatives = spoken & clean & (labels == 0)
        if positives >= LEAST_POSITIVES and negatives.any():
            measures.append(
                _measure(name, head, scores[:, column], labels, rejected, clean, moderator.thresholds[column])
            )
    if not measures and clean.any():
        rate = float(rejected[clean].mean())
        nothing = float("nan")
        measures.append(
            Measure(name, "(clean)", int(clean.sum()), 0, nothing, nothing, nothing, nothing, nothing, rate, nothing)
        )
    return measures


def _measure(
    name: str,
    head: str,
    scores: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int8],
    rejected: npt.NDArray[np.bool_],
    clean: npt.NDArray[np.bool_],
    threshold: float,
) -> Measure:
    spoken = labels != UNKNOWN
    truth, score = labels[spoken] == 1, scores[spoken]
    precision, recall, _ = precision_recall_curve(truth, score)
    best = float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    return Measure(
        name=name,
        label=head,
        rows=int(spoken.sum()),
        positives=int(truth.sum()),
        auc=float(roc_auc_score(truth, score)),
        average_precision=float(average_precision_score(truth, score)),
        f1=float(f1_score(truth, score >= threshold)),
        best_f1=best,
        recall=float(rejected[labels == 1].mean()),
        false_rejection=float(rejected[clean & (labels == 0)].mean()),
        calibration_error=calibration_error(score, truth),
    )


def calibration_error(
    scores: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None = None
) -> float:
    """Expected calibration error in ten bins of equal width (Naeini et al. 2015)."""
    weights = np.ones(scores.size) if weights is None else weights
    bins = np.minimum((scores * 10).astype(np.int64), 9)
    gaps = np.bincount(bins, weights=weights * (scores - truth), minlength=10)
    return float(np.abs(gaps).sum() / weights.sum())


def format_table(measures: list[Measure]) -> str:
    """The measures as a Markdown table."""
    lines = [
        "| set | label | rows | positive | AUC | avg. precision | F1 | best F1 | recall | false rejection |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for measure in measures:
        values = asdict(measure)
        numbers = ("auc", "average_precision", "f1", "best_f1", "recall", "false_rejection")
        cells = ["" if np.isnan(values[key]) else f"{values[key]:.3f}" for key in numbers]
        lines.append(
            f"| {measure.name} | {measure.label} | {measure.rows} | {measure.positives} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)
