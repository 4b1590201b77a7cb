"""Perspective's methods as functions: what is scored, what is refused, where spans lie."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderate import CATEGORIES

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from moderate.serve.attributes import ATTRIBUTES
from moderate.serve.perspective import ERROR_TYPE, MOST_SENTENCES, PerspectiveError, analyze, suggest
from moderate.serve.perspective_messages import AnalyzeRequest, SuggestRequest

RUDE = "You are a complete idiot and nobody wants you here."
NAMED = [
    "TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT", "SEXUALLY_EXPLICIT", "OBSCENE",
    "SPAM", "ATTACK_ON_COMMENTER", "ATTACK_ON_AUTHOR", "LIKELY_TO_REJECT",
]  # fmt: skip


def request(text=RUDE, *attributes, kind=None, **fields):
    comment = {"text": text} if kind is None else {"text": text, "type": kind}
    wanted = {name: {} for name in attributes or ("TOXICITY",)}
    return AnalyzeRequest.model_validate({"comment": comment, "requestedAttributes": wanted, **fields})


def answer(moderator, *arguments, **fields):
    return analyze(request(*arguments, **fields), moderator)[1]


def refusal(moderator, message, method=analyze):
    with pytest.raises(PerspectiveError) as caught:
        method(message, moderator)
    (detail,) = caught.value.details
    assert detail["@type"] == ERROR_TYPE
    return detail["errorType"], str(caught.value), detail


# --- analyze: the response ------------------------------------------------------------------------------------------


def test_the_response_has_what_clients_read(moderator):
    decision = moderator.classify(RUDE)
    assert answer(moderator, clientToken="t-1", languages=["en"]) == {
        "attributeScores": {
            "TOXICITY": {
                "summaryScore": {"value": pytest.approx(decision.scores["toxic"], abs=1e-6), "type": "PROBABILITY"},
                "spanScores": [
                    {
                        "begin": 0,
                        "end": len(RUDE),
                        "score": {"value": pytest.approx(decision.scores["toxic"], abs=1e-6), "type": "PROBABILITY"},
                    }
                ],
            }
        },
        "languages": ["en"],
        "detectedLanguages": ["en"],
        "clientToken": "t-1",
    }


@pytest.mark.parametrize("name", [*NAMED, *(f"{name}_EXPERIMENTAL" for name in NAMED), *CATEGORIES, "PERSONAL_ATTACK"])
def test_every_attribute_is_scored(moderator, name):
    scores = answer(moderator, RUDE, name)["attributeScores"]
    assert list(scores) == [name]
    assert 0 <= scores[name]["summaryScore"]["value"] <= 1


def test_attributes_mean_our_categories(moderator):
    scores = answer(moderator, RUDE, *NAMED)["attributeScores"]
    values = {name: found["summaryScore"]["value"] for name, found in scores.items()}
    ours = moderator.classify(RUDE)
    assert values["INSULT"] == values["ATTACK_ON_AUTHOR"] == pytest.approx(ours.scores["personal_attack"], abs=1e-6)
    assert values["LIKELY_TO_REJECT"] == pytest.approx(ours.score, abs=1e-6)
    assert values["OBSCENE"] == max(values["PROFANITY"], values["SEXUALLY_EXPLICIT"])
    assert values["SEVERE_TOXICITY"] <= values["TOXICITY"]


def test_the_table_in_the_readme_is_the_mapping_in_the_code():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| (.+?) \|", readme, flags=re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", ours)) for names, ours in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(told) == set(NAMED)
    for name, categories in told.items():
        if ATTRIBUTES[name]:
            assert categories == {category.value for category in ATTRIBUTES[name]}


def test_attributes_under_their_threshold_are_dropped(moderator):
    wanted = {"TOXICITY": {"scoreThreshold": 0.5}, "SPAM": {"scoreThreshold": 0.5}, "THREAT": None}
    scores = answer(moderator, requestedAttributes=wanted)["attributeScores"]
    assert list(scores) == ["TOXICITY", "THREAT"]


def test_attribute_scores_are_absent_when_none_is_left(moderator):
    response = answer(moderator, requestedAttributes={"SPAM": {"scoreThreshold": 0.9}})
    assert "attributeScores" not in response
    assert response["languages"] == ["en"]


def test_fields_may_be_written_as_protocol_buffers_do_and_unknown_ones_are_passed_over(moderator):
    message = AnalyzeRequest.model_validate(
        {
            "comment": {"text": RUDE},
            "requested_attributes": {"TOXICITY": {"score_type": "PROBABILITY", "score_threshold": 0}},
            "client_token": "t",
            "do_not_store": True,
            "charm": 1,
        }
    )
    assert analyze(message, moderator)[1]["clientToken"] == "t"


def test_a_text_that_no_model_reads_has_no_language(fallback):
    response = answer(fallback, RUDE)
    assert (response["languages"], response["detectedLanguages"]) == (["en"], ["und"])


# --- analyze: spans -------------------------------------------------------------------------------------------------


def spans(response, name="TOXICITY"):
    return [(span["begin"], span["end"]) for span in response["attributeScores"][name]["spanScores"]]


def utf16(text, begin, end):
    return text.encode("utf-16-le", "surrogatepass")[2 * begin : 2 * end].decode("utf-16-le", "surrogatepass")


def test_sentences_are_scored_each_for_itself_when_asked(moderator):
    text = "Thanks for the article. You complete idiot!\nBye"
    response = answer(moderator, text, spanAnnotations=True)
    assert [utf16(text, *span) for span in spans(response)] == [
        text, "Thanks for the article.", "You complete idiot!", "Bye",
    ]  # fmt: skip
    values = [span["score"]["value"] for span in response["attributeScores"]["TOXICITY"]["spanScores"]]
    assert values[2] == max(values[1:])


def test_spans_count_utf16_units(moderator):
    text = "😀 hello. You 𝐢diot. \ud83d"
    found = [utf16(text, *span) for span in spans(answer(moderator, text, spanAnnotations=True))]
    assert found == [text, "😀 hello.", "You 𝐢diot.", "\ud83d"]
    assert spans(answer(moderator, text)) == [(0, len(text) + 2)]


def test_spans_of_html_point_into_the_html(moderator):
    html = "<p>😀 A &amp; b. You id<b>i</b>ot!</p>"
    response = answer(moderator, html, kind="HTML", spanAnnotations=True)
    assert [utf16(html, *span) for span in spans(response)] == [html, "😀 A &amp; b.", "You id<b>i</b>ot!"]


def test_html_is_stripped_and_plain_text_is_not(moderator):
    text = "<i title='you complete idiot'>Thank you.</i>"
    stripped, plain = (
        answer(moderator, text, kind=kind)["attributeScores"]["TOXICITY"]["summaryScore"]["value"]
        for kind in ("HTML", "PLAIN_TEXT")
    )
    assert stripped < plain


def test_many_sentences_are_bounded(moderator):
    text = "No. " * 5000
    found = spans(answer(moderator, text, spanAnnotations=True))
    assert len(found) == 1 + MOST_SENTENCES
    assert found[-1][1] == len(text.rstrip())


@given(st.text(st.characters(codec=None), max_size=60), st.booleans())
def test_any_text_is_answered_with_spans_inside_it(text, html):
    from moderate.moderator import default_moderator

    message = request(text, kind="HTML" if html else "PLAIN_TEXT", spanAnnotations=True)
    try:
        response = analyze(message, default_moderator())[1]
    except PerspectiveError as error:
        assert error.details[0]["errorType"] == "COMMENT_EMPTY"
        return
    found = spans(response)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert found[0] == (0, units)
    assert all(0 <= begin < end <= units for begin, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found[1:]))


# --- analyze: errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comment", [None, {}, {"text": ""}, {"text": " \n"}, {"text": "<p></p>", "type": "HTML"}])
def test_empty_comments_are_refused(moderator, comment):
    message = AnalyzeRequest.model_validate({"comment": comment, "requestedAttributes": {"TOXICITY": {}}})
    assert refusal(moderator, message)[:2] == ("COMMENT_EMPTY", "Comment must be non-empty.")


def test_the_length_is_counted_in_bytes(moderator):
    assert answer(moderator, "é" * 10_240)
    assert refusal(moderator, request("é" * 10_241))[0] == "COMMENT_TOO_LONG"


@pytest.mark.parametrize("wanted", [None, {}])
def test_attributes_must_be_asked_for(moderator, wanted):
    assert refusal(moderator, request(requestedAttributes=wanted))[0] == "NO_REQUESTED_ATTRIBUTES"


def test_unknown_attributes_score_types_and_contexts_are_refused(moderator):
    assert refusal(moderator, request(RUDE, "CHARM"))[:2] == (
        "INVALID_REQUEST",
        "Unknown requested attribute: CHARM",
    )
    kind = {"TOXICITY": {"scoreType": "PERCENTILE"}}
    assert refusal(moderator, request(requestedAttributes=kind))[0] == "INVALID_REQUEST"
    both = {"entries": [{"text": "a"}], "articleAndParentComment": {"article": {"text": "b"}}}
    assert refusal(moderator, request(context=both))[0] == "INVALID_REQUEST"


def test_other_languages_are_refused_for_the_attribute(moderator):
    kind, message, detail = refusal(moderator, request(RUDE, "INSULT", languages=["en", "fr"]))
    assert kind == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
    assert message == "Attribute INSULT does not support request languages: fr"
    assert detail["languageNotSupportedByAttributeError"] == {
        "requestedLanguages": ["en", "fr"],
        "attribute": "INSULT",
    }


def test_other_languages_drop_the_attributes_when_asked(moderator):
    response = answer(moderator, languages=["fr"], dropUnsupportedAttributes=True)
    assert "attributeScores" not in response


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", "eng"])
def test_english_has_many_codes(moderator, language):
    assert answer(moderator, languages=[language])["languages"] == [language]


# --- suggestscore ---------------------------------------------------------------------------------------------------


def suggestion(moderator, scores, **fields):
    values = {name: {"summaryScore": {"value": value}} for name, value in scores.items()}
    message = {"comment": {"text": RUDE}, "attributeScores": values, **fields}
    return suggest(SuggestRequest.model_validate(message), moderator)


def test_suggested_scores_become_labels(moderator):
    found, response = suggestion(moderator, {"TOXICITY": 1, "SPAM": 0.2, "OBSCENE": 0}, clientToken="t")
    assert found.text == RUDE
    assert found.labels == {"toxic": 1, "promotion": 0, "profanity": 0, "vulgarity": 0}
    assert found.verdict is None
    assert response == {"clientToken": "t", "detectedLanguages": ["en"]}


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [({"LIKELY_TO_REJECT": 1}, "reject"), ({"LIKELY_TO_REJECT": 0}, "approve"), ({"DELETED": 1}, "reject"),
     ({"APPROVED": 1}, "approve"), ({"APPROVED": 0}, None)],
)  # fmt: skip
def test_what_became_of_a_comment_is_a_verdict(moderator, scores, verdict):
    assert suggestion(moderator, scores)[0].verdict == verdict


def test_what_a_score_does_not_say_is_left_open(moderator):
    assert suggestion(moderator, {"OBSCENE": 1})[0].labels == {}
    assert suggestion(moderator, {"SEVERE_TOXICITY": 0})[0].labels == {}
    assert suggestion(moderator, {"SEVERE_TOXICITY": 1})[0].labels == {"toxic": 1}


def test_scores_of_parts_count_when_there_is_none_of_the_whole(moderator):
    parts = [{"begin": 0, "end": 3, "score": {"value": value}} for value in (0, 1)]
    scores = {"INSULT": {"spanScores": parts}}
    assert suggestion(moderator, {}, attributeScores=scores)[0].labels == {"personal_attack": 1}


@pytest.mark.parametrize("scores", [None, {}, {"CHARM": {"summaryScore": {"value": 1}}}, {"TOXICITY": {}}])
def test_suggestions_that_say_nothing_are_refused(moderator, scores):
    message = SuggestRequest.model_validate({"comment": {"text": RUDE}, "attributeScores": scores})
    assert refusal(moderator, message, suggest)[0] == "INVALID_REQUEST"
