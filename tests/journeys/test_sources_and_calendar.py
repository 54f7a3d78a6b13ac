"""A source is added, tried and read; its suggestions become the next draft; a schedule shows its dates.

By a person who reads Russian, on a phone; every page on the way is looked at as in the first edition's walk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.conftest import Demo, installed
from tests.journeys.test_first_edition import ALMATY, Office
from tests.journeys.walker import Walker, Way
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

WAY = Way("sources", "ru", 390)
STORIES = {
    "school": "Школа открылась в Алматы\n\nДети учатся рядом с домом.",
    "bridge": "Мост в Оше открыт\n\nДорога в горы стала короче.",
    "clinic": "Клиника в Ташкенте принимает больных\n\nВрачи приехали из разных стран.",
}


@pytest.fixture
def office(
    tmp_path: Path, django_db_setup: None, sqlite_template: Path, browser: Browser
) -> Iterator[Office]:
    incoming = tmp_path / "incoming" / "almaty"
    incoming.mkdir(parents=True)
    for name, text in STORIES.items():
        headline, _, body = text.partition("\n\n")
        day = f"{datetime.now(ALMATY):%Y-%m-%d}"
        file = incoming / f"{name}.md"
        file.write_text(f"---\ntitle: {headline}\ndate: {day}\n---\n{body}\n", encoding="utf-8")
        # A file that was just written may not be complete yet.
        os.utime(file, (time.time() - 600, time.time() - 600))
    config = f'[stories]\nfolders = "{tmp_path / "incoming"}"\n'
    with installed(tmp_path, sqlite_template, "Региональное бюро", more=config) as demo:
        made = Office(demo, browser, WAY, tmp_path)
        yield made
        for person in made.people:
            person.page.context.close()


def test_what_a_source_brings_is_in_the_next_draft(office: Office) -> None:
    admin = office.invited_by_operator("lola", "Karimova", "Admins")
    admin.presses("#desk-step-list .desk-setup__act button")
    sees_the_dates_of_a_schedule(admin)
    adds_a_source(admin, office.demo)
    accepts_two_and_corrects_one(admin)
    makes_them_ready(admin, office.demo)
    admin.goes("/desk/newsletters/1/assemble/")
    admin.presses("main form.desk-form button[type=submit]")
    expect(admin.page.locator("[data-block]")).to_have_count(3)
    for path in (
        "/desk/calendar/",
        "/desk/newsletters/1/glossary/",
        "/desk/stories/email/",
        "/desk/stories/word/",
    ):
        admin.goes(path)
    found = dict.fromkeys(admin.barriers)
    assert not found, "\n".join(found)


def sees_the_dates_of_a_schedule(admin: Walker) -> None:
    """They follow what is chosen, before anything is saved."""
    admin.presses("#desk-step-newsletter a")
    dates = admin.page.locator("[data-dates-list] .desk-dates > li")
    admin.presses(".w-panel:has([name=assemble_on-repeat]) [data-panel-toggle]", leads=False)
    admin.chooses("[name=assemble_on-repeat]", "weekly")
    expect(dates).to_have_count(5)
    before = dates.first.inner_text()
    admin.chooses("[name=assemble_on-weekday]", "friday")
    expect(dates.first).not_to_have_text(before)
    admin.chooses("[name=assemble_on-repeat]", "monthly")
    expect(dates).to_have_count(5)
    admin.writes("[name=postal_address]", "Алматы, ул. Примерная, 12")
    admin.sends()


def adds_a_source(admin: Walker, demo: Demo) -> None:
    admin.goes("/desk/sources/")
    admin.presses("main a[href='/desk/sources/new/']")
    admin.chooses("[name=kind]", "folder")
    admin.writes("[name=folder]", "almaty")
    admin.writes("[name=name]", "Бюро в Алматы")
    admin.presses("[name=action][value=try]")
    expect(admin.page.locator("section tbody tr")).to_have_count(3)
    assert demo.rows("SELECT count(*) FROM mailer_story") == [(0,)]
    admin.presses("[name=action][value=save]")
    # The worker reads it.
    until(lambda: demo.rows("SELECT count(*) FROM mailer_story") == [(3,)], "three drafts", interval=0.2)


def accepts_two_and_corrects_one(admin: Walker) -> None:
    admin.goes("/desk/stories/suggestions/")
    boxes = admin.page.locator("[name=items]")
    expect(boxes).to_have_count(3)
    third = boxes.nth(2).get_attribute("value")
    for number in (0, 1):
        admin.ticks(f"[name=items] >> nth={number}")
    admin.presses("main form button[type=submit]")
    expect(boxes).to_have_count(1)
    expect(boxes).to_have_attribute("value", third or "")
    admin.presses(".desk-suggestions th a")
    admin.presses(".desk-story__suggestion summary", leads=False)
    other = admin.page.locator(".desk-story__suggestion [name=countries]:not(:checked)").first
    admin.ticks(f".desk-story__suggestion [name=countries][value={other.get_attribute('value')}]")
    admin.presses(".desk-story__suggestion [name=action][value=correct]")
    expect(admin.page.locator(".desk-story__suggestion")).to_have_count(0)


def makes_them_ready(admin: Walker, demo: Demo) -> None:
    for (story,) in demo.rows("SELECT id FROM mailer_story ORDER BY id"):
        admin.goes(f"/desk/stories/edit/{story}/")
        admin.presses("[name=action][value=ready]")
    assert demo.rows("SELECT count(*) FROM mailer_story WHERE live") == [(3,)]
