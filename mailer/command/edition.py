"""`mailer edition …`: the life of an edition from the command line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.approval import seal
from mailer.approval.errors import ApprovalError
from mailer.approval.models import FrozenCopy
from mailer.approval.preflight import findings
from mailer.approval.submit import render_all
from mailer.approval.submit import submit as submit_edition
from mailer.command.output import Json, emit, fail, failing_on, say
from mailer.delivery import control, testsend
from mailer.delivery.models import Mailing
from mailer.editions.assemble import EditionExists
from mailer.editions.assemble import assemble as assemble_edition
from mailer.editions.audience import Audience
from mailer.editions.clock import assembling_time
from mailer.editions.contents import content_of
from mailer.editions.models import Edition, Newsletter
from mailer.editions.periods import BadPeriod
from mailer.rendering import personal, variants
from mailer.reports.account import account_of
from mailer.reports.lifecycle import edition_summary
from subscribers import places

app = typer.Typer(no_args_is_help=True, help="Assemble, preview, approve, send and report.")

Name = Annotated[str, typer.Argument(metavar="EDITION", help="Slug or id.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="The account that acts.")]


@app.command()
def assemble(
    newsletter: Annotated[str, typer.Argument(help="Slug or id.")],
    period: Annotated[str, typer.Option(help="Year and month, such as 2021-12.")],
    as_of: Annotated[str, typer.Option(help="Assemble as of this moment (ISO 8601); default: now.")] = "",
    json: Json = False,
) -> None:
    """Make the edition of a period from the stories that are ready."""
    found = _one(Newsletter, newsletter)
    now = _moment(as_of) if as_of else assembling_time(timezone.now())
    with failing_on(BadPeriod, EditionExists):
        _tell(assemble_edition(found, period, now), json, "assembled")


@app.command("list")
def list_editions(json: Json = False) -> None:
    """Every edition, newest first."""
    for edition in Edition.objects.select_related("newsletter"):
        _tell(edition, json, "")


@app.command()
def show(edition: Name, json: Json = False) -> None:
    """Where an edition stands."""
    _tell(_edition(edition), json, "")


@app.command()
def check(edition: Name, json: Json = False) -> None:
    """What preflight has to say; exit status 1 when an error keeps it from being submitted."""
    found = _edition(edition)
    content = content_of(found)
    audience = Audience.of(found.newsletter)
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
    found = _edition(edition)
    with failing_on(ValueError, variants.NothingToShow):
        chosen = places.parse_countries(countries.split(","))
        rendered = variants.render(content_of(found), chosen, language)
    values = personal.web_values(settings.CONFIG.site.url, language)
    values["countries"] = personal.country_names(chosen, language)
    out.mkdir(parents=True, exist_ok=True)
    name = f"{found.slug}-{language}-{'-'.join(chosen) or 'all'}"
    files = {out / f"{name}.html": personal.fill_html(rendered.html, values)}
    files[out / f"{name}.txt"] = personal.fill_text(rendered.text, values)
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
    found = _edition(edition)
    with failing_on(ValueError, variants.NothingToShow):
        chosen = places.parse_countries(countries.split(","))
        rendered = variants.render(content_of(found), chosen, language)
        testsend.put(rendered, found.newsletter, to, timezone.now())
    _tell(found, json, f"test copy for {to} waits in the outbox")


@app.command()
def submit(edition: Name, user: As, json: Json = False) -> None:
    """Freeze the edition and ask for approval."""
    found = _edition(edition)
    with failing_on(ApprovalError):
        submit_edition(found, _acting(user), timezone.now())
    _tell(found, json, "submitted")


@app.command()
def approve(
    edition: Name,
    user: As,
    sha256: Annotated[str, typer.Option("--hash", help="The hash of what you looked at; `show` prints it.")],
    json: Json = False,
) -> None:
    """Put your name to exactly one hash; authors are refused."""
    found = _edition(edition)
    with failing_on(ApprovalError):
        seal.approve(_copy(found), _acting(user), sha256, timezone.now(), by_command=True)
    _tell(found, json, "approved")


@app.command()
def schedule(
    edition: Name,
    user: As,
    at: Annotated[str, typer.Option(help="The moment (ISO 8601 with zone); default: now.")] = "",
    json: Json = False,
) -> None:
    """Let the approved edition leave."""
    found = _edition(edition)
    with failing_on(ApprovalError):
        seal.schedule(_copy(found), _acting(user), _moment(at) if at else None, timezone.now())
    _tell(found, json, "scheduled")


@app.command()
def pause(edition: Name, json: Json = False) -> None:
    """Stop sending until `resume`."""
    _steer(edition, control.pause, json, "paused")


@app.command()
def resume(edition: Name, json: Json = False) -> None:
    """Go on sending, also after a hold."""
    _steer(edition, control.resume, json, "sending")


@app.command()
def cancel(edition: Name, json: Json = False) -> None:
    """Send nothing more; what is unsent is left out for good."""
    _steer(edition, control.cancel, json, "cancelled")


@app.command()
def report(edition: Name, json: Json = False) -> None:
    """The balanced account of an edition's mailing."""
    found = _edition(edition)
    account = account_of(found).as_dict()
    if json:
        emit({**edition_summary(found), **account})
        return
    say(f"{found}: {edition_summary(found)['state']}")
    for name, value in account.items():
        if isinstance(value, dict):
            for reason, number in value.items():
                say(f"  {'left out: ' + reason.replace('_', ' '):32}{number:>9}")
        else:
            say(f"  {name.replace('_', ' '):32}{value:>9}")


def _tell(edition: Edition, json: bool, deed: str) -> None:
    summary = edition_summary(edition)
    if json:
        emit(summary)
        return
    done = f"{deed}; " if deed else ""
    say(f"{summary['slug']}: {done}{summary['state']}, hash {summary['hash'] or 'none yet'}")


def _steer(name: str, deed: Any, json: bool, word: str) -> None:
    edition = _edition(name)
    mailing = Mailing.objects.filter(edition=edition).order_by("-pk").first()
    if mailing is None:
        fail(f"{edition.slug} is not being sent; there is nothing to steer.")
    with failing_on(control.ControlError):
        deed(mailing, None, timezone.now())
    _tell(edition, json, word)


def _edition(name: str) -> Edition:
    edition: Edition = _one(Edition, name)
    return edition


def _one(model: Any, name: str) -> Any:
    found = model.objects.filter(pk=int(name)) if name.isdecimal() else model.objects.filter(slug=name)
    result = found.first()
    if result is None:
        known = ", ".join(model.objects.values_list("slug", flat=True)[:8]) or "none yet"
        fail(f"there is no {model._meta.verbose_name} “{name}”; known: {known}.")
    return result


def _copy(edition: Edition) -> FrozenCopy:
    copy: FrozenCopy | None = edition.copies.filter(state__in=seal.OPEN).first()
    if copy is None:
        last = edition.copies.first()
        because = f" {last.broken_because}" if last and last.broken_because else ""
        fail(f"{edition.slug} is not submitted, or its seal was broken.{because} Submit it first.")
    return copy


def _acting(username: str) -> User:
    if not settings.CONFIG.approval.by_command:
        fail(
            "acting for a person is off. Use the desk, or set by_command = true in [approval]: "
            "whoever can run this command could then act for anybody."
        )
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    return user


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"“{text}” is no moment; write it as 2021-12-03T09:00+06:00.")
    return moment if moment.tzinfo else timezone.make_aware(moment)
