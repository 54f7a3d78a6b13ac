"""Help: the guide in the desk, and a way to it from every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.urls import URLResolver, get_resolver, reverse
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mailer.desk.base import help as desk_help
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

ROOT = Path(__file__).resolve().parents[3]
# Without a translation.
ENGLISH_ONLY = frozenset({"api", "webhooks-outgoing"})
TRANSLATED = [name for name in desk_help.PAGES if name not in ENGLISH_ONLY]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", list(desk_help.PAGES))
def test_every_page_is_there_without_raw_html_and_with_links_that_lead_somewhere(
    name: str, language: str
) -> None:
    page = desk_help.load_page(name, language)
    assert page is not None and page.title
    for target in re.findall(r'href="([^"]*)"', page.html):
        inside = re.fullmatch(r"/desk/help/([a-z-]+)/(?:#(.*))?", target)
        assert inside or target.startswith(("http", "#")), target
        if inside:
            other = desk_help.load_page(inside[1], language)
            assert other is not None and (not inside[2] or f'id="{inside[2]}"' in other.html), target


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_page_has_in_russian_the_headings_links_and_examples_of_the_english_one(name: str) -> None:
    english, russian = _parsed(f"docs/{name}.md"), _parsed(f"docs/ru/{name}.md")
    # The Russian glossary leaves out what only developers meet.
    for part in (_headings, _links) if name == "glossary" else (_headings, _links, _blocks):
        assert list(part(russian)) == list(part(english)), part.__name__
    page, original = desk_help.load_page(name, "ru"), desk_help.load_page(name)
    assert page is not None and original is not None and page.language == "ru"
    assert re.findall(r'id="([^"]*)"', page.html) == re.findall(r'id="([^"]*)"', original.html)


# The page on migrating names the menus of other products.
@pytest.mark.parametrize("name", [name for name in TRANSLATED if name != "migrating"])
def test_the_russian_page_names_buttons_and_menus_as_the_russian_desk_does(name: str) -> None:
    russian = set(_emphasised(_parsed(f"docs/ru/{name}.md")))
    catalogue = _catalogue()
    wanted = {
        label: catalogue[label] for label in _emphasised(_parsed(f"docs/{name}.md")) if label in catalogue
    }
    assert {label: names for label, names in wanted.items() if not names & russian} == {}


def _parsed(path: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / path).read_text(encoding="utf-8"))


def _headings(tokens: list[Token]) -> Iterator[str]:
    return (token.tag for token in tokens if token.type == "heading_open")


def _links(tokens: list[Token]) -> Iterator[str]:
    """Where links lead, in order; a page of docs/ru/ leaves its folder for a page without a translation."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                yield re.sub(r"^(?:\.\./)+", "", str(child.attrGet("href")))


def _blocks(tokens: list[Token]) -> Iterator[str]:
    """Blocks in order: paragraphs, entries of lists, rows and cells of tables, examples."""
    blocks = ("paragraph_open", "list_item_open", "tr_open", "td_open", "fence", "code_block")
    return (token.type for token in tokens if token.type in blocks)


def _emphasised(tokens: list[Token]) -> Iterator[str]:
    """Texts in italics, such as *Reports › Audit log*, part by part, without the three dots of a button."""
    for token in tokens:
        text: str | None = None
        for child in token.children or ():
            if child.type == "em_open":
                text = ""
            elif child.type == "em_close":
                yield from (part.strip("… ") for part in (text or "").split("›"))
                text = None
            elif text is not None:
                text += child.content or " "


@cache
def _catalogue() -> dict[str, set[str]]:
    """The Russian names of what begins with a capital in English: buttons, menus, titles."""
    found: dict[str, set[str]] = {}
    for place in ("mailer/locale", "subscribers/locale"):
        with (ROOT / place / "ru/LC_MESSAGES/django.po").open("rb") as file:
            for message in read_po(file):
                if (
                    isinstance(message.id, str)
                    and message.id[:1].isupper()
                    and isinstance(message.string, str)
                ):
                    found.setdefault(message.id.strip("…"), set()).add(message.string.strip("…"))
    return found


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/desk/", "guide"),
        ("/desk/stories/new/", "guide"),
        ("/desk/editions/3/schedule/", "sending"),
        ("/desk/editions/3/report/", "guide"),
        ("/desk/imports/", "subscribers"),
        ("/desk/suppressions/", "feedback"),
        ("/desk/users/new/", "accounts"),
        ("/desk/webhooks/", "webhooks-outgoing"),
    ],
)
def test_a_screen_leads_to_the_page_about_it(path: str, name: str) -> None:
    assert desk_help.help_page_url(path).partition("#")[0] == reverse("desk_help_page", args=[name])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_help_of_every_screen_is_a_page_and_a_heading_of_it(language: str) -> None:
    targets = {desk_help.help_page_url(path) for path in _desk_paths(get_resolver())}
    assert len(targets) > 20
    for target in targets:
        address, _, anchor = target.partition("#")
        page = desk_help.load_page(address.removeprefix("/desk/help/").strip("/"), language)
        assert page is not None and (not anchor or f'id="{anchor}"' in page.html), target


def _desk_paths(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Every path of the desk, with 7 for each part that varies."""
    for pattern in resolver.url_patterns:
        path = before + re.sub(r"<[^>]*>", "7", str(pattern.pattern)).lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from _desk_paths(pattern, path)
        elif path.startswith("/desk/"):
            yield path


def test_a_page_is_in_the_language_of_its_reader_else_in_english_with_a_note(desk: Desk) -> None:
    browser = as_user(desk.writer)
    guide, api = reverse("desk_help_page", args=["guide"]), reverse("desk_help_page", args=["api"])
    for path, reads, shown, others in [
        (guide, "ru", "ru", ["en"]),
        (guide, "en", "en", ["ru"]),
        (guide, "kk", "en", ["en", "ru"]),
        (f"{guide}?lang=ru", "kk", "ru", ["en", "ru"]),
        (api, "ru", "en", ["en"]),
    ]:
        page = Page(browser.get(path, headers={"accept-language": reads}))
        assert f'<article class="desk-help" lang="{shown}">' in page.html
        assert re.findall(r'hreflang="(\w+)"', page.html) == others
        # Who has no version in their own language reads so, in it.
        assert ("desk-help-languages" in page.html) == (shown in others)
    assert (
        "desk-help-languages"
        in Page(browser.get(reverse("desk_help"), headers={"accept-language": "kk"})).html
    )


def test_the_help_menu_leads_to_the_page_of_the_screen(desk: Desk) -> None:
    browser = as_user(desk.writer)
    page = Page(browser.get(reverse("desk_stories:list")))
    assert f'"url": "{desk_help.help_page_url(reverse("desk_stories:list"))}"' in page.html
    assert browser.get(reverse("desk_help_page", args=["guide"])).status_code == 200
    assert reverse("desk_help_page", args=["sending"]) in Page(browser.get(reverse("desk_help"))).links
    assert browser.get(reverse("desk_help_page", args=["operations"])).status_code == 404
