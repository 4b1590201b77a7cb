"""The benchmark: what it compares, how it judges, and that all of it runs."""

import json

import pytest

pytest.importorskip("sklearn", reason="the benchmark compares with scikit-learn: pip install 'moderate[train]'")

from training import bench
from training.bench import compare, format_figures, measure, read_texts, take_turns


@pytest.mark.parametrize(
    ("value", "peer", "bar", "ratio", "reached"),
    [
        (300.0, ("theirs", 100.0), "at least 3", 3.0, True),
        (299.0, ("theirs", 100.0), "at least 3", 2.99, False),
        (0.2, ("theirs", 3.0), "at most 0.0667", 0.0667, True),
        (249.0, None, "at most 250", None, True),
        (251.0, None, "at most 250", None, False),
        (5.0, None, None, None, None),
    ],
)
def test_a_figure_is_judged_by_its_ratio_or_else_by_itself(value, peer, bar, ratio, reached):
    figure = compare("x", value, peer, bar=bar)
    assert figure.reached is reached
    assert figure.ratio == (None if ratio is None else pytest.approx(ratio, rel=0.01))


def test_contenders_take_turns():
    turns = []
    best = take_turns({"one": lambda: turns.append("one"), "other": lambda: turns.append("other")}, turns=2)
    assert turns == ["one", "other", "one", "other"]
    assert set(best) == {"one", "other"}


def test_comments_are_json_strings_or_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text('"one"\n"two\\nlines"\n')
    (tmp_path / "b.txt").write_text("one\n\ntwo\n")
    assert read_texts(tmp_path / "a.jsonl") == ["one", "two\nlines"]
    assert read_texts(tmp_path / "b.txt") == ["one", "", "two"]


@pytest.mark.slow
def test_the_whole_of_it_on_a_few_comments(monkeypatch):
    monkeypatch.setattr(bench, "LENGTHS", (1_000, 10_000, 100_000))
    monkeypatch.setattr(bench, "COLD_STARTS", 1)
    texts = [f"You are a complete idiot, number {number}." for number in range(300)]
    figures = measure(texts, rows=2_000)
    named = {figure.name: figure for figure in figures}
    assert named["two jobs, the same bytes (1 yes)"].reached
    assert all(figure.value > 0 for figure in figures)
    assert json.loads(bench.as_json(figures))["figures"][0]["peer"].startswith(bench.PIPELINE)
    table = format_figures(figures)
    assert all(name in table for name in named)
