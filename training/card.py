"""Write the model card (after Mitchell et al. 2019, "Model cards for model reporting")."""

from __future__ import annotations

from pathlib import Path

from moderate._version import __version__
from moderate.guidelines import CATEGORIES
from moderate.model import LinearModel

from .evaluate import Measure, format_table

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


def write_card(model: LinearModel, measures: list[Measure], path: Path) -> None:
    """Write the card of ``model`` with its ``measures`` on the dev splits."""
    corpora = model.card.get("corpora", {})
    lines = [
        f"# Model card: {model.card.get('name', 'moderate')}",
        "",
        f"Written by `python -m training build`, moderate {__version__}. A linear model with "
        f"{len(CATEGORIES)} heads over hashed word, word-pair, word-class and character features; "
        f"{model.card.get('rows', 0):,} rows of eight-bit weights. "
        f"Training data: SHA-256 `{str(model.card.get('training_sha256', ''))[:16]}…`.",
        "",
        _USE,
        "## Figures on the dev splits",
        "",
        "Held out from training, used for calibration and thresholds; default policy.",
        "",
        format_table(measures),
        "",
        "## Thresholds",
        "",
        "| category | " + " | ".join(model.presets) + " |",
        "|---|" + "--:|" * len(model.presets),
        *(
            f"| {category} | " + " | ".join(f"{preset[category]:.3f}" for preset in model.presets.values()) + " |"
            for category in CATEGORIES
        ),
        "",
        "## Corpora",
        "",
        "| source | rows | licence |",
        "|---|--:|---|",
        *(f"| {name} | {entry['rows']} | {entry['licence']} |" for name, entry in corpora.items()),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
