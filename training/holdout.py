"""Which decisions a retraining learns from, and which it is measured on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
from sklearn.model_selection import train_test_split

from moderate.errors import InputError
from moderate.folding import Ints

from .decisions import Decisions

SEED: Final = 0
LEAST_CLASS: Final = 50  # approved, and rejected comments; of fewer the test part would hold less than ten

Split = Literal["auto", "time", "random"]


def split_decisions(decisions: Decisions, *, test_share: float, split: Split = "auto") -> tuple[Ints, Ints, str]:
    """Indices of the part to learn from and of the test part, and how they were parted, for people.

    By time where there are dates: the test part is the latest. Comments with the same words are on the same side: on
    that of the earliest, where dates decide.

    Raises:
        InputError: too few comments were approved or rejected to judge a model by, or there are no dates to split by.
    """
    check_enough(decisions)
    if split == "time" and decisions.dates is None:
        raise InputError(f"{decisions.name}: no column of dates to split by; name it, as --column date=NAME")
    if decisions.dates is not None and split != "random":
        return _split_by_time(decisions, test_share)
    _, first = np.unique(decisions.groups, return_index=True)
    _, test_groups = train_test_split(
        decisions.groups[first], test_size=test_share, random_state=SEED, stratify=decisions.verdicts[first]
    )
    test = np.isin(decisions.groups, test_groups)
    return np.flatnonzero(~test), np.flatnonzero(test), f"{test_share:.0%} of the comments, drawn at random"


def check_enough(decisions: Decisions) -> None:
    """InputError where one class is missing, or too small for a test part that tells anything."""
    approved, rejected = (int((decisions.verdicts == verdict).sum()) for verdict in (0, 1))
    counts = f"{approved:,} approved and {rejected:,} rejected comments"
    notes = "; ".join(decisions.notes)
    if not rejected or not approved:
        missing = "rejected" if approved else "approved"
        raise InputError(
            f"{decisions.name}: no comment is {missing}: a model learns from both ({counts}). Found: {notes}"
        )
    if min(approved, rejected) < LEAST_CLASS:
        raise InputError(
            f"{decisions.name}: too few comments to judge a model by: {counts}, and it takes {LEAST_CLASS} different "
            f"ones of each. Found: {notes}"
        )


def _split_by_time(decisions: Decisions, test_share: float) -> tuple[Ints, Ints, str]:
    assert decisions.dates is not None
    dates = np.nan_to_num(decisions.dates, nan=-np.inf)  # what has no date is learnt from
    earliest = np.full(int(decisions.groups.max()) + 1, np.inf)
    np.minimum.at(earliest, decisions.groups, dates)
    first = earliest[decisions.groups]
    border = np.quantile(first[np.isfinite(first)], 1 - test_share, method="higher") if np.isfinite(first).any() else 0
    test = first >= border
    for verdict, name in ((0, "approved"), (1, "rejected")):
        for part, where in ((test, f"the latest {test_share:.0%}"), (~test, f"all but the latest {test_share:.0%}")):
            if (decisions.verdicts[part] == verdict).sum() < LEAST_CLASS * test_share:
                raise InputError(
                    f"{decisions.name}: hardly any comment of {where} is {name}: "
                    "give --split random to leave dates aside"
                )
    day = datetime.fromtimestamp(float(border), UTC).date().isoformat()
    return np.flatnonzero(~test), np.flatnonzero(test), f"the latest {test.mean():.0%} of the comments, from {day} on"
