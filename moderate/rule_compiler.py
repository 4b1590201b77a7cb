"""From the text of a rule book to its tables: reading, checking and expanding ``rules.toml``.

Apart from `moderate.rules`, because the packaged book comes compiled: reading it needs none of this.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from .errors import RulesError
from .feature_table import FeatureTable
from .features import combine
from .folding import Ints
from .guidelines import CATEGORIES, Category
from .quotations import ROLES, Quotations
from .rules import LONGEST_PHRASE, MILD, SEVERITIES, Rule, RuleBook, rule_columns
from .text import decode, tokenize
from .untrusted import parse_toml

FORMAT: Final = 1
# These bound the time and memory to load a book, whatever its sets and brackets multiply to.
MOST_SEQUENCES: Final = 50_000  # of a whole book; the packaged one has 48,694
MOST_PARTS: Final = 1_000_000  # words, brackets and sets read to find them; the packaged book has 58,215
LONGEST_TEXT: Final = 1_000  # characters of a phrase, as written and as read


def compile_rules(path: Path, raw: bytes) -> RuleBook:
    """Compile the rule book ``raw``; ``path`` is where it came from, for complaints."""
    try:
        text, data = parse_toml(raw)
    except ValueError as error:
        raise RulesError(f"{path}: {error}") from error
    return Compiler(path, text, data, hashlib.sha256(raw).hexdigest()).compile()


def read_word_sets(path: Path) -> dict[str, tuple[str, ...]]:
    """The single words of every set of [words] of the rule book ``path``, folded; RulesError if it is not valid."""
    compiler = Compiler(path, *parse_toml(path.read_bytes()), "")
    compiler.sets = compiler._read_sets()
    return {name: tuple(dict.fromkeys(compiler.members(name, name))) for name in compiler.sets}


class Compiler:
    """From the text of a rule book to its tables; every complaint names file, line and key."""

    def __init__(self, path: Path, text: str, data: Mapping[str, Any], digest: str) -> None:
        """Take the parsed ``data`` of ``text``; ``path`` is for complaints."""
        self.path, self.text, self.data, self.digest = path, text, data, digest
        self.sequences = self.parts = 0
        self.rule = -1  # number of the rule that is being read; -1: none

    def compile(self) -> RuleBook:
        """Read everything and lay out the tables."""
        for key in self.data:
            if key not in {"format", "classes", "quotations", "words", "rule"}:
                raise self._error(key, f"unknown key {key!r} (format, [classes], [quotations], [words], [[rule]])")
        if self.data.get("format") != FORMAT:
            raise self._error("format", f"format {self.data.get('format')!r} is not {FORMAT}")
        self.sets = self._read_sets()
        rules: list[Rule] = []
        phrases: list[str] = []
        endings: list[int] = []
        for number, entry in enumerate(self._entries("rule")):
            self.rule = number
            rules.append(self._read_rule(entry, {rule.name for rule in rules}))
            for key, ending in (("phrases", number), ("exceptions", -1 - number)):
                for phrase in self._strings(entry, key):
                    expanded = list(self.expand(phrase))
                    phrases += expanded
                    endings += [ending] * len(expanded)
        self.rule = -1
        classes = self._read_classes()
        return self._build(tuple(rules), phrases, np.array(endings, np.int64), classes)

    def _build(
        self, rules: tuple[Rule, ...], phrases: list[str], endings: Ints, classes: dict[str, tuple[str, ...]]
    ) -> RuleBook:
        tokens = tokenize(phrases)
        first, lengths = tokens.first[:-1] + 1, np.diff(tokens.first) - 1
        for index in np.flatnonzero((lengths < 1) | (lengths > LONGEST_PHRASE))[:1]:
            self.rule = max(int(endings[index]), -1 - int(endings[index]))
            message = f"phrase {phrases[index]!r} has {lengths[index]} words, not 1 to {LONGEST_PHRASE}"
            raise self._error(phrases[index], message)
        current = tokens.hashes.take(np.minimum(first, tokens.hashes.size - 1))
        prefixes, ends = [], np.zeros(len(phrases), np.uint64)
        for length in range(1, LONGEST_PHRASE + 1):
            reached = lengths >= length
            prefixes.append(current[reached])
            ends[lengths == length] = current[lengths == length]
            following = tokens.hashes.take(first + length, mode="clip")
            current = combine(current, following, kind="phrase")
        hashes = np.unique(np.concatenate(prefixes))
        table, order, salt = FeatureTable.build_exact(hashes)
        rows = table.look_up(ends * salt)
        by_row = np.lexsort((endings, rows))
        pairs = np.unique(np.stack([rows[by_row].astype(np.int64), endings[by_row]], axis=1), axis=0)
        return RuleBook(
            rules=rules,
            words=self._vocabulary(phrases),
            classes=classes,
            table=table,
            salt=salt,
            prefixes=np.append(np.zeros(1, np.uint64), hashes[order]),
            endings=np.searchsorted(pairs[:, 0], np.arange(order.size + 2)),
            ending_rules=pairs[:, 1].copy(),
            **rule_columns(rules),
            digest=self.digest,
            quotations=Quotations(self._read_quotations()),
        )

    def _vocabulary(self, phrases: list[str]) -> dict[str, int]:
        """Every folded word of ``phrases``, and 1 where it is a phrase by itself."""
        words: dict[str, int] = {}
        for folded in fold_words(phrases):
            for word in folded:
                words[word] = max(words.get(word, 0), int(len(folded) == 1))
        return words

    def _read_sets(self) -> dict[str, list[str]]:
        sets = self.data.get("words", {})
        if not isinstance(sets, dict):
            raise self._error("words", "[words] must be a table of lists")
        return {name: self._strings(sets, name) for name in sets}

    def _read_classes(self) -> dict[str, tuple[str, ...]]:
        """Words of each feature class, single words only; the first class that names a word has it.

        ``classes`` may also be a list of sets, each of which is a class by itself.
        """
        table = self.data.get("classes", {})
        if isinstance(table, list):
            table = {name: [name] for name in self._strings(self.data, "classes")}
        if not isinstance(table, dict):
            raise self._error("classes", "[classes] must be a table of lists of sets")
        taken: set[str] = set()
        classes = {}
        for name in table:
            members = [word for source in self._strings(table, name) for word in self.members(source, name)]
            classes[name] = tuple(dict.fromkeys(word for word in members if word not in taken))
            taken.update(members)
        return classes

    def _read_quotations(self) -> dict[str, tuple[str, ...]]:
        """Words of each role in a quotation, single words only."""
        table = self.data.get("quotations", {})
        if not isinstance(table, dict):
            raise self._error("quotations", "[quotations] must be a table of lists of sets")
        for role in table:
            if role not in ROLES:
                raise self._error(role, f"unknown key {role!r} in [quotations] ({', '.join(ROLES)})")
        return {
            role: tuple(dict.fromkeys(word for name in self._strings(table, role) for word in self.members(name, role)))
            for role in table
        }

    def members(self, name: str, key: str) -> list[str]:
        """The single words of the set ``name``, folded; ``key`` is what asks for it, for complaints."""
        if name not in self.sets:
            raise self._error(key, f"class {key!r}: {name!r} is not a set of [words]")
        expanded = [phrase for entry in self.sets[name] for phrase in self.expand(entry)]
        return [folded[0] for folded in fold_words(expanded) if len(folded) == 1]

    def _read_rule(self, entry: Mapping[str, Any], taken: set[str]) -> Rule:
        for key in entry:
            if key not in {"name", "category", "severity", "phrases", "exceptions"}:
                raise self._error(key, f"unknown key {key!r} in a rule (name, category, severity, phrases, exceptions)")
        name = entry.get("name")
        if not isinstance(name, str) or not name or name in taken:
            raise self._error(str(name), f"every rule needs a name of its own, not {name!r}")
        category, severity = entry.get("category"), entry.get("severity")
        if category not in CATEGORIES:
            raise self._error("category", f"rule {name!r}: unknown category {category!r}")
        if severity not in SEVERITIES[MILD:]:
            raise self._error(
                "severity", f"rule {name!r}: severity {severity!r} is not one of {', '.join(SEVERITIES[MILD:])}"
            )
        if not entry.get("phrases"):
            raise self._error(name, f"rule {name!r} has no phrases")
        return Rule(name=name, category=Category(category), severity=SEVERITIES.index(severity))

    def _entries(self, key: str) -> list[Mapping[str, Any]]:
        entries = self.data.get(key, [])
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise self._error(key, f"[[{key}]] is missing")
        return entries

    def _strings(self, table: Mapping[str, Any], key: str) -> list[str]:
        values = table.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._error(key, f"{key!r} must be a list of strings")
        return values

    def expand(self, phrase: str) -> Iterator[str]:
        """Every plain phrase that ``phrase`` stands for."""
        parts = self._parse(phrase, phrase)
        for choice in itertools.product(*parts):
            self.sequences += 1
            if self.sequences > MOST_SEQUENCES:
                raise self._error(phrase, f"the book stands for more than {MOST_SEQUENCES} phrases; at {phrase!r}")
            yield self._join(choice, phrase)

    def _parse(self, text: str, phrase: str, depth: int = 0) -> list[list[str]]:
        """Alternatives of each part of ``text``, which is ``phrase`` or a part of it."""
        if depth > 8:
            raise self._error(phrase, f"phrase {phrase!r} nests too deeply")
        if len(text) > LONGEST_TEXT:
            raise self._error(phrase, f"phrase {phrase[:60]!r}... has a part of more than {LONGEST_TEXT} characters")
        parts: list[list[str]] = []
        while text:
            self._count(1, phrase)
            if text[0] == "(":
                inside, text = self._bracketed(text, phrase)
                options = self._split(inside)
                parts.append(self.alternatives(options, phrase, depth))
            elif text[0] == "{":
                name, closed, text = text[1:].partition("}")
                if not closed or name not in self.sets:
                    raise self._error(phrase, f"phrase {phrase!r}: no word set {name!r}")
                parts.append(self.alternatives(self.sets[name], phrase, depth))
            elif text[0] in ")}|":
                raise self._error(phrase, f"phrase {phrase!r}: unexpected {text[0]!r}")
            else:
                plain = re.split(r"[(){}|]", text, maxsplit=1)[0]
                parts.append([plain])
                text = text[len(plain) :]
        return parts

    def alternatives(self, options: list[str], phrase: str, depth: int) -> list[str]:
        """Every plain phrase that one of ``options``, parts of ``phrase``, stands for; bounded."""
        products = (
            self._join(choice, phrase)
            for option in options
            for choice in itertools.product(*self._parse(option, phrase, depth + 1))
        )
        plain = list(itertools.islice(products, MOST_SEQUENCES + 1))
        if len(plain) > MOST_SEQUENCES:
            raise self._error(phrase, f"phrase {phrase!r} stands for more than {MOST_SEQUENCES} phrases")
        self._count(len(options) + len(plain), phrase)
        return plain

    def _count(self, parts: int, phrase: str) -> None:
        """Count the work that the book is; RulesError where it is too much."""
        self.parts += parts
        if self.parts > MOST_PARTS:
            raise self._error(phrase, f"the book is more than {MOST_PARTS:,} words, brackets and sets; at {phrase!r}")

    def _join(self, choice: tuple[str, ...], phrase: str) -> str:
        """The plain phrase that a choice of alternatives makes."""
        joined = "".join(choice)
        if len(joined) > LONGEST_TEXT:
            raise self._error(phrase, f"phrase {phrase!r} stands for one of more than {LONGEST_TEXT} characters")
        return joined

    def _bracketed(self, text: str, phrase: str) -> tuple[str, str]:
        """Split ``"(inside)rest"`` into inside and rest."""
        depth = 0
        for place, char in enumerate(text):
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return text[1:place], text[place + 1 :]
        raise self._error(phrase, f"phrase {phrase!r}: a bracket is not closed")

    @staticmethod
    def _split(text: str) -> list[str]:
        """Split at the bars that stand outside brackets."""
        options, depth = [""], 0
        for char in text:
            depth += (char == "(") - (char == ")")
            if char == "|" and depth == 0:
                options.append("")
            else:
                options[-1] += char
        return options

    def _error(self, key: str, message: str) -> RulesError:
        """An error at the line, from where the current rule begins, that sets ``key`` or holds it as a string."""
        lines = self.text.splitlines()
        headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[[rule]]")]
        begin = headers[self.rule] if 0 <= self.rule < len(headers) else 0
        place = re.compile(rf"""^\s*\[*["']?{re.escape(key)}["']?\s*[\]=.]|["']{re.escape(key)}["']""")
        line = next((number for number in range(begin, len(lines)) if place.search(lines[number])), begin)
        return RulesError(f"{self.path}, line {line + 1}: {message}")


def fold_words(phrases: list[str]) -> list[list[str]]:
    """The folded words of each phrase, as the matcher sees them."""
    tokens = tokenize(phrases)
    letters = decode(tokens.codes)
    words = [letters[start:end] for start, end in itertools.pairwise(tokens.starts.tolist())]
    return [words[start + 1 : end] for start, end in itertools.pairwise(tokens.first.tolist())]
