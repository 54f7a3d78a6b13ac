"""The audit log links to the rows that it names."""

from __future__ import annotations

import pytest
from django.urls import resolve, reverse
from wagtail.admin.admin_url_finder import AdminURLFinder

from mailer.wagtail_hooks import _TABLES
from tests.desk.cast import Desk


@pytest.mark.parametrize("table", _TABLES, ids=lambda one: str(one.name))
def test_the_log_links_to_a_row_of_every_table(desk: Desk, table: object) -> None:
    # Viewsets register their links when the URLs are loaded.
    home = reverse("wagtailadmin_home")
    url = AdminURLFinder(desk.admin).get_edit_url(table.model(pk=7))  # type: ignore[attr-defined]
    assert url is not None
    assert url.startswith(home)
    assert resolve(url)
