"""The menu: every entry is called as the page that it leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory
from django.urls import reverse
from wagtail.admin.search import Search, admin_search_areas
from wagtail.users.models import UserProfile

from mailer.desk.base.help import help_page_url
from tests.desk.cast import Desk, as_user


def sidebar(browser: Client) -> Any:
    html = browser.get(reverse("wagtailadmin_home")).content.decode()
    found = re.search(r'<script[^>]*id="wagtail-sidebar-props"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


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
    differing = {}
    for label, url in entries(sidebar(browser)):
        # The help for a page is the page of the guide about it.
        if not url.startswith("/desk/") or url in (reverse("wagtailadmin_logout"), help_page_url("/desk/")):
            continue
        title = re.search(r"<title>\s*(.*?)\s+- ", browser.get(url).content.decode(), re.DOTALL)
        # A number of open items may follow the label.
        if title is None or title[1] != re.sub(r" \(\d+\)$", "", label):
            differing[label] = title and title[1]
    assert differing == {}


@pytest.mark.parametrize(("language", "sign_out"), [("en", "Sign out"), ("ru", "Выйти"), ("kk", "Шығу")])
def test_the_menu_of_the_account_leads_to_the_sign_in_and_calls_sign_out_so(
    desk: Desk, language: str, sign_out: str
) -> None:
    browser = as_user(desk.writer)
    UserProfile.objects.update_or_create(user=desk.writer, defaults={"preferred_language": language})
    (menu,) = (one for one in sidebar(browser)["modules"] if one["_type"].endswith("MainMenuModule"))
    account = [one["_args"][0] for one in menu["_args"][1]]
    assert [one["name"] for one in account] == ["account", "own-sign-in", "logout"]
    assert account[1]["url"] == reverse("mfa_index") and account[2]["label"] == sign_out


def test_the_pages_of_the_account_and_of_the_sign_in_lead_to_each_other(desk: Desk) -> None:
    browser = as_user(desk.writer)
    own, sign_in = reverse("wagtailadmin_account"), reverse("mfa_index")
    main = browser.get(own).content.decode().split("<main", 1)[1]
    assert f'href="{sign_in}"' in main
    assert f'href="{own}"' in browser.get(sign_in).content.decode()


def test_the_search_box_searches_what_wagtail_would_search_first(desk: Desk) -> None:
    # Sees no stories, and searches accounts.
    desk.stranger.user_permissions.set(Permission.objects.filter(codename="change_user"))
    found = {}
    for user in (desk.writer, desk.approver, desk.admin, desk.stranger):
        request = RequestFactory().get("/desk/")
        request.user = user
        (ours,) = admin_search_areas.search_items_for_request(request)
        assert ours is Search.search_items_for_request(admin_search_areas, request)[0]
        found[user.username] = ours.name
    assert found == {"dana": "stories", "timur": "stories", "lola": "stories", "guest": "users"}
