"""A newsletter's own template parts: what they may do, what the sandbox stops, and what is checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.rendering import template_check, template_sandbox, variants
from mailer.rendering.data_types import RenderedVariant, from_json, to_json
from tests.rendering.cast import EDITION, MASTHEAD

FOOT = "blocks/foot.mjml"
DEFAULT = template_sandbox.default_source(FOOT)


def rendered(source: str, part: str = FOOT) -> RenderedVariant:
    content = replace(EDITION, masthead=replace(MASTHEAD, templates=((part, source),)))
    return variants.render(from_json(to_json(content)), (), "en")


def problems(source: str, part: str = FOOT) -> list[tuple[str, int]]:
    found = template_check.check(((part, source),), [part], [(EDITION, "en")])
    return [(one.part, one.line) for one in found]


def test_a_copy_of_the_default_part_changes_nothing_and_another_text_reaches_the_mail() -> None:
    default, copied = variants.render(EDITION, (), "en"), rendered(DEFAULT)
    assert (copied.html, copied.text, copied.errors) == (default.html, default.text, ())
    changed = rendered(DEFAULT.replace("{{ digest.office }}", "{{ digest.office | upper }}"))
    assert changed.html != default.html and MASTHEAD.office.upper() in changed.html


def test_a_part_can_include_the_default_one() -> None:
    both = rendered("{% include 'default/blocks/foot.mjml' %}")
    assert both.errors == () and both.html == variants.render(EDITION, (), "en").html


ESCAPES = [
    "{{ digest.__class__ }}",
    "{{ digest['__class__'] }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ '{0.__class__}'.format(digest) }}",
    "{{ digest | attr('__class__') }}",
    "{{ '%s' | format(digest) }}",
    "{{ translate.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ digest.blocks | sort(attribute='__class__') }}",
    "{% include '../../config.toml' %}",
    "{% include '/etc/passwd' %}",
    "{% include 'themes/../../desk/form.html' %}",
    "{{ digest.subject | safe }}",
    "{% autoescape false %}{{ digest.subject }}{% endautoescape %}",
    # Fields of a format reach attributes, and texts of any length.
    "{{ translate('{x[0].__globals__[__name__]}', x=[translate]) }}",
    "{{ translate('{x}', x=digest) }}",
    "{{ '{:>2000000000}'.format('a') }}",
    "{{ '{a:>900000000}'.format_map({'a': 1}) }}",
    "{{ [digest.office] | map('safe') | first }}",
    # What is no markup is not escaped.
    "{% include 'default/blocks/foot.txt' %}",
    "{% import 'default/blocks/foot.txt' as foot %}",
    "{% raw %}{{ digest.office }}{% endraw %}",
    # Objects say more about themselves than their fields.
    "{{ digest }}",
    "{{ [digest] }}",
    "{{ digest ~ '' }}",
    "{{ digest | string }}",
    "{{ [digest.blocks[0]] | join }}",
    "{{ namespace(a=1) }}",
]
_SET = "{% set kept = namespace(x=START) %}{% for _ in range(60) %}{% set kept.x = GROW %}{% endfor %}"
# A text of 130,000 characters and a list of 30,000 items, and work with them whose result is small.
_LONG = (
    "{% set long = namespace(text='<a> ') %}{% for _ in range(15) %}"
    "{% set long.text = long.text + long.text %}{% endfor %}{% set items = long.text.split(' ') %}"
)
_WORK = "{% for _ in range(999) %}{% for _ in range(9) %}WORK{% endfor %}{% endfor %}"
LITTLE_COMES_OF_MUCH = [
    *(f"{{% if long.text | {name} == 1 %}}{{% endif %}}" for name in ("wordcount", "striptags", "trim")),
    *(f"{{% if items | {name} == 1 %}}{{% endif %}}" for name in ("max", "unique | first", "last")),
    "{% if items | map('upper') | select('equalto', 'x') | first is defined %}{% endif %}",
    "{% for one in items if one == 'x' %}{% endfor %}",
    "{% for one in items if none %}{% endfor %}",
    "{% if 'x' in items or 'x' is in(items) or items == items %}{% endif %}",
    "{% if long.text.split('x') %}{% endif %}",
    "{{ items }}",
    # A text is gone through character by character.
    *(
        f"{{% if long.text | {name} | first == 'x' %}}{{% endif %}}"
        for name in ("sort", "map('upper') | list")
    ),
    "{% if long.text | select('equalto', 'x') | first is defined %}{% endif %}",
    "{% if [long.text, long.text] | map('sort') | list == [] %}{% endif %}",
    "{% for one in long.text if one == 'x' %}{% endfor %}",
    # Long texts in a short list, and lists in a list.
    "{% if [long.text, long.text, long.text] | unique | list == [] %}{% endif %}",
    "{% if [items, items] == [long.text.split(' '), items] %}{% endif %}",
    # What is given to a function, and a part of a list.
    "{% if cycler(*items).next() == 1 %}{% endif %}",
    "{% if items[::-1] == 1 %}{% endif %}",
    "{% if long.text.lower().strip('b' ~ long.text) %}{% endif %}",
    "{% if long.text.lower() | trim(' b' ~ long.text) %}{% endif %}",
]
BOMBS = [
    "{% for i in range(1000000000) %}{% endfor %}",
    "{% for _ in range(999) %}" * 3 + "{% endfor %}" * 3,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% include 'blocks/foot.mjml' %}",
    "{{ 'a' * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 1.5 | round(1000000000, 'ceil') }}",
    "{{ 1.5 | round(-1000000000, 'floor') }}",
    "{{ 'a b c' | truncate(-1) }}",
    "{{ cycler(*[]) }}",
    "{{ 1e999 + 1 }}",
    "{{ '%2000000000d' is divisibleby(5) }}",
    *(
        "{% set n = namespace(t='aaaaaaaa') %}{% for _ in range(15) %}{% set n.t = n.t + n.t %}{% endfor %}"
        + use
        for use in (
            "{{ " + "~".join(["n.t"] * 2000) + " }}",
            "{{ translate('{a}{a}{a}', a=n.t) }}",
            "{% if {n.t: 1} ~ '' %}{% endif %}" * 400,
            "{{ [[1]] | map(attribute=n.t) | list }}",
        )
    ),
    # Each level is twice as much to print or to compare as the one inside.
    "{% set n = namespace(t=[1]) %}{% for _ in range(60) %}{% set n.t = (n.t, n.t) %}{% endfor %}"
    "{{ n.t ~ '' }}",
    "{% set n = namespace(t=[1]) %}{% for _ in range(60) %}{% set n.t = [n.t, n.t] %}{% endfor %}"
    "{% if n.t in [1] %}{% endif %}",
    "{% include ['blocks/foot.mjml', 'a.mjml'] ignore missing %}",
    "{% set v = digest.blocks %}{% for a in v if {" + "1: 1, " * 3000 + "} is none %}{% endfor %}" * 99,
    "{% macro m(a={" + "1: 1, " * 3000 + "}) %}{% endmacro %}{% for _ in range(999) %}{{ m() }}{% endfor %}",
    # They end the compiler of MJML.
    "<mj-raw>" + "<_a>" * 5000 + "</mj-raw>",
    '<mj-raw><div a="' + "x" * 3000 + '">' + "<p>" * 100 + "</mj-raw>",
    "<mj-raw><!-- " + "</a>" * 4000 + " --></mj-raw>" + "<mj-wrapper>" * 1000,
    "<mj-raw>" + "<BR>" * 5000 + "</mj-raw>",
    "<mj-raw><!-->" + "<div>" * 5000 + "--></mj-raw>",
    "<mj-raw><!--><script>x()</script>--></mj-raw>",
    "<mj-raw><script>x()</script></mj-raw>",
    "<mj-raw><p {{ 'onclick=\"x()\"' | safe }}></p></mj-raw>",
    # HTML opens formatting elements again in each paragraph.
    "<mj-raw><p>"
    + "".join(f'<b class="{n}{"x" * 1000}">' for n in range(40))
    + "<p>x</p>" * 900
    + "</mj-raw>",
    "{{ '%1000000000d' % 5 }}",
    "{{ 'a' | center(1000000000) }}",
    _SET.replace("START", "'aaaaaaaa'").replace("GROW", "kept.x ~ kept.x"),
    _SET.replace("START", "[1]").replace("GROW", "kept.x + kept.x"),
    _SET.replace("START", "'aaaaaaaa'").replace("GROW", "kept.x | replace('a', 'aaaaaaaa')"),
    _SET.replace("START", "'aa'").replace("GROW", "[kept.x, kept.x] | join(kept.x)"),
    *(f"{_LONG}{_WORK.replace('WORK', work)}" for work in LITTLE_COMES_OF_MUCH),
    "{% for i in range(999) %}<mj-wrapper>{% endfor %}",
    "<div>" * 5000,
    "x" * (template_sandbox.PART_LIMIT + 1),
]


@pytest.mark.parametrize("source", [*ESCAPES, *BOMBS], ids=lambda source: source[:60])
def test_the_sandbox_stops_it_and_readers_see_the_default(source: str) -> None:
    attempt = rendered(source)
    assert len(attempt.errors) == 1
    assert attempt.html == variants.render(EDITION, (), "en").html
    assert problems(DEFAULT + source)


def test_hashing_what_is_nested_deeply_is_an_error_of_the_part() -> None:
    """Python's own hash of nested tuples ends the process."""
    deep = "(" * 25 + "n.x" + ",)" * 25
    source = (
        "{% set n = namespace(x=1) %}{% for _ in range(999) %}{% for _ in range(12) %}"
        f"{{% set n.x = {deep} %}}{{% endfor %}}{{% endfor %}}{{% if n.x in {{}} %}}{{% endif %}}"
    )
    assert len(rendered(DEFAULT + source).errors) == 1


@pytest.mark.parametrize(
    "source",
    [
        "{{ (" * 2000 + "1" + ")" * 2000 + " }}",
        "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
        "{% if 1 %}" * 101 + "{% endif %}" * 101,
        "{% for a in b %}" * 25 + "{% endfor %}" * 25,
        "{% macro m(a, a) %}{% endmacro %}",
        "{{ dict(a=1, a=2) }}",
        "{{ " + "9" * 5000 + " }}",
        "\ud800",
        "{{ [" + "a, " * 20_000 + "] }}",
        "{% set " + ", ".join(f"a{n}" for n in range(1500)) + " = b %}" + "{% include a %}" * 300,
        "{% macro a() %}" * 45 + "{{ a }}" * 3000 + "{% endmacro %}" * 45,
    ],
    ids=lambda source: ascii(source[:40]),
)
def test_what_cannot_be_compiled_is_a_problem_of_the_part(source: str) -> None:
    assert problems(DEFAULT + source)
    assert len(rendered(DEFAULT + source).errors) == 1


@pytest.mark.parametrize(
    "source",
    [
        "{% filter striptags %}{{ digest.office }}{% endfilter %}",
        "{% filter string | striptags | upper | lower %}{{ digest.office }}{% endfilter %}",
        "{% set x | striptags %}{{ digest.office }}{% endset %}{{ x }}",
        "{{ digest.office | e | replace('&lt;', '<' | safe) | replace('&gt;', '>' | safe) }}",
        "{{ digest.office | e | striptags }}",
    ],
)
def test_no_filter_takes_the_escaping_back(source: str) -> None:
    masthead = replace(MASTHEAD, office="<script>x</script>", templates=((FOOT, DEFAULT + source),))
    mail = variants.render(replace(EDITION, masthead=masthead), (), "en")
    assert mail.errors == () and "<script" not in mail.html


@pytest.mark.parametrize(
    "source",
    [
        "{{ translate(digest.office) }}",
        "{{ digest.office[:5] }}{{ digest.office[5:] }}",
        "{{ digest.office[:1] }}{{ digest.office[1:] }}",
        "{{ digest.office[:1] }}{{ digest.office[1:2] }}{{ digest.office[2:] }}",
        "{{ translate('{a}{b}', a=digest.office[:5], b=digest.office[5:]) }}",
        "{% set x %}{{ digest.office[:5] }}{{ digest.office[5:] }}{% endset %}{{ x }}",
    ],
)
def test_a_part_makes_no_merge_tag_of_what_writers_wrote(source: str) -> None:
    def links(html: str) -> int:
        return html.count("%%unsubscribe_url%%")

    masthead = replace(MASTHEAD, office="%%unsubscribe_url%%")
    plain = variants.render(replace(EDITION, masthead=masthead), (), "en")
    part = replace(masthead, templates=((FOOT, DEFAULT + source),))
    mail = variants.render(replace(EDITION, masthead=part), (), "en")
    assert mail.errors == () and links(mail.html) == links(plain.html)


@pytest.mark.parametrize(
    "source",
    [
        "{% filter trim %} {{ tag.unsubscribe_url }} {% endfilter %}",
        "{% set link %}{{ tag.unsubscribe_url }}{% endset %}{{ link }}",
        "{% macro link() %}{{ tag.unsubscribe_url }}{% endmacro %}{{ link() }}",
        "%%unsubscribe_url%%",
    ],
)
def test_a_merge_tag_of_a_part_reaches_the_mail_through_blocks_and_macros(source: str) -> None:
    html = rendered(DEFAULT + f'<mj-raw><p title="{source}">x</p></mj-raw>').html
    assert 'title="%%unsubscribe_url%%"' in html or 'title=" %%unsubscribe_url%% "' in html


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("https://t.me/share?text={{ 'Привет' | urlencode }}", "text=%D0%9F%D1%80"),
        ("{% set unit = '%' %}{{ 50 }}{{ unit }}", "50%"),
        ("{{ '50%' }}", "50%"),
        ("{{ 'same' if digest.blocks[:0] == () else 'other' }}", "same"),
        ("{{ (digest.blocks[:1] + digest.blocks[:1]) | length }}", "2"),
        ("{% for a, b in [(1, 2)] %}{{ a + b }}{% endfor %}", "3"),
        ("{% include ['blocks/nothing.mjml', 'a/none.mjml'] ignore missing %}ok", "ok"),
    ],
)
def test_what_designs_write_comes_out_as_written(source: str, written: str) -> None:
    mail = rendered(DEFAULT + f'<mj-raw><p title="{source}">x</p></mj-raw>')
    assert mail.errors == () and f"{written}" in mail.html


def test_quotation_marks_by_their_number_are_allowed_in_style_sheets() -> None:
    assert rendered('.d q::before { content: "\\201C"; }', "dark.css").errors == ()


def test_a_part_keeps_nothing_for_the_next_message() -> None:
    counting = "{% set n = namespace(c=0) %}{% macro b() %}{% set n.c = n.c + 1 %}{{ n.c }}{% endmacro %}"
    own = (
        ("blocks/divider.mjml", counting),
        (FOOT, DEFAULT + "{% import 'blocks/divider.mjml' as m %}{{ m.b() }}"),
    )
    content = replace(EDITION, masthead=replace(MASTHEAD, templates=own))
    first, second = (variants.render(content, (), "en") for _ in range(2))
    assert first.errors == () and first.html == second.html


@pytest.mark.parametrize(
    "each",
    [
        "{{ story.body | striptags | truncate(300) }} {{ story.body_text | wordcount }}",
        "{{ story.body_text.split('. ') | first }} {{ story.headline | upper }}",
        "{% for word in story.headline.split(' ') %}{{ word | capitalize }} {% endfor %}",
    ],
)
def test_what_designs_do_with_long_stories_is_within_the_limits(each: str) -> None:
    body = "<p>" + "The new bridge is open to all who cross the river. " * 100 + "</p>"
    stories = tuple(
        replace(one, texts=tuple(replace(text, body=body) for text in one.texts)) for one in EDITION.stories
    )
    every = "{% for block in digest.blocks %}{% for story in block.stories %}EACH{% endfor %}{% endfor %}"
    repeated = every.replace("EACH", each) * -(-40 // len(stories))
    part = "<mj-raw><!-- " + repeated + " --></mj-raw>"
    masthead = replace(MASTHEAD, templates=((FOOT, DEFAULT + part),))
    assert variants.render(replace(EDITION, stories=stories, masthead=masthead), (), "en").errors == ()


def test_what_writers_wrote_is_escaped_in_a_part_too() -> None:
    masthead = replace(
        MASTHEAD, office="<b>%%unsubscribe_url%%</b>", templates=((FOOT, "{{ digest.office }}" + DEFAULT),)
    )
    html = variants.render(replace(EDITION, masthead=masthead), (), "en").html
    assert "&lt;b&gt;" in html and "<b>%%" not in html
    assert html.count("%%unsubscribe_url%%") == variants.render(EDITION, (), "en").html.count(
        "%%unsubscribe_url%%"
    )


def test_every_shipped_part_passes_the_checks() -> None:
    assert {
        name: found
        for name in template_sandbox.shipped_part_names()
        if (found := problems(template_sandbox.default_source(name), name))
    } == {}


LAST = DEFAULT.count("\n") + 1


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (DEFAULT + "<mj-sektion></mj-sektion>", LAST),
        (DEFAULT.replace('align="center"', 'alignment="center"'), 2),
        (DEFAULT.replace("24px {{ side }}px 36px", "24 {{ side }}px 36px"), 1),
        (DEFAULT.replace("24px {{ side }}px 36px", "24px {{ side }} 36"), 1),
        (DEFAULT + '\n<mj-raw><img src="https://example.org/a.png" /></mj-raw>', LAST + 1),
        (DEFAULT + '<mj-raw><p style="background: url(x)"></p></mj-raw>', LAST),
        (DEFAULT + r'<mj-raw><p style="background: u\72 l(x)"></p></mj-raw>', LAST),
        (DEFAULT + "<mj-raw><img src=\"{{ 'https://example.org/a.png' }}\" /></mj-raw>", 0),
        (DEFAULT + "<mj-raw><img src=\"{{ '//example.org/a.png' }}\" /></mj-raw>", 0),
        (
            DEFAULT + "<mj-raw><p style=\"background: {{ 'url(https://example.org/a.png)' }}\"></p></mj-raw>",
            0,
        ),
        (DEFAULT + '<mj-raw><img srcset="/x 1x, https://example.org/a.png 2x" /></mj-raw>', LAST),
        (DEFAULT + '<mj-raw><img alt="' + "x" * 3000 + '" src="https://example.org/a.png" /></mj-raw>', LAST),
        (DEFAULT + '<mj-raw><p onclick="x()"></p></mj-raw>', LAST),
        (DEFAULT + '<mj-raw><a href="javascript:x()">x</a></mj-raw>', LAST),
        (DEFAULT + "<script>x()</script>", LAST),
        (DEFAULT.replace("</p>", "", 1), 3),
        (DEFAULT.replace("</mj-text>", ""), 2),
        (DEFAULT + "</mj-section>", LAST),
        (DEFAULT + "<mj-section><mj-text>x</mj-text></mj-section>", LAST),
        (DEFAULT.replace("{{ tag.unsubscribe_url }}", "#"), 0),
        (DEFAULT.replace("{{ digest.postal_address }}", ""), 0),
        (DEFAULT + "\n{{ nothing }}", LAST + 1),
        (DEFAULT + "\n\n{% if %}", LAST + 2),
    ],
)
def test_a_problem_is_found_on_its_line(source: str, line: int) -> None:
    assert (FOOT, line) in problems(source)


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("blocks/foot.txt", "{{ link_number(1) }}"),
        ("blocks/foot.txt", "{{ '\\x00' }}"),
        ("blocks/foot.txt", "{{ '\\ud800' }}"),
        ("inline.css", "p { " + "".join(f"--a{n}: red; " for n in range(2_500)) + "}"),
    ],
)
def test_errors_of_style_sheets_and_of_the_plain_text_are_errors_of_the_part(part: str, source: str) -> None:
    own = template_sandbox.default_source(part) + source
    assert len(rendered(own, part).errors) == 1 and problems(own, part)


@pytest.mark.parametrize("text", ["\ue00199:1\ue002", "\ue0010:" + "9" * 5000 + "\ue002"])
def test_no_text_is_taken_for_the_mark_of_a_line(text: str) -> None:
    assert problems(DEFAULT + f"{{{{ '{text}' }}}}") == []


@pytest.mark.parametrize(
    "source",
    [
        "<a href=\"{{ 'javascript:x()' }}\">x</a>",
        '<a href="java&#115;cript:x()">x</a>',
        '<a href="java&#9;script:x()">x</a>',
        '<img src="https:/\\example.org/a.png" />',
        '<img src="ht&#10;tps://example.org/a.png" />',
        '<img src="https:example.org/a.png" />',
        "<p style=\"background: image-set({{ '\\'https://example.org/a.png\\'' }} 1x)\"></p>",
        "<!--[if mso]><style>p { background: url(https://example.org/a.png) }</style><![endif]-->",
    ],
)
def test_what_loads_or_runs_something_is_found_in_what_a_part_makes(source: str) -> None:
    assert problems(DEFAULT + f"<mj-raw>{source}</mj-raw>")


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("inline.css", "p { color: red;"),
        ("dark.css", "@import 'x';"),
        ("print.css", "p { background: url(//example.org/x) }"),
        ("print.css", r"p { background: \000075rl(//example.org/x) }"),
        ("print.css", r"p { background: u\rl(//example.org/x) }"),
        ("digest.txt", "{{ digest.newsletter }}"),
        ("dark.css", "p { background: u{{ 'r' }}l(//example.org/x) }"),
        ("dark.css", "{{ '@' }}import 'x';"),
        ("dark.css", "{{ '<' }}/mj-style><mj-raw>x</mj-raw><mj-style>"),
        ("inline.css", "{% for _ in range(900) %}" + "p { color: red } " * 20 + "{% endfor %}"),
        ("../outside.mjml", "x"),
    ],
)
def test_style_sheets_the_plain_text_and_names_are_checked_too(part: str, source: str) -> None:
    assert part in {name for name, _line in problems(source, part)}
