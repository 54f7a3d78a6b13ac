"""An even number of the addresses that spam filters count in a message.

Rspamd's URI_COUNT_ODD (1.0) takes for granted that every address of the HTML stands in the text part, too.
It adds up, over both parts, how often there are addresses of these kinds, and asks whether the sum is odd:
pictures; links that people do not see, and those whose words begin with an address; addresses that are no
link of the HTML, such as those that only the text part has; addresses with a port, an account, an IP address,
letters of other alphabets as host, signs in percent, or a path that can be written shorter; and addresses
within others. Links with words count for nothing else.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mailer.rendering import template_parts
from mailer.rendering.merge_tags import PLACEHOLDERS, escape_tags

# Quoted values may hold "<" and ">". The literal beginnings of these expressions make them fast.
_INSIDE = r'(?:[^<>"]++|"[^"]*+")*+'
_TAG_OR_COMMENT = re.compile(rf"<(?:a\s({_INSIDE})>|img\s({_INSIDE})>|!--(?!>))")
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
# Characters of the words of a link, of a tag, and of a comment.
_FAR = 8_000
_PARTS = re.compile(r"https?://([^/?#]*+)([^?#]*+)(?:\?([^#]*+))?+", re.IGNORECASE)
_UNUSUAL_HOST = re.compile(r".*[:@%]|[\d.]++\Z")
# The signs : / ? @ \ | count for nothing when they are written in percent.
_IN_PERCENT = re.compile(r"%(?!2[fF]|3[aAfF]|40|5[cC]|7[cC])")
_LONG_PATH = re.compile(r"//|/\.{1,3}(?=/|\Z)")
_WITHIN = re.compile(r"https?(?::|%3A)(?:/|%2F){2}", re.IGNORECASE)
_NUMBERED = re.compile(r"\[\d+\] http")


def made_even(page: str, text: str, name: str, site_url: str) -> str:
    """The text part, with the address of the site added to its list of links where the sum would be odd.

    `name`: the newsletter's, which stands before the address. Stays odd where the HTML has links to the
    site's front page and to its archive already, so that these do not count.
    """
    address = CountedAddresses(page, text, site_url).that_makes_even(pages_of(site_url))
    return _listed(text, name, address) if address else text


def pages_of(site_url: str) -> tuple[str, str]:
    """Where an address may lead that is there for the sake of the sum: front page and archive."""
    return f"{site_url}/", f"{site_url}/archive/"


class CountedAddresses:
    """How often each address is seen in a message, and which of them count.

    `site_url`: where the addresses lead that merge tags stand for.
    """

    def __init__(self, page: str, text: str, site_url: str) -> None:
        self.times: Counter[str] = Counter()
        self._links: set[str] = set()
        self._counted: set[str] = set()
        # What links show as their words counts only where it is the address of a link.
        self._shown: set[str] = set()
        self._within_text = 0
        self._tags: dict[str, str] = {tag: f"{site_url}/{number}" for number, tag in enumerate(_OWN_PAGES)}
        self.read_html(page[max(page.find("<body"), 0) :])
        for tag, address in self._tags.items():
            text = text.replace(tag, address)
        for url in _addresses(text.replace(_SUBSCRIBER, "")):
            self.times[url] += 1
            self._within_text += _within(url)

    @property
    def is_odd(self) -> bool:
        """Whether the sum is odd."""
        counted = sum(number for url, number in self.times.items() if self._counts(url))
        return (counted + self._within_text + sum(map(_within, self._links))) % 2 == 1

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

    def read_html(self, part: str) -> None:
        """Add the addresses of HTML."""
        at = 0
        while tag := _TAG_OR_COMMENT.search(part, at):
            at = tag.end()
            if tag[0] == "<!--":
                # Only Outlook reads what is in it, to the end where it has none.
                end = part.find("-->", at)
                at = len(part) if end < 0 else end
            elif tag[2]:
                self._picture(dict(_ATTRIBUTE.findall(tag[2])))
            else:
                end = part.find("</a>", at, at + _FAR)
                self._link(dict(_ATTRIBUTE.findall(tag[1])), part[at : max(end, at)])
        self.times.update(map(html.unescape, _addresses(part, outside_tags=True)))

    def _picture(self, values: dict[str, str]) -> None:
        url = html.unescape(values.get("src", ""))
        if url.startswith("http"):
            self.times[url] += 1
            self._counted.add(url)
        self.times.update(_addresses(html.unescape(values.get("alt", ""))))

    def _link(self, values: dict[str, str], inner: str) -> None:
        written = values.get("href", "")
        url = self._tags.get(written) or html.unescape(written.replace(_SUBSCRIBER, ""))
        if not url.startswith("http"):
            return
        self.times[url] += 1
        self._links.add(url)
        if _UNSEEN.search(values.get("style", "")):
            self._counted.add(url)
        words = html.unescape(_TAG.sub(_description, inner)).strip()
        if _BEGINS.match(words):
            self._counted.add(url)
            shown = words.split(maxsplit=1)[0]
            if shown.startswith(("http", "www.")):
                self._shown.add(shown)
                # Once more than other words.
                self.times[shown] += 1

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


def _description(tag: re.Match[str]) -> str:
    """The words that stand for a tag: those of a picture."""
    return f" {dict(_ATTRIBUTE.findall(tag[2])).get('alt', '')} " if tag[1] else ""


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
    parts = _PARTS.match(url) if "?" in url else None
    return len(_WITHIN.findall(parts[3] or "")) if parts else 0


def _listed(text: str, name: str, address: str) -> str:
    """The text part with an address behind the list of links, or at the end."""
    lines = text.splitlines()
    last = max((at for at, line in enumerate(lines) if _NUMBERED.match(line)), default=len(lines) - 1)
    # A name that has an address would count, too.
    named = template_parts.wrap(f"{escape_tags(name)}: {address}")
    lines.insert(last + 1, address if any(_addresses(name)) else named)
    return "\n".join(lines) + "\n"
