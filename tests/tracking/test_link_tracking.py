"""Tracked links and pixels in messages, as policy and configuration want them, and their tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from mailer import link_tracking
from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from subscribers import tokens
from subscribers.models import Subscriber
from tests.cast import NOW
from tests.tracking.conftest import SITE, Sent, Track

Mails = Callable[[str], Sent]

STORIES = ["ring", "kz-news", "film", "profile", "follow"]


def test_every_story_link_is_tracked_and_shows_its_target_host(sent: Mails, client: Client) -> None:
    mail = sent("reader-0")
    assert {client.get(link)["Location"] for link in mail.links} == {
        f"https://example.org/{story}" for story in STORIES
    }
    assert all(link.endswith("/example.org") for link in mail.links)
    through = [link.removeprefix(SITE) for link in mail.in_text if "/r/" in link]
    assert set(through) == set(mail.links)
    assert "https://example.org/" not in mail.html + mail.text


def test_personal_links_and_links_of_the_site_are_not_tracked(sent: Mails) -> None:
    mail = sent("reader-0")
    direct = {re.sub(r"/[\w-]{33}/", "/…/", one) for one in mail.in_html if "/r/" not in one}
    assert direct == {
        f"{SITE}/ornament/E9A724-FFFFFF.png",
        f"{SITE}/preferences/…/",
        f"{SITE}/unsubscribe/…/",
        *(one for one in direct if one.startswith(f"{SITE}/archive/")),
    }
    assert f"{SITE}/archive/silk-road-monthly-2021-12/film.ics?lang=en" in direct
    assert mail.message["List-Unsubscribe"].startswith(f"<{SITE}/unsubscribe/")


def test_recipients_of_a_variant_share_its_links(sent: Mails) -> None:
    assert sent("reader-0").links == sent("reader-1").links
    assert not set(sent("reader-0").links) & set(sent("reader-8").links)


def test_the_honeypot_is_invisible_to_people_and_screen_readers(sent: Mails) -> None:
    tag = re.search(rf'<a href="{SITE}/r/[^/"]+/"[^>]*></a>', sent("reader-0").html)
    assert tag and all(
        word in tag[0] for word in ('aria-hidden="true"', 'tabindex="-1"', "display:none", "mso-hide:all")
    )
    assert sent("reader-0").honeypot not in sent("reader-0").text


def test_stored_variants_and_web_versions_have_direct_links(mailing: Mailing, client: Client) -> None:
    for variant in SnapshotVariant.objects.filter(snapshot=mailing.snapshot):
        assert "https://example.org/" in variant.html and "/r/" not in variant.html + variant.text
    key = SnapshotVariant.objects.filter(snapshot=mailing.snapshot)[0].key
    page = client.get(f"/archive/{mailing.edition.slug}/{key}/").content.decode()
    assert "https://example.org/" in page and "/r/" not in page


@pytest.mark.parametrize("mailing", [{"clicks": "off"}], indirect=True)
def test_without_click_tracking_all_links_are_direct(sent: Mails, track: Track) -> None:
    # What was approved as not counted is not counted by changing the configuration.
    track(clicks="anonymous")
    assert sent("reader-0").links == []
    assert "https://example.org/kz-news" in sent("reader-0").html


def test_tracking_can_be_reduced_after_approval(sent: Mails, track: Track) -> None:
    track(clicks="off")
    assert sent("reader-0").links == []


def test_messages_have_no_pixel_by_default(sent: Mails, client: Client) -> None:
    assert "/o/" not in sent("reader-0").html
    assert client.get(f"/o/{tokens.encrypt_id_for_url('link', 1)}.gif").status_code == 404


def test_an_edition_approved_as_anonymous_names_no_subscriber(sent: Mails, track: Track) -> None:
    track(clicks="consent")
    Subscriber.objects.filter(email="reader-1@example.net").update(tracking_consent_at=NOW)
    assert sent("reader-0").links == sent("reader-1").links


@given(
    token=st.text(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=24, max_size=24
    )
)
def test_a_random_token_is_invalid(token: str) -> None:
    assert (
        link_tracking.parse_link_token(token) is None
        and link_tracking.delivery_id_from_subscriber_token(token) is None
    )


@given(variant=st.integers(1, 2**47), number=st.integers(0, 2**16 - 1))
def test_a_link_token_round_trips(variant: int, number: int) -> None:
    token = tokens.encrypt_id_for_url("link", variant << 16 | number)
    assert re.fullmatch(r"[\w-]{33}", token)
    assert link_tracking.parse_link_token(token) == (variant, number)
