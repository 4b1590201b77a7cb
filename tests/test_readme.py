"""The README is executed: every Python block, and every command that does not install something."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for kind, code in BLOCKS if kind == language]


def commands() -> list[str]:
    """Shell commands of the README, continuation lines joined; those that install run in .ci/run, as written there."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    stripped = [line.split("  #")[0].strip() for line in lines]
    return [line for line in stripped if line and not re.search(r"-m venv|pip install|-m pytest|^#", line)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the README's commands use."""
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    return tmp_path


def test_python_blocks_run_in_order(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    namespace: dict[str, object] = {}
    for number, code in enumerate(blocks("python")):
        exec(compile(code, f"README block {number}", "exec"), namespace)


def test_first_python_block_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python")[0]
    exec(compile(code, "README", "exec"), {})
    said = [line[2:] for line in code.splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.splitlines() == said


def test_commands_run_as_written(checkout: Path) -> None:
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": search, "PYTHONPATH": str(ROOT)}
    ran = commands()
    assert any("moderate batch" in command for command in ran)
    for written in ran:
        command = written.replace(".venv/bin/", "")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=checkout, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_links_to_files_exist() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_ci_finds_its_commands() -> None:
    for mark in ("main", "test"):
        assert re.search(rf"^<!-- ci: {mark} -->\n```sh\n.+?^```", TEXT, flags=re.MULTILINE | re.DOTALL)
