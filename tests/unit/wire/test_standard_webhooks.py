"""Our signatures, judged by the standard's own library."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from sidecar.wire.standard_webhooks import SecretInvalid, headers, key_of, new_secret

BODY = '{"type":"conference.ended","data":{"reason":"naïve 😀"}}'.encode()


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())  # noqa: TID251 - the library compares with the machine's clock


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    st.from_regex(r"evt_[0-9A-Z]{26}", fullmatch=True),
)
def test_what_we_sign_the_library_verifies(data: dict[str, object], message_id: str) -> None:
    secret = new_secret()
    body = json.dumps(data).encode()
    assert Webhook(secret).verify(body, headers(message_id, now_s(), body, [secret])) == data


def test_each_of_two_valid_secrets_verifies_and_no_other() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    signed = headers("evt_1", now_s(), BODY, [new, old])
    assert len(signed["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(secret).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, signed)


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_a_signature_is_for_these_bytes_this_id_and_this_time(change: str) -> None:
    secret = new_secret()
    signed = headers("evt_1", now_s(), BODY, [secret])
    body = BODY + b" " if change == "body" else BODY
    if change == "webhook-id":
        signed[change] = "evt_2"
    if change == "webhook-timestamp":
        signed[change] = str(now_s() - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, signed)


def test_an_old_attempt_is_refused_by_its_time() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError, match="old"):
        Webhook(secret).verify(
            BODY, headers("evt_1", now_s() - int(timedelta(minutes=6).total_seconds()), BODY, [secret])
        )


def test_the_same_signature_as_the_library_makes() -> None:
    secret = new_secret()
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ours = headers("evt_1", int(moment.timestamp()), BODY, [secret])["webhook-signature"]
    assert ours == Webhook(secret).sign("evt_1", moment, BODY.decode())


def test_an_id_with_a_dot_could_be_read_in_two_ways() -> None:
    with pytest.raises(ValueError, match="dots"):
        headers("evt.1", 1, BODY, [new_secret()])


@given(st.binary(max_size=80))
def test_a_secret_has_the_bytes_that_the_standard_allows(key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    if 24 <= len(key) <= 64:
        assert key_of(secret) == key
    else:
        with pytest.raises(SecretInvalid):
            key_of(secret)


@given(st.text())
def test_any_text_is_a_secret_or_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SecretInvalid) as invalid:
        key_of("not a secret" + text)
    assert "not a secret" not in str(invalid.value)
