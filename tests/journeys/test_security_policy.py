"""Browsers run every screen of the desk under its enforced Content-Security-Policy."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from playwright.sync_api import ConsoleMessage, sync_playwright
from wagtail.images import get_image_model

from mailer.feedback import ingest
from mailer.stories.models import Story
from tests import cast as everyone
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.desk.cast import as_user
from tests.desk.cast import desk as make_desk

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

# Forms with choosers, dates, rich text and inline panels; tables with filters; previews, charts and counts.
SCREENS = (
    "/desk/",
    *(f"/desk/{table}/" for table in ("stories", "editions", "newsletters", "images", "users", "groups")),
    *(f"/desk/{table}/" for table in ("lists", "subscribers", "segments", "imports", "replies", "tags")),
    *(f"/desk/{table}/" for table in ("suppressions", "suppression-decisions", "fields")),
    *("/desk/stories/add/", "/desk/newsletters/new/", "/desk/images/add/", "/desk/users/new/"),
    *("/desk/segments/new/", "/desk/imports/new/", "/desk/suppressions/new/", "/desk/lists/new/"),
    *("/desk/reports/site-history/", "/desk/account/", "/desk/subscribers/health/", "/accounts/sign-in/"),
    *("/desk/stories/edit/{story}/", "/desk/stories/history/{story}/", "/desk/images/{image}/"),
    *("/desk/editions/edit/{edition}/", "/desk/editions/{edition}/variants/"),
    *("/desk/editions/{edition}/submit/", "/desk/editions/{edition}/report/"),
    *("/desk/newsletters/edit/{newsletter}/", "/desk/newsletters/{newsletter}/trend/"),
    *("/desk/subscribers/edit/{reader}/", "/desk/subscribers/{reader}/merge/", "/desk/replies/{reply}/"),
    "/desk/users/edit/{user}/",
)


def test_no_screen_of_the_desk_breaks_its_policy(live_server: Any, chromium: str, settings: Any) -> None:
    ContentType.objects.clear_cache()
    desk = make_desk()
    everyone.picture()
    reply = ingest.ingest_message(b"From: a@example.net\r\nSubject: Hi\r\n\r\nUseful.\r\n", everyone.NOW)
    rows = {
        "story": Story.objects.first(),
        "image": get_image_model().objects.first(),
        "edition": desk.edition,
        "newsletter": desk.edition.newsletter,
        "reader": desk.reader,
        "reply": reply.message,
        "user": desk.writer,
    }
    keys = {name: row.pk for name, row in rows.items() if row is not None}
    cookie = as_user(desk.admin).cookies[settings.SESSION_COOKIE_NAME].value
    violations: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            violations.append(f"{page.url}: {message.text[:200]}")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context()
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("console", note)
        for screen in SCREENS:
            answer = page.goto(live_server.url + screen.format(**keys), wait_until="networkidle")
            assert answer is not None and answer.status == 200, screen
        browser.close()
    assert violations == []
