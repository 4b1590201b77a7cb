"""Judgement: what model and rule book find in comments, brought together into the probability of each category.

No policy yet: whether a probability is too much is for the moderator to say, and which words it came from for
`moderate.explanation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .features import Features, Vocabulary
from .folding import Bools, Ints
from .guidelines import CATEGORIES, PROMOTIONS
from .model import LinearModel, Sums
from .rules import FAMILY_COLUMNS, STRONG, Hits, RuleBook
from .scoring import LOGISTIC, PARTICULARS, cap_children, lean, probabilities
from .text import PIECE, tokenize

# What a hit of the rule book adds to the model's log-odds, by severity (none, mild, strong, severe): enough to settle
# a doubt, not to overrule the model where it finds a sentence harmless, which may be a quotation. At 0.5, 2.5 and 4 the
# mean AUC over the test sets was 0.001 lower, and hatexplain's abuse 0.005.
EVIDENCE: Final = np.array([0.0, 0.3, 1.0, 2.0])
# Score of a category, by severity, when the rule book decides alone; `RULE_THRESHOLDS` are set between them.
RULE_SCORES: Final = np.array([0.0, 0.3, 0.7, 0.95], np.float32)
# Words from which a comment is so long that one line hardly moves it; what surrounds a line in a shorter one, such as
# who quotes it and why, the model hears itself.
LONG: Final = 32
# Share of a comment's words that the model must know to judge it; below it is another language or script.
LEAST_KNOWN: Final = 0.2

_NO_SEVERITIES: Final = np.zeros(0, np.int64)
_PROMOTIONS: Final = np.array(PROMOTIONS, np.int64)
_PARTICULARS: Final = np.array(PARTICULARS, np.int64)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of n comments.

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
        shifts = self.shifts.take(features.first.searchsorted(start, side="right") - 1)
        return begins + shifts, ends + shifts


@dataclass(frozen=True, slots=True)
class Counts:
    """Of n comments: words, words that the model knows, and links; int64 (n,) each."""

    words: Ints
    known: Ints
    links: Ints


def judge(texts: Sequence[str], vocabulary: Vocabulary, model: LinearModel | None, rules: RuleBook) -> Judgement:
    """Judge comments; without a ``model`` the rule book alone does."""
    pieces, piece_first, shifts = _cut(texts)
    whole = len(pieces) == len(texts)
    if whole:
        features = vocabulary.extract(tokenize(pieces))
    else:  # one by one, so that what is worked on fits a core's cache
        features = Features.join([vocabulary.extract(tokenize([piece])) for piece in pieces])
    hits = rules.find(features.words)
    if hits.innocent.size:
        features.mute(hits.innocent)

    def merge(values: Ints) -> Ints:
        """From pieces to comments."""
        return values if whole else np.add.reduceat(values, piece_first[:-1])

    first = features.first.take(piece_first)
    severities = rules.severities(hits, first) if hits.rule.size else _NO_SEVERITIES
    links = np.ascontiguousarray(features.tokens.links[:, 0])
    counts = Counts(words=merge(features.counts), known=merge(features.known), links=merge(links))
    if model is None:
        scores, by_rules, blank = _rule(counts, severities)
    else:
        sums = model.sums(features)
        scores, by_rules, blank = weigh(model, sums if whole else sums.merge(piece_first[:-1]), counts, severities)
    return Judgement(
        scores=scores, by_rules=by_rules, blank=blank, features=features, hits=hits, first=first, shifts=shifts
    )


_Weighed = tuple[npt.NDArray[np.float32], Bools, Bools]


def weigh(model: LinearModel, sums: Sums, counts: Counts, severities: Ints) -> _Weighed:
    """Probabilities from the model's sums and the rule book's evidence.

    One vile line in a long civil comment hardly moves the whole. So where the rule book has a strong hit, the passage
    that stands out is also heard as if it were the comment, and if that says more, it counts up to the model's ceiling.

    Args:
        model: whose calibration is used.
        sums: as from `LinearModel.sums`.
        counts: of words and links.
        severities: as from `RuleBook.severities`, or of size 0 when there were no hits.

    Returns:
        ``scores``, ``by_rules`` and ``blank`` of a `Judgement`.
    """
    if kernels is None:
        return _weigh(model, sums, counts, severities)
    comments = (sums.words, sums.signals, sums.peaks, counts.words, counts.known, counts.links, severities)
    shares = (model.passage_shares, model.passage_margins, model.leaning, _PARTICULARS)
    ceilings = model.ceilings.astype(np.float32)
    knowledge = (*model.calibration(), *shares, EVIDENCE, LOGISTIC, RULE_SCORES, FAMILY_COLUMNS, _PROMOTIONS, ceilings)
    scores, by_rules, blank = kernels.weigh((*comments, *knowledge), (model.lengths.prior_words, model.lengths.damping))
    by_category = np.frombuffer(scores, np.float32).reshape(-1, len(CATEGORIES))
    return by_category, np.frombuffer(by_rules, np.bool_), np.frombuffer(blank, np.bool_)


def _weigh(model: LinearModel, sums: Sums, counts: Counts, severities: Ints) -> _Weighed:
    logits = model.calibrate(sums, counts.words)
    if severities.size:
        logits += EVIDENCE.take(severities)
    lean(logits, model.leaning)
    scores = probabilities(logits)
    if severities.size:
        alone = model.calibrate_peaks(sums) + EVIDENCE.take(severities)
        lean(alone, model.leaning)
        heard = np.minimum(probabilities(alone), model.ceilings.astype(np.float32))
        np.maximum(scores, heard, out=scores, where=(severities >= STRONG) & (counts.words >= LONG)[:, None])
    ruled, by_rules, blank = _rule(counts, severities)
    by_rules = counts.known < LEAST_KNOWN * counts.words
    ruled[:, _PROMOTIONS] = np.maximum(ruled, scores)[:, _PROMOTIONS]  # a link is one in any language
    scores[by_rules] = ruled[by_rules]
    scores[blank] = 0
    cap_children(scores)
    return scores, by_rules, blank


def _rule(counts: Counts, severities: Ints) -> _Weighed:
    """What the rule book alone says."""
    count = counts.words.size
    blank = (counts.words == 0) & (counts.links == 0)
    scores = RULE_SCORES.take(severities) if severities.size else np.zeros((count, len(CATEGORIES)), np.float32)
    return scores, np.ones(count, np.bool_), blank


def _cut(texts: Sequence[str]) -> tuple[Sequence[str], Ints, Ints]:
    """Cut long comments into pieces, at blanks where there are any.

    Returns the pieces, the index of each comment's first piece (and their number at the end), and where in its comment
    each piece begins.
    """
    if max(map(len, texts), default=0) <= PIECE:
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
