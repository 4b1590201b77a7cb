"""Categories, their tree, and the policy: presets, overrides, files."""

import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderate import CATEGORIES, Category, Policy, PolicyError
from moderate.guidelines import GUIDELINES, PARENT, PRESETS, RULE_PRESETS, RULE_THRESHOLDS, WORDING

# --- categories ------------------------------------------------------------------------------------------------------


def test_the_categories_are_these_in_this_order():
    assert CATEGORIES == (
        "profanity", "vulgarity", "threat", "personal_attack",
        "abuse", "sexism", "racism", "homophobia", "xenophobia", "other_abuse",
        "promotion", "commercial_promotion", "personal_promotion", "toxic",
    )  # fmt: skip


def test_a_category_is_its_name():
    assert [Category(name) for name in CATEGORIES] == list(Category)
    assert Category.SEXISM == "sexism"
    assert f"{Category.SEXISM}" == "sexism"


def test_the_tree_has_two_levels():
    assert {str(parent): [str(child) for child in PARENT if PARENT[child] == parent] for parent in PARENT.values()} == {
        "abuse": ["sexism", "racism", "homophobia", "xenophobia", "other_abuse"],
        "promotion": ["commercial_promotion", "personal_promotion"],
    }


def test_every_category_has_its_wording_and_the_guidelines_name_them():
    assert list(WORDING) == list(Category)
    for word in ("profanity", "threats", "personal attacks", "vulgarity", "sexism", "commercial or personal promotion"):
        assert word in GUIDELINES


# --- policy ----------------------------------------------------------------------------------------------------------

BASE = {name: dict.fromkeys(CATEGORIES, value) for name, value in zip(PRESETS, (0.5, 0.25, 0.75), strict=True)}


def test_the_default_policy_is_the_default_preset():
    assert Policy() == Policy.named("default")
    assert Policy().resolve(BASE) == (0.5,) * len(CATEGORIES)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_thresholds_of_the_model(name):
    assert Policy.named(name).name == name
    assert Policy.named(name).resolve(BASE) == tuple(BASE[name].values())


def test_own_thresholds_go_before_those_of_the_base():
    policy = Policy(name="ours", base="strict", thresholds={"threat": 0.1, Category.PROMOTION: 1.01})
    resolved = dict(zip(CATEGORIES, policy.resolve(BASE), strict=True))
    assert resolved == {**BASE["strict"], "threat": 0.1, "promotion": 1.01}


def test_with_thresholds_gives_a_copy():
    policy = Policy(name="ours", thresholds={"threat": 0.1, "abuse": 0.2})
    changed = policy.with_thresholds({"abuse": 0.3, "toxic": 0.4})
    assert dict(changed.thresholds) == {"threat": 0.1, "abuse": 0.3, "toxic": 0.4}
    assert dict(policy.thresholds) == {"threat": 0.1, "abuse": 0.2}
    assert (changed.name, changed.base) == ("ours", "default")


def test_a_policy_cannot_be_changed():
    policy = Policy(thresholds={"threat": 0.1})
    with pytest.raises(TypeError):
        policy.thresholds["threat"] = 0.9
    with pytest.raises(FrozenInstanceError):
        policy.base = "strict"


def test_a_policy_does_not_keep_the_mapping_it_was_given():
    given_thresholds = {"threat": 0.1}
    policy = Policy(thresholds=given_thresholds)
    given_thresholds["threat"] = 0.9
    assert policy.thresholds[Category.THREAT] == 0.1


@given(st.dictionaries(st.sampled_from(CATEGORIES), st.floats(0, 1.01)), st.sampled_from(PRESETS), st.text())
def test_a_policy_survives_pickling(thresholds, base, name):
    policy = Policy(name=name, base=base, thresholds=thresholds)
    assert pickle.loads(pickle.dumps(policy)) == policy


@pytest.mark.parametrize("name", ["Default", "", "none"])
def test_an_unknown_preset_is_refused_with_those_there_are(name):
    for make in (Policy.named, lambda base: Policy(base=base)):
        with pytest.raises(PolicyError, match="default, strict, lenient"):
            make(name)


def test_an_unknown_category_is_refused_with_those_there_are():
    for make in (lambda: Policy(thresholds={"rudeness": 0.5}), lambda: Policy().with_thresholds({"rudeness": 0.5})):
        with pytest.raises(PolicyError, match=r"rudeness.*personal_attack"):
            make()


@pytest.mark.parametrize("value", [-0.001, 1.02, float("nan"), float("inf"), True, "0.5", None])
def test_a_threshold_is_a_number_from_0_to_1_or_never(value):
    with pytest.raises(PolicyError, match="threat"):
        Policy(thresholds={"threat": value})


@pytest.mark.parametrize("value", [0, 1, 1.01, 0.5])
def test_the_ends_of_the_range_belong_to_it(value):
    assert Policy(thresholds={"threat": value}).thresholds[Category.THREAT] == value


def test_without_a_model_strict_rejects_on_a_mild_hit_and_lenient_on_a_severe_one_only():
    assert list(RULE_THRESHOLDS) == list(PRESETS)
    assert RULE_THRESHOLDS["strict"] <= 0.3 < RULE_THRESHOLDS["default"] <= 0.7 < RULE_THRESHOLDS["lenient"] <= 0.95
    assert Policy().resolve(RULE_PRESETS) == (0.5,) * len(CATEGORIES)


# --- policy files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "house.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_policy_file_gives_name_base_and_thresholds(write):
    policy = Policy.from_toml(write('name = "ours"\nbase = "lenient"\n\n[thresholds]\nthreat = 0.1\npromotion = 1\n'))
    assert policy == Policy(name="ours", base="lenient", thresholds={"threat": 0.1, "promotion": 1.0})


def test_everything_in_a_policy_file_is_optional_and_its_name_is_the_default_name(write):
    assert Policy.from_toml(str(write(""))) == Policy(name="house")


def test_a_byte_order_mark_is_no_error(write):
    assert Policy.from_toml(write(b'\xef\xbb\xbfname = "ours"')).name == "ours"


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('name = "a"\nnmae = "b"', 2, "nmae"),
        ("\n\nname = 3", 3, "name"),
        ('# no\nbase = "harsh"', 2, "harsh"),
        ("base = 3", 1, "base"),
        ("\nthresholds = 3", 2, "thresholds"),
        ("[thresholds]\nthreat = 0.5\nrudeness = 0.5", 3, "rudeness"),
        ("[thresholds]\n\n\nthreat = 7", 4, "threat"),
        ("[thresholds]\nabuse = 0.1\nthreat = true", 3, "threat"),
        ("[thresholds]\nthreat = 'high'", 2, "threat"),
        ("[thresholds]\nthreat = nan", 2, "threat"),
    ],
)
def test_an_error_in_a_policy_file_names_file_line_and_key(write, text, line, key):
    path = write(text)
    with pytest.raises(PolicyError) as caught:
        Policy.from_toml(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert key in str(caught.value)


@pytest.mark.parametrize("text", ["name = ", b"\xff", "[thresholds"])
def test_a_file_that_is_no_toml_is_refused_by_name(write, text):
    path = write(text)
    with pytest.raises(PolicyError) as caught:
        Policy.from_toml(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(PolicyError) as caught:
            Policy.from_toml(path)
        assert str(path) in str(caught.value)
