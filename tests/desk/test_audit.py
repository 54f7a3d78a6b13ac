"""Who did what: the log leads to whatever it names."""

from __future__ import annotations

import pytest
from django.urls import resolve, reverse
from wagtail.admin.admin_url_finder import AdminURLFinder

from mailer.wagtail_hooks import _TABLES
from tests.desk.cast import Desk


@pytest.mark.parametrize("table", _TABLES, ids=lambda one: str(one.name))
def test_the_log_can_name_an_entry_of_every_table(desk: Desk, table: object) -> None:
    # Tables say where the log leads when the desk's addresses are read.
    home = reverse("wagtailadmin_home")
    url = AdminURLFinder(desk.admin).get_edit_url(table.model(pk=7))  # type: ignore[attr-defined]
    assert url is not None
    assert url.startswith(home)
    assert resolve(url)
