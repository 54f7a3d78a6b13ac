"""docs/how-to-add-a-template.md, followed word for word."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailer.cli.templates import app
from mailer.rendering import template_sandbox
from tests import cast

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["how-to-add-a-template.md", "ru/how-to-add-a-template.md"])
def test_the_page_on_templates_leads_to_a_changed_mail(page, tmp_path, monkeypatch, configure) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (addition,) = re.findall(r"```jinja\n(.*?)```", text, re.DOTALL)
    first, second = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    folder = re.findall(r'^templates = "(\w+)"$', toml, re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path)
    configure(site={"templates": str(tmp_path / folder)})
    assert cast.newsletter().slug == "silk-road-monthly"

    written = follow(first)
    part = tmp_path / written[0]
    part.write_text(part.read_text(encoding="utf-8") + addition, encoding="utf-8")
    follow(second)
    sample = (tmp_path / "sample.html").read_text(encoding="utf-8")
    assert "also prints this newsletter." in sample

    part.write_text("<mj-section padding='0 4px'>\n", encoding="utf-8")
    refused = run(["templates", "check", "silk-road-monthly"])
    assert refused.exit_code == 1 and "blocks/foot.mjml, line 1" in refused.stdout


@pytest.mark.parametrize("part", template_sandbox.shipped_part_names())
def test_a_part_is_printed_as_it_is(part: str) -> None:
    assert run(["templates", "show", part]).stdout == template_sandbox.default_source(part)


def test_a_preview_that_cannot_be_written_fails_without_a_traceback(tmp_path: Path) -> None:
    cast.newsletter()
    done = run(["templates", "preview", "silk-road-monthly", "--out", str(tmp_path / "missing" / "a.html")])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)


def run(words: list[str]) -> Result:
    assert words[0] == "templates"
    return CliRunner().invoke(app, words[1:])


def follow(commands: str) -> list[str]:
    """Run the lines of a shell; returns the files that they wrote."""
    written = []
    for line in commands.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "mkdir":
            Path(words[-1]).mkdir(parents=True)
            continue
        assert words.pop(0) == "mailer"
        target = words[words.index(">") + 1] if ">" in words else ""
        done = run(words[: words.index(">")] if target else words)
        assert done.exit_code == 0, done.output
        if target:
            Path(target).write_text(done.stdout, encoding="utf-8")
            written.append(target)
    return written
