"""The command line: what it prints, and how it exits."""

import contextlib
import csv
import fcntl
import io
import json
import os
import re
import struct
import subprocess
import sys
import termios
import time

import pytest
from commands import ENVIRONMENT, EXAMPLE, run, start

import moderate
from moderate import CATEGORIES
from moderate.cli import cli, main

CIVIL, RUDE = "Thank you for this article.", "You are a complete idiot"


# --- classify ---------------------------------------------------------------------------------------------------


def test_classify_prints_verdict_score_categories_and_the_words_that_decided():
    done = run("classify", RUDE, CIVIL)
    rude, civil = done.stdout.splitlines()
    assert rude.startswith("reject  ")
    assert "personal_attack" in rude
    assert "idiot" in rude
    assert civil.startswith("approve ")
    assert done.returncode == 0


def test_classify_json_is_one_object_a_line_and_agrees_with_the_library():
    done = run("classify", "--json", RUDE, CIVIL)
    for line, text in zip(done.stdout.splitlines(), (RUDE, CIVIL), strict=True):
        found, decision = json.loads(line), moderate.classify(text)
        assert found["text"] == text
        assert found["verdict"] == decision.verdict
        assert found["score"] == pytest.approx(decision.score, abs=1e-4)
        assert found["categories"] == list(decision.categories)
        assert list(found["scores"]) == list(CATEGORIES)
        assert [reason["spans"] for reason in found["reasons"]] == [
            [list(span) for span in reason.spans] for reason in decision.reasons
        ]


def test_classify_reads_standard_input_a_comment_a_line():
    done = run("classify", "-", input=f"{CIVIL}\n\n{RUDE}\r\n")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["approve", "approve", "reject"]


def test_classify_takes_any_bytes_on_standard_input():
    done = run("classify", "--json", "-", input=b"caf\xe9 \xff\x00\n", text=False, encoding=None)
    assert json.loads(done.stdout)["text"] == "caf\\xe9 \\xff\x00"


def test_classify_exit_code_is_asked_for():
    assert run("classify", "--exit-code", CIVIL).returncode == 0
    assert run("classify", "--exit-code", CIVIL, RUDE).returncode == 1


def test_classify_without_a_comment_is_wrong_usage():
    assert run("classify").returncode == 2


# --- info -------------------------------------------------------------------------------------------------------


def test_info_shows_version_policy_and_every_category():
    done = run("info")
    assert moderate.__version__ in done.stdout
    assert all(category in done.stdout for category in CATEGORIES)
    assert done.returncode == 0


def test_info_json_is_what_the_library_says():
    facts = json.loads(run("info", "--json").stdout)
    assert facts["version"] == moderate.__version__
    assert list(facts["categories"]) == list(CATEGORIES)


# --- The options of all commands --------------------------------------------------------------------------------


def test_thresholds_move_the_line(tmp_path):
    never = [f"--threshold={category}=1.01" for category in CATEGORIES]
    assert run("classify", RUDE, *never).stdout.startswith("approve")
    policy = tmp_path / "quiet.toml"
    policy.write_text("[thresholds]\n" + "".join(f"{category} = 1.01\n" for category in CATEGORIES))
    assert run("classify", RUDE, "--policy", policy).stdout.startswith("approve")
    assert run("classify", RUDE, "--policy", "strict").stdout.startswith("reject")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "rudeness=0.5"], "unknown category 'rudeness'"),
        (["--threshold", "threat"], "--threshold threat=0.7"),
        (["--threshold", "threat=7"], "from 0 to 1"),
        (["--policy", "nowhere.toml"], "nowhere.toml: there is no such file, and the presets are default, strict"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
@pytest.mark.parametrize("command", [["classify", CIVIL], ["info"], ["batch", EXAMPLE, "-o", "-"]], ids=lambda c: c[0])
def test_what_cannot_be_used_is_named_and_the_status_is_2(command, arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*map(str, command), *arguments], prog_name="moderate")
    said = capsys.readouterr().err
    assert message in said
    assert stop.value.code == 2


# --- batch ------------------------------------------------------------------------------------------------------


def test_batch_appends_its_columns_and_says_what_it_took(tmp_path):
    output = tmp_path / "decided.csv"
    done = run("batch", EXAMPLE, "-o", output)
    assert done.returncode == 0
    assert "text column: 'comment' (column 3 of 4, by its name)" in done.stderr
    before = list(csv.DictReader(io.StringIO(EXAMPLE.read_text(encoding="utf-8"), newline="")))
    after = list(csv.DictReader(io.StringIO(output.read_text(encoding="utf-8"), newline="")))
    assert list(after[0]) == [*before[0], "verdict", "categories", "score", "reason", "error"]
    assert [{name: row[name] for name in before[0]} for row in after] == before
    for row, decision in zip(after, moderate.classify_many([row["comment"] for row in before]), strict=True):
        assert row["verdict"] == decision.verdict
        assert row["categories"] == ";".join(decision.categories)
        assert float(row["score"]) == pytest.approx(decision.score, abs=1e-4)
        assert bool(row["reason"]) == (not decision.approved)
        assert row["error"] == ""


def test_batch_ends_with_a_summary(tmp_path):
    done = run("batch", EXAMPLE, "-o", tmp_path / "out.csv")
    lines = {line.rsplit(None, 2)[0].strip(): line.split()[-2] for line in done.stderr.splitlines() if "%" in line}
    assert lines["rows"] == "20"
    assert int(lines["approved"]) + int(lines["rejected"]) == 20
    assert lines["problems"] == "0"


def test_batch_quiet_says_nothing(tmp_path):
    assert run("batch", EXAMPLE, "-o", tmp_path / "out.csv", "--quiet", "--model", MODEL).stderr == ""


def test_batch_shows_no_bar_where_there_is_no_terminal(tmp_path):
    assert "rows/s" not in run("batch", EXAMPLE, "-o", tmp_path / "out.csv").stderr


def test_batch_shows_a_bar_on_a_terminal(tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(
        "id,comment\n" + "".join(f"{n},you are an idiot\n" for n in range(400_000))
    )  # it shows from 0.3 s on
    terminal, stderr = os.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))  # rows and columns
    process = start("batch", source, "-o", output, stderr=stderr)
    os.close(stderr)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 1 << 16):
            shown += part
    assert process.wait() == 0
    bar = rb"\d+%\|.*\| [\d.]+k/\d+k \[\d+:\d+<\d+:\d+, [\d.]+k rows/s, 100.0% rejected\]"
    assert re.search(bar, shown)


def test_batch_takes_columns_with_commas_in_quotes(tmp_path):
    (tmp_path / "in.csv").write_text('"a,b",comment,c\n1,hello,3\n')
    done = run("batch", tmp_path / "in.csv", "-o", "-", "--columns", '"a,b",c')
    assert done.stdout.splitlines()[0] == '"a,b",c,verdict,categories,score,reason,error'


def test_a_defect_has_a_status_of_its_own(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("moderate.batch.moderate_file", fail)
    monkeypatch.setattr("sys.argv", ["moderate", "batch", str(EXAMPLE), "-o", str(tmp_path / "out.csv")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_batch_in_a_pipe():
    lines = EXAMPLE.read_text(encoding="utf-8")
    done = run("batch", "-", "-o", "-", "--only", "rejected", "--columns", "id,comment", input=lines)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert list(rows[0]) == ["id", "comment", "verdict", "categories", "score", "reason", "error"]
    assert {row["verdict"] for row in rows} == {"reject"}
    assert done.returncode == 0


def test_batch_in_a_pipe_of_another_format():
    source = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in (CIVIL, RUDE))
    done = run("batch", "-", "-o", "-", "--format", "jsonl", "--output-format", "tsv", input=source.decode())
    assert [row["verdict"] for row in csv.DictReader(io.StringIO(done.stdout), delimiter="\t")] == ["approve", "reject"]


def test_batch_with_problems_exits_1_and_strict_3(tmp_path):
    source = tmp_path / "dirty.csv"
    source.write_text("id,comment\n1,fine\n2,one,too many\n3,fine\n")
    done = run("batch", source, "-o", tmp_path / "out.csv")
    assert done.returncode == 1
    assert "problems                               1" in done.stderr
    done = run("batch", source, "-o", tmp_path / "strict.csv", "--strict")
    assert done.returncode == 3
    assert f"{source}, line 3, column 3: 3 fields where the header has 2" in done.stderr
    assert not (tmp_path / "strict.csv").exists()


def test_help_documents_the_exit_status():
    text = run("batch", "--help").stdout
    assert all(f"\n    {status}" in text for status in (0, 1, 2, 3, 70, 130))


@pytest.mark.alone
def test_help_costs_no_more_than_twice_importing_numpy():
    def best(arguments):
        times = []
        for _ in range(7):
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=ENVIRONMENT)
            times.append(time.perf_counter() - began)
        return min(times)

    # The bar is 2; the rest is for a machine that is busy with something else.
    assert best(["-m", "moderate", "--help"]) <= 2.5 * best(["-c", "import numpy"])


def test_a_plain_run_imports_nothing_it_does_not_use(tmp_path):
    code = (
        "import sys; sys.argv = ['moderate', 'batch', sys.argv[1], '-o', sys.argv[2]]\n"
        "from moderate.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, EXAMPLE, tmp_path / "out.csv"],
        capture_output=True, text=True, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert {"sklearn", "scipy", "pandas", "pyarrow", "zstandard"}.isdisjoint(done.stdout.split())


MODEL = str(moderate.moderator.DATA)
