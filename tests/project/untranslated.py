"""Finds strings of staff pages that are in no catalogue: outside of the tags and calls that translate."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.project.catalogues import ROOT, staff_templates

# Names that are the same in every language, by what they are compared with: without tags and punctuation.
NAMES = frozenset(
    {
        # Said to programmers.
        "Segments within a rule are expanded before it is compiled",
        "An audience with segments needs `as_of`",
        "The message has no address to answer to",
        # Of an answer that no page shows.
        "The content of a rich text is invalid",
        *(
            "CSV",
            "Excel (XLSX)",
            "JSON",
            "PDF",
            "REST API",
            "API",
            "SHA-256",
            "UTF-8",
            "UTF-16",
            "DKIM",
            "Gmail",
        ),
        *("RSS", "Atom", "JSON Feed", "WordPress", "Drupal", "Markdown", "Word"),
        *("OpenID Connect", "Message-ID", "List-Id", "Asia/Almaty", "UTC", "ms"),
        # Browsers and systems, in the list of sessions.
        *("Edge", "Opera", "Yandex Browser", "Samsung", "Firefox", "Chrome", "Safari"),
        *("Android", "Windows", "ChromeOS", "Linux", "Mac OS"),
    }
)
# Packages whose texts staff read on pages or in emails.
PACKAGES = (
    *("mailer/desk", "mailer/accounts", "mailer/reports", "mailer/approval", "mailer/editions"),
    *(f"mailer/stories/{name}.py" for name in ("models", "draft_editing", "sanitize_pictures")),
    "mailer/stories/sources",
    *("mailer/stories/url_fetcher.py", "mailer/delivery/models.py"),
    *(f"mailer/delivery/outbox/{name}.py" for name in ("staff_alerts", "mailing_notices", "outbox")),
    "mailer/delivery/outbox/staff_test_sends.py",
    *("mailer/delivery/rollout", "mailer/feedback/models.py", "mailer/feedback/decisions"),
    *("mailer/instance", "mailer/outgoing_webhooks"),
    *(
        "mailer/demo/views.py",
        "mailer/wagtail_hooks.py",
        "mailer/tracking/segment_condition_and_personal_data.py",
        "mailer/feedback/subscriber_signal_receivers.py",
        "subscribers/models.py",
        "subscribers/segments",
        "subscribers/imports/models.py",
    ),
    *("subscribers/bulk", "subscribers/reconfirmation", "subscribers/addresses.py"),
)
# Arguments and attributes that forms, tables and pages show.
_SHOWN = frozenset(
    {"label", "heading", "help_text", "verbose_name", "verbose_name_plural", "empty_label", "page_title"}
    | {"others_label", "success_message", "add_item_label", "tab"}
)
_TRANSLATED = frozenset(
    {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext"}
    | {"pgettext_lazy", "npgettext", "stored"}
)
_QUIET_ERRORS = frozenset(
    {
        "TypeError",
        "RuntimeError",
        "AssertionError",
        "KeyError",
        "NotImplementedError",
        "LookupError",
        "ImproperlyConfigured",
    }
)
_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_LETTERS = re.compile(r"[A-Za-z]{2}")
# A sentence, or the beginning of one: a capital and a space, or words with a full stop at the end.
_SENTENCE = re.compile(r"^[A-Z“][a-z’]+ [a-z“%{(]|^[^<>/=]* [a-z]+[.?!…]$", re.DOTALL)
_SQL = re.compile(
    r"^\s*(?:SELECT|UPDATE|INSERT|DELETE|CREATE|EXISTS|NOT EXISTS|FROM|CASE|WITH|ORDER|WHERE)\b"
)

# A tag.
HTML = re.compile(r"""<[a-zA-Z/!](?:"[^"]*"|'[^']*'|[^<>"'])*>""")
_NO_TEXT = re.compile(r"<(script|style|svg|code)\b.*?</\1>", re.DOTALL)
_BLOCKS = re.compile(r"\{%\s*(blocktrans(?:late)?|comment|verbatim)\b.*?\{%\s*end\1\s*%\}", re.DOTALL)
_ATTRIBUTE = re.compile(r"\b(?:aria-label|title|placeholder|alt|label)=\"([^\"]*)\"")
# What an include or a filter shows, without _(…) around it.
_LITERAL = re.compile(r"\b(?:label|title|heading)=\"([A-Z][^\"]*)\"(?= |\s*%\})|\|default:\"([^\"]+)\"")
_CODE = re.compile(r"\{[%{#].*?[%}#]\}", re.DOTALL)


def in_template(source: str) -> Iterator[str]:
    """The texts of a template outside of tags that translate, and literals that tags show."""
    for found in _LITERAL.finditer(source):
        yield from _text(found[1] or found[2])
    # Where a value or a tag was, texts do not meet.
    source = _CODE.sub("\0", _NO_TEXT.sub(" ", _BLOCKS.sub("\0", source)))
    at = 0
    for tag in HTML.finditer(source):
        yield from _text(source[at : tag.start()])
        at = tag.end()
        for value in _ATTRIBUTE.findall(tag[0]):
            yield from _text(value)
    yield from _text(source[at:])


def _text(piece: str) -> Iterator[str]:
    text = " ".join(re.sub(r"&\w+;|\0", " ", piece).split())
    if _LETTERS.search(text) and text.strip(" .,:;()–·›") not in NAMES:
        yield text


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if name in _TRANSLATED or (name in _LOGS and _is_log(node.func)) or name in ("TypeVar", "compile"):
            return
        if name == "format_html" and isinstance(node.args[0], ast.Constant):
            for text in in_template(re.sub(r"\{\w*\}", "\0", str(node.args[0].value))):
                self._add(node.lineno, text)
        for keyword in node.keywords:
            if keyword.arg in _SHOWN:
                self._shown(keyword.value)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if not (isinstance(node.exc, ast.Call) and _name(node.exc.func) in _QUIET_ERRORS):
            self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        # Not docstrings.
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(_name(base) == "TextChoices" for base in node.bases):
            for member in node.body:
                if isinstance(member, ast.Assign) and not isinstance(member.value, ast.Tuple):
                    self.found.append((member.lineno, ast.unparse(member)))
                elif isinstance(member, ast.Assign) and isinstance(member.value, ast.Tuple):
                    self._shown(member.value.elts[-1])
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if _name(target) in _SHOWN:
                self._shown(node.value)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        # Keys are identifiers.
        for value in node.values:
            self.visit(value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _SENTENCE.search(node.value) and not _SQL.match(node.value):
            self._add(node.lineno, node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        text = "".join(map(str, parts))
        if _SENTENCE.search(text) and not _SQL.match(text):
            self._add(node.lineno, text)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def _shown(self, value: ast.expr) -> None:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _LETTERS.search(value.value):
            self._add(value.lineno, value.value)

    def _add(self, line: int, text: str) -> None:
        if text.strip(" .,:;()–·") not in NAMES and (line, text) not in self.found:
            self.found.append((line, text))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name(function.value) in ("log", "logger", "_log")


def in_module(source: str) -> list[tuple[int, str]]:
    """Line and text of the strings of a module that reach pages untranslated."""
    finder = _Finder()
    finder.visit(ast.parse(source))
    return finder.found


def glued_or_early(source: str) -> list[int]:
    """Lines of messages that are a piece of a text, or whose language is chosen when the module is loaded.

    A lazy message takes its language when it is shown, but not if values are put into it before.
    """
    tree = ast.parse(source)
    late = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for part in (function.body if isinstance(function.body, list) else [function.body])
        for node in ast.walk(part)
    }
    now = {"gettext", "ngettext", "pgettext", "npgettext"}
    now |= {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in now and alias.asname
    }
    lines = []
    for node in ast.walk(tree):
        pieces: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            pieces = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pieces = [node.left, node.right]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and id(node) not in late:
            pieces = [node.left]
        lines += [
            one.lineno for one in pieces if isinstance(one, ast.Call) and _name(one.func) in _TRANSLATED
        ]
        if isinstance(node, ast.Call) and _name(node.func) in now and id(node) not in late:
            lines.append(node.lineno)
    return sorted(set(lines))


def everywhere() -> dict[str, list[str]]:
    """The untranslated strings by file: what a reader of Russian would see in English."""
    found: dict[str, list[str]] = {}
    for path in staff_templates():
        if path.suffix == ".html" and (texts := list(in_template(path.read_text(encoding="utf-8")))):
            found[str(path.relative_to(ROOT))] = texts
    for package in PACKAGES:
        for path in _modules(ROOT / package):
            if strings := in_module(path.read_text(encoding="utf-8")):
                found[str(path.relative_to(ROOT))] = [f"{line}: {text}" for line, text in strings]
    return found


def _modules(path: Path) -> list[Path]:
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
