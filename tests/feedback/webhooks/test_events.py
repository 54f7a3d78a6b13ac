"""Each service's events, as it documents them: each has its effect on the right delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailer.delivery.esp.message_parts_encoder import delivery_token
from mailer.delivery.message_identifiers import message_id
from mailer.delivery.models import Delivery
from mailer.feedback import subscriber_signal_receivers
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, WebhookPayload
from mailer.feedback.parsing import classify_bounce_reasons
from mailer.feedback.webhooks.esp_parsers import PARSERS
from mailer.feedback.webhooks.event_parser import REASONS
from mailer.feedback.webhooks.process_payloads import process_due
from subscribers import suppression
from subscribers.models import ConsentRecord, MailingList, Subscription, Suppression
from tests import cast as everyone
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import (
    FULL,
    SERVICES,
    SPAM,
    UNKNOWN,
    Brevo,
    Mailgun,
    Mailjet,
    Mailtrap,
    Mandrill,
    Message,
    Postal,
    Resend,
    SendGrid,
    SparkPost,
    UnisenderGo,
)

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
        # What the service calls permanent may be less by the server's reply.
        (FULL, True, "soft", "mailbox_full"),
        (SPAM, True, "block", "spam_content"),
        # What it calls temporary is never hard.
        (UNKNOWN, False, "soft", ""),
        ("550 5.1.2 Unable to find MX of domain example.net", False, "soft", ""),
        ("550 5.4.4 No MX for example.net", False, "soft", None),
        # Without a server's reply, the service's category decides.
        ("", True, "hard", "unknown_user"),
        ("", False, "soft", ""),
    ],
)
def test_a_bounce_is_classified_like_one_by_mail(
    esp, receive, message, delivery, reply, hard, bounce_class, reason
) -> None:
    receive(esp, esp.bounced(message, reply, hard))
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.bounce_class) == ("bounce", bounce_class)
    assert reason is None or event.reason == (reason or esp.soft_reason)
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


def test_many_permanent_failures_without_a_reply_wait_for_staff(esp, receive, delivery) -> None:
    """Whatever the service's verdict is worth: perhaps all of them are about us."""
    for number in range(6):
        person = everyone.reader(f"reader-{number}")
        own = Delivery.objects.create(
            mailing=delivery.mailing, subscriber=person.pk, state="accepted", accepted_at=delivery.accepted_at
        )
        at = timezone.now() - timedelta(minutes=5)
        receive(esp, esp.bounced(Message(delivery_token(own.pk), person.email, at, number + 1), ""))
    assert FeedbackEvent.objects.filter(bounce_class="hard").count() == 6
    assert not Suppression.objects.filter(lifted_at=None).exists()


def test_a_complaint_suppresses_and_unsubscribes(esp_with_complaints, receive, message, delivery) -> None:
    receive(esp_with_complaints, esp_with_complaints.complained(message))
    delivery.refresh_from_db()
    assert delivery.complained_at is not None
    assert Suppression.objects.get().reason == "complaint"
    assert Subscription.objects.get().state == "unsubscribed"


def test_a_delay_has_no_effect(esp, receive, message, delivery) -> None:
    receive(esp, esp.deferred(message))
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()


def test_an_open_has_no_effect(esp, receive, message, delivery) -> None:
    receive(esp, esp.opened(message))
    assert not FeedbackEvent.objects.exists() and not ReturnedMessage.objects.exists()


def test_all_events_of_a_request_count(esp_with_batches, receive, message, delivery) -> None:
    esp = esp_with_batches
    one, other = message._replace(number=1), message._replace(number=2)
    receive(esp, esp.together(esp.bounced(one, FULL, hard=False), esp.opened(other), esp.complained(other)))
    kinds = FeedbackEvent.objects.exclude(kind="unsubscribe").values_list("kind", flat=True)
    assert sorted(kinds) == ["bounce", "complaint"]


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
    make_event = getattr(esp, what, esp.deferred)
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
    subscriber_signal_receivers.connect_signals()
    receive(esp_with_unsubscribes, esp_with_unsubscribes.unsubscribed(message))
    assert Subscription.objects.get().state == "unsubscribed"
    assert FeedbackEvent.objects.get().kind == "unsubscribe"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("names_delivery", [True, False])
def test_the_consent_record_of_an_unsubscribe_names_the_service(
    esp_with_unsubscribes, receive, message, names_delivery
) -> None:
    esp = esp_with_unsubscribes
    receive(esp, esp.unsubscribed(message if names_delivery else message._replace(token="")))
    records = ConsentRecord.objects.filter(event="unsubscribed")
    clear = names_delivery or esp.unsubscribe_names != "nothing"
    assert list(records.values_list("channel", "source")) == [("esp", esp.name)] * clear


def test_an_unsubscribe_without_a_delivery_counts_where_it_is_clear(
    esp_with_unsubscribes, receive, message
) -> None:
    esp = esp_with_unsubscribes
    receive(esp, esp.unsubscribed(message._replace(token="")))
    clear = esp.unsubscribe_names != "nothing"
    assert Subscription.objects.get().state == ("unsubscribed" if clear else "confirmed")
    assert ReturnedMessage.objects.get().kind == ("unsubscribe" if clear else "other")


def test_the_sender_of_several_newsletters_is_not_clear(esp_with_unsubscribes, receive, message) -> None:
    esp = esp_with_unsubscribes
    everyone.newsletter()
    receive(esp, esp.unsubscribed(message._replace(token="")))
    everything = esp.unsubscribe_names == "everything"
    assert Subscription.objects.get().state == ("unsubscribed" if everything else "confirmed")


@pytest.fixture
def other_list(aigerim):
    """A second list that she is on, of no newsletter."""
    other = MailingList.objects.create(slug="events", name="Events")
    Subscription.objects.create(
        subscriber=aigerim, mailing_list=other, state="confirmed", confirmed_at=timezone.now() - timedelta(1)
    )
    return other


def states() -> dict[str, str]:
    return dict(Subscription.objects.values_list("mailing_list__slug", "state"))


@pytest.mark.parametrize(
    ("tag", "unsubscribed"),
    [("Regional digest", "monthly"), ("regional", "monthly"), ("EVENTS", "events"), ("spring sale", None)],
)
def test_a_tag_may_name_a_newsletter_or_a_list(
    configure, monkeypatch, receive, message, other_list, tag, unsubscribed
) -> None:
    service = serve(Brevo(), configure, monkeypatch)
    receive(service, {**service.unsubscribed(message._replace(token="")), "tags": ["x", tag]})
    assert states() == {
        one: "unsubscribed" if one == unsubscribed else "confirmed" for one in ("monthly", "events")
    }


@pytest.mark.parametrize("name", ["sendgrid", "mandrill", "postmark"])
def test_an_entry_in_the_list_of_the_whole_account_ends_all_subscriptions(
    configure, monkeypatch, receive, message, other_list, name
) -> None:
    service = serve(SERVICES[name](), configure, monkeypatch)
    nameless = message._replace(token="")
    events = {
        "sendgrid": lambda: service._event("unsubscribe", nameless),
        "mandrill": lambda: service.listed(nameless, "unsub"),
        "postmark": lambda: service.unsubscribed(nameless),
    }
    receive(service, events[name]())
    assert set(states().values()) == {"unsubscribed"}
    assert not Suppression.objects.exists()


def test_an_unsubscribe_from_another_domain_of_mailgun_is_not_ours(
    configure, monkeypatch, receive, message
) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    event = service.unsubscribed(message._replace(token=""))
    event["event-data"]["domain"]["name"] = "shop.example.org"
    receive(service, event)
    assert Subscription.objects.get().state == "confirmed"


def test_an_unsubscribe_of_an_unknown_address_is_unclassified(postmark, receive, message) -> None:
    receive(postmark, postmark.unsubscribed(message._replace(token="", to="nobody@example.net")))
    assert ReturnedMessage.objects.get().kind == "other"


def test_a_subscription_that_was_confirmed_later_stays(postmark, receive, message, other_list) -> None:
    Subscription.objects.filter(mailing_list=other_list).update(confirmed_at=timezone.now())
    receive(postmark, postmark.unsubscribed(message._replace(token="")))
    assert states() == {"monthly": "unsubscribed", "events": "confirmed"}


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


def test_every_reason_of_an_esp_is_one_of_the_rules() -> None:
    assert set(REASONS) <= set(PARSERS) == set(SERVICES)
    for reasons in REASONS.values():
        for reason in reasons.values():
            assert classify_bounce_reasons.classification_for(reason, "", "").reason == reason


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
    subscriber_signal_receivers.connect_signals()
    receive(service, service.suppressed(message, why))
    assert Subscription.objects.get().state == "unsubscribed"
    assert ReturnedMessage.objects.get().kind == kind


def test_an_event_of_mailgun_without_an_id_counts_once(configure, monkeypatch, receive, message) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    event = service.bounced(message, UNKNOWN)
    del event["event-data"]["id"]
    receive(service, event)
    receive(service, event)
    assert FeedbackEvent.objects.get().bounce_class == "hard"


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(
    ("event", "fields", "kind", "bounce_class"),
    [
        ("bounced", {"code": "550", "error": "5.1.1 No such user"}, "bounce", "hard"),
        ("bounced", {"code": "552", "error": "5.2.2 The mailbox is full"}, "bounce", "soft"),
        ("dropped", {"code": "605", "reason": "hardfail", "description": "Bounced before"}, "bounce", "soft"),
        ("dropped", {"code": "607", "reason": "hardfail", "description": "Complained"}, "complaint", ""),
        ("dropped", {"code": "602", "reason": "old", "description": "Too old"}, "bounce", "soft"),
        ("complained", {}, "complaint", ""),
        ("unsubscribed", {"tag": "*"}, "unsubscribe", ""),
    ],
)
def test_forms_of_mailguns_older_webhooks_count_once(
    configure, monkeypatch, post, message, delivery, event, fields, kind, bounce_class, multipart
) -> None:
    subscriber_signal_receivers.connect_signals()
    service = serve(Mailgun(), configure, monkeypatch)
    for _ in range(2):
        # Each attempt has another token and time.
        assert post(service, service.legacy(event, message, multipart, **fields)).status_code == 200
    process_due(timezone.now(), lambda: False)
    assert not WebhookPayload.objects.exists()
    assert ReturnedMessage.objects.get().kind == kind
    found = FeedbackEvent.objects.get(kind=kind)
    named = None if kind == "unsubscribe" else delivery.pk
    assert (found.bounce_class, found.delivery_id) == (bounce_class, named)
    assert Subscription.objects.get().state == ("confirmed" if kind == "bounce" else "unsubscribed")


def test_a_form_of_mailgun_with_another_signature_is_rejected(configure, monkeypatch, post, message) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    real = service.legacy("bounced", message, code="550", error="No such user")
    assert post(service, real._replace(body=real.body[:-1])).status_code == 403
    assert post(service, real._replace(body=b"event=bounced")).status_code == 403
    assert post(service, real).status_code == 200
    process_due(timezone.now(), lambda: False)
    assert post(service, real).status_code == 406


@pytest.mark.parametrize(
    ("data", "bounce_class", "reason"),
    [
        ({"reason": "bounce"}, "hard", "unknown_user"),
        ({"reason": "generic", "delivery-status": {"code": 498, "message": "No MX"}}, "hard", None),
        ({"reason": "old", "delivery-status": {"code": 602, "message": "Too old"}}, "soft", "expired"),
        (
            {"reason": "espblock", "delivery-status": {"code": 550, "message": "Rejected"}},
            "block",
            "reputation",
        ),
        ({"reason": "generic", "delivery-status": {"code": 602, "message": "Too old"}}, "soft", "expired"),
        ({"reason": "generic", "delivery-status": {"code": 400, "message": ""}}, "unknown", "unknown"),
        ({"reason": "generic", "delivery-status": {"code": 0, "message": None}}, "unknown", "unknown"),
        ({"reason": "generic", "delivery-status": {"code": 550, "message": ""}}, "hard", "unknown_user"),
        ({}, "hard", "unknown_user"),
    ],
)
def test_mailguns_reason_decides_where_its_type_is_missing(
    configure, monkeypatch, receive, message, data, bounce_class, reason
) -> None:
    service = serve(Mailgun(), configure, monkeypatch)
    receive(service, service._event("failed", message, **({"severity": "permanent"} | data)))
    event = FeedbackEvent.objects.get()
    assert event.bounce_class == bounce_class and reason in (event.reason, None)


@pytest.mark.parametrize("name", ["amazon_ses", "resend"])
@pytest.mark.parametrize(
    ("kind", "subtype", "bounce_class"),
    [
        ("Permanent", "General", "hard"),
        ("Permanent", "NoEmail", "hard"),
        ("Permanent", "Undocumented", "hard"),
        ("Transient", "MailboxFull", "soft"),
        ("Transient", "Undocumented", "soft"),
        ("Transient", "ContentRejected", "block"),
        ("Undetermined", "Undetermined", "unknown"),
    ],
)
def test_amazons_types_are_its_verdict(
    configure, monkeypatch, receive, message, name, kind, subtype, bounce_class
) -> None:
    service = serve(SERVICES[name](), configure, monkeypatch)
    if name == "amazon_ses":
        event = service._bounce(message, kind, subtype, "")
    else:
        event = service.bounced(message, "")
        event["data"]["bounce"] |= {"type": kind, "subType": subtype}
    receive(service, event)
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


def test_mailjets_flag_bounds_its_word_for_the_error(configure, monkeypatch, receive, message) -> None:
    service = serve(Mailjet(), configure, monkeypatch)
    receive(service, service._failed(message, "user unknown", "", hard=False))
    assert FeedbackEvent.objects.get().bounce_class == "soft"


def test_a_permanent_failure_because_of_our_sender_suppresses_nobody(esp, receive, message) -> None:
    receive(esp, esp.bounced(message, "550 5.7.26 This mail is unauthenticated: SPF of the sender failed"))
    assert FeedbackEvent.objects.get().bounce_class == "block"
    assert not suppression.is_suppressed(message.to)


@pytest.mark.parametrize("name", ["brevo", "mailersend", "mailjet", "postal"])
@pytest.mark.parametrize(
    ("words", "bounce_class"),
    [
        # About our sender, whoever says it.
        ("Email address is not verified: news@example.org", "block"),
        # The service's own words do not weaken its verdict.
        ("The mailbox is full", "hard"),
    ],
)
def test_words_without_a_reply_code(
    configure, monkeypatch, receive, message, name, words, bounce_class
) -> None:
    service = serve(SERVICES[name](), configure, monkeypatch)
    receive(service, service.bounced(message, words))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


@pytest.mark.parametrize(
    ("why", "kind", "bounce_class"),
    [
        ("Bounced Address", "bounce", "soft"),
        ("Invalid", "bounce", "hard"),
        ("Recipient List over Package Quota", "bounce", "block"),
        ("Spam Reporting Address", "complaint", ""),
        ("Unsubscribed Address", "unsubscribe", ""),
    ],
)
def test_sendgrid_says_why_it_dropped_a_message(
    configure, monkeypatch, receive, message, why, kind, bounce_class
) -> None:
    service = serve(SendGrid(), configure, monkeypatch)
    subscriber_signal_receivers.connect_signals()
    receive(service, service.suppressed(message, why))
    assert FeedbackEvent.objects.get(kind=kind).bounce_class == bounce_class


@pytest.mark.parametrize(
    ("kind", "found", "bounce_class"),
    [
        ("bounce", "Invalid Address", "hard"),
        ("bounce", "Reputation", "block"),
        ("bounce", "Content", "block"),
        ("blocked", "Technical", "soft"),
        ("bounce", "Technical", "soft"),
    ],
)
def test_sendgrids_classification_of_a_reply(
    configure, monkeypatch, receive, message, kind, found, bounce_class
) -> None:
    service = serve(SendGrid(), configure, monkeypatch)
    words = "unable to get mx info: failed to get IPs from PTR record: lookup"
    receive(service, service._event("bounce", message, type=kind, reason=words, bounce_classification=found))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


@pytest.mark.parametrize(
    ("why", "kind", "bounce_class"),
    [
        ("hard-bounce", "bounce", "soft"),
        ("unsigned", "bounce", "block"),
        ("spam", "complaint", ""),
        ("unsub", "unsubscribe", ""),
    ],
)
def test_mandrill_says_why_it_rejected_a_message(
    configure, monkeypatch, receive, message, why, kind, bounce_class
) -> None:
    service = serve(Mandrill(), configure, monkeypatch)
    subscriber_signal_receivers.connect_signals()
    receive(service, service.suppressed(message, why))
    assert FeedbackEvent.objects.get(kind=kind).bounce_class == bounce_class


@pytest.mark.parametrize(
    ("reason", "action", "kind"),
    [
        ("spam", "add", "complaint"),
        ("hard-bounce", "add", None),
        ("custom", "add", None),
        ("spam", "remove", None),
    ],
)
def test_changes_of_mandrills_list(configure, monkeypatch, receive, message, reason, action, kind) -> None:
    service = serve(Mandrill(), configure, monkeypatch)
    receive(service, service.listed(message, reason, action))
    assert [one.kind for one in ReturnedMessage.objects.all()] == ([kind] if kind else [])
    assert suppression.is_suppressed(message.to) is (kind == "complaint")


@pytest.mark.parametrize(
    ("why", "kind"),
    [("spam complaint", "complaint"), ("unsubscription", "unsubscribe"), ("hard bounce", "bounce")],
)
def test_mailtrap_says_why_it_rejected_a_message(configure, monkeypatch, receive, message, why, kind) -> None:
    service = serve(Mailtrap(), configure, monkeypatch)
    receive(service, service.suppressed(message, why))
    assert ReturnedMessage.objects.get().kind == kind


@pytest.mark.parametrize(
    ("description", "bounce_class"),
    [("bad_mailbox", "hard"), ("mailbox_full", "soft"), ("spam", "block"), ("relay_denied", "block")],
)
def test_mandrills_description_says_more_than_its_event(
    configure, monkeypatch, receive, message, description, bounce_class
) -> None:
    service = serve(Mandrill(), configure, monkeypatch)
    receive(service, service._event("hard_bounce", message, bounce_description=description, diag=""))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


@pytest.mark.parametrize(
    ("kind", "category", "bounce_class"),
    [
        ("bounce", "badmailbox", "hard"),
        ("bounce", "bad-domain", "hard"),
        ("bounce", "spam", "block"),
        ("bounce", "policy-related", "block"),
        ("bounce", "invalid_sender", "block"),
        ("bounce", "quota-issues", "soft"),
        ("bounce", "no-answer-from-host", "soft"),
        ("bounce", "", "hard"),
        ("soft bounce", "bad-domain", "soft"),
        ("soft bounce", "spam", "block"),
    ],
)
def test_mailtraps_category_says_more_than_its_event(
    configure, monkeypatch, receive, message, kind, category, bounce_class
) -> None:
    service = serve(Mailtrap(), configure, monkeypatch)
    receive(service, service._event(kind, message, bounce_category=category))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


def test_a_suspension_of_our_account_is_a_block(configure, monkeypatch, receive, message) -> None:
    service = serve(Mailtrap(), configure, monkeypatch)
    receive(service, service._event("suspension", message, reason="other"))
    assert FeedbackEvent.objects.get().bounce_class == "block"


def test_what_postal_holds_because_of_us_is_a_block(configure, monkeypatch, receive, message) -> None:
    service = serve(Postal(), configure, monkeypatch)
    receive(service, service._event("MessageHeld", message, status="Held", details="Send limit exceeded."))
    assert FeedbackEvent.objects.get().bounce_class == "block"


def test_a_bounce_message_that_postal_received_is_unknown(configure, monkeypatch, receive, message) -> None:
    service = serve(Postal(), configure, monkeypatch)
    event = service._event("MessageBounced", message)
    event["payload"] = {"original_message": event["payload"]["message"], "bounce": {"id": 8}}
    receive(service, event)
    assert FeedbackEvent.objects.get().bounce_class == "unknown"


def test_postals_events_of_incoming_mail_have_no_effect(configure, monkeypatch, receive, message) -> None:
    service = serve(Postal(), configure, monkeypatch)
    event = service.bounced(message, UNKNOWN)
    event["payload"]["message"]["direction"] = "incoming"
    receive(service, event)
    assert not ReturnedMessage.objects.exists()


@pytest.mark.parametrize(
    ("status", "details", "bounce_class"),
    [
        ("hard_bounced", "err_user_unknown", "hard"),
        ("hard_bounced", "err_domain_inactive", "hard"),
        ("hard_bounced", "", "hard"),
        ("hard_bounced", "err_mailbox_discarded", "hard"),
        ("hard_bounced", "err_user_inactive", "soft"),
        ("hard_bounced", "err_mailbox_full", "soft"),
        ("hard_bounced", "err_spam_rejected", "block"),
        ("hard_bounced", "err_delivery_failed", "unknown"),
        ("hard_bounced", "err_internal", "soft"),
        ("hard_bounced", "err_of_a_later_version", "unknown"),
        ("soft_bounced", "err_user_unknown", "soft"),
        ("soft_bounced", "err_delivery_failed", "soft"),
        ("soft_bounced", "err_mailbox_full", "soft"),
    ],
)
def test_statuses_of_unisender_go(
    configure, monkeypatch, receive, message, status, details, bounce_class
) -> None:
    service = serve(UnisenderGo(), configure, monkeypatch)
    receive(service, service._event(status, message, details))
    assert FeedbackEvent.objects.get().bounce_class == bounce_class


def test_unisender_go_may_send_one_event_alone(configure, monkeypatch, receive, message, delivery) -> None:
    service = serve(UnisenderGo(), configure, monkeypatch)
    (event,) = service.bounced(message, UNKNOWN)["events_by_user"][0]["events"]
    receive(service, {"event_name": event["event_name"], "user_id": 7, **event["event_data"]})
    receive(service, {"event_name": "transactional_spam_block", "domain": "example.net"})
    assert FeedbackEvent.objects.get().delivery == delivery


def test_an_empty_event_of_sparkpost_is_accepted(configure, monkeypatch, receive) -> None:
    service = serve(SparkPost(), configure, monkeypatch)
    receive(service, [{"msys": {}}])
    assert not ReturnedMessage.objects.exists()


def test_a_failure_of_our_account_at_resend_is_a_block(configure, monkeypatch, receive, message) -> None:
    service = serve(Resend(), configure, monkeypatch)
    receive(service, service._event("email.failed", message, failed={"reason": "reached_daily_quota"}))
    assert FeedbackEvent.objects.get().bounce_class == "block"
