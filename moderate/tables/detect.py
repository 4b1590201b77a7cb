"""What a file does not say about itself: encoding, delimiter, quoting, and which column holds the comments."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from .delimited import split_lines, walk
from .formats import Dialect, Quoting

SAMPLE_BYTES: Final[int] = 1 << 20
# Enough rows to tell a delimiter from a comma in a sentence.
SAMPLE_ROWS: Final[int] = 200
SAMPLE_CHARS: Final[int] = 1 << 17
DELIMITERS: Final[str] = ",;\t|"

# Names that comment columns carry in exports of comment systems, social networks and published corpora; the more
# telling first. Compared in lower case with every run of other characters as one underscore.
TEXT_COLUMNS: Final[tuple[str, ...]] = (
    *("comment_text", "comment_body", "comment_content", "comment", "comments", "text", "body", "message"),
    *("content", "review_text", "review", "post_text", "post_body", "post", "tweet_text", "tweet", "full_text"),
    *("msg", "reply", "description", "sentence", "utterance", "raw_text", "clean_text"),
    *("kommentar", "kommentartext", "nachricht", "beitrag", "commentaire", "texte", "comentario", "texto"),
    *("commento", "testo", "reactie", "tekst", "yorum", "yorum_metni", "metin", "mesaj", "sirove", "nivis"),
    *("تعليق", "التعليق", "نص", "النص", "شرح", "متن", "نظر"),
)

# Bytes that are letters of Western languages or typographic signs in cp1252 and likely in running text.
_WESTERN: Final[frozenset[str]] = frozenset(
    "àâäáãåæçèéêëìíîïñòóôõöøœùúûüßýÿÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜÝðÐþÞšžŠŽ‘’‚“”„–—…•€£§°«»¿¡©®™´·²½\xa0"
)
# In these, such a character is next to nothing but a stray byte of something else.
_UNLIKELY: Final[frozenset[str]] = frozenset("ÿþÞÐð")
_HIGH_RUN: Final[re.Pattern[bytes]] = re.compile(rb"[\x80-\xff]+")
_ARABIC: Final[re.Pattern[str]] = re.compile("[\u0600-\u06ff]")


def detect_encoding(sample: bytes) -> str:
    """Name the encoding of a text by its first bytes.

    A byte order mark decides; then zero bytes (UTF-16 without a mark); then valid UTF-8. Of what is left, a text with
    more sound than unsound UTF-8 characters is damaged UTF-8, and one whose high bytes read as Western or Arabic
    letters is cp1252 or cp1256. In doubt UTF-8: then single rows are reported, rather than all silently misread.
    """
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if sample.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    if (wide := _wide_encoding(sample)) is not None:
        return wide
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # incremental: the sample may end in mid-character
    text = decoder.decode(sample)
    unsound = text.count("\ufffd")
    if not unsound or len(re.findall(r"[^\x00-\x7f\ufffd]", text)) >= unsound:
        return "utf-8"
    return _single_byte_encoding(sample)


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 without a mark: in any script, spaces and digits make many bytes of one parity zero, few of the other."""
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0) * 2 / len(sample), sample[1::2].count(0) * 2 / len(sample)
    if max(even, odd) < 0.08 or min(even, odd) > max(even, odd) / 4:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    # Some NULs in a short file of single bytes look the same, but read as UTF-16 it has lost its lines.
    text = sample.decode(encoding, "replace")
    lost = text.count("\n") + text.count("\r") < (sample.count(b"\n") + sample.count(b"\r")) / 2
    return None if lost else encoding


def _single_byte_encoding(sample: bytes) -> str:
    runs = _HIGH_RUN.findall(sample)
    high = sum(map(len, runs))
    if high / len(runs) > 2:  # words written in high bytes alone: not a Western language
        text = b" ".join(runs).decode("cp1256", "replace")
        return "cp1256" if len(_ARABIC.findall(text)) >= 0.7 * high else "utf-8"
    text = b"".join(runs).decode("cp1252", "replace")
    plausible = sum(character in _WESTERN and character not in _UNLIKELY for character in text)
    return "cp1252" if plausible >= 0.9 * high else "utf-8"


def detect_dialect(text: str, *, delimiter: str | None, quoting: Quoting | None, expected: str) -> Dialect:
    """Find how the fields of a delimited table are set apart.

    Args:
        text: the first part of the table, decoded.
        delimiter: taken as given when not ``None``.
        quoting: taken as given when not ``None``.
        expected: the delimiter that the suffix promises; wins a tie.
    """
    newline = "\n" if "\n" in text or "\r" not in text else "\r"
    sample = text[:SAMPLE_CHARS]
    lines = split_lines(sample)
    if len(lines) > 1 and len(sample) < len(text):
        lines.pop()  # cut off
    style = quoting or Quoting.DOUBLE
    if delimiter is None:
        options = [Dialect(mark, style, newline) for mark in expected + DELIMITERS.replace(expected, "")]
        widths = [_widths(lines, option) for option in options]
        several = [index for index, found in enumerate(widths) if found[0] > 1]
        # A header of one column says that nothing is a delimiter: then the one that splits no row is right.
        best = max(several or range(len(options)), key=lambda index: _agreement(widths[index]))
        delimiter = options[best].delimiter
    if quoting is None:
        style = _detect_quoting(lines, delimiter, newline)
    return Dialect(delimiter, style, newline)


def _widths(lines: list[str], dialect: Dialect) -> list[int]:
    """Number of fields in each of the first rows; at least one number."""
    records = (record for record in walk(lines, dialect, limit=SAMPLE_CHARS) if record.cells)
    return [len(record.cells or ()) for record in islice(records, SAMPLE_ROWS)] or [0]


def _agreement(widths: list[int]) -> tuple[float, int]:
    share = widths.count(widths[0]) / len(widths)
    return round(share, 1), widths[0]


def _detect_quoting(lines: list[str], delimiter: str, newline: str) -> Quoting:
    """The usual quoting, unless the sample speaks against it more than once and more often than for it."""
    good, broken = _count_quoted(lines, Dialect(delimiter, Quoting.DOUBLE, newline))
    if broken and any('\\"' in line for line in lines):
        escaped = Dialect(delimiter, Quoting.BACKSLASH, newline)
        if _count_quoted(lines, escaped)[1] < broken:
            return Quoting.BACKSLASH
    # One broken row is a broken row; a table whose quotes are mere characters has many.
    return Quoting.NONE if broken > max(good, 2) else Quoting.DOUBLE


def _count_quoted(lines: list[str], dialect: Dialect) -> tuple[int, int]:
    """(rows with a field in good quotes, rows with broken ones)."""
    opening = re.compile(f'(?:^|{re.escape(dialect.delimiter)})"')
    good = broken = 0
    for record in islice(walk(lines, dialect, limit=SAMPLE_CHARS), SAMPLE_ROWS):
        broken += record.cells is None
        good += record.cells is not None and bool(opening.search(lines[record.start]))
    return good, broken


def find_named_column(columns: Sequence[str]) -> int | None:
    """Index of the column whose name says that it holds comments; ``None`` when no name does."""
    names = [re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_") for name in columns]
    return next((names.index(known) for known in TEXT_COLUMNS if known in names), None)


def find_longest_column(rows: Iterable[Sequence[object]], width: int) -> int | None:
    """Index of the column of strings that is longest on average; ``None`` when no column holds strings."""
    totals = [0] * width
    for row in rows:
        for index, value in enumerate(row[:width]):
            if isinstance(value, str) and not re.fullmatch(r"https?://\S+", value):
                totals[index] += len(value)
    return totals.index(max(totals)) if any(totals) else None
