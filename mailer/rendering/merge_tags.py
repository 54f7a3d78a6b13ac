"""Merge tags: the places in a variant that are filled per subscriber."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from markupsafe import escape

from mailer.rendering import localization

# Addresses of the reader's own pages, the names of the countries that the reader chose, and what makes the
# address of a link the reader's own, if anything.
TAGS = ("unsubscribe_url", "preferences_url", "countries", "subscriber_token")
TAG_RE = re.compile(f"%%({'|'.join(TAGS)})%%")


class TrustedText(str):
    """A text from rendering itself; merge tags are kept only in these."""

    __slots__ = ()


PLACEHOLDERS: Mapping[str, TrustedText] = {name: TrustedText(f"%%{name}%%") for name in TAGS}


def escape_tags(text: str) -> str:
    """`text` with an invisible word joiner in everything that looks like a merge tag."""
    return TAG_RE.sub("%\N{WORD JOINER}%\\1%%", text) if "%%" in text else text


def fill_html(html: str, values: Mapping[str, str]) -> str:
    """`html` with every merge tag replaced by its escaped value. Raises KeyError for a missing value."""
    return TAG_RE.sub(lambda found: html_value(values[found[1]]), html)


def fill_text(text: str, values: Mapping[str, str]) -> str:
    """`text` with every merge tag replaced by its value. Raises KeyError for a missing value."""
    return TAG_RE.sub(lambda found: values[found[1]], text)


def html_value(value: str) -> str:
    """A value escaped for HTML text or a quoted attribute."""
    return str(escape(value))


def country_names_or_all(countries: Collection[str], reader_language: str) -> str:
    """The value of `countries`: names in the reader's language, as ordered; "all countries" for none."""
    if not countries:
        return localization.for_language(reader_language)("all countries")
    return localization.join_with_commas(
        localization.country_name(code, reader_language) for code in countries
    )


def web_values(site_url: str, reader_language: str) -> dict[str, str]:
    """Values for a message without a subscriber: the site's front page and all countries."""
    front = f"{site_url}/"
    return {
        "unsubscribe_url": front,
        "preferences_url": front,
        "countries": country_names_or_all((), reader_language),
    }
