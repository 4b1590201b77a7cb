"""A publisher's decisions: a table of comments with verdicts and categories, read into labels; what is wrong with it.

Any table that `moderate batch` reads. A comment that stands in it several times counts once, with the decision that
most of its copies got; where they are split evenly it is left out. Nothing is passed over in silence: `Decisions.notes`
says what was found, and what was done with it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moderate.errors import InputError
from moderate.folding import Ints
from moderate.guidelines import CATEGORIES, FAMILY
from moderate.tables.formats import Kind, Rows, Table
from moderate.tables.reading import Options, TableReader, open_table, parse

from .copies import Contradiction, agreeing, find_contradiction, find_copies, group_by_words, majority
from .corpora import UNKNOWN, Labels
from .dates import DATE_COLUMNS, read_dates

VERDICTS: Final[Mapping[str, int]] = {"approve": 0, "approved": 0, "reject": 1, "rejected": 1, "": UNKNOWN}
LABELS: Final[Mapping[str, int]] = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "": UNKNOWN}
ROLES: Final = ("text", "verdict", "date", *CATEGORIES)  # what a column can be

EXAMPLES: Final = 5  # rows that a note names
SIMILAR: Final = 0.75  # likeness, of difflib, from which a column's name may be a category's misspelt


@dataclass(frozen=True, slots=True)
class Decisions:
    """n different comments that were decided on, in the order of the table.

    Attributes:
        name: of the table.
        texts: the comments.
        verdicts: 1 rejected, 0 approved, or `UNKNOWN`; int8 (n,).
        labels: 1, 0 or `UNKNOWN` for each category; int8 (n, len(CATEGORIES)).
        rows: row of the table, from 1 and without the header, that each stands in first; int64 (n,).
        groups: number of the group of comments with the same words; int64 (n,).
        dates: seconds since 1970, NaN where there is none; float64 (n,); ``None`` for a table without dates.
        has_verdicts: whether there is a column of verdicts; without it they follow from the categories.
        named: the categories that there are columns for.
        contradictions: comments whose copies were decided differently.
        notes: what was found and what was done with it, for people.
    """

    name: str
    texts: list[str]
    verdicts: npt.NDArray[np.int8]
    labels: Labels
    rows: Ints
    groups: Ints
    dates: npt.NDArray[np.float64] | None = None
    has_verdicts: bool = True
    named: tuple[str, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    notes: tuple[str, ...] = ()

    def take(self, rows: Ints) -> Decisions:
        """The comments at ``rows``, indices."""
        return replace(
            self,
            texts=[self.texts[row] for row in rows],
            verdicts=self.verdicts[rows],
            labels=self.labels[rows],
            rows=self.rows[rows],
            groups=self.groups[rows],
            dates=None if self.dates is None else self.dates[rows],
        )

    def digest(self) -> str:
        """SHA-256 over comments, verdicts and labels: names the data without holding any of it."""
        summed = hashlib.sha256()
        for text in self.texts:
            summed.update(text.encode("utf-8", "surrogatepass") + b"\0")
        summed.update(self.verdicts.tobytes() + self.labels.tobytes())
        return summed.hexdigest()


def read_decisions(
    path: str,
    *,
    options: Options | None = None,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
    dated: bool = True,
) -> Decisions:
    """Read the table at ``path``.

    Args:
        path: a table of any format that `moderate batch` reads.
        options: what is known about it; the rest is found out.
        columns: role (one of `ROLES`) to the name of its column, where it has another name than the role.
        date_format: of the dates, as for ``datetime.strptime``; ISO 8601 or seconds since 1970 when ``None``.
        dated: whether to look for dates.

    Raises:
        InputError: the table cannot be read, has neither verdicts nor categories, or no row that can be used.
        MissingExtraError: its format needs an extra.
    """
    given = dict(columns or {})
    if unknown := given.keys() - set(ROLES):
        raise InputError(f"a column cannot be {sorted(unknown)[0]!r}: use one of {', '.join(ROLES)}")
    options = options or Options()
    options = replace(options, text_column=options.text_column or given.get("text"))
    with closing(open_table(path, options)) as reader:
        roles = _find_columns(reader.table, given)
        if not dated:
            roles.pop("date", None)
        notes = [f"text column {reader.table.columns[reader.table.text_column]!r} ({reader.chosen_by})"]
        raw = _read_rows(reader, roles)
    notes += [*_describe_columns(roles), *_strange_columns(raw, roles)]
    return _merge(raw, roles, notes, date_format)


# --- Columns ----------------------------------------------------------------------------------------------------------


def _find_columns(table: Table, given: Mapping[str, str]) -> dict[str, str]:
    """Role to the column that has it, without the text."""
    there = ", ".join(map(repr, table.columns))
    names = {name.strip().lower(): name for name in reversed(table.columns)}
    found = {}
    for role in ROLES[1:]:
        usual = DATE_COLUMNS if role == "date" else (role,)
        column = given.get(role) or next((names[name] for name in usual if name in names), None)
        if column is not None and column not in table.columns:
            raise InputError(f"{table.name}: no column {column!r} for {role!r}; there are {there}")
        if column is not None and column != table.columns[table.text_column]:
            found[role] = column
    if not found.keys() - {"date"}:
        raise InputError(
            f"{table.name}: no column 'verdict' (approve or reject) and none of a category (1, 0 or blank; "
            f"{', '.join(CATEGORIES)}); there are {there}: name it, as --column verdict=NAME"
        )
    return found


def _describe_columns(roles: Mapping[str, str]) -> list[str]:
    named = [role for role in CATEGORIES if role in roles]
    derived = "no column 'verdict': a comment with a 1 counts as rejected, one with a 0 and no 1 as approved"
    return [
        f"verdicts from column {roles['verdict']!r}" if "verdict" in roles else derived,
        f"categories: {', '.join(named)}" if named else "no column of a category: the verdicts alone teach",
        *([f"dates from column {roles['date']!r}"] if "date" in roles else []),
    ]


def _strange_columns(raw: _Raw, roles: Mapping[str, str]) -> list[str]:
    """What to say of columns that look like labels, but are of no category."""
    notes = []
    for name, cells in raw.cells.items():
        if name in roles.values() or all(_plain(cell) == "" for cell in cells):
            continue
        close = difflib.get_close_matches(name.strip().lower(), CATEGORIES, n=1, cutoff=SIMILAR)
        meant = f"did you mean {close[0]!r}? Then give --column {close[0]}={name}" if close else ""
        notes.append(
            f"column {name!r} holds 1 and 0, but is no category, so it was not used; "
            f"{meant or 'the categories are ' + ', '.join(CATEGORIES)}"
        )
    return notes


# --- Rows -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Raw:
    """The rows as they stand in the table: texts, cells by column, what was wrong while reading by index of the row."""

    name: str
    cells: dict[str, list[Any]]
    texts: list[str] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


def _read_rows(reader: TableReader, roles: Mapping[str, str]) -> _Raw:
    """All rows; of the columns without a role only those that look like labels."""
    table = reader.table
    raw = _Raw(table.name, {name: [] for name in table.columns if name != table.columns[table.text_column]})
    for rows in chain.from_iterable(parse(piece, table) for piece in reader.pieces()):
        raw.problems |= {len(raw.texts) + index: str(problem) for index, problem in rows.problems.items()}
        raw.texts += rows.texts
        for name in list(raw.cells):
            cells = _cells(rows, table, name)
            if name in roles.values() or {_plain(cell) for cell in cells} <= LABELS.keys():
                raw.cells[name] += cells
            else:
                del raw.cells[name]
    if not raw.texts:
        raise InputError(f"{table.name}: there is no row below the header")
    return raw


def _cells(rows: Rows, table: Table, name: str) -> list[Any]:
    place = table.columns.index(name)
    if table.format.kind is Kind.PARQUET:
        return list(rows.records.column(place).to_pylist())
    if table.format.kind is Kind.JSONL:
        return [record.get(name) for record in rows.records]
    return [record[place] for record in rows.records]


def _plain(cell: Any) -> str:
    """A cell as a key of `VERDICTS` and `LABELS`; blank for what some tools write into empty cells."""
    plain = "" if cell is None else str(cell).strip().lower()
    return "" if plain in {"nan", "none", "null"} else plain


class _LeftOut:
    """Rows that cannot be used: why, and which."""

    def __init__(self, size: int) -> None:
        self.usable = np.ones(size, np.bool_)
        self._why: dict[str, dict[int, str]] = {}

    def add(self, row: int, why: str, detail: str = "") -> None:
        """Leave out a row, once."""
        if self.usable[row]:
            self.usable[row] = False
            self._why.setdefault(why, {})[row] = f"{row + 1} ({detail})" if detail else str(row + 1)

    def notes(self) -> list[str]:
        """A sentence for every cause, with the first rows."""
        sentences = []
        for why, rows in self._why.items():
            first = ", ".join(list(rows.values())[:EXAMPLES])
            sentences.append(f"{len(rows):,} rows {why}, left out: {first}{', …' if len(rows) > EXAMPLES else ''}")
        return sentences


def _merge(raw: _Raw, roles: Mapping[str, str], notes: list[str], date_format: str | None) -> Decisions:
    """The decisions of the rows that can be used, every comment once."""
    left_out = _LeftOut(len(raw.texts))
    verdicts, labels = _read_labels(raw, roles, left_out)
    dates = read_dates(raw.name, raw.cells[roles["date"]], date_format) if "date" in roles else None
    copies = find_copies(raw.texts, np.flatnonzero(left_out.usable))
    disputes = [find_contradiction(raw.texts[rows[0]], rows, verdicts) for rows in copies]
    contradictions = tuple(dispute for dispute in disputes if dispute is not None)
    kept = [rows for rows, dispute in zip(copies, disputes, strict=True) if dispute is None or not dispute.even]
    notes = [*notes, *left_out.notes(), *_describe_copies(int(left_out.usable.sum()), len(copies), contradictions)]
    if not kept:
        raise InputError(f"{raw.name}: no row can be used: {'; '.join(notes)}")
    chosen = [agreeing(rows, verdicts) for rows in kept]
    texts = [raw.texts[rows[0]] for rows in kept]
    return Decisions(
        name=raw.name,
        texts=texts,
        verdicts=np.array([verdicts[rows[0]] for rows in chosen], np.int8),
        labels=np.stack([majority(labels[rows]) for rows in chosen]),
        rows=np.array([rows[0] + 1 for rows in kept], np.int64),
        groups=group_by_words(texts),
        dates=None if dates is None else np.array([_earliest(dates[rows]) for rows in chosen]),
        has_verdicts="verdict" in roles,
        named=tuple(head for head in CATEGORIES if head in roles),
        contradictions=contradictions,
        notes=tuple(notes),
    )


def _read_labels(raw: _Raw, roles: Mapping[str, str], left_out: _LeftOut) -> tuple[npt.NDArray[np.int8], Labels]:
    """Verdict and labels of every row, with what follows from them filled in; what cannot be used is left out."""
    for row, problem in raw.problems.items():
        left_out.add(row, "that cannot be read", problem)
    for row, text in enumerate(raw.texts):
        if not text.strip():
            left_out.add(row, "without a comment")
    verdicts = _values(raw, roles, "verdict", VERDICTS, left_out)
    labels = np.stack([_values(raw, roles, head, LABELS, left_out) for head in CATEGORIES], axis=1)
    broken = (labels == 1).any(axis=1)
    for row in np.flatnonzero((verdicts == 0) & broken).tolist():
        left_out.add(row, "approved although marked as breaking a category")
    for row in np.flatnonzero((verdicts == UNKNOWN) & (labels == UNKNOWN).all(axis=1)).tolist():
        left_out.add(row, "without a verdict or a label")
    derived = np.where(broken, 1, np.where((labels == 0).any(axis=1), 0, UNKNOWN))
    labels[verdicts == 0] = 0  # what was approved breaks nothing
    verdicts = np.where(verdicts == UNKNOWN, derived, verdicts).astype(np.int8)
    for child, parent in FAMILY:
        labels[labels[:, child] == 1, parent] = 1
    for child, parent in FAMILY:
        labels[(labels[:, parent] == 0) & (labels[:, child] == UNKNOWN), child] = 0
    return verdicts, labels


def _values(
    raw: _Raw, roles: Mapping[str, str], role: str, known: Mapping[str, int], left_out: _LeftOut
) -> npt.NDArray[np.int8]:
    """The values of a column, `UNKNOWN` where there is none; a row with a value that is none is left out."""
    values = np.full(len(raw.texts), UNKNOWN, np.int8)
    expected = "approve, reject or blank" if role == "verdict" else "1, 0 or blank"
    for row, cell in enumerate(raw.cells[roles[role]] if role in roles else ()):
        value = known.get(_plain(cell))
        if value is None:
            left_out.add(row, f"in which {roles[role]!r} is not {expected}", repr(cell))
        else:
            values[row] = value
    return values


def _describe_copies(rows: int, different: int, contradictions: tuple[Contradiction, ...]) -> list[str]:
    notes = [f"{rows - different:,} rows repeat a comment: each counts once"] if rows > different else []
    if contradictions:
        even = sum(dispute.even for dispute in contradictions)
        notes.append(
            f"{len(contradictions):,} comments were approved in one row and rejected in another: most of the copies "
            f"decide; {even:,} that are split evenly, left out"
        )
    return notes


def _earliest(dates: npt.NDArray[np.float64]) -> float:
    known = dates[~np.isnan(dates)]
    return float(known.min()) if known.size else float("nan")
