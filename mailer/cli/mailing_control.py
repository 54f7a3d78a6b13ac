"""`mailer edition …` while it is sent: pause, resume, cancel, rehearse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from django.utils import timezone

from mailer.cli.lookup import Name, edition_named, tell
from mailer.cli.mailings import OfRehearsal, mailing_of, note, rehearsal_told
from mailer.cli.output import Json, emit, failing_on, say
from mailer.delivery.engine import control
from mailer.delivery.engine import dry_run as rehearsals
from mailer.delivery.models import Mailing
from mailer.reports.edition_state import edition_summary

app = typer.Typer()

Control = Callable[..., Mailing]


@app.command()
def pause(edition: Name, rehearsal: OfRehearsal = False, json: Json = False) -> None:
    """Stop sending until `resume`."""
    _steer(edition, rehearsal, "pause", control.pause, json, "paused")


@app.command()
def resume(
    edition: Name,
    rehearsal: OfRehearsal = False,
    everybody: Annotated[
        bool, typer.Option("--all", help="Of a mailing in steps, the whole rest at once.")
    ] = False,
    json: Json = False,
) -> None:
    """Go on sending, also after a hold."""
    if everybody:
        _steer(edition, rehearsal, "release_rest", control.release_rest, json, "the rest is released")
    elif mailing_of(edition_named(edition), rehearsal).state == Mailing.State.HELD:
        _steer(edition, rehearsal, "confirm", control.confirm_held, json, "its readers are confirmed")
    else:
        _steer(edition, rehearsal, "resume", control.resume, json, "it goes on")


@app.command()
def cancel(edition: Name, rehearsal: OfRehearsal = False, json: Json = False) -> None:
    """Send nothing more; what is unsent is left out for good."""
    _steer(edition, rehearsal, "cancel", control.cancel, json, "cancelled")


@app.command()
def rehearse(
    edition: Name,
    to: Annotated[str, typer.Option(help="A colleague's address: every message goes there, and no other.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Readers at most; every variant comes before any comes twice.")
    ] = None,
    json: Json = False,
) -> None:
    """Make every reader's message as it would leave, and send it to a colleague instead."""
    found = edition_named(edition)
    with failing_on(control.ControlError):
        mailing = rehearsals.begin(found.snapshots.first(), to, limit, None, timezone.now())
    note(found, "rehearse", to=mailing.rehearsal_to)
    if json:
        emit({**edition_summary(found), **rehearsal_told(mailing)})
    else:
        say(
            f"{found.slug}: the worker sends the rehearsal to {mailing.rehearsal_to}; "
            f"`mailer edition report {found.slug} --rehearsal` tells how far it is"
        )


def _steer(name: str, of_rehearsal: bool, action: str, deed: Control, json: bool, word: str) -> None:
    edition = edition_named(name)
    mailing = mailing_of(edition, of_rehearsal)
    with failing_on(control.ControlError):
        deed(mailing, None, timezone.now())
    note(edition, action)
    if not of_rehearsal:
        tell(edition, json, word)
    elif json:
        emit({**edition_summary(edition), **rehearsal_told(mailing)})
    else:
        say(f"{edition.slug}: rehearsal {word}; {mailing.get_state_display()}")
