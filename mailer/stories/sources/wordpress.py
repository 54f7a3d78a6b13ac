"""Reads posts by the REST API of WordPress, /wp-json/wp/v2/posts, with the translations of WPML and Polylang.

Parameters of the source's address that choose posts, such as ?categories=5 or ?lang=kk, are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

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

# Posts of a page of results, and pages of one poll.
_PER_PAGE, _PAGES = 50, 5
# Posts changed so long before the last poll were seen by it, whatever the two clocks say.
_OVERLAP = timedelta(days=1)
_OWN = frozenset({"_embed", "per_page", "page", "orderby", "order", "rest_route"})


def read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    """The posts changed since the last poll, at first the newest. Raises SourceError and FetchError."""
    try:
        return _read(settings, validators, fetch)
    except (StatusError, SourceError) as error:
        is_gone = not isinstance(error, StatusError) or error.status in (404, 410)
        if not validators.get("api") or not is_gone:
            raise
    # The interface may have moved since it was found.
    return _read(settings, {}, fetch)


def _read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    api = validators.get("api") or find_api(settings.url, fetch)
    kept: dict[str, str] = {"api": api}
    items: dict[str, SourceItem] = {}
    is_complete = has_all = True
    for page in range(1, _PAGES + 1):
        url = _posts_url(api, settings.url, page)
        answer = fetch(url, conditional_headers(validators) if page == 1 else {})
        if answer.unchanged:
            return SourceResult(validators=validators, unchanged=True)
        if page == 1:
            kept |= validators_of(answer.headers)
        parsed = fetch.parse("wordpress", answer.body, url=url)
        found = tuple(map(from_json, parsed["items"]))
        is_complete = is_complete and parsed["complete"]
        items |= {item.id: item for item in found}
        last = min((item.updated for item in found if item.updated), default=None)
        since = settings.last_success_at
        pages = answer.headers.get("x-wp-totalpages", "")
        has_all = pages == str(page)
        if since is None or last is None or last < since - _OVERLAP or pages in ("", str(page)):
            break
    listed = tuple(items.values())
    listing = listing_if_newest_first(listed, [item.updated for item in listed]) if is_complete else None
    if listing is not None and has_all:
        listing = replace(listing, since=None)
    return SourceResult(listed, kept, listing=listing)


def find_api(url: str, fetch: Fetch) -> str:
    """The root of the site's REST API. Raises SourceError and FetchError."""
    if root := _api_in(url):
        return root
    page = discovery.look_at(url, fetch)
    if page.api:
        return page.api
    guess = urljoin(page.url, "/wp-json/")
    try:
        answer = fetch(guess)
    except FetchError as error:
        text = stored("%(url)s is not a WordPress website, or its REST API is switched off.", url=url)
        raise SourceError(text) from error
    if "json" not in answer.content_type:
        raise SourceError(
            stored("%(url)s is not a WordPress website, or its REST API is switched off.", url=url)
        )
    return guess


def _api_in(url: str) -> str:
    """The root of the API where the address is one of its own."""
    parts = urlsplit(url)
    before, found, _ = parts.path.partition("/wp-json")
    if found:
        return urlunsplit((parts.scheme, parts.netloc, f"{before}/wp-json/", "", ""))
    if any(name == "rest_route" for name, _ in parse_qsl(parts.query)):
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "rest_route=/", ""))
    return ""


def _posts_url(api: str, url: str, page: int) -> str:
    chosen = [(name, value) for name, value in parse_qsl(urlsplit(url).query) if name not in _OWN]
    paging = [("per_page", _PER_PAGE), ("page", page), ("orderby", "modified"), ("order", "desc")]
    query = urlencode([*chosen, ("_embed", "1"), *paging])
    # Without pretty permalinks the API is a parameter itself.
    return f"{api}wp/v2/posts{'&' if '?' in api else '?'}{query}"


def parse(body: bytes, url: str = "") -> dict[str, Any]:
    """{"items": [...], "complete": whether none was left out} of a page of results.

    Runs in the limited process. Raises SourceError.
    """
    posts = load_json(body, url)
    if not isinstance(posts, list):
        raise SourceError(stored("%(url)s does not answer with WordPress posts.", url=url))
    # A post that asks for a password has no text for us, nor for readers: it is as good as deleted.
    public = [post for post in posts if not value_at(post, "content", "protected")]
    read = (_item(post, url) for post in public if isinstance(post, Mapping))
    items = [to_json(item) for item in read if item.id and item.title]
    return {"items": items, "complete": len(items) == len(public)}


def _item(post: Mapping[str, Any], base: str) -> SourceItem:
    link = web_address(text_at(post, "link"), base)
    html = with_whole_links(text_at(post, "content", "rendered"), link or base)
    summary = text_at(post, "excerpt", "rendered")
    published = parse_iso_time(text_at(post, "date_gmt")) or parse_iso_time(text_at(post, "date"))
    updated = parse_iso_time(text_at(post, "modified_gmt")) or parse_iso_time(text_at(post, "modified"))
    media = next(iter(objects_at(post, "_embedded", "wp:featuredmedia")), {})
    address, alt = web_address(text_at(media, "source_url"), base), to_title(text_at(media, "alt_text"))[:250]
    if not address:
        address, alt = first_picture(html, base)
    return SourceItem(
        id=text_at(post, "id"),
        title=to_title(text_at(post, "title", "rendered")) or to_title(summary)[:200],
        html=html,
        summary=summary,
        link=link,
        published=published or updated,
        updated=updated,
        language=_language(post),
        categories=tuple(dict.fromkeys(_categories(post))),
        picture_url=address,
        picture_alt=alt,
        translation_of=_original(post),
    )


def _language(post: Mapping[str, Any]) -> str:
    """As Polylang ("kk") or WPML ("kk_KZ") state it."""
    return (text_at(post, "lang") or text_at(post, "wpml_current_locale")).replace("_", "-")


def _original(post: Mapping[str, Any]) -> str:
    """The id of the oldest translation, which the others belong to; "" for that one itself."""
    ids = [text_at(post, "id")]
    translations = post.get("translations")
    if isinstance(translations, Mapping):
        ids += [text_at(translations, name) for name in translations]
    ids += [text_at(one, "id") for one in objects_at(post, "wpml_translations")]
    oldest = min((one for one in ids if one.isdecimal()), key=int, default="")
    return "" if oldest == ids[0] else oldest


def _categories(post: Mapping[str, Any]) -> Iterator[str]:
    """Names of categories, then those of tags."""
    embedded = post.get("_embedded")
    groups = embedded.get("wp:term") if isinstance(embedded, Mapping) else None
    terms = [one for group in groups or () if isinstance(group, list) for one in group] if groups else []
    for taxonomy in ("category", "post_tag"):
        for term in terms:
            if text_at(term, "taxonomy") == taxonomy and (name := to_title(text_at(term, "name"))[:200]):
                yield name
