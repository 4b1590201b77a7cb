"""Labelled comments: reading a folder of corpora, one file a source, into texts and a label matrix."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from moderate.errors import InputError
from moderate.guidelines import CATEGORIES

Labels = npt.NDArray[np.int8]

UNKNOWN: Final = -1  # the source does not say
_VALUES: Final = {"1": 1, "0": 0, "": UNKNOWN, "1.0": 1, "0.0": 0}

# A field may be a whole essay; the csv module's default limit of 128 kB is too low.
csv.field_size_limit(1 << 27)


@dataclass(frozen=True, slots=True)
class Corpus:
    """n labelled comments.

    Attributes:
        texts: the comments.
        labels: 1, 0 or `UNKNOWN` for each category; int8 (n, len(CATEGORIES)).
        sources: name of the source of each; object (n,).
        dev: whether each belongs to its source's dev split; bool (n,).
        licences: source to licence.
    """

    texts: list[str]
    labels: Labels
    sources: npt.NDArray[np.object_]
    dev: npt.NDArray[np.bool_]
    licences: dict[str, str]

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Corpus:
        """The comments at ``rows`` (indices or mask)."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Corpus(
            texts=[self.texts[row] for row in index],
            labels=self.labels[index],
            sources=self.sources[index],
            dev=self.dev[index],
            licences=self.licences,
        )


def read_corpora(folder: Path) -> Corpus:
    """Read every ``*.csv`` and ``*.csv.gz`` of ``folder``, in order of name; subfolders are other collections.

    Raises:
        InputError: no such file, no ``text`` column, or a label that is not 1, 0 or blank; names file and line.
    """
    paths = sorted(path for path in folder.glob("*") if path.name.endswith((".csv.gz", ".csv")) and _is_corpus(path))
    if not paths:
        raise InputError(f"{folder}: no corpus (*.csv, *.csv.gz) in this folder")
    return join([read_corpus(path) for path in paths])


def join(parts: list[Corpus]) -> Corpus:
    """One corpus of several, in order."""
    return Corpus(
        texts=[text for part in parts for text in part.texts],
        labels=np.concatenate([part.labels for part in parts]),
        sources=np.concatenate([part.sources for part in parts]),
        dev=np.concatenate([part.dev for part in parts]),
        licences={source: licence for part in parts for source, licence in part.licences.items()},
    )


def leave_out(corpus: Corpus, sources: Collection[str]) -> Corpus:
    """The comments of ``corpus`` that are from none of ``sources``; InputError where one of these has no comment."""
    names = corpus.sources.astype(str)
    if unknown := set(sources) - set(names.tolist()):
        known = ", ".join(sorted(set(names.tolist())))
        raise InputError(f"no source {', '.join(map(repr, sorted(unknown)))} to leave out; there are {known}")
    return corpus.take(~np.isin(names, list(sources))) if sources else corpus


def read_corpus(path: Path) -> Corpus:
    """Read one labelled file; columns ``text``, category names, and if present ``split``, ``source``, ``licence``."""
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    texts, labels, sources, dev = [], [], [], []
    licences: dict[str, str] = {}
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "text" not in (reader.fieldnames or ()):
            raise InputError(f"{path}, line 1: no column 'text'")
        for row in reader:
            texts.append(row["text"])
            labels.append([_label(row.get(category) or "", path, reader.line_num) for category in CATEGORIES])
            sources.append(row.get("source") or name)
            dev.append(row.get("split") == "dev")
            licences.setdefault(sources[-1], row.get("licence") or "")
    return Corpus(
        texts=texts,
        labels=np.array(labels, np.int8).reshape(-1, len(CATEGORIES)),
        sources=np.array(sources, object),
        dev=np.array(dev, np.bool_),
        licences=licences,
    )


def digest(corpus: Corpus) -> str:
    """SHA-256 over texts and labels: names the training data in the model card without holding any of it."""
    summed = hashlib.sha256()
    for text in corpus.texts:
        summed.update(text.encode("utf-8", "surrogatepass") + b"\0")
    summed.update(corpus.labels.tobytes())
    return summed.hexdigest()


def _label(value: str, path: Path, line: int) -> int:
    try:
        return _VALUES[value.strip()]
    except KeyError:
        raise InputError(f"{path}, line {line}: label {value!r} is not 1, 0 or blank") from None


def _is_corpus(path: Path) -> bool:
    return path.name != "MANIFEST.csv"
