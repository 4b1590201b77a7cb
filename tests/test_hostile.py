"""Any string at all: what hostile comments may change, and how long they may take.

That every one of them keeps the contract of a decision is in test_moderator.py; tests/fuzz.py looks for more.
"""

import unicodedata
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_cases import read
from test_kernels import decide_with_numpy
from test_moderator import check
from tiny import batches

PLAIN = " ".join(case["text"] for case in read("approve"))
SLOWEST = 4  # times as long as plain text of the same length
# Where every character is a word by itself, or every word one that has to be looked for letter by letter, there is more
# to do: still in proportion to the length.
SLOWER = {"ideographs": 12, "quotation marks": 8, "words nobody knows": 8, "words run together": 8}
LARGE = ["one word", "lone surrogates", "NUL", "zalgo", "nested brackets", "every code point", "ideographs"]
TURNS = 5

# Texts of `size` characters or so, by what is wrong with them.
HOSTILE = {
    "lone surrogates": lambda size: "\ud800" * size,
    "surrogates in words": lambda size: "id\udfffiot wo\ud83drd " * (size // 15),
    "NUL": lambda size: "\x00" * size,
    "NUL between letters": lambda size: "i\x00d\x00i\x00o\x00t " * (size // 10),
    "one word": lambda size: "a" * size,
    "one word of many letters": lambda size: "abcdefghijklmnopqrstuvwxyz"[::-1] * (size // 26),
    "one word of digits and signs": lambda size: "a1!$|@" * (size // 6),
    "words nobody knows": lambda size: "".join(f"q{number:x}zk " for number in range(size))[:size],
    "words of 40 letters that nobody knows": lambda size: " ".join(f"{n:x}".rjust(39, "q") for n in range(size // 40)),
    "words run together": lambda size: "youareanidiotkillthemallnow " * (size // 28),
    "words run together that are none": lambda size: "isisisisisisisisisisisisisisisx " * (size // 32),
    "zalgo": lambda size: "i\u0301\u0336\u20dd\u0489d\u0316\u034f\u0360i\u0301\u0315o\u0340t " * (size // 15),
    "one letter with marks": lambda size: "a" + "\u0301" * size,
    "right-to-left overrides": lambda size: "\u202e\u2066toi\u2069di\u202c " * (size // 10),
    "nested brackets": lambda size: "(" * (size // 2) + ")" * (size // 2),
    "brackets of all kinds": lambda size: "[({<«" * (size // 5),
    "a link of many parts": lambda size: "http://" + "a." * (size // 2),
    "a link of one part": lambda size: "http://" + "a" * size,
    "many links": lambda size: "http://a.b/c?d=e " * (size // 17),
    "domains": lambda size: "a.co " * (size // 5),
    "almost links": lambda size: "http:// www. .com " * (size // 18),
    "mail addresses": lambda size: "a@b.cc " * (size // 7),
    "one endless mail address": lambda size: "a@" * (size // 2) + "b.com",
    "emoji sequences": lambda size: "👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇮🇶" * (size // 17),
    "tags that open": lambda size: "<" * size,
    "tags": lambda size: "<b>x</b> " * (size // 9),
    "tags without an end": lambda size: "<a href=" * (size // 8),
    "ampersands": lambda size: "&" * size,
    "entities": lambda size: "&#117;&lt;" * (size // 10),
    "stars": lambda size: "f*" * (size // 2),
    "stars alone": lambda size: "*" * size,
    "handles": lambda size: "@ab " * (size // 4),
    "letters spaced out": lambda size: "f u c k " * (size // 8),
    "letters dotted": lambda size: "f.u.c.k." * (size // 8),
    "stretched letters": lambda size: "f" * (size // 4) + "u" * (size // 4) + "c" * (size // 4) + "k" * (size // 4),
    "quotation marks": lambda size: "\"'“" * (size // 3),
    "question marks": lambda size: "? " * (size // 2),
    "newlines": lambda size: "\n" * size,
    "abuse": lambda size: "You are a fucking idiot, kill yourself. " * (size // 40),
    "abuse in disguise": lambda size: "y0u fuсking id1ot, k!ll y0urse1f " * (size // 33),
    "words of rules": lambda size: "kill all go back to your " * (size // 25),
    "names of groups": lambda size: "women jews kurds muslims " * (size // 25),
    "every code point": lambda size: "".join(map(chr, range(0, 0x110000, max(1, 0x110000 // size)))),
    "ideographs": lambda size: "".join(map(chr, range(0x4E00, 0x9FFF)))[: size] * (size // 20_000 + 1),
    "capitals": lambda size: "YOU ARE NOT RIGHT " * (size // 18),
}  # fmt: skip


def seconds(judge, text):
    began = process_time()
    judge.classify(text)
    return process_time() - began


SIZES = [(name, 40_000) for name in HOSTILE] + [(name, 1_000_000) for name in LARGE]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_hostile_text_takes_at_most_four_times_as_long_as_plain_text(moderator, name, size):
    """The best of several turns each, one beside the other: what else the machine does slows both."""
    text = HOSTILE[name](size)
    plain = (PLAIN * (len(text) // len(PLAIN) + 1))[: len(text)]
    allowed = SLOWER.get(name, SLOWEST)
    for _ in range(4):
        times = [(seconds(moderator, text), seconds(moderator, plain)) for _ in range(TURNS)]
        hostile, ordinary = (min(column) for column in zip(*times, strict=True))
        if hostile <= allowed * ordinary:
            return
    pytest.fail(f"{hostile * 1000:.1f} ms, plain text of the same length {ordinary * 1000:.1f} ms")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_keeps_the_contract_with_and_without_kernels(moderator, fallback, name):
    text = HOSTILE[name](3_000)
    for judge in (moderator, fallback):
        decision = judge.classify(text)
        check(decision, text)
        assert repr([decision]) == repr(decide_with_numpy(judge, [text]))


TAIL = st.text(st.sampled_from(" \t\n\r\u200b\u200d\u2060\u00ad\ufeff\u202e\x00"), min_size=1, max_size=5)


@given(batches, TAIL)
@example(["&#117", "&am", "http://a.co", "f u c", "@", "f*", "<b", "idiot.", "'", "a.c"], "\u200b")
def test_blank_and_invisible_characters_at_the_end_of_any_comment_change_nothing(moderator, fallback, texts, tail):
    for judge in (moderator, fallback):
        found = judge.classify_many([text + tail for text in texts])
        assert repr(found) == repr(judge.classify_many(texts))


BLOCK = 256  # code points; every block of Unicode begins at one that is divisible by it or by 16


@pytest.mark.parametrize("start", range(0, 0x110000, 0x8000), ids=hex)
def test_every_block_of_unicode_is_classified(moderator, fallback, start):
    texts = ["".join(map(chr, range(begin, begin + BLOCK))) for begin in range(start, start + 0x8000, BLOCK)]
    texts += [f"you {text[:40]} idiot{text[-1]}s" for text in texts]
    for judge in (moderator, fallback):
        for text, decision in zip(texts, judge.classify_many(texts), strict=True):
            check(decision, text)
    assert repr(moderator.classify_many(texts)) == repr(decide_with_numpy(moderator, texts))


def test_a_letter_and_its_mark_are_read_as_the_letter_with_the_mark(moderator):
    for text in ("Your café résumé is naïve, you ïdïöt", "Ångström façade, señor"):
        scores = [moderator.classify(unicodedata.normalize(form, text)).scores for form in ("NFC", "NFD")]
        assert scores[0] == scores[1]
