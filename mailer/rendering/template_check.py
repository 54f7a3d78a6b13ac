"""Checks of a newsletter's own template parts: problems with the part and the line, before anything is sent.

Tags, attributes, units and addresses are checked in the source, whichever branch a message takes. Whether
every element is closed and inside the right one, and whether the foot has what the law asks for, is checked
in what the parts make of given contents; marks lead from there back to the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from typing import NamedTuple
from urllib.parse import urlsplit

from mailer.rendering import sanitize, story_selection, template_sandbox, theme, variants, view_model
from mailer.rendering.data_types import Content
from mailer.rendering.mark_staff_messages_for_translation import stored
from mailer.rendering.merge_tags import PLACEHOLDERS
from mailer.rendering.template_sandbox import PART_LIMIT, PART_NAME, TAG_OR_COMMENT, Parts, TemplateFailed


class Problem(NamedTuple):
    """What is wrong in a part, for staff, and the line (0: the part as a whole)."""

    part: str
    line: int
    text: str


# The attributes that MJML 4 knows, by tag; those of _COMMON are for all of them.
_COMMON = ("css-class", "mj-class")
_PADDING = ("padding", "padding-top", "padding-right", "padding-bottom", "padding-left")
_TEXT = (
    *("color", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height"),
    *("text-align", "text-decoration", "text-transform"),
)
_BORDER = ("border", "border-top", "border-right", "border-bottom", "border-left", "border-radius")
_BACKGROUND = (
    *("background-color", "background-url", "background-repeat", "background-size", "background-position"),
    *("background-position-x", "background-position-y"),
)
_MJML: dict[str, tuple[str, ...]] = {
    "mjml": ("lang", "dir", "owa"),
    "mj-head": (),
    "mj-title": (),
    "mj-preview": (),
    "mj-attributes": (),
    "mj-all": (*_TEXT, *_PADDING, "align"),
    "mj-class": ("name", *_TEXT, *_PADDING, *_BORDER, *_BACKGROUND, "align", "width", "height"),
    "mj-breakpoint": ("width",),
    "mj-style": (),
    "mj-body": ("width", "background-color"),
    "mj-wrapper": (*_PADDING, *_BORDER, *_BACKGROUND, "full-width", "text-align", "direction"),
    "mj-section": (*_PADDING, *_BORDER, *_BACKGROUND, "full-width", "text-align", "direction"),
    "mj-group": ("width", "vertical-align", "background-color", "direction"),
    "mj-column": (
        *_PADDING,
        *_BORDER,
        *("width", "vertical-align", "background-color", "direction", "inner-background-color"),
        *("inner-border", "inner-border-radius"),
    ),
    "mj-text": (*_PADDING, *_TEXT, "align", "height", "container-background-color"),
    "mj-image": (
        *_PADDING,
        *_BORDER,
        *("align", "alt", "height", "href", "name", "rel", "sizes", "src", "srcset", "target", "title"),
        *("width", "max-height", "fluid-on-mobile", "usemap", "container-background-color", "font-size"),
    ),
    "mj-button": (
        *_PADDING,
        *_TEXT,
        *_BORDER,
        *("align", "background-color", "container-background-color", "height", "href", "inner-padding"),
        *("name", "rel", "target", "title", "vertical-align", "width"),
    ),
    "mj-divider": (
        *_PADDING,
        *("align", "border-color", "border-style", "border-width", "container-background-color", "width"),
    ),
    "mj-spacer": (*_PADDING, "height", "container-background-color"),
    "mj-table": (
        *(*_PADDING, *_TEXT, *_BORDER),
        *("align", "cellpadding", "cellspacing", "role", "table-layout", "width"),
    ),
    "mj-raw": ("position",),
    "mj-hero": (
        *(*_PADDING, *_BACKGROUND),
        *("mode", "height", "width", "background-height", "background-width", "vertical-align"),
    ),
    "mj-social": (*_PADDING, *_TEXT, "align", "icon-size", "inner-padding", "mode"),
}
_HTML = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "div", "dl", "dt"),
        *("em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "li", "meta", "ol", "p"),
        *("picture", "pre", "source"),
        *("q", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead"),
        *("tr", "u", "ul", "wbr"),
    )
)
_HTML_ATTRIBUTES = frozenset(
    (
        *("align", "alt", "aria-hidden", "aria-label", "bgcolor", "border", "cellpadding", "cellspacing"),
        *(
            "class",
            "colspan",
            "content",
            "dir",
            "height",
            "href",
            "id",
            "lang",
            "media",
            "name",
            "rel",
            "role",
        ),
        *("rowspan", "scope", "src", "srcset", "start", "style", "target", "title", "valign", "width"),
    )
)
_VOID = frozenset(("br", "hr", "img", "meta", "source", "wbr"))
# Where elements of MJML may stand; those that are not listed stand in a column.
_PARENTS = {
    "mjml": (),
    "mj-head": ("mjml",),
    "mj-body": ("mjml",),
    "mj-wrapper": ("mj-body",),
    "mj-section": ("mj-body", "mj-wrapper"),
    "mj-hero": ("mj-body", "mj-wrapper"),
    "mj-group": ("mj-section",),
    "mj-column": ("mj-section", "mj-group"),
    **dict.fromkeys(("mj-title", "mj-preview", "mj-attributes", "mj-breakpoint", "mj-style"), ("mj-head",)),
    "mj-raw": ("mj-head", "mj-body", "mj-section", "mj-column", "mj-wrapper", "mj-group", "mj-hero"),
}
_IN_COLUMNS = ("mj-column", "mj-hero")
# Attributes of MJML elements whose values are lengths; a bare number is read as zero.
_LENGTHS = re.compile(
    r"(?:inner-)?padding(?:-\w+)?|width|height|border-(?:width|radius)|font-size|letter-spacing|icon-size"
)
_LENGTH = re.compile(r"-?\d*\.?\d+(?:px|%|em)\Z|auto\Z|normal\Z")
_ASSETS = ("src", "srcset", "background-url", "background")

_FOOT = "blocks/foot.mjml"

# An expression of Jinja2 in a source whose other constructs are blank.
_DYNAMIC = "\ue000"
_CONSTRUCT = re.compile(r"\{#.*?(?:#\}|\Z)|\{%.*?(?:%\}|\Z)|\{\{.*?(?:\}\}|\Z)", re.DOTALL)
_ATTRIBUTE = re.compile(r"(?<![^\s=\"'/<>])([^\s=\"'/<>]++)\s*+=\s*+(\"[^\"]*\"|'[^']*')")
# A comment that is not closed is none; it is found once, and not looked for again and again.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# A character by its number, or a letter that stands for itself.
_CSS_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})\s?|[G-Zg-z])")
# What a mail program loads without being asked.
_LOADED = re.compile(r"""\b(src|srcset|background|poster)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_HOST = re.compile(r"(?:^|[\s,])(?:https?:/*|//+)([^/\s?#,]+)", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_SCHEME = re.compile(r"(?:javascript|data|vbscript):", re.IGNORECASE)
_SCRIPT = re.compile(r"""<script\b|<[a-z][^<>]*[\s"'/]on[a-z]+\s*=""", re.IGNORECASE)
# Styles of elements, and style sheets; what they load.
_STYLE = re.compile(r"""\bstyle\s*=\s*(?:"([^"]*)"|'([^']*)')|<style\b[^<>]*>([^<]*)""", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"""(?:url|src|image-set)\s*\(\s*(?:"([^"]*)"|'([^']*)'|([^)]*))""", re.IGNORECASE)
_CSS_LOADS = re.compile(r"@import|expression\s*\(|javascript:", re.IGNORECASE)
# mj-style and mj-raw hold CSS and HTML that the compiler does not read.
_CSS_ELEMENT = re.compile(r"(<mj-style\b[^<>]*>)(.*?)(</mj-style>|\Z)", re.DOTALL)


def check(parts: Parts, own: Iterable[str], contents: Sequence[tuple[Content, str]]) -> list[Problem]:
    """The problems of the parts named in `own`, by part and line; `parts` has them and all others in use.

    `contents`: contents and languages that they must render, such as those of the sample edition.
    """
    names = sorted(set(own))
    sources = dict(parts)
    found = [problem for name in names for problem in _source_problems(name, sources[name])]
    if not found:
        for content, language in contents:
            found.extend(_render_problems(parts, names, content, language))
    return sorted(dict.fromkeys(found))


def _source_problems(name: str, source: str) -> Iterator[Problem]:
    if not PART_NAME.match(name):
        yield Problem(name, 0, stored("This is not the name of a template part, such as blocks/foot.mjml."))
        return
    if len(source.encode(errors="surrogatepass")) > PART_LIMIT:
        yield Problem(name, 0, stored("A template part can have at most %(limit)s bytes.", limit=PART_LIMIT))
        return
    try:
        template_sandbox.check_syntax(name, source)
    except TemplateFailed as error:
        yield Problem(error.part, error.line, error.reason)
        return
    blank = _CONSTRUCT.sub(_blanked, source)
    if name.endswith(".css"):
        yield from _css_problems(name, blank, 0)
    elif name.endswith(".mjml"):
        yield from _mjml_problems(name, blank)
    if name == _FOOT and "unsubscribe_url" not in source:
        yield Problem(
            name, 0, stored("The footer of the template lacks the link %(tag)s.", tag="tag.unsubscribe_url")
        )


def _blanked(found: re.Match[str]) -> str:
    """As many characters, with the same line breaks."""
    sign = _DYNAMIC if found[0].startswith("{{") else " "
    return re.sub(r"[^\n]", sign, found[0])


def _blanked_comment(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0]) if found[0].endswith("-->") else found[0].replace("<!--", "    ")


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _css_problems(name: str, css: str, before: int) -> Iterator[Problem]:
    depth = 0
    for found in re.finditer(r"[{}]|@import|url\s*\(|expression\s*\(|</|javascript:", css, re.IGNORECASE):
        line = before + _line(css, found.start())
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            depth -= 1
            if depth < 0:
                yield Problem(name, line, stored("In the template, a “}” has no matching “{”."))
                depth = 0
        else:
            what = found[0].strip()
            yield Problem(name, line, stored("“%(what)s” is not allowed in the CSS of an email.", what=what))
    if depth > 0:
        yield Problem(name, before + _line(css, len(css)), stored("In the template, a “{” is not closed."))
    for found in _CSS_ESCAPE.finditer(css):
        # A letter that is written so would hide one of these words.
        if not found[1] or chr(int(found[1], 16) % 0x110000).isascii():
            line, what = before + _line(css, found.start()), found[0].strip()
            yield Problem(name, line, stored("“%(what)s” is not allowed in the CSS of an email.", what=what))


def _mjml_problems(name: str, source: str) -> Iterator[Problem]:
    text = _COMMENT.sub(_blanked_comment, source)
    for found in _CSS_ELEMENT.finditer(text):
        yield from _css_problems(name, found[2], _line(text, found.start(2)) - 1)
    text = _CSS_ELEMENT.sub(lambda one: one[1] + re.sub(r"[^\n]", " ", one[2]) + one[3], text)
    for found in TAG_OR_COMMENT.finditer(text):
        if found[2] is None:
            continue
        line, tag = _line(text, found.start()), found[2].lower()
        if tag == "h" and found[3].startswith(_DYNAMIC):
            tag = "h2"
        if tag not in _HTML and tag not in _MJML:
            yield Problem(name, line, stored("MJML has no element <%(tag)s>.", tag=tag))
            continue
        if not found[1]:
            for attribute, value in _ATTRIBUTE.findall(found[3]):
                yield from _attribute_problems(
                    name, line, tag, attribute.strip(_DYNAMIC).lower(), value[1:-1]
                )


def _attribute_problems(name: str, line: int, tag: str, attribute: str, value: str) -> Iterator[Problem]:
    known = (*_MJML[tag], *_COMMON) if tag in _MJML else _HTML_ATTRIBUTES
    # The children of mj-attributes have those of their elements, "mj-all" any.
    if attribute not in known and not attribute.startswith("data-") and tag != "mj-all":
        yield Problem(
            name,
            line,
            stored(
                "In the template, <%(tag)s> has no attribute “%(attribute)s”.", tag=tag, attribute=attribute
            ),
        )
    if tag in _MJML and _LENGTHS.fullmatch(attribute):
        pieces = [re.sub(f"{_DYNAMIC}+", "0", piece) for piece in value.split()]
        for piece, raw in zip(pieces, value.split(), strict=True):
            if not _LENGTH.match(piece) and not set(raw) <= {_DYNAMIC}:
                yield Problem(
                    name,
                    line,
                    stored(
                        "In the template, “%(attribute)s” has a length without a unit: write %(length)spx.",
                        attribute=attribute,
                        length=piece if piece.isdigit() else "0",
                    ),
                )
    if attribute in _ASSETS and _hosts_in(value):
        yield Problem(
            name,
            line,
            stored(
                "In the template, “%(attribute)s” loads something from another server.", attribute=attribute
            ),
        )
    if attribute == "style":
        yield from _css_problems(name, value, line - 1)
    if attribute == "href" and _SCHEME.match(_address(value)):
        yield Problem(name, line, stored("Links in the template must begin with https:, http: or mailto:."))


def _render_problems(parts: Parts, own: Sequence[str], content: Content, language: str) -> Iterator[Problem]:
    digest = view_model.build_digest(
        content, story_selection.select(content, ()).blocks, "0" * 16, language, lambda warning: None
    )
    tokens = theme.all_tokens(content.masthead.theme)
    try:
        marked = variants.render_mjml(digest, tokens, parts, marked=True)
        template_sandbox.require_mjml_within_limits(marked, parts)
        problems = list(_structure_problems(marked, parts, own))
        yield from problems
        if problems:
            return
        html = variants.render_html(digest, tokens, parts)
        text = variants.render_text(digest, tokens, parts)
    except TemplateFailed as error:
        yield Problem(error.part, error.line, error.reason)
        return
    markup, plain = _foot_part(own, ".mjml"), _foot_part(own, ".txt")
    # Also what an expression makes, which its source does not show.
    hosts = _hosts_of(content)
    for attribute in dict.fromkeys(_loading(html, hosts)):
        yield Problem(
            markup,
            0,
            stored(
                "In the template, “%(attribute)s” loads something from another server.", attribute=attribute
            ),
        )
    if _SCRIPT.search(html) or any(
        _SCHEME.match(_address(one[1] or one[2] or "")) for one in _HREF.finditer(html)
    ):
        yield Problem(markup, 0, stored("Links in the template must begin with https:, http: or mailto:."))
    for tag in ("unsubscribe_url", "preferences_url"):
        if PLACEHOLDERS[tag] not in html:
            yield Problem(
                markup,
                0,
                stored("The email made from this template lacks the link %(tag)s.", tag=f"tag.{tag}"),
            )
        if PLACEHOLDERS[tag] not in text:
            yield Problem(
                plain,
                0,
                stored("The email made from this template lacks the link %(tag)s.", tag=f"tag.{tag}"),
            )
    words = sanitize.html_to_single_line(html)
    for field, value in (("office", digest.office), ("postal_address", digest.postal_address)):
        lack = stored(
            "The email made from this template lacks %(field)s, which the law requires.",
            field=f"digest.{field}",
        )
        if value and " ".join(value.split()) not in words:
            yield Problem(markup, 0, lack)
        if value and " ".join(value.split()) not in " ".join(text.split()):
            yield Problem(plain, 0, lack)


def _loading(html: str, hosts: set[str]) -> Iterator[str]:
    """The attributes, and styles, that load something from another host, also within comments for Outlook."""
    for found in _LOADED.finditer(html):
        if not hosts.issuperset(_hosts_in(found[2] or found[3] or "")):
            yield found[1]
    for found in _STYLE.finditer(html):
        css = unescape(found[1] or found[2] or found[3] or "")
        addresses = [one[1] or one[2] or one[3] for one in _CSS_ADDRESS.finditer(css)]
        if not all(hosts.issuperset(_hosts_in(one)) for one in addresses) or _CSS_LOADS.search(css):
            yield "style"


def _address(value: str) -> str:
    """An attribute's value as a browser reads it as an address."""
    return re.sub(r"[\t\r\n]", "", unescape(value)).strip().replace("\\", "/")


def _hosts_in(value: str) -> list[str]:
    """The hosts of the addresses in an attribute, of which srcset may hold several."""
    return _HOST.findall(_address(value))


def _hosts_of(content: Content) -> set[str]:
    """The hosts that the message may load pictures from: of the site, and of the content's pictures."""
    head = content.masthead
    pictures = [head.logo, head.logo_dark, *(block.picture for block in content.blocks)]
    pictures += (one for story in content.stories for one in (story.picture, story.small_picture))
    addresses = (content.site_url, content.media_origin, *(one.url for one in pictures if one))
    return {urlsplit(one).netloc for one in addresses}


def _foot_part(own: Sequence[str], ending: str) -> str:
    """The part to which a lack of the whole message is put down."""
    likely = [name for name in own if name.endswith(ending)]
    return next((name for name in likely if "foot" in name or "digest" in name), (likely or list(own))[0])


_PIECE = re.compile(
    f"{template_sandbox.MARK}(\\d+):(\\d+){template_sandbox.MARK_END}|{TAG_OR_COMMENT.pattern}", re.DOTALL
)


_COMMENT_OR_CSS = re.compile(r"<!--.*?(?:-->|\Z)|(?<=<mj-style>).*?(?=</mj-style>|\Z)", re.DOTALL)


def _structure_problems(marked: str, parts: Parts, own: Sequence[str]) -> Iterator[Problem]:
    """Elements that are not closed, or not where they belong, in MJML with marks."""
    names = [name for name, _source in parts]
    at = (own[0], 0)
    open_elements: list[tuple[str, tuple[str, int]]] = []
    text = _COMMENT_OR_CSS.sub(_marks_only, marked)
    for found in _PIECE.finditer(text):
        if found[1] is not None:
            at = (names[int(found[1])], int(found[2]))
            continue
        if found[4] is None:
            continue
        closing, tag, attributes = found[3], found[4].lower(), found[5]
        if tag not in _HTML and tag not in _MJML and at[0] in own:
            yield Problem(*at, stored("MJML has no element <%(tag)s>.", tag=tag))
            return
        inside = re.findall(f"{template_sandbox.MARK}(\\d+):(\\d+){template_sandbox.MARK_END}", attributes)
        if closing:
            if not open_elements or open_elements[-1][0] != tag:
                yield _mismatch(tag, open_elements, at)
                return
            open_elements.pop()
        elif found[4] not in _VOID and not attributes.endswith("/"):
            yield from _misplaced(tag, open_elements, at)
            open_elements.append((tag, at))
            if len(open_elements) > template_sandbox.DEPTH_LIMIT:
                yield Problem(*at, stored("The elements of the template are nested too deeply."))
                return
        elif tag in _MJML:
            yield from _misplaced(tag, open_elements, at)
        if inside:
            at = (names[int(inside[-1][0])], int(inside[-1][1]))
    for tag, where in open_elements[-1:]:
        yield Problem(*where, stored("In the template, <%(tag)s> is not closed.", tag=tag))


def _marks_only(found: re.Match[str]) -> str:
    return "".join(re.findall(f"{template_sandbox.MARK}\\d+:\\d+{template_sandbox.MARK_END}", found[0]))


def _mismatch(tag: str, opened: Sequence[tuple[str, tuple[str, int]]], at: tuple[str, int]) -> Problem:
    if any(name == tag for name, _where in opened):
        inner, where = opened[-1]
        return Problem(*where, stored("In the template, <%(tag)s> is not closed.", tag=inner))
    return Problem(*at, stored("In the template, </%(tag)s> closes an element that was not opened.", tag=tag))


def _misplaced(
    tag: str, opened: Sequence[tuple[str, tuple[str, int]]], at: tuple[str, int]
) -> Iterator[Problem]:
    if tag not in _MJML or any(name == "mj-attributes" for name, _where in opened):
        return
    parents = _PARENTS.get(tag, _IN_COLUMNS)
    parent = opened[-1][0] if opened else ""
    if parents and parent not in parents:
        allowed = ", ".join(f"<{name}>" for name in parents)
        yield Problem(
            *at,
            stored(
                "In the template, <%(tag)s> must be directly inside: %(parents)s.", tag=tag, parents=allowed
            ),
        )
