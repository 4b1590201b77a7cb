"""Quotations: what is quoted in order to condemn it is innocent, and nothing else is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderate.moderator import DATA
from moderate.quotations import BEFORE, BEHIND, LEAST_SAID, LONGEST, Quotations
from moderate.rules import RuleBook
from moderate.text import decode, tokenize

QUOTATIONS = Quotations(
    {
        "reported": ("says", "word"),
        "condemned": ("wrong", "racist"),
        "approved": ("agree", "right"),
        "insults": ("oaf", "racist"),
        "hurled": ("shouted",),
        "suffered": ("me",),
        "oneself": ("i",),
        "uttered": ("shouted", "say"),
    }
)


BOOK = replace(RuleBook.from_toml(DATA / "rules.toml"), quotations=QUOTATIONS)  # which finds them compiled


def innocent(*texts):
    """The words of each comment that are quoted in order to condemn them."""
    tokens = tokenize(list(texts))
    letters = decode(tokens.codes)
    found: list[list[str]] = [[] for _ in texts]
    quoted = BOOK.find(tokens.hashes).innocent
    assert quoted.tolist() == QUOTATIONS.find(tokens.hashes).tolist()
    for index in quoted.tolist():
        comment = int(tokens.first.searchsorted(index, side="right")) - 1
        found[comment].append(letters[tokens.starts[index] : tokens.starts[index + 1]])
    return [" ".join(words) for words in found]


def slowly(text):
    """The same of one comment, word by word, as the module's text says it."""
    tokens = tokenize([text])
    letters = decode(tokens.codes)
    ends = tokens.starts.tolist()
    words = [letters[start:end] for start, end in itertools.pairwise(ends[1:])]
    marks = [place for place, word in enumerate(words) if word == '"']
    spans = list(zip(marks[::2], marks[1::2], strict=False))
    own = [word if not any(a <= at <= b for a, b in spans) else '"' for at, word in enumerate(words)]
    roles = {role: set(members) for role, members in QUOTATIONS.words.items()}
    kept: list[str] = []
    for begin, end in spans:
        quoted = words[begin + 1 : end]
        near = {*own[max(0, begin - BEFORE) : begin], *own[end + 1 : end + 1 + BEHIND]}
        condemned = near & roles["reported"] and set(own) & roles["condemned"]
        hurled = near & roles["hurled"] and near & roles["suffered"]
        himself = any({a} & roles["oneself"] and {b} & roles["uttered"] for a, b in itertools.pairwise(own))
        said = len(quoted) <= LONGEST and (len(quoted) >= LEAST_SAID or set(quoted) & roles["insults"])
        if said and (condemned or hurled) and not himself and not set(own) & roles["approved"]:
            kept += quoted
    return " ".join(kept)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('whoever says "they all lie" is wrong', "they all lie"),
        ('"they all lie" is a wrong thing for anybody who says it', ""),  # too far behind
        ('"they all lie" is the wrong word', "they all lie"),
        ('he says "they all lie"', ""),  # nobody condemns it
        ('he says "they all lie" and that is wrong, no, right', ""),  # somebody approves
        ('"they all lie" is wrong', ""),  # nobody is reported
        ('he says "they all lie and that is wrong"', ""),  # it condemns itself
        ('"you all lie", he shouted at me', "you all lie"),
        ('he shouted at me "you all lie" and I agree', ""),
        ('he shouted "you all lie"', ""),  # at nobody
        ('I shouted "you all lie" at him and me', ""),  # the writer himself
        ('I say "they all lie", says he, and it is wrong', ""),
        ('I heard that he says "they all lie" and it is wrong', "they all lie"),
        ('who says "oaf" is wrong', "oaf"),
        ('who says "people" is wrong', ""),  # scare quotes
        ('who says "oaf is wrong', ""),  # one mark
        ('"they all lie", says he, “and we all lie”, wrong', "they all lie and we all lie"),
        ('who says "" is wrong', ""),
        (f'who says "{"blah " * (LONGEST + 1)}" is wrong', ""),
    ],
)
def test_quoted_reported_and_condemned(text, quoted):
    assert innocent(text) == [quoted]


def test_comments_do_not_quote_each_other():
    assert innocent('says "they all', 'lie" wrong', 'says "they all lie" wrong') == ["", "", "they all lie"]


def test_without_words_nothing_is_a_quotation():
    words = tokenize(['who says "they all lie" is wrong']).hashes
    assert Quotations().find(words).size == 0
    assert replace(BOOK, quotations=Quotations()).find(words).innocent.size == 0


WORDS = st.sampled_from(['"', '"', *(word for members in QUOTATIONS.words.values() for word in members), "they", "lie"])
COMMENTS = st.lists(WORDS, max_size=40).map(" ".join)


@given(st.lists(COMMENTS, min_size=1, max_size=6))
def test_a_batch_is_read_as_its_comments_word_by_word(texts):
    assert innocent(*texts) == [slowly(text) for text in texts]


def test_no_hit_of_the_rule_book_begins_in_one(book):
    words = book.vocabulary().extract(tokenize(['The word "nigger" is a slur and wrong.', '"nigger" he shouted'])).words
    hits = book.find(words)
    second = int(np.flatnonzero(words == words[0])[1])
    assert hits.start.size > 0
    assert (hits.start > second).all()


def test_its_words_decide_nothing(moderator):
    quoted = moderator.classify('Whoever says "all women are vermin" is a bigot and a disgrace.')
    assert quoted.approved
    assert not moderator.classify("All women are vermin.").approved
    assert not moderator.classify('They say "all women are vermin" and they are right.').approved
