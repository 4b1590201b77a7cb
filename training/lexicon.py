"""Which strings of the training texts are words, and which of the words tell what a comment is about.

No dictionary says what is a word and what is another word misspelt; the training texts have to. A string is a word of
its own if it is not rare, is an inflection of an established word, or looks like a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from moderate.rules import RuleBook

COMMON_WORD: Final = 30  # occurrences from which a word is established
RARE: Final = 10  # occurrences below which a string may be another word misspelt, ...
FREQUENCY_RATIO: Final = 20  # ... if that is so much more frequent: few slips are made once in 20 times
# So much more frequent, and decisive, and even an established string is a disguise that many use, "fcuk".
SURE_RATIO: Final = 200
# So much more frequent, and frequent at all, and what is left is a slip whatever it looks like: "tem", "sould".
REMOTE_RATIO: Final = 1000
FREQUENT: Final = 300  # occurrences from which a word is looked for in disguise, whatever it tells
LEAST_MISSPELT: Final = 5  # letters of a word from which any misspelling is looked for; of four, only odd ones
SURE_LENGTH: Final = 7  # letters from which few words differ from another by one letter only
GUESSED: Final = 100  # occurrences from which a rude word is known behind several stars
HOSTILE_RATIO: Final = 2.0  # how much more frequent a word must be in hostile comments to be looked for in disguise
USUAL_TRIPLE: Final = 3  # common words that have three letters in a row from which these are usual
VOWELS: Final = "aeiou"

# Classes whose words are what evaders disguise: what is said, and of whom.
HOSTILE: Final = (
    "slur", "profanity", "insult_noun", "insult_adjective", "dehumanise", "violent_verb", "violent_past", "hate_verb",
    "removal_verb", "crime", "disapproval",
)  # fmt: skip
GROUPS: Final = ("identity", "age_weight")
CRUDE: Final = ("vulgar_body", "sexual")
CENSORED: Final = ("slur", "profanity", "vulgar_body")  # written with stars for most of their letters, "f**k"
OPENERS: Final = ("first_person", "second_person", "third_person", "negation", "quantifier", "modal")

_ENDINGS: Final = ("s", "es", "ed", "ing", "er", "ers", "est", "y", "ly", "en")


@dataclass(frozen=True)
class Lexicon:
    """Which strings are words.

    Attributes:
        counts: folded strings of the training texts and how often each occurs.
        phrases: every word of the rule book's phrases and classes.
        words: those that are of letters a to z only.
        telling: those of the classes that evaders disguise, and of the groups.
        crude: those of the crude classes.
        rude: those of the crude classes and of what is said, and those that are phrases by themselves.
        censored: the rudest of them, which are written with stars for most of their letters.
        openers: those that open a sentence about somebody: pronouns, "all", "should".
        decisive: those of ``telling``, those that are phrases by themselves, and those that stand in hostile comments
            much more than in others.
        innocent: strings that are words, however rare they are.
    """

    counts: Mapping[str, int]
    phrases: frozenset[str]
    words: frozenset[str]
    telling: frozenset[str]
    crude: frozenset[str]
    rude: frozenset[str]
    censored: frozenset[str]
    openers: frozenset[str]
    decisive: frozenset[str]
    innocent: frozenset[str]

    @classmethod
    def read(
        cls,
        rules: RuleBook,
        counts: Mapping[str, int],
        *,
        hostile: Collection[str] = (),
        innocent: Collection[str] = (),
    ) -> Lexicon:
        """The words of ``rules`` among the strings of the training texts."""
        phrases = frozenset(rules.words).union(*rules.classes.values())
        alone = frozenset(word for word, is_phrase in rules.words.items() if is_phrase and is_latin(word))
        telling = _members(rules, (*HOSTILE, *GROUPS))
        return cls(
            counts=counts,
            phrases=phrases,
            words=frozenset(filter(is_latin, phrases)),
            telling=telling,
            decisive=telling | alone | frozenset(hostile),
            innocent=frozenset(innocent),
            crude=_members(rules, CRUDE),
            rude=_members(rules, (*HOSTILE, *CRUDE)) | alone,
            censored=_members(rules, CENSORED),
            openers=_members(rules, OPENERS),
        )

    @cached_property
    def by_frequency(self) -> list[str]:
        """The words, most frequent first."""
        return self._order(self.words)

    @cached_property
    def frequent(self) -> frozenset[str]:
        """The most frequent words, whatever they tell."""
        return frozenset(word for word, count in self.counts.items() if count >= FREQUENT and is_latin(word))

    @cached_property
    def disguised(self) -> list[str]:
        """What may be meant by a disguise, most frequent first: the words, hostile ones and frequent ones."""
        return self._order(self.words | self.decisive | self.frequent)

    @cached_property
    def guessed(self) -> frozenset[str]:
        """The rude words that readers know though little of them is shown."""
        return frozenset(word for word in self.rude if self.counts.get(word, 0) >= GUESSED)

    def _order(self, words: Iterable[str]) -> list[str]:
        return sorted(words, key=lambda word: (-self.counts.get(word, 0), word))

    @cached_property
    def usual_triples(self) -> frozenset[str]:
        """Three letters in a row, word ends marked, that several common words have."""
        common = [word for word, count in self.counts.items() if count >= COMMON_WORD and is_latin(word)]
        triples = Counter(triple for word in common for triple in set(_triples(word)))
        return frozenset(triple for triple, count in triples.items() if count >= USUAL_TRIPLE)

    def is_word(self, string: str, other: str) -> bool:
        """Whether ``string`` is a word of its own rather than a misspelt ``other``."""
        count, others = self.counts.get(string, 0), self.counts.get(other, 0)
        far = count * SURE_RATIO <= others and other in self.decisive
        triples = _triples(string)
        if string in self.innocent:
            return True
        if string in self.words:
            return not far or self.usual_triples.issuperset(triples)
        if other in self.frequent and 0 < count * REMOTE_RATIO <= others:
            return False
        if count >= RARE:
            return not far or self.usual_triples.issuperset(triples)
        if count * FREQUENCY_RATIO > others or self._is_inflected(string, count, others):
            return True
        if len(other) < LEAST_MISSPELT:
            # Two swapped of four: "lira" may be itself, though rare; hardly a word begins like "fgas".
            triples = [triples[0], triples[-1]] if count else triples
            return not is_vowelless(string) and self.usual_triples.issuperset(triples)
        doubtful = len(string) < SURE_LENGTH and (others < RARE or (count > 0 and not far))
        return doubtful and self.usual_triples.issuperset(triples)

    def _is_inflected(self, string: str, count: int, others: int) -> bool:
        """Whether ``string`` is an established word with an ending, and that no slip of a word so frequent.

        An inflection that nobody wrote is that of a word as frequent as the other: "rears", and not "dumest".
        """
        stems = [string.removesuffix(ending) for ending in _ENDINGS if string.endswith(ending)]
        stems += [string[:-1]] if string.endswith(("ed", "en")) else []  # "used", of which too little is left
        stems += [stem[:-1] for stem in stems if stem[-2:-1] == stem[-1:]]  # "stopped"
        least = max(COMMON_WORD, others // SURE_RATIO if count else others)
        return any(
            len(stem) >= 3 and any(self.counts.get(form, 0) >= least for form in (stem, stem + "e")) for stem in stems
        )


def choose_hostile(counts: Mapping[str, int], hostile: Mapping[str, int]) -> frozenset[str]:
    """The established words of ``counts`` that are much more frequent in ``hostile``, counted alike, than elsewhere."""
    if not hostile:
        return frozenset()
    others = sum(counts.values()) - sum(hostile.values())
    ratio = max(others, 1) / max(sum(hostile.values()), 1)
    return frozenset(
        word
        for word, count in counts.items()
        if count >= COMMON_WORD
        and is_latin(word)
        and (hostile.get(word, 0) + 1) * ratio >= HOSTILE_RATIO * (count - hostile.get(word, 0) + 1)
    )


def is_vowelless(string: str) -> bool:
    """Whether ``string`` is three or more consonants, "stb"; few words are, "dry" has a y."""
    return len(string) >= 3 and not set(string) & {*VOWELS, "y"}


def is_latin(word: str) -> bool:
    """Whether ``word`` is of letters a to z only."""
    return word.isascii() and word.isalpha()


def _triples(word: str) -> list[str]:
    """Three letters in a row, word ends marked."""
    marked = f"^{word}$"
    return [marked[place : place + 3] for place in range(len(marked) - 2)]


def _members(rules: RuleBook, names: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(is_latin, (word for name in names for word in rules.classes.get(name, ()))))
