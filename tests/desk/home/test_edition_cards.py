"""Home: where each newsletter stands, for the writer, the approver and the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.snapshot_state_changes import approve, schedule
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.desk.base.edition_workflow import next_action
from mailer.desk.home.edition_cards import Card, cards_for
from mailer.doctor.check_types import CheckResult
from mailer.editions.models import EditionPlan, Newsletter
from mailer.instance.models import CheckRun
from subscribers.models import Subscriber
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

HOME = reverse("wagtailadmin_home")


def card(desk: Desk, user: User) -> Card:
    (found,) = (one for one in cards_for(user, timezone.now()) if one.edition == desk.edition)
    return found


def home(user: User) -> Page:
    return Page(as_user(user).get(HOME))


def at(name: str, desk: Desk) -> str:
    return reverse(name, args=[desk.edition.pk])


def test_a_drafts_card_links_to_its_pages_and_has_one_primary_action(desk: Desk) -> None:
    page = home(desk.writer)
    pages = ("desk_editions:edit", "desk_edition:variants", "desk_edition:submit")
    assert {at(name, desk) for name in pages} <= page.links
    found = card(desk, desk.writer)
    assert found.is_mine and found.url == at("desk_editions:edit", desk)
    assert found.stories > 0 and not card(desk, desk.approver).is_mine


def test_a_draft_names_the_languages_in_which_stories_have_no_text(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    before = {one.language for one in card(desk, desk.writer).missing}
    newsletter.languages = (*newsletter.languages, "de")
    newsletter.save()
    # A language that no subscriber reads is no task.
    assert {one.language for one in card(desk, desk.writer).missing} == before
    Subscriber.objects.filter(pk=desk.reader.pk).update(language="de")
    found = card(desk, desk.writer)
    assert "German" in {one.language for one in found.missing}
    assert max(one.stories for one in found.missing) == found.stories


def test_an_approver_who_is_barred_may_look_only_and_nobody_waits_for_them(desk: Desk) -> None:
    cast.submitted(desk)
    assert card(desk, desk.approver).is_mine
    with acting_as(desk.writer):
        User.objects.exclude(pk=desk.writer.pk).update(first_name="Another")
    found = card(desk, desk.approver)
    assert not found.is_mine and not found.approvers
    assert found.action is not None and found.action.icon == "view"
    assert f"{at('desk_edition:review', desk)}#desk-decide" in home(desk.approver).html
    assert next_action(desk.edition, "submitted", desk.approver) is None


def test_the_writer_sees_with_whom_a_submitted_edition_is(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    found = card(desk, desk.writer)
    assert (found.state, found.action, found.is_mine) == ("submitted", None, False)
    assert found.snapshot == snapshot and "Timur" in found.approvers and "Dana" not in found.approvers
    page = home(desk.writer)
    assert at("desk_edition:review", desk) in page.links and "Timur" in page.text
    assert card(desk, desk.approver).is_mine


def test_a_paused_edition_stands_on_the_home_page_once_with_its_reason(desk: Desk) -> None:
    mailing = cast.sending(desk, "paused")
    staff_alerts.alert_sending_stopped("bounces", "Too many bounces", mailing.pk, timezone.now())
    for user in (desk.writer, desk.approver):
        page = home(user)
        assert page.html.count(f'data-edition="{desk.edition.pk}"') == 1
        assert page.text.count("Too many bounces") == 1
        assert "desk-alerts" not in page.ids
    assert card(desk, desk.approver).is_mine and not card(desk, desk.writer).is_mine


def test_an_edition_that_is_sent_but_for_a_deferred_message_is_not_being_sent(desk: Desk) -> None:
    mailing = cast.sending(desk)
    assert card(desk, desk.writer).still_tried == 0
    Delivery.objects.filter(mailing=mailing, state="planned").update(state="deferred")
    found = card(desk, desk.writer)
    assert (found.state, found.still_tried) == ("sending", 1)


def test_a_newsletter_without_an_open_edition_collects_stories_for_the_next_one(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    other = Newsletter.objects.get(pk=newsletter.pk)
    other.pk, other.slug, other.name = None, "weekly", "Weekly"
    other.assemble_on, other.zone = "monthly 3 09:00", "Asia/Almaty"
    other.save()
    (found,) = (one for one in cards_for(desk.writer, timezone.now()) if one.newsletter == other)
    assert (found.state, found.edition, found.is_mine) == ("collecting", None, False)
    assert found.due_at is not None and found.due_at.utcoffset() and found.due_at.hour == 9
    # The form of a story is offered above the cards.
    assert found.action is None and found.may_assemble and found.url == ""
    assert home(desk.writer).status == 200


def test_an_edition_shows_its_planned_time_and_what_to_do_when_it_was_missed(desk: Desk) -> None:
    sends = timezone.now() + timedelta(days=2)
    newsletter, period = desk.edition.newsletter, desk.edition.period
    plan, _made = EditionPlan.objects.update_or_create(
        newsletter=newsletter,
        period=period,
        defaults={"state": "assembled", "edition": desk.edition, "assemble_at": sends, "send_at": sends},
    )
    found = card(desk, desk.writer)
    assert (found.planned_for, found.held) == (sends, "")
    EditionPlan.objects.filter(pk=plan.pk).update(held_at=sends)
    labels = {card(desk, desk.writer).held_advice}
    snapshot = cast.submitted(desk)
    labels.add(card(desk, desk.writer).held_advice)
    assert card(desk, desk.writer).held in home(desk.writer).text
    approve(snapshot, desk.approver, snapshot.sha256, timezone.now())
    found = card(desk, desk.approver)
    labels.add(found.held_advice)
    # Each state has another next step.
    assert found.held and len(labels) == 3
    schedule(snapshot, desk.approver, None, timezone.now())
    assert (card(desk, desk.writer).planned_for, card(desk, desk.writer).held) == (None, "")


def test_a_scheduled_edition_warns_while_the_last_checks_have_a_problem_with_the_senders_domain(
    desk: Desk,
) -> None:
    cast.scheduled(desk)
    now = timezone.now()
    result = CheckResult("dmarc", "", "problem", "There is no record.").as_dict()
    run = CheckRun.objects.create(requested_at=now, started_at=now, finished_at=now, results=[result])
    records = reverse("desk_dns_records")
    assert card(desk, desk.writer).is_unauthenticated and card(desk, desk.admin).dns_url == records
    assert "data-unauthenticated" in as_user(desk.writer).get(HOME).content.decode()
    # Writers may not open the checks.
    assert not card(desk, desk.writer).dns_url
    preview, link = reverse("desk_edition:variants", args=[desk.edition.pk]), f'href="{records}"'
    assert link in as_user(desk.admin).get(preview).content.decode()
    assert link not in as_user(desk.writer).get(preview).content.decode()
    CheckRun.objects.filter(pk=run.pk).update(results=[{**result, "status": "ok"}])
    assert not card(desk, desk.writer).is_unauthenticated


def test_a_dry_run_that_is_under_way_has_a_card_of_its_own(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    values: dict[str, Any] = {"snapshot": snapshot, "edition": desk.edition, "dry_run_to": "dana@example.org"}
    Mailing.objects.create(state="sending", audience=4, **values)
    found = [one for one in cards_for(desk.writer, timezone.now()) if one.is_dry_run]
    assert [one.url for one in found] == [at("desk_edition:dry_run", desk)]
    assert at("desk_edition:dry_run", desk) in home(desk.writer).links


def test_an_account_that_may_see_no_edition_gets_no_cards(desk: Desk) -> None:
    User.objects.filter(pk=desk.stranger.pk).update(is_superuser=False)
    assert as_user(desk.stranger).get(HOME).status_code != 200
