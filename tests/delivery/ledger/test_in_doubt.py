"""A delivery whose reply was never read: evidence settles it, else it is sent again after a wait."""

from __future__ import annotations

import pytest

from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import mailing_control
from tests.delivery.cast import NOW, Clock, balances, readers, released, send, states
from tests.delivery.relay import DROP, Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailing(configure):
    """One whose only message was dropped after the dot, while ten minutes are waited for evidence."""
    with Relay() as server:
        configure(smtp={"port": server.port}, sending={"in_doubt_wait_minutes": 10})
        server.script.dot = lambda to: DROP if len(server.taken) == 0 else None
        readers(1)
        made = released()
        send()
        made.relay = server
        yield made


def test_it_is_sent_again_only_when_the_wait_is_over(mailing):
    clock = Clock()
    clock.move(minutes=9)
    assert send(clock).attempted == 0 and states(mailing) == {"in_doubt": 1}
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    clock.move(minutes=1)
    assert send(clock).finished == [mailing.pk] and states(mailing) == {"accepted": 1}


@pytest.mark.parametrize("mark", ["bounced_at", "complained_at"])
def test_a_bounce_or_a_complaint_proves_that_it_had_been_accepted(mailing, mark):
    Delivery.objects.update(**{mark: NOW})
    clock = Clock()
    clock.move(minutes=11)
    assert send(clock).finished == [mailing.pk]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.accepted_at, delivery.due_at) == ("accepted", NOW, None)
    assert len(mailing.relay.taken) == 1 and balances(mailing)


def test_evidence_settles_it_also_with_in_doubt_leave(mailing, configure):
    configure(sending={"in_doubt": "leave"})
    recover_and_finish.settle_or_resend_in_doubt(NOW)
    assert states(mailing) == {"in_doubt": 1}
    Delivery.objects.update(bounced_at=NOW)
    recover_and_finish.settle_or_resend_in_doubt(NOW)
    assert states(mailing) == {"accepted": 1}


def test_evidence_settles_it_in_a_paused_mailing(mailing):
    mailing_control.pause(mailing, None, NOW)
    Delivery.objects.update(complained_at=NOW)
    recover_and_finish.settle_or_resend_in_doubt(NOW)
    assert states(mailing) == {"accepted": 1}


def test_a_delivery_with_an_expired_lease_waits_as_well(mailing):
    Delivery.objects.update(state="claimed", doubts=0, claimed_by="elsewhere", lease_until=NOW, due_at=None)
    clock = Clock()
    clock.move(minutes=1)
    assert recover_and_finish.recover(clock()) == 1
    recover_and_finish.settle_or_resend_in_doubt(clock())
    assert states(mailing) == {"in_doubt": 1}
    clock.move(minutes=10)
    assert send(clock).accepted == 1


def test_a_delivery_in_doubt_without_a_time_is_due_at_once(mailing):
    Delivery.objects.update(due_at=None)
    assert send().accepted == 1
