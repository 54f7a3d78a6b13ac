"""The links of an edition that lead outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from mailer.rendering import clean
from mailer.rendering.records import Content, Story

# What reads as an address, with or without its scheme: "iom.int", "www.example.org/page".
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    url: str
    # Key of the story that has it; empty: a text between the stories.
    story: str = ""


def outbound(content: Content) -> tuple[Link, ...]:
    """The http and https links that lead away from the site, in the edition's order, each address once.

    An address that is itself the words of a link is not among them: where its reader goes is what they read.
    """
    found: dict[str, Link] = {}
    spelled: set[str] = set()
    for story, words, url in _anchors(content):
        if _ADDRESS.fullmatch(words.strip()):
            spelled.add(url)
        elif url.startswith(("http://", "https://")) and not f"{url}/".startswith(f"{content.site_url}/"):
            found.setdefault(url, Link(url, story))
    return tuple(link for link in found.values() if link.url not in spelled)


def _anchors(content: Content) -> Iterator[tuple[str, str, str]]:
    """(story, words, address) of every link that staff wrote."""
    stories = {story.key: story for story in content.stories}
    for block in content.blocks:
        for key in block.stories:
            if key in stories:
                yield from _of_story(stories[key])
        for text in block.texts if block.kind == "text" else ():
            yield from (("", words, url) for words, url in _of_body(text.text))


def _of_story(story: Story) -> Iterator[tuple[str, str, str]]:
    if url := clean.link(story.link):
        for text in story.texts:
            yield story.key, text.link_label, url
    for text in story.texts:
        yield from ((story.key, words, url) for words, url in _of_body(text.body))


def _of_body(rich_text: str) -> list[tuple[str, str]]:
    reader = _Anchors()
    reader.feed(str(clean.rich(rich_text)))
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
