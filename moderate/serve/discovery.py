"""The discovery document, from which Google's client libraries build a client."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

VERSION: Final = "v1alpha1"


def describe(root: str) -> dict[str, Any]:
    """The document of the Perspective-compatible API at ``root``, a URL that ends in a slash.

    The names and types of its messages are those of the API's own document; the wording is ours.
    """
    return {**_document(), "rootUrl": root, "baseUrl": root}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_name("discovery.json").read_text(encoding="utf-8"))
    return document
