"""What stays together on one line of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.rendering import variants
from mailer.rendering.line_breaks import keep_together
from tests.rendering.cast import EDITION


def body(text: str) -> str:
    """The text as a document has it, with brackets for what a span keeps together."""
    made = keep_together(f"<mj-head>{text}</mj-head><mj-body><p>{text}</p></mj-body>")
    head, _body, shown = made.partition("<mj-body><p>")
    assert head == f"<mj-head>{text}</mj-head>"
    text = shown.removesuffix("</p></mj-body>")
    return text.replace('<span style="white-space:nowrap">', "[").replace("</span>", "]")


@pytest.mark.parametrize(
    "text, kept",
    [
        ("Бейіні, 2014–2019", "Бейіні, [2014–2019]"),
        ("барои солҳои 2022–2024-ро ба", "барои солҳои [2022–2024-ро] ба"),
        ("18:30–20:30 (UTC+6)", "[18:30–20:30] (UTC+6)"),
        ("+7 727 250-61-40", "+7 727 [250-61-40]"),
        ("2021-жылы, из-за рубежа", "2021-жылы, из-за рубежа"),
        ("на 16 ноября, 12 000 people, 20 %", "на 16 ноября, 12 000 people, 20 %"),
        ("target 10.7, COVID-19 and 1.2.3", "target 10.7, COVID-19 and 1.2.3"),
        ("&#8199; &#160;", "&#8199; &#160;"),
    ],
)
def test_ranges_of_numbers_stay_on_one_line(text: str, kept: str) -> None:
    assert body(text) == kept


def test_addresses_and_attributes_stay_as_they_are() -> None:
    link = '<mj-body><a href="https://example.org/2014–2019/12 000" title="№ 12">Profile</a></mj-body>'
    assert keep_together(link) == link


def test_every_variant_keeps_ranges_together_and_its_text_part_has_no_markup() -> None:
    story = EDITION.stories[0]
    texts = tuple(replace(text, headline="Profile, 2014–2019") for text in story.texts)
    edition = replace(EDITION, stories=(replace(story, texts=texts), *EDITION.stories[1:]))
    for language in edition.masthead.languages:
        shown = variants.render(edition, (), language)
        assert '<span style="white-space:nowrap">2014–2019</span>' in shown.html
        assert "Profile, 2014–2019" in shown.text
