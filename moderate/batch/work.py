"""One chunk's work, in this process or in worker processes: bytes of rows in, bytes of rows with decisions out."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from ..errors import InputError, WorkerKilledError
from ..guidelines import Policy
from ..tables.formats import Kind, Mark, Piece, Problem, Rows, Table
from ..tables.reading import parse
from ..tables.writing import Layout, encode_rows, pack
from .decide import Columns, Counts, decide

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from ..moderator import Moderator

Only = Literal["approved", "rejected"]

# Chunks handed out per worker: one in work and one waiting, so that none idles.
AHEAD: Final[int] = 2
# Chunks that may be finished before their turn, while a worker starts or is slow: some megabytes.
BEHIND: Final[int] = 16
WATCH_SECONDS: Final[float] = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """All that turning a piece into output depends on: plain settings, sent once to each worker.

    Attributes:
        table: the input.
        layout: the output.
        model: folder of the model; ``None`` for the packaged one.
        policy: where the lines are drawn; ``None`` for the model's default.
        html: strip HTML before classifying.
        scores: add a column per category.
        explain: add a column with every reason.
        only: keep the rows with this verdict alone.
    """

    table: Table
    layout: Layout
    model: str | None = None
    policy: Policy | None = None
    html: bool = False
    scores: bool = False
    explain: bool = False
    only: Only | None = None

    def load_moderator(self) -> Moderator:
        """Load model and policy."""
        from ..moderator import Moderator

        return Moderator.load(self.model, self.policy)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A finished piece: its output, where it ends in the input, what was counted, its first problem."""

    data: bytes
    end: Mark
    counts: Counts
    problem: Problem | None


def process(piece: Piece, work: Work, moderator: Moderator) -> Chunk:
    """Read, classify and write one piece."""
    with paused_collector():
        return _process(piece, work, moderator)


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from searching, again and again, a chunk's objects, which hold no cycles.

    It would take a quarter of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _process(piece: Piece, work: Work, moderator: Moderator) -> Chunk:
    counts, parts, problem = Counts(), [], None
    for rows in parse(piece, work.table):
        columns, counted = decide(
            rows.texts, moderator, html=work.html, scores=work.scores, explain=work.explain, problems=rows.problems
        )
        counted.blank_lines = rows.blank_lines
        counts.add(counted)
        if problem is None and rows.problems:
            problem = rows.problems[min(rows.problems)]
        if work.only is not None:
            rows, columns = _select(rows, columns, work.only)  # noqa: PLW2901
        parts.append(_encode(rows, columns, work))
    return Chunk(pack(b"".join(parts), work.layout.format.compression), piece.end, counts, problem)


def _select(rows: Rows, columns: Columns, only: Only) -> tuple[Rows, Columns]:
    wanted = "approve" if only == "approved" else "reject"
    keep = [index for index, verdict in enumerate(columns.verdict) if verdict == wanted]
    return rows.select(keep), columns.select(keep)


def _encode(rows: Rows, columns: Columns, work: Work) -> bytes:
    if work.layout.format.kind is Kind.PARQUET:
        from ..tables import parquet

        return parquet.encode_rows(rows, columns.added(), work.layout, work.table)
    return encode_rows(rows, columns.added(), work.layout, work.table)


# --- Workers ----------------------------------------------------------------------------------------------------


def process_all(pieces: Iterator[Piece], work: Work, moderator: Moderator, *, jobs: int) -> Generator[Chunk]:
    """Work through ``pieces`` in order, in ``jobs`` processes of which this is one; the chunks are the same for any.

    Raises:
        InputError: from ``pieces``, once every chunk before it has been given out.
        WorkerKilledError: a worker process was killed.
    """
    if jobs == 1:
        for piece in pieces:
            yield process(piece, work, moderator)
        return
    # 0.1 s that one job need not spend
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import ProcessPoolExecutor

    # joblib's own executor rather than joblib.Parallel: that one takes new work as soon as a worker is free, however
    # far behind the writer is, and reads the input in a thread of its own.
    executor = ProcessPoolExecutor(max_workers=jobs - 1, initializer=_start_worker, initargs=(work, os.getpid()))
    try:
        yield from _share_out(pieces, partial(process, work=work, moderator=moderator), executor, jobs - 1)
    except BrokenProcessPool as error:
        raise WorkerKilledError("a worker process was killed (out of memory?)") from error
    finally:
        # Workers end the chunk they are at: killed amid work that is still handed out, loky's thread fails or hangs.
        executor.shutdown(wait=True)


def _share_out(
    pieces: Iterator[Piece], process_here: Callable[[Piece], Chunk], executor: Executor, workers: int
) -> Iterator[Chunk]:
    """Keep the workers supplied and, rather than wait for them, work here too; chunks in the order of ``pieces``."""
    from concurrent.futures import Future

    failures: list[InputError] = []
    pieces = _until_failure(pieces, failures)
    waiting: deque[Future[Chunk]] = deque()
    try:
        while True:
            busy = sum(not future.done() for future in waiting)
            for handed in islice(pieces, AHEAD * workers - busy):
                with _undisturbed():
                    waiting.append(executor.submit(_process_in_worker, handed))
            piece = next(pieces, None)
            if piece is not None:
                here: Future[Chunk] = Future()
                here.set_result(process_here(piece))
                waiting.append(here)
            elif not waiting:
                break
            while waiting and (waiting[0].done() or piece is None or len(waiting) > BEHIND + AHEAD * workers):
                yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
    if failures:
        raise failures[0]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back the signals that end a run until the block is through; a process started in it never hears Ctrl-C.

    Ctrl-C reaches the whole group of processes, and the parent sees to its workers: in one that is still importing, it
    would end in a traceback. In the parent, an executor that is left half-way through starting a worker or taking work
    never comes to its end.
    """
    held: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():  # the only one in which handlers run
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is None:  # of another language's making: it could not be put back
                continue
            before[number] = signal.signal(number, lambda number, frame: held.append(number))
    if sys.platform != "win32":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # up to Python 3.12, starting it would lift the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # which a new process inherits
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def _until_failure(pieces: Iterator[Piece], failures: list[InputError]) -> Iterator[Piece]:
    try:
        yield from pieces
    except InputError as error:
        failures.append(error)


class _Worker:
    """What a worker process keeps between chunks."""

    work: Work
    moderator: Moderator


def _start_worker(work: Work, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # see _undisturbed, for systems without masks of signals
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parent has loaded the same model, and said what there was to say
        _Worker.work, _Worker.moderator = work, work.load_moderator()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent was killed: nobody is left to tell it."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _process_in_worker(piece: Piece) -> Chunk:
    return process(piece, _Worker.work, _Worker.moderator)
