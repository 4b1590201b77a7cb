"""What an operator can set, and what happens when it cannot be."""

import json
import socket
import stat

import pytest
from commands import run

from moderate import CATEGORIES, SettingsError
from moderate.serve.settings import KEYS_VARIABLE, Settings, read_secrets

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from moderate.serve.feedback import COLUMNS, FeedbackFile
from moderate.serve.perspective import Suggestion


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("192.168.1.5", False), ("moderate.example", False), ("", False)],
)  # fmt: skip
def test_local_is_what_only_this_machine_can_reach(host, local):
    assert Settings(host=host).local is local


def test_by_default_only_this_machine_can_reach_it():
    assert Settings().local


def test_settings_never_show_keys():
    assert "secret" not in repr(Settings(api_keys=("a-secret-key",), coral_secrets=("ssec_secret",)))


def test_keys_come_from_a_file_or_from_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text("# of the newsroom\nfirst-key\n\n  second-key  \n")
    assert read_secrets(file, KEYS_VARIABLE) == ("first-key", "second-key")
    monkeypatch.setenv(KEYS_VARIABLE, "third-key, fourth-key")
    assert read_secrets(None, KEYS_VARIABLE) == ("third-key", "fourth-key")
    monkeypatch.delenv(KEYS_VARIABLE)
    assert read_secrets(None, KEYS_VARIABLE) == ()


@pytest.mark.parametrize("content", ["", "# nothing\n", "short\n"])
def test_a_file_without_a_proper_key_is_an_error(tmp_path, content):
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(SettingsError, match="key"):
        read_secrets(file, KEYS_VARIABLE)
    with pytest.raises(SettingsError, match="No such file"):
        read_secrets(tmp_path / "none", KEYS_VARIABLE)


def test_what_cannot_be_is_said_in_a_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", port)
    assert done.returncode == 2
    assert done.stderr.startswith(f"moderate: error: cannot listen on 127.0.0.1:{port}: ")
    for options, message in [
        (["--api-keys", tmp_path / "none"], "No such file"),
        (["--feedback", tmp_path / "none" / "file"], "feedback cannot be written"),
        (["--model", tmp_path], "config.json"),
        (["--policy", "harsh"], "harsh"),
    ]:
        done = run("serve", "--port", 0, *options)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_missing_extra_is_named():
    code = "import sys; sys.modules['fastapi'] = None; from moderate.cli import cli; cli(['serve'])"
    import subprocess
    import sys

    from commands import ENVIRONMENT

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert "needs the extra 'serve': pip install 'moderate[serve]'" in done.stderr
    assert done.returncode == 2


# --- Feedback -------------------------------------------------------------------------------------------------------


def test_feedback_is_a_line_with_every_column_that_retraining_reads(tmp_path):
    path = tmp_path / "feedback.jsonl"
    file = FeedbackFile(path)
    file.add(Suggestion("Wörds\n\ud800", "reject", {"threat": 1, "promotion": 0}, "a site"))
    FeedbackFile(path).add(Suggestion("more", None, {}, None))
    first, second = map(json.loads, path.read_text(encoding="ascii").splitlines())
    assert list(first) == list(second) == list(COLUMNS)
    assert {*COLUMNS} >= {"text", "verdict", *CATEGORIES}
    assert (first["text"], first["verdict"], first["threat"], first["promotion"]) == ("Wörds\n\ud800", "reject", 1, 0)
    assert first["sexism"] is None
    assert second["verdict"] is None


def test_feedback_is_private(tmp_path):
    FeedbackFile(tmp_path / "feedback.jsonl")
    assert stat.S_IMODE((tmp_path / "feedback.jsonl").stat().st_mode) == 0o600


def test_a_full_disk_leaves_no_half_line():
    try:
        file = FeedbackFile("/dev/full")
    except SettingsError:
        pytest.skip("/dev/full is not there: a full disk cannot be had")
    with pytest.raises(OSError, match="No space"):
        file.add(Suggestion("text", None, {}, None))
