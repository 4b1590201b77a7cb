"""Classifying without keeping others waiting.

A comment takes a fraction of a millisecond, a thousand take many. The event loop does the work itself, for handing it
to a thread and back costs more than a comment, and a thread that computes holds Python's lock for 5 ms at a time. So a
large request is cut into pieces of a few milliseconds, and whatever came in meanwhile goes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")

# A few milliseconds of work each.
PIECE_COMMENTS: Final = 32
PIECE_CHARACTERS: Final = 4_000
# Turns of the event loop between two pieces: a request takes one to be read, one to be answered, and may have come with
# others.
TURNS: Final = 4
# From this length on a single comment, which cannot be cut, goes to a thread: it is long enough for numpy and the
# compiled kernels to compute without the lock.
LONG: Final = 30_000


class Pace:
    """Lets one large request at a time take its turns."""

    def __init__(self) -> None:
        """Start with nothing to do."""
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[list[str]], list[T]], texts: Sequence[str]) -> list[T]:
        """What ``work`` makes of ``texts``, which it is given in pieces."""
        pieces = list(_cut(texts))
        if len(pieces) == 1 and not _is_long(pieces[0]):
            return work(pieces[0])
        results: list[T] = []
        async with self._turn:
            for piece in pieces:
                results += await run_in_threadpool(work, piece) if _is_long(piece) else work(piece)
                for _ in range(TURNS):
                    await asyncio.sleep(0)
        return results


def _is_long(piece: Sequence[str]) -> bool:
    return sum(map(len, piece)) >= LONG


def _cut(texts: Sequence[str]) -> Iterator[list[str]]:
    """Pieces of ``texts``, in order."""
    piece: list[str] = []
    size = 0
    for text in texts:
        if piece and (len(piece) >= PIECE_COMMENTS or size + len(text) > PIECE_CHARACTERS):
            yield piece
            piece, size = [], 0
        piece.append(text)
        size += len(text)
    if piece:
        yield piece
