"""Build the packaged model from a folder of corpora: features, heads, calibration, thresholds, model card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from moderate import Moderator, Policy
from moderate.guidelines import CATEGORIES
from moderate.model import LinearModel
from moderate.moderator import DATA
from moderate.rules import RuleBook

from .augment import write_sentences
from .calibrate import calibrate, choose_presets
from .card import write_card
from .corpora import Corpus, digest, join, read_corpora
from .evaluate import Measure, format_table, measure_set
from .fit import compile_model, fit_heads
from .matrix import build_matrix, build_space
from .vectors import learn_vectors
from .weak import fill_blanks, mentions, severities


def build(corpora: Path, out: Path, *, name: str = "packaged", jobs: int = 2) -> LinearModel:
    """Train on the train splits of ``corpora``, calibrate on their dev splits, and write the model folder ``out``."""
    began = time.monotonic()
    corpus = read_corpora(corpora)
    own = out / "rules.toml"
    rules = RuleBook.from_toml(own if own.is_file() else DATA / "rules.toml")
    dev = corpus.take(corpus.dev)
    sentences, sentence_weights = write_sentences()
    train = join([corpus.take(~corpus.dev), sentences])
    _report(f"{len(train.texts):,} comments to train on, {len(dev.texts):,} to calibrate on", began)
    space = build_space(train.texts, rules)
    matrix = build_matrix(train.texts, space)
    _report(f"{matrix.shape[1]:,} features, {matrix.nnz:,} values", began)
    severity = severities(train.texts, rules, space.vocabulary)
    labels, weights = fill_blanks(train.labels, severity, mentions(train.texts, rules, space.vocabulary))
    weights[-len(sentences.texts) :] *= sentence_weights[:, None]
    vectors = learn_vectors(train.texts, space.vocabulary, space.hashes.size)
    _report("word vectors learned", began)
    fitted = fit_heads(matrix, labels, weights, train.sources, space, vectors, jobs=jobs)
    _report("heads fitted", began)
    card: dict[str, Any] = {"name": name, "training_sha256": digest(corpus), "corpora": _corpora(corpus)}
    model = compile_model(space, fitted, card)
    model = calibrate(model, dev)
    model = replace(model, presets=choose_presets(Moderator(model=model, rules=rules), dev))
    measures = measure_dev(Moderator(model=model, rules=rules, policy=Policy()), dev)
    model = replace(model, card={**model.card, "dev": _figures(measures)})
    model.save(out)
    if own.is_file():
        rules.save_compiled(out / "rules.npz")
    write_card(model, measures, out / "MODEL_CARD.md")
    _report(f"model written to {out}", began)
    print(format_table(measures))
    return model


def measure_dev(moderator: Moderator, dev: Corpus) -> list[Measure]:
    """Measure every source's dev split."""
    sources = dev.sources.astype(str)
    return [
        measure
        for source in np.unique(sources)
        for measure in measure_set(moderator, source, dev.take(sources == source))
    ]


def _corpora(corpus: Corpus) -> dict[str, dict[str, Any]]:
    sources = corpus.sources.astype(str)
    described = {}
    for source in np.unique(sources):
        labels = corpus.labels[sources == source]
        positives = {head: int((labels[:, column] == 1).sum()) for column, head in enumerate(CATEGORIES)}
        described[str(source)] = {
            "rows": len(labels),
            "positives": {head: count for head, count in positives.items() if count},
            "licence": corpus.licences.get(str(source), ""),
        }
    return described


def _figures(measures: list[Measure]) -> dict[str, Mapping[str, float]]:
    return {
        f"{measure.name}/{measure.label}": {"auc": round(measure.auc, 4)} for measure in measures if measure.positives
    }


def _report(message: str, began: float) -> None:
    print(f"[{time.monotonic() - began:6.0f} s] {message}", flush=True)
