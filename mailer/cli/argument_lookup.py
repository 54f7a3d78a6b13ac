"""What the arguments of commands refer to: an edition and its mailing, a list, an account, a time."""

from __future__ import annotations

import getpass
import os
from datetime import datetime
from typing import Annotated, Any

import typer
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.cli.output import fail
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition
from mailer.reports.edition_state import edition_as_json
from mailer.reports.stats import latest_dry_run, latest_mailing
from subscribers.models import MailingList

EditionName = Annotated[str, typer.Argument(metavar="EDITION", help="Slug or id.")]
NewsletterName = Annotated[str, typer.Argument(metavar="NEWSLETTER", help="Slug or id.")]
AsUser = Annotated[str, typer.Option("--as", metavar="USER", help="The account that acts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The latest dry run in place of the mailing.")]


# What to do with an edition that has no mailing, by its state.
_NEXT_STEP = {
    "draft": "Submit it first.",
    "rejected": "An approver rejected it. Change it and submit it again, or delete it.",
    "submitted": "It waits for an approval; `mailer edition dry-run` can already test it.",
    "approved": "`mailer edition schedule` sends it.",
    "scheduled": "`mailer edition unschedule` cancels the schedule.",
}


def find_edition(name: str) -> Edition:
    """The edition with this slug or id; fails with the known slugs."""
    edition: Edition = find(Edition, name)
    return edition


def find(model: Any, slug_or_id: str) -> Any:
    """The row of `model` with this slug or id; fails with the known slugs."""
    rows = (
        model.objects.filter(pk=int(slug_or_id))
        if slug_or_id.isdecimal()
        else model.objects.filter(slug=slug_or_id)
    )
    found = rows.first()
    if found is None:
        known = ", ".join(model.objects.values_list("slug", flat=True)[:8]) or "none yet"
        fail(f"there is no {model._meta.verbose_name} “{slug_or_id}”; known: {known}.")
    return found


def find_list(slug: str) -> MailingList:
    """The mailing list with this slug; fails with the known ones."""
    found = MailingList.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(MailingList.objects.values_list("slug", flat=True)) or "none yet"
        fail(f"there is no list “{slug}”; known: {known}.")
    return found


def find_mailing(edition: Edition, dry_run: bool) -> Mailing:
    """The edition's latest mailing, or its latest dry run; fails with the next step where there is none."""
    found = latest_dry_run(edition) if dry_run else latest_mailing(edition)
    if found is None and dry_run:
        fail(f"{edition.slug} has no dry run; `mailer edition dry-run` starts one.")
    if found is None:
        state = edition_as_json(edition)["state"]
        fail(f"{edition.slug} is not being sent yet; it is {state}. {_NEXT_STEP.get(state, '')}".strip())
    return found


def find_acting_user(username: str) -> User:
    """The active account that acts, where the configuration allows commands to act for accounts."""
    if not settings.CONFIG.approval.by_command:
        fail(
            "commands may not act for an account. Use the desk, or set by_command = true in [approval]: "
            "then every person who can run this command can act for every account."
        )
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    return user


def parse_time(text: str) -> datetime:
    """An aware datetime from ISO 8601; without a zone, in the site's."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"“{text}” is not a date and time; write it as 2021-12-03T09:00+06:00.")
    return found if found.tzinfo else timezone.make_aware(found)


def operator() -> str:
    """Who runs the command, for the audit log: "anna (command line)"."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return f"user {os.getuid()} (command line)"
