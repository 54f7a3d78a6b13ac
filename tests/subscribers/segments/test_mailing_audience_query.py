from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.models import MailingList, Suppression
from subscribers.segments.mailing_audience_query import AudienceQuery, with_reachability
from subscribers.suppression import suppress
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases


def test_a_subscriber_of_two_lists_counts_once(join: Join, monthly: MailingList, events: MailingList) -> None:
    join("aigerim", monthly, events)
    query = AudienceQuery((monthly.pk, events.pk))
    assert query.subscribers().count() == 1
    assert with_reachability(query, NOW).count() == 1


def test_a_subscriber_without_countries_is_interested_in_all(join: Join, monthly: MailingList) -> None:
    everything = join("everything")
    uzbek = join("timur", countries=("KZ", "UZ"))
    join("tajik", countries=("TJ",))
    found = AudienceQuery((monthly.pk,), countries=("UZ", "KG")).subscribers()
    assert set(found) == {everything, uzbek}


def test_only_the_given_languages_are_included(join: Join, monthly: MailingList) -> None:
    russian = join("olga", language="ru")
    join("john", language="en")
    assert list(AudienceQuery((monthly.pk,), languages=("ru", "kk")).subscribers()) == [russian]


def test_everyone_who_ever_subscribed_has_one_reachability(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    join("reached")
    join("waiting", state="pending")
    join("gone", state="unsubscribed")
    suppress(join("bounced"), Suppression.Reason.HARD_BOUNCE, "550", NOW)
    suppress(join("gone-and-bounced", state="unsubscribed"), Suppression.Reason.HARD_BOUNCE, "550", NOW)
    join("resting", paused_until=NOW + timedelta(seconds=1))
    join("rested", paused_until=NOW)
    join("waiting-and-resting", state="pending", paused_until=NOW + timedelta(days=1))
    join("elsewhere", events)
    said = dict(with_reachability(AudienceQuery((monthly.pk,)), NOW).values_list("email", "reachability"))
    assert {email.partition("@")[0]: word for email, word in said.items()} == {
        "reached": "reachable",
        "waiting": "unconfirmed",
        "gone": "unsubscribed",
        "bounced": "suppressed",
        "gone-and-bounced": "unsubscribed",
        "resting": "paused",
        "rested": "reachable",
        "waiting-and-resting": "unconfirmed",
    }
    # A pause may end before the mailing is sent, so paused subscribers count as reachable.
    named = {one.email.partition("@")[0] for one in AudienceQuery((monthly.pk,)).reachable()}
    assert named == {"reached", "resting", "rested"}


def test_a_subscriber_of_two_lists_who_leaves_one_is_reachable(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("aigerim", monthly, events)
    person.subscriptions.filter(mailing_list=events).update(state="unsubscribed")
    assert with_reachability(AudienceQuery((monthly.pk, events.pk)), NOW).get().reachability == "reachable"  # type: ignore[attr-defined]


def test_without_lists_there_is_no_audience(join: Join) -> None:
    join("aigerim")
    assert not AudienceQuery(()).ever_subscribed().exists()
