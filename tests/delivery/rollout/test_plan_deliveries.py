from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection

from mailer.approval import snapshot_state_changes, submit
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.snapshot_state_changes import OutsideWindow
from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings, mailing_control, plan_deliveries
from mailer.delivery.rollout.plan_deliveries import plan_then_start_or_hold
from mailer.editions.assemble import create_edition_unless_exists
from mailer.reports.edition_state import edition_state
from mailer.stories.models import StoryText
from subscribers.models import Segment, Subscriber, Subscription
from subscribers.segments.rule_format import Group, to_json
from subscribers.suppression import suppress
from tests import cast
from tests.delivery.cast import NOW, approved_snapshot, balances, readers, reasons, released, states

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_each_subscriber_of_the_lists_gets_one_delivery_with_a_variant_or_a_reason():
    cast.reader("aida", ("KZ",), "kk")
    cast.reader("bek", (), "ru")
    cast.reader("pending", state="pending")
    cast.reader("gone", state="unsubscribed")
    suppress(cast.reader("stopped"), "hard_bounce", "550", NOW)
    twice = cast.reader("twice", ("TJ",), "tg")
    mailing = released()
    other = Subscription.objects.create(
        subscriber=twice, mailing_list=cast.MailingList.objects.create(slug="x")
    )
    assert other.pk
    assert reasons(mailing) == {
        "aida": "planned",
        "bek": "planned",
        "pending": "unconfirmed",
        "gone": "unsubscribed",
        "stopped": "suppressed",
        "twice": "planned",
    }
    assert mailing.state == Mailing.State.SENDING and mailing.started_at == NOW
    assert balances(mailing)


def planned_order(ids: range) -> list[int]:
    """The ids of subscribers in the order in which their deliveries are planned."""
    width = max(1, len(ids) // plan_deliveries._SLICES)
    order = plan_deliveries._SPREAD.format(width=width)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE r (id) AS "
            "(SELECT CAST(%s AS bigint) UNION ALL SELECT id + 1 FROM r WHERE id < %s) "
            f"SELECT id FROM r {order}",
            [ids[0], ids[-1]],
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("audience, dead", [(50, 4), (273, 5), (1_000, 40), (20_000, 400)])
@pytest.mark.parametrize("where", [0, 0.31, 0.96])
def test_subscribers_who_were_imported_together_are_spread_over_the_sending(audience, dead, where):
    ids = range(7_001, 7_001 + audience)
    order = planned_order(ids)
    assert sorted(order) == list(ids) and order == planned_order(ids)
    first = 7_001 + int(where * (audience - dead))
    places = [place for place, number in enumerate(order) if first <= number < first + dead]
    # In any stretch of a tenth there are hardly more of them than everywhere: one of each slice at the most.
    tenth = audience // 10
    most = max(sum(begin <= place < begin + tenth for place in places) for begin in range(0, audience, 7))
    assert most <= dead / 10 + tenth / 128 + 3
    # Not five among the first messages, which would pause it.
    assert sum(place < 43 for place in places) <= 4


def test_a_paused_subscriber_gets_nothing_until_the_pause_ends():
    rests, rested, rests_later = (cast.reader(name) for name in ("rests", "rested", "rests-later"))
    pause(rests, NOW + timedelta(days=1))
    pause(rested, NOW)
    mailing = released()
    assert reasons(mailing) == {"rests": "paused", "rested": "planned", "rests-later": "planned"}
    pause(rests_later, NOW + timedelta(hours=1))
    claimed = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "a", NOW + timedelta(minutes=20), 10, NOW
    )
    assert [one.email for one in claimed] == ["rested@example.net"]
    assert reasons(mailing) == {"rests": "paused", "rested": "claimed", "rests-later": "paused"}
    assert balances(mailing)


def test_pauses_since_the_submission_do_not_hold_the_mailing():
    readers(30)
    approved_snapshot()
    Subscriber.objects.update(paused_until=NOW + timedelta(days=1))
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert mailing.state == Mailing.State.SENDING and states(mailing) == {"excluded": 30}


def pause(person, until):
    Subscriber.objects.filter(pk=person.pk).update(paused_until=until)


def test_a_subscriber_gets_the_variant_of_their_countries_and_language():
    cast.reader("aida", ("KZ",), "kk")
    cast.reader("turk", ("TM",), "tk")
    cast.reader("german", ("TJ",), "de")
    mailing = released(edition_by=cast.december)
    found = {
        d.countries: d.variant for d in Delivery.objects.filter(mailing=mailing).select_related("variant")
    }
    assert found["KZ"].language == "kk" and "kz-news" in found["KZ"].stories
    assert found["TM"].language == "tk" and found["TM"].stories == "follow"
    # German is none of the newsletter's languages: its first fallback is Russian.
    assert found["TJ"].language == "ru" and "tj-news" in found["TJ"].stories


def test_a_subscriber_without_a_story_is_excluded():
    cast.reader("aida", ("KZ",))
    cast.reader("turk", ("TM",), "tk")
    staff = cast.staff()
    edition = cast.december(staff.writer)
    edition.body = [(b.block_type, b.value) for b in edition.body if "follow" not in str(_keys(b))]
    edition.save_revision(user=staff.writer).publish()
    snapshot = submit.submit(edition, staff.writer, NOW)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff.approver, None, NOW)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert reasons(mailing) == {"aida": "planned", "turk": "no_stories"}
    # Nobody is missing against what the approver saw.
    assert mailing.state == Mailing.State.SENDING


def sent(newsletter, staff, period, at, segment=None):
    """The started mailing of the newsletter's edition of a period."""
    edition = create_edition_unless_exists(newsletter, period, at)
    if segment:
        edition.segment = segment
        edition.save_revision(user=staff.writer)
    snapshot = submit.submit(edition, staff.writer, at)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, at)
    snapshot_state_changes.schedule(snapshot, staff.approver, None, at)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(at)
    assert mailing.state == Mailing.State.SENDING and balances(mailing)
    return mailing


def end(mailing):
    mailing_control.cancel(mailing, None, NOW)
    # As if its first messages had left: a mailing of which none left puts nobody off.
    Mailing.objects.filter(pk=mailing.pk).update(cancelled_unsent=False)


def stories_by_countries(mailing):
    return {
        one.countries: set(one.variant.stories.split(","))
        for one in Delivery.objects.filter(mailing=mailing).select_related("variant")
    }


def test_an_edition_for_a_segment_puts_nobody_off_and_leaves_what_was_put_off_to_the_next():
    staff = cast.staff()
    made = cast.newsletter(languages=("en",), silent_rule="roll_over")
    segment = Segment.objects.create(
        name="All", rule=to_json(Group("all", ())), changed_at=NOW - timedelta(days=90)
    )
    cast.reader("turk", ("TM",))
    cast.reader("aida", ("KZ",))
    for month in (10, 11, 12):
        cast.story(f"kz-{month}", countries=("KZ",), day=date(2021, month, 1))
        cast.story(f"all-{month}", day=date(2021, month, 1))
    october = sent(made, staff, "2021-10", NOW - timedelta(days=60))
    assert reasons(october) == {"turk": "rolled_over", "aida": "planned"}
    end(october)
    november = sent(made, staff, "2021-11", NOW - timedelta(days=30), segment)
    assert stories_by_countries(november)["TM"] == {"all-11"}
    end(november)
    december = sent(made, staff, "2021-12", NOW)
    assert stories_by_countries(december)["TM"] == {"all-12", "all-10"}


def test_readers_of_silent_countries_are_put_off_once_and_counted():
    staff = cast.staff()
    made = cast.newsletter(languages=("en",), silent_rule="roll_over", min_stories=2)
    cast.story("old-kz", countries=("KZ",), day=date(2021, 10, 5))
    cast.story("old-kz-2", countries=("KZ",), day=date(2021, 10, 6))
    cast.story("old-tj", countries=("TJ",), day=date(2021, 10, 7))
    cast.story("old-all", countries=(), day=date(2021, 10, 8))
    for name, countries in (("aida", ("KZ",)), ("turk", ("TM",)), ("all", ()), ("both", ("TM", "TJ"))):
        cast.reader(name, countries)
    autumn = sent(made, staff, "2021-10", NOW - timedelta(days=45))
    assert reasons(autumn) == {"aida": "planned", "turk": "rolled_over", "all": "planned", "both": "planned"}
    end(autumn)
    cast.story("new-kz", countries=("KZ",), day=date(2021, 11, 5))
    cast.story("new-tj", countries=("TJ",), day=date(2021, 11, 6))
    cast.story("new-all", countries=(), day=date(2021, 11, 7))
    winter = sent(made, staff, "2021-12", NOW)
    assert reasons(winter) == dict.fromkeys(("aida", "turk", "all", "both"), "planned")
    got = stories_by_countries(winter)
    assert got["TM"] == {"new-all", "old-all"} and got["KZ"] == {"new-kz", "new-all"}
    made.min_stories = 3
    made.save()
    cast.story("spring-kz", countries=("KZ",), day=date(2022, 1, 5))
    cast.story("spring-all", countries=(), day=date(2022, 1, 6))
    spring = sent(made, staff, "2022-01", NOW + timedelta(days=40))
    assert reasons(spring) == {
        "aida": "few_stories",
        "turk": "rolled_over",
        "all": "few_stories",
        "both": "rolled_over",
    }


def _keys(block):
    value = block.value
    return [
        getattr(value, "key", ""),
        *(getattr(v, "key", "") for v in (value if hasattr(value, "__iter__") else ())),
    ]


def test_a_missing_variant_is_rendered_from_the_snapshot_alone():
    cast.reader("aida", ("KZ",), "en")
    snapshot = approved_snapshot()
    stored = list(SnapshotVariant.objects.filter(snapshot=snapshot).values_list("key", "sha256"))
    SnapshotVariant.objects.filter(snapshot=snapshot)._raw_delete("default")
    mailing = plan_then_start_or_hold(
        Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition), NOW
    )
    assert set(SnapshotVariant.objects.filter(snapshot=snapshot).values_list("key", "sha256")) <= set(stored)
    assert states(mailing) == {"planned": 1}


def test_a_much_larger_audience_is_held_for_confirmation():
    readers(30)
    snapshot = approved_snapshot()
    for number in range(21):
        cast.reader(f"late-{number}")
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert mailing.state == Mailing.State.HELD and mailing.started_at is None
    assert "51" in mailing.reason and "30" in mailing.reason
    mailing_control.confirm_audience_and_start_sending(mailing, snapshot.scheduled_by, NOW)
    assert mailing.state == Mailing.State.SENDING and mailing.started_at == NOW


def test_a_slightly_larger_audience_is_not_held():
    readers(30)
    approved_snapshot()
    for number in range(20):
        cast.reader(f"late-{number}")
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert mailing.state == Mailing.State.SENDING


def test_starting_twice_makes_one_mailing():
    readers(2)
    mailing = released()
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW) == []
    assert Mailing.objects.get() == mailing
    assert mailing.expires_at == NOW + timedelta(hours=72)


def test_interrupted_planning_is_done_by_the_next_call():
    readers(2)
    snapshot = approved_snapshot()
    Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert states(mailing) == {"planned": 2}


def test_a_snapshot_is_not_started_early():
    snapshot = approved_snapshot()
    Snapshot.objects.filter(pk=snapshot.pk).update(send_at=NOW + timedelta(hours=1))
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW) == []


def test_a_snapshot_after_its_window_is_invalidated():
    snapshot = approved_snapshot()
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW + timedelta(days=8)) == []
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED and "window" in snapshot.invalidated_reason


def test_an_approved_edition_that_nobody_scheduled_returns_to_its_writers_after_its_window():
    snapshot = approved_snapshot()
    snapshot_state_changes.unschedule(snapshot, snapshot.scheduled_by)
    end = snapshot.window_until
    advance_mailings.create_and_start_or_hold_due_mailings(end)
    assert edition_state(snapshot.edition) == "approved"
    later = end + timedelta(seconds=1)
    with pytest.raises(OutsideWindow):
        snapshot_state_changes.schedule(snapshot, None, None, later)
    assert advance_mailings.create_and_start_or_hold_due_mailings(later) == []
    assert edition_state(snapshot.edition) == "draft" and not Mailing.objects.exists()
    snapshot.refresh_from_db()
    assert "window" in snapshot.invalidated_reason and snapshot.send_at is None


def test_an_edit_after_scheduling_stops_the_edition():
    readers(1)
    snapshot = approved_snapshot()
    text = StoryText.objects.filter(story__key="kz-news").first()
    text.headline = "Something else"
    text.save()
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW) == []
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED and "changed" in snapshot.invalidated_reason
    assert not Mailing.objects.exists()


def test_a_mailing_that_cannot_be_planned_holds_up_no_other(monkeypatch):
    readers(1)
    snapshot = approved_snapshot()
    to = "team@office.example.org"
    dry_run = mailing_control.create_dry_run_mailing(snapshot, to, None, None, NOW)
    insert = plan_deliveries._insert_deliveries

    def fail(mailing, now):
        if mailing.dry_run_to:
            raise TypeError
        insert(mailing, now)

    monkeypatch.setattr(plan_deliveries, "_insert_deliveries", fail)
    with pytest.raises(TypeError):
        advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    states = dict(Mailing.objects.values_list("pk", "state"))
    assert states.pop(dry_run.pk) == Mailing.State.PLANNING
    assert list(states.values()) == [Mailing.State.SENDING]
