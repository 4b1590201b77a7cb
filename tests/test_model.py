"""The linear model: exact sums, and the model folder, damaged ones included."""

import hashlib
import json
import math
import pickle
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tiny import batches, build_model, build_spelling

from moderate import CATEGORIES, ModelError
from moderate.features import SIGNALS, combine, hash_word_grams
from moderate.model import LARGEST_RATIO, MOST_ADDED, OFFSET, ROW_BYTES, LinearModel, sum_rows
from moderate.model_folder import ARRAYS, FORMAT
from moderate.passages import Lengths
from moderate.text import tokenize

WEIGHTS = {
    "idiot": {"personal_attack": 127, "toxic": 60},
    "kind": {"toxic": -127},
    ("you", "idiot"): {"personal_attack": 10},
    ("idiot", ""): {"personal_attack": 3},
}
SIGNAL_WEIGHTS = {("links", 1): {"promotion": 300}, ("links", 3): {"promotion": 900}, ("capitals", 3): {"toxic": -50}}
MODEL = build_model(WEIGHTS, signals=SIGNAL_WEIGHTS, spelling=build_spelling(["idiot"]))


def named(row):
    """What is not 0 of a row of values, by category."""
    return {category: value for category, value in zip(CATEGORIES, row, strict=True) if value}


def sums(model, texts):
    """Sums over the words and over the signals, by category that has one, of each text."""
    found = model.sums(model.vocabulary.extract(tokenize(texts)))
    return [(named(row), named(other)) for row, other in zip(found.words.tolist(), found.signals.tolist(), strict=True)]


# --- sums ------------------------------------------------------------------------------------------------------------


def test_the_weights_of_the_words_of_a_comment_are_added():
    assert sums(MODEL, ["you IDIOT, kind idiot!", "kind", ""]) == [
        ({"personal_attack": 127 + 10 + 127 + 3, "toxic": 60 - 127 + 60}, {}),
        ({"toxic": -127}, {}),
        ({}, {}),
    ]


def test_signals_are_added_by_their_level():
    assert sums(MODEL, ["a.com", "a.com b.com c.com d.com", "ALL THE TIME"]) == [
        ({}, {"promotion": 300}),
        ({}, {"promotion": 900}),
        ({}, {"toxic": -50}),
    ]


def test_the_n_grams_of_an_unknown_word_are_scaled_by_the_root_of_their_number():
    codes = np.array([ord(char) for char in "novelty"], np.uint32)
    grams = hash_word_grams(codes, np.array([0]), np.array([7]))[0][:4].tolist()
    model = build_model(dict(zip(grams, [{"toxic": 100}] * 4, strict=True)))
    expected = math.floor(400 * 0.5 / math.sqrt(4))  # gram_ratio 0.5
    assert sums(model, ["novelty", "novelty novelty"]) == [({"toxic": expected}, {}), ({"toxic": 2 * expected}, {})]


def test_prior_words_make_one_word_say_less_and_many_as_much():
    model = build_model({"idiot": {"toxic": 120}, "kind": {}}, intercept=0.0)
    few, many = "idiot", "idiot " * 400
    toxic = CATEGORIES.index("toxic")

    def logits(prior):
        judge = replace(model, lengths=Lengths(prior_words=prior))
        return judge.logits(judge.vocabulary.extract(tokenize([few, many])))[:, toxic]

    np.testing.assert_allclose(logits(2.0)[0], logits(0.0)[0] / math.sqrt(3))
    np.testing.assert_allclose(logits(2.0)[1], logits(0.0)[1], rtol=0.01)


def test_a_model_that_names_no_prior_words_has_none(folder):
    rewrite(folder, lambda config: config.pop("prior_words"))
    assert LinearModel.load(folder).lengths.prior_words == 0


def test_a_model_that_names_no_damping_divides_by_the_root_alone(folder):
    rewrite(folder, lambda config: config.pop("damping"))
    lengths = LinearModel.load(folder).lengths
    assert lengths.divisors(np.array([400])) == math.sqrt(400 + lengths.prior_words)


def test_signals_that_are_newer_than_a_model_weigh_nothing_in_it(tmp_path):
    older = replace(MODEL, signals=MODEL.signals[:9])
    older.save(tmp_path)
    signals = LinearModel.load(tmp_path).signals
    assert signals[:9].tolist() == MODEL.signals[:9].tolist()
    assert signals.shape == MODEL.signals.shape
    assert not signals[9:].any()


@given(
    arrays.arrays(np.uint8, (8, ROW_BYTES)),
    st.lists(st.sampled_from([1, 2, 7, MOST_ADDED - 1, MOST_ADDED, MOST_ADDED + 1, 700]), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_sum_rows_is_the_plain_sum_also_over_more_rows_than_fit_at_once(table, lengths, seed):
    rows = np.random.default_rng(seed).integers(0, len(table), sum(lengths), np.int32)
    starts = np.append(0, np.cumsum(lengths))
    values = table[:, : len(CATEGORIES)].astype(np.int64) - OFFSET
    expected = [values[rows[begin:end]].sum(axis=0) for begin, end in pairwise(starts)]
    assert sum_rows(table, rows, starts).tolist() == np.array(expected).tolist()


def test_sum_rows_does_not_overflow_where_every_weight_is_the_largest():
    table = np.full((2, ROW_BYTES), 255, np.uint8)
    lengths = [MOST_ADDED, 3 * MOST_ADDED + 1, 1]
    found = sum_rows(table, np.ones(sum(lengths), np.int32), np.append(0, np.cumsum(lengths)))
    assert found.tolist() == [[127 * length] * len(CATEGORIES) for length in lengths]


def test_sum_rows_of_nothing_is_nothing():
    found = sum_rows(np.zeros((1, ROW_BYTES), np.uint8), np.zeros(0, np.int32), np.zeros(1, np.int64))
    assert found.shape == (0, len(CATEGORIES))


@given(batches)
def test_the_sums_of_a_comment_do_not_depend_on_its_neighbours(texts):
    assert sums(MODEL, texts) == [sums(MODEL, [text])[0] for text in texts]


def test_a_score_is_the_sum_over_the_root_of_the_number_of_words_plus_the_signals_calibrated():
    heads = np.arange(len(CATEGORIES))
    model = replace(MODEL, scale=0.05 + 0.001 * heads, slopes=1 - 0.02 * heads, intercepts=-4 - 0.1 * heads)
    logits = model.logits(model.vocabulary.extract(tokenize(["you are an idiot a.com"])))[0].tolist()

    def expected(category, weights, signals):
        head = CATEGORIES.index(category)
        return (0.05 + 0.001 * head) * (1 - 0.02 * head) * (weights / math.sqrt(4) + signals) - 4 - 0.1 * head

    told = {"personal_attack": (127 + 3, 0), "toxic": (60, 0), "promotion": (0, 300)}
    assert logits == pytest.approx([expected(category, *told.get(category, (0, 0))) for category in CATEGORIES])


def test_every_head_has_its_own_weights():
    model = build_model({"idiot": {name: 5 * place + 1 for place, name in enumerate(CATEGORIES)}}, intercept=0.0)
    logits = model.logits(model.vocabulary.extract(tokenize(["idiot"])))[0]
    assert logits.tolist() == pytest.approx([0.05 * (5 * place + 1) for place in range(len(CATEGORIES))])


# --- the model folder ------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    MODEL.save(tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder, change):
    """Change the configuration of a model folder."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def parts(value):
    """What a value is made of: arrays, numbers and mappings by name."""
    if not is_dataclass(value):
        return {"": value}
    return {
        f"{field.name}.{name}": part
        for field in fields(value)
        for name, part in parts(getattr(value, field.name)).items()
    }


def same(left, right):
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return left == right


def test_what_is_saved_is_loaded(folder):
    saved, loaded = parts(MODEL), parts(LinearModel.load(folder))
    assert saved.keys() == loaded.keys()
    assert [name for name in saved if not same(saved[name], loaded[name])] == []


def test_a_loaded_model_scores_like_the_one_that_was_saved(folder):
    texts = ["you idiot", "i d i o t", "kind", "a.com"]
    assert sums(LinearModel.load(str(folder)), texts) == sums(MODEL, texts)


def test_saving_twice_writes_the_same_bytes(folder, tmp_path):
    LinearModel.load(folder).save(tmp_path / "again")
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_model_may_be_saved_over_the_one_it_was_loaded_from(folder):
    loaded = LinearModel.load(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    replace(loaded, card={"name": "renamed"}).save(folder)
    assert sums(loaded, ["you idiot"]) == sums(MODEL, ["you idiot"])  # its arrays are mapped from the old files
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["config.json"]


def test_the_folder_holds_a_configuration_and_plain_arrays(folder):
    assert {path.name for path in folder.iterdir()} == {"config.json", *(f"{name}.npy" for name in ARRAYS)}
    assert json.loads((folder / "config.json").read_text())["format"] == FORMAT


def test_a_folder_without_a_configuration_is_no_model(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match=r"config\.json is missing") as caught:
            LinearModel.load(path)
        assert str(path) in str(caught.value)


def test_a_newer_format_says_to_upgrade(folder):
    rewrite(folder, lambda config: config.update(format=FORMAT + 1))
    with pytest.raises(ModelError, match=rf"config\.json: format {FORMAT + 1} is newer.*upgrade moderate"):
        LinearModel.load(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"format": "1"}',
        '{"format": true}',
        '{"format": 0}',
        "[" * 100_000,
        "\ufeff{}",
    ],
    ids=range(11),
)
def test_a_configuration_that_is_none_is_refused(folder, text):
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        LinearModel.load(folder)


def test_a_configuration_that_is_not_utf_8_or_not_a_file_is_refused(folder):
    path = folder / "config.json"
    path.write_bytes(b"{\xff}")
    with pytest.raises(ModelError, match=r"config\.json"):
        LinearModel.load(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        LinearModel.load(folder)


@pytest.mark.parametrize("key", ["categories", "arrays", "scale", "gram_ratio", "calibration", "presets"])
def test_a_missing_entry_is_named(folder, key):
    rewrite(folder, lambda config: config.pop(key))
    with pytest.raises(ModelError, match=rf"config\.json.*{key}"):
        LinearModel.load(folder)


@pytest.mark.parametrize(("category", "share"), [("abuse", -0.1), ("abuse", 1.1), ("promotion", 0.1), ("sexism", 0.5)])
def test_a_leaning_that_is_no_share_or_not_of_a_general_head_is_refused(folder, category, share):
    rewrite(folder, lambda config: config["calibration"]["leaning"].__setitem__(CATEGORIES.index(category), share))
    with pytest.raises(ModelError, match=r"config\.json.*leaning"):
        LinearModel.load(folder)


def test_an_older_model_does_not_lean(folder):
    rewrite(folder, lambda config: config["calibration"].pop("leaning"))
    assert not LinearModel.load(folder).leaning.any()


def test_a_model_that_names_no_ceilings_has_none(folder):
    rewrite(folder, lambda config: config["calibration"].pop("ceilings"))
    assert not LinearModel.load(folder).ceilings.any()


@pytest.mark.parametrize("ceiling", [-0.1, 1.1])
def test_a_ceiling_that_is_no_probability_is_refused(folder, ceiling):
    rewrite(folder, lambda config: config["calibration"]["ceilings"].__setitem__(0, ceiling))
    with pytest.raises(ModelError, match=r"config\.json.*ceilings"):
        LinearModel.load(folder)


def test_a_model_that_names_no_passages_reads_none(folder):
    rewrite(folder, lambda config: config["calibration"].pop("passages"))
    model = LinearModel.load(folder)
    assert not model.passage_shares.any()
    assert not model.passage_margins.any()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_passages_that_is_none_is_refused(folder, share):
    rewrite(folder, lambda config: config["calibration"]["passages"]["shares"].__setitem__(0, share))
    with pytest.raises(ModelError, match=r"config\.json"):
        LinearModel.load(folder)


@pytest.mark.parametrize("ratio", [-0.1, LARGEST_RATIO + 1])
def test_an_n_gram_ratio_beyond_reason_is_refused(folder, ratio):
    rewrite(folder, lambda config: config.__setitem__("gram_ratio", ratio))
    with pytest.raises(ModelError, match=r"config\.json.*gram_ratio"):
        LinearModel.load(folder)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e300, "much", None, [1.0, 2.0], {}])
@pytest.mark.parametrize(
    "place",
    [
        ("scale", 0),
        ("gram_ratio",),
        ("prior_words",),
        ("damping",),
        ("calibration", "slopes", 3),
        ("calibration", "intercepts", 0),
        ("calibration", "leaning", 4),
        ("calibration", "passages", "shares", 3),
        ("calibration", "passages", "margins", 3),
        ("calibration", "ceilings", 3),
        ("presets", "strict", "toxic"),
    ],
    ids=lambda place: "/".join(map(str, place)) if isinstance(place, tuple) else None,
)
def test_a_number_that_is_none_is_refused(folder, place, wrong):
    def change(config):
        for key in place[:-1]:
            config = config[key]
        config[place[-1]] = wrong

    rewrite(folder, change)
    with pytest.raises(ModelError, match=r"config\.json"):
        LinearModel.load(folder)


def test_other_categories_than_ours_are_refused(folder):
    rewrite(folder, lambda config: config["categories"].reverse())
    with pytest.raises(ModelError, match="categories"):
        LinearModel.load(folder)


@pytest.mark.parametrize("name", ARRAYS)
class TestADamagedArray:
    """Each array is checked; the error names its file."""

    @pytest.fixture
    def path(self, folder, name):
        return folder / f"{name}.npy"

    @pytest.fixture(autouse=True)
    def refused(self, folder, name, path):
        """After every test here, the folder must be refused for this very file."""
        yield
        with pytest.raises(ModelError, match=rf"{name}\.npy") as caught:
            LinearModel.load(folder)
        assert str(path) in str(caught.value)

    def test_missing(self, path):
        path.unlink()

    def test_empty(self, path):
        path.write_bytes(b"")

    def test_truncated(self, path):
        path.write_bytes(path.read_bytes()[:-1])

    def test_a_bit_flipped(self, path):
        data = bytearray(path.read_bytes())
        data[-2] ^= 4
        path.write_bytes(data)

    def test_of_another_type(self, path):
        np.save(path, np.load(path).astype(np.float32))

    def test_of_another_byte_order(self, path):
        values = np.load(path)
        np.save(path, values.astype(values.dtype.newbyteorder(">"))) if values.itemsize > 1 else path.unlink()

    def test_of_another_shape(self, path):
        np.save(path, np.load(path)[:-1])

    def test_of_another_number_of_dimensions(self, path):
        np.save(path, np.load(path)[None])

    def test_a_pickled_object(self, path):
        np.save(path, np.array([Trap()], object), allow_pickle=True)

    def test_a_bare_pickle(self, path):
        path.write_bytes(pickle.dumps(Trap()))

    def test_an_archive(self, path):
        with path.open("wb") as file:
            np.savez(file, values=np.zeros(3))

    def test_the_beginning_of_an_archive(self, path):
        path.write_bytes(b"PK\x03\x04" + bytes(100))

    def test_a_declared_size_beyond_any_memory(self, path):
        write_header(path, f"{{'descr': '{np.load(path).dtype.str}', 'fortran_order': False, 'shape': ({2**50},)}}")

    def test_a_negative_size(self, path):
        write_header(path, f"{{'descr': '{np.load(path).dtype.str}', 'fortran_order': False, 'shape': (-1,)}}")

    def test_a_header_that_is_no_header(self, path):
        for header in ("(\\", "'''", "-" * 5000 + "1", "(" * 100, "__import__('os')"):
            write_header(path, header)
            with pytest.raises(ModelError, match=path.name):
                LinearModel.load(path.parent)


class Trap:
    """An object that cannot be unpickled unnoticed."""

    def __reduce__(self):
        return pytest.fail, ("something in a model folder was executed",)


def write_header(path, header):
    text = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64))


@given(st.integers(0, 127), st.integers(1, 255))
def test_no_damage_to_the_header_of_an_array_escapes(place, change):
    data = bytearray(HEADED)
    data[place] ^= change
    SIGNALS_FILE.write_bytes(data)
    try:
        loaded = LinearModel.load(SIGNALS_FILE.parent)
    except ModelError as error:
        assert "signals.npy" in str(error)
    else:  # a blank of the padding, say
        assert np.array_equal(loaded.signals, MODEL.signals)


@pytest.fixture(autouse=True, scope="module")
def _headed(tmp_path_factory):
    """A model folder for the test above: hypothesis runs it many times."""
    global HEADED, SIGNALS_FILE  # noqa: PLW0603
    folder = tmp_path_factory.mktemp("headed")
    MODEL.save(folder)
    SIGNALS_FILE = folder / "signals.npy"
    HEADED = SIGNALS_FILE.read_bytes()


def replace_array(folder, name, values):
    """Put an array into a folder as a forger would: with a digest that fits."""
    array = np.ascontiguousarray(values, ARRAYS[name][0])
    np.save(folder / f"{name}.npy", array)
    entry = {"shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    rewrite(folder, lambda config: config["arrays"].update({name: entry}))


@pytest.mark.parametrize(
    ("name", "forge"),
    [
        ("rows", lambda model: model.rows[:2]),
        ("rows", lambda model: model.rows[:, :8]),
        ("rows", lambda model: model.rows[:0]),
        ("base", lambda model: model.table.base + 1),
        ("base", lambda model: -model.table.base),
        ("base", lambda model: model.table.base[:-1]),
        ("buckets", lambda model: model.table.buckets[:0]),
        ("buckets", lambda model: model.table.buckets[:3]),
        ("spelling_words", lambda model: model.spelling.words[:-1]),
        ("signals", lambda model: model.signals[:, :, :-1]),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_though_their_digests_are_right(folder, name, forge):
    replace_array(folder, name, forge(MODEL))
    with pytest.raises(ModelError, match=r"\.npy: its shape or values do not fit"):
        LinearModel.load(folder)


@pytest.mark.parametrize("count", [9, 14])
def test_a_model_from_before_some_signals_has_no_weight_for_them(folder, count):
    replace_array(folder, "signals", MODEL.signals[:count])
    loaded = LinearModel.load(folder).signals
    np.testing.assert_array_equal(loaded[:count], MODEL.signals[:count])
    assert loaded.shape == MODEL.signals.shape
    assert not loaded[count:].any()


@pytest.mark.parametrize("count", [8, 10, len(SIGNALS) + 1])
def test_another_number_of_signals_is_of_no_model(folder, count):
    replace_array(folder, "signals", np.resize(MODEL.signals, (count, *MODEL.signals.shape[1:])))
    with pytest.raises(ModelError, match=r"signals\.npy: its shape or values do not fit"):
        LinearModel.load(folder)


def test_the_packaged_model_has_a_weight_for_every_signal_and_category(moderator):
    assert moderator.model is not None
    assert moderator.model.signals.shape[0] == len(SIGNALS)
    assert moderator.model.rows.shape[1] == ROW_BYTES
    assert (moderator.model.rows[0, : len(CATEGORIES)] == OFFSET).all()
    assert combine(np.zeros(1, np.uint64), np.zeros(1, np.uint64), kind="bigram").dtype == np.uint64
