"""`mailer stories …`: add stories from a file or from feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text
from mailer.instance.no_send import NoSend, require_sending
from mailer.stories.gather_feeds import Gathered
from mailer.stories.gather_feeds import gather as gather_source
from mailer.stories.models import StorySource
from mailer.stories.story_import import StoriesFileError, import_stories

app = command_group("Import and gather stories.")


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Stories as JSON or TOML, with pictures beside the file.")
    ],
    user: Annotated[
        str, typer.Option("--as", metavar="USER", help="The account that becomes their author.")
    ] = "",
    json: Json = False,
) -> None:
    """Import all stories of a file or none; existing stories are updated where they differ."""
    author = _find_user(user) if user else None
    with failing_on(StoriesFileError):
        report = import_stories(file, author, timezone.now())
    if json:
        print_json(
            {"file": file, "added": report.added, "updated": report.updated, "unchanged": report.unchanged}
        )
        return
    for label, keys in (
        ("added", report.added),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
    ):
        print_text(f"{label}: {len(keys)}" + (f" ({', '.join(keys)})" if keys else ""))


@app.command()
def gather(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help="Name or id; default: every active source.")
    ] = "",
    json: Json = False,
) -> None:
    """Fetch feeds and create drafts from new entries; exit status 1 when a source could not be read."""
    with failing_on(NoSend):
        require_sending()
    results = [gather_source(found, timezone.now()) for found in _find_sources(source)]
    for result in results:
        _print_result(result, json)
    if any(result.problem for result in results):
        raise typer.Exit(1)
    if not results and not json:
        print_text("There is no active source; add one in the desk.")


def _print_result(result: Gathered, json: bool) -> None:
    if json:
        print_json({"source": result.source, "added": result.added, "problem": result.problem})
    else:
        print_text(f"{result.source}: {result.problem or f'{len(result.added)} new drafts'}")


def _find_sources(name: str) -> list[StorySource]:
    if not name:
        return list(StorySource.objects.filter(active=True))
    found = StorySource.objects.filter(name=name).first()
    if found is None and name.isdigit():
        found = StorySource.objects.filter(pk=int(name)).first()
    return [found] if found else fail(f"there is no story source named “{name}”; the desk lists them.")


def _find_user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    return found or fail(f"there is no account named “{name}”; see Settings › Users in the desk.")
