"""Words set apart: which letters and halves are read as one word, and which stay what they are."""

import numpy as np
import pytest
from hypothesis import given
from tiny import batches, build_spelling

from moderate.joined import OPENER, TELLING, part_keys, part_values
from moderate.spaced import LEAST_RUN, LONGEST_RUN, drop_overlaps, find_halves, find_runs, half_keys
from moderate.spelling import Spelling
from moderate.text import hash_words, tokenize

WORDS = ["idiot", "muppet", "wonderful"]
PARTS = {"you": OPENER, "muppet": TELLING, "utter": 0}
PLAIN = build_spelling(WORDS)
SPELLING = Spelling.build(
    np.concatenate([PLAIN.keys, part_keys(list(PARTS))]),
    np.concatenate([PLAIN.words, part_values(np.full(len(PARTS), 9.0), np.array(list(PARTS.values())))]),
)
NAMES = {int(key): word for word in [*WORDS, *PARTS] for key in hash_words([word])}


def read(text, known=()):
    """The words found, and what of the text each takes up; ``known`` words are known to the vocabulary."""
    tokens = tokenize([text])
    unknown = ~np.isin(tokens.hashes, hash_words(list(known)))
    replacement, dropped, _ = SPELLING.resolve(tokens, unknown)
    begins, ends = tokens.begins - 1, tokens.ends - 1
    spans = zip(replacement.index.tolist(), replacement.last.tolist(), replacement.words.tolist(), strict=True)
    taken = {place for first, last, _ in zip(replacement.index, replacement.last, replacement.words, strict=True)
             for place in range(first + 1, last + 1)}  # fmt: skip
    assert set(np.flatnonzero(dropped).tolist()) == taken
    return [(NAMES[word], text[begins[first] : ends[last]]) for first, last, word in spans]


@pytest.mark.parametrize(
    "text",
    ["i d i o t", "i.d.i.o.t", "i-d-i-o-t", "i😀d😀i😀o😀t", "i🔥d👍i🔥o👍t", "i❤️d❤️i❤️o❤️t", "1 d 1 0 t", "I.D.I.O.T"],
)
def test_single_letters_set_apart_alike_are_a_word(text):
    assert read(f"so {text}, he") == [("idiot", text)]


@pytest.mark.parametrize(
    "text",
    ["idi.ot", "id-iot", "idio t", "i.diot", "idi😀ot", "i🔥diot", "idi/ot", "IDI.OT"],
)
def test_two_halves_are_a_word(text):
    assert read(f"so {text}, he") == [("idiot", text)]


@pytest.mark.parametrize(
    "text", ["idi  ot", "idi. ot", "idi 😀 ot", "idi😀 ot", "idi'ot", "i  d  i  o  t", "i😀 d i", "i'd i o", "日本 idi"]
)
def test_what_stands_further_apart_is_not(text):
    assert read(text) == []


def test_halves_with_a_blank_between_are_two_words_where_both_are_known():
    assert read("idi ot", known=["idi", "ot"]) == []
    assert read("idi ot", known=["ot"]) == [("idiot", "idi ot")]
    assert read("idi.ot", known=["idi", "ot"]) == [("idiot", "idi.ot")]


def test_across_a_mark_any_common_word_is_put_together_if_a_half_is_unknown():
    assert read("wonde.rfui") == []
    assert read("won.derfu") == []
    assert read("1d.10t") == [], "halves begin with letters: 1.5 is a number"
    assert read("w0nder.ful") == [("wonderful", "w0nder.ful")]


def test_a_run_that_is_no_word_is_taken_apart_if_it_is_several():
    assert read("y o u u t t e r q z x w v") == []
    assert read("y o u u t t e r m u p p e t") == [
        ("you", "y o u"), ("utter", "u t t e r"), ("muppet", "m u p p e t")
    ]  # fmt: skip


def test_letters_with_marks_between_are_a_word_even_if_nobody_knows_it():
    tokens = tokenize(["a q.u.i.x t"])
    replacement, dropped, _ = SPELLING.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    assert replacement.words.tolist() == hash_words(["quix"]).tolist()
    assert (replacement.index.tolist(), replacement.last.tolist()) == ([2], [5])
    assert dropped.tolist() == [False, False, False, True, True, True, False]
    assert read("q u i x") == read("1.2.3.4") == []


def test_words_set_apart_by_marks_end_where_a_blank_is():
    assert read("i.d.i.o.t m.u.p.p.e.t") == [("idiot", "i.d.i.o.t"), ("muppet", "m.u.p.p.e.t")]


def test_a_word_may_have_a_letter_too_many_at_either_end():
    assert read("a i d i o t") == [("idiot", "i d i o t")]
    assert read("i d i o t u") == [("idiot", "i d i o t")]


def test_a_long_run_is_read_piece_by_piece():
    spelt = " ".join("x" * LONGEST_RUN + "idiot")
    assert read(spelt) == [("idiot", "i d i o t")]
    runs = find_runs(tokenize([spelt]), np.diff(tokenize([spelt]).starts))
    assert (runs.ends - runs.begins).tolist() == [LONGEST_RUN, 5]


def test_of_halves_that_overlap_the_first_are_a_word():
    kept = drop_overlaps(np.array([0, 1, 3, 4, 9]), np.array([1, 2, 8, 5, 9]))
    assert kept.tolist() == [True, False, True, False, True]
    assert drop_overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


def test_the_keys_of_halves_depend_on_their_order_and_on_what_is_between():
    left, right = hash_words(["idi"]), hash_words(["ot"])
    marked, blank = np.ones(1, np.bool_), np.zeros(1, np.bool_)
    keys = [half_keys(left, right, marked), half_keys(right, left, marked), half_keys(left, right, blank)]
    assert len({int(key[0]) for key in keys}) == 3


@given(batches)
def test_runs_and_halves_stay_within_a_comment(texts):
    tokens = tokenize(texts)
    lengths = np.diff(tokens.starts)
    runs = find_runs(tokens, lengths)
    assert (runs.ends - runs.begins >= LEAST_RUN).all()
    first, second, _ = find_halves(tokens, np.ones(lengths.size, np.bool_), runs.within)
    ends = tokens.first[1:]
    assert (np.searchsorted(ends, first, side="right") == np.searchsorted(ends, second, side="right")).all()
    assert not np.isin(first, tokens.first).any()
    begins, last = runs.letters[runs.begins], runs.letters[runs.ends - 1]
    assert (np.searchsorted(ends, begins, side="right") == np.searchsorted(ends, last, side="right")).all()
