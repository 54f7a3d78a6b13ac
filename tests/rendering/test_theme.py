from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering import template_check, template_sandbox, theme, variants
from tests.rendering.cast import EDITION, MASTHEAD


@pytest.mark.parametrize("name", list(theme.THEMES))
def test_every_theme_can_be_read_in_the_light_and_in_the_dark(name: str) -> None:
    changes = dict(theme.unvalidated_token_changes({theme.BASE: name}))
    assert theme.theme_problems(changes) == ()
    pairs = theme.pair_contrasts(changes)
    assert {one.front.startswith("dark_") for one in pairs} == {True, False}
    assert all(one.ratio >= 4.5 for one in pairs)


@pytest.mark.parametrize("name", list(filter(None, theme.THEMES)))
def test_every_theme_has_its_own_parts_and_they_pass_the_checks(name: str) -> None:
    parts = template_sandbox.theme_parts(name)
    masthead = replace(MASTHEAD, theme=theme.unvalidated_token_changes({theme.BASE: name}), templates=parts)
    content = replace(EDITION, masthead=masthead)
    own = [part for part, _source in parts]
    assert own and template_check.check(parts, own, [(content, "kk"), (content, "fa")]) == []
    rendered = variants.render(content, (), "en")
    tokens = theme.theme_tokens(name)
    assert rendered.errors == () and tokens["accent"] in rendered.html
    assert f"max-width:{tokens['width']}px" in rendered.html and len(rendered.html.encode()) < 60_000


def test_contrast_is_that_of_wcag() -> None:
    assert theme.contrast_ratio("#000000", "#FFFFFF") == pytest.approx(21)
    assert theme.contrast_ratio("#E9A724", "#FFFFFF") == pytest.approx(2.1, abs=0.05)
    assert theme.contrast_ratio("#123456", "#123456") == 1


def test_a_pale_theme_is_reported_with_the_pair_and_its_contrast() -> None:
    assert any(
        "accent on page has a contrast of 1." in reason
        for reason in theme.theme_problems({"accent": "#EEEEEE"})
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accent", "red"),
        ("accent", "#12345"),
        ("accent", "#123456\n"),
        ("accent", '#123456" onload="x'),
        ("colour", "#123456"),
        ("width", "9000"),
        ("width", "6 00"),
        ("font", "x; background: url(https://example.org)"),
        ("font", "'Open"),
        ("font", '"><script>'),
    ],
)
def test_a_token_that_is_wrong_is_named_and_readers_see_the_default(name: str, value: str) -> None:
    assert theme.theme_problems({name: value})
    content = replace(EDITION, masthead=replace(MASTHEAD, theme=((name, value),)))
    rendered = variants.render(content, (), "en")
    assert rendered.html == variants.render(EDITION, (), "en").html
    assert any("Readers see the default value instead." in note for note in rendered.warnings)


def test_a_changed_token_reaches_the_mail() -> None:
    content = replace(EDITION, masthead=replace(MASTHEAD, theme=(("accent", "#7A0A2B"), ("width", "640"))))
    page = variants.render(content, (), "en").html
    assert "#7A0A2B" in page
    assert "#0A6E7A; text" not in page
    assert "max-width:640px" in page


@given(st.sampled_from(sorted(theme.DEFAULTS)), st.text())
def test_no_token_can_bring_in_anything_but_its_own_kind(name: str, value: str) -> None:
    chosen = theme.all_tokens([(name, value)])[name]
    assert chosen == value or chosen == theme.DEFAULTS[name]
    assert not set(chosen) & set('<>{}();"\\\n')
