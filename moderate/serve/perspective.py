"""The two methods of Perspective's Comment Analyzer API: pure functions from request to response.

Sources: the API's discovery document (v1alpha1), the reference "Methods", "Attributes" and "Limits and errors" in
conversationai/perspectiveapi, and error bodies that its clients have recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..decision import Decision, Span
from ..html import PlainText, read_html
from ..moderator import Moderator
from .attributes import ATTRIBUTES, REJECT, STATUSES, read_labels, score_attribute
from .perspective_messages import MOST_BYTES, AnalyzeRequest, AttributeScores, Context, SuggestRequest, TextEntry

ERROR_TYPE: Final = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"

LANGUAGE: Final = "en"
UNDETERMINED: Final = "und"  # BCP 47
SCORE_DECIMALS: Final = 6

# Between sentences: white space behind a full stop and the like, or a new line.
_BREAK: Final = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'’”)\]])\s+|\n+")
MOST_SENTENCES: Final = 200  # that are scored each for itself; what follows counts as one: bounds time and response
_HALF: Final = 0.5


class PerspectiveError(Exception):
    """A request that Perspective would refuse with status 400."""

    def __init__(self, error_type: str, message: str, **more: Any) -> None:
        """Say why, with the ``errorType`` that clients look at, and more fields of the error's details."""
        super().__init__(message)
        self.details: list[dict[str, Any]] = [{"@type": ERROR_TYPE, "errorType": error_type, **more}]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a moderator thinks of a comment.

    Attributes:
        text: the comment, as plain text.
        verdict: "approve", "reject" or ``None`` for not said.
        labels: category to 1 or 0; what is missing was not said.
        community: who says so.
    """

    text: str
    verdict: str | None
    labels: Mapping[str, int]
    community: str | None


def analyze(request: AnalyzeRequest, moderator: Moderator) -> tuple[Decision, dict[str, Any]]:
    """Score a comment: the decision, and the response.

    Raises:
        PerspectiveError: COMMENT_EMPTY, COMMENT_TOO_LONG, NO_REQUESTED_ATTRIBUTES, INVALID_REQUEST or
            LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE.
    """
    original, page = _read_comment(request.comment)
    _check_context(request.context)
    wanted = _read_attributes(request)
    parts = _sentences(page.text) if request.span_annotations else []
    decision, *judged = moderator.classify_many([page.text, *(page.text[start:end] for start, end in parts)])
    # The whole text comes first, with whatever mark-up is around it; a comment of one sentence has no other part.
    spans = [(0, len(original)), *map(page.locate, parts)]
    places = list(zip(_in_utf16(original, spans), [decision, *judged], strict=True))
    scores = {}
    for name, threshold in wanted.items():
        value = score_attribute(name, decision)
        if value >= threshold:
            scores[name] = {
                "summaryScore": _score(value),
                "spanScores": [
                    {"begin": begin, "end": end, "score": _score(score_attribute(name, part))}
                    for (begin, end), part in places
                ],
            }
    response = {
        "attributeScores": scores,
        "languages": request.languages or [LANGUAGE],
        "detectedLanguages": _languages(decision),
        "clientToken": request.client_token,
    }
    return decision, {key: value for key, value in response.items() if value}


def suggest(request: SuggestRequest, moderator: Moderator) -> tuple[Suggestion, dict[str, Any]]:
    """Read suggested scores: what they say, and the response. Nothing is stored here.

    Raises:
        PerspectiveError: COMMENT_EMPTY, COMMENT_TOO_LONG or INVALID_REQUEST.
    """
    _, page = _read_comment(request.comment)
    _check_context(request.context)
    if not request.attribute_scores:
        raise PerspectiveError("INVALID_REQUEST", "attribute_scores must not be empty")
    verdict: str | None = None
    labels: dict[str, int] = {}
    for name, scores in request.attribute_scores.items():
        holds = _value(name, scores) >= _HALF
        if name in STATUSES:
            verdict = STATUSES[name] if holds else verdict
        elif name not in ATTRIBUTES:
            raise PerspectiveError("INVALID_REQUEST", f"Unknown attribute: {_shorten(name)}")
        elif name.startswith(REJECT):
            verdict = "reject" if holds else "approve"
        else:
            labels |= read_labels(name, holds=holds)
    suggestion = Suggestion(page.text, verdict, labels, request.community_id)
    response = {
        "clientToken": request.client_token,
        "requestedLanguages": request.languages,
        "detectedLanguages": _languages(moderator.classify(page.text)),
    }
    return suggestion, {key: value for key, value in response.items() if value}


# --- Reading a request ----------------------------------------------------------------------------------------------


def _read_comment(comment: TextEntry | None) -> tuple[str, PlainText]:
    """The comment as sent, and as readers see it."""
    original = (comment and comment.text) or ""
    if len(original.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise PerspectiveError("COMMENT_TOO_LONG", f"Comment text too long: at most {MOST_BYTES} bytes are read.")
    page = read_html(original) if comment and comment.type == "HTML" else PlainText(original, ())
    if not page.text.strip():
        raise PerspectiveError("COMMENT_EMPTY", "Comment must be non-empty.")
    return original, page


def _check_context(context: Context | None) -> None:
    if context and context.entries and context.article_and_parent_comment:
        message = "Context can have either entries or article_and_parent_comment, but both fields were populated."
        raise PerspectiveError("INVALID_REQUEST", message)


def _read_attributes(request: AnalyzeRequest) -> dict[str, float]:
    """The attributes asked for, and the score from which each is reported."""
    if not request.requested_attributes:
        raise PerspectiveError("NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes")
    wanted = {}
    for name, parameters in request.requested_attributes.items():
        if name not in ATTRIBUTES:
            raise PerspectiveError("INVALID_REQUEST", f"Unknown requested attribute: {_shorten(name)}")
        kind = parameters and parameters.score_type
        if kind not in {None, "SCORE_TYPE_UNSPECIFIED", "PROBABILITY"}:
            message = f"Requested score type {kind} is not supported by attribute {name}"
            raise PerspectiveError("INVALID_REQUEST", message)
        wanted[name] = (parameters and parameters.score_threshold) or 0.0
    foreign = [language for language in request.languages or () if not _is_english(language)]
    if foreign and request.drop_unsupported_attributes:
        return {}
    if foreign:
        first = next(iter(wanted))
        raise PerspectiveError(
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            f"Attribute {first} does not support request languages: {', '.join(map(_shorten, foreign))}",
            languageNotSupportedByAttributeError={"requestedLanguages": request.languages, "attribute": first},
        )
    return wanted


def _is_english(language: str) -> bool:
    """Whether an ISO 639 or BCP 47 code is one of English."""
    return re.split("[-_]", language.strip().lower())[0] in {"en", "eng"}


def _value(name: str, scores: AttributeScores) -> float:
    """The score that is suggested: that of the whole or, where there is none, the highest of a part."""
    parts = [span.score for span in scores.span_scores or ()]
    given = [scores.summary_score] if scores.summary_score else parts
    known = [score.value for score in given if score and score.value is not None]
    if not known:
        raise PerspectiveError("INVALID_REQUEST", f"No score value for attribute {_shorten(name)}")
    return max(known)


def _shorten(name: str) -> str:
    """A name of the client's, short enough for a message."""
    return name if len(name) <= 100 else name[:99] + "…"


# --- Writing a response ---------------------------------------------------------------------------------------------


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, SCORE_DECIMALS), "type": "PROBABILITY"}


def _languages(decision: Decision) -> list[str]:
    """Not a detection: English where the model knew any words to speak of."""
    return [LANGUAGE if decision.source == "model" else UNDETERMINED]


def _sentences(text: str) -> list[Span]:
    """Begin and end of the sentences of ``text``; () when it is a single one."""
    spans: list[Span] = []
    begin = 0
    for end, following in [*(found.span() for found in _BREAK.finditer(text)), (len(text), len(text))]:
        stretch = text[begin:end]
        if stretch.strip():
            spans.append((begin + len(stretch) - len(stretch.lstrip()), begin + len(stretch.rstrip())))
        begin = following
    if len(spans) > MOST_SENTENCES:
        spans[MOST_SENTENCES - 1 :] = [(spans[MOST_SENTENCES - 1][0], spans[-1][1])]
    return spans if len(spans) > 1 else []


def _in_utf16(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans of ``text`` in code points as spans in UTF-16 units; a lone surrogate is one unit."""
    spans = list(spans)
    if text.isascii():
        yield from spans
        return
    units: dict[int, int] = {}
    position = count = 0
    for place in sorted({place for span in spans for place in span}):
        count += len(text[position:place].encode("utf-16-le", "surrogatepass")) // 2
        position, units[place] = place, count
    for begin, end in spans:
        yield units[begin], units[end]
