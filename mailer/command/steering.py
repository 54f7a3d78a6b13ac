"""`mailer edition …` while it is sent: pause, resume, cancel, rehearse, report, and who was not reached."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from django.utils import timezone
from wagtail.log_actions import log

from mailer.command.naming import Name, edition_named, tell
from mailer.command.output import Json, emit, fail, failing_on, say
from mailer.delivery import control
from mailer.delivery import rehearsal as rehearsals
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition
from mailer.reports import unreached as missing
from mailer.reports.account import account, latest_mailing, latest_rehearsal
from mailer.reports.lifecycle import edition_summary
from mailer.reports.sheets import write_csv

app = typer.Typer()

OfRehearsal = Annotated[bool, typer.Option("--rehearsal", help="The latest rehearsal, not the real mailing.")]
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
        bool, typer.Option("--all", help="Of a mailing in steps, the whole rest at once, without looking on.")
    ] = False,
    json: Json = False,
) -> None:
    """Go on sending, also after a hold."""
    if everybody:
        _steer(edition, rehearsal, "release_rest", control.release_rest, json, "the rest is released")
    elif _mailing(edition_named(edition), rehearsal).state == Mailing.State.HELD:
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
        mailing = rehearsals.begin(found.copies.first(), to, limit, None, timezone.now())
    _note(found, "rehearse", to=mailing.rehearsal_to)
    if json:
        emit({**edition_summary(found), **_about(mailing)})
    else:
        say(
            f"{found.slug}: the worker sends the rehearsal to {mailing.rehearsal_to}; "
            f"`mailer edition report {found.slug} --rehearsal` tells how far it is"
        )


@app.command()
def report(edition: Name, rehearsal: OfRehearsal = False, json: Json = False) -> None:
    """The balanced account of an edition's mailing."""
    found = edition_named(edition)
    mailing = latest_rehearsal(found) if rehearsal else latest_mailing(found)
    told = account(mailing).as_dict()
    about = _about(mailing) if mailing and rehearsal else {}
    if json:
        emit({**edition_summary(found), **about, **told})
        return
    state = mailing.get_state_display() if mailing else edition_summary(found)["state"]
    say(f"{found}: {state}" + (f", a rehearsal to {mailing.rehearsal_to}" if mailing and about else ""))
    if mailing and mailing.reason:
        say(f"  {mailing.reason}")
    for name, value in told.items():
        if isinstance(value, dict):
            for reason, number in value.items():
                say(f"  {'left out: ' + reason.replace('_', ' '):32}{number:>9}")
        else:
            say(f"  {name.replace('_', ' '):32}{value:>9}")


@app.command()
def unreached(
    edition: Name,
    reason: Annotated[str, typer.Option(help="Only these, such as suppressed or bounced.")] = "",
    to: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="As a table; - for stdout.")
    ] = None,
    rehearsal: OfRehearsal = False,
    json: Json = False,
) -> None:
    """Who did not get it, and why; an erased reader is a number without an address."""
    found = edition_named(edition)
    readers = missing.unreached(_mailing(found, rehearsal), reason)
    if to is not None:
        with failing_on(OSError):
            count = _table(readers, to)
        _note(found, "unreached")
        say(f"wrote {count} readers to {to}") if str(to) != "-" else None
        return
    count = 0
    for one in readers:
        count += 1
        if json:
            emit(one.as_dict())
            continue
        said = f" “{one.reply}”" if one.reply else ""
        later = f" Next try {one.due_at:%Y-%m-%d %H:%M} UTC." if one.due_at else ""
        say(f"{one.email or f'reader {one.subscriber} (erased)'}: {one.words or one.state}.{said}{later}")
    if not json:
        say(f"{count} not reached." if count else "Everybody in the audience got it, as far as we know.")


def _table(readers: Any, to: Path) -> int:
    if str(to) == "-":
        return write_csv(missing.sheet(readers), sys.stdout)
    # Addresses are nobody else's business.
    to.touch(mode=0o600)
    with to.open("w", encoding="utf-8", newline="") as file:
        return write_csv(missing.sheet(readers), file)


def _steer(name: str, of_rehearsal: bool, action: str, deed: Control, json: bool, word: str) -> None:
    edition = edition_named(name)
    mailing = _mailing(edition, of_rehearsal)
    with failing_on(control.ControlError):
        deed(mailing, None, timezone.now())
    _note(edition, action)
    if not of_rehearsal:
        tell(edition, json, word)
    elif json:
        emit({**edition_summary(edition), **_about(mailing)})
    else:
        say(f"{edition.slug}: rehearsal {word}; {mailing.get_state_display()}")


def _mailing(edition: Edition, of_rehearsal: bool) -> Mailing:
    found = latest_rehearsal(edition) if of_rehearsal else latest_mailing(edition)
    if found is None:
        fail(_nothing_to_steer(edition, of_rehearsal))
    return found


def _nothing_to_steer(edition: Edition, of_rehearsal: bool) -> str:
    if of_rehearsal:
        return f"{edition.slug} was not rehearsed; `mailer edition rehearse` does that."
    state = edition_summary(edition)["state"]
    advice = {
        "draft": "Submit it first.",
        "submitted": "It waits for an approval; `mailer edition rehearse` can rehearse it.",
        "approved": "`mailer edition schedule` sends it.",
        "scheduled": "`mailer edition unschedule` takes its moment back.",
    }.get(state, "")
    return f"{edition.slug} is not being sent yet, but {state}. {advice}".strip()


def _about(mailing: Mailing) -> dict[str, Any]:
    about = {"id": mailing.pk, "to": mailing.rehearsal_to, "state": mailing.state}
    return {"rehearsal": about}


def _note(edition: Edition, action: str, **data: str) -> None:
    """In the audit log; the machine's account is all that is known of who it was."""
    try:
        who = getpass.getuser()
    except (OSError, KeyError):
        who = f"user {os.getuid()}"
    log(instance=edition, action=f"desk.{action}", data={"by": f"the command ({who})", **data})
