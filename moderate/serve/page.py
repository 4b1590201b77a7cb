"""The page for a moderator: files of this package, and no other source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import Response

_FOLDER: Final = Path(__file__).with_name("static")
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
# The page may load nothing from elsewhere, run no code but its own, and stand in nobody's frame.
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI) -> None:
    """Serve the page at ``/``."""
    for path, (name, media_type) in _FILES.items():
        content = (_FOLDER / name).read_bytes()
        response = Response(content, media_type=media_type, headers=_HEADERS)
        app.add_api_route(path, _give(response), include_in_schema=False, methods=["GET", "HEAD"])


def _give(response: Response) -> Callable[[], Awaitable[Response]]:
    async def give() -> Response:
        return response

    return give
