"""The compiled kernels, if this installation has them: the hot path in C, equal to the numpy code to the bit.

An installation without them (no C compiler, another platform) works the same, more slowly. ``MODERATE_KERNELS=numpy``
in the environment leaves them out, for comparison.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Final


def _load() -> ModuleType | None:
    if sys.byteorder != "little" or os.environ.get("MODERATE_KERNELS") == "numpy":  # they read the model as it lies
        return None
    try:
        return importlib.import_module("moderate._kernels")
    except ImportError:
        return None


kernels: Final = _load()
PATH: Final = "numpy" if kernels is None else "compiled"
