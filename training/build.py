"""Build the packaged model from a folder of corpora: features, heads, calibration, thresholds, model card."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from moderate import Moderator, Policy
from moderate.folding import DATA
from moderate.guidelines import CATEGORIES
from moderate.model import LinearModel
from moderate.rule_compiler import read_word_sets
from moderate.rules import RuleBook

from .augment import FOLDER, write_sentences
from .calibrate import calibrate, choose_presets, insist, read_at_length
from .card import measure_sections, write_card
from .corpora import Corpus, digest, join, leave_out, read_corpora
from .evaluate import Measure, format_table, measure_sources
from .export import export_model
from .fit import fit_learners, template_weights
from .lending import count_support, lend
from .matrix import build_matrix, build_space, count_columns
from .mixture import mix
from .vectors import learn_vectors
from .weak import fill_blanks, mentions, severities

HARSH: Final = [CATEGORIES.index(head) for head in ("toxic", "abuse")]  # what makes a comment a hostile one


def build(
    corpora: Path,
    out: Path,
    *,
    name: str = "packaged",
    jobs: int = 2,
    without: Collection[str] = (),
    templates: Path = FOLDER,
) -> LinearModel:
    """Train on the train splits of ``corpora``, calibrate on their dev splits, and write the model folder ``out``.

    Args:
        corpora: folder of labelled files.
        out: model folder to write.
        name: of the model, in its card.
        jobs: heads fitted at the same time.
        without: sources to leave out, as `training.study` does to see how a model takes to a publisher it never saw.
        templates: folder of sentence templates, as `training.augment` reads them.

    Raises:
        InputError: a corpus or a template cannot be read, or there is no source of a name in ``without``.
    """
    began = time.monotonic()
    corpus = leave_out(read_corpora(corpora), without)
    own = out / "rules.toml"
    book = own if own.is_file() else DATA / "rules.toml"
    rules, sets = RuleBook.from_toml(book), read_word_sets(book)
    dev = corpus.take(corpus.dev)
    sentences, sentence_weights = write_sentences(templates)
    train = join([corpus.take(~corpus.dev), sentences])
    _report(f"{len(train.texts):,} comments to train on, {len(dev.texts):,} to calibrate on", began)
    innocent = np.flatnonzero(sentences.labels[:, CATEGORIES.index("toxic")] == 0)
    hostile = np.flatnonzero((train.labels[:, HARSH] == 1).any(axis=1))
    space = build_space(train.texts, rules, hostile=train.take(hostile).texts, innocent=sentences.take(innocent).texts)
    matrix = build_matrix(train.texts, space)
    _report(f"{matrix.shape[1]:,} features, {matrix.nnz:,} values", began)
    severity = severities(train.texts, rules, space.vocabulary)
    labels, weights = fill_blanks(train.labels, severity, mentions(train.texts, sets, space.vocabulary))
    weights[-len(sentences.texts) :] *= template_weights(sentences, sentence_weights)
    vectors = learn_vectors(train.texts, space.vocabulary, space.hashes.size)
    _report("word vectors learned", began)
    learners = fit_learners(matrix, labels, weights, train.sources, space, vectors, jobs=jobs)
    _report(f"{len(learners)} learners fitted", began)
    counts = count_columns(matrix, train.sources)
    heads, shares = mix(learners, build_matrix(dev.texts, space), counts)
    card: dict[str, Any] = {
        "name": name,
        "training_sha256": digest(corpus),
        "corpora": _corpora(corpus),
        "heads": shares,
    }
    lend(heads, space, rules, count_support(counts, train.labels, train.sources, space))
    model = export_model(space, heads, np.sum(list(counts.values()), axis=0), card)
    model = calibrate(read_at_length(model, dev), dev)
    model = insist(replace(model, presets=choose_presets(Moderator(model=model, rules=rules), dev)))
    measures = measure_sources(Moderator(model=model, rules=rules, policy=Policy()), dev)
    model = replace(model, card={**model.card, "dev": _figures(measures)})
    model.save(out)
    if own.is_file():
        rules.save_compiled(out / "rules.npz")
    moderator = Moderator(model=model, rules=rules)
    write_card(moderator, out / "MODEL_CARD.md", measure_sections(moderator, measures))
    _report(f"model written to {out}", began)
    print(format_table(measures))
    return model


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
