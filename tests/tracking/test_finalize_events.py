from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mailer import link_tracking
from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.tracking import click_and_open_counts
from mailer.tracking.bot_detection import EventKind, FilterReason
from mailer.tracking.finalize_events import delete_expired, finalize_due
from mailer.tracking.models import DailyEventCount, TrackingEvent, VariantAudience
from mailer.tracking.record_events import TrackedRequest, event_buffer
from subscribers.models import Subscriber
from tests.cast import NOW
from tests.tracking.conftest import Sent, Track, by_consent

pytestmark = pytest.mark.both_databases

Mails = Callable[[str], Sent]
DAY = NOW + timedelta(days=1)
LATER = DAY + timedelta(minutes=11)


def _put(variant: SnapshotVariant, number: int, client: str, after: float = 0, **more: Any) -> None:
    at = DAY + timedelta(seconds=after)
    event_buffer.put(
        TrackedRequest(
            variant.pk, more.pop("kind", EventKind.CLICK), number, at, client, FilterReason.NONE, **more
        )
    )


def _counts() -> dict[tuple[int, bool], int]:
    return {(row.link_number, row.is_bot): row.count for row in DailyEventCount.objects.all()}


def test_events_are_finalized_after_the_configured_minutes(variants: dict[str, SnapshotVariant]) -> None:
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    assert finalize_due(DAY + timedelta(minutes=9)) == 0
    assert finalize_due(LATER) == 1
    assert _counts() == {(1, False): 1}


def test_people_and_bots_are_counted_apart_and_repeats_in_neither(
    variants: dict[str, SnapshotVariant],
) -> None:
    for client in ("a", "b", "c"):
        _put(variants["KZ en"], 1, client)
    _put(variants["KZ en"], 1, "a", 2)
    for number in range(4):
        _put(variants["KZ en"], number, "scanner", number / 10)
    event_buffer.flush()
    finalize_due(LATER)
    # The link that nobody sees is no link of the edition.
    assert _counts() == {(1, False): 3, (1, True): 1, (2, True): 1, (3, True): 1}
    assert TrackingEvent.objects.filter(filter_reason=FilterReason.HONEYPOT).count() == 4


def test_finalizing_twice_counts_once_and_later_events_are_added(
    variants: dict[str, SnapshotVariant],
) -> None:
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    assert (finalize_due(LATER), finalize_due(LATER)) == (1, 0)
    _put(variants["KZ en"], 1, "b", 60)
    event_buffer.flush()
    finalize_due(LATER + timedelta(minutes=1))
    assert _counts() == {(1, False): 2}


def test_a_burst_that_is_finalized_in_two_parts_is_detected(variants: dict[str, SnapshotVariant]) -> None:
    cut = timedelta(minutes=10)
    for number in (1, 2, 3):
        _put(variants["KZ en"], number, "a", number / 2)
    event_buffer.flush()
    # Between the first and the second of its clicks.
    finalize_due(DAY + timedelta(seconds=0.7) + cut)
    finalize_due(LATER)
    assert _counts() == {(1, True): 1, (2, True): 1, (3, True): 1}


@pytest.mark.django_db(transaction=True)
def test_an_open_of_an_email_that_is_not_in_the_database_holds_up_no_other_event(
    variants: dict[str, SnapshotVariant], track: Track, phone: Client
) -> None:
    track(opens="anonymous")
    # After a restoration: an edition that was submitted and sent since the backup.
    unknown = link_tracking._token("open", variants["KZ en"].pk + 500, 0)
    assert phone.get(f"/o/{unknown}.gif").status_code == 200
    event_buffer.flush()
    TrackingEvent.objects.update(at=DAY)
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    assert finalize_due(LATER) == 2
    assert _counts() == {(1, False): 1}
    # Nothing is kept of who loaded the picture.
    finalize_due(LATER + timedelta(minutes=1))
    assert not TrackingEvent.objects.filter(client_hash__isnull=False).exists()


def test_the_client_is_forgotten_as_soon_as_the_event_is_judged(variants: dict[str, SnapshotVariant]) -> None:
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    finalize_due(LATER + timedelta(minutes=1))
    assert TrackingEvent.objects.get().client_hash is None


def test_expired_events_are_deleted_and_their_counts_stay(
    variants: dict[str, SnapshotVariant], track: Track
) -> None:
    track(keep_days=30)
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    finalize_due(LATER)
    assert delete_expired(DAY + timedelta(days=29)) == 0
    assert delete_expired(DAY + timedelta(days=31)) == 1
    assert not TrackingEvent.objects.exists() and _counts() == {(1, False): 1}


def test_the_audience_of_every_variant_is_stored(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    _put(variants["KZ en"], 1, "a")
    event_buffer.flush()
    finalize_due(LATER)
    rows = VariantAudience.objects.values_list("variant", "recipients", "countries", "link_count")
    assert {pk: tuple(row) for pk, *row in rows} == {
        variants["KZ en"].pk: (8, "KZ", 5),
        variants["KZ ru"].pk: (6, "KZ", 5),
        variants["TJ ru"].pk: (2, "TJ", 3),
    }


def test_finalized_clicks_appear_in_click_stats(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    for number in range(7):
        _put(variants["KZ en"], 2, f"reader {number}", number)
    for number in range(6):
        _put(variants["KZ ru"], 2, f"other {number}", number)
    event_buffer.flush()
    finalize_due(LATER)
    clicks = click_and_open_counts.click_stats(mailing)
    (followed,) = [link for link in clicks.links if link.human_count]
    assert (followed.number, followed.human_count, clicks.human_count) == (2, 13, 13)
    assert [one.human_count for one in clicks.by_language] == [7, 6]


@by_consent
def test_a_scanner_with_many_addresses_is_detected_by_the_named_subscriber(
    variants: dict[str, SnapshotVariant],
) -> None:
    reader = Subscriber.objects.get(email="reader-0@example.net")
    for number in (1, 2, 3):
        TrackingEvent.objects.create(
            variant=variants["KZ en"],
            kind=EventKind.CLICK,
            link_number=number,
            at=DAY,
            client_hash=f"{number:016}",
            subscriber=reader,
        )
    finalize_due(LATER)
    assert set(TrackingEvent.objects.values_list("filter_reason", flat=True)) == {FilterReason.BURST}


@by_consent
def test_events_lose_the_name_of_a_subscriber_who_withdraws_consent(
    mailing: Mailing, variants: dict[str, SnapshotVariant], track: Track
) -> None:
    people = Subscriber.objects.filter(email__in=["reader-0@example.net", "reader-1@example.net"])
    people.update(tracking_consent_at=NOW)
    for person in people:
        TrackingEvent.objects.create(
            variant=variants["KZ en"],
            kind=EventKind.CLICK,
            link_number=1,
            at=DAY,
            finalized=True,
            subscriber=person,
        )
    people.filter(email="reader-0@example.net").update(tracking_consent_at=None)
    finalize_due(LATER)
    assert TrackingEvent.objects.get(subscriber__isnull=False).subscriber == people.get(
        email="reader-1@example.net"
    )
    # An office that no longer asks keeps no names.
    track(clicks="anonymous", opens="off")
    finalize_due(LATER)
    assert not TrackingEvent.objects.filter(subscriber__isnull=False).exists()


def test_a_scanner_that_opens_everything_changes_neither_subscriptions_nor_counts(
    mailing: Mailing, sent: Mails, client: Client
) -> None:
    mail = sent("reader-0")
    everything = {*mail.in_html, *mail.in_text, *mail.message["List-Unsubscribe"].strip("<>").split(">, <")}
    pages = [one for one in everything if one.startswith("http://localhost:8000/")]
    assert len(pages) > 9
    # It passes as a browser.
    client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36"
    for look in (client.head, client.get):
        for address in pages:
            assert look(address).status_code in (200, 302, 404)
    event_buffer.flush()
    assert TrackingEvent.objects.count() > 9
    finalize_due(timezone.now() + timedelta(minutes=11))
    reader = Subscriber.objects.get(email="reader-0@example.net")
    assert list(reader.subscriptions.values_list("state", flat=True)) == ["confirmed"]
    assert not TrackingEvent.objects.filter(filter_reason="").exists()
    assert not DailyEventCount.objects.filter(is_bot=False).exists()
    clicks = click_and_open_counts.click_stats(mailing)
    assert (clicks.human_count, clicks.bot_count > 0) == (0, True)


@pytest.mark.parametrize("mailing", [{"opens": "anonymous"}], indirect=True)
def test_opens_are_finalized_as_opens(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    for number in range(9):
        _put(variants["KZ en"], 0, "proxy", number / 10, kind=EventKind.OPEN)
    event_buffer.flush()
    finalize_due(LATER)
    assert click_and_open_counts.open_stats(mailing).human_count == 9
    assert click_and_open_counts.click_stats(mailing).human_count == 0
