"""The stop rules on a mailing that is being sent: what they do, once, and whom they notify."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from mailer.delivery.models import Alert, Intervention, Mailing, ProviderHour
from mailer.delivery.rollout import apply_stop_rules, mailing_control, stop_rules
from mailer.delivery.rollout.stop_rules import wilson_lower_bound
from mailer.delivery.throttle import hourly_outcomes_by_provider, provider_throttle, shared_state
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from mailer.delivery.throttle.limits_warm_up_and_backoff import NO_BACKOFF, Backoff
from tests.delivery.cast import NOW, Clock, readers, released
from tests.environment import examples

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def mailing(configure):
    configure(alerts={"webhooks": ("http://127.0.0.1:1/hook",)})
    readers(1)
    return released()


def add(mailing, provider="mail.ru", at=NOW, **counts):
    hourly_outcomes_by_provider.add([(StatsBucket(mailing.pk, provider, at), ProviderCounts(**counts))])


def sent(mailing, count, **columns):
    add(mailing, attempted=count, accepted=count, **columns)


def slowed(provider="mail.ru", at=NOW) -> Backoff:
    return provider_throttle.stored_backoff(shared_state.read(f"provider {provider}"), at.timestamp())


def audit():
    """The audit log's actions of the stop rules, and the reason of each."""
    entries = ModelLogEntry.objects.filter(action__startswith="desk.stop_rules_").order_by("pk")
    return [(entry.action, entry.data["because"]) for entry in entries]


def interventions_of(mailing):
    return [(one.action, one.metric, one.provider) for one in mailing.interventions.all()]


def test_too_many_complaints_pause_the_mailing_and_staff_see_why(mailing, mailoutbox):
    sent(mailing, 1000, complained=7)
    assert apply_stop_rules.apply_stop_rules_to_mailings(NOW) == [mailing.pk]
    mailing.refresh_from_db()
    (one,) = mailing.interventions.all()
    assert (one.action, one.metric, one.provider) == ("paused", "complained", "")
    assert (one.cases, one.total, one.limit, one.total_cases) == (7, 1000, 0.3, 7)
    assert mailing.state == "paused" and one.message in mailing.reason
    assert audit() == [("desk.stop_rules_paused", one.message)]
    (mail,) = mailoutbox
    assert one.message in mail.body
    alert = Alert.objects.get()
    assert (alert.kind, alert.sending_stopped, alert.posts.get().due_at) == ("stop_rules", True, NOW)
    (reported,) = apply_stop_rules.stop_rule_actions_as_json(mailing)
    assert (reported["action"], reported["metric"], reported["message"]) == (
        "paused",
        "complained",
        one.message,
    )


def test_one_complaint_in_ten_pauses_nothing(mailing):
    sent(mailing, 10, complained=1)
    assert apply_stop_rules.apply_stop_rules_to_mailings(NOW) == [] and not Intervention.objects.exists()


def test_staff_are_warned_once_and_the_mailing_goes_on(mailing, mailoutbox):
    sent(mailing, 2000, complained=6)
    for minutes in range(0, 200, 20):
        apply_stop_rules.apply_stop_rules_to_mailings(NOW + timedelta(minutes=minutes))
    mailing.refresh_from_db()
    assert mailing.state == "sending" and len(mailoutbox) == 1
    assert not Alert.objects.get().sending_stopped
    (one,) = mailing.interventions.all()
    assert (one.action, one.limit) == ("warned", 0.1)


def test_a_provider_is_slowed_down_and_again_only_after_new_cases(mailing, mailoutbox):
    add(mailing, "gmail.com", attempted=5000, accepted=5000)
    sent(mailing, 90, blocked=10)
    assert slowed() == NO_BACKOFF
    assert apply_stop_rules.apply_stop_rules_to_mailings(NOW) == []
    first = slowed()
    assert first.failures == 1 and slowed("gmail.com") == NO_BACKOFF
    apply_stop_rules.apply_stop_rules_to_mailings(NOW + timedelta(minutes=2))
    assert slowed() == first
    add(mailing, blocked=1)
    apply_stop_rules.apply_stop_rules_to_mailings(NOW + timedelta(minutes=3))
    assert slowed(at=NOW + timedelta(minutes=3)).failures == 2
    assert interventions_of(mailing) == [("slowed", "blocked", "mail.ru")] * 2
    assert [action for action, _ in audit()] == ["desk.stop_rules_slowed"] * 2
    assert len(mailoutbox) == 1 and "mail.ru" in mailoutbox[0].body


def test_after_staff_resume_it_only_new_cases_count(mailing, mailoutbox):
    clock = Clock()
    sent(mailing, 1000, complained=7)
    apply_stop_rules.apply_stop_rules_to_mailings(clock())
    clock.move(minutes=10)
    mailing.refresh_from_db()
    mailing_control.resume(mailing, None, clock())
    add(mailing, complained=20)
    assert apply_stop_rules.apply_stop_rules_to_mailings(clock()) == []
    add(mailing, at=clock(), attempted=340, accepted=340, complained=2)
    assert apply_stop_rules.apply_stop_rules_to_mailings(clock()) == []
    add(mailing, at=clock(), complained=1)
    assert apply_stop_rules.apply_stop_rules_to_mailings(clock()) == [mailing.pk]
    assert [action for action, *_ in interventions_of(mailing)] == ["paused", "paused"]
    # Notified again, although the last hour is not over.
    assert len(mailoutbox) == 2


def test_an_evaluation_from_before_staff_resumed_it_pauses_nothing(mailing):
    sent(mailing, 1000, complained=7)
    late = Mailing.objects.get(pk=mailing.pk)
    apply_stop_rules.apply_stop_rules_to_mailings(NOW)
    mailing.refresh_from_db()
    mailing_control.resume(mailing, None, NOW + timedelta(minutes=5))
    assert not apply_stop_rules.apply_stop_rules(late, NOW + timedelta(minutes=5))
    mailing.refresh_from_db()
    assert mailing.state == "sending"
    assert Intervention.objects.count() == 1


def test_staff_are_warned_about_a_mailing_that_is_already_sent(mailing, mailoutbox):
    Mailing.objects.filter(pk=mailing.pk).update(state="done", finished_at=NOW)
    sent(mailing, 100, complained=3)
    assert apply_stop_rules.apply_stop_rules_to_mailings(NOW + timedelta(hours=5)) == []
    assert [action for action, *_ in interventions_of(mailing)] == ["warned"] and len(mailoutbox) == 1
    mailing.refresh_from_db()
    assert mailing.state == "done"


def test_a_bad_hour_is_named_in_the_sites_time_zone(mailing, configure):
    configure(site={"timezone": "Asia/Almaty"})
    sent(mailing, 100_000)
    add(mailing, at=NOW + timedelta(hours=1), attempted=10, bounced=10)
    apply_stop_rules.apply_stop_rules_to_mailings(NOW)
    (one,) = mailing.interventions.all()
    assert (one.cases, one.total) == (10, 10)
    assert f"{(hourly_outcomes_by_provider.hour_start(NOW) + timedelta(hours=7)):%H:%M}" in one.message


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 400)),
    st.tuples(st.just("complain"), st.integers(1, 3)),
    # About messages sent before.
    st.tuples(st.just("complain late"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["apply", "apply late", "pause", "resume", "hour"]), st.just(0)),
)


@settings(max_examples=examples(36))
@given(steps=st.lists(STEPS, max_size=25))
def test_only_messages_sent_since_it_was_resumed_pause_it(steps):
    """Any order of sending, complaints, evaluations (also late ones), pausing and resuming."""
    ProviderHour.objects.all().delete()
    Intervention.objects.all().delete()
    mailing = Mailing.objects.first() or _released()
    Mailing.objects.filter(pk=mailing.pk).update(state="sending", reason="", counted_from=None)
    clock, stale, begun = Clock(), Mailing.objects.get(pk=mailing.pk), NOW
    accepted, complaints = 0, 0
    for event, count in steps:
        clock.move(minutes=1)
        mailing.refresh_from_db()
        before = mailing.state
        too_many = complaints >= 3 and wilson_lower_bound(complaints, max(accepted, complaints)) >= 0.003
        if event == "send" and before == "sending":
            add(mailing, at=clock(), attempted=count, accepted=count)
            accepted += count
        elif event == "complain" and accepted:
            add(mailing, at=clock(), complained=count)
            complaints += count
        elif event == "complain late" and begun > NOW:
            add(mailing, at=begun - timedelta(minutes=1), complained=count)
        elif event == "hour":
            clock.move(hours=1)
            stale = Mailing.objects.get(pk=mailing.pk)
        elif event.startswith("apply"):
            apply_stop_rules.apply_stop_rules(stale if event == "apply late" else mailing, clock())
            mailing.refresh_from_db()
            if event == "apply" and before == "sending":
                hourly = any(
                    counts.complained >= 3
                    and wilson_lower_bound(counts.complained, counts.base("complained")) >= 0.003
                    for counts in hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing).values()
                )
                assert (mailing.state == "paused") == (too_many or hourly)
        elif event == "pause" and before == "sending":
            mailing_control.pause(mailing, None, clock())
        elif event == "resume" and before == "paused":
            exceeded = stop_rules.update_counts_and_check_pause(mailing)
            mailing_control.resume(mailing, None, mailing.snapshot.window_from + (clock() - NOW))
            if exceeded:
                accepted, complaints, begun = 0, 0, clock()
                assert not apply_stop_rules.apply_stop_rules(mailing, clock())
        paused = mailing.interventions.filter(action="paused")
        assert paused.count() == paused.values("counted_from").distinct().count()


def _released():
    readers(1)
    return released()
