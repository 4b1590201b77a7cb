"""What the package shows to the world: names, errors, types, and what importing it costs."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import moderate
from moderate import errors

CONTRACT = {
    "classify", "classify_many", "Moderator", "Decision", "Reason", "Category", "CATEGORIES", "Policy", "ModelError",
}  # fmt: skip
TRAINING_ONLY = {"sklearn", "scipy", "pandas", "matplotlib", "threadpoolctl", "training", "pyarrow", "zstandard"}


def python(code):
    """Run ``code`` in a process of its own and return what it prints."""
    root = Path(moderate.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True, timeout=60
    )
    return done.stdout


def test_all_is_sorted_and_complete():
    assert list(moderate.__all__) == sorted(moderate.__all__)
    assert set(moderate.__all__) >= CONTRACT
    assert all(hasattr(moderate, name) for name in moderate.__all__)


def test_nothing_but_modules_is_visible_beside_all():
    others = {name for name in vars(moderate) if not name.startswith("_")} - set(moderate.__all__)
    assert all(inspect.ismodule(getattr(moderate, name)) for name in others)


def test_every_public_name_has_a_docstring():
    documented = [getattr(moderate, name) for name in moderate.__all__ if callable(getattr(moderate, name))]
    assert all(inspect.getdoc(thing) for thing in documented)


def test_the_package_is_typed():
    assert (Path(moderate.__file__).parent / "py.typed").is_file()


def test_every_error_has_one_root_and_its_kind_stands_at_the_top_level():
    raised = [thing for thing in vars(errors).values() if inspect.isclass(thing)]
    assert all(issubclass(error, moderate.ModerateError) for error in raised)
    kinds = [error for error in raised if error is moderate.ModerateError or moderate.ModerateError in error.__bases__]
    assert [error.__name__ for error in kinds if error.__name__ not in moderate.__all__] == []
    assert moderate.ModerateError.__base__ is Exception


def test_the_tree_at_the_top_of_the_errors_names_them_all():
    assert all(name in errors.__doc__ for name, thing in vars(errors).items() if inspect.isclass(thing))


def test_a_missing_extra_says_what_to_install():
    error = moderate.MissingExtraError("reading Parquet", extra="parquet")
    assert str(error) == "reading Parquet needs the extra 'parquet': pip install 'moderate[parquet]'"
    assert error.extra == "parquet"


@pytest.mark.parametrize("use", ["", "; moderate.classify('a good day')", "; moderate.Moderator.load().scores(['a'])"])
def test_neither_importing_nor_classifying_loads_what_only_training_needs(use):
    code = f"import json, sys, moderate{use}; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(python(code))}
    assert not loaded & TRAINING_ONLY
    assert "numpy" in loaded


def test_importing_costs_little_more_than_numpy():
    # The bar is 0.15 s where numpy alone takes 0.07. Processor time, one beside the other: neither other load nor a
    # slow machine counts.
    code = """
import time
began = time.thread_time()
import numpy
between = time.thread_time()
import moderate
print((time.thread_time() - between) / (between - began))"""
    assert min(float(python(code)) for _ in range(5)) < 0.08 / 0.07


def test_a_plain_install_requires_no_scikit_learn():
    try:
        stated = requires("moderate") or []
    except ModuleNotFoundError:  # a checkout that is not installed
        text = (Path(moderate.__file__).parents[1] / "pyproject.toml").read_text()
        stated = text.partition("dependencies = [")[2].partition("]")[0].split()
    plain = [name for name in stated if "extra ==" not in name]
    assert plain
    assert not any(name.strip('"').startswith(tuple(TRAINING_ONLY | {"scikit-learn"})) for name in plain)


def test_the_source_of_the_library_never_imports_the_training_code():
    folder = Path(moderate.__file__).parent
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import training" not in text, path
        assert "from training" not in text, path
        assert "sklearn" not in text, path
