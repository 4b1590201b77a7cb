"""A model as the prior of another: its features as a matrix, rows for words it did not know, its weights moved.

A head of the new model is, before it is calibrated, a mixture of the old model's heads plus what its own weights were
moved by. All of that is linear in the features, so it is folded back into one row of bytes a feature. That passages
raise the heads is not: a new head is raised by as much as the old one was, in log-odds, where a passage stands out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from moderate.feature_table import FeatureTable
from moderate.features import LEVEL_COUNT, SIGNALS, Features
from moderate.folding import U64, Floats, Ints
from moderate.guidelines import CATEGORIES
from moderate.judgement import EVIDENCE
from moderate.model import CLASS_BYTE, OFFSET, ROW_BYTES, LinearModel
from moderate.rules import RuleBook
from moderate.scoring import PARTICULARS, lean
from moderate.text import tokenize

from .matrix import LEAST_WORD, Matrix, chunks, count_combinations, merge_counts, one_hot, table_rows
from .regression import Line

LEAST_COMMENTS: Final = 2  # a feature that a single comment has can only learn that comment by heart
HEADS: Final = len(CATEGORIES)


@dataclass(frozen=True, slots=True)
class Reading:
    """n comments as a model reads them.

    Attributes:
        matrix: value of each row of the model's table, then of each level of each signal; CSR float64 (n, F).
        logits: log-odds of each head, raised by passages, before the rule book adds to them; float64 (n, `HEADS`).
        evidence: what the rule book adds; float64 (n, `HEADS`).
    """

    matrix: Matrix
    logits: Floats
    evidence: Floats


def read_comments(model: LinearModel, rules: RuleBook, texts: Sequence[str]) -> Reading:
    """Read ``texts`` as `moderate.Moderator` does: ``matrix @ weights`` are its sums, divided for length."""
    rows, columns, values, signals, logits, evidence = [], [], [], [], [], []
    base, vocabulary = 0, model.vocabulary  # laid out anew each time it is asked for
    for chunk in chunks(texts, label="features"):
        features = vocabulary.extract(tokenize(chunk))
        hits = rules.find(features.words)
        if hits.innocent.size:
            features.mute(hits.innocent)
        evidence.append(EVIDENCE.take(rules.severities(hits, features.first)))
        logits.append(model.logits(features))
        shares = 1 / model.lengths.divisors(features.counts)
        words, grams, parts = gram_values(features, model.gram_ratio)
        owner = np.searchsorted(features.first, words, side="right") - 1
        for comments, found, value in (
            *((comments, found, np.ones(found.size)) for comments, found in table_rows(features)),
            (owner, grams, parts),
        ):
            rows.append(comments + base)
            columns.append(found)
            values.append(value * shares.take(comments))
        signals.append(features.signals)
        base += len(chunk)
    place = np.concatenate(rows), np.concatenate(columns)
    table = sparse.coo_matrix((np.concatenate(values), place), shape=(base, len(model.rows))).tocsr()
    matrix = sparse.hstack([table, one_hot(np.concatenate(signals))], "csr", np.float64)
    return Reading(matrix, np.concatenate(logits), np.concatenate(evidence))


def gram_values(features: Features, ratio: float) -> tuple[Ints, npt.NDArray[np.int32], Floats]:
    """Of the n-grams of unknown words that have a row: index of the word, the row, and its value beside a word's."""
    hit = np.flatnonzero(features.gram_rows)
    words = features.gram_words.take(hit)
    _, place, counts = np.unique(words, return_inverse=True, return_counts=True)
    return words, features.gram_rows.take(hit), ratio / np.sqrt(counts.take(place))


def add_rows(model: LinearModel, texts: Sequence[str]) -> LinearModel:
    """Give rows to the frequent features of ``texts`` that the model does not know; its scores stay as they are.

    A word begins with the sum of its n-grams, which it had as an unknown word, all others with nothing.
    """
    words, sums = _unknown_words(model, texts)
    combined = np.concatenate(count_combinations(texts, model.vocabulary))
    combined = combined[model.table.look_up(combined) == 0]
    hashes, rows = _list_rows(model.table)
    table, kept = FeatureTable.build(
        np.concatenate([hashes, words, combined]), bits=model.table.buckets.size.bit_length() - 1
    )
    packed = np.full((kept.size + 1, ROW_BYTES), OFFSET, np.uint8)
    packed[:, CLASS_BYTE:] = 0
    packed[0] = model.rows[0]
    old, spelt = kept < hashes.size, (kept >= hashes.size) & (kept < hashes.size + words.size)
    packed[1:][old] = model.rows[rows.take(kept[old])]
    packed[1:][spelt, :HEADS] = sums[kept[spelt] - hashes.size].clip(1 - OFFSET, OFFSET - 1) + OFFSET
    return replace(model, table=table, rows=packed)


def _unknown_words(model: LinearModel, texts: Sequence[str]) -> tuple[U64, Ints]:
    """Hashes of the words of ``texts`` without a row, and what their n-grams add to each head, in units of weight."""
    weights = model.rows[:, :HEADS].astype(np.int64) - OFFSET
    counted = []
    added: dict[int, Floats] = {}
    vocabulary = model.vocabulary
    for chunk in chunks(texts, label="words"):
        features = vocabulary.extract(tokenize(chunk))
        unknown, first, counts = np.unique(
            features.words.take(np.unique(features.gram_words)), return_index=True, return_counts=True
        )
        counted.append((unknown, counts))
        places = np.unique(features.gram_words).take(first)
        words, rows, values = gram_values(features, model.gram_ratio)
        sums = np.zeros((features.words.size, HEADS))
        np.add.at(sums, words, weights.take(rows, axis=0) * values[:, None])
        added.update(zip(unknown.tolist(), sums.take(places, axis=0), strict=True))
    hashes, counts = merge_counts(counted)
    hashes = hashes[counts >= LEAST_WORD]
    sums = np.array([added[key] for key in hashes.tolist()]).reshape(-1, HEADS)
    return hashes, np.rint(sums).astype(np.int64)


def _list_rows(table: FeatureTable) -> tuple[U64, npt.NDArray[np.int32]]:
    """A hash that finds each row of ``table``, and the row. Of the original hashes it keeps all that the table does."""
    bits = table.buckets.size.bit_length() - 1
    prints = table.buckets.view("<u2").reshape(-1, 4)
    bucket, lane = np.nonzero(prints)
    fingerprints = prints[bucket, lane].astype(np.uint64) & np.uint64(0x7FFF)
    return (bucket.astype(np.uint64) << np.uint64(64 - bits)) | fingerprints, table.base[bucket] + lane.astype(np.int32)


class Prior:
    """The ground that a retraining stands on: a model, and the comments it learns from as that model reads them."""

    def __init__(self, model: LinearModel, rules: RuleBook, texts: Sequence[str]) -> None:
        """Read ``texts``, with rows added for what the model does not know of them."""
        self._model = add_rows(model, texts)
        self._reading = reading = read_comments(self._model, rules, texts)
        counts = np.bincount(reading.matrix.indices, minlength=reading.matrix.shape[1])
        self._columns = np.flatnonzero(counts >= LEAST_COMMENTS)
        self._centre, self._spread = reading.logits.mean(axis=0), np.maximum(reading.logits.std(axis=0), 1e-6)
        self.matrix: Matrix = reading.matrix[:, self._columns]
        self.shared: Floats = (reading.logits - self._centre) / self._spread
        self.logits, self.evidence = reading.logits, reading.evidence

    def assemble(self, lines: Mapping[int, Line], calibration: Mapping[int, tuple[float, float]]) -> LinearModel:
        """The model with its heads moved by ``lines`` over ``shared`` and ``matrix``, and calibrated anew.

        A head that learned or was calibrated leans on no other: it was by itself. One that leaned on such a head does
        not follow it, but says as nearly as a line can what it said before.

        Args:
            lines: head to its line; heads without one keep their weights.
            calibration: head to slope and intercept, applied to the log-odds of the line or of the old head.
        """
        model = self._model
        rows, signals = model.rows.copy(), model.signals.copy()
        scale, slopes, intercepts = model.scale.copy(), model.slopes.copy(), model.intercepts.copy()
        margins, units = model.passage_margins.copy(), model.scale * model.slopes
        old_rows = model.rows[:, :HEADS].astype(np.float64) - OFFSET
        for head, line in lines.items():
            shares = line.weights[:HEADS] / self._spread
            own = line.intercept - shares @ self._centre
            shares[head] += 1
            moved = np.zeros(self._reading.matrix.shape[1])
            moved[self._columns] = line.weights[HEADS:]
            weights = old_rows @ (shares * units) + moved[: len(rows)]
            levels = model.signals @ (shares * units) + moved[len(rows) :].reshape(len(SIGNALS), LEVEL_COUNT)
            scale[head], slopes[head] = max(float(np.abs(weights).max()), 1e-9) / (OFFSET - 1), 1.0
            rows[:, head] = np.rint(weights / scale[head]) + OFFSET
            signals[:, :, head] = np.rint(levels / scale[head]).clip(-32767, 32767)
            intercepts[head] = own + shares @ model.intercepts
            margins[head] *= units[head] / scale[head]
        for head, (slope, intercept) in calibration.items():
            slopes[head] *= slope
            intercepts[head] = slope * intercepts[head] + intercept
        model = replace(
            model,
            rows=rows,
            signals=signals,
            scale=scale,
            slopes=slopes,
            intercepts=intercepts,
            passage_margins=margins,
        )
        return self._straighten(model, frozenset({*lines, *calibration}))

    def _straighten(self, model: LinearModel, moved: frozenset[int]) -> LinearModel:
        """The model with no head leaning that moved, or would lean on one that did."""
        leaned = self.logits.copy()
        lean(leaned, model.leaning)
        slopes, intercepts, leaning = model.slopes.copy(), model.intercepts.copy(), model.leaning.copy()
        for head in model.leaning.nonzero()[0].tolist():
            if head not in moved and moved.isdisjoint(part for part, general in PARTICULARS if general == head):
                continue
            leaning[head] = 0
            if head not in moved:
                slope, shift = np.polyfit(self.logits[:, head], leaned[:, head], 1)
                slopes[head] *= slope
                intercepts[head] = slope * intercepts[head] + shift
                moved |= {head}
        return replace(model, slopes=slopes, intercepts=intercepts, leaning=leaning)
