"""Errors, each in the form that the clients of an API expect: Google's for Perspective, RFC 9457 for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import Response

from .perspective import ERROR_TYPE

# The canonical code for an HTTP status, as google.rpc.Code says; any other is INVALID_ARGUMENT.
_CODES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}

Places = Sequence[tuple[str, str]]  # of what is wrong in a body: a path such as "comments[3]", and why


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


class JSON(Response):
    """JSON in ASCII: what is no valid Unicode, such as half an emoji, can be said in escapes alone."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the whole response."""
        return self.encode(content)

    @staticmethod
    def encode(content: Any) -> bytes:
        """Encode a value; NaN and infinity are an error, for they are no JSON."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def failure(
    path: str, status: int, detail: str, *, places: Places = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The response to a request for ``path`` that failed."""
    if is_perspective(path):
        details: list[dict[str, Any]] = []
        if _CODES.get(status) is None:
            violations = [{"field": place, "description": why} for place, why in places]
            details = [
                {"@type": ERROR_TYPE, "errorType": "INVALID_REQUEST"},
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations},
            ]
        # Google's APIs know no 422: what is wrong with a request is 400.
        return google_error(400 if status == HTTPStatus.UNPROCESSABLE_ENTITY else status, detail, details, headers)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if places:
        problem["errors"] = [{"field": place, "detail": why} for place, why in places]
    return JSON(problem, status, headers, media_type="application/problem+json")


def google_error(
    status: int, message: str, details: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An error as Google's APIs report it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _CODES.get(status, "INVALID_ARGUMENT")}
    if details:
        error["details"] = list(details)
    return JSON({"error": error}, status, headers)


def is_perspective(path: str) -> bool:
    """Whether ``path`` belongs to the Perspective-compatible API."""
    return path.startswith(("/v1alpha1", "/comments:", "/$discovery"))
