"""Training and evaluation, end to end, on a miniature corpus written here."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from miniature import CIVIL, THINGS, files, train, write_corpora, write_templates
from tiny import build_model

from moderate import CATEGORIES, InputError, Moderator
from moderate.moderator import DATA
from moderate.scoring import lean, probabilities
from moderate.text import tokenize
from training.augment import read_templates, write_sentences
from training.calibrate import (
    DAMPING,
    LEANING,
    NATURAL_RATE,
    PASSAGES,
    calibrate,
    choose_presets,
    natural_samples,
    raw_scores,
    read_at_length,
)
from training.corpora import UNKNOWN, Corpus, join, read_corpora, read_corpus
from training.evaluate import calibration_error, measure_set

# --- reading labelled files ------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def label(corpus, row, category):
    return int(corpus.labels[row, CATEGORIES.index(category)])


def test_a_blank_label_and_a_missing_column_are_unknown(write):
    corpus = read_corpus(write("text,toxic,threat\none,1,\ntwo,0,0\nthree,,1\n"))
    assert [label(corpus, row, "toxic") for row in range(3)] == [1, 0, UNKNOWN]
    assert [label(corpus, row, "threat") for row in range(3)] == [UNKNOWN, 0, 1]
    assert [label(corpus, row, "abuse") for row in range(3)] == [UNKNOWN] * 3


def test_split_source_and_licence_are_optional(write):
    corpus = read_corpus(write("text,toxic\none,1\n"))
    assert (corpus.sources.tolist(), corpus.dev.tolist()) == (["own"], [False])
    corpus = read_corpus(write("text,split,source,licence,toxic\none,dev,paper,CC0,1\ntwo,train,paper,CC0,1\n"))
    assert (corpus.sources.tolist(), corpus.dev.tolist()) == (["paper", "paper"], [True, False])
    assert corpus.licences == {"paper": "CC0"}


def test_texts_may_hold_commas_quotes_lines_and_any_letters(write):
    corpus = read_corpus(write('text,toxic\n"one, ""two""\nthree",1\nçağ 😀,0\n'))
    assert corpus.texts == ['one, "two"\nthree', "çağ 😀"]


@pytest.mark.parametrize("value", ["2", "yes", "0.5", "-1", "nan"])
def test_a_label_that_is_none_is_refused_with_file_and_line(write, value):
    path = write(f'text,toxic\n"two\nlines",1\nbad,{value}\n')
    with pytest.raises(InputError) as caught:
        read_corpus(path)
    assert str(caught.value).startswith(f"{path}, line 4: ")
    assert repr(value) in str(caught.value)


def test_a_file_without_texts_is_refused(write):
    path = write("comment,toxic\none,1\n")
    with pytest.raises(InputError, match="no column 'text'") as caught:
        read_corpus(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_read_in_order_of_name_without_its_manifest(write, tmp_path):
    for name in ("b.csv", "a.csv", "MANIFEST.csv"):
        write(f"text,toxic\n{name},1\n", name)
    assert read_corpora(tmp_path).texts == ["a.csv", "b.csv"]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no corpus"):
        read_corpora(tmp_path)


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path, write):
    path = write("text,toxic\none,maybe\n")
    done = train("evaluate", "--data", tmp_path)
    assert done.returncode != 0
    assert f"{path}, line 2" in done.stderr
    assert "Traceback" not in done.stderr


# --- sentences from templates ----------------------------------------------------------------------------------------

WORDS = """
[groups.knitters]
kind = "racism"
plural = ["the knitters"]
singular = ["a knitter"]
slur = ["zonkel", "grubbish", "snorfy"]

[groups.elders]
kind = "sexism"
plural = ["elders"]
singular = ["an elder"]

[words]
colour = ["amber", "blue", "olive"]
shade = ["{colour}ish"]
drive_out = ["drive out"]
"""


@pytest.fixture
def expand(tmp_path):
    """Expand one set beside `WORDS`; sentences in lower case to their labels that are known."""

    def expand(body, words=WORDS):
        (tmp_path / "words.toml").write_text(words, encoding="utf-8")
        (tmp_path / "sets.toml").write_text(f"[[set]]\n{body}\n", encoding="utf-8")
        corpus, weights = write_sentences(tmp_path)
        assert len(corpus.texts) == len(corpus.labels) == len(weights)
        return {
            text.lower().rstrip("."): {
                name: int(value) for name, value in zip(CATEGORIES, row, strict=True) if value != UNKNOWN
            }
            for text, row in zip(corpus.texts, corpus.labels, strict=True)
        }

    return expand


def test_the_packaged_templates_are_the_same_every_time_and_teach_every_head():
    corpus, weights = write_sentences()
    assert write_sentences()[0].texts == corpus.texts
    assert len(set(corpus.texts)) == len(corpus.texts) == len(weights) < 203_000
    assert not [text for text in corpus.texts if "{" in text or "}" in text]
    assert weights.min() > 0
    assert weights.max() <= 5
    assert ((corpus.labels == 1).sum(axis=0) >= 300).all()
    assert ((corpus.labels == 0).sum(axis=0) >= 300).all()


def test_a_packaged_set_writes_no_template_twice():
    texts = [(number, text) for number, entry in enumerate(read_templates()["set"]) for text in entry["texts"]]
    assert len(set(texts)) == len(texts)


def test_slots_are_filled_with_articles_and_words_that_hold_slots(expand):
    sentences = expand('labels = "clean"\ntexts = ["{a:colour} hat", "{a:shade} hat"]')
    assert set(sentences) == {
        "an amber hat", "a blue hat", "an olive hat", "an amberish hat", "a blueish hat", "an oliveish hat",
    }  # fmt: skip


def test_no_word_stands_twice_in_a_sentence(expand):
    sentences = expand('labels = "clean"\ntexts = ["{colour}, {colour} and {colour}"]')
    assert all(len(set(text.replace(",", "").split()) - {"and"}) == 3 for text in sentences)


def test_hate_is_of_the_kind_of_the_group_that_has_the_forms(expand):
    sentences = expand('labels = "hate"\ntexts = ["those {slurs} and {group}", "a hat"]\nalso = { threat = 1 }')
    assert set(sentences) == {
        "a hat",
        "those zonkels and the knitters",
        "those grubbishes and the knitters",
        "those snorfies and the knitters",
    }
    kinds = {"sexism": 0, "racism": 1, "homophobia": 0, "xenophobia": 0, "other_abuse": 0}
    assert sentences.pop("a hat") == {"abuse": 1, "toxic": 1, "threat": 1}
    assert all(labels == {"abuse": 1, "toxic": 1, "threat": 1, **kinds} for labels in sentences.values())


def test_a_set_may_speak_of_some_groups_only(expand):
    sentences = expand('labels = "hate"\ngroups = ["elders"]\ntexts = ["{group}", "they"]')
    assert set(sentences) == {"elders", "they"}
    assert all(labels["sexism"] == 1 for labels in sentences.values())


def test_particles_and_articles_stand_where_they_belong(expand):
    sentences = expand(
        'labels = "clean"\ngroups = ["knitters"]\ntexts = ["{drive_out} them", "no {drive_out} these {group}"]'
    )
    assert set(sentences) == {"drive them out", "no drive out these knitters"}


def test_labels_of_a_category_are_those_of_its_children_when_0(expand):
    (labels,) = expand('labels = { abuse = 0, promotion = 1 }\ntexts = ["a hat"]').values()
    assert labels == dict.fromkeys(["abuse", "sexism", "racism", "homophobia", "xenophobia", "other_abuse"], 0) | {
        "promotion": 1
    }


def test_draws_and_each(expand):
    assert len(expand('labels = "clean"\ndraws = 1\ntexts = ["{colour} {colour} {colour}"]')) == 1
    sentences = expand('labels = "clean"\neach = "colour"\ndraws = 1\ntexts = ["the {colour}", "{colour} it is"]')
    assert sorted(text.replace("the ", "").replace(" it is", "") for text in sentences) == ["amber", "blue", "olive"]


def test_neutral_remarks_stand_before_and_behind(expand):
    sentences = expand(
        'labels = "clean"\ntexts = ["a {colour} hat"]', WORDS + 'before = ["Well."]\nbehind = ["Thanks."]\n'
    )
    assert {text.split()[0] for text in sentences} == {"a", "well."}
    assert {text.split()[-1] for text in sentences} == {"hat", "thanks"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('labels = "clean"\ntexts = ["{colur}"]', "'colur'"),
        ('labels = "clean"\ngroups = ["knitter"]\ntexts = ["x"]', "'knitter'"),
        ('labels = "clean"\ndraw = 3\ntexts = ["x"]', "'draw'"),
        ('labels = "clena"\ntexts = ["x"]', "'clena'"),
        ('labels = { rude = 1 }\ntexts = ["x"]', "'rude'"),
        ('labels = "hate"\ngroups = ["elders"]\ntexts = ["{slur}"]', "'slur'"),
    ],
)
def test_a_set_that_is_wrong_is_refused_with_its_file(expand, body, told):
    with pytest.raises(InputError, match=told) as caught:
        expand(body)
    assert str(caught.value).startswith("sets.toml: ")


def test_a_word_list_stands_in_one_file_and_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no templates"):
        read_templates(tmp_path)
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('[words]\ncolour = ["blue"]\n', encoding="utf-8")
    with pytest.raises(InputError, match="'colour'"):
        read_templates(tmp_path)


# --- measures --------------------------------------------------------------------------------------------------------


def test_calibration_error_is_the_mean_gap_between_what_is_said_and_what_is():
    scores = np.array([0.05] * 100 + [0.95] * 100, np.float32)
    right = np.arange(200) % 100 < np.repeat([5, 95], 100)
    assert calibration_error(scores, right) == pytest.approx(0, abs=1e-6)
    assert calibration_error(scores, ~right) == pytest.approx(0.9, abs=1e-6)


def test_measures_are_those_of_the_rows_that_speak(moderator, write):
    rude = ["You idiot.", "Idiot!", "What an idiot you are", "you stupid idiot", "shut up idiot"]
    rows = [*rude, "A fine day.", "Thanks.", "I read it twice."]
    text = "text,personal_attack,threat\n" + "".join(f"{row},{int('idiot' in row.lower())},\n" for row in rows)
    (measure,) = measure_set(moderator, "own", read_corpus(write(text)))
    assert (measure.label, measure.rows, measure.positives) == ("personal_attack", 8, 5)
    assert measure.auc == 1
    assert measure.average_precision == pytest.approx(1)
    assert measure.recall == 1
    assert measure.false_rejection == 0


# --- calibration -----------------------------------------------------------------------------------------------------


def own_comments(write, split):
    rows = [f"{sentence.format(thing)},{split},0" for sentence in CIVIL[:2] for thing in THINGS]
    rows += [f"You zonkel of a {thing},{split},1" for thing in THINGS]
    return read_corpus(write("text,split,toxic\n" + "\n".join(rows) + "\n"))


def test_a_publisher_may_calibrate_on_sources_of_any_name(moderator, write):
    corpus = own_comments(write, "dev")
    presets = choose_presets(moderator, corpus.take(corpus.dev))
    assert presets["strict"]["toxic"] <= presets["default"]["toxic"] <= presets["lenient"]["toxic"]


def test_a_comment_that_the_rules_reject_raises_no_threshold_though_it_is_called_clean(moderator, write):
    civil = own_comments(write, "dev")
    forgiven = read_corpus(write("text,split,toxic\n" + "those assholes again,dev,0\n" * 9))
    both = join([civil, forgiven])
    assert choose_presets(moderator, both) == choose_presets(moderator, civil)


def test_without_comments_to_calibrate_on_the_error_says_so(moderator, write):
    corpus = own_comments(write, "train")
    with pytest.raises(InputError, match="dev"):
        calibrate(moderator.model, corpus.take(corpus.dev))


KINDS = ("sexism", "racism", "homophobia", "xenophobia", "other_abuse")


def hostile_comments(kinds):
    """Comments of a word each that tells a kind of abuse, or nothing; what is abuse is said of all of them."""
    texts = [word for word in (*KINDS, "civil") for _ in range(40)]
    noise = ["civil" if place % 4 == 0 else word for place, word in enumerate(texts)]
    labels = np.full((len(texts), len(CATEGORIES)), -1, np.int8)
    for kind in kinds:
        labels[:, CATEGORIES.index(kind)] = [word == kind for word in texts]
    labels[:, CATEGORIES.index("abuse")] = [word != "civil" for word in texts]
    sources = np.full(len(texts), "forum", object)
    return Corpus(noise, labels, sources, np.ones(len(texts), np.bool_), {"forum": "MIT"})


def test_a_general_head_that_leans_is_calibrated_as_it_is_heard():
    dev = hostile_comments(KINDS)
    model = calibrate(build_model({kind: {kind: 100, "abuse": 60} for kind in KINDS}), dev)
    abuse = CATEGORIES.index("abuse")
    assert model.leaning[abuse] == LEANING["abuse"]
    logits = model.logits(model.vocabulary.extract(tokenize(dev.texts)))
    lean(logits, model.leaning)
    weights = next(weights for column, _, weights in natural_samples(dev) if column == abuse)
    rate = np.average(probabilities(logits)[:, abuse], weights=weights)
    assert rate == pytest.approx(NATURAL_RATE["abuse"], rel=0.05)


def test_a_passage_has_to_stand_out_by_a_share_of_the_spread_of_the_head():
    dev = hostile_comments(KINDS)
    model = build_model({kind: {kind: 100, "abuse": 60} for kind in KINDS})
    read = read_at_length(model, dev)
    spread = raw_scores(replace(model, lengths=read.lengths), dev.texts).std(axis=0)
    assert read.lengths.damping == DAMPING
    for column, head in enumerate(CATEGORIES):
        share, margin = PASSAGES[head]
        assert read.passage_shares[column] == share
        assert read.passage_margins[column] * model.scale[column] == pytest.approx(margin * spread[column])


def test_a_general_head_does_not_lean_on_one_that_has_learned_nothing():
    assert not calibrate(
        build_model({"racism": {"racism": 100, "abuse": 60}}), hostile_comments(KINDS[1:])
    ).leaning.any()


# --- building --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The miniature model, built twice, the second time in one process: (corpora, first, second, what was printed)."""
    folder = tmp_path_factory.mktemp("training")
    corpora, templates = write_corpora(folder / "corpora"), write_templates(folder / "templates")
    rules = shutil.copy(DATA / "rules.toml", folder)
    printed = []
    for name, jobs in (("first", 2), ("second", 1)):
        (folder / name).mkdir()
        shutil.copy(rules, folder / name)  # a rule book in the folder is the one that is used
        done = train("build", "--corpora", corpora, "--out", folder / name, "--jobs", jobs, "--name", "mini",
                     "--templates", templates)  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return corpora, folder / "first", folder / "second", printed[0]


@pytest.mark.slow
def test_the_same_corpora_give_the_same_bytes(built):
    _, first, second, _ = built
    assert set(files(first)) == set(files(second))
    assert [name for name, data in files(first).items() if files(second)[name] != data] == []


@pytest.mark.slow
def test_a_built_model_has_learned_the_words_of_its_corpora(built):
    moderator = Moderator.load(built[1])
    scores = moderator.scores(
        ["You zonkel, the tower is fine.", "The tower was opened on Tuesday.", "Buy snorfel today"]
    )
    toxic, attack, promotion = (scores[:, CATEGORIES.index(name)] for name in ("toxic", "personal_attack", "promotion"))
    assert toxic[0] > 3 * toxic[1]
    assert attack[0] > 3 * attack[1]
    assert promotion[2] > 3 * promotion[1]


@pytest.mark.slow
def test_a_built_folder_holds_no_sentence_of_its_corpora(built):
    corpora, first, _, _ = built
    stored = b"\n".join(files(first).values())
    texts = [text.strip().encode() for text in read_corpora(corpora).texts]
    assert not any(text in stored for text in texts)
    assert b"zonkel" not in stored


@pytest.mark.slow
def test_the_card_tells_where_a_model_comes_from(built):
    config = json.loads((built[1] / "config.json").read_text())
    card = config["card"]
    assert card["name"] == "mini"
    assert len(card["training_sha256"]) == 64
    assert card["corpora"]["letters"]["positives"] == {"personal_attack": 80, "toxic": 80}
    assert card["corpora"]["pinboard"]["licence"] == "CC0"
    text = (built[1] / "MODEL_CARD.md").read_text(encoding="utf-8")
    for told in ("mini", "letters", "pinboard", "AUC", "Limits", "lenient"):
        assert told in text


@pytest.mark.slow
def test_building_prints_what_the_model_reached_on_the_dev_splits(built):
    printed = built[3]
    assert "| letters | toxic |" in printed
    assert "| pinboard | promotion |" in printed


@pytest.mark.slow
def test_thresholds_of_a_built_model_are_ordered_by_preset(built):
    presets = json.loads((built[1] / "config.json").read_text())["presets"]
    for name in CATEGORIES:
        assert presets["strict"][name] <= presets["default"][name] <= presets["lenient"][name]


@pytest.mark.slow
def test_evaluate_measures_every_set_and_label_as_json(built):
    done = train("evaluate", "--data", built[0], "--model", built[1], "--json", "--split", "dev")
    assert done.returncode == 0, done.stderr
    measures = {(measure["name"], measure["label"]): measure for measure in json.loads(done.stdout)}
    assert set(measures) == {
        ("letters", "toxic"), ("letters", "personal_attack"), ("pinboard", "promotion"), ("ordinary", "(clean)"),
    }  # fmt: skip
    assert measures["letters", "toxic"]["rows"] == 45
    assert measures["letters", "toxic"]["auc"] > 0.99
    assert measures["pinboard", "promotion"]["auc"] > 0.9
    assert measures["ordinary", "(clean)"]["positives"] == 0


@pytest.mark.slow
def test_evaluate_prints_a_table(built):
    done = train("evaluate", "--data", built[0] / "letters.csv", "--model", built[1])
    assert done.returncode == 0, done.stderr
    assert "| set | label | rows |" in done.stdout
    assert "| letters | toxic | 180 | 80 |" in done.stdout
