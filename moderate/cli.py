"""The command line: a thin layer over the library."""

from __future__ import annotations

import csv
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ._version import __version__
from .errors import MissingExtraError, PolicyError
from .guidelines import PRESETS, WORDING, Policy
from .terminal import (
    EXIT_DEFECT,
    EXIT_PROBLEMS,
    exit_on_errors,
    exit_on_interrupts,
    format_json,
    format_line,
    format_plain,
    format_summary,
    progress_bar,
    say,
    warn,
)

if TYPE_CHECKING:
    from .moderator import Moderator
    from .serve.settings import Settings

LOG_LEVELS: Final[tuple[str, ...]] = ("debug", "info", "warning", "error")


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that decides."""
    options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
        click.option("--model", metavar="PATH", help="A model folder instead of the packaged model."),
        click.option("--policy", metavar="FILE|NAME", help=f"A policy file, or one of {', '.join(PRESETS)}."),
        click.option(
            "--threshold",
            "thresholds",
            metavar="CATEGORY=NUMBER",
            multiple=True,
            help="Reject a category from this probability on (0 to 1; 1.01 never). May be repeated.",
        ),
    )
    for add_option in options:
        command = add_option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="moderate")
def cli() -> None:
    """Decide whether readers' comments may be published: approve or reject, with the reason."""


@cli.command()
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--exit-code", is_flag=True, help="Exit with status 1 when any comment is rejected.")
@model_options
def classify(
    texts: tuple[str, ...],
    *,
    as_json: bool,
    exit_code: bool,
    model: str | None,
    policy: str | None,
    thresholds: tuple[str, ...],
) -> None:
    """Classify comments given as arguments; - reads standard input, a comment a line.

    Prints verdict, score (the probability that a moderator would reject it), the categories it breaks and the words
    that decided. The exit status is 0 whatever the verdicts, unless --exit-code is given.
    """
    with exit_on_errors():
        moderator = _load(model, read_policy(policy, thresholds))
        rejected = False
        for batch in _batches(texts):
            for text, decision in zip(batch, moderator.classify_many(batch), strict=True):
                rejected = rejected or not decision.approved
                click.echo(format_json(text, decision) if as_json else format_line(text, decision))
    sys.exit(EXIT_PROBLEMS if exit_code and rejected else 0)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@model_options
def info(*, as_json: bool, model: str | None, policy: str | None, thresholds: tuple[str, ...]) -> None:
    """Show version, model, policy and categories with their thresholds."""
    with exit_on_errors():
        moderator = _load(model, read_policy(policy, thresholds))
        facts = moderator.info()
        if as_json:
            click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
            return
        for key, value in facts.items():
            if key not in {"categories", "thresholds"}:
                click.echo(f"{key:<12}{format_plain(value)}")
        click.echo("\ncategory              rejects from  what it is")
        for (category, wording), threshold in zip(WORDING.items(), moderator.thresholds, strict=True):
            line = f"{threshold:.3f}" if threshold <= 1 else "never"
            click.echo(f"{category.value:<22}{line:<14}{wording}")


@cli.command()
@click.argument("input_", metavar="IN")
@click.option("-o", "--output", required=True, metavar="OUT", help="Where the result goes; - is standard output.")
@click.option("--text-column", metavar="NAME", help="The column with the comments (guessed by the usual names).")
@click.option("--columns", metavar="A,B,...", help='The input columns to keep, in this order [all]; "a,b" is one.')
@click.option("--only", type=click.Choice(["approved", "rejected"]), help="Keep only these rows.")
@click.option("--scores", is_flag=True, help="Add a column score_<category> per category.")
@click.option("--explain", is_flag=True, help="Add a column with every reason and the words that decided, as JSON.")
@click.option("--html", is_flag=True, help="Strip HTML before classifying; the output keeps the original.")
@click.option("--jobs", "-j", default=1, show_default=True, help="Processes that work; -1 for one per processor.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@click.option("--strict", is_flag=True, help="Stop at the first row that cannot be read.")
@click.option("--format", "format_", metavar="FORMAT", help="Of the input: csv, tsv, jsonl or parquet [by suffix].")
@click.option("--output-format", metavar="FORMAT", help="Of the output [by its suffix; for - as the input].")
@click.option("--encoding", help="Of the input [detected].")
@click.option("--delimiter", help=r"Between fields of the input; \t for a tab [detected].")
@click.option("--quoting", type=click.Choice(["double", "backslash", "none"]), help="Of the input [detected].")
@click.option("--no-header", is_flag=True, help="The first row is data: columns are called column_1, column_2 ...")
@click.option("--max-field", type=click.IntRange(1), help="Longest field that is read, in characters [131072].")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@model_options
def batch(input_: str, output: str, quiet: bool, **options: Any) -> None:
    """Classify every comment of a table.

    IN is CSV, TSV, JSON Lines or Parquet, plain, gzip or zstd; - is standard input. The output has the input's columns
    and rows in their order, then verdict, categories, score, reason, and error for rows that could not be read. It is
    written in UTF-8, to OUT.partial until it is whole.

    \b
    Exit status:
      0    every row was classified
      1    the output is whole, but some rows could not be read: see their error
      2    nothing was done: wrong usage, or a file that cannot be used
      3    stopped before the end (full disk, damaged input, --strict); --resume goes on
      70   stopped by a defect of this program; --resume goes on
      130  stopped by Ctrl-C (143: by a signal to end; 141: nobody reads the output any more); --resume goes on
    """
    from .batch import moderate_file  # --help need not wait for it

    resumable = "-" not in (input_, output)
    with exit_on_errors(), exit_on_interrupts(resumable=resumable), progress_bar(quiet=quiet) as progress:
        summary = moderate_file(
            input_,
            output,
            notify=None if quiet else say,
            progress=progress,
            **_batch_arguments(**options),
        )
    if not quiet:
        click.echo(format_summary(summary), err=True)
    sys.exit(EXIT_PROBLEMS if summary.problems else 0)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on: this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that share the work.")
@click.option("--api-keys", metavar="FILE", help="Keys, one a line, to ask for one of [$MODERATE_API_KEYS].")
@click.option("--coral-secret", metavar="FILE", help="Coral's signing secret, whole [$MODERATE_CORAL_SECRET].")
@click.option("--coral-reject", is_flag=True, help="Reject in Coral outright, instead of withholding for a moderator.")
@click.option("--feedback", metavar="FILE", help="Append suggested scores to this file, for retraining.")
@click.option("--max-body", type=click.IntRange(1), metavar="BYTES", help="Longest request body [2097152].")
@click.option("--max-comments", type=click.IntRange(1), metavar="N", help="Most comments in a request [1000].")
@click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Most requests in hand, a worker [100].")
@click.option("--read-timeout", type=click.FloatRange(0.1), metavar="SECONDS", help="For a body to arrive [5].")
@click.option("--shutdown-timeout", type=click.FloatRange(1), metavar="SECONDS", help="To finish on SIGTERM [30].")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="Of the log.")
@click.option("--log-text", is_flag=True, help="Let the log have the comments; it has none otherwise.")
@model_options
def serve(**options: Any) -> None:
    """Answer over HTTP: an API of its own, one for clients of Perspective, and Coral's external moderation phase.

    A page for a moderator is at /, the description of the API at /docs. The log goes to standard error, a line of
    JSON for each request. SIGTERM and Ctrl-C finish what was accepted.
    """
    with exit_on_errors():
        try:
            from .serve.server import serve as run
        except ModuleNotFoundError as error:
            raise MissingExtraError("moderate serve", extra="serve") from error
        run(_serve_settings(**options), click.echo, warn)


def _serve_settings(
    *,
    api_keys: str | None,
    coral_reject: bool,
    coral_secret: str | None,
    feedback: str | None,
    max_body: int | None,
    max_comments: int | None,
    max_requests: int | None,
    policy: str | None,
    read_timeout: float | None,
    shutdown_timeout: float | None,
    thresholds: tuple[str, ...],
    **others: Any,
) -> Settings:
    """The options of ``moderate serve`` as settings; those that were not given keep their defaults."""
    from .serve.settings import CORAL_VARIABLE, KEYS_VARIABLE, Settings, read_secrets

    given: dict[str, Any] = {
        "most_bytes": max_body,
        "most_comments": max_comments,
        "most_requests": max_requests,
        "read_seconds": read_timeout,
        "shutdown_seconds": shutdown_timeout,
    }
    return Settings(
        policy=read_policy(policy, thresholds),
        api_keys=read_secrets(api_keys, KEYS_VARIABLE),
        coral_secrets=read_secrets(coral_secret, CORAL_VARIABLE),
        coral_rejects=coral_reject,
        feedback=Path(feedback) if feedback else None,
        **{name: value for name, value in given.items() if value is not None},
        **others,
    )


def _batch_arguments(
    *,
    columns: str | None,
    delimiter: str | None,
    encoding: str | None,
    format_: str | None,
    max_field: int | None,
    no_header: bool,
    policy: str | None,
    quoting: str | None,
    text_column: str | None,
    thresholds: tuple[str, ...],
    **others: Any,
) -> dict[str, Any]:
    """The options of ``moderate batch`` as arguments of ``moderate_file``."""
    from .batch import Options
    from .tables.formats import MAX_FIELD

    return {
        "options": Options(
            format=format_,
            encoding=encoding,
            delimiter="\t" if delimiter == r"\t" else delimiter,
            quoting=quoting,
            text_column=text_column,
            header=not no_header,
            max_field=max_field or MAX_FIELD,
        ),
        "policy": read_policy(policy, thresholds),
        "columns": None if columns is None else next(csv.reader([columns]), []),
        **others,
    }


# --- Model and policy -------------------------------------------------------------------------------------------


def _load(model: str | None, policy: Policy | None) -> Moderator:
    from .moderator import Moderator

    return Moderator.load(model, policy)


def read_policy(policy: str | None, thresholds: tuple[str, ...]) -> Policy | None:
    """The policy that the options ask for; ``None`` for the model's default."""
    chosen = None
    if policy is not None:
        if policy not in PRESETS and not Path(policy).exists():
            raise PolicyError(f"{policy}: there is no such file, and the presets are {', '.join(PRESETS)}")
        chosen = Policy.named(policy) if policy in PRESETS else Policy.from_toml(policy)
    if thresholds:
        pairs = [given.partition("=") for given in thresholds]
        for name, _, number in pairs:
            try:
                float(number)
            except ValueError:
                raise click.BadParameter(f"{name!r} needs a number: --threshold {name}=0.7") from None
        chosen = (chosen or Policy()).with_thresholds({name: float(number) for name, _, number in pairs})
    return chosen


def _batches(texts: tuple[str, ...]) -> Iterator[list[str]]:
    """Comments to classify together: the arguments, or the lines of standard input one by one as they come."""
    if texts != ("-",):
        yield list(texts)
        return
    for line in sys.stdin.buffer:
        yield [line.decode("utf-8", "backslashreplace").rstrip("\r\n")]


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except Exception:  # shown, and told apart by its status
        traceback.print_exc()
        sys.exit(EXIT_DEFECT)
