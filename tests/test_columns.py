"""Decisions as plain arrays, for data frames of any library, and in words."""

import subprocess
import sys

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from commands import ENVIRONMENT

import moderate
from moderate import CATEGORIES, Category, Decision, Policy, Reason
from moderate.columns import REASON_CHARS, describe

RUDE, CIVIL = "You are a complete idiot", "Thank you for this article."


def test_to_columns_gives_plain_arrays():
    columns = moderate.to_columns([CIVIL, RUDE, ""])
    assert list(columns) == ["verdict", "categories", "score", "reason"]
    assert columns["verdict"].tolist() == ["approve", "reject", "approve"]
    assert columns["score"].dtype == np.float64
    assert columns["score"].tolist() == [decision.score for decision in moderate.classify_many([CIVIL, RUDE, ""])]
    assert columns["categories"].tolist()[1].startswith("personal_attack")
    assert all(column.shape == (3,) for column in columns.values())


def test_to_columns_adds_scores_and_takes_a_moderator():
    moderator = moderate.Moderator.load(policy=Policy(thresholds=dict.fromkeys(CATEGORIES, 1.01)))
    columns = moderate.to_columns(iter([RUDE]), moderator=moderator, scores=True)
    assert columns["verdict"].tolist() == ["approve"]
    assert columns["score_personal_attack"].dtype == np.float32
    assert [columns[f"score_{name}"][0] for name in CATEGORIES] == moderator.scores([RUDE])[0].tolist()


def test_to_columns_of_nothing_is_empty():
    assert {name: column.shape for name, column in moderate.to_columns([]).items()}["score"] == (0,)


def test_to_columns_refuses_what_is_no_text():
    with pytest.raises(TypeError, match="NoneType"):
        moderate.to_columns([CIVIL, None])


@pytest.mark.parametrize(
    "texts", [pandas.Series, polars.Series, pyarrow.array, lambda texts: pyarrow.chunked_array([texts])]
)
def test_to_columns_takes_the_columns_of_other_libraries(texts):
    assert moderate.to_columns(texts([CIVIL, RUDE]))["verdict"].tolist() == ["approve", "reject"]
    with pytest.raises(TypeError, match=r"comment 1 must be a str, not (NoneType|float)"):
        moderate.to_columns(texts([CIVIL, None]))


def test_to_columns_fits_into_frames_of_other_libraries():
    comments = {"comment": [CIVIL, RUDE]}
    columns = moderate.to_columns(comments["comment"], scores=True)
    frame = pandas.DataFrame(comments).assign(**columns)
    assert frame["verdict"].tolist() == ["approve", "reject"]
    assert frame["score_threat"].dtype == np.float32
    frame = polars.DataFrame(comments).with_columns(**columns)
    assert frame["verdict"].to_list() == ["approve", "reject"]
    assert (frame.schema["reason"], frame.schema["score"]) == (polars.String, polars.Float64)
    table = pyarrow.table({**comments, **columns})
    assert table["verdict"].to_pylist() == ["approve", "reject"]
    assert table.schema.field("reason").type == pyarrow.string()


def test_to_columns_imports_none_of_them():
    code = "import sys, moderate; moderate.to_columns(['x']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert {"pandas", "polars", "pyarrow"}.isdisjoint(done.stdout.split())


# --- In words ---------------------------------------------------------------------------------------------------


def rejected(*reasons):
    categories = tuple(dict.fromkeys(reason.category for reason in reasons)) or (Category.THREAT,)
    return Decision("reject", 0.9, {}, categories, reasons, "model")


def test_a_reason_names_the_words_of_the_strongest_category():
    text = "you utter\n fool, you fool, fool"
    insult = Reason(Category.PERSONAL_ATTACK, 0.9, "model", None, ((4, 15), (21, 25), (27, 31)))
    swearing = Reason(Category.PROFANITY, 0.8, "rule", "swearing", ((0, 3),))
    assert describe(rejected(insult, swearing), text) == 'personal_attack: "utter fool", "fool"'
    assert describe(rejected(), text) == "threat"


def test_a_reason_stays_short():
    text = "a" * 500
    reason = Reason(Category.THREAT, 0.9, "model", None, ((0, 500),))
    assert describe(rejected(reason), text) == f'threat: "{"a" * (REASON_CHARS - 1)}…"'
