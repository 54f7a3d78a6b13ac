"""Which mailing a command is about, and how what it did is noted."""

from __future__ import annotations

import getpass
import os
from typing import Annotated, Any

import typer
from wagtail.log_actions import log

from mailer.cli.output import fail
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition
from mailer.reports.edition_state import edition_summary
from mailer.reports.totals import latest_mailing, latest_rehearsal

OfRehearsal = Annotated[bool, typer.Option("--rehearsal", help="The latest rehearsal, not the real mailing.")]


def mailing_of(edition: Edition, of_rehearsal: bool) -> Mailing:
    """The latest mailing or rehearsal; fails in words where there is none."""
    found = latest_rehearsal(edition) if of_rehearsal else latest_mailing(edition)
    if found is None:
        fail(_nothing_there(edition, of_rehearsal))
    return found


def rehearsal_told(mailing: Mailing) -> dict[str, Any]:
    """What JSON says of a rehearsal."""
    return {"rehearsal": {"id": mailing.pk, "to": mailing.rehearsal_to, "state": mailing.state}}


def note(edition: Edition, action: str, **data: str) -> None:
    """In the audit log; the machine's account is all that is known of who it was."""
    try:
        who = getpass.getuser()
    except (OSError, KeyError):
        who = f"user {os.getuid()}"
    log(instance=edition, action=f"desk.{action}", data={"by": f"the command ({who})", **data})


def _nothing_there(edition: Edition, of_rehearsal: bool) -> str:
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
