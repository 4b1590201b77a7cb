"""Nothing that interrupts a batch run costs more than the chunk in hand, and nothing shows in the result."""

import contextlib
import gzip
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ENVIRONMENT, run, start
from interrupted import PIECE_BYTES, run_in_pieces

from moderate import InputError
from moderate.batch import Options, StoppedError, moderate_file
from moderate.batch import plan as batch_plan
from moderate.tables import reading

# Together the fifty of the issue that asked for this; more by hand: KILLS=500 pytest tests/test_resume.py
KILLS_OF_RUN = int(os.environ.get("KILLS", "40"))
KILLS_OF_WORKER = max(2, KILLS_OF_RUN // 4)


@pytest.fixture(scope="module")
def comments(tmp_path_factory):
    """A CSV of a few thousand rows, some of them dirty, and what becomes of it when nothing interrupts."""
    path = tmp_path_factory.mktemp("source") / "comments.csv"
    chance = random.Random(7)
    with path.open("wb") as file:
        file.write(b"id,comment,x\n")
        for number in range(6_000):
            text = chance.choice(["you complete idiot", "thank you", 'he said ""no""', "two\nlines", "Grüße 😀"])
            row = f'{number},"{text} {chance.random()} and so on and so forth",x\n'.encode()
            if number % 500 == 7:
                row = row.replace(b"and", b"\xff") if number % 1000 == 7 else row.replace(b",x", b"")
            file.write(row)
    return path


def whole(comments, suffix, folder):
    """The bytes of an uninterrupted run, in a process like those that are interrupted."""
    output = folder / f"whole.{suffix}"
    process = launch(comments, output)
    process.join()
    assert process.exitcode == 0
    return output.read_bytes()


@pytest.fixture(scope="module", autouse=True)
def server():
    """The process that holds the model, of which every run is a fork."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), ENVIRONMENT["PYTHONPATH"]]))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["interrupted"])
        context.Process(target=time.monotonic).start()
        yield


def launch(source, output, **options):
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=run_in_pieces, args=(str(source), str(output)), kwargs=options)
    process.start()
    return process


def journal(output):
    return json.loads(output.with_name(output.name + ".partial.json").read_text())


# --- kill -9 ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl.gz"])
def test_a_run_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path, comments, suffix):
    began = time.monotonic()
    expected = whole(comments, suffix, tmp_path)
    seconds = time.monotonic() - began
    for number in range(KILLS_OF_RUN // 2):
        chance = random.Random(number)
        output = tmp_path / f"out.{number}.{suffix}"
        process = launch(comments, output)
        resumes = 0
        process.join(chance.uniform(0, seconds))
        process.kill()
        process.join()
        while process.exitcode:
            assert process.exitcode == -signal.SIGKILL
            process = launch(comments, output, resume=True)
            if resumes < 3:
                process.join(chance.uniform(0, seconds))
                process.kill()
            process.join()
            resumes += 1
        assert output.read_bytes() == expected
        assert [path.name for path in tmp_path.glob(f"out.{number}.*")] == [output.name]


def workers_of(process):
    """Process ids of a run's worker processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and b"popen_loky" in folder.joinpath("cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_a_killed_worker_stops_the_run_with_a_message_and_the_rest_is_resumed(tmp_path, comments):
    expected = whole(comments, "csv", tmp_path)
    stopped = 0
    for number in range(KILLS_OF_WORKER):
        chance = random.Random(number)
        output = tmp_path / f"out.{number}.csv"
        process = launch(comments, output, jobs=2)
        while not (workers := workers_of(process)) and process.is_alive():
            time.sleep(0.01)
        journal_path = output.with_name(output.name + ".partial.json")
        while process.is_alive() and not journal_path.exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)
        process.join(60)
        if process.exitcode:
            stopped += 1
            message = output.with_name(f"{output.name}.said").read_text()
            assert process.exitcode == 3
            assert "a worker process was killed" in message
            assert "--resume" in message or "nothing was finished" in message
            assert not output.exists()
            process = launch(comments, output, resume=True)
            process.join()
            assert process.exitcode == 0
        assert output.read_bytes() == expected
    assert stopped


def test_workers_do_not_outlive_a_killed_run(tmp_path, comments):
    process = launch(comments, tmp_path / "out.csv", jobs=2)
    while process.is_alive() and not (workers := workers_of(process)):
        time.sleep(0.01)
    process.kill()
    deadline = time.monotonic() + 20
    while any(is_running(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(worker) for worker in workers)


def is_running(process_id):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- Ctrl-C -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_says_how_to_go_on(tmp_path, number, status, jobs):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,comment\n" + "".join(f"{n},comment number {n} of many\n" for n in range(400_000)))
    process = start("batch", source, "-o", output, "--jobs", jobs, start_new_session=True)
    while not output.with_name("out.csv.partial.json").exists() or not journal(output)["mark"]:
        time.sleep(0.02)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, message = process.communicate(timeout=30)
    assert process.returncode == status
    assert re.search(rb"interrupted; [\d,]+ rows are done and kept in .*out\.csv\.partial", message)
    assert f"moderate batch {source} -o {output} --jobs {jobs} --resume".encode() in message
    assert b"Traceback" not in message
    assert not output.exists()


# --- Full disks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1_000, 20_000, 200_000])
def test_an_output_that_cannot_grow_stops_the_run_and_keeps_what_is_finished(tmp_path, comments, limit):
    output = tmp_path / "out.csv"
    expected = whole(comments, "csv", tmp_path)
    code = "import sys, interrupted; interrupted.run_in_pieces(sys.argv[1], sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", code, comments, output],
        cwd=Path(__file__).parent, env=ENVIRONMENT, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 3
    message = output.with_name("out.csv.said").read_text()
    assert f"{output}.partial: File too large" in message
    assert not output.exists()
    if limit == 200_000:
        assert "rows are done and kept" in message
        assert 0 < output.with_name("out.csv.partial").stat().st_size == journal(output)["output_size"] <= limit
    process = launch(comments, output, resume=True)
    process.join()
    assert output.read_bytes() == expected


def test_a_small_disk_that_fills_up(tmp_path, comments):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root (the same is tested above with a limit on file size)")
    try:
        expected = whole(comments, "csv", tmp_path)
        with pytest.raises(StoppedError, match=r"No space left on device; [\d,]+ rows are done and kept"):
            in_pieces(comments, disk / "out.csv")
        assert sorted(path.name for path in disk.iterdir()) == ["out.csv.partial", "out.csv.partial.json"]
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        process = launch(comments, disk / "out.csv", resume=True)
        process.join()
        assert (disk / "out.csv").read_bytes() == expected
    finally:
        subprocess.run(["umount", disk], check=True)


def in_pieces(source, output, **options):
    """A run in small pieces in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (reading, batch_plan):
            patch.setattr(module, "WINDOW_BYTES", PIECE_BYTES)
        limit = PIECE_BYTES // reading.BYTES_PER_CHARACTER
        return moderate_file(source, output, options=Options(max_field=limit), **options)


def test_a_full_device_is_an_error_and_not_a_silent_gap(comments):
    done = run("batch", comments, "-o", "/dev/full")
    assert done.returncode == 3
    assert "No space left on device" in done.stderr


# --- Damaged and changed inputs ---------------------------------------------------------------------------------


def test_a_truncated_gzip_is_said_to_be_and_resumed_when_it_is_whole(tmp_path, comments):
    packed = gzip.compress(comments.read_bytes())
    source, output = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(
        StoppedError, match=r"in\.csv\.gz: the gzip stream is cut off before its end; [\d,]+ rows are done"
    ):
        in_pieces(source, output)
    assert not output.exists()
    source.write_bytes(packed)
    in_pieces(source, output, resume=True)
    in_pieces(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.fixture
def stopped(tmp_path, comments):
    """An input and the partial output of a run that a bad row stopped."""
    source = tmp_path / "in.csv"
    shutil.copy(comments, source)
    with source.open("ab") as file:
        file.write(b"too,few\n" + b"1,fine,x\n" * 20_000)
    source.write_bytes(source.read_bytes().replace(b"\xff", b"and").replace(b'forth"\n', b'forth",x\n'))
    with pytest.raises(
        StoppedError, match=r"in\.csv, line \d+, column 'x': 2 fields where the header has 3; [\d,]+ rows"
    ):
        in_pieces(source, tmp_path / "out.csv", strict=True)
    return source, tmp_path / "out.csv"


def test_strict_stops_at_the_first_bad_row_and_keeps_what_came_before(stopped):
    source, output = stopped
    rows = journal(output)["counts"]["rows"]
    assert 5_000 < rows <= 6_000
    told = []
    summary = in_pieces(source, output, resume=True, notify=told.append)
    assert f"resuming after {rows:,} rows" in told
    assert (summary.rows, summary.problems) == (26_001, 1)


def test_other_settings_are_refused_on_resuming(stopped):
    source, output = stopped
    with pytest.raises(InputError, match=r"made with other settings \(explain, output\)"):
        in_pieces(source, output, resume=True, explain=True)
    with pytest.raises(InputError, match=r"made with other settings \(thresholds"):
        in_pieces(source, output, resume=True, policy="strict")
    assert in_pieces(source, output, resume=True).rows == 26_001


def test_an_input_that_has_changed_before_the_place_is_refused(stopped):
    source, output = stopped
    source.write_bytes(source.read_bytes().replace(b"\n0,", b"\n9,", 1))
    with pytest.raises(InputError, match="not the same input as before"):
        in_pieces(source, output, resume=True)


def test_an_input_that_has_grown_since_is_taken_up(stopped):
    source, output = stopped
    with source.open("ab") as file:
        file.write(b"2,more,x\n")
    assert in_pieces(source, output, resume=True).rows == 26_002


def test_a_partial_file_that_was_tampered_with_is_refused(stopped):
    source, output = stopped
    partial = output.with_name("out.csv.partial")
    partial.write_bytes(partial.read_bytes().replace(b"thank", b"blank", 1))
    with pytest.raises(InputError, match="does not match its journal"):
        in_pieces(source, output, resume=True)


def test_without_resume_an_interrupted_run_is_discarded_and_that_is_said(stopped):
    source, output = stopped
    told = []
    assert in_pieces(source, output, notify=told.append).rows == 26_001
    assert any("is discarded" in message for message in told)


def test_resume_with_nothing_to_resume_starts_at_the_beginning(tmp_path, comments):
    told = []
    assert in_pieces(comments, tmp_path / "out.csv", resume=True, notify=told.append).rows == 6_000
    assert "nothing to resume: starting at the beginning" in told


def test_two_runs_do_not_write_one_output(tmp_path, comments):
    import fcntl

    with (tmp_path / "out.csv.partial").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run is writing this output"):
            in_pieces(comments, tmp_path / "out.csv")


def test_a_pipe_cannot_be_resumed(tmp_path):
    done = run("batch", "-", "-o", tmp_path / "out.csv", "--resume", input="text\nhello\n")
    assert (done.returncode, "a pipe cannot be read twice" in done.stderr) == (2, True)


def test_a_reader_that_hangs_up_ends_the_run_quietly(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("id,comment\n" + "".join(f"{n},comment number {n} of many\n" for n in range(100_000)))
    line = f"{sys.executable} -m moderate batch -q {source} -o - | head -2"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr
