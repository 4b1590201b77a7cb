"""Thresholds by what a publisher asks for: false rejections borne, or violations found."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from moderate import CATEGORIES, InputError
from training.corpora import UNKNOWN
from training.thresholds import NEVER, HeldOut, Limits, choose_thresholds, tail_quantile

TOXIC, ABUSE, SEXISM = (CATEGORIES.index(name) for name in ("toxic", "abuse", "sexism"))


@pytest.fixture(scope="module")
def held_out():
    """2,000 comments, a quarter rejected; toxic tells them apart, abuse a little, the others are noise."""
    chance = np.random.default_rng(0)
    verdicts = (np.arange(2000) % 4 == 0).astype(np.int8)
    logits = chance.normal(-4, 1, (2000, len(CATEGORIES)))
    logits[:, TOXIC] = chance.normal(-2, 1, 2000) + 3 * verdicts
    logits[:, ABUSE] += verdicts
    labels = np.full((2000, len(CATEGORIES)), UNKNOWN, np.int8)
    labels[verdicts == 0] = 0
    labels[verdicts == 1, ABUSE] = np.arange(500) % 2
    return HeldOut((1 / (1 + np.exp(-logits))).astype(np.float32), verdicts, labels)


def shares(held_out, limits):
    """What thresholds reject of the approved and of the rejected comments."""
    rejected = (held_out.scores >= np.array([limits[name] for name in CATEGORIES], np.float32)).any(axis=1)
    return rejected[held_out.verdicts == 0].mean(), rejected[held_out.verdicts == 1].mean()


@pytest.mark.parametrize("most", [0.005, 0.02, 0.1])
def test_no_more_is_rejected_falsely_than_asked(held_out, most):
    presets = choose_thresholds(held_out, Limits(max_false_reject=most), taught=["toxic"], fixed={})
    false, found = shares(held_out, presets["default"])
    assert 0.7 * most <= false <= most
    assert found > 3 * false
    order = [presets[name]["toxic"] for name in ("strict", "default", "lenient")]
    assert order == sorted(order)
    assert shares(held_out, presets["lenient"])[0] < false < shares(held_out, presets["strict"])[0]


@pytest.mark.parametrize("least", [0.3, 0.8, 0.95])
def test_as_much_is_found_as_asked_and_hardly_more(held_out, least):
    presets = choose_thresholds(held_out, Limits(min_recall=least), taught=["toxic"], fixed={})
    assert least <= shares(held_out, presets["default"])[1] <= least + 0.05


def test_a_category_may_have_a_limit_of_its_own(held_out):
    limits = Limits(max_false_reject=0.02, category_recall={"abuse": 0.9}, category_false_reject={"threat": 0.1})
    chosen = choose_thresholds(held_out, limits, taught=["toxic"], fixed={})["default"]
    abusive, threats = held_out.labels[:, ABUSE] == 1, held_out.scores[:, CATEGORIES.index("threat")]
    assert 0.9 <= (held_out.scores[abusive, ABUSE] >= chosen["abuse"]).mean() <= 0.93
    assert 0.08 <= (threats[held_out.verdicts == 0] >= chosen["threat"]).mean() <= 0.1


def test_a_kind_rejects_with_its_category(held_out):
    chosen = choose_thresholds(held_out, Limits(), taught=["toxic", "sexism"], fixed={})["default"]
    assert chosen["sexism"] == chosen["abuse"]


def test_fixed_heads_keep_theirs_and_their_kinds_too(held_out):
    fixed = {name: 0.3 for name in CATEGORIES if name != "toxic"} | {"threat": NEVER}
    chosen = choose_thresholds(held_out, Limits(), taught=["toxic"], fixed=fixed)["default"]
    assert {name: chosen[name] for name in fixed} == fixed


def test_a_head_that_was_not_taught_never_falls_below_its_least(held_out):
    least = dict.fromkeys(CATEGORIES, 0.6)
    chosen = choose_thresholds(held_out, Limits(), taught=["toxic"], fixed={}, least=least)["default"]
    assert min(chosen.values()) == chosen["abuse"] == 0.6 or chosen["toxic"] < 0.6 <= chosen["abuse"]


def test_a_category_without_labels_has_no_limit_of_its_own(held_out):
    with pytest.raises(InputError, match="racism: a threshold needs 20"):
        choose_thresholds(held_out, Limits(category_recall={"racism": 0.5}), taught=["toxic"], fixed={})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max_false_reject": 2.0}, "2 is not a share"),
        ({"max_false_reject": 0.1, "min_recall": 0.5}, "not both"),
        ({"category_recall": {"rudeness": 0.5}}, "no category 'rudeness'"),
        ({"category_recall": {"abuse": 0.5}, "category_false_reject": {"abuse": 0.1}}, "abuse"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked, told):
    with pytest.raises(InputError, match=told):
        Limits(**asked)


def test_a_tail_is_extrapolated_beyond_the_highest_score():
    chance = np.random.default_rng(1)
    exceeded = []
    for _ in range(200):
        seen, unseen = (1 / (1 + np.exp(-(chance.exponential(1, size) - 4))) for size in (250, 4000))
        exceeded.append((unseen >= tail_quantile(seen.astype(np.float32), 0.001)).mean())
    assert 0.0005 < np.mean(exceeded) < 0.002
