"""Each service's events, as it documents them: each has its effect on the right delivery."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mailer.delivery.message_identifiers import message_id
from mailer.feedback import subscriber_signal_receivers
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, WebhookPayload
from mailer.feedback.parsing import classify
from mailer.feedback.webhooks import esp_parsers
from mailer.feedback.webhooks.esp_parsers import PARSERS
from mailer.feedback.webhooks.process_payloads import process_due
from subscribers import suppression
from subscribers.models import Subscription, Suppression
from tests import cast as everyone
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import FULL, SPAM, UNKNOWN, Mailgun, Resend, SparkPost

pytestmark = pytest.mark.django_db


@pytest.fixture
def receive(post):
    """Posts an event of a service, and processes it."""

    def send(service, event):
        assert post(service, service.post(event, timezone.now())).status_code == 200
        process_due(timezone.now(), lambda: False)
        assert not WebhookPayload.objects.exists()

    return send


@pytest.mark.parametrize(
    ("reply", "hard", "bounce_class", "reason"),
    [
        (UNKNOWN, True, "hard", "unknown_user"),
        (FULL, False, "soft", "mailbox_full"),
        # Where the service says otherwise, the server's reply decides.
        (FULL, True, "soft", "mailbox_full"),
        (SPAM, True, "block", "spam_content"),
        # Where the reply says nothing, the service's category decides.
        ("", True, "hard", "unknown_user"),
        ("", False, "soft", "temporary"),
    ],
)
def test_a_bounce_is_classified_like_one_by_mail(
    esp, receive, message, delivery, reply, hard, bounce_class, reason
) -> None:
    receive(esp, esp.bounced(message, reply, hard))
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.bounce_class, event.reason) == ("bounce", bounce_class, reason)
    assert (event.delivery, event.subscriber, event.identity) == (delivery, delivery.subscriber, "service")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("accepted", event.at)
    assert abs(event.at - message.at).total_seconds() <= 1
    assert suppression.is_suppressed(message.to) is (bounce_class == "hard")


def test_a_suppression_has_the_event_as_evidence(esp, receive, message) -> None:
    receive(esp, esp.bounced(message, UNKNOWN))
    kept = ReturnedMessage.objects.get()
    assert (kept.kind, kept.service) == ("bounce", esp.name)
    assert message.token in bytes(kept.raw).decode()
    assert FeedbackEvent.objects.get().message == kept
    evidence = Suppression.objects.get().evidence
    assert "User unknown" in evidence and esp.name in evidence


def test_a_complaint_suppresses_and_unsubscribes(esp, receive, message, delivery) -> None:
    receive(esp, esp.complained(message))
    delivery.refresh_from_db()
    assert delivery.complained_at is not None
    assert Suppression.objects.get().reason == "complaint"
    assert Subscription.objects.get().state == "unsubscribed"


def test_a_delay_has_no_effect(esp, receive, message, delivery) -> None:
    receive(esp, esp.deferred(message))
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()


def test_a_delivered_event_resolves_a_delivery_in_doubt(esp, receive, message, delivery) -> None:
    receive(esp, esp.delivered(message))
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()
    delivery.state, delivery.accepted_at, delivery.doubts = "in_doubt", None, 1
    delivery.save()
    receive(esp, esp.delivered(message))
    delivery.refresh_from_db()
    assert delivery.state == "accepted"
    assert abs(delivery.accepted_at - message.at).total_seconds() <= 1


@pytest.mark.parametrize("what", ["delivered", "deferred", "bounced", "complained"])
def test_any_event_resolves_a_delivery_in_doubt(esp, receive, message, delivery, what) -> None:
    """Also where it is due once more already: it is not sent again."""
    delivery.state, delivery.accepted_at, delivery.doubts = "deferred", None, 1
    delivery.save()
    make_event = getattr(esp, what)
    receive(esp, make_event(message, UNKNOWN) if what == "bounced" else make_event(message))
    delivery.refresh_from_db()
    assert delivery.state == "accepted"


def test_a_planned_delivery_stays_planned(esp, receive, message, delivery) -> None:
    delivery.state, delivery.accepted_at = "planned", None
    delivery.save()
    receive(esp, esp.delivered(message))
    delivery.refresh_from_db()
    assert delivery.state == "planned"


def test_an_unsubscribe_ends_the_subscription(esp_with_unsubscribes, receive, message) -> None:
    subscriber_signal_receivers.connect()
    receive(esp_with_unsubscribes, esp_with_unsubscribes.unsubscribed(message))
    assert Subscription.objects.get().state == "unsubscribed"
    assert FeedbackEvent.objects.get().kind == "unsubscribe"
    assert not Suppression.objects.exists()


def test_an_unsubscribe_without_a_delivery_is_unclassified(esp_with_unsubscribes, receive, message) -> None:
    receive(esp_with_unsubscribes, esp_with_unsubscribes.unsubscribed(message._replace(token="")))
    assert Subscription.objects.get().state == "confirmed"
    assert ReturnedMessage.objects.get().kind == "other"


def test_an_address_on_the_esps_list_is_a_soft_bounce(esp, receive, message, delivery) -> None:
    receive(esp, esp.suppressed(message))
    event = FeedbackEvent.objects.get()
    assert (event.bounce_class, event.reason) == ("soft", "on_service_list")
    assert event.rule.startswith(f"{esp.name}: ")
    delivery.refresh_from_db()
    assert delivery.bounced_at is not None
    assert not Suppression.objects.exists()


def test_a_forged_token_names_no_delivery(esp, receive, message, delivery) -> None:
    """What names another by a made-up token is about the address alone."""
    everyone.reader("bakyt")
    forged = f"{delivery.pk:x}-{'0' * 20}"
    receive(esp, esp.bounced(message._replace(token=forged, to="bakyt@example.net"), FULL))
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert FeedbackEvent.objects.get().delivery is None


def test_an_event_without_a_token_is_matched_by_message_id(esp, receive, message, delivery) -> None:
    """As where a service keeps no metadata with a late bounce: our Message-ID stands in the headers."""
    event = esp.bounced(message._replace(token=message_id(delivery.pk, "example.org")), UNKNOWN)
    receive(esp, event)
    assert FeedbackEvent.objects.get().delivery == delivery


def test_a_bounce_of_a_dry_run_does_not_suppress(esp, receive, message, delivery) -> None:
    mailing = delivery.mailing
    type(mailing).objects.create(
        snapshot=mailing.snapshot, edition=mailing.edition, dry_run_to="editor@example.org", audience=1
    ).deliveries.add(delivery, bulk=False)
    receive(esp, esp.bounced(message._replace(to="editor@example.org"), UNKNOWN))
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_every_reason_of_an_esp_is_one_of_the_rules(name) -> None:
    tables = {
        "amazon_ses": esp_parsers.AMAZON_REASONS,
        "resend": esp_parsers.AMAZON_REASONS,
        "brevo": esp_parsers.BREVO_REASONS,
        "mailgun": esp_parsers.MAILGUN_REASONS,
        "mailjet": esp_parsers.MAILJET_REASONS,
        "postmark": esp_parsers.POSTMARK_REASONS,
        "sparkpost": esp_parsers.SPARKPOST_REASONS,
    }
    assert tables[name]
    for reason in tables[name].values():
        assert classify.classification_for(reason, "", name).reason == reason


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_reports_other_than_complaints_have_no_effect(amazon, receive, message, kind) -> None:
    receive(amazon, amazon.complained(message, kind))
    assert not FeedbackEvent.objects.exists()


@pytest.mark.parametrize(
    ("kind", "bounce_class"),
    [
        ("SpamNotification", "block"),
        ("Blocked", "block"),
        ("DMARCPolicy", "block"),
        ("Unknown", "unknown"),
        ("BadEmailAddress", "hard"),
    ],
)
def test_types_of_postmark_bounces_have_their_class(postmark, receive, message, kind, bounce_class) -> None:
    receive(postmark, postmark._bounce(message, kind, ""))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


@pytest.mark.parametrize("kind", ["AutoResponder", "ChallengeVerification", "AddressChange", "OpenRelayTest"])
def test_other_types_of_postmark_are_no_bounces(postmark, receive, message, kind) -> None:
    receive(postmark, postmark._bounce(message, kind, ""))
    assert not FeedbackEvent.objects.exists()


@pytest.mark.parametrize(
    ("origin", "why", "state"),
    [
        ("Recipient", "HardBounce", "confirmed"),
        ("Admin", "ManualSuppression", "confirmed"),
        ("Recipient", "SpamComplaint", "unsubscribed"),
    ],
)
def test_changes_of_postmarks_list_that_no_subscriber_made(
    postmark, receive, message, origin, why, state
) -> None:
    receive(postmark, postmark.unsubscribed(message, origin, why))
    assert Subscription.objects.get().state == state


@pytest.mark.parametrize(
    ("why", "kind"), [("suppress-complaint", "complaint"), ("suppress-unsubscribe", "unsubscribe")]
)
def test_mailguns_list_says_why_an_address_is_on_it(
    configure, monkeypatch, receive, message, why, kind
) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    subscriber_signal_receivers.connect()
    receive(service, service.suppressed(message, why))
    assert Subscription.objects.get().state == "unsubscribed"
    assert ReturnedMessage.objects.get().kind == kind


def test_an_empty_event_of_sparkpost_is_accepted(configure, monkeypatch, receive) -> None:
    service = serve(SparkPost(), configure, monkeypatch)
    receive(service, [{"msys": {}}])
    assert not ReturnedMessage.objects.exists()


def test_a_failure_of_our_account_at_resend_is_a_block(configure, monkeypatch, receive, message) -> None:
    service = serve(Resend(), configure, monkeypatch)
    receive(service, service._event("email.failed", message, failed={"reason": "reached_daily_quota"}))
    assert FeedbackEvent.objects.get().bounce_class == "block"
