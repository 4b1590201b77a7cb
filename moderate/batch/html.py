"""Plain text out of a comment that was stored as HTML."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

# A tag starts with a letter (or / ! ?) right after "<", so "a < b" is no tag. "<" ends the search, which keeps it
# linear on "<<<<<<".
_TAG: Final[re.Pattern[str]] = re.compile(r"<(?:(/?[A-Za-z][A-Za-z0-9]*)\b[^<>]*|[!?/][^<>]*)>")
# Elements that a browser shows inside a line: taking them out must not put a gap into "f<b>oo</b>".
_INLINE: Final[re.Pattern[str]] = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span|strike"
    "|strong|sub|sup|time|tt|u|var|wbr"
)
# What is never shown, with the end of each.
_HIDDEN: Final[tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]] = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<script\b", re.IGNORECASE), re.compile(r"</script\s*>", re.IGNORECASE)),
    (re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style\s*>", re.IGNORECASE)),
)


def strip_html(text: str) -> str:
    """``text`` without tags, comments, scripts and styles, and with entities as the characters they stand for.

    Block elements and line breaks become newlines. Takes time linear in the length, whatever the input.
    """
    if "<" in text:
        for start, end in _HIDDEN:
            text = _cut_out(text, start, end)
        text = _TAG.sub(_replacement, text)
    return unescape(text) if "&" in text else text


def _replacement(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lstrip("/").lower()
    return "" if not name or _INLINE.fullmatch(name) else "\n"


def _cut_out(text: str, start: re.Pattern[str], end: re.Pattern[str]) -> str:
    """``text`` without every stretch from ``start`` to the next ``end``; one that never ends stays."""
    kept, position = [], 0
    while (opening := start.search(text, position)) and (closing := end.search(text, opening.end())):
        kept.append(text[position : opening.start()])
        position = closing.end()
    return "".join(kept) + text[position:]
