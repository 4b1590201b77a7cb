"""Running `moderate` as its users do, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import moderate

ROOT = Path(moderate.__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
EXAMPLE = Path(__file__).with_name("example_comments.csv")


def command(*arguments):
    return [sys.executable, "-m", "moderate", *map(str, arguments)]


def run(*arguments, **options):
    """Run to the end; stdout and stderr as text, and the status."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options = {"text": True, "encoding": "utf-8", "timeout": 120, "env": ENVIRONMENT, **pipes, **options}
    return subprocess.run(command(*arguments), check=False, **options)


def start(*arguments, **options):
    """Start, and let the caller see to the rest."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **options}
    return subprocess.Popen(command(*arguments), **options)
