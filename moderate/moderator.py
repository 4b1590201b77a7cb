"""Moderator: model, rule book and policy come together in a Decision; the fallback to the rules alone stands here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ._version import __version__
from .decision import Decision, DecisionSource, Reason, Verdict
from .errors import ModelError
from .explanation import locate_words, merge_spans, name_categories
from .features import Features, Vocabulary
from .folding import Bools, Ints
from .guidelines import CATEGORIES, RULE_PRESETS, Category, Policy
from .model import Floats, LinearModel, cap_children, probabilities
from .rules import Hits, RuleBook
from .text import PIECE, tokenize

DATA: Final = Path(__file__).parent / "data"

# What a hit of the rule book adds to the model's log-odds, by severity (none, mild, strong, severe): enough to settle
# a doubt, not to overrule the model where it finds a sentence harmless, which may be a quotation. At 0.5, 2.5 and 4 the
# mean AUC over the test sets was 0.001 lower, and hatexplain's abuse 0.005.
EVIDENCE: Final = np.array([0.0, 0.3, 1.0, 2.0])
# Score of a category, by severity, when the rule book decides alone; `RULE_THRESHOLDS` are set between them.
RULE_SCORES: Final = np.array([0.0, 0.3, 0.7, 0.95], np.float32)
# Share of a comment's words that the model must know to judge it; below it is another language or script.
LEAST_KNOWN: Final = 0.2

CHUNK: Final = 1 << 16  # characters handled at once: their arrays fit a core's cache
CHUNK_COMMENTS: Final = 1024

MOST_CATEGORIES: Final = 3  # categories that get reasons from the model
_PROMOTION: Final = CATEGORIES.index(Category.PROMOTION)
_PROMOTIONS: Final = [column for column, name in enumerate(CATEGORIES) if "promotion" in name]
_NOT_PROMOTION: Final = [column for column, name in enumerate(CATEGORIES) if "promotion" not in name]
_MEMBERS: Final = tuple(Category)
_NOTHING: Final[tuple[tuple[Category, ...], tuple[Reason, ...]]] = ((), ())


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What is known of the n comments of a chunk.

    Attributes:
        scores: probability of each category; float32 (n, len(CATEGORIES)).
        by_rules: whether the rule book decided alone; bool (n,).
        blank: whether there is nothing to judge: no word and no link; bool (n,).
        features: features of the pieces that the comments were cut into.
        hits: rule hits.
        first: index of each comment's first word, and the number of words at the end; int64 (n + 1,).
        shifts: what to add to a word's position in its piece, by piece; int64.
    """

    scores: npt.NDArray[np.float32]
    by_rules: Bools
    blank: Bools
    features: Features
    hits: Hits
    first: Ints
    shifts: Ints

    def place(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Code-point begin and end, in the original comment, of stretches of words."""
        features = self.features
        begins, ends = features.tokens.spans(features.index.take(start), features.last.take(end))
        shifts = self.shifts.take(np.searchsorted(features.first, start, side="right") - 1)
        return begins + shifts, ends + shifts


class Moderator:
    """Decides on comments. Load one with `Moderator.load`; it is immutable and may be shared between threads."""

    def __init__(self, *, model: LinearModel | None, rules: RuleBook, policy: Policy | None = None) -> None:
        """Put a model, a rule book and a policy (the default one if none) together."""
        self.model = model
        self.rules = rules
        self.policy = policy or Policy()
        presets = RULE_PRESETS if model is None else model.presets
        self.thresholds: tuple[float, ...] = self.policy.resolve(presets)
        self._vocabulary: Vocabulary = rules.vocabulary() if model is None else model.vocabulary
        self._limits = np.array([self.thresholds, self.policy.resolve(RULE_PRESETS)], np.float32)

    @classmethod
    def load(cls, path: str | Path | None = None, policy: Policy | str | None = None) -> Moderator:
        """Load a model folder and its policy.

        Args:
            path: a model folder; ``None`` is the packaged model. A ``rules.toml`` in it replaces the packaged one.
            policy: a `Policy`, the name of a preset, or ``None`` for the default policy.

        Raises:
            ModelError: ``path`` is not a usable model folder. (A damaged packaged model only warns: rules decide.)
            PolicyError: there is no preset of that name.
            RulesError: ``rules.toml`` is not valid.
        """
        if isinstance(policy, str):
            policy = Policy.named(policy)
        folder = DATA if path is None else Path(path)
        rules = folder / "rules.toml"
        book = RuleBook.from_toml(rules if rules.is_file() else DATA / "rules.toml")
        try:
            model = LinearModel.load(folder)
        except ModelError as error:
            if path is not None:
                raise
            warnings.warn(f"the packaged model cannot be used, the rule book decides alone: {error}", stacklevel=2)
            return cls(model=None, rules=book, policy=policy)
        return cls(model=model, rules=book, policy=policy)

    def classify(self, text: str) -> Decision:
        """Decide on one comment, of any length; TypeError if ``text`` is not a ``str``."""
        if not isinstance(text, str):
            raise TypeError(f"a comment must be a str, not {type(text).__name__}")
        return self._decide([text])[0]

    def classify_many(self, texts: Iterable[str]) -> list[Decision]:
        """Decide on many comments; the results equal those of `classify` one by one.

        Raises:
            TypeError: an element is not a ``str``; names its type and position. A single ``str`` is refused too.
        """
        return [decision for chunk in _chunks(_checked(texts)) for decision in self._decide(chunk)]

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """Calibrated probability of every category; float32 (n, len(CATEGORIES)), columns in that order.

        Raises:
            TypeError: an element is not a ``str``; names its type and position. A single ``str`` is refused too.
        """
        parts = [self._judge(chunk).scores for chunk in _chunks(_checked(texts))]
        return np.concatenate(parts) if parts else np.zeros((0, len(CATEGORIES)), np.float32)

    def info(self) -> dict[str, Any]:
        """Version, model, policy and categories as plain values, for people and for JSON."""
        card = {} if self.model is None else dict(self.model.card)
        return {
            "version": __version__,
            "source": "rules" if self.model is None else "model",
            "model": card,
            "rules": {"rules": len(self.rules.rules), "sha256": self.rules.digest},
            "policy": self.policy.name,
            "thresholds": dict(zip(CATEGORIES, self.thresholds, strict=True)),
            "categories": list(CATEGORIES),
        }

    def _judge(self, texts: Sequence[str]) -> _Judgement:
        """Score a chunk."""
        pieces, piece_first, shifts = _cut(texts)
        features = self._vocabulary.extract(tokenize(pieces))
        first = features.first if len(pieces) == len(texts) else features.first.take(piece_first)
        hits = self.rules.find(features.words)
        if hits.innocent.size:
            features.mute(hits.innocent)
        severities = self.rules.severities(hits, first) if hits.rule.size else None
        counts, known, links = features.counts, features.known, features.tokens.links
        if len(pieces) != len(texts):
            counts, known, links = (np.add.reduceat(values, piece_first[:-1]) for values in (counts, known, links))
        by_rules = known < LEAST_KNOWN * counts
        if self.model is None:
            by_rules = np.ones(len(texts), np.bool_)
            scores = np.zeros((len(texts), len(CATEGORIES)), np.float32)
        else:
            words, signals = self.model.sums(features)
            if len(pieces) != len(texts):
                words, signals = np.add.reduceat(words, piece_first[:-1]), signals.take(piece_first[:-1], axis=0)
            logits = self.model.calibrate((words, signals), counts)
            if severities is not None:
                logits += EVIDENCE.take(severities)
            scores = probabilities(logits)
        if by_rules.any():
            ruled = np.zeros_like(scores) if severities is None else RULE_SCORES.take(severities)
            ruled[:, _PROMOTIONS] = np.maximum(ruled, scores)[:, _PROMOTIONS]  # a link is one in any language
            scores[by_rules] = ruled[by_rules]
        blank = (counts == 0) & (links == 0)
        scores[blank] = 0
        cap_children(scores)
        return _Judgement(
            scores=scores,
            by_rules=by_rules,
            blank=blank,
            features=features,
            hits=hits,
            first=first,
            shifts=shifts,
        )

    def _decide(self, texts: Sequence[str]) -> list[Decision]:
        """Decide on a chunk."""
        judgement = self._judge(texts)
        scores = judgement.scores
        limits = self._limits.take(judgement.by_rules, axis=0)
        broken = (scores >= limits) & ~judgement.blank[:, None]
        rejected = np.flatnonzero(broken.any(axis=1))
        explained = self._explain(judgement, rejected, broken, limits) if rejected.size else {}
        rows = zip(scores.tolist(), _overall(scores).tolist(), judgement.by_rules.tolist(), strict=True)
        decisions = []
        for number, (row, score, by_rules) in enumerate(rows):
            categories, reasons = explained.get(number, _NOTHING)
            verdict: Verdict = "reject" if categories else "approve"
            source: DecisionSource = "rules" if by_rules else "model"
            named = dict(zip(CATEGORIES, row, strict=True))
            decisions.append(Decision(verdict, score, named, categories, reasons, source))
        return decisions

    def _explain(
        self, judgement: _Judgement, rejected: Ints, broken: Bools, limits: npt.NDArray[np.float32]
    ) -> dict[int, tuple[tuple[Category, ...], tuple[Reason, ...]]]:
        """Categories and reasons of the ``rejected`` comments, by their number in the chunk."""
        scores = judgement.scores.take(rejected, axis=0)
        columns = name_categories(scores, broken.take(rejected, axis=0), limits.take(rejected, axis=0))
        reasons = self._rule_reasons(judgement)
        for comment, reason in self._word_reasons(judgement, rejected, columns):
            reasons.setdefault(comment, []).append(reason)
        explained = {}
        for comment, named in zip(rejected.tolist(), columns, strict=True):
            categories = tuple(_MEMBERS[column] for column in named)
            grounds = [reason for reason in reasons.get(comment, ()) if reason.category in categories]
            explained[comment] = categories, tuple(sorted(grounds, key=_by_strength))
        return explained

    def _word_reasons(
        self, judgement: _Judgement, rejected: Ints, columns: list[list[int]]
    ) -> Iterator[tuple[int, Reason]]:
        """Reasons from the model's weights, with the comment of each."""
        cases = [
            (comment, column)
            for comment, named in zip(rejected.tolist(), columns, strict=True)
            if not judgement.by_rules[comment]
            for column in named[:MOST_CATEGORIES]
        ]
        if self.model is None or not cases:
            return
        comments, heads = np.array(cases, np.int64).T
        words, owner = locate_words(self.model, judgement.features, judgement.first, comments, heads)
        spans = merge_spans(*judgement.place(words, words), owner, len(cases))
        scores = judgement.scores[comments, heads].tolist()
        for (comment, column), score, places in zip(cases, scores, spans, strict=True):
            if places:
                yield comment, Reason(_MEMBERS[column], score, "model", None, places)

    def _rule_reasons(self, judgement: _Judgement) -> dict[int, list[Reason]]:
        """Reasons from the rule book, by comment: one for each rule that hit, with all its places."""
        hits = judgement.hits
        reasons: dict[int, list[Reason]] = {}
        if not hits.rule.size:
            return reasons
        comments = np.searchsorted(judgement.first, hits.start, side="right") - 1
        cases = comments * len(self.rules.rules) + hits.rule
        order = np.lexsort((hits.start, cases))
        unique, owner = np.unique(cases[order], return_inverse=True)
        spans = merge_spans(*judgement.place(hits.start[order], hits.end[order]), owner, unique.size)
        for case, places in zip(unique.tolist(), spans, strict=True):
            comment, number = divmod(case, len(self.rules.rules))
            rule = self.rules.rules[number]
            score = float(judgement.scores[comment, _MEMBERS.index(rule.category)])
            reasons.setdefault(comment, []).append(Reason(rule.category, score, "rule", rule.name, places))
        return reasons


def _overall(scores: npt.NDArray[np.float32]) -> Floats:
    """Probability that a comment is rejected for its tone or as promotion, which are independent; float64 (n,)."""
    tone = scores[:, _NOT_PROMOTION].max(axis=1).astype(np.float64)
    overall: Floats = 1 - (1 - tone) * (1 - scores[:, _PROMOTION].astype(np.float64))
    return overall


def _by_strength(reason: Reason) -> tuple[float, bool]:
    """Sort key: strongest category first, and what a rule says before the words of the model."""
    return -reason.score, reason.source == "model"


def _cut(texts: Sequence[str]) -> tuple[Sequence[str], Ints, Ints]:
    """Cut long comments into pieces, at blanks where there are any.

    Returns the pieces, the index of each comment's first piece (and their number at the end), and where in its comment
    each piece begins.
    """
    if all(len(text) <= PIECE for text in texts):
        return texts, np.arange(len(texts) + 1), np.zeros(len(texts), np.int64)
    pieces, counts, shifts = [], [], []
    for text in texts:
        begin, count = 0, 0
        while count == 0 or begin < len(text):
            end = begin + PIECE
            if end < len(text):
                blank = text.rfind(" ", begin + PIECE // 2, end)
                end = blank + 1 if blank >= 0 else end
            pieces.append(text[begin:end])
            shifts.append(begin)
            begin, count = end, count + 1
        counts.append(count)
    return pieces, np.append(0, np.cumsum(counts)), np.array(shifts, np.int64)


def _checked(texts: Iterable[str]) -> Iterator[str]:
    if isinstance(texts, str):
        raise TypeError("expected an iterable of comments, not one str: use classify, or put it into a list")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"comment {position} must be a str, not {type(text).__name__}")
        yield text


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group comments so that a group has about `CHUNK` characters; results do not depend on the grouping."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= CHUNK or len(chunk) >= CHUNK_COMMENTS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@cache
def default_moderator() -> Moderator:
    """The packaged model with the default policy, loaded once."""
    return Moderator.load()


def classify(text: str) -> Decision:
    """Decide on one comment with the packaged model; see `Moderator.classify`."""
    return default_moderator().classify(text)


def classify_many(texts: Iterable[str]) -> list[Decision]:
    """Decide on many comments with the packaged model; see `Moderator.classify_many`."""
    return default_moderator().classify_many(texts)
