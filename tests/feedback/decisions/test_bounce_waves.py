"""Neither a broken server of one domain nor a reply about us must suppress subscribers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailer.delivery import message_identifiers
from mailer.delivery.esp.message_parts_encoder import delivery_token
from mailer.delivery.models import Alert, Delivery
from mailer.feedback import ingest_returned_mail
from mailer.feedback.decisions import (
    bounce_waves,
    evaluate_and_probe,
    rejections_and_stop_rule_counts,
    suppression_decision_states,
)
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.decisions.suppression_decision_states import DecisionError
from mailer.feedback.models import BounceWave, FeedbackEvent, SuppressionDecision, WebhookPayload
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage
from mailer.feedback.webhooks.process_payloads import process_due
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.feedback import cast
from tests.feedback.cast import NOW, latest_decision, stopped
from tests.feedback.parsing.server_replies import ABOUT_US
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import Message, Postmark

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
    outage = BounceWave.objects.get(state="open")
    assert (outage.domain, outage.mailable) == ("ministry.example", 10)
    assert "3 of 10 subscribers at ministry.example" in Alert.objects.get().message


def test_a_small_share_is_no_outage() -> None:
    people = ministry(20)
    come_back(people[:5])
    assert all(map(stopped, people[:5]))
    assert not BounceWave.objects.filter(state="open").exists()


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
    outage = BounceWave.objects.get(state="open")
    later = NOW + timedelta(hours=5)
    assert bounce_waves.decide_wave(outage, suppress=True, by="lola", now=later) == 9
    come_back(people[9:], hours=6)
    assert all(map(stopped, people))
    with pytest.raises(DecisionError, match="already decided"):
        bounce_waves.decide_wave(outage, suppress=False, by="timur", now=later)


def test_dismissing_an_outage_keeps_all_and_later_bounces() -> None:
    people = ministry(10)
    come_back(people[:9])
    bounce_waves.decide_wave(
        BounceWave.objects.get(state="open"), suppress=False, by="lola", now=NOW + timedelta(hours=5)
    )
    come_back(people[9:], hours=6)
    assert states(people) == {"dismissed"}
    assert not any(map(stopped, people))
    assert latest_decision(people[9]).closed_by == "many addresses bounced at once; lola decided to keep them"


def test_later_deliveries_dismiss_their_decisions_and_end_the_outage() -> None:
    people = ministry(4)
    come_back(people)
    for person in people[:3]:
        cast.accepted_delivery(person, NOW + timedelta(days=7))
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=8))
    assert states(people) == {"held"}
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=14))
    assert states(people[:3]) == {"dismissed"}
    assert (latest_decision(people[3]).state, BounceWave.objects.get().state) == ("held", "open")
    cast.accepted_delivery(people[3], NOW + timedelta(days=14))
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=21))
    assert (latest_decision(people[3]).closed_by, BounceWave.objects.get().state) == (
        "a later message was delivered to this address",
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
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=59))
    assert states(people) == {"held"}
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=61))
    assert states(people) == {"dismissed"}


def test_single_decisions_of_an_outage_can_be_confirmed_or_reverted() -> None:
    people = ministry(4)
    come_back(people)
    suppression_decision_states.apply_waiting([latest_decision(people[0])], NOW)
    suppression_decision_states.revert(latest_decision(people[1]), "lola", NOW)
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


# The class hard: no rule knows that it is about us.
NEW = "550 5.1.1 No consignee {} in ledger of shipper (ref 1{}7-a), no such user"
UNKNOWN = "550 5.1.1 no such user {}"


class Everyone:
    """Forty subscribers of as many domains in one mailing, and the ways in which a reply about them comes."""

    def __init__(self, count: int = 40) -> None:
        self.mailing = cast.mailing()
        self.people = [cast.reader(f"reader{number}@town{number}.example") for number in range(count)]
        self.webhooks: Postmark | None = None

    def deliveries(self, **columns: object) -> list[Delivery]:
        Delivery.objects.filter(mailing=self.mailing).delete()
        return Delivery.objects.bulk_create(
            Delivery(mailing=self.mailing, subscriber=person.pk, attempts=1, **columns)
            for person in self.people
        )

    def in_session(self, replies: list[str], at: datetime) -> None:
        for delivery, reply in zip(self.deliveries(state="refused", reason="refused"), replies, strict=True):
            Delivery.objects.filter(pk=delivery.pk).update(reply=reply)
        rejections_and_stop_rule_counts.process_rejections(at)

    def by_mail(self, replies: list[str], at: datetime) -> None:
        sent = self.deliveries(state="accepted", accepted_at=at - timedelta(minutes=5))
        for delivery, person, reply in zip(sent, self.people, replies, strict=True):
            envelope_sender = message_identifiers.envelope_sender(delivery.pk)
            report = (
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n"
                f"Your message to {person.email} was refused.\n--b\nContent-Type: message/delivery-status\n\n"
                f"Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; {person.email}\n"
                f"Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; {reply}\n\n--b--\n"
            )
            header = f"From: MAILER-DAEMON@relay.example\nTo: {envelope_sender}\nSubject: failed\n"
            ingest_returned_mail.ingest_message((header + report).encode(), at, envelope_sender)

    def by_webhook(self, replies: list[str], at: datetime) -> None:
        sent = self.deliveries(state="accepted", accepted_at=at - timedelta(minutes=5))
        assert self.webhooks is not None
        for number, (delivery, person, reply) in enumerate(zip(sent, self.people, replies, strict=True)):
            message = Message(delivery_token(delivery.pk), person.email, at, delivery.pk * 100 + number)
            body = self.webhooks.post(self.webhooks.bounced(message, reply), at).body
            WebhookPayload.objects.create(service="postmark", body=body, received_at=at, due_at=at)
        process_due(at, lambda: False)


@pytest.fixture(params=["in_session", "by_mail", "by_webhook"])
def arrive(request, configure, monkeypatch):  # noqa: F811
    """A function that lets replies about everyone arrive, in each way; and everyone."""
    everyone = Everyone()
    if request.param == "by_webhook":
        everyone.webhooks = serve(Postmark(), configure, monkeypatch)
    return getattr(everyone, request.param), everyone.people


def test_a_wave_of_one_new_reply_suppresses_no_one_until_staff_decide(arrive) -> None:
    come, people = arrive
    come([NEW.format(number, number) for number in range(40)], NOW)
    assert FeedbackEvent.objects.filter(bounce_class="hard").count() == 40
    assert (states(people), any(map(stopped, people))) == ({"held"}, False)
    wave = BounceWave.objects.get(state="open")
    assert (wave.domain, wave.bounced, wave.decisions.count()) == ("", 40, 40)
    assert Alert.objects.get().path == f"/desk/bounce-waves/{wave.pk}/"
    # The next mailing brings it again.
    come([NEW.format(number, number) for number in range(40)], NOW + timedelta(days=30))
    assert (states(people), any(map(stopped, people))) == ({"held"}, False)
    assert BounceWave.objects.exclude(reply="").count() == 1


def test_twenty_kinds_of_reply_about_us_suppress_no_one(arrive) -> None:
    come, people = arrive
    kinds = ABOUT_US[:: len(ABOUT_US) // 20][:20]
    come([kind.replace("@", "news@office.example") for kind in (*kinds, *kinds)], NOW)
    assert set(FeedbackEvent.objects.values_list("bounce_class", flat=True)) == {"block"}
    assert not SuppressionDecision.objects.exists()
    assert not any(map(stopped, people))


@pytest.mark.parametrize(("suppress", "state"), [(True, "applied"), (False, "dismissed")])
def test_later_bounces_follow_what_staff_decided_about_the_reply(suppress: bool, state: str) -> None:
    everyone = Everyone(8)
    first, later = everyone.people[:6], everyone.people[6:]
    everyone.people = first
    everyone.in_session([UNKNOWN.format(number) for number in range(6)], NOW)
    wave = BounceWave.objects.get(state="open")
    assert bounce_waves.decide_wave(wave, suppress=suppress, by="lola", now=NOW + timedelta(hours=1)) == 6
    assert states(first) == {state}
    everyone.people = later
    everyone.in_session([UNKNOWN.format(number) for number in range(2)], NOW + timedelta(days=200))
    assert states(later) == {state}
    assert all(map(stopped, later)) == suppress


def test_what_was_suppressed_before_the_wave_was_known_is_held_too() -> None:
    everyone = Everyone(5)
    people = everyone.people
    for number, person in enumerate(people):
        everyone.people = [person]
        everyone.in_session([NEW.format(number, number)], NOW + timedelta(hours=number))
        assert [stopped(one) for one in people] == [number < 4 and place <= number for place in range(5)]
    assert states(people) == {"held"}


def test_different_replies_and_the_same_one_over_months_are_no_wave() -> None:
    everyone = Everyone(8)
    everyone.in_session([f"550 5.1.1 no such user {cast.own_word(str(n))}" for n in range(8)], NOW)
    assert all(map(stopped, everyone.people))
    later = [cast.reader(f"later{number}@example.net") for number in range(6)]
    for number, person in enumerate(later):
        everyone.people = [person]
        everyone.in_session([UNKNOWN.format(number)], NOW + timedelta(days=5 + 5 * number))
    assert all(map(stopped, later))


def test_forged_bounces_and_the_decision_of_a_colleague_make_no_wave() -> None:
    for number in range(6):
        person = cast.reader(f"reader{number}@town{number}.example")
        recipient = replace(cast.recipient(person.email), diagnostic=NEW.format(number, number))
        for identity in ("", "person") if number == 5 else ("",):
            parsed = ParsedReturnedMessage("bounce", (recipient,), identity=identity)
            apply_one(parsed, EventSource(f"mail {number} {identity}", NOW), NOW)
    assert stopped(person)
    assert not BounceWave.objects.exclude(reply="").exists()


def test_refused_probes_with_one_new_reply_are_a_wave() -> None:
    people = [cast.reader(f"reader{number}@town{number}.example") for number in range(6)]
    for person in people:
        for days in (3, 1):
            cast.bounce(person, at=NOW - timedelta(days=days))
    assert states(people) == {"probing"}
    for number, person in enumerate(people):
        probe = latest_decision(person).probe
        probe.state, probe.reply = "refused", NEW.format(number, number)
        probe.save()
    evaluate_and_probe.review_bounce_waves_and_probes(NOW)
    assert (states(people), any(map(stopped, people))) == ({"held"}, False)
