"""Why comments were rejected: the categories they break, and the words that moved the model's scores of these.

Works on whole batches: a *case* is a rejected comment and one category that it breaks, by the model's word or by one
rule's. The words of all cases are laid out one after another, weighed, and the strongest of each case are turned into
spans of the original comment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .decision import Reason, Span, construct, group
from .features import Features
from .folding import Bools, Floats, Ints
from .guidelines import CATEGORIES, FAMILY, PROMOTIONS, Category
from .judgement import Judgement
from .links import expand
from .model import LinearModel
from .rules import FAMILY_COLUMNS, RuleBook

KIND_SHARE: Final = 0.15  # of a broken category's score, from which a kind of it is named too; golden cases chose it
MOST_CATEGORIES: Final = 3  # categories of a comment that get reasons from the model
MOST_WORDS: Final = 5  # words that a reason names
LEAST_SHARE: Final = 0.35  # of the strongest word's weight, that a word must have to be named

_TOXIC: Final = CATEGORIES.index(Category.TOXIC)
_NEAREST: Final = np.array([one for one in range(len(CATEGORIES)) if one not in (*PROMOTIONS, _TOXIC)], np.int64)
_MEMBERS: Final = np.array(list(Category), object)
_SOURCES: Final = np.array(["rule", "model"], object)


@dataclass(frozen=True, slots=True)
class Named:
    """The categories that r rejected comments break.

    Attributes:
        mask: whether each category is broken; bool (r, len(CATEGORIES)).
        columns: columns of the broken ones, strongest first, one comment after another; int64 (N,).
        bounds: where the columns of each comment begin, and N at the end; int64 (r + 1,).
    """

    mask: Bools
    columns: Ints
    bounds: Ints

    def take(self, comments: Ints) -> Named:
        """Those of some of the comments, by index."""
        counts = np.diff(self.bounds).take(comments)
        begins = self.bounds.take(comments)
        columns = self.columns.take(expand(begins, begins + counts))
        return Named(mask=self.mask.take(comments, axis=0), columns=columns, bounds=np.append(0, counts.cumsum()))

    def categories(self) -> list[tuple[Category, ...]]:
        """The categories of each comment, strongest first."""
        return group(_MEMBERS.take(self.columns).tolist(), self.bounds)


def reject(
    scores: npt.NDArray[np.float32], by_rules: Bools, blank: Bools, limits: npt.NDArray[np.float32]
) -> tuple[Ints, Named]:
    """The comments that break a category, by index, and which they break.

    A broken child breaks its parent, and a broken parent names the kinds that have a fair share of its score. A rude
    general impression counts as the nearest of the other categories: the one that comes closest to its threshold.

    Args:
        scores: probabilities; float32 (n, len(CATEGORIES)).
        by_rules: whose limits are those of the rule book; bool (n,).
        blank: which are approved whatever the limits; bool (n,).
        limits: from which score on each category is broken, for the model and for the rule book; float32
            (2, len(CATEGORIES)).
    """
    if kernels is None:
        return _reject(scores, by_rules, blank, limits)
    found = kernels.reject((scores, by_rules, blank, limits, FAMILY_COLUMNS, _NEAREST), _TOXIC)
    mask = np.frombuffer(found[1], np.bool_).reshape(-1, len(CATEGORIES))
    rejected, columns, bounds = (np.frombuffer(found[place], np.int64) for place in (0, 2, 3))
    return rejected, Named(mask=mask, columns=columns, bounds=bounds)


def _reject(
    scores: npt.NDArray[np.float32], by_rules: Bools, blank: Bools, limits: npt.NDArray[np.float32]
) -> tuple[Ints, Named]:
    limits = limits.take(by_rules, axis=0)
    broken = (scores >= limits) & ~blank[:, None]
    rejected = np.flatnonzero(broken.any(axis=1))
    scores, named, limits = scores.take(rejected, axis=0), broken.take(rejected, axis=0), limits.take(rejected, axis=0)
    for child, parent in FAMILY:
        named[:, parent] |= named[:, child]
    for child, parent in FAMILY:
        named[:, child] |= named[:, parent] & (scores[:, child] >= KIND_SHARE * scores[:, parent])
    named[:, _TOXIC] = False
    vague = np.flatnonzero(~named.any(axis=1))
    if vague.size:
        closeness = scores[vague][:, _NEAREST] / np.maximum(limits[vague][:, _NEAREST], np.float32(1e-9))
        named[vague, _NEAREST.take(closeness.argmax(axis=1))] = True
    order = np.argsort(np.where(named, -scores, 1), axis=1, kind="stable")
    counts = named.sum(axis=1)
    columns = order[np.arange(len(CATEGORIES)) < counts[:, None]]
    return rejected, Named(mask=named, columns=columns, bounds=np.append(0, counts.cumsum()))


def find_reasons(
    judgement: Judgement, named: Named, rejected: Ints, model: LinearModel | None, rules: RuleBook
) -> list[tuple[Reason, ...]]:
    """Reasons of each of the ``rejected`` comments (indices): strongest category first, and rules before the model."""
    (column, rule, source, scores, bounds), spans = _find_grounds(judgement, named, rejected, model, rules)
    reasons = construct(
        Reason,
        _MEMBERS.take(column).tolist(),
        scores.tolist(),
        _SOURCES.take(source).tolist(),
        rules.names.take(rule).tolist(),
        spans,
    )
    return group(reasons, bounds)


def find_leading_spans(
    judgement: Judgement, named: Named, rejected: Ints, model: LinearModel | None, rules: RuleBook
) -> list[tuple[Span, ...]]:
    """Places of one reason of each rejected comment: the first for its strongest category, or else its first one.

    What `find_reasons` would say, without the work on all the others; ``()`` where there is no reason at all.
    """
    strongest = named.columns.take(named.bounds[:-1])
    alone = Named(
        mask=np.arange(len(CATEGORIES)) == strongest[:, None], columns=strongest, bounds=np.arange(rejected.size + 1)
    )
    spans: list[tuple[Span, ...]] = [()] * rejected.size
    left = np.arange(rejected.size)
    for categories in (alone, named):
        if not left.size:
            break
        (*_, bounds), found = _find_grounds(judgement, categories.take(left), rejected.take(left), model, rules)
        has = np.diff(bounds) > 0
        for number, place in zip(left[has].tolist(), bounds[:-1][has].tolist(), strict=True):
            spans[number] = found[place]
        left = left[~has]
    return spans


# Column, rule (or their number) and source of each reason, int64; its score, float64; where those of each comment
# begin, int64; and the places of each reason.
_Grounds = tuple[tuple[Ints, Ints, Ints, Floats, Ints], list[tuple[Span, ...]]]


def _find_grounds(
    judgement: Judgement, named: Named, rejected: Ints, model: LinearModel | None, rules: RuleBook
) -> _Grounds:
    """Grounds of each rejected comment, strongest category first, and rules before the model."""
    if kernels is None:
        return _collect_grounds(judgement, named, rejected, model, rules)
    features, hits = judgement.features, judgement.hits
    tokens = features.tokens
    asked = (rejected, named.mask, named.columns, named.bounds, judgement.scores, judgement.by_rules, judgement.first)
    columns, spans = kernels.explain(
        (*asked, judgement.shifts),
        () if model is None else (model.rows, model.passage_shares, model.passage_margins),
        0.0 if model is None else model.gram_ratio,
        (0.0, 0.0) if model is None else (model.lengths.prior_words, model.lengths.damping),
        features.arrays(),
        (features.index, features.last, tokens.begins, tokens.ends, tokens.offsets),
        (hits.start, hits.end, hits.rule, rules.columns),
    )
    column, rule, source, scores, bounds = (np.frombuffer(values, np.int64) for values in columns)
    return (column, rule, source, scores.view(np.float64), bounds), spans


def _collect_grounds(
    judgement: Judgement, named: Named, rejected: Ints, model: LinearModel | None, rules: RuleBook
) -> _Grounds:
    groups = [_rule_cases(judgement, named, rejected, rules)]
    if model is not None:
        groups.append(_word_cases(judgement, named, rejected, model, rules))
    owner, column, rule, source = (np.concatenate(parts) for parts in zip(*(cases for cases, _ in groups), strict=True))
    spans = [places for _, group in groups for places in group]
    scores = judgement.scores[rejected.take(owner), column]
    order = np.lexsort((source, -scores, owner))
    owner, column, rule, source, scores = (values.take(order) for values in (owner, column, rule, source, scores))
    bounds = owner.searchsorted(np.arange(rejected.size + 1))
    return (column, rule, source, scores.astype(np.float64), bounds), [spans[one] for one in order.tolist()]


_Cases = tuple[tuple[Ints, Ints, Ints, Ints], Sequence[tuple[Span, ...]]]


def _rule_cases(judgement: Judgement, named: Named, rejected: Ints, rules: RuleBook) -> _Cases:
    """Cases of the rule book, one for each rule that hit: rejected comment, column, rule, source; and their places."""
    hits = judgement.hits
    comments = judgement.first.searchsorted(hits.start, side="right") - 1
    place = np.full(judgement.by_rules.size, -1)
    place[rejected] = np.arange(rejected.size)
    owner, column = place.take(comments), rules.columns.take(hits.rule)
    kept = np.flatnonzero((owner >= 0) & named.mask[owner, column])
    cases = owner.take(kept) * len(rules.rules) + hits.rule.take(kept)
    order = np.argsort(cases, kind="stable")  # hits are in order of place
    kept, cases = kept.take(order), cases.take(order)
    new = np.flatnonzero(np.append(True, cases[1:] != cases[:-1]))[: cases.size]
    spans = find_spans(judgement, hits.start.take(kept), hits.end.take(kept), np.append(new, cases.size))
    kept = kept.take(new)
    return (owner.take(kept), column.take(kept), hits.rule.take(kept), np.zeros(new.size, np.int64)), spans


def _word_cases(judgement: Judgement, named: Named, rejected: Ints, model: LinearModel, rules: RuleBook) -> _Cases:
    """Cases of the model: rejected comment, column, no rule, source; and their places."""
    counts = np.diff(named.bounds)
    owner = np.repeat(np.arange(rejected.size), counts)
    rank = np.arange(owner.size) - named.bounds.take(owner)
    chosen = np.flatnonzero((rank < MOST_CATEGORIES) & ~judgement.by_rules.take(rejected).take(owner))
    owner, column = owner.take(chosen), named.columns.take(chosen)
    words, bounds = locate_words(model, judgement.features, judgement.first, rejected.take(owner), column)
    spans = find_spans(judgement, words, words, bounds)
    found = np.flatnonzero(np.diff(bounds))
    owner, column = owner.take(found), column.take(found)
    nothing = np.full(found.size, len(rules.rules))
    return (owner, column, nothing, np.ones(found.size, np.int64)), [spans[one] for one in found.tolist()]


def locate_words(
    model: LinearModel, features: Features, first: Ints, comments: Ints, columns: Ints
) -> tuple[Ints, Ints]:
    """The words that weigh most in each of m cases: a comment and a head.

    Args:
        model: the model that scored.
        features: features of the batch.
        first: index of each comment's first word, and the number of words; int64 (n + 1,).
        comments, columns: comment and head of each case; int64 (m,).

    Returns:
        the words, in order of case and place, int64 (W,), and where those of each case begin, and W; int64 (m + 1,).
    """
    begins, ends = first.take(comments), first.take(comments + 1)
    words = expand(begins, ends)
    starts = np.cumsum(ends - begins) - (ends - begins)
    case = np.repeat(np.arange(comments.size), ends - begins)
    alone = model.word_weights(features, words, columns.take(case))
    alone[features.boundaries().take(words)] = 0
    weights = model.weigh_passages(alone, np.append(starts, words.size), columns)
    strongest = np.maximum.reduceat(weights, starts)
    kept = np.flatnonzero((weights > 0) & (weights >= LEAST_SHARE * strongest.take(case)))
    order = kept[np.lexsort((-weights.take(kept), case.take(kept)))]
    rank = np.arange(order.size) - np.searchsorted(case.take(order), case.take(order))
    chosen = np.sort(order[rank < MOST_WORDS])
    return words.take(chosen), case.take(chosen).searchsorted(np.arange(comments.size + 1))


def find_spans(judgement: Judgement, start: Ints, end: Ints, bounds: Ints) -> list[tuple[Span, ...]]:
    """Places of stretches of words in their comments, in code points; those one character apart are one.

    Args:
        judgement: of the comments.
        start, end: first and last word of each stretch, in order of owner and place; int64 (S,).
        bounds: where the stretches of each of m owners begin, and S; int64 (m + 1,).
    """
    if not start.size:
        return [()] * (bounds.size - 1)
    begins, ends = judgement.place(start, end)
    owner = np.repeat(np.arange(bounds.size - 1), np.diff(bounds))
    shift = owner * (int(ends.max()) + 2)  # keeps the owners apart
    apart = np.append(True, (begins + shift)[1:] > np.maximum.accumulate(ends + shift)[:-1] + 1)
    new = np.flatnonzero(apart)
    spans = list(zip(begins.take(new).tolist(), np.maximum.reduceat(ends, new).tolist(), strict=True))
    merged = owner.take(new).searchsorted(np.arange(bounds.size)).tolist()
    return [tuple(spans[begin:end]) for begin, end in pairwise(merged)]
