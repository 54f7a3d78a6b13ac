from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.rendering.links import Link, outbound
from mailer.rendering.records import Block, LocalText, StoryText
from tests.rendering import cast

SITE = cast.EDITION.site_url


def _body(rich_text: str) -> list[str]:
    """The addresses that count in a story with this body."""
    text = StoryText("en", "Headline", "Summary.", rich_text)
    content = cast.edition(
        Block("lead", ("one",)), stories=(replace(cast.story("one"), texts=(text,), link=""),)
    )
    return [link.url for link in outbound(content)]


def test_every_storys_link_counts_in_the_editions_order() -> None:
    assert [(link.story, link.url) for link in outbound(cast.EDITION)] == [
        (key, f"https://example.org/{key}{more}")
        for key, more in (
            ("diaspora", "?from=mail&part=1"),
            ("border", ""),
            ("cash", ""),
            ("profile", ""),
            ("online", ""),
            ("page", ""),
        )
    ]


def test_links_in_bodies_of_every_language_and_in_texts_between_the_stories_count() -> None:
    texts = tuple(
        StoryText(code, "Headline", "Summary.", f'<p><a href="https://example.org/{code}">more</a></p>')
        for code in ("en", "ru")
    )
    content = cast.edition(
        Block("lead", ("one",)),
        Block("text", texts=(LocalText("en", '<a href="https://example.net/word">a word</a>'),)),
        stories=(replace(cast.story("one"), texts=texts, link="https://example.org/all"),),
    )
    assert outbound(content) == (
        Link("https://example.org/all", "one"),
        Link("https://example.org/en", "one"),
        Link("https://example.org/ru", "one"),
        Link("https://example.net/word"),
    )


@pytest.mark.parametrize(
    "address", ["mailto:office@example.org", SITE, f"{SITE}/archive/", f"{SITE}/archive/x/film.ics"]
)
def test_mail_addresses_and_pages_of_our_own_never_count(address: str) -> None:
    assert _body(f'<a href="{address}">read</a>') == []


def test_a_site_whose_name_only_begins_like_ours_is_outside() -> None:
    assert _body(f'<a href="{SITE}.example.com/">read</a>') == [f"{SITE}.example.com/"]


@pytest.mark.parametrize("words", ["https://example.org/page", "www.example.org", "example.org/page?a=b"])
def test_a_link_whose_words_are_an_address_leads_where_they_say(words: str) -> None:
    # Even where the same address stands behind other words.
    body = f'<a href="https://example.org/page">{words}</a>, <a href="https://example.org/page">more</a>'
    assert _body(body) == []


def test_an_ordinary_sentence_with_a_dot_is_no_address() -> None:
    assert _body('<a href="https://example.org/">Read on. It is short.</a>') == ["https://example.org/"]
