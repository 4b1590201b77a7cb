"""What each head is to learn from a publisher's decisions.

A category learns from its own column. A verdict alone says that some guideline was broken, not which:

- what was approved breaks nothing, so it is a negative for every head;
- what was rejected is a positive for ``toxic``, the general impression, which rejects by itself; unless the model that
  is retrained takes it for promotion rather than for a matter of tone: then it is one for ``promotion``;
- no other head can learn new weights from it. These are calibrated anew, towards the share of the rejection that the
  model gives to them: its probability of the category over that of a rejection.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from moderate.folding import Floats
from moderate.guidelines import CATEGORIES, Category

from .comparison import Judged
from .corpora import UNKNOWN
from .decisions import Decisions

LEAST_CLASS: Final = 20  # comments of either class without which a head does not learn

TOXIC: Final = CATEGORIES.index(Category.TOXIC)
PROMOTION: Final = CATEGORIES.index(Category.PROMOTION)
_TONES: Final = [column for column, name in enumerate(CATEGORIES) if "promotion" not in name]


def make_targets(decisions: Decisions, judged: Judged | None) -> Floats:
    """Target of each head for each comment: 0, 1, or NaN where the decision does not say; float64 (n, heads).

    Args:
        decisions: the decisions.
        judged: what the model that is retrained makes of them; ``None`` for a training from nothing.
    """
    targets = np.where(decisions.labels == UNKNOWN, np.nan, decisions.labels.astype(np.float64))
    if not decisions.has_verdicts:
        return targets
    rejected = decisions.verdicts == 1
    broken = np.nan_to_num(targets) == 1
    vague = rejected & ~broken.any(axis=1)
    promoted = np.zeros(rejected.size, np.bool_)
    if judged is not None:
        promotion, tone = judged.scores[:, PROMOTION], judged.scores[:, _TONES].max(axis=1)
        promoted = vague & judged.rejected & (promotion > tone)
        others = (targets[:, PROMOTION] == 1).sum()
        if promoted.sum() + others < LEAST_CLASS:
            promoted[:] = False  # too few to teach that head: as a matter of tone they are not lost
    silent = np.isnan(targets)
    targets[promoted & silent[:, PROMOTION], PROMOTION] = 1
    rude = (vague & ~promoted) | (rejected & broken[:, _TONES].any(axis=1))
    targets[rude & silent[:, TOXIC], TOXIC] = 1
    return targets


def learning_heads(targets: Floats) -> list[int]:
    """The heads that have enough comments of both classes to learn from."""
    return [
        head
        for head in range(len(CATEGORIES))
        if min((targets[:, head] == 1).sum(), (targets[:, head] == 0).sum()) >= LEAST_CLASS
    ]


def shares_of_rejection(decisions: Decisions, targets: Floats, judged: Judged) -> Floats:
    """The targets, with unknown ones filled: 0 for what was not rejected, else a head's share in the rejection.

    Returns:
        float64 (n, heads), in [0, 1].
    """
    known = judged.rejected & (decisions.verdicts == 1)
    shares = np.minimum(judged.scores / np.maximum(judged.overall[:, None], 1e-9), 1)
    shares = np.where(known[:, None], shares, judged.scores)
    filled: Floats = np.where(np.isnan(targets), shares * (decisions.verdicts[:, None] == 1), targets)
    return filled
