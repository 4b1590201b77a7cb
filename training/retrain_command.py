"""The command ``retrain``: from a table to a model folder, and what is said on the way."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from moderate import Moderator
from moderate.errors import InputError
from moderate.tables.reading import Options

from .comparison import format_comparison
from .decisions import read_decisions
from .holdout import Split
from .retrain import REPORT, RULES, Retrained, Settings, retrain, write_model
from .thresholds import Limits

WRITTEN, NOT_BETTER = 0, 3  # exit status
WHOLE: Final = ""  # in the place of a category


def run(
    decisions: str,
    out: Path,
    *,
    model: Path | None = None,
    policy: str | None = None,
    from_scratch: bool = False,
    max_false_reject: Sequence[str] = (),
    min_recall: Sequence[str] = (),
    force: bool = False,
    columns: Sequence[str] = (),
    date_format: str | None = None,
    split: Split = "auto",
    test_share: float = 0.2,
    second_look: int | None = None,
    name: str = "retrained",
    jobs: int = 2,
    format_: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> int:
    """Retrain, say what came of it, write the model if it is better; the exit status."""
    settings = Settings(
        name=name,
        test_share=test_share,
        split=split,
        limits=_limits(max_false_reject, min_recall),
        from_scratch=from_scratch,
        jobs=jobs,
        doubts=second_look,
    )
    options = Options(format=format_, encoding=encoding, delimiter="\t" if delimiter == r"\t" else delimiter)
    if (out / RULES[0]).is_file() and not (model and (model / RULES[0]).is_file()):
        raise InputError(
            f"{out}: there is a {RULES[0]} in it, which this model was not measured with: take another folder"
        )
    given = read_decisions(
        decisions, options=options, columns=_pairs(columns), date_format=date_format, dated=split != "random"
    )
    print(f"{decisions}: {len(given.texts):,} different comments with decisions")
    for note in given.notes:
        print(f"- {note}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a packaged model that cannot be used is no prior
        try:
            start = Moderator.load(model, policy=policy)
        except UserWarning as error:
            raise InputError(str(error)) from error
    retrained = retrain(given, start, settings, report=lambda message: print(message, flush=True))
    _tell(retrained, len(given.notes))
    if not retrained.better and not force:
        print(f"Nothing was written to {out}; --force would write it all the same.")
        return NOT_BETTER
    try:
        write_model(retrained, out, rules=model)
    except OSError as error:
        raise InputError(f"{error.filename or out}: cannot be written: {error.strerror or error}") from error
    print(f"Written to {out}: the model, its card and policy, {REPORT} to look at, second_look.csv to check.")
    return WRITTEN


def _tell(retrained: Retrained, known: int) -> None:
    """Say what was done, the comparison, and what it comes to."""
    for note in retrained.notes[known:]:
        print(f"- {note}")
    print()
    print(format_comparison(retrained.figures))
    print()
    if not retrained.deciding:
        print("The test part has too few comments of a class: whether the new model is better cannot be said.")
    elif not retrained.better:
        print("The new model is not better than the old one on comments that neither saw.")
    elif not retrained.sure:
        print("The new model is better on comments that neither saw, but by so little that it may be chance.")
    else:
        print("The new model is better on comments that neither saw.")


def _limits(false_reject: Sequence[str], recall: Sequence[str]) -> Limits:
    most, least = _shares(false_reject, "--max-false-reject"), _shares(recall, "--min-recall")
    return Limits(
        max_false_reject=most.pop(WHOLE, None),
        min_recall=least.pop(WHOLE, None),
        category_false_reject=most,
        category_recall=least,
    )


def _shares(given: Sequence[str], option: str) -> dict[str, float]:
    """Category to share; `WHOLE` for all together."""
    shares = {}
    for entry in given:
        category, _, number = entry.rpartition("=")
        try:
            shares[category.strip()] = float(number)
        except ValueError:
            raise InputError(f"{option} {entry}: {number!r} is not a share, as 0.02 or threat=0.01") from None
    return shares


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for entry in given:
        role, separator, name = entry.partition("=")
        if not separator or not name:
            raise InputError(f"--column {entry}: give it as ROLE=NAME, as verdict=status")
        pairs[role.strip()] = name
    return pairs
