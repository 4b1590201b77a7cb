"""Measurements on the word lists and data sets of ../shared: the bars that the project has set itself."""

import csv

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="measuring needs the extra 'train'")

from training.corpora import read_corpus
from training.evaluate import measure_set

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measures(shared, moderator):
    """Measures of a set by its label, each set measured once."""
    known = {}

    def measure(name, label):
        if name not in known:
            corpus = read_corpus(shared / "eval" / f"{name}.csv.gz")
            known[name] = {found.label: found for found in measure_set(moderator, name, corpus)}
        return known[name][label]

    return measure


@pytest.mark.parametrize(
    ("name", "label", "bar"),
    [
        ("surge_toxicity", "toxic", 0.92),
        ("fox_news", "abuse", 0.75),
        ("edos", "sexism", 0.82),
        ("hatexplain", "abuse", 0.88),
        ("convabuse", "toxic", 0.90),
        ("jigsaw_wikipedia_test", "toxic", 0.94),
        ("youtube_spam_collection_test", "promotion", 0.95),
    ],
)
def test_violating_comments_outrank_clean_ones(measures, name, label, bar):
    assert measures(name, label).auc >= bar


def test_clean_comments_of_wikipedia_are_seldom_rejected(shared, moderator):
    corpus = read_corpus(shared / "corpora" / "wikipedia_context.csv.gz")
    dev = corpus.take(corpus.dev & (corpus.labels != 1).all(axis=1))
    rejected = [not decision.approved for decision in moderator.classify_many(dev.texts)]
    assert len(rejected) > 900
    assert np.mean(rejected) <= 0.03


@pytest.mark.xfail(strict=True, reason="the bars of these lists are not reached yet: 1.7% and 3.7% at the last count")
@pytest.mark.parametrize(("name", "bar"), [("innocent_terms_mit", 0.010), ("news_names", 0.015)])
def test_innocent_terms_and_names_are_seldom_rejected(shared, moderator, name, bar):
    with (shared / "lists" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        terms = [row["term"] for row in csv.DictReader(file)]
    rejected = [
        term for term, decision in zip(terms, moderator.classify_many(terms), strict=True) if not decision.approved
    ]
    assert len(rejected) / len(terms) <= bar, f"{len(rejected)} of {len(terms)} rejected, such as {rejected[:20]}"


def test_the_fallback_seldom_rejects_innocent_terms_and_names(shared, fallback):
    for name, bar in (("innocent_terms_mit", 0.010), ("news_names", 0.015)):
        with (shared / "lists" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            terms = [row["term"] for row in csv.DictReader(file)]
        rejected = [
            term for term, decision in zip(terms, fallback.classify_many(terms), strict=True) if not decision.approved
        ]
        assert len(rejected) / len(terms) <= bar, f"{len(rejected)} of {len(terms)} rejected, such as {rejected[:20]}"
