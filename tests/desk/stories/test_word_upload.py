"""Stories from a Word document in the desk: uploaded, chosen, added as drafts, undone."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailer.accounts.models import ContributorCountries
from mailer.approval import snapshot_state_changes
from mailer.approval.models import Authorship
from mailer.approval.snapshot_state_changes import AuthorMayNotApprove
from mailer.approval.submit import submit
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions import draft_blocks
from mailer.editions.models import Edition
from mailer.stories.models import Story
from tests.desk.cast import Desk, as_user
from tests.stories import word_files
from tests.stories.word_files import EDITION, FILM, RING

pytestmark = pytest.mark.django_db


def upload(browser: Client, data: bytes | None = None) -> str:
    """The address of the page with the document's stories."""
    file = SimpleUploadedFile("December.docx", word_files.by_word() if data is None else data)
    answer = browser.post(reverse("desk_word_upload"), {"file": file})
    return str(answer["Location"])


def test_chosen_stories_of_a_document_become_drafts_and_can_be_undone(desk: Desk) -> None:
    browser = as_user(desk.writer)
    before = set(Story.objects.values_list("pk", flat=True))
    address = upload(browser)
    page = browser.get(address)
    rows = {row.headline: row for row in page.context["rows"]}
    assert set(rows) == {sample.title for sample in EDITION}
    assert len(page.context["warnings"]) == 3 and all(row.chosen for row in rows.values())
    # Looking adds nothing.
    assert set(Story.objects.values_list("pk", flat=True)) == before
    chosen = [rows[title].key for title in (RING.title, FILM.title)]
    browser.post(address, {"story": chosen})
    added = {story.headline("en"): story for story in Story.objects.exclude(pk__in=before)}
    assert set(added) == {RING.title, FILM.title}
    ring = added[RING.title]
    assert not ring.live and ring.countries == RING.countries and ring.link == RING.link and ring.picture_id
    assert added[FILM.title].texts.get().venue == "House of Cinema, Almaty"
    assert ring.latest_revision is not None and ring.latest_revision.user == desk.writer
    assert [note.user for note in Authorship.objects.filter(story=ring)] == [desk.writer]
    # What is there cannot be added twice.
    states = {row.headline: row.choosable for row in browser.get(address).context["rows"]}
    assert [title for title, choosable in states.items() if not choosable] == [FILM.title, RING.title]
    browser.post(address, {"story": [row.key for row in rows.values()]})
    assert Story.objects.exclude(pk__in=before).count() == len(EDITION)
    # What another person changed stays.
    ring.save_revision(user=desk.admin, changed=True)
    browser.post(address, {"undo": "1"})
    left = {story.headline("en") for story in Story.objects.exclude(pk__in=before)}
    assert left == {RING.title}
    row = next(row for row in browser.get(address).context["rows"] if row.headline == FILM.title)
    assert row.chosen


def test_stories_that_could_not_be_saved_are_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("the database has no room")

    browser = as_user(desk.writer)
    address = upload(browser)
    (key,) = (row.key for row in browser.get(address).context["rows"] if row.headline == RING.title)
    monkeypatch.setattr("mailer.stories.draft_or_merge_new_items._store", fail)
    answer = browser.post(address, {"story": [key]}, follow=True)
    assert [RING.title in str(one) for one in answer.context["messages"]] == [False, True]
    caplog.clear()


def test_who_uploads_stories_cannot_approve_them(desk: Desk) -> None:
    before, browser = set(Story.objects.values_list("pk", flat=True)), as_user(desk.admin)
    address = upload(browser)
    browser.post(address, {"story": [row.key for row in browser.get(address).context["rows"]]})
    ring = next(one for one in Story.objects.exclude(pk__in=before) if one.headline("en") == RING.title)
    ring.latest_revision.publish(user=desk.writer)
    draft = draft_blocks.latest_draft(desk.edition)
    draft.body = json.dumps([*draft.body.raw_data, {"type": "story", "value": ring.pk, "id": "new"}])
    draft.save_revision(user=desk.writer)
    snapshot = submit(Edition.objects.get(pk=desk.edition.pk), desk.writer, timezone.now())
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(snapshot, desk.admin, snapshot.sha256, timezone.now())
    snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, timezone.now())


def test_a_file_that_is_no_document_is_refused(desk: Desk) -> None:
    file = SimpleUploadedFile("December.docx", b"no document")
    page = as_user(desk.writer).post(reverse("desk_word_upload"), {"file": file})
    assert page.status_code == 200 and page.context["form"].has_error("file")


def test_the_page_is_that_of_the_user_who_uploaded_and_of_writers(desk: Desk) -> None:
    address = upload(as_user(desk.writer))
    assert as_user(desk.admin).get(address).status_code == 404
    for user in (desk.approver, desk.stranger):
        assert as_user(user).get(address).status_code in (302, 403)
        assert as_user(user).post(address, {"story": ["x"]}).status_code in (302, 403)


def test_a_contributor_adds_stories_of_their_own_countries_only(desk: Desk) -> None:
    user = User.objects.create_user("saule", "saule@office.example.org", "a long password")
    user.groups.add(set_up_role_groups()["Contributors"])
    ContributorCountries.objects.create(user=user, countries=("KZ",))
    browser = as_user(user)
    before = set(Story.objects.values_list("pk", flat=True))
    address = upload(browser)
    rows = browser.get(address).context["rows"]
    browser.post(address, {"story": [row.key for row in rows]})
    added = Story.objects.exclude(pk__in=before)
    assert added and all(story.countries == ("KZ",) for story in added)
    assert RING.title not in {story.headline("en") for story in added}
