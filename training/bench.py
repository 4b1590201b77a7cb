"""Speed and footprint, each figure with its peer in the same run: times differ by machine, ratios less.

Peers: alt-profanity-check, where it is installed (it is no dependency), and scikit-learn's own pipeline of
TfidfVectorizer (words 1-2 and char_wb 3-5) and LogisticRegression. Contenders take turns, and the least disturbed turn
of each counts; of single calls the median and the 99th percentile.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from moderate import Moderator
from moderate.compiled import PATH

TURNS: Final = 5
SINGLE_CALLS: Final = 1000
COLD_STARTS: Final = 5
FITTED_ON: Final = 2000  # comments; a pipeline's pace does not depend on what it has learned
BATCH_ROWS: Final = 2_000_000  # so many that the start of the workers weighs little
SENTENCE: Final = "You are a complete idiot and nobody wants you here."
LENGTHS: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)  # characters of one comment
PEER: Final = "alt-profanity-check"
PIPELINE: Final = "scikit-learn pipeline"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured, of whom, in which unit.
        value: the figure.
        peer: what it is compared with, and what that gave in the same run; ``None`` where there is no peer.
        ratio: ours to the peer's, better when larger if ``bar`` says at least.
        bar: what the ratio (or the value, without a peer) must reach, as in "at least 3"; ``None`` for none.
        reached: whether it does.
    """

    name: str
    value: float
    peer: str | None = None
    ratio: float | None = None
    bar: str | None = None
    reached: bool | None = None


def compare(name: str, value: float, peer: tuple[str, float] | None = None, *, bar: str | None = None) -> Figure:
    """A figure beside its peer's and the bar: "at least N" or "at most N"."""
    ratio = None if peer is None else value / peer[1]
    reached = None
    if bar is not None:
        kind, number = bar.rsplit(" ", 1)
        judged = value if ratio is None else ratio
        reached = judged >= float(number) if kind == "at least" else judged <= float(number)
    described = None if peer is None else f"{peer[0]} {peer[1]:,.4g}"
    return Figure(name=name, value=value, peer=described, ratio=ratio, bar=bar, reached=reached)


def measure(texts: Sequence[str], *, rows: int = BATCH_ROWS, install: bool = False) -> list[Figure]:
    """Measure everything on ``texts``; ``install`` also makes a fresh environment, which needs a package index."""
    moderator = Moderator.load()
    peers = load_peers(texts)
    figures = measure_batches(moderator, peers, texts)
    figures += measure_single_calls(moderator, peers, texts)
    figures += measure_starts()
    figures += measure_tables(texts, rows)
    figures += measure_growth(moderator, texts)
    if install:
        figures.append(measure_install())
    return figures


# --- Peers ------------------------------------------------------------------------------------------------------


def load_peers(texts: Sequence[str]) -> dict[str, Callable[[Sequence[str]], Any]]:
    """Name and function of each peer that is here: from comments to probabilities."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    sample = list(texts[:FITTED_ON])
    pipeline = make_pipeline(
        make_union(TfidfVectorizer(ngram_range=(1, 2)), TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))),
        LogisticRegression(),
    )
    pipeline.fit(sample, [number % 2 for number in range(len(sample))])
    peers: dict[str, Callable[[Sequence[str]], Any]] = {PIPELINE: pipeline.predict_proba}
    if importlib.util.find_spec("profanity_check"):
        peers[PEER] = importlib.import_module("profanity_check").predict_prob
    return peers


def take_turns(contenders: dict[str, Callable[[], Any]], turns: int = TURNS) -> dict[str, float]:
    """Seconds that each contender takes in its best turn."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(turns):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


# --- In one process ---------------------------------------------------------------------------------------------


def measure_batches(
    moderator: Moderator, peers: dict[str, Callable[[Sequence[str]], Any]], texts: Sequence[str]
) -> list[Figure]:
    """Comments a second of `scores` and `classify_many`."""
    contenders: dict[str, Callable[[], Any]] = {
        "scores": lambda: moderator.scores(texts),
        "classify_many": lambda: moderator.classify_many(texts),
    }
    if PEER in peers:
        contenders[PEER] = lambda: peers[PEER](texts)
    for run in contenders.values():
        run()
    pace = {name: len(texts) / seconds for name, seconds in take_turns(contenders).items()}
    pace[PIPELINE] = len(texts) / take_turns({PIPELINE: lambda: peers[PIPELINE](texts)}, turns=1)[PIPELINE]
    figures = [compare("scores, comments/s", pace["scores"], (PIPELINE, pace[PIPELINE]), bar="at least 30")]
    if PEER in pace:
        figures.append(compare("scores, comments/s", pace["scores"], (PEER, pace[PEER]), bar="at least 3"))
        many = pace["classify_many"]
        figures.append(compare("classify_many, comments/s", many, (PEER, pace[PEER]), bar="at least 1.5"))
    else:
        figures.append(compare("classify_many, comments/s", pace["classify_many"]))
    return figures


def measure_single_calls(
    moderator: Moderator, peers: dict[str, Callable[[Sequence[str]], Any]], texts: Sequence[str]
) -> list[Figure]:
    """Milliseconds of one call."""
    sample = texts[:SINGLE_CALLS]
    ours = _latencies(moderator.classify, sample)
    median = float(np.median(ours))
    figures = [
        compare("one classify, p99, ms", float(np.percentile(ours, 99)), ("our median", median), bar="at most 3")
    ]
    if PEER in peers:
        peer = float(np.median(_latencies(lambda text: peers[PEER]([text]), sample[:200])))
        figures.insert(0, compare("one classify, median, ms", median, (PEER, peer), bar=f"at most {1 / 15:.4f}"))
    else:
        figures.insert(0, compare("one classify, median, ms", median))
    return figures


def _latencies(run: Callable[[str], Any], texts: Sequence[str]) -> list[float]:
    times = []
    for text in (*texts[:50], *texts):
        began = time.perf_counter()
        run(text)
        times.append(1000 * (time.perf_counter() - began))
    return times[min(50, len(texts)) :]


def measure_growth(moderator: Moderator, texts: Sequence[str]) -> list[Figure]:
    """How cost grows with the number of comments and with the length of one."""
    joined = " ".join(texts)
    joined *= LENGTHS[-1] // len(joined) + 1
    seconds = {length: _seconds(moderator, [joined[:length]]) for length in LENGTHS}
    figures = [compare(f"one comment of {length:,} characters, ms", 1000 * seconds[length]) for length in LENGTHS[:-2]]
    long, longest = LENGTHS[-2:]
    figures.append(compare(f"one comment of {long:,} characters, ms", 1000 * seconds[long]))
    peer = (f"{long:,} characters", 1000 * seconds[long])
    name = f"one comment of {longest:,} characters, ms"
    figures.append(compare(name, 1000 * seconds[longest], peer, bar="at most 12"))
    for count in (len(texts) // 100, len(texts) // 10, len(texts)):
        spent = _seconds(moderator, texts[:count])
        figures.append(compare(f"scores of {count:,} comments, us each", 1e6 * spent / max(count, 1)))
    return figures


def _seconds(moderator: Moderator, texts: Sequence[str]) -> float:
    return take_turns({"scores": lambda: moderator.scores(texts)}, turns=3)["scores"]


# --- Whole processes --------------------------------------------------------------------------------------------


def measure_starts() -> list[Figure]:
    """Seconds from nothing to the first decision, and to the help text."""
    python = sys.executable
    script = Path(python).with_name("moderate")
    commands = {
        "moderate": [python, "-c", f"import moderate; moderate.classify({SENTENCE!r})"],
        "help": [str(script), "--help"] if script.exists() else [python, "-m", "moderate", "--help"],
        "numpy": [python, "-c", "import numpy"],
    }
    if importlib.util.find_spec("profanity_check"):
        commands[PEER] = [python, "-c", f"from profanity_check import predict_prob; predict_prob([{SENTENCE!r}])"]
    best = take_turns({name: partial(_run, command) for name, command in commands.items()}, COLD_STARTS)
    peer = (PEER, best[PEER]) if PEER in best else None
    return [
        compare("process and first decision, s", best["moderate"], peer, bar="at most 0.35" if peer else None),
        compare("moderate --help, s", best["help"], ('python -c "import numpy"', best["numpy"]), bar="at most 2"),
    ]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure_tables(texts: Sequence[str], rows: int) -> list[Figure]:
    """`moderate batch` on a CSV: pace against the csv module merely copying it, two jobs, memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, table = folder / "small.csv", folder / "table.csv"
        _write_table(small, texts, rows // 10)
        _write_table(table, texts, rows)
        contenders: dict[str, Callable[[], Any]] = {
            "copy": lambda: _copy_table(table, folder / "copy.csv"),
            "one": lambda: _moderate(table, folder / "one.csv", jobs=1),
            "two": lambda: _moderate(table, folder / "two.csv", jobs=2),
        }
        best = take_turns(contenders, turns=3)
        alike = (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()
        memory = {}
        if Path("/proc/self/status").exists():
            memory = {path.name: _measure_memory(path, folder / "memory.csv") for path in (small, table)}
    pace = {name: rows / seconds for name, seconds in best.items()}
    figures = [
        compare("batch, one job, rows/s", pace["one"], ("csv module copying", pace["copy"]), bar="at least 0.3"),
        compare("two jobs, the same bytes (1 yes)", float(alike), bar="at least 1"),
    ]
    if memory:
        peer = (f"of {rows // 10:,} rows", memory["small.csv"])
        figures.append(compare("memory of a batch, MB", memory["table.csv"], bar="at most 250"))
        figures.append(compare("memory of a batch, MB", memory["table.csv"], peer, bar="at most 1.1"))
    if (os.cpu_count() or 1) > 1:
        figures.insert(1, compare("batch, two jobs, rows/s", pace["two"], ("one job", pace["one"]), bar="at least 1.7"))
    return figures


def _write_table(path: Path, texts: Sequence[str], rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "comment"])
        writer.writerows((number, texts[number % len(texts)]) for number in range(rows))


def _copy_table(source: Path, target: Path) -> None:
    with source.open(newline="", encoding="utf-8") as file, target.open("w", newline="", encoding="utf-8") as copy:
        csv.writer(copy).writerows(csv.reader(file))


# Runs the command line and leaves the most memory that it had, in kilobytes. (What the system says of a process that is
# over counts what its parent had when it was started.)
_WATCHED: Final = """
import re, sys
from moderate.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status, open({target!r}, "w") as file:
        file.write(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])
"""


def _moderate(source: Path, target: Path, *, jobs: int) -> None:
    arguments = ["batch", str(source), "-o", str(target), "--jobs", str(jobs), "--quiet"]
    _run([sys.executable, "-m", "moderate", *arguments])


def _measure_memory(source: Path, target: Path) -> float:
    """Megabytes that `moderate batch` needs at the most, with one job."""
    peak = target.with_suffix(".peak")
    watched = _WATCHED.format(target=str(peak))
    _run([sys.executable, "-c", watched, "batch", str(source), "-o", str(target), "--quiet"])
    return int(peak.read_text()) / 1024


def measure_install() -> Figure:
    """Megabytes of a fresh environment with nothing but this package, what it needs, and pip."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        _run([str(Path(name) / "bin" / "pip"), "install", "--quiet", str(root)])
        size = sum(path.stat().st_blocks * 512 for path in Path(name).rglob("*") if not path.is_symlink())
    return compare("fresh environment, MB", size / 2**20, bar="at most 140")


# --- Output -----------------------------------------------------------------------------------------------------


def read_texts(path: Path) -> list[str]:
    """Comments: one JSON string a line, or in a ``.txt`` file a comment a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines if path.suffix == ".txt" else [json.loads(line) for line in lines if line]


def format_figures(figures: Sequence[Figure]) -> str:
    """The figures as a table, with the bar of each and whether it is reached."""
    rows = [("figure", "ours", "peer", "ratio", "bar", "")]
    for figure in figures:
        marks = {True: "reached", False: "MISSED", None: ""}
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3g}"
        rows.append(
            (figure.name, f"{figure.value:,.4g}", figure.peer or "", ratio, figure.bar or "", marks[figure.reached])
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"kernels: {PATH}", *lines])


def as_json(figures: Sequence[Figure]) -> str:
    """The figures as JSON."""
    return json.dumps({"kernels": PATH, "figures": [asdict(figure) for figure in figures]}, indent=1)
