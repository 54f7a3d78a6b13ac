"""Extracts the article of a web page by trafilatura; date, language, picture and event from its metadata.

Metadata: Open Graph (ogp.me), JSON-LD with types of schema.org, and what trafilatura finds. Runs in the
limited process.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mailer.stories.duplicates import link_comparison_key
from mailer.stories.sources.feed import to_title, web_address
from mailer.stories.sources.reader_interface import SourceError, SourceItem, parse_iso_time, to_json
from mailer.stories.sources.untrusted_json import objects_at, text_at, value_at
from subscribers.translate_stored_texts import stored

_ARTICLES = frozenset(
    {"Article", "NewsArticle", "BlogPosting", "ReportageNewsArticle", "Report", "TechArticle"}
)
_EVENTS = re.compile(r"(?:[A-Z][A-Za-z]*)?Event")
# Characters from which on the text of a page with a date or <article>, without metadata, is an article.
_LONG = 250
_BODY = re.compile(r"<body>(.*)</body>", re.DOTALL)
_FIRST_HEADING = re.compile(r"^\s*<h1[^>]*>(.*?)</h1>", re.DOTALL)


def parse(
    body: bytes, url: str = "", title: str = "", published: str = "", language: str = ""
) -> dict[str, Any]:
    """{"item": …} of a page, null where it is no article. The arguments are what a sitemap says of it.

    Raises SourceError.
    """
    with warnings.catch_warnings():
        # Of trafilatura, about lxml of the future.
        warnings.simplefilter("ignore", FutureWarning)
        from trafilatura import extract, load_html  # slow to load, and only the limited process needs it

        tree = load_html(body)
        if tree is None:
            raise SourceError(stored("%(url)s is not a web page.", url=url))
        meta, described = _meta(tree), list(_json_ld(tree))
        stated = str(tree.get("lang") or "") or meta.get("og:locale", "")
        has_date = tree.find(".//time[@datetime]") is not None or tree.find(".//article") is not None
        html = extract(
            tree,
            url=url,
            output_format="html",
            include_links=True,
            include_formatting=True,
            include_comments=False,
        )
    content = _content(html or "")
    article = next((one for one in described if _types(one) & _ARTICLES), {})
    event = next((one for one in described if any(_EVENTS.fullmatch(name) for name in _types(one))), {})
    is_article = bool(article or event or title) or meta.get("og:type") == "article"
    if not is_article and not (has_date and len(to_title(content)) >= _LONG):
        return {"item": None}
    main = article or event
    moment = text_at(main, "datePublished") or meta.get("article:published_time", "") or published
    item = SourceItem(
        id=path_and_query_as_id(url),
        title=_title(meta, main, title, tree),
        html=content,
        summary=to_title(meta.get("og:description", "") or meta.get("description", "")),
        link=_link(meta, url),
        published=parse_iso_time(moment),
        updated=parse_iso_time(text_at(main, "dateModified") or meta.get("article:modified_time", "")),
        language=(text_at(main, "inLanguage") or stated or language).replace("_", "-"),
        categories=tuple(filter(None, (to_title(meta.get("article:section", ""))[:200],))),
        picture_url=_picture(meta, main, url),
        picture_alt=to_title(meta.get("og:image:alt", ""))[:250],
        kind="event" if event else "",
        starts=parse_iso_time(text_at(event, "startDate"), keep_naive=True),
        ends=parse_iso_time(text_at(event, "endDate"), keep_naive=True),
        place=to_title(text_at(event, "location", "name") or text_at(event, "location"))[:160],
    )
    return {"item": to_json(item) if item.title else None}


def path_and_query_as_id(url: str) -> str:
    """The id of the article at this address, within its site."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _link(meta: Mapping[str, str], url: str) -> str:
    """The address that the page states, but not where it is that of the site, as templates often have it."""
    stated = web_address(meta.get("og:url", ""), url)
    return stated if link_comparison_key(stated) else web_address(url)


def _content(html: str) -> str:
    found = _BODY.search(html)
    # The heading is the title already.
    return _FIRST_HEADING.sub("", found[1]).strip() if found else ""


def _title(meta: Mapping[str, str], main: Mapping[str, Any], listed: str, tree: Any) -> str:
    named = tree.findtext(".//title") or ""
    headings = [one.text_content() for one in tree.iterfind(".//h1")]
    found = (
        meta.get("og:title", ""),
        text_at(main, "headline"),
        text_at(main, "name"),
        listed,
        *headings[:1],
        named,
    )
    return next(filter(None, map(to_title, found)), "")


def _meta(tree: Any) -> dict[str, str]:
    """The contents of <meta> elements by property or name, the first of each."""
    found: dict[str, str] = {}
    for one in tree.iterfind(".//meta"):
        name = str(one.get("property") or one.get("name") or "").lower()
        if name:
            found.setdefault(name, str(one.get("content") or "").strip())
    return found


def _json_ld(tree: Any) -> Iterator[Mapping[str, Any]]:
    for script in tree.iterfind(".//script[@type='application/ld+json']"):
        try:
            document = json.loads(script.text or "")
        except (ValueError, RecursionError):
            continue
        for one in document if isinstance(document, list) else [document]:
            if isinstance(one, Mapping):
                yield one
                yield from objects_at(one, "@graph")


def _types(one: Mapping[str, Any]) -> frozenset[str]:
    found = one.get("@type")
    return frozenset(str(name) for name in (found if isinstance(found, list) else [found]))


def _picture(meta: Mapping[str, str], main: Mapping[str, Any], url: str) -> str:
    image = value_at(main, "image")
    first = image[0] if isinstance(image, list) and image else image
    for address in (meta.get("og:image", ""), text_at(first), text_at(first, "url")):
        if found := web_address(address, url):
            return found
    return ""
