"""The templates of a message: the shipped parts, and other parts in their place, which run in a sandbox.

A part is a file of templates/mail by its path there, such as "blocks/foot.mjml". A newsletter's own parts and
those of its theme replace the shipped ones. The sandbox gives them the attributes of the view model and no
others, filters whose results are no larger than what they get, and a limit on steps and on sizes. The limit
counts and does not measure time, so that the same content has the same result on every machine.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import textwrap
import traceback
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextvars import ContextVar
from functools import cache, lru_cache, wraps
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, cast

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError, Undefined, nodes
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.exceptions import SecurityError, TemplateNotFound, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.loaders import split_template_path
from jinja2.runtime import LoopContext, Macro, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from mailer.rendering.block_cache import KeepingTemplate
from mailer.rendering.mark_staff_messages_for_translation import stored
from mailer.rendering.merge_tags import PLACEHOLDERS, TAG_RE, TAGS, TrustedText, escape_tags

_PACKAGE = Path(__file__).resolve().parents[1]
# Templates are inside the package in a wheel, and beside it in a checkout.
TEMPLATES = tuple(root / "templates" / "mail" for root in (_PACKAGE, _PACKAGE.parent))
_MARKUP = (".mjml", ".html")
# A part that replaces a shipped one, or that others include.
PART_NAME = re.compile(r"(?:[a-z0-9_-]{1,40}/){0,2}[a-z0-9_-]{1,60}\.(?:mjml|txt|css)\Z")
# Before the path of a part: the shipped one, for a part that adds to it: {% include "default/inline.css" %}.
DEFAULT = "default/"
# Bytes of one part.
PART_LIMIT = 64_000
# Path and source of each part, by path.
Parts = tuple[tuple[str, str], ...]

# Steps of one template: loop turns and calls, each weighted by the size of what it repeats.
STEP_LIMIT = 400_000
# Characters or items of one value that a template makes.
_VALUE_LIMIT = 400_000
_RANGE_LIMIT = 1_000
_NUMBER_LIMIT = 10**12
_DECIMALS = 12
# Characters of text that cost as much as one step: where it is read as a whole, and where a filter looks for
# words or tags in it; items of a new list.
_CHARACTERS_A_STEP = 64
_SEARCHED_CHARACTERS_A_STEP = 8
_ITEMS_A_STEP = 4
# Nodes of one part's syntax tree (the largest shipped part has some 200), levels of blocks in each other, and
# the names that a part sets, times its conditions and the parts that it includes: Jinja2 hands all of them to
# each.
_NODE_LIMIT = 10_000
_LEVEL_LIMIT = 18
_HANDED_NAMES_LIMIT = 40_000
# Parts of which the first that exists is included.
_NAMES_LIMIT = 10
# Characters of the dotted name by which a filter reads an attribute.
_ATTRIBUTE_LIMIT = 200
# Characters that a template prints, for all parts together.
OUTPUT_LIMIT = 4_000_000
# Levels of nested elements that the MJML compiler is given: it ends the process on some thousands.
DEPTH_LIMIT = 60
# Characters of MJML, of a text part and of a stylesheet that a newsletter's own parts may make.
MJML_LIMIT = 1_000_000
TEXT_LIMIT = 1_000_000
CSS_LIMIT = 100_000
DECLARATION_LIMIT = 2_000
# Declarations of a stylesheet, squared, times elements: it is written into each element's style.
_INLINING_LIMIT = 10**9
# Elements and closing tags: each rule of a stylesheet looks at all of them.
TAG_LIMIT = 40_000


class TemplateFailed(Exception):  # noqa: N818 (names what happened)
    """A newsletter's own part cannot be used: the reason, the part and its line (0: not known)."""

    def __init__(self, reason: str, part: str, line: int) -> None:
        super().__init__(f"{part}, line {line}: {reason}" if line else f"{part}: {reason}")
        self.reason = reason
        self.part = part
        self.line = line


class _LimitReached(SecurityError):  # noqa: N818 (the same)
    """The template needs more steps, or makes a larger value, than a part may."""


@cache
def shipped_part_names() -> tuple[str, ...]:
    """The shipped parts, those of themes left out."""
    root = next(root for root in TEMPLATES if root.is_dir())
    found = (file.relative_to(root).as_posix() for file in root.rglob("*.*"))
    return tuple(sorted(name for name in found if PART_NAME.match(name) and not name.startswith("themes/")))


@cache
def default_source(name: str) -> str:
    """The shipped part; empty where there is none of this name."""
    if name not in shipped_part_names():
        return ""
    return next(root / name for root in TEMPLATES if root.is_dir()).read_text(encoding="utf-8")


@cache
def theme_parts(theme: str) -> Parts:
    """The parts of templates/mail/themes/<theme>/, which replace the shipped ones."""
    root = next(root for root in TEMPLATES if root.is_dir()) / "themes" / theme
    if not theme or not root.is_dir():
        return ()
    files = sorted(file for file in root.rglob("*.*") if file.is_file())
    return tuple((file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")) for file in files)


def render_part(parts: Parts, name: str, context: Mapping[str, Any]) -> str:
    """The text of the part `name`, with `parts` in place of shipped ones. Raises TemplateFailed for these."""
    if not parts:
        return jinja_environment(()).get_template(name).render(context)
    return _rendered(jinja_environment(parts), parts, name, context)


def _rendered(sandbox: Environment, parts: Parts, name: str, context: Mapping[str, Any]) -> str:
    rendering = _rendering.set(_Rendering())
    try:
        return _with_merge_tags(sandbox.get_template(name).render(context))
    except _FAILURES as error:
        raise template_failure(error, parts, name) from error
    finally:
        _rendering.reset(rendering)


# What a template can raise. A deep recursion of Python's own is a RuntimeError.
_FAILURES = (
    *(TemplateError, RuntimeError, MemoryError, SyntaxError, ArithmeticError),
    *(TypeError, ValueError, LookupError, AttributeError, NameError),
    # Jinja2 asserts what `truncate` is given.
    AssertionError,
)


def template_failure(error: BaseException, parts: Parts, name: str) -> TemplateFailed:
    """The error with the part and the line that it comes from."""
    known = {part for part, _source in parts}
    if isinstance(error, TemplateSyntaxError):
        return TemplateFailed(error.message or type(error).__name__, error.name or name, error.lineno)
    at = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in known
    ]
    part, line = at[-1] if at else (name, 0)
    reason = str(error)
    if isinstance(error, RecursionError):
        reason = stored("This template part includes itself in an endless loop, or is nested too deeply.")
    return TemplateFailed(reason or type(error).__name__, part, line)


def check_syntax(name: str, source: str) -> None:
    """Raises TemplateFailed, with the line, for a part that the sandbox refuses before it runs."""
    parts = ((name, source),)
    try:
        jinja_environment(parts).compile(source, name, name)
    except _FAILURES as error:
        raise template_failure(error, parts, name) from error


# Stand before the number of a line and after it, in what a part with marks makes.
MARK, MARK_END = "\ue001", "\ue002"
_WITHOUT_MARKS = dict.fromkeys(range(0xE000, 0xE003))


def render_part_with_line_marks(parts: Parts, name: str, context: Mapping[str, Any]) -> str:
    """The same with a mark, such as "<MARK>0:12<MARK_END>", at each line of `parts[0]`, `parts[1]`…"""
    return _rendered(jinja_environment(parts, marked=True), parts, name, context)


@lru_cache(maxsize=32)
def jinja_environment(parts: Parts, *, marked: bool = False) -> Environment:
    """The environment of the shipped parts, or the sandbox where some are replaced."""
    options: dict[str, Any] = {
        # Templates do not change while the program runs; looking for changes takes time for every block.
        "auto_reload": False,
        "undefined": StrictUndefined,
        # Jinja2's default does not cover .mjml.
        "autoescape": lambda name: bool(name and name.endswith(_MARKUP)),
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
    }
    if not parts:
        # Text parts are no markup, and all others are escaped.
        plain = Environment(loader=FileSystemLoader(TEMPLATES), finalize=_escape_foreign_tags, **options)  # noqa: S701
        plain.template_class = KeepingTemplate
        plain.filters["wrap"] = wrap_lines
        return plain
    return Sandbox(parts, options, marked=marked)


# Columns of the text part; RFC 5322 recommends lines of at most 78.
_COLUMNS = 72


def wrap_lines(text: str) -> str:
    """`text` in lines of at most 72 columns; line breaks are kept, URLs and long words stay whole."""
    return _wrap_short(text) if len(text) <= _KEPT_CHARACTERS else _wrap(text)


def _wrap(text: str) -> str:
    kind = TrustedText if isinstance(text, TrustedText) else str
    lines = (
        textwrap.fill(
            line,
            _COLUMNS,
            break_long_words=False,
            break_on_hyphens=False,
            subsequent_indent="  " if line.startswith("- ") else "",
        )
        for line in text.split("\n")
    )
    return kind("\n".join(lines))


# Texts come in many variants of an edition. Longer ones than these are not kept.
_KEPT_CHARACTERS = 8_000
_wrap_short = lru_cache(maxsize=2_000, typed=True)(_wrap)


def _escape_foreign_tags(value: Any) -> Any:
    """Escape merge tags in every value that is not a TrustedText."""
    if not isinstance(value, str) or "%%" not in value or isinstance(value, TrustedText):
        return value
    if isinstance(value, Markup):
        return Markup(escape_tags(value))  # noqa: S704 (was Markup before)
    return escape_tags(value)


@dataclasses.dataclass
class _Rendering:
    """What is left to the template that is being rendered, and how its merge tags are marked."""

    steps: int = STEP_LIMIT
    characters: int = OUTPUT_LIMIT
    # Nobody who writes texts can know it.
    mark: str = dataclasses.field(default_factory=lambda: secrets.token_hex(8))


_rendering: ContextVar[_Rendering] = ContextVar("template_rendering")


def _spend(steps: int) -> None:
    left = _rendering.get()
    left.steps -= steps
    if left.steps < 0:
        raise _LimitReached(stored("The template needs more computing steps than allowed."))


def _marked_tags(text: str) -> str:
    """A trusted text with a mark in place of each merge tag, so that no other text can be taken for one."""
    mark = _rendering.get().mark
    return TAG_RE.sub(lambda tag: f"\ue010{mark}{tag[1]}\ue011", text) if "%%" in text else text


def _with_merge_tags(written: str) -> str:
    """The finished text: what looks like a merge tag is broken, and marks become merge tags."""
    marked = re.compile(f"\ue010{_rendering.get().mark}({'|'.join(TAGS)})\ue011")
    return marked.sub(lambda mark: f"%%{mark[1]}%%", escape_tags(written))


def _merge_tag(name: str) -> TrustedText:
    """A merge tag that is written in the template."""
    return PLACEHOLDERS[name]


def _bounded(value: Any) -> Any:
    """A value that the template made, if it is small enough.

    Tuples and views become lists, which cannot be keys: hashing deeply nested tuples ends the process.
    """
    if isinstance(value, (KeysView, ValuesView, ItemsView, tuple)):
        _spend(len(value) // _ITEMS_A_STEP)
        value = list(value)
    size = len(value) if isinstance(value, (str, list, tuple, dict)) else 0
    if size > _VALUE_LIMIT or (isinstance(value, (int, float)) and abs(value) > _NUMBER_LIMIT):
        raise _LimitReached(
            stored("The template creates a text, list or number that is larger than allowed.")
        )
    _spend(1 + size // (_CHARACTERS_A_STEP if isinstance(value, str) else _ITEMS_A_STEP))
    return value


def _paid_for(value: Any, characters_a_step: int = _CHARACTERS_A_STEP, *, as_text: bool = False) -> Any:
    """A value that the template reads, paid for by its size; an iterator is paid for item by item.

    A list costs as much as what is in it, lists included: comparing, sorting and printing read that too.
    `characters_a_step` is for the text itself, not for texts in a list. `as_text`: it becomes text, which
    objects of the view model cannot.
    """
    if isinstance(value, str):
        _spend(len(value) // characters_a_step)
    elif isinstance(value, _CONTAINERS):
        _pay_for_items(value, as_text=as_text)
    elif isinstance(value, Iterator):
        return (_paid_for(item, as_text=as_text) for item in map(_counted, value))
    elif as_text and not isinstance(value, _SCALARS):
        raise SecurityError(stored("Only texts, numbers and lists can be printed in a template."))
    return value


_CONTAINERS = (list, tuple, dict, range, KeysView, ValuesView, ItemsView)
_SCALARS = (str, int, float, type(None), Undefined)


def _pay_for_items(value: Any, *, as_text: bool) -> None:
    unpaid: list[Any] = [value]
    while unpaid:
        items = unpaid.pop()
        _spend(len(items))
        if isinstance(items, range):
            continue
        for item in (*items, *items.values()) if isinstance(items, dict) else items:
            if isinstance(item, str):
                _spend(len(item) // _CHARACTERS_A_STEP)
            elif isinstance(item, _CONTAINERS):
                unpaid.append(item)
            elif as_text and not isinstance(item, _SCALARS):
                raise SecurityError(stored("Only texts, numbers and lists can be printed in a template."))


def _paid_items(value: Any, cost: int) -> Any:
    """What a loop goes through, where deciding on an item costs so many steps; a text has characters."""
    if isinstance(value, Iterator):
        return (_counted(item, cost) for item in value)
    if isinstance(value, (str, *_CONTAINERS)):
        _spend(len(value) * cost)
    return _paid_for(value)


def _counted(item: Any, cost: int = 1) -> Any:
    _spend(cost)
    return item


def _compared(value: Any) -> Any:
    """One side of a comparison; a tuple of the view model is compared as the lists of templates are."""
    paid = _paid_for(value)
    return list(paid) if isinstance(paid, tuple) else paid


def _printable(value: Any) -> Any:
    """What is printed or joined: a text, a number, or the text of a list, paid for before it is made."""
    paid = _paid_for(value, as_text=True)
    return str(paid) if isinstance(paid, (*_CONTAINERS, Iterator)) else paid


def _concatenate(*values: Any) -> Any:
    """The operator “~” in a text."""
    texts = [str(_printable(value)) for value in values]
    _within(sum(map(len, texts)))
    return "".join(texts)


def _concatenate_markup(*values: Any) -> Any:
    """The operator “~” in MJML."""
    pieces = [_printable(value) for value in values]
    _within(sum(len(piece) for piece in pieces if isinstance(piece, str)))
    return _bounded(markup_join(pieces))


def _template_name(value: Any) -> str:
    """What a part includes; Jinja2 would take a list of names, of any length, and try each."""
    if not isinstance(value, str):
        raise SecurityError(stored("A template includes one part, by its name."))
    return value


def _paying(
    function: Callable[..., Any], characters_a_step: int, *, as_text: bool = False
) -> Callable[..., Any]:
    """The filter or test, which pays for what it is given: its result may be small, or never be read."""

    # Jinja2 hands some of them the environment or the context first.
    own = int(hasattr(function, "jinja_pass_arg"))

    @wraps(function)
    def paying(*given: Any, **named: Any) -> Any:
        if len(str(named.get("attribute", ""))) > _ATTRIBUTE_LIMIT:
            raise _LimitReached(stored("A filter in a template names an attribute that is too long."))
        return function(
            *given[:own],
            *(_paid_for(one, characters_a_step, as_text=as_text) for one in given[own:]),
            **{name: _paid_for(one) for name, one in named.items()},
        )

    return paying


def _of_attribute(name: str) -> Callable[..., Any]:
    """A filter whose first argument is an attribute's name."""
    function = FILTERS[name]

    @wraps(function)
    def short(context: Any, value: Any, *rest: Any, **named: Any) -> Any:
        if rest and len(str(rest[0])) > _ATTRIBUTE_LIMIT:
            raise _LimitReached(stored("A filter in a template names an attribute that is too long."))
        return function(context, value, *rest, **named)

    return short


def _of_numbers(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that computes a remainder, which of a text would be a formatted one of any length."""

    @wraps(test)
    def numeric(*given: Any) -> Any:
        if not all(isinstance(one, (int, float)) for one in given):
            raise SecurityError(stored("This test in a template is for numbers only."))
        return test(*given)

    return numeric


def _short_range(*limits: int) -> range:
    found = range(*limits)
    if len(found) > _RANGE_LIMIT:
        raise _LimitReached(
            stored("A range in a template can have at most %(limit)s numbers.", limit=_RANGE_LIMIT)
        )
    return found


def _replace(value: Any, old: str, new: str) -> Any:
    text = value if isinstance(value, str) else str(value)
    _within(len(text) + text.count(str(old)) * len(str(new)))
    # Escaped, also where it is written in the template: “&lt;” in place of “<” would undo an escaping.
    escaped = Markup.escape(str(new)) if isinstance(text, Markup) else str(new)
    return text.replace(str(old), escaped)


def _join(values: Iterable[Any], between: str = "") -> str:
    texts = []
    for value in values:
        texts.append(value if isinstance(value, str) else str(_printable(value)))
        _within(len(texts[-1]) + len(between))
    _within(sum(map(len, texts)) + len(between) * len(texts))
    if any(isinstance(text, Markup) for text in (*texts, between)):
        return Markup.escape(between).join(texts)
    return str(between).join(texts)


def _wrap_lines(text: Any) -> str:
    lines = str(text) if not isinstance(text, str) else text
    _spend(lines.count("\n"))
    return wrap_lines(lines)


def _refused_safe(*_given: Any) -> Any:
    # What is allowed of it, `_Metered` compiles without it.
    raise SecurityError(
        stored("The filter “safe” works only on text that is written in the template: use rich text fields.")
    )


def _trim(value: Any, chars: str | None = None) -> str:
    text = value if isinstance(value, str) else str(value)
    _pay_for_strip(text, chars)
    return text.strip(chars)


def _pay_for_strip(text: str, chars: Any) -> None:
    """Python looks through all of `chars` for each character that it strips."""
    if isinstance(chars, str):
        _spend(len(text) * len(chars) // _CHARACTERS_A_STEP)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    # Jinja2 computes ten to the power of it.
    if abs(precision) > _DECIMALS:
        raise _LimitReached(
            stored("A number in a template can have at most %(limit)s decimals.", limit=_DECIMALS)
        )
    return FILTERS["round"](value, precision, method)


def _within(size: int) -> None:
    if size > _VALUE_LIMIT:
        raise _LimitReached(
            stored("The template creates a text, list or number that is larger than allowed.")
        )
    _spend(size // _CHARACTERS_A_STEP)


# Filters of Jinja2, by how much of a text costs a step: those that make a text of what they get…
_TEXT_FILTERS = {
    _CHARACTERS_A_STEP: ("capitalize", "e", "escape", "lower", "string", "truncate", "upper"),
    _SEARCHED_CHARACTERS_A_STEP: ("striptags", "title", "urlencode", "wordcount"),
}
# … and all others, of which some go through a text character by character.
_OTHER_FILTERS = {
    _CHARACTERS_A_STEP: (
        *("abs", "count", "d", "default", "first", "float", "int", "items", "last", "length", "round"),
    ),
    1: ("list", "max", "min", "map", "reject", "reverse", "select", "sort", "unique"),
}
_ATTRIBUTE_FILTERS = ("groupby", "rejectattr", "selectattr")
# Our own: the function, its rate, and whether it makes a text of what it gets.
_OWN_FILTERS: dict[str, tuple[Callable[..., Any], int, bool]] = {
    "replace": (_replace, _CHARACTERS_A_STEP, True),
    "join": (_join, 1, True),
    "round": (_round, _CHARACTERS_A_STEP, False),
    "safe": (_refused_safe, _CHARACTERS_A_STEP, False),
    "trim": (_trim, _CHARACTERS_A_STEP, True),
    "wrap": (_wrap_lines, _SEARCHED_CHARACTERS_A_STEP, True),
}
_NUMBER_TESTS = ("divisibleby", "even", "odd")
_TEXT_METHODS = frozenset(
    ("capitalize", "endswith", "lower", "lstrip", "rstrip", "split", "startswith", "strip", "title", "upper")
)
_MAPPING_METHODS = frozenset(("get", "items", "keys", "values"))


class _PartLoader(BaseLoader):
    """A newsletter's own parts, then the shipped ones; every template is named as its part."""

    def __init__(self, parts: Parts) -> None:
        self.parts = dict(parts)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        split_template_path(template)
        if template in self.parts:
            return self.parts[template], template, lambda: True
        if (shipped := template.removeprefix(DEFAULT)) != template and shipped in shipped_part_names():
            return default_source(shipped), template, lambda: True
        if template not in shipped_part_names():
            raise TemplateNotFound(template)
        return default_source(template), template, lambda: True


# Parts of some themes and newsletters; each takes some ten kilobytes.
_MAX_COMPILED = 256


class _CompiledParts(BytecodeCache):
    """In memory, for environments that compile the same source to the same code: most parts of a newsletter
    are the shipped ones.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        # A part with marks contains its place among the others.
        place = getattr(environment, "marked", {}).get(name)
        return super().get_bucket(environment, name if place is None else f"{name} {place}", filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._codes) >= _MAX_COMPILED:
            self._codes.clear()
        if bucket.code:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _CompiledParts()


class Sandbox(ImmutableSandboxedEnvironment):
    """Executes the parts of a newsletter."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self, parts: Parts, options: dict[str, Any], *, marked: bool) -> None:
        super().__init__(
            loader=_PartLoader(parts),
            finalize=self._output,
            optimized=False,
            bytecode_cache=_compiled,
            **options,
        )
        self.filters = {
            **{
                name: _paying(FILTERS[name], rate, as_text=True)
                for rate, names in _TEXT_FILTERS.items()
                for name in names
            },
            **{
                name: _paying(FILTERS[name], rate) for rate, names in _OTHER_FILTERS.items() for name in names
            },
            **{name: _paying(_of_attribute(name), 1) for name in _ATTRIBUTE_FILTERS},
            **{name: _paying(one, rate, as_text=text) for name, (one, rate, text) in _OWN_FILTERS.items()},
        }
        tests: dict[str, Any] = {
            **self.tests,
            **{name: _of_numbers(cast(Any, TESTS[name])) for name in _NUMBER_TESTS},
        }
        self.tests = {name: _paying(one, _CHARACTERS_A_STEP) for name, one in tests.items()}
        kept = {name: self.globals[name] for name in ("dict", "namespace", "joiner", "cycler")}
        self.globals = {**kept, "range": _short_range}
        names = [name for name, _source in parts]
        self.marked = {name: names.index(name) for name in names if marked and name.endswith(".mjml")}
        # Called by the code that `_Metered` writes into templates.
        self.spend = _spend
        self.bounded = _bounded
        self.paid_for = _paid_for
        self.paid_items = _paid_items
        self.concatenate = _concatenate
        self.concatenate_markup = _concatenate_markup
        self.template_name = _template_name
        self.compared = _compared
        self.merge_tag = _merge_tag

    def _output(self, value: Any) -> Any:
        """What is printed: paid for, also what escaping adds to it."""
        text = _printable(value)
        if not isinstance(text, str):
            return text
        size = len(text)
        if not isinstance(text, Markup):
            size += 5 * sum(map(text.count, "<>&'\""))
        left = _rendering.get()
        left.characters -= size
        if left.characters < 0:
            raise _LimitReached(
                stored(
                    "The email made from this template has more than %(limit)s characters.",
                    limit=OUTPUT_LIMIT,
                )
            )
        if self.marked and not text.isascii():
            # They stand for lines and expressions in what is checked.
            text = text.translate(_WITHOUT_MARKS)
        return TrustedText(_marked_tags(text)) if isinstance(text, TrustedText) else text

    def join_path(self, template: str, parent: str) -> str:
        """What is no markup has not been escaped."""
        if parent.endswith(_MARKUP) and not template.endswith(_MARKUP):
            raise SecurityError(stored("A part that ends in .mjml can include only such parts."))
        return template

    def wrap_str_format(self, value: Any) -> None:
        """`format` of a text is no method that a template may call: its fields make texts of any length."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source.encode(errors="surrogatepass")) > PART_LIMIT:
            raise TemplateSyntaxError(
                stored("A template part can have at most %(limit)s bytes.", limit=PART_LIMIT),
                1,
                name,
                filename,
            )
        if any(kind == "raw_begin" for _line, kind, _text in self.lex(source, name, filename)):
            raise TemplateSyntaxError(stored("“raw” cannot be used in templates."), 1, name, filename)
        tree = super()._parse(source, name, filename)
        if _is_too_complex(tree):
            raise TemplateSyntaxError(
                stored("This template part is too complex: split it into several parts."), 1, name, filename
            )
        if name in self.marked:
            for text in tree.find_all(nodes.TemplateData):
                text.data = _with_marks(text.data, self.marked[name], text.lineno)
        metered: nodes.Template = _Metered(name, filename).visit(tree)
        metered.set_environment(self)
        return metered

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (names of Jinja2's method)
        if __obj in _OWN_FUNCTIONS:
            return __obj(*args)
        _spend(1 + len(args) + len(kwargs))
        # Of a method, what it belongs to.
        owner = _paid_for(getattr(__obj, "__self__", None))
        if isinstance(owner, str) and __obj.__name__.endswith("strip"):
            _pay_for_strip(owner, *args[:1] or (None,))
        is_ours = isinstance(__obj, FunctionType)
        given = [_paid_for(one, as_text=is_ours) for one in args]
        named = {name: _paid_for(one, as_text=is_ours) for name, one in kwargs.items()}
        if is_ours and args:
            # A text of a catalogue, and what is put into it.
            longest = max((len(str(one)) for one in named.values()), default=0)
            _within(len(str(args[0])) + str(args[0]).count("{") * longest)
        return super().call(__context, __obj, *given, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "**" or (operator != "+" and not numbers):
            raise SecurityError(
                stored("The operator %(operator)s cannot be used in templates.", operator=operator)
            )
        if operator == "+" and not numbers:
            left, right = (list(one) if isinstance(one, tuple) else one for one in (left, right))
            _within(sum(len(one) for one in (left, right) if isinstance(one, (str, list))))
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value) or attr.startswith("_"):
            return False
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        if dataclasses.is_dataclass(obj) and type(obj).__module__.startswith("mailer.rendering."):
            return not callable(value)
        return isinstance(obj, (LoopContext, Namespace)) or type(obj).__name__ in ("TemplateModule", "Cycler")

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, Macro) or bool(super().is_safe_callable(obj))


# Of these a template's code is given the functions themselves, which no template can name.
_OWN_FUNCTIONS = frozenset(
    (
        *(_spend, _bounded, _paid_for, _paid_items, _compared, _merge_tag),
        *(_concatenate, _concatenate_markup, _template_name),
    )
)
_NESTED = (nodes.For, nodes.If, nodes.Macro, nodes.Block, nodes.With, nodes.FilterBlock, nodes.AssignBlock)
_HANDED_NAMES = (nodes.Include, nodes.Import, nodes.FromImport)


def _is_too_complex(tree: nodes.Template) -> bool:
    """Whether compiling the part would take long, or much memory."""
    count = included = 0
    names = set()
    unseen: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while unseen:
        node, level = unseen.pop()
        count += 1
        level += isinstance(node, _NESTED)
        included += isinstance(node, (*_HANDED_NAMES, nodes.If))
        included += isinstance(node, nodes.Block) and node.scoped
        if isinstance(node, nodes.Name) and node.ctx != "load":
            names.add(node.name)
            if node.name.startswith(_CAPTURED):
                return True
        if count > _NODE_LIMIT or level > _LEVEL_LIMIT or included * len(names) > _HANDED_NAMES_LIMIT:
            return True
        unseen.extend((child, level) for child in node.iter_child_nodes())
    return False


def _with_marks(text: str, part: int, line: int) -> str:
    lines = text.split("\n")
    return "\n".join(f"{MARK}{part}:{line + place}{MARK_END}{one}" for place, one in enumerate(lines))


# Begins the names of what blocks are kept under; a template that begins a name so is refused.
_CAPTURED = "_captured_"


class _Metered(NodeTransformer):
    """Makes a template count its steps, and refuses what would switch the escaping off."""

    def __init__(self, name: str | None, filename: str | None) -> None:
        self.name = name
        self.filename = filename
        # Names that the part sets, and blocks of it that are filtered.
        self._names = self._captures = 0

    def _refuse(self, message: str, node: nodes.Node) -> None:
        raise TemplateSyntaxError(message, node.lineno, self.name, self.filename)

    def _call(self, name: str, *arguments: nodes.Expr, line: int) -> nodes.Call:
        function = nodes.EnvironmentAttribute(name, lineno=line)
        return nodes.Call(function, [*arguments], [], None, None, lineno=line)

    def _cost(self, body: Iterable[nodes.Node]) -> int:
        """Steps: one for each node, and for the text in them; what is included is handed all names."""
        cost = 1
        for node in body:
            cost += 1 + sum(1 for _child in node.find_all(nodes.Node))
            cost += sum(len(text.data) for text in node.find_all(nodes.TemplateData)) // _CHARACTERS_A_STEP
            cost += self._names * (
                isinstance(node, _HANDED_NAMES) + sum(1 for _one in node.find_all(_HANDED_NAMES))
            )
        return cost

    def _count(self, body: list[nodes.Node], line: int, defaults: Iterable[nodes.Node] = ()) -> None:
        """Let the body begin with spending what it costs."""
        step = self._call("spend", nodes.Const(self._cost((*body, *defaults)), lineno=line), line=line)
        body.insert(0, nodes.ExprStmt(step, lineno=line))

    def visit_Template(self, node: nodes.Template) -> nodes.Node:  # noqa: N802 (a name of Jinja2's visitor)
        self._names = len({one.name for one in node.find_all(nodes.Name) if one.ctx != "load"})
        self.generic_visit(node)
        self._count(node.body, 1)
        return node

    def _visit_body(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        self._count(node.body, node.lineno, getattr(node, "defaults", ()))
        return node  # type: ignore[no-any-return]

    visit_Macro = visit_Block = _visit_body  # noqa: N815 (names of Jinja2's visitor)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self._visit_body(node)
        # Items that the loop's condition leaves out reach no body.
        cost = nodes.Const(self._cost([node.test]) if node.test else 1, lineno=node.lineno)
        node.iter = self._call("paid_items", cast(nodes.Expr, node.iter), cost, line=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = self._call("compared", node.expr, line=node.lineno)
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.node = self._call("bounded", cast(nodes.Expr, node.node), line=node.lineno)
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        """A list, as `_bounded` makes of it."""
        self.generic_visit(node)
        return nodes.List(node.items, lineno=node.lineno) if node.ctx == "load" else node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        """Merge tags that are written in the template are trusted; what only looks like one is not."""
        written = node.nodes
        node.nodes = [one for one in written if not isinstance(one, nodes.TemplateData)]
        self.generic_visit(node)
        visited = iter(node.nodes)
        node.nodes = []
        for one in written:
            if not isinstance(one, nodes.TemplateData):
                node.nodes.append(next(visited))
                continue
            pieces = TAG_RE.split(one.data)
            for place, piece in enumerate(pieces):
                if place % 2:
                    name = nodes.Const(piece, lineno=one.lineno)
                    node.nodes.append(self._call("merge_tag", name, line=one.lineno))
                elif piece:
                    node.nodes.append(nodes.TemplateData(piece, lineno=one.lineno))
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        if isinstance(node.value, (int, float)) and not abs(node.value) <= _NUMBER_LIMIT:
            self._refuse(
                stored("The template creates a text, list or number that is larger than allowed."), node
            )
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        # A list that is written in the template, around which stands `bounded` by now.
        given = node.template.args[0] if isinstance(node.template, nodes.Call) else node.template
        names = given.items if isinstance(given, nodes.List) else [given]
        if len(names) > _NAMES_LIMIT or not all(isinstance(one, nodes.Const) for one in names):
            node.template = self._call("template_name", node.template, line=node.lineno)
        return node

    def _visit_import(self, node: Any) -> nodes.Node:
        # Without the context Jinja2 would keep the part's module, and what it counts, for the next message.
        node.with_context = True
        return self.visit_Include(node)

    visit_Import = visit_FromImport = _visit_import  # noqa: N815
    visit_Extends = visit_Include  # noqa: N815

    def _captured(self, body: list[nodes.Node], line: int) -> tuple[nodes.Node, nodes.Expr]:
        """The body kept under a name of its own, and that name: filters then get it as they get a value."""
        self._captures += 1
        name = f"{_CAPTURED}{self._captures}"
        kept = nodes.AssignBlock(nodes.Name(name, "store", lineno=line), None, body, lineno=line)
        return kept, nodes.Name(name, "load", lineno=line)

    def _filtered(self, node: nodes.Filter | None, value: nodes.Expr) -> nodes.Expr:
        """The filters of a block, which have nothing before them, on the value."""
        if node is None:
            return value
        node.node = self._filtered(cast("nodes.Filter | None", node.node), value)
        return node

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> list[nodes.Node]:  # noqa: N802
        """Jinja2 would print the result unescaped, even that of a filter which takes the escaping back."""
        kept, value = self._captured(node.body, node.lineno)
        printed = nodes.Output([self._filtered(node.filter, value)], lineno=node.lineno)
        return [self.visit(kept), self.visit(printed)]

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> Any:  # noqa: N802
        if isinstance(node.target, nodes.Name) and node.target.name.startswith(_CAPTURED):
            return self.generic_visit(node)
        kept, value = self._captured(node.body, node.lineno)
        assigned = nodes.Assign(node.target, self._filtered(node.filter, value), lineno=node.lineno)
        return [self.visit(kept), self.visit(assigned)]

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        """What is compared with, or searched."""
        self.generic_visit(node)
        node.expr = self._call("compared", node.expr, line=node.lineno)
        return node

    def _visit_value(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        return self._call("bounded", node, line=node.lineno)

    visit_Call = visit_Add = visit_Sub = visit_Mul = visit_List = _visit_value  # noqa: N815

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        in_markup = bool(self.name and self.name.endswith(_MARKUP))
        name = "concatenate_markup" if in_markup else "concatenate"
        return self._call(name, *node.nodes, line=node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        """A slice is a new value."""
        if isinstance(node.arg, nodes.Slice):
            return self._visit_value(node)
        self.generic_visit(node)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.name == "safe" and not isinstance(node.node, (nodes.Const, nodes.TemplateData)):
            self._refuse(
                stored(
                    "The filter “safe” works only on text that is written in the "
                    "template: use rich text fields."
                ),
                node,
            )
        self.generic_visit(node)
        if node.name == "safe":
            return nodes.MarkSafe(cast(nodes.Expr, node.node), lineno=node.lineno)
        return self._call("bounded", node, line=node.lineno)

    def visit_ScopedEvalContextModifier(self, node: nodes.Node) -> nodes.Node:  # noqa: N802
        self._refuse(stored("Escaping of HTML cannot be switched off in templates."), node)
        return node

    def visit_CallBlock(self, node: nodes.Node) -> nodes.Node:  # noqa: N802
        self._refuse(stored("“call” blocks cannot be used in templates; use “include” or a macro."), node)
        return node

    visit_EvalContextModifier = visit_ScopedEvalContextModifier  # noqa: N815


# What mail programs and browsers run or load, and the attributes that do.
_REFUSED_ELEMENTS = frozenset(("script", "iframe", "object", "embed", "base", "form", "link"))
_HANDLER = re.compile(r"(?:^|[\s\"'/])on[a-z]+\s*=", re.IGNORECASE)
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
_REOPENED_LIMIT = 5_000_000
# A comment, and a tag with as much of its attributes as there is; a tag may be cut off. The last three
# characters stand for expressions and lines, in what is checked.
TAG_OR_COMMENT = re.compile(
    r"<!--.*?(?:-->|\Z)|<(/?)([^\s<>/\"'!?\ue000-\ue002]+)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>?",
    re.DOTALL,
)
_VOID = frozenset(("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))


def require_mjml_within_limits(mjml: str, parts: Parts) -> None:
    """Raises TemplateFailed for MJML that is too large or too deeply nested for the compiler."""
    if len(mjml) > MJML_LIMIT:
        raise TemplateFailed(
            stored("The email made from this template has more than %(limit)s characters.", limit=MJML_LIMIT),
            parts[0][0],
            0,
        )
    if mjml.count("<") > TAG_LIMIT:
        raise TemplateFailed(
            stored("The email made from this template has too many elements."), parts[0][0], 0
        )
    depth = reopened = 0
    # Characters of formatting elements that are open: HTML opens them again in each paragraph.
    formatting: list[int] = []
    for found in TAG_OR_COMMENT.finditer(mjml):
        # Names with capitals are other elements for the compiler of MJML.
        closing, name, attributes = found[1], found[2], found[3]
        if name is None:
            if found[0].startswith(("<!-->", "<!--->")):
                # It ends here for HTML, and later for MJML.
                raise TemplateFailed(stored("A comment in a template begins with “<!-- ”."), parts[0][0], 0)
            continue
        if closing:
            depth = max(0, depth - 1)
            if formatting and name.lower() in _FORMATTING:
                formatting.pop()
            continue
        if name.lower() in _REFUSED_ELEMENTS or _HANDLER.search(attributes):
            raise TemplateFailed(stored("MJML has no element <%(tag)s>.", tag=name.lower()), parts[0][0], 0)
        reopened += sum(formatting)
        if reopened > _REOPENED_LIMIT:
            raise TemplateFailed(
                stored("The email made from this template has too many elements."), parts[0][0], 0
            )
        if not attributes.endswith("/") and name not in _VOID:
            if name.lower() in _FORMATTING:
                formatting.append(len(found[0]))
            depth += 1
            if depth > DEPTH_LIMIT:
                raise TemplateFailed(
                    stored("The elements of the template are nested too deeply."), parts[0][0], 0
                )


_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def require_text_within_limits(text: str, parts: Parts) -> None:
    """Raises TemplateFailed for a text part that is too long."""
    if found := _NO_TEXT.search(text):
        raise TemplateFailed(
            stored(
                "The template prints a character that no email can have: U+%(code)s.",
                code=f"{ord(found[0]):04X}",
            ),
            parts[0][0],
            0,
        )
    if len(text) > TEXT_LIMIT:
        raise TemplateFailed(
            stored("The email made from this template has more than %(limit)s characters.", limit=TEXT_LIMIT),
            parts[0][0],
            0,
        )


# What loads something, or leaves the stylesheet.
_REFUSED_IN_CSS = re.compile(
    r"<|@import|(?:url|src|image-set|expression)\s*\(|javascript:|"
    # An ASCII letter by its number, or one that stands for itself, would hide one of these words.
    r"\\(?:0*[4-7][0-9A-Fa-f](?![0-9A-Fa-f])|[G-Zg-z])",
    re.IGNORECASE,
)


def require_inlining_within_limits(mjml: str, css: str, parts: Parts) -> None:
    """Raises TemplateFailed where writing the stylesheet into the elements would take long."""
    if css.count(";") ** 2 * mjml.count("<") > _INLINING_LIMIT:
        raise TemplateFailed(
            stored("The email made from this template has too many elements."), parts[0][0], 0
        )


def require_css_within_limits(css: str, name: str) -> None:
    """Raises TemplateFailed for a stylesheet that is too long, or that loads or holds anything but style."""
    if len(css) > CSS_LIMIT or css.count(";") > DECLARATION_LIMIT:
        raise TemplateFailed(
            stored(
                "The stylesheet made from this template has more than %(limit)s characters.", limit=CSS_LIMIT
            ),
            name,
            0,
        )
    if found := _REFUSED_IN_CSS.search(css):
        raise TemplateFailed(
            stored("“%(what)s” is not allowed in the CSS of an email.", what=found[0]), name, 0
        )
