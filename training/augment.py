"""Sentences from templates of our own (``templates/``): structure and innocent words that the corpora lack.

Every file of the folder may hold any of three tables; they are read as one:

- ``[groups.NAME]``: ``kind`` is the category of abuse, the lists are the forms that a template may ask for,
- ``[words]``: lists for the other slots; an entry may hold slots itself,
- ``[[set]]``: ``texts`` with the same ``labels``. ``{slot}`` is drawn, ``{a:slot}`` with its article, no word twice in
  a sentence. ``also`` adds labels, ``weight`` counts a set less or more, ``groups`` names the only groups that a set
  speaks of, ``draws`` is how often a template is drawn; with ``each``, every word of that list stands in ``draws``
  templates. A ``weight`` at the head of a file is that of the sets which give none.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from moderate.errors import InputError
from moderate.guidelines import CATEGORIES, PARENT, Category

from .corpora import UNKNOWN, Corpus

SOURCE: Final = "templates"
KINDS_OF_ABUSE: Final = tuple(child.value for child, parent in PARENT.items() if parent is Category.ABUSE)
FOLDER: Final = Path(__file__).parent / "templates"
SEED: Final = 0
DRAWS: Final = 20  # sentences drawn from a template
KEEP_CASE: Final = 0.5  # share of sentences left as written; the others are lower-cased, as comments often are
ASIDE: Final = 0.15  # share of sentences with a neutral remark before them, and behind them

_SLOT: Final = re.compile(r"\{(a:)?(\w+)\}")
_FORMS: Final = {
    "group": "plural",
    "member": "singular",
    "adjective": "adjective",
    "slur": "slur",
    "slurs": "slur",
    "symbol": "symbol",
}
_CLEAN: Final = dict.fromkeys(CATEGORIES, 0)
_SET_KEYS: Final = {"labels", "also", "weight", "draws", "groups", "each", "texts"}
_VOWEL: Final = re.compile(r"(?!eu|uni|use|ukr|uga|one)[aeiou]|hono|hour|heir|nhs|lgbt|mp\b", re.IGNORECASE)
_PARTICLE: Final = re.compile(
    r"\b(beat|hunt|blow|wipe|put|throw|kick|lock|send|round|drive|chase|turn|shut|clear|finish)"
    r" (up|down|out|off|away|back) (me|you|him|her|it|us|them)\b",
    re.IGNORECASE,
)
_ARTICLES: Final = re.compile(
    r"\b((?:these|those|you|most|some|many) (?=the )|(?:no|every|the) (?=(?:the|an?) ))\w+ ", re.IGNORECASE
)
_TRIES: Final = 20


def write_sentences(folder: Path = FOLDER) -> tuple[Corpus, np.ndarray]:
    """Expand the templates; the sentences as a corpus of their own, and the weight of each, float32 (n,).

    The first set that writes a sentence labels it.
    """
    data = read_templates(folder)
    sentences: dict[str, tuple[list[int], float]] = {}
    for entry in data["set"]:
        chance = random.Random(f"{SEED} {entry['texts'][0]}")  # of its own, so that no set changes what another draws
        for template, fixed in _draws(entry, data, chance):
            kind, text = _fill(template, fixed, entry, data, chance)
            text = text if chance.random() < KEEP_CASE else text.lower().rstrip(".")
            sentences.setdefault(text, (_labels(entry, kind), float(entry["weight"])))
    texts = list(sentences)
    corpus = Corpus(
        texts=texts,
        labels=np.array([sentences[text][0] for text in texts], np.int8).reshape(-1, len(CATEGORIES)),
        sources=np.full(len(texts), SOURCE, object),
        dev=np.zeros(len(texts), np.bool_),
        licences={SOURCE: "MIT, written for this project"},
    )
    return corpus, np.array([sentences[text][1] for text in texts], np.float32)


def read_templates(folder: Path = FOLDER) -> dict[str, Any]:
    """Read the files of ``folder``, in order of name, as one; each set keeps the name of its ``file``."""
    data: dict[str, Any] = {"groups": {}, "words": {}, "set": []}
    for path in sorted(folder.glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for table in ("groups", "words"):
            for name, value in content.get(table, {}).items():
                if name in data[table]:
                    raise InputError(f"{path}: {name!r} stands in another file too")
                data[table][name] = value
        shared = {"weight": float(content.get("weight", 1)), "file": path.name}
        data["set"] += [shared | entry for entry in content.get("set", [])]
    if not data["set"]:
        raise InputError(f"{folder}: no templates")
    for entry in data["set"]:
        _check(entry, data)
    return data


def _check(entry: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Refuse a set with unknown keys, groups or slots."""
    slots = {slot for text in entry["texts"] for _, slot in _SLOT.findall(text)}
    wrong = (entry.keys() - _SET_KEYS - {"file"}) | (slots - _FORMS.keys() - data["words"].keys())
    wrong |= set(entry.get("groups", [])) - data["groups"].keys()
    if wrong:
        raise InputError(f"{entry['file']}: {', '.join(map(repr, sorted(wrong)))} unknown, near {entry['texts'][0]!r}")


def _draws(
    entry: Mapping[str, Any], data: Mapping[str, Any], chance: random.Random
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every template as often as it is drawn, with the slots that are given beforehand."""
    texts = entry["texts"]
    if "each" in entry:
        for word in data["words"][entry["each"]]:
            for template in chance.sample(texts, min(int(entry.get("draws", len(texts))), len(texts))):
                yield template, {entry["each"]: word}
        return
    for template in texts:
        for _ in range(int(entry.get("draws", DRAWS)) if "{" in template else 1):
            yield template, {}


def _fill(
    template: str, fixed: Mapping[str, str], entry: Mapping[str, Any], data: Mapping[str, Any], chance: random.Random
) -> tuple[str | None, str]:
    """Draw words for the slots of ``template``; the kind of abuse of the group drawn, and the sentence."""
    needed = {_FORMS[slot] for _, slot in _SLOT.findall(template) if slot in _FORMS}
    group = _choose_group(needed, entry, data, chance)
    used: set[str] = set()

    def draw(match: re.Match[str]) -> str:
        article, slot = match.groups()
        words = group[_FORMS[slot]] if slot in _FORMS else data["words"][slot]
        word = str(fixed[slot] if slot in fixed else chance.choice(words))
        for _ in range(_TRIES):
            if word not in used or slot in fixed:
                break
            word = str(chance.choice(words))
        used.add(word)
        word = _SLOT.sub(draw, _plural(word) if slot == "slurs" else word)
        return f"{'an' if _VOWEL.match(word) else 'a'} {word}" if article else word

    def write(text: str) -> str:
        text = _ARTICLES.sub(r"\1", _PARTICLE.sub(r"\1 \3 \2", _SLOT.sub(draw, text)))  # "no a", "throw out them"
        return text[:1].upper() + text[1:]

    sentence = write(template)
    for place in ("before", "behind"):
        if place in data["words"] and chance.random() < ASIDE:
            aside = _SLOT.sub(draw, chance.choice(data["words"][place]))
            sentence = f"{aside} {sentence}" if place == "before" else f"{sentence} {aside}"
    return (group["kind"] if needed or "groups" in entry else None), sentence


def _plural(word: str) -> str:
    if word.endswith(("ch", "sh", "s", "z", "x")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def _choose_group(
    needed: set[str], entry: Mapping[str, Any], data: Mapping[str, Any], chance: random.Random
) -> Mapping[str, Any]:
    """A group that the set speaks of and that has the forms ``needed``; every kind of abuse is as likely."""
    groups = [data["groups"][name] for name in entry.get("groups", data["groups"])]
    groups = [group for group in groups if needed <= group.keys()]
    if not groups:
        if needed:
            raise InputError(f"{entry['file']}: no group has {sorted(needed)}, near {entry['texts'][0]!r}")
        return {"kind": None}
    kind = chance.choice(sorted({group["kind"] for group in groups}))
    return chance.choice([group for group in groups if group["kind"] == kind])


def _labels(entry: Mapping[str, Any], kind: str | None) -> list[int]:
    """The labels of a sentence: "clean" is 0 for all, "hate" is abuse of its kind, and toxic."""
    labels = entry["labels"]
    if labels == "clean":
        named: dict[str, int] = dict(_CLEAN)
    elif labels == "hate":
        named = {"abuse": 1, "toxic": 1}
        if kind is not None:
            named |= {name: int(name == kind) for name in KINDS_OF_ABUSE}
    elif isinstance(labels, str):
        raise InputError(f"{entry['file']}: labels {labels!r} are neither 'clean', 'hate' nor a table")
    else:
        named = dict(labels)
    named |= entry.get("also", {})
    named |= {child.value: 0 for child, parent in PARENT.items() if named.get(parent.value) == 0}
    if unknown := named.keys() - set(CATEGORIES):
        raise InputError(f"{entry['file']}: labels {sorted(unknown)} are no categories")
    return [named.get(category, UNKNOWN) for category in CATEGORIES]
