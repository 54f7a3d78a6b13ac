"""`mailer edition …`: the life of an edition from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings
from django.utils import timezone

from mailer.approval import approve as seal
from mailer.approval.errors import ApprovalError
from mailer.approval.models import Snapshot
from mailer.approval.preflight import findings
from mailer.approval.submit import render_all
from mailer.approval.submit import submit as submit_edition
from mailer.cli import mailing_control, reporting
from mailer.cli.lookup import As, Name, acting, edition_named, moment, one_named, tell
from mailer.cli.output import Json, emit, fail, failing_on, say
from mailer.delivery.outbox import test_send as testsend
from mailer.editions.assemble import EditionExists
from mailer.editions.assemble import assemble as assemble_edition
from mailer.editions.assembly_time import assembling_time
from mailer.editions.audience import Audience
from mailer.editions.contents import content_of
from mailer.editions.models import Edition, Newsletter
from mailer.editions.periods import BadPeriod
from mailer.rendering import merge_tags, variants
from mailer.reports.edition_state import edition_summary
from subscribers import iso_codes

app = typer.Typer(no_args_is_help=True, help="Assemble, preview, approve, send and report.")


@app.command()
def assemble(
    newsletter: Annotated[str, typer.Argument(help="Slug or id.")],
    period: Annotated[str, typer.Option(help="Year and month, such as 2021-12.")],
    as_of: Annotated[str, typer.Option(help="Assemble as of this moment (ISO 8601); default: now.")] = "",
    json: Json = False,
) -> None:
    """Make the edition of a period from the stories that are ready."""
    found = one_named(Newsletter, newsletter)
    now = moment(as_of) if as_of else assembling_time(timezone.now())
    with failing_on(BadPeriod, EditionExists):
        tell(assemble_edition(found, period, now), json, "assembled")


@app.command("list")
def list_editions(json: Json = False) -> None:
    """Every edition, newest first."""
    for edition in Edition.objects.select_related("newsletter"):
        tell(edition, json, "")


@app.command()
def show(edition: Name, json: Json = False) -> None:
    """Where an edition stands."""
    tell(edition_named(edition), json, "")


@app.command()
def check(edition: Name, json: Json = False) -> None:
    """What preflight has to say; exit status 1 when an error keeps it from being submitted."""
    found = edition_named(edition)
    content = content_of(found)
    audience = Audience.of(found, timezone.now())
    said = findings(found, content, render_all(content, audience), audience.count())
    if json:
        rows = [{"level": finding.level, "text": finding.text} for finding in said]
        emit({**edition_summary(found), "findings": rows})
    else:
        for finding in said:
            say(f"{finding.level}: {finding.text}")
        say(f"{len(said)} findings." if said else "Nothing to mend.")
    if any(finding.level == "error" for finding in said):
        raise typer.Exit(1)


@app.command()
def preview(
    edition: Name,
    out: Annotated[Path, typer.Option(help="Folder for the two files.")],
    countries: Annotated[
        str, typer.Option(help="The reader's countries, such as KZ,UZ; none: every one.")
    ] = "",
    language: Annotated[str, typer.Option(help="The reader's language.")] = "en",
    json: Json = False,
) -> None:
    """Write what such a reader would get: one .html and one .txt file."""
    found = edition_named(edition)
    with failing_on(ValueError, variants.NothingToShow):
        chosen = iso_codes.parse_countries(countries.split(","))
        rendered = variants.render(content_of(found), chosen, language)
    values = merge_tags.web_values(settings.CONFIG.site.url, language)
    values["countries"] = merge_tags.country_names(chosen, language)
    out.mkdir(parents=True, exist_ok=True)
    name = f"{found.slug}-{language}-{'-'.join(chosen) or 'all'}"
    files = {out / f"{name}.html": merge_tags.fill_html(rendered.html, values)}
    files[out / f"{name}.txt"] = merge_tags.fill_text(rendered.text, values)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    if json:
        emit(
            {**edition_summary(found), "files": [str(path) for path in files], "notes": list(rendered.notes)}
        )
    else:
        for line in [*(f"wrote {path}" for path in files), *rendered.notes]:
            say(line)


@app.command("test-send")
def test_send(
    edition: Name,
    to: Annotated[str, typer.Option(help="A colleague's address.")],
    countries: Annotated[str, typer.Option(help="As for preview.")] = "",
    language: Annotated[str, typer.Option(help="As for preview.")] = "en",
    json: Json = False,
) -> None:
    """Send one marked copy to a colleague, through the outbox."""
    found = edition_named(edition)
    with failing_on(ValueError, variants.NothingToShow):
        chosen = iso_codes.parse_countries(countries.split(","))
        rendered = variants.render(content_of(found), chosen, language)
        testsend.put(rendered, found.newsletter, to, timezone.now())
    tell(found, json, f"test copy for {to} waits in the outbox")


@app.command()
def submit(edition: Name, user: As, json: Json = False) -> None:
    """Freeze the edition and ask for approval."""
    found = edition_named(edition)
    with failing_on(ApprovalError):
        submit_edition(found, acting(user), timezone.now())
    tell(found, json, "submitted")


@app.command()
def approve(
    edition: Name,
    user: As,
    sha256: Annotated[str, typer.Option("--hash", help="The hash of what you looked at; `show` prints it.")],
    json: Json = False,
) -> None:
    """Put your name to exactly one hash; authors are refused."""
    found = edition_named(edition)
    with failing_on(ApprovalError):
        seal.approve(_copy(found), acting(user), sha256, timezone.now(), by_command=True)
    tell(found, json, "approved")


@app.command()
def schedule(
    edition: Name,
    user: As,
    at: Annotated[str, typer.Option(help="The moment (ISO 8601 with zone); default: now.")] = "",
    local_hour: Annotated[
        int | None,
        typer.Option(min=0, max=23, help="From then on, each reader's at this hour of their own day."),
    ] = None,
    json: Json = False,
) -> None:
    """Let the approved edition leave."""
    found = edition_named(edition)
    with failing_on(ApprovalError):
        snapshot = seal.schedule(
            _copy(found),
            acting(user),
            moment(at) if at else None,
            timezone.now(),
            local_hour=local_hour,
        )
    left = snapshot.send_at - timezone.now() if snapshot.send_at else None
    undo = f", and can be undone until then: mailer edition unschedule {found.slug} --as {user}"
    leaves = f"scheduled for {snapshot.send_at:%Y-%m-%d %H:%M:%S} UTC"
    tell(found, json, leaves + (undo if left and left.total_seconds() > 0 else ""))


@app.command()
def unschedule(edition: Name, user: As, json: Json = False) -> None:
    """Take back the moment of sending, also after "now", as long as nothing has left."""
    found = edition_named(edition)
    with failing_on(ApprovalError):
        seal.unschedule(_copy(found), acting(user))
    tell(found, json, "taken back")


app.add_typer(mailing_control.app)
app.add_typer(reporting.app)


def _copy(edition: Edition) -> Snapshot:
    snapshot: Snapshot | None = edition.snapshots.filter(state__in=Snapshot.OPEN).first()
    if snapshot is None:
        last = edition.snapshots.first()
        because = f" {last.invalidated_reason}" if last and last.invalidated_reason else ""
        fail(f"{edition.slug} is not submitted, or its seal was broken.{because} Submit it first.")
    return snapshot
