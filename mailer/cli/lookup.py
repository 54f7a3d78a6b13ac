"""How commands about editions name things: an edition, an account, a moment; and how they tell of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.cli.output import emit, fail, say
from mailer.editions.models import Edition
from mailer.reports.edition_state import edition_summary
from subscribers.models import MailingList

Name = Annotated[str, typer.Argument(metavar="EDITION", help="Slug or id.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="The account that acts.")]


def tell(edition: Edition, json: bool, deed: str) -> None:
    summary = edition_summary(edition)
    if json:
        emit(summary)
        return
    done = f"{deed}; " if deed else ""
    say(f"{summary['slug']}: {done}{summary['state']}, hash {summary['hash'] or 'none yet'}")


def edition_named(name: str) -> Edition:
    edition: Edition = one_named(Edition, name)
    return edition


def one_named(model: Any, name: str) -> Any:
    found = model.objects.filter(pk=int(name)) if name.isdecimal() else model.objects.filter(slug=name)
    result = found.first()
    if result is None:
        known = ", ".join(model.objects.values_list("slug", flat=True)[:8]) or "none yet"
        fail(f"there is no {model._meta.verbose_name} “{name}”; known: {known}.")
    return result


def acting(username: str) -> User:
    if not settings.CONFIG.approval.by_command:
        fail(
            "acting for a person is off. Use the desk, or set by_command = true in [approval]: "
            "whoever can run this command could then act for anybody."
        )
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    return user


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"“{text}” is no moment; write it as 2021-12-03T09:00+06:00.")
    return found if found.tzinfo else timezone.make_aware(found)


def list_named(slug: str) -> MailingList:
    found = MailingList.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(MailingList.objects.values_list("slug", flat=True)) or "none yet"
        fail(f"there is no list “{slug}”; there are: {known}.")
    return found
