"""The golden cases, ``tests/cases/*.toml``: comments of our own, each with the decision it must get.

A case says ``reject = [categories]`` or ``approve = true``; a case with ``plain`` is an evasion of that comment. To see
what fails at present: ``python -m pytest tests/test_cases.py -q``. A case that cannot be got right yet is named in
``known_failures.toml``, by its text alone or as a whole; that list is strict.
"""

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from moderate import CATEGORIES

FOLDER = Path(__file__).parent / "cases"
KNOWN = "known_failures"
LEAST_REJECTIONS = 20  # that pass, of every category but the general impression
LEAST_APPROVALS = 240
LEAST_EVASIONS = 120


@dataclass(frozen=True)
class Case:
    """A comment and what must become of it."""

    file: str
    text: str
    reject: tuple[str, ...]
    plain: str | None
    known: bool

    @property
    def name(self):
        """How the case is called in the output."""
        return f"{self.file}: {self.text if len(self.text) <= 60 else self.text[:59] + '…'}"

    def complaint(self, moderator):
        """What is wrong with the decision; nothing when it is right."""
        decision = moderator.classify(self.text)
        if not self.reject:
            found = [(reason.category.value, reason.words(self.text)) for reason in decision.reasons]
            return "" if decision.approved else f"rejected for {found}"
        if decision.approved:
            scores = {name: round(decision.scores[name], 3) for name in (*self.reject, "toxic")}
            return f"approved, {scores}"
        if self.plain is not None:
            return "approved undisguised" if moderator.classify(self.plain).approved else ""
        missing = set(self.reject) - set(decision.categories)
        return f"rejected for {', '.join(decision.categories)} and not for {', '.join(missing)}" if missing else ""


def read(file):
    return tomllib.loads((FOLDER / f"{file}.toml").read_text(encoding="utf-8")).get("case", [])


def read_cases():
    known = {entry["text"] for entry in read(KNOWN)}
    entries = [(path.stem, entry) for path in sorted(FOLDER.glob("*.toml")) for entry in read(path.stem)]
    return [
        Case(file, entry["text"], tuple(entry.get("reject", ())), entry.get("plain"), entry["text"] in known)
        for file, entry in entries
        if "reject" in entry or "approve" in entry
    ]


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_comment_gets_the_decision_it_must_get(moderator, case):
    complaint = case.complaint(moderator)
    if case.known and not complaint:
        pytest.fail(f"passes now: take it out of {KNOWN}.toml, so that it stays so: {case.text!r}")
    if case.known:
        pytest.xfail(complaint)
    assert not complaint, f"{case.text!r}: {complaint}"


@pytest.fixture(scope="module")
def passing(moderator):
    return [case for case in CASES if not case.complaint(moderator)]


@pytest.mark.parametrize("category", [name for name in CATEGORIES if name != "toxic"])
def test_enough_rejections_of_a_category_pass(passing, category):
    count = sum(category in case.reject for case in passing if case.plain is None)
    assert count >= LEAST_REJECTIONS


def test_enough_approvals_and_evasions_pass(passing):
    assert sum(not case.reject for case in passing) >= LEAST_APPROVALS
    assert sum(case.plain is not None for case in passing) >= LEAST_EVASIONS


def test_the_files_are_as_their_readers_expect():
    texts = Counter(case.text for case in CASES)
    assert [text for text, count in texts.items() if count > 1] == []
    for path in FOLDER.glob("*.toml"):
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) <= {"case"}, path
        for entry in read(path.stem):
            assert set(entry) <= {"text", "reject", "approve", "kind", "plain", "note"}, entry
            assert set(entry.get("reject", ())) <= set(CATEGORIES), entry
            assert entry.get("approve", True) is True, entry
            decided = ("reject" in entry) + ("approve" in entry)
            assert decided == 1 or (path.stem == KNOWN and decided == 0), entry
    assert [entry["text"] for entry in read(KNOWN) if entry["text"] not in texts] == []


def test_every_required_kind_of_approval_and_evasion_has_its_cases():
    approvals = Counter(entry["kind"] for entry in read("approve"))
    for kind in ("criticism", "site-criticism", "counter-speech", "identity", "names", "links", "news"):
        assert approvals[kind] >= 10, kind
    evasions = Counter(entry["kind"] for entry in read("evasion"))
    for kind in ("leet", "homoglyph", "zero-width", "spacing", "dots", "stretched", "asterisk"):
        assert evasions[kind] >= 5, kind
