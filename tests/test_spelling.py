"""Undoing disguises: which spellings are read as a known word, and which stay what they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import batches, build_spelling

from moderate.joined import OPENER, TELLING, part_keys, part_values
from moderate.letters import DROPPED, LOOK_ALIKES, disguises, spelling_keys
from moderate.spelling import Spelling
from moderate.text import hash_words, tokenize

WORDS = ["idiot", "muppet", "hello", "ass"]
SPELLING = build_spelling(WORDS)
NAMES = dict(zip(hash_words(WORDS).tolist(), WORDS, strict=True))


PARTS = {"you": OPENER, "all": OPENER, "muppet": TELLING, "muppets": TELLING}
JOINED = Spelling.build(
    np.concatenate([SPELLING.keys, part_keys(list(PARTS))]),
    np.concatenate([SPELLING.words, part_values(np.full(len(PARTS), 9.0), np.array(list(PARTS.values())))]),
)
NAMES |= dict(zip(hash_words(list(PARTS)).tolist(), PARTS, strict=True))


def resolve_with(spelling, *texts):
    """Read texts of which no word is known; the words found, with first and last token, the dropped, the handles."""
    tokens = tokenize(texts)
    replacement, dropped, handles = spelling.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    found = zip(replacement.index.tolist(), replacement.last.tolist(), replacement.words.tolist(), strict=True)
    return [(first, last, NAMES.get(word, word)) for first, last, word in found], dropped.tolist(), handles.tolist()


def resolve(*texts):
    return resolve_with(SPELLING, *texts)


def spell_out(spelling, words):
    """Hashes of what each of ``words`` is read as; 0 for nothing."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
    read, found = spelling.look_up(codes, np.append(0, np.cumsum([len(word) for word in words])))
    return np.where(found, read, 0).tolist()


def read(text):
    return [word for _, _, word in resolve(text)[0]]


@pytest.mark.parametrize(
    "text",
    [
        "1d10t", "id|ot", "id!ot", "idi0t", "1d1o7",  # digits and symbols
        "іdіоt", "ιdιοτ", "іԁιоτ", "1d!от",  # other scripts
        "idiiiot", "iiidddiiiooottt", "idiottttttttt", "1diiiot",  # stretched
        "i*d*i*o*t", "i_d_i_o_t", "i~d~i~o~t", "i^diot",  # symbols between
        "iiot", "idot", "diiot", "idoit",  # a letter dropped, two swapped
        "i d i o t", "i.d.i.o.t", "i-d-i-o-t", "1 d 1 0 t", "I D I O T",  # spaced out
    ],
)  # fmt: skip
def test_an_idiot_in_disguise_is_an_idiot(text):
    assert read(text) == ["idiot"]


@pytest.mark.parametrize(
    "text",
    ["as", "a", "asset", "idiom", "idiotic", "there", "i d", "do it", "id i ot", "dot i", "ido", "1d10t" + "0" * 36],
)
def test_an_innocent_word_is_not(text):
    assert read(text) == []


def test_a_dropped_letter_counts_only_where_the_others_are_plain():
    assert read("mupet mppet") == ["muppet", "muppet"]
    assert read("mpp3t") == []


def test_repeated_letters_count_once_in_a_disguise_but_not_in_plain_words():
    assert read("he1o a$ a$$") == ["hello", "ass", "ass"]
    assert read("as") == []
    assert read("asss") == ["ass"]


def test_plain_letters_that_are_doubled_are_no_disguise():
    assert read("idiiot iddiot muppeet") == []
    assert read("1diiot mupp3et") == ["idiot", "muppet"]


def test_a_letter_doubled_is_two_before_it_is_one():
    words = ["shot", "shoot"]
    keys = [spelling_keys(words, plain=False, collapse=collapse) for collapse in (False, True)]
    spelling = Spelling.build(np.concatenate(keys), hash_words(words * 2))
    assert (
        spell_out(spelling, ["sh0t", "$hoot", "sh0oot", "shooot"])
        == hash_words(["shot", "shoot", "shot", "shot"]).tolist()
    )


def test_a_star_is_a_letter_before_it_is_nothing():
    starred = spelling_keys(["w*men", "w*m*n"], plain=False, collapse=False)
    spelling = Spelling.build(
        np.concatenate([spelling_keys(["who", "wmen"], plain=False), starred]),
        hash_words(["who", "wmen", "women", "women"]),
    )
    assert spell_out(spelling, ["w*men", "w*m*n", "wh*o"]) == hash_words(["women", "women", "who"]).tolist()
    assert spell_out(spelling, ["w_men", "w%m&n", "w#men", "wh_o"]) == hash_words(["women"] * 3 + ["who"]).tolist()


@pytest.mark.parametrize("text", ["ASS", "4s", "55s", "90k", "80th", "1st"])
def test_three_capitals_and_numbers_with_a_unit_are_what_they_are(text):
    words = ["ass", "go", "both", "ist", "as", "ss", "gok"]
    spelling = build_spelling(words)
    tokens = tokenize([text])
    replacement, _, _ = spelling.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    assert replacement.index.size == 0


def test_words_run_together_stand_for_their_token_in_order_of_reading():
    found, dropped, _ = resolve_with(JOINED, "so youmuppet, 1d10t: allmuppets")
    assert found == [(2, 2, "you"), (2, 2, "muppet"), (3, 3, "idiot"), (4, 4, "all"), (4, 4, "muppets")]
    assert not any(dropped)


@pytest.mark.parametrize("text", ["youmupp3t", "you_muppet", "muppet", "yоumuppet", "m" * 33])
def test_only_plain_letters_come_apart(text):
    assert resolve_with(JOINED, text)[0] == []


def test_only_words_nobody_knows_are_looked_at():
    tokens = tokenize(["1d10t hell0"])
    replacement, _, _ = SPELLING.resolve(tokens, np.array([True, False, True]))
    assert replacement.words.tolist() == hash_words(["hello"]).tolist()


def test_letters_spaced_out_become_one_word_and_the_rest_is_dropped():
    found, dropped, _ = resolve("you i d i o t !", "h e l l o")
    assert found == [(2, 6, "idiot"), (8, 12, "hello")]
    assert dropped == [*[False] * 3, *[True] * 4, *[False] * 2, *[True] * 4]


@pytest.mark.parametrize("text", ["a i d i o t", "I, i.d.i.o.t", "i d i o t u", "such a i d i o t !", "a h e l l o"])
def test_letters_spaced_out_may_have_one_more_at_either_end(text):
    (found,) = resolve(text)[0]
    assert found[2] in ("idiot", "hello")
    assert found[1] - found[0] == 4


def test_letters_of_two_comments_are_not_put_together():
    assert resolve("h e l", "l o")[0] == []


def test_a_handle_is_dropped_and_counted_unless_it_spells_a_word():
    found, dropped, handles = resolve("@somebody hi @other", "no", "@ss @third")
    assert found == [(7, 7, "ass")]
    assert [place for place, lost in enumerate(dropped) if lost] == [1, 3, 8]
    assert handles == [2, 0, 1]


def test_the_first_word_has_a_spelling_that_two_share():
    keys = spelling_keys(["loot", "lot"], plain=False)
    assert keys[0] == keys[1]
    spelling = Spelling.build(keys, hash_words(["loot", "lot"]))
    assert spelling.words.tolist() == hash_words(["loot"]).tolist()


def test_disguises_drop_an_inner_letter_or_swap_two():
    assert set(disguises("abcd")) == {"acd", "abd", "bacd", "acbd", "abdc"}
    assert "aab" not in disguises("aab")


@given(st.data())
def test_every_look_alike_is_read_as_its_letter(data):
    word = data.draw(st.sampled_from(["muppet", "hello"]))
    place = data.draw(st.integers(1, len(word) - 2))
    alike = data.draw(st.sampled_from([char for char in LOOK_ALIKES[word[place]] if char not in "(<"]))
    text = word[:place] + alike + word[place + 1 :]
    assert read(text) == [word]


@given(st.sampled_from(DROPPED), st.integers(1, 5))
def test_a_symbol_between_letters_stands_for_nothing(symbol, place):
    if symbol != "*":
        assert read("muppet"[:place] + symbol + "muppet"[place:]) == ["muppet"]


@given(batches)
def test_a_comment_is_read_the_same_in_any_company(texts):
    tokens = tokenize(texts)
    replacement, dropped, handles = SPELLING.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    for number, text in enumerate(texts):
        found, lost, named = resolve(text)
        begin, end = tokens.first[number : number + 2].tolist()
        inside = (replacement.index >= begin) & (replacement.index < end)
        places = zip(
            (replacement.index[inside] - begin).tolist(),
            (replacement.last[inside] - begin).tolist(),
            [NAMES.get(word, word) for word in replacement.words[inside].tolist()],
            strict=True,
        )
        assert list(places) == found
        assert dropped[begin:end].tolist() == lost
        assert handles[number] == named[0]


def test_without_spellings_nothing_is_found():
    nothing = Spelling(keys=np.zeros(0, np.uint64), words=np.zeros(0, np.uint64))
    tokens = tokenize(["1d10t i d i o t"])
    replacement, dropped, _ = nothing.resolve(tokens, np.ones(tokens.hashes.size, np.bool_))
    assert replacement.index.size == 0
    assert not dropped.any()
