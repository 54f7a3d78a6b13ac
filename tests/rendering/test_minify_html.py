from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mailer.rendering import minify_html, mjml_to_html, theme, variants
from mailer.rendering.data_types import Content, Picture
from tests import gallery, mail_views
from tests.rendering.cast import DIASPORA, EDITION
from tests.rendering.test_mjml_to_html import DOCUMENT, source_of

# Bytes: a variant with every kind of block.
LIMIT = 60_000
# Text of staff that looks like what is left out.
LOOKALIKE = 'a <tbody> style="margin: 0px auto" class="x-outlook" border="0" --><!--[if mso | IE]><td> : ; b'


class Meaning(HTMLParser):
    """The words of a page in order, and what its elements say beside their style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.said: list[tuple[str, str, str | None]] = []
        self.feed(page[page.index("<body") :])
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = ("href", "src", "alt", "lang", "dir", "role", "aria-label", "aria-hidden")
        self.said += [(tag, name, value) for name, value in attrs if name in said and value != "presentation"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def long_page(content: Content, language: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The HTML before it is shortened."""
    source = source_of(content, (), language)
    with monkeypatch.context() as patched:
        patched.setattr(minify_html, "minify", str)
        return mjml_to_html.compile_whole(source.mjml, source.stylesheet)


@pytest.mark.parametrize("base", list(theme.THEMES))
def test_a_variant_with_every_block_is_small_in_its_longest_language(base: str) -> None:
    rendered = variants.render(gallery.sample_content(base), (), "kk")
    assert rendered.errors == () and len(rendered.html.encode()) <= LIMIT


def test_a_shortened_message_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    content = gallery.sample_content()
    before = Meaning(long_page(content, "ru", monkeypatch))
    after = Meaning(variants.render(content, (), "ru").html)
    assert before.said == after.said and before.words == after.words


def test_texts_that_look_like_markup_of_the_compiler_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (replace(DIASPORA.texts[0], headline=LOOKALIKE, summary=LOOKALIKE, picture_alt=LOOKALIKE),)
    picture = Picture("https://news.example.org/media/aa11.png", 1200, 600)
    story = replace(DIASPORA, texts=texts, picture=picture)
    content = replace(EDITION, subjects=(), stories=(story, *EDITION.stories[1:]))
    before = Meaning(long_page(content, "en", monkeypatch))
    after = Meaning(variants.render(content, (), "en").html)
    assert before.said == after.said and before.words == after.words
    assert ("img", "alt", LOOKALIKE) in after.said


def test_without_styles_sections_are_as_wide_as_the_message_and_buttons_can_be_read() -> None:
    html = variants.render(gallery.sample_content(), (), "en").html
    bare = mail_views.without_styles(html)
    sections = re.findall(r'<div class="[^"]*(?:page|tint|deep)[^"]*"><table[^>]*>', bare)
    assert len(sections) > 20 and all('width="100%"' in one for one in sections)
    # Their words have the colour of links then.
    assert "bgcolor" not in bare and html.count("background-color:#0F2F4A") > 2


def test_comments_for_outlook_stay_in_pairs_and_hold_whole_tables() -> None:
    html = variants.render(EDITION, (), "en").html
    inside = re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", html, re.DOTALL)
    assert len(inside) == html.count("<!--[if") == html.count("<![endif]-->")
    tables = "".join(inside)
    for tag in ("table", "tr", "td"):
        assert tables.count(f"<{tag}") == tables.count(f"</{tag}>") > 0


def test_a_style_with_a_function_or_a_reference_is_left_as_it_is() -> None:
    for style in ("background: url(a; b)", "font-family: &quot;A; B&quot;"):
        assert f'<td style="{style}">' in minify_html.minify_body(f'<td style="{style}">x</td>')
    quoted = '<style>p::before { content: "a  ;  b"; }</style>'
    assert minify_html.minify_head(quoted) == quoted


def test_the_direction_of_a_column_that_is_alone_is_kept() -> None:
    section = '<mj-section><mj-column direction="{}"><mj-text>a</mj-text></mj-column></mj-section>'
    kept, alone = (
        mjml_to_html.compile_whole(DOCUMENT.format(section.format(one)), "") for one in ("rtl", "ltr")
    )
    assert "direction:rtl" in kept and "mj-column-per-100" in kept[kept.index("<body") :]
    assert "mj-column-per-100" not in alone[alone.index("<body") :]
