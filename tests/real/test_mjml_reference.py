"""Our messages beside those of MJML's reference compiler, in versions 4 and 5, element by element."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping
from typing import Any

import css_inline
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from mailer.rendering import merge_tags, story_selection, template_sandbox, theme, variants, view_model
from mailer.rendering.data_types import WRITTEN_KINDS, Block, Content, LocalText
from tests import mail_views
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.gallery import SITE, THEMES, sample_content
from tests.real import node_packages

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("mjml-reference")]

WIDTHS = (680, 375)
# Of each theme; texts in Russian, with a note that says so, are among those of the others.
LANGUAGES = {"default": "en", "bulletin": "kk", "plain": "tg", "magazine": "tk"}
# CSS pixels by which a text or a picture may stand elsewhere or have another size.
TOLERANCE = 2.0
# Every visible text, picture and rule of the page, in order: [words or address, left, top, right, bottom].
BOXES = """() => {
    const boxes = []
    const found = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
    for (let one = found.nextNode(); one; one = found.nextNode()) {
        const text = one.nodeType === Node.TEXT_NODE
        const shown = text ? one.data.trim()
            : one.nodeName === 'IMG' || parseFloat(getComputedStyle(one).borderTopWidth)
        if (!shown) continue
        const range = document.createRange()
        range.selectNode(one)
        const box = (text ? range : one).getBoundingClientRect()
        const name = text ? one.data.trim().replace(/\\s+/g, ' ') : one.src || 'a rule'
        if (box.width && box.height) boxes.push([name, box.left, box.top, box.right, box.bottom])
    }
    return boxes
}"""


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    """A page that shows any picture in the proportions of a story's."""
    written = io.BytesIO()
    Image.new("RGB", (60, 30), "#0A6E7A").save(written, "PNG")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.route("**/*", lambda route: route.fulfill(body=written.getvalue(), content_type="image/png"))
        yield page
        browser.close()


def every_block(base: str) -> Content:
    """The sample edition in a theme, with blocks of every kind."""
    content = sample_content(base)
    text = Block(
        "text", texts=(LocalText("en", "<p>A paragraph of the <b>editors</b>.</p><ul><li>One</ul>"),)
    )
    content = dataclasses.replace(content, blocks=(*content.blocks, text))
    kinds = {block.kind for block in content.blocks}
    assert kinds == {"lead", "story", "heading", "date", "titles", "social", *WRITTEN_KINDS}
    return content


def test_texts_pictures_and_rules_stand_where_the_reference_compiler_puts_them(page: Page) -> None:
    ours, sources, tokens = {}, {}, {}
    for name, base in THEMES.items():
        content = every_block(base)
        digest = view_model.build_digest(
            content,
            story_selection.visible_blocks(content, None),
            "0" * 16,
            LANGUAGES[name],
            lambda warning: None,
        )
        tokens[name] = theme.all_tokens(content.masthead.theme)
        parts = content.masthead.templates
        sources[name] = variants.render_mjml(digest, tokens[name], parts)
        ours[name] = variants.render_html(digest, tokens[name], parts)
    elsewhere = []
    for (name, base), compiled in zip(
        THEMES.items(), node_packages.run("compile.cjs", list(sources.values())), strict=True
    ):
        expected = {
            version: inlined(html, tokens[name], template_sandbox.theme_parts(base))
            for version, html in compiled.items()
        }
        for view in ("modern", "Outlook"):
            mine = boxes(page, ours[name], view)
            for version, html in expected.items():
                for width, wanted in boxes(page, html, view).items():
                    elsewhere += [
                        f"{name}, {version}, {view}, {width}: {difference}"
                        for difference in differences(mine[width], wanted)
                    ]
    assert elsewhere == []


def inlined(html: str, tokens: Mapping[str, str], parts: template_sandbox.Parts) -> str:
    """The reference compiler's HTML with the stylesheet in its elements, as ours has it."""
    stylesheet = template_sandbox.render_part(parts, "inline.css", {"theme": dict(tokens)})
    inliner = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, extra_css=stylesheet, load_remote_stylesheets=False
    )
    return inliner.inline(html)


def boxes(page: Page, html: str, view: str) -> dict[int, list[list[Any]]]:
    """What the window shows, by its width."""
    values = {**merge_tags.web_values(SITE, "en"), "subscriber_token": ""}
    filled = merge_tags.fill_html(html, values)
    page.set_content(mail_views.as_outlook(filled) if view == "Outlook" else filled, wait_until="load")
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[width] = page.evaluate(BOXES)
    return found


def differences(mine: list[list[Any]], wanted: list[list[Any]]) -> list[str]:
    """What is missing, or stands elsewhere, in words."""
    if [name for name, *_ in mine] != [name for name, *_ in wanted]:
        return [f"others on the page: {set(map(str, mine)) ^ set(map(str, wanted))}"]
    assert len(mine) > 60
    return [
        f"{name!r} at {box} rather than {other}"
        for (name, *box), (_, *other) in zip(mine, wanted, strict=True)
        if max(abs(one - two) for one, two in zip(box, other, strict=True)) > TOLERANCE
    ]
