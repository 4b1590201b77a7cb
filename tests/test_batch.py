"""Batch runs: every row out, in order, with its decision, whatever the format."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from commands import ENVIRONMENT, EXAMPLE, run
from hypothesis import given, settings
from hypothesis import strategies as st

import moderate
from moderate import CATEGORIES, InputError, Policy, PolicyError
from moderate.batch import Options, moderate_file
from moderate.batch.work import Work

RUDE, CIVIL = "You are a complete idiot", "Thank you for this article."
ROWS = [
    {"id": str(number), "comment": text, "note": note}
    for number, (text, note) in enumerate(
        [
            (CIVIL, "a"),
            (RUDE, 'b "quoted"'),
            ('She said "no", twice', "ü😀"),
            ("two\nlines", "c,d"),
            ("", ""),
            (" ", "e"),
        ]
    )
]
VERDICTS = ["approve", "reject", "approve", "approve", "approve", "approve"]
FORMATS = ["csv", "tsv", "jsonl", "parquet", "csv.gz", "csv.zst", "tsv.zst", "jsonl.gz", "jsonl.zst"]


@pytest.fixture(autouse=True, scope="module")
def load_once():
    """Spare each of the many runs here the loading of the model; runs in processes of their own do load it."""
    load, loaded = Work.load_moderator, {}

    def load_or_reuse(work):
        key = repr((work.model, work.policy))
        if key not in loaded:
            loaded[key] = load(work)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "load_moderator", load_or_reuse)
        yield


def write_table(path, rows=ROWS):
    name = path.name
    if name.endswith("parquet"):
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    sink = io.StringIO()
    if "jsonl" in name:
        sink.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        writer = csv.DictWriter(sink, list(rows[0]), delimiter="\t" if "tsv" in name else ",")
        writer.writeheader()
        writer.writerows(rows)
    data = sink.getvalue().encode()
    if name.endswith("gz"):
        data = gzip.compress(data)
    elif name.endswith("zst"):
        data = pytest.importorskip("zstandard").compress(data)
    path.write_bytes(data)
    return path


def read_table(path):
    name = path.name
    if name.endswith("parquet"):
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    data = path.read_bytes()
    if name.endswith("gz"):
        data = gzip.decompress(data)
    elif name.endswith("zst"):
        zstandard = pytest.importorskip("zstandard")
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    text = data.decode("utf-8")
    if "jsonl" in name:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if "tsv" in name else ","))


# --- Formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", FORMATS)
@pytest.mark.parametrize("after", FORMATS)
def test_every_format_becomes_every_other(tmp_path, before, after):
    output = tmp_path / f"out.{after}"
    summary = moderate_file(write_table(tmp_path / f"in.{before}"), output)
    rows = read_table(output)
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    assert [row["verdict"] for row in rows] == VERDICTS
    assert list(rows[0])[3:] == ["verdict", "categories", "score", "reason", "error"]
    assert (summary.rows, summary.approved, summary.rejected, summary.problems) == (6, 5, 1, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in.{before}", f"out.{after}"])


def test_parquet_keeps_the_types_of_its_columns(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({
        "when": pa.array([1, 2, 3], pa.timestamp("ms")),
        "text": pa.array([CIVIL, None, RUDE]).dictionary_encode(),
        "tags": pa.array([["a"], [], None]),
        "score": pa.array([0.5, float("nan"), None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet")
    summary = moderate_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    decided = pq.read_table(tmp_path / "out.parquet")
    assert decided.select(["when", "text", "tags"]).equals(table.select(["when", "text", "tags"]))
    assert decided.column("verdict").to_pylist() == ["approve", None, "reject"]
    assert decided.column("error").to_pylist()[1] == "line 2, column 'text': null where text was expected"
    assert decided.schema.field("moderate_score").type == pa.float64()
    assert summary.problems == 1
    moderate_file(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert [row["tags"] for row in read_table(tmp_path / "out.jsonl")] == [["a"], [], None]


def test_parquet_of_several_row_groups_and_none(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": [f"comment {number}" for number in range(30_000)]})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=11_000)
    moderate_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("text").equals(table.column("text"))
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    assert moderate_file(tmp_path / "empty.parquet", tmp_path / "none.parquet").rows == 0
    assert "verdict" in pq.read_table(tmp_path / "none.parquet").schema.names


def test_parquet_without_a_text_column_is_refused(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="column 'text' holds int64, not text"):
        moderate_file(tmp_path / "in.parquet", tmp_path / "out.csv")


def test_json_lines_keep_the_spelling_of_every_value(tmp_path):
    line = '{"text": "hi \\ud800 \\u00e9", "n": 1.50, "big": 12345678901234567890123, "deep": {"a": [1, 2]}, "x": null}'
    (tmp_path / "in.jsonl").write_text(line + "\n")
    moderate_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text().startswith(line[:-1] + ', "verdict": "approve"')


def test_a_key_that_comes_late_has_no_column_and_the_row_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("moderate.tables.reading.SAMPLE_BYTES", 100)
    rows = [{"text": "x" * 60}, {"text": "y" * 60}, {"text": "z", "late": 1}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    moderate_file(tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert "no column for late" in read_table(tmp_path / "out.csv")[2]["error"]
    moderate_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert read_table(tmp_path / "out.jsonl")[2]["late"] == 1


CELL = st.text(
    st.one_of(st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from('",;\t\r\n ')), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=10), st.sampled_from([",", ";", "\t", "|"]))
def test_whatever_the_cells_hold_they_come_out_as_they_went_in(tmp_path_factory, rows, delimiter):
    folder = tmp_path_factory.mktemp("cells")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([("id", "comment", "x"), *rows])
    options = Options(delimiter=delimiter, encoding="utf-8")
    summary = moderate_file(folder / "in.csv", folder / "out.csv", options=options)
    out = list(csv.reader(io.StringIO((folder / "out.csv").read_bytes().decode(), newline="")))
    assert [tuple(row[:3]) for row in out[1:]] == rows
    assert (summary.rows, summary.problems) == (len(rows), 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"text": st.text(max_size=20)}, optional={"n": st.integers()}), max_size=8))
def test_any_string_at_all_goes_through_json_lines(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    moderate_file(folder / "in.jsonl", folder / "out.jsonl")
    out = read_table(folder / "out.jsonl")
    assert [{name: row[name] for name in before} for row, before in zip(out, rows, strict=True)] == rows
    assert all(row["error"] is None for row in out)


# --- What comes out ---------------------------------------------------------------------------------------------


def test_columns_are_kept_as_asked_and_in_that_order(tmp_path):
    source = write_table(tmp_path / "in.csv")
    moderate_file(source, tmp_path / "out.csv", columns=["note", "id"])
    assert list(read_table(tmp_path / "out.csv")[0])[:3] == ["note", "id", "verdict"]
    with pytest.raises(InputError, match=r"no column 'nothing'; there are 'id', 'comment', 'note'"):
        moderate_file(source, tmp_path / "out.csv", columns=["nothing"])


@pytest.mark.parametrize(("only", "ids"), [("approved", "02345"), ("rejected", "1")])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_only_these_rows(tmp_path, only, ids, suffix):
    summary = moderate_file(write_table(tmp_path / f"in.{suffix}"), tmp_path / "out.csv", only=only)
    assert "".join(row["id"] for row in read_table(tmp_path / "out.csv")) == ids
    assert summary.rows == 6


def test_scores_and_explanations_are_added_on_request(tmp_path):
    moderate_file(write_table(tmp_path / "in.csv"), tmp_path / "out.csv", scores=True, explain=True)
    row = read_table(tmp_path / "out.csv")[1]
    decision = moderate.classify(RUDE)
    for category in CATEGORIES:
        assert float(row[f"score_{category}"]) == pytest.approx(decision.scores[category], abs=1e-4)
    reasons = json.loads(row["explain"])
    assert [reason["category"] for reason in reasons] == [reason.category for reason in decision.reasons]
    assert reasons[0]["words"] == [RUDE[start:end] for start, end in reasons[0]["spans"]]


def test_the_reason_names_the_category_and_the_words(tmp_path):
    moderate_file(write_table(tmp_path / "in.csv"), tmp_path / "out.csv")
    reason = read_table(tmp_path / "out.csv")[1]["reason"]
    assert reason.startswith("personal_attack: ")
    assert "idiot" in reason


def test_html_is_stripped_before_classifying_and_kept_in_the_output(tmp_path):
    texts = [
        "You are a complete id<b>i</b>ot",
        "<p title='idiot'>Thanks</p>",
        "a < b &amp; c > d",
        "<script>you idiot</script>ok",
    ]
    source = write_table(tmp_path / "in.csv", [{"comment": text, "n": "1"} for text in texts])
    moderate_file(source, tmp_path / "out.csv", html=True)
    rows = read_table(tmp_path / "out.csv")
    assert [row["comment"] for row in rows] == texts
    assert [row["verdict"] for row in rows] == ["reject", "approve", "approve", "approve"]


def test_names_that_the_input_has_already_are_left_to_it(tmp_path):
    source = write_table(tmp_path / "in.csv", [{"comment": RUDE, "score": "7", "moderate_score": "8"}])
    told = []
    moderate_file(source, tmp_path / "out.csv", notify=told.append)
    (row,) = read_table(tmp_path / "out.csv")
    assert (row["score"], row["moderate_score"], row["verdict"]) == ("7", "8", "reject")
    assert float(row["moderate_moderate_score"]) > 0.5
    assert "the input has a column 'score' of its own: the decision's is called 'moderate_moderate_score'" in told


def test_the_policy_decides(tmp_path):
    source = write_table(tmp_path / "in.csv")
    lax = Policy(name="lax", thresholds=dict.fromkeys(CATEGORIES, 1.01))
    assert moderate_file(source, tmp_path / "out.csv", policy=lax).rejected == 0
    assert moderate_file(source, tmp_path / "out.csv", policy="strict").rejected >= 1
    with pytest.raises(PolicyError, match="unknown preset"):
        moderate_file(source, tmp_path / "out.csv", policy="harsh")


def test_the_summary_counts_what_the_table_holds(tmp_path):
    summary = moderate_file(EXAMPLE, tmp_path / "out.csv")
    rows = read_table(tmp_path / "out.csv")
    categories = [category for row in rows for category in row["categories"].split(";") if category]
    assert summary.rows == len(rows) == 20
    assert summary.approved == sum(row["verdict"] == "approve" for row in rows)
    assert summary.rejected == sum(row["verdict"] == "reject" for row in rows)
    assert dict(summary.by_category) == {category: categories.count(category) for category in set(categories)}


# --- Rows with problems -----------------------------------------------------------------------------------------

DIRTY = (
    b"id,comment,x\n1,fine,a\n2,too few\n3,too,many,cells,here\n4,caf\xff\xfe,a\n5,nul\0here,a\n"
    b'6,"broken" quote,a\n7,"You are a complete idiot",a\n8,"never closed,a\n9,,a\n'
)


@pytest.mark.parametrize("after", ["csv", "tsv", "jsonl", "parquet"])
def test_rows_that_cannot_be_read_come_out_with_the_reason_and_no_verdict(tmp_path, after):
    (tmp_path / "in.csv").write_bytes(DIRTY)
    summary = moderate_file(tmp_path / "in.csv", tmp_path / f"out.{after}")
    rows = read_table(tmp_path / f"out.{after}")
    assert [row["id"] for row in rows] == list("123456789")
    verdicts = {row["id"]: row["verdict"] for row in rows if row["verdict"]}
    assert verdicts == {"1": "approve", "7": "reject", "9": "approve"}
    errors = [row["error"] for row in rows if row["error"]]
    assert [error.partition(":")[0] for error in errors] == [
        "line 3, column 'x'",
        "line 4, column 4",
        "line 5, column 'comment'",
        "line 6, column 'comment'",
        "line 7, column 2",
        "line 9, column 2",
    ]
    assert [row["x"] for row in rows][2] == "many,cells,here"
    assert (summary.rows, summary.problems) == (9, 6)


def test_json_lines_that_cannot_be_read_come_out_raw(tmp_path):
    lines = [b'{"text": "fine"}', b"{broken", b'{"text": 5}', b'{"text": "caf\xff\xfe"}']
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    moderate_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    rows = read_table(tmp_path / "out.jsonl")
    assert [row["verdict"] for row in rows] == ["approve", None, None, None]
    assert [row.get("raw") for row in rows] == [None, "{broken", None, '{"text": "caf\\xff\\xfe"}']
    assert rows[2]["text"] == 5
    moderate_file(tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert [row["text"] for row in read_table(tmp_path / "out.csv")] == [
        "fine",
        "{broken",
        "5",
        '{"text": "caf\\xff\\xfe"}',
    ]


def test_a_bom_a_blank_line_and_a_missing_last_line_end_are_no_problem(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfid,comment\r\n1,fine\r\n\r\n2,fine too")
    summary = moderate_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert [row["id"] for row in read_table(tmp_path / "out.csv")] == ["1", "2"]
    assert (summary.rows, summary.problems, summary.blank_lines) == (2, 0, 1)


def test_utf16_with_half_a_character_spoils_one_row(tmp_path):
    before, after = "id,comment\n1,fine\n2,bad ".encode("utf-16"), "\n3,ok\n".encode("utf-16-le")
    (tmp_path / "in.csv").write_bytes(before + b"\x00\xd8" + after)
    moderate_file(tmp_path / "in.csv", tmp_path / "out.csv")
    rows = read_table(tmp_path / "out.csv")
    assert [row["verdict"] for row in rows] == ["approve", "", "approve"]
    assert "bytes that are not" in rows[1]["error"]


# --- What is refused --------------------------------------------------------------------------------------------


def test_the_input_is_never_overwritten_under_any_name(tmp_path):
    source = write_table(tmp_path / "in.csv")
    before = source.read_bytes()
    (tmp_path / "symlink.csv").symlink_to(source)
    (tmp_path / "hardlink.csv").hardlink_to(source)
    for output in (source, tmp_path / "symlink.csv", tmp_path / "hardlink.csv", tmp_path / "." / "in.csv"):
        with pytest.raises(InputError, match="this is the input itself"):
            moderate_file(source, output)
    assert source.read_bytes() == before


def test_an_output_that_exists_is_replaced_at_once_and_keeps_its_mode(tmp_path):
    source, output = write_table(tmp_path / "in.csv"), tmp_path / "out.csv"
    output.write_text("old")
    output.chmod(0o600)
    (tmp_path / "link.csv").symlink_to(output)
    moderate_file(source, tmp_path / "link.csv")
    assert len(read_table(output)) == 6
    assert output.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "link.csv").is_symlink()


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    moderate_file(write_table(tmp_path / "in.csv"), "/dev/null")
    assert not os.path.isfile("/dev/null")  # noqa: PTH113


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/out.csv", "No such file or directory"),
        ("out.dat", "--output-format"),
        (".", "folder"),
        ("out.parquet.gz", "Parquet is compressed inside"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, output, message):
    with pytest.raises(InputError, match=message):
        moderate_file(write_table(tmp_path / "in.csv"), tmp_path / output)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_parquet_and_pipes_do_not_go_together(tmp_path):
    done = run("batch", EXAMPLE, "-o", "-", "--output-format", "parquet")
    assert (done.returncode, "Parquet cannot be written to a pipe" in done.stderr) == (2, True)
    done = run("batch", "-", "-o", tmp_path / "out.csv", "--format", "parquet", input="")
    assert (done.returncode, "Parquet cannot be read from a pipe" in done.stderr) == (2, True)


def test_a_missing_extra_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(moderate.MissingExtraError, match=r"pip install 'moderate\[zstd\]'"):
        moderate_file(write_table(tmp_path / "in.csv"), tmp_path / "out.csv.zst")


# --- Workers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet"])
def test_the_result_is_the_same_for_any_number_of_jobs(tmp_path, suffix):
    rows = [{"id": str(n), "comment": f"{RUDE} {n}" if n % 9 == 0 else f'{CIVIL} "{n}",\n'} for n in range(25_000)]
    source = write_table(tmp_path / "in.csv", rows)
    one = moderate_file(source, tmp_path / f"one.{suffix}", jobs=1)
    two = moderate_file(source, tmp_path / f"two.{suffix}", jobs=2)
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert (one.rows, one.rejected, one.by_category) == (two.rows, two.rejected, two.by_category)
    assert one.rows == 25_000


# --- Memory -----------------------------------------------------------------------------------------------------


def peak_memory(source, output):
    """Peak resident memory of a run, in MB."""
    code = (
        "import pathlib, re, runpy, sys\n"
        "sys.argv = ['moderate', 'batch', '-q', *sys.argv[1:]]\n"
        "try: runpy.run_module('moderate', run_name='__main__')\n"
        "except SystemExit: pass\n"
        # (getrusage would give the peak of this process, if higher: a child starts from it)
        "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    arguments = [sys.executable, "-c", code, source, "-o", output]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return int(done.stdout) / 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    line = b'%d,ann,"A comment of about a hundred characters, as people write them under the news every day.",x\n'
    for path, count in ((small, 30_000), (large, 240_000)):
        path.write_bytes(b"id,author,comment,article\n" + b"".join(line % n for n in range(count)))
    peak = peak_memory(large, tmp_path / "large.out.csv")
    assert peak < 250
    assert peak < peak_memory(small, tmp_path / "small.out.csv") + 25


# --- to_columns -------------------------------------------------------------------------------------------------


def test_to_columns_gives_plain_arrays():
    columns = moderate.to_columns([CIVIL, RUDE, ""])
    assert list(columns) == ["verdict", "categories", "score", "reason"]
    assert columns["verdict"].tolist() == ["approve", "reject", "approve"]
    assert columns["score"].dtype == np.float64
    assert columns["score"].tolist() == [decision.score for decision in moderate.classify_many([CIVIL, RUDE, ""])]
    assert columns["categories"].tolist()[1].startswith("personal_attack")
    assert all(column.shape == (3,) for column in columns.values())


def test_to_columns_adds_scores_and_takes_a_moderator():
    moderator = moderate.Moderator.load(policy=Policy(thresholds=dict.fromkeys(CATEGORIES, 1.01)))
    columns = moderate.to_columns(iter([RUDE]), moderator=moderator, scores=True)
    assert columns["verdict"].tolist() == ["approve"]
    assert columns["score_personal_attack"].dtype == np.float32
    assert [columns[f"score_{name}"][0] for name in CATEGORIES] == moderator.scores([RUDE])[0].tolist()


def test_to_columns_of_nothing_is_empty():
    assert {name: column.shape for name, column in moderate.to_columns([]).items()}["score"] == (0,)


def test_to_columns_refuses_what_is_no_text():
    with pytest.raises(TypeError, match="NoneType"):
        moderate.to_columns([CIVIL, None])


def test_to_columns_fits_into_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(moderate.to_columns([CIVIL, RUDE]))
    assert table.column("verdict").to_pylist() == ["approve", "reject"]
