"""A broken server of one domain must not suppress its subscribers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Alert
from mailer.feedback.decisions import domain_outages, evaluate, suppression_decisions
from mailer.feedback.decisions.suppression_decisions import DecisionError
from mailer.feedback.models import DomainOutage, SuppressionDecision
from subscribers.models import Subscriber, Suppression
from tests.feedback import cast
from tests.feedback.cast import NOW, latest_decision, stopped

pytestmark = pytest.mark.django_db


def ministry(readers: int, fine: int | None = None) -> list[Subscriber]:
    """Readers at one domain, all of whom got their deliveries so far unless a number is given."""
    people = [cast.reader(f"reader{number}@ministry.example") for number in range(readers)]
    for person in people[:fine]:
        cast.arrived(person, 1)
    return people


def come_back(people: list[Subscriber], bounce_class: str = "hard", **later: float) -> None:
    for number, person in enumerate(people):
        cast.returned(person, bounce_class, NOW + timedelta(**later) + timedelta(minutes=number))


def states(people: list[Subscriber]) -> set[str]:
    return {latest_decision(person).state for person in people}


def test_many_bounces_at_a_domain_are_held_and_alert_staff(mailoutbox) -> None:
    people = ministry(10)
    come_back(people)
    assert states(people) == {"held"}
    assert not any(map(stopped, people))
    outage = DomainOutage.objects.get(state="open")
    assert (outage.domain, outage.mailable) == ("ministry.example", 10)
    assert "3 of 10 subscribers at ministry.example" in Alert.objects.get().message


def test_a_small_share_is_no_outage() -> None:
    people = ministry(20)
    come_back(people[:5])
    assert all(map(stopped, people[:5]))
    assert not DomainOutage.objects.filter(state="open").exists()


def test_two_subscribers_are_no_outage() -> None:
    people = ministry(2)
    come_back(people)
    assert all(map(stopped, people))


def test_addresses_that_never_worked_are_no_outage() -> None:
    people = ministry(10, fine=0)
    come_back(people)
    assert all(map(stopped, people))


def test_bounces_spread_over_days_are_no_outage() -> None:
    people = ministry(6)
    for day, person in enumerate(people):
        cast.returned(person, "hard", NOW + timedelta(days=day))
    assert all(map(stopped, people))


def test_other_domains_are_not_held() -> None:
    come_back(ministry(10))
    other = cast.reader("other@example.net")
    cast.arrived(other, 1)
    cast.returned(other, "hard", NOW + timedelta(hours=1))
    assert stopped(other)


def test_confirming_an_outage_suppresses_all_and_later_bounces() -> None:
    people = ministry(10)
    come_back(people[:9])
    outage = DomainOutage.objects.get(state="open")
    later = NOW + timedelta(hours=5)
    assert domain_outages.decide(outage, suppress=True, by="lola", now=later) == 9
    come_back(people[9:], hours=6)
    assert all(map(stopped, people))
    with pytest.raises(DecisionError, match="made already"):
        domain_outages.decide(outage, suppress=False, by="timur", now=later)


def test_dismissing_an_outage_keeps_all_and_later_bounces() -> None:
    people = ministry(10)
    come_back(people[:9])
    domain_outages.decide(
        DomainOutage.objects.get(state="open"), suppress=False, by="lola", now=NOW + timedelta(hours=5)
    )
    come_back(people[9:], hours=6)
    assert states(people) == {"dismissed"}
    assert not any(map(stopped, people))
    assert latest_decision(people[9]).closed_by == "belongs to a domain outage; decided by lola"


def test_later_deliveries_dismiss_their_decisions_and_end_the_outage() -> None:
    people = ministry(4)
    come_back(people)
    for person in people[:3]:
        cast.accepted_delivery(person, NOW + timedelta(days=7))
    evaluate.review_pending(NOW + timedelta(days=8))
    assert states(people) == {"held"}
    evaluate.review_pending(NOW + timedelta(days=14))
    assert states(people[:3]) == {"dismissed"}
    assert (latest_decision(people[3]).state, DomainOutage.objects.get().state) == ("held", "open")
    cast.accepted_delivery(people[3], NOW + timedelta(days=14))
    evaluate.review_pending(NOW + timedelta(days=21))
    assert (latest_decision(people[3]).closed_by, DomainOutage.objects.get().state) == (
        "a later message was delivered",
        "over",
    )


def test_a_bounce_after_the_outage_suppresses() -> None:
    people = ministry(4)
    come_back(people)
    come_back(people, days=2)
    assert states(people) == {"held"}
    come_back(people, days=30)
    assert states(people) == {"applied"}
    assert all(map(stopped, people))


def test_a_later_soft_bounce_leaves_a_held_decision() -> None:
    people = ministry(4)
    come_back(people)
    come_back(people, "soft", days=30)
    assert states(people) == {"held"}


def test_a_held_decision_lapses() -> None:
    people = ministry(4)
    come_back(people)
    evaluate.review_pending(NOW + timedelta(days=59))
    assert states(people) == {"held"}
    evaluate.review_pending(NOW + timedelta(days=61))
    assert states(people) == {"dismissed"}


def test_single_decisions_of_an_outage_can_be_confirmed_or_reverted() -> None:
    people = ministry(4)
    come_back(people)
    suppression_decisions.confirm([latest_decision(people[0])], NOW)
    suppression_decisions.revert(latest_decision(people[1]), "lola", NOW)
    assert [latest_decision(person).state for person in people] == ["applied", "reverted", "held", "held"]


def test_a_complaint_is_applied_during_an_outage() -> None:
    people = ministry(4)
    come_back(people)
    cast.complain(cast.accepted_delivery(people[0], NOW))
    assert stopped(people[0])


def test_mailable_subscribers_are_counted_once(django_assert_max_num_queries) -> None:
    people = ministry(40)
    come_back(people[:-1])
    assert Suppression.objects.filter(lifted_at=None).count() == 0
    assert SuppressionDecision.objects.filter(state="held").count() == 39
    sent = cast.accepted_delivery(people[-1], NOW)
    with django_assert_max_num_queries(40):
        cast.bounce(sent)
