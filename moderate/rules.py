"""The rule book: lexicon and patterns as readable data, matched on whole words in time linear in the text.

``rules.toml`` holds rules (category, severity, phrases, exceptions) and named word sets. A phrase uses ``(a|b|)`` for
alternatives and ``{name}`` for any word of a set, so it always stands for a finite set of word sequences; nothing can
be written that matches slowly. All sequences go into one prefix table (a trie as a hash table, Liang 1983), and a batch
of comments walks down it one word at a time, all places at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .errors import RulesError
from .feature_table import FeatureTable, filter_hashes
from .features import SALTS, Vocabulary, combine
from .folding import U64, Ints
from .guidelines import CATEGORIES, FAMILY, Category
from .letters import spelling_keys
from .links import expand
from .quotations import KNOWLEDGE, Quotations
from .spelling import Spelling
from .text import hash_words
from .untrusted import LARGEST_ARRAY, check_file, fits_table, read_bytes

SEVERITIES: Final = ("none", "mild", "strong", "severe")
NONE, MILD, STRONG, SEVERE = range(4)

COMPILED_FORMAT: Final = 1  # of ``rules.npz``
LEAST_DISGUISED: Final = 3  # letters; a shorter word in disguise is anything
LONGEST_PHRASE: Final = 10  # words; longer ones are sentences, and a place would walk too far
FAMILY_COLUMNS: Final = np.array(FAMILY, np.int64)  # as the compiled kernels read the tree of categories
_LEVELS: Final = (MILD, STRONG, SEVERE)

# Of ``rules.npz``: name of each column, its dtype on disk and in use.
COLUMNS: Final[Mapping[str, tuple[str, type[np.generic]]]] = {
    "buckets": ("<u8", np.uint64),
    "base": ("<i4", np.int32),
    "prefixes": ("<u8", np.uint64),
    "endings": ("<i4", np.int64),
    "ending_rules": ("<i2", np.int64),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what its hits count for."""

    name: str
    category: Category
    severity: int


@dataclass(frozen=True, slots=True)
class Hits:
    """Where rules hit in a batch: H hits, in order of place.

    Attributes:
        start: index of the first word of each hit; int64 (H,).
        end: index of its last word; int64 (H,).
        rule: index of its rule; int64 (H,).
        innocent: indices of the words that stand in an exception to some rule, or in a quotation; int64.
    """

    start: Ints
    end: Ints
    rule: Ints
    innocent: Ints

    def excuse(self, words: Ints) -> Hits:
        """The hits that begin at none of ``words`` (indices, in order), which are innocent."""
        if not words.size:
            return self
        kept = words.take(words.searchsorted(self.start), mode="clip") != self.start
        innocent = np.union1d(self.innocent, words) if self.innocent.size else words
        return Hits(start=self.start[kept], end=self.end[kept], rule=self.rule[kept], innocent=innocent)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules compiled to a prefix table.

    Attributes:
        rules: the rules.
        words: every single word that occurs in a phrase, folded; what evaders' spellings are compared with.
        classes: name of each feature class -> its words, folded.
        table: prefixes of phrases, their hashes times the salt; a row is a prefix.
        salt: an odd number with which no prefix is left out of the table.
        prefixes: hash of each row, so that no other sequence passes for it; uint64 (rows,).
        endings: where the rules that end at each row begin in ``ending_rules``; int64 (rows + 1,).
        ending_rules: rule index, or ``-1 - rule`` for an exception to it; int64.
        columns: score column of each rule's category; int64 (rules,).
        levels: severity of each rule, 1 to 3; int64 (rules,).
        names: name of each rule, and ``None`` behind them; object (rules + 1,).
        digest: SHA-256 of the file.
        quotations: by which words a quotation is known.
    """

    rules: tuple[Rule, ...]
    words: Mapping[str, int]
    classes: Mapping[str, tuple[str, ...]]
    table: FeatureTable
    salt: np.uint64
    prefixes: U64
    endings: Ints
    ending_rules: Ints
    columns: Ints
    levels: Ints
    names: npt.NDArray[np.object_]
    digest: str
    quotations: Quotations = field(default_factory=Quotations)
    _tables: tuple[npt.NDArray[Any], ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out what the compiled kernel has to know, in its order."""
        if kernels is not None:
            endings = (self.endings[1:] << 32 | self.endings[:-1]).view(np.uint64)
            phrases = np.stack([self.prefixes, endings], axis=1)  # side by side, so that one read finds both
            tables = (self.table.entries(), phrases, self.ending_rules, self.columns, filter_hashes(self.prefixes))
            object.__setattr__(self, "_tables", (*tables, *self.quotations.tables))

    @classmethod
    def from_toml(cls, path: str | Path) -> RuleBook:
        """Read a rule book: compiled, when ``rules.npz`` beside it was made from this very file, else as it is.

        Raises:
            RulesError: the file cannot be read or is not valid; names the file, the line and what is wrong.
        """
        path = Path(path)
        try:
            raw = read_bytes(path)
        except OSError as error:
            raise RulesError(f"{path}: {error}") from error
        compiled = path.with_suffix(".npz")
        if compiled.exists():
            book = _read_compiled(compiled)
            if book is not None and book.digest == hashlib.sha256(raw).hexdigest():
                return book
        from .rule_compiler import compile_rules  # tomllib and all: not needed for the packaged book

        return compile_rules(path, raw)

    def save_compiled(self, path: str | Path) -> None:
        """Write the tables as an ``.npz`` archive of plain arrays, for `from_toml` to find beside the rule book."""
        described = {
            "format": COMPILED_FORMAT,
            "digest": self.digest,
            "salt": int(self.salt),
            "rules": [[rule.name, rule.category.value, rule.severity] for rule in self.rules],
            "words": dict(self.words),
            "classes": {name: list(words) for name, words in self.classes.items()},
            "quotations": {role: list(words) for role, words in self.quotations.words.items()},
        }
        with Path(path).open("wb") as file:
            np.savez_compressed(  # most buckets are empty
                file,
                buckets=self.table.buckets.astype(COLUMNS["buckets"][0]),
                base=self.table.base.astype(COLUMNS["base"][0]),
                prefixes=self.prefixes.astype(COLUMNS["prefixes"][0]),
                endings=self.endings.astype(COLUMNS["endings"][0]),
                ending_rules=self.ending_rules.astype(COLUMNS["ending_rules"][0]),
                described=np.frombuffer(json.dumps(described).encode(), np.uint8),
            )

    def find(self, words: U64) -> Hits:
        """Find all hits among the word hashes of a batch (comments divided by boundary words).

        Hits in an exception to their rule, and those that begin in a quotation which is condemned, are left out.
        """
        if kernels is None:
            return _without_exceptions(*self._find(words)).excuse(self.quotations.find(words))
        found = kernels.find((words, *self._tables), int(self.salt), int(SALTS["phrase"]), KNOWLEDGE)
        start, end, rule, innocent = (np.frombuffer(column, np.int64) for column in found)
        return Hits(start=start, end=end, rule=rule, innocent=innocent)

    def _find(self, words: U64) -> tuple[Ints, Ints, Ints]:
        """First and last word of each hit, and its rule; below 0 for exceptions; int64 (H,) each."""
        at = np.arange(words.size)
        hashes = words
        padded = np.append(words, np.uint64(0))  # behind the last word stands no word of any phrase
        found: list[tuple[Ints, Ints, Ints]] = []
        for length in range(1, LONGEST_PHRASE + 1):
            rows = self.table.look_up(hashes * self.salt)
            hit = rows.nonzero()[0]
            hit = hit[self.prefixes.take(rows.take(hit)) == hashes.take(hit)]
            if not hit.size:
                break
            at, rows, hashes = at.take(hit), rows.take(hit), hashes.take(hit)
            counts = self.endings.take(rows + 1) - self.endings.take(rows)
            if counts.any():
                owner = np.repeat(np.arange(rows.size), counts)
                place = np.arange(owner.size) - (np.cumsum(counts) - counts).take(owner)
                endings = self.ending_rules.take(self.endings.take(rows).take(owner) + place)
                found.append((at.take(owner), at.take(owner) + length - 1, endings))
            hashes = combine(hashes, padded.take(at + length, mode="clip"), kind="phrase")
        start, end, rule = (np.concatenate(column) for column in zip((at[:0],) * 3, *found, strict=True))
        return start, end, rule

    def severities(self, hits: Hits, first: Ints) -> Ints:
        """Strongest severity of each category in each comment; int64 (n, len(CATEGORIES)).

        Two mild hits at different places make a strong one. What a child category has, its parent has.
        """
        if kernels is None:
            return self._severities(hits, first)
        (severities,) = kernels.severities((hits.start, hits.rule, first, self.columns, self.levels, FAMILY_COLUMNS))
        return np.frombuffer(severities, np.int64).reshape(-1, len(CATEGORIES))

    def _severities(self, hits: Hits, first: Ints) -> Ints:
        columns, levels = self.columns.take(hits.rule), self.levels.take(hits.rule)
        comments = first.searchsorted(hits.start, side="right") - 1
        width, count = len(CATEGORIES), first.size - 1
        result = np.zeros(count * width, np.int64)
        cells = comments * width + columns
        np.maximum.at(result, cells, levels)
        mild = levels == MILD
        places = np.unique(cells[mild] * (first[-1] + 1) + hits.start[mild]) // (first[-1] + 1)
        repeated, times = np.unique(places, return_counts=True)
        np.maximum.at(result, repeated[times > 1], STRONG)
        levels_by_comment = result.reshape(count, width)
        for child, parent in FAMILY:
            column = levels_by_comment[:, parent]
            np.maximum(column, levels_by_comment[:, child], out=column)
        return levels_by_comment

    def vocabulary(self) -> Vocabulary:
        """What the feature pipeline needs where there is no model: the words of the book, and their disguises."""
        words = sorted(self.words)
        hashes = np.unique(hash_words(words))
        table, order = FeatureTable.build(hashes, bits=len(words).bit_length() + 4)
        single = [word for word in words if len(word) >= LEAST_DISGUISED]
        return Vocabulary(
            table=table,
            classes=np.zeros(order.size + 1, np.uint8),
            spelling=Spelling.build(spelling_keys(single, plain=False), hash_words(single)),
        )


def _without_exceptions(start: Ints, end: Ints, rule: Ints) -> Hits:
    """Drop exceptions, and hits that lie inside an exception to their own rule; sort by place."""
    innocent = np.zeros(0, np.int64)
    if not rule.size:
        return Hits(start=start, end=end, rule=rule, innocent=innocent)
    exception = rule < 0
    if exception.any():
        innocent = np.unique(expand(start[exception], end[exception] + 1))
        span = int(end.max()) + 2
        key = (-1 - rule[exception]) * span + start[exception]
        order = np.argsort(key, kind="stable")
        key = key[order]
        reach = np.maximum.accumulate((-1 - rule[exception][order]) * span + end[exception][order])
        place = np.searchsorted(key, rule * span + start, side="right") - 1
        inside = (place >= 0) & (reach[place] >= rule * span + end)
        kept = ~exception & ~inside
        start, end, rule = start[kept], end[kept], rule[kept]
    order = np.lexsort((rule, end, start))
    return Hits(start=start[order], end=end[order], rule=rule[order], innocent=innocent)


def _read_compiled(path: Path) -> RuleBook | None:
    """The compiled book in ``path``; ``None`` if it is damaged or of another format: it can be made anew."""
    try:
        check_file(path)
        with np.load(path, allow_pickle=False) as arrays:
            if sum(member.file_size for member in arrays.zip.infolist()) > LARGEST_ARRAY:
                return None
            described = json.loads(arrays["described"].tobytes())
            if described["format"] != COMPILED_FORMAT:
                return None
            rules = tuple(Rule(name, Category(category), severity) for name, category, severity in described["rules"])
            book = RuleBook(
                rules=rules,
                words=described["words"],
                classes={name: tuple(words) for name, words in described["classes"].items()},
                table=FeatureTable(buckets=_read_column(arrays, "buckets"), base=_read_column(arrays, "base")),
                salt=np.uint64(described["salt"]),
                prefixes=_read_column(arrays, "prefixes"),
                endings=_read_column(arrays, "endings"),
                ending_rules=_read_column(arrays, "ending_rules"),
                digest=described["digest"],
                quotations=_read_quotations(described.get("quotations", {})),  # older books have none
                **rule_columns(rules),
            )
    except Exception:  # a damaged archive makes zipfile, zlib and numpy raise nearly anything
        return None
    return book if _is_consistent(book) else None


def _read_quotations(table: Mapping[str, Any]) -> Quotations:
    return Quotations({role: tuple(words) for role, words in table.items()})


def _read_column(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    """One of the `COLUMNS`; ValueError if it is not of its type."""
    stored, used = COLUMNS[name]
    values = arrays[name]
    if values.dtype.str != stored or values.ndim != 1:
        raise ValueError(f"{name}: not one row of {stored}")
    return np.ascontiguousarray(values, used)


def _is_consistent(book: RuleBook) -> bool:
    """Whether nothing in the book points to what is not there, and every word and name is text."""
    count, endings, ruled = len(book.rules), book.endings, book.ending_rules
    return (
        all(isinstance(rule.name, str) and rule.severity in _LEVELS for rule in book.rules)
        and fits_table(book.table, book.prefixes.size)
        and endings.size == book.prefixes.size + 1
        and int(endings[0]) >= 0
        and bool((endings[1:] >= endings[:-1]).all())
        and int(endings[-1]) <= ruled.size
        and bool(((ruled >= -count) & (ruled < count)).all())
        and isinstance(book.words, dict)
        and all(book.words)
        and all(isinstance(word, str) for words in book.classes.values() for word in words)
    )


def rule_columns(rules: tuple[Rule, ...]) -> dict[str, npt.NDArray[Any]]:
    """The ``columns``, ``levels`` and ``names`` of a `RuleBook` with these rules."""
    return {
        "columns": np.array([CATEGORIES.index(rule.category) for rule in rules], np.int64),
        "levels": np.array([rule.severity for rule in rules], np.int64),
        "names": np.array([*(rule.name for rule in rules), None], object),
    }
