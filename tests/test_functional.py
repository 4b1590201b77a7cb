"""The functional test of hate speech detection: its data, what is refused, and that a measurement adds up."""

import math
import re
import tomllib
from collections import Counter
from dataclasses import replace

import pytest

from moderate import InputError
from training.functional import HARMLESS, HATE, Case, format_functional, measure_functional, read_functional
from training.functional_cases import PATH

DATA = tomllib.loads(PATH.read_text(encoding="utf-8"))
ENTRIES = {entry["name"]: entry for entry in DATA["functionality"]}

SMALL = """
[groups.poets]
plural = "poets"
singular = "a poet"
adjective = "poetic"
slurs = ["rhymer", "versifier"]

[groups.elves]
plural = "elves"
singular = "an elf"
adjective = "elvish"
slurs = []

[[functionality]]
name = "loathing"
about = "what it is"
reject = true
hateful = true
texts = ["{Group} again!", "you {slur}", "go away"]
"""


@pytest.fixture
def write(tmp_path):
    """Write a small file, with some of its text replaced."""

    def write(old="", new=""):
        assert old in SMALL
        path = tmp_path / "functional.toml"
        path.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def cases():
    return read_functional()


@pytest.fixture(scope="module")
def report(moderator):
    return measure_functional(moderator)


# The data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTRIES)
def test_every_functionality_has_enough_sentences_and_no_blank_ones(name):
    entry = ENTRIES[name]
    assert 8 <= len(entry["texts"]) <= 14
    assert all(text == text.strip() and text for text in entry["texts"])
    assert entry["about"]
    assert entry["reject"] or not entry["hateful"]  # hate always breaks the guidelines


@pytest.mark.parametrize("name", ENTRIES)
def test_slots_are_known_and_slurs_stand_only_in_the_functionality_about_them(name):
    slots = {slot for text in ENTRIES[name]["texts"] for slot in re.findall(r"\{(\w+)\}", text)}
    assert slots <= {"group", "Group", "member", "Member", "adjective", "Adjective", "slur"}
    assert "slur" not in slots or name == "slur"


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "plain" in entry])
def test_every_disguised_sentence_has_a_plain_one_that_differs(name):
    entry = ENTRIES[name]
    assert len(entry["plain"]) == len(entry["texts"])
    assert all(plain != text for plain, text in zip(entry["plain"], entry["texts"], strict=True))


def test_the_kinds_of_functionality_that_the_measurement_relies_on_are_there():
    assert len(ENTRIES) >= 34
    assert sum("plain" in entry for entry in ENTRIES.values()) == 5
    assert all(name in ENTRIES and not ENTRIES[name]["reject"] for name in HARMLESS)
    assert any(entry["reject"] and not entry["hateful"] for entry in ENTRIES.values())


def test_an_article_never_stands_before_a_slot_that_may_need_another_one():
    for entry in ENTRIES.values():
        assert not any(re.search(r"\b[Aa]n? \{(?!slur)", text) for text in entry["texts"])
    assert all(slur[0] not in "aeiou" for group in DATA["groups"].values() for slur in group["slurs"])


def test_no_expansion_has_a_slot_left_over_and_none_is_there_twice(cases):
    for case in cases:
        assert not re.search(r"[{}]", case.text + (case.plain or "")), case
    assert [text for text, count in Counter(case.text.casefold() for case in cases).items() if count > 1] == []


def test_every_group_is_in_the_functionalities_that_groups_are_compared_by(cases):
    for name in (*HARMLESS, "derogation", "direct_threat"):
        counts = Counter(case.group for case in cases if case.functionality == name)
        assert set(counts) == set(DATA["groups"])
        assert len(set(counts.values())) == 1


# Reading -------------------------------------------------------------------------------------------------------


def test_a_text_with_a_slot_is_expanded_over_groups_and_slurs(write):
    assert [(case.text, case.group) for case in read_functional(write())] == [
        ("Poets again!", "poets"),
        ("Elves again!", "elves"),
        ("you rhymer", "poets"),
        ("you versifier", "poets"),
        ("go away", None),
    ]


def test_groups_restrict_and_plain_forms_are_filled_alike(write):
    path = write('texts = ["{Group} again!", "you {slur}", "go away"]',
                 'texts = ["{Group} agn", "an {adjective} tp"]\nplain = ["{Group} again", "an {adjective} type"]\n'
                 'groups = ["elves"]')  # fmt: skip
    assert read_functional(path) == [
        Case("Elves agn", "loathing", "elves", True, True, "Elves again"),
        Case("an elvish tp", "loathing", "elves", True, True, "an elvish type"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[groups.poets]", "[groups.poets", "line 2"),
        ("[groups.poets]", "[teams.poets]", "unknown key 'teams'"),
        ('singular = "an elf"\n', "", "group 'elves': no key 'singular'"),
        ('plural = "elves"', 'plural = ""', "group 'elves': 'plural' must be a string that is not blank"),
        ("slurs = []", "slurs = [7]", "group 'elves': 'slurs': entry 1 must be a string"),
        ('name = "loathing"\n', "", "functionality 1: no key 'name'"),
        ("reject = true", "reject = 1", "functionality 1: 'reject' must be true or false"),
        ("reject = true", "reject = true\nweight = 2", "functionality 1: unknown key 'weight'"),
        ("reject = true", 'reject = true\ngroups = ["orcs"]', "'loathing': unknown group 'orcs' (poets, elves)"),
        ("reject = true", 'reject = true\ngroups = ["elves"]', "'loathing': no group fills the slots of 'you {slur}'"),
        ("reject = true", 'reject = true\nplain = ["go"]', "'loathing': 3 texts, but 1 plain ones"),
        (
            "reject = true",
            'reject = true\nplain = ["{Group}", "{member}", "go"]',
            "the plain form of 'you {slur}' has other slots",
        ),
        ('texts = ["{Group} again!", "you {slur}", "go away"]', "texts = []", "'loathing': 'texts' is empty"),
        ('texts = ["{Group} again!", "you {slur}", "go away"]', 'texts = "go"', "'texts' must be an array"),
        ("{Group}", "{gruop}", "'loathing': unknown slot {gruop} in '{gruop} again!'"),
        ("{Group}", "{Group", "a brace that belongs to no slot in '{Group again!'"),
        ('"go away"', '"go away", "go away"', "text 'go away' is given twice"),
        ('"go away"', '" "', "'loathing': 'texts': entry 3 must be a string that is not blank"),
    ],
)
def test_bad_data_is_refused_with_the_file_and_the_place(write, old, new, message):
    path = write(old, new)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_functional(path)
    assert str(caught.value).startswith(str(path))


def test_a_functionality_given_twice_is_refused(write):
    path = write()
    functionality = SMALL[SMALL.index("[[") :].replace("again", "once more").replace("you", "oh").replace("go", "run")
    path.write_text(SMALL + functionality, encoding="utf-8")
    with pytest.raises(InputError, match="functionality 'loathing' is given twice"):
        read_functional(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=re.escape("none.toml")):
        read_functional(tmp_path / "none.toml")


# Measuring -----------------------------------------------------------------------------------------------------


def test_hate_is_abuse_in_any_form_and_threats():
    assert sorted(HATE) == ["abuse", "homophobia", "other_abuse", "racism", "sexism", "threat", "xenophobia"]


def test_the_report_adds_up(report, cases):
    assert report.overall.cases == len(cases) == sum(one.accuracy.cases for one in report.functionalities)
    assert report.hateful.cases + report.not_hateful.cases == len(cases)
    assert [one.name for one in report.functionalities] == list(ENTRIES)
    assert [disguise.name for disguise in report.disguises] == [name for name in ENTRIES if "plain" in ENTRIES[name]]
    assert [group.name for group in report.groups] == list(DATA["groups"])
    for reading in ("verdict", "hate"):
        parts = [(one.accuracy.cases, getattr(one.accuracy, reading)) for one in report.functionalities]
        right = sum(count * share for count, share in parts)
        assert getattr(report.overall, reading) == pytest.approx(right / len(cases))
        assert getattr(report.by_functionality, reading) == pytest.approx(sum(s for _, s in parts) / len(parts))
        halves = sum(half.cases * getattr(half, reading) for half in (report.hateful, report.not_hateful))
        assert halves == pytest.approx(right)


def test_the_report_says_what_the_moderator_decided(report, cases, moderator):
    for one in report.functionalities[::7]:
        members = [case for case in cases if case.functionality == one.name]
        decisions = moderator.classify_many([case.text for case in members])
        rejected = sum(not decision.approved for decision in decisions) / len(members)
        hate = sum(bool(HATE & set(decision.categories)) for decision in decisions) / len(members)
        assert one.accuracy.verdict == pytest.approx(rejected if one.reject else 1 - rejected)
        assert one.accuracy.hate == pytest.approx(hate if one.hateful else 1 - hate)


def test_disguises_and_groups_are_compared_on_the_same_sentences(report):
    for disguise in report.disguises:
        assert disguise.plain.cases == disguise.disguised.cases
        assert disguise.lost[0] == pytest.approx(100 * (disguise.plain.verdict - disguise.disguised.verdict))
    assert len({(group.harmless, group.hateful) for group in report.groups}) == 1
    recalls = [group.recall for group in report.groups]
    assert report.largest_gap[1] == pytest.approx(100 * (max(recalls) - min(recalls)))
    assert all(0 <= share <= 1 for group in report.groups for share in (group.recall, group.false_rejections))


def test_one_case_can_be_measured_and_printed(moderator):
    alone = Case("The library opens at nine.", "opening", None, False, False, None)
    report = measure_functional(moderator, [alone])
    assert report.overall.cases == 1
    assert math.isnan(report.hateful.verdict)
    assert report.groups == report.disguises == ()
    assert "nan" not in format_functional(report)
    wrong = measure_functional(moderator, [replace(alone, reject=True, hateful=True)])
    assert wrong.overall.verdict == 1 - report.overall.verdict
    assert wrong.overall.hate == 1 - report.overall.hate


def test_the_tables_are_markdown_and_name_everything(report):
    text = format_functional(report)
    tables = text.split("\n\n")
    assert len(tables) == 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert all(f"\n| {name} |" in text for name in (*ENTRIES, *DATA["groups"]))
    assert f"| {report.overall.cases:,} | {100 * report.overall.verdict:.1f}% |" in text
