"""Suggested scores, kept as JSON Lines for retraining."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..errors import SettingsError
from ..guidelines import CATEGORIES
from .perspective import Suggestion

# The columns that ``python -m training retrain`` reads, and who said it. Every line has them all: the first line of a
# table says which there are.
COLUMNS: Final = ("text", "verdict", *CATEGORIES, "community", "date")
_PRIVATE: Final = 0o600  # comments, and what was thought of them, are nobody else's business


class FeedbackFile:
    """A file that several processes append to; a line is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Open or create it.

        Raises:
            SettingsError: it cannot be written.
        """
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _PRIVATE)
        except OSError as error:
            raise SettingsError(f"feedback cannot be written: {error}") from error

    def add(self, suggestion: Suggestion) -> None:
        """Append a line; OSError when it could not be written, and then nothing of it is there."""
        values = {
            "text": suggestion.text,
            "verdict": suggestion.verdict,
            **{category: suggestion.labels.get(category) for category in CATEGORIES},
            "community": suggestion.community,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        line = json.dumps(values).encode("ascii") + b"\n"
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) != len(line):
                    raise OSError("the disk is full")
            except OSError:
                with suppress(OSError):  # a device has no length
                    os.ftruncate(self._file, size)
                raise
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
