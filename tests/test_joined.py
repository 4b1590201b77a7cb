"""Words run together: which tokens come apart, into what, and which stay whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderate.joined import (
    LEAST_LETTERS,
    LONGEST_PART,
    MOST_COST,
    MOST_LETTERS,
    NEVER_LAST,
    OPENER,
    TELLING,
    Parts,
    part_keys,
    part_values,
)

# Word -> its cost in nats, and its flags.
PARTS = {
    "i": (4, NEVER_LAST | OPENER), "a": (4, NEVER_LAST | OPENER), "the": (3, NEVER_LAST | OPENER),
    "you": (4, OPENER), "them": (6, OPENER), "all": (6, OPENER), "are": (5, OPENER),
    "detest": (9, TELLING), "smash": (9, TELLING), "muppet": (9, TELLING), "muppets": (10, TELLING),
    "norwegians": (11, TELLING), "stone": (9, NEVER_LAST), "potato": (8, 0), "such": (6, 0), "rare": (40, TELLING),
}  # fmt: skip


def compile_parts(parts):
    keys = part_keys(list(parts))
    order = np.argsort(keys)
    costs, flags = (np.array(column) for column in zip(*parts.values(), strict=True))
    return Parts.select(keys[order], part_values(costs.astype(np.float64), flags)[order])


def split_all(words, parts=PARTS):
    """The parts of each word; the word itself where it stays whole."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    starts = np.append(0, np.cumsum([len(word) for word in words]))
    apart, begins = compile_parts(parts).split(codes, starts)
    text, found = "".join(words), []
    for number, (start, end) in enumerate(pairwise(starts.tolist())):
        cuts = [place for place in begins.tolist() if start <= place < end]
        assert bool(cuts) == (number in apart.tolist())
        found.append([text[left:right] for left, right in pairwise([*(cuts or [start]), end])])
    return found


def split(word, parts=PARTS):
    return " ".join(split_all([word], parts)[0])


@pytest.mark.parametrize(
    "sentence",
    ["i detest norwegians", "smash them", "you muppet", "all norwegians are muppets", "smash all muppets",
     "detest norwegians", "are all such a muppet"],
)  # fmt: skip
def test_what_was_run_together_comes_apart(sentence):
    assert split(sentence.replace(" ", "")) == sentence


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("youarethem", "nothing telling in it"),
        ("smashpotato", "two parts of which only one tells: a compound, like 'kickstart'"),
        ("muppetstone", "the name of a place"),
        ("smashthe", "no article ends a sentence"),
        ("muppets", "a word itself"),
        ("rarerare", "costs too much"),
        ("youxmuppet", "a letter is left over"),
        ("muppetx", "a letter is left over"),
        ("xmuppet", "a letter is left over"),
    ],
)
def test_other_words_stay_whole(word, why):
    assert split(word) == word, why


def test_the_cheapest_reading_is_taken():
    parts = {"over": (6, 0), "all": (6, OPENER), "overall": (8, OPENER), "muppet": (9, TELLING)}
    assert split("overallmuppet", parts) == "overall muppet"
    parts["overall"] = (13, OPENER)
    assert split("overallmuppet", parts) == "over all muppet"


@pytest.mark.parametrize(("cost", "comes_apart"), [(MOST_COST * 9 - 4.01, True), (MOST_COST * 9 - 3.9, False)])
def test_the_cost_that_is_believed_grows_with_the_letters(cost, comes_apart):
    parts = {"you": (4, OPENER), "muppet": (cost, TELLING)}
    assert (split("youmuppet", parts) == "you muppet") == comes_apart


def test_parts_may_be_as_long_as_the_longest():
    longest = "m" + "u" * (LONGEST_PART - 1)
    assert split("you" + longest, {"you": (4, OPENER), longest: (9, TELLING)}) == "you " + longest


def test_nothing_comes_of_no_parts_and_of_no_words():
    assert split_all([]) == []
    nothing = Parts.select(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    apart, begins = nothing.split(np.full(9, 97, np.uint32), np.array([0, 9]))
    assert (apart.size, begins.size) == (0, 0)


def read(word, parts):
    """What `Parts.split` says, by trying every way to cut the word."""
    ways = [(0, [])]
    for end in range(1, len(word) + 1):
        last = [
            (cost + parts[word[begin:end]][0], [*cuts, word[begin:end]])
            for begin, (cost, cuts) in enumerate(ways)
            if word[begin:end] in parts and not (end == len(word) and parts[word[begin:end]][1] & NEVER_LAST)
        ]
        ways.append(min(last, default=(1e9, [])))
    cost, found = ways[-1]
    telling, openers = (sum(bool(parts[part][1] & flag) for part in found) for flag in (TELLING, OPENER))
    enough = telling and (len(found) > 2 or (len(found) == 2 and telling + openers > 1))
    return found if enough and cost <= MOST_COST * len(word) and word not in parts else [word]


SMALL = {
    "ab": (2.5, TELLING), "ba": (3.25, OPENER), "aab": (4.125, TELLING), "bb": (3.0625, 0), "c": (2.1875, 0),
    "abca": (8.5, OPENER | NEVER_LAST), "a": (5.3125, 0), "b": (5.4375, 0), "cabab": (6.75, TELLING),
}  # fmt: skip


@given(st.lists(st.text("abc", min_size=LEAST_LETTERS, max_size=MOST_LETTERS), min_size=1, max_size=6))
def test_every_way_to_cut_a_word_is_considered_and_no_other_word_matters(words):
    found = split_all(words, SMALL)
    assert found == [split_all([word], SMALL)[0] for word in words]
    for word, parts in zip(words, found, strict=True):
        expected = read(word, SMALL)
        costs = [sum(SMALL[part][0] for part in way if part in SMALL) for way in (parts, expected)]
        assert parts == expected or costs[0] == costs[1], "two ways may cost the same"
