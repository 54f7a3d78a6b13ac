"""Help: the guide in the desk, and a way to it from every screen."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from mailer.desk.base import help as desk_help
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


@pytest.mark.parametrize("name", list(desk_help.PAGES))
def test_every_page_is_there_without_raw_html_and_with_links_that_lead_somewhere(name: str) -> None:
    page = desk_help.load(name)
    assert page is not None and page.title
    for target in re.findall(r'href="([^"]*)"', page.html):
        inside = re.fullmatch(r"/desk/help/([a-z-]+)/(?:#(.*))?", target)
        assert inside or target.startswith(("http", "#", "/desk/help/")), target
        if inside and inside[2]:
            other = desk_help.load(inside[1])
            assert other is not None and f'id="{inside[2]}"' in other.html, target


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/desk/", "guide"),
        ("/desk/stories/new/", "guide"),
        ("/desk/editions/3/schedule/", "sending"),
        ("/desk/editions/3/report/", "guide"),
        ("/desk/imports/", "subscribers"),
        ("/desk/suppressions/", "feedback"),
        ("/desk/users/new/", "accounts"),
    ],
)
def test_each_screen_leads_to_its_help_page_and_heading(path: str, name: str) -> None:
    target, _, anchor = desk_help.page_for(path).partition("#")
    assert target == reverse("desk_help_page", args=[name])
    page = desk_help.load(name)
    assert page is not None and (not anchor or f'id="{anchor}"' in page.html)


def test_the_help_menu_leads_to_the_page_of_the_screen(desk: Desk) -> None:
    browser = as_user(desk.writer)
    page = Page(browser.get(reverse("desk_stories:list")))
    assert f'"url": "{desk_help.page_for(reverse("desk_stories:list"))}"' in page.html
    assert browser.get(reverse("desk_help_page", args=["guide"])).status_code == 200
    assert reverse("desk_help_page", args=["sending"]) in Page(browser.get(reverse("desk_help"))).links
    assert browser.get(reverse("desk_help_page", args=["operations"])).status_code == 404
