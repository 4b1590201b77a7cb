"""From tokens to features: the table, words, pairs, frames, chains of classes, n-grams, signals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import BOUNDARY, batches, build_spelling, build_vocabulary

from moderate.feature_table import FeatureTable, filter_hashes
from moderate.features import (
    BOUNDARY_CLASS,
    CLASS_HASHES,
    GRAM_LETTERS,
    GRAM_SIZES,
    IDENTITY_CLASS,
    IGNORED_CLASS,
    LEVELS,
    SIGNALS,
    combine,
    hash_chains,
    hash_neighbours,
    hash_topics,
    hash_word_grams,
)
from moderate.joined import OPENER, TELLING, part_keys, part_values
from moderate.spelling import Spelling
from moderate.text import hash_words, tokenize

YOU, INSULT = 12, 13
CLASSES = {"you": YOU, "idiot": INSULT, "fool": INSULT, "are": 0, "an": 0, "user": IGNORED_CLASS, "such": 0}


def one(*words):
    """The hash of a word; of words one after another: their hashes; ``""`` is the boundary, a number a class."""
    return [
        np.uint64(BOUNDARY) if word == "" else CLASS_HASHES[word] if isinstance(word, int) else hash_words([word])[0]
        for word in words
    ]


def pair(left, right, kind="bigram"):
    return int(combine(*(np.array([value]) for value in one(left, right)), kind=kind)[0])


def triple(left, middle, right, kind, first_kind):
    head = combine(*(np.array([value]) for value in one(left, middle)), kind=first_kind)
    return int(combine(head, np.array(one(right)), kind=kind)[0])


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_hash_of_a_table_has_a_row_of_its_own():
    hashes = np.random.default_rng(1).integers(0, 2**64, 3000, np.uint64)
    table, kept = FeatureTable.build(hashes, bits=12)
    rows = table.look_up(hashes[kept])
    assert rows.tolist() == list(range(1, kept.size + 1))
    assert kept.size > 2900


def test_a_hash_that_is_not_in_the_table_passes_for_one_less_than_once_in_eight_thousand():
    generator = np.random.default_rng(2)
    table, _ = FeatureTable.build(generator.integers(0, 2**64, 4096, np.uint64), bits=10)
    strangers = generator.integers(0, 2**64, 1_000_000, np.uint64)
    assert (table.look_up(strangers) > 0).mean() < 1 / 8000


def test_a_full_bucket_keeps_the_most_important():
    top = np.uint64(5) << np.uint64(60)
    hashes = top + np.arange(6, dtype=np.uint64)
    table, kept = FeatureTable.build(hashes, bits=4)
    assert sorted(kept.tolist()) == [0, 1, 2, 3]
    assert (table.look_up(hashes) > 0).tolist() == [True] * 4 + [False] * 2


def test_of_two_hashes_with_one_fingerprint_the_first_is_kept():
    same = np.array([3, 3 + (1 << 20)], np.uint64)
    table, kept = FeatureTable.build(same, bits=4)
    assert kept.tolist() == [0]
    assert table.look_up(same).tolist() == [1, 1]


def test_the_shape_of_a_look_up_is_that_of_its_hashes():
    table, _ = FeatureTable.build(np.arange(1, 4, dtype=np.uint64) << np.uint64(58), bits=6)
    assert table.look_up(np.zeros((2, 3), np.uint64)).shape == (2, 3)
    assert table.look_up(np.zeros(0, np.uint64)).shape == (0,)


@pytest.mark.parametrize("count", [0, 1, 20, 20_000])
def test_a_filter_lets_every_hash_of_its_own_pass_and_few_others(count):
    hashes, others = np.random.default_rng(2).integers(0, 2**64, (2, max(count, 1)), np.uint64)
    bits = np.unpackbits(filter_hashes(hashes[:count]), bitorder="little")
    shift = np.uint64(64 - int(np.log2(bits.size)))
    assert bits[hashes[:count] >> shift].all()
    assert bits[others >> shift].mean() < 1 / 12


def test_kinds_of_features_and_the_order_of_words_hash_apart():
    kinds = ["bigram", "frame", "chain2", "chain3", "phrase"]
    hashes = [pair("you", "fool", kind) for kind in kinds] + [pair("fool", "you", kind) for kind in kinds]
    assert len(set(hashes)) == len(hashes)


# --- features of several words ---------------------------------------------------------------------------------------


def test_a_bigram_is_two_neighbours_and_the_boundaries_are_words():
    words = np.array(one("", "you", "fool", "", "go"))
    classes = np.array([BOUNDARY_CLASS, 0, 0, BOUNDARY_CLASS, 0], np.uint8)
    bigrams, frames = hash_neighbours(words, classes, np.array([0, 3, 5]))
    assert bigrams.tolist() == [
        pair("", "you"), pair("you", "fool"), pair("fool", ""), pair("", "go"), pair("go", ""),
    ]  # fmt: skip
    assert frames.tolist() == [0] * 5


def test_a_frame_is_three_neighbours_of_which_one_has_a_class_that_stands_for_it():
    words = np.array(one("", "such", "an", "idiot", "", "you"))
    classes = np.array([BOUNDARY_CLASS, 0, 0, INSULT, BOUNDARY_CLASS, YOU], np.uint8)
    _, frames = hash_neighbours(words, classes, np.array([0, 4, 6]))
    expected = [
        0,  # boundary such an: no class
        triple("such", "an", INSULT, "frame", "frame"),
        triple("an", INSULT, "", "frame", "frame"),
        0,  # would reach into the next comment
        triple("", YOU, "", "frame", "frame"),
        0,
    ]
    assert frames.tolist() == expected


def test_a_chain_is_two_or_three_classes_in_a_row_whatever_stands_between():
    pairs, triples = hash_chains(np.array([BOUNDARY_CLASS, YOU, INSULT, BOUNDARY_CLASS, YOU], np.uint8))
    two = [(BOUNDARY_CLASS, YOU), (YOU, INSULT), (INSULT, BOUNDARY_CLASS), (BOUNDARY_CLASS, YOU), (YOU, BOUNDARY_CLASS)]
    assert pairs.tolist() == [pair(*classes, kind="chain2") for classes in two]
    three = [
        (BOUNDARY_CLASS, YOU, INSULT),
        (YOU, INSULT, BOUNDARY_CLASS),
        None,
        (BOUNDARY_CLASS, YOU, BOUNDARY_CLASS),
        None,
    ]
    assert triples.tolist() == [triple(*classes, "chain3", "chain2") if classes else 0 for classes in three]


def test_words_of_a_comment_that_names_a_group_are_features_of_their_own():
    words = np.array(one("", "such", "an", "", "such", "people", "", "people"))
    classes = np.array([BOUNDARY_CLASS, 0, 0, BOUNDARY_CLASS, 0, IDENTITY_CLASS, BOUNDARY_CLASS, INSULT], np.uint8)
    topics, places = hash_topics(words, classes, np.array([0, 3, 6, 8]))
    assert places.tolist() == [4, 5]
    assert topics.tolist() == [pair(word, IDENTITY_CLASS, kind="topic") for word in ("such", "people")]
    assert hash_topics(words[:3], classes[:3], np.array([0, 3]))[1].size == 0


@pytest.mark.parametrize("word", ["ab", "wonderful", "x" * 60])
def test_n_grams_are_the_stretches_of_a_word_with_its_ends_marked(word):
    codes = np.array([ord(char) for char in word], np.uint32)
    grams, owner = hash_word_grams(codes, np.array([0]), np.array([min(len(word), GRAM_LETTERS)]))
    marked = "\0" + word[:GRAM_LETTERS] + "\0"
    expected = {marked[place : place + size] for size in GRAM_SIZES for place in range(len(marked) - size + 1)}
    assert np.unique(grams).size == len(expected)
    assert grams.size == sum(len(marked) - size + 1 for size in GRAM_SIZES if size <= len(marked))
    assert not owner.any()


def test_an_n_gram_hashes_alike_in_every_word_and_its_end_is_told_from_its_middle():
    def grams(word):
        codes = np.array([ord(char) for char in word], np.uint32)
        return set(hash_word_grams(codes, np.array([0]), np.array([len(word)]))[0].tolist())

    assert len(grams("xwondery") & grams("zwonderq")) == 4 + 3 + 2  # those of "wonder" that touch no end
    assert len(grams("wonder") & grams("wonders")) == 12 - 3 + 3  # and those of the common beginning


# --- extraction ------------------------------------------------------------------------------------------------------


def extract(texts, *, extra=()):
    vocabulary = build_vocabulary(CLASSES, extra=extra, spelling=build_spelling(["idiot"]))
    return vocabulary, vocabulary.extract(tokenize(texts))


def test_words_are_those_of_the_vocabulary_with_disguises_undone():
    vocabulary, features = extract(["You are an 1d10t"])
    assert features.words.tolist() == one("", "you", "are", "an", "idiot")
    assert features.rows[:, 0].tolist() == vocabulary.table.look_up(features.words).tolist()
    assert features.counts.tolist() == [4]
    assert features.known.tolist() == [4]


def test_features_of_several_words_have_rows_where_the_table_has_them():
    frame = triple(YOU, "are", "an", "frame", "frame")
    chain = pair(YOU, INSULT, "chain2")
    vocabulary, features = extract(
        ["you are an idiot", "are"], extra=[pair("you", "are"), frame, chain, pair("idiot", "")]
    )
    row = {name: int(vocabulary.table.look_up(np.array([value], np.uint64))[0]) for name, value in
           {"pair": pair("you", "are"), "frame": frame, "chain": chain, "end": pair("idiot", "")}.items()}  # fmt: skip
    assert features.rows[:, 1].tolist() == [0, row["pair"], 0, 0, row["end"], 0, 0]
    assert features.rows[:, 2].tolist() == [0, row["frame"], 0, 0, 0, 0, 0]
    assert features.chain.tolist() == [0, 1, 4, 5]
    assert features.chain_rows[:, 0].tolist() == [0, row["chain"], 0, 0]


def test_place_holders_and_handles_are_no_words():
    _, features = extract(["you USER are @someone such"])
    assert features.words.tolist() == one("", "you", "are", "such")
    assert features.counts.tolist() == [3]


def test_letters_put_together_are_one_word_with_all_their_places():
    _, features = extract(["you i d i o t"])
    assert features.words.tolist() == one("", "you", "idiot")
    assert features.index.tolist() == [0, 1, 2]
    assert features.last.tolist() == [0, 1, 6]


def test_words_run_together_are_several_words_at_one_place():
    flags = {"you": OPENER, "are": 0, "an": 0, "idiot": TELLING}
    values = part_values(np.full(len(flags), 6.0), np.array(list(flags.values())))
    spelling = Spelling.build(part_keys(list(flags)), values)
    vocabulary = build_vocabulary(CLASSES, spelling=spelling)
    features = vocabulary.extract(tokenize(["such youareanidiot, user fool", "youidiot"]))
    assert features.words.tolist() == one("", "such", "you", "are", "an", "idiot", "fool", "", "you", "idiot")
    assert features.rows[:, 0].tolist() == vocabulary.table.look_up(features.words).tolist()
    assert features.index.tolist() == [0, 1, 2, 2, 2, 2, 4, 5, 6, 6]
    assert features.last.tolist() == features.index.tolist()
    assert features.first.tolist() == [0, 7, 10]
    assert features.counts.tolist() == features.known.tolist() == [6, 2]
    begins, ends = features.tokens.spans(features.index[[2, 5, 9]], features.last[[2, 5, 9]])
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == [(5, 18), (5, 18), (0, 8)]


def test_only_unknown_words_have_n_grams():
    codes = np.array([ord(char) for char in "novel"], np.uint32)
    grams, _ = hash_word_grams(codes, np.array([0]), np.array([5]))
    _, features = extract(["you novel are", "novel"], extra=grams)
    assert features.gram_words.tolist() == [2] * grams.size + [5] * grams.size
    assert (features.gram_rows > 0).all()
    assert features.known.tolist() == [2, 0]
    assert features.counts.tolist() == [3, 1]


def test_quotation_and_question_marks_stand_among_the_words_but_count_as_none():
    _, features = extract(['you "novel"?', "?", '""'])
    assert features.words.tolist() == one("", "you", '"', "novel", '"', "?", "", "?", "", '"', '"')
    assert features.counts.tolist() == [2, 0, 0]
    assert features.known.tolist() == [1, 0, 0]
    assert set(features.gram_words.tolist()) == {3}


@pytest.mark.parametrize(
    ("signal", "texts"),
    [
        ("links", ["none", "a.com x", "a.com b.com", "a.com b.com c.com d.com"]),
        ("handles", ["none", "@ab", "@ab @cd @ef", "@ab @cd @ef @gh"]),
        ("exclamations", ["none", "!", "!!!", "!!!!!"]),
        ("questions", ["none", "?", "? ?", "????"]),
        ("quotes", ["none", '"a', '"a"', '"a" "b"']),
        ("hashtags", ["none", "#a", "#a #b", "#a #b #c #d"]),
        ("money", ["none", "$5", "$5 or 5%", "$5 £5 5%"]),
        ("numbers", ["123456", "1234567", "1234567 and 7654321", "1234567 1234567 1234567"]),
        ("references", ["a.com", "a.gov", "bbc.com a.gov", "bbc.com a.gov b.edu"]),
        ("referrals", ["a.com", "a.com/?ref=1", "a.com/?ref=1 a.com/?aff=1", "a.com/?ref=1 b.com/?ref=1 c.com/?ref=1"]),
        ("alone", ["fb.com/me a b c d e f g", "fb.com/me a b c d e f", "fb.com/me a b", "fb.com/me"]),
        ("capitals", ["A bit Loud", "this is all so very quiet but for THAT", "one TWO three FOUR", "ALL THE TIME"]),
    ],
)
def test_a_signal_has_four_levels(signal, texts):
    _, features = extract(texts)
    assert features.signals[:, SIGNALS.index(signal)].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["https://en.wikipedia.org/wiki/Tide", "https://youtu.be/abc", "news.example.com"])
def test_a_link_to_what_is_not_ones_own_may_stand_alone(text):
    _, features = extract([text])
    assert features.signals[:, SIGNALS.index("alone")].tolist() == [0]


def test_other_signals_stay_at_zero():
    _, features = extract(["quite an ordinary comment, isn't it"])
    assert features.signals.tolist() == [[0] * len(SIGNALS)]
    assert LEVELS.shape == (len(SIGNALS), 3)


EXTRA = [
    pair("you", "are"),
    pair("fool", ""),
    triple("", YOU, "", "frame", "frame"),
    pair(YOU, BOUNDARY_CLASS, "chain2"),
]


@given(batches | st.lists(st.sampled_from(["you", "you are", "you fool", "", "i d i o t", "such fool"]), min_size=1))
def test_the_features_of_a_comment_do_not_depend_on_its_neighbours(texts):
    vocabulary = build_vocabulary(CLASSES, extra=EXTRA, spelling=build_spelling(["idiot"]))
    together = vocabulary.extract(tokenize(texts))
    for number, text in enumerate(texts):
        alone = vocabulary.extract(tokenize([text]))
        begin, end = together.first[number : number + 2].tolist()
        assert together.words[begin:end].tolist() == alone.words.tolist()
        assert together.rows[begin:end].tolist() == alone.rows.tolist()
        chained = (together.chain >= begin) & (together.chain < end)
        assert (together.chain[chained] - begin).tolist() == alone.chain.tolist()
        assert together.chain_rows[chained].tolist() == alone.chain_rows.tolist()
        unknown = (together.gram_words >= begin) & (together.gram_words < end)
        assert together.gram_rows[unknown].tolist() == alone.gram_rows.tolist()
        assert together.signals[number].tolist() == alone.signals[0].tolist()
        assert (together.counts[number], together.known[number]) == (alone.counts[0], alone.known[0])
