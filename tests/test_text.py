"""From strings to tokens: folding, what is a word, hashes, and where each token stands in the original."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import BOUNDARY, batches, comments

from moderate import folding
from moderate.text import (
    ADJACENT,
    APART,
    BASE,
    ONE_BLANK,
    ONE_MARK,
    decode,
    find_extent,
    hash_stretches,
    hash_words,
    mix,
    tokenize,
)

# The Unicode version of the Python that wrote the packaged table; another one has other characters.
TABLE_UNICODE = "14.0.0"

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u0301\u0336\x00\x07\u3164\u0640"


def words(text):
    """The words of one comment, folded; without the boundary."""
    tokens = tokenize([text])
    letters = decode(tokens.codes)
    bounds = tokens.starts.tolist()
    return [letters[start:end] for start, end in pairwise(bounds[1:])]


def spans(text):
    tokens = tokenize([text])
    index = np.arange(1, tokens.starts.size - 1)
    begins, ends = tokens.spans(index, index)
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def fold(char):
    """The folded code point and the class of a character."""
    entry = int(folding.folding_table()[ord(char)])
    return chr(entry & folding.CODE_MASK), entry >> folding.CLASS_SHIFT & 7


# --- what is a word --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("one\ttwo\nthree\r\nfour\u00a0five\u2003six", ["one", "two", "three", "four", "five", "six"]),
        ("it's don't", ["it", "s", "don", "t"]),
        ("well-known/either", ["well", "known", "either"]),
        ("1st 2nd 3.5 10,000", ["1st", "2nd", "3", "5", "10", "000"]),
        ("ab\ud800cd", ["ab", "cd"]),
        ("😀👍 fine", ["😀", "👍", "fine"]),
        ("日本語", ["日", "本", "語"]),
        ("привет مرحبا שלום", ["привет", "مرحبا", "שלום"]),
        ("", []),
        (" \n\t\u3000", []),
        ("!... -- ()", []),
        ("why??? oh, why?", ["why", "?", "oh", "why", "?"]),
        ("\"so\" “so” «so» 'so' ‘so’", ['"', "so", '"'] * 5),
        ("it’s five o'clock, 'tis", ["it", "s", "five", "o", "clock", '"', "tis"]),
        ('see www.example.com/?q="a"?', ["see"]),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_and_an_ideograph_or_emoji_stands_alone(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STRASSE Straße", ["strasse", "strase"]),
        ("Café naïve ŐŰ ğşı İstanbul", ["cafe", "naive", "ou", "gsi", "istanbul"]),
        ("ＦＵＬＬ ｗｉｄｔｈ", ["full", "width"]),
        ("𝐛𝐨𝐥𝐝 𝓈𝒸𝓇𝒾𝓅𝓉 𝔣𝔯𝔞𝔨𝔱𝔲𝔯", ["bold", "script", "fraktur"]),
        ("ⓒⓘⓡⓒⓛⓔ 🅱🅰🅳", ["circle", "bad"]),
        ("x² H₂O", ["x2", "h2o"]),
        ("ΑΘΗΝΑ МОСКВА", ["αθηνα", "москва"]),
        ("\u0660\u0661\u0662", ["012"]),
    ],
)
def test_case_accents_and_presentation_forms_fold_away(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sh!t a|b x+y c#d e%f g^h i~j k&l m_n", ["sh!t", "a|b", "x+y", "c#d", "e%f", "g^h", "i~j", "k&l", "m_n"]),
        ("a$$ @ss $uck b€d", ["a$$", "@ss", "$uck", "b€d"]),
        ("f**k f*** f**", ["f**k", "f***", "f**"]),
        ("5h!7 7!t 5!7 no!7! win 3|2", ["5h!7", "7!t", "5", "7", "no!7", "win", "3", "2"]),
        ("th0$3 c@$5 l3$ t3rr0r1$t$", ["th0$3", "c@$5", "l3$", "t3rr0r1$t$"]),
        ("US$5 10$5 a10$ Q$ 3$", ["us", "5", "10", "5", "a10", "q$", "3"]),
        ("it costs $5 or 5$ or 100%", ["it", "costs", "5", "or", "5", "or", "100"]),
        ("no! yes!no -- #tag a+ +b", ["no", "yes!no", "tag", "a", "b"]),
        ("2*3 **bold** word* *word", ["2", "3", "bold", "word", "word"]),
        ("@someone", ["@someone"]),
    ],
)
def test_symbols_are_letters_inside_a_word_only(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", [APART, APART, ONE_BLANK]),
        ("a.b-c", [APART, APART, ONE_MARK, ONE_MARK]),
        ("a😀b", [APART, APART, ADJACENT, ADJACENT]),
        ("a  b, c...d", [APART, APART, APART, APART, APART]),
        ("it's it’s", [APART, APART, APART, ONE_BLANK, APART]),
        ("a\u200b.\u200bb \u00adc", [APART, APART, ONE_MARK, ONE_BLANK]),
        ("a\tb", [APART, APART, ONE_BLANK]),
    ],
)
def test_what_stands_between_two_tokens(text, expected):
    assert tokenize([text]).gaps.tolist() == expected
    assert tokenize(["x", text, "x"]).gaps.tolist() == [APART, APART, *expected, APART, APART]


@given(st.lists(st.sampled_from(["good", "Morning", "f**k", "日", "1st"]), min_size=1), st.data())
def test_invisible_characters_anywhere_change_no_token(parts, data):
    text = " ".join(parts)
    place = data.draw(st.integers(0, len(text)))
    hidden = data.draw(st.text(st.sampled_from(INVISIBLE), min_size=1, max_size=4))
    disturbed = text[:place] + hidden + text[place:]
    assert words(disturbed) == words(text)
    assert np.array_equal(tokenize([disturbed]).hashes, tokenize([text]).hashes)


def test_skin_tones_are_no_part_of_an_emoji():
    assert words("👍🏽👍🏿") == words("👍👍")


def test_every_comment_opens_with_a_boundary_even_an_empty_one():
    tokens = tokenize(["", "a b", " ", "c"])
    assert tokens.first.tolist() == [0, 1, 4, 5, 7]
    assert (tokens.hashes[tokens.first[:-1]] == BOUNDARY).all()
    assert (tokens.hashes == BOUNDARY).sum() == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wow!!! really?", [3, 1, 0, 0, 0]),
        ('he said "no" #tag', [0, 0, 2, 1, 0]),
        ("$5 £3 7%", [0, 0, 0, 0, 3]),
        ("plain", [0, 0, 0, 0, 0]),
    ],
)
def test_exclamation_question_quotation_hash_and_money_marks_are_counted(text, expected):
    tokens = tokenize(["!?", text, '"'])
    assert tokens.marks.tolist() == [[1, 1, 0, 0, 0], expected, [0, 0, 1, 0, 0]]


def test_capitals_are_remembered():
    tokens = tokenize(["Ab ÇD 日 1 E"])
    assert tokens.capitals.tolist() == [False, False, True, False, False, True]


# --- hashes ----------------------------------------------------------------------------------------------------------


def test_a_hash_is_the_mixed_polynomial_over_the_code_points():
    codes = np.array([ord(char) for char in "tokenise"], np.uint32)
    starts = np.array([0, 3, 3, 8])
    expected = [
        sum((int(code) + 1) * BASE**power for power, code in enumerate(codes[start:end])) % 2**64
        for start, end in pairwise(starts)
    ]
    assert hash_stretches(codes, starts).tolist() == mix(np.array(expected, np.uint64)).tolist()


@given(st.text("abcxyz019", min_size=1, max_size=12), comments, comments)
def test_a_word_has_one_hash_wherever_it_stands(word, before, after):
    expected = hash_words([word])[0]
    tokens = tokenize([before, f"{word} . {word}", after])
    assert tokens.hashes[tokens.first[1] + 1 : tokens.first[2]].tolist() == [expected, expected]


def test_different_words_have_different_hashes():
    some = [f"{left}{right}" for left in "abcdefghij" for right in range(5000)] + ["ab", "ba", "aab", "aba", "baa", "a"]
    assert np.unique(hash_words(some)).size == len(some)


# --- batches and places ----------------------------------------------------------------------------------------------


@given(batches)
def test_the_tokens_of_a_comment_do_not_depend_on_its_neighbours(texts):
    together = tokenize(texts)
    for number, text in enumerate(texts):
        alone = tokenize([text])
        begin, end = together.first[number : number + 2]
        index = np.arange(begin, end)
        assert together.hashes[index].tolist() == alone.hashes.tolist()
        assert together.links[number].tolist() == alone.links[0].tolist()
        assert together.marks[number].tolist() == alone.marks[0].tolist()
        places = np.transpose(together.spans(index, index)).tolist()
        assert places == np.transpose(alone.spans(index - begin, index - begin)).tolist()


@given(comments)
def test_every_token_points_at_its_own_characters(text):
    found = spans(text)
    assert all(0 <= begin < end <= len(text) for begin, end in found)
    assert found == sorted(found)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(found))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Oh, you F\u200bo\u0301o\u00ad!", ["Oh", "you", "F\u200bo\u0301o"]),
        ("😀 ﬁne İzmir", ["😀", "ﬁne", "İzmir"]),
        ("\x00\x00a\x00b\x00", ["a\x00b"]),
        ("\ud800fine\udfff", ["fine"]),
        ("tom &amp; f&#117;n", ["tom", "f&#117;n"]),
    ],
)
def test_spans_are_code_points_of_the_original(text, parts):
    assert [text[begin:end] for begin, end in spans(text)] == parts


# --- the folding table -----------------------------------------------------------------------------------------------


def test_the_table_covers_every_code_point_and_the_boundary():
    table = folding.folding_table()
    assert table.size == 0x110001
    assert int(table[-1]) == folding.BOUNDARY_CODE | folding.BOUNDARY << folding.CLASS_SHIFT
    assert ((table[:-1] & np.uint32(folding.CODE_MASK)) < folding.BOUNDARY_CODE).all()
    assert ((table[:-1] >> np.uint32(folding.CLASS_SHIFT)) & 7 != folding.BOUNDARY).all()
    assert not table.flags.writeable


def test_folding_twice_is_folding_once():
    table = folding.folding_table()
    codes = table & np.uint32(folding.CODE_MASK)
    word = (table >> np.uint32(folding.CLASS_SHIFT) & 7 == folding.LETTER) & (codes < 0x80)
    assert (codes[codes[word]] == codes[word]).all()


@pytest.mark.parametrize(
    ("chars", "kind"),
    [
        ("aZéßЖش한", folding.LETTER),
        ("0९٣", folding.DIGIT),
        (" \t\n\u00a0\u2028\u3000", folding.SPACE),
        (".,;:()[]<>/\\'\"-?", folding.PUNCTUATION),
        (folding.SYMBOLS, folding.SYMBOL),
        ("😀🏳日あ", folding.SINGLE),
        (INVISIBLE, folding.IGNORED),
        ("\ud800\udfff", folding.PUNCTUATION),
    ],
)
def test_classes_of_characters(chars, kind):
    assert {char: fold(char)[1] for char in chars} == dict.fromkeys(chars, kind)


def test_ascii_letters_fold_to_lower_case_and_digits_to_themselves():
    assert "".join(fold(char)[0] for char in "ABCXYZabcxyz0189") == "abcxyzabcxyz0189"


@pytest.mark.skipif(
    unicodedata.unidata_version != TABLE_UNICODE,
    reason=f"the table was written with Unicode {TABLE_UNICODE}, this Python has {unicodedata.unidata_version}",
)
def test_the_packaged_table_is_what_the_training_code_writes():
    build_table = pytest.importorskip("training.folding", exc_type=ModuleNotFoundError).build_table
    index, pages = build_table()
    assert np.array_equal(np.load(folding.DATA / "folding_index.npy"), index)
    assert np.array_equal(np.load(folding.DATA / "folding_pages.npy"), pages)


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        ("a.com", (0, 5)),
        (" \n\u200ba b!\u00ad\t\x00", (3, 7)),
        ("", (0, 0)),
        (" \ufeff\n", (0, 0)),
        ("\ud800😀 ", (0, 2)),
    ],
)
def test_the_extent_of_a_text_is_what_can_be_seen_of_it(text, extent):
    assert find_extent(text) == extent
