"""The service's own API: up to a thousand comments in, decisions with their reasons out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..columns import to_values
from ..decision import Decision
from ..guidelines import WORDING
from ..html import PlainText, read_html
from ..moderator import Moderator
from .settings import Settings

_STRICT: Final = ConfigDict(strict=True)


class ClassifyRequest(BaseModel):
    """Comments to decide on."""

    model_config = _STRICT

    comments: list[str] = Field(
        description="The comments, each of any length; at most 1,000 of them unless the operator set another limit.",
        json_schema_extra={"maxItems": 1000},
        examples=[["You are a complete idiot", "Thank you for this article."]],
    )
    html: bool = Field(
        default=False, description="The comments are HTML: strip it before classifying. Spans still point into it."
    )


class ReasonValues(BaseModel):
    """One ground for a rejection."""

    category: str = Field(description="The category that the comment breaks.")
    score: float = Field(ge=0, le=1, description="Calibrated probability of that category.")
    source: Literal["model", "rule"] = Field(description="Words that moved the model's score, or a hit of a rule.")
    rule: str | None = Field(description="Name of the rule that hit.")
    spans: list[list[int]] = Field(description="Begin and end of the words, in code points of the comment as sent.")
    words: list[str] = Field(description="The words themselves.")


class DecisionValues(BaseModel):
    """The verdict on one comment."""

    verdict: Literal["approve", "reject"]
    score: float = Field(ge=0, le=1, description="Calibrated probability that a moderator would reject it.")
    categories: list[str] = Field(description="The categories that it breaks, strongest first; empty when approved.")
    scores: dict[str, float] = Field(description="Every category to its calibrated probability.")
    reasons: list[ReasonValues] = Field(description="Grounds, strongest first; empty when approved.")
    source: Literal["model", "rules"] = Field(description="What decided; rules when the model knows no word of it.")


class ClassifyResponse(BaseModel):
    """The decisions, in the order of the comments."""

    decisions: list[DecisionValues]


class Info(BaseModel):
    """What is running."""

    version: str
    source: Literal["model", "rules"]
    model: dict[str, Any] = Field(description="The model's card.")
    rules: dict[str, Any]
    policy: str
    thresholds: dict[str, float] = Field(description="Category to the probability from which it rejects; 1.01 never.")
    categories: list[str]
    wording: dict[str, str] = Field(description="Category to what it is, for people.")
    limits: dict[str, int]


class Health(BaseModel):
    """That it runs."""

    status: Literal["ok"]
    source: Literal["model", "rules"]


def classify(comments: list[str], moderator: Moderator, *, html: bool = False) -> list[tuple[Decision, dict[str, Any]]]:
    """Decide on comments: each decision, and its values for the response (`DecisionValues`)."""
    if not html:
        decisions = moderator.classify_many(comments)
        return [(made, to_values(made, comment)) for made, comment in zip(decisions, comments, strict=True)]
    pages = [read_html(comment) for comment in comments]
    decisions = moderator.classify_many(page.text for page in pages)
    found = [_point_into_html(decision, page) for decision, page in zip(decisions, pages, strict=True)]
    return [(made, to_values(made, comment)) for made, comment in zip(found, comments, strict=True)]


def describe(moderator: Moderator, settings: Settings) -> dict[str, Any]:
    """What is running (`Info`)."""
    return {
        **moderator.info(),
        "wording": {category.value: wording for category, wording in WORDING.items()},
        "limits": {
            "body_bytes": settings.most_bytes,
            "comments": settings.most_comments,
            "requests": settings.most_requests,
        },
    }


def _point_into_html(decision: Decision, page: PlainText) -> Decision:
    reasons = (replace(reason, spans=tuple(map(page.locate, reason.spans))) for reason in decision.reasons)
    return replace(decision, reasons=tuple(reasons))
