from __future__ import annotations

import pytest

from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import control
from tests.delivery.cast import NOW, balances, readers, released, states

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_mailing_is_paused_and_resumed():
    readers(1)
    mailing = released()
    control.pause(mailing, None, NOW)
    assert mailing.state == Mailing.State.PAUSED and "command" in mailing.reason
    control.resume(mailing, None, NOW)
    assert mailing.state == Mailing.State.SENDING and mailing.reason == ""


def test_cancelling_excludes_unsent_deliveries():
    readers(3)
    mailing = released()
    first = Delivery.objects.first()
    Delivery.objects.filter(pk=first.pk).update(state="accepted")
    control.cancel(mailing, mailing.snapshot.scheduled_by, NOW)
    assert states(mailing) == {"accepted": 1, "excluded": 2}
    assert set(Delivery.objects.filter(state="excluded").values_list("reason", flat=True)) == {"cancelled"}
    assert "approver" in mailing.reason and mailing.finished_at == NOW
    assert balances(mailing)


@pytest.mark.parametrize(
    "state, action",
    [
        ("paused", control.pause),
        ("sending", control.resume),
        ("sending", control.confirm_audience),
        ("done", control.cancel),
        ("cancelled", control.resume),
    ],
)
def test_an_action_from_the_wrong_state_is_refused(state, action):
    mailing = released()
    Mailing.objects.filter(pk=mailing.pk).update(state=state)
    with pytest.raises(control.ControlError) as refused:
        action(mailing, None, NOW)
    assert refused.value.code == "wrong_state"
    mailing.refresh_from_db()
    assert mailing.state == state
