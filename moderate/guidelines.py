"""The guidelines: categories as a two-level tree, their wording, and the policy that draws the lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from .errors import PolicyError


class Category(StrEnum):
    """A way in which a comment breaks the guidelines; the order is the order of score columns."""

    PROFANITY = "profanity"
    VULGARITY = "vulgarity"
    THREAT = "threat"
    PERSONAL_ATTACK = "personal_attack"
    ABUSE = "abuse"
    SEXISM = "sexism"
    RACISM = "racism"
    HOMOPHOBIA = "homophobia"
    XENOPHOBIA = "xenophobia"
    OTHER_ABUSE = "other_abuse"
    PROMOTION = "promotion"
    COMMERCIAL_PROMOTION = "commercial_promotion"
    PERSONAL_PROMOTION = "personal_promotion"
    TOXIC = "toxic"


CATEGORIES: Final[tuple[str, ...]] = tuple(category.value for category in Category)

PARENT: Final[Mapping[Category, Category]] = MappingProxyType(
    {
        Category.SEXISM: Category.ABUSE,
        Category.RACISM: Category.ABUSE,
        Category.HOMOPHOBIA: Category.ABUSE,
        Category.XENOPHOBIA: Category.ABUSE,
        Category.OTHER_ABUSE: Category.ABUSE,
        Category.COMMERCIAL_PROMOTION: Category.PROMOTION,
        Category.PERSONAL_PROMOTION: Category.PROMOTION,
    }
)

# The same tree as score columns: (child, parent).
FAMILY: Final[tuple[tuple[int, int], ...]] = tuple(
    (CATEGORIES.index(child), CATEGORIES.index(parent)) for child, parent in PARENT.items()
)

# Score columns of promotion and its kinds: what is sold or linked rather than how it is said.
PROMOTIONS: Final[tuple[int, ...]] = tuple(
    CATEGORIES.index(category)
    for category in (Category.PROMOTION, Category.COMMERCIAL_PROMOTION, Category.PERSONAL_PROMOTION)
)

GUIDELINES: Final[str] = (
    "We welcome comments relevant to the article, further discussion, and constructive criticism of the site. "
    "Not tolerated: profanity, threats, personal attacks, vulgarity, abuse (such as sexism, racism, homophobia or "
    "xenophobia), commercial or personal promotion. Comments are not edited: they are approved or rejected."
)

WORDING: Final[Mapping[Category, str]] = MappingProxyType(
    {
        Category.PROFANITY: "swear words and obscene language",
        Category.VULGARITY: "crude sexual or bodily language",
        Category.THREAT: "threats and incitement to violence or self-harm",
        Category.PERSONAL_ATTACK: "insults and attacks on a person",
        Category.ABUSE: "abuse of people for the group they belong to",
        Category.SEXISM: "abuse on grounds of sex or gender",
        Category.RACISM: "abuse on grounds of race or ethnicity",
        Category.HOMOPHOBIA: "abuse on grounds of sexual orientation or gender identity",
        Category.XENOPHOBIA: "abuse on grounds of origin or nationality",
        Category.OTHER_ABUSE: "abuse on other grounds, such as religion or disability",
        Category.PROMOTION: "advertising and self-promotion",
        Category.COMMERCIAL_PROMOTION: "advertising of goods, services or schemes",
        Category.PERSONAL_PROMOTION: "promotion of one's own channel, page or work",
        Category.TOXIC: "a rude or hateful comment in general",
    }
)

PRESETS: Final[tuple[str, ...]] = ("default", "strict", "lenient")
NEVER: Final = 1.01  # a threshold that no probability reaches

# Used where no model supplies thresholds of its own (the rule book alone decides). A rule's evidence is
# "mild" 0.3, "strong" 0.7, "severe" 0.95 (rules.SEVERITY_SCORE): strict rejects on a mild hit, lenient on severe only.
RULE_THRESHOLDS: Final[Mapping[str, float]] = MappingProxyType({"default": 0.5, "strict": 0.25, "lenient": 0.8})


@dataclass(frozen=True, slots=True)
class Policy:
    """Where a site draws its lines: the probability from which a category rejects.

    Attributes:
        name: how the policy is called in output.
        base: the preset that supplies every threshold not given here; presets belong to the model.
        thresholds: category to threshold in [0, 1]; 0 rejects every comment that is not blank, 1.01 never rejects.
    """

    name: str = "default"
    base: str = "default"
    thresholds: Mapping[Category, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Check the base and every threshold; PolicyError says which is wrong."""
        if self.base not in PRESETS:
            raise PolicyError(f"unknown preset {self.base!r}: use one of {', '.join(PRESETS)}")
        checked = {_category(key): _threshold(key, value) for key, value in self.thresholds.items()}
        object.__setattr__(self, "thresholds", MappingProxyType(checked))

    def __reduce__(self) -> tuple[type[Policy], tuple[str, str, dict[Category, float]]]:
        """Pickle as plain settings (a mapping proxy cannot be pickled): worker processes need it."""
        return Policy, (self.name, self.base, dict(self.thresholds))

    @classmethod
    def named(cls, name: str) -> Policy:
        """Return the preset called ``name``; PolicyError if there is none."""
        return cls(name=name, base=name)

    @classmethod
    def from_toml(cls, path: str | Path) -> Policy:
        """Read a policy file.

        The file holds ``name`` and ``base`` (both optional strings) and a table ``[thresholds]`` of category = number.

        Raises:
            PolicyError: the file cannot be read or is not valid; names the file, the line and the key.
        """
        from .untrusted import parse_toml, read_bytes

        path = Path(path)
        try:
            text, data = parse_toml(read_bytes(path))
        except (OSError, ValueError) as error:
            raise PolicyError(f"{path}: {error}") from error
        for key in data:
            if key not in {"name", "base", "thresholds"}:
                raise PolicyError(f"{path}, line {_line_of(text, key)}: unknown key {key!r} (name, base, [thresholds])")
        thresholds = data.get("thresholds", {})
        if not isinstance(thresholds, dict):
            raise PolicyError(f"{path}, line {_line_of(text, 'thresholds')}: 'thresholds' must be a table")
        for key, value in thresholds.items():
            try:
                _threshold(_category(key), value)
            except PolicyError as error:
                raise PolicyError(f"{path}, line {_line_of(text, key)}: {error}") from None
        for key in ("name", "base"):
            if not isinstance(data.get(key, ""), str):
                raise PolicyError(f"{path}, line {_line_of(text, key)}: {key!r} must be a string")
        try:
            return cls(name=data.get("name", path.stem), base=data.get("base", "default"), thresholds=thresholds)
        except PolicyError as error:
            raise PolicyError(f"{path}, line {_line_of(text, 'base')}: {error}") from None

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Policy:
        """Return a copy in which ``thresholds`` (category name to number) replace those of the same category."""
        given = {_category(key): value for key, value in thresholds.items()}
        return Policy(name=self.name, base=self.base, thresholds={**self.thresholds, **given})

    def resolve(self, presets: Mapping[str, Mapping[str, float]]) -> tuple[float, ...]:
        """Thresholds in the order of ``CATEGORIES``; ``presets`` maps a preset name to category -> threshold."""
        base = presets[self.base]
        return tuple(float(self.thresholds.get(category, base[category])) for category in Category)


RULE_PRESETS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {name: MappingProxyType(dict.fromkeys(CATEGORIES, value)) for name, value in RULE_THRESHOLDS.items()}
)


def _category(name: str) -> Category:
    try:
        return Category(name)
    except ValueError:
        raise PolicyError(f"unknown category {name!r}: use one of {', '.join(CATEGORIES)}") from None


def _threshold(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= NEVER:
        raise PolicyError(f"threshold of {str(name)!r} is {value!r}: give a number from 0 to 1 (1.01 = never)")
    return float(value)


def _line_of(text: str, key: str) -> int:
    """Line number (from 1) on which ``key`` is set; 1 when it is not found."""
    pattern = re.compile(rf'^\s*\[?\s*["\']?{re.escape(key)}["\']?\s*[\]=.]')
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)
