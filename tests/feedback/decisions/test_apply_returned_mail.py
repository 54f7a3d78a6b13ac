"""What a parsed return leads to, from any source."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery import message_identifiers
from mailer.delivery.models import Delivery
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.classify_bounce_reasons import Classification
from mailer.feedback.parsing.parse import parse_message
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage, Recipient
from subscribers import suppression
from subscribers.models import Subscriber, Subscription
from subscribers.privacy.erasure import erase_and_suppress
from tests import cast as everyone
from tests.feedback.parsing.test_parse import sample
from tests.reports import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW + timedelta(days=1)
HARD = Recipient("aigerim@example.net", classification=Classification("unknown_user", "hard", "5.1.1", "r"))


@pytest.fixture
def aigerim() -> Subscriber:
    return everyone.reader("aigerim")


@pytest.fixture
def delivery(aigerim: Subscriber) -> Delivery:
    """Her copy of an edition, accepted by the next server."""
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


def by_service(kind: str, delivery: Delivery | None = None) -> ParsedReturnedMessage:
    """What a service tells us, signed."""
    number = delivery.pk if delivery else None
    return ParsedReturnedMessage(kind, (HARD,), delivery=number, identity="service")  # type: ignore[arg-type]


def test_a_service_event_is_authenticated_also_where_it_names_only_an_address(aigerim: Subscriber) -> None:
    apply_one(by_service("bounce"), EventSource("postmark 1", NOW), NOW)
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.subscriber, event.delivery, event.rule) == (
        "service",
        aigerim.pk,
        None,
        "r",
    )
    assert suppression.is_suppressed(aigerim)


@pytest.mark.parametrize(
    ("address", "alias", "bounce_class"),
    [
        ("aigerim@example.net", "", "hard"),
        ("aigerim@mail.internal", "aigerim@example.net", "hard"),
        ("Aigerim+news@example.net", "", "hard"),
        ("", "", "hard"),
        # A member of a group that has left; where the address is forwarded to.
        ("former.member@example.net", "aigerim@example.net", "soft"),
        ("private@elsewhere.example", "aigerim@example.net", "soft"),
        # Nothing in the message is about the subscriber's address, so the token alone decides.
        ("private@elsewhere.example", "", "hard"),
    ],
)
def test_an_address_is_no_worse_than_soft_for_another_mailbox_behind_it(
    delivery: Delivery, aigerim: Subscriber, address: str, alias: str, bounce_class: str
) -> None:
    recipient = replace(HARD, address=address.lower(), alias=alias)
    parsed = ParsedReturnedMessage("bounce", (recipient,), delivery.pk, identity="verp")
    apply_one(parsed, EventSource("a", NOW), NOW)
    assert FeedbackEvent.objects.get().bounce_class == bounce_class
    assert suppression.is_suppressed(aigerim) == (bounce_class == "hard")


def test_so_is_one_that_nothing_but_the_report_names(aigerim: Subscriber) -> None:
    recipient = replace(HARD, address="former.member@example.net", alias=aigerim.email)
    apply_one(ParsedReturnedMessage("bounce", (recipient,)), EventSource("a", NOW), NOW)
    event = FeedbackEvent.objects.get()
    assert (event.subscriber, event.bounce_class) == (aigerim.pk, "soft")


def test_the_same_source_counts_once(delivery: Delivery, aigerim: Subscriber) -> None:
    for _ in range(3):
        apply_one(by_service("bounce", delivery), EventSource("postmark 1", NOW), NOW)
    assert FeedbackEvent.objects.count() == 1
    found = suppression.active_suppression(aigerim)
    assert found is not None
    suppression.lift(found, "admin", NOW)
    apply_one(by_service("bounce", delivery), EventSource("postmark 1", NOW), NOW)
    assert not suppression.is_suppressed(aigerim)


def test_an_event_keeps_its_own_time(delivery: Delivery) -> None:
    apply_one(by_service("bounce", delivery), EventSource("postmark 1", NOW - timedelta(hours=5)), NOW)
    delivery.refresh_from_db()
    assert delivery.bounced_at == FeedbackEvent.objects.get().at == NOW - timedelta(hours=5)


def test_a_service_event_about_an_unknown_address_is_stored_without_subscriber(db: None) -> None:
    apply_one(by_service("bounce"), EventSource("postmark 1", NOW), NOW)
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.subscriber) == ("", None)


def test_a_service_complaint_suppresses_and_unsubscribes(delivery: Delivery, aigerim: Subscriber) -> None:
    apply_one(by_service("complaint", delivery), EventSource("postmark 2", NOW), NOW)
    assert suppression.is_suppressed(aigerim)
    assert Subscription.objects.get().state == "unsubscribed"


@pytest.mark.parametrize(
    ("identity", "hours_ago", "state"),
    [("service", 5, "confirmed"), ("service", 1, "unsubscribed"), ("verp", 5, "unsubscribed")],
)
def test_a_subscription_confirmed_after_the_unsubscribe_that_a_service_reports_stays(
    delivery: Delivery, identity: str, hours_ago: int, state: str
) -> None:
    Subscription.objects.update(confirmed_at=NOW - timedelta(hours=3))
    delivery.mailing.edition.newsletter.lists.set([Subscription.objects.get().mailing_list])
    parsed = replace(by_service("unsubscribe", delivery), identity=identity)
    apply_one(parsed, EventSource("postmark 3", NOW - timedelta(hours=hours_ago)), NOW)
    assert Subscription.objects.get().state == state


def test_an_event_has_its_mailing_and_mailbox_provider(aigerim: Subscriber, delivery: Delivery) -> None:
    Subscriber.objects.update(email="aigerim@bk.ru")
    apply_one(by_service("bounce", delivery), EventSource("postmark 1", NOW), NOW)
    event = FeedbackEvent.objects.get()
    assert (event.mailing, event.provider) == (delivery.mailing, "mail.ru")


@pytest.mark.parametrize("sign", ["Delivered-To: {address}", "References: {message_id}"])
def test_a_bounced_probe_is_identified(sign: str) -> None:
    head = sign.format(
        address=message_identifiers.probe_envelope_sender(7),
        message_id=message_identifiers.probe_message_id(7, "example.org"),
    )
    reading = parse_message(head.encode() + b"\n" + sample("postfix-unknown.eml"))
    assert (reading.kind, reading.probe, reading.delivery, reading.identity) == ("bounce", 7, None, "verp")


@pytest.mark.parametrize("by_token", [True, False])
def test_a_bounce_after_the_erasure_is_stored_without_the_servers_reply(
    delivery: Delivery, aigerim: Subscriber, by_token: bool
) -> None:
    erase_and_suppress(aigerim.email, NOW)
    # Written by a session that was sending at that moment.
    Delivery.objects.update(reply="550 5.1.1 <aigerim@example.net>: unknown")
    recipient = replace(HARD, diagnostic="550 5.1.1 <aigerim@example.net>: unknown")
    parsed = ParsedReturnedMessage("bounce", (recipient,), delivery.pk if by_token else None, identity="verp")
    stranger = replace(recipient, address="stranger@example.net")
    apply_one(parsed, EventSource("a", NOW), NOW)
    apply_one(replace(parsed, recipients=(stranger,), delivery=None), EventSource("b", NOW), NOW)
    events = FeedbackEvent.objects.order_by("pk").values_list("diagnostic", flat=True)
    assert list(events) == ["", recipient.diagnostic]
    delivery.refresh_from_db()
    assert not by_token or delivery.reply == ""
