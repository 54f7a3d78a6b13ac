"""The web version of a variant: the message for everyone, without what only its subscriber can use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from mailer.rendering import localization, merge_tags

# A paragraph of the templates that speaks to the subscriber. Content is escaped, so that none ends early.
_READER = re.compile(r'(<p class="[^"]*\breader\b[^"]*"[^>]*>)(.*?)(</p>)', re.DOTALL)
_LINK_STYLE = re.compile(r'<a\b[^>]*\bstyle="([^"]*)"')


class OtherLanguage(NamedTuple):
    """The same edition in another language."""

    code: str
    # "Қазақша"
    name: str
    url: str


def of_variant(html: str, language: str, site_url: str, others: Sequence[OtherLanguage] = ()) -> str:
    """The page for a variant's HTML with merge tags.

    Its first lines for the subscriber become links to `others` and to subscribing, its last ones to
    subscribing and to earlier editions; those between are left out.
    """
    paragraphs = list(_READER.finditer(html))
    style = next((found[1] for one in paragraphs if (found := _LINK_STYLE.search(one[2]))), "")
    # In lines of 20 px: 24 px high, as WCAG 2.5.8 asks of links one below the other.
    style = f"{style.rstrip(';')};display:inline-block;padding:2px 4px"
    words = localization.for_language(language)

    def link(url: str, text: str, code: str = "") -> Markup:
        spoken = Markup(' lang="{0}" hreflang="{0}"').format(code) if code else ""
        return Markup('<a href="{}"{} style="{}">{}</a>').format(url, spoken, Markup(style), text)  # noqa: S704 (of our own stylesheet)

    public = [
        link(f"{site_url}/", words("Subscribe")),
        link(f"{site_url}/archive/", words("Earlier editions")),
    ]
    languages = [link(one.url, one.name, one.code) for one in others]
    first = Markup("<br>").join(Markup(" · ").join(row) for row in (languages, public[:1]) if row)
    shown = {0: first, len(paragraphs) - 1: Markup(" · ").join(public)} if len(paragraphs) > 1 else {}
    counted = iter(range(len(paragraphs)))

    def replaced(found: re.Match[str]) -> str:
        content = shown.get(next(counted))
        return f"{found[1]}{content}{found[3]}" if content else ""

    page = _READER.sub(replaced, html)
    return merge_tags.fill_html(page, {**merge_tags.web_values(site_url, language), "subscriber_token": ""})
