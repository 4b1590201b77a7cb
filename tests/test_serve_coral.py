"""Coral's external moderation phase as functions: the signature, the reading of a body, the response."""

import json

import pytest
from service import SECRET, coral_body, sign

from moderate import Category

pytest.importorskip("pydantic", reason="the extra 'serve' is not installed")

from moderate.serve.coral import _CODES, CoralRequest, is_signed, judge, respond

BODY = coral_body("Thank you for this article.")
# REJECTION_REASON_CODE of Coral's GraphQL schema.
CORAL_CODES = {
    "OFFENSIVE", "ABUSIVE", "SPAM", "BANNED_WORD", "AD", "ILLEGAL_CONTENT", "HARASSMENT_BULLYING", "MISINFORMATION",
    "HATE_SPEECH", "IRRELEVANT_CONTENT", "OTHER",
}  # fmt: skip


def decide(moderator, text):
    return judge(CoralRequest.model_validate(json.loads(coral_body(text))), moderator)


# --- The signature --------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_raw_bytes_by_the_whole_secret():
    # printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac ssec_example-of-a-secret
    header = b"sha256=e2df4ef59832aa37e524af40b283194e746d4c674d4b69d2fb53e98082ac9f9d"
    assert is_signed(b'{"a":1}', header, ["ssec_example-of-a-secret"])
    assert not is_signed(b'{"a": 1}', header, ["ssec_example-of-a-secret"])
    assert not is_signed(b'{"a":1}', header, ["example-of-a-secret"])


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256=00", sign(BODY).removeprefix("sha256="), sign(BODY).replace("sha256", "sha1"),
     sign(BODY, "ssec_another-secret"), "sha256=é", ",,,"],
)  # fmt: skip
def test_any_other_signature_is_none(header):
    assert not is_signed(BODY, header.encode(), [SECRET])


def test_one_of_several_signatures_by_one_of_several_secrets_will_do():
    rolled = sign(BODY, "ssec_the-old-one", SECRET)
    assert is_signed(BODY, rolled.encode(), [SECRET])
    assert is_signed(BODY, rolled.replace(",", ", ").encode(), ["ssec_a-third-one", SECRET])
    assert not is_signed(BODY, rolled.encode(), ["ssec_a-third-one"])
    assert not is_signed(BODY, rolled.encode(), [])


# --- The decision ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "You are a complete idiot",
        "<div>You are a complete id<b>i</b>ot</div>",
        "<div>You are a complete &#105;diot</div>",
        "<!-- you are a complete idiot -->",
        "<b title='you are a complete idiot'>Hello</b>",
        "<script>you are a complete idiot</script>",
    ],
)
def test_bodies_are_read_as_html_and_as_text(moderator, text):
    assert not decide(moderator, text).approved


@pytest.mark.parametrize("text", ["Thank you.", "<div>Thank you.<br>1 &lt; 2</div>", "", "\ud800", None])
def test_civil_and_empty_comments_pass(moderator, text):
    decision = decide(moderator, text)
    assert decision.approved
    assert respond(decision) is None


def test_rude_comments_are_withheld_and_flagged(moderator):
    assert respond(decide(moderator, "You are a complete idiot")) == {
        "status": "SYSTEM_WITHHELD",
        "actions": [{"actionType": "FLAG", "reason": "COMMENT_DETECTED_TOXIC"}],
    }


def test_advertising_is_withheld_as_spam(moderator):
    response = respond(decide(moderator, "I earn $900 a day from home! Sign up now at www.example.com/cash"))
    assert response["actions"] == [{"actionType": "FLAG", "reason": "COMMENT_DETECTED_SPAM"}]


def test_outright_rejection_has_a_reason_code(moderator):
    assert respond(decide(moderator, "You are a complete idiot"), outright=True) == {
        "status": "REJECTED",
        "actions": [{"actionType": "FLAG", "reason": "COMMENT_DETECTED_TOXIC"}],
        "moderationAction": {"status": "REJECTED", "rejectionReason": {"code": "ABUSIVE"}},
    }


def test_every_category_has_a_code_that_coral_knows():
    assert set(_CODES) == set(Category)
    assert set(_CODES.values()) <= CORAL_CODES
