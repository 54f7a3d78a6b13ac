"""Who did what: the log leads to whatever it names."""

from __future__ import annotations

import pytest
from django.urls import reverse
from wagtail.admin.admin_url_finder import AdminURLFinder

from mailer.wagtail_hooks import _TABLES
from tests.desk.cast import Desk


@pytest.mark.parametrize("table", _TABLES, ids=lambda one: str(one.name))
def test_the_log_can_name_an_entry_of_every_table(desk: Desk, table: object) -> None:
    finder = AdminURLFinder(desk.admin)
    one = table.model(pk=7)  # type: ignore[attr-defined]
    url = finder.get_edit_url(one)
    assert url is None or url.startswith(reverse("wagtailadmin_home"))
