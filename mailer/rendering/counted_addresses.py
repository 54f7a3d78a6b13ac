"""An even number of the addresses that spam filters count in a message.

Rspamd's URI_COUNT_ODD (1.0) takes for granted that every address of the HTML stands in the text part, too. It
adds up, over both parts, how often there are: pictures; links without words, such as a picture that leads
somewhere and the link that people do not see; links whose words are an address; and addresses with a port or
with signs in percent. Where the sum is odd, the text part says what the first picture shows, and where it is.
"""

from __future__ import annotations

import html
import re
from collections import Counter

from mailer.rendering.merge_tags import escape_tags

# What only Outlook reads.
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PICTURE = re.compile(r"<img\b[^>]*>")
_LINK = re.compile(r'<a\b[^>]*?\shref="(https?://[^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_ATTRIBUTE = re.compile(r'\s(src|alt|width)="([^"]*)"')
_NUMBERED = re.compile(r"\[\d+\] http")
_TAG = re.compile(r"<[^>]*>")
_IN_TEXT = re.compile(r"https?://[^\s<>]+")
_ADDRESS = re.compile(r"(?:https?://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#]\S*)?")
_UNUSUAL = re.compile(r"https?://[^/?#]*:\d|.*%[0-9A-Fa-f]{2}")
# Punctuation behind an address in a sentence.
_BEHIND = ")].,;:!?»”’\"'"


def made_even(page: str, text: str) -> str:
    """The text part, with one picture more in its list of links where the sum would be odd.

    `page`: the HTML as it is sent. A message without a picture, but with one that counts opens or a link that
    people do not see, stays odd.
    """
    page = _COMMENT.sub("", page)
    pictures = [dict(_ATTRIBUTE.findall(tag)) for tag in _PICTURE.findall(page)]
    if _count(page, text, [html.unescape(one.get("src", "")) for one in pictures]) % 2 == 0:
        return text
    seen = [one for one in pictures if one.get("width") != "1" and one.get("src", "").startswith("http")]
    named = [*(one for one in seen if one.get("alt", "").strip()), *seen]
    return _listed(text, named[0]) if named else text


def _listed(text: str, picture: dict[str, str]) -> str:
    """The text part with a picture behind the list of links, or at the end."""
    shown, url = (escape_tags(html.unescape(picture.get(name, ""))) for name in ("alt", "src"))
    lines = text.splitlines()
    last = max((at for at, line in enumerate(lines) if _NUMBERED.match(line)), default=len(lines) - 1)
    lines.insert(last + 1, f"{shown}: {url}" if shown.strip() else url)
    return "\n".join(lines) + "\n"


def _count(page: str, text: str, pictures: list[str]) -> int:
    links = [
        (html.unescape(url), html.unescape(_TAG.sub("", words)).strip()) for url, words in _LINK.findall(page)
    ]
    in_text = [one.rstrip(_BEHIND) for one in _IN_TEXT.findall(text)]
    everywhere = Counter([*(url for url, _words in links), *pictures, *in_text])
    counted = {*pictures, *(url for url, words in links if not words or _ADDRESS.fullmatch(words))}
    return sum(number for url, number in everywhere.items() if url in counted or _UNUSUAL.match(url))
