"""`mailer stories …`: bring stories in from a file or from feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.cli.output import Json, emit, fail, failing_on, say
from mailer.stories.gather import Gathered
from mailer.stories.gather import gather as gather_source
from mailer.stories.importing import import_stories
from mailer.stories.models import StorySource
from mailer.stories.story_file import StoriesFileError

app = typer.Typer(no_args_is_help=True, help="Import and gather stories.")


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Stories as JSON or TOML; pictures lie beside it.")
    ],
    user: Annotated[str, typer.Option("--as", metavar="USER", help="The account that brings them in.")] = "",
    json: Json = False,
) -> None:
    """Bring in all stories of a file, or none; stories already here are changed only where they differ."""
    who = _user(user) if user else None
    with failing_on(StoriesFileError):
        report = import_stories(file, who, timezone.now())
    if json:
        emit({"file": file, "added": report.added, "updated": report.updated, "unchanged": report.unchanged})
        return
    for words, keys in (
        ("added", report.added),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
    ):
        say(f"{words}: {len(keys)}" + (f" ({', '.join(keys)})" if keys else ""))


@app.command()
def gather(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help="Name or id; default: every active one.")
    ] = "",
    json: Json = False,
) -> None:
    """Fetch feeds and make drafts of what is new; exit status 1 when a source could not be read."""
    results = [gather_source(found, timezone.now()) for found in _sources(source)]
    for result in results:
        _tell(result, json)
    if any(result.problem for result in results):
        raise typer.Exit(1)
    if not results and not json:
        say("There is no active source; add one in the desk.")


def _tell(result: Gathered, json: bool) -> None:
    if json:
        emit({"source": result.source, "added": result.added, "problem": result.problem})
    else:
        say(f"{result.source}: {result.problem or f'{len(result.added)} new drafts'}")


def _sources(name: str) -> list[StorySource]:
    if not name:
        return list(StorySource.objects.filter(active=True))
    found = StorySource.objects.filter(name=name).first()
    if found is None and name.isdigit():
        found = StorySource.objects.filter(pk=int(name)).first()
    return [found] if found else fail(f"there is no story source named “{name}”; the desk lists them.")


def _user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    return found or fail(f"there is no account named “{name}”; the desk lists them under people.")
