"""The project itself: layers, migrations, example configuration, templates, documents and locks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from django.core.management import call_command
from django.template.loader import get_template

from mailer.config import parse

ROOT = Path(__file__).resolve().parents[2]


def test_imports_follow_the_layers() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_modules_import_each_other_in_a_cycle() -> None:
    graph = grimp.build_graph("mailer", "subscribers", cache_dir=None)
    imports = {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    TopologicalSorter(imports).prepare()


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_example_configuration_is_valid_and_names_every_key() -> None:
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    parse(tomllib.loads(text), {}, home=ROOT, origin="config.example.toml")
    # Keys that are off in the example stand there as comments; with them it must still be valid.
    everything = re.sub(r"^# ?(\w+ = )", r"\1", text, flags=re.MULTILINE)
    named = {(section, key) for section, keys in tomllib.loads(everything).items() for key in keys}
    assert named >= all_keys()


def all_keys() -> set[tuple[str, str]]:
    """Every (section, key) of the configuration."""
    import dataclasses
    import typing

    from mailer.config import Config

    hints = typing.get_type_hints(Config)
    sections = [
        field.name for field in dataclasses.fields(Config) if field.name not in ("home", "demo", "relays")
    ]
    return {(section, field.name) for section in sections for field in dataclasses.fields(hints[section])}


def test_every_django_template_compiles() -> None:
    for folder in ("pages", "desk", "demo"):
        for path in (ROOT / "templates" / folder).rglob("*.html"):
            get_template(str(path.relative_to(ROOT / "templates")))


def test_the_pictures_of_the_documents_are_small_and_all_of_them_are_shown() -> None:
    shown = {
        name
        for page in (ROOT / "README.md", ROOT / "docs/tour.md")
        for name in re.findall(r"pictures/([\w-]+\.\w+)\)", page.read_text(encoding="utf-8"))
    }
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()}
    assert pictures.keys() == shown
    assert max(pictures.values()) <= 120_000


def test_rendering_starts_without_django() -> None:
    code = "import sys, mailer.rendering.variants; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_lock_files_pin_every_dependency_and_contain_no_url() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lock in ("requirements.lock", "requirements-run.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        pinned = {
            name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", text, re.MULTILINE)
        }
        wanted = {re.split(r"[\[<>=;]", dependency)[0].lower() for dependency in project["dependencies"]}
        assert {name.replace(".", "-") for name in wanted} <= {name.replace(".", "-") for name in pinned}


def test_what_writes_the_bill_of_materials_is_pinned_by_hash() -> None:
    text = (ROOT / "requirements-sbom.lock").read_text(encoding="utf-8")
    assert "://" not in text
    parts = re.split(r"\n(?=\S)", text.strip())
    assert any(part.startswith("cyclonedx-bom==") for part in parts)
    assert [part for part in parts if "--hash=sha256:" not in part] == []
