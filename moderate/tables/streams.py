"""The bytes of an input, from a file or a pipe: unpacked, in one ASCII-compatible encoding, with look-ahead."""

from __future__ import annotations

import codecs
import importlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..errors import DamagedInputError, InputError, MissingExtraError
from .detect import SAMPLE_BYTES, detect_encoding
from .formats import WINDOW_BYTES, Compression

STDIN: Final[str] = "-"
MAGIC: Final[tuple[tuple[bytes, Compression], ...]] = (
    (b"\x1f\x8b", Compression.GZIP),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
)
READ_BYTES: Final[int] = 1 << 18
# zstandard has no way to bound what one call gives back, so it is fed little at a time.
ZSTD_READ_BYTES: Final[int] = 1 << 14


class ByteStream:
    """Bytes from an iterator of parts, with look-ahead.

    A failure of the iterator is kept back until all that came before it has been taken.
    """

    def __init__(self, parts: Iterator[bytes]) -> None:
        """Take the bytes from ``parts``, as far as they are asked for."""
        self._parts = parts
        self._buffer = b""
        self._failure: Exception | None = None
        self._ended = False

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without taking them; fewer only before the end or a failure."""
        if len(self._buffer) < size and not self._ended:
            parts, held = [self._buffer], len(self._buffer)
            while held < size and not self._ended:
                try:
                    part = next(self._parts)
                except StopIteration:
                    self._ended = True
                except InputError as error:
                    self._ended, self._failure = True, error
                else:
                    parts.append(part)
                    held += len(part)
            self._buffer = b"".join(parts)
        return self._buffer[:size]

    def take(self, size: int) -> None:
        """Take the next ``size`` bytes, which must have been seen by ``peek``."""
        self._buffer = self._buffer[size:]

    def raise_failure(self) -> None:
        """Raise what cut the stream short, if anything did."""
        if self._failure is not None:
            raise self._failure

    def take_all(self) -> Iterator[bytes]:
        """Every part that is left; raises what cut the stream short."""
        if self._buffer:
            yield self._buffer
        self._buffer = b""
        self.raise_failure()
        if not self._ended:
            yield from self._parts


class Source:
    """An input opened for reading.

    Attributes:
        stream: its bytes, unpacked, in an encoding whose ASCII bytes mean ASCII, without byte order mark.
        encoding: as given or detected, for people.
        piece_encoding: of the bytes in ``stream``.
        size: of the file in bytes; ``None`` for a pipe.
        seek_base: file offset of the stream's first byte where the two run in step; else ``None``.
    """

    def __init__(self, path: str, compression: Compression, *, encoding: str | None = None) -> None:
        """Open ``path`` (``-`` for standard input); ``compression`` is what its suffix promises.

        Raises:
            InputError: it cannot be opened, or is not packed as promised, or the encoding is not known.
        """
        self.path = path
        self._file: Any = None
        try:
            self._file = open_raw(path)
            self.size = None if path == STDIN else _regular_size(self._file)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        raw = ByteStream(self._read_parts())
        found = next((kind for magic, kind in MAGIC if raw.peek(len(magic)) == magic), Compression.NONE)
        if compression and found is not compression and raw.peek(1):
            raise InputError(f"{path}: not a {compression.name.lower()} file, whatever its name says")
        stream = ByteStream(_inflate(raw.take_all(), found, path)) if found else raw
        sample = stream.peek(SAMPLE_BYTES)
        self.encoding = _known_encoding(encoding, sample, path) if encoding else detect_encoding(sample)
        mark = _byte_order_mark(sample, self.encoding)
        stream.take(mark)
        self.piece_encoding = self.encoding
        self.seek_base = None if found or self.size is None else mark
        if not _is_ascii_superset(self.encoding):
            stream = ByteStream(_transcode(stream.take_all(), self.encoding, path))
            self.piece_encoding, self.seek_base = "utf-8", None
        self.stream = stream

    def _read_parts(self) -> Iterator[bytes]:
        try:
            while part := self._file.read(READ_BYTES):
                yield part
        except OSError as error:
            raise DamagedInputError(f"{self.path}: {error.strerror or error}") from error

    def seek(self, position: int) -> None:
        """Go on reading at ``position`` of the stream, without what lies before (needs ``seek_base``)."""
        self._file.seek((self.seek_base or 0) + position)
        self.stream = ByteStream(self._read_parts())

    def skip(self, size: int) -> int | None:
        """Read past the next ``size`` bytes and return their CRC-32; ``None`` when the stream ends before."""
        crc = 0
        while size:
            part = self.stream.peek(min(size, WINDOW_BYTES))
            if not part:
                self.stream.raise_failure()
                return None
            crc = zlib.crc32(part, crc)
            self.stream.take(len(part))
            size -= len(part)
        return crc

    @property
    def bytes_read(self) -> int:
        """How far the file has been read, for progress."""
        return int(self._file.tell()) if self.size is not None else 0

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._file.close()


def open_raw(path: str) -> io.FileIO:
    """Open ``path`` for reading without a buffer; ``-`` is standard input."""
    return io.FileIO(0, "rb", closefd=False) if path == STDIN else io.FileIO(Path(path), "rb")


def _regular_size(file: io.FileIO) -> int | None:
    return os.fstat(file.fileno()).st_size if file.seekable() else None


def _inflate(parts: Iterator[bytes], compression: Compression, name: str) -> Iterator[bytes]:
    """Unpack one or more gzip members or zstd frames that follow each other."""
    step = READ_BYTES if compression is Compression.GZIP else ZSTD_READ_BYTES
    make, failure = _decompressor(compression)
    kind = compression.name.lower()
    decoder = make()
    for part in parts:
        for start in range(0, len(part), step):
            data = part[start : start + step]
            while data:
                if decoder.eof:
                    data = data.lstrip(b"\0")  # tape blocks are padded with zeros after the last member
                    if not data:
                        break
                    decoder = make()
                try:
                    unpacked = decoder.decompress(data)
                except failure as error:
                    raise DamagedInputError(f"{name}: the {kind} data are damaged ({error})") from error
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                if unpacked:
                    yield unpacked
    if not decoder.eof:
        raise DamagedInputError(f"{name}: the {kind} stream is cut off before its end")


class _GzipMember:
    """One gzip member, unpacked in bounded steps (a few kilobytes may stand for gigabytes)."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    def decompress(self, data: bytes) -> bytes:
        return self._inner.decompress(data, WINDOW_BYTES)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _decompressor(compression: Compression) -> tuple[Callable[[], Any], type[Exception]]:
    if compression is Compression.GZIP:
        return _GzipMember, zlib.error
    try:
        import zstandard  # an extra: imported only where it is used
    except ImportError:
        raise MissingExtraError("reading or writing zstd", extra="zstd") from None
    return zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError


def _transcode(parts: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Turn text in ``encoding`` into UTF-8, in which what could not be read is never valid UTF-8.

    So a row with such bytes is found by whoever decodes it strictly, and only that row.
    """
    errors = "surrogatepass" if encoding.startswith("utf") else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        for part in parts:
            yield decoder.decode(part).encode("utf-8", "surrogatepass")
    except UnicodeError as error:  # of codecs that cannot go on after an error
        raise DamagedInputError(f"{name}: this is not {encoding} text ({error}); try another --encoding") from error
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError:  # half a character at the very end
        yield b"\xff"


def _known_encoding(name: str, sample: bytes, path: str) -> str:
    """The codec's own name; for UTF-16 as such, the one that the byte order mark or the text shows."""
    with suppress(UnicodeError):
        try:
            b"a".decode(name)  # refuses codecs that are not of text
        except LookupError:
            raise InputError(f"unknown encoding {name!r}") from None
    found = codecs.lookup(name).name
    if found != "utf-16":
        return found
    if not (wide := detect_encoding(sample)).startswith("utf-16") and sample:
        raise InputError(f"{path}: UTF-16 without a byte order mark: give --encoding utf-16-le or utf-16-be")
    return wide if sample else "utf-8"


def _byte_order_mark(sample: bytes, encoding: str) -> int:
    """Length of the byte order mark to pass over."""
    marks = {
        "utf-8": codecs.BOM_UTF8,
        "utf-8-sig": codecs.BOM_UTF8,
        "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE,
    }
    mark = marks.get(encoding)
    return len(mark) if mark and sample.startswith(mark) else 0


def _is_ascii_superset(encoding: str) -> bool:
    """Whether every ASCII byte stands for its character wherever it occurs (so not UTF-16, nor Shift JIS)."""
    if encoding in {"utf-8", "ascii", "iso8859-1"}:
        return True
    try:
        module = importlib.import_module("encodings." + encoding.replace("-", "_"))
    except ModuleNotFoundError:  # a codec that somebody else registered
        return False
    table = getattr(module, "decoding_table", None)  # single-byte codecs have one
    return isinstance(table, str) and table[:128] == bytes(range(128)).decode("ascii")
