"""The hand on a mailing in the desk: undo, steps, rehearsals, alerts, and the list of those not reached."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.approval.models import Snapshot
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.outbox import alerts
from mailer.delivery.rollout import provider_stats, start_due, stop_rules
from mailer.delivery.rollout.evaluate import Counted
from mailer.delivery.rollout.provider_stats import Slot
from mailer.reports.edition_state import edition_state
from mailer.reports.totals import latest_mailing, latest_rehearsal
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


@pytest.fixture
def undoable(settings: Any) -> None:
    import dataclasses

    sending = dataclasses.replace(settings.CONFIG.sending, undo_seconds=30, steps=("10",))
    settings.CONFIG = dataclasses.replace(settings.CONFIG, sending=sending)


def logged(action: str) -> Any:
    return ModelLogEntry.objects.filter(action=action).first()


@pytest.mark.usefixtures("undoable")
def test_sending_now_counts_down_and_can_be_undone_without_a_script(desk: Desk) -> None:
    cast.approved(desk)
    browser = as_user(desk.approver)
    page = browser.post(at(desk, "schedule"), {"when": "now", "deed": "schedule"}, follow=True)
    words = page.content.decode()
    assert 25 <= page.context["seconds"] <= 30
    assert "Undo: do not send it yet" in words and 'role="status"' in words
    assert edition_state(desk.edition) == "scheduled"
    browser.post(at(desk, "schedule"), {"deed": "take-back"})
    assert edition_state(desk.edition) == "approved"
    assert logged("desk.unschedule").user == desk.approver


def test_a_moment_far_away_is_not_counted_down(desk: Desk) -> None:
    cast.scheduled(desk)
    assert as_user(desk.approver).get(at(desk, "schedule")).context["seconds"] is None


def test_the_readers_own_hour_is_chosen_with_the_moment(desk: Desk) -> None:
    cast.approved(desk)
    form = {"when": "now", "local": "on", "hour": "9", "deed": "schedule"}
    page = as_user(desk.approver).post(at(desk, "schedule"), form, follow=True).content.decode()
    assert Snapshot.objects.get().local_hour == 9
    assert "9:00 of their own day" in page


def test_without_it_everybody_gets_it_at_the_moment(desk: Desk) -> None:
    cast.approved(desk)
    as_user(desk.approver).post(at(desk, "schedule"), {"when": "now", "hour": "9", "deed": "schedule"})
    assert Snapshot.objects.get().local_hour is None


@pytest.mark.usefixtures("undoable")
def test_a_mailing_in_steps_shows_how_far_it_is_and_the_rest_can_be_released(desk: Desk) -> None:
    mailing = cast.sending(desk)
    first = Delivery.objects.filter(mailing=mailing).earliest("pk")
    Mailing.objects.filter(pk=mailing.pk).update(step=0, released_up_to=first.pk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "report"))
    assert page.context["release"]["share"] == "10 %"
    assert "release" in page.context["deeds"]
    browser.post(at(desk, "control"), {"deed": "release"})
    mailing.refresh_from_db()
    assert mailing.released_up_to is None
    assert logged("desk.release_rest").user == desk.approver
    assert "release" not in browser.get(at(desk, "report")).context["deeds"]


def test_a_paused_mailing_says_why_and_what_to_do(desk: Desk) -> None:
    mailing = cast.sending(desk, "paused")
    Mailing.objects.filter(pk=mailing.pk).update(reason="The relay refuses our name.")
    page = as_user(desk.approver).get(at(desk, "report")).content.decode()
    assert "The relay refuses our name." in page and "then resume, or cancel" in page


def test_a_writer_rehearses_what_was_submitted(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.writer)
    assert "Begin the rehearsal" in browser.get(at(desk, "rehearse")).content.decode()
    assert not Mailing.objects.exists()
    page = browser.post(
        at(desk, "rehearse"), {"to": "dana@office.example.org", "readers": "all"}, follow=True
    )
    assert "The rehearsal for dana@office.example.org begins" in page.content.decode()
    start_due.release_due(timezone.now())
    rehearsal = latest_rehearsal(desk.edition)
    assert rehearsal is not None and rehearsal.state == "sending"
    assert latest_mailing(desk.edition) is None and edition_state(desk.edition) == "submitted"
    assert logged("desk.rehearse").user == desk.writer
    for deed, state in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        browser.post(at(desk, "control"), {"deed": deed, "rehearsal": "yes"})
        rehearsal.refresh_from_db()
        assert rehearsal.state == state


def test_steering_a_rehearsal_never_reaches_the_real_mailing(desk: Desk) -> None:
    mailing = cast.sending(desk)
    as_user(desk.writer).post(at(desk, "control"), {"deed": "cancel", "rehearsal": "yes"})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


@pytest.mark.parametrize(
    "form, words",
    [
        ({"to": "aigul@example.net", "readers": "all"}, "reader&#x27;s address"),
        ({"to": "nobody", "readers": "all"}, "valid email address"),
        ({"to": "dana@office.example.org", "readers": "7"}, "valid choice"),
    ],
)
def test_a_rehearsal_that_cannot_be_is_refused_in_words(desk: Desk, form: dict[str, str], words: str) -> None:
    cast.submitted(desk)
    page = as_user(desk.writer).post(at(desk, "rehearse"), form, follow=True).content.decode()
    assert words in page
    assert not Mailing.objects.exists()


def test_there_is_nothing_to_rehearse_in_a_draft(desk: Desk) -> None:
    browser = as_user(desk.writer)
    assert "Only a submitted copy" in browser.get(at(desk, "rehearse")).content.decode()
    browser.post(at(desk, "rehearse"), {"to": "dana@office.example.org", "readers": "all"})
    assert not Mailing.objects.exists()


def test_the_list_is_filtered_by_reason(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.admin).get(at(desk, "unreached") + "?why=unconfirmed")
    (row,) = page.context["readers"].object_list
    assert row["why"] == "never confirmed the subscription"
    assert page.context["total"] == 3


def test_the_list_of_nobody_says_so(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(mailing=mailing).exclude(state="accepted").delete()
    assert (
        "Everybody in the audience got it" in as_user(desk.admin).get(at(desk, "unreached")).content.decode()
    )


def test_before_anything_was_sent_the_list_says_so(desk: Desk) -> None:
    assert "Nothing was sent yet" in as_user(desk.admin).get(at(desk, "unreached")).content.decode()


def test_the_list_is_taken_away_as_a_table_and_the_audit_log_notes_it(desk: Desk) -> None:
    cast.sending(desk)
    response = as_user(desk.admin).post(at(desk, "unreached"), {"why": "refused"})
    assert response["Content-Type"].startswith("text/csv")
    heading, row = csv.reader(io.StringIO(b"".join(response).decode()))  # type: ignore[arg-type]
    assert dict(zip(heading, row, strict=True))["the server said"] == "550 5.1.1 No such user"
    assert logged("desk.unreached").user == desk.admin


def test_who_may_not_see_addresses_cannot_take_them_away(desk: Desk) -> None:
    cast.sending(desk)
    response = as_user(desk.writer).post(at(desk, "unreached"), {})
    assert response.status_code == 302 and logged("desk.unreached") is None


def test_who_may_not_see_addresses_sees_numbers(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(subscriber=desk.reader.pk).update(
        state="refused", reply="550 <aigul@example.net>"
    )
    page = as_user(desk.writer).get(at(desk, "unreached")).content.decode()
    assert "aigul@example.net" not in page and f"Reader {desk.reader.pk}" in page
    assert mailing.state == "sending"


def test_what_stopped_by_itself_stands_on_the_first_page_until_it_moves_on(desk: Desk) -> None:
    mailing = cast.sending(desk, "paused")
    alerts.raise_alert("step_stopped", "Stopped after the first 2 %.", mailing.pk, timezone.now())
    browser = as_user(desk.approver)
    first = reverse("wagtailadmin_home")
    assert "Stopped after the first 2 %." in browser.get(first).content.decode()
    browser.post(at(desk, "control"), {"deed": "resume"})
    assert "Stopped after the first 2 %." not in browser.get(first).content.decode()


def test_nothing_changes_by_looking(desk: Desk) -> None:
    cast.sending(desk)
    before = list(Mailing.objects.values()), list(Delivery.objects.values())
    browser = as_user(desk.admin)
    for page in ("report", "unreached", "rehearse", "schedule"):
        assert browser.get(at(desk, page)).status_code == 200
    assert (list(Mailing.objects.values()), list(Delivery.objects.values())) == before
    assert logged("desk.unreached") is None


def test_why_the_stop_rules_paused_it_stands_on_its_page_until_somebody_has_looked(desk: Desk) -> None:
    mailing = cast.sending(desk)
    provider_stats.add(
        [(Slot(mailing.pk, "mail.ru", timezone.now()), Counted(tried=95, accepted=90, complained=4))]
    )
    stop_rules.watch(timezone.now())
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "report")).content.decode()
    assert (
        "Paused by itself. Marked as unwanted: 4 of 90 (4.44 %, limit 0.3 %), most of them at mail.ru."
        in page
    )
    assert "What the stop rules did" in page and "counted afresh" in page
    assert "The stop rules paused the sending" in str(logged("desk.paused").message)
    browser.post(at(desk, "control"), {"deed": "resume"})
    page = browser.get(at(desk, "report")).content.decode()
    assert "Paused by itself" not in page and "What the stop rules did" in page
