"""Moderator: model, rule book and policy come together in a Decision; the fallback to the rules alone stands here."""

from __future__ import annotations

import os
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ._version import __version__
from .compiled import PATH
from .decision import Decision, Reason, Span, construct, name_scores
from .errors import ModelError
from .explanation import Named, find_leading_spans, find_reasons, reject
from .features import Vocabulary
from .folding import DATA, Floats, Ints
from .guidelines import CATEGORIES, RULE_PRESETS, Category, Policy
from .judgement import Judgement, judge
from .model import LinearModel
from .rules import RuleBook
from .text import find_extent

CHUNK: Final = 1 << 16  # characters handled at once: their arrays fit a core's cache
CHUNK_COMMENTS: Final = 4096

_PROMOTION: Final = CATEGORIES.index(Category.PROMOTION)
_VERDICTS: Final = np.array(["approve", "reject"], object)
_SOURCES: Final = np.array(["model", "rules"], object)
_TOXIC: Final = CATEGORIES.index(Category.TOXIC)


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
        book = RuleBook.from_toml(rules if os.path.lexists(rules) else DATA / "rules.toml")
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
        return self._decide([text]).decisions()[0]

    def classify_many(self, texts: Iterable[str]) -> list[Decision]:
        """Decide on many comments; the results equal those of `classify` one by one.

        Raises:
            TypeError: an element is not a ``str``; names its type and position. A single ``str`` is refused too.
        """
        return [decision for outcome in self.outcomes(texts) for decision in outcome.decisions()]

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """Calibrated probability of every category; float32 (n, len(CATEGORIES)), columns in that order.

        Raises:
            TypeError: an element is not a ``str``; names its type and position. A single ``str`` is refused too.
        """
        parts = [self._judge(chunk).scores for chunk in _chunks(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, len(CATEGORIES)), np.float32)

    def info(self) -> dict[str, Any]:
        """Version, model, policy and categories as plain values, for people and for JSON."""
        card = {} if self.model is None else dict(self.model.card)
        return {
            "version": __version__,
            "source": "rules" if self.model is None else "model",
            "kernels": PATH,
            "model": card,
            "rules": {"rules": len(self.rules.rules), "sha256": self.rules.digest},
            "policy": self.policy.name,
            "thresholds": dict(zip(CATEGORIES, self.thresholds, strict=True)),
            "categories": list(CATEGORIES),
        }

    def outcomes(self, texts: Iterable[str]) -> Iterator[Outcome]:
        """Decide on many comments, a group after the other: what `classify_many` puts into words, for tables.

        Raises:
            TypeError: an element is not a ``str``; names its type and position. A single ``str`` is refused too.
        """
        return map(self._decide, _chunks(texts))

    def _judge(self, texts: Sequence[str]) -> Judgement:
        return judge(texts, self._vocabulary, self.model, self.rules)

    def _decide(self, texts: Sequence[str]) -> Outcome:
        judgement = self._judge(texts)
        rejected, named = reject(judgement.scores, judgement.by_rules, judgement.blank, self._limits)
        return Outcome(
            texts=texts, judgement=judgement, rejected=rejected, named=named, model=self.model, rules=self.rules
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided on a group of n comments, not yet put into words.

    Attributes:
        texts: the comments.
        judgement: what is known of them.
        rejected: which are rejected; int64 (r,).
        named: the categories that these break.
        model, rules: who judged.
    """

    texts: Sequence[str]
    judgement: Judgement
    rejected: Ints
    named: Named
    model: LinearModel | None
    rules: RuleBook

    def overall(self) -> Floats:
        """Probability that a comment is rejected for its tone or as promotion, which are independent; float64 (n,)."""
        scores = self.judgement.scores
        tone = np.maximum(scores[:, :_PROMOTION].max(axis=1), scores[:, _TOXIC]).astype(np.float64)
        overall: Floats = 1 - (1 - tone) * (1 - scores[:, _PROMOTION].astype(np.float64))
        return overall

    def verdicts(self) -> list[str]:
        """ "approve" or "reject" for each comment."""
        rejections = np.zeros(len(self.texts), np.int64)
        rejections[self.rejected] = 1
        verdicts: list[str] = _VERDICTS.take(rejections).tolist()
        return verdicts

    def decisions(self) -> list[Decision]:
        """The decisions in full."""
        categories: list[tuple[Category, ...]] = [()] * len(self.texts)
        reasons: list[tuple[Reason, ...]] = [()] * len(self.texts)
        if self.rejected.size:
            found = find_reasons(self.judgement, self.named, self.rejected, self.model, self.rules)
            for number, names, grounds in zip(self.rejected.tolist(), self.named.categories(), found, strict=True):
                categories[number], reasons[number] = names, grounds or self._whole(number, names[0])
        return construct(
            Decision,
            self.verdicts(),
            self.overall().tolist(),
            name_scores(self.judgement.scores),
            categories,
            reasons,
            _SOURCES.take(self.judgement.by_rules).tolist(),
        )

    def leading_spans(self) -> list[tuple[Span, ...]]:
        """Of each rejected comment the places of one reason: the first of its strongest category, else the first."""
        spans = find_leading_spans(self.judgement, self.named, self.rejected, self.model, self.rules)
        return [
            places or (find_extent(self.texts[number]),)
            for number, places in zip(self.rejected.tolist(), spans, strict=True)
        ]

    def _whole(self, number: int, category: Category) -> tuple[Reason, ...]:
        """The reason where no word says anything by itself, but links alone do: the comment as a whole."""
        score = float(self.judgement.scores[number, CATEGORIES.index(category)])
        extent = find_extent(self.texts[number])
        return (Reason(category=category, score=score, source="model", rule=None, spans=(extent,)),)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group comments so that a group has at most `CHUNK` characters or is one comment; results do not depend on it."""
    if isinstance(texts, str):
        raise TypeError("expected an iterable of comments, not one str: use classify, or put it into a list")
    remaining, position = iter(texts), 0
    while block := list(islice(remaining, CHUNK_COMMENTS)):
        _check(block, position)
        position += len(block)
        ends = [0, *accumulate(map(len, block))]
        begin = 0
        while begin < len(block):
            end = max(begin + 1, bisect_right(ends, ends[begin] + CHUNK) - 1)
            yield block[begin:end]
            begin = end


def _check(texts: Sequence[Any], position: int) -> None:
    """Raise TypeError where one of ``texts`` is no ``str``; ``position`` is that of the first."""
    if set(map(type, texts)) == {str}:
        return
    for place, text in enumerate(texts, position):
        if not isinstance(text, str):
            raise TypeError(f"comment {place} must be a str, not {type(text).__name__}")


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
