"""What spellings are compiled with a model: how evaders may write its words, and which words may run together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from moderate.folding import STARS
from moderate.rules import RuleBook
from moderate.spelling import LONGEST, Spelling, disguises, spelling_keys
from moderate.text import hash_words

from .lexicon import COMMON_WORD, LEAST_MISSPELT, RARE, SURE_LENGTH, VOWELS, Lexicon, is_latin, is_vowelless
from .parts import choose_parts

LEAST_LETTERS: Final = 3  # of a word in disguise; a shorter one is anything
SHORT: Final = 4  # letters of the shortest word that is looked for with stars, with letters swapped or left out
_ODD: Final = re.compile(r"[^a-z]|(.)\1\1")
_QUANTITY: Final = re.compile(r"\d+[a-z]{1,2}")


def build_spelling(
    rules: RuleBook, counts: Mapping[str, int], *, innocent: Collection[str] = ()
) -> tuple[Spelling, set[str]]:
    """The spellings of a model, and the strings of the training texts that are not words but spellings of one.

    Args:
        rules: the rule book, whose words evaders disguise.
        counts: folded strings of the training texts and how often each occurs.
        innocent: strings that are words, however rare they are.
    """
    counts = dict(counts) | {string: max(counts.get(string, 0), RARE) for string in innocent}
    lexicon = Lexicon.read(rules, counts)
    disguised = _disguised(lexicon)
    undone = {spelling for spelling in disguised if spelling in counts}
    common = [word for word, count in counts.items() if count >= COMMON_WORD and is_latin(word)]
    whole = [word for word in dict.fromkeys((*lexicon.by_frequency, *common)) if len(word) >= LEAST_LETTERS]
    stars = list(_starred(lexicon))
    parts, together = choose_parts(lexicon, undone)
    keys = [
        spelling_keys(whole, plain=False, collapse=False),
        spelling_keys(whole, plain=False),
        spelling_keys([spelling for spelling, _ in stars], plain=False, collapse=False),
        spelling_keys(list(disguised), plain=True),
        parts.keys,
    ]
    words = [
        hash_words(whole),
        hash_words(whole),
        hash_words([word for _, word in stars]),
        hash_words(list(disguised.values())),
        parts.values.astype(np.uint64),
    ]
    spelling = Spelling.build(np.concatenate(keys), np.concatenate(words))
    return spelling, undone | together | _with_odd_letters(spelling, lexicon)


def _disguised(lexicon: Lexicon) -> dict[str, str]:
    """Spellings with letters dropped or swapped that are no words, each with the most frequent word it may be."""
    disguised: dict[str, str] = {}
    for word in lexicon.by_frequency:
        for spelling in misspelt(word, telling=word in lexicon.telling):
            if spelling not in disguised and not lexicon.is_word(spelling, word):
                disguised[spelling] = word
    return disguised


def _starred(lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """Spellings with stars, each with the word it may be, most frequent first."""
    for word in lexicon.by_frequency:
        if len(word) >= SHORT and word in lexicon.telling | lexicon.crude:
            yield from ((spelling, word) for spelling in starred(word))
            if word in lexicon.censored:
                yield hidden(word), word


def _with_odd_letters(spelling: Spelling, lexicon: Lexicon) -> set[str]:
    """The rare strings with digits, symbols and stretched letters that ``spelling`` reads as a word of the lexicon."""
    strings = [
        string
        for string, count in lexicon.counts.items()
        if count < RARE
        and string not in lexicon.phrases
        and any("a" <= letter <= "z" for letter in string)
        and len(string) <= LONGEST
        and not string.startswith("@")
    ]
    strings = [string for string in strings if _ODD.search(string) and not _QUANTITY.fullmatch(string)]
    if not strings:
        return set()
    codes = np.frombuffer("".join(strings).encode("utf-32-le", "surrogatepass"), "<u4")
    words, found = spelling.look_up(codes, np.append(0, np.cumsum([len(string) for string in strings])))
    found &= np.isin(words, hash_words(sorted(lexicon.words)))
    return {strings[index] for index in np.flatnonzero(found)}


def misspelt(word: str, *, telling: bool) -> Sequence[str]:
    """Spellings of ``word`` that are looked for: the more, the longer it is and the more it tells."""
    vowelless = [spelling for spelling in vowels_left_out(word) if is_vowelless(spelling)]
    if telling and len(word) >= SURE_LENGTH:
        return [*disguises(word), *vowels_left_out(word)]
    if telling and len(word) >= LEAST_MISSPELT:
        return [*disguises(word), *moved(word), *(spelling for spelling in vowelless if len(spelling) >= SHORT)]
    if len(word) >= LEAST_MISSPELT:
        return disguises(word)
    if not telling or len(word) < SHORT:
        return ()
    return [*(spelling for spelling in disguises(word) if len(spelling) == len(word)), *vowelless]


def moved(word: str) -> list[str]:
    """Spellings of ``word`` with an inner letter moved by two places, among the inner letters."""
    turned = []
    for place in range(1, len(word) - 3):
        before, three, after = word[:place], word[place : place + 3], word[place + 3 :]
        turned += [before + three[1:] + three[0] + after, before + three[2] + three[:2] + after]
    return [spelling for spelling in dict.fromkeys(turned) if spelling != word]


def vowels_left_out(word: str) -> list[str]:
    """Spellings of ``word`` with two of its inner vowels dropped, and with all of them."""
    vowels = [place for place in range(1, len(word) - 1) if word[place] in VOWELS]
    chosen = [*combinations(vowels, 2), tuple(vowels)]
    spellings = ["".join(letter for place, letter in enumerate(word) if place not in places) for places in chosen]
    return [spelling for spelling in dict.fromkeys(spellings) if spelling != word]


def starred(word: str) -> list[str]:
    """Spellings of ``word`` with a star for one inner letter, and with stars for all its inner vowels."""
    single = [word[:place] + STARS + word[place + 1 :] for place in range(1, len(word) - 1)]
    vowels = "".join(STARS if letter in VOWELS else letter for letter in word[1:-1])
    spellings = [*single, word[0] + vowels + word[-1]]
    return [spelling for spelling in dict.fromkeys(spellings) if STARS in spelling]


def hidden(word: str) -> str:
    """Spelling of ``word`` with stars for all its inner letters, "f**k"."""
    return word[0] + STARS * (len(word) - 2) + word[-1]
