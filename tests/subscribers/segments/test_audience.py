from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.models import MailingList, Suppression
from subscribers.segments.audience import Segment, standing
from subscribers.suppression import suppress
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases


def test_a_person_on_two_of_the_lists_counts_once(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    join("aigerim", monthly, events)
    segment = Segment((monthly.pk, events.pk))
    assert segment.subscribers().count() == 1
    assert standing(segment, NOW).count() == 1


def test_a_reader_without_countries_wants_every_country(join: Join, monthly: MailingList) -> None:
    everything = join("everything")
    uzbek = join("timur", countries=("KZ", "UZ"))
    join("tajik", countries=("TJ",))
    found = Segment((monthly.pk,), countries=("UZ", "KG")).subscribers()
    assert set(found) == {everything, uzbek}


def test_a_segment_takes_only_its_languages(join: Join, monthly: MailingList) -> None:
    russian = join("olga", language="ru")
    join("john", language="en")
    assert list(Segment((monthly.pk,), languages=("ru", "kk")).subscribers()) == [russian]


def test_everyone_who_ever_joined_has_one_standing(
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
    said = dict(standing(Segment((monthly.pk,)), NOW).values_list("email", "standing"))
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
    # A pause ends by itself, maybe before the mailing leaves: who counts readers counts it in.
    named = {one.email.partition("@")[0] for one in Segment((monthly.pk,)).reachable()}
    assert named == {"reached", "resting", "rested"}


def test_leaving_one_of_two_lists_leaves_the_reader_reachable(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("aigerim", monthly, events)
    person.subscriptions.filter(mailing_list=events).update(state="unsubscribed")
    assert standing(Segment((monthly.pk, events.pk)), NOW).get().standing == "reachable"  # type: ignore[attr-defined]


def test_a_segment_without_lists_is_nobody(join: Join) -> None:
    join("aigerim")
    assert not Segment(()).people().exists()
