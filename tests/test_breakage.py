"""Deliberate breakage: defects are made that the fast tests must notice.

A defect is a change of one line of the sources. The tests that ought to notice run in a process of their own on a copy
of the sources; the copy without a defect must pass them.
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[1]

# What breaks: file, what stands there, what is put in its place, and the tests that must notice: a file of them, or one
# by name where those before it take long.
DEFECTS = {
    "two heads swapped": (
        "model.py",
        "raw = sums.words * ",
        "raw = sums.words[:, [1, 0, *range(2, 14)]] * ",
        "test_model.py",
    ),
    "a span shifted by one": (
        "text.py",
        "return self.begins.take(tokens) - offsets, self.ends.take(last) - offsets",
        "return self.begins.take(tokens) - offsets + 1, self.ends.take(last) - offsets",
        "test_text.py test_rules.py",
    ),
    "the end of a span lost": (
        "judgement.py",
        "return begins + shifts, ends + shifts",
        "return begins + shifts, ends + shifts - 1",
        "test_moderator.py",
    ),
    "the first rule lost": (
        "rules.py",
        "order = np.lexsort((rule, end, start))",
        "order = np.lexsort((rule, end, start))\n    order = order[rule[order] != 0]",
        "test_rules.py",
    ),
    "exceptions not applied": ("rules.py", "kept = ~exception & ~inside", "kept = ~exception", "test_rules.py"),
    "a threshold of the wrong preset": (
        "guidelines.py",
        "base = presets[self.base]",
        'base = presets["default"]',
        "test_guidelines.py test_moderator.py",
    ),
    "a threshold of the wrong category": (
        "guidelines.py",
        "self.thresholds.get(category, base[category])) for category in Category",
        "self.thresholds.get(category, base[category])) for category in reversed(Category)",
        "test_guidelines.py test_moderator.py",
    ),
    "above instead of from the threshold on": (
        "explanation.py",
        "scores >= ",
        "scores > ",
        "test_moderator.py::test_a_category_rejects_from_its_threshold_on",
    ),
    "calibration left out": (
        "model.py",
        "(raw + sums.signals) * factors + intercepts",
        "(raw + sums.signals) * self.scale",
        "test_model.py",
    ),
    "the root of the length left out": (
        "model.py",
        "sums.words * (1 / self.lengths.divisors(counts))[:, None]",
        "sums.words.astype(np.float64)",
        "test_model.py",
    ),
    "passages unheard": (
        "passages.py",
        "raw += shares * np.maximum(peaks - raw - margins, 0)",
        "pass",
        "test_passages.py",
    ),
    "the wrong words of a passage": (
        "passages.py",
        "factors[expand(inside, ends)] +=",
        "factors[expand(inside, ends) - 1] +=",
        "test_passages.py",
    ),
    "a vile line unheard in a long comment": (
        "judgement.py",
        "np.maximum(scores, heard, out=scores,",
        "np.minimum(scores, scores, out=scores,",
        "test_moderator.py::test_a_strong_hit_in_a_long_comment_is_heard_as_if_its_passage_stood_alone",
    ),
    "children above their parents": ("judgement.py", "    cap_children(scores)\n", "", "test_moderator.py"),
    "general heads upright": (
        "judgement.py",
        "    lean(logits, model.leaning)\n",
        "",
        "test_moderator.py::test_a_general_impression_leans_on_what_it_is_an_impression_of",
    ),
    "blank comments scored": ("judgement.py", "    scores[blank] = 0\n", "", "test_moderator.py"),
    "invisible characters kept": (
        "text.py",
        "if classes.max() == folding.IGNORED:",
        "if classes.max() > folding.IGNORED:",
        "test_text.py",
    ),
    "words across comments": (
        "features.py",
        "frames[first[1:-1] - 1] = 0",
        "pass",
        "test_features.py test_moderator.py",
    ),
    "digests not compared": (
        "model_folder.py",
        'if _digest(array) != entry["sha256"]:',
        "if False:",
        "test_model.py",
    ),
    "tables not checked": ("untrusted.py", "return int(base.min()) > 0 and", "return True or", "test_untrusted.py"),
    "pickles allowed": (
        "model_folder.py",
        "allow_pickle=False)\n    except",
        "allow_pickle=True)\n    except",
        "test_model.py",
    ),
    "the model's fallback silent": (
        "moderator.py",
        "        warnings.warn(",
        "        str(",
        "test_moderator.py::test_a_broken_packaged_model_gives_one_warning_and_the_rules_decide",
    ),
    "no evidence of rules": (
        "judgement.py",
        "logits += EVIDENCE.take(severities)",
        "pass",
        "test_moderator.py::test_the_phrase_that_a_rule_hit_is_found_also_in_disguise test_cases.py",
    ),
}  # fmt: skip
SOUND = ""  # the name of no defect


def run(folder, tests):
    """Run tests on a copy of the sources; on the numpy code, which test_kernels compares the kernels with.

    Without the plugins of pytest that happen to be installed, which take longer to import than some of the tests.
    """
    environment = {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MODERATE_KERNELS": "numpy",
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow",
         *(f"tests/{name}" for name in tests.split())],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip


def copy_sources(folder):
    for name in ("moderate", "tests", "training"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "node_modules")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The runs of the tests on every defect that is asked for, and on the sound sources (`SOUND`), as futures.

    As many at a time as there are cores.
    """

    def break_and_run(number, file, line, broken, tests):
        folder = copy_sources(base / str(number))
        path = folder / "moderate" / file
        sound = path.read_text()
        assert sound.count(line) == 1, f"the line is no longer there once: {line}"
        path.write_text(sound.replace(line, broken))
        done = run(folder, tests)
        shutil.rmtree(folder)
        return done

    base = tmp_path_factory.mktemp("broken")
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = [values["defect"] for values in parameters if "defect" in values]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {name: pool.submit(break_and_run, number, *DEFECTS[name]) for number, name in enumerate(asked)}
        futures[SOUND] = pool.submit(run, copy_sources(base / "sound"), "test_text.py test_guidelines.py test_model.py")
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_noticed_by_the_fast_tests(runs, defect):
    done = runs[defect].result()
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.search(r"^(FAILED|ERROR) tests/\w+\.py::", done.stdout, re.MULTILINE), done.stdout[-2000:]


@pytest.mark.slow
def test_the_sound_sources_pass(runs):
    done = runs[SOUND].result()
    assert done.returncode == 0, done.stdout[-2000:]
