"""Who may ask: API keys, and Coral's signature."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .coral import SIGNATURE_HEADER, is_signed
from .failures import failure, google_error, is_perspective
from .limits import BODY
from .settings import Settings

CORAL: Final = "/coral"
# These are open to everybody who can reach the port: the page and the documents say nothing of anyone's comments.
OPEN: Final = frozenset({"/", "/page.css", "/page.js", "/docs", "/openapi.json", "/healthz", "/metrics"})
_OPEN_BELOW: Final = ("/$discovery/", "/static-offline-docs/")


class Access:
    """ASGI middleware: lets requests in that bring a key or are signed, where such are configured.

    Coral's route asks for a signature when there is a Coral secret, else for a key like the others: once there is any
    key, no route that takes comments is open.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand before ``app``."""
        self._app = app
        self._keys = [sha256(key.encode()).digest() for key in settings.api_keys]
        self._secrets = settings.coral_secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401 (Perspective: 400 or 403, as Google does)."""
        refusal = self._refuse(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path == CORAL and self._secrets:
            header = dict(scope["headers"]).get(SIGNATURE_HEADER, b"")
            if scope["method"] != "POST" or is_signed(scope[BODY], header, self._secrets):
                return None
            return failure(path, 401, "X-Coral-Signature is missing, or is not of this body by the secret known here")
        if not self._keys or path in OPEN or path.startswith(_OPEN_BELOW):
            return None
        given = _find_key(scope)
        if given and _matches(given, self._keys):
            return None
        if is_perspective(path):
            return _refuse_like_google(given)
        detail = "the API key is not known" if given else "send an API key: Authorization: Bearer KEY"
        return failure(path, 401, detail, headers={"WWW-Authenticate": "Bearer"})


def _find_key(scope: Scope) -> bytes:
    """The key of a request, wherever clients put it; empty when there is none."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    for name in (b"x-api-key", b"x-goog-api-key"):
        if key := headers.get(name):
            return key
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token:
        return token.strip()
    query = parse_qsl(scope["query_string"].decode("latin-1"), encoding="latin-1")  # bytes stay what they are
    return str(dict(query).get("key", "")).encode("latin-1")


def _matches(given: bytes, known: Iterable[bytes]) -> bool:
    """Whether a key is among those known, in the same time whichever it is; digests hide the length, too."""
    digest = sha256(given).digest()
    found = False
    for key in known:
        found |= hmac.compare_digest(digest, key)
    return found


def _refuse_like_google(given: bytes) -> Response:
    if not given:
        return google_error(403, "Method doesn't allow unregistered callers. Please use an API key: ?key=KEY")
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "commentanalyzer.googleapis.com"},
    }
    return google_error(400, "API key not valid. Please pass a valid API key.", [info])
