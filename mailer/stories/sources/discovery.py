"""Finds the feeds and interfaces of a website from its address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from mailer.stories.sources.reader_interface import Fetch, Response, SourceError
from mailer.stories.url_fetcher import FetchError

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_API_REL = "https://api.w.org/"
_LINK_HEADER = re.compile(r"<([^<>]*)>\s*;[^,<]*\brel=\"?([^\";,]+)", re.IGNORECASE)
# Feeds of a page that are offered; the others are of its comments, sections and so on.
_MOST_FEEDS = 6


@dataclass(frozen=True)
class Offer:
    """A source that staff may add."""

    # One of StorySource.Kind.
    kind: str
    url: str
    # As the site names it; may be empty.
    title: str = ""


@dataclass(frozen=True)
class Page:
    """What the head of a page says about its site."""

    # After redirects.
    url: str
    title: str = ""
    # (address, title) of its feeds.
    feeds: tuple[tuple[str, str], ...] = ()
    # The root of WordPress's REST API; or "".
    api: str = ""
    # The program that made the page: "Drupal 11 (https://www.drupal.org)".
    generator: str = ""
    # Language → address of the page in it.
    languages: Mapping[str, str] | None = None


def discover(url: str, fetch: Fetch) -> tuple[Offer, ...]:
    """What can be read at this address or at its site, the best first. Raises FetchError and SourceError."""
    answer = fetch(url)
    if _is_feed(answer, fetch):
        return (Offer("feed", answer.url),)
    if _sitemap_in(answer, fetch):
        return (Offer("sitemap", answer.url),)
    page = _page(answer, fetch)
    return tuple(dict.fromkeys((*_interfaces(page, fetch), *_feeds(page), *_sitemaps(page, fetch))))


def look_at(url: str, fetch: Fetch) -> Page:
    """The page at this address. Raises FetchError and SourceError."""
    return _page(fetch(url), fetch)


def _page(answer: Response, fetch: Fetch) -> Page:
    links = _LINK_HEADER.findall(answer.headers.get("link", ""))
    api = next((urljoin(answer.url, target) for target, rel in links if rel == _API_REL), "")
    if "html" not in answer.content_type:
        return Page(answer.url, api=api)
    found = fetch.parse("page", answer.body, url=answer.url)
    return Page(
        answer.url,
        found["title"],
        tuple((address, title) for address, title in found["feeds"]),
        api or found["api"],
        found["generator"],
        found["languages"],
    )


def _is_feed(answer: Response, fetch: Fetch) -> bool:
    if "html" in answer.content_type:
        return False
    try:
        fetch.parse("feed", answer.body, url=answer.url, content_type=answer.headers.get("content-type", ""))
    except SourceError:
        return False
    return True


def _sitemap_in(answer: Response, fetch: Fetch) -> bool:
    if "html" in answer.content_type:
        return False
    try:
        found = fetch.parse("sitemap", answer.body, url=answer.url)
    except SourceError:
        return False
    return bool(found["pages"] or found["sitemaps"])


def _interfaces(page: Page, fetch: Fetch) -> Iterator[Offer]:
    if page.api:
        yield Offer("wordpress", page.url, page.title)
    if page.generator.startswith("Drupal"):
        address = urljoin(page.url, "/jsonapi/node/article")
        try:
            answer = fetch(f"{address}?page[limit]=1")
            fetch.parse("drupal", answer.body, url=address)
        except (FetchError, SourceError):
            return
        yield Offer("drupal", page.url, page.title)


def _feeds(page: Page) -> Iterator[Offer]:
    for address, title in page.feeds[:_MOST_FEEDS]:
        # WordPress names a feed of comments beside that of posts.
        if not urlsplit(address).path.rstrip("/").endswith("/comments/feed"):
            yield Offer("feed", address, title)


def _sitemaps(page: Page, fetch: Fetch) -> Iterator[Offer]:
    for address in find_sitemaps(page.url, fetch)[:1]:
        try:
            answer = fetch(address)
        except FetchError:
            continue
        if _sitemap_in(answer, fetch):
            yield Offer("sitemap", answer.url, page.title)


def find_sitemaps(url: str, fetch: Fetch) -> list[str]:
    """Those that the site's robots.txt names (sitemaps.org), else /sitemap.xml."""
    found = re.findall(r"^\s*sitemap:\s*(\S+)", robots_txt(url, fetch), re.IGNORECASE | re.MULTILINE)
    addresses = [address for one in found[:5] if (address := _joined(url, one))]
    return addresses or [urljoin(url, "/sitemap.xml")]


def robots_txt(url: str, fetch: Fetch) -> str:
    """The site's robots.txt (RFC 9309), "" where there is none."""
    try:
        answer = fetch(urljoin(url, "/robots.txt"))
    except FetchError:
        return ""
    return "" if "html" in answer.content_type else answer.body[:512_000].decode("utf-8-sig", "replace")


def parse(body: bytes, url: str = "") -> dict[str, Any]:
    """The fields of Page. Runs in the limited process."""
    from bs4 import BeautifulSoup  # slow to load, and only the limited process needs it

    soup = BeautifulSoup(body, "html.parser")
    bases = [str(one.get("href") or "") for one in soup.find_all("base")]
    base = _joined(url, bases[0]) or url if bases else url
    feeds, languages, api = dict[str, str](), dict[str, str](), ""
    for link in soup.find_all("link"):
        rel = str(link.get_attribute_list("rel")).lower()
        address = _joined(base, str(link.get("href") or ""))
        if not address:
            continue
        if _API_REL in rel:
            api = address
        elif "alternate" in rel and str(link.get("type") or "").lower() in _FEED_TYPES:
            feeds.setdefault(address, str(link.get("title") or "")[:200])
        elif "alternate" in rel and link.get("hreflang"):
            languages.setdefault(str(link["hreflang"]), address)
    generators = [
        str(one.get("content") or "")
        for one in soup.find_all("meta")
        if str(one.get("name") or "").lower() == "generator"
    ]
    return {
        "title": " ".join((soup.title.get_text() if soup.title else "").split())[:200],
        "feeds": list(feeds.items()),
        "api": api,
        "generator": next(iter(generators), ""),
        "languages": languages,
    }


def _joined(base: str, href: str) -> str:
    try:
        address = urljoin(base, href.strip())
        return address if href and urlsplit(address).scheme in ("http", "https") else ""
    except ValueError:
        return ""
