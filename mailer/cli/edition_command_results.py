"""What the commands about editions print, and their entries in the audit log."""

from __future__ import annotations

from typing import Any

from wagtail.log_actions import log

from mailer.cli.argument_lookup import operator
from mailer.cli.output import print_json, print_text
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition
from mailer.reports.edition_state import edition_as_json


def record_action(edition: Edition, action: str, **data: str) -> None:
    """Write the action, such as "pause", to the audit log."""
    log(instance=edition, action=f"desk.{action}", data={"by": operator(), **data})


def print_edition(edition: Edition, json: bool, done: str) -> None:
    """The edition's state after a command; `done` is what the command did, or empty."""
    summary = edition_as_json(edition)
    if json:
        print_json(summary)
        return
    done = f"{done}; " if done else ""
    print_text(f"{summary['slug']}: {done}{summary['state']}, hash {summary['hash'] or 'none yet'}")


def dry_run_as_json(mailing: Mailing) -> dict[str, Any]:
    """A dry run as the commands' JSON shows it."""
    return {"dry_run": {"id": mailing.pk, "to": mailing.dry_run_to, "state": mailing.state}}
