"""What a story says arrives as written, whatever template language the service speaks."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.esp import template_escape
from mailer.delivery.esp.capabilities import CAPABILITIES, table
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
    guarded = CAPABILITIES[name].guard.text(text)
    assert SERVICES[name]().rendered(guarded).replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize("name", sorted(SERVICES))
@given(pieces=st.lists(PIECES, max_size=8))
def test_html_arrives_as_written(name, pieces):
    text = "".join(pieces)
    guarded = CAPABILITIES[name].guard.html(f"<p>{text}</p>")
    assert html.unescape(SERVICES[name]().rendered(guarded)) == f"<p>{text}</p>"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_style_sheet_stays_one(name):
    style = "<style>@media print{#a{color:red}.b{color:blue}}</style>"
    arrived = SERVICES[name]().rendered(CAPABILITIES[name].guard.html(f"{style}<p>{{# x #}}</p>"))
    assert arrived.replace("{ #", "{#").startswith(style)


def test_what_no_service_reads_stays_to_the_octet():
    page = "<style>@media print{.a{color:red}}</style><p>100 % of [it] {here}</p>"
    for guard in (
        template_escape.NONE,
        template_escape.BREVO,
        template_escape.MAILGUN,
        template_escape.MAILJET,
        template_escape.POSTMARK,
    ):
        assert guard.html(page) == page and guard.text("100 % of [it] {here}") == "100 % of [it] {here}"


def test_the_documentation_shows_the_table_that_is_used(request):
    assert table() in (request.config.rootpath / "docs" / "services.md").read_text(encoding="utf-8")
