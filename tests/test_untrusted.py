"""Folders and files made to do harm: an error or the documented fallback, in bounded time and memory, nothing executed.

What plain damage does to a model folder is in test_model.py; here the digests are right wherever a forger could make
them so.
"""

import hashlib
import io
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import build_model, build_spelling

import moderate.folding
from moderate import ModelError, ModerateError, Moderator, Policy, PolicyError, RulesError
from moderate.feature_table import FeatureTable
from moderate.features import BOUNDARY_CLASS, IGNORED_CLASS
from moderate.model import CLASS_BYTE, LinearModel
from moderate.model_folder import ARRAYS
from moderate.moderator import DATA
from moderate.rules import RuleBook, _read_compiled
from moderate.untrusted import LARGEST_TEXT, fits_table

MODEL = build_model({"idiot": {"toxic": 127}, "kind": {"toxic": -90}}, spelling=build_spelling(["idiot", "kind"]))
BOOK = """format = 1
[[rule]]
name = "rude"
category = "personal_attack"
severity = "strong"
phrases = ["you dimwit", "oaf"]
exceptions = ["oaf tree"]
"""
TEXTS = ["You idiot, you dimwit!", "Thank you for the article.", "1d10t oaf tree http://a.example", "i d i o t"]


@pytest.fixture
def folder(tmp_path):
    """A model folder with a compiled rule book of its own."""
    MODEL.save(tmp_path / "model")
    (tmp_path / "model" / "rules.toml").write_text(BOOK)
    book = RuleBook.from_toml(tmp_path / "model" / "rules.toml")
    book.save_compiled(tmp_path / "model" / "rules.npz")
    return tmp_path / "model"


def forge(folder, name, values, *, raw=None):
    """Put an array (or the bytes of its file) into a folder, with a digest that fits."""
    path = folder / f"{name}.npy"
    array = np.asarray(values)
    path.write_bytes(raw) if raw is not None else np.save(path, array)
    contents = np.ascontiguousarray(array).tobytes()
    config = json.loads((folder / "config.json").read_text())
    config["arrays"][name] = {"shape": list(array.shape), "sha256": hashlib.sha256(contents).hexdigest()}
    (folder / "config.json").write_text(json.dumps(config))


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


# --- arrays with the right digest ------------------------------------------------------------------------------------

BUCKET = int(np.flatnonzero(MODEL.table.buckets)[-1])  # holds the last row
BOUNDARY_ROW = int(np.flatnonzero(MODEL.rows[:, CLASS_BYTE] == BOUNDARY_CLASS)[0])
FORGERIES = {
    "a fingerprint in the last lane alone": ("buckets", changed(MODEL.table.buckets, BUCKET, np.uint64(0x8001 << 48))),
    "four fingerprints where one row is left": ("buckets", changed(MODEL.table.buckets, BUCKET, ~np.uint64(0))),
    "a row that overflows": ("base", changed(MODEL.table.base, BUCKET, np.iinfo(np.int32).max)),
    "a row below 0": ("base", changed(MODEL.table.base, BUCKET, -1)),
    "no rows for some buckets": ("base", MODEL.table.base[: BUCKET + 1]),
    "a number of buckets that is no power of two": ("buckets", MODEL.table.buckets[:-1]),
    "no row but the first": ("rows", MODEL.rows[:1]),
    "a boundary that is left out": ("rows", changed(MODEL.rows, (BOUNDARY_ROW, CLASS_BYTE), IGNORED_CLASS)),
    "a boundary that is a word": ("rows", changed(MODEL.rows, (BOUNDARY_ROW, CLASS_BYTE), 0)),
    "no boundary": ("buckets", np.zeros_like(MODEL.table.buckets)),
    "keys that are not sorted": ("spelling_keys", MODEL.spelling.keys[::-1].copy()),
    "keys that repeat": ("spelling_keys", np.repeat(MODEL.spelling.keys[:1], MODEL.spelling.keys.size)),
    "too few words": ("spelling_words", MODEL.spelling.words[:-1]),
    "too few signals": ("signals", MODEL.signals[:-2]),  # one less there were once
    "too few levels": ("signals", np.ascontiguousarray(MODEL.signals[:, :-1])),
    "too few heads": ("signals", np.ascontiguousarray(MODEL.signals[:, :, :-1])),
    "columns first": ("rows", np.asfortranarray(MODEL.rows)),
}


@pytest.mark.parametrize(("name", "values"), FORGERIES.values(), ids=FORGERIES)
def test_an_array_that_the_kernels_could_not_index_safely_is_refused(folder, name, values):
    forge(folder, name, values)
    with pytest.raises(ModelError, match=r"\.npy"):
        Moderator.load(folder)


@pytest.mark.parametrize("name", [name for name, (dtype, _) in ARRAYS.items() if dtype != "|u1"])
def test_an_array_at_an_odd_place_in_its_file_is_refused(folder, name):
    values = np.load(folder / f"{name}.npy")
    header = f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': {values.shape}}}\n".encode()
    header = header.rjust(len(header) + (len(header) + 10) % 2 + 1)  # so that the data begin at an odd offset
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values.tobytes()
    assert (len(raw) - values.nbytes) % 2 == 1
    forge(folder, name, values, raw=raw)
    with pytest.raises(ModelError, match=rf"{name}\.npy"):
        LinearModel.load(folder)


@given(st.lists(st.sampled_from([0, 0x8001, 0xFFFF]), min_size=4, max_size=4), st.integers(-2, 12), st.integers(1, 9))
def test_a_table_fits_only_if_no_look_up_leads_out_of_it(lanes, base, rows):
    buckets = np.array([sum(lane << 16 * place for place, lane in enumerate(lanes))] * 2, np.uint64)
    table = FeatureTable(buckets=buckets, base=np.full(2, base, np.int32))
    if fits_table(table, rows):
        hashes = np.array([high | low for high in (0, 1 << 63) for low in (0, 1, 0x7FFF)], np.uint64)
        assert 0 <= table.look_up(hashes).min() <= table.look_up(hashes).max() < rows
    else:
        assert base < 1 or base + max(place + 1 for place, lane in enumerate([1, *lanes[1:]]) if lane) > rows


# --- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["1" + "0" * 400, "-1" + "0" * 400, "1" * 5000, "1e999", "NaN", "[" * 900 + "]" * 900, '"' + "9" * 400 + '"'],
)
@pytest.mark.parametrize("key", ["gram_ratio", "prior_words", "scale", "format", "arrays", "calibration", "presets"])
def test_a_value_that_no_number_holds_is_refused(folder, key, value):
    config = json.loads((folder / "config.json").read_text())
    config[key] = "HERE"
    (folder / "config.json").write_text(json.dumps(config).replace('"HERE"', value))
    with pytest.raises(ModelError, match=r"config\.json"):
        Moderator.load(folder)


@pytest.mark.parametrize("entry", ["shape", "sha256"])
@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, "1" * 4000, '{"a": 1}', "null", '"\\ud800"'])
def test_an_entry_of_an_array_may_be_anything(folder, entry, value):
    config = json.loads((folder / "config.json").read_text())
    config["arrays"]["rows"][entry] = "HERE"
    (folder / "config.json").write_text(json.dumps(config).replace('"HERE"', value))
    with pytest.raises(ModelError, match="rows"):
        Moderator.load(folder)


@pytest.mark.parametrize("threshold", [-0.1, 1.02, 5])
def test_a_threshold_out_of_range_is_refused(folder, threshold):
    config = json.loads((folder / "config.json").read_text())
    config["presets"]["strict"]["threat"] = threshold
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json.*threshold"):
        Moderator.load(folder)


# --- what is no plain file, or too large -----------------------------------------------------------------------------

FILES = ["config.json", "rows.npy", "rules.toml", "rules.npz"]
STRANGE = {
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a pipe that nobody writes to": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "a folder": Path.mkdir,
    "two terabytes": lambda path: (path.touch(), os.truncate(path, 2 << 40)),
}


def load_within(folder, *, megabytes=600, seconds=20):
    """Load a folder and classify in a process of its own, which may use so much memory and no more: what it said."""
    program = (
        "import sys, moderate\n"
        "try: print('fine', moderate.Moderator.load(sys.argv[1]).classify('you idiot oaf').verdict)\n"
        "except moderate.ModerateError as error: print(type(error).__name__, str(error)[:500])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds,
    )
    return done.stdout


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_of_a_sensible_size_is_not_read(folder, name, strange):
    (folder / name).unlink()
    strange(folder / name)
    expected = {"rules.npz": "fine", "rules.toml": "RulesError"}.get(name, "ModelError")
    assert load_within(folder).startswith(expected)


def test_links_to_plain_files_are_followed(folder, tmp_path):
    expected = Moderator.load(folder).classify_many(TEXTS)
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    assert Moderator.load(linked).classify_many(TEXTS) == expected


@pytest.mark.parametrize("name", ["config.json", "rules.toml"])
def test_a_text_may_be_large_and_no_larger(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b"\n" * (LARGEST_TEXT - len(content)))
    Moderator.load(folder)
    (folder / name).write_bytes(content + b"\n" * (LARGEST_TEXT - len(content) + 1))
    with pytest.raises(ModerateError, match=f"{LARGEST_TEXT:,}"):
        Moderator.load(folder)


@pytest.mark.parametrize("text", ["[" * 4_000_000, '{"a":' * 800_000, "[1," * 1_300_000, '"' + "a" * 4_000_000])
def test_a_configuration_of_millions_of_brackets_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    assert load_within(folder).startswith("ModelError")


# --- damage anywhere -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """A copy of the packaged folder and what it decides."""
    folder = tmp_path_factory.mktemp("packaged") / "data"
    shutil.copytree(DATA, folder)
    return folder, Moderator.load(folder).classify_many(TEXTS)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_bit_flipped_or_the_rest_lost_anywhere_in_a_folder_never_passes_unnoticed(packaged, data):
    folder, expected = packaged
    names = [path.name for path in sorted(folder.iterdir()) if not path.name.startswith(("MODEL", "folding"))]
    path = folder / data.draw(st.sampled_from(names))
    original = path.read_bytes()
    place = data.draw(st.integers(0, min(len(original), 4096) - 1) | st.integers(0, len(original) - 1))
    damaged = bytearray(original)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    path.unlink()  # not over what an earlier example may have mapped
    path.write_bytes(original[:place] if data.draw(st.booleans()) else damaged)
    try:
        judge = Moderator.load(folder)
        judge.classify_many(TEXTS)
        if path.suffix != ".toml" and path.name != "config.json":  # these may say something else, which is valid
            assert judge.classify_many(TEXTS) == expected
    except ModerateError as error:
        assert path.name in str(error) or "config.json" in str(error)
    finally:
        path.unlink()
        path.write_bytes(original)


# --- the compiled rule book ------------------------------------------------------------------------------------------


class Trap:
    """An object that cannot be unpickled unnoticed."""

    def __reduce__(self):
        return pytest.fail, ("something in a rule book was executed",)


def alter(folder, **changes):
    """Change members of the compiled book: arrays, or functions of what it describes."""
    path = folder / "rules.npz"
    with np.load(path) as arrays:
        members = dict(arrays)
    described = json.loads(members.pop("described").tobytes())
    changes.pop("described", lambda _: None)(described)
    members |= changes
    np.savez_compressed(path, **members, described=np.frombuffer(json.dumps(described).encode(), np.uint8))


FORGED_BOOKS = {
    "buckets of one lane": {"buckets": lambda a: np.where(a > 0, np.uint64(0x8001 << 48), a)},
    "buckets all full": {"buckets": lambda a: np.full_like(a, ~np.uint64(0))},
    "no buckets": {"buckets": lambda a: a[:0], "base": lambda a: a[:0]},
    "fewer rows than buckets": {"base": lambda a: a[:1]},
    "rows below 0": {"base": lambda a: -a},
    "rows that overflow": {"base": lambda a: np.full_like(a, np.iinfo(a.dtype).max)},
    "fewer prefixes": {"prefixes": lambda a: a[:1]},
    "endings behind the last": {"endings": lambda a: a + np.int32(1)},
    "endings that go back": {"endings": lambda a: a[::-1].copy()},
    "endings below 0": {"endings": lambda a: a - np.int32(5)},
    "endings far away": {"endings": lambda a: np.full_like(a, 1 << 30)},
    "fewer endings": {"endings": lambda a: a[:-1]},
    "a rule that is not there": {"ending_rules": lambda a: np.full_like(a, 300)},
    "an exception to a rule that is not there": {"ending_rules": lambda a: np.full_like(a, -300)},
    "fewer ending rules": {"ending_rules": lambda a: a[:0]},
    "another type": {"prefixes": lambda a: a.astype(np.float64)},
    "two dimensions": {"prefixes": lambda a: a[None]},
    "a severity too high": {"described": lambda d: d["rules"][0].__setitem__(2, 9)},
    "a severity below 0": {"described": lambda d: d["rules"][0].__setitem__(2, -1)},
    "a severity that is none": {"described": lambda d: d["rules"][0].__setitem__(2, None)},
    "a severity too large for a number": {"described": lambda d: d["rules"][0].__setitem__(2, 10**30)},
    "no category": {"described": lambda d: d["rules"][0].__setitem__(1, "rudeness")},
    "a name that is none": {"described": lambda d: d["rules"][0].__setitem__(0, 3)},
    "no rules": {"described": lambda d: d.update(rules=[])},
    "a salt below 0": {"described": lambda d: d.update(salt=-1)},
    "a salt too large": {"described": lambda d: d.update(salt=1 << 70)},
    "words that are none": {"described": lambda d: d.update(words=3)},
    "an empty word": {"described": lambda d: d.update(words={"": 1})},
    "classes that are none": {"described": lambda d: d.update(classes={"a": [1]})},
    "another format": {"described": lambda d: d.update(format=99)},
}


@pytest.mark.parametrize("forgery", FORGED_BOOKS.values(), ids=FORGED_BOOKS)
def test_a_forged_compiled_book_is_not_used_and_the_readable_one_is(folder, forgery):
    expected = Moderator.load(folder).classify_many(TEXTS)
    assert _read_compiled(folder / "rules.npz") is not None
    with np.load(folder / "rules.npz") as arrays:
        changes = {
            name: change if name == "described" else change(arrays[name].copy()) for name, change in forgery.items()
        }
    alter(folder, **changes)
    assert _read_compiled(folder / "rules.npz") is None
    assert Moderator.load(folder).classify_many(TEXTS) == expected


def archive(member, content):
    """An archive with one member; its content repeated many times, if it is a pair."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file, file.open(member, "w", force_zip64=True) as entry:
        chunk, times = content if isinstance(content, tuple) else (content, 1)
        for _ in range(times):
            entry.write(chunk)
    return buffer.getvalue()


def declared(shape, dtype="|u1"):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


STRANGE_ARCHIVES = {
    "no archive": lambda: b"not an archive",
    "an archive cut short": lambda: archive("described.npy", declared((9,)) + b"{}")[:-30],
    "a plain array": lambda: declared((3,)) + b"abc",
    "a pickle": lambda: pickle.dumps(Trap()),
    "a pickle inside": lambda: archive("described.npy", pickle.dumps(Trap())),
    "an array of pickles": lambda: archive("described.npy", declared((1,), "|O") + pickle.dumps([Trap()])),
    "a member that is no array": lambda: archive("described.npy", b"{}"),
    "an array larger than any memory": lambda: archive("described.npy", declared((1 << 50,))),
    "an array larger than this memory": lambda: archive("described.npy", declared((8 << 30,))),
    "half a gigabyte in half a megabyte": lambda: archive("described.npy", (bytes(1 << 20), 512)),
    "millions of brackets": lambda: archive("described.npy", declared((3_000_000,)) + b"[" * 3_000_000),
    "no JSON": lambda: archive("described.npy", declared((1,)) + b"{"),
    "a damaged stream": lambda: archive("described.npy", declared((40,)) + bytes(40)).replace(b"\x63", b"\x64"),
}


@pytest.mark.parametrize("make", STRANGE_ARCHIVES.values(), ids=STRANGE_ARCHIVES)
def test_what_is_no_compiled_book_is_not_used_nor_executed_nor_unpacked(folder, make):
    (folder / "rules.npz").write_bytes(make())
    assert _read_compiled(folder / "rules.npz") is None or pytest.fail("it was used")
    assert load_within(folder).startswith("fine")


# --- rule books and policies -----------------------------------------------------------------------------------------

TOML_BOMBS = {
    "a deep array": "a = " + "[" * 100_000,
    "a deep table": "a = " + "{a=" * 100_000,
    "a key of many parts": "a." * 1_000_000 + "a = 1",
    "a table of many parts": "[" + "a." * 1_000_000 + "a]",
    "quoted parts": '"a".' * 500_000 + "a = 1",
    "a number of many digits": "a = " + "9" * 100_000,
    "a date that is none": "a = 2024-99-99",
    "a lone quotation mark": 'a = "' + "a" * 1_000_000,
}


@pytest.mark.parametrize("text", TOML_BOMBS.values(), ids=TOML_BOMBS)
def test_a_file_that_is_made_to_take_long_is_refused_at_once(tmp_path, text):
    path = tmp_path / "house.toml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(PolicyError, match="house"):
        Policy.from_toml(path)
    with pytest.raises(RulesError, match="house"):
        RuleBook.from_toml(path)
    assert time.process_time() - began < 5


def sets(count, phrase, last):
    """Sets each of which is made of the next."""
    made = [f"x{number} = {json.dumps(phrase(f'{{x{number + 1}}}'))}" for number in range(count)]
    return "[words]\n" + "\n".join([*made, f"x{count} = {json.dumps(last)}"]) + "\n"


MULTIPLYING = {
    "sets of many": sets(7, lambda name: [name] * 40, ["a"]),
    "sets of many of nothing": sets(7, lambda name: [name] * 40, []),
    "sets of many of an empty word": sets(7, lambda name: [name] * 40, [""]),
    "a set again and again": sets(7, lambda name: [name * 200], ["a"]),
    "a set of nothing again and again": sets(7, lambda name: [name * 200], [""]),
    "long words": sets(3, lambda name: [name * 100], ["a" * 900]),
    "brackets": "",
    "deep brackets": "",
}
PHRASES = {"brackets": "()" * 200_000 + "a", "deep brackets": "(" * 200_000}


@pytest.mark.parametrize("name", MULTIPLYING)
def test_a_book_that_multiplies_is_stopped_early(tmp_path, name):
    phrase = PHRASES.get(name, "{x0}")
    path = tmp_path / "house.toml"
    path.write_text(f"format = 1\n{MULTIPLYING[name]}{BOOK[11:].replace('oaf', phrase, 1)}")
    began = time.process_time()
    with pytest.raises(RulesError, match=r"house\.toml, line \d+: ") as caught:
        RuleBook.from_toml(path)
    assert time.process_time() - began < 10
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_policy_that_is_no_file_is_refused(tmp_path, strange):
    path = tmp_path / "house.toml"
    strange(path)
    with pytest.raises(PolicyError, match=r"house\.toml"):
        Policy.from_toml(path)


# --- the installation, and older formats -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("folding_index", lambda a: a[:-1]),
        ("folding_index", lambda a: np.full_like(a, np.iinfo(a.dtype).max)),
        ("folding_pages", lambda a: a[:1]),
        ("folding_pages", lambda a: a.astype(np.int64)),
        ("folding_pages", lambda a: changed(a, (0, 97), 6 << 24)),
    ],
)
def test_a_damaged_folding_table_is_an_error_that_says_to_reinstall(packaged_copy, monkeypatch, name, damage):
    monkeypatch.setattr(moderate.folding, "DATA", packaged_copy)
    np.save(packaged_copy / f"{name}.npy", damage(np.load(packaged_copy / f"{name}.npy")))
    with pytest.raises(ModelError, match="reinstall moderate"):
        moderate.folding.folding_table.__wrapped__()


def test_a_model_of_the_first_format_is_read_and_scores_as_it_did():
    judge = Moderator.load(Path(__file__).with_name("model_format_1"))
    assert judge.model is not None
    scores = judge.scores(["you idiot", "i d i o t http://a.example", "how kind"]).round(4).tolist()
    assert scores == FORMAT_1


FORMAT_1 = [
    [
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.9994000196456909,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.9779000282287598,
    ],
    [
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.9994000196456909,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.9851999878883362,
        0.04740000143647194,
        0.04740000143647194,
        0.9986000061035156,
    ],
    [
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.04740000143647194,
        0.0003000000142492354,
    ],
]
