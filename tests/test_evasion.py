"""Disguises of the golden cases, and who is rejected for being named: what holds, and what does not yet.

The figures are those of ``python -m training evaluate --evasion --fairness``.
"""

import pytest

from training.evasion import KINDS, measure_evasion, perturb, read_cases
from training.fairness import measure_fairness

LEAST_RECALL = 0.9
MOST_ADDED = 0.02  # share of civil comments that a disguise may have rejected, besides those rejected plain
UNDONE = [
    "homoglyphs, one letter",
    "homoglyphs, all letters",
    "zero-width characters",
    "soft hyphens",
    "combining marks",
    "mixed case",
    "stretched letters",
    "dots between letters",
    "hyphens or underscores between letters",
    "one dot or hyphen inside",
]
FOUND = [
    *UNDONE,
    "leetspeak, one letter",  # 3 points more of the approvals rejected
    "a star for a letter",
    "spaces between letters",
    "emoji between letters",
    "one emoji inside",
]
# What is left is often another word, "blind" and "bind", or may be several. Not to become worse.
WEAK = {
    "leetspeak, all letters": 0.89,
    "one letter as it is heard": 0.87,
    "two letters swapped": 0.9,
    "a letter dropped": 0.7,
    "stars for several letters": 0.42,  # at any place, as few would: what is left is often another word
}


@pytest.fixture(scope="module")
def measured(moderator):
    return {one.kind: one for one in measure_evasion(moderator)}


@pytest.fixture(scope="module")
def fairness(moderator):
    return measure_fairness(moderator)


def test_every_kind_is_measured_and_spoken_of_here(measured):
    assert set(measured) == {"plain", *KINDS} == {"plain", *FOUND, *WEAK}


@pytest.mark.parametrize("kind", FOUND)
def test_a_disguise_of_characters_hides_little(measured, kind):
    assert measured[kind].deciding >= LEAST_RECALL
    assert measured[kind].every >= LEAST_RECALL


@pytest.mark.parametrize("kind", UNDONE)
def test_and_it_makes_nothing_of_civil_comments(measured, kind):
    assert measured[kind].approvals <= measured["plain"].approvals + MOST_ADDED
    assert measured[kind].civil <= measured["plain"].civil + MOST_ADDED


@pytest.mark.parametrize("kind", WEAK)
def test_where_a_disguise_hides_much_it_does_not_hide_more(measured, kind):
    assert measured[kind].deciding >= WEAK[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_perturbation_changes_words_and_nothing_else_and_always_alike(kind):
    text = "Somebody wrote to http://site.example/path and a@b.example: the quick foxes!"
    found = perturb(text, kind)
    assert found != text
    assert found == perturb(text, kind)
    assert " http://site.example/path " in found
    assert found.endswith("!")
    begin = text.index("quick")
    only = perturb(text, kind, [(begin, begin + 5)])
    assert only.startswith(text[:begin])
    assert only.endswith(text[begin + 5 :])


def test_the_cases_are_the_golden_ones_that_are_decided_rightly():
    cases = list(read_cases())
    assert sum("reject" in case for case in cases) > 200
    assert sum("approve" in case for case in cases) > 100


def test_no_group_is_rejected_for_its_name(fairness):
    assert len(fairness.groups) > 40
    assert min(group.harmless for group in fairness.groups) >= 25
    assert fairness.largest_gap[0] <= 2.0
    assert sum(group.false_rejections * group.harmless for group in fairness.groups) <= 3


def test_political_names_reports_of_war_and_harsh_criticism_are_approved(fairness):
    rejected = {one.name: 1 - one.accuracy.verdict for one in fairness.functionalities}
    assert rejected["political_names"] == 0
    assert rejected["war_reporting"] <= 0.05  # one of 25
    assert rejected["quotation"] <= 0.25  # six of 25: see the model card
    assert rejected["ordinary"] <= 0.02
    assert rejected["criticism"] <= 0.02
