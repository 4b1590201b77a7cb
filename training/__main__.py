"""``python -m training``: build, evaluate; run from a checkout with the ``train`` extra installed."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

import click

from moderate import Moderator
from moderate.errors import ModerateError


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
def build(corpora: Path, out: Path, name: str, jobs: int, without: tuple[str, ...]) -> None:
    """Train every head from corpora, calibrate, choose thresholds, write the model and its card."""
    from .build import build as run

    run(corpora, out, name=name, jobs=jobs, without=without)


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
def evaluate(
    data: Path | None,
    model: Path | None,
    policy: str | None,
    split: str | None,
    as_json: bool,
    bars: Path | None,
    functional: bool,
) -> None:
    """Print AUC, average precision, F1 and false rejections for every set and label; the bars; the functional test."""
    from .bars import format_bars, measure_bars
    from .evaluate import evaluate as run
    from .evaluate import format_table
    from .functional import format_functional, measure_functional

    if data is None and bars is None and not functional:
        raise click.UsageError("nothing to measure: give --data, --bars or --functional")
    moderator = Moderator.load(model, policy=policy)
    if data is not None:
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
