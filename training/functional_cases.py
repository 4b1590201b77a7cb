"""The cases of ``functional.toml``: reading and checking the file, filling the slots."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from moderate.errors import InputError

PATH: Final = Path(__file__).with_name("functional.toml")

_SLOT: Final = re.compile(r"\{(\w+)\}")
_SLOTS: Final = ("group", "member", "adjective", "slur")
_GROUP_KEYS: Final = {"plural": str, "singular": str, "adjective": str, "slurs": list}
_KEYS: Final = {"name": str, "about": str, "reject": bool, "hateful": bool, "texts": list}
_OPTIONAL_KEYS: Final = {"plain": list, "groups": list}


@dataclass(frozen=True, slots=True)
class Case:
    """One comment of the test.

    Attributes:
        text: the comment.
        functionality: name of the ability it tests.
        group: name of the group that filled its slots; ``None`` for a text that stands for itself.
        reject: whether it breaks the guidelines.
        hateful: whether it is hate against a protected group.
        plain: the same comment undisguised; ``None`` where nothing is disguised.
    """

    text: str
    functionality: str
    group: str | None
    reject: bool
    hateful: bool
    plain: str | None


def read_functional(path: str | Path | None = None) -> list[Case]:
    """Every case of ``path`` (by default ``functional.toml`` beside this file), slots filled, in order.

    Raises:
        InputError: the file cannot be read or is not valid; names the file, the functionality and the key.
    """
    path = PATH if path is None else Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    _check_top(data, path)
    cases: list[Case] = []
    for number, entry in enumerate(data["functionality"], 1):
        where = f"{path}, functionality {number}"
        _check_keys(entry, _KEYS, _OPTIONAL_KEYS, where)
        _check_functionality(entry, data["groups"], f"{path}, functionality {entry['name']!r}")
        cases += _expand(entry, data["groups"])
    _check_repeats([entry["name"] for entry in data["functionality"]], f"{path}: functionality")
    _check_repeats([case.text for case in cases], f"{path}: text")
    return cases


def _check_top(data: Mapping[str, Any], path: Path) -> None:
    _check_keys(data, {"groups": dict, "functionality": list}, {}, str(path))
    for name, group in data["groups"].items():
        where = f"{path}, group {name!r}"
        _check_keys(group, _GROUP_KEYS, {}, where)
        _check_strings(group["slurs"], f"{where}: 'slurs'")


def _check_keys(entry: object, needed: Mapping[str, type], optional: Mapping[str, type], where: str) -> None:
    """Raise unless ``entry`` is a table with the keys ``needed``, maybe those ``optional``, each of its type."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be a table")
    kinds = {**needed, **optional}
    for key in entry:
        if key not in kinds:
            raise InputError(f"{where}: unknown key {key!r} ({', '.join(kinds)})")
    for key in needed:
        if key not in entry:
            raise InputError(f"{where}: no key {key!r}")
    for key, value in entry.items():
        if type(value) is not kinds[key] or (isinstance(value, str) and not value.strip()):
            words = {str: "a string that is not blank", bool: "true or false", list: "an array", dict: "a table"}
            raise InputError(f"{where}: {key!r} must be {words[kinds[key]]}")


def _check_strings(values: Sequence[object], where: str) -> None:
    for number, value in enumerate(values, 1):
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{where}: entry {number} must be a string that is not blank")


def _check_repeats(values: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise InputError(f"{where} {value!r} is given twice")
        seen.add(value)


def _check_functionality(entry: Mapping[str, Any], groups: Mapping[str, Any], where: str) -> None:
    for key in ("texts", "plain", "groups"):
        _check_strings(entry.get(key, []), f"{where}: {key!r}")
    if not entry["texts"]:
        raise InputError(f"{where}: 'texts' is empty")
    for name in entry.get("groups", []):
        if name not in groups:
            raise InputError(f"{where}: unknown group {name!r} ({', '.join(groups)})")
    plain = entry.get("plain", entry["texts"])
    if len(plain) != len(entry["texts"]):
        raise InputError(f"{where}: {len(entry['texts'])} texts, but {len(plain)} plain ones")
    for text, undisguised in zip(entry["texts"], plain, strict=True):
        slots = _check_slots(text, where)
        if slots != _check_slots(undisguised, where):
            raise InputError(f"{where}: the plain form of {text!r} has other slots")
        if slots and not any(_fillings(slots, entry, groups)):
            raise InputError(f"{where}: no group fills the slots of {text!r}")


def _check_slots(text: str, where: str) -> set[str]:
    """`_slots` of ``text``; raise for one that there is not."""
    slots = _slots(text)
    for name in sorted(slots):
        if name not in _SLOTS:
            raise InputError(f"{where}: unknown slot {{{name}}} in {text!r} ({', '.join(_SLOTS)})")
    if re.search(r"[{}]", _SLOT.sub("", text)):
        raise InputError(f"{where}: a brace that belongs to no slot in {text!r}")
    return slots


def _slots(text: str) -> set[str]:
    """Names of the slots of ``text``, without the capital that asks for one in the filled text."""
    return {name[:1].lower() + name[1:] for name in _SLOT.findall(text)}


def _fillings(
    slots: set[str], entry: Mapping[str, Any], groups: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every way to fill ``slots``: the name of the group, and slot -> words."""
    for name in entry.get("groups", groups):
        group = groups[name]
        words = {"group": group["plural"], "member": group["singular"], "adjective": group["adjective"]}
        if "slur" in slots:
            yield from ((name, {**words, "slur": slur}) for slur in group["slurs"])
        else:
            yield name, words


def _expand(entry: Mapping[str, Any], groups: Mapping[str, Any]) -> Iterator[Case]:
    kind = {"functionality": entry["name"], "reject": entry["reject"], "hateful": entry["hateful"]}
    plains = entry.get("plain", [None] * len(entry["texts"]))
    for text, plain in zip(entry["texts"], plains, strict=True):
        slots = _slots(text)
        if not slots:
            yield Case(text=text, group=None, plain=plain, **kind)
            continue
        for name, words in _fillings(slots, entry, groups):
            disguised = None if plain is None else _fill(plain, words)
            yield Case(text=_fill(text, words), group=name, plain=disguised, **kind)


def _fill(text: str, words: Mapping[str, str]) -> str:
    def word(match: re.Match[str]) -> str:
        name = match[1]
        if name in words:
            return words[name]
        filled = words[name[:1].lower() + name[1:]]
        return filled[:1].upper() + filled[1:]

    return _SLOT.sub(word, text)
