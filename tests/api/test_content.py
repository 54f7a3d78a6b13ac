"""Stories, editions, mailings, imports, segments and suppressions through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts.models import ContributorCountries
from mailer.approval import content_changes_and_authors, snapshot_state_changes
from mailer.approval.models import Authorship, Snapshot
from mailer.delivery.models import Mailing
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.feedback.models import SuppressionDecision
from mailer.outgoing_webhooks import events
from mailer.stories.models import Story, StoryText
from subscribers import suppression
from subscribers.imports import job_lifecycle
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList, Subscriber
from subscribers.segments.models import Segment
from tests import cast as everyone
from tests.api.client import Api, code
from tests.desk import cast
from tests.desk.cast import Desk

STORY = {
    "kind": "event",
    "date": "2021-12-18",
    "starts": "18:30",
    "ends": "20:00",
    "zone": "Asia/Tashkent",
    "countries": ["UZ", "KZ"],
    "link": "https://example.org/film",
    "texts": {
        "en": {"headline": "A film", "summary": "On Saturday.", "body": "<p onclick='x()'>At <b>six</b></p>"}
    },
}
BY_COUNTRY = {"version": 1, "all": [{"attribute": "country", "operator": "wants", "values": ["KZ"]}]}


def test_a_story_is_written_made_ready_and_taken_back(desk: Desk) -> None:
    api = Api.of(desk.writer)
    made = api.post("/stories", STORY)
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["ready"], body["countries"], body["texts"]["en"]["headline"]) == (
        False,
        ["UZ", "KZ"],
        "A film",
    )
    assert "onclick" not in body["texts"]["en"]["body"]
    assert (body["starts"], body["ends"], body["zone"]) == ("18:30", "20:00", "Asia/Tashkent")
    path = f"/stories/{body['id']}"
    assert api.send("PATCH", path, {"ready": True}).json()["ready"] is True
    draft = api.send("PATCH", path, {"kind": "news"}).json()
    assert (draft["kind"], draft["has_newer_draft"]) == ("news", True)
    assert Story.objects.get(pk=body["id"]).kind == "event"
    assert api.send("PATCH", path, {"ready": False}).json()["ready"] is False
    notes = Authorship.objects.filter(story=body["id"])
    assert {note.user for note in notes} == {desk.writer}
    assert [one["id"] for one in api.get("/stories?kind=news&limit=100").json()["items"]]


def test_a_contributor_changes_stories_of_their_own_countries_only(desk: Desk) -> None:
    user = User.objects.create_user("aida", "aida@office.example.org", "a long password")
    user.groups.add(set_up_role_groups()["Contributors"])
    ContributorCountries.objects.create(user=user, countries=("KZ",))
    api, story = Api.of(user), Story.objects.get(key="kz-news")
    path = f"/stories/{story.pk}"
    assert api.send("PATCH", path, {"link": "https://example.org/1"}).status_code == 200
    assert code(api.send("PATCH", path, {"countries": ["UZ"]})) == (403, "other_countries")
    assert code(api.send("PATCH", path, {"ready": True})) == (403, "permission_missing")
    # Readers get it as one of theirs, and a draft of it is about another country.
    draft = Story.objects.get(pk=story.pk).get_latest_revision_as_object()
    draft.countries = ("UZ",)
    draft.save_revision(user=desk.writer)
    assert code(api.send("PATCH", path, {"countries": ["KZ"]})) == (403, "other_countries")
    assert Story.objects.get(pk=story.pk).get_latest_revision_as_object().countries == ("UZ",)


@pytest.mark.both_databases
def test_two_changes_of_one_version_do_not_both_happen(desk: Desk) -> None:
    api = Api.of(desk.writer)
    story = Story.objects.order_by("pk")[0]
    tag = api.get(f"/stories/{story.pk}")["ETag"]
    path, first = f"/stories/{story.pk}", {"link": "https://example.org/1"}
    assert api.send("PATCH", path, first, If_Match=tag).status_code == 200
    assert code(api.send("PATCH", path, {"link": "https://example.org/2"}, If_Match=tag)) == (
        412,
        "precondition_failed",
    )
    assert api.get(path).json()["link"] == "https://example.org/1"


def test_what_a_key_writes_is_its_accounts_work_and_invalidates_an_approval(desk: Desk) -> None:
    """The admin may approve until their key changes a part of the edition."""
    snapshot = cast.approved(desk)
    story = next(block.value for block in desk.edition.body if block.block_type == "lead")
    api = Api.of(desk.admin)
    text = {"en": {"headline": "Changed by a key", "summary": "Changed."}}
    if story.picture_id:
        text["en"]["picture_alt"] = "A city"
    assert api.send("PATCH", f"/stories/{story.pk}", {"texts": text, "ready": True}).status_code == 200
    snapshot.refresh_from_db()
    assert snapshot.state not in Snapshot.OPEN
    again = Api.of(desk.writer).post(f"/editions/{desk.edition.pk}/submit")
    assert again.status_code == 200, again.content
    fresh = Snapshot.objects.get(edition=desk.edition, state=Snapshot.State.SUBMITTED)
    assert desk.admin in content_changes_and_authors.authors_of_unapproved_changes(desk.edition)
    with pytest.raises(snapshot_state_changes.AuthorMayNotApprove):
        snapshot_state_changes.approve(fresh, desk.admin, fresh.sha256, timezone.now())
    snapshot_state_changes.approve(fresh, desk.approver, fresh.sha256, timezone.now())


def test_an_edition_is_assembled_previewed_checked_and_submitted(desk: Desk) -> None:
    api = Api.of(desk.writer)
    newsletter = api.get("/newsletters").json()["items"][0]["slug"]
    body = {"newsletter": newsletter, "period": "2022-01"}
    made = api.post("/editions", body)
    assert made.status_code == 201, made.content
    assert code(api.post("/editions", body)) == (409, "already_exists")
    named = api.post("/editions", {"newsletter": newsletter, "name": "Floods"})
    assert named.status_code == 201 and "-n1" in named.json()["period"]
    assert api.post("/editions", {**body, "name": "Floods"}).status_code == 422
    path = f"/editions/{desk.edition.pk}"
    preview = api.get(f"{path}/preview?language=ru&countries=KZ")
    assert preview.status_code == 200, preview.content
    assert "<html" in preview.json()["html"].lower()
    assert code(api.get(f"{path}/preview?language=ru&countries=FR")) == (422, "unknown_country")
    assert not [one for one in api.get(f"{path}/checks").json()["findings"] if one["level"] == "error"]
    submitted = api.post(f"{path}/submit").json()
    assert (submitted["state"], submitted["submitted_by"]) == ("submitted", "dana")
    assert submitted["hash"] == Snapshot.objects.get(edition=desk.edition).sha256
    assert ModelLogEntry.objects.filter(action="desk.submit", user=desk.writer).exists()


def test_what_was_not_approved_is_not_scheduled(desk: Desk) -> None:
    api, path = Api.of(desk.approver), f"/editions/{desk.edition.pk}/schedule"
    assert code(api.post(path, {})) == (409, "wrong_state")
    cast.submitted(desk)
    assert code(api.post(path, {})) == (409, "snapshot_changed")
    snapshot = Snapshot.objects.get(edition=desk.edition, state=Snapshot.State.SUBMITTED)
    snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, timezone.now())
    late = (timezone.now() + timezone.timedelta(days=90)).isoformat()
    assert code(api.post(path, {"at": late})) == (422, "outside_window")
    later = (timezone.now() + timezone.timedelta(hours=2)).isoformat()
    assert api.post(path, {"at": later}).json()["state"] == "scheduled"
    assert api.send("DELETE", path).json()["state"] == "approved"


def test_a_snapshot_that_was_found_changed_stays_invalidated(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    story = next(block.value for block in desk.edition.body if block.block_type == "lead")
    Story.objects.filter(pk=story.pk).update(link="https://example.org/elsewhere")
    answer = Api.of(desk.approver).post(f"/editions/{desk.edition.pk}/schedule", {})
    assert code(answer) == (409, "snapshot_changed")
    snapshot.refresh_from_db()
    assert snapshot.state not in Snapshot.OPEN


def test_a_mailing_is_paused_resumed_and_cancelled_and_its_report_balances(desk: Desk) -> None:
    mailing = cast.sending(desk)
    api, path = Api.of(desk.approver), f"/mailings/{mailing.pk}"
    assert api.post(f"{path}/pause").json()["state"] == "paused"
    assert code(api.post(f"{path}/pause")) == (409, "wrong_state")
    assert api.post(f"{path}/resume").json()["state"] == "sending"
    report = api.get(f"{path}/report").json()
    assert report["totals"]["balances"] is True
    assert report["totals"]["audience"] == 4
    assert sum(one["recipients"] for one in report["languages"]) == 4
    csv = api.get(f"{path}/report.csv")
    assert csv["Content-Type"].startswith("text/csv")
    assert csv.content.decode().splitlines()[0] == "Table,Row,Column,Value"
    assert api.post(f"{path}/cancel").json()["totals"]["excluded"]["cancelled"] == 1
    actions = ModelLogEntry.objects.filter(user=desk.approver).values_list("action", flat=True)
    assert {"desk.pause", "desk.resume", "desk.cancel", "desk.export_report"} <= set(actions)


def test_dry_runs_are_no_mailings_of_the_api(desk: Desk) -> None:
    mailing = cast.sending(desk)
    dry = Mailing.objects.create(
        snapshot=mailing.snapshot, edition=desk.edition, state="done", dry_run_to="lola@office.example.org"
    )
    api = Api.of(desk.approver)
    assert [one["id"] for one in api.get("/mailings").json()["items"]] == [mailing.pk]
    assert code(api.get(f"/mailings/{dry.pk}")) == (404, "not_found")


def test_a_file_is_imported_after_its_dry_run_and_undone(desk: Desk) -> None:
    api, monthly = Api.of(desk.admin), MailingList.objects.order_by("pk")[0]
    suppression.suppress("stopped@example.net", "complaint", "ARF", timezone.now())
    content = "email,name,language\nnew@example.net,Ainur,kk\nstopped@example.net,X,ru\nbroken,Y,ru\n"
    made = api.post(
        "/imports", {"list": monthly.pk, "source": "Paper forms", "file_name": "a.csv", "content": content}
    )
    assert made.status_code == 201, made.content
    path = f"/imports/{made.json()['id']}"
    assert [one["field"] for one in api.get(f"{path}/columns").json()["columns"]] == [
        "email",
        "name",
        "language",
    ]
    assert code(api.send("PUT", f"{path}/columns", {"columns": {"1": "ignore"}})) == (422, "invalid")
    for number in ("9", "0", "x", "9" * 5_000):
        assert code(api.send("PUT", f"{path}/columns", {"columns": {number: "name"}})) == (422, "invalid")
    assert api.send("PUT", f"{path}/columns", {"columns": {"2": "ignore"}}).status_code == 202
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)
    ready = api.get(path).json()
    assert (ready["state"], ready["expected"]["read"], ready["expected"]["added"]) == ("ready", 3, 1), ready
    assert not Subscriber.objects.filter(email="new@example.net").exists()
    assert api.post(f"{path}/apply", {}).status_code == 202
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)
    assert api.get(path).json()["result"]["added"] == 1
    reader = Subscriber.objects.get(email="new@example.net")
    assert (reader.name, reader.language) == ("", "kk")
    assert api.post(f"{path}/undo").status_code == 202
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)
    assert api.get(path).json()["state"] == "undone"
    assert not Subscriber.objects.filter(email="new@example.net").exists()
    assert code(api.post(f"{path}/discard")) == (409, "wrong_state")


def test_a_file_that_says_who_must_get_no_mail_needs_an_answer(desk: Desk) -> None:
    api, monthly = Api.of(desk.admin), MailingList.objects.order_by("pk")[0]
    content = "email,status\na@example.net,frobnicated\nb@example.net,active\n"
    made = api.post("/imports", {"list": monthly.pk, "source": "Old system", "content": content}).json()
    path = f"/imports/{made['id']}/columns"
    questions = api.get(path).json()["questions"]
    assert questions
    answer: Any = api.send("PUT", path, {})
    assert code(answer) == (422, "invalid")
    decided = {
        "columns": {str(one["column"]): one["proposed"] for one in questions if one["about"] == "column"},
        "words": {
            word: one["proposed"] for one in questions if one["about"] == "words" for word in one["values"]
        },
    }
    answer = api.send("PUT", path, decided)
    assert answer.status_code == 202, answer.content
    assert ImportJob.objects.get().state == "reading"


def test_a_segment_is_saved_with_its_author_and_estimated(desk: Desk) -> None:
    api = Api.of(desk.admin)
    made = api.post("/segments", {"name": "Kazakhstan", "rule": BY_COUNTRY})
    assert made.status_code == 201, made.content
    path = f"/segments/{made.json()['id']}"
    assert api.get(f"{path}/estimate").json()["matching"] == Subscriber.objects.count()
    changed = api.send("PUT", path, {"name": "Kazakhstan", "rule": {"version": 1, "all": []}})
    assert changed.json()["version"] == 2
    assert code(api.send("PUT", path, {"name": "x", "rule": {"version": 9}})) == (422, "invalid")
    segment = Segment.objects.get()
    assert {note.user for note in Authorship.objects.filter(segment=segment)} == {desk.admin}


def test_suppressions_by_decision_are_removed_in_the_desk_only(desk: Desk) -> None:
    api = Api.of(desk.admin)
    made = api.post("/suppressions", {"email": "Asked@example.net", "reason": "Phone call"}).json()
    assert (made["email"], made["reason"]) == ("asked@example.net", "manual")
    assert suppression.is_suppressed("asked@example.net")
    removed = api.post(f"/suppressions/{made['id']}/remove").json()
    assert removed["lifted_by"] == "lola"
    bounced = suppression.suppress(everyone.reader("bounced"), "hard_bounce", "550", timezone.now())
    SuppressionDecision.objects.create(
        subscriber=1,
        address_hash=bounced.address_hash,
        suppression=bounced,
        rule=SuppressionDecision.Rule.values[0],
        state=SuppressionDecision.State.values[0],
        created_at=timezone.now(),
    )
    assert code(api.post(f"/suppressions/{bounced.pk}/remove")) == (409, "made_by_decision")
    active = api.get("/suppressions?active=true").json()["items"]
    assert [one["id"] for one in active] == [bounced.pk]


def test_an_error_is_overridden_with_a_reason(desk: Desk) -> None:
    StoryText.objects.filter(story__key="ring", language="en").update(summary="TODO: write this.")
    api, path = Api.of(desk.writer), f"/editions/{desk.edition.pk}"
    (error,) = [one for one in api.get(f"{path}/checks").json()["findings"] if one["level"] == "error"]
    assert (error["code"], error["overridable"]) == ("text.placeholder", True)
    assert api.post(f"{path}/submit").status_code == 422
    given = {"overrides": [{"finding": error["id"], "reason": "TODO is the project’s name."}]}
    findings = api.post(f"{path}/submit", given).json()["findings"]
    (kept,) = [one for one in findings if one["level"] == "error"]
    assert kept["override"] == {"reason": "TODO is the project’s name.", "by": desk.writer.get_username()}


def test_a_webhook_can_be_made_for_every_event(desk: Desk) -> None:
    wanted = {"name": "CRM", "url": "https://crm.example.org/hook", "event_types": [*events.EVENT_TYPES]}
    made = Api.of(desk.admin).post("/webhooks", wanted)
    assert made.status_code == 201, made.content
    assert made.json()["event_types"] == [*events.EVENT_TYPES]


def test_problems_are_in_english_whatever_language_a_client_sends(desk: Desk) -> None:
    cast.sending(desk, "done")
    api = Api.of(desk.writer)
    plain, russian = (
        api.post(f"/editions/{desk.edition.pk}/submit", {}, **headers)
        for headers in ({}, {"Accept_Language": "ru"})
    )
    assert code(plain) == code(russian) and plain.json()["detail"].isascii()
    assert plain.json() == russian.json()
