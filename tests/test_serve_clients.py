"""Real clients of other people's against a running service: Google's in Python and Node, one more, and schemathesis."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ENVIRONMENT
from needs import missing
from service import running

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
discovery = pytest.importorskip("googleapiclient.discovery", reason="google-api-python-client is not installed")
from googleapiclient.errors import HttpError  # noqa: E402

ROOT = Path(__file__).parents[1]
NODE = Path(__file__).with_name("node")
KEY = "key-of-the-tests"
RUDE = "😀 You are a complete idiot. Thanks."
REQUEST = {
    "comment": {"text": RUDE},
    "requestedAttributes": {"TOXICITY": {}, "SPAM": {"scoreThreshold": 0.5}},
    "spanAnnotations": True,
    "languages": ["en"],
    "clientToken": "token",
}


@pytest.fixture(scope="module")
def url():
    with running(environment={**ENVIRONMENT, "MODERATE_API_KEYS": KEY}) as (_, url):
        yield url


# --- Google's client for Python -------------------------------------------------------------------------------------


@pytest.fixture(params=["build_from_document", "discoveryServiceUrl"])
def client(request, url):
    if request.param == "discoveryServiceUrl":
        return discovery.build(
            "commentanalyzer",
            "v1alpha1",
            developerKey=KEY,
            discoveryServiceUrl=f"{url}/$discovery/rest?version=v1alpha1",
            static_discovery=False,
        )
    import httplib2

    _, content = httplib2.Http().request(f"{url}/$discovery/rest?version=v1alpha1")
    return discovery.build_from_document(json.loads(content), developerKey=KEY)


def test_googles_client_scores_a_comment(client):
    response = client.comments().analyze(body=REQUEST).execute()
    assert response["clientToken"] == "token"
    (name,) = response["attributeScores"]
    scores = response["attributeScores"][name]
    assert name == "TOXICITY"
    assert scores["summaryScore"]["value"] > 0.5
    assert [(span["begin"], span["end"]) for span in scores["spanScores"]] == [(0, 36), (0, 28), (29, 36)]


def test_googles_client_suggests_a_score(client):
    body = {
        "comment": {"text": RUDE},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}},
        "clientToken": "t2",
    }
    assert client.comments().suggestscore(body=body).execute()["clientToken"] == "t2"


def test_googles_client_understands_the_errors(client):
    body = {**REQUEST, "languages": ["fr"]}
    with pytest.raises(HttpError, match="Attribute TOXICITY does not support request languages: fr") as caught:
        client.comments().analyze(body=body).execute()
    assert caught.value.status_code == 400
    assert caught.value.error_details[0]["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"


def test_googles_client_without_a_key_is_refused(url):
    document = json.dumps({**json.loads(_get(f"{url}/$discovery/rest")), "rootUrl": f"{url}/"})
    with pytest.raises(HttpError) as caught:
        discovery.build_from_document(document).comments().analyze(body=REQUEST).execute()
    assert caught.value.status_code == 403


def _get(url):
    import urllib.request

    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read()


# --- Clients for Node -----------------------------------------------------------------------------------------------


def run_node(script, *arguments):
    node = shutil.which("node")
    if node is None:
        missing("node is not installed: the clients for Node are not tried")
    if not (NODE / "node_modules").is_dir():
        missing("the clients for Node are not installed: npm install --prefix tests/node")
    done = subprocess.run(
        [node, NODE / script, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=NODE
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_googleapis_for_node(url):
    found = run_node("googleapis.js", url, RUDE)
    assert found["analyzed"]["clientToken"] == "token"
    assert found["analyzed"]["attributeScores"]["TOXICITY"]["summaryScore"]["value"] > 0.5
    assert found["suggested"] == {"clientToken": "t2", "detectedLanguages": ["en"]}
    assert found["refused"] == {"status": 400, "message": "Comment must be non-empty."}


def test_perspective_api_client_for_node(url):
    found = run_node("perspective.js", url, RUDE)
    assert sorted(found["analyzed"]["attributeScores"]) == ["INSULT", "PERSONAL_ATTACK", "TOXICITY"]
    assert found["refused"] == {"name": "ResponseError", "message": "Unknown requested attribute: CHARM"}


# --- schemathesis ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_the_openapi_document_says_holds(tmp_path):
    program = Path(sys.executable).with_name("schemathesis")
    if not program.is_file():
        missing("schemathesis is not installed: the OpenAPI document is not tried")
    with running() as (_, url):
        done = subprocess.run(
            [program, "--config-file", ROOT / "tests" / "schemathesis.toml", "run", f"{url}/openapi.json"],
            capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "8 selected / 8 total" in done.stdout
