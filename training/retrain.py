"""Retrain a model on a publisher's own decisions: the model is the prior, the decisions move it.

1. A test part is set aside (`holdout`); of the rest every head learns what the decisions say of it (`targets`).
2. A head is a mixture of the old heads and a difference of weights, both penalised by their distance from the old head;
   the strength of the penalty is chosen by cross-validation (`regression`), and all is folded into one model (`adapt`).
3. Calibration and thresholds are chosen on the folds, each scored by a model that did not see it (`learning`).
4. The new model is measured beside the old one on the test part (`comparison`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from moderate import Moderator
from moderate.errors import InputError
from moderate.folding import Ints
from moderate.guidelines import CATEGORIES

from .card import write_card
from .comparison import Figure, Judged, compare, format_comparison, judge
from .copies import write_contradictions
from .decisions import Decisions
from .functional import format_functional, measure_functional
from .holdout import Split, split_decisions
from .learning import Learned, learn
from .second_look import Doubt, list_doubts, write_doubts
from .thresholds import Limits

REPORT: Final = "report.html"
RULES: Final = ("rules.toml", "rules.npz")  # a model folder may have a rule book of its own


@dataclass(frozen=True, slots=True)
class Settings:
    """How to retrain.

    Attributes:
        name: of the new model, in its card.
        test_share: share of the comments that is held out to measure on.
        split: by time where there are dates ("auto"), or always or never.
        limits: what is asked of the thresholds.
        from_scratch: learn from the decisions alone, not from the old model.
        jobs: heads fitted at the same time.
        doubts: length of the list for a second look; chosen by the number of comments when ``None``.
    """

    name: str = "retrained"
    test_share: float = 0.2
    split: Split = "auto"
    limits: Limits = field(default_factory=Limits)
    from_scratch: bool = False
    jobs: int = 2
    doubts: int | None = None


@dataclass(frozen=True, slots=True)
class Retrained:
    """A retrained model and all that there is to say of it.

    Attributes:
        moderator: with the new model and its default policy.
        start: the moderator that it is compared with.
        decisions: all of them.
        test: indices of those that it was measured on.
        parted: how these were chosen, for people.
        before, after: what either makes of the test part.
        figures: the comparison.
        held_out: what models that did not see them make of all decisions.
        heads: the categories that learned, and the strength each was fitted with.
        doubts: decisions for a second look.
        notes: what was found and done, for people.
    """

    moderator: Moderator
    start: Moderator
    decisions: Decisions
    test: Ints
    parted: str
    before: Judged
    after: Judged
    figures: list[Figure]
    held_out: Judged
    heads: Mapping[str, float]
    doubts: list[Doubt]
    notes: tuple[str, ...]

    @property
    def deciding(self) -> list[Figure]:
        """The figures by which one model is better: AUC of the verdict, or of the categories that learned."""
        subjects = ["verdict"] if self.decisions.has_verdicts else list(self.heads)
        return [figure for figure in self.figures if figure.measure == "AUC" and figure.subject in subjects]

    @property
    def gain(self) -> float:
        """Mean gain in AUC of the deciding figures, on the test part; NaN where it has too few comments of a class."""
        return float(np.mean([figure.gain.value for figure in self.deciding])) if self.deciding else float("nan")

    @property
    def better(self) -> bool:
        """Whether the new model is better than the old one on the test part."""
        return self.gain > 0

    @property
    def sure(self) -> bool:
        """Whether it is also better in nearly all draws of that part's comments."""
        return bool(self.deciding) and all(figure.gain.low > 0 for figure in self.deciding)


def retrain(
    decisions: Decisions,
    start: Moderator,
    settings: Settings | None = None,
    *,
    report: Callable[[str], None] | None = None,
) -> Retrained:
    """Learn from ``decisions``, beginning at the model of ``start``.

    Args:
        decisions: a publisher's decisions.
        start: the model to begin at and to compare with.
        settings: how.
        report: called with what happens, as it does.

    Raises:
        InputError: there are too few decisions to learn from or to judge by, or ``start`` has no model.
    """
    settings = settings or Settings()
    tell = report or (lambda message: None)
    if start.model is None:
        raise InputError("there is no model to begin at")
    train, test, parted = split_decisions(decisions, test_share=settings.test_share, split=settings.split)
    tell(f"{train.size:,} comments to learn from, {test.size:,} to measure on: {parted}")
    with threadpool_limits(1):  # sums in another order would give other bytes
        learned = learn(
            decisions.take(train),
            start,
            settings.limits,
            from_scratch=settings.from_scratch,
            jobs=settings.jobs,
            report=tell,
        )
    model = replace(learned.model, card=_describe(decisions, start, settings, learned))
    moderator = Moderator(model=model, rules=start.rules)
    before, after = (judge(each, [decisions.texts[row] for row in test]) for each in (start, moderator))
    held_out = Judged.put([learned.held_out, after], [train, test])
    return Retrained(
        moderator=moderator,
        start=start,
        decisions=decisions,
        test=test,
        parted=parted,
        before=before,
        after=after,
        figures=compare(before, after, decisions.verdicts[test], decisions.labels[test]),
        held_out=held_out,
        heads=learned.strengths,
        doubts=list_doubts(decisions, held_out, count=settings.doubts, learned=learned.strengths.keys()),
        notes=(*decisions.notes, f"measured on {parted}", *learned.notes),
    )


def _describe(decisions: Decisions, start: Moderator, settings: Settings, learned: Learned) -> dict[str, Any]:
    """What the new model's configuration says of where it comes from."""
    assert start.model is not None
    source = Path(decisions.name).name
    positives = {head: int((decisions.labels[:, column] == 1).sum()) for column, head in enumerate(CATEGORIES)}
    own = {
        "rows": len(decisions.texts),
        "rejected": int((decisions.verdicts == 1).sum()),
        "positives": {head: count for head, count in positives.items() if count},
        "licence": "the publisher's own",
    }
    old = {} if settings.from_scratch else dict(start.model.card)
    old.pop("dev", None)  # figures of the old model
    base = {} if settings.from_scratch else {"base": old.get("name", ""), "base_sha256": old.get("training_sha256", "")}
    return {
        **old,
        "name": settings.name,
        "training_sha256": decisions.digest(),
        **base,
        "corpora": {**old.get("corpora", {}), source: own},
        "rows": len(learned.model.rows) - 1,
        "learned": dict(learned.strengths),
    }


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_model(retrained: Retrained, out: Path, *, rules: Path | None = None) -> None:
    """Write the model folder: the model, its card, its policy, the report, and the lists for a second look.

    Args:
        retrained: what to write.
        out: the folder; an older model in it is replaced, once everything else is written.
        rules: folder of the old model, whose rule book goes along where it has one of its own.
    """
    from .report import report_retrained

    model = retrained.moderator.model
    assert model is not None
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as place:
        folder = Path(place)
        model.save(folder)
        for path in [] if rules is None else [rules / name for name in RULES]:
            if path.is_file():
                shutil.copy(path, folder / path.name)
        write_policy(retrained.moderator, folder / "policy.toml", name=str(model.card["name"]))
        write_card(retrained.moderator, folder / "MODEL_CARD.md", _sections(retrained))
        write_doubts(retrained.doubts, folder / "second_look.csv")
        write_contradictions(retrained.decisions.contradictions, folder / "contradictions.csv")
        (folder / REPORT).write_text(report_retrained(retrained), encoding="utf-8", errors="xmlcharrefreplace")
        out.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "config.json"):
            path.replace(out / path.name)


def write_policy(moderator: Moderator, path: Path, *, name: str) -> None:
    """Write the thresholds of ``moderator`` as a policy file called ``name``, to be changed by hand."""
    lines = [
        "# Where this model draws the line: the probability from which a category rejects (1.01 never does).",
        f"name = {json.dumps(name)}",
        "",
        "[thresholds]",
        *(f"{head} = {limit:.6g}" for head, limit in zip(CATEGORIES, moderator.thresholds, strict=True)),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _sections(retrained: Retrained) -> dict[str, str]:
    """The measurements of the card."""
    functional = format_functional(measure_functional(retrained.moderator))
    return {
        "Retraining": "\n".join(f"- {note}." for note in retrained.notes),
        "Before and after": f"On the test part, {retrained.parted}; the old model with the policy it had.\n\n"
        f"{format_comparison(retrained.figures)}",
        "Functional test of hate speech detection": "On sentences written for this project that no training saw "
        f"(`training/functional.toml`); default policy.\n\n{functional}",
    }
