"""Decision and Reason: plain, immutable values."""

import pickle
from dataclasses import FrozenInstanceError

import pytest

from moderate import CATEGORIES, Category, Decision, Reason

REASON = Reason(Category.PERSONAL_ATTACK, 0.9, "rule", "insults", ((4, 10), (15, 17)))
REJECTED = Decision(
    "reject", 0.9, dict.fromkeys(CATEGORIES, 0.9), (Category.PERSONAL_ATTACK,), (REASON,), source="model"
)
APPROVED = Decision("approve", 0.1, dict.fromkeys(CATEGORIES, 0.1), (), (), source="rules")


def test_approved_says_whether_the_comment_may_be_published():
    assert APPROVED.approved
    assert not REJECTED.approved


def test_words_are_the_parts_of_the_comment_that_the_spans_point_at():
    assert REASON.words("You muppet and 😀x!") == ("muppet", "😀x")
    assert Reason(Category.TOXIC, 0.5, "model", None, ()).words("anything") == ()


@pytest.mark.parametrize(("value", "name"), [(REASON, "score"), (REJECTED, "verdict"), (REJECTED, "categories")])
def test_neither_can_be_changed(value, name):
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_equal_content_is_equal():
    same = Reason(Category.PERSONAL_ATTACK, 0.9, "rule", "insults", ((4, 10), (15, 17)))
    other = Reason(Category.PERSONAL_ATTACK, 0.9, "rule", "insults", ((4, 10), (15, 18)))
    assert same == REASON
    assert other != REASON


def test_both_survive_pickling():
    assert pickle.loads(pickle.dumps(REJECTED)) == REJECTED


def test_real_decisions_survive_pickling(moderator):
    decision = moderator.classify("You are an idiot.")
    assert pickle.loads(pickle.dumps(decision)) == decision
