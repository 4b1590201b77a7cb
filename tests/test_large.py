"""Batch runs over large files: memory, and rows that no memory should have to hold."""

import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ENVIRONMENT

from moderate.tables.formats import WINDOW_BYTES

LIMIT = 250  # MB


def peak_memory(source, output, *arguments, status=0):
    """Peak resident memory of a run, in MB."""
    code = (
        "import pathlib, re, runpy, sys\n"
        "sys.argv = ['moderate', 'batch', '-q', *sys.argv[1:]]\n"
        "status = 0\n"
        "try: runpy.run_module('moderate', run_name='__main__')\n"
        "except SystemExit as stop: status = stop.code\n"
        # (getrusage would give the peak of this process, if higher: a child starts from it)
        "print(status, re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    command = [sys.executable, "-c", code, str(source), "-o", str(output), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    found, peak = map(int, done.stdout.split())
    assert found == status, done.stderr
    return peak / 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    line = b'%d,ann,"A comment of about a hundred characters, as people write them under the news every day.",x\n'
    for path, count in ((small, 30_000), (large, 240_000)):
        path.write_bytes(b"id,author,comment,article\n" + b"".join(line % n for n in range(count)))
    peak = peak_memory(large, tmp_path / "large.out.csv")
    assert peak < LIMIT
    assert peak < peak_memory(small, tmp_path / "small.out.csv") + 25


@pytest.mark.slow
def test_memory_does_not_grow_with_the_row_groups_of_parquet(tmp_path):
    source = tmp_path / "in.parquet"
    comments = [
        f"Comment {n} of a length that people write under the news, all in one row group." for n in range(300_000)
    ]
    pq.write_table(pa.table({"comment": comments}), source, use_dictionary=False)
    assert pq.ParquetFile(source).metadata.num_row_groups == 1
    assert peak_memory(source, tmp_path / "out.parquet") < LIMIT


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shortness_of_comments(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"comment\n" + b"a\n" * (WINDOW_BYTES // 2 + 1000))
    assert peak_memory(tmp_path / "in.csv", tmp_path / "out.csv") < LIMIT
    (tmp_path / "in.csv").write_bytes(b"id,comment\n" + b"1\n" * (WINDOW_BYTES // 2 + 1000))
    assert peak_memory(tmp_path / "in.csv", tmp_path / "out.csv", status=1) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "before", "after"),
    [
        ("csv", b'id,comment\n1,you idiot\n2,"', b'"\n3,fine\n'),
        ("csv", b"id,comment\n1,you idiot\n2,", b"\n3,fine\n"),
        ("jsonl", b'{"comment": "you idiot"}\n{"comment": "', b'"}\n{"comment": "fine"}\n'),
    ],
    ids=["quoted", "bare", "json"],
)
def test_a_field_of_100_megabytes_is_one_row_with_a_problem(tmp_path, suffix, before, after):
    source, output = tmp_path / f"in.{suffix}", tmp_path / "out.csv"
    with source.open("wb") as file:
        file.write(before)
        for _ in range(100):
            file.write(b"word " * 200_000)
        file.write(after)
    assert peak_memory(source, output, status=1) < LIMIT
    lines = output.read_text().splitlines()
    assert [re.search(r"reject|approve|over the limit", line)[0] for line in lines[1:]] == [
        "reject",
        "over the limit",
        "approve",
    ]


@pytest.mark.slow
def test_a_file_that_is_one_line_of_300_megabytes_is_refused(tmp_path):
    with (tmp_path / "in.csv").open("wb") as file:
        file.seek(300_000_000)
        file.write(b"a")
    assert peak_memory(tmp_path / "in.csv", tmp_path / "out.csv", status=2) < LIMIT
    with (tmp_path / "in.csv").open("r+b") as file:
        for _ in range(300):
            file.write(b"one, two " * 111_111)
    assert peak_memory(tmp_path / "in.csv", tmp_path / "out.csv", status=2) < LIMIT
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.slow
def test_ten_thousand_columns(tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    numbers = ",".join(map(str, range(9_999)))
    source.write_text(f"{numbers},comment\n" + f"{numbers},you idiot\n" * 100)
    assert peak_memory(source, output) < LIMIT
    lines = output.read_text().splitlines()
    assert (len(lines), lines[100].startswith(f"{numbers},you idiot,reject,")) == (101, True)
