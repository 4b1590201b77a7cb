"""LinearModel: the model folder, and features -> scores by table look-ups and sums of integers.

Weights are eight-bit integers, so a comment's score is an exact integer however the batch is cut, and equal on every
machine. A row holds the weights of all heads side by side in 16 bytes; one gather fetches them, and the rows of a
comment are added four heads at a time in 64-bit words (Lamport 1975). Score of a head:

    scale * (sum over the rows of the comment) / root of its length + scale * (signals)

raised where a passage stands out (`moderate.passages`, which also says what the root is), and calibrated after Platt
(1999). `moderate.scoring` makes probabilities of the scores of all heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .compiled import kernels
from .errors import ModelError
from .feature_table import FeatureTable
from .features import BOUNDARY_CLASS, LEVEL_COUNT, SIGNALS, Features, Vocabulary
from .folding import U8, Floats, Ints
from .guidelines import CATEGORIES, NEVER, PRESETS
from .model_folder import read_folder, refused_entries, write_folder
from .passages import Lengths, begin_blocks, find_peaks, raise_to_peaks, weigh_passages
from .scoring import PARTICULARS
from .spelling import Spelling
from .text import hash_boundary
from .untrusted import ascends, fits_table

ROW_BYTES: Final = 16  # the heads, the word class, and padding: two 64-bit words
CLASS_BYTE: Final = 14  # which byte of a word's row holds its class
OFFSET: Final = 128  # a weight w is stored as the byte w + 128, so that sums need no sign
MOST_ADDED: Final = 256  # rows: 256 * 255 still fits the 16 bits that a sum has
LARGEST_NUMBER: Final = 1e9  # in the configuration, so that no product overflows
LARGEST_RATIO: Final = 16.0  # of an n-gram's unit to a word's, so that the sum over a piece fits 32 bits
GRAM_SHIFT: Final = 16  # fractional bits of the factor that scales an unknown word's n-grams
_SHARED: Final = 6  # parts of a unit, so that two words and three can share one evenly

_EVEN_BYTES, _BYTE = np.uint64(0x00FF00FF00FF00FF), np.uint64(8)
# Where each head's sum is found among the sixteen sums of `sum_rows`.
_HEAD_ORDER: Final = np.array([8 * (head // 8) + 4 * (head % 2) + head % 8 // 2 for head in range(len(CATEGORIES))])
_SIGNAL_ORDER: Final = np.arange(len(SIGNALS))
_EARLIER_SIGNALS: Final = (9, 14)  # how many there were, before kinds of links and before lone ones


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of weights of n comments, or of the pieces of some.

    Attributes:
        words: of all words, exact, still to be divided for length; int64 (n, len(CATEGORIES)).
        signals: of all signals, exact; int64 (n, len(CATEGORIES)).
        peaks: the largest of a passage, divided for its length; float64 (n, len(CATEGORIES)).
    """

    words: Ints
    signals: Ints
    peaks: Floats

    def merge(self, first: Ints) -> Sums:
        """From pieces to comments; ``first`` is the first piece of each. Signals are those of the first."""
        return Sums(
            words=np.add.reduceat(self.words, first, axis=0),
            signals=self.signals.take(first, axis=0),
            peaks=np.maximum.reduceat(self.peaks, first, axis=0),
        )


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A trained model.

    Attributes:
        table: hashes to rows.
        rows: one row of bytes for each feature, row 0 for none; uint8 (R, `ROW_BYTES`).
        spelling: how evaders spell the words it knows.
        signals: weight of each level of each signal; int16 (len(SIGNALS), 4, len(CATEGORIES)).
        scale: value of one unit of a weight, for each head; float64 (len(CATEGORIES),).
        gram_ratio: value of one unit of an n-gram's weight, in units of a word's.
        lengths: how sums are divided for length.
        slopes, intercepts: Platt's calibration of each head; float64 (len(CATEGORIES),).
        leaning: share in each of what the surest of its particular heads says (`scoring.lean`), in [0, 1]; float64
            (len(CATEGORIES),).
        passage_shares, passage_margins: how much a passage that stands out raises each head, in [0, 1], and by how many
            units of weight it has to (`passages.raise_to_peaks`); float64 (len(CATEGORIES),) each.
        ceilings: probability up to which each head hears a passage as if it stood alone where the rule book has a
            strong hit (`judgement.weigh`), 0 for not at all; float64 (len(CATEGORIES),).
        presets: policy preset -> category -> threshold.
        card: what else the configuration says: name, training digest, corpora, metrics.
    """

    table: FeatureTable
    rows: U8
    spelling: Spelling
    signals: npt.NDArray[np.int16]
    scale: Floats
    gram_ratio: float
    lengths: Lengths
    slopes: Floats
    intercepts: Floats
    presets: Mapping[str, Mapping[str, float]]
    card: Mapping[str, Any] = field(default_factory=dict)
    leaning: Floats = field(default_factory=lambda: np.zeros(len(CATEGORIES)))
    passage_shares: Floats = field(default_factory=lambda: np.zeros(len(CATEGORIES)))
    passage_margins: Floats = field(default_factory=lambda: np.zeros(len(CATEGORIES)))
    ceilings: Floats = field(default_factory=lambda: np.zeros(len(CATEGORIES)))

    @property
    def vocabulary(self) -> Vocabulary:
        """What the feature pipeline needs of this model."""
        classes = np.ascontiguousarray(self.rows[:, CLASS_BYTE])  # a strided column would be copied at every look-up
        return Vocabulary(table=self.table, classes=classes, spelling=self.spelling)

    def logits(self, features: Features) -> Floats:
        """Log-odds of each category for n comments, before heads lean on others; float64 (n, len(CATEGORIES))."""
        return self.calibrate(self.sums(features), features.counts)

    def sums(self, features: Features) -> Sums:
        """Sums of weights, still to be calibrated."""
        if kernels is None:
            return self._sums(features)
        words, signals, peaks = kernels.sum_features(
            (self.rows, self.signals), self.gram_ratio, self.lengths.prior_words, features.arrays()
        )
        heads = len(CATEGORIES)
        return Sums(
            words=np.frombuffer(words, np.int64).reshape(-1, heads),
            signals=np.frombuffer(signals, np.int64).reshape(-1, heads),
            peaks=np.frombuffer(peaks, np.float64).reshape(-1, heads),
        )

    def _sums(self, features: Features) -> Sums:
        begins, first_block = begin_blocks(features.first)
        word_first = np.append(begins, features.words.size) * features.rows.shape[1]
        sums = sum_rows(self.rows, features.rows.reshape(-1), word_first)
        links = np.append(features.chain.searchsorted(begins), features.chain.size)
        chained = np.flatnonzero(np.diff(links))  # not every block has a word with a class
        chain_first = np.append(links.take(chained), features.chain.size) * features.chain_rows.shape[1]
        sums[chained] += sum_rows(self.rows, features.chain_rows.reshape(-1), chain_first)
        if features.gram_rows.any():
            words, values = self._unknown_words(features)
            np.add.at(sums, np.searchsorted(begins, words, side="right") - 1, values)
        return Sums(
            words=np.add.reduceat(sums, first_block[:-1], axis=0),
            signals=self.signals[_SIGNAL_ORDER, features.signals].sum(axis=1, dtype=np.int64),
            peaks=find_peaks(sums, features.first, first_block, self.lengths),
        )

    def calibrate(self, sums: Sums, counts: Ints) -> Floats:
        """Log-odds from `sums` and the number of words; float64 (n, len(CATEGORIES))."""
        raw = sums.words * (1 / self.lengths.divisors(counts))[:, None]
        raise_to_peaks(raw, sums.peaks, self.passage_shares, self.passage_margins)
        return self._calibrate(raw, sums)

    def calibrate_peaks(self, sums: Sums) -> Floats:
        """What each head would say if its highest passage were the comment: log-odds; float64 (n, len(CATEGORIES))."""
        return self._calibrate(sums.peaks, sums)

    def _calibrate(self, raw: Floats, sums: Sums) -> Floats:
        factors, intercepts = self.calibration()
        logits: Floats = (raw + sums.signals) * factors + intercepts
        return logits

    def calibration(self) -> tuple[Floats, Floats]:
        """From a raw sum to log-odds, for each head: factor and intercept; float64 (len(CATEGORIES),) each."""
        return np.multiply(self.scale, self.slopes, dtype=np.float64), np.asarray(self.intercepts, np.float64)

    def word_weights(self, features: Features, words: Ints, columns: Ints) -> Ints:
        """What words add to a head, in sixths of a unit of weight; a feature of several words is shared among them.

        Args:
            features: features of the batch.
            words: stretches of whole comments, as indices of words; int64 (E,).
            columns: head asked about for each; int64 (E,).

        Returns:
            int64 (E,). What stands at a boundary has no meaning.
        """
        shares = self.rows[features.rows.take(words, axis=0), columns[:, None]].astype(np.int64) - OFFSET
        values: Ints = _SHARED * (shares[:, 0] + shares[:, 3]) + _spread(shares[:, 1], 2) + _spread(shares[:, 2], 3)
        place = np.full(features.words.size, -1)
        place[features.chain] = np.arange(features.chain.size)
        at = place.take(words)
        chained = np.flatnonzero(at >= 0)
        rows = features.chain_rows.take(at.take(chained), axis=0)
        chains = self.rows[rows, columns.take(chained)[:, None]].astype(np.int64) - OFFSET
        values[chained] += _spread(chains[:, 0], 2) + _spread(chains[:, 1], 3)
        if features.gram_rows.any():
            unknown, sums = self._unknown_words(features)
            place[:] = -1
            place[unknown] = np.arange(unknown.size)
            at = place.take(words)
            spelt = np.flatnonzero(at >= 0)
            values[spelt] += _SHARED * sums[at.take(spelt), columns.take(spelt)]
        return values

    def weigh_passages(self, weights: Ints, first: Ints, columns: Ints) -> Floats:
        """What words add in their comment, from `word_weights`: more in a passage that stands out.

        Args:
            weights: of the words of m comments, 0 at their boundaries; int64 (E,).
            first: index of each comment's boundary, and E; int64 (m + 1,).
            columns: head asked about for each comment; int64 (m,).
        """
        shares, margins = self.passage_shares.take(columns), _SHARED * self.passage_margins.take(columns)
        return weigh_passages(weights, first, shares, margins, self.lengths)

    def _unknown_words(self, features: Features) -> tuple[Ints, Ints]:
        """Words that are not in the table but have n-grams that are, and what they add; int64 (U,), (U, heads)."""
        hit = np.flatnonzero(features.gram_rows)
        owners, rows = features.gram_words.take(hit), features.gram_rows.take(hit)
        words, starts, counts = np.unique(owners, return_index=True, return_counts=True)
        sums = sum_rows(self.rows, rows, np.append(starts, rows.size))
        factor = np.rint(self.gram_ratio * (1 << GRAM_SHIFT) / np.sqrt(counts)).astype(np.int64)
        return words, (sums * factor[:, None]) >> GRAM_SHIFT

    def save(self, folder: str | Path) -> None:
        """Write the model folder, over an older model if there is one: ``config.json``, one ``.npy`` file an array."""
        config = {
            "scale": self.scale.tolist(),
            "gram_ratio": self.gram_ratio,
            "prior_words": self.lengths.prior_words,
            "damping": self.lengths.damping,
            "calibration": {
                "slopes": self.slopes.tolist(),
                "intercepts": self.intercepts.tolist(),
                "leaning": self.leaning.tolist(),
                "passages": {"shares": self.passage_shares.tolist(), "margins": self.passage_margins.tolist()},
                "ceilings": self.ceilings.tolist(),
            },
            "presets": {name: dict(values) for name, values in self.presets.items()},
            "card": dict(self.card),
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "buckets": self.table.buckets,
            "base": self.table.base,
            "rows": self.rows,
            "spelling_keys": self.spelling.keys,
            "spelling_words": self.spelling.words,
            "signals": self.signals,
        }
        write_folder(Path(folder), config, arrays)

    @classmethod
    def load(cls, folder: str | Path) -> LinearModel:
        """Read a model folder, memory-mapped; nothing in it is executed.

        Raises:
            ModelError: the folder is missing, damaged, inconsistent or of a newer format; says what is wrong.
        """
        folder = Path(folder)
        config, arrays = read_folder(folder)
        with refused_entries(folder):
            heads = (len(CATEGORIES),)
            calibration, nothing = config["calibration"], [0.0] * len(CATEGORIES)
            passages = calibration.get("passages", {"shares": nothing, "margins": nothing})  # older models read none
            model = cls(
                table=FeatureTable(buckets=arrays["buckets"], base=arrays["base"]),
                rows=arrays["rows"],
                spelling=Spelling(keys=arrays["spelling_keys"], words=arrays["spelling_words"]),
                signals=_all_signals(arrays["signals"]),
                scale=_numbers(config["scale"], heads),
                gram_ratio=_fraction(config["gram_ratio"], "gram_ratio", LARGEST_RATIO),
                lengths=Lengths(
                    prior_words=float(_numbers(config.get("prior_words", 0.0), ())),  # older models have none,
                    damping=_fraction(config.get("damping", 0.0), "damping"),  # nor this
                ),
                slopes=_numbers(calibration["slopes"], heads),
                intercepts=_numbers(calibration["intercepts"], heads),
                presets={name: _thresholds(config["presets"][name]) for name in PRESETS},
                card=dict(config.get("card", {})),
                leaning=_leaning(calibration.get("leaning", nothing)),  # older models do not
                passage_shares=_shares(passages["shares"], "shares of passages"),
                passage_margins=_numbers(passages["margins"], heads),
                ceilings=_shares(calibration.get("ceilings", nothing), "ceilings"),  # older models have none
            )
        model._check(folder)
        return model

    def _check(self, folder: Path) -> None:
        """Raise ModelError where the arrays do not fit together: nothing may be indexed that is not there."""
        consistent = {
            "rows": self.rows.shape[1] == ROW_BYTES and self.rows.shape[0] > 0,
            "buckets": fits_table(self.table, len(self.rows)),
            "spelling_keys": ascends(self.spelling.keys),
            "spelling_words": self.spelling.keys.size == self.spelling.words.size,
            "signals": self.signals.shape == (len(SIGNALS), LEVEL_COUNT, len(CATEGORIES)),
        }
        # A comment whose boundary were no word, or one to be left out, would have no first word.
        if all(consistent.values()):
            consistent["rows"] = bool(self.rows[self.table.look_up(hash_boundary()), CLASS_BYTE] == BOUNDARY_CLASS)
        for name, good in consistent.items():
            if not good:
                raise ModelError(f"{folder / name}.npy: its shape or values do not fit the other arrays")


def _all_signals(signals: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """The weights of a model's signals; an earlier model has none for those that were appended since; int16."""
    if len(signals) not in _EARLIER_SIGNALS:
        return signals
    return np.concatenate([signals, np.zeros((len(SIGNALS) - len(signals), *signals.shape[1:]), np.int16)])


def _spread(values: Ints, size: int) -> Ints:
    """Divide each value evenly among its place and the ``size - 1`` that follow, in parts of a `_SHARED`-th."""
    spread = values * (_SHARED // size)
    total = spread.copy()
    for step in range(1, size):
        total[step:] += spread[:-step]
    return total


def sum_rows(table: U8, rows: npt.NDArray[np.int32], starts: Ints) -> Ints:
    """Sum the weights of the rows in each stretch [starts[i], starts[i + 1]); int64 (n, len(CATEGORIES)).

    Every stretch must hold at least one row.
    """
    begins, lengths = starts[:-1], starts[1:] - starts[:-1]
    if not lengths.size:
        return np.zeros((0, len(CATEGORIES)), np.int64)
    merged = int(lengths.max()) > MOST_ADDED
    if merged:
        parts = -(-lengths // MOST_ADDED)
        part_first = np.cumsum(parts) - parts
        place = np.arange(int(parts.sum())) - np.repeat(part_first, parts)
        begins = np.repeat(begins, parts) + place * MOST_ADDED
    words = table.view(np.complex128).reshape(-1).take(rows).view(np.uint64)
    lanes = np.empty((begins.size, 4), np.uint64)  # heads 0 2 4 6, 1 3 5 7, 8 10 12 14, 9 11 13 15
    for half in range(2):
        word = words[half::2]
        np.add.reduceat(word & _EVEN_BYTES, begins, out=lanes[:, 2 * half])
        np.add.reduceat((word >> _BYTE) & _EVEN_BYTES, begins, out=lanes[:, 2 * half + 1])
    sums = lanes.astype("<u8", copy=False).view("<u2").take(_HEAD_ORDER, axis=1).astype(np.int64)
    if merged:
        sums = np.add.reduceat(sums, part_first, axis=0)
    sums -= OFFSET * lengths[:, None]
    return sums


def _thresholds(values: Mapping[str, Any]) -> dict[str, float]:
    numbers = _numbers([values[category] for category in CATEGORIES], (len(CATEGORIES),))
    if numbers.min() < 0 or numbers.max() > NEVER:
        raise ValueError(f"a threshold is not a number from 0 to {NEVER}")
    return dict(zip(CATEGORIES, numbers.tolist(), strict=True))


def _fraction(value: object, what: str, largest: float = 1.0) -> float:
    fraction = float(_numbers(value, ()))
    if not 0 <= fraction <= largest:
        raise ValueError(f"{what} is a number from 0 to {largest:g}")
    return fraction


def _leaning(values: object) -> Floats:
    leaning = _shares(values, "leaning")
    if not {general for _, general in PARTICULARS}.issuperset(leaning.nonzero()[0].tolist()):
        raise ValueError("leaning is 0 of a category that is not general")
    return leaning


def _shares(values: object, what: str) -> Floats:
    shares = _numbers(values, (len(CATEGORIES),))
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError(f"{what} are numbers from 0 to 1")
    return shares


def _numbers(values: object, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(values, np.float64)
    if array.shape != shape or not (np.abs(array) <= LARGEST_NUMBER).all():
        raise ValueError(f"expected {shape or 'one'} finite numbers, found {values!r}"[:200])
    return array
