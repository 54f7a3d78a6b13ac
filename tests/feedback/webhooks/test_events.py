"""Each service's events, as it documents them: the right one on the right delivery."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mailer.delivery.identifiers import message_id
from mailer.feedback import subscriber_hooks
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.parsing import classify
from mailer.feedback.webhooks.models import ServicePost
from mailer.feedback.webhooks.process import work_off
from mailer.feedback.webhooks.services import (
    HOOKS,
    amazon_ses,
    brevo,
    mailgun,
    mailjet,
    postmark,
    sparkpost,
)
from subscribers import suppression
from subscribers.models import Subscription, Suppression
from tests import cast as everyone
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import FULL, SPAM, UNKNOWN, Mailgun, Resend, SparkPost

pytestmark = pytest.mark.django_db


@pytest.fixture
def hear(post):
    """Lets a service tell of something: posted, and worked off."""

    def tell(service, event):
        assert post(service, service.post(event, timezone.now())).status_code == 200
        work_off(timezone.now(), lambda: False)
        assert not ServicePost.objects.exists()

    return tell


@pytest.mark.parametrize(
    ("said", "hard", "bounce_class", "reason"),
    [
        (UNKNOWN, True, "hard", "unknown_user"),
        (FULL, False, "soft", "mailbox_full"),
        # Where the service says otherwise, the words of the server decide.
        (FULL, True, "soft", "mailbox_full"),
        (SPAM, True, "block", "spam_content"),
        # Where the words say nothing, the service does.
        ("", True, "hard", "unknown_user"),
        ("", False, "soft", "temporary"),
    ],
)
def test_a_bounce_has_the_class_that_its_words_have_in_mail(
    told, hear, message, delivery, said, hard, bounce_class, reason
) -> None:
    hear(told, told.bounced(message, said, hard))
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.bounce_class, event.reason) == ("bounce", bounce_class, reason)
    assert (event.delivery, event.subscriber, event.identity) == (delivery, delivery.subscriber, "service")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("accepted", event.at)
    assert abs(event.at - message.at).total_seconds() <= 1
    assert suppression.is_suppressed(message.to) is (bounce_class == "hard")


def test_a_suppression_shows_the_event_that_it_rests_on(told, hear, message) -> None:
    hear(told, told.bounced(message, UNKNOWN))
    kept = ReturnedMessage.objects.get()
    assert (kept.kind, kept.service) == ("bounce", told.name)
    assert message.token in bytes(kept.raw).decode()
    assert FeedbackEvent.objects.get().message == kept
    evidence = Suppression.objects.get().evidence
    assert "User unknown" in evidence and told.name in evidence


def test_a_complaint_is_final(told, hear, message, delivery) -> None:
    hear(told, told.complained(message))
    delivery.refresh_from_db()
    assert delivery.complained_at is not None
    assert Suppression.objects.get().reason == "complaint"
    assert Subscription.objects.get().state == "unsubscribed"


def test_a_delay_has_no_effect(told, hear, message, delivery) -> None:
    hear(told, told.deferred(message))
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()


def test_that_it_arrived_settles_a_doubt_and_nothing_else(told, hear, message, delivery) -> None:
    hear(told, told.delivered(message))
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()
    delivery.state, delivery.accepted_at, delivery.doubts = "in_doubt", None, 1
    delivery.save()
    hear(told, told.delivered(message))
    delivery.refresh_from_db()
    assert delivery.state == "accepted"
    assert abs(delivery.accepted_at - message.at).total_seconds() <= 1


@pytest.mark.parametrize("what", ["delivered", "deferred", "bounced", "complained"])
def test_whatever_is_told_of_a_message_in_doubt_proves_that_it_left(
    told, hear, message, delivery, what
) -> None:
    """Also where it is due once more already: it is not sent again."""
    delivery.state, delivery.accepted_at, delivery.doubts = "deferred", None, 1
    delivery.save()
    tell = getattr(told, what)
    hear(told, tell(message, UNKNOWN) if what == "bounced" else tell(message))
    delivery.refresh_from_db()
    assert delivery.state == "accepted"


def test_what_was_never_sent_stays_planned(told, hear, message, delivery) -> None:
    delivery.state, delivery.accepted_at = "planned", None
    delivery.save()
    hear(told, told.delivered(message))
    delivery.refresh_from_db()
    assert delivery.state == "planned"


def test_a_wish_to_leave_ends_the_subscription(told_of_leaving, hear, message) -> None:
    subscriber_hooks.connect()
    hear(told_of_leaving, told_of_leaving.left(message))
    assert Subscription.objects.get().state == "unsubscribed"
    assert FeedbackEvent.objects.get().kind == "unsubscribe"
    assert not Suppression.objects.exists()


def test_a_wish_to_leave_that_says_not_what_is_for_a_person(told_of_leaving, hear, message) -> None:
    hear(told_of_leaving, told_of_leaving.left(message._replace(token="")))
    assert Subscription.objects.get().state == "confirmed"
    assert ReturnedMessage.objects.get().kind == "other"


def test_what_a_service_does_not_send_by_its_own_list_counts_as_soft(told, hear, message, delivery) -> None:
    hear(told, told.listed(message))
    event = FeedbackEvent.objects.get()
    assert (event.bounce_class, event.reason) == ("soft", "on_service_list")
    assert event.rule.startswith(f"{told.name}: ")
    delivery.refresh_from_db()
    assert delivery.bounced_at is not None
    assert not Suppression.objects.exists()


def test_only_our_token_names_a_delivery(told, hear, message, delivery) -> None:
    """What names another by a made-up token is about the address alone."""
    everyone.reader("bakyt")
    forged = f"{delivery.pk:x}-{'0' * 20}"
    hear(told, told.bounced(message._replace(token=forged, to="bakyt@example.net"), FULL))
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert FeedbackEvent.objects.get().delivery is None


def test_an_event_without_our_token_finds_the_delivery_by_the_message_itself(
    told, hear, message, delivery
) -> None:
    """As where a service keeps no metadata with a late bounce: our Message-ID stands in the headers."""
    event = told.bounced(message._replace(token=message_id(delivery.pk, "example.org")), UNKNOWN)
    hear(told, event)
    assert FeedbackEvent.objects.get().delivery == delivery


def test_a_bounce_of_a_rehearsal_says_nothing_about_the_reader(told, hear, message, delivery) -> None:
    mailing = delivery.mailing
    type(mailing).objects.create(
        snapshot=mailing.snapshot, edition=mailing.edition, dry_run_to="editor@example.org", audience=1
    ).deliveries.add(delivery, bulk=False)
    hear(told, told.bounced(message._replace(to="editor@example.org"), UNKNOWN))
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_reason_of_a_service_is_one_of_the_rules(name) -> None:
    tables = {
        "amazon_ses": amazon_ses.REASONS,
        "resend": amazon_ses.REASONS,
        "brevo": brevo._REASONS,
        "mailgun": mailgun._REASONS,
        "mailjet": mailjet._REASONS,
        "postmark": postmark._REASONS,
        "sparkpost": sparkpost._REASONS,
    }
    for reason in tables[name].values():
        assert classify.classification_for(reason, "", name).reason == reason


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_reports_that_are_no_complaints_end_nothing(amazon, hear, message, kind) -> None:
    hear(amazon, amazon.complained(message, kind))
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
def test_postmarks_types_of_bounces_are_told_apart(postmark, hear, message, kind, bounce_class) -> None:
    hear(postmark, postmark._bounce(message, kind, ""))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


@pytest.mark.parametrize("kind", ["AutoResponder", "ChallengeVerification", "AddressChange", "OpenRelayTest"])
def test_postmarks_other_bounces_are_none(postmark, hear, message, kind) -> None:
    hear(postmark, postmark._bounce(message, kind, ""))
    assert not FeedbackEvent.objects.exists()


@pytest.mark.parametrize(
    ("origin", "why", "state"),
    [
        ("Recipient", "HardBounce", "confirmed"),
        ("Admin", "ManualSuppression", "confirmed"),
        ("Recipient", "SpamComplaint", "unsubscribed"),
    ],
)
def test_postmarks_changes_that_are_no_wish_of_the_readers(
    postmark, hear, message, origin, why, state
) -> None:
    hear(postmark, postmark.left(message, origin, why))
    assert Subscription.objects.get().state == state


@pytest.mark.parametrize(
    ("why", "kind"), [("suppress-complaint", "complaint"), ("suppress-unsubscribe", "unsubscribe")]
)
def test_mailguns_list_says_why_an_address_is_on_it(configure, monkeypatch, hear, message, why, kind) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    subscriber_hooks.connect()
    hear(service, service.listed(message, why))
    assert Subscription.objects.get().state == "unsubscribed"
    assert ReturnedMessage.objects.get().kind == kind


def test_sparkpost_tries_whether_anybody_listens(configure, monkeypatch, hear) -> None:
    service = serve(SparkPost(), configure, monkeypatch)
    hear(service, [{"msys": {}}])
    assert not ReturnedMessage.objects.exists()


def test_what_resend_could_not_send_for_our_own_fault_is_not_the_readers(
    configure, monkeypatch, hear, message
) -> None:
    service = serve(Resend(), configure, monkeypatch)
    hear(service, service._told("email.failed", message, failed={"reason": "reached_daily_quota"}))
    assert FeedbackEvent.objects.get().bounce_class == "block"
