"""The moderator: the contract of a decision, the fallback, the policy, and any string at all."""

import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import batches, build_model, build_spelling, comments

import moderate
import moderate.moderator
from moderate import CATEGORIES, Category, Decision, ModelError, Moderator, Policy, PolicyError, Reason, RulesError
from moderate.guidelines import PARENT, PRESETS
from moderate.judgement import LONG
from moderate.rules import RuleBook
from moderate.text import PIECE

SENTENCES = [
    "You are a complete idiot and nobody likes you.",
    "The minister should publish the figures.",
    "What the fuck is this?",
    "Subscribe to my channel, link in bio http://videos.example/x",
    "I will find you and kill you.",
    "all women are whores",
    "Это совсем другая история",
    "",
    "<b>bold</b> &amp; f&#117;ck",
]
BLANKS = ["", " ", "\t\r\n", "\u200b", "\u3000\u00a0", "\x00", "\u0301", "\ufeff\u202e", "...", "?!", " \ud800 "]
any_batch = st.lists(comments | st.sampled_from(SENTENCES), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A moderator whose model knows four words and whose rule book knows a fifth."""
    path = tmp_path_factory.mktemp("book") / "rules.toml"
    path.write_text(
        'format = 1\n[[rule]]\nname = "one"\ncategory = "vulgarity"\nseverity = "severe"\nphrases = ["vulgo (it|)"]\n'
    )
    weights = {
        "zonkel": {"personal_attack": 120, "toxic": 100},
        "grim": {"toxic": 120, "threat": 20, "sexism": 10},
        "hussy": {"sexism": 120, "abuse": 121},
        "the": {},
        "vulgo": {},
    }
    model = build_model(weights, spelling=build_spelling(["zonkel", "vulgo"]), intercept=-3, scale=0.08, threshold=0.25)
    return Moderator(model=model, rules=RuleBook.from_toml(path))


# --- the shape of a decision -----------------------------------------------------------------------------------------


def check(decision, text):
    """Everything that the contract says of any decision."""
    assert isinstance(decision, Decision)
    assert decision.verdict in ("approve", "reject")
    assert decision.approved == (decision.verdict == "approve")
    assert type(decision.score) is float
    assert 0 <= decision.score <= 1
    assert tuple(decision.scores) == CATEGORIES
    assert all(type(score) is float and 0 <= score <= 1 for score in decision.scores.values())
    assert all(decision.scores[child] <= decision.scores[parent] for child, parent in PARENT.items())
    assert decision.score >= max(decision.scores.values()) - 1e-6
    assert decision.source in ("model", "rules")
    assert bool(decision.categories) == (not decision.approved)
    assert all(isinstance(category, Category) for category in decision.categories)
    assert len(set(decision.categories)) == len(decision.categories)
    assert Category.TOXIC not in decision.categories
    strength = [decision.scores[category] for category in decision.categories]
    assert strength == sorted(strength, reverse=True)
    assert all(PARENT.get(category, category) in decision.categories for category in decision.categories)
    assert bool(decision.reasons) == (not decision.approved)
    for reason in decision.reasons:
        assert isinstance(reason, Reason)
        assert isinstance(reason.category, Category)
        assert reason.score == decision.scores[reason.category]
        assert (reason.source, reason.rule is None) in {("model", True), ("rule", False)}
        assert list(reason.spans) == sorted(reason.spans)
        assert all(0 <= begin < end <= len(text) for begin, end in reason.spans)
        assert reason.spans


@given(comments)
@example("<a h")
@example("http://x.example")
@example("@@@ $ $ $")
def test_any_comment_gets_a_decision_that_keeps_the_contract(moderator, text):
    check(moderator.classify(text), text)


@given(comments)
def test_so_does_the_fallback(fallback, text):
    decision = fallback.classify(text)
    check(decision, text)
    assert decision.source == "rules"


@pytest.mark.parametrize("text", SENTENCES)
def test_so_do_whole_sentences(moderator, fallback, tiny, text):
    for judge in (moderator, fallback, tiny):
        check(judge.classify(text), text)


def test_a_rejection_says_why(moderator):
    decision = moderator.classify("You are a complete idiot")
    assert decision.verdict == "reject"
    assert decision.categories[0] == "personal_attack"
    assert decision.score > 0.5
    assert any("idiot" in word for reason in decision.reasons for word in reason.words("You are a complete idiot"))
    assert {reason.source for reason in decision.reasons} >= {"model"}


def test_an_approval_has_no_reasons(moderator):
    decision = moderator.classify("Thank you for the interesting article.")
    assert (decision.verdict, decision.categories, decision.reasons, decision.source) == ("approve", (), (), "model")
    assert decision.score < 0.2


@pytest.mark.parametrize("text", ["www.shop.example", " \n http://a.example/?ref=1 www.b.example \t"])
def test_where_no_word_decides_the_comment_as_a_whole_is_the_reason(moderator, text):
    judge = Moderator(model=moderator.model, rules=moderator.rules, policy=Policy(thresholds={"promotion": 0.0}))
    decision = judge.classify(text)
    check(decision, text)
    assert decision.reasons[0].category == "promotion"
    assert decision.reasons[0].words(text) == (text.strip(),)
    (reason,) = moderate.to_columns([text], moderator=judge)["reason"]
    assert reason == f'promotion: "{text.strip()}"'


def test_reasons_are_ordered_by_their_strength(moderator):
    for text in SENTENCES:
        scores = [reason.score for reason in moderator.classify(text).reasons]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("text", BLANKS)
def test_a_blank_comment_is_approved_with_all_scores_zero(moderator, fallback, text):
    for judge in (moderator, fallback):
        decision = judge.classify(text)
        assert decision.approved
        assert decision.score == 0
        assert set(decision.scores.values()) == {0.0}


def test_a_link_alone_is_not_blank(moderator):
    decision = moderator.classify("http://shop.example/sale")
    assert decision.source == "model"
    assert decision.scores["promotion"] > 0


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 3, float("nan"), b"fine", ["fine"], np.float64(1), Path("fine"), object()])
def test_what_is_no_str_is_refused_by_its_type(moderator, value):
    for classify in (moderator.classify, moderate.classify):
        with pytest.raises(TypeError, match=type(value).__name__):
            classify(value)


@pytest.mark.parametrize("position", [0, 1, 3000])
def test_in_a_batch_its_position_is_named_too(moderator, position):
    texts = ["fine"] * position + [None] + ["fine"] * 3
    for classify in (moderator.classify_many, moderator.scores, moderate.classify_many):
        with pytest.raises(TypeError, match=rf"\b{position}\b.*NoneType"):
            classify(texts)


def test_a_str_is_no_batch(moderator):
    for classify in (moderator.classify_many, moderator.scores, moderate.classify_many):
        with pytest.raises(TypeError, match="iterable"):
            classify("fine")


def test_any_iterable_is_a_batch_also_an_empty_one(moderator):
    expected = moderator.classify_many(SENTENCES)
    assert moderator.classify_many(iter(SENTENCES)) == expected
    assert moderator.classify_many(text for text in SENTENCES) == expected
    assert moderator.classify_many(dict.fromkeys(SENTENCES)) == expected
    assert moderator.classify_many([]) == []
    assert moderator.scores(iter([])).shape == (0, len(CATEGORIES))


def test_a_subclass_of_str_is_a_str(moderator):
    assert moderator.classify(Category.SEXISM) == moderator.classify("sexism")


# --- one by one, in a batch, in any order ----------------------------------------------------------------------------


def same(left, right):
    """Whether decisions are equal to the last bit."""
    return left == right and repr(left) == repr(right)


@given(any_batch, st.randoms(use_true_random=False))
@example(["x <b", "> y", "you idiot", "you"], None)
def test_a_comment_is_judged_alike_in_any_company(moderator, texts, random):
    alone = [moderator.classify(text) for text in texts]
    assert same(moderator.classify_many(texts), alone)
    order = list(range(len(texts)))
    if random:
        random.shuffle(order)
    assert same(moderator.classify_many([texts[place] for place in order]), [alone[place] for place in order])


@given(batches)
def test_so_it_is_by_the_fallback(fallback, texts):
    assert same(fallback.classify_many(texts), [fallback.classify(text) for text in texts])


@pytest.mark.parametrize("size", [1, 2, 7, 1024, 1025, 5000])
def test_batches_of_any_size_give_the_same(moderator, size):
    texts = [f"{SENTENCES[number % len(SENTENCES)]} {number % 13}" for number in range(5000)]
    expected = moderator.classify_many(texts)
    if size < 1000:
        texts, expected = texts[: 100 * size], expected[: 100 * size]
    parts = [moderator.classify_many(texts[start : start + size]) for start in range(0, len(texts), size)]
    assert same([decision for part in parts for decision in part], expected)


def test_long_and_short_comments_may_be_mixed(moderator):
    texts = [
        "You idiot. " * 9000,
        "",
        SENTENCES[0],
        "a" * (PIECE + 5),
        "the end",
        "word " * 30_000 + "you idiot",
        "fine",
    ]
    assert same(moderator.classify_many(texts), [moderator.classify(text) for text in texts])


def test_scores_are_those_of_the_decisions(moderator):
    scores = moderator.scores(SENTENCES)
    assert scores.dtype == np.float32
    assert scores.shape == (len(SENTENCES), len(CATEGORIES))
    assert scores.tolist() == [list(decision.scores.values()) for decision in moderator.classify_many(SENTENCES)]


def test_the_functions_of_the_package_are_the_packaged_model_with_the_default_policy(moderator):
    assert same(moderate.classify_many(SENTENCES), moderator.classify_many(SENTENCES))
    assert same([moderate.classify(text) for text in SENTENCES], moderator.classify_many(SENTENCES))


def test_threads_may_share_a_moderator(moderator):
    expected = moderator.classify_many(SENTENCES)
    with ThreadPoolExecutor(4) as pool:
        assert all(same(found, expected) for found in pool.map(lambda _: moderator.classify_many(SENTENCES), range(40)))


@given(st.sampled_from(SENTENCES), st.text(st.sampled_from(" \t\n\u200b\u00ad\ufeff\u202e\x00"), max_size=5))
def test_blank_and_invisible_characters_at_the_end_change_nothing(moderator, text, tail):
    assert same(moderator.classify(text + tail), moderator.classify(text))


# --- spans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "disguise",
    ["zonkel", "ZONKEL", "z0nk3l", "z\u200bon\u00adkel", "z o n k e l", "z.o.n.k.e.l", "zoooonkel", "zоnkеl",
     "ｚｏｎｋｅｌ", "zo\x00nkel", "z\u0336o\u0336n\u0336k\u0336e\u0336l", "𝔃𝓸𝓷𝓴𝓮𝓵", "znokel", "zokel",
     "z_o_n_k_e_l"],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "the ", "😀👍🏽 \u200b", "\ud800 &amp; <br>", "\x00"])
def test_the_words_that_moved_the_model_are_found_also_in_disguise(tiny, disguise, before):
    text = f"{before}{disguise}, the."
    (reason,) = [reason for reason in tiny.classify(text).reasons if reason.category == "personal_attack"]
    assert reason.source == "model"
    assert reason.words(text) == (disguise,)


@pytest.mark.parametrize(
    "disguise", ["vulgo it", "VULGO it", "vu1g0 -- it", "v u l g o it", "v\u200bulgo it", "vulgoooo, it"]
)
def test_the_phrase_that_a_rule_hit_is_found_also_in_disguise(tiny, disguise):
    text = f"😀 the {disguise}!"
    (reason,) = [reason for reason in tiny.classify(text).reasons if reason.source == "rule"]
    assert (reason.rule, reason.category) == ("one", "vulgarity")
    assert reason.words(text) == (disguise,)


def test_a_rule_has_one_reason_with_all_its_places(tiny):
    text = "vulgo. The vulgo it, the"
    (reason,) = [reason for reason in tiny.classify(text).reasons if reason.source == "rule"]
    assert reason.words(text) == ("vulgo", "vulgo it")


@pytest.mark.parametrize("gap", [0, PIECE - 20, PIECE, 3 * PIECE + 7])
@pytest.mark.parametrize("filler", ["the ", "the\n", "the\U0001f600 "])
def test_places_are_right_far_into_a_long_comment(tiny, gap, filler):
    gap = (filler * (gap // len(filler) + 1))[:gap]
    text = f"{gap}. vulgo it. {gap}. v u l g o it. {gap}"
    judge = Moderator(model=tiny.model, rules=tiny.rules, policy=Policy(thresholds={"vulgarity": 0}))
    (reason,) = [reason for reason in judge.classify(text).reasons if reason.source == "rule"]
    assert reason.words(text) == ("vulgo it", "v u l g o it")


def test_places_are_right_on_both_sides_of_a_cut_without_a_blank(tiny):
    text = "😀" * (PIECE - 4) + " zonkel " + "." * PIECE + " zonkel"
    judge = Moderator(model=tiny.model, rules=tiny.rules, policy=Policy(thresholds={"personal_attack": 0.04}))
    decision = judge.classify(text[PIECE - 10 :])
    assert {reason.words(text[PIECE - 10 :]) for reason in decision.reasons} == {("zonkel", "zonkel")}


def test_a_general_impression_is_reported_as_the_nearest_category(tiny):
    decision = tiny.classify("grim")
    assert decision.scores["toxic"] > 0.5 > max(v for name, v in decision.scores.items() if name != "toxic")
    assert decision.categories == ("threat",)


def test_a_nearest_category_that_is_a_kind_is_reported_with_what_it_is_a_kind_of(tiny):
    judge = Moderator(model=tiny.model, rules=tiny.rules, policy=Policy(thresholds={"sexism": 0.2}))
    decision = judge.classify("grim")
    assert decision.scores["sexism"] < 0.2
    check(decision, "grim")


def test_a_kind_is_reported_with_what_it_is_a_kind_of(tiny):
    assert set(tiny.classify("hussy").categories) == {"abuse", "sexism"}


def test_a_general_impression_leans_on_what_it_is_an_impression_of(tiny):
    leaning = np.zeros(len(CATEGORIES))
    leaning[CATEGORIES.index("toxic")] = 0.5
    upright, leaned = (
        Moderator(model=model, rules=tiny.rules).classify("grim zonkel")
        for model in (tiny.model, replace(tiny.model, leaning=leaning))
    )
    assert leaned.scores["personal_attack"] == upright.scores["personal_attack"] < upright.scores["toxic"]
    assert upright.scores["personal_attack"] < leaned.scores["toxic"] < upright.scores["toxic"]


@pytest.fixture(scope="module")
def vulgar(tiny):
    """How vulgar a comment is, with ceilings of a height: its model knows the word of the rule book."""
    model = build_model({"vulgo": {"vulgarity": 100}, "the": {}}, intercept=-6, scale=0.08)

    def score(ceiling, text):
        insistent = replace(model, ceilings=np.full(len(CATEGORIES), ceiling))
        return Moderator(model=insistent, rules=tiny.rules).classify(text).scores["vulgarity"]

    return score


def test_a_strong_hit_in_a_long_comment_is_heard_as_if_its_passage_stood_alone(vulgar):
    passage = "vulgo" + 7 * " the"
    text = passage + (LONG - 8) * " the"
    assert vulgar(0, text) < 0.1
    assert vulgar(0.125, text) == 0.125  # up to the ceiling
    assert vulgar(1, text) == vulgar(0, passage) > 0.125


@pytest.mark.parametrize("text", ["vulgo" + (LONG - 2) * " the", "vvulgo" + LONG * " the", "the " * LONG])
def test_a_short_comment_and_one_without_a_hit_are_heard_as_a_whole(vulgar, text):
    assert vulgar(1, text) == vulgar(0, text)


# --- who decides -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Это совсем другая история, поверьте мне",
        "هذا خبر جيد جدا للجميع اليوم",
        "ეს ძალიან კარგი სიახლეა",
        "qzxv wqkj pvvx zzkq",
    ],
)
def test_a_text_the_model_knows_nothing_of_is_for_the_rules(moderator, text):
    decision = moderator.classify(text)
    assert decision.source == "rules"
    assert decision.approved


def test_and_the_rules_reject_what_they_find_there(moderator):
    decision = moderator.classify("Это просто fuck, поверьте мне, друзья")
    assert (decision.source, decision.verdict) == ("rules", "reject")
    assert "profanity" in decision.categories
    assert {reason.source for reason in decision.reasons} == {"rule"}


def test_an_english_text_is_for_the_model(moderator):
    assert {moderator.classify(text).source for text in SENTENCES if text.isascii()} == {"model"}


def test_the_packaged_model_loads_without_a_warning(moderator):
    assert moderator.model is not None
    assert moderator.info()["source"] == "model"


DAMAGE = {
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "configuration is no JSON": lambda folder: (folder / "config.json").write_text("{"),
    "newer format": lambda folder: (folder / "config.json").write_text('{"format": 99}'),
    "array missing": lambda folder: (folder / "rows.npy").unlink(),
    "array truncated": lambda folder: truncate(folder / "rows.npy"),
    "header damaged": lambda folder: (folder / "signals.npy").write_bytes(b"\x93NUMPY\x01\x00\x02\x00(\n"),
}


def truncate(path):
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-100])


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_broken_packaged_model_gives_one_warning_and_the_rules_decide(packaged_copy, damage):
    damage(packaged_copy)
    moderate.moderator.default_moderator.cache_clear()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            decisions = [moderate.classify("What the fuck is this?"), *moderate.classify_many(["Good morning."] * 3)]
    finally:
        moderate.moderator.default_moderator.cache_clear()
    (warning,) = caught
    assert "the packaged model cannot be used" in str(warning.message)
    assert str(packaged_copy) in str(warning.message)
    assert [decision.source for decision in decisions] == ["rules"] * 4
    assert [decision.verdict for decision in decisions] == ["reject"] + ["approve"] * 3
    assert decisions[0].categories[0] == "profanity"


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_broken_folder_of_ones_own_is_an_error(packaged_copy, damage):
    damage(packaged_copy)
    with pytest.raises(ModelError, match=str(packaged_copy)):
        Moderator.load(packaged_copy)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="config"):
        Moderator.load(tmp_path / "nowhere")


def test_a_packaged_model_may_be_loaded_by_its_path(moderator):
    assert same(
        Moderator.load(str(moderate.moderator.DATA)).classify_many(SENTENCES), moderator.classify_many(SENTENCES)
    )


def test_the_rule_book_of_a_folder_goes_before_the_packaged_one(packaged_copy, tmp_path):
    shutil.copytree(packaged_copy, tmp_path / "own")
    own = tmp_path / "own" / "rules.toml"
    own.write_text(
        'format = 1\n[[rule]]\nname = "ours"\ncategory = "threat"\nseverity = "severe"\nphrases = ["good morning"]\n'
    )
    assert [rule.name for rule in Moderator.load(tmp_path / "own").rules.rules] == ["ours"]
    assert len(Moderator.load(packaged_copy).rules.rules) > 1
    own.write_text("format = 1\n")
    with pytest.raises(RulesError, match=str(own)):
        Moderator.load(tmp_path / "own")


# --- policy ----------------------------------------------------------------------------------------------------------


def test_a_policy_may_be_given_by_name():
    for name in PRESETS:
        loaded = Moderator.load(policy=name)
        assert loaded.policy == Policy.named(name)
        assert loaded.info()["policy"] == name
    with pytest.raises(PolicyError, match="default, strict, lenient"):
        Moderator.load(policy="harsh")


def test_strict_draws_every_line_below_default_and_lenient_above(moderator):
    strict, lenient = (Moderator(model=moderator.model, rules=moderator.rules, policy=Policy.named(name)).thresholds
                       for name in ("strict", "lenient"))  # fmt: skip
    assert all(low <= middle <= high for low, middle, high in zip(strict, moderator.thresholds, lenient, strict=True))
    assert strict != moderator.thresholds != lenient


def test_a_policy_changes_the_verdict_and_not_the_scores(moderator):
    never = Policy(thresholds=dict.fromkeys(CATEGORIES, 1.01))
    always = Policy(thresholds={"toxic": 0})
    for policy, verdict in ((never, "approve"), (always, "reject")):
        judge = Moderator(model=moderator.model, rules=moderator.rules, policy=policy)
        for text in SENTENCES[:6]:
            decision = judge.classify(text)
            assert decision.verdict == verdict
            assert decision.scores == moderator.classify(text).scores
    assert Moderator(model=moderator.model, rules=moderator.rules, policy=always).classify(" ").approved


def test_a_category_rejects_from_its_threshold_on(tiny):
    score = tiny.classify("zonkel the").scores["personal_attack"]
    for threshold, verdict in (
        (np.nextafter(np.float32(score), np.float32(0)), "reject"),
        (np.float32(score), "reject"),
        (np.nextafter(np.float32(score), np.float32(1)), "approve"),
    ):
        own = {**dict.fromkeys(CATEGORIES, 1.01), "personal_attack": float(threshold)}
        judge = Moderator(model=tiny.model, rules=tiny.rules, policy=Policy(thresholds=own))
        assert judge.classify("zonkel the").verdict == verdict


def test_the_fallback_has_presets_too(book):
    mild = next(rule for rule in book.rules if rule.severity == 1)
    assert mild
    scores = {name: Moderator(model=None, rules=book, policy=Policy.named(name)).thresholds[0] for name in PRESETS}
    assert scores["strict"] < scores["default"] < scores["lenient"]


def test_info_is_plain_values(moderator, fallback):
    for judge in (moderator, fallback):
        info = json.loads(json.dumps(judge.info()))
        assert info["version"] == moderate.__version__
        assert info["categories"] == list(CATEGORIES)
        assert list(info["thresholds"]) == list(CATEGORIES)
        assert info["rules"]["rules"] == len(judge.rules.rules)


# --- any string at all -----------------------------------------------------------------------------------------------

HOSTILE = {
    "two million letters": "x" * 2_000_000,
    "two million characters of words": "you idiot the " * 140_000,
    "lone surrogates": "\ud800" * 50_000 + "\udfff\ud800x",
    "half of an emoji": "good \ud83d morning",
    "NUL": "\x00" * 50_000 + "fine",
    "zalgo": "a" + "\u0301\u0336\u20dd" * 30_000,
    "right-to-left overrides": "\u202e" * 10_000 + "x",
    "brackets": "(" * 10_000 + ")" * 10_000 + "[({<" * 10_000,
    "an endless link": "http://" + "a." * 20_000,
    "an endless domain": "a." * 20_000 + "com",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽" * 5_000,
    "ampersands": "&" * 50_000 + ";",
    "entities": "&#117;" * 10_000,
    "stars": "f*" * 50_000,
    "handles": "@a " * 20_000,
    "letters spaced out": "f u c k " * 10_000,
    "newlines": "\n" * 100_000,
    "every block": "".join(map(chr, range(0, 0x110000, 7))),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_classified_like_any_other(moderator, text):
    check(moderator.classify(text), text)


def test_a_long_comment_is_judged_as_a_whole(moderator):
    civil = "We walked to the library in the afternoon and read about the history of the town. "
    rude = "You are a fucking idiot. "
    assert moderator.classify(civil * 20).approved
    assert not moderator.classify(rude * 8000).approved
    assert not moderator.classify(civil * 1000 + rude * 1000).approved


@pytest.mark.slow
@pytest.mark.alone
def test_time_grows_with_the_length_and_no_faster(moderator):
    from time import perf_counter

    def seconds(text):
        took = []
        for _ in range(3):
            began = perf_counter()
            moderator.classify(text)
            took.append(perf_counter() - began)
        return min(took)

    for text in ("the weather is nice today ", "you f*cking 1diot ", "&#117; <br> http://x.y "):
        short, long = seconds(text * 4_000), seconds(text * 32_000)
        assert long < 3 * 8 * short
