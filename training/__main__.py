"""``python -m training``: build, retrain, evaluate; run from a checkout with the ``train`` extra installed."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from moderate import Moderator
from moderate.errors import MissingExtraError, ModerateError

ERRORS: Final = "xmlcharrefreplace"  # a lone surrogate of a comment is shown, not stumbled over
EXTRA: Final = frozenset({"sklearn", "scipy", "threadpoolctl", "matplotlib", "jinja2"})


@click.group()
def main() -> None:
    """Train and measure models for `moderate`."""


@main.command()
@click.option(
    "--corpora", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of labelled files."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model folder to write.")
@click.option("--name", default="packaged", show_default=True, help="Name of the model in its card.")
@click.option("--jobs", default=2, show_default=True, help="Heads fitted at the same time.")
@click.option("--without", metavar="SOURCE", multiple=True, help="Leave out a source. May be repeated.")
@click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of sentence templates; those of training/templates by default.",
)
def build(corpora: Path, out: Path, name: str, jobs: int, without: tuple[str, ...], templates: Path | None) -> None:
    """Train every head from corpora, calibrate, choose thresholds, write the model and its card."""
    from .augment import FOLDER
    from .build import build as run

    run(corpora, out, name=name, jobs=jobs, without=without, templates=templates or FOLDER)


@main.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Folder of labelled files, or one.")
@click.option("--model", type=click.Path(path_type=Path), help="Model folder; the packaged model by default.")
@click.option("--policy", help="Preset; the default policy by default.")
@click.option("--split", type=click.Choice(["dev"]), help="Only the dev rows of each file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--bars", type=click.Path(exists=True, path_type=Path), help="Folder with corpora, eval and lists: print the bars."
)
@click.option("--functional", is_flag=True, help="Print the functional test of hate speech.")
@click.option("--evasion", is_flag=True, help="Print what disguises of the golden cases do.")
@click.option(
    "--fairness", is_flag=True, help="Print false rejections by group, of political names, war and quotation."
)
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a report of --data, one table, as HTML."
)
def evaluate(
    data: Path | None,
    model: Path | None,
    policy: str | None,
    split: str | None,
    as_json: bool,
    bars: Path | None,
    functional: bool,
    evasion: bool,
    fairness: bool,
    report: Path | None,
) -> None:
    """Print AUC, average precision, F1 and false rejections for every set and label; the bars; the tests of our own."""
    from .bars import format_bars, measure_bars
    from .evaluate import evaluate as run
    from .evaluate import format_table
    from .evasion import format_evasion, measure_evasion
    from .fairness import format_fairness, measure_fairness
    from .functional import format_functional, measure_functional

    if data is None and bars is None and not (functional or evasion or fairness):
        raise click.UsageError("nothing to measure: give --data, --bars, --functional, --evasion or --fairness")
    moderator = Moderator.load(model, policy=policy)
    if report is not None:
        if data is None or data.is_dir() or split is not None:
            raise click.UsageError("--report shows one table: give it as --data, without --split")
        from .decisions import read_decisions
        from .report import report_model

        report.write_text(report_model(moderator, read_decisions(str(data))), encoding="utf-8", errors=ERRORS)
        print(f"report written to {report}")
    elif data is not None:
        measures = run(moderator, data, split=split)
        if as_json:
            rows = [{key: _plain(value) for key, value in asdict(measure).items()} for measure in measures]
            print(json.dumps(rows, indent=1, allow_nan=False))
        else:
            print(format_table(measures))
    if bars is not None:
        print(format_bars(measure_bars(moderator, bars)))
    if functional:
        print(format_functional(measure_functional(moderator)))
    if evasion:
        print(format_evasion(measure_evasion(moderator)))
    if fairness:
        print(format_fairness(measure_fairness(moderator)))


@main.command()
@click.argument("decisions", metavar="DECISIONS")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Model folder to write.")
@click.option("--model", type=click.Path(path_type=Path), help="Model to begin at; the packaged one by default.")
@click.option("--policy", metavar="NAME", help="Preset of that model to compare with; default by default.")
@click.option("--from-scratch", is_flag=True, help="Learn from the decisions alone, not from that model.")
@click.option(
    "--max-false-reject",
    metavar="[CATEGORY=]SHARE",
    multiple=True,
    help="Most approved comments that may be rejected, as 0.02 [0.02].",
)
@click.option(
    "--min-recall",
    metavar="[CATEGORY=]SHARE",
    multiple=True,
    help="Least of the rejected comments to find, as 0.8; instead.",
)
@click.option("--force", is_flag=True, help="Write the model although it is not better.")
@click.option(
    "--column",
    "columns",
    metavar="ROLE=NAME",
    multiple=True,
    help="Which column is text, verdict, date or a category, where it has another name. May be repeated.",
)
@click.option("--date-format", metavar="FORMAT", help="Of the dates, as %d.%m.%Y [ISO 8601].")
@click.option(
    "--split",
    type=click.Choice(["auto", "time", "random"]),
    default="auto",
    show_default=True,
    help="How the test part is chosen: auto goes by time where there are dates.",
)
@click.option(
    "--test-share",
    type=click.FloatRange(0.05, 0.5),
    default=0.2,
    show_default=True,
    help="Share of the comments to measure on.",
)
@click.option(
    "--second-look", type=click.IntRange(1), help="Length of the list of doubtful decisions [by their number]."
)
@click.option("--name", default="retrained", show_default=True, help="Name of the model in its card.")
@click.option("--jobs", default=2, show_default=True, help="Categories fitted at the same time.")
@click.option("--format", "format_", metavar="FORMAT", help="Of the table: csv, tsv, jsonl or parquet [by suffix].")
@click.option("--encoding", help="Of the table [detected].")
@click.option("--delimiter", help="Between fields of the table [detected].")
def retrain(decisions: str, out: Path, **options: Any) -> None:
    """Retrain a model on a table of decisions: a comment, and approve or reject or categories (1, 0 or blank).

    DECISIONS is any table that `moderate batch` reads. The model is written only if it is better than the one it began
    at on comments that were set aside.

    \b
    Exit status:
      0  the model was written
      1  nothing was done: the table cannot be used, and why
      2  wrong usage
      3  the new model is not better; nothing was written (--force writes it)
    """
    from .retrain_command import run

    sys.exit(run(decisions, out, **options))


@main.command("retrain-study")
@click.option(
    "--corpora", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of labelled files."
)
@click.option("--source", required=True, help="The source that plays the publisher.")
@click.option(
    "--model", type=click.Path(path_type=Path), required=True, help="A model built without it (build --without)."
)
def retrain_study(corpora: Path, source: str, model: Path) -> None:
    """Print how a model takes to a publisher it never saw, by the number of decisions it gets."""
    from .corpora import read_corpora
    from .study import print_study, simulate_publisher

    print_study(simulate_publisher(read_corpora(corpora), source), Moderator.load(model))


@main.command()
@click.option("--corpora", type=click.Path(exists=True, path_type=Path), required=True, help="Folder with dev splits.")
@click.option("--test", type=click.Path(exists=True, path_type=Path), help="Folder of labelled test sets.")
@click.option("--bars", type=click.Path(exists=True, path_type=Path), help="Folder with corpora, eval and lists.")
@click.option(
    "--out", type=click.Path(exists=True, path_type=Path), default="moderate/data", show_default=True, help="The model."
)
def card(corpora: Path, test: Path | None, bars: Path | None, out: Path) -> None:
    """Measure a model again and write its card anew."""
    from .card import measure_sections, write_card
    from .corpora import read_corpora
    from .evaluate import measure_sources

    moderator = Moderator.load(out)
    corpus = read_corpora(corpora)
    measures = measure_sources(moderator, corpus.take(corpus.dev))
    write_card(moderator, out / "MODEL_CARD.md", measure_sections(moderator, measures, test=test, bars=bars))


def _plain(value: object) -> object:
    """Replace what JSON has no number for."""
    return None if isinstance(value, float) and math.isnan(value) else value


@main.command()
@click.option(
    "--texts",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Comments: a JSON string a line, or .txt.",
)
@click.option("--rows", default=2_000_000, show_default=True, help="Rows of the table for `moderate batch` or Spark.")
@click.option("--install", is_flag=True, help="Also make a fresh environment, and measure it.")
@click.option("--spark", is_flag=True, help="Measure the throughput inside Apache Spark instead (extra spark).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there, too.")
def bench(texts: Path, rows: int, install: bool, spark: bool, json_file: Path | None) -> None:
    """Measure speed and footprint, beside alt-profanity-check (if it is installed) and scikit-learn."""
    from .bench import as_json, format_figures, measure, read_texts

    if spark:
        from .bench_spark import measure_spark

        figures = measure_spark(read_texts(texts), rows=rows)
    else:
        figures = measure(read_texts(texts), rows=rows, install=install)
    print(format_figures(figures))
    if json_file is not None:
        json_file.write_text(as_json(figures) + "\n", encoding="utf-8")


@main.command()
@click.option("--out", type=click.Path(exists=True, path_type=Path), default="moderate/data", show_default=True)
def rules(out: Path) -> None:
    """Compile rules.toml of a model folder, so that it loads at once."""
    from moderate.rules import RuleBook

    RuleBook.from_toml(out / "rules.toml").save_compiled(out / "rules.npz")


@main.command()
@click.option("--out", type=click.Path(exists=True, path_type=Path), default="moderate/data", show_default=True)
def folding(out: Path) -> None:
    """Write the folding table from this Python's Unicode data; rebuild the model afterwards."""
    from .folding import write_table

    write_table(out)


if __name__ == "__main__":
    try:
        main()
    except ModerateError as error:
        sys.exit(f"error: {error}")
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.exit(f"error: {MissingExtraError('training', extra='train')}")
