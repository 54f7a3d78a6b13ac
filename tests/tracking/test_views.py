from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.tracking.bot_detection import EventKind, FilterReason
from mailer.tracking.models import TrackingEvent
from mailer.tracking.record_events import event_buffer
from mailer.tracking.views import PIXEL
from subscribers import tokens
from subscribers.models import Subscriber
from subscribers.privacy.erasure import erase_and_suppress
from tests.cast import NOW
from tests.tracking.conftest import SITE, Sent, Track, by_consent

Mails = Callable[[str], Sent]


def _agree(name: str) -> Subscriber:
    reader = Subscriber.objects.get(email=f"{name}@example.net")
    reader.tracking_consent_at = NOW
    reader.save()
    return reader


@contextmanager
def _read_only() -> Iterator[None]:
    """A database that takes no writes for a while."""
    before = transaction.savepoint()
    with connection.cursor() as cursor:
        sqlite = connection.vendor == "sqlite"
        cursor.execute("PRAGMA query_only = ON" if sqlite else "SET LOCAL transaction_read_only = on")
        yield
        transaction.savepoint_rollback(before)
        if sqlite:
            cursor.execute("PRAGMA query_only = OFF")


# Following a link


def test_a_redirect_sets_no_cookie_and_sends_no_referrer(sent: Mails, phone: Client) -> None:
    answer = phone.get(sent("reader-0").links[0])
    assert (answer.status_code, answer["Referrer-Policy"], answer["Cache-Control"]) == (
        302,
        "no-referrer",
        "no-store",
    )
    assert not answer.cookies and answer.content == b""
    event_buffer.flush()
    event = TrackingEvent.objects.get()
    assert (event.kind, event.link_number, event.filter_reason, event.finalized, event.subscriber) == (
        EventKind.CLICK,
        1,
        "",
        False,
        None,
    )


@pytest.mark.both_databases
def test_no_network_address_or_user_agent_is_stored(sent: Mails, phone: Client) -> None:
    phone.get(sent("reader-0").links[0], REMOTE_ADDR="198.51.100.7")
    event_buffer.flush()
    (row,) = TrackingEvent.objects.values_list()
    assert not re.search(r"198\.51|Mozilla|reader-", str(row))
    assert re.fullmatch("[0-9a-f]{16}", TrackingEvent.objects.get().client_hash or "")


def test_a_link_works_whatever_follows_its_token(sent: Mails, client: Client) -> None:
    token = sent("reader-0").links[0].split("/")[2]
    for damaged in ("", "/", "/example.org)", "/evil.example/?url=https://evil.example/"):
        assert client.get(f"/r/{token}{damaged}")["Location"].startswith("https://example.org/")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_link_accepts_only_safe_methods(sent: Mails, client: Client, method: str) -> None:
    assert getattr(client, method)(sent("reader-0").links[0]).status_code == 405


def test_a_head_request_is_answered_and_is_no_click(sent: Mails, phone: Client) -> None:
    answer = phone.head(sent("reader-0").links[0])
    assert answer.status_code == 302
    event_buffer.flush()
    assert TrackingEvent.objects.get().filter_reason == FilterReason.HEAD


def test_the_honeypot_redirects_to_the_front_page(sent: Mails, client: Client) -> None:
    assert client.get(sent("reader-0").honeypot)["Location"] == f"{SITE}/"


def _wrong(variant: int) -> list[str]:
    right = tokens.encrypt_id_for_url("link", variant << 16 | 1)
    return [
        tokens.encrypt_id_for_url("link", variant << 16 | 999),
        tokens.encrypt_id_for_url("link", (variant + 9999) << 16 | 1),
        tokens.encrypt_id_for_url("open", variant << 16 | 1),
        tokens.encrypt_id_for_url("subscriber", variant << 16 | 1),
        ("B" if right[0] == "A" else "A") + right[1:],
        right[:-1] + ("B" if right[-1] == "A" else "A"),
    ]


def test_an_invalid_token_is_not_found(client: Client, variants: dict[str, SnapshotVariant]) -> None:
    for token in _wrong(variants["KZ en"].pk):
        answer = client.get(f"/r/{token}/example.org")
        assert answer.status_code == 404
        assert "We do not know this link" in answer.content.decode()
    event_buffer.flush()
    assert not TrackingEvent.objects.exists()


def test_links_of_a_changed_snapshot_are_not_found(mailing: Mailing, client: Client) -> None:
    forged, variant = mailing.snapshot, SnapshotVariant.objects.filter(snapshot=mailing.snapshot)[0]
    forged.manifest = forged.manifest.replace("https://example.org/ring", "https://evil.example/")
    forged.pk, forged.sha256, forged.state = None, "0" * 64, Snapshot.State.WITHDRAWN
    forged.approved_at = None
    forged.save()
    variant.pk, variant.snapshot = None, forged
    variant.save()
    assert client.get(f"/r/{tokens.encrypt_id_for_url('link', variant.pk << 16 | 1)}/").status_code == 404


# The database


@pytest.mark.both_databases
def test_a_redirect_works_on_a_read_only_database_and_the_click_is_stored_later(
    sent: Mails, phone: Client
) -> None:
    link = sent("reader-0").links[0]
    with _read_only():
        assert phone.get(link).status_code == 302
        event_buffer.flush()
        assert not TrackingEvent.objects.exists()
    event_buffer.flush()
    assert TrackingEvent.objects.count() == 1


@pytest.mark.both_databases
def test_a_cached_link_needs_no_query(sent: Mails, phone: Client, django_assert_num_queries: Any) -> None:
    phone.get(sent("reader-0").links[0])
    with django_assert_num_queries(0):
        assert [phone.get(link).status_code for link in sent("reader-0").links] == [302] * len(
            sent("reader-0").links
        )


def test_links_redirect_after_click_tracking_is_switched_off(
    sent: Mails, phone: Client, track: Track
) -> None:
    link = sent("reader-0").links[0]
    track(clicks="off")
    assert phone.get(link).status_code == 302
    event_buffer.flush()
    assert not TrackingEvent.objects.exists()


# Openings


@pytest.mark.both_databases
@pytest.mark.parametrize("mailing", [{"opens": "anonymous"}], indirect=True)
def test_the_pixel_is_not_cached_and_records_an_open(sent: Mails, phone: Client) -> None:
    answer = phone.get(sent("reader-0").pixel)
    assert answer.content == PIXEL and len(PIXEL) == 43
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/gif", "no-store")
    assert not answer.cookies
    event_buffer.flush()
    assert TrackingEvent.objects.get().kind == EventKind.OPEN


# By consent


@pytest.mark.both_databases
@by_consent
def test_only_consenting_subscribers_are_recorded_by_name(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    agreed = _agree("reader-1")
    Delivery.objects.update(accepted_at=NOW)
    for name in ("reader-0", "reader-1"):
        phone.get(sent(name).links[0])
        phone.get(sent(name).pixel)
    assert sent("reader-0").links == sent("reader-2").links
    event_buffer.flush()
    assert list(TrackingEvent.objects.order_by("pk").values_list("kind", "subscriber", "filter_reason")) == [
        ("click", None, ""),
        ("open", None, ""),
        ("click", agreed.pk, ""),
        ("open", agreed.pk, ""),
    ]


@pytest.mark.both_databases
@by_consent
def test_a_named_click_within_seconds_of_the_delivery_is_filtered(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    _agree("reader-1")
    phone.get(sent("reader-1").links[0])
    event_buffer.flush()
    assert TrackingEvent.objects.get().filter_reason == FilterReason.TOO_SOON


@by_consent
def test_the_link_of_an_erased_subscriber_redirects_without_a_name(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    _agree("reader-1")
    link = sent("reader-1").links[0]
    erase_and_suppress("reader-1@example.net", NOW)
    assert phone.get(link).status_code == 302
    event_buffer.flush()
    assert TrackingEvent.objects.get().subscriber is None


@by_consent
def test_tokens_of_two_messages_put_together_name_no_subscriber(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    _agree("reader-1")
    _agree("reader-8")
    one, other = sent("reader-1").links[0], sent("reader-8").links[0]
    assert phone.get(one[:36] + other[36:]).status_code == 302
    event_buffer.flush()
    event = TrackingEvent.objects.get()
    assert (event.subscriber, event.variant.language) == (None, "en")
