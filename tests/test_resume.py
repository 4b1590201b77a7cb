"""Nothing that interrupts a batch run costs more than the chunk in hand, and nothing shows in the result."""

import contextlib
import multiprocessing
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from commands import ENVIRONMENT, run, start
from interrupted import in_pieces, journal, run_in_pieces

from moderate import InputError
from moderate.batch import StoppedError

pytestmark = pytest.mark.alone

# How often runs are killed, all tests together; more by hand: KILLS=500 SEED=7 pytest tests/test_resume.py
KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", time.time_ns() % 1_000_000))


def whole(source, suffix, folder, **options):
    """The bytes of an uninterrupted run, in a process like those that are interrupted, and its seconds."""
    output, began = folder / f"whole.{suffix}", time.monotonic()
    process = launch(source, output, **options)
    process.join()
    assert process.exitcode == 0
    return output.read_bytes(), time.monotonic() - began


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


# --- kill -9 ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "jobs"), [("csv", 1), ("jsonl.gz", 1), ("parquet", 1), ("csv", 2)])
def test_a_run_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path, comments, suffix, jobs):
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    expected, seconds = whole(comments, suffix, tmp_path, jobs=jobs)
    for number in range(KILLS // 5):
        output = tmp_path / f"out.{number}.{suffix}"
        process = launch(comments, output, jobs=jobs)
        process.join(chance.uniform(0, seconds))
        process.kill()
        process.join()
        resumes = 0
        while process.exitcode:
            assert process.exitcode == -signal.SIGKILL
            process = launch(comments, output, jobs=jobs, resume=True)
            if resumes < 4 - jobs:
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
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    expected, seconds = whole(comments, "csv", tmp_path, jobs=2)
    stopped = 0
    for number in range(KILLS // 5):
        output = tmp_path / f"out.{number}.csv"
        process = launch(comments, output, jobs=2)
        while not (workers := workers_of(process)) and process.is_alive():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, seconds / 2))
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
    source, output = many_comments(tmp_path / "in.csv"), tmp_path / "out.csv"
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


@pytest.mark.parametrize("seconds", [0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_an_interrupt_while_a_worker_starts_ends_both_without_a_traceback(tmp_path, seconds):
    source, output = many_comments(tmp_path / "in.csv"), tmp_path / "out.csv"
    process = start("batch", source, "-o", output, "--jobs", 2, start_new_session=True)
    while not (workers := workers_of(process)):
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted; " in message
    assert b"Traceback" not in message
    assert not any(is_running(worker) for worker in workers)


def many_comments(path):
    path.write_text("id,comment\n" + "".join(f"{n},comment number {n} of many\n" for n in range(1_000_000)))
    return path


# --- Taking up an interrupted run ---------------------------------------------------------------------------------


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
