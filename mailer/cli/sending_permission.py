"""`mailer pause-sending`, `resume-sending`, `join`: whether this installation and this machine may send."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from django.utils import timezone

from mailer.cli.argument_lookup import operator
from mailer.cli.output import Json, command_group, fail, print_json, print_text
from mailer.delivery.rollout import begin_and_end_no_send_mode
from mailer.delivery.rollout.begin_and_end_no_send_mode import Choice, Questions
from mailer.instance import database_copy_detection, no_send_status

app = command_group()


@app.command()
def pause_sending(json: Json = False) -> None:
    """Begin no-send mode: workers run, but nothing leaves. `resume-sending` ends it, and nothing is lost."""
    database_copy_detection.enforce_identity(timezone.now())
    begun = begin_and_end_no_send_mode.begin_no_send_by_hand(operator(), timezone.now())
    if json:
        print_json(_state())
    else:
        print_text("Nothing is sent until `mailer resume-sending`." if begun else "Nothing is sent already.")


@app.command()
def resume_sending(
    sent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EDITION",
            help="An edition that the original sent: its remaining deliveries are excluded. May be repeated.",
        ),
    ] = None,
    go_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EDITION",
            help="An edition that the original did not go on with: it is sent here. May be repeated.",
        ),
    ] = None,
    send_outbox: Annotated[
        bool, typer.Option("--send-outbox", help="Also send transactional emails that were waiting.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; the original installation sends no more.")
    ] = False,
    json: Json = False,
) -> None:
    """End no-send mode of a restored or copied installation, or of one that was paused.

    Mailings that were not finished, and are named by no option, are paused.
    """
    now = timezone.now()
    database_copy_detection.enforce_identity(now)
    reason = no_send_status.no_send_reason()
    if reason is None:
        fail("this installation sends already.")
    if reason == no_send_status.NOT_JOINED:
        fail(f"{no_send_status.describe_reason(reason)}. Run: mailer join")
    asked = begin_and_end_no_send_mode.questions(now)
    mailings, due = _answers(asked, set(sent or ()), set(go_on or ()))
    if not yes and reason != "paused":
        _confirm(asked, no_send_status.describe_reason(reason))
    begin_and_end_no_send_mode.resume(mailings, due, send_outbox=send_outbox, by=operator(), now=now)
    if json:
        print_json(_state())
        return
    print_text("This installation sends again.")
    for one in asked.mailings:
        one.mailing.refresh_from_db()
        print_text(f"{one.mailing.edition.slug}: {one.mailing.get_state_display()}. {one.mailing.reason}")


@app.command("join")
def join_installation(json: Json = False) -> None:
    """Let this machine, whose database other machines use already, send as well.

    It writes a file into the storage folder. Do not run it on a machine with a copy of the database.
    """
    if not database_copy_detection.let_this_machine_join(timezone.now()):
        fail(
            "the database is in no-send mode, or new. Start the installation, or confirm by "
            "`mailer resume-sending` what the database is; then join."
        )
    if json:
        print_json(_state())
    else:
        print_text("This machine has joined the installation of its database.")


def _state() -> dict[str, str | None]:
    reason = no_send_status.no_send_reason()
    return {"no_send": None if reason is None else str(reason)}


def _answers(
    asked: Questions, sent: set[str], go_on: set[str]
) -> tuple[dict[int, Choice], dict[int, Choice]]:
    """Choices by the ids of mailings and of snapshots. Dry runs are held."""
    both = sent & go_on
    if both:
        fail(f"{', '.join(sorted(both))}: either --sent or --go-on.")
    choices = {**dict.fromkeys(sent, Choice.SENT), **dict.fromkeys(go_on, Choice.GO_ON)}
    mailings = {
        one.mailing.pk: choices[one.mailing.edition.slug]
        for one in asked.mailings
        if not one.mailing.dry_run_to and one.mailing.edition.slug in choices
    }
    due = {one.pk: choices[one.edition.slug] for one in asked.due if one.edition.slug in choices}
    known = {one.mailing.edition.slug for one in asked.mailings} | {one.edition.slug for one in asked.due}
    unknown = sorted(set(choices) - known)
    if unknown:
        fail(f"{', '.join(unknown)} was not being sent and not due; those that were: {_list(known)}.")
    return mailings, due


def _confirm(asked: Questions, reason: str) -> None:
    """Ask on a terminal. Without one, the option --yes answers."""
    print_text(f"Nothing is sent, because {reason}.")
    for one in asked.mailings:
        print_text(
            f"{one.mailing.edition.slug}: {one.mailing.get_state_display()}; {one.open:,} deliveries open, "
            f"{one.in_flight:,} in doubt"
        )
    for snapshot in asked.due:
        print_text(f"{snapshot.edition.slug}: was due at {snapshot.send_at:%Y-%m-%d %H:%M} UTC")
    print_text(f"{asked.outbox:,} transactional emails were waiting.")
    if not sys.stdin.isatty():
        fail("say with --yes that the original installation sends no more.")
    if not typer.confirm("Does the original installation send no more, and are these options right?"):
        raise typer.Exit(1)


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
