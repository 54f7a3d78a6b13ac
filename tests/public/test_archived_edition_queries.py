from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.approval.submit import submit
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import mailing_control
from mailer.public import archived_edition_queries
from mailer.public.calendar_files import event_ics
from mailer.rendering import data_types, story_selection
from mailer.rendering.data_types import Story, StoryText
from tests import cast

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def snapshot(db: None) -> Snapshot:
    """The December edition, written by one person, sealed and scheduled by another."""
    staff = cast.staff()
    edition = cast.december()
    cast.reader("olga", ("KZ",), "ru")
    frozen = submit(edition, staff.writer, cast.NOW)
    snapshot_state_changes.approve(frozen, staff.approver, frozen.sha256, cast.NOW)
    return snapshot_state_changes.schedule(frozen, staff.approver, None, cast.NOW)


@pytest.fixture
def mailing(snapshot: Snapshot) -> Mailing:
    """Its mailing, on its way: some readers have their mail, others wait."""
    return Mailing.objects.create(
        snapshot=snapshot, edition=snapshot.edition, state="sending", created_at=cast.NOW, started_at=cast.NOW
    )


def _pages(snapshot: Snapshot) -> list[str]:
    root, key = f"/archive/{snapshot.edition.slug}/", snapshot.variants.first().key  # type: ignore[union-attr]
    event = next(key for key in _event_keys(snapshot))
    return [root, f"{root}{key}/", f"{root}{event}.ics"]


def _event_keys(snapshot: Snapshot) -> list[str]:
    return re.findall(r'"key":"([^"]+)","kind":"event"', snapshot.content)


def test_the_archive_does_not_list_a_newsletter_that_nobody_can_sign_up_for(
    client: Client, mailing: Mailing
) -> None:
    page = f"/archive/{mailing.edition.slug}/"
    pages = ("/archive/", "/archive/feed.xml")
    assert all(page in client.get(one).content.decode() for one in pages)
    mailing.edition.newsletter.lists.update(public=False)
    assert not any(page in client.get(one).content.decode() for one in pages)
    # Messages link to it.
    assert client.get(page).status_code == 200


def test_an_edition_is_not_public_before_its_mailing_starts(client: Client, snapshot: Snapshot) -> None:
    for state in (None, "planning", "held"):
        if state:
            Mailing.objects.update_or_create(
                snapshot=snapshot, defaults={"edition": snapshot.edition, "state": state}
            )
        assert [client.get(page).status_code for page in _pages(snapshot)] == [404, 404, 404]
        assert snapshot.edition.slug not in client.get("/archive/").content.decode()
        assert snapshot.edition.slug not in client.get("/archive/feed.xml").content.decode()


@pytest.mark.parametrize("state", ["sending", "paused", "done"])
def test_pages_of_a_started_mailing_are_public(client: Client, mailing: Mailing, state: str) -> None:
    Mailing.objects.update(state=state)
    assert [client.get(page).status_code for page in _pages(mailing.snapshot)] == [200, 200, 200]
    assert mailing.edition.slug in client.get("/archive/").content.decode()


def test_a_cancelled_mailing_keeps_its_pages_and_is_not_listed(client: Client, mailing: Mailing) -> None:
    Mailing.objects.update(state="cancelled")
    assert [client.get(page).status_code for page in _pages(mailing.snapshot)] == [200, 200, 200]
    assert mailing.edition.slug not in client.get("/archive/").content.decode()


def test_what_was_cancelled_before_any_message_left_is_not_public(client: Client, mailing: Mailing) -> None:
    mailing_control.cancel(mailing, None, cast.NOW)
    assert mailing.cancelled_unsent and mailing.started_at
    assert [client.get(page).status_code for page in _pages(mailing.snapshot)] == [404, 404, 404]


def test_every_variant_has_a_web_version_without_personal_data(client: Client, mailing: Mailing) -> None:
    shown = mailing.snapshot.variants.all()
    assert len(shown) > 1
    for variant in shown:
        answer = client.get(f"/archive/{mailing.edition.slug}/{variant.key}/")
        html = answer.content.decode()
        assert "%%" not in html
        assert "/unsubscribe/" not in html and "because you subscribed" not in html
        for other in shown:
            switch = f"/archive/{mailing.edition.slug}/{other.key}/" in html
            assert switch is (other.stories == variant.stories and other != variant)
        assert answer["Content-Language"] == variant.language
        assert "script" not in answer["Content-Security-Policy"]
        assert not answer.cookies


def test_an_edition_offers_the_fullest_variant_in_each_language(client: Client, mailing: Mailing) -> None:
    widest = {one.language: one for one in archived_edition_queries.fullest_variants(mailing.snapshot_id)}
    for variant in mailing.snapshot.variants.all():
        assert len(variant.stories.split(",")) <= len(widest[variant.language].stories.split(","))
    html = client.get(f"/archive/{mailing.edition.slug}/").content.decode()
    assert len(widest) > 1 and all(one.key in html for one in widest.values())


@pytest.mark.django_db
def test_a_variant_leads_to_the_same_blocks_in_other_languages_and_to_no_other_country(
    client: Client,
) -> None:
    staff, edition = cast.staff(), cast.short()
    for country in ("KZ", "KG"):
        texts = [{"language": code, "text": f"<p>Only {country}</p>"} for code in ("en", "ru", "kk")]
        edition.body.append(("text", {"countries": [country], "texts": texts}))
    edition.save()
    edition.save_revision()
    cast.reader("olga", ("KZ",), "ru")
    frozen = submit(edition, staff.writer, cast.NOW)
    snapshot_state_changes.approve(frozen, staff.approver, frozen.sha256, cast.NOW)
    snapshot_state_changes.schedule(frozen, staff.approver, None, cast.NOW)
    Mailing.objects.create(
        snapshot=frozen, edition=edition, state="sending", created_at=cast.NOW, started_at=cast.NOW
    )
    variants = {one.key: one for one in frozen.variants.all()}
    content = data_types.from_json(frozen.content)
    for keys in {story_selection.story_set(content, found) for found in ((), ("KZ",), ("KG",), ("UZ",))}:
        own = {story_selection.variant_key(keys, code) for code in ("en", "ru", "kk")}
        for key in own:
            page = client.get(f"/archive/{edition.slug}/{key}/").content.decode()
            assert {other for other in variants if f"/{other}/" in page} == own - {key}
    everything = {
        story_selection.variant_key(story_selection.story_set(content, ()), code)
        for code in ("en", "ru", "kk")
    }
    assert {one.key for one in archived_edition_queries.fullest_variants(frozen.pk)} == everything


def test_the_archive_is_shown_in_the_requested_language(client: Client, mailing: Mailing) -> None:
    assert "Декабрь 2021" in client.get("/archive/?lang=ru").content.decode()
    assert "December 2021" in client.get("/archive/?lang=en").content.decode()


def test_a_calendar_file_is_an_all_day_event(client: Client, mailing: Mailing) -> None:
    (key, *_) = _event_keys(mailing.snapshot)
    answer = client.get(f"/archive/{mailing.edition.slug}/{key}.ics?lang=ru")
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    raw = answer.content
    assert raw.endswith(b"\r\n")
    lines = raw.split(b"\r\n")[:-1]
    assert all(len(line) <= 75 and b"\n" not in line for line in lines)
    text = raw.replace(b"\r\n ", b"").decode()
    assert re.search(r"\r\nDTSTART;VALUE=DATE:\d{8}\r\nDTEND;VALUE=DATE:\d{8}\r\n", text)
    assert f"\r\nUID:{key}@localhost\r\n" in text
    assert "\r\nSUMMARY;LANGUAGE=" in text


def test_a_calendar_file_has_the_headline_that_the_email_shows(
    client: Client, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, *_) = _event_keys(mailing.snapshot)
    found = archived_edition_queries.archived_event(mailing.edition.slug, key)
    assert found is not None
    content, event, _mailing = found
    russian = next(text for text in event.texts if text.language == "ru")
    # A translation that was begun with its summary.
    begun = replace(event, texts=(replace(russian, language="kk", headline=""), russian))
    monkeypatch.setattr(archived_edition_queries, "archived_event", lambda *_: (content, begun, mailing))
    answer = client.get(f"/archive/{mailing.edition.slug}/{key}.ics?lang=kk")
    (shown,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert (shown["SUMMARY"], shown["SUMMARY"].params["LANGUAGE"]) == (russian.headline, "ru")


@pytest.mark.parametrize(
    ("link", "url"),
    [("javascript:alert(1)", None), ("https://example.org/a b", "https://example.org/a%20b")],
)
def test_a_calendar_file_has_the_link_of_the_email_or_none(link: str, url: str | None) -> None:
    text = StoryText("ru", "Фильм", "Показ")
    story = Story("ayka", "event", date(2021, 12, 18), ("KZ",), (text,), link)
    raw = event_ics(story, text, uid="a@b", stamp=datetime(2021, 12, 3, tzinfo=UTC), product="Office")
    (event,) = Calendar.from_ical(raw).walk("VEVENT")
    assert event.get("URL") == url


def test_only_events_have_a_calendar_file(client: Client, mailing: Mailing) -> None:
    (key, *_) = re.findall(r'"key":"([^"]+)","kind":"news"', mailing.snapshot.content)
    assert client.get(f"/archive/{mailing.edition.slug}/{key}.ics").status_code == 404


def test_the_feed_is_atom_and_lists_sent_editions(client: Client, mailing: Mailing) -> None:
    answer = client.get("/archive/feed.xml")
    assert answer["Content-Type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")
    assert [entry.find(f"{ATOM}link").get("href") for entry in entries] == [  # type: ignore[union-attr]
        f"http://localhost:8000/archive/{mailing.edition.slug}/"
    ]


@pytest.mark.django_db
def test_not_found_is_answered_in_the_accepted_language(client: Client) -> None:
    answer = client.get("/nothing/", headers={"accept-language": "kk"})
    assert answer.status_code == 404
    assert "Мұнда ештеңе жоқ" in answer.content.decode()


letters = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@given(letters, letters, letters)
def test_no_text_breaks_the_file_or_adds_a_line(headline: str, summary: str, venue: str) -> None:
    text = StoryText("ru", headline, summary, venue=venue)
    story = Story("ayka", "event", date(2021, 12, 18), ("KZ",), (text,))
    raw = event_ics(
        story, text, uid="ayka@example.org", stamp=datetime(2021, 12, 3, tzinfo=UTC), product="Office"
    )
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    lines = raw.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")
    names = {line.partition(":")[0].partition(";")[0] for line in lines}
    assert names - {"SUMMARY", "DESCRIPTION", "LOCATION"} == {
        *("BEGIN", "VERSION", "PRODID", "METHOD", "UID", "DTSTAMP", "DTSTART", "DTEND", "TRANSP", "END")
    }
    assert len(lines) - 13 <= 3
    assert not any(ord(letter) < 32 for line in lines for letter in line)


def test_a_calendar_file_has_the_times_their_zone_and_the_place() -> None:
    text = StoryText("ru", "Фильм", "Показ", venue="Дом кино, Алматы")
    story = Story("ayka", "event", date(2021, 12, 18), ("KZ",), (text,), starts="18:30", zone="Asia/Almaty")
    raw = event_ics(
        replace(story, ends="20:00"),
        text,
        uid="a@b",
        stamp=datetime(2021, 12, 3, tzinfo=UTC),
        product="Office",
    )
    calendar = Calendar.from_ical(raw)
    (event,), (zone,) = calendar.walk("VEVENT"), calendar.walk("VTIMEZONE")
    assert zone["TZID"] == event["DTSTART"].params["TZID"] == "Asia/Almaty"
    # Almaty was six hours ahead of UTC in 2021.
    assert event["DTSTART"].dt.astimezone(UTC) == datetime(2021, 12, 18, 12, 30, tzinfo=UTC)
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1, minutes=30)
    assert (event["LOCATION"], event["LOCATION"].params["LANGUAGE"]) == ("Дом кино, Алматы", "ru")
    assert "TRANSP" not in event
