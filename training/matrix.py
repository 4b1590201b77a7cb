"""From comments to the sparse matrix that the heads are fitted on, by the run-time feature pipeline.

A column is a row of the model's table, a character n-gram, a level of a signal, or a source. The vocabulary is counted
in two passes: words first, then, with words known and disguises undone, the features made of several words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from tqdm import tqdm

from moderate.feature_table import FeatureTable
from moderate.features import (
    BOUNDARY_CLASS,
    IDENTITY_CLASS,
    IGNORED_CLASS,
    LEVEL_COUNT,
    SIGNALS,
    Features,
    Vocabulary,
    hash_chains,
    hash_neighbours,
    hash_topics,
    hash_word_grams,
)
from moderate.folding import U64, Bools, Ints
from moderate.rules import RuleBook
from moderate.spelling import Spelling
from moderate.text import PIECE, decode, hash_boundary, hash_words, tokenize

from .lexicon import choose_hostile
from .spellings import build_spelling

LEAST_WORD: Final = 2  # occurrences in the training texts from which a word, ...
LEAST_BIGRAM: Final = 3  # ... a bigram, ...
LEAST_FRAME: Final = 3  # ... a frame, a chain of classes, a word by topic ...
LEAST_GRAM: Final = 3  # ... or, in how many words of the vocabulary, a character n-gram is kept
GRAM_VALUE: Final = 1.0  # norm of a word's n-grams beside the word itself; 0.5 was 0.003 AUC worse
PRIOR_WORDS: Final = 2.0  # a single word, or a name alone, is weak evidence; see TRIALS.md
TABLE_BITS: Final = 20  # room for all candidates while fitting
IGNORED_WORDS: Final = ("user", "url", "rt")  # place-holders that data sets leave in their texts

Matrix: TypeAlias = sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Space:
    """The feature space of a training run.

    Attributes:
        vocabulary: as the model will have it; rows are columns of the matrix.
        hashes: hash of each row; row 0 is none; uint64 (R,).
        combined: which rows are of several words, or of a word in its surroundings; bool (R,).
        grams: hash of each n-gram column, sorted; uint64 (G,).
        word_grams: n-gram columns of each row that is a word, scaled; CSR (R, G).
    """

    vocabulary: Vocabulary
    hashes: U64
    combined: Bools
    grams: U64
    word_grams: Matrix


def chunks(texts: Sequence[str], *, label: str) -> Iterator[list[str]]:
    """Texts in batches for the pipeline, with a progress bar; overlong ones are cut."""
    size = 1024
    for start in tqdm(range(0, len(texts), size), desc=label, unit="k", leave=False, mininterval=1):
        yield [text[:PIECE] for text in texts[start : start + size]]


def build_space(
    texts: Sequence[str], rules: RuleBook, *, hostile: Sequence[str] = (), innocent: Sequence[str] = ()
) -> Space:
    """Count the training ``texts`` and choose the features.

    ``hostile`` are those of them that are; what stands in ``innocent`` texts is no disguise.
    """
    hashes, counts, strings = count_words(texts)
    counted = _name_counts(hashes, counts, strings)
    marked = choose_hostile(counted, _count_strings(hostile))
    spelling, undone = build_spelling(rules, counted, hostile=marked, innocent=_count_strings(innocent))
    words = hashes[(counts >= LEAST_WORD) & ~np.isin(hashes, hash_words(sorted(undone)))]
    lexicon = sorted(rules.words.keys() - undone)
    boundary = hash_boundary()
    known = np.concatenate([boundary, hash_words([*lexicon, *IGNORED_WORDS]), words])
    known = known[np.sort(np.unique(known, return_index=True)[1])]
    classes = dict.fromkeys(boundary.tolist(), BOUNDARY_CLASS)
    names = ["identity", *(name for name in rules.classes if name != "identity")]
    for number, name in enumerate(names, IDENTITY_CLASS):
        members = rules.classes.get(name, ())
        classes.update(dict.fromkeys(hash_words(members).tolist(), number))
    classes.update(dict.fromkeys(hash_words(IGNORED_WORDS).tolist(), IGNORED_CLASS))
    words_only = _vocabulary(known, classes, spelling)[0]
    combined = count_combinations(texts, words_only)
    vocabulary, row_hashes = _vocabulary(np.concatenate([known, *combined]), classes, spelling)
    several = np.isin(row_hashes, np.concatenate(combined)) & ~np.isin(row_hashes, known)
    strings |= dict(zip(hash_words(lexicon).tolist(), lexicon, strict=True))
    grams, word_grams = _word_grams(row_hashes, strings)
    return Space(vocabulary=vocabulary, hashes=row_hashes, combined=several, grams=grams, word_grams=word_grams)


def build_matrix(texts: Sequence[str], space: Space) -> Matrix:
    """Features of ``texts``: rows of the table, n-grams, signal levels; CSR float32 (n, R + G + signals)."""
    rows, columns, counts, signals = [], [], [], []
    base = 0
    for chunk in chunks(texts, label="features"):
        features = space.vocabulary.extract(tokenize(chunk))
        for owner, found in table_rows(features):
            rows.append(owner + base)
            columns.append(found)
        counts.append(features.counts)
        signals.append(features.signals)
        base += len(chunk)
    row, column = np.concatenate(rows), np.concatenate(columns)
    scale = (1 / np.sqrt(np.concatenate(counts) + PRIOR_WORDS)).astype(np.float32)
    table = sparse.coo_matrix((np.ones(row.size, np.float32), (row, column)), shape=(base, space.hashes.size)).tocsr()
    table = sparse.diags(scale) @ table
    return sparse.hstack([table, table @ space.word_grams, one_hot(np.concatenate(signals))], "csr", np.float32)


def count_columns(matrix: Matrix, sources: npt.NDArray[np.object_]) -> dict[str, Ints]:
    """By source, the number of comments that have each column of ``matrix``; int64 (F,)."""
    names = sources.astype(str)
    width = matrix.shape[1]
    return {
        str(name): np.bincount(matrix[np.flatnonzero(names == name)].indices, minlength=width)
        for name in np.unique(names)
    }


def table_rows(features: Features) -> list[tuple[Ints, npt.NDArray[np.int32]]]:
    """Comment index and table row of every feature that has a row."""
    owner = np.repeat(np.arange(features.counts.size), np.diff(features.first))
    found = [(owner, features.rows[:, kind]) for kind in range(features.rows.shape[1])]
    chained = owner.take(features.chain)
    found += [(chained, features.chain_rows[:, kind]) for kind in range(features.chain_rows.shape[1])]
    return [(comments[rows > 0], rows[rows > 0]) for comments, rows in found]


def one_hot(signals: Ints) -> Matrix:
    """Signal levels above 0 as columns; CSR float32 (n, len(SIGNALS) * LEVEL_COUNT)."""
    comment, signal = np.nonzero(signals)
    column = signal * LEVEL_COUNT + signals[comment, signal]
    shape = (len(signals), len(SIGNALS) * LEVEL_COUNT)
    return sparse.coo_matrix((np.ones(comment.size, np.float32), (comment, column)), shape=shape).tocsr()


def count_words(texts: Sequence[str]) -> tuple[U64, Ints, dict[int, str]]:
    """Distinct word hashes, most frequent first; their counts; and the folded word of each."""
    parts, strings = [], {}
    for chunk in chunks(texts, label="words"):
        tokens = tokenize(chunk)
        unique, index, counts = np.unique(tokens.hashes, return_index=True, return_counts=True)
        parts.append((unique, counts))
        letters = decode(tokens.codes)
        spans = zip(tokens.starts[index].tolist(), tokens.starts[index + 1].tolist(), strict=True)
        for key, (start, end) in zip(unique.tolist(), spans, strict=True):
            if key not in strings:
                strings[key] = letters[start:end]
    hashes, counts = merge_counts(parts) if parts else (np.zeros(0, np.uint64), np.zeros(0, np.int64))
    return hashes, counts, strings


def _count_strings(texts: Sequence[str]) -> dict[str, int]:
    """Distinct folded words and their counts."""
    return _name_counts(*count_words(texts))


def _name_counts(hashes: U64, counts: Ints, strings: dict[int, str]) -> dict[str, int]:
    return {strings[key]: count for key, count in zip(hashes.tolist(), counts.tolist(), strict=True)}


def count_combinations(texts: Sequence[str], vocabulary: Vocabulary) -> list[U64]:
    """Hashes of bigrams, frames, chains and words by topic that are frequent enough, most frequent first."""
    parts: list[list[tuple[U64, Ints]]] = [[], [], [], []]
    for chunk in chunks(texts, label="n-grams"):
        features = vocabulary.extract(tokenize(chunk))
        classes = vocabulary.classes.take(features.rows[:, 0])
        bigrams, frames = hash_neighbours(features.words, classes, features.first)
        chain2, chain3 = hash_chains(classes.take(features.chain))
        topics, _ = hash_topics(features.words, classes, features.first)
        for kind, hashes in enumerate((bigrams, frames, np.concatenate([chain2, chain3]), topics)):
            unique, counts = np.unique(hashes[hashes != 0], return_counts=True)
            parts[kind].append((unique, counts))
    kept = []
    for kind, least in enumerate((LEAST_BIGRAM, LEAST_FRAME, LEAST_FRAME, LEAST_FRAME)):
        hashes, counts = merge_counts(parts[kind])
        kept.append(hashes[counts >= least])
    return kept


def merge_counts(parts: list[tuple[U64, Ints]]) -> tuple[U64, Ints]:
    """Sum counts of equal hashes; most frequent first, ties by hash."""
    hashes, inverse = np.unique(np.concatenate([part for part, _ in parts]), return_inverse=True)
    counts = np.bincount(inverse, weights=np.concatenate([part for _, part in parts])).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    return hashes[order], counts[order]


def _vocabulary(hashes: U64, classes: dict[int, int], spelling: Spelling) -> tuple[Vocabulary, U64]:
    """A vocabulary in which ``hashes`` have rows; and the hash of each row."""
    table, kept = FeatureTable.build(hashes, bits=TABLE_BITS)
    row_hashes = np.append(np.zeros(1, np.uint64), hashes[kept])
    row_classes = np.zeros(row_hashes.size, np.uint8)
    named = np.array(list(classes), np.uint64)
    rows = table.look_up(named)
    row_classes[rows] = list(classes.values())
    row_classes[0] = 0
    return Vocabulary(table=table, classes=row_classes, spelling=spelling), row_hashes


def _word_grams(row_hashes: U64, strings: dict[int, str]) -> tuple[U64, Matrix]:
    """n-grams of each row that is a word: their hashes, and the scaled incidence matrix."""
    rows = [row for row, key in enumerate(row_hashes.tolist()) if key in strings]
    words = [strings[int(row_hashes[row])] for row in rows]
    codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4")
    lengths = np.array([len(word) for word in words], np.int64)
    hashes, owner = hash_word_grams(codes, np.cumsum(lengths) - lengths, np.minimum(lengths, 32))
    unique, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    kept = counts >= LEAST_GRAM
    column = np.cumsum(kept) - 1
    inside = kept[inverse]
    where = (np.array(rows, np.int64)[owner[inside]], column[inverse[inside]])
    shape = (row_hashes.size, int(kept.sum()))
    incidence = sparse.coo_matrix((np.ones(where[0].size, np.float32), where), shape=shape).tocsr()
    sizes = np.maximum(np.asarray(incidence.sum(axis=1)).ravel(), 1)
    return unique[kept], (sparse.diags((GRAM_VALUE / np.sqrt(sizes)).astype(np.float32)) @ incidence).tocsr()
