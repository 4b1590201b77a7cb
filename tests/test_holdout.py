"""Which decisions are held out: by time where there are dates, no two alike on both sides, or a clear refusal."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate import CATEGORIES, InputError
from training.corpora import UNKNOWN
from training.decisions import Decisions
from training.holdout import split_decisions


def given(size=400, **fields):
    """Decisions without interesting texts, every fourth rejected."""
    verdicts = (np.arange(size) % 4 == 0).astype(np.int8)
    labels = np.full((size, len(CATEGORIES)), UNKNOWN, np.int8)
    decisions = Decisions("own.csv", [f"text {row}" for row in range(size)], verdicts, labels,
                          np.arange(size) + 1, np.arange(size))  # fmt: skip
    return replace(decisions, **fields)


def test_a_fifth_is_drawn_with_both_classes_in_proportion():
    decisions = given()
    train, test, parted = split_decisions(decisions, test_share=0.2)
    assert (train.size, test.size) == (320, 80)
    assert sorted([*train, *test]) == list(range(400))
    assert decisions.verdicts[test].sum() == 20
    assert "at random" in parted
    assert (split_decisions(decisions, test_share=0.2)[1] == test).all()


def test_comments_with_the_same_words_are_on_one_side():
    groups = np.arange(400) // 5
    train, test, _ = split_decisions(given(groups=groups), test_share=0.2)
    assert not set(groups[train]) & set(groups[test])


def test_where_there_are_dates_the_latest_are_held_out():
    dates = np.random.default_rng(0).permutation(400).astype(np.float64) * 86_400
    dates[0] = np.nan
    train, test, parted = split_decisions(given(dates=dates), test_share=0.2)
    assert np.nanmax(dates[train]) < dates[test].min()
    assert test.size == 80
    assert 0 in train
    assert "the latest 20%" in parted
    assert "1970-" in parted


def test_a_group_goes_with_its_earliest_comment():
    groups = np.arange(400)
    groups[399] = 0
    train, _, _ = split_decisions(given(groups=groups, dates=np.arange(400.0)), test_share=0.2)
    assert 399 in train


def test_dates_may_be_left_aside_and_may_be_asked_for():
    dates = np.arange(400.0)
    assert "at random" in split_decisions(given(dates=dates), test_share=0.2, split="random")[2]
    with pytest.raises(InputError, match="no column of dates"):
        split_decisions(given(), test_share=0.2, split="time")


def test_a_latest_part_of_one_class_is_refused():
    verdicts = (np.arange(400) < 200).astype(np.int8)
    with pytest.raises(InputError, match=r"latest 20% is rejected.*--split random"):
        split_decisions(given(verdicts=verdicts, dates=np.arange(400.0)), test_share=0.2)


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (np.zeros(400), "no comment is rejected"),
        (np.ones(400), "no comment is approved"),
        (np.arange(400) < 49, "too few comments to judge a model by: 351 approved and 49 rejected"),
    ],
)
def test_too_little_to_judge_by_is_refused(verdicts, told):
    with pytest.raises(InputError, match=told) as caught:
        split_decisions(given(verdicts=verdicts.astype(np.int8), notes=("42 rows were odd",)), test_share=0.2)
    assert "42 rows were odd" in str(caught.value)
