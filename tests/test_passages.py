"""Passages: how a comment is cut into them, which stands out, and what that does to scores and reasons."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import build_model

from moderate.guidelines import CATEGORIES
from moderate.passages import BLOCK, Lengths, begin_blocks, find_peaks, join_blocks, raise_to_peaks, weigh_passages
from moderate.text import tokenize

TOXIC = CATEGORIES.index("toxic")

LENGTHS = Lengths(prior_words=2.0, damping=0.5)

# Numbers of words of some comments; each has a boundary besides.
lengths = st.lists(st.integers(0, 40), min_size=1, max_size=5)


def bounds(counts):
    """Index of each comment's boundary, and the number of words at the end."""
    return np.append(0, np.cumsum(np.array(counts) + 1))


def cut(words):
    """Passages of one comment of ``words`` words by the plain rule: the places of the words, counted from 1."""
    blocks = [list(range(begin, min(begin + BLOCK, words + 1))) for begin in range(1, words + 1, BLOCK)] or [[]]
    return [left + right for left, right in pairwise(blocks)] or blocks


# --- length ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "damping", "expected"),
    [
        (0, 1.0, 2**0.5),
        (2 * BLOCK, 1.0, 10**0.5),
        (98, 0.0, 10.0),
        (98, 1.0, 10 * 10**0.125),
        (98, 0.5, 5 + 5 * 10**0.125),
    ],
    ids=["no word", "a passage", "a long comment undamped", "damped", "half damped"],
)
def test_sums_are_divided_by_the_root_of_the_length_and_what_is_longer_than_a_passage_by_more(words, damping, expected):
    lengths = Lengths(prior_words=2.0, damping=damping)
    assert lengths.divisors(np.array([words])).item() == pytest.approx(expected)


def test_sums_are_never_divided_by_less_than_1():
    assert Lengths(prior_words=0.0).divisors(np.array([0])).item() == 1


# --- cutting ---------------------------------------------------------------------------------------------------------


@given(lengths)
def test_passages_are_two_blocks_each_and_overlap_by_one(counts):
    first = bounds(counts)
    begins, first_block = begin_blocks(first)
    blocks, paired, words, first_passage = join_blocks(first, first_block)
    ends = np.append(begins[1:], first[-1])
    for place, count in enumerate(counts):
        expected = cut(count)
        passages = range(first_passage[place], first_passage[place + 1])
        assert words[passages].tolist() == [len(passage) for passage in expected]
        for number, passage in zip(passages, expected, strict=True):
            begin, end = begins[blocks[number]], ends[blocks[number] + paired[number]]
            inside = [word - first[place] for word in range(begin, end) if word != first[place]]
            assert inside == passage
    assert first_block[-1] == begins.size


def test_the_first_block_has_the_boundary_besides_its_words():
    begins, first_block = begin_blocks(bounds([2 * BLOCK + 1, 0]))
    assert begins.tolist() == [0, BLOCK + 1, 2 * BLOCK + 1, 2 * BLOCK + 2]
    assert first_block.tolist() == [0, 3, 4]


# --- what stands out -------------------------------------------------------------------------------------------------


@given(lengths, st.integers(0, 2**32 - 1))
def test_a_peak_is_the_largest_of_a_passage_over_the_root_of_its_words(counts, seed):
    first = bounds(counts)
    weights = np.random.default_rng(seed).integers(-50, 50, (first[-1], 2))
    begins, first_block = begin_blocks(first)
    sums = np.add.reduceat(weights, begins, axis=0)
    found = find_peaks(sums, first, first_block, LENGTHS)
    for place, count in enumerate(counts):
        values = []
        for number, passage in enumerate(cut(count)):
            places = first[place] + np.array([0, *passage] if number == 0 else passage)
            values.append(weights[places].sum(axis=0) / np.sqrt(len(passage) + 2.0))
        np.testing.assert_allclose(found[place], np.max(values, axis=0))


@pytest.mark.parametrize(
    ("whole", "peak", "expected"),
    [(1.0, 9.0, 4.0), (1.0, 3.0, 1.0), (1.0, -9.0, 1.0), (-8.0, 0.0, -5.0)],
    ids=["raised by half of what exceeds the margin", "within the margin", "never lowered", "raised below 0"],
)
def test_what_stands_out_raises_the_whole(whole, peak, expected):
    raw = np.array([[whole]])
    raise_to_peaks(raw, np.array([[peak]]), shares=np.array([0.5]), margins=np.array([2.0]))
    assert raw.item() == expected


def logits(model, text):
    return model.logits(model.vocabulary.extract(tokenize([text])))[0, TOXIC]


def test_a_vile_line_counts_for_more_than_its_share_of_a_long_comment():
    model = build_model({"idiot": {"toxic": 100}, "river": {"toxic": -10}}, intercept=0.0)
    heard = replace(model, passage_shares=np.full(len(CATEGORIES), 0.6))
    short, long = "you idiot", "you idiot " + "river bank " * 40
    assert logits(heard, short) == logits(model, short)
    assert logits(model, long) < 0 < logits(heard, long) < logits(model, short)


def test_a_long_comment_of_one_tone_is_read_as_a_whole():
    model = build_model({"idiot": {"toxic": 100}}, intercept=0.0)
    heard = replace(model, passage_shares=np.full(len(CATEGORIES), 0.6))
    assert logits(heard, "idiot " * 200) == logits(model, "idiot " * 200)


# --- reasons ---------------------------------------------------------------------------------------------------------


def weigh(weights, *, share, margin=0.0):
    weights = np.array([0, *weights])
    return weigh_passages(weights, np.array([0, weights.size]), np.array([share]), np.array([margin]), LENGTHS).tolist()


LONG = [9, 9, *[0] * 18, 9]  # what tells stands close together at the beginning, and once more at the end


def test_words_of_the_passage_that_stands_out_weigh_more():
    found = weigh(LONG, share=0.5)
    assert found[1] == found[2] > 2 * found[-1] > 0
    whole, passage = LENGTHS.divisors(np.array([len(LONG), 2 * BLOCK]))
    assert found[1] / found[-1] == pytest.approx(1 + whole / passage)


@pytest.mark.parametrize(
    ("weights", "share", "margin"),
    [(LONG, 0.0, 0.0), (LONG, 0.5, 100.0), ([3, 9], 0.5, 0.0), ([-3, -9, *[0] * 9], 0.5, 9.0)],
    ids=["not read by passages", "within the margin", "short", "nothing tells"],
)
def test_words_weigh_what_they_are_where_nothing_stands_out(weights, share, margin):
    assert weigh(weights, share=share, margin=margin) == [0, *weights]


@given(lengths, st.integers(0, 2**32 - 1))
def test_words_do_not_depend_on_the_comments_beside(counts, seed):
    first = bounds(counts)
    chance = np.random.default_rng(seed)
    weights = chance.integers(-50, 50, first[-1])
    shares, margins = chance.random((2, len(counts)))
    found = weigh_passages(weights, first, shares, margins, LENGTHS)
    for place in range(len(counts)):
        begin, end = first[place], first[place + 1]
        alone = weigh_passages(
            weights[begin:end], np.array([0, end - begin]), shares[[place]], margins[[place]], LENGTHS
        )
        assert found[begin:end].tolist() == alone.tolist()
