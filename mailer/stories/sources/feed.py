"""Reads RSS and Atom, by feedparser, and JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import hashlib
import json
import re
from calendar import timegm
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html import escape, unescape
from io import BytesIO
from itertools import pairwise
from typing import Any
from urllib.parse import urljoin, urlsplit

from mailer.rendering import sanitize
from mailer.stories.sources import fast_feedparser
from mailer.stories.sources.feed_dates import is_epoch, parse_feed_time
from mailer.stories.sources.reader_interface import (
    Fetch,
    Listing,
    SourceError,
    SourceItem,
    SourceResult,
    SourceSettings,
    from_json,
    listing_if_newest_first,
    parse_iso_time,
    to_json,
)
from subscribers.limited_process import require_xml_depth_at_most
from subscribers.translate_stored_texts import stored

# Newest entries of a feed that are read at a time.
MOST = 100
_FEED_TYPES = "application/atom+xml, application/rss+xml, application/feed+json, */*;q=0.5"
_ELEMENT = re.compile(r"<(?:p|br|div|b|strong|i|em|a|ul|ol|h[1-6]|img)\b", re.IGNORECASE)
_DECLARATION = re.compile(rb"(<\?xml\b[^>]*?)\s+encoding\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_ENCODING = re.compile(r"(?:encoding|charset)\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"(<a\s[^<>]*?\bhref\s*=\s*)(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"(?<![\w-])(src|alt|data-src|data-lazy-src)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE
)


def read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    """The entries of the feed. Raises SourceError and FetchError."""
    answer = fetch(settings.url, {"Accept": _FEED_TYPES, **conditional_headers(validators)})
    if answer.unchanged:
        return SourceResult(validators=validators, unchanged=True, listing=Listing(repeated=True))
    content_type = answer.headers.get("content-type", "")
    body = hashlib.sha256(b"\0".join((answer.url.encode(), content_type.encode(), answer.body))).hexdigest()
    kept = {**validators_of(answer.headers), "body": body}
    if validators.get("body") == body:
        # Many servers send the whole feed again.
        return SourceResult(validators=kept, unchanged=True, listing=Listing(repeated=True))
    found = fetch.parse("feed", answer.body, url=answer.url, content_type=content_type)
    items, warnings = tuple(map(from_json, found["items"])), tuple(found["warnings"])
    # A feed shows its newest entries: an older one than those is not deleted because it is missing.
    listing = None if warnings else listing_if_newest_first(items, [item.published for item in items])
    if listing is not None:
        # An old copy of the feed, as caches give it, lacks the newest.
        listing = replace(listing, until=items[0].published)
    return SourceResult(items, kept, warnings=warnings, listing=listing)


def conditional_headers(validators: Mapping[str, str]) -> dict[str, str]:
    """The headers that make a request conditional (RFC 9110 §13.1)."""
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: validators[name] for name in names if validators.get(name)}


def validators_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What the next conditional request sends."""
    return {name: headers[name] for name in ("etag", "last-modified") if headers.get(name)}


def parse(body: bytes, url: str = "", content_type: str = "") -> dict[str, Any]:
    """{"items": [...], "warnings": [...]} of a feed. Runs in the limited process. Raises SourceError."""
    first = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    entries = _json_entries(body, url) if first == b"{" else xml_entries(body, url, content_type)
    items = _with_ids_of_their_own([item for item in entries if item.title])
    missing = sum(not item.title for item in entries)
    warnings = [stored("Entries without a title or text were not imported: %(count)s.", count=missing)]
    return {"items": [to_json(item) for item in items], "warnings": warnings if missing else []}


def _with_ids_of_their_own(items: list[SourceItem]) -> list[SourceItem]:
    """The entries, each once; with its address or a digest of its text where others have the same id."""
    once = list({(item.id, item.link, item.title): item for item in reversed(items)}.values())[::-1]
    times = Counter(item.id for item in once)
    addresses = Counter((item.id, item.link) for item in once)

    def own_id(item: SourceItem) -> str:
        if times[item.id] == 1:
            return item.id
        is_alone = item.link and addresses[item.id, item.link] == 1
        return f"{item.id} {item.link if is_alone else fallback_id(item.title, item.published, item.summary)}"

    return [replace(item, id=own_id(item)) for item in once]


def xml_entries(body: bytes, url: str, content_type: str) -> list[SourceItem]:
    """The entries of RSS or Atom, also those without a title. Raises SourceError."""
    try:
        require_xml_depth_at_most(iter([body, b""]))
    except ValueError as error:
        raise not_a_feed(url) from error
    feedparser = fast_feedparser.load_patched_feedparser()
    body, content_type = _with_its_encoding(body, content_type)
    headers = {"content-type": content_type, "content-location": url}
    # As a stream: feedparser takes bytes for a file name.
    parsed = feedparser.parse(BytesIO(body), response_headers={k: v for k, v in headers.items() if v})
    if not parsed.version and not parsed.entries:
        raise not_a_feed(url)
    language = str(dict.get(parsed.feed, "language") or "")
    return [_item(entry, language) for entry in parsed.entries[_newest(map(_moment_of, parsed.entries))]]


def _with_its_encoding(body: bytes, content_type: str) -> tuple[bytes, str]:
    """The feed with the encoding that its letters have, where it or its server states another one."""
    if body.isascii() or b"\0" in body[:4]:
        return body, content_type
    declared = _DECLARATION.search(body[:500])
    stated = _ENCODING.findall(f"{declared[0].decode('ascii', 'replace') if declared else ''} {content_type}")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
        is_broken = 4 * text.count("\ufffd") > sum(not letter.isascii() for letter in text)
        if not is_broken or any(one.lower() not in ("utf-8", "utf8", "us-ascii") for one in stated):
            return body, content_type
        body = body.decode("windows-1251", "replace").encode()
    kind = content_type.partition(";")[0] or "application/xml"
    return _DECLARATION.sub(rb"\1", body[:500], count=1) + body[500:], f"{kind}; charset=utf-8"


def _moment_of(entry: Any) -> datetime | None:
    values = {name: dict.get(entry, name) for name in dict.keys(entry)}
    return _time(values, "published") or _time(values, "updated")


def _newest(moments: Iterable[datetime | None]) -> slice:
    """The place of the newest entries that are read: of a long feed that begins with the oldest, its end."""
    listed = list(moments)
    known = [moment for moment in listed if moment is not None]
    is_oldest_first = (
        len(known) > 1 and all(one <= two for one, two in pairwise(known)) and known[0] < known[-1]
    )
    return slice(max(len(listed) - MOST, 0), None) if is_oldest_first else slice(MOST)


def not_a_feed(url: str) -> SourceError:
    """What staff read where the address is that of a page."""
    return SourceError(
        stored("%(url)s is not a feed; enter the address of an RSS or Atom feed, not of the page.", url=url)
    )


def _item(entry: Any, feed_language: str) -> SourceItem:
    # By dict.get, because that of feedparser replaces one date by another.
    values: dict[str, Any] = {name: dict.get(entry, name) for name in dict.keys(entry)}
    summary = str(values.get("summary") or "")
    parts = [part for part in values.get("content") or () if isinstance(part, Mapping)]
    html = next((str(part.get("value") or "") for part in parts if "html" in str(part.get("type"))), "")
    html = html or next((str(part.get("value") or "") for part in parts), "")
    # https://yandex.ru/support/news: many sites of the region have their whole text only there.
    html = html or _as_html(str(values.get("yandex_full-text") or ""))
    title = to_title(str(values.get("title") or "")) or sanitize.shorten(to_title(summary or html), 200)
    link = web_address(str(values.get("link") or ""))
    published, updated = _time(values, "published"), _time(values, "updated")
    details = [*parts, values.get("title_detail"), values.get("summary_detail")]
    languages = [str(one.get("language") or "") for one in details if isinstance(one, Mapping)]
    address, alt = _picture(values, html or summary, link)
    starts, ends = (
        parse_iso_time(values.get(name), keep_naive=True) for name in ("ev_startdate", "ev_enddate")
    )
    return SourceItem(
        id=str(values.get("id") or link or fallback_id(title, published, summary)),
        title=title,
        html=html,
        summary=summary,
        link=link,
        published=published or updated,
        updated=updated,
        language=next(filter(None, [*languages, feed_language]), ""),
        categories=_categories(values.get("tags")),
        picture_url=address,
        picture_alt=alt,
        kind="event" if starts else "",
        starts=starts,
        ends=ends,
        place=str(values.get("ev_location") or ""),
    )


def _as_html(text: str) -> str:
    return text if _ELEMENT.search(text) else text_to_paragraphs(text)


def to_title(text: str) -> str:
    """HTML or plain text as one line of plain text."""
    return sanitize.html_to_single_line(sanitize.without_unprintable(text))


def web_address(text: str, base: str = "") -> str:
    """The address where it is one of the web and no longer than a story's link may be; else ""."""
    try:
        address = urljoin(base, text.strip()) if text.strip() else ""
    except ValueError:
        return ""
    safe = sanitize.safe_picture_url(address)
    return safe if len(safe) <= 500 else ""


def fallback_id(title: str, published: datetime | None, text: str) -> str:
    """The id of an entry that has neither an id nor a link."""
    told = f"{title} {published.isoformat() if published else text}"
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:32]


def _time(values: Mapping[str, Any], name: str) -> datetime | None:
    """When the entry was published or updated, also where it is written in no usual form."""
    text = str(values.get(name) or "")
    known = None if is_epoch(text) else _moment(values.get(f"{name}_parsed"))
    return known or (parse_feed_time(text) if text else None)


def _moment(parsed: Any) -> datetime | None:
    try:
        return parse_iso_time(datetime.fromtimestamp(timegm(parsed), UTC).isoformat()) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _categories(tags: Any) -> tuple[str, ...]:
    named = (to_title(str(tag.get("label") or tag.get("term") or "")) for tag in tags or ())
    return tuple(dict.fromkeys(name[:200] for name in named if name))


def _picture(values: Mapping[str, Any], html: str, base: str) -> tuple[str, str]:
    """Address and description of the entry's picture: media, then enclosures, then the first in its text."""
    for address in _media(values):
        if address := web_address(address, base):
            return address, ""
    return first_picture(html, base)


def _media(values: Mapping[str, Any]) -> Iterator[str]:
    for one in _mappings(values.get("media_content")):
        if one.get("medium") == "image" or str(one.get("type", "")).startswith("image/"):
            yield str(one.get("url") or "")
    for one in _mappings(values.get("links")):
        if one.get("rel") == "enclosure" and str(one.get("type", "")).startswith("image/"):
            yield str(one.get("href") or "")
    for one in _mappings(values.get("media_thumbnail")):
        yield str(one.get("url") or "")


def _mappings(found: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def first_picture(html: str, base: str = "") -> tuple[str, str]:
    """Address and description of the first picture of a text; counters of one pixel are left out."""
    for tag in _PICTURE.findall(html):
        if re.search(r"\b(?:width|height)\s*=\s*[\"']?[01]\b", tag):
            continue
        found = {name.lower(): "".join(values) for name, *values in _ATTRIBUTE.findall(tag)}
        # Pages that load their pictures late have a placeholder in "src".
        for name in ("data-src", "data-lazy-src", "src"):
            if address := web_address(to_title(found.get(name, "")), base):
                return address, to_title(found.get("alt", ""))[:250]
    return "", ""


def with_whole_links(html: str, base: str) -> str:
    """The text, in which links within the site lead there from everywhere. `base`: the entry's address."""

    def whole(found: re.Match[str]) -> str:
        address = unescape(found[2] or found[3] or "").strip()
        try:
            is_relative = bool(address) and not address.startswith("#") and not urlsplit(address).scheme
            joined = urljoin(base, address) if is_relative else ""
        except ValueError:
            return found[0]
        return f'{found[1]}"{escape(joined)}"' if joined else found[0]

    return _HREF.sub(whole, html)


def _json_entries(body: bytes, url: str) -> list[SourceItem]:
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise not_a_feed(url) from error
    if not isinstance(feed, dict) or not str(feed.get("version", "")).startswith("https://jsonfeed.org/"):
        raise not_a_feed(url)
    entries = feed.get("items")
    listed = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    listed = listed[_newest(parse_iso_time(one.get("date_published")) for one in listed)]
    return [_json_item(one, str(feed.get("language") or ""), url) for one in listed]


def _json_item(entry: Mapping[str, Any], feed_language: str, base: str) -> SourceItem:
    def text(name: str) -> str:
        value = entry.get(name)
        return str(value) if isinstance(value, str | int | float) else ""

    html = text("content_html")
    plain = text("content_text")
    if not html and plain:
        html = text_to_paragraphs(plain)
    summary = text("summary")
    title = to_title(text("title")) or sanitize.shorten(to_title(summary or html), 200)
    link = web_address(text("url") or text("external_url"), base)
    html = with_whole_links(html, link or base)
    published = parse_iso_time(text("date_published"))
    tags = entry.get("tags")
    address = web_address(text("image") or text("banner_image"), base)
    address, alt = (address, "") if address else first_picture(html, link or base)
    return SourceItem(
        id=text("id") or link or fallback_id(title, published, html),
        title=title,
        html=html,
        summary=summary,
        link=link,
        published=published or parse_iso_time(text("date_modified")),
        updated=parse_iso_time(text("date_modified")),
        language=text("language") or feed_language,
        categories=tuple(to_title(str(tag))[:200] for tag in tags) if isinstance(tags, list) else (),
        picture_url=address,
        picture_alt=alt,
    )


def text_to_paragraphs(plain: str) -> str:
    """Plain text as HTML: an empty line ends a paragraph."""
    parts = (escape(part.strip()) for part in re.split(r"\n\s*\n", plain))
    return "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in parts if part)
