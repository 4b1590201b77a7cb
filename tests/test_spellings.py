"""Which spellings are compiled with a model: what is a word, what another word misspelt, what may run together."""

import itertools
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the extra 'train'")

from moderate.moderator import DATA
from moderate.rules import RuleBook
from moderate.spaced import half_keys
from moderate.text import hash_words, tokenize
from training.lexicon import CENSORED, CRUDE, GROUPS, GUESSED, HOSTILE, OPENERS, RARE, Lexicon, choose_hostile
from training.matrix import build_space
from training.spellings import build_spelling, hidden, masked, misspelt, moved, respelt, starred, vowels_left_out

# What the training reads of a rule book: the words of its phrases, and its classes.
CLASSES = {
    "insult_noun": ("muppet", "nincompoop", "oafs", "twit"),
    "hate_verb": ("detest",),
    "identity": ("norwegians", "kurds"),
    "vulgar_body": ("bottom",),
    "second_person": ("you",),
}
RULES = SimpleNamespace(words={"muppet": 1, "oaf": 1}, classes=CLASSES)
# Enough innocent words for the usual triples of letters, and the lexicon as often as in real comments.
INNOCENT = [
    "trait", "train", "twin", "twist", "winter", "sitting", "tweet", "cotton", "pot", "potter", "puppet", "puppets",
    "muffin", "supper", "upper", "mutt", "must", "mud", "met", "pet", "petal", "carpet", "oats", "foal", "oasis",
    "loaf", "soaf", "fast", "oak", "twice", "twined", "wines", "wit", "with", "fine", "mine",
]  # fmt: skip
COUNTS = (
    Counter(dict.fromkeys(INNOCENT, 40))
    + Counter({"muppet": 900, "nincompoop": 300, "detest": 400, "norwegians": 200, "kurds": 200, "oafs": 300})
    + Counter({"you": 9000, "all": 5000, "the": 9000, "i": 9000, "are": 5000, "twit": 500, "bottom": 400, "smith": 200})
)


def read(text, seen=(), *, hostile=(), innocent=()):
    """Read a comment of which no word is known, after training texts with the strings ``seen``, too.

    Returns what it stands for, and the strings of the training texts that are no words.
    """
    spelling, undone = build_spelling(RULES, COUNTS + Counter(dict(seen)), hostile=hostile, innocent=innocent)
    words = sorted({*RULES.words, *COUNTS, *dict(seen), *itertools.chain(*CLASSES.values())})
    names = dict(zip(hash_words(words).tolist(), words, strict=True))
    tokens = tokenize([text])
    replacement, _, _ = spelling.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    return " ".join(names[word] for word in replacement.words.tolist()), undone


@pytest.mark.parametrize(
    "text",
    [
        "mupept", "mppet", "muppt", "mppt", "umppet",  # letters swapped and left out
        "mu*pet", "m*pp*t", "m*ppet", "mupp3t", "muuuppet", "m u p p e t", "mυppet",
    ],
)  # fmt: skip
def test_an_insult_in_disguise_is_found(text):
    assert read(text)[0] == "muppet"


@pytest.mark.parametrize(
    ("text", "word"),
    [("norwegans", "norwegians"), ("nrwgns", "norwegians"), ("nowregians", "norwegians"), ("kdurs", "kurds"),
     ("n0rw3g1ans", "norwegians"), ("nncmpp", "nincompoop"), ("dtest", "detest"), ("twt", "twit")],
)  # fmt: skip
def test_groups_and_what_is_said_of_them_are_found_in_disguise_too(text, word):
    assert read(text)[0] == word


@pytest.mark.parametrize("text", ["TWT", "puppet", "oats", "loaf", "mup", "pet"])
def test_other_words_are_not(text):
    assert read(text)[0] == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [("idetestnorwegians", "i detest norwegians"), ("youmuppet", "you muppet"),
     ("allkurdsaretwit", "all kurds are twit")],
)  # fmt: skip
def test_words_run_together_are_taken_apart(text, words):
    assert read(text)[0] == words


@pytest.mark.parametrize("text", ["bottomsmith", "smithbottom", "muppetsmith", "youallare"])
def test_names_and_words_that_tell_nothing_stay_whole(text):
    assert read(text)[0] == ""


def test_a_rare_misspelling_is_no_word_and_a_frequent_string_is():
    assert read("muppt", {"muppt": RARE - 1}) == ("muppet", {"muppt"})
    assert read("muppt", {"muppt": RARE}) == ("", set())


def test_a_misspelling_is_much_rarer_than_the_word():
    assert read("nincompop", {"nincompop": 9})[1] == {"nincompop"}
    assert read("dtest", {"dtest": 9, "detest": -300})[1] == set()


def test_an_established_string_is_a_disguise_if_the_word_is_decisive_and_far_more_frequent():
    often = {"muppet": 9000}
    assert read("mpptt muptpe mppet", {"mppet": 40, **often}) == ("muppet", {"mppet"})
    assert read("mppet", {"mppet": 60, **often})[1] == set(), "a word of which there is one in 150"
    assert read("traidn", {"traidn": 40, "train": 20_000})[1] == set(), "nobody hides a train"
    assert read("m*ppet", {"m*ppet": 40, **often})[1] == {"m*ppet"}


def test_hostile_and_frequent_words_are_disguised_too():
    assert read("tr*it traitt tarit", hostile=["trait"])[0] == "trait trait"
    assert read("tr*it tarit")[0] == ""
    assert read("tr*it tarit", {"trait": 1200})[0] == "trait trait"


def test_what_is_starred_is_rather_rude_than_frequent():
    assert read("m*ppet mu**et", {"mappet": 20_000, "mullet": 20_000})[0] == "muppet muppet"


def test_among_rude_words_the_frequent_one_is_starred_whatever_its_class():
    assert read("tw*t", {"twat": 20_000}, hostile=["twat"])[0] == "twat"


@pytest.mark.parametrize(
    ("text", "word"),
    [("nin**mpoop", "nincompoop"), ("nincom***p", "nincompoop"), ("b****m", "bottom"), ("bo****", "bottom"),
     ("b@ttom", "bottom"), ("bott#m", "bottom")],
)  # fmt: skip
def test_of_a_rude_word_several_letters_are_starred_of_the_rudest_most(text, word):
    assert read(text)[0] == word


@pytest.mark.parametrize("text", ["m****t", "mu****", "n**wegians", "pu**et"])
def test_of_other_words_more_must_be_left(text):
    assert read(text)[0] == ""


def test_a_symbol_for_a_vowel_of_a_rude_word_is_read_so_unless_it_spells_a_word_that_is_frequent_as_well():
    assert read("m@ppet", {"mappet": 45})[0] == "muppet", "one in twenty"
    assert read("m@ppet", {"mappet": 46})[0] == "mappet"
    assert read("n@rwegians", {})[0] == "", "nobody hides a Norwegian"


def test_nobody_guesses_a_rare_word_behind_several_stars():
    assert read("ni**y", {"ninny": 200}, hostile=["ninny"])[0] == "", "rude by nothing but its surroundings"
    assert read("tw**t", {"twit": -500 + GUESSED})[0] == "twit"
    assert read("tw**t", {"twit": -501 + GUESSED})[0] == ""


def looks_for(left, right, seen, *, marked):
    """Whether the halves are read as a word, after training texts with the strings ``seen``, too."""
    spelling, _ = build_spelling(RULES, COUNTS + Counter(seen))
    return bool(np.isin(half_keys(hash_words([left]), hash_words([right]), np.array([marked])), spelling.keys)[0])


def test_words_in_two_halves_are_looked_for_unless_these_often_meet_by_chance():
    assert looks_for("mup", "pet", {"mup": 3, "pet": 300}, marked=True)
    assert not looks_for("mup", "pet", {"mup": 5000, "pet": 5000}, marked=True)
    assert looks_for("mup", "pet", {"mup": 3, "pet": 300}, marked=False)
    assert not looks_for("mup", "pet", {"mup": 300, "pet": 3000}, marked=False)
    assert looks_for("m", "uppet", {"m": 50_000, "uppet": 5000}, marked=True), "a single letter is no word"
    assert not looks_for("tra", "in", {}, marked=True), "nobody hides a train"


def test_a_mark_may_stand_for_a_vowel_of_the_rudest_words():
    assert looks_for("b", "ttom", {}, marked=True)
    assert not looks_for("b", "ttom", {"b": 5000, "ttom": 5000}, marked=True)
    assert not looks_for("b", "ttom", {}, marked=False)
    assert not looks_for("m", "ppet", {}, marked=True), "an insult is written out"


def test_hostile_words_are_those_of_hostile_comments():
    counts = {"the": 9000, "scum": 60, "rare": 20, "good": 600, "m3n": 50}
    assert choose_hostile(counts, {"the": 3000, "scum": 50, "rare": 20, "good": 20, "m3n": 50}) == {"scum"}
    assert choose_hostile(counts, {}) == set()


def test_what_looks_like_a_word_or_is_inflected_is_one():
    assert read("muppets", {"muppets": 3})[1] == set()
    assert read("twine", {"twine": 2})[1] == set()
    assert read("mupet", {"mupet": 3})[1] == {"mupet"}


def test_an_inflection_that_nobody_wrote_is_one_of_a_word_as_frequent_as_the_other():
    words = {"dumbest": 500, "dum": 100}
    assert read("dumest", words, hostile=["dumbest"])[0] == "dumbest"
    assert read("dumest", {**words, "dum": 500}, hostile=["dumbest"])[0] == ""
    assert read("dumest", {**words, "dumest": 1}, hostile=["dumbest"])[0] == ""


def test_a_long_string_is_no_word_for_its_looks_even_beside_a_rare_one():
    usual = dict.fromkeys(["sum", "sun", "supple", "suppose", "peter", "meter", "deter"], 40)
    assert read("suppeter", {**usual, "suppeteer": 5}, hostile=["suppeteer"])[0] == "suppeteer"
    assert read("suppeter", {**usual, "suppeteer": 5, "suppeter": 1}, hostile=["suppeteer"])[0] == ""


def test_a_star_for_the_first_letter_is_no_part_of_the_token_and_the_rudest_words_are_known_without():
    assert read("*ottom *uppet", {})[0] == "bottom"
    assert read("*ottom", {"ottom": 1})[0] == "", "one in four hundred may be a name"


def test_rare_words_run_together_and_rare_letters_in_disguise_are_no_words_either():
    seen = {"youmuppet": 3, "allmuppet": 30, "mupp3t": 2, "mupppet": 2, "90k": 3}
    words, undone = read("youmuppet", seen)
    assert undone == {"youmuppet", "mupp3t", "mupppet"}
    assert words == "you muppet"
    assert read("allmuppet", seen)[0] == "", "thirty people wrote it: it is a word, whatever the model knows of it"


@pytest.mark.parametrize(("text", "word"), [("mvppet", "muppet"), ("norwegianz", "norwegians")])
def test_words_spelt_by_sound_are_read(text, word):
    assert read(text, {})[0] == word


def test_what_stands_in_innocent_texts_is_a_word():
    seen = {"youmuppet": 3, "muppt": 2}
    assert read("youmuppet muppt", seen, innocent=["youmuppet", "muppt"]) == ("", set())


def test_the_vocabulary_knows_no_disguises():
    texts = [f"{word} " * count for word, count in (COUNTS + Counter({"muppt": 3, "youmuppet": 3})).items()]
    space = build_space(texts, RULES)
    known = space.vocabulary.table.look_up(hash_words(["muppet", "puppet", "muppt", "youmuppet"])) > 0
    assert known.tolist() == [True, True, False, False]
    features = space.vocabulary.extract(tokenize(["muppt youmuppet"]))
    assert features.words[1:].tolist() == hash_words(["muppet", "you", "muppet"]).tolist()
    innocent = build_space(texts, RULES, innocent=["a fine muppt is youmuppet"])
    assert (innocent.vocabulary.table.look_up(hash_words(["muppt", "youmuppet"])) > 0).all()


def test_the_classes_whose_words_are_disguised_are_classes_of_the_packaged_rule_book():
    classes = RuleBook.from_toml(DATA / "rules.toml").classes
    assert set(HOSTILE) | set(GROUPS) | set(CRUDE) | set(CENSORED) | set(OPENERS) <= set(classes)


def test_the_lexicon_is_in_order_of_frequency():
    ordered = Lexicon.read(RULES, COUNTS).by_frequency
    assert ordered[:2] == ["you", "muppet"]
    assert set(ordered) == {*RULES.words, *itertools.chain(*CLASSES.values())}


def test_misspellings_of_each_kind():
    assert set(moved("abcdef")) == {"acdbef", "adbcef", "abdecf", "abecdf"}
    assert set(vowels_left_out("parasite")) == {"prsite", "praste", "parste", "prste"}
    assert starred("women") == ["w*men", "wo*en", "wom*n", "w*m*n"]
    assert starred("fly") == ["f*y"]
    left = ["m**pet", "m***et", "mu**et", "mu***t", "mup**t"]
    assert hidden("muppet") == ["m**ppet", "mupp**t", *left], "three letters are left"
    assert hidden("scum", censored=True) == ["sc**m", "s**m", "s***", "sc**"]
    assert set(hidden("muppet", censored=True)) - set(hidden("muppet")) == {"m****t", "mu****"}
    assert masked("scum") == ["scam", "scim", "scsm"]
    assert set(misspelt("hate", telling=True)) == {"ahte", "htae", "haet"}
    assert set(misspelt("scum", telling=True)) == {"csum", "sucm", "scmu", "scm"}
    assert set(misspelt("hate", telling=False)) == {"ahte", "htae", "haet"}
    assert misspelt("oaf", telling=True) == ()
    assert set(respelt("sucker")) == {"suker", "succer", "sukker", "zucker", "svcker", "sucka"}
    assert set(respelt("gagging")) == {"qagging", "gagginq", "qaqqinq", "gaggyng"}
    assert respelt("chef") == ["cheph"], "ch is a sound of its own"
    assert respelt("oaf") == []
