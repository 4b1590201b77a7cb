"""The rule book: what a phrase stands for, what hits, what is innocent, and complaints about a bad book."""

import shutil
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import batches

from moderate import CATEGORIES, Category, RulesError
from moderate.guidelines import PROMOTIONS
from moderate.moderator import DATA
from moderate.rule_compiler import Compiler
from moderate.rules import LONGEST_PHRASE, MILD, NONE, SEVERE, STRONG, RuleBook
from moderate.text import tokenize
from moderate.untrusted import parse_toml

HEAD = "format = 1\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "house.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def compile_book(write):
    return lambda text: RuleBook.from_toml(write(text))


def rule(phrases, *, name="rude", category="personal_attack", severity="strong", exceptions=()):
    listed = ", ".join(f'"{phrase}"' for phrase in phrases)
    innocent = ", ".join(f'"{phrase}"' for phrase in exceptions)
    return (
        f'[[rule]]\nname = "{name}"\ncategory = "{category}"\nseverity = "{severity}"\n'
        f"phrases = [{listed}]\nexceptions = [{innocent}]\n"
    )


VOCABULARIES = {}  # by the digest of the book: to compile one takes a while


def extract(book, texts):
    if book.digest not in VOCABULARIES:
        VOCABULARIES[book.digest] = book.vocabulary()
    return VOCABULARIES[book.digest].extract(tokenize(texts))


def hits(book, text):
    """What is hit in a text, as (rule, the words)."""
    features = extract(book, [text])
    found = book.find(features.words)
    begins, ends = features.tokens.spans(features.index.take(found.start), features.last.take(found.end))
    places = zip(found.rule.tolist(), begins.tolist(), ends.tolist(), strict=True)
    return [(book.rules[number].name, text[begin:end]) for number, begin, end in places]


def severities(book, *texts):
    """Severity of each category that is hit, of each text."""
    features = extract(book, texts)
    found = book.severities(book.find(features.words), features.first)
    return [{name: level for name, level in zip(CATEGORIES, row, strict=True) if level} for row in found.tolist()]


# --- what a phrase stands for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "meant", "not_meant"),
    [
        ("dimwit", ["dimwit", "DIMWIT!", "a dimwit."], ["dimwits", "undimwit", "dim wit"]),
        ("dimwit(|s)", ["dimwit", "dimwits"], ["dimwitted"]),
        ("(dim|half)wit", ["dimwit", "halfwit"], ["wit", "dim"]),
        ("you (dimwit|half wit)", ["you dimwit", "you half wit"], ["dimwit", "you half", "you are a dimwit"]),
        ("you (total |)dimwit", ["you total dimwit", "you dimwit"], ["total dimwit"]),
        ("a(b(c|d)|e)", ["abc", "abd", "ae"], ["ab", "a", "abcd"]),
        ("{fools} everywhere", ["dimwit everywhere", "half wits everywhere"], ["everywhere", "half everywhere"]),
        ("don't you dare", ["don't you dare", "don’t you dare", "DON'T, you dare"], ["dont you dare"]),
        ("café fool", ["cafe fool", "CAFÉ fool"], ["caf fool"]),
    ],
)
def test_a_phrase_stands_for_a_finite_set_of_word_sequences(compile_book, phrase, meant, not_meant):
    book = compile_book('[words]\nfools = ["dimwit", "half (wits|twits)"]\n' + rule([phrase]))
    assert [text for text in meant if not hits(book, text)] == []
    assert [text for text in not_meant if hits(book, text)] == []


def test_sets_may_use_sets(compile_book):
    book = compile_book('[words]\none = ["wit"]\ntwo = ["dim{one}", "nit{one}(|s)"]\n' + rule(["you {two}"]))
    assert hits(book, "you nitwits, you dimwit") == [("rude", "you nitwits"), ("rude", "you dimwit")]


def test_a_phrase_may_be_ten_words_long(compile_book):
    book = compile_book(rule(["a b c d e f g h i j"]))
    assert LONGEST_PHRASE == 10
    assert hits(book, "x a b c d e f g h i j k") == [("rude", "a b c d e f g h i j")]


# --- hits ------------------------------------------------------------------------------------------------------------


def test_a_hit_has_its_place_and_punctuation_does_not_matter(compile_book):
    book = compile_book(rule(["you dimwit"]) + rule(["dimwit"], name="mild one", severity="mild"))
    assert hits(book, "Oh YOU -- dimwit! you") == [("rude", "YOU -- dimwit"), ("mild one", "dimwit")]


def test_a_phrase_hits_in_disguise_too(compile_book):
    book = compile_book(rule(["you dimwit"]))
    for text in ("you d1mw1t", "you d i m w i t", "you d\u200bimwit", "you diiimwit", "уou ԁimwit"):
        assert hits(book, text) == [("rude", text)], text


def test_phrases_do_not_reach_from_one_comment_into_the_next(compile_book):
    book = compile_book(rule(["you dimwit"]))
    assert severities(book, "you", "dimwit", "you dimwit") == [{}, {}, {"personal_attack": STRONG}]


def test_one_rule_may_hit_often_and_several_rules_in_one_place(compile_book):
    book = compile_book(rule(["dimwit"]) + rule(["dimwit", "oaf"], name="second", category="toxic"))
    assert hits(book, "dimwit dimwit") == [("rude", "dimwit"), ("second", "dimwit")] * 2


def test_a_hit_inside_an_exception_to_its_own_rule_is_none(compile_book):
    book = compile_book(
        rule(["oaf", "big oaf"], exceptions=["oaf tree", "the oaf king"])
        + rule(["oaf"], name="other", category="toxic")
    )
    assert hits(book, "an oaf tree") == [("other", "oaf")]
    assert hits(book, "a big oaf tree") == [("rude", "big oaf"), ("other", "oaf")]
    assert hits(book, "the oaf king, an oaf") == [("other", "oaf"), ("rude", "oaf"), ("other", "oaf")]
    assert ("rude", "oaf") in hits(book, "oaf, tree oaf")  # only "oaf tree" is excepted


def test_an_exception_holds_where_it_stands_in_another_exception(compile_book):
    book = compile_book(rule(["b"], exceptions=["a b c d", "b c"]))
    assert hits(book, "a b c d") == []
    assert hits(book, "a b c") == []
    assert hits(book, "a b d") == [("rude", "b")]
    book = compile_book(rule(["c d"], exceptions=["a b c d", "b c"]))  # the second begins later and ends sooner
    assert hits(book, "a b c d") == []
    assert hits(book, "b c d") == [("rude", "c d")]


def test_the_strongest_severity_of_a_category_counts(compile_book):
    book = compile_book(
        rule(["oaf"], severity="mild")
        + rule(["dimwit"], name="b", severity="severe")
        + rule(["spam"], name="c", category="promotion")
    )
    assert severities(book, "oaf dimwit", "dimwit spam oaf", "nothing", "") == [
        {"personal_attack": SEVERE},
        {"personal_attack": SEVERE, "promotion": STRONG},
        {},
        {},
    ]


def test_two_mild_hits_in_different_places_make_a_strong_one(compile_book):
    book = compile_book(rule(["oaf", "lout"], severity="mild") + rule(["oaf"], name="b", severity="mild"))
    assert severities(book, "oaf", "oaf lout", "oaf oaf") == [
        {"personal_attack": MILD},
        {"personal_attack": STRONG},
        {"personal_attack": STRONG},
    ]


def test_what_a_child_has_its_parent_has(compile_book):
    book = compile_book(rule(["oaf"], category="sexism", severity="severe"))
    assert severities(book, "oaf") == [{"abuse": SEVERE, "sexism": SEVERE}]


@given(batches | st.lists(st.sampled_from(["fuck you", "you are ", "go", "kill", "idiot", "yourself"]), min_size=1))
def test_the_hits_of_a_comment_do_not_depend_on_its_neighbours(book, texts):
    together = severities(book, *texts)
    assert together == [severities(book, text)[0] for text in texts]


def test_no_unknown_word_passes_for_one_of_the_book(book):
    strangers = np.random.default_rng(3).integers(0, 2**64, 5_000_000, np.uint64)
    assert book.find(strangers).rule.size == 0


def test_a_comment_of_a_million_characters_is_read_quickly(book):
    sample = " ".join(sorted(book.words)[:20_000])
    text = (sample + " ") * (1_000_000 // len(sample) + 1)
    features = extract(book, [text[start : start + 60_000] for start in range(0, 1_000_000, 60_000)])
    began = time.perf_counter()
    found = book.find(features.words)
    assert time.perf_counter() - began < 5
    assert found.rule.size > 1000


# --- a bad book ------------------------------------------------------------------------------------------------------

GOOD = rule(["dimwit"])


def test_the_smallest_good_book_is_one_rule(compile_book):
    book = compile_book(GOOD)
    assert [(entry.name, entry.category, entry.severity) for entry in book.rules] == [
        ("rude", Category.PERSONAL_ATTACK, STRONG)
    ]
    assert len(book.digest) == 64


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "[[rule]] is missing"),
        ("rules = 3\n" + GOOD, 2, "unknown key 'rules'"),
        ("rule = 3\n", 2, "[[rule]] is missing"),
        ("words = 3\n" + GOOD, 2, "[words]"),
        ("[words]\n\nfools = 'dimwit'\n" + GOOD, 4, "'fools' must be a list of strings"),
        ("[words]\nfools = [1]\n" + GOOD, 3, "'fools' must be a list of strings"),
        ("classes = ['fools']\n" + GOOD, 2, "'fools' is not a set"),
        ("classes = 3\n" + GOOD, 2, "[classes] must be a table"),
        ("[classes]\nall = ['fools']\n" + GOOD, 3, "'fools' is not a set"),
        ("quotations = ['fools']\n" + GOOD, 2, "[quotations] must be a table"),
        ("[quotations]\nmeant = ['fools']\n" + GOOD, 3, "unknown key 'meant' in [quotations]"),
        ("[quotations]\nreported = ['fools']\n" + GOOD, 3, "'fools' is not a set"),
        (GOOD + rule(["oaf"]), 9, "name of its own, not 'rude'"),
        (GOOD + rule(["oaf"], name=""), 9, "name of its own, not ''"),
        (GOOD + rule(["oaf"], name="b", category="rudeness"), 10, "unknown category 'rudeness'"),
        (GOOD + rule(["oaf"], name="b", severity="none"), 11, "severity 'none' is not one of mild, strong, severe"),
        (GOOD + rule([], name="b"), 9, "rule 'b' has no phrases"),
        (GOOD + rule(["oaf"], name="b") + "weight = 3\n", 14, "unknown key 'weight' in a rule"),
        (
            GOOD + '[[rule]]\nname = "b"\ncategory = "toxic"\nseverity = "mild"\nphrases = "oaf"\n',
            12,
            "list of strings",
        ),
        (GOOD + rule(["oaf", "(a|b"], name="b"), 12, "a bracket is not closed"),
        (GOOD + rule(["a)"], name="b"), 12, "unexpected ')'"),
        (GOOD + rule(["a|b"], name="b"), 12, "unexpected '|'"),
        (GOOD + rule(["a}"], name="b"), 12, "unexpected '}'"),
        (GOOD + rule(["{fools}"], name="b"), 12, "no word set 'fools'"),
        (GOOD + rule(["{fools"], name="b"), 12, "no word set 'fools'"),
        (GOOD + rule(["oaf"], name="b", exceptions=["(oaf"]), 13, "a bracket is not closed"),
        (GOOD + rule(["..."], name="b"), 12, "has 0 words"),
        (GOOD + rule(["(|)"], name="b"), 8, "has 0 words"),
        (GOOD + rule(["a b c d e f g h i j k"], name="b"), 12, "has 11 words"),
        (GOOD + rule(["(" * 9 + "a" + ")" * 9], name="b"), 12, "nests too deeply"),
        ("[words]\nfools = ['{fools}']\n" + rule(["{fools}"], name="b"), 8, "nests too deeply"),
        (GOOD + rule(["(a|b|c|d|e|f|g|h|i|j)" * 6], name="b"), 12, "more than 50000 phrases"),
        (GOOD + rule(["((a|b|c|d|e|f|g|h|i|j)" * 6 + "|x" + ")" * 6], name="b"), 12, "more than 50000 phrases"),
    ],
)
def test_an_error_names_file_line_and_what_is_wrong(write, text, line, told):
    path = write(text)
    with pytest.raises(RulesError) as caught:
        RuleBook.from_toml(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert told in str(caught.value)


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "house.toml"
    for text in (GOOD, "format = 2\n" + GOOD):
        path.write_text(text)
        with pytest.raises(RulesError, match=r"line 1: format (None|2) is not 1"):
            RuleBook.from_toml(path)


@pytest.mark.parametrize("content", [b"format = ", b"\xff", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "house.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RulesError) as caught:
        RuleBook.from_toml(path)
    assert str(path) in str(caught.value)


def test_sets_that_multiply_are_stopped_early(write):
    sets = ["x{} = [{}]".format(number, ", ".join([f"'{{x{number + 1}}}'"] * 40)) for number in range(7)]
    path = write("[words]\n" + "\n".join([*sets, "x7 = ['a']"]) + "\n" + rule(["{x0}"]))
    began = time.perf_counter()
    with pytest.raises(RulesError, match="more than 50000 phrases"):
        RuleBook.from_toml(path)
    assert time.perf_counter() - began < 10


# --- the packaged book -----------------------------------------------------------------------------------------------


def test_the_packaged_book_has_rules_for_every_category_of_the_guidelines(book):
    covered = {str(entry.category) for entry in book.rules}
    assert [name for name in CATEGORIES if name not in covered] == ["abuse", "promotion", "toxic"]  # that have kinds


def test_a_class_is_made_of_sets_and_the_first_that_names_a_word_has_it(write):
    sets = "[words]\nfools = ['oaf', 'clod']\nbeasts = ['ox', 'clod']\nplaces = ['town']\n"
    merged = RuleBook.from_toml(
        write("[classes]\nrude = ['fools', 'beasts']\nother = ['beasts', 'places']\n" + sets + GOOD)
    )
    assert merged.classes == {"rude": ("oaf", "clod", "ox"), "other": ("town",)}
    listed = RuleBook.from_toml(write("classes = ['fools', 'beasts']\n" + sets + GOOD))
    assert listed.classes == {"fools": ("oaf", "clod"), "beasts": ("ox",)}


def test_its_feature_classes_share_no_word_and_none_is_empty(book):
    members = [word for words in book.classes.values() for word in words]
    assert len(members) == len(set(members))
    assert [name for name, words in book.classes.items() if not words] == []
    assert len(book.classes) < 250  # numbers that fit a byte, some of which are taken


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("What the fuck is this?", "profanity"),
        ("this is bullshit", "profanity"),
        ("suck my dick", "vulgarity"),
        ("I will kill you", "threat"),
        ("You are a complete idiot.", "personal_attack"),
        ("all women are whores", "sexism"),
        ("a filthy nigger", "racism"),
        ("Disgusting faggots!", "homophobia"),
        ("immigrants are parasites", "xenophobia"),
        ("a bunch of retards", "other_abuse"),
        ("buy followers cheap, visit my shop", "promotion"),
        ("subscribe to my channel", "personal_promotion"),
    ],
)
def test_plain_violations_are_hit(book, text, category):
    assert severities(book, text)[0].get(category, NONE) >= STRONG


# Places, people, animals, food and everyday words with a swear word or a slur inside, or that sound like one.
INNOCENT = """
    Scunthorpe Penistone Cockermouth Clitheroe Lightwater Middlesex Essex Sussex Shitterton Kuşadası Phuket Arsenal
    Assisi Assiut Assen Titicaca Niger Nigeria Nigerian Montenegro Pakistan Pakistani Dyckman Coonabarabran Uranus
    Dick_Cheney Dick_Van_Dyke Philip_K_Dick Moby_Dick Hancock Hitchcock Babcock Woodcock Cockburn Dickens Dickinson
    Johnson Lipschitz Matsushita Takeshita Titov Titus Gaylord Weiner Wang Dong Nguyen_Phuc Kuntz Fuchs Sexton Cumming
    Cummings Fagan Nigel Spicer Van_Dijk
    assess assessment assassin class classic glass grass mass passage assist assume bass embassy brass compass
    ambassador cocktail cockpit cockatoo shuttlecock peacock cockroach dickey titan titanic title titled institution
    constitution competition analysis analyst canal banal arson parson circumference cucumber document cumulative
    accumulate Scandinavia spice spices despicable suspicious raccoon cocoon tycoon snigger niggle niggardly therapist
    grape drape scraper rapeseed hoard shore ashore shiitake mishit bushwhack mishap pushit swank swanky sextant sextet
    unisex bisexual sexuality homosexual puberty organism organise basement button buttress butter rebuttal debut
    tribute attribute distribute hello shell Michelle seashell helium condemn scrap scrape fagot bassoon gaiety
    japan japanese hotdog bulldog underdog watchdog pigment pigeon cowardice pirate manure scatter hoist kumquat
    breast_cancer sexual_health guinea_pig vagina_monologues chink_in_the_armour spick_and_span
""".split()  # noqa: SIM905


def test_innocent_words_and_names_are_no_hit_by_themselves(book):
    texts = [word.replace("_", " ") for word in INNOCENT]
    levels = [max(found.values(), default=NONE) for found in severities(book, *texts)]
    assert [text for text, level in zip(texts, levels, strict=True) if level >= STRONG] == []


@pytest.mark.parametrize(
    "text",
    [
        "The assessment of the class was a classic.",
        "Dick Cheney and Alfred Hitchcock went to Scunthorpe.",
        "Shitake and cockles, with a cocktail on the basement bar.",
        "The army killed forty people and bombed the bridge, the ministry said.",
        "Gay, lesbian and trans people marched beside Kurds, Arabs, Jews and refugees.",
        "She was raped and murdered; the court sentenced him to death.",
        "The dyke broke and the raccoon drowned.",
        "Women, Muslims, black people and immigrants have the same rights as you.",
        "I killed the process and shot a photograph of the execution plan.",
        "Source: https://www.bbc.co.uk/news and the report on cock.example",
    ],
)
def test_ordinary_sentences_are_no_hit(book, text):
    assert all(level < STRONG for level in severities(book, text)[0].values()), hits(book, text)


RUDE = ("profanity", "vulgarity")  # whoever says it
# How one introduces what one means oneself: an exception is for what others say, for what is denied, and for words that
# have an innocent meaning.
OPENINGS = (
    "I think that", "I say", "I believe that", "I know that", "It's a fact that", "You people think", "We need to",
    "I want you to", "It is time to", "You should go and", "Somebody ought to", "We have to", "Why don't you",
)  # fmt: skip


@pytest.fixture(scope="module")
def abusive_phrases():
    """Every phrase of two words and more of the packaged book that threatens or abuses, with the number of its rule."""
    raw = (DATA / "rules.toml").read_bytes()
    compiler = Compiler(DATA / "rules.toml", *parse_toml(raw), "")
    compiler.compile()
    compiler.sequences = 0
    found = []
    for number, entry in enumerate(compiler.data["rule"]):
        abusive = CATEGORIES.index(entry["category"]) not in PROMOTIONS and entry["category"] not in RUDE
        if abusive and entry["severity"] != "mild":
            phrases = [text for phrase in entry["phrases"] for text in compiler.expand(phrase)]
            found += [(number, text) for text in phrases if " " in text]
    return found


@pytest.mark.parametrize("opening", OPENINGS)
def test_no_exception_excuses_what_the_writer_says_himself(book, abusive_phrases, opening):
    numbers = np.array([number for number, _ in abusive_phrases])
    features = extract(book, [f"{opening} {text}" for _, text in abusive_phrases])
    found = book.find(features.words)
    owner = features.first.searchsorted(found.start, side="right") - 1
    hit = np.unique(owner[found.rule == numbers[owner]])
    assert [abusive_phrases[place][1] for place in np.setdiff1d(np.arange(numbers.size), hit)] == []


def test_the_vocabulary_of_the_fallback_knows_the_words_of_the_book_only(book):
    features = extract(book, ["fuck the unheard-of"])
    assert features.known.tolist()[0] < features.counts.tolist()[0]
    known = np.flatnonzero(features.rows[:, 0])
    assert known.size >= 1


def test_the_packaged_book_is_compiled_from_the_packaged_text(tmp_path):
    shutil.copy(DATA / "rules.toml", tmp_path / "rules.toml")
    compiled, fresh = RuleBook.from_toml(DATA / "rules.toml"), RuleBook.from_toml(tmp_path / "rules.toml")
    fresh.save_compiled(tmp_path / "rules.npz")
    assert (tmp_path / "rules.npz").read_bytes() == (DATA / "rules.npz").read_bytes()
    assert (compiled.rules, compiled.words, compiled.classes) == (fresh.rules, fresh.words, fresh.classes)
    assert (compiled.prefixes == fresh.prefixes).all()


@pytest.mark.parametrize("content", [b"", b"PK", None])
def test_a_damaged_or_stale_compiled_book_is_made_anew(tmp_path, content):
    (tmp_path / "rules.toml").write_text("format = 1\n" + GOOD)
    stale = (DATA / "rules.npz").read_bytes()
    (tmp_path / "rules.npz").write_bytes(stale if content is None else content)
    assert RuleBook.from_toml(tmp_path / "rules.toml").rules[0].name in GOOD


def test_it_says_by_which_words_a_quotation_is_known_and_keeps_that_when_compiled(book, tmp_path):
    assert all(book.quotations.words.values())
    source, compiled = DATA / "rules.toml", tmp_path / "rules.npz"
    book.save_compiled(compiled)
    shutil.copy(source, tmp_path)
    assert RuleBook.from_toml(tmp_path / "rules.toml").quotations == book.quotations
