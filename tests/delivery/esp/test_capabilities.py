"""The text of a story arrives as written, whatever template language the ESP interprets."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.esp import capabilities
from mailer.delivery.esp.capabilities import CAPABILITIES, markdown_table
from tests.delivery.esp.documented import SERVICES

PIECES = st.sampled_from(
    [
        *("{", "}", "%", "[", "]", "#", " ", "a", "я"),
        *("{{", "}}", "{{{", "}}}", "{{ params.x }}", "{% if x %}", "{# x #}", "{{ if x }}"),
        *("%recipient.name%", "%recipient%", "%unsubscribe_url%", "%recipient_email%", "100 %"),
        *("[[var:name]]", "[[data:x]]", "{{{ pm:unsubscribe }}}", "{{ pm:unsubscribe_url }}"),
    ]
)


@pytest.mark.parametrize("name", sorted(SERVICES))
@given(pieces=st.lists(PIECES, max_size=8))
def test_text_arrives_as_written(name, pieces):
    text = "".join(pieces)
    escaped = CAPABILITIES[name].escape.text(text)
    assert SERVICES[name]().rendered(escaped).replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize("name", sorted(SERVICES))
@given(pieces=st.lists(PIECES, max_size=8))
def test_html_arrives_as_written(name, pieces):
    text = "".join(pieces)
    escaped = CAPABILITIES[name].escape.html(f"<p>{text}</p>")
    assert html.unescape(SERVICES[name]().rendered(escaped)) == f"<p>{text}</p>"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_style_sheet_stays_valid(name):
    style = "<style>@media print{#a{color:red}.b{color:blue}}</style>"
    arrived = SERVICES[name]().rendered(CAPABILITIES[name].escape.html(f"{style}<p>{{# x #}}</p>"))
    assert arrived.replace("{ #", "{#").startswith(style)


def test_text_without_placeholders_stays_unchanged():
    page = "<style>@media print{.a{color:red}}</style><p>100 % of [it] {here}</p>"
    for name in ("NO_ESCAPE", "BREVO", "MAILGUN", "MAILJET", "POSTMARK"):
        escape = getattr(capabilities, name)
        assert escape.html(page) == page and escape.text("100 % of [it] {here}") == "100 % of [it] {here}"


def test_the_documentation_contains_the_current_table(request):
    assert markdown_table() in (request.config.rootpath / "docs" / "services.md").read_text(encoding="utf-8")
