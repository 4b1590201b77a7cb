"""Sentences from templates of our own (``templates.toml``): structure and innocent words that the corpora lack."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from moderate.errors import InputError
from moderate.guidelines import CATEGORIES

from .corpora import UNKNOWN, Corpus

SOURCE: Final = "templates"
SEED: Final = 0
DRAWS: Final = 40  # sentences drawn from a template
KEEP_CASE: Final = 0.5  # share of sentences left as written; the others are lower-cased, as comments often are

_SLOT: Final = re.compile(r"\{(\w+)\}")
_FORMS: Final = {"group": "plural", "member": "singular", "adjective": "adjective"}
_CLEAN: Final = {category: 0 for category in CATEGORIES if "promotion" not in category}


def write_sentences(path: Path | None = None) -> tuple[Corpus, np.ndarray]:
    """Expand the templates; the sentences as a corpus of their own, and the weight of each, float32 (n,)."""
    data = tomllib.loads((path or Path(__file__).parent / "templates.toml").read_text(encoding="utf-8"))
    chance = random.Random(SEED)
    sentences: dict[str, tuple[list[int], float]] = {}
    for entry in data["set"]:
        for template in entry["texts"]:
            for fixed in _fixed(entry, data, template):
                kind, text = _fill(template, fixed, data, chance)
                text = text if chance.random() < KEEP_CASE else text.lower().rstrip(".")
                sentences.setdefault(text, (_labels(entry["labels"], kind), float(entry.get("weight", 1.0))))
    texts = list(sentences)
    corpus = Corpus(
        texts=texts,
        labels=np.array([sentences[text][0] for text in texts], np.int8),
        sources=np.full(len(texts), SOURCE, object),
        dev=np.zeros(len(texts), np.bool_),
        licences={SOURCE: "MIT, written for this project"},
    )
    return corpus, np.array([sentences[text][1] for text in texts], np.float32)


def _fixed(entry: Mapping[str, Any], data: Mapping[str, Any], template: str) -> Sequence[dict[str, str]]:
    """The slots given beforehand for each draw: every word of the set's ``each`` slot once, or none `DRAWS` times."""
    if "each" in entry:
        return [{entry["each"]: word} for word in data["words"][entry["each"]]]
    return [{}] * (DRAWS if "{" in template else 1)


def _fill(
    template: str, fixed: Mapping[str, str], data: Mapping[str, Any], chance: random.Random
) -> tuple[str | None, str]:
    """Draw words for the slots of ``template``; the kind of group drawn, and the sentence."""
    kinds = list(data["groups"])
    kind = chance.choice(kinds)
    used = False

    def draw(match: re.Match[str]) -> str:
        nonlocal used
        slot = match.group(1)
        if slot in fixed:
            return fixed[slot]
        if slot in _FORMS:
            used = True
            return str(chance.choice(data["groups"][kind][_FORMS[slot]]))
        return str(chance.choice(data["words"][slot]))

    sentence = _SLOT.sub(draw, template)
    return (kind if used else None), sentence[:1].upper() + sentence[1:]


def _labels(labels: str | Mapping[str, int], kind: str | None) -> list[int]:
    if labels == "clean":
        named: Mapping[str, int] = _CLEAN
    elif isinstance(labels, str):
        if labels != "hate":
            raise InputError(f"templates.toml: labels {labels!r} are neither 'clean', 'hate' nor a table")
        kinds = ("sexism", "racism", "homophobia", "xenophobia", "other_abuse")
        named = {"abuse": 1, "toxic": 1, **{name: int(name == kind) for name in kinds}}
    else:
        named = labels
    return [named.get(category, UNKNOWN) for category in CATEGORIES]
