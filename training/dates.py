"""Dates of decisions, in the forms that exports have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moderate.errors import InputError

# Names that columns of dates have in exports of comment systems; the more telling first.
DATE_COLUMNS: Final = (
    *("date", "decided_at", "moderated_at", "created_at", "created", "published_at", "posted_at", "submitted_at"),
    *("comment_date", "datetime", "timestamp", "time"),
)
MILLISECONDS_FROM: Final = 1e11  # as seconds this would be the year 5138


def read_dates(name: str, cells: Sequence[Any], form: str | None = None) -> npt.NDArray[np.float64]:
    """Seconds since 1970 of each cell, NaN where it is blank; float64 (n,).

    A date without a time zone is taken for UTC: only the order counts.

    Args:
        name: of the table, for messages.
        cells: strings, numbers, dates or ``None``.
        form: as for ``datetime.strptime``; ISO 8601 or seconds (or milliseconds) since 1970 when ``None``.

    Raises:
        InputError: a cell is no date; names the row and what to do.
    """
    seconds = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        if cell is None or str(cell).strip() == "":
            continue
        try:
            seconds[index] = _seconds(cell, form)
        except (ValueError, OverflowError):
            raise InputError(
                f"{name}, row {index + 1}: {cell!r} is not a date of the form {form or 'ISO 8601, as 2026-11-30'}: "
                "give its form, as --date-format %d.%m.%Y, or --split random to leave dates aside"
            ) from None
    return seconds


def _seconds(cell: Any, form: str | None) -> float:
    if isinstance(cell, datetime):
        return _in_utc(cell).timestamp()
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp()
    text = str(cell).strip()
    if form is not None:
        return _in_utc(datetime.strptime(text, form)).timestamp()
    try:
        return _in_utc(datetime.fromisoformat(text)).timestamp()
    except ValueError:
        number = float(text)
        return number / 1000 if abs(number) >= MILLISECONDS_FROM else number


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
