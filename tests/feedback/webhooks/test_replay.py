"""A token of Mailgun is accepted once, and no ESP's JSON exhausts the stack."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from mailer.feedback.models import FeedbackEvent, ReturnedMessage, WebhookPayload
from mailer.feedback.webhooks.process_payloads import process_due
from tests.feedback.webhooks.documented import FULL, UNKNOWN, Mailgun, Message

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def never() -> bool:
    return False


@pytest.fixture
def mailgun(configure) -> Mailgun:
    esp = Mailgun()
    configure(service={"name": esp.name, **esp.config})
    return esp


def signed_like(request, event) -> bytes:
    """Another event under the signature of a request: the body is not signed."""
    return json.dumps({"signature": json.loads(request.body)["signature"], **event}).encode()


def events(esp) -> tuple[dict, dict]:
    one, two = (Message(f"{number}-x", f"{number}@example.net", timezone.now()) for number in (1, 2))
    return esp.bounced(one, FULL, hard=False), esp.bounced(two, UNKNOWN)


def test_a_token_that_was_used_is_refused(mailgun, post) -> None:
    true, forged = events(mailgun)
    request = mailgun.post(true, timezone.now())
    assert post(mailgun, request).status_code == 200
    process_due(timezone.now(), never)
    assert post(mailgun, request._replace(body=signed_like(request, forged))).status_code == 406
    assert post(mailgun, request).status_code == 406
    assert post(mailgun, mailgun.post(forged, timezone.now())).status_code == 200
    assert WebhookPayload.objects.count() == 1


def test_a_token_used_twice_before_the_first_is_applied_counts_once(mailgun, post) -> None:
    true, forged = events(mailgun)
    request = mailgun.post(true, timezone.now())
    post(mailgun, request)
    post(mailgun, request._replace(body=signed_like(request, forged)))
    process_due(timezone.now(), never)
    assert FeedbackEvent.objects.count() == ReturnedMessage.objects.count() == 1
    assert not WebhookPayload.objects.exists()


# What is too deep is refused before any database sees it; what is kept as text is kept alike.
@pytest.mark.parametrize(
    "depth", [*(pytest.param(one, marks=pytest.mark.sqlite) for one in (60, 900)), 200_000]
)
def test_json_of_any_depth_is_answered_and_kept_for_staff_at_most(esp, post, depth: int) -> None:
    for form, end in (('{"a":', "}"), ("[", "]")):
        deep = form * depth + "1" + end * depth
        body = f'{{"deep": {deep}}}'.encode()
        bounce = esp.bounced(Message("1-x", "a@example.net", timezone.now()), UNKNOWN)
        request = esp.post(bounce, timezone.now())
        # Mailgun signs no body, passwords none at all; the others refuse it.
        if esp.name == "mailgun":
            body = request.body[:-1] + f', "more": {deep}}}'.encode()
            body = body.replace(b'"event-data"', b'"shallow"')
        assert post(esp, request._replace(body=body)).status_code < 500
    process_due(timezone.now(), never)
    assert not FeedbackEvent.objects.exists()
