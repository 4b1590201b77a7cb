"""The messages of Perspective's Comment Analyzer API v1alpha1, as its discovery document names them.

As in the JSON form of protocol buffers, a field may be written in lowerCamelCase or in snake_case, ``null`` is the same
as leaving it out, and a field that is not known is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .attributes import ATTRIBUTES, STATUSES

MOST_BYTES: Final = 20_480  # of a comment's text in UTF-8

ScoreType = Literal["SCORE_TYPE_UNSPECIFIED", "PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW"]
TextType = Literal["TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML"]


def _required(**more: Any) -> Callable[[dict[str, Any]], None]:
    """Say in the schema that ``null`` will not do, and what ``more`` there is to say.

    What is missing is let through to the adapter all the same, for it has an error of its own in this API.
    """

    def change(schema: dict[str, Any]) -> None:
        schema.update(schema.pop("anyOf")[0])
        schema.pop("default")
        schema.update(more)

    return change


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False)


class TextEntry(_Message):
    """A text."""

    text: str | None = Field(default=None, description="The text.")
    type: TextType | None = Field(default=None, description="PLAIN_TEXT unless given.")


class Comment(TextEntry):
    """The text of a comment."""

    model_config = ConfigDict(json_schema_extra={"required": ["text"]})

    text: str | None = Field(
        default=None,
        description="The text, at most 20,480 bytes in UTF-8.",
        json_schema_extra=_required(pattern=r"\S", maxLength=MOST_BYTES),
    )


class Score(_Message):
    """A score."""

    value: float | None = None
    type: ScoreType | None = None


class SpanScore(_Message):
    """The score of a part of the text; begin and end count UTF-16 units."""

    begin: int | None = None
    end: int | None = None
    score: Score | None = None


class AttributeScores(_Message):
    """The scores of an attribute: of the whole comment, and of parts of it."""

    summary_score: Score | None = None
    span_scores: list[SpanScore] | None = None


class AttributeParameters(_Message):
    """How an attribute is asked for."""

    score_type: ScoreType | None = Field(default=None, description="PROBABILITY, which is the default, alone.")
    score_threshold: float | None = Field(default=None, description="Leave the attribute out below this score.")


class ArticleAndParentComment(_Message):
    """What a comment is about and replies to."""

    article: TextEntry | None = None
    parent_comment: TextEntry | None = None


class Context(_Message):
    """What a comment refers to; it is not used."""

    entries: list[TextEntry] | None = None
    article_and_parent_comment: ArticleAndParentComment | None = None


class _Request(_Message):
    comment: Comment | None = Field(default=None, description="The comment.", json_schema_extra=_required())
    languages: list[str] | None = Field(default=None, description="English (en) or nothing.", examples=[["en"]])
    client_token: str | None = Field(default=None, description="Comes back in the response.")
    session_id: str | None = Field(default=None, description="Not used.")
    community_id: str | None = Field(default=None, description="Stored with suggested scores, else not used.")
    context: Context | None = None


class AnalyzeRequest(_Request):
    """A comment and the attributes to score it on."""

    model_config = ConfigDict(json_schema_extra={"required": ["comment", "requestedAttributes"]})

    requested_attributes: dict[str, AttributeParameters | None] | None = Field(
        default=None,
        description="Attribute to how it is asked for; at least one.",
        json_schema_extra=_required(minProperties=1, propertyNames={"enum": list(ATTRIBUTES)}),
        examples=[{"TOXICITY": {}, "SPAM": {"scoreThreshold": 0.5}}],
    )
    do_not_store: bool | None = Field(default=None, description="Nothing is ever stored here.")
    span_annotations: bool | None = Field(default=None, description="Score every sentence, too.")
    drop_unsupported_attributes: bool | None = Field(
        default=None, description="Leave attributes out instead of refusing a language."
    )


class SuggestRequest(_Request):
    """A comment and the scores that it should have had."""

    model_config = ConfigDict(json_schema_extra={"required": ["comment", "attributeScores"]})

    attribute_scores: dict[str, AttributeScores] | None = Field(
        default=None,
        description="Attribute to the score it should have: 1 or 0. APPROVED or DELETED with 1 say what became of it.",
        json_schema_extra=_required(minProperties=1, propertyNames={"enum": [*ATTRIBUTES, *STATUSES]}),
        examples=[{"TOXICITY": {"summaryScore": {"value": 0}}}],
    )


class AnalyzeResponse(_Message):
    """Scores of the attributes asked for that reach their threshold."""

    attribute_scores: dict[str, AttributeScores] | None = None
    languages: list[str]
    detected_languages: list[str]
    client_token: str | None = None


class SuggestResponse(_Message):
    """That the scores have arrived."""

    client_token: str | None = None
    requested_languages: list[str] | None = None
    detected_languages: list[str]


class GoogleError(BaseModel):
    """An error in the form of Google's APIs."""

    class Status(BaseModel):
        """What is wrong."""

        code: int
        message: str
        status: str
        details: list[dict[str, Any]] = []

    error: Status
