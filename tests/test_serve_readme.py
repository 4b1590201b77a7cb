"""What the README says of the service, done as it says."""

import json
import re
import shlex
from pathlib import Path

import pytest
from commands import command
from needs import missing
from service import SECRET, coral_body, running, sign

httpx = pytest.importorskip("httpx", reason="the extra 'test' is not installed")
pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
discovery = pytest.importorskip("googleapiclient.discovery", reason="google-api-python-client is not installed")

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## As a service")[2].partition("\n## ")[0]
ADDRESS = "http://127.0.0.1:8000"


def block(language):
    return re.search(rf"^```{language}\n(.*?)^```", SECTION, flags=re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A service started with the options of the README's line for Coral."""
    file = tmp_path_factory.mktemp("coral") / "secret"
    file.write_text(SECRET)
    (line,) = [line for line in block("text").splitlines() if line.startswith("moderate serve")]
    options = shlex.split(line.replace("FILE", str(file)))[2:]
    with running(*options) as (_, url):
        yield url


def test_the_curl_line_classifies(url):
    import shutil
    import subprocess

    if shutil.which("curl") is None:
        missing("curl is not installed: the README's line is not tried")
    (line,) = [line for line in block("console").splitlines() if line.startswith("curl")]
    done = subprocess.run(shlex.split(line.replace(ADDRESS, url)), capture_output=True, text=True, check=True)
    assert [decision["verdict"] for decision in json.loads(done.stdout)["decisions"]] == ["reject", "approve"]


def test_the_lines_for_coral_make_it_answer(url):
    (callback,) = [line for line in block("text").splitlines() if line.startswith("http")]
    body = coral_body("You are a complete idiot")
    headers = {"Content-Type": "application/json", "X-Coral-Signature": sign(body)}
    response = httpx.post(callback.replace(ADDRESS, url), content=body, headers=headers)
    assert response.json()["status"] == "SYSTEM_WITHHELD"


def test_the_line_for_perspectives_clients_is_all_that_they_change(url):
    import googleapiclient.discovery

    names = {"googleapiclient": googleapiclient, "API_KEY": "any"}
    exec(block("py").replace(ADDRESS, url), names)
    request = {"comment": {"text": "You idiot"}, "requestedAttributes": {"TOXICITY": {}}}
    assert names["client"].comments().analyze(body=request).execute()["attributeScores"]["TOXICITY"]


def test_coral_s_own_perspective_filter_finds_its_endpoint(url):
    (endpoint,) = re.findall(r"custom endpoint is `([^`]+)`", SECTION)
    request = {"comment": {"text": "You idiot"}, "requestedAttributes": {"TOXICITY": {}}, "languages": ["en"]}
    assert httpx.post(f"{endpoint.replace(ADDRESS, url)}/comments:analyze?key=k", json=request).status_code == 200


def test_the_options_that_are_named_exist():
    import subprocess

    shown = subprocess.run([*command("serve"), "--help"], capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"(?<![-|])--[a-z][a-z-]+", SECTION))
    assert named
    assert all(option in shown for option in named)
