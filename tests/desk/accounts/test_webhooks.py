"""The pages of webhooks: a secret shown once, the log, and the buttons, for admins only."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry
from wagtail.users.models import UserProfile

from mailer.outgoing_webhooks import deliver, endpoints
from mailer.outgoing_webhooks.models import WebhookEndpoint
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.logs import note_secrets

DATA = {"name": "CRM", "url": "https://crm.example.org/x", "event_types": ["mailing.finished"]}


def secret_in(page: Page) -> str:
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", page.html))
    note_secrets([secret])
    return secret


def test_a_secret_is_shown_when_it_is_made_and_never_again(desk: Desk) -> None:
    browser = as_user(desk.admin)
    page = Page(browser.post(reverse("desk_webhook_add"), DATA))
    secret = secret_in(page)
    assert "no-store" in page.response["Cache-Control"]
    endpoint = WebhookEndpoint.objects.get()
    shown = browser.get(reverse("desk_webhook", args=[endpoint.pk])).content.decode()
    assert "whsec_" not in shown
    rotated = secret_in(Page(browser.post(reverse("desk_webhook_rotate", args=[endpoint.pk]))))
    assert rotated != secret
    actions = ModelLogEntry.objects.filter(user=desk.admin, object_id=str(endpoint.pk), label="CRM")
    assert {"desk.webhook_create", "desk.webhook_rotate"} <= set(actions.values_list("action", flat=True))


def test_an_address_of_plain_http_is_refused_at_its_field(desk: Desk) -> None:
    answer = as_user(desk.admin).post(reverse("desk_webhook_add"), {**DATA, "url": "http://crm.example.org/"})
    assert "url" in answer.context["form"].errors
    assert not WebhookEndpoint.objects.exists()


def test_the_log_shows_attempts_and_a_message_is_sent_again(desk: Desk) -> None:
    now = timezone.now()
    endpoint, _ = endpoints.create("CRM", "https://127.0.0.1/", ["mailing.finished"], "lola", now)
    browser, url = as_user(desk.admin), reverse("desk_webhook", args=[endpoint.pk])
    browser.post(url, {"action": "test"})
    one = endpoint.messages.get()
    deliver.deliver_due(timezone.now, lambda: False)
    page = Page(browser.get(url))
    assert one.message_id in page.html
    assert "public internet" in page.text
    endpoint.messages.update(state="failed")
    assert ("action", "resend") in Page(browser.get(url)).controls
    browser.post(url, {"action": "resend", "message": str(one.pk)})
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("waiting", 0)
    browser.post(url, {"action": "deactivate"})
    endpoint.refresh_from_db()
    assert not endpoint.active
    actions = set(ModelLogEntry.objects.filter(user=desk.admin).values_list("action", flat=True))
    assert {"desk.webhook_test", "desk.webhook_resend", "desk.webhook_deactivate"} <= actions


@pytest.mark.parametrize("secret", ["readable", "of other keys"])
def test_why_an_attempt_failed_is_shown_in_the_language_of_the_reader(desk: Desk, secret: str) -> None:
    now = timezone.now()
    endpoint, _ = endpoints.create("CRM", "https://127.0.0.1/", ["mailing.finished"], "lola", now)
    if secret != "readable":
        WebhookEndpoint.objects.update(secret=secret.encode())
    deliver.queue_test_message(endpoint, now)
    deliver.deliver_due(timezone.now, lambda: False)
    UserProfile.objects.create(user=desk.admin, preferred_language="ru")
    page = as_user(desk.admin).get(reverse("desk_webhook", args=[endpoint.pk]))
    ((_, _, _, ((attempt, shown),)),) = page.context["rows"]
    assert attempt.error and shown != attempt.error and re.search("[а-я]", shown)
