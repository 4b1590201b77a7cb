"""Links, e-mail addresses, HTML tags, entities and drawn letters: cut out, counted, read as what they stand for."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_text import words

from moderate.links import expand
from moderate.sites import KINDS, REFERRALS, SITES
from moderate.text import tokenize


def links(*texts):
    return tokenize(texts).links[:, 0].tolist()


def kinds(text):
    """The kinds of links that are found in ``text``, and how many of each."""
    _, *counts = tokenize([text]).links[0].tolist()
    return {kind: count for kind, count in zip(KINDS, counts, strict=True) if count}


@pytest.mark.parametrize(
    ("text", "count", "left"),
    [
        ("see https://news.example/a/b?c=1#d now", 1, ["see", "now"]),
        ("HTTP://NEWS.EXAMPLE ftp://x", 2, []),
        ("go to www.paper.example, please", 1, ["go", "to", "please"]),
        ("go to paper.com/sport. Thanks", 1, ["go", "to", "thanks"]),
        ("paper.com paper.co.uk", 2, []),
        ("write to desk@paper.org today", 1, ["write", "to", "today"]),
        ("join t.me/room", 1, ["join"]),
        ("(https://a.example) and [b](http://b.example)", 2, ["and", "b"]),
        ("http://", 1, []),
        ("http://a.a.a.a.a", 1, []),
        ("http://a.example\nhttp://b.example", 2, []),
    ],
)
def test_a_link_is_counted_and_is_no_word(text, count, left):
    assert links(text) == [count]
    assert words(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The end.No more", ["the", "end", "no", "more"]),
        ("e.g. this.is fine", ["e", "g", "this", "is", "fine"]),
        ("3.5 per cent, 10.000 people", ["3", "5", "per", "cent", "10", "000", "people"]),
        ("wait...com", ["wait", "com"]),
        ("time: 12:30//13:00", ["time", "12", "30", "13", "00"]),
        ("w.w.w", ["w", "w", "w"]),
        ("asp.network", ["asp", "network"]),
    ],
)
def test_a_missing_blank_after_a_full_stop_makes_no_link(text, left):
    assert links(text) == [0]
    assert words(text) == left


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://en.wikipedia.org/wiki/Tide", {"references": 1}),
        ("HTTPS://WWW.GOV.UK", {"references": 1}),
        ("see (www.stackoverflow.com/q/1), or doi.org/10.1", {"references": 2}),
        ("https://youtu.be/abc?t=4", {"media": 1}),
        ("https://old.reddit.com/r/fishing", {"media": 1}),
        ("facebook.com/my.page and http://m.facebook.com/other", {"profiles": 2}),
        ("www.amazon.co.uk/dp/1?tag=me-21", {"shops": 1, "referrals": 1}),
        ("https://example.com/join?ref=me&amp;x=1", {"referrals": 1}),
        ("https://example.com/?x=1&amp;aff=2&amp;ref=3", {"referrals": 1}),
        ("https://user@facebook.com:8080", {"profiles": 1}),
        ("redirect:https://a.example/https://nature.com", {"references": 1}),
        ("https://a.example/facebook.com", {}),
        ("https://facebooks.example", {}),
        ("https://my-facebook.example", {}),
        ("https://a.example/#ref", {}),
        ("https://ref=1.example", {}),
        ("name@example.com", {}),
        ("facebook, wikipedia and amazon", {}),
    ],
)
def test_a_link_is_told_by_the_site_it_leads_to_and_by_who_is_rewarded_for_the_visit(text, found):
    assert kinds(text) == found


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SITES.items() for name in names])
def test_every_site_is_found_by_its_name(kind, name):
    assert kinds(f"http://www.{name}.example/x") == {kind: 1}


def test_every_referral_is_found_by_its_name():
    assert kinds(" ".join(f"http://a.example/?{name}=1" for name in REFERRALS)) == {"referrals": len(REFERRALS)}


def test_links_are_counted_for_the_comment_they_are_in():
    assert links("a http://x", "", "b", "www.c.example d.com", "http://") == [1, 0, 0, 2, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tom &amp; jerry", ["tom", "jerry"]),
        ("don&#39;t don&#x27;t don&apos;t don&rsquo;t", ["don", "t"] * 4),
        ("&quot;fine&quot;&nbsp;day", ['"', "fine", '"', "day"]),
        ("&lt;b&gt;fine&lt;/b&gt;", ["fine"]),
        ("f&#105;ne f&#x69;ne f&#X69;ne", ["fine"] * 3),
        ("&#128512;", ["😀"]),
        ("f&shy;i&zwnj;n&zwj;e", ["fine"]),
        ("&#1114112; &#99999999; &#0; &#xd800;x", ["1114112", "99999999", "0", "x"]),
        ("&unknown; &; &#; &#x; R&D;", ["unknown", "x", "r&d"]),
        ("Q&A; a &amp", ["q&a", "a", "amp"]),
    ],
)
def test_entities_are_read_as_the_character_they_stand_for(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sub|-|uman c|_|t |\\|asty |\\/|ud", ["subhuman", "cut", "nasty", "mud"]),
        ("trac|< |3ad |)ump b()ss", ["track", "bad", "dump", "boss"]),
        ("|-||_|t", ["ut"]),  # each has to stand beside a letter that is written
        ("fine|-", ["fine"]),
        ("a | b |-| c |3 |) ()", ["a", "b", "c", "3"]),
        ("|---|--| main() x()", ["main", "x"]),
        ("C:\\/a lo\\/e", ["c", "a", "lo", "e"]),
        ("trac|&lt; down", ["track", "down"]),
    ],
)
def test_letters_drawn_with_strokes_beside_a_letter_are_read(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one<br>two<br/>three<br />four", ["one", "two", "three", "four"]),
        ("<p>fine</p> <b>bold</b> <SPAN>x</SPAN>", ["fine", "bold", "x"]),
        ("a <b and c", ["a", "b", "and", "c"]),
        ("so I <strongly> object", ["so", "i", "strongly", "object"]),
        ("the <a hot dog> stand", ["the", "a", "hot", "dog", "stand"]),
        ("x <3 y <", ["x", "3", "y"]),
    ],
)
def test_tags_are_no_words_but_text_in_angle_brackets_is(text, expected):
    assert words(text) == expected


def test_the_address_of_an_anchor_is_no_word():
    assert words('<a href="http://paper.example">fine</a>') == []  # a link reaches to the next blank
    assert words('<a href="x"> fine </a>') == ["x", "fine"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x <b", "> y"),
        ("x <b ", "/> y"),
        ("x <a h", "ref you"),
        ("x <a", " href you"),
        ("<a h", "x"),
        ("x &#10", "5;y"),
        ("x &am", "p; y"),
        ("R&", ";D"),
        ("http:", "//y"),
        ("x.", "com"),
        ("paper", ".com"),
        ("www", ".y"),
        ("f", "**k"),
        ("f**", "k"),
        ("a", "$$"),
        ("t.me", "/x"),
    ],
)
def test_nothing_reaches_from_one_comment_into_the_next(first, second):
    tokens = tokenize([first, second])
    assert tokens.first.size == 3
    assert tokens.hashes.tolist() == [*tokenize([first]).hashes, *tokenize([second]).hashes]
    assert tokens.links[:, 0].tolist() == links(first) + links(second)


@pytest.mark.parametrize("text", ["http://" + "a." * 20_000, "<" * 40_000, "&#" * 20_000, "." * 40_000, ":" * 40_000])
def test_no_text_takes_long(text):
    plain = "a good day " * 4_000
    for sample in (plain, text):
        tokenize([sample])
    began = time.process_time()
    tokenize([text])
    assert time.process_time() - began < 0.5


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=10))
def test_expand_gives_the_indices_of_all_stretches(stretches):
    starts = np.array([start for start, _ in stretches], np.int64)
    lengths = np.array([length for _, length in stretches], np.int64)
    expected = [index for start, length in stretches for index in range(start, start + length)]
    assert expand(starts, starts + lengths).tolist() == expected
