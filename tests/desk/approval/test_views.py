"""Submitting, approving, requesting changes and scheduling: permissions and refusals."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.approval import snapshot_state_changes
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Approval, Snapshot
from mailer.approval.outcome_notices import send_approval_outcome_notices
from mailer.approval.preflight.findings_and_overrides import Finding
from mailer.approval.submit import submit
from mailer.desk.editions.finding_lines import FindingLine, findings_summary
from mailer.editions import draft_blocks
from mailer.editions.models import Edition, Newsletter
from mailer.reports.edition_state import edition_state
from mailer.stories.models import Story, StoryText
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def test_the_submit_page_shows_the_size_of_the_audience_and_changes_nothing(desk: Desk) -> None:
    page = as_user(desk.writer).get(at(desk, "submit"))
    assert page.context["subscribers"] == 1
    assert not Snapshot.objects.exists()


def test_a_writer_submits_and_the_audit_log_records_it(desk: Desk) -> None:
    page = as_user(desk.writer).post(at(desk, "submit"), follow=True)
    assert edition_state(desk.edition) == "submitted"
    assert page.context["overview"].state == "submitted"
    assert ModelLogEntry.objects.filter(action="desk.submit", user=desk.writer).exists()


def test_an_approver_cannot_submit(desk: Desk) -> None:
    as_user(desk.approver).post(at(desk, "submit"))
    assert not Snapshot.objects.exists()


def test_an_author_sees_why_they_cannot_approve(desk: Desk) -> None:
    cast.submitted(desk)
    answer = as_user(desk.writer).get(at(desk, "review"))
    author = desk.edition.snapshots.get().authors.get(user=desk.writer.pk)
    assert author.reason in answer.context["approval_obstacle"]
    assert at(desk, "approve") not in Page(answer).form_actions
    # The colleague who is asked already is named, without an error.
    assert "Timur" in answer.context["asked_names"]
    assert b'class="desk-notice"' not in answer.content


def test_the_page_for_submitting_names_who_chooses_the_time(desk: Desk) -> None:
    assert as_user(desk.writer).get(at(desk, "submit")).context["schedulers"]


def test_the_review_says_what_the_checks_say_now(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    browser = as_user(desk.approver)
    before = [one["code"] for one in snapshot.findings]
    later = f'id="desk-checks-now" data-load-later="{at(desk, "review_checks")}"'
    assert before and later in browser.get(at(desk, "review")).content.decode()
    assert not browser.get(at(desk, "review_checks")).context["is_changed"]
    Snapshot.objects.filter(pk=snapshot.pk).update(findings=[])
    page = browser.get(at(desk, "review_checks"))
    assert [one.finding.code for one in page.context["findings"]] == before
    assert page.context["is_changed"] and b'id="desk-checks-now"' in page.content


def test_a_withdrawn_edition_has_no_checks_of_its_review(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.INVALIDATED)
    browser = as_user(desk.approver)
    assert b"data-load-later" not in browser.get(at(desk, "review")).content
    assert "findings" not in browser.get(at(desk, "review_checks")).context


def test_an_admin_who_changed_a_story_cannot_approve(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.admin).publish()
    snapshot = cast.submitted(desk)
    page = as_user(desk.admin).post(at(desk, "approve"), {"sha256": snapshot.sha256}, follow=True)
    assert Page(page).messages == ["error"]
    assert not Approval.objects.exists()


def test_the_approver_sees_the_snapshot_and_approves_its_hash(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "review"))
    assert page.context["email"].subject in {variant.subject for variant in snapshot.variants.all()}
    assert ("sha256", snapshot.sha256) in Page(page).controls
    browser.post(at(desk, "approve"), {"sha256": snapshot.sha256})
    assert Approval.objects.get().approver == desk.approver


def test_the_approver_sees_how_many_variants_no_subscriber_gets_now(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    answer = as_user(desk.approver).get(at(desk, "review"))
    in_use = sum(choice.subscribers > 0 for choice, _variant in answer.context["variants"])
    unused = snapshot.variants.count() - in_use
    assert in_use and unused and f'data-variants-unused="{unused}"' in answer.content.decode()


def test_the_decision_and_the_email_stand_above_the_tables(desk: Desk) -> None:
    cast.submitted(desk)
    html = Page(as_user(desk.approver).get(at(desk, "review"))).html
    places = [
        html.index(part) for part in ("#desk-decide", "data-mail", 'id="desk-decide"', 'id="desk-matrix"')
    ]
    assert places == sorted(places)
    # Who may not approve has no decision to go to.
    assert 'href="#desk-decide"' not in as_user(desk.writer).get(at(desk, "review")).content.decode()
    preview = Page(as_user(desk.writer).get(at(desk, "variants"))).html
    places = [preview.index(part) for part in ('id="desk-language"', "data-mail", 'id="desk-matrix"')]
    assert places == sorted(places)


def test_the_submitter_reads_who_was_asked(desk: Desk) -> None:
    page = as_user(desk.writer).post(at(desk, "submit"), follow=True)
    assert [user_or_system_name(desk.approver) in str(one) for one in page.context["messages"]] == [True]


def test_the_next_step_is_said_to_those_who_take_it_and_of_others_with_their_names(desk: Desk) -> None:
    def step(user: User) -> str:
        return str(as_user(user).get(at(desk, "variants")).context["overview"].next_step)

    assert "Dana" in step(desk.approver) and "Dana" not in step(desk.writer)
    cast.submitted(desk)
    assert "Timur" in step(desk.writer) and "Timur" not in step(desk.approver)


def test_a_version_with_another_order_says_which_stories_and_texts_moved(desk: Desk) -> None:
    cast.approved(desk)

    def reorder(draft: Edition) -> None:
        blocks = draft_blocks.raw_blocks(draft)
        draft_blocks.set_blocks(draft, [*blocks[1:], blocks[0]])

    edition = Edition.objects.get(pk=desk.edition.pk)
    draft_blocks.change_draft(edition, desk.writer, timezone.now(), reorder)
    second = submit(Edition.objects.get(pk=edition.pk), desk.writer, timezone.now())
    answer = as_user(desk.approver).get(at(desk, "review"))
    assert any("Headline" in change for change in answer.context["changes"]), answer.context["changes"]
    variant = max(second.variants.filter(language="en"), key=lambda one: len(one.stories))
    # The page opens on a variant that changed.
    assert answer.context["shown_changed"]
    compared = as_user(desk.approver).get(at(desk, "review"), {"variant": variant.key, "beside": "approved"})
    assert compared.context["comparison"].changes


def test_pages_name_the_time_zone_by_its_city(desk: Desk) -> None:
    Newsletter.objects.update(zone="Asia/Almaty")
    desk.edition.refresh_from_db()
    cast.scheduled(desk)
    edit = reverse("desk_editions:edit", args=[desk.edition.pk])
    home = reverse("wagtailadmin_home")
    for page in (home, edit, *(at(desk, name) for name in ("variants", "review", "settings", "schedule"))):
        text = Page(as_user(desk.admin).get(page)).text
        assert "Asia/Almaty" not in text and "Almaty time, UTC+" in text, page


def test_whether_warnings_prevent_submitting_is_said_while_the_edition_can_be_submitted(desk: Desk) -> None:
    lines = [FindingLine(Finding("x", "warning", "Look.", "", ()), ())] * 2
    texts = {findings_summary(lines, state) for state in ("draft", "rejected")}
    later = {findings_summary(lines, state) for state in ("submitted", "scheduled", "sent")}
    assert len(texts) == len(later) == 1 and not texts & later
    assert all("2" in text for text in texts | later)


def test_the_approver_sees_the_tracking_policy(desk: Desk) -> None:
    cast.submitted(desk)
    answer = as_user(desk.approver).get(at(desk, "review"))
    assert (
        answer.context["tracking"]
        == "Tracking of clicks: only anonymous totals are recorded. Tracking of opens: off."
    )


def test_another_hash_is_refused(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).post(at(desk, "approve"), {"sha256": "0" * 64}, follow=True)
    assert Page(page).messages == ["error"]
    assert not Approval.objects.exists()


def test_no_action_runs_with_get(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert [
        browser.get(at(desk, page)).status_code for page in ("approve", "request_changes", "control")
    ] == [405] * 3
    assert edition_state(desk.edition) == "submitted"


def test_requesting_changes_needs_a_reason_that_the_writers_see(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert Page(browser.post(at(desk, "request_changes"), follow=True)).messages == ["error"]
    assert edition_state(desk.edition) == "submitted"
    browser.post(at(desk, "request_changes"), {"reason": "The date of the film is wrong"})
    assert "The date of the film is wrong" in as_user(desk.writer).get(at(desk, "variants")).content.decode()


def test_a_rejected_edition_says_so_everywhere_and_its_writers_change_or_delete_it(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    sent = {"sha256": snapshot.sha256, "reason": "The sources are wrong."}
    approver, writer, admin = as_user(desk.approver), as_user(desk.writer), as_user(desk.admin)
    for browser, values in ((writer, sent), (approver, {**sent, "reason": ""})):
        browser.post(at(desk, "reject"), values)
        assert edition_state(desk.edition) == "submitted"
    approver.post(at(desk, "reject"), sent)
    assert edition_state(desk.edition) == "rejected"
    entry = ModelLogEntry.objects.get(action="desk.reject")
    assert (entry.user, entry.data["because"]) == (desk.approver, sent["reason"])
    history = reverse("desk_editions:history", args=[desk.edition.pk])
    for page in (reverse("wagtailadmin_home"), at(desk, "variants"), at(desk, "review"), history):
        assert sent["reason"] in Page(writer.get(page)).text
    card = writer.get(reverse("wagtailadmin_home"))
    assert at(desk, "submit") in card.content.decode()
    mail.outbox.clear()
    assert send_approval_outcome_notices(timezone.now()) == 1
    assert send_approval_outcome_notices(timezone.now()) == 0
    (message,) = mail.outbox
    assert (message.to, sent["reason"] in message.body) == ([desk.writer.email], True)
    # The writers edit it; nothing says that a submission is withdrawn.
    assert writer.get(reverse("desk_editions:edit", args=[desk.edition.pk])).context["editable"]
    admin.post(reverse("desk_editions:delete", args=[desk.edition.pk]))
    assert not Edition.objects.exists()


def test_a_rejected_edition_that_was_approved_before_is_kept(desk: Desk) -> None:
    snapshot_state_changes.withdraw(cast.approved(desk), desk.writer)
    snapshot = cast.submitted(desk)
    snapshot_state_changes.reject(snapshot, desk.approver, snapshot.sha256, "No.", timezone.now())
    page = as_user(desk.admin).post(reverse("desk_editions:delete", args=[desk.edition.pk]), follow=True)
    assert Page(page).messages == ["error"]
    assert Edition.objects.get().snapshots.count() == 2


def test_languages_are_approved_one_by_one_where_the_newsletter_wants_it(desk: Desk) -> None:
    Newsletter.objects.update(approval_rule="chosen", approval_languages=("kk",))
    desk.edition.refresh_from_db()
    snapshot = cast.submitted(desk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "review"))
    assert {("language", "kk"), ("language", "")} <= set(Page(page).controls)
    # Nothing is chosen for the approver.
    refused = browser.post(at(desk, "approve"), {"sha256": snapshot.sha256}, follow=True)
    assert (Page(refused).messages, Approval.objects.count()) == (["error"], 0)
    browser.post(at(desk, "approve"), {"sha256": snapshot.sha256, "language": "kk"})
    assert edition_state(desk.edition) == "submitted"
    page = browser.get(at(desk, "review"))
    assert [(one.value, one.approver) for one in page.context["parts"]] == [("kk", "Timur"), ("", "")]
    home = browser.get(reverse("wagtailadmin_home"))
    assert "desk-state--done" in home.content.decode()
    mail.outbox.clear()
    send_approval_outcome_notices(timezone.now())
    assert not mail.outbox
    browser.post(at(desk, "approve"), {"sha256": snapshot.sha256, "language": ""})
    assert edition_state(desk.edition) == "approved"
    assert send_approval_outcome_notices(timezone.now()) == 1


def test_a_later_change_invalidates_the_approval_and_is_shown_as_the_reason(desk: Desk) -> None:
    cast.approved(desk)
    story = Story.objects.get(key="ring")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.writer).publish()
    answer = as_user(desk.approver).get(at(desk, "schedule"))
    assert edition_state(desk.edition) == "draft"
    assert answer.context["overview"].draft_reason in Page(answer).text != ""


def test_a_writer_cannot_schedule(desk: Desk) -> None:
    cast.approved(desk)
    as_user(desk.writer).post(at(desk, "schedule"), {"when": "now", "action": "schedule"})
    assert edition_state(desk.edition) == "approved"


def test_a_reason_that_overrides_an_error_is_shown_to_every_approver_and_logged(desk: Desk) -> None:
    StoryText.objects.filter(story__key="ring", language="en").update(summary="TODO: write this.")
    browser, path = as_user(desk.writer), reverse("desk_edition:submit", args=[desk.edition.pk])
    (line,) = [one for one in browser.get(path).context["findings"] if one.finding.blocks]
    assert line.places[0].url.endswith("/")
    browser.post(path)
    assert not Snapshot.objects.exists()
    browser.post(path, {f"override-{line.finding.id}": "TODO is the project’s name."})
    review = as_user(desk.approver).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    (shown,) = review.context["overridden"]
    assert shown.finding.override.reason == "TODO is the project’s name."
    assert "TODO is the project’s name." in review.content.decode()
    entry = ModelLogEntry.objects.filter(action="desk.submit").latest("pk")
    assert entry.data["because"] == "text.placeholder: TODO is the project’s name."
    # Submitted again, the same finding starts with the same reason.
    (again,) = [one for one in browser.get(path).context["findings"] if one.finding.blocks]
    assert again.reason == "TODO is the project’s name."
