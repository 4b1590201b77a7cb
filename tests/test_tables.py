"""Tables: what is found out about a file, where it is cut, and what becomes of rows that are broken."""

import csv
import gzip
import io
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderate import InputError
from moderate.tables import delimited, reading
from moderate.tables.detect import detect_encoding, find_named_column
from moderate.tables.formats import (
    PART_ROWS,
    WINDOW_BYTES,
    Compression,
    Dialect,
    Format,
    Kind,
    Mark,
    Piece,
    Quoting,
    Table,
)
from moderate.tables.reading import Options, open_table

# --- Formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "compression", "delimiter"),
    [
        ("a.csv", Kind.DELIMITED, Compression.NONE, ","),
        ("a.TSV", Kind.DELIMITED, Compression.NONE, "\t"),
        ("2026.11.csv.gz", Kind.DELIMITED, Compression.GZIP, ","),
        ("a.jsonl.zst", Kind.JSONL, Compression.ZSTD, None),
        ("a.ndjson", Kind.JSONL, Compression.NONE, None),
        ("a.parquet", Kind.PARQUET, Compression.NONE, None),
    ],
)
def test_the_suffix_tells_the_format(name, kind, compression, delimiter):
    assert Format.of_path(name) == Format(kind, compression, delimiter)


def test_a_suffix_that_tells_nothing_asks_for_the_format(tmp_path):
    path = tmp_path / "comments.dat"
    path.write_text("text\nhello\n")
    with pytest.raises(InputError, match=r"comments\.dat.*--format"):
        open_table(str(path))
    assert rows_of(path, format="csv") == [["hello"]]


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(InputError, match=r"'xlsx'.*csv, tsv, jsonl or parquet"):
        Format.named("xlsx")


# --- Encodings --------------------------------------------------------------------------------------------------

FRENCH = "id,commentaire\n1,Très déçu par l’été à Orléans\n2,Ça va – merci\n"
ARABIC = "id,تعليق\n1,شكرا على المقال الجيد\n2,لا أتفق مع الكاتب\n"
MIXED = "id,comment\n1,naïve 😀 سلام\n"


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        (MIXED, "utf-8", "utf-8"),
        (MIXED, "utf-8-sig", "utf-8"),
        (MIXED, "utf-16", "utf-16-le"),
        (MIXED, "utf-16-le", "utf-16-le"),
        (MIXED, "utf-16-be", "utf-16-be"),
        (FRENCH, "cp1252", "cp1252"),
        (ARABIC, "cp1256", "cp1256"),
        ("id,comment\n1,plain\n", "ascii", "utf-8"),
    ],
)
def test_encodings_are_detected(tmp_path, text, encoding, found):
    path = tmp_path / "comments.csv"
    path.write_bytes(text.encode(encoding))
    reader = open_table(str(path))
    assert reader.encoding == found
    assert [list(reader.table.columns), *rows_of(path)] == list(csv.reader(io.StringIO(text)))


def test_a_sample_that_ends_in_mid_character_is_still_utf8():
    assert detect_encoding("é".encode()[:1].rjust(1 << 10, b"a")) == "utf-8"
    assert detect_encoding(("é" * 1000).encode()[:-1]) == "utf-8"


def test_stray_bytes_in_utf8_do_not_turn_the_whole_file_into_cp1252():
    assert detect_encoding("name,comment\nJosé,très bien\n".encode() + b"x,\xff\xfe\n") == "utf-8"
    assert detect_encoding(b"id,comment\n1,fine\n2,\xff\xfe\n") == "utf-8"


@pytest.mark.parametrize("encoding", ["iso8859-9", "koi8-r", "shift_jis", "gb18030", "utf-32"])
def test_any_codec_of_python_can_be_given(tmp_path, encoding):
    text = {"iso8859-9": "şey, güzel", "koi8-r": "привет"}.get(encoding, "表示, テスト")
    path = tmp_path / "comments.csv"
    path.write_text(f'id,comment\n1,"{text}"\n', encoding=encoding)
    assert rows_of(path, encoding=encoding) == [["1", text]]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-9", "unknown encoding 'utf-9'"),
        ("base64", "unknown encoding 'base64'"),
        ("utf-16", r"without a byte order mark: give --encoding utf-16-le or utf-16-be"),
        ("utf-7", r"comments\.csv: this is not utf-7 text .*; try another --encoding"),
        ("utf-32", r"comments\.csv: this is not utf-32 text .*; try another --encoding"),
    ],
)
def test_an_encoding_that_cannot_be_used_is_refused(tmp_path, encoding, message):
    path = tmp_path / "comments.csv"
    path.write_text("text\nça va\n", encoding="cp1252")
    with pytest.raises(InputError, match=message):
        rows_of(path, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_may_be_called_just_that(tmp_path, encoding):
    path = tmp_path / "comments.csv"
    path.write_text("\ufeff" * (encoding != "utf-16") + MIXED, encoding=encoding)
    assert rows_of(path, encoding="utf-16") == [["1", "naïve 😀 سلام"]]


def test_a_few_nuls_do_not_make_utf16_of_a_short_file():
    assert detect_encoding(b"id,comment\n1,a\0b\n2,c\0d\0e\n") == "utf-8"
    assert detect_encoding("a,b\n1,x\n".encode("utf-16-be")) == "utf-16-be"


# --- Delimiters and quoting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_the_delimiter_is_found_whatever_the_suffix(tmp_path, delimiter, suffix):
    path = tmp_path / f"comments.{suffix}"
    rows = [["id", "comment"], ["1", "one, two; three | four\tfive"], ["2", "a,b"], ["3", "c;d"]]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    assert open_table(str(path)).table.dialect == Dialect(delimiter)
    assert rows_of(path) == rows[1:]


def test_a_single_column_is_not_split_at_the_commas_of_its_sentences(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_text("comment\nWell, yes, of course.\nNo, never.\nPlain\n")
    assert rows_of(path) == [["Well, yes, of course."], ["No, never."], ["Plain"]]


def test_quotes_that_are_mere_characters(tmp_path):
    path = tmp_path / "comments.tsv"
    path.write_text('id\tcomment\n1\t"Quote" he said\n2\t"never\n3\t"so" they say\n4\t"x" y\n')
    assert open_table(str(path)).table.dialect.quoting is Quoting.NONE
    assert rows_of(path)[0] == ["1", '"Quote" he said']


def test_quotes_behind_backslashes(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_text('id,comment\n1,"she said \\"no, never\\", and left"\n2,"plain"\n')
    assert rows_of(path) == [["1", 'she said "no, never", and left'], ["2", "plain"]]


def test_what_is_given_is_not_guessed(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_text('a;b\n"x";1\n')
    assert rows_of(path, delimiter=",", quoting="none") == [['"x";1']]


@pytest.mark.parametrize("delimiter", ['"', "\n", "\0", ";;", "§"])
def test_a_delimiter_that_cannot_be_one_is_refused(tmp_path, delimiter):
    path = tmp_path / "comments.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="the delimiter must be one ASCII character"):
        open_table(str(path), Options(delimiter=delimiter))


# --- The text column --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "index"),
    [
        (["id", "comment_text", "toxic"], 1),
        (["ID", "Comment"], 1),
        (["title", "Body"], 1),
        (["body", "comment"], 1),
        (["tweet id", "Tweet-Text"], 1),
        (["no", "yorum"], 1),
        (["nr", "Kommentar"], 1),
        (["id", "comment_id"], None),
    ],
)
def test_usual_names(columns, index):
    assert find_named_column(columns) == index


def test_without_a_usual_name_the_longest_column_is_taken(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("a,b,c\n1,https://example.org/a/very/long/address/indeed,short words\n2,https://x.example/y,more\n")
    reader = open_table(str(path))
    assert (reader.table.text_column, reader.chosen_by) == (2, "the longest text on average")


def test_a_name_that_is_not_there_lists_those_that_are(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("id,comment\n1,x\n")
    with pytest.raises(InputError, match=r"export\.csv: no column 'text'; there are 'id', 'comment'"):
        open_table(str(path), Options(text_column="text"))


def test_without_a_header_columns_are_numbered(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("1,hello there\n2,again\n")
    assert open_table(str(path), Options(header=False)).table.columns == ("column_1", "column_2")
    assert rows_of(path, header=False) == [["1", "hello there"], ["2", "again"]]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, content):
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"export\.csv: the file is empty"):
        open_table(str(path))


def test_a_header_wider_than_the_sample_for_detection_is_no_problem(tmp_path):
    path = tmp_path / "export.csv"
    names = ",".join(f"a_rather_long_name_{number}" for number in range(30_000))
    path.write_text(f"{names},comment\n{',' * 30_000}hello\n")
    reader = open_table(str(path))
    assert (len(reader.table.columns), reader.table.text_column) == (30_001, 30_000)
    assert rows_of(path)[0][-1] == "hello"


@pytest.mark.parametrize("header", [True, False])
def test_a_first_row_without_an_end_is_refused(tmp_path, header):
    path = tmp_path / "export.csv"
    path.write_text("no, end " * 200_000)
    with pytest.raises(InputError, match="the first row does not end within 1,048,576 bytes"):
        open_table(str(path), Options(header=header))


def test_json_lines_whose_first_is_too_long_to_look_into(tmp_path):
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps({"body": "x" * 2_000_000}) + '\n{"body": "hello"}\n')
    with pytest.raises(InputError, match="no JSON object in the first 1,048,576 bytes: give --text-column"):
        open_table(str(path))
    assert rows_of(path, text_column="body")[1] == {"body": "hello"}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: No such file"):
        open_table(str(tmp_path / "nowhere.csv"))


# --- Cutting ----------------------------------------------------------------------------------------------------

CELLS = st.text(st.sampled_from("ab\",;\n\r '\\é\u2028"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=12), st.data())
def test_a_cut_falls_between_rows_wherever_the_window_ends(rows, data):
    content = as_csv(rows)
    window = content[: data.draw(st.integers(len(as_csv(rows[:1])), len(content)))]
    cut = delimited.find_cut(window, Dialect())
    whole = list(csv.reader(io.StringIO(content[:cut].decode(), newline=""))) if cut else []
    assert whole == rows[: len(whole)]
    rest = list(csv.reader(io.StringIO(content[cut:].decode(), newline="")))
    assert whole + rest == rows


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200).map(lambda raw: raw.translate(bytes(b'",\n\ra'[i % 5] for i in range(256)))), st.data())
def test_any_bytes_at_all_are_cut_after_a_line_and_lose_nothing(content, data):
    window = content[: data.draw(st.integers(0, len(content)))]
    if window:
        cut = delimited.find_cut(window, Dialect())
        assert cut == 0 or window[cut - 1 : cut] in {b"\n", b"\r"}
        assert cut > 0 or b"\n" not in window


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('a",\n\r\0é'), max_size=60))
def test_every_line_of_any_text_is_part_of_exactly_one_record(text):
    lines = delimited.split_lines(text)
    records = list(delimited.walk(lines, Dialect(), limit=1000))
    assert [record.start for record in records] == [0, *(record.end for record in records)][:-1]
    assert (records[-1].end if records else 0) == len(lines)


def test_lines_are_counted_as_the_csv_module_does():
    text = "a\u2028b\x0bc\nd\r\ne\rf\x85g"
    assert delimited.split_lines(text) == list(io.StringIO(text, newline=""))
    assert delimited.split_lines("a\nb\n") == ["a\n", "b\n"]
    assert delimited.split_lines("") == []


def test_pieces_follow_each_other_and_can_be_taken_up_again(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "comment"], *([n, f'comment "{n}",\nsecond line'] for n in range(90_000))])
    pieces = list(open_table(str(path)).pieces())
    assert len(pieces) > 2
    body = b"".join(piece.data for piece in pieces)
    assert path.read_bytes() == b"id,comment\r\n" + body
    assert pieces[-1].end.crc == zlib.crc32(path.read_bytes())
    assert [piece.line for piece in pieces[1:]] == [piece.end.line for piece in pieces[:-1]]
    for trusted in (True, False):
        again = list(open_table(str(path)).pieces(pieces[0].end, trusted=trusted))
        assert [piece.data for piece in again] == [piece.data for piece in pieces[1:]]
    with pytest.raises(InputError, match="its beginning has changed"):
        list(open_table(str(path)).pieces(Mark(pieces[0].end.position, 1, 12345)))


def test_lines_are_counted_alike_in_every_piece_however_they_end(tmp_path):
    path = tmp_path / "mixed.csv"
    rows = b"".join(b"%d,comment\r%d,comment\r\n%d,comment\n" % (n, n, n) for n in range(40_000))
    path.write_bytes(b"id,comment\n" + rows + b"bad\n")
    parts = parts_of(open_table(str(path)))
    assert len(parts) > 2
    assert [problem.line for rows in parts for problem in rows.problems.values()] == [120_002]
    assert sum(len(rows.texts) for rows in parts) == 120_001


@pytest.mark.parametrize("body", [b"%d,a\n", b"%d\n"], ids=["sound", "broken"])
def test_many_short_rows_are_given_out_in_parts(tmp_path, body):
    path = tmp_path / "short.csv"
    path.write_bytes(b"id,comment\n" + b"".join(body % n for n in range(30_000)))
    parts = parts_of(open_table(str(path)))
    assert [len(rows.texts) for rows in parts] == [PART_ROWS] * 3 + [30_000 - 3 * PART_ROWS]
    assert [record[0] for rows in parts for record in rows.records] == [str(n) for n in range(30_000)]


def test_an_unclosed_quote_at_the_start_of_a_big_file_costs_one_row(tmp_path):
    path = tmp_path / "big.csv"
    rows = [f"{n},comment number {n}" for n in range(120_000)]
    path.write_text("\n".join(["id,comment", '0,"never closed', *rows]) + "\n")
    parsed = parts_of(open_table(str(path)))
    assert sum(len(rows.texts) for rows in parsed) == 120_001
    assert [str(problem) for rows in parsed for problem in rows.problems.values()] == [
        "line 2, column 2: a quote that opens is never closed"
    ]


# --- Rows with problems -----------------------------------------------------------------------------------------


def parse_csv(body, *, columns=("id", "comment"), max_field=1000):
    table = Table("t.csv", Format.named("csv"), columns, len(columns) - 1, max_field=max_field)
    (rows,) = delimited.parse(Piece(body, 2, Mark(0, 0, 0)), table)
    return rows


@pytest.mark.parametrize(
    ("body", "cells", "problem"),
    [
        (b"1\n", ["1", ""], "line 2, column 'comment': 1 field where the header has 2"),
        (b"1,a,b,c\n", ["1", "a,b,c"], "line 2, column 3: 4 fields where the header has 2"),
        (b"1,caf\xff\n", ["1", "caf\\xff"], "line 2, column 'comment': bytes that are not utf-8 text"),
        (b"\xc3,x\n", ["\\xc3", "x"], "line 2, column 'id': bytes that are not utf-8 text"),
        (b"1,a\0b\n", ["1", "a\\x00b"], "line 2, column 'comment': a NUL"),
        (b'1,"open\n', ["1", '"open'], "line 2, column 2: a quote that opens is never closed"),
        (b'1,"a" b\n', ["1", '"a" b'], "line 2, column 2: broken quoting"),
        (
            b"1," + b"x" * 1001 + b"\n",
            ["1", "x" * 1001],
            "line 2, column 'comment': a field of 1,001 characters, over the limit of 1,000",
        ),
    ],
)
def test_a_row_that_cannot_be_read_keeps_what_can_be_kept_and_spares_its_neighbours(body, cells, problem):
    rows = parse_csv(b'0,"before"\n'.join([b"", body]) + b"9,after\n")
    assert rows.records == [["0", "before"], cells, ["9", "after"]]
    assert rows.texts == ["before", "", "after"]
    assert {index: str(found).replace("line 3", "line 2") for index, found in rows.problems.items()} == {1: problem}


def test_a_long_field_in_good_quotes_is_one_row_over_its_lines():
    rows = parse_csv(b'1,"' + b"word\n" * 300 + b'"\n2,fine\n')
    assert [len(rows.records), rows.texts] == [2, ["", "fine"]]
    assert "1,500 characters" in str(rows.problems[0])


def test_blank_lines_are_no_rows_of_a_wide_table_but_blank_comments_of_a_narrow_one():
    rows = parse_csv(b"1,a\n\n2,b\n")
    assert (rows.texts, rows.blank_lines) == (["a", "b"], 1)
    rows = parse_csv(b"a\n\nb\n", columns=("comment",))
    assert (rows.texts, rows.blank_lines) == (["a", "", "b"], 0)


def test_a_row_longer_than_memory_should_hold_is_cut_short_and_said_to_be(tmp_path):
    path = tmp_path / "big.csv"
    size = 3 * WINDOW_BYTES
    path.write_bytes(b"id,comment\n1,fine\n2," + b"x" * size + b"\n3,fine too\n")
    reader = open_table(str(path))
    rows = parts_of(reader)
    assert [text for part in rows for text in part.texts] == ["fine", "", "fine too"]
    (problem,) = [problem for part in rows for problem in part.problems.values()]
    assert (problem.line, f"a row of {size + 3:,} bytes" in problem.message) == (3, True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{bad", "line 2, column 2: bad JSON: Expecting property name enclosed in double quotes"),
        ("[1]", "line 2: a JSON object was expected"),
        ('{"comment": null}', "line 2, column 'comment': null where text was expected"),
        ('{"comment": 7}', "line 2, column 'comment': int where text was expected"),
        ('{"other": "x"}', "line 2, column 'comment': the row has no such key"),
        ("[" * 100_000, "JSON beyond reason"),
        ('{"n": ' + "9" * 5000 + "}", "JSON beyond reason"),
    ],
)
def test_json_that_cannot_be_used(tmp_path, line, problem):
    path = tmp_path / "comments.jsonl"
    path.write_text('{"comment": "before"}\n' + line + '\n\n{"comment": "after"}')
    reader = open_table(str(path), Options(text_column="comment"))
    (rows,) = parts_of(reader)
    assert (rows.texts, rows.blank_lines) == (["before", "", "after"], 1)
    assert problem in str(rows.problems[1])


# --- Damaged files ----------------------------------------------------------------------------------------------


def test_a_truncated_gzip_gives_all_whole_windows_and_then_fails(tmp_path):
    path = tmp_path / "comments.jsonl.gz"
    lines = "".join(json.dumps({"text": f"comment {zlib.crc32(b'%d' % n)}"}) + "\n" for n in range(100_000))
    packed = gzip.compress(lines.encode())
    path.write_bytes(packed[:-2000])
    pieces = open_table(str(path)).pieces()
    seen = []
    with pytest.raises(InputError, match=r"comments\.jsonl\.gz: the gzip stream is cut off"):
        seen.extend(pieces)
    seen_bytes = b"".join(piece.data for piece in seen)
    assert seen_bytes and lines.encode().startswith(seen_bytes)


def test_gzip_members_that_follow_each_other_are_one_table(tmp_path):
    path = tmp_path / "comments.csv.gz"
    path.write_bytes(gzip.compress(b"id,comment\n1,a\n") + gzip.compress(b"2,b\n") + b"\0" * 512)
    assert rows_of(path) == [["1", "a"], ["2", "b"]]


def test_a_packed_file_is_known_by_its_first_bytes_too(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_bytes(gzip.compress(b"id,comment\n1,a\n"))
    assert rows_of(path) == [["1", "a"]]


def test_a_plain_file_that_claims_to_be_packed_is_refused(tmp_path):
    path = tmp_path / "comments.csv.gz"
    path.write_bytes(b"id,comment\n1,a\n")
    with pytest.raises(InputError, match="not a gzip file"):
        open_table(str(path))


def test_a_corrupted_zstd_stream_is_said_to_be_damaged(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "comments.csv.zst"
    whole = zstandard.compress(b"id,comment\n" + b"1,a\n" * 1000)
    for broken in (whole[:-3], whole[:12] + b"\xff" * 20):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="zstd"):
            list(open_table(str(path)).pieces())


def rows_of(path, **options):
    return [record for rows in parts_of(open_table(str(path), Options(**options))) for record in rows.records]


def parts_of(reader):
    return [rows for piece in reader.pieces() for rows in reading.parse(piece, reader.table)]


def as_csv(rows):
    sink = io.StringIO()
    csv.writer(sink).writerows(rows)
    return sink.getvalue().encode()
