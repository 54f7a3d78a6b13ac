"""An even number of the addresses that spam filters count in a message.

Rspamd's URI_COUNT_ODD (1.0) takes for granted that every address of the HTML stands in the text part, too.
It adds up, over both parts, how often there are addresses of these kinds, and asks whether the sum is odd:
pictures; links that people do not see, pictures that are links where letters have no size, as in cells of
MJML, and links whose words begin with an address; addresses that are no link of the HTML, such as those that
only the text part has; addresses with a port, an account, an IP address, letters of other alphabets as host,
signs in percent, or a path that can be written shorter; and addresses within others. No other links count.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mailer.rendering import template_sandbox
from mailer.rendering.merge_tags import PLACEHOLDERS, escape_tags

# Quoted values may hold "<" and ">". The literal beginnings of these expressions make them fast.
_INSIDE = r'(?:[^<>"]++|"[^"]*+")*+'
# A link and what stands in it, a picture, or a comment.
_TAG_OR_COMMENT = re.compile(
    rf"<(?:a\s({_INSIDE})>(?=((?:[^<]++|<(?!/a>)){{0,60}}+))|img\s({_INSIDE})>|!--(?!>)(?:[^-]++|-(?!->))*+-->)"
)
_TAG = re.compile(rf"<(img\s)?+({_INSIDE})>")
_ATTRIBUTE = re.compile(r'\b(href|src|alt|style)="([^"]*+)"')
_UNSEEN = re.compile(r"display:\s*+none|visibility:\s*+hidden|font-size:\s*+0(?![\d.])")
# Addresses within words, and one at their beginning, or a mail address there.
_WITH_SCHEME = re.compile(r"https?://[^\s<>)\]']++")
_WITHOUT = re.compile(r"www\.[\w-]++\.\w[^\s<>)\]']*+")
_BEGINS = re.compile(
    r"(?:https?://)?(?:[\w.+-]++@)?(?:[\w-]++\.)++(?!(?:pdf|docx?|xlsx?|pptx?|odt|csv|jpe?g|png|gif|mp[34])\b)"
    r"[^\W\d_]{2,}+(?::\d++)?(?=[/?#\s]|\Z)",
    re.IGNORECASE,
)
_OWN_PAGES = (PLACEHOLDERS["unsubscribe_url"], PLACEHOLDERS["preferences_url"])
_SUBSCRIBER = PLACEHOLDERS["subscriber_token"]
# Characters of a tag or of a comment.
_FAR = 8_000
_PARTS = re.compile(r"https?://([^/?#]*+)([^?#]*+)(?:\?([^#]*+))?+", re.IGNORECASE)
_UNUSUAL_HOST = re.compile(r".*[:@%]|[\d.]++\Z")
# The signs : / ? @ \ | count for nothing when they are written in percent.
_IN_PERCENT = re.compile(r"%(?!2[fF]|3[aAfF]|40|5[cC]|7[cC])")
_LONG_PATH = re.compile(r"//|/\.{1,3}(?=/|\Z)")
_WITHIN = re.compile(r"https?(?::|%3A)(?:/|%2F){2}", re.IGNORECASE)
_NUMBERED = re.compile(r"\n\[\d+\] http")


def text_with_even_url_count(
    page: str, text: str, name: str, site_url: str, *, text_has_all_words: bool = False
) -> str:
    """The text part, with the address of the site added to its list of links where the sum would be odd.

    `name`: the newsletter's, which stands before the address; `text_has_all_words`: see CountedAddresses. The
    sum stays odd where the HTML has links to the site's front page and to its archive, so that these do not
    count.
    """
    address = CountedAddresses(page, text, site_url, has_all=text_has_all_words).that_makes_even(
        filler_pages(site_url)
    )
    return _listed(text, name, address) if address else text


def filler_pages(site_url: str) -> tuple[str, str]:
    """Where an address may lead that is there for the sake of the sum: front page and archive."""
    return f"{site_url}/", f"{site_url}/archive/"


class _Picture(NamedTuple):
    url: str
    # Addresses in its description.
    described: tuple[str, ...]


class _Link(NamedTuple):
    url: str
    # People do not see it, or its words begin with an address.
    counts: bool
    # It has no size of letters of its own, and nothing but pictures.
    has_no_words: bool
    # That address, where it has a scheme or begins with "www."; else empty.
    shown: str


class CountedAddresses:
    """How often each address is seen in a message, and which of them count.

    `site_url`: where the addresses lead that merge tags stand for; `has_all`: the text part has all words of
    the page, so that these need not be searched for addresses where the text part has none in its own.
    """

    def __init__(self, page: str, text: str, site_url: str, *, has_all: bool = False) -> None:
        self.times: defaultdict[str, int] = defaultdict(int)
        self._links: set[str] = set()
        self._counted: set[str] = set()
        # What links show as their words counts only where it is the address of a link.
        self._shown: set[str] = set()
        self._tags = _pages_of_reader(site_url)
        in_text = [url.replace(_SUBSCRIBER, "") for url in _addresses(text)]
        if not has_all or len(in_text) > text.count("] http"):
            self.read_html(page[max(page.find("<body"), 0) :])
        else:
            self.read_html(page, words=False)
        for tag, address in self._tags.items():
            self.times[address] += text.count(tag)
        self._within_text = sum(map(_within, in_text))
        self._add(in_text)

    @property
    def is_odd(self) -> bool:
        """Whether the sum is odd."""
        number = self._within_text + sum(map(_within, self._links))
        for url, times in self.times.items():
            if times % 2 and self._counts(url):
                number += 1
        return number % 2 == 1

    def that_makes_even(self, urls: Iterable[str], *, unseen: bool = False) -> str:
        """The first of `urls` that makes the sum even when the text has it once more; empty: none, or it is.

        `unseen`: as the address of a further link of the HTML that people do not see.
        """
        for url in urls if self.is_odd else ():
            if self._counts(url):
                return url
            # An unseen link makes all others to the same address count.
            if unseen and self.times[url] % 2 == 0:
                return url
        return ""

    def read_html(self, part: str, *, words: bool = True) -> None:
        """Add the addresses of HTML; not `words`: of its links and pictures alone."""
        if part.rfind("<!--") > part.rfind("-->"):
            # Only Outlook reads what is in a comment, to the end where it has none.
            part = part.partition("<!--")[0]
        for link, inner, picture in _TAG_OR_COMMENT.findall(part):
            if link:
                found = _link(link, inner)
                self._add_link(found, is_small=found.has_no_words and _is_small(part, part.find(link)))
            elif picture:
                self._add_picture(_picture(picture))
        if words:
            self._add(map(html.unescape, _addresses(part, outside_tags=True)))

    def _add(self, urls: Iterable[str]) -> None:
        for url in urls:
            self.times[url] += 1

    def _add_picture(self, picture: _Picture) -> None:
        if picture.url:
            self.times[picture.url] += 1
            self._counted.add(picture.url)
        if picture.described:
            self._add(picture.described)

    def _add_link(self, link: _Link, *, is_small: bool) -> None:
        url = self._tags.get(link.url, link.url)
        if not url.startswith("http"):
            return
        self.times[url] += 1
        self._links.add(url)
        if link.counts or is_small:
            self._counted.add(url)
        if link.shown:
            self._shown.add(link.shown)
            # Once more than other words.
            self.times[link.shown] += 1

    def _counts(self, url: str) -> bool:
        if url in self._counted:
            return True
        return (url not in self._links and url not in self._shown) or _is_unusual(url)


def _addresses(words: str, *, outside_tags: bool = False) -> Iterator[str]:
    """The addresses that stand in words; in those of HTML outside tags and comments."""
    for found in (*_WITH_SCHEME.finditer(words), *(_WITHOUT.finditer(words) if "www." in words else ())):
        at = found.start()
        before = words[at - 1] if at else " "
        if before.isalnum() or before in "_/" or (outside_tags and before == '"'):
            continue
        if not outside_tags or not (_is_after(words, "<", ">", at) or _is_after(words, "<!--", "-->", at)):
            yield found[0]


def _is_after(markup: str, opening: str, closing: str, at: int) -> bool:
    """Whether the nearest of two signs before a place is the opening one."""
    least = max(at - _FAR, 0)
    return markup.rfind(opening, least, at) > markup.rfind(closing, least, at)


def _is_small(markup: str, at: int) -> bool:
    """Whether letters at a place have no size, as those of the cells that MJML puts around pictures."""
    nearest = markup.rfind("font-size:", max(at - _FAR, 0), at)
    return nearest >= 0 and bool(_UNSEEN.match(markup, nearest))


def _description(tag: re.Match[str]) -> str:
    """The words that stand for a tag: those of a picture."""
    return f" {dict(_ATTRIBUTE.findall(tag[2])).get('alt', '')} " if tag[1] else ""


@lru_cache(maxsize=8)
def _pages_of_reader(site_url: str) -> dict[str, str]:
    """By merge tag: an address like the one that it stands for."""
    return {tag: f"{site_url}/{number}" for number, tag in enumerate(_OWN_PAGES)}


@lru_cache(maxsize=2_048)
def _picture(attributes: str) -> _Picture:
    values = dict(_ATTRIBUTE.findall(attributes))
    url = html.unescape(values.get("src", ""))
    described = tuple(_addresses(html.unescape(values.get("alt", ""))))
    return _Picture(url if url.startswith("http") else "", described)


@lru_cache(maxsize=2_048)
def _link(attributes: str, inner: str) -> _Link:
    values = dict(_ATTRIBUTE.findall(attributes))
    url = html.unescape(values.get("href", "").replace(_SUBSCRIBER, ""))
    words = html.unescape(_TAG.sub(_description, inner)).strip()
    style = values.get("style", "")
    is_unseen = bool(_UNSEEN.search(style))
    if not _BEGINS.match(words):
        has_no_words = "font-size" not in style and not _TAG.sub("", inner).strip()
        return _Link(url, is_unseen, has_no_words, "")
    shown = words.split(maxsplit=1)[0]
    return _Link(url, True, False, shown if shown.startswith(("http", "www.")) else "")


@lru_cache(maxsize=4_096)
def _is_unusual(url: str) -> bool:
    parts = _PARTS.match(url)
    if not parts:
        return False
    host, path, query = parts.groups("")
    return bool(
        _UNUSUAL_HOST.match(host)
        or not host.isascii()
        or _IN_PERCENT.search(path)
        or _IN_PERCENT.search(query)
        or _LONG_PATH.search(path)
        or not unicodedata.is_normalized("NFKC", url)
    )


def _within(url: str) -> int:
    """How many addresses the parameters of an address have."""
    if "?" not in url:
        return 0
    parts = _PARTS.match(url)
    return len(_WITHIN.findall(parts[3] or "")) if parts else 0


def _listed(text: str, name: str, address: str) -> str:
    """The text part with an address behind the list of links, or at the end."""
    last = len(text)
    while (last := text.rfind("\n[", 0, last)) >= 0 and not _NUMBERED.match(text, last):
        pass
    at = text.find("\n", last + 1) + 1 if last >= 0 else 0
    # A name that has an address would count, too.
    named = template_sandbox.wrap_lines(f"{escape_tags(name)}: {address}")
    line = address if any(_addresses(name)) else named
    return f"{text[: at or len(text)]}{line}\n{text[at or len(text) :]}"
