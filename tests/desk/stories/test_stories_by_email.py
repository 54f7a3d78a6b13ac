"""Emails to the address for stories: drafts of known senders, and what waits for staff."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mailer.approval.models import Authorship
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import ReturnedMessage
from mailer.stories import inbound_story_email
from mailer.stories.models import Story, StoryMail, StorySource
from mailer.stories.sources import email_messages, polling
from tests.delivery.cast import NOW
from tests.desk.cast import Desk, as_user
from tests.stories.test_email_messages import OURS, SENDER, message, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def almaty(settings: Any) -> StorySource:
    stories = dataclasses.replace(
        settings.CONFIG.stories, address="stories@example.org", trusted_servers=("mx.example.org",)
    )
    settings.CONFIG = dataclasses.replace(settings.CONFIG, stories=stories)
    return StorySource.objects.create(
        name="Almaty", kind=StorySource.Kind.EMAIL, mail_tag="almaty", senders=SENDER, countries=("KZ",)
    )


def arrive(raw: bytes, envelope_to: str | None = None) -> StoryMail:
    found = ingest_returned_mail.ingest_message(raw, NOW, envelope_to).message
    assert isinstance(found, StoryMail)
    inbound_story_email.process_due(lambda: NOW, lambda: False)
    found.refresh_from_db()
    return found


def test_a_message_of_a_known_sender_becomes_a_draft_once(almaty: StorySource) -> None:
    given = message("The new office opened in the old town, and all of its neighbours came to see it.")
    given.add_attachment(photo(), maintype="image", subtype="png", filename="hall.png")
    given["Authentication-Results"] = OURS
    for _ in range(2):
        mail = arrive(given.as_bytes())
    assert (mail.state, mail.source, mail.sender) == ("added", almaty, SENDER)
    assert mail.authentication == {"spf": "pass", "dkim": "pass"} and not mail.raw
    story = Story.objects.get()
    assert story.headline("en") == "The new office opens" and not story.live
    assert story.countries == ("KZ",) and story.picture_id
    assert not ReturnedMessage.objects.exists()
    # It comes on its own: nothing polls it.
    assert almaty not in polling.due_sources(NOW)


TEXT = "The new office opened in the old town, and all of its neighbours came to see it."


def test_an_email_stays_until_staff_have_seen_what_no_draft_has(almaty: StorySource, desk: Desk) -> None:
    before, given = Story.objects.count(), message(TEXT)
    for name in ("one.jpg", "two.jpg"):
        given.add_attachment(photo("JPEG"), maintype="image", subtype="jpeg", filename=name)
    given["Authentication-Results"] = OURS
    mail = arrive(given.as_bytes())
    assert mail.state == "added" and Story.objects.count() == before + 1
    browser, address = as_user(desk.writer), reverse("desk_story_mail")
    (row,) = browser.get(address).context["mails"]
    assert row.pk == mail.pk and not row.readable and len(row.warnings) == 1 and "two.jpg" in row.warnings[0]
    original = browser.get(reverse("desk_story_mail_original", args=[mail.pk]))
    assert original.content == given.as_bytes() and original["Content-Disposition"].startswith("attachment")
    # Its drafts are made already.
    assert browser.post(address, {"mail": mail.pk, "source": almaty.pk}).status_code == 404
    browser.post(address, {"mail": mail.pk, "delete": "1"})
    assert browser.get(address).context["mails"] == []
    assert Story.objects.count() == before + 1


@pytest.mark.parametrize(
    ("kind", "name", "data", "state"),
    [
        ("application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22", "unreadable"),
        ("application/pkcs7-mime", "smime.p7m", b"0", "unreadable"),
        ("text/plain", "", b"", "added"),
    ],
    ids=["Outlook", "encrypted", "a subject alone"],
)
def test_an_email_without_text_is_kept(
    almaty: StorySource, kind: str, name: str, data: bytes, state: str
) -> None:
    before, given = Story.objects.count(), message()
    given.set_content(data, *kind.split("/"), filename=name or None)
    given["Authentication-Results"] = OURS
    mail = arrive(given.as_bytes())
    assert (mail.state, bytes(mail.raw)) == (state, given.as_bytes())
    assert Story.objects.count() == before + (state == "added")
    assert any(name in one for one in mail.warnings) and mail in inbound_story_email.held_messages()


def test_an_email_whose_picture_is_refused_is_kept(almaty: StorySource) -> None:
    given = message(TEXT)
    given.add_attachment(photo("JPEG")[:200], maintype="image", subtype="jpeg", filename="one.jpg")
    given["Authentication-Results"] = OURS
    mail = arrive(given.as_bytes())
    assert mail.state == "added" and mail.raw and len(mail.warnings) == 1


def test_the_email_of_a_stranger_is_not_downloaded(almaty: StorySource, desk: Desk) -> None:
    stranger = message(TEXT)
    stranger.replace_header("From", "new@osh.example.org")
    mail = arrive(stranger.as_bytes())
    answer = as_user(desk.writer).get(reverse("desk_story_mail_original", args=[mail.pk]))
    assert mail.state == "unknown" and answer.status_code == 404


@pytest.mark.parametrize("why", ["unknown", "forged"])
def test_the_body_of_an_email_is_read_only_of_those_who_may_send(
    almaty: StorySource, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    read = []
    monkeypatch.setattr(email_messages, "read_message", read.append)
    given = message(TEXT)
    given["Authentication-Results"] = OURS.replace("pass", "fail") if why == "forged" else OURS
    if why == "unknown":
        given.replace_header("From", "new@osh.example.org")
    mail = arrive(given.as_bytes())
    assert (mail.state, mail.sender) == (why, given["From"]) and mail.subject == given["Subject"]
    assert not read


@pytest.mark.parametrize("way", ["a known sender", "made in the desk"])
def test_staff_are_authors_of_the_stories_that_they_send_or_let_in(
    almaty: StorySource, desk: Desk, way: str
) -> None:
    before, raw = set(Story.objects.values_list("pk", flat=True)), message()
    if way == "a known sender":
        User.objects.filter(pk=desk.admin.pk).update(email=SENDER.upper())
        raw["Authentication-Results"] = OURS
        arrive(raw.as_bytes())
    else:
        raw.replace_header("From", "new@osh.example.org")
        decided = {"mail": arrive(raw.as_bytes()).pk, "source": almaty.pk}
        as_user(desk.admin).post(reverse("desk_story_mail"), decided)
    story = Story.objects.exclude(pk__in=before).get()
    assert story.latest_revision is not None and story.latest_revision.user == desk.admin
    assert [note.user for note in Authorship.objects.filter(story=story)] == [desk.admin]


def test_other_mail_is_returned_mail_as_before(almaty: StorySource, settings: Any) -> None:
    found = ingest_returned_mail.ingest_message(message().as_bytes(), NOW, "bounces+almaty@example.org")
    assert isinstance(found.message, ReturnedMessage)
    stories = dataclasses.replace(settings.CONFIG.stories, address="")
    settings.CONFIG = dataclasses.replace(settings.CONFIG, stories=stories)
    assert isinstance(ingest_returned_mail.ingest_message(message().as_bytes(), NOW).message, ReturnedMessage)


def test_unknown_and_forged_senders_wait_and_staff_decide(almaty: StorySource, desk: Desk) -> None:
    before = Story.objects.count()
    stranger = message("A text of someone whom the office knows well, as it turns out.")
    stranger.replace_header("From", "new@osh.example.org")
    stranger.replace_header("Message-ID", "<two@osh.example.org>")
    unknown = arrive(stranger.as_bytes())
    forged = message()
    forged["Authentication-Results"] = OURS.replace("pass", "fail")
    assert unknown.state == "unknown" and arrive(forged.as_bytes()).state == "forged"
    elsewhere = message(subject="Another tag")
    assert arrive(elsewhere.as_bytes(), "stories+nobody@example.org").state == "unknown"
    assert Story.objects.count() == before
    browser, address = as_user(desk.writer), reverse("desk_story_mail")
    rows = {row.pk: row for row in browser.get(address).context["mails"]}
    assert len(rows) == 3 and rows[unknown.pk].readable
    browser.post(address, {"mail": unknown.pk, "source": almaty.pk, "remember": "on"})
    almaty.refresh_from_db()
    assert almaty.senders.splitlines() == [SENDER, "new@osh.example.org"]
    assert Story.objects.count() == before + 1
    unknown.refresh_from_db()
    assert unknown.state == "added"
    for pk in rows.keys() - {unknown.pk}:
        browser.post(address, {"mail": pk, "delete": "1"})
    assert browser.get(address).context["mails"] == []


def _posted(browser: Client, **values: str) -> Any:
    return browser.post(reverse("desk_story_mail"), {"name": "Osh", "active": "on", **values})


def test_staff_add_addresses_and_senders(almaty: StorySource, desk: Desk) -> None:
    browser = as_user(desk.writer)
    for wrong in ({"senders": "no address"}, {"senders": "a@b.example.org", "mail_tag": "Almaty"}):
        assert _posted(browser, **wrong).status_code == 200
    _posted(browser, senders="A@osh.example.org\n@kg.example.org", mail_tag="osh", countries="KG")
    source = StorySource.objects.get(name="Osh")
    assert inbound_story_email.address_of(source) == "stories+osh@example.org" and source.countries == ("KG",)
    assert inbound_story_email.allows_sender(
        source, "a@OSH.example.org"
    ) and inbound_story_email.allows_sender(source, "b@kg.example.org")
    assert not inbound_story_email.allows_sender(
        source, "b@osh.example.org"
    ) and not inbound_story_email.allows_sender(source, "")
    assert as_user(desk.approver).get(reverse("desk_story_mail")).status_code in (302, 403)
