"""The output while it grows: a partial file beside the target, and a journal that says how far it is sound.

``OUT.partial`` only ever grows at its end. After each chunk ``OUT.partial.json`` is replaced as a whole, and names the
place in the input and the length and checksum of the output that belong together. Whatever stops the run, the part up
to that length is sound, and what lies beyond it is cut off on resuming.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

from ..errors import InputError
from ..tables.formats import Mark
from .decide import Counts

JOURNAL_FORMAT: Final[int] = 1
# A killed process loses nothing (the kernel holds the bytes); only for a power cut must they be forced to disk, and
# losing the last seconds to one is cheaper than waiting for the disk after every chunk.
SYNC_SECONDS: Final[float] = 5.0
READ_BYTES: Final[int] = 1 << 20


@dataclass(slots=True)
class State:
    """What the journal holds.

    Attributes:
        settings: all that shapes the output; a run resumes only with the same.
        input: size and time of change of the input file; empty for a pipe.
        mark: the place in the input after the last whole chunk; ``None`` before the first.
        output_size: bytes of the partial file that are sound.
        output_crc: their CRC-32.
        counts: of the rows in them.
    """

    settings: Mapping[str, Any]
    input: Mapping[str, int]
    mark: Mark | None = None
    output_size: int = 0
    output_crc: int = 0
    counts: Counts = field(default_factory=Counts)

    def to_json(self) -> str:
        """As the text of the journal."""
        return json.dumps({"format": JOURNAL_FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> State:
        """Back from the text; ValueError, KeyError or TypeError when it is not a journal of this format."""
        data = json.loads(text)
        if data.pop("format") != JOURNAL_FORMAT:
            raise ValueError("of another version")
        counts, mark = Counts(**data.pop("counts")), data.pop("mark")
        return cls(**data, mark=Mark(**mark) if mark else None, counts=counts)


class Output(Protocol):
    """Where chunks of finished rows go."""

    def append(self, data: bytes, state: State) -> None:
        """Write a whole chunk and bring ``state`` up to date."""

    def finish(self) -> None:
        """All chunks are written."""


class PipeOutput:
    """Standard output, or a device: written to as it comes, nothing to resume."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write to ``file``."""
        self._file = file

    def append(self, data: bytes, state: State) -> None:
        """Write a whole chunk."""
        _write_all(self._file, data)
        state.output_size += len(data)

    def finish(self) -> None:
        """Push out what is still held."""
        self._file.flush()


class PartialOutput:
    """The partial file of one output, locked for one run at a time; a context manager."""

    def __init__(self, target: Path) -> None:
        """Open or create the partial file of ``target``.

        Raises:
            InputError: another run is writing it, or the folder cannot be written to.
        """
        self.target = target
        self.path = target.with_name(target.name + ".partial")
        self._journal = target.with_name(target.name + ".partial.json")
        self._synced = time.monotonic()
        try:
            self._file: IO[bytes] = self._open_locked()
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def _open_locked(self) -> IO[bytes]:
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            import fcntl  # POSIX; elsewhere two runs on one output go unnoticed
        except ImportError:
            return file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InputError(f"{self.path}: another run is writing this output") from None
        return file

    def read_state(self) -> State | None:
        """What an interrupted run left; ``None`` when there is nothing to go on from."""
        try:
            state = State.from_json(self._journal.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.mark is not None and os.fstat(self._file.fileno()).st_size else None

    def start(self) -> None:
        """Throw away what is there and begin anew."""
        self._journal.unlink(missing_ok=True)
        self._file.truncate(0)
        self._file.seek(0)

    def resume(self, state: State) -> None:
        """Cut off what lies beyond ``state`` and go on from there.

        Raises:
            InputError: the partial file is not the one that the journal speaks of.
        """
        crc, left = 0, state.output_size
        self._file.seek(0)
        while left and (part := self._file.read(min(left, READ_BYTES))):
            crc, left = zlib.crc32(part, crc), left - len(part)
        if left or crc != state.output_crc:
            raise InputError(f"{self.path}: does not match its journal: delete both and start again without --resume")
        self._file.truncate(state.output_size)
        self._file.seek(state.output_size)

    def append(self, data: bytes, state: State) -> None:
        """Write a whole chunk and set down that it is there; ``state`` is brought up to date.

        Raises:
            OSError: the disk is full, say; then what the journal names is still sound.
        """
        size = state.output_size + len(data)
        crc = zlib.crc32(data, state.output_crc)
        try:
            _write_all(self._file, data)
            state.output_size, state.output_crc = size, crc
            self._write_journal(state)
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(size - len(data))  # give the room back
            raise

    def _write_journal(self, state: State) -> None:
        temporary = self._journal.with_name(self._journal.name + ".tmp")
        sync = time.monotonic() - self._synced >= SYNC_SECONDS
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(state.to_json())
                if sync:
                    file.flush()
                    os.fsync(self._file.fileno())
                    os.fsync(file.fileno())
                    self._synced = time.monotonic()
            temporary.replace(self._journal)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def finish(self, finished: Path | None = None) -> None:
        """Put the result (``finished``, or the partial file itself) in the place of the target, all at once."""
        source = finished or self.path
        with source.open("rb") as file:
            os.fsync(file.fileno())
        self._file.close()
        if self.target.exists():
            shutil.copymode(self.target, source)
        source.replace(self.target)
        self._journal.unlink(missing_ok=True)
        if finished:
            self.path.unlink()
        _sync_folder(self.target.parent)

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; a run that did not get through its first chunk leaves nothing behind."""
        if kind is not None and not self._file.closed and self.read_state() is None:
            self._journal.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
        self._file.close()


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write ``data`` to an unbuffered file, which may take it in parts."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync_folder(folder: Path) -> None:
    """Force the renaming to disk, where the system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
