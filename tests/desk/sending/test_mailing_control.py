"""Schedule, gradual rollout, dry run, alerts, stop rules, and the list of recipients not reached."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.rollout import advance_mailings, apply_stop_rules
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from mailer.reports.edition_state import edition_state
from mailer.reports.stats import latest_dry_run, latest_mailing
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


@pytest.fixture
def undoable(configure: Callable[..., None]) -> None:
    configure(sending={"undo_seconds": 300, "rollout_percentages": ("10",)})


def control(browser: Client, desk: Desk, action: str, page: str = "progress") -> Any:
    """Press a button of the page."""
    form = {"action": action, "seen": browser.get(at(desk, page)).context["seen"]}
    return browser.post(at(desk, "control"), {**form, **({"dry_run": "yes"} if page == "dry_run" else {})})


def logged(action: str) -> Any:
    return ModelLogEntry.objects.filter(action=action).first()


@pytest.mark.both_databases
@pytest.mark.usefixtures("undoable")
def test_a_gradual_rollout_shows_its_step_and_can_be_ended(desk: Desk) -> None:
    mailing = cast.sending(desk)
    first = Delivery.objects.filter(mailing=mailing).earliest("pk")
    Mailing.objects.filter(pk=mailing.pk).update(step=0, released_up_to=first.pk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "report"))
    assert page.context["rollout"]["share"] == "10 %"
    assert "release" in page.context["actions"]
    control(browser, desk, "release")
    mailing.refresh_from_db()
    assert mailing.released_up_to is None
    assert logged("desk.release_all").user == desk.approver
    assert "release" not in browser.get(at(desk, "report")).context["actions"]


def test_a_paused_mailing_shows_the_reason_and_advice(desk: Desk) -> None:
    mailing = cast.sending(desk, "paused")
    Mailing.objects.filter(pk=mailing.pk).update(reason="The relay refuses our name.")
    page = as_user(desk.approver).get(at(desk, "report"))
    assert "The relay refuses our name." in Page(page).text and page.context["advice"]


def test_a_writer_starts_a_dry_run_and_controls_it(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.writer)
    assert browser.get(at(desk, "dry_run")).context["may_start"]
    assert not Mailing.objects.exists()
    page = browser.post(
        at(desk, "dry_run"), {"to": "dana@office.example.org", "subscribers": "all"}, follow=True
    )
    assert Page(page).messages == ["success"]
    advance_mailings.create_and_start_or_hold_due_mailings(timezone.now())
    dry_run = latest_dry_run(desk.edition)
    assert dry_run is not None and dry_run.state == "sending"
    assert latest_mailing(desk.edition) is None and edition_state(desk.edition) == "submitted"
    assert logged("desk.dry_run").user == desk.writer
    for action, state in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        control(browser, desk, action, "dry_run")
        dry_run.refresh_from_db()
        assert dry_run.state == state


def test_actions_on_a_dry_run_do_not_affect_the_mailing(desk: Desk) -> None:
    mailing = cast.sending(desk)
    as_user(desk.writer).post(at(desk, "control"), {"action": "cancel", "dry_run": "yes"})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"to": "aigul@example.net", "subscribers": "all"}, ""),
        ({"to": "nobody", "subscribers": "all"}, "to"),
        ({"to": "dana@office.example.org", "subscribers": "7"}, "subscribers"),
    ],
)
def test_an_invalid_dry_run_is_refused(desk: Desk, form: dict[str, str], field: str) -> None:
    cast.submitted(desk)
    answer = as_user(desk.writer).post(at(desk, "dry_run"), form, follow=True)
    # The address of a subscriber is refused when the dry run starts, with a message.
    assert list(answer.context["form"].errors) == [field] if field else Page(answer).messages == ["error"]
    assert not Mailing.objects.exists()


def test_a_draft_has_no_dry_run(desk: Desk) -> None:
    browser = as_user(desk.writer)
    assert not browser.get(at(desk, "dry_run")).context["may_start"]
    browser.post(at(desk, "dry_run"), {"to": "dana@office.example.org", "subscribers": "all"})
    assert not Mailing.objects.exists()


@pytest.mark.both_databases
def test_the_list_of_subscribers_not_reached_is_filtered_by_reason(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.admin).get(at(desk, "not_delivered") + "?reason=unconfirmed")
    (row,) = page.context["page"].object_list
    assert page.context["reason"] == "unconfirmed"
    assert row["subscriber_id"] == Delivery.objects.get(reason="unconfirmed").subscriber
    assert page.context["total"] == 3


def test_the_list_is_empty_when_everyone_was_reached(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(mailing=mailing).exclude(state="accepted").delete()
    answer = as_user(desk.admin).get(at(desk, "not_delivered"))
    assert answer.context["total"] == 0 and "desk-empty" in Page(answer).classes


def test_the_list_is_empty_before_sending(desk: Desk) -> None:
    answer = as_user(desk.admin).get(at(desk, "not_delivered"))
    assert answer.context["mailing"] is None and "desk-empty" in Page(answer).classes


def test_the_list_is_exported_as_csv_and_the_audit_log_records_it(desk: Desk) -> None:
    cast.sending(desk)
    response = as_user(desk.admin).post(at(desk, "not_delivered"), {"reason": "refused"})
    assert response["Content-Type"].startswith("text/csv")
    heading, row = csv.reader(io.StringIO(b"".join(response).decode()))  # type: ignore[arg-type]
    assert len(heading) == len(row) and "550 5.1.1 No such user" in row
    assert logged("desk.export_not_delivered").user == desk.admin


def test_users_who_may_not_see_addresses_cannot_export_them(desk: Desk) -> None:
    cast.sending(desk)
    response = as_user(desk.writer).post(at(desk, "not_delivered"), {})
    assert response.status_code == 302 and logged("desk.export_not_delivered") is None


def test_users_who_may_not_see_addresses_see_numbers(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(subscriber=desk.reader.pk).update(
        state="refused", reply="550 <aigul@example.net>"
    )
    page = Page(as_user(desk.writer).get(at(desk, "not_delivered")))
    assert "aigul@example.net" not in page.html and f"Subscriber number {desk.reader.pk}" in page.text
    assert "aigul@example.net" in Page(as_user(desk.admin).get(at(desk, "not_delivered"))).text
    assert mailing.state == "sending"


def test_an_alert_is_on_the_home_page_until_the_mailing_resumes(desk: Desk) -> None:
    mailing = cast.sending(desk, "paused")
    staff_alerts.alert_sending_stopped(
        "step_stopped", "Stopped after the first 2 %.", mailing.pk, timezone.now()
    )
    browser = as_user(desk.approver)
    first = reverse("wagtailadmin_home")
    assert "Stopped after the first 2 %." in browser.get(first).content.decode()
    control(browser, desk, "resume")
    assert "Stopped after the first 2 %." not in browser.get(first).content.decode()


def test_get_requests_change_nothing(desk: Desk) -> None:
    cast.sending(desk)
    before = list(Mailing.objects.values()), list(Delivery.objects.values())
    browser = as_user(desk.admin)
    for page in ("report", "progress", "not_delivered", "dry_run", "schedule"):
        assert browser.get(at(desk, page)).status_code == 200
    assert (list(Mailing.objects.values()), list(Delivery.objects.values())) == before
    assert logged("desk.export_not_delivered") is None


def test_a_pause_by_the_stop_rules_is_explained_on_the_report(desk: Desk) -> None:
    mailing = cast.sending(desk)
    hourly_outcomes_by_provider.add(
        [
            (
                StatsBucket(mailing.pk, "mail.ru", timezone.now()),
                ProviderCounts(attempted=95, accepted=90, complained=4),
            )
        ]
    )
    apply_stop_rules.apply_stop_rules_to_mailings(timezone.now())
    browser = as_user(desk.approver)
    mailing.refresh_from_db()
    page = browser.get(at(desk, "report"))
    assert mailing.reason and mailing.reason in Page(page).text
    assert "4 of 90 emails (4.44 %, limit 0.3 %)" in mailing.reason and "mail.ru" in mailing.reason
    ((tone, _, intervention),) = page.context["interventions"]
    assert (tone, intervention.action) == ("problem", "paused") and page.context["advice"]
    assert logged("desk.stop_rules_paused").data["because"]
    control(browser, desk, "resume")
    page = browser.get(at(desk, "report"))
    assert mailing.reason not in Page(page).text and "desk-stop-rules" in Page(page).ids
