"""A static map from 64-bit hashes to rows, read for whole arrays at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .folding import U8, U64, Ints

Rows = npt.NDArray[np.int32]

FILTER_BITS: Final = 4  # a filter has room for so many times the number of its hashes, as a power of two


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """A static map from 64-bit hashes to rows, read for whole arrays at once.

    The high bits of a hash choose a bucket; a bucket holds up to four 15-bit fingerprints in one 64-bit word, compared
    all at once (Lamport 1975, "Multiple byte processing with full-word instructions"), and the row of its first.
    A hash that is not in the table passes for one that is with a probability below 1 in 8,000.

    Attributes:
        buckets: fingerprints, four a bucket, 0 = empty; uint64 (2**bits,).
        base: row of each bucket's first fingerprint; int32 (2**bits,). Row 0 is no row.
    """

    buckets: U64
    base: Rows

    def entries(self) -> U64:
        """Buckets and rows side by side, for the compiled kernels, which then read one place instead of two."""
        return np.stack([self.buckets, self.base.astype(np.uint64)], axis=1)

    @classmethod
    def build(cls, hashes: U64, *, bits: int) -> tuple[FeatureTable, Ints]:
        """Build the table for ``hashes``, most important first; return it and the indices that have a row, by row.

        Where a bucket is full, or a fingerprint is in it already, the later hash is left out. ``kept[i]`` is the index
        into ``hashes`` of row ``i + 1``.
        """
        bucket = (hashes >> np.uint64(64 - bits)).astype(np.int64)
        fingerprint = _fingerprints(hashes)
        pair = (bucket << 15) | (fingerprint & np.uint64(0x7FFF)).astype(np.int64)
        unique = np.zeros(hashes.size, np.bool_)
        unique[np.unique(pair, return_index=True)[1]] = True
        candidates = np.flatnonzero(unique)
        order = candidates[np.argsort(bucket[candidates], kind="stable")]
        sorted_buckets = bucket[order]
        lane = np.arange(order.size) - np.searchsorted(sorted_buckets, sorted_buckets)
        kept = order[lane < 4]
        lane, owner = lane[lane < 4], bucket[kept]
        buckets = np.zeros(1 << bits, np.uint64)
        np.bitwise_or.at(buckets, owner, fingerprint[kept] << (lane * 16).astype(np.uint64))
        base = np.searchsorted(owner, np.arange(1 << bits)).astype(np.int32) + np.int32(1)
        return cls(buckets=buckets, base=base), kept

    @classmethod
    def build_exact(cls, hashes: U64) -> tuple[FeatureTable, Ints, np.uint64]:
        """Build a table in which every one of the distinct ``hashes`` has a row, once multiplied by the salt returned.

        Tries odd salts, then larger tables.
        """
        bits = max(4, int(hashes.size).bit_length() + 1)
        while True:
            for number in range(1, 64, 2):
                salt = np.uint64(number)
                table, kept = cls.build(hashes * salt, bits=bits)
                if kept.size == hashes.size:
                    return table, kept, salt
            bits += 1

    def look_up(self, hashes: U64) -> Rows:
        """Row of each hash, 0 where it has none; int32, same shape."""
        flat = hashes.reshape(-1)
        bits = self.buckets.size.bit_length() - 1
        bucket = (flat >> np.uint64(64 - bits)).view(np.int64)
        difference = self.buckets.take(bucket)
        difference ^= _fingerprints(flat) * _LANES
        zero = difference - _LANES
        zero &= ~difference
        zero &= _LANE_TOPS
        hit = zero.nonzero()[0]
        lowest = zero.take(hit)
        lowest &= ~lowest + _ONE
        found = self.base.take(bucket.take(hit))
        for end in _LANE_ENDS:
            found += lowest > end
        rows = np.zeros(flat.size, np.int32)
        rows[hit] = found
        return rows.reshape(hashes.shape)


def filter_hashes(hashes: U64) -> U8:
    """Which beginnings of hashes occur among ``hashes``, a bit each (Bloom 1970, with one hash function); uint8.

    For the compiled kernels: most of what is looked up is not there, and a filter, 16 to 32 bits a hash, says so in one
    read, mostly from a core's nearer caches, where the tables do not fit.
    """
    bits = max(3, int(hashes.size).bit_length() + FILTER_BITS)
    occurring = np.zeros(1 << bits, np.bool_)
    occurring[hashes >> np.uint64(64 - bits)] = True
    return np.packbits(occurring, bitorder="little")


_ONE: Final = np.uint64(1)
_LANES: Final = np.uint64(0x0001000100010001)
_LANE_TOPS: Final = np.uint64(0x8000800080008000)
_LANE_ENDS: Final = (np.uint64(0xFFFF), np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFFFFFF))
_FIFTEEN_BITS, _SIXTEENTH_BIT = np.uint64(0x7FFF), np.uint64(0x8000)


def _fingerprints(hashes: U64) -> U64:
    """Fifteen low bits, with the sixteenth set so that none is 0."""
    return (hashes & _FIFTEEN_BITS) | _SIXTEENTH_BIT
