"""`mailer stories …`: add stories from a file or from sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text
from mailer.instance.no_send_status import NoSend, require_sending
from mailer.stories.models import StorySource
from mailer.stories.sources.polling import Polled, poll
from mailer.stories.stories_file_import import StoriesFileError, import_stories

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
    """Read sources now and create drafts of new entries; exit status 1 when one could not be read."""
    with failing_on(NoSend):
        require_sending()
    sources = _find_sources(source)
    problems = 0
    for result in poll(sources, timezone.now):
        _print_result(result, json)
        problems += bool(result.problem)
    if problems:
        raise typer.Exit(1)
    if not sources and not json:
        print_text("There is no active source; add one in the desk.")


def _print_result(result: Polled, json: bool) -> None:
    keys = [story.key for story in result.added]
    if json:
        print_json({"source": result.source.name, "added": keys, "problem": result.problem})
    elif result.unchanged:
        print_text(f"{result.source}: unchanged")
    else:
        print_text(f"{result.source}: {result.problem or f'{len(keys)} new drafts'}")


def _find_sources(name: str) -> list[StorySource]:
    if not name:
        return list(StorySource.objects.filter(active=True).exclude(kind=StorySource.Kind.EMAIL))
    found = StorySource.objects.filter(name=name).first()
    if found is None and name.isdecimal():
        found = StorySource.objects.filter(pk=int(name)).first()
    return [found] if found else fail(f"there is no story source named “{name}”; the desk lists them.")


def _find_user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    return found or fail(f"there is no account named “{name}”; see Settings › Users in the desk.")
