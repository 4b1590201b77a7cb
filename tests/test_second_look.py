"""Decisions for a second look: which come first, how many, and what is written of them."""

import csv

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate import CATEGORIES
from training.comparison import Judged
from training.corpora import UNKNOWN
from training.decisions import Decisions
from training.second_look import list_doubts, write_doubts

TOXIC, THREAT, PROFANITY = (CATEGORIES.index(name) for name in ("toxic", "threat", "profanity"))


def given(verdicts, scores, *, threats=None, has_verdicts=True):
    """Decisions with the probability of a rejection that a model gives them."""
    size = len(verdicts)
    labels = np.full((size, len(CATEGORIES)), UNKNOWN, np.int8)
    if threats is not None:
        labels[:, THREAT] = threats
    index = np.arange(size)
    decisions = Decisions("own.csv", [f"text {row}" for row in range(size)], np.array(verdicts, np.int8), labels,
                          index + 1, index, has_verdicts=has_verdicts,
                          named=() if threats is None else ("threat",))  # fmt: skip
    found = np.zeros((size, len(CATEGORIES)))
    found[:, TOXIC] = scores
    return decisions, Judged(np.array(scores), found, np.array(scores) > 0.5)


def test_the_least_likely_decisions_come_first():
    decisions, judged = given([1, 0, 1, 0, 1], [0.9, 0.95, 0.2, 0.1, 0.4])
    doubts = list_doubts(decisions, judged, count=3)
    assert [(doubt.row, doubt.decided) for doubt in doubts] == [(2, "approve"), (3, "reject"), (5, "reject")]
    assert [round(doubt.confidence, 2) for doubt in doubts] == [0.05, 0.2, 0.4]


def test_a_category_is_doubted_too_but_a_comment_is_listed_once():
    decisions, judged = given([1, 1], [0.9, 0.3], threats=[1, 0])
    doubts = list_doubts(decisions, judged, count=5)
    assert [(doubt.row, doubt.subject, doubt.decided) for doubt in doubts] == [
        (1, "threat", "1"), (2, "verdict", "reject"),
    ]  # fmt: skip


def test_without_verdicts_the_categories_are_doubted():
    decisions, judged = given([1, 0], [0.9, 0.3], threats=[1, 0], has_verdicts=False)
    assert {doubt.subject for doubt in list_doubts(decisions, judged, count=2)} == {"threat"}


def test_categories_that_did_not_learn_do_not_speak_of_verdicts():
    decisions, judged = given([0, 0], [0.3, 0.4])
    judged.scores[0, PROFANITY] = 0.9
    assert [doubt.row for doubt in list_doubts(decisions, judged, count=2, learned=["toxic"])] == [2, 1]
    assert [doubt.row for doubt in list_doubts(decisions, judged, count=2)] == [1, 2]


@pytest.mark.parametrize(("size", "count"), [(100, 5), (500, 25), (2000, 100), (8000, 200)])
def test_the_list_is_as_long_as_it_can_be_read(size, count):
    decisions, judged = given([1] * size, np.linspace(0, 1, size))
    assert len(list_doubts(decisions, judged)) == count


def test_the_list_is_written_with_rows_and_texts(tmp_path):
    decisions, judged = given([1, 0], [0.2, 0.1])
    decisions.texts[0] = 'a "quoted",\ncomment \ud800'
    write_doubts(list_doubts(decisions, judged, count=1), tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"row": "1", "subject": "verdict", "decided": "reject", "probability": "0.2000",
                     "text": 'a "quoted",\ncomment \\ud800'}]  # fmt: skip
