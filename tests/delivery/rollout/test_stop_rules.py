"""The stop rules on a mailing under way: what they do, once, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from mailer.delivery.engine import control
from mailer.delivery.models import Alert, Intervention, Mailing, ProviderHour
from mailer.delivery.rollout import provider_stats, stop_rules
from mailer.delivery.rollout.evaluate import Counted
from mailer.delivery.rollout.provider_stats import Slot
from mailer.delivery.throttle import provider_throttle, shared_state
from mailer.delivery.throttle.backoff import FREE, Backoff
from tests.delivery.cast import NOW, Clock, readers, released

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def mailing(configure):
    configure(alerts={"webhook": "http://127.0.0.1:1/hook"})
    readers(1)
    return released()


def add(mailing, provider="mail.ru", at=NOW, **counts):
    provider_stats.add([(Slot(mailing.pk, provider, at), Counted(**counts))])


def sent(mailing, count, **columns):
    add(mailing, tried=count, accepted=count, **columns)


def slowed(provider="mail.ru", at=NOW) -> Backoff:
    return provider_throttle.backoff_in(shared_state.read(f"provider {provider}"), at.timestamp())


def audit():
    entries = ModelLogEntry.objects.filter(action__in=["desk.warned", "desk.braked", "desk.paused"])
    return [(entry.action, entry.message) for entry in entries.order_by("pk")]


def test_too_many_complaints_pause_it_and_everybody_is_told_why(mailing, mailoutbox):
    sent(mailing, 1000, complained=3)
    assert stop_rules.watch(NOW) == [mailing.pk]
    mailing.refresh_from_db()
    words = "Marked as unwanted: 3 of 1,000 (0.3 %, limit 0.3 %), most of them at mail.ru."
    assert (mailing.state, mailing.reason) == ("paused", f"Paused by itself. {words}")
    assert audit() == [("desk.paused", f"The stop rules paused the sending – {words}")]
    (mail,) = mailoutbox
    assert mail.subject.startswith("Sending has stopped") and words in mail.body
    assert Alert.objects.get().post_at == NOW
    (told,) = stop_rules.told(mailing)
    assert (told["did"], told["sign"], told["words"]) == ("paused", "complained", words)


def test_one_complaint_in_ten_pauses_nothing(mailing):
    sent(mailing, 10, complained=1)
    assert stop_rules.watch(NOW) == [] and not Intervention.objects.exists()


def test_staff_are_warned_once_and_the_mailing_goes_on(mailing, mailoutbox):
    sent(mailing, 2000, complained=3)
    for minutes in range(0, 200, 20):
        stop_rules.watch(NOW + timedelta(minutes=minutes))
    mailing.refresh_from_db()
    assert mailing.state == "sending" and len(mailoutbox) == 1
    assert "limit 0.1 %" in mailoutbox[0].body and mailoutbox[0].subject.startswith("Please look")
    assert [one["did"] for one in stop_rules.told(mailing)] == ["warned"]


def test_one_provider_is_slowed_down_and_again_only_when_more_comes_back(mailing, mailoutbox):
    add(mailing, "gmail.com", tried=5000, accepted=5000)
    sent(mailing, 90, blocked=10)
    assert slowed() == FREE
    assert stop_rules.watch(NOW) == []
    first = slowed()
    assert first.strikes == 1 and slowed("gmail.com") == FREE
    stop_rules.watch(NOW + timedelta(minutes=2))
    assert slowed() == first
    add(mailing, blocked=1)
    stop_rules.watch(NOW + timedelta(minutes=3))
    assert slowed(at=NOW + timedelta(minutes=3)).strikes == 2
    assert [one["did"] for one in stop_rules.told(mailing)] == ["braked", "braked"]
    assert audit()[0][0] == "desk.braked" and "at mail.ru" in audit()[0][1]
    assert len(mailoutbox) == 1 and "Mail to mail.ru was slowed down." in mailoutbox[0].body


def test_who_resumes_it_is_not_bothered_by_the_same_counts_but_by_new_ones(mailing, mailoutbox):
    clock = Clock()
    sent(mailing, 1000, complained=5)
    stop_rules.watch(clock())
    clock.move(minutes=10)
    mailing.refresh_from_db()
    control.resume(mailing, None, clock())
    add(mailing, complained=20)
    assert stop_rules.watch(clock()) == []
    add(mailing, at=clock(), tried=900, accepted=900, complained=2)
    assert stop_rules.watch(clock()) == []
    add(mailing, at=clock(), complained=1)
    assert stop_rules.watch(clock()) == [mailing.pk]
    assert [one["did"] for one in stop_rules.told(mailing)] == ["paused", "paused"]
    # Told again, although the last hour is not over.
    assert len(mailoutbox) == 2


def test_a_look_that_began_before_somebody_resumed_it_stops_nothing(mailing):
    sent(mailing, 1000, complained=5)
    late = Mailing.objects.get(pk=mailing.pk)
    stop_rules.watch(NOW)
    mailing.refresh_from_db()
    control.resume(mailing, None, NOW + timedelta(minutes=5))
    assert not stop_rules.attend(late, NOW + timedelta(minutes=5))
    mailing.refresh_from_db()
    assert mailing.state == "sending"
    assert Intervention.objects.count() == 1


def test_of_one_that_was_sent_staff_are_warned(mailing, mailoutbox):
    Mailing.objects.filter(pk=mailing.pk).update(state="done", finished_at=NOW)
    sent(mailing, 100, complained=3)
    assert stop_rules.watch(NOW + timedelta(hours=5)) == []
    assert [one["did"] for one in stop_rules.told(mailing)] == ["warned"] and len(mailoutbox) == 1
    mailing.refresh_from_db()
    assert mailing.state == "done"


def test_a_bad_hour_is_named_in_the_offices_time(mailing, configure):
    configure(site={"timezone": "Asia/Almaty"})
    sent(mailing, 100_000)
    add(mailing, at=NOW + timedelta(hours=1), tried=10, bounced=10)
    stop_rules.watch(NOW)
    mailing.refresh_from_db()
    assert "of what left in the hour from " in mailing.reason and "10 of 10 (100 %" in mailing.reason
    assert f"{(provider_stats.hour_of(NOW) + timedelta(hours=7)):%H:%M}" in mailing.reason


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 400)),
    st.tuples(st.just("complain"), st.integers(1, 3)),
    # About what left before.
    st.tuples(st.just("complain late"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["watch", "watch from before", "pause", "resume", "hour"]), st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_it_is_paused_by_what_left_since_it_was_resumed_and_by_nothing_else(steps):
    """Any order of sending, complaints, looks (also late ones) and staff's hands."""
    ProviderHour.objects.all().delete()
    Intervention.objects.all().delete()
    mailing = Mailing.objects.first() or _released()
    Mailing.objects.filter(pk=mailing.pk).update(state="sending", reason="", counted_from=None)
    clock, stale, begun = Clock(), Mailing.objects.get(pk=mailing.pk), NOW
    left, complaints = 0, 0
    for deed, count in steps:
        clock.move(minutes=1)
        mailing.refresh_from_db()
        before = mailing.state
        too_many = complaints >= 3 and complaints * 1000 >= 3 * max(left, complaints)
        if deed == "send" and before == "sending":
            add(mailing, at=clock(), tried=count, accepted=count)
            left += count
        elif deed == "complain" and left:
            add(mailing, at=clock(), complained=count)
            complaints += count
        elif deed == "complain late" and begun > NOW:
            add(mailing, at=begun - timedelta(minutes=1), complained=count)
        elif deed == "hour":
            clock.move(hours=1)
            stale = Mailing.objects.get(pk=mailing.pk)
        elif deed.startswith("watch"):
            stop_rules.attend(stale if deed == "watch from before" else mailing, clock())
            mailing.refresh_from_db()
            if deed == "watch" and before == "sending":
                hourly = any(
                    counts.complained >= 3 and counts.complained * 1000 >= 3 * counts.base("complained")
                    for counts in provider_stats.of(mailing).values()
                )
                assert (mailing.state == "paused") == (too_many or hourly)
        elif deed == "pause" and before == "sending":
            control.pause(mailing, None, clock())
        elif deed == "resume" and before == "paused":
            objected = provider_stats.would_pause(mailing)
            control.resume(mailing, None, mailing.snapshot.window_from + (clock() - NOW))
            if objected:
                left, complaints, begun = 0, 0, clock()
                assert not stop_rules.attend(mailing, clock())
        paused = mailing.interventions.filter(deed="paused")
        assert paused.count() == paused.values("counted_from").distinct().count()


def _released():
    readers(1)
    return released()
