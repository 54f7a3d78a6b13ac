from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mailer.stories import bulk_insert_drafts
from mailer.stories.models import Story, StorySource, StoryText
from mailer.stories.signals import source_failing
from mailer.stories.sources.parser_pool import ParserPool, UnlimitedParsers
from mailer.stories.sources.polite_fetch import PollLimits, retry_after
from mailer.stories.sources.polling import ALERT_AFTER, Polled, due_sources, poll, poll_due, poll_soon
from mailer.stories.sources.reader_interface import SourceError, SourceResult
from mailer.stories.url_fetcher import Limits
from subscribers.limited_process import ProcessLimits
from tests.stories.conftest import NOW, Answer, Site

pytestmark = pytest.mark.django_db
# As in production, but for a server of our own.
LIMITS = PollLimits(parallel=4, host_interval=0.0, parsers=1, seconds=60)

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Office</title>{items}</channel></rss>"""
ITEM = """<item><guid>{guid}</guid><title>{title}</title><link>https://www.example.org/{guid}</link>
<pubDate>Tue, 16 Nov 2021 10:00:00 GMT</pubDate><description>{text}</description></item>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Office</title>
<entry><id>tag:example.org,2021:1</id><title type="html">Bread &amp;amp; salt</title>
<updated>2021-11-20T08:00:00Z</updated><link href="javascript:alert(1)"/>
<content type="html">&lt;p onclick="x()"&gt;Two &lt;b&gt;words&lt;/b&gt;&lt;img src=x&gt;&lt;/p&gt;</content>
</entry></feed>"""


def rss(*items: tuple[str, str, str]) -> Answer:
    text = "".join(ITEM.format(guid=guid, title=title, text=text) for guid, title, text in items)
    return Answer(RSS.format(items=text).encode())


def a_source(site: Site, path: str = "/feed", **changes: Any) -> StorySource:
    values = {"name": "The office", "url": site.url(path), "language": "ru", "countries": ("KG",)}
    return StorySource.objects.create(**{**values, **changes})


def gather(source: StorySource, limits: PollLimits = LIMITS, *, allow_loopback: bool = True) -> Polled:
    parsers = UnlimitedParsers()
    (result,) = poll([source], lambda: NOW, limits, parsers=parsers, allow_loopback=allow_loopback)
    return result


def test_an_entry_becomes_a_draft_for_a_person_to_finish(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "Дорога открыта", "&lt;p&gt;Первый день.&lt;/p&gt;"))

    gathered = gather(a_source(site))

    story = Story.objects.get()
    text = story.texts.get()
    assert gathered.added == (story,)
    assert (story.live, story.countries, story.date) == (False, ("KG",), date(2021, 11, 16))
    assert (text.language, text.headline, text.summary) == ("ru", "Дорога открыта", "Первый день.")
    assert story.link == "https://www.example.org/one"
    assert story.revisions.count() == 1


@pytest.mark.both_databases
def test_an_entry_is_gathered_once(site: Site) -> None:
    source = a_source(site)
    site.answers["/feed"] = rss(("one", "First", "x"))
    gather(source)
    site.answers["/feed"] = rss(
        ("two", "Second", "x"), ("one", "First, changed", "x"), ("two", "Second", "x")
    )

    assert len(gather(source).added) == 1
    # Nobody has touched the draft, so it follows its source.
    assert sorted(str(story) for story in Story.objects.all()) == ["First, changed", "Second"]


def test_atom_is_read_and_what_could_run_is_cleaned_out(site: Site) -> None:
    site.answers["/feed"] = Answer(ATOM.encode(), "application/atom+xml; charset=utf-8")

    gather(a_source(site))

    text = Story.objects.get().texts.get()
    assert (text.headline, text.body, text.summary) == (
        "Bread & salt",
        "<p>Two <b>words</b></p>",
        "Two words",
    )
    assert Story.objects.get().link == ""


def test_a_long_headline_is_cut_between_words(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "word " * 100, "x"))

    gather(a_source(site))

    headline = Story.objects.get().texts.get().headline
    assert len(headline) <= 200
    assert headline.endswith("word…")


def test_a_date_from_the_future_becomes_today(site: Site) -> None:
    answer = rss(("one", "Tomorrow", "x"))
    answer.body = answer.body.replace(b"2021", b"2031")
    site.answers["/feed"] = answer

    gather(a_source(site))

    assert Story.objects.get().date == NOW.date()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html><p>A page</p></html>", "application/xml"), "is not a feed"),
        (Answer(b"<html>", "text/html"), "is not a feed"),
        (Answer(b"\x00\xff" * 100, "text/xml"), "is not a feed"),
        (Answer(status=503), "503"),
        (Answer(status=302, headers={"Location": "http://10.0.0.1/"}), "not on the public internet"),
    ],
)
def test_a_bad_source_is_recorded_as_a_problem(site: Site, answer: Answer, words: str) -> None:
    source = a_source(site)
    site.answers["/feed"] = answer

    gathered = gather(source)

    source.refresh_from_db()
    assert words in gathered.problem
    assert (source.problem, source.last_success_at) == (gathered.problem, None)
    assert not Story.objects.exists()


def test_entities_are_not_expanded_without_end(site: Site) -> None:
    bomb = '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    body = RSS.format(items=ITEM.format(guid="one", title="&c;", text="x")).replace("<rss", f"{bomb}<rss")
    site.answers["/feed"] = Answer(body.encode())

    gather(a_source(site))

    (text,) = StoryText.objects.all()
    assert "haha" not in f"{text.headline} {text.summary} {text.body}"


def test_a_source_that_works_again_has_no_problem_left(site: Site) -> None:
    source = a_source(site, problem="It failed.")
    site.answers["/feed"] = rss()

    gather(source)

    source.refresh_from_db()
    assert source.problem == ""


def test_loopback_is_not_gathered_from_unless_a_test_says_so(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "First", "x"))

    assert "not on the public internet" in gather(a_source(site), allow_loopback=False).problem
    assert site.asked == []


def rows() -> list[tuple[str, int]]:
    return list(StorySource.objects.order_by("name").values_list("name", "failures"))


def poll_all(
    limits: PollLimits = LIMITS, now: datetime = NOW, stop: Callable[[], bool] = lambda: False
) -> tuple[int, int]:
    return poll_due(lambda: now, stop, limits, parsers=UnlimitedParsers(), allow_loopback=True)


def test_a_hanging_source_delays_no_other_and_an_inactive_one_rests(site: Site) -> None:
    released = threading.Event()
    for number in range(8):
        a_source(site, f"/{number}", name=f"Good {number}")
        site.answers[f"/{number}"] = rss((f"{number}", f"Story {number}", "x"))
    # Another name of this machine, as a host of its own.
    a_source(site, name="A hanging one", url=site.url("/hangs").replace("127.0.0.1", "localhost"))
    a_source(site, "/0", name="Resting", active=False)
    site.answers["/hangs"] = Answer(hangs=released)
    seen: list[int] = []

    def stop() -> bool:
        # Once all others are there, the hanging one may end.
        seen.append(Story.objects.count())
        if seen[-1] == 8:
            released.set()
        return False

    assert poll_all(replace(LIMITS, request=Limits(seconds=90, step_seconds=90)), stop=stop) == (9, 1)
    assert released.is_set()
    assert rows() == [("A hanging one", 1), *((f"Good {number}", 0) for number in range(8)), ("Resting", 0)]


def test_a_source_is_asked_again_later_and_only_for_what_is_new(site: Site) -> None:
    source = a_source(site, poll_minutes=60)
    site.answers["/feed"] = rss(("one", "First", "x"))
    site.answers["/feed"].headers = {"ETag": '"abc"', "Last-Modified": "Fri, 03 Dec 2021 00:00:00 GMT"}
    assert poll_all() == (1, 0)
    assert poll_all() == (0, 0)

    source.refresh_from_db()
    assert NOW + timedelta(minutes=60) <= source.next_poll_at <= NOW + timedelta(minutes=66)
    poll_soon(source, NOW)
    site.answers["/feed"] = Answer(status=304)
    assert poll_all() == (1, 0)
    source.refresh_from_db()
    assert (
        source.validators.items()
        >= {
            "etag": '"abc"',
            "last-modified": "Fri, 03 Dec 2021 00:00:00 GMT",
        }.items()
    )
    assert (site.headers[-1]["If-None-Match"], source.problem) == ('"abc"', "")
    assert "newsletter-mailer" in site.headers[-1]["User-Agent"]
    assert "@" in site.headers[-1]["User-Agent"]


def test_a_feed_that_is_sent_again_is_not_parsed_again_unless_its_encoding_changed(site: Site) -> None:
    source, asked = a_source(site), []

    class Counting(UnlimitedParsers):
        def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
            asked.append(parser)
            return super().parse(parser, body, **context)

    def again() -> Polled:
        (result,) = poll(
            StorySource.objects.all(), lambda: NOW, LIMITS, parsers=Counting(), allow_loopback=True
        )
        return result

    site.answers["/feed"] = rss(("one", "First", "x"))
    assert len(again().added) == 1
    assert again().unchanged
    assert asked.count("feed") == 1
    site.answers["/feed"].content_type = "text/xml; charset=utf-8"
    assert not again().unchanged
    source.refresh_from_db()
    assert source.problem == ""


def test_an_entry_that_could_not_be_stored_is_named_and_read_again(
    site: Site, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    stories = replace(settings.CONFIG.stories, folders=str(tmp_path))
    settings.CONFIG = replace(settings.CONFIG, stories=stories)
    for name in ("First", "Second"):
        (tmp_path / f"{name}.md").write_text(f"---\ntitle: {name} of the folder\n---\nText.")
        os.utime(tmp_path / f"{name}.md", (0, 0))
    site.answers["/feed"] = rss(("one", "First of the feed", "x"), ("two", "Second of the feed", "x"))
    # The first page is far older than what is remembered of the sitemap.
    days = (("First", "2020-01-01"), ("Second", "2021-11-20"), ("Third", "2021-11-21"))
    urls = "".join(f"<url><loc>{site.url(f'/{one}')}</loc><lastmod>{on}</lastmod></url>" for one, on in days)
    site.answers["/map.xml"] = Answer(f"<urlset>{urls}</urlset>".encode(), "application/xml")
    for name, _ in days:
        page = f"<h1>{name} of the sitemap</h1><article><p>{'A word of it. ' * 30}</p></article>"
        site.answers[f"/{name}"] = Answer(page.encode(), "text/html")
    sources = [
        a_source(site),
        a_source(site, "/map.xml", name="Pages", kind="sitemap"),
        StorySource.objects.create(name="Files", kind="folder", folder="."),
    ]
    store = bulk_insert_drafts.store_picture_and_build_draft

    def fail(key: str, values: Any, *rest: Any) -> Any:
        if any(str(value).startswith("First") for value in values.values()):
            raise ValueError("the database has no room")
        return store(key, values, *rest)

    monkeypatch.setattr(bulk_insert_drafts, "store_picture_and_build_draft", fail)
    for source, added in zip(sources, (1, 2, 1), strict=True):
        assert len(gather(source).added) == added
        source.refresh_from_db()
        assert [("First of" in one) for one in source.warnings] == [True]
    asked = len(site.asked)
    monkeypatch.undo()
    for source in sources:
        assert [str(story).startswith("First") for story in gather(source).added] == [True]
        source.refresh_from_db()
        assert source.warnings == []
    # What was recorded is not read again where the source has files or pages of its own for each.
    assert [path for path, _ in site.asked[asked:]].count("/Second") == 0
    caplog.clear()


@pytest.mark.both_databases
def test_no_warning_or_problem_holds_what_no_database_takes(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    source = a_source(site)

    def warn(*_: object) -> SourceResult:
        return SourceResult(warnings=("a\0b\ud800",))

    def fail(*_: object) -> SourceResult:
        raise SourceError("a\0b\ud800")

    for read in (warn, fail):
        monkeypatch.setattr("mailer.stories.sources.polling.READERS", {source.kind: read})
        gather(source)
    source.refresh_from_db()
    assert (source.warnings, source.problem) == (["ab"], "ab")


class Refusing(UnlimitedParsers):
    """Limited processes that cannot do what is heavy."""

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        if parser == "suggestions" and b"heavy" in body:
            raise SourceError("The source's answer needs far more memory or time than a feed does.")
        return super().parse(parser, body, **context)


def test_what_the_limited_processes_cannot_do_is_not_done_without_limits(site: Site, caplog: Any) -> None:
    def gather_again() -> Polled:
        (found,) = poll([source], lambda: NOW, LIMITS, parsers=Refusing(), allow_loopback=True)
        source.refresh_from_db()
        return found

    source = a_source(site)
    site.answers["/feed"] = rss(("one", "First", "x"), ("two", "Second", "heavy"), ("three", "Third", "x"))
    assert {str(story) for story in gather_again().added} == {"First", "Third"}
    assert [("Second" in one) for one in source.warnings] == [True]
    # Also where the source changes what is there.
    site.answers["/feed"] = rss(("one", "First", "heavy"), ("two", "Second", "x"))
    assert [str(story) for story in gather_again().added] == ["Second"]
    assert [("First" in one) for one in source.warnings] == [True]
    assert StoryText.objects.get(headline="First").summary == "x"
    caplog.clear()


def test_a_failing_source_is_asked_less_and_less_often_and_admins_are_told_once(site: Site) -> None:
    source = a_source(site)
    site.answers["/feed"] = Answer(status=500)
    told: list[int] = []

    def tell(source: StorySource, **_: object) -> None:
        told.append(source.failures)

    source_failing.connect(tell)
    pauses, now = [], NOW
    for _ in range(ALERT_AFTER + 2):
        poll_all(now=now)
        source.refresh_from_db()
        pauses.append(source.next_poll_at - now)
        now = source.next_poll_at
    assert told == [ALERT_AFTER]
    assert all(later > sooner * 1.5 for sooner, later in pairwise(pauses))
    assert due_sources(now).exists()
    assert not due_sources(now - timedelta(seconds=1)).exists()


def test_a_server_that_asks_for_patience_gets_it(site: Site) -> None:
    source, other = a_source(site), a_source(site, "/other", name="Another of the same server")
    site.answers["/feed"] = Answer(status=429, headers={"Retry-After": "7200"})

    assert poll_all() == (1, 1)

    for one in (source, other):
        one.refresh_from_db()
        assert one.next_poll_at > NOW + timedelta(seconds=7100)
    assert len(site.asked) == 1
    assert retry_after({"retry-after": "Fri, 03 Dec 2021 03:01:00 GMT"}, NOW) == 60
    assert retry_after({"retry-after": "-5"}, NOW) == retry_after({"retry-after": "soon"}, NOW) == 0


def test_where_a_source_moved_for_good_is_offered(site: Site) -> None:
    source = a_source(site, "/old")
    site.answers["/old"] = Answer(status=301, headers={"Location": "/feed"})
    site.answers["/feed"] = rss(("one", "First", "x"))
    assert len(gather(source).added) == 1
    source.refresh_from_db()
    assert source.moved_to == site.url("/feed")

    site.answers["/old"] = Answer(status=302, headers={"Location": "/feed"})
    gather(source)
    source.refresh_from_db()
    assert source.moved_to == ""


def test_a_worker_that_stops_leaves_its_sources_to_the_next(site: Site) -> None:
    a_source(site)
    assert poll_all(stop=lambda: True) == (0, 0)
    assert due_sources(NOW).exists()


def test_a_parser_that_breaks_its_limits_is_replaced() -> None:
    limits = ProcessLimits(cpu_seconds=20, memory=200 << 20)
    with ParserPool(1, limits) as parsers:
        with pytest.raises(SourceError):
            # Takes more memory than the process has.
            parsers.parse("feed", b"{" + b'"a":[' + b"{}," * 4_000_000 + b"{}]}")
        body = b'{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"One"}]}'
        assert [item["title"] for item in parsers.parse("feed", body)["items"]] == ["One"]


def test_the_picture_of_a_new_entry_is_asked_for_once_and_a_bad_one_loses_no_story(site: Site) -> None:
    site.answers["/feed"] = Answer(
        RSS.format(
            items="<item><guid>p</guid><title>Дорога в Оше</title>"
            f'<enclosure url="{site.url("/p.png")}" type="image/png" length="1"/></item>'
        ).encode()
    )
    site.answers["/p.png"] = Answer(b"no picture", "image/png")
    (story,) = gather(a_source(site)).added
    assert story.source_items.get().picture_problem
    assert len([path for path, _host in site.asked if path == "/p.png"]) == 1
    gather(StorySource.objects.get())
    assert len([path for path, _host in site.asked if path == "/p.png"]) == 1
