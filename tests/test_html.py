"""HTML to plain text, and back to where the words stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderate.html import read_html, strip_html

PIECES = [
    *"abü <>&;", "<b>", "</b>", "<br>", "<p title='x'>", "<!--", "-->", "<script>", "</script>", "<style>", "</style>",
    "&amp;", "&#65;", "&#x1F600;", "&lt", "&nbsp;", "&notit;", "&bne;", "😀", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two<br/>three</p>", "\nOne\n\ntwo\nthree\n"),
        ("f<b>oo</b> &lt;bar&gt; &#x41;&nbsp;b", "foo <bar> A\xa0b"),
        ("1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"),
        ("a<!-- <b>hidden</b> -->b<style>p {}</style>c", "abc"),
        ("<!-- never closed", "<!-- never closed"),
        ("<" * 50_000, "<" * 50_000),
        ("<!--" * 30_000, "<!--" * 30_000),
        ("&" * 50_000, "&" * 50_000),
    ],
)
def test_html_to_text(html, text):
    assert strip_html(html) == text


@pytest.mark.parametrize(
    ("html", "word", "source"),
    [
        ("<p>you idiot</p>", "idiot", "idiot"),
        ("you id<b>i</b>ot!", "idiot", "id<b>i</b>ot"),
        ("<!-- a --><p>you &amp; &#105;diot", "idiot", "&#105;diot"),
        ("a &lt;b&gt; c", "<b>", "&lt;b&gt;"),
        ("plain", "plain", "plain"),
    ],
)
def test_a_span_of_the_text_is_found_in_the_html(html, word, source):
    plain = read_html(html)
    start = plain.text.index(word)
    begin, end = plain.locate((start, start + len(word)))
    assert html[begin:end] == source


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_every_character_of_the_text_comes_from_its_own_place_in_order(html):
    plain = read_html(html)
    last = 0
    for position, character in enumerate(plain.text):
        begin, end = plain.locate((position, position + 1))
        assert last <= begin < end <= len(html)
        assert html[begin:end] == character or html[begin] in "<&"
        last = begin
