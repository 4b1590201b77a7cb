"""What people see of a command on their terminal, and the status that it ends with."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from .errors import ModerateError, StoppedError

if TYPE_CHECKING:
    from .batch import Progress, Summary
    from .decision import Decision

EXIT_PROBLEMS: Final[int] = 1
EXIT_USAGE: Final[int] = 2
EXIT_STOPPED: Final[int] = 3
EXIT_DEFECT: Final[int] = 70  # EX_SOFTWARE of sysexits.h; Python's own 1 means something else here


def warn(message: str) -> None:
    """Say what may be wrong."""
    click.echo(f"moderate: warning: {message}", err=True)


def format_line(text: str, decision: Decision) -> str:
    """Verdict, score, categories and the words that decided, for people."""
    from .columns import describe

    categories = ", ".join(category.value for category in decision.categories)
    parts = [f"{decision.verdict:<8}{decision.score:.2f}", categories, describe(decision, text).partition(": ")[2]]
    return "  ".join(part for part in parts if part)


def format_json(text: str, decision: Decision) -> str:
    """The comment with the whole decision, as one JSON object."""
    from .columns import to_values

    fields = {"text": text, **to_values(decision, text)}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def format_plain(value: Any) -> str:
    """A value for people; of a mapping (the model's card) the plain entries alone, the rest is in --json."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key} {item}" for key, item in value.items() if not isinstance(item, dict | list))


def format_summary(summary: Summary) -> str:
    """What a run did, as a table."""
    numbers = {
        "rows": summary.rows,
        "approved": summary.approved,
        "rejected": summary.rejected,
        **{f"  {category}": number for category, number in summary.by_category.items()},
        "decided by rules": summary.decided_by_rules,
        "problems": summary.problems,
    }
    lines = [f"{name:<26}{number:>14,}{number / max(summary.rows, 1):>9.1%}" for name, number in numbers.items()]
    if summary.blank_lines:
        lines.append(f"{'blank lines passed over':<26}{summary.blank_lines:>14,}")
    return "\n".join([*lines, f"{'seconds':<26}{summary.seconds:>14,.1f}"])


def say(message: str) -> None:
    """Print a message on stderr, above the progress bar."""
    from tqdm import tqdm

    tqdm.write(f"moderate: {message}", file=sys.stderr)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on a terminal: rows, rows a second, share rejected, time left; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit=" rows", unit_scale=True, file=sys.stderr, dynamic_ncols=True, leave=False, delay=0.3) as bar:

        def show(progress: Progress) -> None:
            rows = progress.counts.rows
            if bar.n == 0:
                bar.initial = rows  # those of an interrupted run were not made in this time
            if progress.share:
                bar.total = max(rows, round(rows / progress.share))
            bar.set_postfix_str(f"{progress.counts.rejected / max(rows, 1):.1%} rejected", refresh=False)
            bar.update(rows - bar.n)

        yield show


# --- How it ends ------------------------------------------------------------------------------------------------


@contextmanager
def exit_on_errors() -> Iterator[None]:
    """Turn the library's errors and warnings into a line for people, and a status."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        warn(str(message))

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    except ModerateError as error:
        _fail(str(error), EXIT_STOPPED if isinstance(error, StoppedError) else EXIT_USAGE)
    finally:
        warnings.showwarning = before


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"moderate: error: {message}", err=True)
    sys.exit(status)


@contextmanager
def exit_on_interrupts(*, resumable: bool) -> Iterator[None]:
    """Let Ctrl-C and a polite kill end the run in good order, and say how to go on."""
    received = [signal.SIGINT]

    def stop(number: int, _frame: object) -> NoReturn:
        received[0] = signal.Signals(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt as error:
        for note in getattr(error, "__notes__", ["nothing was finished"]):
            click.echo(f"\nmoderate: interrupted; {note}", err=True)
        if resumable:
            arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
            click.echo(f"moderate: to go on: {shlex.join(['moderate', *arguments, '--resume'])}", err=True)
        sys.exit(128 + received[0])
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end
        sys.exit(128 + signal.SIGPIPE)
    finally:
        signal.signal(signal.SIGTERM, before)
