"""What holds for every kind of mailbox: nothing is lost or counts twice, and no message delays others."""

from __future__ import annotations

import contextlib
import itertools
import random
from datetime import timedelta

import pytest
from django.db import OperationalError

from mailer.delivery import message_identifiers
from mailer.delivery.models import Delivery
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.sources import poll
from mailer.feedback.sources.base import MAX_OCTETS
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from tests.feedback.parsing.test_parse import sample
from tests.real.boxes import Account, Folder
from tests.reports import cast

pytestmark = [
    pytest.mark.journey,
    pytest.mark.xdist_group("servers"),
    pytest.mark.django_db(transaction=True),
]
NOW = cast.NOW + timedelta(days=1)
KINDS = {
    "imap, marking": {"kind": "imap", "after": "mark"},
    "imap, moving": {"kind": "imap", "after": "move", "move_to": "Принято & gut"},
    "imap, deleting": {"kind": "imap", "after": "delete"},
    "pop3": {"kind": "pop3"},
}
_numbers = itertools.count(1)


@pytest.fixture(params=["maildir", *KINDS])
def box(request, tmp_path):
    if request.param == "maildir":
        return Folder(tmp_path)
    user = f"box-{next(_numbers)}@bounces.example.org"
    return Account(request.getfixturevalue("dovecot"), user, **KINDS[request.param])


def letter(number: int) -> bytes:
    return f"From: dana@ministry.example\nSubject: {number}\n\nDear colleagues, {number}.\n".encode()


def poll_box(box, retries=None) -> poll.PollSummary:
    """One poll, as the worker makes it."""
    summary = poll.PollSummary()
    with box.source.open(NOW) as mailbox:
        poll.ingest_mailbox_return_failed_count(
            mailbox, summary, ingest_returned_mail.ingest_message, lambda: NOW, lambda: False, retries
        )
    return summary


def stored() -> list[str]:
    return list(ReturnedMessage.objects.order_by("pk").values_list("subject", flat=True))


class Crash(BaseException):
    """As if the process had been killed there."""


def crashing(monkeypatch, before_commit: bool):
    """The next message that is received is the last thing that this process does."""
    genuine = ingest_returned_mail.ingest_message

    def receive(*arguments):
        if before_commit:
            raise Crash
        genuine(*arguments)
        raise Crash

    return monkeypatch.setattr(ingest_returned_mail, "ingest_message", receive)


def test_every_message_is_stored_once_in_order(box):
    for number in range(3):
        box.put(letter(number))
    assert (poll_box(box).received, stored()) == (3, ["0", "1", "2"])
    again = poll_box(box)
    assert (again.received, again.repeated, again.failed) == (0, 0, 0)
    box.put(letter(3))
    assert poll_box(box).received == 1


def test_an_empty_mailbox_is_no_error(box):
    assert poll_box(box) == poll.PollSummary()


@pytest.mark.parametrize("before_commit", [True, False], ids=["before", "after"])
def test_a_crash_around_the_commit_loses_and_repeats_nothing(box, monkeypatch, before_commit):
    for number in range(3):
        box.put(letter(number))
    with monkeypatch.context() as broken, pytest.raises(Crash):
        crashing(broken, before_commit)
        poll_box(box)
    assert stored() == ([] if before_commit else ["0"])
    summary = poll_box(box)
    assert (summary.received, summary.repeated) == ((3, 0) if before_commit else (2, 1))
    assert stored() == ["0", "1", "2"]
    assert poll_box(box) == poll.PollSummary()


@pytest.mark.parametrize("seed", range(3))
def test_random_arrivals_polls_and_crashes_store_each_message_once(box, monkeypatch, seed):
    chance, put = random.Random(seed), 0
    for _ in range(25):
        action = chance.choice(["put", "put", "poll", "crash before", "crash after"])
        if action == "put":
            box.put(letter(put))
            put += 1
        elif action == "poll":
            poll_box(box)
        else:
            with monkeypatch.context() as broken:
                crashing(broken, action == "crash before")
                with contextlib.suppress(Crash):
                    poll_box(box)
    poll_box(box)
    assert sorted(map(int, stored())) == list(range(put))
    assert poll_box(box) == poll.PollSummary()


def test_a_message_that_cannot_be_stored_delays_no_other_and_is_retried(box, monkeypatch):
    for number in range(3):
        box.put(letter(number))
    genuine = ingest_returned_mail.ingest_message

    def receive(raw, *rest):
        if b"Subject: 0" in raw:
            raise OperationalError("database is locked")
        return genuine(raw, *rest)

    retries = poll.RetryTracker()
    with monkeypatch.context() as broken:
        broken.setattr(ingest_returned_mail, "ingest_message", receive)
        summary = poll_box(box, retries)
    assert (summary.received, summary.failed, stored()) == (2, 1, ["1", "2"])
    # It waits for a while, and is not fetched meanwhile.
    assert (poll_box(box, retries).failed, stored()) == (1, ["1", "2"])
    summary = poll_box(box)
    assert (summary.received, stored()) == (1, ["1", "2", "0"])
    assert poll_box(box) == poll.PollSummary()


# POP3 holds a mailbox for itself while it is open.
@pytest.mark.parametrize("box", ["maildir", *(kind for kind in KINDS if kind != "pop3")], indirect=True)
def test_a_message_deleted_by_another_program_is_no_failure(box):
    box.put(letter(0))
    summary = poll.PollSummary()
    with box.source.open(NOW) as mailbox:
        (name,) = mailbox.list_new()
        box.lose()
        assert mailbox.fetch(name) is None
        poll.ingest_mailbox_return_failed_count(
            mailbox, summary, ingest_returned_mail.ingest_message, lambda: NOW, lambda: False
        )
    assert summary == poll.PollSummary()


def test_a_message_is_stored_unchanged(box):
    lines = [".", "..", ".hidden", "", "From here on", "x" * 30_000, ") FETCH {5}", "\tблок", "end.", ""]
    raw = b"Subject: lines\r\n\r\n" + "\r\n".join(lines).encode()
    box.put(raw)
    poll_box(box)
    kept = bytes(ReturnedMessage.objects.get().raw).replace(b"\r\n", b"\n")
    assert kept.endswith(raw.replace(b"\r\n", b"\n"))


def test_a_huge_message_is_cut(box):
    box.put(b"Subject: huge\r\n\r\n" + b"0123456789abcdef\r\n" * (MAX_OCTETS // 9))
    box.put(letter(1))
    assert poll_box(box).received == 2
    assert len(bytes(ReturnedMessage.objects.get(subject="huge").raw)) == MAX_OCTETS
    assert poll_box(box) == poll.PollSummary()


def test_stop_ends_a_poll_between_messages(box):
    for number in range(3):
        box.put(letter(number))
    summary = poll.PollSummary()
    with box.source.open(NOW) as mailbox:
        poll.ingest_mailbox_return_failed_count(
            mailbox, summary, ingest_returned_mail.ingest_message, lambda: NOW, lambda: summary.received == 1
        )
    assert (summary.received, summary.failed) == (1, 0)
    assert poll_box(box).received == 2


@pytest.fixture
def delivery() -> Delivery:
    """Aigerim's copy of an edition, accepted by the next server."""
    aigerim = Subscriber.objects.create(email="aigerim@readers.example.net")
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    Subscription.objects.create(subscriber=aigerim, mailing_list=monthly, state="confirmed")
    edition = cast.edition()
    edition.newsletter.lists.set([monthly])
    edition.newsletter.save()
    mailing = cast.mailing(cast.snapshot(edition), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


def test_bounces_and_unsubscribes_are_applied_from_every_source(box, delivery):
    box.put(
        f"X-Original-To: {message_identifiers.envelope_sender(delivery.pk)}\n".encode()
        + sample("postfix-unknown.eml")
    )
    leave = message_identifiers.unsubscribe_address(
        delivery.subscriber, delivery.mailing.edition.newsletter_id
    )
    box.put(f"From: aigerim@readers.example.net\nTo: {leave}\nSubject: unsubscribe\n\n".encode())
    assert poll_box(box).kinds == {"bounce": 1, "unsubscribe": 1}
    assert FeedbackEvent.objects.filter(delivery=delivery, identity="verp").count() == 1
    assert Suppression.objects.get().reason == "hard_bounce"
    assert Subscription.objects.get().state == "unsubscribed"
