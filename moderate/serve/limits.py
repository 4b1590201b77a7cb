"""What a request may take: a place among those in hand, so many bytes, so much time to arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .failures import failure
from .settings import Settings

BODY: Final = "moderate.body"  # key of a scope: the request's body, whole
RETRY_SECONDS: Final = 1  # a full house of single comments is served in a fraction of that


class _RefusedError(Exception):
    """A request that is not let in."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


class Limits:
    """ASGI middleware that reads the whole body of a POST, within its limits, before the application runs.

    Requests that find the house full are refused at once: a queue would only grow, and Coral waits no longer than
    200 ms. Other methods take no part in this, so that health and metrics can be asked for under any load.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand before ``app``."""
        self._app = app
        self._settings = settings
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer 503, 408, 413 or 415."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        refused = self._check(scope)
        if refused is None:
            self._in_hand += 1
            try:
                await self._serve(scope, receive, send)
            finally:
                self._in_hand -= 1
        else:
            await _refuse(refused, scope, receive, send)

    def _check(self, scope: Scope) -> _RefusedError | None:
        """Why a request is not let in; ``None`` when it is."""
        if self._in_hand >= self._settings.most_requests:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            return _RefusedError(503, f"{self._in_hand} requests are in hand already; try again later", retry)
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
        if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
            return _RefusedError(415, "the body must be JSON: send Content-Type: application/json")
        # A client that says how much it has, and asks before it sends it, is told at once.
        if b"expect" in headers and int(headers.get(b"content-length", b"0")) > self._settings.most_bytes:
            return self._too_large()
        return None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read(receive)
        except _RefusedError as refused:
            await _refuse(refused, scope, receive, send)
            return
        if body is None:  # the client is gone
            return
        scope[BODY] = body
        arrived = False

        async def replay() -> Message:
            nonlocal arrived
            if arrived:
                return await receive()
            arrived = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; ``None`` when the client goes away before its end.

        What is over the limit is read to its end, too, but not kept: most clients look for an answer only when they
        have sent everything, and an answer that comes before a closed connection may be lost with it.
        """
        pieces, size, most = [], 0, self._settings.most_bytes
        seconds = self._settings.read_seconds
        try:
            async with asyncio.timeout(seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    size += len(message.get("body", b""))
                    if size <= most:
                        pieces.append(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            close = {"Connection": "close"}
            detail = f"the body did not arrive within {seconds:g} seconds"
            raise self._too_large(close) if size > most else _RefusedError(408, detail, close) from None
        if size > most:
            raise self._too_large()
        return b"".join(pieces)

    def _too_large(self, headers: Mapping[str, str] | None = None) -> _RefusedError:
        return _RefusedError(413, f"the body is over the limit of {self._settings.most_bytes:,} bytes", headers)


async def _refuse(refused: _RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    response = failure(scope["path"], refused.status, refused.detail, headers=refused.headers)
    await response(scope, receive, send)
