"""Sources of stories in the desk: found, tried, saved, polled, paused and moved, by editors and admins."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.users.models import UserProfile

from mailer.delivery.models import Alert
from mailer.desk.stories import story_import_sources as pages
from mailer.stories.models import Story, StorySource
from mailer.stories.signals import source_failing
from mailer.stories.sources.parser_pool import UnlimitedParsers
from mailer.stories.sources.polling import poll_due
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.stories.conftest import Answer, Site, site

__all__ = ["site"]
FEED = """<rss version="2.0"><channel><item><guid>1</guid><title>A bridge opened in Naryn</title>
<link>https://office.example.org/1</link><description>Cars cross it since Monday.</description></item>
<item><guid>2</guid><title>Water came back to the village</title><description>The pump works.</description>
</item></channel></rss>"""


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages._SourceFormPage, "allow_loopback", True)
    monkeypatch.setattr(pages._SourceFormPage, "parsers", UnlimitedParsers())


def data(site: Site, **changes: Any) -> dict[str, Any]:
    known = {
        "url": site.url("/"),
        "kind": "feed",
        "name": "Office",
        "poll_minutes": "60",
        "countries": ["KG"],
    }
    return {**known, **changes}


def test_a_source_is_found_tried_saved_and_read(desk: Desk, site: Site) -> None:
    head = '<head><link rel="alternate" type="application/rss+xml" title="News" href="/feed"></head>'
    site.answers["/"] = Answer(f"<html>{head}</html>".encode(), "text/html")
    site.answers["/feed"] = Answer(FEED.encode())
    browser, add = as_user(desk.writer), reverse("desk_source_add")

    found = Page(browser.post(add, data(site, action="find")))
    assert ("choose", f"feed {site.url('/feed')}") in found.controls
    tried = browser.post(add, data(site, choose=f"feed {site.url('/feed')}"))
    rows = tried.context["rows"]
    assert [row.story.headline for row in rows] == [
        "A bridge opened in Naryn",
        "Water came back to the village",
    ]
    assert {row.story.outcome for row in rows} == {"new"}
    assert tried.context["form"]["url"].value() == site.url("/feed")
    assert not StorySource.objects.exists()
    assert not Story.objects.filter(live=False).exists()

    saved = browser.post(
        add, data(site, url=site.url("/feed"), category_countries="Astana: kz\nRegion: KZ, KG", action="save")
    )
    source = StorySource.objects.get()
    assert saved.url == reverse("desk_source", args=[source.pk])
    assert source.category_countries == {"Astana": ["KZ"], "Region": ["KZ", "KG"]}
    assert source.countries == ("KG",)
    assert poll_due(timezone.now, lambda: False, parsers=UnlimitedParsers(), allow_loopback=True) == (1, 0)
    shown = Page(browser.get(saved.url))
    assert "A bridge opened in Naryn" in shown.text
    assert "Office" in Page(browser.get(reverse("desk_sources"))).text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://office.example.org/"}, "url"),
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"kind": "email"}, "kind"),
        ({"category_countries": "Astana = Kazakhstan"}, "category_countries"),
        ({"poll_minutes": "1"}, "poll_minutes"),
    ],
)
def test_what_cannot_be_a_source_is_refused_at_its_field(
    desk: Desk, site: Site, changes: dict[str, Any], field: str
) -> None:
    StorySource.objects.create(name="Taken", url="https://office.example.org/")
    answer = as_user(desk.writer).post(reverse("desk_source_add"), data(site, **changes))
    assert list(answer.context["form"].errors) == [field]
    assert StorySource.objects.count() == 1


def test_the_form_is_in_the_language_of_its_reader(desk: Desk) -> None:
    UserProfile.objects.create(user=desk.admin, preferred_language="ru")
    answer = as_user(desk.admin).get(reverse("desk_source_add"))
    options = Page(answer).html.partition('name="language"')[2].partition("</select>")[0]
    # A widget is made once, before it is known who reads it.
    assert "Выберите язык" in options and "русский" in options.lower() and "Russian" not in options


def test_a_source_that_cannot_be_read_says_why_before_it_is_saved(desk: Desk, site: Site) -> None:
    site.answers["/"] = Answer(b"<html>Only a page</html>", "text/html")
    answer = as_user(desk.writer).post(reverse("desk_source_add"), data(site, action="try"))
    assert "is not a feed" in Page(answer).text
    site.answers["/"] = Answer(status=302, headers={"Location": "http://10.0.0.1/"})
    answer = as_user(desk.writer).post(reverse("desk_source_add"), data(site, action="find"))
    assert "not on the public internet" in Page(answer).text


def test_a_source_is_polled_paused_changed_moved_and_deleted(desk: Desk, site: Site) -> None:
    source = StorySource.objects.create(
        name="Office",
        url=site.url("/old"),
        moved_to=site.url("/feed"),
        validators={"etag": "x"},
        next_poll_at=timezone.now().replace(year=2090),
    )
    writer, url = as_user(desk.writer), reverse("desk_source", args=[source.pk])

    writer.post(url, {"action": "poll"})
    source.refresh_from_db()
    assert source.next_poll_at <= timezone.now()
    writer.post(url, {"action": "pause"})
    source.refresh_from_db()
    assert not source.active
    writer.post(url, {"action": "resume"})
    writer.post(url, {"action": "move"})
    source.refresh_from_db()
    assert (source.active, source.url, source.validators, source.moved_to) == (
        True,
        site.url("/feed"),
        {},
        "",
    )
    edit = reverse("desk_source_edit", args=[source.pk])
    site.answers["/feed"] = Answer(FEED.encode())
    tried = writer.post(edit, data(site, url=site.url("/feed"), action="try"))
    assert len(tried.context["rows"]) == 2
    writer.post(edit, data(site, url=site.url("/feed"), name="Renamed", poll_minutes="30"))
    source.refresh_from_db()
    assert (source.name, source.poll_minutes) == ("Renamed", 30)
    writer.post(url, {"action": "delete"})
    assert StorySource.objects.exists()
    as_user(desk.admin).post(url, {"action": "delete"})
    assert not StorySource.objects.exists()


def test_admins_are_alerted_to_a_source_that_fails_again_and_again(desk: Desk) -> None:
    source = StorySource.objects.create(
        name="Office", url="https://office.example.org/", failures=5, problem="It is gone."
    )
    source_failing.send(sender=StorySource, source=source, now=timezone.now())
    alert = Alert.objects.get()
    assert (alert.path, alert.sending_stopped) == (f"/desk/sources/{source.pk}/", False)
    assert "Office" in alert.message
    page = Page(as_user(desk.writer).get(reverse("desk_sources")))
    assert "It is gone." in page.text
