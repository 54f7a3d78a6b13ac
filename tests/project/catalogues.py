"""The catalogues of staff pages: which messages they must have, and `make messages`, which updates them.

`python -m tests.project.catalogues` adds new messages to mailer/locale/*/LC_MESSAGES/django.po without a
translation, removes those that no code has any more, compiles all catalogues, and names what has no
translation. Babel does it; no program of GNU gettext is needed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from subscribers.translate_stored_texts import CONTEXT

ROOT = Path(__file__).resolve().parents[2]
STAFF = ROOT / "mailer" / "locale"
# What Wagtail, allauth and Django say on our pages, where they have no translation of it.
LIBRARIES = STAFF / "libraries"
READERS = ROOT / "subscribers" / "locale"
LANGUAGES = ("ru", "kk")
_DAY = datetime(2026, 11, 29, tzinfo=UTC)
# Modules of readers' pages and emails; subscribers/locale has their messages.
READERS_MODULES = frozenset(
    {
        "subscribe",
        "preference_center",
        "transactional_emails.py",
        "unsubscribe.py",
        "public_page_responses.py",
    }
)
# Templates of readers' pages and emails.
READERS_TEMPLATES = ("pages", "mail")

# Context ("" for none) and the English text; of a plural, singular and plural.
Key = tuple[str, str | tuple[str, str]]

_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_CALL = re.compile(r"\b(_|n?p?gettext)\(")
_STRING = re.compile(r"""\s*,?\s*u?((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))""", re.DOTALL)
# Two words at least, and not only a path, an expression or SQL.
_SAID = re.compile(r"[A-Za-z]{2}[^ ]* [^ ]*[A-Za-z]")
_NOT_SAYING = ("CheckResult", "partial", "re.compile", "_")
_NOT_SAID = re.compile(r"^\s*SELECT|^PRAGMA|^v=|\{\}|^does not answer$")
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}")


def staff_modules() -> Iterator[Path]:
    """The modules whose messages the staff catalogues have."""
    for path in sorted((ROOT / "mailer").rglob("*.py")):
        if "migrations" not in path.parts:
            yield path
    for path in sorted((ROOT / "subscribers").rglob("*.py")):
        if path.relative_to(ROOT / "subscribers").parts[0] not in READERS_MODULES | {"migrations"}:
            yield path


def staff_templates() -> Iterator[Path]:
    """The templates of staff pages and of emails to staff."""
    for path in sorted((ROOT / "templates").rglob("*.*")):
        folder = path.relative_to(ROOT / "templates").parts[0]
        # allauth's element for buttons is made of tags alone.
        if folder not in (*READERS_TEMPLATES, "allauth") and not folder.endswith(".html"):
            yield path


def messages() -> set[Key]:
    """Every message of staff pages."""
    found: set[Key] = set()
    for path in staff_modules():
        found |= _in_module(path)
    for path in sorted((ROOT / "mailer" / "doctor").glob("*.py")):
        found |= _sentences(path)
    for path in staff_templates():
        found |= in_template(path.read_text(encoding="utf-8"))
    return found


def _in_module(path: Path) -> set[Key]:
    source = path.read_bytes()
    if b"gettext" not in source and b"stored(" not in source:
        return set()
    found = extract("python", BytesIO(source), keywords=_KEYWORDS)
    texts: set[Key] = {(context or "", message) for _, message, _, context in found}  # type: ignore[misc]
    in_database = extract("python", BytesIO(source), keywords={"stored": (1,)})
    return texts | {(CONTEXT, str(message)) for _, message, _, _ in in_database}


def _sentences(path: Path) -> set[Key]:
    """What the doctor says, which marks nothing: its words, with a field for each value."""
    tree = ast.parse(path.read_bytes())
    left_out = {id(one) for node in ast.walk(tree) for one in _not_said(node)}
    found: set[Key] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in left_out:
            text, names = "", dict[str, str]()
            for part in node.values:
                if isinstance(part, ast.Constant):
                    text += str(part.value).replace("%", "%%")
                elif isinstance(part, ast.FormattedValue):
                    left_out |= {id(one) for one in ast.walk(part)}
                    text += f"%({_field(ast.unparse(part.value), names)})s"
            left_out |= {id(part) for part in node.values}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            text = node.value
        else:
            continue
        if _SAID.search(re.sub(r"%\(\w+\)s", "", text)) and not _NOT_SAID.search(text):
            found.add((CONTEXT, text))
    return found


def _not_said(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, keys, log lines and what programmers see."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.Dict):
        yield from (key for key in node.keys if key is not None)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "CheckResult",
        "partial",
        "re.compile",
        "_",
    ):
        yield from node.args[:2]
    elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        yield from ast.walk(node.format_spec)


def _field(value: str, names: dict[str, str]) -> str:
    """A name for the value of an f-string: its last name, with a number where another has it."""
    words = re.findall(r"[a-z_]+", value) or ["value"]
    name = words[-1].strip("_") or "value"
    while names.setdefault(name, value) != value:
        name += "_2"
    return name


def in_template(source: str) -> set[Key]:
    """The messages of a template."""
    found: set[Key] = set()
    code = templatize(source)
    for call in _CALL.finditer(code):
        name, at, strings = call[1], call.end(), []
        for _ in range(1 + ("n" in name.split("gettext")[0]) + ("p" in name.split("gettext")[0])):
            if not (text := _STRING.match(code, at)):
                break
            strings.append(str(ast.literal_eval(text[1])))
            at = text.end()
        context = strings.pop(0) if name.startswith(("p", "np")) and strings else ""
        if len(strings) == 1:
            found.add((context, strings[0]))
        elif strings:
            found.add((context, (strings[0], strings[1])))
    return found


def catalogue(folder: Path, language: str) -> Catalog:
    """The catalogue of a language in a folder of catalogues; an empty one if there is none."""
    path = folder / language / "LC_MESSAGES" / "django.po"
    if not path.exists():
        return Catalog(locale=language)
    return read_po(BytesIO(path.read_bytes()), locale=language)


def entries(found: Catalog) -> dict[Key, Message]:
    """The messages of a catalogue, without its header."""
    return {(entry.context or "", _key(entry.id)): entry for entry in found if entry.id}


def _key(text: str | Iterable[str]) -> str | tuple[str, str]:
    if isinstance(text, str):
        return text
    one, many = text
    return one, many


def strings(entry: Message) -> tuple[str, ...]:
    """The translations of a message: one, or one for each plural form."""
    return tuple(entry.string) if isinstance(entry.string, (tuple, list)) else (str(entry.string),)


def placeholders(text: str) -> list[str]:
    """The named fields of a text, sorted."""
    return sorted(_PLACEHOLDER.findall(text))


def compiled(found: Catalog) -> bytes:
    """The catalogue as the file that Django reads."""
    content = BytesIO()
    write_mo(content, found)
    return content.getvalue()


def write(folder: Path, language: str, translated: dict[Key, tuple[str, ...]]) -> None:
    """Write the catalogue and its compiled form."""
    updated = Catalog(
        locale=language,
        project="newsletter-mailer",
        version="0.1",
        # The history of the file says when it changed.
        creation_date=_DAY,
        revision_date=_DAY,
        last_translator="",
        language_team=language,
        header_comment=f"# Staff pages and emails to staff: {language}.",
        fuzzy=False,
    )
    for (context, text), found in sorted(translated.items(), key=lambda item: (str(item[0][1]), item[0][0])):
        string = found if isinstance(text, tuple) else found[0]
        updated.add(text, string, context=context or None)
    path = folder / language / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    write_po(content, updated, width=110)
    path.write_bytes(content.getvalue())
    path.with_suffix(".mo").write_bytes(compiled(catalogue(folder, language)))


def update() -> int:
    """Update the staff catalogues, and compile all; returns how many translations of staff are missing."""
    wanted, missing = messages(), 0
    for language in LANGUAGES:
        known = {key: strings(entry) for key, entry in entries(catalogue(STAFF, language)).items()}
        forms = catalogue(STAFF, language).num_plurals
        empty = {key: ("",) * (forms if isinstance(key[1], tuple) else 1) for key in wanted}
        kept = {key: found for key, found in known.items() if key in wanted}
        write(STAFF, language, {**empty, **kept})
        for key, found in sorted({**empty, **kept}.items(), key=str):
            if not all(found):
                missing += 1
                print(f"{language}: no translation of {key[1]!r}")  # noqa: T201
        libraries = entries(catalogue(LIBRARIES, language))
        write(LIBRARIES, language, {key: strings(entry) for key, entry in libraries.items()})
    for path in READERS.glob("*/LC_MESSAGES/django.po"):
        path.with_suffix(".mo").write_bytes(compiled(catalogue(READERS, path.parts[-3])))
    return missing


if __name__ == "__main__":
    sys.exit(1 if update() else 0)
