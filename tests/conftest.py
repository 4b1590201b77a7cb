"""Fixtures of the whole suite. Everything a test needs is made here or in the test; ../shared is optional."""

import random
import shutil
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

import moderate.moderator
from moderate import Moderator
from moderate.rules import RuleBook

# The ordinary run is repeatable: the same checkout gives the same result. To look for new counterexamples:
# ``python -m pytest --hypothesis-profile explore``.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("default")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder ../shared beside the checkout, which only the project's own machines have."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not on this machine: measurements on its lists and data sets are left out")
    return SHARED


@pytest.fixture(scope="session")
def moderator():
    """The packaged model with the default policy; a fallback to the rules is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Moderator.load()


@pytest.fixture(scope="session")
def book():
    """The packaged rule book."""
    return RuleBook.from_toml(moderate.moderator.DATA / "rules.toml")


@pytest.fixture(scope="session")
def fallback(book):
    """The moderator that a damaged model leaves: the rule book alone."""
    return Moderator(model=None, rules=book)


@pytest.fixture
def packaged_copy(tmp_path, monkeypatch):
    """A copy of the packaged data that a test may damage; `Moderator.load` takes it for the packaged one."""
    folder = tmp_path / "data"
    shutil.copytree(moderate.moderator.DATA, folder)
    monkeypatch.setattr(moderate.moderator, "DATA", folder)
    return folder


@pytest.fixture(scope="session")
def comments(tmp_path_factory):
    """A CSV of a few thousand rows, some of them dirty."""
    path = tmp_path_factory.mktemp("source") / "comments.csv"
    chance = random.Random(7)
    with path.open("wb") as file:
        file.write(b"id,comment,x\n")
        for number in range(6_000):
            text = chance.choice(["you complete idiot", "thank you", 'he said ""no""', "two\nlines", "Grüße 😀"])
            row = f'{number},"{text} {chance.random()} and so on and so forth",x\n'.encode()
            if number % 500 == 7:
                row = row.replace(b"and", b"\xff") if number % 1000 == 7 else row.replace(b",x", b"")
            file.write(row)
    return path
