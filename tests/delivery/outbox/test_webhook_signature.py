"""Signatures of outgoing webhooks, verified by the reference implementation of Standard Webhooks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mailer.delivery.outbox.webhook_signature import new_secret, parse_secret, signed_headers

BODY = '{"kind": "relay_unreachable", "text": "Почта стоит."}'.encode()


def test_the_receivers_library_accepts_a_signature() -> None:
    secret = new_secret()
    headers = signed_headers(BODY, "alert_7", datetime.now(UTC), [secret])
    assert Webhook(secret).verify(BODY, headers)["kind"] == "relay_unreachable"


def test_both_secrets_verify_while_one_replaces_the_other() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers(BODY, "alert_7", datetime.now(UTC), [new, old])
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("change", ["body", "id", "time", "secret", "age"])
def test_a_forged_or_old_request_is_refused(change: str) -> None:
    secret = new_secret()
    at = datetime.now(UTC) - timedelta(hours=change == "age")
    headers = signed_headers(BODY, "alert_7", at, [secret])
    body = BODY.replace(b"relay", b"delay") if change == "body" else BODY
    if change == "id":
        headers["webhook-id"] = "alert_8"
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret() if change == "secret" else secret).verify(body, headers)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_???",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
def test_a_bad_secret_is_an_error_that_does_not_repeat_it(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret") as caught:
        parse_secret(secret)
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)


def test_an_id_cannot_move_the_border_between_the_signed_parts() -> None:
    with pytest.raises(ValueError, match="full stop"):
        signed_headers(BODY, "alert.7", datetime.now(UTC), [new_secret()])
