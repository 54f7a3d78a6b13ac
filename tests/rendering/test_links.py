from __future__ import annotations

import re
from dataclasses import replace
from html import escape, unescape
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.rendering import sanitize
from mailer.rendering.data_types import Block, Content, LocalText, RenderedVariant, StoryText
from mailer.rendering.links import Link, NumberedLinks, rewrite_links, trackable_links
from mailer.rendering.variants import render
from tests.rendering import cast

SITE = cast.EDITION.site_url


def _body(rich_text: str) -> list[str]:
    """The addresses that count in a story with this body."""
    text = StoryText("en", "Headline", "Summary.", rich_text)
    content = cast.edition(
        Block("lead", ("one",)), stories=(replace(cast.story("one"), texts=(text,), link=""),)
    )
    return [link.url for link in trackable_links(content)]


def test_every_storys_link_counts_in_the_editions_order() -> None:
    assert [(link.story, link.url) for link in trackable_links(cast.EDITION)] == [
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
    assert trackable_links(content) == (
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
def test_a_link_with_its_url_as_text_gives_no_warning(words: str) -> None:
    # Even where the same address stands behind other words.
    body = f'<a href="https://example.org/page">{words}</a>, <a href="https://example.org/page">more</a>'
    assert _body(body) == []


def test_an_ordinary_sentence_with_a_dot_is_no_address() -> None:
    assert _body('<a href="https://example.org/">Read on. It is short.</a>') == ["https://example.org/"]


# Leading by another address

OTHER = "https://news.example.org/r/token/example.org"


def _story_with(url: str) -> Content:
    body = f'<p>Before <a href="{escape(url)}">more of it</a>, and after.</p>'
    story = replace(
        cast.story("one"),
        link=url,
        texts=(StoryText("en", "Headline", "Summary.", body, "Read it"),),
    )
    return cast.edition(Block("lead", ("one",)), stories=(story,))


@given(st.text(st.characters(exclude_categories=["C"], max_codepoint=0x17FF), max_size=30))
@example("film_(2021)")
@example("a?b=1&c=%20&amp;d='\"<>")
@example("%%unsubscribe_url%%")
@example("страница#§")
@example("\u115f\uff9e")
def test_whatever_an_address_looks_like_it_is_found_again_in_html_and_text(path: str) -> None:
    content = _story_with(f"https://example.org/{path}")
    (link,) = trackable_links(content)
    led = rewrite_links(render(content, (), "en"), {link.url: OTHER}.get)
    hrefs = [unescape(found) for found in re.findall(r'href="([^"]*)"', led.html)]
    assert hrefs.count(OTHER) == 2 and link.url not in hrefs
    assert led.text.count(OTHER) == 1 and link.url not in led.text.split()


def test_an_address_in_brackets_keeps_its_own_and_leaves_the_sentences() -> None:
    first, second = "https://example.org/film_(2021)", "https://example.org/film"
    known = {first: "https://n.example/1", second: "https://n.example/2"}
    variant = RenderedVariant("k", "en", (), "", "", "", f"Film ({first}), film ({second}). See {second}!")
    assert rewrite_links(variant, known.get).text == (
        "Film (https://n.example/1), film (https://n.example/2). See https://n.example/2!"
    )


@pytest.mark.parametrize("path", ["page", "film_(2021)", "film(", "a)b", "((x))", ")("])
@pytest.mark.parametrize("sentence", ["It ({}).", "It (more {}), too.", "({}; {})", "{})({}"])
def test_links_in_brackets_leave_them_in_the_text_part(path: str, sentence: str) -> None:
    anchor = f'<a href="https://example.org/{path}">here</a>'
    shown = sanitize.to_plain_text(f"<p>{sentence.replace('{}', anchor)}</p>")
    numbered = NumberedLinks()
    assert numbered.number_all(shown) == sentence.replace("{}", "here [1]")
    (url,) = numbered.urls
    assert unquote(url) == f"https://example.org/{path}"


def test_an_address_that_only_begins_like_a_known_one_stays() -> None:
    variant = RenderedVariant("k", "en", (), "", "", "", "https://example.org/films")
    assert rewrite_links(variant, {"https://example.org/film": OTHER}.get) == variant


def test_the_pixel_and_the_hidden_link_are_at_the_end_once() -> None:
    led = rewrite_links(
        render(cast.EDITION, (), "en"),
        lambda url: None,
        honeypot="https://n.example/t?a&b",
        pixel="https://n.example/o",
    )
    assert led.html.count("https://n.example/t?a&amp;b") == led.html.count("https://n.example/o") == 1
    assert led.html.index("</body>") > led.html.index("https://n.example/o") > led.html.index("n.example/t")
    assert "n.example" not in led.text
