from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.delivery import tracking_urls
from mailer.delivery.models import Delivery, Mailing
from mailer.tracking import clients
from mailer.tracking.models import Hit
from mailer.tracking.recording import requests
from mailer.tracking.records import Kind, Why
from mailer.tracking.views import PIXEL
from subscribers import tokens
from subscribers.models import Subscriber
from subscribers.privacy.erasure import erase
from tests.cast import NOW
from tests.tracking.conftest import PHONE, SITE, Sent, Track, by_consent

pytestmark = pytest.mark.both_databases

Mails = Callable[[str], Sent]

STORIES = ["ring", "kz-news", "film", "profile", "follow"]


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


# The mail


def test_every_link_to_a_story_leads_through_us_and_names_where_it_goes(sent: Mails, client: Client) -> None:
    mail = sent("reader-0")
    assert {client.get(link)["Location"] for link in mail.links} == {
        f"https://example.org/{story}" for story in STORIES
    }
    assert all(link.endswith("/example.org") for link in mail.links)
    through = [link.removeprefix(SITE) for link in mail.in_text if "/r/" in link]
    assert set(through) == set(mail.links)
    assert "https://example.org/" not in mail.html + mail.text


def test_what_is_the_readers_own_and_what_is_ours_is_never_led_through(sent: Mails) -> None:
    mail = sent("reader-0")
    direct = {re.sub(r"/[\w-]{33}/", "/…/", one) for one in mail.in_html if "/r/" not in one}
    assert direct == {
        f"{SITE}/preferences/…/",
        f"{SITE}/unsubscribe/…/",
        *(one for one in direct if one.startswith(f"{SITE}/archive/")),
    }
    assert f"{SITE}/archive/silk-road-monthly-2021-12/film.ics" in direct
    assert mail.message["List-Unsubscribe"].startswith(f"<{SITE}/unsubscribe/")


def test_readers_of_a_variant_share_its_links_and_no_others_have_them(sent: Mails) -> None:
    assert sent("reader-0").links == sent("reader-1").links
    assert not set(sent("reader-0").links) & set(sent("reader-8").links)


def test_the_link_that_nobody_sees_is_out_of_sight_hearing_and_reach(sent: Mails) -> None:
    tag = re.search(rf'<a href="{SITE}/r/[^/"]+/"[^>]*></a>', sent("reader-0").html)
    assert tag and all(
        word in tag[0] for word in ('aria-hidden="true"', 'tabindex="-1"', "display:none", "mso-hide:all")
    )
    assert sent("reader-0").trap not in sent("reader-0").text


def test_what_was_approved_what_the_archive_shows_and_what_staff_see_leads_directly(
    mailing: Mailing, client: Client
) -> None:
    for variant in SnapshotVariant.objects.filter(snapshot=mailing.snapshot):
        assert "https://example.org/" in variant.html and "/r/" not in variant.html + variant.text
    key = SnapshotVariant.objects.filter(snapshot=mailing.snapshot)[0].key
    page = client.get(f"/archive/{mailing.edition.slug}/{key}/").content.decode()
    assert "https://example.org/" in page and "/r/" not in page


@pytest.mark.parametrize("mailing", [{"clicks": "off"}], indirect=True)
def test_where_clicks_are_off_every_link_leads_directly(sent: Mails, track: Track) -> None:
    # What was approved as not counted is not counted by changing the configuration.
    track(clicks="anonymous")
    assert sent("reader-0").links == []
    assert "https://example.org/kz-news" in sent("reader-0").html


def test_less_than_what_was_approved_may_be_counted_at_any_time(sent: Mails, track: Track) -> None:
    track(clicks="off")
    assert sent("reader-0").links == []


# Following a link


def test_following_a_link_sets_no_cookie_and_tells_nothing_about_where_it_was(
    sent: Mails, phone: Client
) -> None:
    answer = phone.get(sent("reader-0").links[0])
    assert (answer.status_code, answer["Referrer-Policy"], answer["Cache-Control"]) == (
        302,
        "no-referrer",
        "no-store",
    )
    assert not answer.cookies and answer.content == b""
    requests.flush()
    hit = Hit.objects.get()
    assert (hit.kind, hit.number, hit.why, hit.settled, hit.subscriber) == (Kind.CLICK, 1, "", False, None)


def test_nothing_that_is_kept_names_an_address_or_a_program(sent: Mails, phone: Client) -> None:
    phone.get(sent("reader-0").links[0], REMOTE_ADDR="198.51.100.7")
    requests.flush()
    (row,) = Hit.objects.values_list()
    assert not re.search(r"198\.51|Mozilla|reader-", str(row))
    assert re.fullmatch("[0-9a-f]{16}", Hit.objects.get().client or "")


def test_a_link_works_without_what_stands_behind_its_token_or_with_it_damaged(
    sent: Mails, client: Client
) -> None:
    token = sent("reader-0").links[0].split("/")[2]
    for damaged in ("", "/", "/example.org)", "/evil.example/?url=https://evil.example/"):
        assert client.get(f"/r/{token}{damaged}")["Location"].startswith("https://example.org/")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_link_can_only_be_followed(sent: Mails, client: Client, method: str) -> None:
    assert getattr(client, method)(sent("reader-0").links[0]).status_code == 405


def test_asking_about_a_link_is_answered_and_is_no_click(sent: Mails, phone: Client) -> None:
    answer = phone.head(sent("reader-0").links[0])
    assert answer.status_code == 302
    requests.flush()
    assert Hit.objects.get().why == Why.HEAD


def test_the_link_that_nobody_sees_leads_to_the_front_page(sent: Mails, client: Client) -> None:
    assert client.get(sent("reader-0").trap)["Location"] == f"{SITE}/"


def _wrong(variant: int) -> list[str]:
    right = tokens.encrypt_id("link", variant << 16 | 1)
    return [
        tokens.encrypt_id("link", variant << 16 | 999),
        tokens.encrypt_id("link", (variant + 9999) << 16 | 1),
        tokens.encrypt_id("open", variant << 16 | 1),
        tokens.encrypt_id("subscriber", variant << 16 | 1),
        ("B" if right[0] == "A" else "A") + right[1:],
        right[:-1] + ("B" if right[-1] == "A" else "A"),
    ]


def test_a_token_that_we_did_not_make_leads_nowhere_and_says_so(
    client: Client, variants: dict[str, SnapshotVariant]
) -> None:
    for token in _wrong(variants["KZ en"].pk):
        answer = client.get(f"/r/{token}/example.org")
        assert answer.status_code == 404
        assert "We do not know this link" in answer.content.decode()
    requests.flush()
    assert not Hit.objects.exists()


@given(
    token=st.text(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=24, max_size=24
    )
)
def test_no_token_can_be_made_up(token: str) -> None:
    assert tracking_urls.read_link(token) is None and tracking_urls.read_whose(token) is None


@given(variant=st.integers(1, 2**47), number=st.integers(0, 2**16 - 1))
def test_a_token_names_what_it_was_made_for(variant: int, number: int) -> None:
    token = tokens.encrypt_id("link", variant << 16 | number)
    assert re.fullmatch(r"[\w-]{33}", token)
    assert tracking_urls.read_link(token) == (variant, number)


def test_links_that_are_not_under_their_copys_hash_lead_nowhere(mailing: Mailing, client: Client) -> None:
    forged, variant = mailing.snapshot, SnapshotVariant.objects.filter(snapshot=mailing.snapshot)[0]
    forged.manifest = forged.manifest.replace("https://example.org/ring", "https://evil.example/")
    forged.pk, forged.sha256, forged.state = None, "0" * 64, Snapshot.State.WITHDRAWN
    forged.save()
    variant.pk, variant.snapshot = None, forged
    variant.save()
    assert client.get(f"/r/{tokens.encrypt_id('link', variant.pk << 16 | 1)}/").status_code == 404


# The database


def test_a_redirect_works_while_nothing_can_be_written_and_the_click_counts_later(
    sent: Mails, phone: Client
) -> None:
    link = sent("reader-0").links[0]
    with _read_only():
        assert phone.get(link).status_code == 302
        requests.flush()
        assert not Hit.objects.exists()
    requests.flush()
    assert Hit.objects.count() == 1


def test_a_link_that_was_followed_before_needs_no_database(
    sent: Mails, phone: Client, django_assert_num_queries: Any
) -> None:
    phone.get(sent("reader-0").links[0])
    with django_assert_num_queries(0):
        assert [phone.get(link).status_code for link in sent("reader-0").links] == [302] * len(
            sent("reader-0").links
        )


def test_links_lead_on_when_clicks_are_no_longer_counted(sent: Mails, phone: Client, track: Track) -> None:
    link = sent("reader-0").links[0]
    track(clicks="off")
    assert phone.get(link).status_code == 302
    requests.flush()
    assert not Hit.objects.exists()


# Openings


@pytest.mark.parametrize("mailing", [{"opens": "anonymous"}], indirect=True)
def test_an_opening_is_one_pixel_kept_nowhere(sent: Mails, phone: Client) -> None:
    answer = phone.get(sent("reader-0").picture)
    assert answer.content == PIXEL and len(PIXEL) == 43
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/gif", "no-store")
    assert not answer.cookies
    requests.flush()
    assert Hit.objects.get().kind == Kind.OPEN


def test_no_mail_has_such_a_picture_unless_it_is_wished(sent: Mails, client: Client) -> None:
    assert "/o/" not in sent("reader-0").html
    assert client.get(f"/o/{tokens.encrypt_id('link', 1)}.gif").status_code == 404


# By consent


@by_consent
def test_only_readers_who_agreed_are_counted_by_name(mailing: Mailing, sent: Mails, phone: Client) -> None:
    agreed = _agree("reader-1")
    Delivery.objects.update(accepted_at=NOW)
    for name in ("reader-0", "reader-1"):
        phone.get(sent(name).links[0])
        phone.get(sent(name).picture)
    assert sent("reader-0").links == sent("reader-2").links
    requests.flush()
    assert list(Hit.objects.order_by("pk").values_list("kind", "subscriber", "why")) == [
        ("click", None, ""),
        ("open", None, ""),
        ("click", agreed.pk, ""),
        ("open", agreed.pk, ""),
    ]


@by_consent
def test_a_named_click_within_seconds_of_the_delivery_is_a_machines(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    _agree("reader-1")
    phone.get(sent("reader-1").links[0])
    requests.flush()
    assert Hit.objects.get().why == Why.SOON


@by_consent
def test_the_link_of_somebody_who_is_gone_leads_on_and_names_nobody(
    mailing: Mailing, sent: Mails, phone: Client
) -> None:
    _agree("reader-1")
    link = sent("reader-1").links[0]
    erase("reader-1@example.net", NOW)
    assert phone.get(link).status_code == 302
    requests.flush()
    assert Hit.objects.get().subscriber is None


@by_consent
def test_parts_of_two_mails_put_together_name_nobody(mailing: Mailing, sent: Mails, phone: Client) -> None:
    _agree("reader-1")
    _agree("reader-8")
    one, other = sent("reader-1").links[0], sent("reader-8").links[0]
    assert phone.get(one[:36] + other[36:]).status_code == 302
    requests.flush()
    hit = Hit.objects.get()
    assert (hit.subscriber, hit.variant.language) == (None, "en")


def test_what_is_approved_as_anonymous_names_nobody_who_agreed(sent: Mails, track: Track) -> None:
    track(clicks="consent")
    _agree("reader-1")
    assert sent("reader-0").links == sent("reader-1").links


def test_where_somebody_reads_has_another_name_every_day() -> None:
    names = {clients.hashed("198.51.100.7", PHONE, NOW.date().replace(day=day)) for day in (3, 4)}
    assert len(names) == 2
