"""HTML from outside that would keep a parser busy is written anew, and comes out as other HTML does."""

from __future__ import annotations

import time

import pytest

from mailer.rendering import html_within_limits, sanitize
from mailer.rendering.html_within_limits import MOST_CHARACTERS, within_limits

NESTED = {
    "div": "<div>" * 60_000,
    "list": "<ul><li>" * 60_000,
    "span": "<span>" * 60_000,
    "bold": "<b>" * 60_000,
    "paragraphs": "<p><b><i>" * 60_000,
    "closed": "<b><div></b>" * 60_000,
    "table": "<table><tr><td>" * 30_000,
    "stray end tags": "<div><table></div><p></td>" * 30_000,
    "in a script": "<div><script></div></script>" * 30_000,
    "in a comment": "<div><!--></div>--><p '>" * 30_000,
    "in a title": "<svg><title><div></svg></title>" * 30_000,
    "opened again": "".join(f"<p><b id={number}>x" for number in range(30_000)),
    "title attributes": "".join(f"<p><b title={number}>x" for number in range(30_000)),
    "quotes": "<a href='" * 60_000,
    "signs": "<" * 200_000 + "<!" * 100_000 + "<a " * 100_000,
}


@pytest.mark.parametrize("html", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize(
    "clean",
    [sanitize.clean_story_html, sanitize.rich_text, sanitize.html_to_single_line, sanitize.to_plain_text],
)
def test_nested_html_takes_a_moment(clean: object, html: str) -> None:
    started = time.process_time()
    clean(f"{html}The end")  # type: ignore[operator]
    # The parser alone takes minutes for some.
    assert time.process_time() - started < 5


def test_deep_levels_lose_their_tags_and_keep_their_words() -> None:
    html = f"{'<div>' * 5_000}one{'</div>' * 5_000}<p>two <b>three</b></p>"
    assert sanitize.html_to_single_line(html) == "one two three"
    assert sanitize.clean_story_html(html) == "<p> one</p><p>two <b>three</b></p>"


ROWS = "".join(f"<tr><td>{number}<td><p>a & b < c" for number in range(300))
LEGITIMATE = {
    "paragraphs": "<p>One <b>two <i>three</b> four</i>\n<br/>" * 1_500,
    "links": "<p><a title='A \"b\" <p>' href=https://a.example.org/?a=1&amp;b=2>x</a> y</p>" * 1_000,
    "formatting that goes on": "<p><b>x</p><p>y</b></p>" * 1_000,
    "lists": "<ul class=x><li>a<ol><li>b<p>c</ol><li>d</ul>" * 500,
    "definitions": "<dl><dt>a<dd>b<dt>c<dd><b>d</b></dl>" * 500,
    "tables": f"<table><caption>T</caption><tbody>{ROWS}</table>" * 3,
    "scripts": "a<!-- <p> -->b<script>if (a<b) '</p>'</script><style>p{}</style><h2>x</h2>" * 500,
    "characters": "<p>1 < 2 &lt;b&gt; &amp;amp; 3 > 2 <3 </p>" * 1_000,
    "divisions": "<div><section><span style='x'>a</span></section> b</div>" * 500,
}


@pytest.mark.parametrize("html", LEGITIMATE.values(), ids=LEGITIMATE)
def test_long_html_comes_out_as_the_parser_alone_leaves_it(
    html: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cleaned() -> list[str]:
        return [
            sanitize.clean_story_html(html),
            str(sanitize.rich_text(html)),
            sanitize.html_to_single_line(html),
            sanitize.to_plain_text(html),
        ]

    assert html.count("<") > html_within_limits._MOST_TAGS
    limited = cleaned()
    monkeypatch.setattr(html_within_limits, "_MOST_TAGS", len(html))
    assert limited == cleaned()


def test_only_text_counts_for_the_length() -> None:
    picture = f"<img src='data:image/png;base64,{'A' * 2 * MOST_CHARACTERS}'>"
    assert sanitize.clean_story_html(f"{picture}<p>Text</p>") == "<p>Text</p>"
    assert len(within_limits("word " * MOST_CHARACTERS)) == MOST_CHARACTERS
