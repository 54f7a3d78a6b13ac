"""What mail clients without media queries, pictures or CSS need of the markup."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from mailer.rendering import data_types, story_selection, template_sandbox, theme, variants, view_model
from mailer.rendering.data_types import WRITTEN_KINDS, Block, Content, LocalText, Picture, WrittenKind
from tests import mail_views
from tests.rendering.cast import EDITION

# Attributes of MJML whose values are lengths.
LENGTHS = re.compile(
    r"(padding(-left|-right|-top|-bottom)?|inner-padding|width|height|border-width|border-radius"
    r"|font-size|line-height|container-width|letter-spacing)\Z"
)
LENGTH = re.compile(r"-?\d+(\.\d+)?(px|%)\Z")
# Percentages may be read as HTML, where a bare number is pixels.
TAG = re.compile(r"<(mj-[a-z]+)([^>]*)>")
ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


def mjml(content: Content, language: str) -> str:
    blocks = story_selection.visible_blocks(content, None)
    digest = view_model.build_digest(content, blocks, "0" * 16, language, lambda warning: None)
    return variants.render_mjml(digest, theme.all_tokens(content.masthead.theme))


def lengths_without_unit(source: str) -> list[str]:
    """Attributes of MJML elements with a length that mjml-python and Outlook read as zero."""
    return [
        f"<{tag} {name}={value!r}>"
        for tag, attributes in TAG.findall(source)
        for name, value in ATTRIBUTE.findall(attributes)
        if LENGTHS.match(name) and not all(LENGTH.match(part) for part in value.split())
    ]


@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_length_of_the_mjml_has_a_unit(language: str) -> None:
    assert lengths_without_unit('<mj-text padding="0 32px">') == ["<mj-text padding='0 32px'>"]
    assert lengths_without_unit(mjml(EDITION, language)) == []


TEXTS = (
    LocalText("en", "7 | services <b>\n4 | steps", "A. Person & son", "A yurt"),
    LocalText("ru", "7 | служб <b>\n4 | шага", "А. Человек", "Юрта"),
)
STILL = Picture("https://news.example.org/media/still.jpg", 1080, 608)


def written(kind: WrittenKind) -> Content:
    block = Block(kind, (), ("KZ",), TEXTS, "https://example.org/film", STILL)
    return replace(EDITION, blocks=(*EDITION.blocks, block))


@pytest.mark.parametrize("kind", sorted(WRITTEN_KINDS))
def test_every_written_block_is_laid_out_for_all_clients_and_read_in_both_parts(kind: WrittenKind) -> None:
    content = written(kind)
    for language in ("ru", "fa"):
        assert lengths_without_unit(mjml(content, language)) == []
    plain, rendered = variants.render(EDITION, ("KZ",), "ru"), variants.render(content, ("KZ",), "ru")
    assert rendered.key != plain.key and len(rendered.html.encode()) < 60_000
    assert variants.render(content, ("TJ",), "ru") == variants.render(EDITION, ("TJ",), "ru")
    levels = [int(level) for level in re.findall(r"<h([1-6])", rendered.html)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    added = len(rendered.text.split()) - len(plain.text.split())
    assert (added == 0) is (kind == "divider")
    if kind != "divider":
        own = {"picture": "Юрта"}.get(kind, "служб")
        assert all(own in part for part in (rendered.html, rendered.text))
    assert (kind in ("button", "picture", "video")) is ("https://example.org/film" in rendered.text)
    again = data_types.from_json(data_types.to_json(content))
    assert variants.render(again, ("KZ",), "ru") == rendered


@pytest.mark.parametrize("kind", sorted(WRITTEN_KINDS - {"divider"}))
def test_a_written_block_without_a_text_is_left_out(kind: WrittenKind) -> None:
    content = replace(EDITION, blocks=(Block(kind), *EDITION.blocks))
    assert variants.render(content, ("KZ",), "en").html == variants.render(EDITION, ("KZ",), "en").html


@pytest.mark.parametrize("kind", sorted(WRITTEN_KINDS - {"divider"}))
def test_a_written_block_in_another_language_says_which_unless_its_text_is_the_reader_s(
    kind: WrittenKind,
) -> None:
    note, content = "орыс тілі", written(kind)
    plain, foreign = (variants.render(one, ("KZ",), "kk") for one in (EDITION, content))
    for before, after in ((plain.html, foreign.html), (plain.text, foreign.text)):
        assert after.count(note) == before.count(note) + 1
    # The note itself is in the reader's language.
    assert not re.search(rf'lang="ru"[^>]*>[^<]*{note}', foreign.html)
    own = variants.render(content, ("KZ",), "ru")
    assert "русский" not in own.html + own.text


def test_a_publication_in_another_language_says_which() -> None:
    content = replace(EDITION, blocks=tuple(block for block in EDITION.blocks if block.kind == "titles"))
    rendered = variants.render(content, (), "tk")
    assert all("rus dili" in part for part in (rendered.html, rendered.text))


def test_outlook_shows_the_day_above_the_month_and_rules_inside_the_margins() -> None:
    page = mail_views.as_outlook(variants.render(EDITION, ("KZ",), "en").html)
    assert re.search(r"<b[^>]*>18</b>\s*<br>\s*December", page)
    rules = re.findall(r'class="rule".*?<table[^>]* width="(\d+)px"', page)
    assert rules and set(rules) == {"536"}


def test_columns_stand_side_by_side_without_media_queries() -> None:
    html = variants.render(EDITION, ("KZ",), "en").html
    columns = re.findall(r'<div class="[^"]*\bw(\d\d)\b[^"]*" style="([^"]*)"', html)
    assert {share for share, _ in columns} == {"24", "76", "42", "58"}
    for share, style in columns:
        width = int(re.findall(r"max-width:\s*(\d+)px", style)[0])
        assert 0 <= 536 * int(share) / 100 - width < 1
        assert re.search(r"display:\s*inline-block", style) and re.search(r"[; ]width:\s*100%", style)


def test_right_to_left_columns_begin_at_the_right() -> None:
    html = variants.render(EDITION, ("KZ",), "fa").html
    directions = set(re.findall(r"direction:(\w+)", html))
    assert directions == {"rtl"}


def test_the_preview_text_is_hidden_but_not_pale() -> None:
    html = variants.render(replace(EDITION, subjects=()), (), "en").html
    hidden = re.findall(r'<div style="display:\s*none[^"]*"', html)
    assert len(hidden) == 1 and "#22303C" in hidden[0]


def test_blocked_pictures_leave_readable_descriptions_on_a_ground() -> None:
    html = variants.render(EDITION, ("KZ",), "en").html
    pictures = [image for image in re.findall(r"<img[^>]*>", html) if 'alt=""' not in image]
    assert pictures
    for image in pictures:
        assert re.search(r"background-color:\s*#E6F1F2", image) and re.search(r"[; ]color:\s*#5B6B78", image)


def test_paper_gets_no_dark_grounds_and_nothing_to_press() -> None:
    html = variants.render(EDITION, ("KZ",), "en").html
    printed = html[html.index("@media print") :]
    assert re.search(r"\.reader\s*{\s*display:\s*none", printed)
    assert 'class="quiet reader"' in html


@pytest.mark.parametrize("base", theme.THEMES)
def test_paper_keeps_a_heading_with_its_story_and_a_story_on_one_page(base: str) -> None:
    head = replace(EDITION.masthead, templates=template_sandbox.theme_parts(base))
    html = variants.render(replace(EDITION, masthead=head), (), "en").html
    paper = html.partition("@media print")[2].partition("</style>")[0]
    assert re.search(r"\.whole[^{}]*\{break-inside:avoid", paper)
    assert re.search(r"\.stay[^{}]*\{break-after:avoid", paper)
    assert re.search(r'class="[^"]* stay".*?<h2 class="section"', html, re.DOTALL)
    assert 'side whole"' in html


def test_the_text_part_has_no_rows_of_signs() -> None:
    text = variants.render(EDITION, (), "ru").text
    assert not re.search(r"[-=*_#~]{3,}", text)
