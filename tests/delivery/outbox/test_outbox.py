from __future__ import annotations

import email
import email.policy
from datetime import timedelta

import pytest
from django.core.mail import EmailMultiAlternatives, send_mail
from django.db import transaction
from django.utils import timezone

from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.delivery.outbox.outbox import send_due
from mailer.delivery.smtp.session import Session
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy.erase_and_notify import erase_and_notify
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.reconfirmation import campaigns
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group
from subscribers.segments.segments import save
from tests.delivery.relay import DROP

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def relay(relay, settings):
    # Django's test runner puts a list in the place of the backend.
    settings.EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"
    return relay


@pytest.fixture
def later():
    """A moment after whatever the test wrote."""
    return timezone.now() + timedelta(seconds=1)


def write(to="aida@example.org"):
    send_mail("Подтвердите подписку", "Здравствуйте!\n.\nПока", None, [to])


def test_an_email_waits_in_the_outbox_until_the_worker_sends_it(relay, later):
    message = EmailMultiAlternatives("Привет", "Текст " * 200, "Офис <a@example.org>", ["aida@example.org"])
    message.attach_alternative("<p>Текст</p>", "text/html")
    message.send()
    assert OutboxMessage.objects.get().state == "waiting" and relay.taken == []
    assert send_due(later).sent == 1
    (taken,) = relay.taken
    parsed = email.message_from_bytes(taken.message, policy=email.policy.default)
    assert not parsed.defects and parsed["Subject"] == "Привет"
    assert parsed.get_body(("plain",)).get_content().strip() == ("Текст " * 200).strip()
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Message-ID"].endswith("@example.org>")
    assert taken.sender == "a@example.org"
    assert taken.message.isascii() and max(map(len, taken.message.split(b"\r\n"))) <= 998
    assert OutboxMessage.objects.get().state == "sent"
    assert send_due(later).sent == 0


def test_an_email_of_a_failed_transaction_is_not_sent(relay):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write()
        _ = 1 / 0
    assert not OutboxMessage.objects.exists()


def test_a_deferred_email_is_tried_again_and_a_refused_one_is_not(relay, later):
    relay.script.rcpt = {"gone@example.org": "550 5.1.1 no", "slow@example.org": "451 4.2.1 later"}.get
    for to in ("gone@example.org", "slow@example.org", "aida@example.org"):
        write(to)
    found = send_due(later)
    assert (found.sent, found.refused, found.waiting) == (1, 1, 1)
    relay.script.rcpt = lambda to: None
    assert send_due(later + timedelta(minutes=4)).sent == 0
    assert send_due(later + timedelta(minutes=6)).sent == 1
    assert relay.recipients() == ["aida@example.org", "slow@example.org"]


def test_with_an_unreachable_relay_everything_waits(configure, relay, later):
    write()
    due_at = OutboxMessage.objects.get().due_at
    configure(smtp={"port": 1})
    for minutes in (0, 20):
        assert "cannot be reached" in send_due(later + timedelta(minutes=minutes)).error
    row = OutboxMessage.objects.get()
    # Monitoring counts from there how long it has been due.
    assert (row.state, row.attempts, row.due_at) == ("waiting", 0, due_at)
    configure(smtp={"port": relay.port})
    assert send_due(later + timedelta(minutes=21)).sent == 1


def test_a_relay_that_cannot_be_used_is_asked_less_and_less_often(relay, later):
    relay.script.greeting = "554 5.7.1 we know your address"
    write()
    clock, asked = [0.0], []
    paced = outbox.PacedSending(lambda: clock[0])
    while clock[0] < 300:
        if paced.send_due(later, lambda: False).error:
            asked.append(clock[0])
        clock[0] += 2
    assert asked == [0, 2, 6, 14, 30, 62, 122, 182, 242] and relay.connections == len(asked)
    relay.script.greeting = "220 test"
    clock[0] += 60
    assert paced.send_due(later, lambda: False).sent == 1
    write()
    assert paced.send_due(later + timedelta(hours=1), lambda: False).sent == 1


def test_an_email_in_doubt_is_sent_again_with_the_same_message_id(relay, later):
    relay.script.dot = lambda to: DROP
    write()
    send_due(later)
    relay.script.dot = lambda to: None
    assert send_due(later + timedelta(minutes=6)).sent == 1
    assert len({taken.message_id for taken in relay.taken}) == 1 and len(relay.taken) == 2


def test_a_rejected_sender_does_not_stop_the_other_emails(relay, later):
    relay.script.mail = lambda sender: "550 5.7.1 no" if sender == "bad@example.org" else None
    send_mail("x", "y", "bad@example.org", ["aida@example.org"])
    write("bek@example.org")
    found = send_due(later)
    assert (found.sent, found.waiting) == (1, 1)


def test_a_stop_ends_a_slow_dialogue(relay, later, monkeypatch):
    monkeypatch.setattr(outbox, "_STOP_GRACE", 0.1)
    relay.script.slow = lambda to: 600 if to == "aida@example.org" else 0
    for to in ("bek@example.org", "aida@example.org", "dana@example.org"):
        write(to)
    found = send_due(later, lambda: len(relay.taken) == 2)
    assert (found.sent, found.waiting) == (1, 2)
    by_recipient = {row.recipient: (row.state, row.attempts) for row in OutboxMessage.objects.all()}
    assert by_recipient == {
        "bek@example.org": ("sent", 1),
        # Its reply was not read.
        "aida@example.org": ("waiting", 1),
        "dana@example.org": ("waiting", 0),
    }
    waiting = OutboxMessage.objects.filter(state="waiting", due_at__gt=later)
    assert list(waiting.values_list("recipient", flat=True)) == ["aida@example.org"]


def test_a_stop_ends_the_wait_for_a_greeting(relay, later, monkeypatch):
    monkeypatch.setattr(outbox, "_STOP_GRACE", 0.1)
    # The beginning of a greeting, whose last line never comes.
    relay.script.greeting = "220-test"
    write()
    asked = iter([False] * 3)
    found = send_due(later, lambda: next(asked, True))
    assert (found.sent, found.waiting, found.error) == (0, 1, "")
    row = OutboxMessage.objects.get()
    assert row.attempts == 0 and row.due_at <= later


def test_what_was_sent_is_settled_before_an_error_ends_the_others(relay, later, monkeypatch):
    deliver = Session.deliver

    async def fail(session, envelope, before_final_dot):
        if envelope.recipient == "bek@example.org":
            raise ArithmeticError
        return await deliver(session, envelope, before_final_dot)

    monkeypatch.setattr(Session, "deliver", fail)
    for to in ("aida@example.org", "bek@example.org", "dana@example.org"):
        write(to)
    with pytest.raises(ArithmeticError):
        send_due(later)
    states = OutboxMessage.objects.order_by("pk").values_list("state", "attempts")
    assert list(states) == [("sent", 1), ("waiting", 0), ("waiting", 0)]


def test_a_message_is_not_begun_when_its_lease_may_be_over(relay, later, monkeypatch):
    claims, claim = [], outbox._claim
    monkeypatch.setattr(outbox, "_claim", lambda now: claims.append(claim(now)) or claims[-1])
    # The machine sleeps for half an hour when the first message was sent.
    monkeypatch.setattr(outbox, "lease_clock", lambda: 1800.0 if relay.taken else 0.0)
    for to in ("aida@example.org", "bek@example.org"):
        write(to)
    assert send_due(later).sent == 2
    assert [[one.recipient for one in claimed] for claimed in claims] == [
        ["aida@example.org", "bek@example.org"],
        ["bek@example.org"],
        [],
    ]
    assert relay.recipients() == ["aida@example.org", "bek@example.org"]


def test_no_final_dot_is_sent_when_the_lease_may_be_over(relay, later, monkeypatch):
    # The machine sleeps for half an hour before the server answers RCPT.
    slept = []
    relay.script.rcpt = lambda to: slept.append(to)
    monkeypatch.setattr(outbox, "lease_clock", lambda: 1800.0 if slept else 0.0)
    claimed = outbox._claim
    monkeypatch.setattr(outbox, "_claim", lambda now: [] if slept else claimed(now))
    write()
    found = send_due(later)
    assert (found.sent, found.waiting, relay.taken) == (0, 1, [])
    row = OutboxMessage.objects.get()
    assert row.attempts == 0 and row.due_at <= later


PASSWORD_LINK = (
    "https://news.example.org/desk/password_reset/confirm/MQ/d0w2k1-5f0c3a9be1d24477a8c0de5512ab34cd/"
)
PAGE_LINK = "https://news.example.org/confirm/2AbCdEfGhIjKlMnOpQrStUvWxYz-_0123/"
OTHER_LINK = "https://news.example.org/desk/editions/silk-road-monthly-2021-12/report/"


@pytest.mark.parametrize(("reply", "state"), [(None, "sent"), ("550 5.1.1 no", "refused")])
def test_a_finished_email_keeps_its_text_but_no_one_time_link(relay, later, reply, state):
    relay.script.rcpt = lambda to: reply
    body = f"Сбросьте пароль:\n{PASSWORD_LINK}\n\n{PAGE_LINK}\n\n{OTHER_LINK}\n"
    message = EmailMultiAlternatives("Пароль", body, None, ["aida@example.org"])
    message.attach_alternative(f'<p><a href="{PASSWORD_LINK}">Пароль</a></p>', "text/html")
    message.send()
    send_due(later)
    row = OutboxMessage.objects.get()
    stored = email.message_from_bytes(bytes(row.message), policy=email.policy.default)
    texts = [part.get_content() for part in stored.walk() if part.get_content_maintype() == "text"]
    assert (row.state, stored["Subject"], stored["To"]) == (state, "Пароль", "aida@example.org")
    assert "Сбросьте пароль" in texts[0] and OTHER_LINK in texts[0] and "/confirm/MQ/" in texts[0]
    for link in (PASSWORD_LINK, PAGE_LINK):
        assert not any(link.split("/")[-2] in text for text in texts)
    if state == "sent":
        taken = email.message_from_bytes(relay.taken[0].message, policy=email.policy.default)
        assert PASSWORD_LINK in taken.get_body(("plain",)).get_content()


def test_an_email_that_waits_keeps_its_links(relay, later):
    relay.script.rcpt = lambda to: "451 4.2.1 later"
    send_mail("x", PAGE_LINK, None, ["aida@example.org"])
    send_due(later)
    row = OutboxMessage.objects.get()
    stored = email.message_from_bytes(bytes(row.message), policy=email.policy.default)
    assert row.state == "waiting" and PAGE_LINK in stored.get_content()


@pytest.mark.parametrize("reply", ["550 5.4.5 Daily sending limit exceeded", "451 4.3.2 try again later"])
def test_who_could_not_be_asked_for_a_reconfirmation_stays_on_the_list(relay, reply):
    now, monthly = timezone.now(), MailingList.objects.create(slug="monthly", name="Monthly")
    for name in ("silent", "unasked"):
        person = Subscriber.objects.create(email=f"{name}@example.org", language="kk")
        Subscription.objects.create(subscriber=person, mailing_list=monthly, state="confirmed")
    everybody = save(Segment(), "Everybody", Group("all"), "lola", now)
    campaign = campaigns.start_campaign(everybody, monthly, 7, "lola", now)
    campaigns.run_due_batches(now)
    relay.script.rcpt = {"unasked@example.org": reply}.get
    for hours in (1, 49, 50):
        send_due(now + timedelta(hours=hours))
    assert OutboxMessage.objects.get(recipient="unasked@example.org").state == "refused"
    over = now + timedelta(days=9)
    campaigns.finish_and_remove_unanswered(campaign, "lola", over)
    apply_and_undo_bulk_actions.run_due_batches(over, lambda: False)
    states = dict(Subscription.objects.values_list("subscriber__email", "state"))
    assert states == {"silent@example.org": "unsubscribed", "unasked@example.org": "confirmed"}


@pytest.mark.parametrize("reply", [None, "550 5.1.1 no"])
def test_the_last_email_to_an_erased_subscriber_is_not_kept(relay, later, reply):
    relay.script.rcpt = lambda to: reply
    aida = Subscriber.objects.create(email="aida@example.org")
    erase_and_notify(aida, later)
    write("bek@example.org")
    found = send_due(later)
    assert (found.sent, found.refused) == ((2, 0) if reply is None else (0, 2))
    assert list(OutboxMessage.objects.values_list("recipient", flat=True)) == ["bek@example.org"]


def test_an_email_to_who_signed_up_again_after_the_erasure_is_kept(relay, later):
    erase_and_suppress(Subscriber.objects.create(email="aida@example.org").email, later)
    Subscriber.objects.create(email="aida@example.org")
    write("aida@example.org")
    send_due(later)
    assert OutboxMessage.objects.get().state == "sent"
