"""Reads articles by JSON:API of Drupal, /jsonapi/node/article, in every language of the site.

Filters of the source's address, such as ?filter[field_section]=news, are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from mailer.stories.sources import discovery
from mailer.stories.sources.feed import (
    conditional_headers,
    first_picture,
    to_title,
    validators_of,
    web_address,
    with_whole_links,
)
from mailer.stories.sources.reader_interface import (
    Fetch,
    Listing,
    Response,
    SourceError,
    SourceItem,
    SourceResult,
    SourceSettings,
    from_json,
    listing_if_newest_first,
    parse_iso_time,
    to_json,
)
from mailer.stories.sources.untrusted_json import load_json, objects_at, text_at, value_at
from mailer.stories.url_fetcher import FetchError, StatusError
from subscribers.translate_stored_texts import stored

_PATH = "/jsonapi/node/article"
_PER_PAGE, _PAGES = 50, 5
_OVERLAP = timedelta(days=1)
# What is asked for with the articles: a site that has not all of these fields answers 400.
_INCLUDES = (
    "field_image,field_tags",
    "field_media_image.field_media_image,field_tags",
    "field_image",
    "field_tags",
    "",
)
_OWN = ("page", "sort", "include")


def read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    """The articles changed since the last poll, at first the newest. Raises SourceError and FetchError."""
    addresses = _addresses(settings.url, validators, fetch)
    kept = {"languages": json.dumps(addresses)}
    items: dict[str, SourceItem] = {}
    listings: list[Listing | None] = []
    for number, (language, address) in enumerate(addresses.items()):
        sent = conditional_headers(validators) if len(addresses) == 1 else {}
        try:
            answer, include = _first_page(address, settings.url, validators, sent, fetch)
            if answer.unchanged:
                return SourceResult(validators=validators, unchanged=True)
            found, listing = _pages(answer, settings, fetch)
        except (FetchError, SourceError):
            # A language of the site may have no JSON:API, or a page in its place.
            if number == 0:
                raise
            listings.append(None)
            continue
        kept |= {"include": include, **validators_of(answer.headers)}
        listings.append(listing)
        for item in found:
            # Drupal answers in the original language where there is no translation.
            if number == 0 or item.language.startswith(language):
                items.setdefault(item.id, item)
    return SourceResult(tuple(items.values()), kept, listing=_together(listings, frozenset(items)))


def _together(listings: Sequence[Listing | None], ids: frozenset[str]) -> Listing | None:
    """What the listings of all languages have in common; None where one of them is not complete."""
    known = [listing for listing in listings if listing is not None]
    if len(known) < len(listings):
        return None
    return Listing(ids, since=max((one.since for one in known if one.since), default=None))


def _addresses(url: str, validators: Mapping[str, str], fetch: Fetch) -> dict[str, str]:
    """Language → address of the articles; the first is that of the site's own language, under ""."""
    if "/jsonapi/" in url:
        return {"": url.partition("?")[0]}
    try:
        known = json.loads(validators.get("languages", "{}"))
    except ValueError:
        known = {}
    if isinstance(known, dict) and known:
        return {str(language): str(address) for language, address in known.items()}
    page = discovery.look_at(url, fetch)
    addresses = {"": urljoin(page.url, _PATH)}
    host = urlsplit(page.url).netloc
    for language, address in (page.languages or {}).items():
        prefix = urlsplit(address).path.strip("/")
        # With the language in the path, as Drupal has it: /kk.
        if urlsplit(address).netloc == host and prefix and prefix.lower() == language.lower():
            addresses[language] = urljoin(page.url, f"/{prefix}{_PATH}")
    return addresses


def _first_page(
    address: str, url: str, validators: Mapping[str, str], sent: Mapping[str, str], fetch: Fetch
) -> tuple[Response, str]:
    """The newest articles, and what could be included."""
    known = validators.get("include")
    chosen = [pair for pair in parse_qsl(urlsplit(url).query) if pair[0].partition("[")[0] not in _OWN]
    # The site may have lost a field since the last poll.
    for include in _INCLUDES if known is None else dict.fromkeys((known, *_INCLUDES)):
        query = [*chosen, ("sort", "-changed"), ("page[limit]", str(_PER_PAGE))]
        asked = urlencode([*query, *([("include", include)] if include else [])], quote_via=quote)
        try:
            return fetch(f"{address}?{asked}", {"Accept": "application/vnd.api+json", **sent}), include
        except StatusError as error:
            if error.status != 400 or not include:
                raise
    raise SourceError(stored("%(url)s does not answer with Drupal articles.", url=address))


def _pages(
    answer: Response, settings: SourceSettings, fetch: Fetch
) -> tuple[list[SourceItem], Listing | None]:
    """The articles of this page of results and of those behind it, as far as they are new."""
    since, items, is_complete = settings.last_success_at, list[SourceItem](), True
    for page in range(1, _PAGES + 1):
        found = fetch.parse("drupal", answer.body, url=answer.url)
        read = [from_json(one) for one in found["items"]]
        items += read
        is_complete = is_complete and found["complete"]
        last = min((item.updated for item in read if item.updated), default=None)
        following = web_address(found["next"], answer.url)
        if since is None or last is None or last < since - _OVERLAP or not following or page == _PAGES:
            break
        answer = fetch(following, {"Accept": "application/vnd.api+json"})
    listing = listing_if_newest_first(items, [item.updated for item in items]) if is_complete else None
    return items, replace(listing, since=None) if listing and not following else listing


def parse(body: bytes, url: str = "") -> dict[str, Any]:
    """{"items": [...], "next": address, "complete": whether none was left out} of a page of results.

    Runs in the limited process. Raises SourceError.
    """
    document = load_json(body, url)
    nodes = value_at(document, "data")
    if not isinstance(nodes, list):
        raise SourceError(stored("%(url)s does not answer with Drupal articles.", url=url))
    included = {(text_at(one, "type"), text_at(one, "id")): one for one in objects_at(document, "included")}
    read = (_item(node, included, url) for node in objects_at(document, "data"))
    items = [to_json(item) for item in read if item.id and item.title]
    following = text_at(document, "links", "next", "href") or text_at(document, "links", "next")
    return {"items": items, "next": following, "complete": len(items) == len(nodes)}


Included = Mapping[tuple[str, str], Mapping[str, Any]]


def _item(node: Mapping[str, Any], included: Included, url: str) -> SourceItem:
    attributes = value_at(node, "attributes") or {}
    language = text_at(attributes, "langcode")
    is_original = value_at(attributes, "default_langcode") is not False
    identity = text_at(node, "id")
    html, summary = _texts(attributes)
    link = _link(attributes, url)
    html = with_whole_links(html, link or url)
    address, alt = _picture(node, included, url)
    if not address:
        address, alt = first_picture(html, url)
    published, updated = (
        parse_iso_time(text_at(attributes, "created")),
        parse_iso_time(text_at(attributes, "changed")),
    )
    return SourceItem(
        id=identity if is_original or not identity else f"{identity}:{language}",
        title=to_title(text_at(attributes, "title")),
        html=html,
        summary=summary,
        link=link,
        published=published or updated,
        updated=updated,
        language="" if language in ("und", "zxx") else language,
        categories=_terms(node, included),
        picture_url=address,
        picture_alt=alt,
        translation_of="" if is_original else identity,
    )


def _texts(attributes: Mapping[str, Any]) -> tuple[str, str]:
    """HTML and summary: of the body, else of the first formatted text."""
    formatted = [attributes.get("body"), *attributes.values()]
    for one in formatted:
        if html := text_at(one, "processed") or text_at(one, "value"):
            return html, text_at(one, "summary")
    return "", ""


def _link(attributes: Mapping[str, Any], url: str) -> str:
    """The article's page: its alias, else its number, below the language of the address that was asked."""
    parts = urlsplit(url)
    prefix = parts.path.partition("/jsonapi/")[0]
    path = text_at(attributes, "path", "alias") or f"/node/{text_at(attributes, 'drupal_internal__nid')}"
    return web_address(urlunsplit((parts.scheme, parts.netloc, prefix + path, "", "")))


def _related(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the article's relationships name."""
    relationships = value_at(node, "relationships")
    for relationship in relationships.values() if isinstance(relationships, Mapping) else ():
        data = value_at(relationship, "data")
        yield from objects_at([data] if isinstance(data, Mapping) else data)


def _picture(node: Mapping[str, Any], included: Included, url: str) -> tuple[str, str]:
    for one in _related(node):
        found = included.get((text_at(one, "type"), text_at(one, "id")))
        if found is None:
            continue
        if text_at(one, "type").startswith("media--"):
            for inner in _related(found):
                file = included.get((text_at(inner, "type"), text_at(inner, "id")))
                if address := _file_address(file, url):
                    return address, to_title(text_at(inner, "meta", "alt"))[:250]
        elif address := _file_address(found, url):
            return address, to_title(text_at(one, "meta", "alt"))[:250]
    return "", ""


def _file_address(file: Mapping[str, Any] | None, url: str) -> str:
    if not text_at(file, "type").startswith("file--"):
        return ""
    is_picture = text_at(file, "attributes", "filemime").startswith("image/")
    return web_address(text_at(file, "attributes", "uri", "url"), url) if is_picture else ""


def _terms(node: Mapping[str, Any], included: Included) -> tuple[str, ...]:
    named = (
        to_title(text_at(included.get((text_at(one, "type"), text_at(one, "id"))), "attributes", "name"))[
            :200
        ]
        for one in _related(node)
        if text_at(one, "type").startswith("taxonomy_term--")
    )
    return tuple(dict.fromkeys(name for name in named if name))
