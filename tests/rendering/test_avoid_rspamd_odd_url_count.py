"""The number of addresses that rspamd counts: even in a variant as it is rendered and with tracked links."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import links, variants
from mailer.rendering.avoid_rspamd_odd_url_count import text_with_even_url_count
from mailer.rendering.data_types import Block, Content, LocalText, Picture, RenderedVariant, StoryText
from mailer.rendering.links import rewrite_links
from mailer.rendering.merge_tags import PLACEHOLDERS
from tests.rendering import cast

SITE = "https://news.example.org"
PICTURE = f"{SITE}/media/a.jpg"
SECOND = f"{SITE}/media/b.jpg"
ARTICLE = "https://example.org/a"
UNSEEN = 'tabindex="-1" aria-hidden="true" style="display:none;mso-hide:all"'


class Reader(HTMLParser):
    """What rspamd 3.12 counts in the kinds of addresses that stories have: slowly, and by other means."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.times = Counter(re.findall(r"https?://\S+|%%\w+_url%%", text))
        self.linked: set[str] = set()
        self.counted: set[str] = set()
        # The link that is open, while it has no words.
        self.open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.times[values["src"]] += 1
            self.counted.add(values["src"])
        if tag == "a" and values["href"].startswith(("http", "%%")):
            self.times[values["href"]] += 1
            self.linked.add(values["href"])
            self.open = values["href"]

    def handle_data(self, data: str) -> None:
        self.open = "" if data.strip() else self.open

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.counted |= {self.open} - {""}
            self.open = ""

    def sum(self) -> int:
        return sum(
            number
            for url, number in self.times.items()
            if url in self.counted or url not in self.linked or re.search("%[0-9A-F]{2}|:[0-9]+/", url)
        )


def is_even(message: RenderedVariant) -> bool:
    return Reader(message.html, message.text).sum() % 2 == 0


def message(page: str, text: str) -> RenderedVariant:
    return RenderedVariant("k", "en", (), "Subject", "Preheader", f"<body>{page}</body>", text)


@pytest.mark.parametrize(
    ("page", "text", "is_odd"),
    [
        (f'<img src="{PICTURE}" alt="A yurt">', "", True),
        (f'<img src="{PICTURE}" alt="A yurt"><img src="{SECOND}" alt="A road">', "", False),
        (f'<img src="{PICTURE}" alt="A yurt">', f"[1] {PICTURE}\n", False),
        # Outlook's own part is a comment to all others; links with words are not counted.
        (f'<!--[if mso]><img src="{PICTURE}"><a href="{SECOND}" {UNSEEN}></a><![endif]-->', "", False),
        (f'<!--[if !mso]><!--><img src="{PICTURE}"><!--<![endif]-->', "", True),
        (f'<a href="{ARTICLE}">more</a>', "", False),
        (f'<a href="{ARTICLE}">more</a>', f"[1] {ARTICLE}\n", False),
        # An address of the text alone; in words of both parts.
        ("", f"[1] {ARTICLE}\n", True),
        (f"<p>See {ARTICLE}</p>", f"See {ARTICLE}\n", False),
        ("<p>See www.example.org</p>", "[1] www.example.org\n", False),
        # A picture that leads somewhere, and one whose description has signs of HTML.
        (f'<a href="{ARTICLE}"><img src="{PICTURE}" alt=""></a>', f"[1] {ARTICLE}\n", True),
        (f'<td style="font-size:0px"><a href="{ARTICLE}"><img src="{PICTURE}" alt="A yurt"></a>', "", False),
        (f'<td style="font-size:16px"><a href="{ARTICLE}"><img src="{PICTURE}" alt=""></a>', "", True),
        (f'<img alt="1 < 2 > 0" src="{PICTURE}">', "", True),
        # A link that people do not see; its address counts wherever it stands.
        (f'<a href="{ARTICLE}" {UNSEEN}></a>', "", True),
        (f'<a href="{ARTICLE}" {UNSEEN}></a><a href="{ARTICLE}">more</a>', "", False),
        # Words that begin with an address.
        (f'<a href="{ARTICLE}">example.org</a>', "", True),
        (f'<a href="{ARTICLE}"><b>office</b>@example.org</a>', "", True),
        (f'<a href="{ARTICLE}">{ARTICLE}</a>', f"[1] {ARTICLE}\n", False),
        (f'<a href="{ARTICLE}">The site example.org</a>', "", False),
        (f'<a href="{ARTICLE}">report.pdf</a>', "", False),
        # Ports, signs in percent, other addresses as parameters.
        ('<a href="https://example.org:81/">more</a>', "", True),
        ('<a href="https://example.org/%D0%B0">more</a>', "[1] https://example.org/%D0%B0\n", False),
        ('<a href="https://example.org/?q=%D0%B0">more</a>', "", True),
        ('<a href="https://example.org/a%2Fb">more</a>', "", False),
        ('<a href="https://example.org/a//b">more</a>', "", True),
        ('<a href="https://example.org/?u=https%3A%2F%2Fexample.net%2F">more</a>', "", True),
    ],
)
def test_an_odd_number_of_counted_addresses_becomes_even(page: str, text: str, is_odd: bool) -> None:
    sent = text_with_even_url_count(f"<body>{page}</body>", f"Hello\n{text}", "News", SITE)
    assert sent == (f"Hello\n{text}News: {SITE}/\n" if is_odd else f"Hello\n{text}")
    assert text_with_even_url_count(f"<body>{page}</body>", sent, "News", SITE) == sent


def test_the_address_follows_the_list_of_links_behind_the_newsletters_name() -> None:
    page, text = f'<body><img src="{PICTURE}"></body>', "Hello\n\nLinks:\n\n{}\n\nBye\n"
    own = (f'<a href="{ARTICLE}">a</a>', f"[1] {ARTICLE}")
    sent = text_with_even_url_count(page + own[0], text.format(own[1]), "%%countries%%", SITE)
    # What staff wrote is no merge tag, here neither.
    assert sent == text.format(f"{own[1]}\n%\N{WORD JOINER}%countries%%: {SITE}/")
    # Nor may the name have an address of its own; a long one has two lines.
    assert text_with_even_url_count(page, "Hello\n", "www.example.org", SITE) == f"Hello\n{SITE}/\n"
    assert text_with_even_url_count(page, "Hello\n", "News " * 14, SITE).splitlines()[-1] == f"{SITE}/"


def test_a_page_that_is_linked_counts_for_nothing_so_another_is_listed() -> None:
    page = f'<body><img src="{PICTURE}"><a href="{SITE}/">our site</a>'
    assert text_with_even_url_count(page, "Hello\n", "News", SITE) == f"Hello\nNews: {SITE}/archive/\n"
    assert (
        text_with_even_url_count(f'{page}<a href="{SITE}/archive/">a</a>', "Hello\n", "News", SITE)
        == "Hello\n"
    )


def test_links_of_the_readers_own_count_where_the_site_has_a_port() -> None:
    tag = PLACEHOLDERS["unsubscribe_url"]
    page = f'<body><a href="{tag}">Unsubscribe</a></body>'
    assert text_with_even_url_count(page, f"{tag}\n", "News", SITE) == f"{tag}\n"
    assert text_with_even_url_count(page * 2, f"{tag}\n", "News", "http://127.0.0.1:8000") != f"{tag}\n"


HOSTILE = (
    *('<a href="x">', '<img alt="a">', "<!--", "<a ", '<"', '<"<', "http://", "https://a,", "www.a"),
    *("www.", "a-b.", "a@a@", "a", "%25", "//", "/./", '<a href="https://example.org/">', "[1] http"),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_rows_of_signs_are_counted_as_well(piece: str) -> None:
    rows = piece * 20_000
    for page, text in ((f"<body>{rows}", "x"), ("<body>", rows), (f'<body><a href="{SITE}">{rows}', "x")):
        assert text_with_even_url_count(page, text, "News", SITE).startswith(text[:1])


# Contents of all kinds

addresses = st.sampled_from(
    [f"https://example.org/{path}" for path in ("a", "b?c=1&d=2", "%D0%B0", "e%20f", "g", "статья")]
)
pictures = st.none() | st.sampled_from([PICTURE, SECOND, f"{SITE}/media/c%20d.jpg"])
stories = st.tuples(st.booleans(), st.none() | addresses, st.none() | addresses, pictures)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    made, blocks = [], []
    for number, (is_lead, link, in_body, picture) in enumerate(
        draw(st.lists(stories, min_size=1, max_size=4))
    ):
        body = f'<p>It is <a href="{escape(in_body)}">here</a>.</p>' if in_body else "<p>It is here.</p>"
        texts = (StoryText("en", "Headline", "Summary.", body, "Read it", "A drawing"),)
        shown = Picture(picture, 1200, 800) if picture else None
        made.append(replace(cast.story(f"s{number}"), link=link or "", picture=shown, texts=texts))
        blocks.append(Block("lead" if is_lead else "story", (f"s{number}",)))
    for picture, link in draw(st.lists(st.tuples(pictures, addresses), max_size=2)):
        texts = (LocalText("en", "Words", alt="A drawing"),)
        shown = Picture(picture, 1080, 720) if picture else None
        blocks.append(Block("picture", texts=texts, picture=shown, link=link))
    blocks.append(Block("button", texts=(LocalText("en", "More"),), link=draw(addresses)))
    content = cast.edition(*blocks, stories=tuple(made))
    own = (("digest.txt", OWN_TEXT),) if draw(st.booleans()) else ()
    return replace(content, site_url=SITE, masthead=replace(content.masthead, templates=own))


# An office's own text part, without the links of the reader's pages.
OWN_TEXT = """{{ digest.newsletter }}

{% for block in digest.blocks %}
{% include "blocks/" ~ block.kind ~ ".txt" %}
{% endfor %}
"""


def tracked(content: Content, *, clicks: bool, opens: bool) -> tuple[RenderedVariant, RenderedVariant]:
    """A variant as it is approved, and as it is sent."""
    approved = variants.render(content, (), "en")
    known = {link.url: f"{SITE}/r/t{n}/" for n, link in enumerate(links.trackable_links(content), 1)}
    sent = rewrite_links(
        approved,
        known.get if clicks else lambda url: None,
        honeypot=f"{SITE}/r/t0/" if clicks and known else "",
        pixel=f"{SITE}/o/t.gif" if opens else "",
        site_url=SITE,
    )
    return approved, sent


@settings(max_examples=60)
@given(contents(), st.booleans(), st.booleans())
def test_every_message_is_even_as_approved_and_as_sent(content: Content, clicks: bool, opens: bool) -> None:
    approved, sent = tracked(content, clicks=clicks, opens=opens)
    assert not approved.errors
    assert is_even(approved)
    assert is_even(sent)
    # Words and lines are as they were approved; only addresses differ, each has another in its place.
    assert _without_addresses(sent.text) == _without_addresses(approved.text)
    if not clicks and not opens:
        assert sent == approved


@pytest.mark.parametrize(("clicks", "opens"), [(True, True), (True, False), (False, True)])
def test_what_is_added_for_the_sum_is_not_seen(clicks: bool, opens: bool) -> None:
    approved, sent = tracked(replace(cast.EDITION, site_url=SITE), clicks=clicks, opens=opens)
    added = re.findall(r"<a [^>]*display:none[^>]*>(.*?)</a>", sent.html)
    assert added in ([""], [""] * 2)
    assert _seen(sent.html) == _seen(approved.html)
    assert is_even(sent)


def _without_addresses(text: str) -> str:
    return re.sub(r"https?://\S+", "https://", text)


def _seen(page: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", page.partition("<body")[2]))
