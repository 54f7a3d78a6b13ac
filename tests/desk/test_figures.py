"""Figures in the desk: the summary first, tables that add up, and all of it to take away."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook
from wagtail.models import ModelLogEntry

from mailer.delivery.models import Delivery, Mailing
from mailer.reports import cached_stats
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def page(desk: Desk, name: str) -> str:
    return reverse(f"desk_edition:{name}", args=[desk.edition.pk])


def downloads() -> list[str]:
    found = ModelLogEntry.objects.filter(action__in=["desk.export", "desk.unreached"])
    return list(found.order_by("pk").values_list("action", flat=True))


def test_the_report_begins_with_what_happened_in_two_sentences(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(mailing=mailing, state="planned").update(state="accepted")
    shown = as_user(desk.writer).get(page(desk, "report"))
    assert shown.context["summary"] == (
        "Reached 2 of 4 readers (50 %); 1 address does not exist and 1 was left out.",
        "Nobody marked it as unwanted or unsubscribed.",
    )
    assert shown.context["summary"][0] in shown.content.decode()


def test_the_report_shows_every_table_with_the_account_s_own_numbers(desk: Desk) -> None:
    cast.sending(desk)
    shown = as_user(desk.writer).get(page(desk, "report"))
    assert shown.context["show"]["account"].total[1].words == "4"
    # One line alone needs no sum below it.
    assert [row[1].words for row in shown.context["show"]["countries"].rows] == ["4"]
    html = shown.content.decode()
    for heading in ("Did it arrive?", "Was it read, and which story?", "Who left?", "Who are they?"):
        assert heading in html


def test_a_large_mailing_says_when_its_figures_were_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = cast.sending(desk)
    monkeypatch.setattr(cached_stats, "ON_THE_SPOT", 0)
    cached_stats.keep(mailing, timezone.now() - timedelta(minutes=5))
    Delivery.objects.filter(mailing=mailing).update(state="accepted")
    shown = as_user(desk.writer).get(page(desk, "report"))
    assert shown.context["account"].accepted == 1
    assert "Counted on" in shown.content.decode()


def test_a_mailing_that_moves_asks_to_be_looked_at_again_and_an_ended_one_does_not(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.writer)
    assert "data-refresh" in browser.get(page(desk, "report")).content.decode()
    Mailing.objects.filter(pk=mailing.pk).update(state="done")
    assert "data-refresh" not in browser.get(page(desk, "report")).content.decode()


def test_one_table_is_taken_away_as_csv_and_the_log_says_by_whom(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.writer).post(page(desk, "take_away"), {"table": "account", "as": "csv"})
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert ["Accepted", "1", "0.25"] in rows
    assert "silk-road-monthly-2021-12-account.csv" in answer["Content-Disposition"]
    assert downloads() == ["desk.export"]
    assert ModelLogEntry.objects.get(action="desk.export").user == desk.writer


def test_the_whole_report_is_taken_away_as_a_workbook(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.writer).post(page(desk, "take_away"), {"table": "", "as": "xlsx"})
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    assert "The account" in book.sheetnames
    assert "By language" in book.sheetnames
    assert downloads() == ["desk.export"]


def test_nothing_is_taken_away_by_looking(desk: Desk) -> None:
    cast.sending(desk)
    assert as_user(desk.admin).get(page(desk, "take_away")).status_code == 405
    assert downloads() == []


def test_who_was_not_reached_is_taken_away_by_those_who_may_see_addresses(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.admin).post(page(desk, "unreached"), {"why": "unconfirmed", "as": "xlsx"})
    rows = list(load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0].iter_rows())
    assert [cell.value for cell in rows[1]][3] == "unconfirmed"
    assert len(rows) == 2
    refused = as_user(desk.writer).post(page(desk, "unreached"), {"as": "xlsx"})
    assert refused.status_code == 302
    assert downloads() == ["desk.unreached"]


def test_a_workbook_that_would_take_too_long_is_refused_with_another_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.sending(desk)
    monkeypatch.setattr("mailer.desk.reports.not_delivered._WORKBOOK", 1)
    answer = as_user(desk.admin).post(page(desk, "unreached"), {"as": "xlsx"}, follow=True)
    assert "mailer edition unreached silk-road-monthly-2021-12 --xlsx" in answer.content.decode()
    assert downloads() == []


def trend(desk: Desk) -> str:
    return reverse("desk_trend", args=[desk.edition.newsletter_id])


def test_a_newsletter_that_was_never_sent_has_no_trend_yet(desk: Desk) -> None:
    assert "No edition of this newsletter" in as_user(desk.writer).get(trend(desk)).content.decode()


def test_the_trend_shows_the_editions_that_were_sent(desk: Desk) -> None:
    mailing = cast.sending(desk, "done")
    Mailing.objects.filter(pk=mailing.pk).update(started_at=timezone.now())
    shown = as_user(desk.writer).get(trend(desk))
    assert [row[0].words for row in shown.context["shown"].rows] == ["2021-12"]
    assert "Refused or came back" in shown.content.decode()


def test_the_trend_is_found_from_its_newsletters_page_and_list(desk: Desk) -> None:
    newsletter = desk.edition.newsletter_id
    for address in (reverse("desk_newsletters:edit", args=[newsletter]), reverse("desk_newsletters:index")):
        assert f'href="{trend(desk)}"' in as_user(desk.admin).get(address).content.decode()


def test_a_stranger_sees_no_figures(desk: Desk) -> None:
    cast.sending(desk)
    for address in (trend(desk), page(desk, "report")):
        assert as_user(desk.stranger).get(address).status_code in (302, 403)
