"""The menu: every entry is called as the page that it leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from mailer.desk.base.help import page_for
from tests.desk.cast import Desk, as_user


def entries(menu: Any) -> Iterator[tuple[str, str]]:
    """(label, URL) of every link in Wagtail's description of its menu."""
    if isinstance(menu, dict):
        for arguments in [menu["_args"]] if str(menu.get("_type", "")).endswith("LinkMenuItem") else []:
            yield arguments[0]["label"], arguments[0]["url"]
        menu = list(menu.values())
    for one in menu if isinstance(menu, list) else []:
        yield from entries(one)


def test_every_entry_of_the_menu_is_called_as_its_page(desk: Desk) -> None:
    browser = as_user(desk.admin)
    html = browser.get(reverse("wagtailadmin_home")).content.decode()
    found = re.search(r'<script[^>]*id="wagtail-sidebar-props"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert found is not None
    differing = {}
    for label, url in entries(json.loads(found[1])):
        # The help for a page is the page of the guide about it.
        if not url.startswith("/desk/") or url in (reverse("wagtailadmin_logout"), page_for("/desk/")):
            continue
        title = re.search(r"<title>\s*(.*?)\s+- ", browser.get(url).content.decode(), re.DOTALL)
        # A number of open items may follow the label.
        if title is None or title[1] != re.sub(r" \(\d+\)$", "", label):
            differing[label] = title and title[1]
    assert differing == {}
