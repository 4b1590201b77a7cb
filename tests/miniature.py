"""A miniature corpus written here, and `python -m training` run on it."""

import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path

from moderate import CATEGORIES
from training.calibrate import ORDINARY

ROOT = Path(__file__).parents[1]

# What the miniature comments are made of. Abuse is invented words, so that only training can have taught them.
THINGS = ["budget", "museum", "bridge", "harbour", "library", "festival", "railway", "market", "school", "river"]
CIVIL = ["The {} was opened on Monday.", "I would like to read more about the {}.", "Who pays for the {} in the end?",
         "The article says little about the {}.", "My family visits the {} every summer."]  # fmt: skip
RUDE = ["You zonkel, the {} is fine.", "Only a zonkel writes such things about the {}.",
        "Typical zonkel and grubbit {} talk.", "What a grubbit, go away with your {}."]  # fmt: skip
ADVERTS = ["Cheap {} tickets at www.snorfel.example, call now", "Buy snorfel for your {} today, 50% off",
           "Subscribe to my snorfel {} channel"]  # fmt: skip


# Templates in the place of the packaged ones, which are as many as a large corpus.
TEMPLATES = """
[groups.blonks]
kind = "racism"
plural = ["blonks", "blonk people"]
singular = ["a blonk"]

[words]
thing = ["budget", "museum", "bridge", "harbour", "library", "festival", "railway", "market", "school", "river"]
place = ["in town", "by the river", "behind the school", "at the market"]

[[set]]
labels = "hate"
texts = ["All {group} are vermin.", "Throw the {group} out of the {thing} {place}", "{group} ruin every {thing}"]

[[set]]
labels = "clean"
texts = ["Many {group} work {place}.", "{group} opened a {thing} {place}", "The {thing} {place} is old."]

[[set]]
labels = {threat = 1, toxic = 1}
texts = ["I will burn you {place}", "You will die {place}, near the {thing}"]

[[set]]
labels = "clean"
texts = ["The {thing} will burn coal {place}", "My old {thing} died {place}"]
"""


def write_templates(folder):
    """Some 200 sentences of a few moulds."""
    folder.mkdir()
    (folder / "miniature.toml").write_text(TEMPLATES, encoding="utf-8")
    return folder


def write_corpora(folder):
    """Some 300 comments; every fourth is for calibration.

    One source speaks of tone, one of promotion only, and one, by the name of a source that calibration takes for
    ordinary comments, is all clean.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["text", "split", "source", "licence", *CATEGORIES]
    tone, adverts = [], []
    for number, thing in enumerate(THINGS * 2):
        polite = "" if number < len(THINGS) else "Well. "
        for kind, sentences in (("0", CIVIL), ("1", RUDE)):
            for sentence in sentences:
                labels = dict.fromkeys(["toxic", "personal_attack"], kind)
                tone.append({"text": polite + sentence.format(thing), "source": "letters", "licence": "CC0", **labels})
        for kind, sentences in (("1", ADVERTS), ("0", CIVIL[:2])):
            for sentence in sentences:
                text = f"{polite}{sentence.format(thing)} "
                adverts.append({"text": text, "source": "pinboard", "licence": "CC0", "promotion": kind})
    clean = [
        {"text": f"{end} {sentence.format(thing)}", "source": ORDINARY[0], "toxic": "0", "promotion": "0"}
        for end in ("Indeed!", "I wonder:")
        for sentence in CIVIL[1:4]
        for thing in THINGS
    ]
    for name, rows in (("letters.csv", tone), ("pinboard.csv.gz", adverts), ("ordinary.csv", clean)):
        opener = gzip.open if name.endswith("gz") else open
        with opener(folder / name, "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({**row, "split": "dev" if place % 4 == 0 else "train"} for place, row in enumerate(rows))
    return folder


def train(*arguments):
    """Run ``python -m training`` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        env={**os.environ, "PYTHONHASHSEED": "random"},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
