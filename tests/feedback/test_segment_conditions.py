"""Segment conditions on feedback: deliveries, bounces, and reactions of subscribers with tracking consent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.tracking.models import TrackingEvent
from subscribers.models import Subscriber
from subscribers.segments import segments
from subscribers.segments.rule_format import Condition, Group, InvalidRule
from tests import cast
from tests.delivery.cast import approved_snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW


def asked(about: str, relation: str, *values: int | str) -> set[str]:
    found = segments.matching_subscribers(Group("all", (Condition(about, relation, values),)), NOW)
    return {person.email.partition("@")[0] for person in found}


@pytest.fixture
def history() -> Mailing:
    """`got` received an edition, `returned` sent it back, `rehearsed` saw a rehearsal, `new` nothing."""
    people = {name: cast.reader(name) for name in ("got", "returned", "rehearsed", "new")}
    snapshot = approved_snapshot()
    real = Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition, state="done")
    rehearsal = Mailing.objects.create(
        snapshot=snapshot, edition=snapshot.edition, state="done", dry_run_to="dana@office.example.org"
    )
    for mailing, name, bounced in (
        (real, "got", None),
        (real, "returned", NOW),
        (rehearsal, "rehearsed", None),
        (rehearsal, "got", None),
    ):
        Delivery.objects.create(
            mailing=mailing, subscriber=people[name].pk, state="accepted", bounced_at=bounced
        )
    FeedbackEvent.objects.create(kind="bounce", subscriber=people["returned"].pk, at=NOW - timedelta(days=40))
    return real


def test_received_counts_deliveries_without_bounces_and_dry_runs(history: Mailing) -> None:
    assert asked("received", "at_least", 1) == {"got"}
    assert asked("received", "at_least", 2) == set()
    assert asked("received", "fewer_than", 1) == {"returned", "rehearsed", "new"}


def test_bounced_works_with_and_without_days(history: Mailing) -> None:
    assert asked("bounced", "ever") == {"returned"}
    assert asked("bounced", "within", 30) == set()
    assert asked("bounced", "within", 60) == {"returned"}
    assert asked("bounced", "never") == {"got", "rehearsed", "new"}


def test_reacted_requires_tracking_consent(history: Mailing) -> None:
    variant = history.snapshot.variants.all()[0]
    for name, consented, event in (
        ("got", 90, 5),
        ("returned", 90, None),
        ("new", None, None),
        ("rehearsed", 5, None),
    ):
        person = Subscriber.objects.get(email=f"{name}@example.net")
        if consented:
            person.tracking_consent_at = NOW - timedelta(days=consented)
            person.save()
        if event:
            TrackingEvent.objects.create(
                variant=variant,
                kind="click",
                link_number=1,
                at=NOW - timedelta(days=event),
                subscriber=person,
            )
    assert asked("reacted", "within", 30) == {"got"}
    # Reactions from before the consent are unknown.
    assert asked("reacted", "not_within", 30) == {"returned"}


@pytest.mark.parametrize("value", ["many", 0, -1, ""])
def test_an_invalid_number_of_editions_is_rejected(value: int | str) -> None:
    with pytest.raises(InvalidRule, match="Number of editions delivered"):
        asked("received", "at_least", value)
