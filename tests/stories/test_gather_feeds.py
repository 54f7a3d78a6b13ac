from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from mailer.stories.gather_feeds import gather, gather_all
from mailer.stories.models import Story, StorySource, StoryText
from tests.stories.conftest import NOW, Answer, Site

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

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


def test_an_entry_becomes_a_draft_for_a_person_to_finish(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "Дорога открыта", "&lt;p&gt;Первый день.&lt;/p&gt;"))

    gathered = gather(a_source(site), NOW, allow_loopback=True)

    story = Story.objects.get()
    text = story.texts.get()
    assert gathered.added == (story.key,)
    assert (story.live, story.countries, story.date) == (False, ("KG",), date(2021, 11, 16))
    assert (text.language, text.headline, text.summary) == ("ru", "Дорога открыта", "Первый день.")
    assert story.link == "https://www.example.org/one"
    assert story.revisions.count() == 1


def test_an_entry_is_gathered_once(site: Site) -> None:
    source = a_source(site)
    site.answers["/feed"] = rss(("one", "First", "x"))
    gather(source, NOW, allow_loopback=True)
    site.answers["/feed"] = rss(
        ("two", "Second", "x"), ("one", "First, changed", "x"), ("two", "Second", "x")
    )

    assert len(gather(source, NOW, allow_loopback=True).added) == 1
    assert sorted(str(story) for story in Story.objects.all()) == ["First", "Second"]


def test_atom_is_read_and_what_could_run_is_cleaned_out(site: Site) -> None:
    site.answers["/feed"] = Answer(ATOM.encode(), "application/atom+xml; charset=utf-8")

    gather(a_source(site), NOW, allow_loopback=True)

    text = Story.objects.get().texts.get()
    assert (text.headline, text.body, text.summary) == (
        "Bread & salt",
        "<p>Two <b>words</b></p>",
        "Two words",
    )
    assert Story.objects.get().link == ""


def test_a_long_headline_is_cut_between_words(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "word " * 100, "x"))

    gather(a_source(site), NOW, allow_loopback=True)

    headline = Story.objects.get().texts.get().headline
    assert len(headline) <= 200
    assert headline.endswith("word…")


def test_a_date_from_the_future_becomes_today(site: Site) -> None:
    answer = rss(("one", "Tomorrow", "x"))
    answer.body = answer.body.replace(b"2021", b"2031")
    site.answers["/feed"] = answer

    gather(a_source(site), NOW, allow_loopback=True)

    assert Story.objects.get().date == NOW.date()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html><p>A page</p></html>", "application/xml"), "is no feed"),
        (Answer(b"<html>", "text/html"), "text/html"),
        (Answer(b"\x00\xff" * 100, "text/xml"), "is no feed"),
        (Answer(status=503), "503"),
        (Answer(status=302, headers={"Location": "http://10.0.0.1/"}), "not on the public internet"),
    ],
)
def test_a_bad_source_is_recorded_as_a_problem(site: Site, answer: Answer, words: str) -> None:
    source = a_source(site)
    site.answers["/feed"] = answer

    gathered = gather(source, NOW, allow_loopback=True)

    source.refresh_from_db()
    assert words in gathered.problem
    assert (source.problem, source.gathered_at) == (gathered.problem, NOW)
    assert not Story.objects.exists()


def test_entities_are_not_expanded_without_end(site: Site) -> None:
    bomb = '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    body = RSS.format(items=ITEM.format(guid="one", title="&c;", text="x")).replace("<rss", f"{bomb}<rss")
    site.answers["/feed"] = Answer(body.encode())

    gather(a_source(site), NOW, allow_loopback=True)

    (text,) = StoryText.objects.all()
    assert "haha" not in f"{text.headline} {text.summary} {text.body}"


def test_a_bad_source_does_not_delay_the_others(site: Site) -> None:
    a_source(site, "/bad", name="A bad one")
    a_source(site, "/feed", name="Good one")
    a_source(site, "/feed", name="Resting", active=False)
    site.answers["/feed"] = rss(("one", "First", "x"))

    results = gather_all(NOW, allow_loopback=True)

    assert [(result.source, len(result.added), bool(result.problem)) for result in results] == [
        ("A bad one", 0, True),
        ("Good one", 1, False),
    ]


def test_a_source_that_works_again_has_no_problem_left(site: Site) -> None:
    source = a_source(site, problem="It failed.")
    site.answers["/feed"] = rss()

    gather(source, NOW, allow_loopback=True)

    source.refresh_from_db()
    assert source.problem == ""


def test_loopback_is_not_gathered_from_unless_a_test_says_so(site: Site) -> None:
    site.answers["/feed"] = rss(("one", "First", "x"))

    assert "not on the public internet" in gather(a_source(site), NOW).problem
    assert site.asked == []
