"""Decisions in Apache Spark, on a real one: two task slots on this machine, each task tried four times."""

import contextlib
import importlib.util
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import ENVIRONMENT

import moderate.moderator
from moderate import InputError, Moderator, Policy, PolicyError
from moderate.columns import describe_all

if shutil.which("java") is None or importlib.util.find_spec("pyspark") is None:
    pytest.skip("Spark needs Java (openjdk-17-jre-headless) and pyspark (extra spark)", allow_module_level=True)

import pyarrow as pa
import pyarrow.parquet as pq

import moderate.spark.__main__
from moderate.spark import moderate_dataframe, moderate_udf
from moderate.spark.command import main
from moderate.spark.files import format_of
from moderate.spark.frames import free_names
from moderate.spark.worker import Recipe, Settings, decide, decide_batches, load_moderator, read_texts

pytestmark = pytest.mark.slow

ROWS = 200_000
PART = ROWS // 8  # rows of a file
ADDED = ["verdict", "categories", "score", "reason", "source", "error"]
OPENINGS = ["Honestly,", "As I said before,", "With respect,", "😀", "Once more for the slow ones:", "\n", ""]
SENTENCES = [
    "you are a complete idiot", "thank you for this article", "the council should publish the figures",
    "buy cheap watches at www.example.com", "I will find you and you will regret it", "this is sh1t",
    "the mayor's plan is foolish, and here is why", "женщины в науке", "go back to where you came from",
    "subscribe to my channel for more", "what a load of crap", "👩‍👩‍👧 und Grüße aus Köln", "   ",
]  # fmt: skip


@pytest.fixture(scope="session")
def texts():
    """Sentences of ours, put together at random; most occur once."""
    chance = random.Random(9)
    return [
        f"{chance.choice(OPENINGS)} {chance.choice(SENTENCES)} {chance.randrange(10**6)} {chance.choice(SENTENCES)}"
        if chance.random() < 0.98
        else chance.choice(["", " ", "😀", "\u200b"])
        for _ in range(ROWS)
    ]


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = ENVIRONMENT["PYTHONPATH"]
    builder = SparkSession.builder.master("local[2,4]").appName("tests").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.ui.showConsoleProgress", "false")
    session = builder.config("spark.local.dir", str(tmp_path_factory.mktemp("spark"))).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def archive(spark, texts, tmp_path_factory):
    """The comments as Parquet in eight files, and one row in a thousand null."""
    folder = tmp_path_factory.mktemp("archive") / "comments.parquet"
    folder.mkdir()
    for part in range(8):
        numbers = range(part * PART, (part + 1) * PART)
        comments = [None if number % 1000 == 7 else texts[number] for number in numbers]
        pq.write_table(pa.table({"id": list(numbers), "comment": comments}), folder / f"part-{part}.parquet")
    return folder


@pytest.fixture(scope="session")
def expected(moderator, texts):
    """What each row must become; the reason by the way that the batch takes."""
    decisions = moderator.classify_many(texts)
    reasons = [reason for outcome in moderator.outcomes(texts) for reason in describe_all(outcome)]
    return [
        (decision.verdict, [str(category) for category in decision.categories], decision.score, reason, decision.source)
        for decision, reason in zip(decisions, reasons, strict=True)
    ]


def check(table, expected, rows=ROWS):
    """Each of the first rows once, and equal to what `classify_many` decided."""
    found = sorted(zip(*(table.column(name).to_pylist() for name in ["id", *ADDED]), strict=True))
    assert [row[0] for row in found] == list(range(rows))
    for number, *decided, error in found:
        if number % 1000 == 7:
            assert (decided, error) == ([None] * 5, "null where text was expected")
        else:
            assert (tuple(decided), error) == (expected[number], None)


def parts(archive):
    """The first two files."""
    return [str(archive / f"part-{part}.parquet") for part in range(2)]


def collect(frame, folder):
    frame.write.mode("overwrite").parquet(str(folder))
    return pq.read_table(folder)


# --- Data frames ------------------------------------------------------------------------------------------------


def test_every_row_equals_classify_many(spark, archive, expected, tmp_path):
    frame = moderate_dataframe(spark.read.parquet(str(archive)), "comment")
    assert frame.columns == ["id", "comment", *ADDED]
    table = collect(frame, tmp_path / "out")
    check(table, expected)
    assert {"approve", "reject"} == set(table.column("verdict").to_pylist()) - {None}


def test_without_reasons_all_else_is_the_same(spark):
    df = spark.createDataFrame([("You idiot",), ("Thank you.",), (None,)], ["reason"])
    frame = moderate_dataframe(df, "reason", reason=False)
    assert frame.columns == ["reason", *(name for name in ADDED if name != "reason")]
    whole = moderate_dataframe(df, "reason").drop("moderate_reason")
    assert frame.collect() == whole.collect()


def test_udf_gives_a_struct(spark, archive, expected, tmp_path):
    frame = spark.read.parquet(str(archive)).where("id < 20000").withColumn("decision", moderate_udf("comment"))
    for row in collect(frame, tmp_path / "out").to_pylist():
        verdict, categories, score, _, source = [None] * 5 if row["id"] % 1000 == 7 else expected[row["id"]]
        fields = {"verdict": verdict, "score": score, "categories": categories, "source": source}
        assert row["decision"] == fields


def test_udf_in_sql_with_a_policy(spark):
    text = "This is crap."
    spark.udf.register("moderate", moderate_udf(policy="strict"))
    (row,) = (
        spark.createDataFrame([(text,)], ["text"])
        .selectExpr("moderate(text).verdict v", "moderate(text).score s")
        .collect()
    )
    decision = Moderator.load(policy="strict").classify(text)
    assert (row.v, row.s) == (decision.verdict, decision.score)


def test_a_folder_and_a_policy_of_ones_own(spark, tmp_path):
    folder = tmp_path / "my model"
    shutil.copytree(moderate.moderator.DATA, folder)
    (folder / "second_look.csv").write_text("a comment that must stay at home")
    policy = tmp_path / "policy.toml"
    policy.write_text("[thresholds]\npersonal_attack = 1.01\nprofanity = 1.01\ntoxic = 1.01\n", encoding="utf-8")
    text = "You are a complete idiot"
    df = spark.createDataFrame([(text,)], ["text"])
    sent = moderate_dataframe(df, "text", model=folder, policy=policy).first()
    shared = moderate_dataframe(df, "text", model=folder, policy=policy, ship_model=False).first()
    own = Moderator.load(folder, Policy.from_toml(policy)).classify(text)
    assert (sent.verdict, sent.score) == (shared.verdict, shared.score) == (own.verdict, own.score)
    assert moderate_dataframe(df, "text").first().verdict != own.verdict

    def look(batches):
        from pyspark import SparkFiles

        for _ in batches:
            found = sorted(str(path.name) for path in Path(SparkFiles.getRootDirectory()).glob("moderate-model-*/*"))
            yield pa.RecordBatch.from_pydict({"name": found})

    names = {row.name for row in df.mapInArrow(look, "name string").collect()}
    assert {"config.json", "rules.toml"} < names
    assert "second_look.csv" not in names


def test_columns_of_every_kind_pass_through(spark):
    df = spark.range(3).selectExpr(
        "id", "'fine' comment", "array(id, null) list", "map('a', id) map", "struct(id, 'x' y) struct",
        "cast(1.5 as decimal(5,2)) decimal", "timestamp '2026-11-25 01:02:03' time", "date '2026-11-25' day",
        "cast(null as int) nothing", "cast('ab' as binary) bytes", "1 error", "2 `Verdict`", "3 `a.b`",
    )  # fmt: skip
    frame = moderate_dataframe(df, "comment")
    assert frame.schema.fields[: len(df.columns)] == df.schema.fields
    names = ["moderate_verdict", *ADDED[1:-1], "moderate_error"]
    assert frame.columns == [*df.columns, *names]
    assert [row[: len(df.columns)] for row in frame.collect()] == [tuple(row) for row in df.collect()]
    assert {row.moderate_verdict for row in frame.collect()} == {"approve"}


def test_bytes_that_are_no_text_are_an_error_of_their_row(spark):
    df = spark.sql("select * from values ('You idiot'), (cast(unhex('61FF62') as string)), (null) as t(comment)")
    rows = moderate_dataframe(df, "comment").collect()
    assert [row.verdict for row in rows] == ["reject", None, None]
    assert [row.error for row in rows] == [
        None, "bytes that are not UTF-8 text, from byte 2 on", "null where text was expected",
    ]  # fmt: skip


def test_what_cannot_be_done_is_said_before_a_job_starts(spark, tmp_path):
    df = spark.createDataFrame([(1, "a")], ["id", "comment"])
    with pytest.raises(InputError, match="no column 'text'; there are 'id', 'comment'"):
        moderate_dataframe(df, "text")
    with pytest.raises(InputError, match="column 'id' holds bigint, not strings"):
        moderate_dataframe(df, "id")
    with pytest.raises(InputError, match="2 columns 'comment'"):
        moderate_dataframe(df.join(df.select("comment")), "comment")
    with pytest.raises(PolicyError, match="no-such"):
        moderate_dataframe(df, "comment", policy="no-such")
    with pytest.raises(moderate.ModelError):
        moderate_dataframe(df, "comment", model=tmp_path)


def test_udf_on_a_column_of_numbers_says_so(spark):
    with pytest.raises(Exception, match="comments must be strings, not int"):
        spark.range(1).select(moderate_udf("id")).collect()


def test_the_lines_of_the_readme(spark, archive, tmp_path):
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```py\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "moderate.spark" in block)
    code = code.replace("comments.parquet", parts(archive)[0]).replace("decided.parquet", str(tmp_path / "out"))
    exec(compile(code, "README", "exec"), {"spark": spark})
    assert pq.read_table(tmp_path / "out").num_rows == PART


# --- Faults -----------------------------------------------------------------------------------------------------


def test_a_task_that_fails_is_tried_again(spark, archive, expected, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()

    def fail_once(batches):
        for number, batch in enumerate(batches):
            first = batch.column(0)[0].as_py()
            if number == 1 and not (mark := marks / str(first)).exists():
                mark.touch()
                raise RuntimeError("on purpose")
            yield batch

    df = spark.read.parquet(*parts(archive))
    frame = moderate_dataframe(df.mapInArrow(fail_once, df.schema), "comment")
    check(collect(frame, tmp_path / "out"), expected, 2 * PART)
    assert len(list(marks.iterdir())) >= 2


def workers():
    """Process ids of the Python workers that Spark has forked for this session."""
    parents, daemons = {}, set()
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            number = int(folder.name)
            parents[number] = int(re.search(r"PPid:\s+(\d+)", (folder / "status").read_text())[1])
            if b"pyspark.daemon" in (folder / "cmdline").read_bytes():
                daemons.add(number)

    def is_ours(number):
        while number in parents and number != os.getpid():
            number = parents[number]
        return number == os.getpid()

    return [number for number in daemons if parents[number] in daemons and is_ours(number)]


def test_a_killed_worker_is_replaced(spark, archive, expected, tmp_path):
    began, go = tmp_path / "began", tmp_path / "go"

    def wait(batches):
        for number, batch in enumerate(batches):
            if number == 1:
                began.touch()
                deadline = time.monotonic() + 30
                while not go.exists() and time.monotonic() < deadline:
                    time.sleep(0.02)
            yield batch

    df = spark.read.parquet(*parts(archive))
    frame = moderate_dataframe(df.mapInArrow(wait, df.schema), "comment")
    killed = []

    def kill():
        while not began.exists():
            time.sleep(0.02)
        for number in workers():
            os.kill(number, signal.SIGKILL)
            killed.append(number)
        go.touch()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    check(collect(frame, tmp_path / "out"), expected, 2 * PART)
    thread.join(timeout=10)
    assert killed
    assert not set(killed) & set(workers())


def peaks():
    return {
        number: int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{number}/status").read_text())[1]) / 1024
        for number in workers()
    }


def test_memory_of_a_worker_does_not_grow(spark, archive):
    frame = moderate_dataframe(spark.read.parquet(str(archive)), "comment")
    for _ in range(2):  # so that each worker has met every part
        frame.write.format("noop").mode("overwrite").save()
    before = peaks()
    for _ in range(3):
        frame.write.format("noop").mode("overwrite").save()
    after = peaks()
    same = before.keys() & after.keys()
    assert same
    for number in same:
        assert after[number] < before[number] + 25  # MB, after 600,000 rows more
        assert after[number] < 400


def test_the_model_is_loaded_once_in_a_worker(spark):
    settings = Settings(text=1, names=("id", "comment", *ADDED))

    def spy(batches):
        from moderate.spark.worker import load_moderator

        list(decide_batches(batches, settings))
        yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loaded": [load_moderator.cache_info().misses]})

    df = spark.range(64).selectExpr("id", "'you idiot' comment").repartition(16)
    rows = df.mapInArrow(spy, "pid long, loaded long").collect()
    assert len(rows) == 16 > len({row.pid for row in rows})
    assert {row.loaded for row in rows} == {1}


# --- The command ------------------------------------------------------------------------------------------------


def run(*arguments):
    """The command, in this process and its session."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_spark_submit_on_parquet(archive, expected, tmp_path):
    submit = Path(importlib.util.find_spec("pyspark").origin).parent / "bin" / "spark-submit"
    options = ["--master", "local[2]", "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.host=127.0.0.1"]
    options += ["--conf", "spark.ui.showConsoleProgress=false"]  # its lines would run into ours
    program = [moderate.spark.__main__.__file__, parts(archive)[0], str(tmp_path / "out"), "--text-column", "comment"]
    environment = {**ENVIRONMENT, "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [str(submit), *options, *program], capture_output=True, text=True, env=environment, timeout=200, check=False
    )
    assert done.returncode == 1, done.stderr  # the nulls
    assert re.search(rf"^rows +{PART:,} ", done.stdout, re.MULTILINE)  # spark-submit moves our stderr there
    assert re.search(r"^problems +25 ", done.stdout, re.MULTILINE)
    check(pq.read_table(tmp_path / "out"), expected, PART)


def test_csv_keeps_bad_rows_and_blank_comments(spark, tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out"
    source.write_bytes(
        b'id,comment,day\n1,You idiot,mon\n2,,mon\n3,"he said ""no"" and\nleft",tue\n4,too,many,fields\n5\n6,"",tue\n'
        b"7,\xf0\x9f\x98\x80,tue\n"
    )
    done = run(source, output, "--partition-by", "day")
    assert done.exit_code == 1, done.output
    rows = {row["id"]: row for row in pq.read_table(output).to_pylist()}
    assert {key: (row["verdict"], row["error"]) for key, row in rows.items()} == {
        "1": ("reject", None), "2": ("approve", None), "3": ("approve", None), "6": ("approve", None),
        "7": ("approve", None),
        "4": (None, "cannot be read: 4,too,many,fields"), "5": (None, "cannot be read: 5"),
    }  # fmt: skip
    assert (rows["3"]["comment"], rows["7"]["comment"]) == ('he said "no" and\nleft', "😀")
    assert (output / "day=mon").is_dir()
    assert (output / "_SUCCESS").exists()


def test_json_keeps_bad_rows(spark, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    lines = [json.dumps({"id": number, "comment": text}) for number, text in enumerate(["You idiot", None, "", "😀"])]
    source.write_text("\n".join([*lines, '{"id": 4, "comm', ""]), encoding="utf-8")
    done = run(source, output)
    assert done.exit_code == 1, done.output
    rows = pq.read_table(output).to_pylist()
    assert [(row["verdict"], row["error"]) for row in rows] == [
        ("reject", None), (None, "null where text was expected"), ("approve", None), ("approve", None),
        (None, 'cannot be read: {"id": 4, "comm'),
    ]  # fmt: skip


def contents(folder):
    return sorted(map(str, pq.read_table(folder).to_pylist()))


def test_a_rerun_changes_nothing(spark, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text('{"comment": "You idiot", "day": "mon"}\n{"comment": "Thanks", "day": "tue"}\n')
    assert run(source, output, "--partition-by", "day").exit_code == 0
    first = contents(output)
    assert run(source, output, "--partition-by", "day").exit_code == 0
    assert contents(output) == first
    assert run(source, output, "--mode", "error").exit_code == 2
    assert contents(output) == first
    (tmp_path / "tuesday.jsonl").write_text('{"comment": "Thank you", "day": "tue"}\n')
    arguments = ["--partition-by", "day", "--mode", "overwrite-partitions", "--quiet"]
    assert run(tmp_path / "tuesday.jsonl", output, *arguments).output == ""
    assert pq.read_table(output).column("comment").to_pylist() == ["You idiot", "Thank you"]


def test_what_the_command_refuses(spark, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"comment": "You idiot", "number": 1}\n')
    for arguments, message in [
        ((tmp_path / "nothing.csv", tmp_path / "out"), "nothing.csv"),
        ((source, tmp_path / "out", "--text-column", "body"), "no column 'body'"),
        ((source, tmp_path / "out", "--text-column", "number"), "holds bigint, not strings"),
        ((source, tmp_path / "out", "--partition-by", "day"), "--partition-by: no column 'day'"),
        ((source, tmp_path / "out", "--policy", "no-such"), "there is no such file"),
        ((source, source), "the input itself"),
        ((f"{tmp_path}/*.jsonl", tmp_path), "the input itself"),
        ((tmp_path, tmp_path / "out", "--format", "json"), "the input itself, or a part of it"),
    ]:
        done = run(*arguments)
        assert (done.exit_code, message in done.output) == (2, True), done.output
    assert source.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("code", "path", "message"),
    [
        ("sys.modules['pyspark'] = None", os.environ["PATH"], r"pip install 'moderate\[spark\]'"),
        ("os.environ.pop('JAVA_HOME', None)", str(Path(sys.executable).parent), "is there a Java 17"),
    ],
    ids=["no pyspark", "no Java"],
)
def test_what_is_missing_is_named(tmp_path, code, path, message):
    program = f"import os, runpy, sys; {code}; runpy.run_module('moderate.spark', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(tmp_path / "out")],
        capture_output=True, text=True, env={**ENVIRONMENT, "PATH": path}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


# --- Without a session ------------------------------------------------------------------------------------------


def test_only_plain_settings_travel():
    recipe = Recipe.of(None, Policy.named("strict").with_thresholds({"threat": 0.5}))
    pickled = pickle.dumps(Settings(text=0, names=("comment", *ADDED), recipe=recipe))
    assert len(pickled) < 1000
    assert pickle.loads(pickled).recipe == recipe
    assert load_moderator(recipe) is load_moderator(pickle.loads(pickled).recipe)
    assert (
        load_moderator(recipe).thresholds
        == Moderator.load(policy=Policy.named("strict").with_thresholds({"threat": 0.5})).thresholds
    )


def test_an_empty_batch(moderator):
    assert [len(column) for column in decide(*read_texts(pa.array([], pa.string())), moderator).values()] == [0] * 6


def test_names_that_are_taken():
    assert free_names(["Score", "moderate_score"]) == (
        "verdict", "categories", "moderate_moderate_score", "reason", "source", "error",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "format_"),
    [("a.csv.gz", "csv"), ("s3a://b/c/*.jsonl", "json"), ("hdfs://x.csv/comments/", "parquet"), ("x.TSV", "tsv")],
)
def test_format_by_name(path, format_):
    assert format_of(path) == format_
