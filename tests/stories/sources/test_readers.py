from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from mailer.rendering import sanitize
from mailer.stories.sources import discovery
from mailer.stories.sources.feed import first_picture
from mailer.stories.sources.feed import parse as parse_feed
from mailer.stories.sources.parser_pool import UnlimitedParsers
from mailer.stories.sources.polite_fetch import Hosts, PoliteFetch, PollLimits
from mailer.stories.sources.polling import read_source_without_recording
from mailer.stories.sources.reader_interface import (
    SourceError,
    SourceItem,
    SourceResult,
    SourceSettings,
    from_json,
    to_json,
)
from mailer.stories.url_fetcher import FetchError
from tests.stories.conftest import NOW, Answer, Site

LIMITS = PollLimits(host_interval=0.0)


def read(kind: str, url: str, validators: Mapping[str, str] | None = None, **known: Any) -> SourceResult:
    settings = SourceSettings(kind, url, polled_at=NOW, **known)
    return read_source_without_recording(
        settings, validators or {}, NOW, LIMITS, parsers=UnlimitedParsers(), allow_loopback=True
    )


def as_json(value: Any, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json", headers=headers)


def html(text: str, **headers: str) -> Answer:
    return Answer(f"<!DOCTYPE html><html>{text}</html>".encode(), "text/html; charset=utf-8", headers=headers)


# Feeds.


def test_a_json_feed_is_read(site: Site) -> None:
    entry = {
        "id": 7,
        "url": "/news/7",
        "title": "Bread &amp; salt",
        "content_text": "One.\n\nTwo <b>.",
        "image": "https://www.example.org/7.jpg",
        "date_published": "2021-11-20T08:00:00+06:00",
        "tags": ["Astana"],
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "language": "kk", "items": [entry, "broken", {}]}
    site.answers["/feed.json"] = as_json(feed)

    result = read("feed", site.url("/feed.json"))

    (item,) = result.items
    assert (item.id, item.title, item.link) == ("7", "Bread & salt", site.url("/news/7"))
    assert item.html == "<p>One.</p><p>Two &lt;b&gt;.</p>"
    assert (item.language, item.categories, item.picture_url) == (
        "kk",
        ("Astana",),
        "https://www.example.org/7.jpg",
    )
    assert item.published == datetime(2021, 11, 20, 2, 0, tzinfo=UTC)
    assert len(result.warnings) == 1


RSS = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><language>ru-RU</language>
<item><guid isPermaLink="false">post-1</guid><title>Мост</title><link>https://a.example.org/1</link>
<category>Нарын</category><category>Дороги</category><pubDate>yesterday, or so</pubDate>
<description>Кратко.</description><content:encoded><![CDATA[<p>Полно.
<img src="/pixel.gif" width="1" height="1"><img alt="Мост" src="/m.jpg"></p>]]></content:encoded></item>
<item><title>Без картинки</title><link>https://a.example.org/2</link>
<media:content medium="image" url="https://a.example.org/2.jpg"/></item>
</channel></rss>"""


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "utf-16"])
def test_a_feed_in_any_encoding_is_read_with_its_pictures(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{RSS}'.encode(encoding)
    found = [from_json(one) for one in parse_feed(body, url="https://a.example.org/feed")["items"]]
    first, second = found
    assert (first.id, first.title, first.language) == ("post-1", "Мост", "ru-RU")
    assert (first.picture_url, first.picture_alt) == ("https://a.example.org/m.jpg", "Мост")
    assert (first.categories, first.published, first.summary) == (("Нарын", "Дороги"), None, "Кратко.")
    assert (second.id, second.picture_url) == ("https://a.example.org/2", "https://a.example.org/2.jpg")


def feed_of(*entries: str) -> list[SourceItem]:
    body = f'<rss version="2.0"><channel>{"".join(f"<item>{one}</item>" for one in entries)}</channel></rss>'
    return [from_json(one) for one in parse_feed(body.encode(), url="https://a.example.org/feed")["items"]]


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("windows-1251", "utf-8", ""),
        ("windows-1251", "", "application/rss+xml"),
        ("utf-8", "windows-1251", "text/xml"),
        ("utf-8", "utf-8", "text/xml; charset=windows-1251"),
        ("koi8-r", "koi8-r", "text/xml"),
        ("koi8-r", "", "text/xml; charset=koi8-r"),
    ],
)
def test_a_feed_with_another_encoding_than_it_says_is_read(
    encoding: str, declared: str, content_type: str
) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    found = parse_feed(f"{declaration}{RSS}".encode(encoding), "https://a.example.org/", content_type)
    assert [item["title"] for item in found["items"]] == ["Мост", "Без картинки"]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("Пн, 06 дек 2021 23:00:00 +0600", "2021-12-06"),
        ("6 декабря 2021 г., 10:00", "2021-12-06"),
        ("15 мая 2021", "2021-05-15"),
        ("7 iyul 2021", "2021-07-07"),
        ("06.12.2021 10:00", "2021-12-06"),
        ("Mon, 06 Dec 2021 23:00:00", "2021-12-06"),
        ("Mon, 06 Dec 2021 24:00:00 +0600", "2021-12-06"),
        ("Monday, December 6, 2021 - 10:00", "2021-12-06"),
        ("1638763200", "2021-12-06"),
        ("Mon, 06 Dec 2021 02:00:00 +0600", "2021-12-05"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("32.12.2021", None),
    ],
)
def test_dates_of_feeds_in_odd_forms_are_read(written: str, day: str | None) -> None:
    (item,) = feed_of(f"<title>T</title><pubDate>{written}</pubDate>")
    assert (item.published.date().isoformat() if item.published else None) == day


def test_the_text_and_picture_of_a_feed_for_other_programs_are_read() -> None:
    entry = (
        "<title>T</title><description>Short.</description><yandex:full-text>One.\n\nTwo.</yandex:full-text>"
    )
    body = f'<rss version="2.0" xmlns:yandex="http://news.yandex.ru"><channel><item>{entry}</item></channel></rss>'
    (item,) = map(from_json, parse_feed(body.encode())["items"])
    assert (item.html, item.summary) == ("<p>One.</p><p>Two.</p>", "Short.")
    late = (
        '<img data-src="https://a.example.org/p.jpg" src="data:image/gif;base64,R0" data-alt="" alt="A well">'
    )
    assert first_picture(late) == ("https://a.example.org/p.jpg", "A well")
    assert first_picture("<img src=https://a.example.org/q.jpg>") == ("https://a.example.org/q.jpg", "")


def test_entries_with_the_same_guid_are_all_read() -> None:
    guid = '<guid isPermaLink="false">0</guid>'
    linked = [f"{guid}<title>N{n}</title><link>https://a.example.org/{n}</link>" for n in (2, 1)]
    told = [f"{guid}<title>{title}</title><link>https://a.example.org/</link>" for title in ("A", "B")]
    for entries in (linked, told):
        found = feed_of(*entries)
        assert len({item.id for item in found}) == 2
        # The ids stay where others join; an entry that is listed twice is one.
        again = feed_of(f"{guid}<title>C</title><link>https://a.example.org/c</link>", *entries, entries[1])
        assert [item.id for item in again][1:] == [item.id for item in found]
    assert [item.id for item in feed_of(linked[0], linked[0])] == ["0"]


def test_a_long_feed_that_begins_with_the_oldest_has_its_newest_read(site: Site) -> None:
    days = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(150)]
    found = feed_of(
        *(
            f"<guid isPermaLink='false'>{n}</guid><title>N</title><pubDate>{format_datetime(day)}</pubDate>"
            for n, day in enumerate(days)
        )
    )
    assert {item.id for item in found} == {str(number) for number in range(50, 150)}
    entries = [{"id": n, "title": "N", "date_published": day.isoformat()} for n, day in enumerate(days)]
    for listed, first in ((entries, "50"), (entries[::-1], "149")):
        site.answers["/feed.json"] = as_json({"version": "https://jsonfeed.org/version/1.1", "items": listed})
        found = list(read("feed", site.url("/feed.json")).items)
        assert (len(found), found[0].id) == (100, first)


def test_an_item_survives_the_way_out_of_the_limited_process() -> None:
    item = SourceItem("1", "A", published=NOW, starts=datetime(2021, 1, 1, 9, 0), categories=("a", "b"))  # noqa: DTZ001
    assert from_json(json.loads(json.dumps(to_json(item)))) == item


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('<a class="x" href="/node/7?a=1&amp;b=2">x</a>', "https://a.example.org/node/7?a=1&amp;b=2"),
        ("<A HREF='more.pdf'>x</A>", "https://a.example.org/news/more.pdf"),
        ('<a href="//b.example.org/">x</a>', "https://b.example.org/"),
        ('<a href="https://b.example.org/c">x</a>', "https://b.example.org/c"),
        ('<a href="mailto:a@example.org">x</a>', "mailto:a@example.org"),
    ],
)
def test_links_within_a_site_are_whole(written: str, read: str) -> None:
    url = "https://a.example.org/news/1"
    entry = {"id": "1", "title": "T", "url": url, "content_html": written}
    listed = {"version": "https://jsonfeed.org/version/1.1", "items": [entry]}
    drupal = {"data": [node(1, path={"alias": "/news/1"}, body={"processed": written})]}
    wordpress = [post(1, link=url, content={"rendered": written})]
    for kind, given in (("feed", listed), ("drupal", drupal), ("wordpress", wordpress)):
        parsed = UnlimitedParsers().parse(
            kind, json.dumps(given).encode(), url="https://a.example.org/jsonapi/node/article"
        )
        (item,) = map(from_json, parsed["items"])
        assert read in item.html
        assert sanitize.rich_text(item.html).count("<a ") == 1


# WordPress.


def post(number: int, **changes: Any) -> dict[str, Any]:
    day = f"2021-11-{number:02d}T10:00:00"
    return {
        "id": number,
        "date_gmt": day,
        "modified_gmt": day,
        "link": f"https://w.example.org/{number}",
        "title": {"rendered": f"Post &#8211; {number}"},
        "content": {"rendered": "<p>Text.</p>"},
        "excerpt": {"rendered": "<p>Short.</p>"},
        **changes,
    }


EMBEDDED = {
    "wp:featuredmedia": [{"source_url": "https://w.example.org/p.jpg", "alt_text": "A bridge"}],
    "wp:term": [
        [{"taxonomy": "category", "name": "Kyrgyzstan"}],
        [{"taxonomy": "post_tag", "name": "Roads"}],
    ],
}


def test_a_wordpress_site_is_read_from_its_address(site: Site) -> None:
    link = {"Link": f'<{site.url("/blog/wp-json/")}>; rel="https://api.w.org/"'}
    site.by_path["/blog/"] = html("<title>Office</title>", **link)
    translated = post(3, lang="kk", translations={"ru": 2, "kk": 3})
    listed = [post(4, _embedded=EMBEDDED), translated, post(2, lang="ru", translations={"ru": 2, "kk": 3})]
    site.by_path["/blog/wp-json/wp/v2/posts"] = as_json([*listed, "broken"], ETag='"1"')

    result = read("wordpress", site.url("/blog/?categories=5"))

    first, kazakh, russian = result.items
    assert (first.id, first.title, first.link) == ("4", "Post – 4", "https://w.example.org/4")
    assert (first.picture_url, first.picture_alt) == ("https://w.example.org/p.jpg", "A bridge")
    assert first.categories == ("Kyrgyzstan", "Roads")
    assert first.published == datetime(2021, 11, 4, 10, 0, tzinfo=UTC)
    assert (kazakh.language, kazakh.translation_of, russian.translation_of) == ("kk", "2", "")
    assert "categories=5" in site.asked[-1][0]
    # The next poll asks the interface at once, and only for what is new.
    site.by_path["/blog/wp-json/wp/v2/posts"] = Answer(status=304)
    site.asked.clear()
    again = read("wordpress", site.url("/blog/?categories=5"), result.validators)
    assert (again.unchanged, again.validators, len(site.asked)) == (True, result.validators, 1)


def test_wordpress_is_read_page_by_page_up_to_what_the_last_poll_saw(site: Site) -> None:
    def page(number: int) -> Answer:
        return as_json([post(30 - 10 * number)], **{"X-WP-TotalPages": "9"})

    for number in range(1, 4):
        path = f"/wp-json/wp/v2/posts?_embed=1&per_page=50&page={number}&orderby=modified&order=desc"
        site.answers[path] = page(number - 1)
    seen = datetime(2021, 11, 15, tzinfo=UTC)
    result = read("wordpress", site.url("/wp-json/wp/v2/posts"), last_success_at=seen)
    assert [item.id for item in result.items] == ["30", "20", "10"]


@pytest.mark.parametrize("gone", [Answer(status=404), html("<body>Not found</body>")])
def test_an_interface_of_wordpress_that_moved_is_found_again(site: Site, gone: Answer) -> None:
    site.by_path["/wp-json/wp/v2/posts"] = gone
    site.by_path["/"] = html(f'<link rel="https://api.w.org/" href="{site.url("/api/")}">')
    site.by_path["/api/wp/v2/posts"] = as_json([post(1)])
    result = read("wordpress", site.url("/"), {"api": site.url("/wp-json/")})
    assert ([item.id for item in result.items], result.validators["api"]) == (["1"], site.url("/api/"))


def test_a_post_behind_a_password_is_none(site: Site) -> None:
    hidden = post(2, content={"rendered": "", "protected": True})
    site.by_path["/wp-json/wp/v2/posts"] = as_json([hidden, post(1)], **{"X-WP-TotalPages": "1"})
    result = read("wordpress", site.url("/wp-json/wp/v2/posts"))
    assert [item.id for item in result.items] == ["1"]
    assert result.listing is not None and result.listing.ids == {"1"}


def test_a_site_without_the_interface_of_wordpress_is_refused_in_words(site: Site) -> None:
    site.by_path["/"] = html("<title>No blog</title>")
    with pytest.raises(SourceError, match="WordPress"):
        read("wordpress", site.url("/"))


# Drupal.


def node(number: int, **attributes: Any) -> dict[str, Any]:
    relationships = {
        "field_image": {"data": {"type": "file--file", "id": "f1", "meta": {"alt": "A well"}}},
        "field_tags": {"data": [{"type": "taxonomy_term--tags", "id": "t1"}]},
        "uid": {"data": {"type": "user--user", "id": "u1"}},
    }
    known = {
        "title": f"Node {number}",
        "drupal_internal__nid": number,
        "created": "2021-11-20T10:00:00+00:00",
        "changed": "2021-11-21T10:00:00+00:00",
        "langcode": "en",
        "default_langcode": True,
        "path": {"alias": f"/news/{number}"},
        "body": {"value": "x", "processed": "<p>Water.</p>", "summary": "Short."},
    }
    return {
        "type": "node--article",
        "id": f"uuid-{number}",
        "attributes": {**known, **attributes},
        "relationships": relationships,
    }


INCLUDED = [
    {
        "type": "file--file",
        "id": "f1",
        "attributes": {"filemime": "image/jpeg", "uri": {"url": "/sites/default/files/w.jpg"}},
    },
    {"type": "taxonomy_term--tags", "id": "t1", "attributes": {"name": "Water"}},
]


def test_a_drupal_site_is_read_in_each_of_its_languages(site: Site) -> None:
    alternates = "".join(
        f'<link rel="alternate" hreflang="{language}" href="{site.url(f"/{language}")}">'
        for language in ("kk", "x-default")
    )
    site.by_path["/"] = html(f"<head><meta name='Generator' content='Drupal 11'>{alternates}</head>")
    site.by_path["/jsonapi/node/article"] = as_json({"data": [node(1), node(2)], "included": INCLUDED})
    kazakh = node(1, langcode="kk", default_langcode=False, title="Су", path={"alias": "/zhanalyk/1"})
    site.by_path["/kk/jsonapi/node/article"] = as_json({"data": [kazakh, node(2)]})

    result = read("drupal", site.url("/"))

    first, second, translation = result.items
    assert (first.id, first.title, first.language) == ("uuid-1", "Node 1", "en")
    assert (first.html, first.summary) == ("<p>Water.</p>", "Short.")
    assert (first.link, first.categories) == (site.url("/news/1"), ("Water",))
    assert (first.picture_url, first.picture_alt) == (site.url("/sites/default/files/w.jpg"), "A well")
    assert second.id == "uuid-2"
    assert (translation.id, translation.translation_of) == ("uuid-1:kk", "uuid-1")
    assert (translation.link, translation.language) == (site.url("/kk/zhanalyk/1"), "kk")


def test_drupal_is_asked_for_less_where_it_has_not_those_fields(site: Site) -> None:
    query = "sort=-changed&page%5Blimit%5D=50"
    site.by_path["/jsonapi/node/page"] = Answer(status=400)
    site.answers[f"/jsonapi/node/page?{query}&include=field_tags"] = as_json({"data": [node(1)]})
    result = read("drupal", site.url("/jsonapi/node/page"))
    assert len(result.items) == 1
    asked = len(site.asked)
    assert read("drupal", site.url("/jsonapi/node/page"), result.validators).items == result.items
    assert len(site.asked) == asked + 1


def test_a_drupal_site_that_loses_a_field_is_read_without_it(site: Site) -> None:
    query = "sort=-changed&page%5Blimit%5D=50"
    site.by_path["/jsonapi/node/page"] = Answer(status=400)
    site.answers[f"/jsonapi/node/page?{query}"] = as_json({"data": [node(1)]})
    result = read("drupal", site.url("/jsonapi/node/page"), {"include": "field_image,field_tags"})
    assert (len(result.items), result.validators["include"]) == (1, "")


def test_a_language_of_drupal_that_answers_with_a_page_keeps_no_other_out(site: Site) -> None:
    links = "".join(
        f'<link rel="alternate" hreflang="{one}" href="{site.url(f"/{one}")}">' for one in ("kk", "tg")
    )
    site.by_path["/"] = html(f"<head>{links}</head>")
    site.by_path["/jsonapi/node/article"] = as_json({"data": [node(1)]})
    site.by_path["/kk/jsonapi/node/article"] = html("<body>Not found</body>")
    tajik = node(1, langcode="tg", default_langcode=False)
    site.by_path["/tg/jsonapi/node/article"] = as_json({"data": [tajik]})
    result = read("drupal", site.url("/"))
    assert ([item.id for item in result.items], result.listing) == (["uuid-1", "uuid-1:tg"], None)


# Sitemaps.

LONG = "<p>" + "A sentence of an article about water in the mountains. " * 8 + "</p>"


def article(title: str, extra: str = "", text: str = LONG) -> Answer:
    return html(
        f"<head><title>{title} | Office</title>{extra}</head>"
        f"<body><article><h1>{title}</h1>{text}</article></body>"
    )


def sitemap(*pages: tuple[str, str]) -> Answer:
    listed = "".join(f"<url><loc>{url}</loc><lastmod>{day}</lastmod></url>" for url, day in pages)
    text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    return Answer(gzip.compress(text.encode()), "application/gzip")


def test_articles_of_a_sitemap_are_read_once_each(site: Site) -> None:
    index = f"<sitemapindex><sitemap><loc>{site.url('/posts.xml.gz')}</loc></sitemap></sitemapindex>"
    site.by_path["/robots.txt"] = Answer(
        f"Sitemap: {site.url('/index.xml')}\nUser-agent: *\nDisallow: /private/".encode(), "text/plain"
    )
    site.by_path["/index.xml"] = Answer(index.encode(), "application/xml")
    pages = [
        (site.url(f"/{name}"), f"2021-11-2{day}") for day, name in enumerate(("a", "b", "private/c", "about"))
    ]
    site.by_path["/posts.xml.gz"] = sitemap(*pages)
    described = {
        "@type": "NewsArticle",
        "inLanguage": "ru",
        "datePublished": "2021-11-19T09:00:00+06:00",
        "image": ["/p.jpg"],
    }
    site.by_path["/a"] = article(
        "Мост", f'<script type="application/ld+json">{json.dumps(described)}</script>'
    )
    event = {"@type": "Event", "startDate": "2021-12-10T18:00", "location": {"name": "House of Cinema"}}
    site.by_path["/b"] = article(
        "An evening", f'<script type="application/ld+json">{json.dumps(event)}</script>'
    )
    site.by_path["/about"] = html("<body><p>About us.</p></body>")

    result = read("sitemap", site.url("/"))

    by_title = {item.title: item for item in result.items}
    assert set(by_title) == {"Мост", "An evening"}
    bridge, evening = by_title["Мост"], by_title["An evening"]
    assert (bridge.id, bridge.language, bridge.picture_url) == ("/a", "ru", site.url("/p.jpg"))
    assert bridge.published == datetime(2021, 11, 19, 3, 0, tzinfo=UTC)
    assert "water in the mountains" in bridge.html
    assert (evening.kind, evening.place) == ("event", "House of Cinema")
    assert evening.starts == datetime(2021, 12, 10, 18, 0)  # noqa: DTZ001
    assert not any(path.startswith("/private") for path, _ in site.asked)

    # Nothing new; then one page is new, and one changed.
    assert read("sitemap", site.url("/"), result.validators).unchanged
    changed = [(site.url("/a"), "2021-11-30"), *pages[1:], (site.url("/d"), "2021-11-29")]
    site.by_path["/posts.xml.gz"] = sitemap(*changed)
    site.by_path["/d"] = article("A fourth")
    later = read("sitemap", site.url("/"), result.validators)
    assert [item.title for item in later.items] == ["Мост", "A fourth"]
    assert read("sitemap", site.url("/"), later.validators).unchanged


def test_pages_that_do_not_fit_or_fail_are_read_with_the_next_poll(site: Site) -> None:
    def listed(count: int, offset: int = 0) -> list[tuple[str, str]]:
        first = NOW - timedelta(hours=offset + count)
        return [
            (site.url(f"/{offset + number}"), (first + timedelta(hours=number)).isoformat())
            for number in range(count)
        ]

    site.by_path["/sitemap.xml"] = sitemap(*listed(3, 40))
    for number in range(40, 43):
        site.by_path[f"/{number}"] = article(f"Number {number}")
    site.by_path["/41"] = Answer(status=500)
    first = read("sitemap", site.url("/sitemap.xml"))
    assert len(first.items) == 2
    assert len(first.warnings) == 1

    site.by_path["/sitemap.xml"] = sitemap(*listed(3, 40), *listed(25))
    for number in (*range(25), 41):
        site.by_path[f"/{number}"] = article(f"Number {number}")
    second = read("sitemap", site.url("/sitemap.xml"), first.validators)
    third = read("sitemap", site.url("/sitemap.xml"), second.validators)
    titles = [item.title for item in (*second.items, *third.items)]
    assert sorted(titles) == sorted(f"Number {number}" for number in (*range(25), 41))


@pytest.mark.parametrize("status", [404, 410, 403])
def test_pages_that_a_sitemap_lists_and_the_site_has_not_keep_no_other_out(site: Site, status: int) -> None:
    pages = [(site.url(f"/{number}"), f"2021-11-{20 - number}") for number in range(5)]
    site.by_path["/sitemap.xml"] = sitemap(*pages)
    for number in range(4):
        site.by_path[f"/{number}"] = Answer(status=status)
    site.by_path["/4"] = article("Number 4")
    result = read("sitemap", site.url("/sitemap.xml"))
    assert ([item.id for item in result.items], len(result.warnings)) == (["/4"], 1)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_server_that_fails_for_every_page_fails_its_source(site: Site, status: int) -> None:
    site.by_path["/sitemap.xml"] = sitemap(*((site.url(f"/{number}"), "2021-11-20") for number in range(3)))
    site.by_path |= {f"/{number}": Answer(status=status) for number in range(3)}
    with pytest.raises(FetchError):
        read("sitemap", site.url("/sitemap.xml"))


@pytest.mark.parametrize("before", [b"\n\n", b"\xef\xbb\xbf\r\n", b"\xef\xbb\xbf\xef\xbb\xbf"])
def test_a_sitemap_below_empty_lines_and_marks_is_read(site: Site, before: bytes) -> None:
    body = f'<?xml version="1.0"?><urlset><url><loc>{site.url("/a")}</loc></url></urlset>'.encode()
    site.by_path["/map.xml"] = Answer(before + body, "application/xml")
    site.by_path["/robots.txt"] = Answer(
        f"\ufeffSitemap: {site.url('/map.xml')}\nUser-agent: *\nDisallow: /b".encode(), "text/plain"
    )
    site.by_path["/a"] = article("A bridge")
    assert [item.id for item in read("sitemap", site.url("/")).items] == ["/a"]


@pytest.mark.parametrize(
    "line",
    ["Crawl-delay: ²", "Disallow: //[x", "Request-rate: ²/1", f"Crawl-delay: {'9' * 5_000}", "Allow: //[x"],
)
def test_a_line_of_robots_txt_that_cannot_be_read_is_no_rule(site: Site, line: str) -> None:
    others = f"User-agent: *\n{line}\nUser-agent: other\nDisallow: /"
    rules = f"{others}\n\nUser-agent: newsletter-mailer\nDisallow: /b"
    for text, ids in ((f"User-agent: *\nDisallow: /b\n{line}", ["/a"]), (rules, ["/a"])):
        site.by_path["/robots.txt"] = Answer(text.encode(), "text/plain")
        pages = [(site.url(f"/{name}"), "2021-11-20") for name in ("a", "b")]
        site.by_path["/map.xml"] = sitemap(*pages)
        site.by_path |= {f"/{name}": article(f"A bridge {name}") for name in ("a", "b")}
        assert [item.id for item in read("sitemap", site.url("/map.xml")).items] == ids
    # The line ends the list of user agents above it.
    site.by_path["/robots.txt"] = Answer(others.encode(), "text/plain")
    assert len(read("sitemap", site.url("/map.xml")).items) == 2


def test_an_odd_address_of_a_sitemap_keeps_no_other_out(site: Site) -> None:
    text = f"Sitemap: http://[x\nSitemap: {site.url('/map.xml')}"
    site.by_path["/robots.txt"] = Answer(text.encode(), "text/plain")
    site.by_path["/map.xml"] = sitemap((site.url("/a"), "2021-11-20"))
    site.by_path["/a"] = article("A bridge")
    assert [item.id for item in read("sitemap", site.url("/")).items] == ["/a"]


def test_an_odd_address_or_delay_keeps_no_other_page_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.stories.sources.sitemap._MOST_DELAY", 0.01)
    site.by_path["/robots.txt"] = Answer(f"User-agent: *\nCrawl-delay: {'9' * 400}".encode(), "text/plain")
    site.by_path["/map.xml"] = sitemap(
        ("https://a.example.org%5B/", "2021-11-21"), (site.url("/a"), "2021-11-20")
    )
    site.by_path["/a"] = article("A bridge")
    assert [item.id for item in read("sitemap", site.url("/map.xml")).items] == ["/a"]


def test_pictures_of_a_sitemap_are_no_pages_and_name_none() -> None:
    picture = "<image:image><image:loc>https://a.example.org/p.jpg</image:loc><image:title>P</image:title></image:image>"
    news = (
        "<n:news><n:publication><n:name>A</n:name><n:language>kk</n:language></n:publication>"
        "<n:publication_date>2021-11-20</n:publication_date><n:title>N</n:title></n:news>"
    )
    pages = "".join(
        f"<url>{picture}<loc>https://a.example.org/{n}</loc>{more}</url>" for n, more in enumerate(("", news))
    )
    body = f'<urlset xmlns:image="urn:i" xmlns:n="urn:n">{pages}</urlset>'.encode()
    found = {page["url"]: page for page in UnlimitedParsers().parse("sitemap", body)["pages"]}
    plain, told = (found[f"https://a.example.org/{number}"] for number in (0, 1))
    assert (plain["title"], plain["published"], plain["language"]) == ("", "", "")
    assert (told["title"], told["published"], told["language"]) == ("N", "2021-11-20", "kk")


@pytest.mark.parametrize(
    ("stated", "link"),
    [
        ("https://a.example.org/", "https://a.example.org/1?a=2"),
        ("/index.php", "https://a.example.org/1?a=2"),
        ("https://a.example.org/news/1", "https://a.example.org/news/1"),
    ],
)
def test_the_address_of_an_article_is_not_that_of_its_site(stated: str, link: str) -> None:
    body = article("A bridge", f'<meta property="og:url" content="{stated}">').body
    assert (
        UnlimitedParsers().parse("article", body, url="https://a.example.org/1?a=2")["item"]["link"] == link
    )


# What is hostile or broken.


@pytest.mark.parametrize("kind", ["feed", "wordpress", "drupal", "sitemap"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe<" * 50,
        b"[" * 100_000,
        b'{"data":[{"id":[],"attributes":[1],"relationships":[2]}],"version":"https://jsonfeed.org/","items":7}',
        b'[{"id":{},"title":5,"_embedded":{"wp:term":7,"wp:featuredmedia":{}}}, null]',
        b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><urlset><url><loc>&d;</loc></url></urlset>',
        b"<a>" * 5_000,
    ],
)
def test_a_broken_answer_is_an_error_in_words_or_nothing(kind: str, body: bytes) -> None:
    parsers = UnlimitedParsers()
    try:
        found = parsers.parse(kind, body, url="https://www.example.org/")
    except SourceError as error:
        assert str(error)
    else:
        assert not found.get("items") and not found.get("pages")


# Discovery.


def test_what_a_site_has_is_found_from_its_address(site: Site) -> None:
    head = """<head><title>The  office</title><link rel="https://api.w.org/" href="/wp-json/">
    <link rel="alternate" type="application/rss+xml" title="News" href="/feed/">
    <link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed/">
    <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)"></head>"""
    site.by_path["/"] = html(head)
    site.by_path["/sitemap.xml"] = sitemap((site.url("/a"), "2021-11-20"))
    hosts = Hosts(0)
    fetch = PoliteFetch(LIMITS, hosts, UnlimitedParsers(), NOW, allow_loopback=True)
    assert discovery.discover(site.url("/"), fetch) == (
        discovery.Offer("wordpress", site.url("/"), "The office"),
        discovery.Offer("feed", site.url("/feed/"), "News"),
        discovery.Offer("sitemap", site.url("/sitemap.xml"), "The office"),
    )
    site.answers["/feed/"] = Answer(RSS.encode())
    assert discovery.discover(site.url("/feed/"), fetch) == (discovery.Offer("feed", site.url("/feed/")),)
    site.by_path["/jsonapi/node/article"] = as_json({"data": []})
    site.by_path["/"] = html(
        "<head><meta name=generator content='Drupal 10 (https://www.drupal.org)'></head>"
    )
    assert discovery.discover(site.url("/"), fetch)[0].kind == "drupal"
