"""Whatever is written into a story, a reader gets it as words, and nothing else of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.rendering import merge_tags, sanitize, variants
from mailer.rendering.data_types import WRITTEN_KINDS, Block, Content, LocalText, Picture, StoryText
from tests.rendering.cast import DIASPORA, EDITION, MASTHEAD, edition

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</mj-text></mj-column></mj-section><mj-raw><script>alert(1)</script></mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "]]><![CDATA[",
    "--><!--[if mso]><b>",
    "<style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "%%unsubscribe_url%%",
    "%%%preferences_url%%%",
    "%%countries%%%%unsubscribe_url%%",
    "%%leave_<b></b>url%%",
    "%%leave_<script></script>url%%",
    "&#37;&#37;unsubscribe_url&#37;&#37;",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://example.org/%%unsubscribe_url%%",
    'https://example.org/"><script>alert(1)</script>',
    "\x00\x01\x1b\x7f\ufffe",
    "a\r\nBcc: someone@example.org",
    "&lt;script&gt; &nbsp; &unknown; &",
    "<svg/onload=alert(1)><math><a xlink:href=javascript:alert(1)>x",
    "<a href=javascript:alert(1)>x</a><a href='//example.org'>y</a>",
    "\u202ereversed",
)
hostile = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=12), max_size=4).map("".join)


class Page(HTMLParser):
    """What a mail program would do with a page: its elements, its attributes and its addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "background")]


def attacked(headline: str, summary: str, body: str, link: str) -> Content:
    story = replace(
        DIASPORA,
        texts=(StoryText("en", headline or "H", summary, body, summary, headline),),
        link=link,
        picture=Picture(link, 10, 10),
    )
    head = replace(MASTHEAD, name=headline, office=summary, taglines=(LocalText("en", summary),))
    blocks = (
        Block("lead", ("diaspora",)),
        Block("heading", texts=(LocalText("en", headline),)),
        Block("text", texts=(LocalText("en", body),)),
        Block("date", ("diaspora",)),
        Block("titles", ("diaspora",)),
        Block("social", ("diaspora",)),
        *(
            Block(
                kind, (), (), (LocalText("en", body or "B", summary, headline),), link, Picture(link, 10, 10)
            )
            for kind in sorted(WRITTEN_KINDS)
        ),
    )
    return replace(edition(*blocks, stories=(story,)), masthead=head, subjects=())


RICH = {"p", "br", "strong", "b", "em", "i", "ul", "ol", "li", "a", "h4", "blockquote", "sub", "sup"}
FRAME = {"html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "img", "span"}
ALLOWED = RICH | FRAME | {"h1", "h2", "h3"}
HARMLESS = attacked("Headline", "Summary", "<p>Body</p>", "https://example.org/")
MARKS = Counter(merge_tags.TAG_RE.findall(variants.render(HARMLESS, (), "en").html))


@given(hostile, hostile, hostile, hostile)
@settings(max_examples=90)
def test_no_text_of_a_story_becomes_an_element_a_script_or_a_merge_tag(
    headline: str, summary: str, body: str, link: str
) -> None:
    rendered = variants.render(attacked(headline, summary, body, link), (), "en")
    page = Page(rendered.html)
    assert set(page.elements) <= ALLOWED
    assert not [name for name in page.attributes if name.startswith("on")]
    allowed = re.compile(r"(https?://|mailto:|%%(unsubscribe|preferences)_url%%\Z)")
    assert all(allowed.match(address) for address in page.addresses)
    assert Counter(merge_tags.TAG_RE.findall(rendered.html)) == MARKS
    assert Counter(merge_tags.TAG_RE.findall(rendered.text))["unsubscribe_url"] == 1
    assert Counter(merge_tags.TAG_RE.findall(rendered.text))["preferences_url"] == 1
    assert "\n" not in rendered.subject + rendered.preheader
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", rendered.html + rendered.text)


@given(hostile)
def test_a_link_is_http_https_mailto_or_nothing(address: str) -> None:
    safe = sanitize.safe_link(address)
    assert not safe or re.match(r"(https?://[^\s<>\"']+|mailto:[^\s<>\"']+)\Z", safe)


@given(hostile)
def test_rich_text_keeps_only_quiet_formatting(text: str) -> None:
    page = Page(str(sanitize.rich_text(text)))
    assert set(page.elements) <= RICH
    assert page.attributes <= {"href"}


def test_line_breaks_of_slides_keep_words_apart() -> None:
    story = replace(
        DIASPORA, texts=(StoryText("en", "One\x0btwo", "S", "<p>three\x0bfour\x00</p>"),), link=""
    )
    rendered = variants.render(edition(Block("lead", (story.key,)), stories=(story,)), (), "en")
    assert all("One two" in part and "three four" in part for part in (rendered.html, rendered.text))
    assert sanitize.clean_story_html("<p>a\x0bb&#11;c\x01</p>") == "<p>a b c</p>"


def test_blocks_that_stories_have_no_place_for_become_paragraphs() -> None:
    cleaned = {
        "<h2>One</h2><div>two<div>three</div></div>four": "<p>One</p><p>two</p><p>three</p>four",
        "<table><tr><th>KZ</th><td>120</td></tr><tr><td>KG</td></tr></table>": "<p>KZ · 120</p><p>KG</p>",
        "<ul><li><div>one</div></li><li><p>two</p></li></ul>": "<ul><li>one</li><li>two</li></ul>",
        "<p>one<br>two</p><p></p>three": "<p>one<br>two</p><p></p>three",
    }
    assert {text: sanitize.clean_story_html(text) for text in cleaned} == cleaned
    assert sanitize.html_to_single_line("<b>1<div>2</div></b><table><td>3<td >4</table>5") == "1 2 3 4 5"


def test_words_whose_link_lost_its_target_are_words() -> None:
    written = (
        "<p><a href='javascript:alert(1)'>One <b>bold</b></a> <a>two</a> <a href='https://e.org/'>three</a>"
    )
    assert str(sanitize.rich_text(written)) == (
        '<p>One <b>bold</b> two <a href="https://e.org/">three</a></p>'
    )


def test_text_that_looks_like_markup_is_shown_as_text() -> None:
    content = attacked("1 < 2 & <b>bold</b>", "Tom & Jerry", "<p>x &amp; y</p>", "")
    rendered = variants.render(content, (), "en")
    assert "1 &lt; 2 &amp; &lt;b&gt;bold&lt;/b&gt;" in rendered.html
    assert "1 < 2 & <b>bold</b>" in rendered.text
    assert "x & y" in rendered.text


def test_a_dropped_link_is_reported_to_staff() -> None:
    content = attacked("Headline", "", "", "javascript:alert(1)")
    notes = variants.render(content, (), "en").warnings
    assert "The story “Headline” has a link that is not http, https or mailto; readers see no link." in notes


def test_the_sample_has_no_outside_resource_but_its_pictures() -> None:
    rendered = variants.render(EDITION, (), "en")
    sources = re.findall(r'src="([^"]*)"', rendered.html)
    ornament, *pictures = sources
    assert ornament == "https://news.example.org/ornament/E9A724-FFFFFF.png"
    assert pictures == [story.picture.url for story in EDITION.stories if story.picture]
    assert "url(" not in rendered.html
    assert "@import" not in rendered.html
    assert "<link" not in rendered.html


@given(st.text(st.characters(exclude_categories=["C"], max_codepoint=0x17FF), max_size=20))
@example("Кыргызстан\N{COMBINING BREVE}, 12\N{NARROW NO-BREAK SPACE}сом")
@example("a\N{SOFT HYPHEN}b \\ c\N{ZERO WIDTH JOINER}d")
@example("\N{WAVING BLACK FLAG}\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f")
@example("\U000110ba \U0001fae9")
def test_alternative_text_keeps_its_words(words: str) -> None:
    story = replace(DIASPORA, texts=(StoryText("en", "H", "S", "", "", words),))
    html = variants.render(edition(Block("lead", (story.key,)), stories=(story,)), (), "en").html
    said = unescape(re.findall(r'<img\b[^>]*\balt="([^"]*)"', html)[1])
    assert said == " ".join(sanitize.without_unprintable(words).split())
