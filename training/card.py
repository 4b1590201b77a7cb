"""Write the model card (after Mitchell et al. 2019, "Model cards for model reporting")."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from moderate import Moderator
from moderate._version import __version__
from moderate.errors import InputError
from moderate.guidelines import CATEGORIES

from .bars import format_bars, measure_bars
from .evaluate import Measure, evaluate, format_table
from .evasion import format_evasion, measure_evasion
from .fairness import format_fairness, measure_fairness
from .functional import format_functional, measure_functional

_USE = """\
## Use

Decides whether a reader's comment in English may be published under a news site's guidelines, with a person in the
loop: rejections should be open to appeal, and borderline scores should go to a moderator. Comments in other languages
are judged by the rule book's short lists only.

**Not for** judging people, employment, credit, policing, legal evidence, or removing comments unseen at scale; not for
private messages; not for any language but English.

## Limits

Linear in words and short word sequences: irony, implied hate and facts are beyond it. It can be evaded by those who
try. Its labels come from annotators of the corpora below, whose lines are not every site's: retrain on your own
decisions. Heads with few labelled comments (vulgarity, threats, kinds of promotion) lean on weak labels of the rule
book.
"""


def write_card(moderator: Moderator, path: Path, sections: Mapping[str, str]) -> None:
    """Write the card of the moderator's model to ``path``.

    Args:
        moderator: a moderator with a model.
        path: the file to write.
        sections: title and text of the measurements.
    """
    model = moderator.model
    if model is None:
        raise InputError("there is no model to write a card of")
    corpora = model.card.get("corpora", {})
    lines = [
        f"# Model card: {model.card.get('name', 'moderate')}",
        "",
        f"Written by `python -m training`, moderate {__version__}. A linear model with "
        f"{len(CATEGORIES)} heads over hashed word, word-pair, word-class and character features; "
        f"{model.card.get('rows', 0):,} rows of eight-bit weights. "
        "Heads are raised where a passage of some eight words stands out from the rest of a comment; "
        "`abuse` and `toxic` give a share to the surest of the heads they comprise. "
        f"Training data: SHA-256 `{str(model.card.get('training_sha256', ''))[:16]}…`.",
        "",
        _USE,
        *(line for title, text in sections.items() for line in (f"## {title}", "", text, "")),
        "## Thresholds",
        "",
        "| category | " + " | ".join(model.presets) + " |",
        "|---|" + "--:|" * len(model.presets),
        *(
            f"| {category} | " + " | ".join(f"{preset[category]:.3f}" for preset in model.presets.values()) + " |"
            for category in CATEGORIES
        ),
        "",
        *(_heads(model.card["heads"]) if "heads" in model.card else []),
        "## Corpora",
        "",
        "| source | rows | licence |",
        "|---|--:|---|",
        *(f"| {name} | {entry['rows']} | {entry['licence']} |" for name, entry in corpora.items()),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _heads(heads: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The section that says which learners each head is made of."""
    return [
        "## Heads",
        "",
        "A head is the sum of a learner on all sources that speak for it, with share 1, and of these:",
        "",
        "| head | shares |",
        "|---|---|",
        *(
            f"| {category} | {', '.join(f'{name} {share:g}' for name, share in shares.items() if name != category)} |"
            for category, shares in heads.items()
        ),
        "",
    ]


def measure_sections(
    moderator: Moderator, measures: list[Measure], *, test: Path | None = None, bars: Path | None = None
) -> dict[str, str]:
    """The measurements of a card: on the dev splits, by ability and group, on ``test`` sets, against the ``bars``."""
    sections = {
        "Figures on the dev splits": "Held out from training; used to mix the heads, for calibration and thresholds. "
        f"Default policy.\n\n{format_table(measures)}",
        "Functional test of hate speech detection": "On sentences written for this project that no training saw "
        f"(`training/functional.toml`); default policy.\n\n{format_functional(measure_functional(moderator))}",
        **measure_trust(moderator),
    }
    if test is not None:
        sections["Figures on test sets"] = (
            f"No training saw them; default policy.\n\n{format_table(evaluate(moderator, test))}"
        )
    if bars is not None:
        sections["The project's bars"] = format_bars(measure_bars(moderator, bars))
    return sections


def measure_trust(moderator: Moderator) -> dict[str, str]:
    """The sections of a card on disguises and on groups."""
    return {
        "Evasion": "The rejections of `tests/cases` that are rejected undisguised, perturbed: how many still are with "
        "the words that decided perturbed, with every word of four letters or more, and likewise of promotion; then "
        "how many of the approvals and of the sentences of `training/fairness.toml` are rejected with every word "
        f"perturbed. Default policy.\n\n{format_evasion(measure_evasion(moderator))}",
        "Fairness": "Sentences of our own that are to be approved (`training/fairness.toml`); default policy.\n\n"
        f"{format_fairness(measure_fairness(moderator))}",
    }
