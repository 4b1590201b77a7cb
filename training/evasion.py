"""Measure how well disguised comments are read: the golden cases, perturbed systematically.

Recall is measured on the rejections of ``tests/cases`` that are rejected undisguised, false rejections on its approvals
and on the sentences of ``fairness.toml``. Every perturbation is one that a reader undoes without thinking.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from moderate import Moderator
from moderate.guidelines import CATEGORIES, PROMOTIONS

from .fairness import FAIRNESS
from .functional_cases import read_functional

CASES: Final = Path(__file__).parents[1] / "tests" / "cases"
LEAST_LETTERS: Final = 4  # of a word that is perturbed; shorter ones have nothing to drop or swap

LEET: Final = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}
# Look-alikes after the confusables of Unicode TR 39, of Cyrillic, Greek, Armenian, Cherokee, Lisu and others, and
# letters of full width, of mathematics and small capitals.
HOMOGLYPHS: Final = {
    "a": "аɑａ𝐚𝖺ᴀᎪꓮ", "b": "Ьƅｂ𝐛𝗯ʙᏏᗷ", "c": "сϲｃ𝐜ᴄᏟⲥ", "d": "ԁｄ𝐝𝕕ᴅᎠꓒⅮ", "e": "еｅ𝐞𝔢ᴇᎬꓰ",
    "f": "ƒｆ𝐟ꜰꓝք", "g": "ɡցｇ𝐠ɢᏀꓖ", "h": "һհｈ𝐡ʜᎻꓧ", "i": "іｉ𝐢ɪıᎥꙇ", "j": "јｊ𝐣ᴊᎫꓙ", "k": "кｋ𝐤ᴋᏦꓗ",
    "l": "ӏⅼｌ𝐥ʟᏞꓡ", "m": "ⅿｍ𝐦ᴍмᎷꓟ", "n": "ոｎ𝐧ɴռꓠ", "o": "оοօｏ𝐨ᴏⲟꓳ", "p": "рρｐ𝐩ᴘᏢꓑ", "q": "ԛｑ𝐪",
    "r": "гｒ𝐫ʀᏒꓣ", "s": "ѕｓ𝐬ꜱᏚꓢ", "t": "тｔ𝐭ᴛᎢꓔ", "u": "υսｕ𝐮ᴜꓴᑌ", "v": "νѵｖ𝐯ᴠᏙꓦ", "w": "ԝաｗ𝐰ᴡᎳꓪ",
    "x": "хｘ𝐱×ꓫⲭ", "y": "уγｙ𝐲ʏᎩꓬ", "z": "ｚ𝐳ᴢᏃꓜ",
}  # fmt: skip
# Letters that are heard, or look, as others do, and are no look-alikes.
HEARD: Final = {"s": ("z",), "f": ("ph",), "c": ("k",), "u": ("v",), "g": ("q",)}
EMOJI: Final = "😀🔥💀👍❤🙃"

_WORD: Final = re.compile(rf"(?<![\w@./])[A-Za-z]{{{LEAST_LETTERS},}}(?!\w|/|://|\.\w)")

Perturbation = Callable[[str, Random], str]


def _replace(table: Mapping[str, Sequence[str]], share: float) -> Perturbation:
    """Put look-alikes for at least one, and about ``share``, of the letters that have some."""

    def perturb(word: str, chance: Random) -> str:
        places = [place for place, letter in enumerate(word) if letter.lower() in table]
        chosen = chance.sample(places, max(1, round(share * len(places)))) if places else []
        letters = list(word)
        for place in chosen:
            letters[place] = chance.choice(table[letters[place].lower()])
        return "".join(letters)

    return perturb


def _between(separators: str) -> Perturbation:
    """Put one separator between all letters."""

    def perturb(word: str, chance: Random) -> str:
        return chance.choice(separators).join(word)

    return perturb


def _once(separators: str) -> Perturbation:
    """Put a separator at one place inside."""

    def perturb(word: str, chance: Random) -> str:
        place = chance.randrange(1, len(word))
        return word[:place] + chance.choice(separators) + word[place:]

    return perturb


def _stretch(word: str, chance: Random) -> str:
    place = chance.randrange(len(word))
    return word[:place] + word[place] * chance.randrange(3, 7) + word[place + 1 :]


def _drop(word: str, chance: Random) -> str:
    place = chance.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _swap(word: str, chance: Random) -> str:
    places = [place for place in range(1, len(word) - 2) if word[place] != word[place + 1]]
    if not places:
        return word
    place = chance.choice(places)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _star(word: str, chance: Random) -> str:
    place = chance.randrange(1, len(word) - 1)
    return word[:place] + "*" + word[place + 1 :]


def _hide(word: str, chance: Random) -> str:
    count = chance.randrange(2, max(3, len(word) - 2))
    place = chance.randrange(1, len(word) - count)
    return word[:place] + "*" * count + word[place + count :]


def _mix_case(word: str, chance: Random) -> str:
    first = chance.randrange(2)
    return "".join(letter.upper() if (place + first) % 2 else letter.lower() for place, letter in enumerate(word))


def _mark(word: str, chance: Random) -> str:
    return "".join(letter + chance.choice("\u0301\u0308\u0336\u0489\u035c") for letter in word)


# By name; the last two lose or move a letter, so that what is left may be another word.
KINDS: Final[Mapping[str, Perturbation]] = {
    "leetspeak, one letter": _replace(LEET, 0.0),
    "leetspeak, all letters": _replace(LEET, 1.0),
    "homoglyphs, one letter": _replace(HOMOGLYPHS, 0.0),
    "homoglyphs, all letters": _replace(HOMOGLYPHS, 1.0),
    "one letter as it is heard": _replace(HEARD, 0.0),
    "zero-width characters": _between("\u200b\u200c\u200d\u2060\ufeff"),
    "soft hyphens": _between("\u00ad"),
    "combining marks": _mark,
    "mixed case": _mix_case,
    "stretched letters": _stretch,
    "a star for a letter": _star,
    "stars for several letters": _hide,
    "spaces between letters": _between(" "),
    "dots between letters": _between("."),
    "hyphens or underscores between letters": _between("-_"),
    "one dot or hyphen inside": _once(".-"),
    "emoji between letters": _between(EMOJI),
    "one emoji inside": _once(EMOJI),
    "a letter dropped": _drop,
    "two letters swapped": _swap,
}


@dataclass(frozen=True, slots=True)
class Evasion:
    """What one kind of perturbation does.

    Attributes:
        kind: its name; "plain" for none.
        deciding: share of the rejections still rejected when the words that decided are perturbed.
        every: share still rejected when every word is.
        promotion: share of the promotion still rejected when every word is.
        approvals: share of the approvals rejected when every word is perturbed.
        civil: share of the civil sentences rejected, likewise.
    """

    kind: str
    deciding: float
    every: float
    promotion: float
    approvals: float
    civil: float


def perturb(text: str, kind: str, places: Sequence[tuple[int, int]] | None = None) -> str:
    """Perturb the words of ``text``, or those that overlap one of ``places``; always alike."""
    chance = Random(f"{kind}: {text}")

    def change(match: re.Match[str]) -> str:
        begin, end = match.span()
        chosen = places is None or any(begin < last and first < end for first, last in places)
        return KINDS[kind](match[0], chance) if chosen else match[0]

    return _WORD.sub(change, text)


def read_cases(folder: Path = CASES) -> Iterator[dict[str, Any]]:
    """The golden cases that are to be decided rightly, without those that are evasions already."""
    known = {case["text"] for case in tomllib.loads((folder / "known_failures.toml").read_text("utf-8"))["case"]}
    for path in sorted(folder.glob("*.toml")):
        for case in tomllib.loads(path.read_text("utf-8"))["case"]:
            if ("reject" in case or "approve" in case) and "plain" not in case and case["text"] not in known:
                yield case


def measure_evasion(moderator: Moderator, cases: Sequence[Mapping[str, Any]] | None = None) -> list[Evasion]:
    """Measure every kind, "plain" first, on ``cases`` (by default the golden ones)."""
    cases = list(read_cases()) if cases is None else cases
    promotions = {CATEGORIES[column] for column in PROMOTIONS}
    texts: dict[str, list[str]] = {"tone": [], "promotion": [], "approve": []}
    for case in cases:
        kind = "approve" if "approve" in case else "promotion" if promotions & set(case["reject"]) else "tone"
        texts[kind].append(case["text"])
    tone, promotion = (_rejected_alone(moderator, texts[name]) for name in ("tone", "promotion"))
    approvals, civil = texts["approve"], [case.text for case in read_functional(FAIRNESS)]
    measured = [Evasion("plain", 1.0, 1.0, 1.0, _rejected(moderator, approvals), _rejected(moderator, civil))]
    for kind in KINDS:
        disguised = [[perturb(text, kind, places) for text, places in tone.items()]]
        disguised += [[perturb(text, kind) for text in members] for members in (tone, promotion, approvals, civil)]
        measured.append(Evasion(kind, *(_rejected(moderator, members) for members in disguised)))
    return measured


def format_evasion(measured: Sequence[Evasion]) -> str:
    """The measurement as a Markdown table."""
    lines = [
        "| perturbation | rejected: telling words | every word | promotion | approvals rejected | civil rejected |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for one in measured:
        shares = (one.deciding, one.every, one.promotion, one.approvals, one.civil)
        lines.append(f"| {one.kind} | {' | '.join(f'{100 * share:.1f}%' for share in shares)} |")
    return "\n".join(lines)


def _rejected_alone(moderator: Moderator, texts: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Those of ``texts`` that are rejected, and the places that decided."""
    decisions = zip(texts, moderator.classify_many(texts), strict=True)
    return {
        text: [span for reason in decision.reasons for span in reason.spans]
        for text, decision in decisions
        if not decision.approved
    }


def _rejected(moderator: Moderator, texts: Sequence[str]) -> float:
    decisions = moderator.classify_many(texts)
    return sum(not decision.approved for decision in decisions) / len(decisions) if decisions else float("nan")
