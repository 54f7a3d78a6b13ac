"""Scheduling in two steps: what is kept and shown before it is confirmed, undo, and old or doubled pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from wagtail.models import ModelLogEntry

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import advance_mailings
from mailer.desk.base import setup_progress
from mailer.desk.sending import schedule, time_labels
from mailer.instance.models import CheckRun, SkippedStep
from mailer.reports.edition_state import edition_state
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

ALMATY = ZoneInfo("Asia/Almaty")


def at(desk: Desk) -> str:
    return reverse("desk_edition:schedule", args=[desk.edition.pk])


def field(moment: datetime) -> str:
    """A moment as the field has it, in the newsletter's time."""
    return f"{moment.astimezone(ALMATY):%Y-%m-%dT%H:%M}"


def confirm(snapshot: Snapshot, when: str = "now", **more: str) -> dict[str, str]:
    """What the second step posts."""
    return {"action": "schedule", "sha256": snapshot.sha256, "when": when, **more}


def undo(browser: Client, desk: Desk) -> dict[str, str]:
    """What the page's button to undo posts."""
    return {"action": "unschedule", "seen": browser.get(at(desk)).context["seen"]}


def logged(action: str) -> Any:
    return ModelLogEntry.objects.filter(action=action).first()


@pytest.fixture
def undoable(configure: Callable[..., None]) -> None:
    configure(sending={"undo_seconds": 300})


def test_nothing_is_chosen_before_the_person_chooses(desk: Desk) -> None:
    cast.approved(desk)
    page = Page(as_user(desk.approver).get(at(desk)))
    assert {("when", "later"), ("when", "now")} <= page.controls
    assert "confirming" not in page.response.context and ("action", "schedule") not in page.controls


def test_what_is_not_set_up_on_the_server_is_named_before_the_first_edition_is_sent(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    assert len(browser.get(at(desk)).context["open_steps"]) == 3
    now = timezone.now()
    SkippedStep.objects.create(step="dns", reason="the service does it", skipped_by="lola", skipped_at=now)
    results = [{"check": "relay", "status": "ok"}, {"check": "service", "status": "skipped"}]
    run = CheckRun.objects.create(requested_by="lola", requested_at=now, finished_at=now, results=results)
    (unchecked,) = browser.get(at(desk)).context["open_steps"]
    assert not unchecked.checked
    # The mailbox works, and the domain has no MX record: no bounce arrives in it.
    run.results += [{"check": "bounce_mailbox", "status": "ok"}, {"check": "bounce_mx", "status": "problem"}]
    run.save()
    page = browser.get(at(desk))
    (found,) = page.context["open_steps"]
    assert found.checked and ("when", "later") in Page(page).controls
    Mailing.objects.create(snapshot=snapshot, edition=desk.edition, state="sending", audience=0)
    assert setup_progress.open_server_steps() == []


def test_a_refused_time_is_kept_and_the_field_has_limits(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    late = field(snapshot.window_until + timedelta(days=2))
    for sent in (
        browser.get(at(desk), {"when": "later", "at": late}),
        browser.post(at(desk), confirm(snapshot, "later", at=late)),
    ):
        assert set(sent.context["form"].errors) == {"at"}
        page = Page(sent)
        assert ("at", late) in page.controls and "desk-at-error" in page.ids
        assert f'max="{field(snapshot.window_until)}"' in page.html
        assert ("action", "schedule") not in page.controls
    assert edition_state(desk.edition) == "approved"


@pytest.mark.parametrize(
    "form",
    [
        {"when": "later", "at": ""},
        {"when": "later", "at": "tomorrow"},
        {"when": "later", "at": "2021-01-01T09:00"},
        {"when": "", "at": "2021-01-01T09:00"},
    ],
)
def test_a_missing_or_past_time_never_sends(desk: Desk, form: dict[str, str]) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    browser.post(at(desk), {**confirm(snapshot), **form})
    assert edition_state(desk.edition) == "approved"
    assert browser.get(at(desk), form).context["form"].errors


def test_an_hour_after_the_window_is_refused(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    last = snapshot.window_until - timedelta(minutes=5)
    hour = (last.astimezone(ALMATY) - timedelta(hours=1)).hour
    query = {"when": "later", "at": field(last), "local": "on", "hour": str(hour)}
    page = as_user(desk.approver).get(at(desk), query)
    assert set(page.context["form"].errors) == {"hour"}


def test_the_second_step_says_who_gets_it_and_when_and_changes_nothing(desk: Desk) -> None:
    everyone.reader("bolat", ("KZ", "UZ"), "ru")
    cast.approved(desk)
    moment = timezone.now() + timedelta(days=1)
    browser = as_user(desk.approver)
    context = browser.get(at(desk), {"when": "later", "at": field(moment)}).context
    assert context["readers"] == 2 and "Kazakh 1" in context["languages"]
    assert [(row.name, row.readers) for row in context["countries"]] == [("Kazakhstan", 2), ("Uzbekistan", 1)]
    assert edition_state(desk.edition) == "approved"
    # Back, and the first step is filled in as it was.
    page = Page(browser.get(f"{at(desk)}?{context['edit_query']}"))
    assert ("at", field(moment)) in page.controls and ("action", "schedule") not in page.controls


def test_a_large_audience_is_not_counted_anew_for_the_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.approved(desk)
    everyone.reader("bolat", ("KZ",), "ru")
    monkeypatch.setattr(schedule, "_COUNTED_LIVE", 0)
    context = as_user(desk.approver).get(at(desk), {"when": "now"}).context
    assert (context["readers"], context["counted_live"]) == (1, False)


def test_a_scheduled_time_is_in_the_newsletters_time_zone(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    moment = (timezone.now() + timedelta(days=1)).replace(hour=9, minute=30, second=0, microsecond=0)
    form = confirm(snapshot, "later", at=f"{moment:%Y-%m-%dT%H:%M}")
    as_user(desk.approver).post(at(desk), form)
    snapshot.refresh_from_db()
    # Almaty is five hours ahead of UTC since March 2024.
    assert snapshot.send_at == moment - timedelta(hours=5)
    assert logged("desk.schedule").user == desk.approver


@pytest.mark.both_databases
@pytest.mark.usefixtures("undoable")
def test_sending_now_shows_a_countdown_and_can_be_undone(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    page = browser.post(at(desk), confirm(snapshot), follow=True)
    assert 0 < page.context["countdown"] <= 300
    assert ("action", "unschedule") in Page(page).controls and 'role="status"' in Page(page).html
    assert edition_state(desk.edition) == "scheduled"
    browser.post(at(desk), undo(browser, desk))
    assert edition_state(desk.edition) == "approved"
    assert logged("desk.unschedule").user == desk.approver


def test_a_distant_start_has_no_countdown_and_comes_back_when_it_is_cancelled(desk: Desk) -> None:
    snapshot = cast.scheduled(desk)
    moment = snapshot.send_at
    assert moment is not None
    browser = as_user(desk.approver)
    assert browser.get(at(desk)).context["countdown"] is None
    page = Page(browser.post(at(desk), undo(browser, desk), follow=True))
    assert edition_state(desk.edition) == "approved" and ("at", field(moment)) in page.controls


@pytest.mark.parametrize(("local", "hour"), [({"local": "on"}, 9), ({}, None)])
def test_the_local_hour_is_used_where_it_was_chosen(
    desk: Desk, local: dict[str, str], hour: int | None
) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    page = browser.post(at(desk), confirm(snapshot, hour="9", **local), follow=True)
    snapshot.refresh_from_db()
    assert snapshot.local_hour == hour
    assert page.context["local_hour"] == ("09:00" if hour else "")


@pytest.mark.both_databases
def test_a_second_press_says_what_happened_and_schedules_nothing(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    first, second = as_user(desk.approver), as_user(desk.admin)
    moment = field(timezone.now() + timedelta(hours=3))
    first.post(at(desk), confirm(snapshot, "later", at=moment))
    for browser, form in ((first, confirm(snapshot, "later", at=moment)), (second, confirm(snapshot))):
        assert Page(browser.post(at(desk), form, follow=True)).messages[-1:] == ["info"]
    snapshot.refresh_from_db()
    assert snapshot.scheduled_by == desk.approver and snapshot.send_at is not None
    assert field(snapshot.send_at) == moment
    assert ModelLogEntry.objects.filter(action="desk.schedule").count() == 1


def test_a_page_of_an_earlier_submission_schedules_nothing(desk: Desk) -> None:
    old = cast.approved(desk)
    snapshot_state_changes.withdraw(old, desk.approver, "one more story")
    new = cast.approved(desk)
    browser = as_user(desk.approver)
    assert Page(browser.post(at(desk), confirm(old), follow=True)).messages == ["error"]
    assert edition_state(desk.edition) == "approved"
    assert Page(browser.post(at(desk), {"action": "schedule", "when": "now"}, follow=True)).messages == [
        "error"
    ]
    browser.post(at(desk), confirm(new))
    assert edition_state(desk.edition) == "scheduled"


def test_an_old_page_does_not_cancel_a_colleagues_new_schedule(desk: Desk) -> None:
    snapshot = cast.scheduled(desk)
    mine, theirs = as_user(desk.approver), as_user(desk.admin)
    old = undo(mine, desk)
    theirs.post(at(desk), old)
    assert Page(mine.post(at(desk), old, follow=True)).messages == ["info"]
    theirs.post(at(desk), confirm(snapshot, "later", at=field(timezone.now() + timedelta(hours=9))))
    assert Page(mine.post(at(desk), old, follow=True)).messages == ["warning"]
    assert edition_state(desk.edition) == "scheduled"


def test_undo_after_the_start_leads_to_what_can_still_be_done(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    snapshot_state_changes.schedule(snapshot, desk.approver, None, timezone.now())
    browser = as_user(desk.approver)
    form = undo(browser, desk)
    advance_mailings.create_and_start_or_hold_due_mailings(timezone.now() + timedelta(minutes=10))
    answer = browser.post(at(desk), form)
    assert answer["Location"] != at(desk) and Mailing.objects.get().state == "sending"
    assert Page(browser.get(answer["Location"])).messages == ["warning"]
    # Nor does scheduling begin a second time.
    browser.post(at(desk), confirm(snapshot))
    assert Mailing.objects.count() == 1


def test_after_a_lost_session_the_second_step_is_there_as_it_was(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    browser = as_user(desk.approver)
    query = f"?when=later&at={field(timezone.now() + timedelta(days=1))}"
    browser.session.flush()
    answer = browser.post(
        at(desk) + query,
        confirm(snapshot),
        headers={"referer": f"http://testserver{at(desk)}{query}"},
        follow=False,
    )
    assert answer.status_code == 302 and edition_state(desk.edition) == "approved"
    browser.force_login(desk.approver)
    again = browser.get(answer["Location"], follow=True)
    assert again.request["PATH_INFO"] == at(desk) and ("action", "schedule") in Page(again).controls


MOMENT = datetime(2021, 12, 3, 4, 0, tzinfo=UTC)


def test_a_moment_is_told_in_the_newsletters_zone_and_in_ones_own() -> None:
    with timezone.override("Europe/Zurich"):
        label = time_labels.moment_label(MOMENT, ALMATY)
    # Almaty was six hours ahead of UTC in 2021.
    assert "10:00" in label and "UTC+6" in label and "05:00" in label
    with timezone.override("Asia/Almaty"):
        assert "05:00" not in time_labels.moment_label(MOMENT, ALMATY)
    # Within a sentence, as "until Friday": Russian writes weekdays small.
    with translation.override("ru"):
        assert time_labels.moment_label(MOMENT, ALMATY)[0].islower()


def test_moments_by_country_are_listed_where_clocks_differ() -> None:
    assert time_labels.country_times(["KG"], MOMENT, ALMATY, None) == {}
    rows = time_labels.country_times(["KZ", "UZ", "TJ"], MOMENT, ALMATY, None)
    assert {code: row.local for code, row in rows.items()} == {
        "KZ": "09:00–10:00",
        "UZ": "09:00",
        "TJ": "09:00",
    }
    hours = time_labels.country_times(["UZ", "KG"], MOMENT, ALMATY, 11)
    assert [(row.local, row.office[-5:]) for row in hours.values()] == [
        ("11:00", "12:00"),
        ("11:00", "11:00"),
    ]
