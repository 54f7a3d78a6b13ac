"""Sending is resumed in a copy of the database, and nobody gets a message twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from wagtail.models import ModelLogEntry

from mailer.approval.models import Snapshot
from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Delivery, Mailing, OutboxMessage
from mailer.delivery.rollout import advance_mailings, begin_and_end_no_send_mode, mailing_control
from mailer.delivery.rollout.begin_and_end_no_send_mode import Choice
from mailer.instance import database_copy_detection, models, no_send_status
from mailer.instance.models import Instance
from subscribers.models import MailingList, ReconfirmationCampaign
from tests.delivery.cast import NOW, Clock, approved_snapshot, balances, readers, released, send, states
from tests.delivery.relay import Relay

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

LATER = NOW + timedelta(hours=3)


@pytest.fixture(autouse=True)
def _machine(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(storage={"path": str(tmp_path / "data")})
    database_copy_detection.enforce_identity(NOW)


def half_sent() -> Mailing:
    """Ten readers: two accepted, one deferred, three held by a worker elsewhere, four planned."""
    readers(10)
    mailing = released()
    first = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "a worker", NOW + timedelta(minutes=20), 3, NOW, 0
    )
    ids = [one.id for one in first]
    claim_and_record.record_accepted({"250 ok": ids[:2]}, "a worker", NOW)
    claim_and_record.defer([(ids[2], NOW + timedelta(hours=1))], "a worker")
    claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "a worker", NOW + timedelta(minutes=20), 3, NOW, max(ids)
    )
    assert states(mailing) == {"accepted": 2, "deferred": 1, "claimed": 3, "planned": 4}
    return mailing


def restored(at: datetime = NOW) -> None:
    """From here on the database is a copy."""
    models.begin_or_replace_no_send(Instance.Reason.RESTORED, at)


def resume(choice: Choice | None, mailing: Mailing, **options: bool) -> None:
    answers = {mailing.pk: choice} if choice else {}
    options = {"send_outbox": False, **options}
    begin_and_end_no_send_mode.resume(answers, {}, by="a test", now=LATER, **options)
    mailing.refresh_from_db()


def test_what_was_not_finished_is_asked_about() -> None:
    mailing = half_sent()
    restored()
    ((found),) = begin_and_end_no_send_mode.questions(LATER).mailings
    assert (found.mailing, found.open, found.in_flight) == (mailing, 5, 3)


@pytest.mark.parametrize("state", ["sending", "waiting", "finished"])
def test_reconfirmations_whose_answers_are_not_here_are_cancelled(state: str) -> None:
    readers(1)
    campaign = ReconfirmationCampaign.objects.create(
        mailing_list=MailingList.objects.get(subscriptions__isnull=False),
        rule={},
        segment_name="Inactive",
        deadline=NOW.date(),
        state=state,
        created_at=NOW,
    )
    restored()
    begin_and_end_no_send_mode.resume({}, {}, send_outbox=False, by="a test", now=LATER)
    campaign.refresh_from_db()
    assert campaign.state == ("finished" if state == "finished" else "cancelled")


def test_without_an_answer_a_mailing_is_paused() -> None:
    mailing = half_sent()
    restored()
    resume(None, mailing)
    assert no_send_status.no_send_reason() is None
    assert mailing.state == Mailing.State.PAUSED
    assert states(mailing) == {"accepted": 2, "deferred": 1, "in_doubt": 3, "planned": 4}
    assert balances(mailing)
    entry = ModelLogEntry.objects.get(action="desk.resume_sending")
    assert entry.data["by"] == "a test"


def test_of_a_mailing_that_the_original_sent_nothing_more_is_sent(relay: Relay) -> None:
    mailing = half_sent()
    restored()
    resume(Choice.SENT, mailing)
    send(Clock(LATER))
    assert relay.taken == []
    assert mailing.state == Mailing.State.DONE
    assert states(mailing) == {"accepted": 2, "in_doubt": 3, "excluded": 5}
    assert set(Delivery.objects.filter(state=Delivery.State.EXCLUDED).values_list("reason", flat=True)) == {
        begin_and_end_no_send_mode.SENT_BEFORE
    }
    assert balances(mailing)


def test_a_mailing_goes_on_without_those_that_a_worker_held(relay: Relay) -> None:
    mailing = half_sent()
    restored()
    resume(Choice.GO_ON, mailing)
    clock = Clock(LATER)
    for _ in range(3):
        send(clock)
        clock.move(hours=1)
    assert len(relay.taken) == len({taken.recipient for taken in relay.taken}) == 5
    assert states(mailing) == {"accepted": 7, "in_doubt": 3}
    assert balances(mailing)
    assert mailing.state == Mailing.State.DONE


def test_a_paused_mailing_stays_paused_where_it_goes_on() -> None:
    mailing = half_sent()
    mailing_control.pause(mailing, None, NOW)
    restored()
    resume(Choice.GO_ON, mailing)
    assert mailing.state == Mailing.State.PAUSED


@pytest.mark.parametrize(
    ("choice", "state"),
    [
        (Choice.SENT, Snapshot.State.INVALIDATED),
        (Choice.HOLD, Snapshot.State.APPROVED),
        (Choice.GO_ON, Snapshot.State.SCHEDULED),
    ],
)
def test_an_edition_that_was_due_is_sent_only_if_the_original_did_not(choice: Choice, state: str) -> None:
    readers(2)
    snapshot = approved_snapshot()
    restored(NOW - timedelta(minutes=1))
    assert [one.pk for one in begin_and_end_no_send_mode.questions(LATER).due] == [snapshot.pk]
    begin_and_end_no_send_mode.resume({}, {snapshot.pk: choice}, send_outbox=False, by="a test", now=LATER)
    snapshot.refresh_from_db()
    assert snapshot.state == state
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert Mailing.objects.count() == (choice is Choice.GO_ON)


@pytest.mark.parametrize("choice", Choice)
def test_a_mailing_that_was_not_planned_yet_is_sent_only_if_the_original_did_not(choice: Choice) -> None:
    readers(2)
    snapshot = approved_snapshot()
    mailing = Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition, created_at=NOW)
    restored()
    begin_and_end_no_send_mode.resume({mailing.pk: choice}, {}, send_outbox=False, by="a test", now=LATER)
    advance_mailings.create_and_start_or_hold_due_mailings(LATER)
    found = set(Mailing.objects.values_list("state", flat=True))
    assert found == {Choice.SENT: {"cancelled"}, Choice.HOLD: set(), Choice.GO_ON: {"sending"}}[choice]


@pytest.mark.parametrize("send_outbox", [False, True])
def test_waiting_emails_are_sent_only_if_the_original_did_not(send_outbox: bool) -> None:
    def email(name: str, at: datetime) -> OutboxMessage:
        return OutboxMessage.objects.create(
            sender="office@example.org",
            recipient=f"{name}@example.org",
            message=b"Subject: x\r\n\r\nx\r\n",
            created_at=at,
            due_at=at,
        )

    before, after = email("before", NOW - timedelta(minutes=1)), email("after", NOW + timedelta(minutes=1))
    restored()
    assert begin_and_end_no_send_mode.questions(LATER).outbox == 1
    begin_and_end_no_send_mode.resume({}, {}, send_outbox=send_outbox, by="a test", now=LATER)
    before.refresh_from_db()
    after.refresh_from_db()
    assert (before.state == OutboxMessage.State.WAITING) is send_outbox
    assert after.state == OutboxMessage.State.WAITING


def test_after_a_mere_pause_everything_goes_on_as_it_was() -> None:
    mailing = half_sent()
    assert begin_and_end_no_send_mode.begin_no_send_by_hand("a test", NOW)
    assert not begin_and_end_no_send_mode.begin_no_send_by_hand("a test", NOW)
    assert not begin_and_end_no_send_mode.questions(LATER)
    resume(None, mailing)
    assert mailing.state == Mailing.State.SENDING
    assert states(mailing) == {"accepted": 2, "deferred": 1, "claimed": 3, "planned": 4}
