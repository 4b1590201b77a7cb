"""Coral's external moderation phase: its signed request in, its moderation response out.

Sources: the guides "External Moderation Phases" and "Webhooks" (signing) of coralproject/talk; for an outright
rejection with a reason its pull request 4516, and REJECTION_REASON_CODE of its GraphQL schema.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..decision import Decision
from ..guidelines import PARENT, Category
from ..html import strip_html
from ..moderator import Moderator

SIGNATURE_HEADER: Final = b"x-coral-signature"

# The reason codes that Coral shows to the commenter.
_CODES: Final[Mapping[Category, str]] = {
    Category.PROFANITY: "OFFENSIVE",
    Category.VULGARITY: "OFFENSIVE",
    Category.THREAT: "ABUSIVE",
    Category.PERSONAL_ATTACK: "ABUSIVE",
    Category.ABUSE: "HATE_SPEECH",
    Category.SEXISM: "HATE_SPEECH",
    Category.RACISM: "HATE_SPEECH",
    Category.HOMOPHOBIA: "HATE_SPEECH",
    Category.XENOPHOBIA: "HATE_SPEECH",
    Category.OTHER_ABUSE: "HATE_SPEECH",
    Category.PROMOTION: "SPAM",
    Category.COMMERCIAL_PROMOTION: "AD",
    Category.PERSONAL_PROMOTION: "SPAM",
    Category.TOXIC: "ABUSIVE",
}


class CoralComment(BaseModel):
    """The comment that is created or edited."""

    model_config = ConfigDict(strict=True)

    body: str | None = Field(default=None, description="The text, plain or HTML as the phase is configured.")
    parentID: str | None = Field(default=None, description="The comment that it replies to.")  # noqa: N815


class CoralRequest(BaseModel):
    """What Coral sends: only the comment is read."""

    model_config = ConfigDict(strict=True)

    action: str | None = Field(default=None, description="NEW or EDIT.")
    comment: CoralComment
    author: dict[str, Any] | None = None
    story: dict[str, Any] | None = None
    site: dict[str, Any] | None = None
    tenantID: str | None = None  # noqa: N815
    tenantDomain: str | None = None  # noqa: N815


class CoralFlag(BaseModel):
    """A flag that moderators see on the comment."""

    actionType: Literal["FLAG"]  # noqa: N815
    reason: Literal["COMMENT_DETECTED_TOXIC", "COMMENT_DETECTED_SPAM"]


class CoralResponse(BaseModel):
    """What is done with a comment that is not approved."""

    status: Literal["SYSTEM_WITHHELD", "REJECTED"]
    actions: list[CoralFlag]
    moderationAction: dict[str, Any] | None = Field(  # noqa: N815
        default=None, description="With REJECTED: the reason that the commenter is told."
    )


def is_signed(body: bytes, header: bytes, secrets: Iterable[str]) -> bool:
    """Whether ``header`` (``sha256=<hex>[,sha256=<hex>]``) holds the HMAC of ``body`` by one of the ``secrets``.

    A secret is taken whole, with its prefix. Takes as long whichever of the signatures is right.
    """
    given = [part.strip() for part in header.split(b",")]
    found = False
    for secret in secrets:
        expected = b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for signature in given:
            found |= hmac.compare_digest(expected, signature)
    return found


def judge(request: CoralRequest, moderator: Moderator) -> Decision:
    """Decide on the comment.

    Coral does not say whether it sent HTML or plain text. So a body with mark-up is read both ways, and the stricter
    reading counts: else what a commenter types as ``<!-- ... -->`` or ``<b title="...">`` would not be read although
    a plain-text page shows it.
    """
    body = request.comment.body or ""
    text = strip_html(body)
    decision = moderator.classify(text)
    if decision.approved and text != body:
        return moderator.classify(body)
    return decision


def respond(decision: Decision, *, outright: bool = False) -> dict[str, Any] | None:
    """What Coral is told (`CoralResponse`); ``None`` to let the comment pass.

    Args:
        decision: what was decided.
        outright: reject, with a reason code, instead of withholding the comment for a moderator.
    """
    if decision.approved:
        return None
    strongest = decision.categories[0]
    advertises = PARENT.get(strongest, strongest) is Category.PROMOTION
    reason = "COMMENT_DETECTED_SPAM" if advertises else "COMMENT_DETECTED_TOXIC"
    response: dict[str, Any] = {
        "status": "REJECTED" if outright else "SYSTEM_WITHHELD",
        "actions": [{"actionType": "FLAG", "reason": reason}],
    }
    if outright:
        response["moderationAction"] = {"status": "REJECTED", "rejectionReason": {"code": _CODES[strongest]}}
    return response
