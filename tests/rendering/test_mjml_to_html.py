from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import (
    mjml_to_html,
    story_selection,
    template_sandbox,
    theme,
    variants,
    view_model,
)
from mailer.rendering.data_types import Content
from tests import gallery
from tests.rendering.cast import EDITION

STYLESHEET = "p { color: #111111; } div.x > p { margin: 0; }"
SECTION = "<mj-section><mj-column><mj-text><p>{}</p></mj-text></mj-column></mj-section>"
DOCUMENT = (
    '<mjml lang="en" dir="ltr"><mj-head><mj-title>Title</mj-title></mj-head><mj-body width="600px">\n'
    "{}\n</mj-body></mjml>"
)


class Source(NamedTuple):
    """What the HTML of a variant is made from."""

    mjml: str
    stylesheet: str
    address: str


def source_of(content: Content, countries: tuple[str, ...], language: str) -> Source:
    selection = story_selection.select(content, countries)
    key = story_selection.variant_key(selection.keys, language)
    digest = view_model.build_digest(content, selection.blocks, key, language, lambda warning: None)
    tokens, parts = theme.all_tokens(content.masthead.theme), content.masthead.templates
    stylesheet = template_sandbox.render_part(parts, "inline.css", {"theme": tokens})
    return Source(variants.render_mjml(digest, tokens, parts), stylesheet, digest.web_url)


SAMPLES = [gallery.sample_content(base) for base in theme.THEMES]


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.sampled_from((*EDITION.masthead.languages, "fa")),
    st.sets(st.sampled_from(EDITION.masthead.countries)),
    st.sampled_from(("", "A headline of this reader's own")),
)
def test_sections_that_are_kept_give_the_bytes_of_the_whole_document(
    content: Content, language: str, countries: set[str], title: str
) -> None:
    source = source_of(content, tuple(sorted(countries)), language)
    if title:
        source = source._replace(mjml=source.mjml.replace("<mj-title>", f"<mj-title>{title} "))
    whole = mjml_to_html.compile_whole(source.mjml, source.stylesheet)
    for _again in range(2):
        assert mjml_to_html.to_html(*source) == whole


def test_the_hashed_bytes_do_not_depend_on_what_was_rendered_before() -> None:
    first = variants.render(EDITION, ("KZ",), "ru")
    for countries in ((), ("KG",), ("TJ", "UZ")):
        variants.render(replace(EDITION, number=13), countries, "ru")
    assert variants.render(EDITION, ("KZ",), "ru") == first
    source = source_of(EDITION, ("KZ",), "ru")
    assert first.html == mjml_to_html.compile_whole(source.mjml, source.stylesheet)


def test_a_second_variant_compiles_only_what_no_other_had(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compiler = mjml_to_html.mjml2html

    def counted(source: str, **options: object) -> object:
        compiled.append(source)
        return compiler(source, **options)

    monkeypatch.setattr(mjml_to_html, "mjml2html", counted)
    # Of a width that no other test has.
    content = replace(EDITION, masthead=replace(EDITION.masthead, theme=(("width", "613"),)))
    variants.render(content, (), "kk")
    first = len(compiled)
    variants.render(replace(content, slug="another"), (), "kk")
    assert 0 < len(compiled) - first < first / 2
    before = len(compiled)
    variants.render(content, (), "kk")
    assert len(compiled) == before


@pytest.mark.parametrize(
    ("body", "stylesheet"),
    [
        (SECTION.format("a") + SECTION.format("b"), STYLESHEET + "p + p { margin: 1px; }"),
        (SECTION.format("a") + SECTION.format("b"), "td:first-child { padding: 1px; }"),
        (SECTION.format("a" * 20_000) + SECTION.format("b"), STYLESHEET),
        (SECTION.format("a") + "<!-- a comment -->" + SECTION.format("b"), STYLESHEET),
        (SECTION.format("a\xa0b") + SECTION.format("c\xa0d&amp;\xa0e"), STYLESHEET),
        (f"<mj-wrapper>{SECTION.format('a')}{SECTION.format('b')}</mj-wrapper>", STYLESHEET),
        ("<mj-raw>  <b>a</b>\n\n </mj-raw>" + SECTION.format("b"), STYLESHEET),
        ("<mj-raw></mj-raw>\n" + SECTION.format("mailer-own-address https://example.org/v/"), STYLESHEET),
        ("text between" + SECTION.format("mailer-before-sections"), STYLESHEET),
        ('<mj-section><mj-column width="50%" /><mj-column width="30%" /></mj-section>', STYLESHEET),
        ("", STYLESHEET),
    ],
)
def test_unusual_documents_give_the_bytes_of_the_whole_document_too(body: str, stylesheet: str) -> None:
    source = DOCUMENT.format(body)
    whole = mjml_to_html.compile_whole(source, stylesheet)
    assert mjml_to_html.to_html(source, stylesheet, "https://example.org/v/") == whole


def test_an_error_names_the_place_in_the_whole_document() -> None:
    source = DOCUMENT.format(SECTION.format("a") + SECTION.format("<b>"))
    with pytest.raises(ValueError, match=r"\w") as whole:
        mjml_to_html.compile_whole(source, STYLESHEET)
    with pytest.raises(ValueError, match=r"\w") as kept:
        mjml_to_html.to_html(source, STYLESHEET)
    assert str(kept.value) == str(whole.value)
