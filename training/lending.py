"""What words of the rule book weigh that the corpora hardly know: they are lent the weight of their like.

A rule lists a hundred swear words of one strength, and the corpora know a few dozen of them. The others are not milder,
only rarer; most are spellings that evaders choose because they are rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.folding import Floats, Ints
from moderate.guidelines import CATEGORIES, Category
from moderate.rules import SEVERE, STRONG, RuleBook
from moderate.text import hash_words

from .corpora import UNKNOWN, Labels
from .matrix import Space

# Rules whose words are lent weight. Among names of abuse it cost 0.001 AUC on hatexplain: which of them are slurs
# depends on who speaks.
RULED: Final = (Category.PROFANITY, Category.VULGARITY, Category.PERSONAL_ATTACK)
HEADS: Final = (Category.PERSONAL_ATTACK, Category.TOXIC)  # in which, besides the rule's own
WELL_KNOWN: Final = 50  # comments, of sources that speak for a head, from which a word is known rather than lent to
LEAST_LENDERS: Final = 5  # well-known words of a category and severity, so that their median says something


def lend(weights: Floats, space: Space, rules: RuleBook, support: Ints) -> None:
    """Raise, in place, the weights of the rule book's words that few comments have, towards the median of their like.

    A word's weight and the median count as the comments that have the word and as `WELL_KNOWN` comments do: shrinkage
    towards the mean of a group, as in empirical Bayes (Efron & Morris 1977, "Stein's paradox in statistics"). A word
    that weighs more than that keeps its weight.

    Args:
        weights: of the training matrix's columns; float64 (F, len(CATEGORIES)).
        space: the feature space.
        rules: the rule book.
        support: as from `count_support`.
    """
    grams = weights[space.hashes.size : space.hashes.size + space.grams.size]
    for category, rows in _find_alike(space, rules):
        summed = weights[rows] + space.word_grams[rows] @ grams
        for head in dict.fromkeys((category, *HEADS)):
            column = CATEGORIES.index(head)
            known = support[rows, column]
            lenders = summed[known >= WELL_KNOWN, column]
            if lenders.size < LEAST_LENDERS:
                continue
            share = WELL_KNOWN / (known + WELL_KNOWN)
            weights[rows, column] += share * np.maximum(np.median(lenders) - summed[:, column], 0)


def count_support(counts: Mapping[str, Ints], labels: Labels, sources: npt.NDArray[np.object_], space: Space) -> Ints:
    """Comments that have each row, of sources that say anything of a head; int64 (R, len(CATEGORIES)).

    Args:
        counts: by source, the number of training comments that have each column; int64 (F,).
        labels: of the training comments; int8 (n, len(CATEGORIES)).
        sources: source of each; object (n,).
        space: the feature space, of R rows.
    """
    support = np.zeros((space.hashes.size, len(CATEGORIES)), np.int64)
    names = sources.astype(str)
    for source, counted in counts.items():
        spoken = (labels[names == source] != UNKNOWN).any(axis=0)
        support[:, spoken] += counted[: space.hashes.size, None]
    return support


def _find_alike(space: Space, rules: RuleBook) -> Iterator[tuple[Category, Ints]]:
    """The rows of words that are rules of one category and severity by themselves, for each of those."""
    words = hash_words(sorted(word for word, is_phrase in rules.words.items() if is_phrase))
    apart = np.zeros(2 * words.size, np.uint64)  # no two of them make a phrase
    apart[::2] = words
    hits = rules.find(apart)
    rows = space.vocabulary.table.look_up(words).astype(np.int64)[hits.start // 2]
    for category in RULED:
        for level in (STRONG, SEVERE):
            alike = (rules.columns == CATEGORIES.index(category)) & (rules.levels == level)
            found = np.unique(rows[alike[hits.rule]])
            yield category, found[found > 0]
