"""A model folder on its way to the executors: packed, sent once to each, and unpacked there for all its workers."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ..model import LinearModel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Retraining leaves reports beside the model that hold comments: they stay at home.
_SUFFIXES: Final = frozenset({".json", ".npy", ".npz", ".toml"})
# The archives of this process: Spark serves them as long as it runs.
_shipped: Final[dict[tuple[str, str], TemporaryDirectory[str]]] = {}


def ship(spark: SparkSession, folder: Path) -> str:
    """Send a model folder to the executors; its name below `SparkFiles` there. ModelError if it is no usable one."""
    LinearModel.load(folder)
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    name = f"moderate-model-{digest.hexdigest()[:16]}"
    context = spark.sparkContext
    if (context.applicationId, name) not in _shipped:
        packed = TemporaryDirectory(prefix="moderate-")
        archive = Path(packed.name, f"{name}.zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for path in files:
                target.write(path, path.name)
        context.addArchive(f"{archive.as_uri()}#{name}")
        _shipped[context.applicationId, name] = packed
    return name
