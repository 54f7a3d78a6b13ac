from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.tracking import aggregates
from mailer.tracking.finalize import delete_old, settle_due
from mailer.tracking.models import Hit, HitCount, Readership
from mailer.tracking.recording import requests
from mailer.tracking.records import Kind, Request, Why
from subscribers.models import Subscriber
from tests.cast import NOW
from tests.tracking.conftest import Sent, Track, by_consent

pytestmark = pytest.mark.both_databases

Mails = Callable[[str], Sent]
DAY = NOW + timedelta(days=1)
LATER = DAY + timedelta(minutes=11)


def _hit(variant: SnapshotVariant, number: int, client: str, after: float = 0, **more: Any) -> None:
    at = DAY + timedelta(seconds=after)
    requests.put(Request(variant.pk, more.pop("kind", Kind.CLICK), number, at, client, Why.NONE, **more))


def _counts() -> dict[tuple[int, bool], int]:
    return {(row.number, row.machine): row.count for row in HitCount.objects.all()}


def test_nothing_counts_before_its_burst_could_be_seen(variants: dict[str, SnapshotVariant]) -> None:
    _hit(variants["KZ en"], 1, "a")
    requests.flush()
    assert settle_due(DAY + timedelta(minutes=9)) == 0
    assert settle_due(LATER) == 1
    assert _counts() == {(1, False): 1}


def test_people_and_machines_are_summed_apart_and_repeats_in_neither(
    variants: dict[str, SnapshotVariant],
) -> None:
    for client in ("a", "b", "c"):
        _hit(variants["KZ en"], 1, client)
    _hit(variants["KZ en"], 1, "a", 2)
    for number in range(4):
        _hit(variants["KZ en"], number, "scanner", number / 10)
    requests.flush()
    settle_due(LATER)
    # The link that nobody sees is no link of the edition.
    assert _counts() == {(1, False): 3, (1, True): 1, (2, True): 1, (3, True): 1}
    assert Hit.objects.filter(why=Why.TRAP).count() == 4


def test_settling_twice_counts_once_and_more_is_added(variants: dict[str, SnapshotVariant]) -> None:
    _hit(variants["KZ en"], 1, "a")
    requests.flush()
    assert (settle_due(LATER), settle_due(LATER)) == (1, 0)
    _hit(variants["KZ en"], 1, "b", 60)
    requests.flush()
    settle_due(LATER + timedelta(minutes=1))
    assert _counts() == {(1, False): 2}


def test_a_burst_that_is_settled_in_two_parts_is_known_as_one(variants: dict[str, SnapshotVariant]) -> None:
    cut = timedelta(minutes=10)
    for number in (1, 2, 3):
        _hit(variants["KZ en"], number, "a", number / 2)
    requests.flush()
    # Between the first and the second of its clicks.
    settle_due(DAY + timedelta(seconds=0.7) + cut)
    settle_due(LATER)
    assert _counts() == {(1, True): 1, (2, True): 1, (3, True): 1}


def test_where_it_came_from_is_forgotten_as_soon_as_it_is_judged(
    variants: dict[str, SnapshotVariant],
) -> None:
    _hit(variants["KZ en"], 1, "a")
    requests.flush()
    settle_due(LATER + timedelta(minutes=1))
    assert Hit.objects.get().client is None


def test_single_clicks_are_deleted_in_time_and_their_sums_stay(
    variants: dict[str, SnapshotVariant], track: Track
) -> None:
    track(keep_days=30)
    _hit(variants["KZ en"], 1, "a")
    requests.flush()
    settle_due(LATER)
    assert delete_old(DAY + timedelta(days=29)) == 0
    assert delete_old(DAY + timedelta(days=31)) == 1
    assert not Hit.objects.exists() and _counts() == {(1, False): 1}


def test_how_many_readers_stand_behind_a_figure_is_counted_once_for_a_mailing(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    _hit(variants["KZ en"], 1, "a")
    requests.flush()
    settle_due(LATER)
    rows = Readership.objects.values_list("variant", "readers", "countries", "links")
    assert {pk: tuple(row) for pk, *row in rows} == {
        variants["KZ en"].pk: (8, "KZ", 5),
        variants["KZ ru"].pk: (6, "KZ", 5),
        variants["TJ ru"].pk: (2, "TJ", 3),
    }


def test_from_clicks_to_figures(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    for number in range(7):
        _hit(variants["KZ en"], 2, f"reader {number}", number)
    for number in range(6):
        _hit(variants["KZ ru"], 2, f"other {number}", number)
    requests.flush()
    settle_due(LATER)
    clicks = aggregates.clicks_of(mailing)
    (followed,) = [link for link in clicks.links if link.people]
    assert (followed.number, followed.people, clicks.people) == (2, 13, 13)
    assert [one.people for one in clicks.by_language] == [7, 6]


@by_consent
def test_a_filter_that_follows_a_named_readers_links_from_many_addresses_is_known(
    variants: dict[str, SnapshotVariant],
) -> None:
    reader = Subscriber.objects.get(email="reader-0@example.net")
    for number in (1, 2, 3):
        Hit.objects.create(
            variant=variants["KZ en"],
            kind=Kind.CLICK,
            number=number,
            at=DAY,
            client=f"{number:016}",
            subscriber=reader,
        )
    settle_due(LATER)
    assert set(Hit.objects.values_list("why", flat=True)) == {Why.BURST}


@by_consent
def test_whoever_takes_back_their_word_is_in_no_row_any_more(
    mailing: Mailing, variants: dict[str, SnapshotVariant], track: Track
) -> None:
    people = Subscriber.objects.filter(email__in=["reader-0@example.net", "reader-1@example.net"])
    people.update(tracking_consent_at=NOW)
    for person in people:
        Hit.objects.create(
            variant=variants["KZ en"], kind=Kind.CLICK, number=1, at=DAY, settled=True, subscriber=person
        )
    people.filter(email="reader-0@example.net").update(tracking_consent_at=None)
    settle_due(LATER)
    assert Hit.objects.get(subscriber__isnull=False).subscriber == people.get(email="reader-1@example.net")
    # An office that no longer asks keeps no names.
    track(clicks="anonymous", opens="off")
    settle_due(LATER)
    assert not Hit.objects.filter(subscriber__isnull=False).exists()


def test_a_scanner_that_opens_every_link_and_picture_leaves_the_reader_and_the_figures_alone(
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
    requests.flush()
    assert Hit.objects.count() > 9
    settle_due(timezone.now() + timedelta(minutes=11))
    reader = Subscriber.objects.get(email="reader-0@example.net")
    assert list(reader.subscriptions.values_list("state", flat=True)) == ["confirmed"]
    assert not Hit.objects.filter(why="").exists()
    assert not HitCount.objects.filter(machine=False).exists()
    clicks = aggregates.clicks_of(mailing)
    assert (clicks.people, clicks.machines > 0) == (0, True)


@pytest.mark.parametrize("mailing", [{"opens": "anonymous"}], indirect=True)
def test_openings_are_summed_as_such(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    for number in range(9):
        _hit(variants["KZ en"], 0, "proxy", number / 10, kind=Kind.OPEN)
    requests.flush()
    settle_due(LATER)
    assert aggregates.opens_of(mailing).people == 9
    assert aggregates.clicks_of(mailing).people == 0
