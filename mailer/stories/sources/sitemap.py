"""Reads the articles of a site that has only a sitemap (sitemaps.org), also one for news, page by page."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from mailer.stories.sources import article, discovery
from mailer.stories.sources.feed import to_title, web_address
from mailer.stories.sources.reader_interface import (
    Fetch,
    Listing,
    SourceError,
    SourceItem,
    SourceResult,
    SourceSettings,
    from_json,
    parse_iso_time,
)
from mailer.stories.url_fetcher import USER_AGENT, FetchError, StatusError
from subscribers.limited_process import require_xml_depth_at_most
from subscribers.translate_stored_texts import stored

# Articles that are fetched in one poll, and sitemaps of an index.
_ARTICLES, _SITEMAPS = 20, 5
# Pages of a sitemap that are looked at, the newest.
_PAGES = 2_000
# A page may get into a sitemap some days after the day that it states.
_LATE = timedelta(days=7)
# Seconds between two requests that robots.txt may ask for.
_MOST_DELAY = 10.0
# A line of a robots.txt that ends a list of user agents, as a rule does, and says nothing.
_NO_RULE = "Crawl-delay:"
_UNPACKED = 60 * 1024 * 1024
_T = TypeVar("_T")
_LONG_AGO = datetime(1971, 1, 1, tzinfo=UTC)
_SELECTED = ("article", "news", "post", "story", "stories", "press")


@dataclass(frozen=True)
class _Listed:
    """A page of a sitemap."""

    url: str
    modified: datetime | None
    # Of a news sitemap.
    title: str = ""
    published: str = ""
    language: str = ""

    @property
    def mark(self) -> str:
        """Identifies the page in the state that it has."""
        told = f"{self.url} {self.modified.isoformat() if self.modified else ''}"
        return hashlib.sha256(told.encode()).hexdigest()[:10]


def read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    """The articles that are new in the sitemap or changed, at first the newest.

    Raises SourceError and FetchError.
    """
    sitemaps = _Sitemaps(fetch)
    listed = sitemaps.pages_of(settings.url)
    listing = sitemaps.listing(listed)
    recent, fresh, start = _fresh(listed, validators, settings.polled_at)
    if not fresh:
        return SourceResult(validators=_remembered(recent, start), unchanged=True, listing=listing)
    rules = _rules(settings.url, fetch)
    items: list[SourceItem] = []
    again, left, failed = list[_Listed](), list[_Listed](), 0
    refusal: FetchError | None = None
    for page in fresh:
        if not _may_fetch(rules, page.url):
            continue
        if len(items) + failed >= _ARTICLES:
            left.append(page)
            continue
        try:
            answer = fetch(page.url)
            found = fetch.parse(
                "article",
                answer.body,
                url=page.url,
                title=page.title,
                published=page.published,
                language=page.language,
            )
        except FetchError as error:
            failed += 1
            if failed >= 3 and not items and not _concerns_the_page_alone(error):
                raise
            if not (isinstance(error, StatusError) and error.status in (404, 410)):
                again.append(page)
                refusal = error
            continue
        except SourceError:
            failed += 1
            continue
        if found["item"]:
            items.append(_dated(from_json(found["item"]), page))
    if refusal is not None and len(again) >= 3 and not items:
        raise refusal
    # What did not fit is read with the next poll; at the first one, the older pages are an archive.
    later = {page.mark for page in (*again, *(left if validators.get("seen") else ()))}

    def without(ids: Collection[str]) -> Mapping[str, str]:
        lost = [page for page in fresh if article.path_and_query_as_id(page.url) in ids]
        since = min([start, *(page.modified for page in lost if page.modified)])
        return _remembered(recent, since, later | {page.mark for page in lost})

    warnings = (
        [stored("Web pages of the source that could not be read: %(count)s.", count=failed)] if failed else []
    )
    return SourceResult(
        tuple(items),
        _remembered(recent, start, later),
        warnings=tuple(warnings),
        listing=listing,
        validators_without=without,
    )


def _concerns_the_page_alone(error: FetchError) -> bool:
    """Whether the server answers, but has no such page, or none for us: others may be there."""
    return isinstance(error, StatusError) and 400 <= error.status < 500 and error.status != 429


def _dated(item: SourceItem, page: _Listed) -> SourceItem:
    return replace(item, updated=item.updated or page.modified, published=item.published or page.modified)


@dataclass
class _Sitemaps:
    """Reads the sitemaps of a site, and notes whether they list everything."""

    fetch: Fetch
    is_complete: bool = True
    # Whether one is a sitemap for news, which lists those of two days.
    is_news: bool = False

    def pages_of(self, url: str) -> list[_Listed]:
        """The pages of the site's sitemaps, the newest first."""
        is_sitemap = urlsplit(url).path.lower().endswith((".xml", ".gz", ".xml.gz"))
        addresses = [url] if is_sitemap else discovery.find_sitemaps(url, self.fetch)
        pages: dict[str, _Listed] = {}
        for address in self._some(addresses):
            pages |= self._read(address)
        return sorted(pages.values(), key=lambda page: page.modified or _LONG_AGO, reverse=True)

    def listing(self, pages: Sequence[_Listed]) -> Listing | None:
        """All pages, as far back as their dates go; None where a part was not read."""
        moments = [page.modified for page in pages if page.modified]
        is_dated = len(moments) == len(pages)
        if not self.is_complete or (self.is_news and not is_dated):
            return None
        ids = frozenset(article.path_and_query_as_id(page.url) for page in pages)
        return Listing(ids, since=min(moments) if moments and is_dated else None)

    def _read(self, address: str, *, nested: bool = True) -> dict[str, _Listed]:
        answer = self.fetch(address)
        found = self.fetch.parse("sitemap", answer.body, url=answer.url)
        self.is_complete = self.is_complete and found["complete"]
        pages = {
            one["url"]: _Listed(
                one["url"],
                parse_iso_time(one["modified"] or one["published"]),
                one["title"],
                one["published"],
                one["language"],
            )
            for one in found["pages"]
        }
        self.is_news = self.is_news or any(page.published for page in pages.values())
        if nested:
            for inner in self._some(sorted(found["sitemaps"], key=_rank)):
                pages |= self._read(inner["url"], nested=False)
        elif found["sitemaps"]:
            self.is_complete = False
        return pages

    def _some(self, listed: Sequence[_T]) -> Sequence[_T]:
        self.is_complete = self.is_complete and len(listed) <= _SITEMAPS
        return listed[:_SITEMAPS]


def _rank(sitemap: Mapping[str, str]) -> tuple[bool, float]:
    """Sitemaps of articles first, the one that changed last before the others."""
    modified = parse_iso_time(sitemap["modified"]) or _LONG_AGO
    is_selected = any(word in sitemap["url"].lower() for word in _SELECTED)
    return not is_selected, -modified.timestamp()


def _fresh(
    listed: list[_Listed], validators: Mapping[str, str], now: datetime | None
) -> tuple[list[_Listed], list[_Listed], datetime]:
    """The pages that may be new, those of them that were not read yet, and since when to remember pages."""
    try:
        seen = frozenset(map(str, json.loads(validators.get("seen", "[]"))))
    except (ValueError, TypeError):
        seen = frozenset()
    since = parse_iso_time(validators.get("since", "")) or _LONG_AGO
    newest = max((page.modified for page in listed if page.modified), default=since)
    recent = [page for page in listed if page.modified is None or page.modified >= since]
    fresh = [page for page in recent if page.mark not in seen]
    return recent, fresh, max(min(newest, now or newest) - _LATE, since)


def _remembered(
    recent: Iterable[_Listed], since: datetime, later: Collection[str] = frozenset()
) -> dict[str, str]:
    """The validators: what was read of the pages since then, without those with the marks `later`."""
    read = [page.mark for page in recent if page.modified is None or page.modified >= since]
    return {"since": since.isoformat(), "seen": json.dumps([mark for mark in read if mark not in later])}


def _rules(url: str, fetch: Fetch) -> RobotFileParser:
    """What the site's robots.txt (RFC 9309) allows; its Crawl-delay is kept from now on."""
    rules = RobotFileParser()
    lines = discovery.robots_txt(url, fetch).splitlines()
    rules.parse([line if _is_readable(line) else _NO_RULE for line in lines])
    if delay := rules.crawl_delay(USER_AGENT):
        fetch.slow_down(url, float(min(int(delay), _MOST_DELAY)))
    return rules


def _is_readable(line: str) -> bool:
    """Whether the parser can read this line of a robots.txt; it fails for the whole file otherwise."""
    try:
        RobotFileParser().parse(["User-agent: *", line])
    except ValueError:
        return False
    return True


def _may_fetch(rules: RobotFileParser, url: str) -> bool:
    try:
        return rules.can_fetch(USER_AGENT, url)
    except ValueError:
        # What is in percent-encoding may be no address without it.
        return False


def parse(body: bytes, url: str = "") -> dict[str, Any]:
    """{"sitemaps": [...], "pages": [...], "complete": whether none was left out} of a sitemap.

    Runs in the limited process. Raises SourceError.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    # Programs of sites often write empty lines before the declaration.
    document = (_unpacked(body) if body.startswith(b"\x1f\x8b") else body).lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        require_xml_depth_at_most(iter([document, b""]))
        root = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceError(stored("%(url)s is not a sitemap.", url=url)) from error
    name = _local(root.tag)
    if name not in ("urlset", "sitemapindex"):
        raise SourceError(stored("%(url)s is not a sitemap.", url=url))
    entries = [entry for one in root if (entry := _entry(one, url))["url"]]
    entries.sort(key=lambda one: one["modified"] or one["published"], reverse=True)
    if name == "sitemapindex":
        return {"sitemaps": entries, "pages": [], "complete": True}
    return {"sitemaps": [], "pages": entries[:_PAGES], "complete": len(entries) <= _PAGES}


def _unpacked(body: bytes) -> bytes:
    """A sitemap that is compressed by gzip; cut off where it is far too long."""
    try:
        return zlib.decompressobj(wbits=31).decompress(body, _UNPACKED)
    except zlib.error:
        return b""


def _entry(element: Any, base: str) -> dict[str, str]:
    """A page or sitemap. Its pictures and films have addresses, titles and days of their own."""
    own = _texts(element)
    news = next((one for one in element if _local(one.tag) == "news"), None)
    about = _texts(news.iter()) if news is not None else {}
    return {
        "url": web_address(own.get("loc", ""), base),
        "modified": own.get("lastmod", ""),
        "published": about.get("publication_date", ""),
        "title": to_title(about.get("title", "")),
        "language": about.get("language", ""),
    }


def _texts(elements: Iterable[Any]) -> dict[str, str]:
    """The texts by the names of their elements, the first of each."""
    texts: dict[str, str] = {}
    for one in elements:
        texts.setdefault(_local(one.tag), (one.text or "").strip())
    return texts


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]
