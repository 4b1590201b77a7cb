"""A simulated publisher: how well a model that never saw a source takes to it, by the number of decisions it gets.

A source of the corpora plays the publisher; the model was built without it (``build --without``). Every figure is on
the same comments of the source, which no training saw.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline, make_union

from moderate import Moderator
from moderate.errors import InputError
from moderate.folding import Ints

from .comparison import judge
from .copies import group_by_words
from .corpora import UNKNOWN, Corpus
from .decisions import Decisions
from .retrain import Retrained, Settings, retrain, write_model

SIZES: Final = (500, 2_000, 8_000)
REPEATS: Final = 3  # draws of each size
TIMED: Final = 10_000  # comments that a retraining is timed on
FLIPPED: Final = 0.2  # share of the verdicts that is turned around, to be found again
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """AUC of the verdict on the comments that were kept back, of models that had ``size`` decisions.

    Attributes:
        size: decisions, a fifth of them the retraining's own test part.
        before: of the model that never saw the source.
        retrained: of that model, retrained.
        scratch: of ``--from-scratch``.
        plain: of plain scikit-learn (word 1-2-grams and character 3-5-grams, TF-IDF) on all of the decisions.
        better: whether the retraining found its model better than the old one.
        found: what the chosen policy finds of the rejected comments, before and after.
        false: what it rejects of the approved ones, before and after.
    """

    size: int
    before: float
    retrained: float
    scratch: float
    plain: float
    better: bool
    found: tuple[float, float]
    false: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Search:
    """How many turned verdicts are in the list for a second look: its length, and the share that was turned."""

    size: int
    listed: int
    precision: float


def simulate_publisher(corpus: Corpus, source: str) -> Decisions:
    """The comments of ``source`` with verdicts alone: rejected is what breaks any category."""
    rows = np.flatnonzero(corpus.sources == source)
    if not rows.size:
        raise InputError(f"no comment is from {source!r}; there are {', '.join(sorted(set(corpus.sources)))}")
    chosen = corpus.take(rows)
    spoken = np.flatnonzero((chosen.labels != UNKNOWN).any(axis=1))
    order = np.random.default_rng(SEED).permutation(spoken)
    texts = [chosen.texts[row] for row in order]
    verdicts = (chosen.labels[order] == 1).any(axis=1).astype(np.int8)
    blank = np.full((order.size, chosen.labels.shape[1]), UNKNOWN, np.int8)
    blank[verdicts == 0] = 0
    return Decisions(source, texts, verdicts, blank, order + 1, group_by_words(texts))


def run_trials(publisher: Decisions, start: Moderator, *, sizes: Sequence[int] = SIZES) -> Iterator[Trial]:
    """Retrain on `REPEATS` draws of each size, and measure on what no draw can hold."""
    kept = np.arange(max(sizes), len(publisher.texts))
    test = publisher.take(kept)
    before = judge(start, test.texts)
    for size in sizes:
        for repeat in range(REPEATS if size < max(sizes) else 1):
            drawn = np.random.default_rng(repeat).permutation(max(sizes))[:size]
            given = publisher.take(np.sort(drawn))
            retrained = retrain(given, start)
            after = judge(retrained.moderator, test.texts)
            scratch = judge(retrain(given, start, Settings(from_scratch=True)).moderator, test.texts)
            shares = [
                tuple(float(judged.rejected[test.verdicts == verdict].mean()) for judged in (before, after))
                for verdict in (1, 0)
            ]
            yield Trial(
                size=size,
                before=float(roc_auc_score(test.verdicts, before.overall)),
                retrained=float(roc_auc_score(test.verdicts, after.overall)),
                scratch=float(roc_auc_score(test.verdicts, scratch.overall)),
                plain=float(roc_auc_score(test.verdicts, _plain_scores(given, test.texts))),
                better=retrained.better,
                found=(shares[0][0], shares[0][1]),
                false=(shares[1][0], shares[1][1]),
            )


def _plain_scores(given: Decisions, texts: Sequence[str]) -> np.ndarray:
    """Probabilities by what one would write with scikit-learn alone, learnt from all of the decisions."""
    union = make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True),
    )
    pipeline = make_pipeline(union, LogisticRegression(C=3.0, max_iter=1000))
    pipeline.fit(given.texts, given.verdicts)
    return np.asarray(pipeline.predict_proba(texts))[:, 1]


def search_flipped(publisher: Decisions, start: Moderator, *, size: int) -> Iterator[Search]:
    """Turn `FLIPPED` of ``size`` verdicts around, retrain, and count them in the list for a second look; `REPEATS`."""
    for repeat in range(REPEATS):
        chance = np.random.default_rng(repeat)
        given = publisher.take(chance.permutation(len(publisher.texts))[:size])
        turned = chance.permutation(size)[: round(FLIPPED * size)]
        verdicts, labels = given.verdicts.copy(), np.full_like(given.labels, UNKNOWN)
        verdicts[turned] = 1 - verdicts[turned]
        labels[verdicts == 0] = 0
        doubts = retrain(replace(given, verdicts=verdicts, labels=labels), start).doubts
        right = np.isin([doubt.row for doubt in doubts], given.rows[turned])
        yield Search(size, len(doubts), float(right.mean()))


def time_retraining(publisher: Decisions, start: Moderator, *, size: int = TIMED) -> tuple[float, bool]:
    """Seconds that a retraining takes with all that it writes; and whether a second gives the same bytes."""
    given = publisher.take(np.arange(min(size, len(publisher.texts))))
    began = time.monotonic()
    first = _digest(retrain(given, start))
    seconds = time.monotonic() - began
    return seconds, _digest(retrain(given, start)) == first


def _digest(retrained: Retrained) -> str:
    """SHA-256 over all files of the model folder."""
    summed = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        write_model(retrained, out)
        for path in sorted(out.iterdir()):
            summed.update(path.name.encode() + b"\0" + path.read_bytes())
    return summed.hexdigest()


def print_study(publisher: Decisions, start: Moderator, say: Callable[[str], None] = print) -> None:
    """Run it all and say what came of it, as Markdown."""
    kept: Ints = np.arange(max(SIZES), len(publisher.texts))
    rejected = float((publisher.verdicts[kept] == 1).mean())
    say(f"{publisher.name}: measured on {kept.size:,} comments, {rejected:.0%} of them rejected\n")
    say("| decisions | AUC before | retrained | from nothing | plain scikit-learn | taken as better | found | false |")
    say("|--:|--:|--:|--:|--:|---|---|---|")
    for trial in run_trials(publisher, start):
        areas = (trial.before, trial.retrained, trial.scratch, trial.plain)
        shares = (" → ".join(f"{share:.1%}" for share in pair) for pair in (trial.found, trial.false))
        cells = [f"{trial.size:,}", *(f"{area:.3f}" for area in areas), "yes" if trial.better else "no", *shares]
        say(f"| {' | '.join(cells)} |")
    say(f"\nOf {FLIPPED:.0%} turned verdicts, in the list for a second look:\n")
    for size in SIZES:
        for search in search_flipped(publisher, start, size=size):
            times = search.precision / FLIPPED
            say(f"- {size:,} decisions: {search.precision:.0%} of {search.listed} listed, {times:.1f} times chance")
    seconds, same = time_retraining(publisher, start)
    count = min(TIMED, len(publisher.texts))
    say(f"\n{count:,} decisions take {seconds:.0f} s; a second time gives {'the same' if same else 'OTHER'} bytes")
