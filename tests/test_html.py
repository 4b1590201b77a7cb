"""HTML to plain text."""

import pytest

from moderate.batch.html import strip_html


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
    ],
)
def test_html_to_text(html, text):
    assert strip_html(html) == text
