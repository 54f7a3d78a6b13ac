"""docs/glossary.md has every public term, and no public name uses a retired word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from wagtail.admin.menu import SubmenuMenuItem, admin_menu

from mailer.approval.models import Snapshot
from mailer.cli.main import COMMANDS, app
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import SuppressionDecision
from mailer.job_index import JOBS
from subscribers.bulk.models import BulkJob
from subscribers.imports.models import ImportJob
from tests.project.test_project import ROOT, all_keys

_PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

# Models whose states stand in the glossary.
STATES = (Snapshot, Mailing, Delivery, ImportJob, BulkJob, SuppressionDecision)

# Words of earlier versions that no public name uses any more, and what replaced them.
RETIRED = {
    "alike": "duplicate",
    "asking": "reconfirmation",
    "book": "provider stats",
    "bring": "import",
    "bringing": "import",
    "brought": "import",
    "centre": "center",
    "deed": "action",
    "deeds": "action",
    "departure": "unsubscribe",
    "departures": "unsubscribes",
    "exhibits": "tables",
    "floor": "layer",
    "floors": "layers",
    "forgetting": "retention",
    "frozen": "snapshot",
    "handover": "approval",
    "holding": "adaptive batch",
    "house": "project",
    "hygiene": "subscribers to review",
    "joining": "subscribe",
    "lanes": "provider throttle",
    "leaving": "unsubscribe",
    "letter": "email",
    "letters": "emails",
    "mend": "fix",
    "noting": "tags and fields",
    "onperson": "subscriber actions",
    "people": "subscribers",
    "person": "subscriber",
    "rehearsal": "dry run",
    "rehearse": "dry run",
    "rehearsing": "dry run",
    "room": "package",
    "rooms": "packages",
    "seal": "snapshot",
    "sealed": "snapshot",
    "steering": "mailing control",
    "stretch": "batch",
    "stretches": "batches",
    "taking": "export",
    "told": "notified",
    "trouble": "error",
    "troubles": "errors",
    "underway": "mailing progress",
    "unsaying": "redaction",
    "verdict": "decision",
    "verdicts": "decisions",
    "wellbeing": "source health",
    "widening": "rollout",
    "wish": "request",
    "wishes": "preferences",
}


@dataclass(frozen=True)
class Name:
    """A name that users or operators see, and what it is a name of."""

    kind: str
    text: str

    @property
    def retired(self) -> set[str]:
        return set(_words(self.text)) & RETIRED.keys()


@pytest.fixture(scope="module")
def glossary() -> frozenset[str]:
    """The terms: the first column of every table in the glossary, lower case, without formatting."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
    return frozenset(term.strip("`* ").lower() for cell in cells for term in re.split(r" · |, ", cell))


def test_every_model_is_in_the_glossary(glossary: frozenset[str]) -> None:
    assert {" ".join(_words(model.__name__)) for model in _models()} - glossary == set()


@pytest.mark.parametrize("model", STATES, ids=lambda model: str(model.__name__))
def test_every_state_is_in_the_glossary(model: Any) -> None:
    heading = (
        f"### States of {'an' if model.__name__[0] in 'AEIOU' else 'a'} {' '.join(_words(model.__name__))}\n"
    )
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert heading in text
    section = text.split(heading, 1)[1].split("\n#", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(model.State.values)


@pytest.mark.django_db
def test_every_menu_entry_is_in_the_glossary(glossary: frozenset[str]) -> None:
    assert {label.lower() for label in _menu_labels()} - glossary == set()


@pytest.mark.django_db
def test_every_command_is_in_the_glossary(glossary: frozenset[str]) -> None:
    assert {f"mailer {path}" for path, _ in _commands()} - glossary == set()


@pytest.mark.django_db
def test_no_public_name_uses_a_retired_word() -> None:
    found = {f"{name.kind} {name.text}" for name in _names() if name.retired}
    assert found == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("told_at", {"told"}),
        ("FrozenCopy", {"frozen"}),
        ("desk/take-the-letters.html", {"letters"}),
        ("snapshot", set()),
        ("warehouse", set()),
    ],
)
def test_retired_words_are_found_in_any_spelling(text: str, expected: set[str]) -> None:
    assert Name("", text).retired == expected


def test_every_step_of_the_flows_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"`([\w/]+\.py):([\w.]+)`", text)
    assert len(steps) > 20
    assert [f"{path}:{name}" for path, name in steps if not _defines(path, name)] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_of_the_documents_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = {page.parent / link for link in re.findall(r"\]\(([\w./-]+\.\w+)(?:#[\w-]+)?\)", text)}
    named = re.findall(r"`((?:mailer|subscribers|tests|templates|docs)/[\w./-]+)`", text)
    missing = {str(path) for path in links | {ROOT / name for name in named} if not path.exists()}
    assert missing == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_documents_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = dict(_commands())
    missing: list[str] = []
    for line in _mailer_lines(text):
        path, words = "", line.split()
        while words and (longer := f"{path} {words[0]}".strip()) in commands:
            path, words = longer, words[1:]
        if not path:
            missing.append(line)
            continue
        known = {name for option in commands[path].params for name in (*option.opts, *option.secondary_opts)}
        asked = {word.split("=")[0].strip("[],.)") for word in words if word.lstrip("[").startswith("--")}
        missing += [f"{path} {name}" for name in asked - known - {"--help"}]
        if hasattr(commands[path], "commands") and words and words[0].isalpha() and words[0].islower():
            missing.append(f"{path} {words[0]}")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    made = set(re.findall(r"(?:^ *|`)make ([a-z-]+)", text, flags=re.MULTILINE))
    assert (missing, made - targets) == ([], set())


def _mailer_lines(text: str) -> Iterator[str]:
    """What follows `mailer` and its --config in code: whole lines of blocks, and spans of a sentence."""
    block = re.compile(r"```\w*\n(.*?)```|((?:^    .*\n)+)", re.DOTALL | re.MULTILINE)
    lines = [line for found in block.finditer(text) for line in (found[1] or found[2]).splitlines()]
    lines += re.findall(r"`([^`]+)`", block.sub("", text))
    for line in lines:
        found = re.search(r"(?:^|[\s/])mailer (?:--config \S+ +)?([a-z-]+.*)", line, re.DOTALL)
        if found and "job_name" not in line and not found[1].startswith("--"):
            # Up to a comment, a second column or the next command.
            yield re.split(r"\s{3,}| #|[;|]", found[1])[0]


def _words(text: str) -> list[str]:
    """The words of a name, lower case, in CamelCase, snake_case, kebab-case, a path or a sentence."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)]


def _models() -> list[type[models.Model]]:
    """The models of this project, without those that Django makes for many-to-many fields."""
    return [model for model in apps.get_models() if model._meta.app_label in ("mailer", "subscribers")]


@cache
def _commands() -> tuple[tuple[str, click.Command], ...]:
    """Every group and command with its path, such as "edition report"."""
    root: Any = typer.main.get_command(app)
    context = click.Context(root)
    found: list[tuple[str, click.Command]] = []

    def walk(path: str, command: click.Command) -> None:
        found.append((path, command))
        for name, part in getattr(command, "commands", {}).items():
            walk(f"{path} {name}", part)

    for name, entry in COMMANDS.items():
        if entry.help:
            walk(name, root.get_command(context, name))
    return tuple(found)


def _menu_labels() -> Iterator[str]:
    """The labels of the desk's menu as an admin sees it; Wagtail's help is left out."""
    get_resolver()._populate()
    request = RequestFactory().get("/desk/")
    request.user = User(username="admin", is_active=True, is_superuser=True)

    def walk(menu: Any) -> Iterator[str]:
        for item in menu.menu_items_for_request(request):
            if item.name == "help":
                continue
            yield str(item.label)
            if isinstance(item, SubmenuMenuItem):
                yield from walk(item.menu)

    yield from walk(admin_menu)


def _names() -> Iterator[Name]:
    for model in _models():
        yield Name("model", model.__name__)
        yield Name("table", model._meta.db_table)
        for field in model._meta.concrete_fields:
            yield Name("column", f"{model._meta.db_table}.{field.column}")
    for path, command in _commands():
        yield Name("command", path)
        for parameter in command.params:
            for option in parameter.opts:
                yield Name("option", f"{path} {option}")
    yield from (Name("job", job.name) for job in JOBS)
    yield from (Name("config key", f"{section}.{key}") for section, key in all_keys())
    yield from (Name("menu entry", label) for label in _menu_labels())
    yield from _url_names(get_resolver())
    for path in sorted((ROOT / "templates").rglob("*")):
        yield Name("template", str(path.relative_to(ROOT / "templates")))


def _url_names(resolver: URLResolver) -> Iterator[Name]:
    """Names and paths of the URLs that this project defines."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _url_names(entry)
        elif isinstance(entry, URLPattern) and entry.lookup_str.startswith(("mailer.", "subscribers.")):
            yield Name("URL", str(entry.pattern))
            yield Name("URL name", entry.name or "")


def _defines(path: str, name: str) -> bool:
    """Whether a module below `mailer/` or `subscribers/` defines this function or method."""
    file = ROOT / path
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return all(
        re.search(rf"^\s*(?:def|class) {re.escape(part)}\b", text, re.MULTILINE) for part in name.split(".")
    )
