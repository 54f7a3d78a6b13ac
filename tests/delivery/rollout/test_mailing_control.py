from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import mailing_control
from mailer.editions.assemble import stories_for
from mailer.editions.models import Edition
from mailer.rendering.edition_period import Period
from tests.delivery.cast import NOW, balances, readers, released, states

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_mailing_is_paused_and_resumed():
    readers(1)
    mailing = released()
    mailing_control.pause(mailing, None, NOW)
    assert mailing.state == Mailing.State.PAUSED and "command" in mailing.reason
    mailing_control.resume(mailing, None, NOW)
    assert mailing.state == Mailing.State.SENDING and mailing.reason == ""


def test_cancelling_excludes_unsent_deliveries():
    readers(3)
    mailing = released()
    first = Delivery.objects.first()
    Delivery.objects.filter(pk=first.pk).update(state="accepted")
    mailing_control.cancel(mailing, mailing.snapshot.scheduled_by, NOW)
    assert states(mailing) == {"accepted": 1, "excluded": 2}
    assert set(Delivery.objects.filter(state="excluded").values_list("reason", flat=True)) == {"cancelled"}
    assert "approver" in mailing.reason and mailing.finished_at == NOW
    assert balances(mailing)


@pytest.mark.parametrize("act", [mailing_control.pause, mailing_control.cancel])
def test_the_longest_name_of_a_person_fits_into_the_reason(act):
    readers(1)
    mailing = released()
    user = mailing.snapshot.scheduled_by
    user.first_name, user.last_name = "a" * 150, "b" * 150
    act(mailing, user, NOW)
    mailing.refresh_from_db()
    assert len(mailing.reason) <= Mailing._meta.get_field("reason").max_length


@pytest.mark.parametrize("left", ["accepted", "in_doubt", "in hand", "planned"])
def test_the_stories_of_a_mailing_that_was_cancelled_before_anything_left_are_free_again(left):
    readers(2)
    mailing = released()
    if left == "in hand":
        # A claim of one row, under which its deliveries stay planned until they are recorded.
        lease = NOW + timedelta(hours=1)
        assert claim_and_record.claim_or_exclude_due_deliveries(mailing, "w", lease, 1, NOW)
    else:
        Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state=left)
    newsletter, january = mailing.edition.newsletter, Period.parse("2022-01")
    assert stories_for(newsletter, january, NOW) == []
    mailing_control.cancel(mailing, None, NOW)
    free = {one.key for one in stories_for(newsletter, january, NOW)}
    assert free == ({"kz-news", "ring"} if left == "planned" else set())
    assert Edition.objects.sent().exists() == (left != "planned")


@pytest.mark.parametrize(
    "state, action",
    [
        ("paused", mailing_control.pause),
        ("sending", mailing_control.resume),
        ("sending", mailing_control.confirm_audience_and_start_sending),
        ("done", mailing_control.cancel),
        ("cancelled", mailing_control.resume),
    ],
)
def test_an_action_from_the_wrong_state_is_refused(state, action):
    mailing = released()
    Mailing.objects.filter(pk=mailing.pk).update(state=state)
    with pytest.raises(mailing_control.ControlError) as refused:
        action(mailing, None, NOW)
    assert refused.value.code == "wrong_state"
    mailing.refresh_from_db()
    assert mailing.state == state
