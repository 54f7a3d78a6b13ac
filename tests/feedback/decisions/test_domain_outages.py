"""One ministry's broken server must not stop its three hundred readers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Alert
from mailer.feedback.decisions import decisions, domain_outages, evaluate
from mailer.feedback.decisions.decisions import VerdictError
from mailer.feedback.models import Outage, Verdict
from subscribers.models import Subscriber, Suppression
from tests.feedback import cast
from tests.feedback.cast import NOW, stopped, verdict

pytestmark = pytest.mark.django_db


def ministry(readers: int, fine: int | None = None) -> list[Subscriber]:
    """Readers at one domain, all of whom got their copies so far unless told how many."""
    people = [cast.reader(f"reader{number}@ministry.example") for number in range(readers)]
    for person in people[:fine]:
        cast.arrived(person, 1)
    return people


def come_back(people: list[Subscriber], bounce_class: str = "hard", **later: float) -> None:
    for number, person in enumerate(people):
        cast.returned(person, bounce_class, NOW + timedelta(**later) + timedelta(minutes=number))


def states(people: list[Subscriber]) -> set[str]:
    return {verdict(person).state for person in people}


def test_when_many_of_a_domain_come_back_all_are_held_and_staff_are_told(mailoutbox) -> None:
    people = ministry(10)
    come_back(people)
    assert states(people) == {"held"}
    assert not any(map(stopped, people))
    outage = Outage.objects.get(state="open")
    assert (outage.domain, outage.readers) == ("ministry.example", 10)
    assert "3 of 10 readers at ministry.example" in Alert.objects.get().message


def test_a_few_of_many_are_no_outage() -> None:
    people = ministry(20)
    come_back(people[:5])
    assert all(map(stopped, people[:5]))
    assert not Outage.objects.filter(state="open").exists()


def test_two_readers_are_too_few_to_tell() -> None:
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


def test_readers_elsewhere_are_judged_as_ever() -> None:
    come_back(ministry(10))
    other = cast.reader("other@example.net")
    cast.arrived(other, 1)
    cast.returned(other, "hard", NOW + timedelta(hours=1))
    assert stopped(other)


def test_an_admin_stops_them_all_and_the_next_one_too() -> None:
    people = ministry(10)
    come_back(people[:9])
    outage = Outage.objects.get(state="open")
    later = NOW + timedelta(hours=5)
    assert domain_outages.decide(outage, stop=True, by="lola", now=later) == 9
    come_back(people[9:], hours=6)
    assert all(map(stopped, people))
    with pytest.raises(VerdictError, match="decided about this domain already"):
        domain_outages.decide(outage, stop=False, by="timur", now=later)


def test_an_admin_keeps_them_all_and_the_next_one_too() -> None:
    people = ministry(10)
    come_back(people[:9])
    domain_outages.decide(
        Outage.objects.get(state="open"), stop=False, by="lola", now=NOW + timedelta(hours=5)
    )
    come_back(people[9:], hours=6)
    assert states(people) == {"dismissed"}
    assert not any(map(stopped, people))
    assert verdict(people[9]).decided_by == "belongs to an outage; decided by lola"


def test_later_mail_that_arrives_answers_for_its_reader_and_ends_the_outage() -> None:
    people = ministry(4)
    come_back(people)
    for person in people[:3]:
        cast.copy(person, NOW + timedelta(days=7))
    evaluate.review(NOW + timedelta(days=8))
    assert states(people) == {"held"}
    evaluate.review(NOW + timedelta(days=14))
    assert states(people[:3]) == {"dismissed"}
    assert (verdict(people[3]).state, Outage.objects.get().state) == ("held", "open")
    cast.copy(people[3], NOW + timedelta(days=14))
    evaluate.review(NOW + timedelta(days=21))
    assert (verdict(people[3]).decided_by, Outage.objects.get().state) == ("later mail arrived", "over")


def test_what_comes_back_again_after_the_outage_stops_the_address() -> None:
    people = ministry(4)
    come_back(people)
    come_back(people, days=2)
    assert states(people) == {"held"}
    come_back(people, days=30)
    assert states(people) == {"standing"}
    assert all(map(stopped, people))


def test_a_soft_bounce_weeks_later_stops_nobody_who_is_held() -> None:
    people = ministry(4)
    come_back(people)
    come_back(people, "soft", days=30)
    assert states(people) == {"held"}


def test_what_nothing_confirms_lapses() -> None:
    people = ministry(4)
    come_back(people)
    evaluate.review(NOW + timedelta(days=59))
    assert states(people) == {"held"}
    evaluate.review(NOW + timedelta(days=61))
    assert states(people) == {"dismissed"}


def test_one_reader_of_an_outage_can_be_taken_out_of_it() -> None:
    people = ministry(4)
    come_back(people)
    decisions.confirm([verdict(people[0])], NOW)
    decisions.reverse(verdict(people[1]), "lola", NOW)
    assert [verdict(person).state for person in people] == ["standing", "reversed", "held", "held"]


def test_a_complaint_stands_in_the_middle_of_an_outage() -> None:
    people = ministry(4)
    come_back(people)
    cast.complain(cast.copy(people[0], NOW))
    assert stopped(people[0])


def test_three_hundred_readers_are_counted_once(django_assert_max_num_queries) -> None:
    people = ministry(40)
    come_back(people[:-1])
    assert Suppression.objects.filter(lifted_at=None).count() == 0
    assert Verdict.objects.filter(state="held").count() == 39
    sent = cast.copy(people[-1], NOW)
    with django_assert_max_num_queries(40):
        cast.bounce(sent)
