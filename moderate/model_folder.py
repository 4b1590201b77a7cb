"""The model folder: ``config.json`` and one ``.npy`` file an array, each written whole or not at all.

It is read with suspicion. The habits are those of safetensors and skops: nothing in the folder is executed, and what is
not as its configuration says is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .guidelines import CATEGORIES
from .untrusted import check_file, read_bytes

FORMAT: Final = 1

# name of each array, its dtype on disk, and its number of dimensions
ARRAYS: Final[Mapping[str, tuple[str, int]]] = {
    "buckets": ("<u8", 1),
    "base": ("<i4", 1),
    "rows": ("|u1", 2),
    "spelling_keys": ("<u8", 1),
    "spelling_words": ("<u8", 1),
    "signals": ("<i2", 3),
}


def write_folder(folder: Path, config: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a model folder, over an older one if there is one.

    Args:
        folder: made where it is missing.
        config: what ``config.json`` says besides the format, the categories and the arrays' shapes and digests.
        arrays: those of `ARRAYS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, (dtype, _) in ARRAYS.items():
        array = np.ascontiguousarray(arrays[name], dtype)
        with _replaced(folder / f"{name}.npy") as file:
            np.save(file, array, allow_pickle=False)
        entries[name] = {"shape": list(array.shape), "sha256": _digest(array)}
    whole = {"format": FORMAT, "categories": list(CATEGORIES), "arrays": entries, **config}
    with _replaced(folder / "config.json") as file:
        file.write((json.dumps(whole, indent=1) + "\n").encode())


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The configuration, and the arrays of `ARRAYS`, memory-mapped, as their entries say.

    Raises:
        ModelError: the folder is missing, damaged or of a newer format; says what is wrong.
    """
    config = _read_config(folder)
    with refused_entries(folder):
        return config, {name: _read_array(folder, name, config["arrays"][name]) for name in ARRAYS}


@contextmanager
def refused_entries(folder: Path) -> Iterator[None]:
    """Raise ModelError for whatever a missing, wrong or endlessly nested entry of ``config.json`` leads to."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{folder / 'config.json'}: missing or wrong entry: {error}") from error


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when it is complete: the old one may be mapped, by this very model."""
    written = path.with_name(f"{path.name}.new")
    with written.open("wb") as file:
        yield file
    written.replace(path)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(read_bytes(path).decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: no model here (config.json is missing)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a model configuration")
    version = config.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelError(f"{path}: not a model configuration (no format number)")
    if version > FORMAT:
        raise ModelError(f"{path}: format {version} is newer than this version reads ({FORMAT}): upgrade moderate")
    if config.get("categories") != list(CATEGORIES):
        raise ModelError(f"{path}: its categories are not those of this version")
    return config


def _read_array(folder: Path, name: str, entry: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Map one array and check its type, shape and digest."""
    path = folder / f"{name}.npy"
    dtype, dimensions = ARRAYS[name]
    try:
        check_file(path)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header makes numpy raise nearly anything, tokenize.TokenError for one
        raise ModelError(f"{path}: cannot be read: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ModelError(f"{path}: not an array file")
    if array.dtype.str.replace("=", "<") != dtype or array.ndim != dimensions or list(array.shape) != entry["shape"]:
        raise ModelError(
            f"{path}: {array.dtype.str} {array.shape} is not what config.json says: {dtype} {entry['shape']!s:.99}"
        )
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ModelError(f"{path}: its numbers do not lie one behind the other in C order")
    if _digest(array) != entry["sha256"]:
        raise ModelError(f"{path}: damaged (its digest is not the one in config.json)")
    return np.asarray(array)


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data).hexdigest()
