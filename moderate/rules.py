"""The rule book: lexicon and patterns as readable data, matched on whole words in time linear in the text.

``rules.toml`` holds rules (category, severity, phrases, exceptions) and named word sets. A phrase uses ``(a|b|)`` for
alternatives and ``{name}`` for any word of a set, so it always stands for a finite set of word sequences; nothing can
be written that matches slowly. All sequences go into one prefix table (a trie as a hash table, Liang 1983), and a batch
of comments walks down it one word at a time, all places at once.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import RulesError
from .features import FeatureTable, Vocabulary, combine
from .folding import U64, Ints
from .guidelines import CATEGORIES, PARENT, Category
from .links import expand
from .spelling import Spelling, spelling_keys
from .text import hash_words, tokenize

SEVERITIES: Final = ("none", "mild", "strong", "severe")
NONE, MILD, STRONG, SEVERE = range(4)

FORMAT: Final = 1
LEAST_DISGUISED: Final = 3  # letters; a shorter word in disguise is anything
LONGEST_PHRASE: Final = 10  # words; longer ones are sentences, and a place would walk too far
MOST_SEQUENCES: Final = 150_000  # of a whole book: bounds the time and memory to load it


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
        innocent: indices of the words that stand in an exception to some rule; int64.
    """

    start: Ints
    end: Ints
    rule: Ints
    innocent: Ints


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules compiled to a prefix table.

    Attributes:
        rules: the rules.
        words: every single word that occurs in a phrase, folded; what evaders' spellings are compared with.
        classes: name of each feature class -> its words, folded.
        table: prefixes of phrases; a row is a prefix.
        prefixes: hash of each row, so that no other sequence passes for it; uint64 (rows,).
        endings: where the rules that end at each row begin in ``ending_rules``; int64 (rows + 1,).
        ending_rules: rule index, or ``-1 - rule`` for an exception to it; int64.
        columns: score column of each rule's category; int64 (rules,).
        levels: severity of each rule, 1 to 3; int64 (rules,).
        digest: SHA-256 of the file.
    """

    rules: tuple[Rule, ...]
    words: Mapping[str, int]
    classes: Mapping[str, tuple[str, ...]]
    table: FeatureTable
    prefixes: U64
    endings: Ints
    ending_rules: Ints
    columns: Ints
    levels: Ints
    digest: str

    @classmethod
    def from_toml(cls, path: str | Path) -> RuleBook:
        """Read and compile a rule book.

        Raises:
            RulesError: the file cannot be read or is not valid; names the file, the line and what is wrong.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
            data = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RulesError(f"{path}: {error}") from error
        return _Compiler(path, text, data).compile()

    def find(self, words: U64) -> Hits:
        """Find all hits among the word hashes of a batch (comments divided by boundary words); exceptions applied."""
        at = np.arange(words.size)
        hashes = words
        padded = np.append(words, np.uint64(0))  # behind the last word stands no word of any phrase
        found: list[tuple[Ints, Ints, Ints]] = []
        for length in range(1, LONGEST_PHRASE + 1):
            rows = self.table.look_up(hashes)
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
        if not found:
            nothing = np.zeros(0, np.int64)
            return Hits(start=nothing, end=nothing, rule=nothing, innocent=nothing)
        start, end, rule = (np.concatenate(column) for column in zip(*found, strict=True))
        return _without_exceptions(start, end, rule)

    def severities(self, hits: Hits, first: Ints) -> npt.NDArray[np.int64]:
        """Strongest severity of each category in each comment; int64 (n, len(CATEGORIES)).

        Two mild hits at different places make a strong one. What a child category has, its parent has.
        """
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
        for child, parent in PARENT.items():
            column = levels_by_comment[:, CATEGORIES.index(parent)]
            np.maximum(column, levels_by_comment[:, CATEGORIES.index(child)], out=column)
        return levels_by_comment

    def vocabulary(self) -> Vocabulary:
        """What the feature pipeline needs where there is no model: the words of the book, and their disguises."""
        words = sorted(self.words)
        table, order = build_exact(np.unique(hash_words(words)))
        single = [word for word in words if len(word) >= LEAST_DISGUISED]
        return Vocabulary(
            table=table,
            classes=np.zeros(order.size + 1, np.uint8),
            spelling=Spelling.build(spelling_keys(single, plain=False), hash_words(single)),
        )


def _without_exceptions(start: Ints, end: Ints, rule: Ints) -> Hits:
    """Drop exceptions, and hits that lie inside an exception to their own rule; sort by place."""
    exception = rule < 0
    innocent = np.zeros(0, np.int64)
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


class _Compiler:
    """From the text of a rule book to its tables; every complaint names file, line and key."""

    def __init__(self, path: Path, text: str, data: Mapping[str, Any]) -> None:
        self.path, self.text, self.data = path, text, data
        self.sequences = 0
        self.rule = -1  # number of the rule that is being read; -1: none

    def compile(self) -> RuleBook:
        for key in self.data:
            if key not in {"format", "classes", "words", "rule"}:
                raise self.error(key, f"unknown key {key!r} (format, classes, [words], [[rule]])")
        if self.data.get("format") != FORMAT:
            raise self.error("format", f"format {self.data.get('format')!r} is not {FORMAT}")
        self.sets = self.read_sets()
        rules: list[Rule] = []
        phrases: list[str] = []
        endings: list[int] = []
        for number, entry in enumerate(self.entries("rule")):
            self.rule = number
            rules.append(self.read_rule(entry, {rule.name for rule in rules}))
            for key, ending in (("phrases", number), ("exceptions", -1 - number)):
                for phrase in self.strings(entry, key):
                    expanded = list(self.expand(phrase))
                    phrases += expanded
                    endings += [ending] * len(expanded)
        self.rule = -1
        classes = self.read_classes()
        return self.build(tuple(rules), phrases, np.array(endings, np.int64), classes)

    def build(
        self, rules: tuple[Rule, ...], phrases: list[str], endings: Ints, classes: dict[str, tuple[str, ...]]
    ) -> RuleBook:
        tokens = tokenize(phrases)
        first, lengths = tokens.first[:-1] + 1, np.diff(tokens.first) - 1
        for index in np.flatnonzero((lengths < 1) | (lengths > LONGEST_PHRASE))[:1]:
            self.rule = max(int(endings[index]), -1 - int(endings[index]))
            message = f"phrase {phrases[index]!r} has {lengths[index]} words, not 1 to {LONGEST_PHRASE}"
            raise self.error(phrases[index], message)
        current = tokens.hashes.take(np.minimum(first, tokens.hashes.size - 1))
        prefixes, ends = [], np.zeros(len(phrases), np.uint64)
        for length in range(1, LONGEST_PHRASE + 1):
            reached = lengths >= length
            prefixes.append(current[reached])
            ends[lengths == length] = current[lengths == length]
            following = tokens.hashes.take(first + length, mode="clip")
            current = combine(current, following, kind="phrase")
        hashes = np.unique(np.concatenate(prefixes))
        table, order = build_exact(hashes)
        rows = table.look_up(ends)
        by_row = np.lexsort((endings, rows))
        pairs = np.unique(np.stack([rows[by_row].astype(np.int64), endings[by_row]], axis=1), axis=0)
        return RuleBook(
            rules=rules,
            words=self.vocabulary(phrases),
            classes=classes,
            table=table,
            prefixes=np.append(np.zeros(1, np.uint64), hashes[order]),
            endings=np.searchsorted(pairs[:, 0], np.arange(order.size + 2)),
            ending_rules=pairs[:, 1].copy(),
            columns=np.array([CATEGORIES.index(rule.category) for rule in rules], np.int64),
            levels=np.array([rule.severity for rule in rules], np.int64),
            digest=hashlib.sha256(self.text.encode()).hexdigest(),
        )

    def vocabulary(self, phrases: list[str]) -> dict[str, int]:
        """Every folded word of ``phrases``, and 1 where it is a phrase by itself."""
        words: dict[str, int] = {}
        for folded in fold_words(phrases):
            for word in folded:
                words[word] = max(words.get(word, 0), int(len(folded) == 1))
        return words

    def read_sets(self) -> dict[str, list[str]]:
        sets = self.data.get("words", {})
        if not isinstance(sets, dict):
            raise self.error("words", "[words] must be a table of lists")
        return {name: self.strings(sets, name) for name in sets}

    def read_classes(self) -> dict[str, tuple[str, ...]]:
        """Words of each feature class, single words only; the first class that names a word has it."""
        taken: set[str] = set()
        classes = {}
        for name in self.strings(self.data, "classes"):
            if name not in self.sets:
                raise self.error("classes", f"class {name!r} is not a set of [words]")
            expanded = [phrase for entry in self.sets[name] for phrase in self.expand(entry)]
            members = [folded[0] for folded in fold_words(expanded) if len(folded) == 1]
            classes[name] = tuple(dict.fromkeys(word for word in members if word not in taken))
            taken.update(members)
        return classes

    def read_rule(self, entry: Mapping[str, Any], taken: set[str]) -> Rule:
        for key in entry:
            if key not in {"name", "category", "severity", "phrases", "exceptions"}:
                raise self.error(key, f"unknown key {key!r} in a rule (name, category, severity, phrases, exceptions)")
        name = entry.get("name")
        if not isinstance(name, str) or not name or name in taken:
            raise self.error(str(name), f"every rule needs a name of its own, not {name!r}")
        category, severity = entry.get("category"), entry.get("severity")
        if category not in CATEGORIES:
            raise self.error("category", f"rule {name!r}: unknown category {category!r}")
        if severity not in SEVERITIES[MILD:]:
            raise self.error(
                "severity", f"rule {name!r}: severity {severity!r} is not one of {', '.join(SEVERITIES[MILD:])}"
            )
        if not entry.get("phrases"):
            raise self.error(name, f"rule {name!r} has no phrases")
        return Rule(name=name, category=Category(category), severity=SEVERITIES.index(severity))

    def entries(self, key: str) -> list[Mapping[str, Any]]:
        entries = self.data.get(key, [])
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(key, f"[[{key}]] is missing")
        return entries

    def strings(self, table: Mapping[str, Any], key: str) -> list[str]:
        values = table.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"{key!r} must be a list of strings")
        return values

    def expand(self, phrase: str) -> Iterator[str]:
        """Every plain phrase that ``phrase`` stands for."""
        parts = self.parse(phrase, phrase)
        for choice in itertools.product(*parts):
            self.sequences += 1
            if self.sequences > MOST_SEQUENCES:
                raise self.error(phrase, f"the book stands for more than {MOST_SEQUENCES} phrases; at {phrase!r}")
            yield "".join(choice)

    def parse(self, text: str, phrase: str, depth: int = 0) -> list[list[str]]:
        """Alternatives of each part of ``text``, which is ``phrase`` or a part of it."""
        if depth > 8:
            raise self.error(phrase, f"phrase {phrase!r} nests too deeply")
        parts: list[list[str]] = []
        while text:
            if text[0] == "(":
                inside, text = self.bracketed(text, phrase)
                options = self.split(inside)
                parts.append(self.alternatives(options, phrase, depth))
            elif text[0] == "{":
                name, closed, text = text[1:].partition("}")
                if not closed or name not in self.sets:
                    raise self.error(phrase, f"phrase {phrase!r}: no word set {name!r}")
                parts.append(self.alternatives(self.sets[name], phrase, depth))
            elif text[0] in ")}|":
                raise self.error(phrase, f"phrase {phrase!r}: unexpected {text[0]!r}")
            else:
                plain = re.split(r"[(){}|]", text, maxsplit=1)[0]
                parts.append([plain])
                text = text[len(plain) :]
        return parts

    def alternatives(self, options: list[str], phrase: str, depth: int) -> list[str]:
        """Every plain phrase that one of ``options``, parts of ``phrase``, stands for; bounded."""
        products = (
            "".join(choice)
            for option in options
            for choice in itertools.product(*self.parse(option, phrase, depth + 1))
        )
        plain = list(itertools.islice(products, MOST_SEQUENCES + 1))
        if len(plain) > MOST_SEQUENCES:
            raise self.error(phrase, f"phrase {phrase!r} stands for more than {MOST_SEQUENCES} phrases")
        return plain

    def bracketed(self, text: str, phrase: str) -> tuple[str, str]:
        """Split ``"(inside)rest"`` into inside and rest."""
        depth = 0
        for place, char in enumerate(text):
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return text[1:place], text[place + 1 :]
        raise self.error(phrase, f"phrase {phrase!r}: a bracket is not closed")

    @staticmethod
    def split(text: str) -> list[str]:
        """Split at the bars that stand outside brackets."""
        options, depth = [""], 0
        for char in text:
            depth += (char == "(") - (char == ")")
            if char == "|" and depth == 0:
                options.append("")
            else:
                options[-1] += char
        return options

    def error(self, key: str, message: str) -> RulesError:
        """An error at the line, from where the current rule begins, that sets ``key`` or holds it as a string."""
        lines = self.text.splitlines()
        headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[[rule]]")]
        begin = headers[self.rule] if 0 <= self.rule < len(headers) else 0
        place = re.compile(rf"""^\s*\[*["']?{re.escape(key)}["']?\s*[\]=.]|["']{re.escape(key)}["']""")
        line = next((number for number in range(begin, len(lines)) if place.search(lines[number])), begin)
        return RulesError(f"{self.path}, line {line + 1}: {message}")


def build_exact(hashes: U64) -> tuple[FeatureTable, Ints]:
    """Build a table in which every one of the distinct ``hashes`` has a row; larger until it has."""
    bits = max(4, int(hashes.size).bit_length())
    while True:
        table, kept = FeatureTable.build(hashes, bits=bits)
        if kept.size == hashes.size:
            return table, kept
        bits += 1


def fold_words(phrases: list[str]) -> list[list[str]]:
    """The folded words of each phrase, as the matcher sees them."""
    tokens = tokenize(phrases)
    letters = decode(tokens.codes)
    words = [letters[start:end] for start, end in itertools.pairwise(tokens.starts.tolist())]
    return [words[start + 1 : end] for start, end in itertools.pairwise(tokens.first.tolist())]


def decode(codes: npt.NDArray[np.uint32]) -> str:
    """Codes as a string; a space for the boundary, which is no character."""
    return np.where(codes > 0x10FFFF, 32, codes).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
