"""Plain text out of a comment that was stored as HTML, and where its words stand there."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from typing import Final

from .decision import Span

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
# What `html.unescape` replaces: the longest name in HTML's list has 32 characters, its "&" apart.
_ENTITY: Final[re.Pattern[str]] = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")

_Edit = tuple[int, int, str]  # start and end of what is replaced, and by what


def strip_html(text: str) -> str:
    """``text`` without tags, comments, scripts and styles, and with entities as the characters they stand for.

    Block elements and line breaks become newlines. Takes time linear in the length, whatever the input.
    """
    return read_html(text).text


def read_html(html: str) -> PlainText:
    """What `strip_html` gives, with the way back to ``html``."""
    text, steps = html, []
    if "<" in text:
        for opening, closing in _HIDDEN:
            text, step = _apply(text, _find_hidden(text, opening, closing))
            steps += step
        text, step = _apply(text, _find_tags(text))
        steps += step
    if "&" in text:
        text, step = _apply(text, _find_entities(text))
        steps += step
    return PlainText(text, tuple(steps))


@dataclass(frozen=True, slots=True)
class PlainText:
    """The text that readers see of a comment in HTML.

    Attributes:
        text: the plain text.
        steps: the edits that led to it, first to last; a step is left out when it changed nothing.
    """

    text: str
    steps: tuple[_Step, ...]

    def locate(self, span: Span) -> Span:
        """Start and end in the HTML of what is at ``span`` of the text, not empty; all in code points."""
        for step in reversed(self.steps):
            span = step.undo(span)
        return span


class _Step:
    """Edits of a text, in order of place. The way back is made when it is first asked for."""

    def __init__(self, edits: list[_Edit]) -> None:
        self._edits = edits

    def undo(self, span: Span) -> Span:
        """Where, before the edits, the characters were that are at ``span`` after them."""
        return self._locate(span[0])[0], self._locate(span[1] - 1)[1]

    def _locate(self, position: int) -> Span:
        begins, ends = self._places
        number = bisect_right(ends, position)  # edits that lie wholly before it
        if number < len(begins) and begins[number] <= position:
            return self._edits[number][:2]
        moved = self._edits[number - 1][1] - ends[number - 1] if number else 0
        return position + moved, position + moved + 1

    @cached_property
    def _places(self) -> tuple[list[int], list[int]]:
        """Begin and end of every insertion, after the edits."""
        begins, ends, moved = [], [], 0
        for start, end, insertion in self._edits:
            begins.append(start + moved)
            ends.append(start + moved + len(insertion))
            moved += len(insertion) - (end - start)
        return begins, ends


def _apply(text: str, edits: Iterable[_Edit]) -> tuple[str, list[_Step]]:
    """``text`` after the edits, and the step, if it is one."""
    edits, position = list(edits), 0
    pieces: list[str] = []
    for start, end, insertion in edits:
        pieces += text[position:start], insertion
        position = end
    return "".join(pieces) + text[position:], [_Step(edits)] if edits else []


def _find_hidden(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> Iterator[_Edit]:
    """Every stretch from ``opening`` to the next ``closing``; one that never ends stays."""
    position = 0
    while (start := opening.search(text, position)) and (end := closing.search(text, start.end())):
        yield start.start(), end.end(), ""
        position = end.end()


def _find_tags(text: str) -> Iterator[_Edit]:
    for tag in _TAG.finditer(text):
        name = (tag[1] or "").lstrip("/").lower()
        yield *tag.span(), "" if not name or _INLINE.fullmatch(name) else "\n"


def _find_entities(text: str) -> Iterator[_Edit]:
    for entity in _ENTITY.finditer(text):
        character = unescape(entity[0])
        if character != entity[0]:
            yield entity.start(), entity.end(), character
