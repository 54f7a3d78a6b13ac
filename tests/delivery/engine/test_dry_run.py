"""A rehearsal of the whole list: every message goes to a colleague, and nothing of it is the real mailing."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from mailer.approval import approve, submit
from mailer.delivery import verp
from mailer.delivery.engine import control, dry_run
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import start_due
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.sources import ingest
from mailer.public import archive
from mailer.reports.edition_state import edition_state
from mailer.reports.totals import account_of, latest_rehearsal
from subscribers.models import Subscriber, Suppression
from tests import cast
from tests.delivery.cast import NOW, balances, readers, sealed_copy, send, states
from tests.delivery.relay import Relay, Script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
COLLEAGUE = "dana@office.example.org"


@pytest.fixture
def relay(configure):
    with Relay() as server:
        configure(smtp={"port": server.port, "connections": 3})
        yield server


@pytest.fixture
def snapshot():
    """The December edition, submitted and waiting, for twelve readers of three kinds."""
    staff = cast.staff()
    edition = cast.december(staff.writer)
    for number in range(12):
        countries = (("KZ",), ("UZ",), ("TJ", "KG"))[number % 3]
        cast.reader(f"reader-{number}", countries, ("kk", "ru", "en")[number % 3])
    return submit.submit(edition, staff.writer, NOW)


def rehearse(snapshot, limit=None):
    mailing = dry_run.begin(snapshot, COLLEAGUE, limit, None, NOW)
    start_due.release_due(NOW)
    mailing.refresh_from_db()
    return mailing


def read(taken):
    return email.message_from_bytes(taken.message, policy=email.policy.default)


def test_every_planned_readers_message_goes_to_the_colleague_and_to_nobody_else(relay, snapshot):
    mailing = rehearse(snapshot)
    send()
    assert states(mailing) == {"accepted": 12}
    assert relay.recipients() == [COLLEAGUE] * 12
    addresses = set(Subscriber.objects.values_list("email", flat=True))
    for taken in relay.taken:
        mail = read(taken)
        assert COLLEAGUE in mail["To"] and mail["Subject"].startswith("[Rehearsal] ")
        assert not any(address.encode() in taken.message for address in addresses)
    # Each says which reader it was made for.
    made_for = {int(re.search(r"reader (\d+)", read(taken)["To"])[1]) for taken in relay.taken}
    assert made_for == set(Subscriber.objects.values_list("pk", flat=True))
    assert balances(mailing)


def test_its_personal_links_lead_to_the_front_page(relay, snapshot, client):
    rehearse(snapshot, limit=1)
    send()
    mail = read(relay.taken[0])
    assert mail["List-Unsubscribe"] == "<http://localhost:8000/>"
    body = mail.get_body(("plain",)).get_content()
    assert "/unsubscribe/" not in body and "/preferences/" not in body


def test_a_few_readers_stand_for_every_variant(snapshot):
    mailing = rehearse(snapshot, limit=3)
    rows = Delivery.objects.filter(mailing=mailing)
    assert len({row.variant_id for row in rows}) == rows.count() == 3
    assert mailing.audience == 3


def test_it_says_nothing_about_the_edition_and_blocks_nothing(relay, snapshot):
    rehearsed = rehearse(snapshot)
    send()
    assert edition_state(snapshot.edition) == "submitted"
    assert account_of(snapshot.edition).audience == 0
    staff = {user.username: user for user in cast.User.objects.all()}
    approve.approve(snapshot, staff["approver"], snapshot.sha256, NOW)
    approve.schedule(snapshot, staff["approver"], None, NOW)
    (mailing,) = start_due.release_due(NOW)
    assert mailing != rehearsed and mailing.rehearsal_to == ""
    send()
    assert relay.recipients()[:12] == [COLLEAGUE] * 12 and len(set(relay.recipients())) == 13
    assert account_of(snapshot.edition).accepted == 12
    assert balances(mailing) and balances(rehearsed)


def test_the_archive_shows_nothing_of_it(relay, snapshot):
    rehearse(snapshot)
    send()
    assert archive.editions() == [] and archive.edition(snapshot.edition.slug) is None


def test_an_edition_can_still_be_changed_and_submitted_again(snapshot):
    rehearsed = rehearse(snapshot)
    writer = snapshot.submitted_by
    again = submit.submit(snapshot.edition, writer, NOW + timedelta(hours=1))
    snapshot.refresh_from_db()
    assert (snapshot.state, again.state) == ("withdrawn", "submitted")
    assert states(rehearsed) == {"planned": 12}


def test_a_rehearsal_whose_copy_was_taken_back_stops_by_itself(relay, snapshot):
    rehearsed = rehearse(snapshot)
    approve.withdraw(snapshot, snapshot.submitted_by)
    send()
    rehearsed.refresh_from_db()
    assert (rehearsed.state, relay.taken) == ("paused", [])


def test_a_copy_taken_back_before_the_count_ends_the_rehearsal_in_words(snapshot):
    mailing = dry_run.begin(snapshot, COLLEAGUE, None, None, NOW)
    approve.withdraw(snapshot, snapshot.submitted_by)
    start_due.release_due(NOW)
    mailing.refresh_from_db()
    assert mailing.state == "cancelled" and "before the rehearsal began" in mailing.reason
    assert balances(mailing)


def test_it_is_paused_resumed_and_cancelled_like_a_mailing(relay, snapshot):
    mailing = rehearse(snapshot)
    control.pause(mailing, None, NOW)
    send()
    assert relay.taken == []
    control.resume(mailing, None, NOW)
    control.cancel(mailing, None, NOW)
    assert states(mailing) == {"excluded": 12} and balances(mailing)
    assert rehearse(snapshot, limit=2) == latest_rehearsal(snapshot.edition)


@pytest.mark.parametrize(
    "to, limit, words",
    [
        ("reader-1@example.net", None, "is a reader's address"),
        ("no address", None, "“no address” has no @"),
        (COLLEAGUE, 0, "at least one reader"),
    ],
)
def test_it_is_refused_in_words(snapshot, to, limit, words):
    with pytest.raises(control.ControlError, match=f"(?i){words}"):
        dry_run.begin(snapshot, to, limit, None, NOW)
    assert not Mailing.objects.exists()


def test_a_colleague_who_reads_it_too_may_rehearse(snapshot):
    cast.User.objects.create_user("dana", COLLEAGUE, "a long password")
    cast.reader("dana")
    Subscriber.objects.filter(email__startswith="dana").update(email=COLLEAGUE)
    assert dry_run.begin(snapshot, COLLEAGUE, None, None, NOW).rehearsal_to == COLLEAGUE


def test_a_second_one_waits_for_the_first(snapshot):
    rehearse(snapshot)
    with pytest.raises(control.ControlError, match="under way"):
        dry_run.begin(snapshot, COLLEAGUE, None, None, NOW)


def test_what_was_sent_is_not_rehearsed(snapshot):
    staff = {user.username: user for user in cast.User.objects.all()}
    approve.approve(snapshot, staff["approver"], snapshot.sha256, NOW)
    approve.schedule(snapshot, staff["approver"], None, NOW)
    start_due.release_due(NOW)
    with pytest.raises(control.ControlError, match="not yet sent"):
        dry_run.begin(snapshot, COLLEAGUE, None, None, NOW)


def test_a_bounce_of_a_rehearsal_is_no_sign_about_the_reader(relay, snapshot):
    mailing = rehearse(snapshot, limit=1)
    send()
    sender, original = relay.taken[0].sender, relay.taken[0].message.decode("ascii", "replace")
    for bounce in (_bounce(sender, original), _leave(original)):
        ingest.receive(bounce, NOW, verp.read(sender) and sender)
    assert not Suppression.objects.exists()
    assert not FeedbackEvent.objects.exclude(subscriber=None).exists()
    assert Subscriber.objects.filter(subscriptions__state="confirmed").count() == 12
    assert balances(mailing)


def _bounce(to, original):
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: failure\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {COLLEAGUE}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()


def _leave(original):
    message_id = re.search(r"(?im)^Message-ID:\s*(\S+)", original)[1]
    return (
        f"From: {COLLEAGUE}\r\nTo: leave@example.org\r\nSubject: unsubscribe\r\n"
        f"In-Reply-To: {message_id}\r\n\r\nunsubscribe\r\n"
    ).encode()


class TestTheDatabaseItself:
    def refused(self):
        return pytest.raises(DatabaseError, match="only a sealed copy")

    def test_refuses_to_turn_a_rehearsal_into_a_mailing_to_readers(self, snapshot):
        mailing = rehearse(snapshot)
        for columns in ({"rehearsal_to": ""}, {"rehearsal_to": "reader-1@example.net"}):
            with self.refused(), transaction.atomic():
                Mailing.objects.filter(pk=mailing.pk).update(**columns)

    def test_refuses_to_rehearse_what_is_not_open(self, snapshot):
        approve.withdraw(snapshot, snapshot.submitted_by)
        with self.refused(), transaction.atomic():
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition, rehearsal_to=COLLEAGUE)

    def test_refuses_a_second_real_mailing(self):
        readers(1)
        snapshot = sealed_copy()
        start_due.release_due(NOW)
        with pytest.raises(DatabaseError), transaction.atomic():
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)


def test_a_rehearsal_waits_while_anything_is_due_to_readers(configure):
    """Both are due; the readers' messages come first."""
    readers(30)
    snapshot = sealed_copy()
    mailing = rehearse(snapshot)
    start_due.release_due(NOW)
    with Relay(Script()) as server:
        configure(smtp={"port": server.port, "connections": 1})
        send()
        send()
    assert server.recipients()
    first = [taken.recipient for taken in server.taken][:30]
    assert COLLEAGUE not in first
    assert balances(mailing)
