"""What spellings are compiled with a model: how evaders may write its words, and which words may run together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from moderate.folding import STARS, U64
from moderate.letters import disguises, spelling_keys
from moderate.rules import RuleBook
from moderate.spaced import half_keys
from moderate.spelling import LONGEST, Spelling
from moderate.text import hash_words

from .lexicon import (
    COMMON_WORD,
    FREQUENCY_RATIO,
    LEAST_MISSPELT,
    RARE,
    REMOTE_RATIO,
    SURE_LENGTH,
    VOWELS,
    Lexicon,
    is_latin,
    is_vowelless,
)
from .parts import choose_parts

LEAST_LETTERS: Final = 3  # of a word in disguise; a shorter one is anything
SHORT: Final = 4  # letters of the shortest word that is looked for with stars, with letters swapped or left out
# How often two halves may stand side by side by chance, in the training texts, if they are to be read as a word: with a
# mark between them, since a blank is forgotten about once in a hundred times; with a blank.
MET_WITH_MARK: Final = 20.0
MET_WITH_BLANK: Final = 0.1
# Letters of a word that are starred side by side, and those that tell it from other words.
MOST_HIDDEN, LEAST_SHOWN = 3, 3
MASKS: Final = "ais"  # what "@", "!" and "$" are read as, which are put for any vowel, too
LETTER_WORDS: Final = "aiu"  # single letters that are words; others are read with what follows a mark, "s.hit"
# A sound, and what is written for it to get past a filter, or to write as one speaks.
SOUNDS: Final = (
    (r"ck", "k"), (r"ck", "cc"), (r"c(?!h)", "k"), (r"f", "ph"), (r"s(?!h)", "z"), (r"u", "v"), (r"i", "y"),
    (r"g", "q"), (r"er$", "a"),
)  # fmt: skip
_ODD: Final = re.compile(r"[^a-z]|(.)\1\1")
_QUANTITY: Final = re.compile(r"\d+[a-z]{1,2}")


def build_spelling(
    rules: RuleBook,
    counts: Mapping[str, int],
    *,
    hostile: Collection[str] = (),
    innocent: Collection[str] = (),
) -> tuple[Spelling, set[str]]:
    """The spellings of a model, and the strings of the training texts that are not words but spellings of one.

    Args:
        rules: the rule book, whose words evaders disguise.
        counts: folded strings of the training texts and how often each occurs.
        hostile: words that stand in hostile comments much more than in others, whose disguises are looked for, too.
        innocent: strings that are words, however rare they are.
    """
    counts = dict(counts) | {string: max(counts.get(string, 0), RARE) for string in innocent}
    lexicon = Lexicon.read(rules, counts, hostile=hostile, innocent=innocent)
    disguised = _disguised(lexicon)
    undone = {spelling for spelling in disguised if spelling in counts}
    common = [word for word, count in counts.items() if count >= COMMON_WORD and is_latin(word)]
    whole = [word for word in dict.fromkeys((*lexicon.by_frequency, *common)) if len(word) >= LEAST_LETTERS]
    stars = list(_starred(lexicon))
    halves = list(_halved(lexicon))
    masks = list(_masked(lexicon))
    parts, together = choose_parts(lexicon, undone)
    keys = [
        spelling_keys([spelling for spelling, _ in masks], plain=False, collapse=False),
        spelling_keys(whole, plain=False, collapse=False),
        spelling_keys(whole, plain=False),
        spelling_keys([spelling for spelling, _ in stars], plain=False, collapse=False),
        spelling_keys(list(disguised), plain=True),
        _pair_keys(halves),
        parts.keys,
    ]
    words = [
        hash_words([word for _, word in masks]),
        hash_words(whole),
        hash_words(whole),
        hash_words([word for _, word in stars]),
        hash_words(list(disguised.values())),
        hash_words([half.word for half in halves]),
        parts.values.astype(np.uint64),
    ]
    spelling = Spelling.build(np.concatenate(keys), np.concatenate(words))
    return spelling, undone | together | _with_odd_letters(spelling, lexicon)


def _disguised(lexicon: Lexicon) -> dict[str, str]:
    """Wrong spellings that are no words, each with the most frequent word it may be."""
    disguised: dict[str, str] = {}
    for word in lexicon.disguised:
        spellings = misspelt(word, telling=word in lexicon.decisive, frequent=word in lexicon.frequent)
        for spelling in (*spellings, *respelt(word)):
            if spelling not in disguised and not lexicon.is_word(spelling, word):
                disguised[spelling] = word
    for word in filter((lexicon.guessed & lexicon.censored).__contains__, lexicon.disguised):
        rest = word[1:]  # "*sshole", whose star is no part of the token
        if len(rest) >= LEAST_MISSPELT and lexicon.counts.get(rest, 0) * REMOTE_RATIO <= lexicon.counts[word]:
            disguised.setdefault(rest, word)
    return disguised


def _starred(lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """Spellings with stars, each with the word it may be: what is starred is rather rude than frequent, "wh*re".

    Rude is what decides, too, and not only the words of the rude classes, of which "fucking" is none: "f*cking".
    """
    decisive = lexicon.decisive | lexicon.crude
    for word in sorted(lexicon.disguised, key=lambda word: word not in decisive):
        if len(word) >= SHORT:
            yield from ((spelling, word) for spelling in starred(word))
            if word in lexicon.guessed:
                yield from ((spelling, word) for spelling in hidden(word, censored=word in lexicon.censored))


def _masked(lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """Rude words with a symbol for a vowel, though it reads as another word, if that is far less frequent: "sh@t"."""
    for word in filter(lexicon.guessed.__contains__, lexicon.disguised):
        most = lexicon.counts[word] // FREQUENCY_RATIO
        yield from ((spelling, word) for spelling in masked(word) if lexicon.counts.get(spelling, 0) <= most)


class Half(NamedTuple):
    """A word cut in two, and whether by a mark or by a blank."""

    left: str
    right: str
    marked: bool
    word: str


def _halved(lexicon: Lexicon) -> Iterator[Half]:
    """The words that are looked for in two halves, unless these would often meet by chance.

    A mark may also stand for a vowel of one of the rudest words, "sh-t".
    """
    total = sum(lexicon.counts.values())
    decisive, rudest = lexicon.decisive | lexicon.crude, lexicon.guessed & lexicon.censored

    def chance(left: str, right: str) -> float:
        return lexicon.counts.get(left, 0) * lexicon.counts.get(right, 0) / total

    for word in lexicon.disguised:
        if len(word) < SHORT or word not in decisive | lexicon.frequent:
            continue
        for place in range(1, len(word)):
            left, right = word[:place], word[place:]
            met = chance(left, right)
            letter = any(len(half) == 1 and half not in LETTER_WORDS for half in (left, right))
            if letter or met <= MET_WITH_MARK:
                yield Half(left, right, True, word)
            if met <= MET_WITH_BLANK and word in decisive:
                yield Half(left, right, False, word)
            rest = right[1:] if right[0] in VOWELS and word in rudest else ""
            if rest and chance(left, rest) <= MET_WITH_MARK:
                yield Half(left, rest, True, word)


def _pair_keys(halves: Sequence[Half]) -> U64:
    left, right = hash_words([half.left for half in halves]), hash_words([half.right for half in halves])
    return half_keys(left, right, np.array([half.marked for half in halves], np.bool_))


def _with_odd_letters(spelling: Spelling, lexicon: Lexicon) -> set[str]:
    """The strings with digits, symbols and stretched letters that ``spelling`` reads as a word of the lexicon.

    Rare ones only, unless the word is a decisive one and much more frequent: "f*ck".
    """
    strings = [
        string
        for string in lexicon.counts
        if string not in lexicon.phrases
        and any("a" <= letter <= "z" for letter in string)
        and len(string) <= LONGEST
        and not string.startswith("@")
    ]
    strings = [string for string in strings if _ODD.search(string) and not _QUANTITY.fullmatch(string)]
    if not strings:
        return set()
    codes = np.frombuffer("".join(strings).encode("utf-32-le", "surrogatepass"), "<u4")
    words, found = spelling.look_up(codes, np.append(0, np.cumsum([len(string) for string in strings])))
    counts = np.array([lexicon.counts[string] for string in strings])
    decisive = sorted(lexicon.decisive)
    frequencies = dict(zip(hash_words(decisive).tolist(), map(lexicon.counts.get, decisive), strict=True))
    far = counts * FREQUENCY_RATIO <= np.array([frequencies.get(word) or 0 for word in words.tolist()])
    found &= np.isin(words, hash_words(sorted(lexicon.words))) & ((counts < RARE) | far)
    return {strings[index] for index in np.flatnonzero(found)}


def misspelt(word: str, *, telling: bool, frequent: bool = False) -> Sequence[str]:
    """Spellings of ``word`` that are looked for: the more, the longer and more frequent it is and the more it tells."""
    vowelless = [spelling for spelling in vowels_left_out(word) if is_vowelless(spelling)]
    if telling and len(word) >= SURE_LENGTH:
        return [*disguises(word), *vowels_left_out(word)]
    if telling and len(word) >= LEAST_MISSPELT:
        return [*disguises(word), *moved(word), *(spelling for spelling in vowelless if len(spelling) >= SHORT)]
    if len(word) >= LEAST_MISSPELT:
        return disguises(word)
    if len(word) < SHORT:
        return ()
    chosen = [spelling for spelling in disguises(word) if frequent or len(spelling) == len(word)]
    return [*chosen, *vowelless] if telling else chosen


def moved(word: str) -> list[str]:
    """Spellings of ``word`` with an inner letter moved by two places, among the inner letters."""
    turned = []
    for place in range(1, len(word) - 3):
        before, three, after = word[:place], word[place : place + 3], word[place + 3 :]
        turned += [before + three[1:] + three[0] + after, before + three[2] + three[:2] + after]
    return [spelling for spelling in dict.fromkeys(turned) if spelling != word]


def respelt(word: str) -> list[str]:
    """Spellings of ``word`` with one of `SOUNDS` written otherwise: wherever it stands, the first time, the last."""
    if len(word) < SHORT:
        return []
    spellings = []
    for sound, written in SOUNDS:
        places = list(re.finditer(sound, word))
        spellings += [word[: place.start()] + written + word[place.end() :] for place in (*places[:1], *places[-1:])]
        spellings.append(re.sub(sound, written, word))
    return [spelling for spelling in dict.fromkeys(spellings) if spelling != word]


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


def hidden(word: str, *, censored: bool = False) -> list[str]:
    """Spellings of ``word`` with stars for two or three neighbouring letters; of the others three or more tell it.

    Nobody counts stars: two may stand for one vowel, "f**ck". Of a ``censored`` word less is shown, its two ends or how
    it begins: "f**k", "bi***", "f***".
    """
    loose = [word[:place] + 2 * STARS + word[place + 1 :] for place in range(1, len(word) - 1) if word[place] in VOWELS]
    inner = [
        word[:begin] + STARS * (end - begin) + word[end:]
        for begin in range(1, len(word) - 2)
        for end in range(begin + 2, len(word))
        if censored or (end - begin <= MOST_HIDDEN and len(word) - (end - begin) >= LEAST_SHOWN)
    ]
    shown = (1, 2) if len(word) == SHORT else (2,)  # stars behind more letters are footnotes (`moderate.text`)
    return [*loose, *inner, *(word[:place] + STARS * (len(word) - place) for place in shown if censored)]


def masked(word: str) -> list[str]:
    """Spellings of ``word`` with one of its inner vowels as a symbol is read that stands for another letter, "f@ck"."""
    places = [place for place in range(1, len(word) - 1) if word[place] in VOWELS]
    return [word[:place] + letter + word[place + 1 :] for place in places for letter in MASKS if letter != word[place]]
