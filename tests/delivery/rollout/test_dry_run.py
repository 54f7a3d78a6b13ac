"""A dry run: every message goes to a staff address, and the real mailing is not affected."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from mailer.approval import snapshot_state_changes, submit
from mailer.approval.models import Snapshot
from mailer.delivery import message_identifiers
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings, mailing_control
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import FeedbackEvent
from mailer.public import archived_edition_queries
from mailer.reports.edition_state import edition_state
from mailer.reports.stats import latest_dry_run, latest_mailing_totals
from subscribers.models import Subscriber, Suppression
from tests import cast
from tests.delivery.cast import NOW, approved_snapshot, balances, readers, send, states
from tests.delivery.relay import Relay, Script
from tests.recorded import recorded

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
STAFF = "dana@office.example.org"


@pytest.fixture
def snapshot():
    return submitted()


@recorded
def submitted() -> Snapshot:
    """The December edition, submitted and waiting, for twelve readers of three kinds."""
    staff = cast.staff()
    edition = cast.december(staff.writer)
    for number in range(12):
        countries = (("KZ",), ("UZ",), ("TJ", "KG"))[number % 3]
        cast.reader(f"reader-{number}", countries, ("kk", "ru", "en")[number % 3])
    return submit.submit(edition, staff.writer, NOW)


def start(snapshot, limit=None):
    mailing = mailing_control.create_dry_run_mailing(snapshot, STAFF, limit, None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    mailing.refresh_from_db()
    return mailing


def read(taken):
    return email.message_from_bytes(taken.message, policy=email.policy.default)


def test_every_message_goes_to_the_staff_address_only(relay, snapshot):
    mailing = start(snapshot)
    send()
    assert states(mailing) == {"accepted": 12}
    assert relay.recipients() == [STAFF] * 12
    addresses = set(Subscriber.objects.values_list("email", flat=True))
    for taken in relay.taken:
        mail = read(taken)
        assert STAFF in mail["To"] and mail["Subject"].startswith("[Full test] ")
        assert not any(address.encode() in taken.message for address in addresses)
    # Each says which reader it was made for.
    made_for = {int(re.search(r"subscriber (\d+)", read(taken)["To"])[1]) for taken in relay.taken}
    assert made_for == set(Subscriber.objects.values_list("pk", flat=True))
    assert balances(mailing)


def test_its_personal_links_lead_to_the_front_page(relay, snapshot, client):
    start(snapshot, limit=1)
    send()
    mail = read(relay.taken[0])
    assert mail["List-Unsubscribe"] == "<http://localhost:8000/>"
    body = mail.get_body(("plain",)).get_content()
    assert "/unsubscribe/" not in body and "/preferences/" not in body


def test_a_limit_covers_every_variant_first(snapshot):
    mailing = start(snapshot, limit=3)
    rows = Delivery.objects.filter(mailing=mailing)
    assert len({row.variant_id for row in rows}) == rows.count() == 3
    assert mailing.audience == 3


def test_it_changes_nothing_about_the_edition(relay, snapshot):
    dry_run = start(snapshot)
    send()
    assert edition_state(snapshot.edition) == "submitted"
    assert latest_mailing_totals(snapshot.edition).audience == 0
    staff = {user.username: user for user in cast.User.objects.all()}
    snapshot_state_changes.approve(snapshot, staff["approver"], snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff["approver"], None, NOW)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert mailing != dry_run and mailing.dry_run_to == ""
    send()
    assert relay.recipients()[:12] == [STAFF] * 12 and len(set(relay.recipients())) == 13
    assert latest_mailing_totals(snapshot.edition).accepted == 12
    assert balances(mailing) and balances(dry_run)


def test_the_archive_shows_nothing_of_it(relay, snapshot):
    start(snapshot)
    send()
    assert (
        archived_edition_queries.archived_editions() == []
        and archived_edition_queries.archived_edition(snapshot.edition.slug) is None
    )


def test_an_edition_can_still_be_changed_and_submitted_again(snapshot):
    dry_run = start(snapshot)
    writer = snapshot.submitted_by
    again = submit.submit(snapshot.edition, writer, NOW + timedelta(hours=1))
    snapshot.refresh_from_db()
    assert (snapshot.state, again.state) == ("withdrawn", "submitted")
    assert states(dry_run) == {"planned": 12}


def test_it_is_paused_when_the_snapshot_is_withdrawn(relay, snapshot):
    dry_run = start(snapshot)
    snapshot_state_changes.withdraw(snapshot, snapshot.submitted_by)
    send()
    dry_run.refresh_from_db()
    assert (dry_run.state, relay.taken) == ("paused", [])


def test_it_is_cancelled_when_the_snapshot_is_withdrawn_before_planning(snapshot):
    mailing = mailing_control.create_dry_run_mailing(snapshot, STAFF, None, None, NOW)
    snapshot_state_changes.withdraw(snapshot, snapshot.submitted_by)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    mailing.refresh_from_db()
    assert mailing.state == "cancelled" and "withdrawn" in mailing.reason
    assert balances(mailing)


def test_it_is_paused_resumed_and_cancelled_like_a_mailing(relay, snapshot):
    mailing = start(snapshot)
    mailing_control.pause(mailing, None, NOW)
    send()
    assert relay.taken == []
    mailing_control.resume(mailing, None, NOW)
    mailing_control.cancel(mailing, None, NOW)
    assert states(mailing) == {"excluded": 12} and balances(mailing)
    assert start(snapshot, limit=2) == latest_dry_run(snapshot.edition)


@pytest.mark.parametrize(
    "to, limit, code",
    [
        # Whether a subscriber has it or nobody: the answer is the same.
        ("reader-1@example.net", None, "not_staff"),
        ("nobody@example.net", None, "not_staff"),
        ("nobody@sub.office.example.org", None, "not_staff"),
        ("no address", None, "invalid_address"),
        (STAFF, 0, "invalid_limit"),
    ],
)
def test_a_wrong_recipient_or_limit_is_refused(snapshot, to, limit, code):
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.create_dry_run_mailing(snapshot, to, limit, None, NOW)
    assert refused.value.code == code
    assert not Mailing.objects.exists()


def test_staff_who_are_subscribed_may_receive_it(snapshot):
    cast.User.objects.create_user("dana", STAFF, "a long password")
    cast.reader("dana")
    Subscriber.objects.filter(email__startswith="dana").update(email=STAFF)
    assert mailing_control.create_dry_run_mailing(snapshot, STAFF, None, None, NOW).dry_run_to == STAFF


def test_an_account_that_is_not_active_is_not_staff(snapshot, configure):
    configure(sending={"dry_run_domains": ()})
    account = cast.User.objects.create_user("dana", STAFF, "a long password", is_active=False)
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.create_dry_run_mailing(snapshot, STAFF, None, None, NOW)
    assert refused.value.code == "not_staff"
    account.is_active = True
    account.save()
    assert (
        mailing_control.create_dry_run_mailing(snapshot, STAFF.upper(), None, None, NOW).dry_run_to == STAFF
    )


def test_dry_runs_send_so_many_messages_a_day_and_no_more(snapshot, configure):
    configure(sending={"dry_run_messages_per_day": 20})
    for limit in (None, 8):
        mailing_control.cancel(
            mailing_control.create_dry_run_mailing(snapshot, STAFF, limit, None, NOW), None, NOW
        )
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.create_dry_run_mailing(snapshot, STAFF, 1, None, NOW)
    assert refused.value.code == "daily_limit"
    assert mailing_control.create_dry_run_mailing(snapshot, STAFF, 1, None, NOW + timedelta(hours=25))


def test_a_second_one_must_wait_for_the_first(snapshot):
    start(snapshot)
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.create_dry_run_mailing(snapshot, STAFF, None, None, NOW)
    assert refused.value.code == "dry_run_active"


def test_a_sent_edition_cannot_have_one(snapshot):
    staff = {user.username: user for user in cast.User.objects.all()}
    snapshot_state_changes.approve(snapshot, staff["approver"], snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff["approver"], None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.create_dry_run_mailing(snapshot, STAFF, None, None, NOW)
    assert refused.value.code == "snapshot_not_open"


def test_its_bounces_say_nothing_about_subscribers(relay, snapshot):
    mailing = start(snapshot, limit=1)
    send()
    sender, original = relay.taken[0].sender, relay.taken[0].message.decode("ascii", "replace")
    for bounce in (_bounce(sender, original), _leave(original)):
        ingest_returned_mail.ingest_message(
            bounce, NOW, message_identifiers.read_envelope_sender(sender) and sender
        )
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
        f"Final-Recipient: rfc822; {STAFF}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()


def _leave(original):
    message_id = re.search(r"(?im)^Message-ID:\s*(\S+)", original)[1]
    return (
        f"From: {STAFF}\r\nTo: leave@example.org\r\nSubject: unsubscribe\r\n"
        f"In-Reply-To: {message_id}\r\n\r\nunsubscribe\r\n"
    ).encode()


class TestTheDatabaseItself:
    def refused(self):
        return pytest.raises(DatabaseError, match="only an approved snapshot")

    def test_refuses_to_turn_a_dry_run_into_a_real_mailing(self, snapshot):
        mailing = start(snapshot)
        for columns in ({"dry_run_to": ""}, {"dry_run_to": "reader-1@example.net"}):
            with self.refused(), transaction.atomic():
                Mailing.objects.filter(pk=mailing.pk).update(**columns)

    def test_refuses_a_dry_run_of_a_withdrawn_snapshot(self, snapshot):
        snapshot_state_changes.withdraw(snapshot, snapshot.submitted_by)
        with self.refused(), transaction.atomic():
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition, dry_run_to=STAFF)

    def test_refuses_a_second_real_mailing(self):
        readers(1)
        snapshot = approved_snapshot()
        advance_mailings.create_and_start_or_hold_due_mailings(NOW)
        with pytest.raises(DatabaseError), transaction.atomic():
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)


def test_it_waits_while_a_real_mailing_has_due_deliveries(configure):
    """Both are due; the readers' messages come first."""
    readers(30)
    snapshot = approved_snapshot()
    mailing = start(snapshot)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    with Relay(Script()) as server:
        configure(smtp={"port": server.port, "connections": 1})
        send()
        send()
    assert server.recipients()
    first = [taken.recipient for taken in server.taken][:30]
    assert STAFF not in first
    assert balances(mailing)
