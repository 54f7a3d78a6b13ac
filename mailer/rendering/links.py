"""Outbound links of an edition, and rewriting them in a variant for click tracking."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from mailer.rendering import sanitize
from mailer.rendering.avoid_rspamd_odd_url_count import CountedAddresses, filler_pages
from mailer.rendering.data_types import Content, RenderedVariant, Story
from mailer.rendering.merge_tags import escape_tags

# What reads as an address, with or without its scheme: "iom.int", "www.example.org/page".
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_HREF = re.compile(r'(<a\b[^>]*?\shref=")([^"]*)')
_URL = re.compile(r"https?://\S+")
# Punctuation that may follow a URL in a sentence, or be a part of it.
_BEHIND = ")].,;:!?»”’\"'"
_END = re.compile(r"(?=</body>)")
# As plain text of rich text has them behind the words of a link; the link itself may stand in brackets.
_IN_BRACKETS = re.compile(r"\(((?:https?://|mailto:)(?:[^\s()]|\([^\s()]*\))+)\)")
# Invisible, silent, and not reachable with a keyboard.
_HONEYPOT = '<a href="{}" tabindex="-1" aria-hidden="true" style="display:none;mso-hide:all"></a>'
_PIXEL = '<img src="{}" alt="" width="1" height="1" style="display:block;border:0" />'


@dataclass(frozen=True)
class Link:
    url: str
    # Key of the story that has it; empty: a text between the stories.
    story: str = ""


def trackable_links(content: Content) -> tuple[Link, ...]:
    """The http and https links that lead away from the site, in the edition's order, each address once.

    A link whose text is its own URL is left out: readers must see where it leads.
    """
    found: dict[str, Link] = {}
    spelled: set[str] = set()
    for story, words, url in _anchors(content):
        if _ADDRESS.fullmatch(words.strip()):
            spelled.add(url)
        elif url.startswith(("http://", "https://")) and not f"{url}/".startswith(f"{content.site_url}/"):
            found.setdefault(url, Link(url, story))
    return tuple(link for link in found.values() if link.url not in spelled)


def links_in_page(page: str, known: Iterable[Link]) -> set[str]:
    """The addresses of `known` links that stand in a variant's HTML."""
    there = {html.unescape(found[2]) for found in _HREF.finditer(page)}
    return there.intersection(link.url for link in known)


class NumberedLinks:
    """Numbers in place of addresses, so that a voice that reads the text part reads sentences.

    `urls` has the addresses in the order of their numbers, which begin with 1; `asked` each one as often as
    its number was asked for.
    """

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.asked: list[str] = []
        self._numbers: dict[str, str] = {}

    def number(self, url: str) -> str:
        """What stands in the text for `url`: "[3]". The same address has the same number.

        Raises TypeError for what is no text: a template may give anything.
        """
        if not isinstance(url, str):
            raise TypeError("link_number takes an address")
        self.asked.append(url)
        number = self._numbers.get(url)
        if number is None:
            self.urls.append(url)
            number = self._numbers[url] = f"[{len(self.urls)}]"
        return number

    def number_all(self, text: str) -> str:
        """The result of `sanitize.to_plain_text` with numbers in place of the addresses in brackets."""
        return _IN_BRACKETS.sub(lambda found: self.number(found[1]), text)

    def unlisted(self, written: str) -> str:
        """Lines of the addresses that a text part lacks, since an office's own part does not list them."""
        shown = set(written.split())
        urls = enumerate(map(escape_tags, self.urls), 1)
        return "\n".join(f"[{number}] {url}" for number, url in urls if url not in shown)


def rewrite_links(
    rendered: RenderedVariant,
    address: Callable[[str], str | None],
    *,
    honeypot: str = "",
    pixel: str = "",
    site_url: str = "",
) -> RenderedVariant:
    """The variant with every link replaced for which `address` returns another URL, in HTML and in text.

    `honeypot`: URL of a link that people cannot see; `pixel`: URL of the open-tracking picture; empty: none.
    Where either makes the number of counted addresses odd, another link that people cannot see stands before
    them: again to the honeypot, or else to a page of the site. The text has nothing new but addresses.
    """

    def in_html(found: re.Match[str]) -> str:
        other = address(html.unescape(found[2]))
        return found[1] + (found[2] if other is None else html.escape(other))

    page = _HREF.sub(in_html, rendered.html)
    text = _URL.sub(lambda found: _rewrite_text(found[0], address), rendered.text)
    if hidden := _hidden(_HONEYPOT, honeypot) + _hidden(_PIXEL, pixel):
        seen = CountedAddresses(page, text, site_url)
        seen.read_html(hidden)
        further = seen.that_makes_even((honeypot,) if honeypot else filler_pages(site_url), unseen=True)
        page = _END.sub(lambda _: _hidden(_HONEYPOT, further) + hidden, page, count=1)
    return replace(rendered, html=page, text=text)


def _hidden(part: str, url: str) -> str:
    return part.format(html.escape(url)) if url else ""


def _rewrite_text(written: str, address: Callable[[str], str | None]) -> str:
    """Replace the URL in the characters from "http" to the next space."""
    for end in range(len(written), 0, -1):
        if (other := address(written[:end])) is not None:
            return other + written[end:]
        if written[end - 1] not in _BEHIND:
            break
    return written


def _anchors(content: Content) -> Iterator[tuple[str, str, str]]:
    """(story, link text, URL) of every link that staff wrote."""
    stories = content.stories_by_key
    for block in (*content.blocks, *(content.rolled_over.blocks if content.rolled_over else ())):
        for key in block.stories:
            if key in stories:
                yield from _of_story(stories[key])
        for text in block.texts if block.kind in ("text", "note") else ():
            yield from (("", words, url) for words, url in _of_body(text.text))
        if url := sanitize.safe_link(block.link):
            yield from (("", text.text, url) for text in block.texts)


def _of_story(story: Story) -> Iterator[tuple[str, str, str]]:
    if url := sanitize.safe_link(story.link):
        for text in story.texts:
            yield story.key, text.link_label, url
    for text in story.texts:
        yield from ((story.key, words, url) for words, url in _of_body(text.body))


def _of_body(rich_text: str) -> list[tuple[str, str]]:
    reader = _Anchors()
    reader.feed(str(sanitize.rich_text(rich_text)))
    reader.close()
    return reader.found


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self._open: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open = (dict(attrs).get("href") or "", [])

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open:
            url, words = self._open
            if url:
                self.found.append(("".join(words), url))
            self._open = None
