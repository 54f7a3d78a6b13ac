"""Report pages and their exports: the summary, tables that add up, and the trend."""

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
from mailer.desk.reports import not_delivered
from mailer.reports import collect_stats
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def page(desk: Desk, name: str) -> str:
    return reverse(f"desk_edition:{name}", args=[desk.edition.pk])


def exports() -> list[str]:
    found = ModelLogEntry.objects.filter(action__in=["desk.export_report", "desk.export_not_delivered"])
    return list(found.order_by("pk").values_list("action", flat=True))


def test_the_report_begins_with_a_summary(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Delivery.objects.filter(mailing=mailing, state="planned").update(state="accepted")
    answer = as_user(desk.writer).get(page(desk, "report"))
    assert len(answer.context["summary"]) == 2 and "2 of 3" in answer.context["summary"][0]
    assert " ".join(answer.context["summary"]) in Page(answer).text


def test_the_report_shows_every_table_with_the_totals_of_the_mailing(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.writer).get(page(desk, "report"))
    tables = answer.context["tables"]
    assert tables["totals"].total[1].text == "4"
    # A table with one row has no total row.
    assert [row[1].text for row in tables["countries"].rows] == ["4"]
    sections = {"desk-delivery", "desk-engagement", "desk-unsubscribes", "desk-audience", "desk-export"}
    assert sections <= Page(answer).ids


def test_the_report_of_a_large_mailing_shows_when_it_was_counted(desk: Desk) -> None:
    mailing = cast.sending(desk)
    Mailing.objects.update(audience=collect_stats.LIVE_LIMIT + 1)
    collect_stats.refresh(mailing, timezone.now() - timedelta(minutes=5))
    Delivery.objects.filter(mailing=mailing).update(state="accepted")
    counted = timezone.now() - timedelta(minutes=5)
    answer = as_user(desk.writer).get(page(desk, "report"))
    assert answer.context["totals"].accepted == 1
    assert abs(answer.context["counted_at"] - counted) < timedelta(minutes=4)


def test_the_report_refreshes_itself_while_the_mailing_is_in_progress(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.writer)
    assert "data-refresh" in browser.get(page(desk, "report")).content.decode()
    Mailing.objects.filter(pk=mailing.pk).update(state="done")
    assert "data-refresh" not in browser.get(page(desk, "report")).content.decode()


def test_one_table_is_exported_as_csv_and_the_log_names_the_user(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.writer).post(page(desk, "report_download"), {"table": "totals", "as": "csv"})
    text = b"".join(answer.streaming_content).decode()
    # Excel takes a file without it for one in the encoding of its country.
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text)))
    assert ["1", "0.25"] in [row[1:] for row in rows]
    assert "silk-road-monthly-2021-12-totals.csv" in answer["Content-Disposition"]
    assert exports() == ["desk.export_report"]
    assert ModelLogEntry.objects.get(action="desk.export_report").user == desk.writer


def test_the_full_report_is_exported_as_a_workbook(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.writer).post(page(desk, "report_download"), {"table": "", "as": "xlsx"})
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    assert len(book.sheetnames) > 5
    assert exports() == ["desk.export_report"]


def test_an_export_needs_a_post_request(desk: Desk) -> None:
    cast.sending(desk)
    assert as_user(desk.admin).get(page(desk, "report_download")).status_code == 405
    assert exports() == []


def test_the_list_of_undelivered_subscribers_is_exported_by_users_who_may_see_addresses(desk: Desk) -> None:
    cast.sending(desk)
    answer = as_user(desk.admin).post(page(desk, "not_delivered"), {"reason": "unconfirmed", "as": "xlsx"})
    rows = list(load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0].iter_rows())
    assert [cell.value for cell in rows[1]][3] == "unconfirmed"
    assert len(rows) == 2
    refused = as_user(desk.writer).post(page(desk, "not_delivered"), {"as": "xlsx"})
    assert refused.status_code == 302
    assert exports() == ["desk.export_not_delivered"]


def test_a_workbook_that_is_too_large_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    cast.sending(desk)
    monkeypatch.setattr(not_delivered, "MAX_WORKBOOK_ROWS", 1)
    answer = as_user(desk.admin).post(page(desk, "not_delivered"), {"as": "xlsx"}, follow=True)
    assert Page(answer).messages == ["error"]
    assert exports() == []


def trend(desk: Desk) -> str:
    return reverse("desk_trend", args=[desk.edition.newsletter_id])


def test_a_newsletter_that_was_never_sent_has_no_trend(desk: Desk) -> None:
    assert not as_user(desk.writer).get(trend(desk)).context["sent"]


def test_the_trend_shows_the_editions_that_were_sent(desk: Desk) -> None:
    mailing = cast.sending(desk, "done")
    Mailing.objects.filter(pk=mailing.pk).update(started_at=timezone.now())
    answer = as_user(desk.writer).get(trend(desk))
    assert [row[0].text for row in answer.context["table"].rows] == ["2021-12"]


def test_the_newsletter_and_the_list_of_newsletters_link_to_the_trend(desk: Desk) -> None:
    newsletter = desk.edition.newsletter_id
    for address in (reverse("desk_newsletters:edit", args=[newsletter]), reverse("desk_newsletters:index")):
        assert f'href="{trend(desk)}"' in as_user(desk.admin).get(address).content.decode()


def test_a_user_without_permissions_sees_no_report(desk: Desk) -> None:
    cast.sending(desk)
    for address in (trend(desk), page(desk, "report")):
        assert as_user(desk.stranger).get(address).status_code in (302, 403)
