"""The service as it runs: its own API, errors in each API's form, limits, keys, log, metrics, page."""

import json
import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from commands import ENVIRONMENT, run
from service import SECRET, coral_body, running, sign

import moderate
from moderate import CATEGORIES

httpx = pytest.importorskip("httpx", reason="the extra 'test' is not installed")
pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

RUDE, CIVIL = "You are a complete idiot", "Thank you for this article."
KEY = "key-of-the-tests"
ANALYZE = {"comment": {"text": RUDE}, "requestedAttributes": {"TOXICITY": {}}}
POSTS = ["/v1/classify", "/v1alpha1/comments:analyze", "/comments:suggestscore", "/coral"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("serve") / "log"


@pytest.fixture(scope="module")
def service(log):
    """An open service with small limits; its address."""
    with running("--max-body", 100_000, "--read-timeout", 0.5, "--max-requests", 8, log=log) as (_, url):
        yield url


@pytest.fixture(scope="module")
def client(service):
    with httpx.Client(base_url=service) as client:
        yield client


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A service that asks for a key and for Coral's signature, keeps feedback, and rejects outright; and the file."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "secret").write_text(SECRET)
    environment = {**ENVIRONMENT, "MODERATE_API_KEYS": f"another-key,{KEY}"}
    options = ["--coral-secret", folder / "secret", "--coral-reject", "--feedback", folder / "feedback.jsonl"]
    with running(*options, environment=environment) as (_, url), httpx.Client(base_url=url) as client:
        yield client, folder / "feedback.jsonl"


def classify(client, *comments, **fields):
    return client.post("/v1/classify", json={"comments": comments, **fields})


# --- The own API ----------------------------------------------------------------------------------------------------


def test_decisions_are_those_of_the_library_in_the_same_order(client):
    comments = [RUDE, CIVIL, "", "😀 f.u.c.k", "\ud800 idiot"] * 30
    # httpx encodes to UTF-8, which half an emoji has no place in; clients in JavaScript send it as an escape
    body = json.dumps({"comments": comments}).encode("ascii")
    response = client.post("/v1/classify", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    found = response.json()["decisions"]
    for values, decision in zip(found, moderate.classify_many(comments), strict=True):
        assert values["verdict"] == decision.verdict
        assert values["score"] == pytest.approx(decision.score, abs=1e-4)
        assert values["categories"] == list(decision.categories)
        assert list(values["scores"]) == list(CATEGORIES)
        assert [reason["spans"] for reason in values["reasons"]] == [
            [list(span) for span in reason.spans] for reason in decision.reasons
        ]


def test_spans_of_html_point_into_the_html(client):
    html = "<p>You are a complete id<b>i</b>ot &amp; so on</p>"
    (decision,) = classify(client, html, html=True).json()["decisions"]
    assert decision["verdict"] == "reject"
    for reason in decision["reasons"]:
        assert reason["words"] == [html[start:end] for start, end in reason["spans"]]
    assert any("id<b>i</b>ot" in word for reason in decision["reasons"] for word in reason["words"])


def test_a_thousand_comments_are_taken_and_no_more(client):
    assert len(classify(client, *["ok"] * 1000).json()["decisions"]) == 1000
    assert classify(client).json() == {"decisions": []}
    response = classify(client, *["ok"] * 1001)
    assert response.status_code == 422
    assert "at most 1,000" in response.text


def test_info_says_what_runs_and_health_that_it_does(client):
    info = client.get("/v1/info").json()
    assert info["version"] == moderate.__version__
    assert list(info["thresholds"]) == list(info["wording"]) == info["categories"] == list(CATEGORIES)
    assert info["limits"] == {"body_bytes": 100_000, "comments": 1000, "requests": 8}
    assert client.get("/healthz").json() == {"status": "ok", "source": "model"}


# --- Errors, each in the form of its API ----------------------------------------------------------------------------


def check_form(response, path):
    body = response.json()
    if "comments:" in path:
        assert body["error"]["code"] == response.status_code
        assert body["error"]["status"].isupper()
        assert body["error"]["message"]
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert body["status"] == response.status_code
        assert body["detail"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"comments":', b"\xff\xfe\xfd", b'{"a": 1' + b"0" * 6000, b"[" * 50_000, b'"text"', b"null", b"[1]",
     b'{"comments": 1, "comment": 1}'],
)  # fmt: skip
def test_broken_and_unfitting_json_is_a_clear_error(client, path, body):
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in ({400} if "comments:" in path else {400, 422})
    check_form(response, path)


@pytest.mark.parametrize("path", POSTS)
def test_wrong_methods_types_and_sizes_are_clear_errors(client, path):
    for response, status in [
        (client.get(path), 405),
        (client.put(path, json={}), 405),
        (client.post(path, content=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415),
        (client.post(path, content=b"x" * 200_000, headers={"Content-Type": "application/json"}), 413),
    ]:
        assert response.status_code == status
        check_form(response, path)
    assert client.get(path).headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/nothing", "/v1alpha1/comments:nothing", "/v1/classify/", "/comments:analyze/"])
def test_what_is_not_there_is_not_found_and_never_redirected(client, path):
    for response in (client.get(path), client.post(path, json={})):
        assert response.status_code == 404
        check_form(response, path)


def test_where_a_request_does_not_fit_is_said_without_quoting_it(client):
    response = client.post("/v1/classify", json={"comments": ["a", {"secret": "b"}]})
    assert response.json()["errors"] == [{"field": "comments[1]", "detail": "Input should be a valid string"}]
    response = client.post("/comments:analyze", json={"comment": {"text": 123456}})
    assert response.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "comment.text"
    assert "123456" not in response.text


def test_perspectives_errors_have_their_type(client):
    response = client.post("/v1alpha1/comments:analyze", json={**ANALYZE, "comment": {"text": ""}})
    assert response.status_code == 400
    assert response.json() == {
        "error": {
            "code": 400,
            "message": "Comment must be non-empty.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error",
                    "errorType": "COMMENT_EMPTY",
                }
            ],
        }
    }


def test_a_request_without_a_content_type_is_taken_for_json(client):
    response = client.post("/v1alpha1/comments:analyze", content=json.dumps(ANALYZE))
    assert response.status_code == 200


# --- Perspective and Coral over HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/v1alpha1"])
def test_perspectives_addresses_answer_with_and_without_the_version(client, prefix):
    query = {"key": "any", "alt": "json", "prettyPrint": "false", "$.xgafv": "2"}
    body = json.dumps({**ANALYZE, "clientToken": "half \ud83d"})
    response = client.post(f"{prefix}/comments:analyze", content=body, params=query)
    assert response.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] > 0.5
    assert response.json()["clientToken"] == "half \ud83d"
    suggested = {"comment": {"text": RUDE}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}}
    assert client.post(f"{prefix}/comments:suggestscore", json={**suggested, "clientToken": "t"}).json() == {
        "clientToken": "t",
        "detectedLanguages": ["en"],
    }


def test_the_discovery_document_names_the_address_it_was_asked_at(client, service):
    document = client.get("/$discovery/rest", params={"version": "v1alpha1"}).json()
    assert document["rootUrl"] == f"{service}/"
    methods = document["resources"]["comments"]["methods"]
    assert {method["path"] for method in methods.values()} == {
        "v1alpha1/comments:analyze",
        "v1alpha1/comments:suggestscore",
    }
    assert client.get("/$discovery/rest", params={"version": "v2"}).status_code == 404


def test_the_discovery_document_has_the_messages_that_are_understood(client):
    from moderate.serve import perspective_messages

    schemas = client.get("/$discovery/rest").json()["schemas"]
    ours = {"AnalyzeCommentRequest": "AnalyzeRequest", "SuggestCommentScoreRequest": "SuggestRequest"}
    for name in [*ours, "TextEntry", "Score", "SpanScore", "AttributeScores", "AttributeParameters", "Context"]:
        model = getattr(perspective_messages, ours.get(name, name))
        assert set(schemas[name]["properties"]) == {field.alias for field in model.model_fields.values()}
    references = set(re.findall(r'"\$ref": "(\w+)"', json.dumps(schemas)))
    assert references <= set(schemas)


def test_coral_is_answered_with_204_or_with_what_to_do(closed):
    client, _ = closed
    for text, status, code in [(CIVIL, 204, None), (RUDE, 200, "ABUSIVE")]:
        body = coral_body(text)
        response = client.post("/coral", content=body, headers={"X-Coral-Signature": sign(body), **JSON})
        assert response.status_code == status
        assert response.content == b"" or response.json() == {
            "status": "REJECTED",
            "actions": [{"actionType": "FLAG", "reason": "COMMENT_DETECTED_TOXIC"}],
            "moderationAction": {"status": "REJECTED", "rejectionReason": {"code": code}},
        }


JSON = {"Content-Type": "application/json"}


# --- Keys and signatures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"X-API-Key": KEY}, ""), ({"X-Goog-Api-Key": KEY}, ""), ({"Authorization": f"Bearer {KEY}"}, ""),
     ({}, f"?key={KEY}"), ({}, "?alt=json&key=another%2Dkey")],
)  # fmt: skip
def test_a_key_may_come_in_every_usual_place(closed, headers, query):
    client, _ = closed
    assert client.post(f"/v1/classify{query}", json={"comments": [CIVIL]}, headers=headers).status_code == 200
    assert client.post(f"/v1alpha1/comments:analyze{query}", json=ANALYZE, headers=headers).status_code == 200


@pytest.mark.parametrize("query", ["", "?key=", "?key=wrong-key", "?key=%FF%00", f"?key={KEY}x", "?key=é"])
def test_without_a_known_key_nothing_is_answered(closed, query):
    client, _ = closed
    response = client.post(f"/v1/classify{query}", json={"comments": [CIVIL]})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    check_form(response, "/v1/classify")
    response = client.post(f"/v1alpha1/comments:analyze{query}", json=ANALYZE)
    assert response.status_code == (403 if query in {"", "?key="} else 400)
    check_form(response, "/v1alpha1/comments:analyze")
    assert client.get(f"/v1/info{query}").status_code == 401


def test_a_wrong_key_is_told_as_google_tells_it(closed):
    client, _ = closed
    error = client.post("/comments:analyze?key=wrong-key", json=ANALYZE).json()["error"]
    assert error["message"] == "API key not valid. Please pass a valid API key."
    assert error["details"][0]["reason"] == "API_KEY_INVALID"


def test_the_page_and_the_documents_are_open_to_everybody(closed):
    client, _ = closed
    for path in ("/", "/page.js", "/docs", "/openapi.json", "/healthz", "/metrics", "/$discovery/rest"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("signature", [None, "", "sha256=00", "another", "rolled"])
def test_coral_must_sign_and_a_key_does_not_replace_it(closed, signature):
    client, _ = closed
    body = coral_body(CIVIL)
    made = {"another": sign(body, "ssec_another"), "rolled": sign(body, "ssec_another", SECRET)}
    headers = {"X-API-Key": KEY, **JSON}
    if signature is not None:
        headers["X-Coral-Signature"] = made.get(signature, signature)
    response = client.post("/coral", content=body, headers=headers)
    assert response.status_code == (204 if signature == "rolled" else 401)


def test_without_a_secret_of_corals_its_route_asks_for_a_key_like_the_others():
    environment = {**ENVIRONMENT, "MODERATE_API_KEYS": KEY}
    with running(environment=environment) as (_, url):
        body = coral_body(CIVIL)
        assert httpx.post(f"{url}/coral", content=body, headers=JSON).status_code == 401
        assert httpx.post(f"{url}/coral?key={KEY}", content=body, headers=JSON).status_code == 204


# --- Feedback -------------------------------------------------------------------------------------------------------


def test_feedback_is_kept_where_the_operator_said_and_the_batch_reads_it(closed, tmp_path):
    client, path = closed
    message = {
        "comment": {"text": "<p>You idiot</p>", "type": "HTML"},
        "attributeScores": {"INSULT": {"summaryScore": {"value": 1}}, "DELETED": {"summaryScore": {"value": 1}}},
        "communityId": "Coral:http://localhost",
    }
    before = len(path.read_text().splitlines())
    assert client.post(f"/v1alpha1/comments:suggestscore?key={KEY}", json=message).status_code == 200
    assert client.post(f"/v1alpha1/comments:analyze?key={KEY}", json=ANALYZE).status_code == 200
    (line,) = path.read_text().splitlines()[before:]
    values = json.loads(line)
    assert values["text"].strip() == "You idiot"
    assert (values["verdict"], values["personal_attack"], values["threat"]) == ("reject", 1, None)
    assert values["community"] == "Coral:http://localhost"
    renamed = path.rename(path.with_name("copy.jsonl")).read_bytes()
    path.write_bytes(renamed)
    table = tmp_path / "feedback.jsonl"
    table.write_bytes(renamed.replace(b'"verdict"', b'"decided"'))
    assert run("batch", table, "-o", tmp_path / "out.jsonl", "--quiet").returncode == 0


# --- Limits ---------------------------------------------------------------------------------------------------------


def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def send_raw(url, data):
    """Send bytes as they are; all that comes back until the server closes."""
    with connect(url) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_a_chunked_body_is_measured_as_it_comes(service):
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = send_raw(service, HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 8)
    assert answer.startswith(b"HTTP/1.1 413 ")
    body = json.dumps({"comments": [CIVIL]}).encode()
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = send_raw(service, HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + whole)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_length_over_the_limit_is_refused_before_anything_is_sent(service):
    with connect(service) as connection:
        connection.sendall(HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_arrive_is_given_up(service):
    began = time.monotonic()
    answer = send_raw(service, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.4 < time.monotonic() - began < 5


@pytest.mark.slow
def test_a_client_that_sends_half_a_header_is_not_waited_for(service):
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda sent: send_raw(service, sent), [b"", b"POST /v1/classify HT", HEAD]))
    assert answers == [b"", b"", b""]
    assert 5 < time.monotonic() - began < 10
    assert send_raw(service, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000).startswith(b"HTTP/1.1 400 ")


def test_a_full_house_refuses_with_retry_after_and_health_still_answers(service, client):
    waiting = [connect(service) for _ in range(8)]
    try:
        for connection in waiting:
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        deadline = time.monotonic() + 5
        while (response := classify(client, CIVIL)).status_code == 200 and time.monotonic() < deadline:
            pass
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        check_form(response, "/v1/classify")
        refused = client.post("/v1alpha1/comments:analyze", json=ANALYZE)
        assert refused.json()["error"]["status"] == "UNAVAILABLE"
        assert client.get("/healthz").status_code == 200
    finally:
        for connection in waiting:
            connection.close()
    time.sleep(0.1)
    assert classify(client, CIVIL).status_code == 200


def test_large_requests_side_by_side_are_all_answered(service):
    def ask(number):
        comments = [f"{number} {RUDE}", "x" * 40_000] + [f"{number} {CIVIL}"] * 500
        response = httpx.post(f"{service}/v1/classify", json={"comments": comments}, timeout=30)
        return [decision["verdict"] for decision in response.json()["decisions"]]

    with ThreadPoolExecutor(6) as pool:
        for verdicts in pool.map(ask, range(12)):
            assert verdicts[0] == "reject"
            assert verdicts[1:] == ["approve"] * 501


# --- What the operator sees -----------------------------------------------------------------------------------------


def lines(log):
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_the_log_has_a_line_for_each_request_and_no_comment(client, log):
    headers = {"X-Request-ID": "from-the-proxy-1"}
    text = "What a zanzibarious idiot you are"
    response = client.post("/v1/classify?key=my-own-key", json={"comments": [text, CIVIL]}, headers=headers)
    assert response.headers["x-request-id"] == "from-the-proxy-1"
    client.post("/v1/classify", json={"comments": [{"zanzibarious": text}]})
    client.post("/v1alpha1/comments:analyze", json={"comment": {"text": text}, "requestedAttributes": {"ZANZI": {}}})
    client.post("/coral", content=coral_body(text), headers=JSON)
    (line,) = [line for line in lines(log) if line.get("id") == "from-the-proxy-1"]
    assert {key: line[key] for key in ("method", "route", "status", "comments", "rejected", "level")} == {
        "method": "POST",
        "route": "/v1/classify",
        "status": 200,
        "comments": 2,
        "rejected": 1,
        "level": "info",
    }
    written = log.read_text(encoding="utf-8")
    assert "zanzibarious" not in written
    assert "my-own-key" not in written


def test_the_log_has_comments_when_asked(tmp_path):
    with running("--log-text", log=tmp_path / "log") as (_, url):
        httpx.post(f"{url}/v1/classify", json={"comments": [RUDE]})
    assert [line["texts"] for line in lines(tmp_path / "log") if "texts" in line] == [[RUDE]]


def test_a_forged_request_id_is_replaced(client):
    response = client.get("/healthz", headers={"X-Request-ID": 'x" , "level": "error'})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_metrics_count_requests_comments_and_rejections(client):
    def read():
        text = client.get("/metrics").text
        return {
            name: float(value) for name, value in re.findall(r"^(moderate_[^ ]+) ([0-9.e+-]+)$", text, re.MULTILINE)
        }

    before = read()
    classify(client, RUDE, CIVIL, CIVIL)
    client.get("/nothing-of-this-name")
    after = read()

    def grown(name):
        return after[name] - before.get(name, 0)

    assert grown('moderate_requests_total{route="/v1/classify",status="200"}') == 1
    assert grown('moderate_requests_total{route="other",status="404"}') == 1
    assert grown('moderate_comments_total{verdict="approve"}') == 2
    assert grown('moderate_rejections_total{category="personal_attack"}') == 1
    assert grown('moderate_request_seconds_count{route="/v1/classify"}') == 1


def test_it_says_where_it_listens_and_who_can_reach_it(tmp_path):
    from commands import start

    for options, said, warned in [
        ([], "only this machine can reach it, for it asks for no API key", b""),
        (["--host", "0.0.0.0"], "listens on http://0.0.0.0:", b"asks for no API key"),
    ]:
        with (tmp_path / "stderr").open("wb") as stderr:
            process = start("serve", "--port", 0, *options, stderr=stderr)
            text = process.stdout.readline() + (b"" if options else process.stdout.readline())
            process.terminate()
            assert process.wait(20) == 0
            process.stdout.close()
        assert said in text.decode()
        assert warned in (tmp_path / "stderr").read_bytes()


# --- Several workers ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_share_the_port_replace_one_another_and_count_together(tmp_path):
    with running("--workers", 2, log=tmp_path / "log") as (process, url):
        with httpx.Client(base_url=url, timeout=30) as client:
            assert classify(client, RUDE).status_code == 200
        for _ in range(30):
            assert httpx.post(f"{url}/v1/classify", json={"comments": [CIVIL]}, timeout=30).status_code == 200
        assert 'moderate_requests_total{route="/v1/classify",status="200"} 31.0' in httpx.get(f"{url}/metrics").text
        time.sleep(5)  # a worker that dies at once is not replaced
        started = [
            int(line["message"].split("[")[1][:-1]) for line in lines(tmp_path / "log") if "Started" in line["message"]
        ]
        assert len(started) == 2
        os.kill(started[0], 9)
        deadline = time.monotonic() + 20
        while sum("Started" in line["message"] for line in lines(tmp_path / "log")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200
        process.terminate()
        assert process.wait(20) == 0
