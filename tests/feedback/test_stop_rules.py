"""From a server's refusals to a paused mailing, and on again, in one process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Delivery
from mailer.delivery.rollout import apply_stop_rules, mailing_control
from mailer.feedback.decisions import rejections_and_stop_rule_counts
from subscribers.models import Subscriber
from tests.delivery.cast import Clock, balances, readers, released, send, states
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.delivery.relay import Relay, Script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def look(clock: Clock) -> list[int]:
    """What the worker's jobs do beside sending."""
    rejections_and_stop_rule_counts.process_rejections(clock())
    rejections_and_stop_rule_counts.add_events_to_hourly_counts(clock())
    return apply_stop_rules.apply_stop_rules_to_mailings(clock())


def test_unknown_addresses_pause_a_mailing_and_resuming_sends_the_rest(configure):  # noqa: F811
    readers(60)
    mailing = released()
    # The last twenty wait for their hour.
    late = list(Delivery.objects.order_by("-pk").values_list("pk", flat=True)[:20])
    clock = Clock()
    Delivery.objects.filter(pk__in=late).update(state="deferred", due_at=clock() + timedelta(hours=1))
    first = Delivery.objects.order_by("pk").values_list("subscriber", flat=True)[:6]
    gone = set(Subscriber.objects.filter(pk__in=list(first)).values_list("email", flat=True))
    with Relay(Script(rcpt=lambda to: "550 5.1.1 no such user" if to in gone else None)) as relay:
        configure(smtp={"port": relay.port})
        send(clock, mailing)
        assert look(clock) == [mailing.pk]
        mailing.refresh_from_db()
        assert mailing.state == "paused"
        assert "Emails to addresses that do not exist: 6 of 40 emails (15 %, limit 5 %)" in mailing.reason
        clock.move(hours=2)
        assert send(clock, mailing).attempted == 0 and look(clock) == []
        mailing_control.resume(mailing, None, clock())
        assert send(clock, mailing).accepted == 20
        assert look(clock) == []
    assert states(mailing) == {"accepted": 54, "refused": 6} and balances(mailing)
    mailing.refresh_from_db()
    assert mailing.state == "done"
