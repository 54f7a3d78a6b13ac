"""Three sites on loopback, as offices have them: nothing raises, each entry comes in once, none is lost."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.sources.parser_pool import UnlimitedParsers
from mailer.stories.sources.polite_fetch import PollLimits
from mailer.stories.sources.polling import poll_due
from mailer.stories.url_fetcher import Limits
from tests.stories.conftest import NOW, Answer, Site

pytestmark = pytest.mark.django_db
LIMITS = PollLimits(
    parallel=6, request=Limits(seconds=2, step_seconds=1), seconds=8, host_interval=0.0, parsers=1
)
BRIDGE = (
    "<p>Мост через реку Нарын открыт для машин. Его строили два года, и теперь дорога в школу короче.</p>"
)
WATER = "<p>Ауылға таза су келді. Енді тұрғындар құдықтан су тасымайды, су әр үйде бар, дейді әкімдік.</p>"
SCHOOL = "<p>A school in Osh has a new library. Pupils chose the books, and parents built the shelves.</p>"


def post(number: int, title: str, text: str, language: str, **changes: Any) -> dict[str, Any]:
    day = f"2021-12-{number:02d}T10:00:00"
    known = {"id": number, "date_gmt": day, "modified_gmt": day, "link": f"https://w.example.org/{number}"}
    texts = {"title": {"rendered": title}, "content": {"rendered": text}, "lang": language}
    return {**known, **texts, **changes}


def posts(*listed: dict[str, Any]) -> Answer:
    return Answer(json.dumps(listed).encode(), "application/json")


def nodes(*titles: str) -> Answer:
    listed = [
        {
            "id": f"uuid-{title}",
            "type": "node--article",
            "attributes": {
                "title": title,
                "langcode": "en",
                "created": "not a date" if "School" in title else "2021-11-20T10:00:00+00:00",
                "body": {"processed": SCHOOL if "School" in title else f"<p>{title}. {title}.</p>"},
            },
        }
        for title in titles
    ]
    return Answer(json.dumps({"data": listed}).encode(), "application/vnd.api+json")


def rss(*entries: tuple[str, str, str], encoding: str = "windows-1251") -> Answer:
    # The header says UTF-8, the document has another encoding.
    items = "".join(
        f"<item><guid>{guid}</guid><title>{title}</title><pubDate>Tue, 41 Nov 2021 25:00:00</pubDate>"
        f"<description><![CDATA[{text}]]></description></item>"
        for guid, title, text in entries
    )
    text = f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel>{items}</channel></rss>'
    return Answer(text.encode(encoding), "application/rss+xml; charset=utf-8")


def png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    return file.getvalue()


def run(now: datetime) -> tuple[int, int]:
    return poll_due(lambda: now, lambda: False, LIMITS, parsers=UnlimitedParsers(), allow_loopback=True)


def headlines() -> list[str]:
    return sorted(str(story) for story in Story.objects.all())


def test_three_sites_for_a_week(site: Site, settings: Any) -> None:
    def embedded(path: str) -> dict[str, Any]:
        return {"_embedded": {"wp:featuredmedia": [{"source_url": site.url(path)}]}}

    def source(name: str, kind: str, path: str, host: str = "127.0.0.1") -> StorySource:
        url = site.url(path).replace("127.0.0.1", host)
        return StorySource.objects.create(name=name, kind=kind, url=url)

    wordpress = source("WordPress", "wordpress", "/wp-json/")
    drupal = source("Drupal", "drupal", "/jsonapi/node/article", "localhost")
    plain = source("Plain", "feed", "/rss")
    private = source("Private", "feed", "/private")
    slow = source("Slow", "feed", "/slow", "localhost")
    site.answers["/p.png"] = Answer(png(), "image/png")
    site.answers["/huge.png"] = Answer(png() + b"\0" * (20 << 20), "image/png")
    site.answers["/slow"] = Answer(hangs=threading.Event(), seconds=4)
    site.answers["/private"] = Answer(status=302, headers={"Location": "http://169.254.169.254/"})
    listed = [
        post(1, "Мост через Нарын открыт", BRIDGE, "ru", **embedded("/p.png")),
        post(2, "Ауылға су келді", WATER, "kk", **embedded("/huge.png")),
    ]
    site.by_path["/wp-json/wp/v2/posts"] = posts(*listed)
    site.by_path["/jsonapi/node/article"] = nodes("School library opens", "A film evening")
    site.answers["/rss"] = rss(
        ("a", "Мост через Нарын открыт", BRIDGE), ("b", "Новая теплица", "Помидоры растут зимой.")
    )

    assert run(NOW) == (5, 2)

    # The feed repeats the bridge of the other site.
    expected = ["A film evening", "School library opens", "Ауылға су келді", "Мост через Нарын открыт"]
    assert headlines() == [*expected, "Новая теплица"]
    assert StorySourceItem.objects.count() == 6
    pictured = [str(story) for story in Story.objects.exclude(picture=None)]
    assert pictured == ["Мост через Нарын открыт"]
    assert StorySourceItem.objects.get(source=wordpress, item_id="2").picture_problem
    for failing in (private, slow):
        failing.refresh_from_db()
        assert (failing.failures, bool(failing.problem)) == (1, True)

    # A day later one story is edited at its site, one is deleted there, one by staff; the feed is broken.
    Story.objects.filter(source_items__source=drupal, source_items__item_id="uuid-A film evening").delete()
    changed = replace(site.by_path["/wp-json/wp/v2/posts"])
    changed.body = posts(post(1, "Мост через Нарын закрыт", BRIDGE, "ru", **embedded("/p.png"))).body
    site.by_path["/wp-json/wp/v2/posts"] = changed
    site.answers["/rss"] = Answer(b"<rss><channel><item><title>Half", "text/xml")
    day = NOW + timedelta(days=1)
    polls, failed = run(day)
    # What remains of the feed may be read or refused.
    assert (polls, failed) in ((5, 2), (5, 3))
    assert "Half" not in headlines() or failed == 2
    Story.objects.filter(texts__headline="Half").delete()
    now_there = set(headlines())
    assert "A film evening" not in now_there
    assert {"School library opens", "Ауылға су келді", "Новая теплица"} <= now_there

    # At the end of the week all is well again, and no story is there twice.
    site.answers["/rss"] = rss(
        ("b", "Новая теплица", "Помидоры растут зимой."), ("c", "Ярмарка", "В субботу.")
    )
    site.answers["/slow"] = site.answers["/private"] = rss(
        ("s", "Late but here", "It works again."), encoding="utf-8"
    )
    assert run(NOW + timedelta(days=7)) == (5, 0)
    assert len(headlines()) == len(set(headlines()))
    assert {"Ярмарка", "Late but here", "Новая теплица"} <= set(headlines())
    assert "A film evening" not in headlines()
    plain.refresh_from_db()
    assert (plain.failures, plain.problem) == (0, "")
    assert run(NOW + timedelta(days=7)) == (0, 0)
