"""The page of the audit log: its filters offer what the log holds, and find each entry once."""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import override
from wagtail.log_actions import log, registry
from wagtail.models import ModelLogEntry

from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

pytestmark = pytest.mark.django_db
LOG = "wagtailadmin_reports:site_history"


def test_the_log_calls_nothing_published_that_no_reader_has_seen(desk: Desk) -> None:
    cast.submitted(desk)
    entries = ModelLogEntry.objects.for_instance(desk.edition).values_list("action", flat=True)
    assert "wagtail.edit" in entries and "wagtail.publish" not in entries
    names = registry.formatters["wagtail.publish"]
    assert (str(names.label), str(names.message)) == ("Save as ready", "Saved as ready")


def test_an_entry_names_its_row_alike_whoever_acts(desk: Desk) -> None:
    for language in ("en", "ru"):
        with override(language):
            log(desk.edition, "wagtail.edit", user=desk.writer)
    entries = ModelLogEntry.objects.for_instance(desk.edition).filter(action="wagtail.edit")
    assert set(entries.values_list("label", flat=True)) == {str(desk.edition)}


@pytest.mark.both_databases
def test_the_filters_offer_what_the_log_holds(desk: Desk) -> None:
    desk.admin.is_superuser = True
    desk.admin.save()
    for user, action in (
        (desk.writer, "wagtail.edit"),
        (desk.writer, "desk.submit"),
        (desk.admin, "wagtail.edit"),
    ):
        log(desk.edition, action, user=user)
    browser = as_user(desk.admin)
    answer = browser.get(reverse(LOG))
    filters = answer.context["filters"].filters
    assert {code for code, _label in filters["action"].extra["choices"]} >= {"wagtail.edit", "desk.submit"}
    assert "wagtail.delete" not in dict(filters["action"].extra["choices"])
    assert {desk.writer, desk.admin} <= set(filters["user"].extra["queryset"])
    assert desk.approver not in filters["user"].extra["queryset"]
    found = browser.get(reverse(LOG), {"user": desk.writer.pk, "action": ["wagtail.edit", "desk.submit"]})
    assert [(one.user, one.action) for one in found.context["object_list"]] == [
        (desk.writer, "desk.submit"),
        (desk.writer, "wagtail.edit"),
    ]
    assert str(desk.edition) in Page(found).html


def test_the_export_holds_no_formula(desk: Desk) -> None:
    User.objects.filter(pk=desk.writer.pk).update(first_name="=1+1")
    log(
        desk.edition,
        "wagtail.edit",
        user=User.objects.get(pk=desk.writer.pk),
        title='=HYPERLINK("https://x")',
    )
    answer = as_user(desk.admin).get(reverse(LOG), {"export": "csv"})
    cells = [cell for row in csv.reader(io.StringIO(answer.getvalue().decode())) for cell in row]
    assert '\'=HYPERLINK("https://x")' in cells
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
