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
def build(corpora: Path, out: Path, name: str, jobs: int) -> None:
    """Train every head from corpora, calibrate, choose thresholds, write the model and its card."""
    from .build import build as run

    run(corpora, out, name=name, jobs=jobs)


@main.command()
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of labelled files, or one."
)
@click.option("--model", type=click.Path(path_type=Path), help="Model folder; the packaged model by default.")
@click.option("--policy", help="Preset; the default policy by default.")
@click.option("--split", type=click.Choice(["dev"]), help="Only the dev rows of each file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(data: Path, model: Path | None, policy: str | None, split: str | None, as_json: bool) -> None:
    """Print AUC, average precision, F1 and false rejections for every set and label."""
    from .evaluate import evaluate as run
    from .evaluate import format_table

    measures = run(Moderator.load(model, policy=policy), data, split=split)
    if as_json:
        rows = [{key: _plain(value) for key, value in asdict(measure).items()} for measure in measures]
        print(json.dumps(rows, indent=1, allow_nan=False))
    else:
        print(format_table(measures))


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
