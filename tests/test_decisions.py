"""A publisher's table, read: which columns teach, what counts as a decision, what is left out and said."""

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate import CATEGORIES, InputError
from training.corpora import UNKNOWN
from training.decisions import read_decisions


@pytest.fixture
def read(tmp_path):
    """Read a table given as text; options as for `read_decisions`."""

    def read(text, *, name="own.csv", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_decisions(str(path), **options)

    return read


def labels(decisions, row):
    """The categories that are known of a comment."""
    pairs = zip(CATEGORIES, decisions.labels[row].tolist(), strict=True)
    return {name: value for name, value in pairs if value != UNKNOWN}


def noted(decisions, *parts):
    return any(all(part in note for part in parts) for note in decisions.notes)


# --- formats ---------------------------------------------------------------------------------------------------------

ROWS = [{"text": "A fine day, indeed.", "verdict": "approve"}, {"text": "You zonkel!", "verdict": "reject"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.csv", b'text,verdict\n"A fine day, indeed.",approve\nYou zonkel!,reject\n'),
        ("own.csv", "text;verdict\r\nA fine day, indeed.;APPROVED\r\nYou zonkel!;Rejected\r\n".encode("utf-16")),
        ("own.tsv", b"verdict\ttext\napprove\tA fine day, indeed.\nreject\tYou zonkel!\n"),
        ("own.jsonl", "\n".join(map(json.dumps, ROWS)).encode()),
        ("own.jsonl.gz", gzip.compress("\n".join(map(json.dumps, ROWS)).encode(), mtime=0)),
    ],
)
def test_every_format_of_the_batch_is_read(read, name, content):
    decisions = read(content, name=name)
    assert decisions.texts == ["A fine day, indeed.", "You zonkel!"]
    assert decisions.verdicts.tolist() == [0, 1]
    assert decisions.rows.tolist() == [1, 2]


def test_parquet_is_read_with_native_values(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'parquet'")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "own.parquet"
    table = {"text": ["one", "two", "three"], "threat": [True, False, None], "toxic": [1.0, float("nan"), 0.0]}
    pq.write_table(pa.table(table), path)
    decisions = read_decisions(str(path))
    assert [labels(decisions, row) for row in range(3)] == [{"threat": 1, "toxic": 1}, {"threat": 0}, {"toxic": 0}]


# --- what a row teaches ----------------------------------------------------------------------------------------------


def test_what_was_approved_breaks_nothing_and_what_was_rejected_says_no_more(read):
    decisions = read("text,verdict\none,approve\ntwo,reject\n")
    assert labels(decisions, 0) == dict.fromkeys(CATEGORIES, 0)
    assert labels(decisions, 1) == {}
    assert decisions.has_verdicts
    assert decisions.named == ()


def test_without_verdicts_they_follow_from_the_categories(read):
    decisions = read("text,threat,toxic\none,1,\ntwo,0,\nthree,0,0\n")
    assert not decisions.has_verdicts
    assert decisions.verdicts.tolist() == [1, 0, 0]
    assert labels(decisions, 1) == {"threat": 0}
    assert noted(decisions, "no column 'verdict'")


def test_a_kind_breaks_its_category_and_an_unbroken_category_has_no_kind(read):
    decisions = read("text,sexism,abuse\none,1,\ntwo,,0\n")
    assert labels(decisions, 0) == {"sexism": 1, "abuse": 1}
    assert labels(decisions, 1) == dict.fromkeys(
        ["abuse", "sexism", "racism", "homophobia", "xenophobia", "other_abuse"], 0
    )


def test_columns_may_have_other_names(read):
    text = "body,comment,decision,insult\nuno,one,reject,1\ndos,two,approve,0\n"
    decisions = read(text, columns={"verdict": "decision", "personal_attack": "insult"})
    assert decisions.texts == ["one", "two"]
    assert labels(decisions, 0) == {"personal_attack": 1}
    decisions = read(text, columns={"text": "body", "verdict": "decision"})
    assert decisions.texts == ["uno", "dos"]


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("text,author\none,me\n", {}, ["no column 'verdict'", "'text', 'author'", "--column verdict=NAME"]),
        ("text,verdict\none,reject\n", {"columns": {"verdict": "status"}}, ["no column 'status'", "'verdict'"]),
        ("text,verdict\none,reject\n", {"columns": {"mood": "text"}}, ["'mood'", "personal_attack"]),
        ("text,verdict\n", {}, ["no row"]),
        ("text,verdict\n ,reject\none,\n", {}, ["no row can be used", "without a comment", "without a verdict"]),
        ("text,verdict\none,approve\nONE,reject\n", {}, ["no row can be used", "split evenly"]),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_is_wrong(read, text, options, told):
    with pytest.raises(InputError) as caught:
        read(text, **options)
    assert "own.csv" in str(caught.value) or "columns" in options
    for part in told:
        assert part in str(caught.value)


def test_rows_that_cannot_be_used_are_left_out_and_named(read):
    decisions = read(
        "text,verdict,threat\none,reject,1\ntwo,maybe,\n,reject,\nfour,,\nfive,approve,1\nsix,approve,0\nseven\n"
        "eight,reject,2\n"
    )
    assert decisions.rows.tolist() == [1, 6]
    for parts in (
        ["'verdict' is not approve, reject or blank", "2 ('maybe')"],
        ["without a comment", "3"],
        ["without a verdict or a label", "4"],
        ["approved although", "5"],
        ["cannot be read", "7", "line 8"],
        ["'threat' is not 1, 0 or blank", "8 ('2')"],
    ):
        assert noted(decisions, "1 rows", *parts), (parts, decisions.notes)


def test_a_long_list_of_rows_is_cut(read):
    decisions = read("text,verdict\none,reject\n" + "".join(f"row {number},maybe\n" for number in range(20)))
    assert noted(decisions, "20 rows", "6 ('maybe'), …")
    assert not noted(decisions, "7 ('maybe')")


def test_a_column_that_looks_like_a_label_but_is_no_category_is_told_of(read):
    decisions = read("text,verdict,personal_atack,reply,note\none,reject,1,1,x\ntwo,approve,0,,y\n")
    assert noted(decisions, "'personal_atack'", "did you mean 'personal_attack'", "--column personal_attack=")
    assert noted(decisions, "'reply'", "is no category")
    assert not noted(decisions, "'note'")


# --- copies ----------------------------------------------------------------------------------------------------------


def test_a_comment_counts_once_with_the_decision_of_most_of_its_copies(read):
    decisions = read("text,verdict\nBuy  now,reject\nbuy now,approve\nother,approve\nBUY NOW,reject\n")
    assert decisions.texts == ["Buy  now", "other"]
    assert decisions.verdicts.tolist() == [1, 0]
    assert noted(decisions, "2 rows repeat a comment")
    (dispute,) = decisions.contradictions
    assert (dispute.rows, dispute.approved, dispute.rejected, dispute.even) == ((1, 2, 4), 1, 2, False)
    assert noted(decisions, "1 comments were approved in one row and rejected in another")


def test_labels_of_copies_are_merged(read):
    decisions = read("text,threat,toxic\none,1,\none,1,0\none,0,\n")
    assert labels(decisions, 0) == {"threat": 1, "toxic": 0}


def test_comments_with_the_same_words_are_one_group(read):
    decisions = read('text,verdict\nCall now!,reject\n"call, now",reject\nCáll now www.x.example,approve\nno,reject\n')
    assert len(decisions.texts) == 4
    assert decisions.groups[0] == decisions.groups[1] == decisions.groups[2] != decisions.groups[3]


def test_the_digest_names_comments_and_decisions_but_not_the_file(read):
    first, same, other = (read(f"text,verdict\none,{verdict}\n", name=name) for verdict, name in (
        ("reject", "a.csv"), ("rejected", "b.csv"), ("approve", "c.csv")))  # fmt: skip
    assert first.digest() == same.digest() != other.digest()


# --- dates -----------------------------------------------------------------------------------------------------------


def test_dates_are_found_and_read(read):
    decisions = read("text,verdict,created_at\none,reject,2026-11-30T10:00:00Z\ntwo,reject,1764000000\nthree,reject,\n")
    assert decisions.dates[:2].tolist() == [1796032800.0, 1764000000.0]
    assert np.isnan(decisions.dates[2])
    milliseconds = read("text,verdict,date\none,reject,1764000000000\n")
    assert milliseconds.dates.tolist() == [1764000000.0]


def test_a_date_of_another_form_is_refused_until_its_form_is_given(read):
    text = "text,verdict,date\none,reject,\ntwo,reject,30.11.2026\n"
    with pytest.raises(InputError, match=r"row 2: '30\.11\.2026'.*--date-format"):
        read(text)
    assert read(text, date_format="%d.%m.%Y").dates[1] == 1795996800.0
    assert read(text, dated=False).dates is None
