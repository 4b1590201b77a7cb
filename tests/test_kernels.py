"""The compiled kernels say what the numpy code says, to the bit: each stage is run both ways on the same input."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import PIECES, batches

from moderate import compiled, decision, explanation, features, judgement, model, rules, text
from moderate.columns import describe, describe_all
from moderate.links import DRAWINGS
from moderate.moderator import DATA, Moderator
from moderate.rules import RuleBook, _without_exceptions
from moderate.text import PIECE, tokenize

STAGES = (text, features, model, rules, judgement, explanation, decision)
PHRASES = [
    "you are an idiot", "go and kill yourself", "kill all", "women", "they", "hate", "shit", "f u c k", "youareanidiot",
    "@someone", "RT", "ABC", "90k", "sh1t", "f*ck", "f***", "a$$", "www.shop.example", "http://a.b/c?d=e", "buy now",
    "&lt;b&gt;", "&#x66;", "don't", '"no"', "??", "subscribe to my channel", "12345678", "zqxjkv", "killthemall",
    "5ub|-|uman", "|_||\\|()x", "says", "is disgusting", "shouted at me", '"',
]  # fmt: skip
sentences = st.lists(st.sampled_from([*PHRASES, *PIECES, " "]), max_size=14).map(" ".join)
long_sentences = st.lists(st.sampled_from(PHRASES), min_size=4, max_size=30).map(" ".join)
any_batch = batches | st.lists(sentences, min_size=1, max_size=4) | st.lists(long_sentences, min_size=1, max_size=3)


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """The kernels; a machine with a C compiler has them, and this suite is of no use without."""
    assert compiled.kernels is not None, "nothing was compiled: pip install -e . where there is a C compiler"
    return compiled.kernels


@pytest.fixture(scope="module", params=["model", "fallback"])
def judge(request, moderator, fallback):
    return moderator if request.param == "model" else fallback


def assert_equal(left, right):
    """Equal arrays, of equal types, in every field."""
    for field in fields(left):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name
            assert one.tolist() == other.tolist(), field.name
            assert one.shape == other.shape, field.name


@given(any_batch)
@example(["<" + "b" * 20 + ">", "<b", ">", "</a href", "<blockquotes>"])
@example(["http://" + "a." * 40 + "com", "see a.com/x, b.com", "w.ww.x", "www.x"])
@example(["x:http://fb.com/ebay.com?ref=1&aff=2#tag=", "http://ref=1", "www.ebay", "a://b://ebay://", "http://fb.com"])
@example(["www.thesaurusthesaurus.com/?affiliateidentity=1", "www.scienced1rect.x", "www..fb..x//?=&ref=", "://"])
@example(
    [
        "".join(f"a{strokes} {strokes}b c{strokes}d " for strokes in DRAWINGS),
        *DRAWINGS,
        "|-|_|x()|<y|",
        "x" * 62 + "|-|a",
    ]
)
@example(["＆amp; &amp;lt; &#;&#x;&#99999999;&#1114112;&amp", "&am", "p;"])
def test_tokens(texts):
    assert_equal(tokenize(texts), text._tokenize(texts))


@given(any_batch)
@example(["a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z"])
@example(["youareanidiot killthemall", "isisisisisis", "x" * 33, "@" + "a" * 50])
def test_features(judge, texts):
    tokens, vocabulary = tokenize(texts), judge._vocabulary
    assert_equal(vocabulary.extract(tokens), vocabulary._extract(tokens))


@given(any_batch)
def test_sums(moderator, texts):
    found = moderator._vocabulary.extract(tokenize(texts))
    assert_equal(moderator.model.sums(found), moderator.model._sums(found))


@given(any_batch)
def test_hits_and_severities(judge, texts):
    found = judge._vocabulary.extract(tokenize(texts))
    hits = judge.rules.find(found.words)
    slowly = _without_exceptions(*judge.rules._find(found.words))
    assert_equal(hits, slowly.excuse(judge.rules.quotations.find(found.words)))
    severities = judge.rules.severities(hits, found.first)
    assert severities.tolist() == judge.rules._severities(hits, found.first).tolist()


BOOK = """
format = 1
[[rule]]
name = "mild"
category = "racism"
severity = "mild"
phrases = ["ab", "ab cd", "cd cd"]
exceptions = ["ab cd ef", "cd cd cd"]
[[rule]]
name = "strong"
category = "abuse"
severity = "strong"
phrases = ["ef", "ab cd ef gh"]
exceptions = ["gh ef"]
"""


@given(st.lists(st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), max_size=9).map(" ".join), min_size=1, max_size=4))
def test_hits_among_exceptions_that_overlap(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "overlapping.toml"
    path.write_text(BOOK)
    book = RuleBook.from_toml(path)
    found = book.vocabulary().extract(tokenize(texts))
    hits = book.find(found.words)
    assert_equal(hits, _without_exceptions(*book._find(found.words)))
    assert book.severities(hits, found.first).tolist() == book._severities(hits, found.first).tolist()


def decide_with_numpy(judge, texts):
    with pytest.MonkeyPatch.context() as patch:
        for stage in STAGES:
            patch.setattr(stage, "kernels", None)
        return judge.classify_many(texts)


@pytest.fixture(scope="module", params=["default", "strict", "rules"])
def by_policy(request, fallback):
    return fallback if request.param == "rules" else Moderator.load(policy=request.param)


@given(any_batch)
@example(["you idiot " * 400, "", "kill yourself", "Это совсем другая история idiot"])
def test_decisions(by_policy, texts):
    found = by_policy.classify_many(texts)
    assert repr(found) == repr(decide_with_numpy(by_policy, texts))


def test_decisions_on_comments_of_several_pieces(moderator):
    texts = ["You idiot. " * 9000, "fine", "a" * (PIECE + 5), "word " * 30_000 + "you fucking idiot"]
    assert moderator.classify_many(texts) == decide_with_numpy(moderator, texts)


def test_an_array_of_another_type_is_refused(kernels, moderator):
    found = moderator._vocabulary.extract(tokenize(["you idiot"]))
    with pytest.raises(TypeError, match="array 0 is not of kind q"):
        kernels.severities(tuple(np.zeros(2, np.float64) for _ in range(6)))
    with pytest.raises(TypeError, match="expected a tuple of 6 arrays"):
        kernels.severities((found.first,))
    with pytest.raises(TypeError, match="expected a list of str"):
        kernels.tokenize(
            [b"bytes"], (np.zeros(1, np.uint32), *[np.zeros(1, np.int64)] * 8, *[np.zeros(1, np.uint8)] * 2)
        )


def test_an_installation_without_kernels_works_the_same(moderator, monkeypatch):
    monkeypatch.setenv("MODERATE_KERNELS", "numpy")
    assert compiled._load() is None
    monkeypatch.delenv("MODERATE_KERNELS")
    monkeypatch.setattr(compiled, "importlib", SimpleNamespace(import_module=_missing))
    assert compiled._load() is None
    book = RuleBook.from_toml(DATA / "rules.toml")
    assert decide_with_numpy(Moderator(model=moderator.model, rules=book), PHRASES) == moderator.classify_many(PHRASES)


def _missing(name):
    raise ImportError(name)


@given(any_batch)
@example(["a" * 50 + "idiot " * 40, "kill\n\nyourself", "you idiot IDIOT idiot"])
def test_reasons_in_words(by_policy, texts):
    outcomes = list(by_policy.outcomes(texts))
    found = [reason for outcome in outcomes for reason in describe_all(outcome)]
    decisions = [decision for outcome in outcomes for decision in outcome.decisions()]
    assert found == [describe(*pair) for pair in zip(decisions, texts, strict=True)]
