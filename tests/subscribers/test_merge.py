"""Merging subscribers: unsubscribed wins, complaints are carried over, and old links keep working."""

from __future__ import annotations

from itertools import product

import pytest

from subscribers import former_addresses_and_merged_ids, merge, tokens
from subscribers.consent import Channel, Event, Evidence, record
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.reconfirmation.models import ReconfirmationCampaign, ReconfirmationRequest
from subscribers.suppression import active_suppression, suppress
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

STATES = ("", "pending", "confirmed", "unsubscribed")


@pytest.mark.parametrize(("kept", "gone"), list(product(STATES, STATES)))
def test_unsubscribed_wins_and_otherwise_the_better_state(
    join: Join, monthly: MailingList, events: MailingList, kept: str, gone: str
) -> None:
    people = [join(name, events) for name in ("kept", "gone")]
    for person, state in zip(people, (kept, gone), strict=True):
        if state:
            ended = NOW if state == "unsubscribed" else None
            person.subscriptions.create(mailing_list=monthly, state=state, ended_at=ended)
    merge.merge(*people, NOW)
    wanted = next((one for one in ("unsubscribed", "confirmed", "pending") if one in (kept, gone)), None)
    found = people[0].subscriptions.filter(mailing_list=monthly).values_list("state", flat=True)
    assert list(found) == ([wanted] if wanted else [])
    assert Subscriber.objects.count() == 1


def test_a_pending_sign_up_after_unsubscribing_is_not_confirmed_by_a_merge(
    join: Join, monthly: MailingList
) -> None:
    kept, gone = join("kept"), join("gone", state="pending")
    gone.subscriptions.update(ended_at=NOW)
    merge.merge(kept, gone, NOW)
    assert kept.subscriptions.get().state == "pending"


@pytest.mark.parametrize(
    ("reason", "comes_along"),
    [
        (Suppression.Reason.COMPLAINT, True),
        (Suppression.Reason.MANUAL, True),
        (Suppression.Reason.HARD_BOUNCE, False),
    ],
)
def test_a_merge_carries_over_a_complaint_and_no_bounce(join: Join, reason: str, comes_along: bool) -> None:
    kept, gone = join("kept"), join("gone")
    suppress(gone, reason, "", NOW)
    merge.merge(kept, gone, NOW)
    assert (active_suppression(kept) is not None) == comes_along
    assert active_suppression("gone@example.org") is not None


def test_a_merge_keeps_the_consent_records_and_links_of_both(join: Join, monthly: MailingList) -> None:
    first, second, third = (join(name) for name in ("first", "second", "third"))
    for person in (first, second, third):
        record(Event.CONFIRMED, [person.pk], [monthly.pk], Evidence(Channel.EMAIL_LINK), NOW)
    numbers = [first.pk, second.pk, third.pk]
    merge.merge(second, third, NOW)
    merge.merge(first, second, NOW)
    assert first.consents.count() == 3
    for number in numbers:
        assert (
            former_addresses_and_merged_ids.read_subscriber_token(
                "unsubscribe", tokens.make_token("unsubscribe", number, 1)
            )[1]
            == first
        )
    with pytest.raises(tokens.InvalidToken):
        former_addresses_and_merged_ids.read_subscriber_token(
            "unsubscribe", tokens.make_token("unsubscribe", 999, 1)
        )
    with pytest.raises(ValueError, match="themselves"):
        merge.merge(first, first, NOW)


@pytest.mark.parametrize("gets", [True, False])
@pytest.mark.parametrize(("kept", "gone"), list(product(("unasked", "silent", "stays"), ("silent", "stays"))))
def test_a_merge_keeps_a_reconfirmation_by_either(
    join: Join, monthly: MailingList, events: MailingList, kept: str, gone: str, gets: bool
) -> None:
    people = [join("kept", monthly if gets else events), join("gone")]
    question = ReconfirmationCampaign.objects.create(
        mailing_list=monthly, rule={}, deadline=NOW.date(), created_by="lola", created_at=NOW
    )
    for person, answer in zip(people, (kept, gone), strict=True):
        if answer != "unasked":
            said = NOW if answer == "stays" else None
            ReconfirmationRequest.objects.create(
                campaign=question, subscriber=person, sent_at=NOW, confirmed_at=said
            )
    merge.merge(*people, NOW)
    found = list(ReconfirmationRequest.objects.values_list("subscriber", "confirmed_at"))
    # They get it at an address that was not asked, and what they did not read at another is no answer.
    if gets and (kept, gone) == ("unasked", "silent"):
        assert found == []
    else:
        assert found == [(people[0].pk, NOW if "stays" in (kept, gone) else None)]


def test_a_reconfirmation_does_not_undo_an_unsubscribe_of_the_other_address(
    join: Join, monthly: MailingList
) -> None:
    left, stays = join("left", state="unsubscribed"), join("stays")
    question = ReconfirmationCampaign.objects.create(
        mailing_list=monthly, rule={}, deadline=NOW.date(), created_by="lola", created_at=NOW
    )
    ReconfirmationRequest.objects.create(campaign=question, subscriber=stays, sent_at=NOW, confirmed_at=NOW)
    merge.merge(left, stays, NOW)
    assert left.subscriptions.get().state == "unsubscribed"
