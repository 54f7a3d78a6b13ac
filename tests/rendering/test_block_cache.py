from __future__ import annotations

from dataclasses import replace

import pytest
from jinja2 import meta, nodes

from mailer.rendering import block_cache, template_sandbox, variants
from mailer.rendering.data_types import Block, Content, LocalText
from tests import gallery
from tests.rendering.cast import EDITION

SAMPLE = gallery.sample_content()


def inputs(name: str) -> set[str]:
    """What a shipped part and those that it includes read of the context."""
    tree = template_sandbox.jinja_environment(()).parse(template_sandbox.default_source(name))
    defined = {one.name for one in tree.find_all(nodes.Name) if one.ctx != "load"}
    included = set(meta.find_referenced_templates(tree))
    assert None not in included
    others = set().union(*(inputs(str(one)) for one in included))
    return meta.find_undeclared_variables(tree) | (others - defined)


KEPT = {
    **dict.fromkeys(block_cache.PARTS, block_cache.INPUTS),
    **dict.fromkeys(block_cache.TEXT_PARTS, block_cache.TEXT_INPUTS),
    **dict.fromkeys(block_cache.FRAME_PARTS, block_cache.FRAME_INPUTS),
    **dict.fromkeys(block_cache.TEXT_FRAME_PARTS, block_cache.TEXT_FRAME_INPUTS),
}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_kept_part_reads_nothing_that_its_key_does_not_stand_for(name: str) -> None:
    assert name in template_sandbox.shipped_part_names()
    assert inputs(name) <= KEPT[name]


@pytest.mark.parametrize("name", sorted(block_cache.FRAME_PARTS | block_cache.TEXT_FRAME_PARTS))
def test_masthead_and_footer_read_no_other_fields_of_the_digest(name: str) -> None:
    included = meta.find_referenced_templates(
        template_sandbox.jinja_environment(()).parse(source := _source(name))
    )
    trees = [
        template_sandbox.jinja_environment(()).parse(one)
        for one in (source, *map(_source, map(str, included)))
    ]
    names = [one for tree in trees for one in tree.find_all(nodes.Name) if one.name == "digest"]
    fields = [
        one.attr
        for tree in trees
        for one in tree.find_all(nodes.Getattr)
        if isinstance(one.node, nodes.Name) and one.node.name == "digest"
    ]
    assert len(fields) == len(names) > 0 and {*fields} <= {*block_cache.FRAME, "web_url"}


def _source(name: str) -> str:
    return template_sandbox.default_source(name)


def test_kept_blocks_give_the_bytes_that_new_ones_give(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = Block(
        "note", texts=(LocalText("en", "<h2>A heading</h2><p>%%unsubscribe_url%% & more</p>", "We"),)
    )
    web_url = variants.render(EDITION, (), "en").text.split("[1] ")[1].split()[0]
    contents = (
        SAMPLE,
        replace(SAMPLE, blocks=SAMPLE.blocks[::-1]),
        replace(SAMPLE, masthead=replace(SAMPLE.masthead, theme=(("accent", "#7A0A2B"), ("width", "640")))),
        replace(EDITION, blocks=(noted, *EDITION.blocks[1:])),
        replace(EDITION, slug="another", site_url="https://%%countries%%.example.org/a&b"),
        replace(EDITION, number=77, masthead=replace(EDITION.masthead, office="Another office")),
        # Its first link has the number of the page on the web.
        replace(EDITION, stories=tuple(replace(one, link=web_url) for one in EDITION.stories)),
    )
    wanted = [(content, language) for content in contents for language in ("kk", "fa")]

    def rendered(content: Content, language: str) -> tuple[str, str]:
        one = variants.render(content, ("KZ", "KG"), language)
        return one.html, one.text

    warm = [[rendered(*one) for one in wanted] for _again in range(2)]
    for place, one in enumerate(wanted):
        monkeypatch.setattr(block_cache, "_kept", {})
        monkeypatch.setattr(block_cache, "_numbered", {})
        assert [again[place] for again in warm] == [rendered(*one)] * 2


def test_a_newsletters_own_part_may_read_everything() -> None:
    part = ("blocks/heading.mjml", template_sandbox.default_source("blocks/foot.mjml"))
    for number in (12, 13):
        masthead = replace(EDITION.masthead, templates=(part,), office=f"Office {number}")
        rendered = variants.render(replace(EDITION, masthead=masthead), (), "en")
        assert rendered.errors == () and rendered.html.count(f"Office {number}<br>") == 3


def test_at_most_so_many_blocks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_cache, "_kept", kept := {})
    monkeypatch.setattr(block_cache, "_LIMIT", 10)
    for language in EDITION.masthead.languages:
        variants.render(EDITION, (), language)
        assert 0 < len(kept) <= 10


def test_a_very_long_block_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_cache, "_kept", kept := {})
    block = Block("text", texts=(LocalText("en", f"<p>{'word ' * 20_000}</p>"),))
    html = variants.render(replace(EDITION, blocks=(*EDITION.blocks, block)), (), "en").html
    assert "word word" in html and kept and not any("word word" in one for one in kept.values())
