"""Retraining, end to end: a publisher whose line only its own decisions can teach."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

import publisher
from commands import run
from miniature import files, train, write_corpora, write_templates

from moderate import CATEGORIES, Moderator, Policy
from training.comparison import MEASURES, judge
from training.decisions import read_decisions
from training.report import PLAIN, report_model
from training.retrain import Settings, retrain
from training.study import run_trials, search_flipped, simulate_publisher, time_retraining
from training.thresholds import Limits

RUDE = "Only a zonkel reads of the lighthouse in the snorfel."
ROUGH = "That stupid lighthouse was closed again."


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return publisher.write_table(tmp_path_factory.mktemp("own") / "decisions.csv", publisher.decisions(600))


@pytest.fixture(scope="module")
def given(table):
    return read_decisions(str(table))


@pytest.fixture(scope="module")
def retrained(given, moderator):
    return retrain(given, moderator)


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """The model folder that the command writes, and what it prints."""
    out = tmp_path_factory.mktemp("models") / "my-model"
    done = train("retrain", table, "--out", out, "--name", "ours")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


# --- what is learned -------------------------------------------------------------------------------------------------


def test_decisions_move_the_model_to_the_publishers_line(moderator, retrained):
    assert moderator.classify(RUDE).approved
    assert not moderator.classify(ROUGH).approved
    assert not retrained.moderator.classify(RUDE).approved
    assert retrained.moderator.classify(ROUGH).approved
    assert retrained.better
    assert retrained.sure
    assert retrained.gain > 0.3


def test_what_the_decisions_do_not_speak_of_is_still_known(retrained):
    for text in ("I will find you and kill you", "Earn $5000 a week from home, visit www.cash.example now!!"):
        assert not retrained.moderator.classify(text).approved


def test_scores_are_calibrated_on_comments_held_out(given, retrained):
    test = retrained.test
    assert retrained.after.overall.mean() == pytest.approx((given.verdicts[test] == 1).mean(), abs=0.05)
    assert retrained.held_out.overall.shape == (len(given.texts),)


def test_thresholds_follow_what_is_asked(given, moderator):
    shares = {}
    for name, limits in (("few", Limits(max_false_reject=0.01)), ("all", Limits(min_recall=0.98))):
        noisy = read_noisy(given)
        found = retrain(noisy, moderator, Settings(limits=limits))
        shares[name] = [found.held_out.rejected[noisy.verdicts == verdict].mean() for verdict in (0, 1)]
    assert shares["few"][0] < 0.03
    assert shares["all"][1] > 0.95
    assert shares["few"][1] < shares["all"][1]


def read_noisy(given):
    """The decisions, a tenth of them turned around."""
    turned = np.random.default_rng(0).permutation(len(given.texts))[: len(given.texts) // 10]
    verdicts, labels = given.verdicts.copy(), np.full_like(given.labels, -1)
    verdicts[turned] = 1 - verdicts[turned]
    labels[verdicts == 0] = 0
    return replace(given, verdicts=verdicts, labels=labels)


def test_a_category_learns_from_its_column(tmp_path, moderator):
    rows = [{**row, "threat": int("zonkel" in row["text"])} for row in publisher.decisions(400)]
    rows = [{**row, "verdict": "reject" if row["threat"] else row["verdict"]} for row in rows]
    found = retrain(read_decisions(str(publisher.write_table(tmp_path / "own.csv", rows))), moderator)
    assert {"threat", "toxic"} <= set(found.heads)
    assert "threat" in found.moderator.classify(RUDE).categories
    assert {figure.subject for figure in found.figures} >= {"verdict", "threat"}


def test_categories_alone_move_no_other_head(tmp_path, moderator):
    rows = [{"text": row["text"], "threat": int(row["verdict"] == "reject")} for row in publisher.decisions(400)]
    found = retrain(read_decisions(str(publisher.write_table(tmp_path / "own.csv", rows))), moderator)
    assert list(found.heads) == ["threat"]
    assert found.better
    texts = ["You are a complete idiot.", "Thank you for the article."]
    others = [index for index, name in enumerate(CATEGORIES) if name not in ("threat", "toxic")]
    before, after = moderator.scores(texts), found.moderator.scores(texts)
    assert (after[:, others] == before[:, others]).all()
    assert after[:, CATEGORIES.index("toxic")] == pytest.approx(before[:, CATEGORIES.index("toxic")], abs=0.1)
    thresholds = dict(zip(CATEGORIES, found.moderator.thresholds, strict=True))
    assert thresholds["toxic"] == dict(zip(CATEGORIES, moderator.thresholds, strict=True))["toxic"]


def test_from_nothing_only_the_decisions_are_known(given, moderator):
    found = retrain(given, moderator, Settings(from_scratch=True))
    assert found.better
    assert not found.moderator.classify(RUDE).approved
    assert list(found.moderator.model.card["corpora"]) == ["decisions.csv"]
    assert len(found.moderator.model.rows) < len(moderator.model.rows) / 10
    thresholds = dict(zip(CATEGORIES, found.moderator.thresholds, strict=True))
    assert {name for name, limit in thresholds.items() if limit <= 1} == {"toxic"}  # the others were not taught


def test_a_retrained_model_is_retrained_again(given, retrained):
    again = retrain(given, retrained.moderator)
    assert again.moderator.classify(ROUGH).approved
    assert not again.moderator.classify(RUDE).approved


def test_decisions_by_chance_teach_nothing(given, moderator):
    verdicts = np.random.default_rng(1).permutation(given.verdicts)
    labels = np.full_like(given.labels, -1)
    labels[verdicts == 0] = 0
    found = retrain(replace(given, verdicts=verdicts, labels=labels), moderator)
    assert not found.sure
    assert found.heads["toxic"] <= 0.05


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_folder_is_a_model_for_every_command(folder, table, tmp_path):
    out, _ = folder
    assert not Moderator.load(out).classify(RUDE).approved
    shown = json.loads(run("info", "--model", out, "--json").stdout)
    assert shown["model"]["name"] == "ours"
    assert shown["model"]["base"] == "packaged"
    done = run("batch", table, "-o", tmp_path / "decided.csv", "--model", out, "--policy", out / "policy.toml")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "decided.csv").open(encoding="utf-8", newline="") as file:
        decided = [row["moderate_verdict"] == row["verdict"] for row in csv.DictReader(file)]
    assert np.mean(decided) > 0.95


def test_its_card_policy_and_digest_tell_where_it_comes_from(folder, given):
    out, _ = folder
    config = json.loads((out / "config.json").read_text())
    assert config["card"]["training_sha256"] == given.digest()
    assert config["card"]["corpora"]["decisions.csv"]["rows"] == 600
    assert config["card"]["base_sha256"] == json.loads((moderator_config()).read_text())["card"]["training_sha256"]
    assert Policy.from_toml(out / "policy.toml").name == "ours"
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    for told in ("ours", "decisions.csv", "| verdict | 120 |", "Functional test", "learned: toxic"):
        assert told in card


def moderator_config():
    from moderate.moderator import DATA

    return DATA / "config.json"


def test_the_command_says_what_it_found_and_what_came_of_it(folder):
    _, printed = folder
    for told in ("600 different comments", "text column 'text'", "verdicts from column 'verdict'",
                 "480 comments to learn from, 120 to measure on", "| verdict | 120 | 40 | AUC |",
                 "The new model is better", "report.html"):  # fmt: skip
        assert told in printed


def test_the_same_input_gives_the_same_bytes(folder, table, tmp_path):
    done = train("retrain", table, "--out", tmp_path / "again", "--name", "ours", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    first, second = files(folder[0]), files(tmp_path / "again")
    assert set(first) == set(second)
    assert [name for name, data in first.items() if second[name] != data] == []


def test_a_model_that_is_not_better_is_not_written_unless_forced(folder, table, tmp_path):
    rows = publisher.decisions(400)
    scores = judge(Moderator.load(folder[0]), [row["text"] for row in rows]).overall
    for row, high in zip(rows, scores > np.median(scores), strict=True):
        row["verdict"] = "reject" if high else "approve"  # as the old model ranks them: nothing is left to learn
    known = publisher.write_table(tmp_path / "known.csv", rows)
    out = tmp_path / "worse"
    done = train("retrain", known, "--out", out, "--model", folder[0])
    assert done.returncode == 3, done.stdout
    assert "not better" in done.stdout
    assert not out.exists()
    forced = train("retrain", known, "--out", out, "--model", folder[0], "--force")
    assert forced.returncode == 0
    assert "not better" in forced.stdout
    assert Moderator.load(out).model is not None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["tests/example_comments.csv"], "no column 'verdict'"),
        (["TABLE", "--max-false-reject", "2%"], "'2%' is not a share"),
        (["TABLE", "--column", "verdict"], "ROLE=NAME"),
        (["TABLE", "--model", "nowhere"], "no model here"),
        (["TABLE", "--split", "time"], "no column of dates"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(table, tmp_path, arguments, told):
    arguments = [table if argument == "TABLE" else argument for argument in arguments]
    done = train("retrain", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_a_rule_book_of_its_own_is_refused(table, tmp_path):
    (tmp_path / "rules.toml").write_text("")
    done = train("retrain", table, "--out", tmp_path)
    assert (done.returncode, "rules.toml" in done.stderr) == (1, True)


# --- the report ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page that are open, what it refers to, and its text."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words, self.headings = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_the_report_stands_by_itself_and_has_every_section(folder):
    text = (folder[0] / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#)|@import|<script|<link", text)
    assert page.headings[0].startswith("The retrained model ranks comments better")
    # "The worst mistakes" are a section only where there are some, which the model that it starts from decides
    assert [heading for heading in page.headings[1:] if heading != "The worst mistakes"] == [
        "Before and after", "Approved against rejected", "What the model decides", "What each threshold would cost",
        "Category by category", "Words that gained and lost most weight", "Side effects", "Worth a second look",
        "What was read, and what was done with it",
    ]  # fmt: skip
    assert text.count("<svg") == 2 + 2 + 1  # histogram and costs; precision and calibration; words
    words = " ".join(page.words)
    for told in ("snorfel", "rejected falsely", "average precision"):
        assert told in words


def test_a_report_shows_mistakes_with_their_reasons_and_nothing_is_executed(given, moderator):
    texts = [f"<script>alert({row})</script> {text}" if row % 2 else text for row, text in enumerate(given.texts)]
    text = report_model(moderator, replace(given, texts=texts))
    assert "<script" not in text
    page = Page(text)
    assert "The worst mistakes" in page.headings
    words = " ".join(page.words)
    assert "stupid" in words
    assert "<script>alert(" in words


def test_every_measure_is_put_in_plain_words():
    assert PLAIN.keys() == MEASURES.keys()


def test_a_report_of_one_class_has_what_there_is(given, moderator):
    approved = given.take(np.flatnonzero(given.verdicts == 0))
    assert "What the model decides" in Page(report_model(moderator, approved)).headings


def test_evaluate_writes_a_report_of_any_table(table, tmp_path):
    done = train("evaluate", "--data", table, "--report", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    assert Page((tmp_path / "report.html").read_text(encoding="utf-8")).headings[0] == "The figures"
    refused = train("evaluate", "--data", tmp_path, "--report", tmp_path / "report.html")
    assert refused.returncode == 2


# --- a simulated publisher -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held_back(tmp_path_factory):
    """A miniature build that left out one source, and that source as a publisher."""
    folder = tmp_path_factory.mktemp("simulated")
    corpora = write_corpora(folder / "corpora")
    rows = [
        {"text": row["text"], "source": "harbour", "split": "train", "toxic": int(row["verdict"] == "reject")}
        for row in publisher.decisions(900)
    ]
    publisher.write_table(corpora / "harbour.csv", rows)
    sources = ("--corpora", corpora, "--templates", write_templates(folder / "templates"))
    done = train("build", *sources, "--out", folder / "model", "--without", "harbour")
    assert done.returncode == 0, done.stderr
    from training.corpora import read_corpora

    return simulate_publisher(read_corpora(corpora), "harbour"), Moderator.load(folder / "model")


@pytest.mark.slow
def test_a_build_leaves_a_source_out(held_back):
    source, start = held_back
    assert "harbour" not in start.model.card["corpora"]
    assert len(source.texts) == 900
    refused = train("build", "--corpora", "tests", "--out", "nowhere", "--without", "nobody")
    assert refused.returncode == 1


@pytest.mark.slow
def test_a_publisher_that_no_training_saw_gains_by_its_decisions(held_back):
    source, start = held_back
    for trial in run_trials(source, start, sizes=(300, 600)):
        assert trial.better
        assert trial.retrained > trial.before + 0.1
        assert trial.retrained >= trial.scratch - 0.01


@pytest.mark.slow
def test_turned_verdicts_are_found_three_times_as_often_as_by_chance(held_back):
    source, start = held_back
    found = list(search_flipped(source, start, size=600))
    assert {search.listed for search in found} == {30}
    assert min(search.precision for search in found) >= 0.6


@pytest.mark.slow
def test_a_retraining_is_quick_and_repeats_itself(held_back):
    seconds, same = time_retraining(*held_back)
    assert same
    assert seconds < 60
