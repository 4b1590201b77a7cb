"""Load on a running service: nothing is lost, also by SIGTERM. How long answers take, `tests/load.py` measures."""

import asyncio
import re
import time

import load
import pytest
from service import SECRET, running

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.alone]


def start(tmp_path, *options):
    (tmp_path / "secret").write_text(SECRET)
    return running("--coral-secret", tmp_path / "secret", *options, log=tmp_path / "log")


def test_all_of_300_requests_a_second_over_50_connections_are_answered(tmp_path):
    with start(tmp_path) as (_, url):
        tally = asyncio.run(load.steady(int(url.rpartition(":")[2]), seconds=3))
    print(tally)
    assert tally.lost == tally.refused == 0
    assert set(tally.statuses) == {200, 204}
    assert len(tally.latencies) >= 3 * 300


def test_so_are_those_beside_requests_of_a_thousand_comments(tmp_path):
    with start(tmp_path) as (_, url):
        tally, batches = asyncio.run(load.beside_batches(int(url.rpartition(":")[2]), seconds=3))
    print(tally, batches)
    assert tally.lost == tally.refused == 0
    assert set(tally.statuses) == {200, 204}
    assert set(batches.statuses) == {200}


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_loses_nothing(tmp_path, workers):
    with start(tmp_path, "--workers", workers) as (process, url):
        port = int(url.rpartition(":")[2])
        asyncio.run(load.load(port, load.coral_requests(), connections=4, seconds=1))
        time.sleep(0.3)  # the last line may come after the last answer
        before = len(re.findall('"message": "request"', (tmp_path / "log").read_text()))
        tally, status = asyncio.run(load.terminate_under_load(process, port))
    print(tally)
    logged = len(re.findall('"message": "request"', (tmp_path / "log").read_text())) - before
    assert status == 0
    assert len(tally.latencies) > 200
    assert tally.lost == 0
    assert logged == len(tally.latencies)  # what was accepted was answered
    assert set(tally.statuses) == {200, 204}
