"""`mailer bounces …`: reading what came back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.utils import timezone
from rich.table import Table

from mailer.cli.output import Json, console, emit, fail, failing_on, say
from mailer.feedback.parsing import rules
from mailer.feedback.parsing.accuracy import Score, ScoreError
from mailer.feedback.parsing.accuracy import score as score_folder
from mailer.feedback.parsing.parse import read as read_message
from mailer.feedback.parsing.records import Reading, Recipient
from mailer.feedback.parsing.rules import RulesError
from mailer.feedback.sources import ingest
from mailer.feedback.sources import poll as collect
from mailer.feedback.sources.mailbox import MAX_OCTETS
from mailer.feedback.sources.sources import mailboxes

app = typer.Typer(no_args_is_help=True, help="Read what came back.")

# (what it is, the figure, the figure it is a part of, its goal)
_ROWS = (
    ("recipients found", "found", "recipients", "at least 95 %"),
    ("deliveries known by a token", "proved", "bounces", "all"),
    ("called hard, but are not", "false_hard", "soft", "at most 5 %"),
    ("hard, but not called so", "missed_hard", "hard", "at most 15 %"),
    ("called bounces, but are none", "false_bounces", "messages", "none"),
    ("read differently with other line ends", "unlike", "messages", "none"),
)
# sysexits.h EX_TEMPFAIL: the mail server keeps the message and tries again.
_TRY_AGAIN = 75


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(help="Messages, one a file.")],
    envelope_to: Annotated[str, typer.Option(help="The address they were delivered to.")] = "",
    json: Json = False,
) -> None:
    """Say what messages are, without touching the database."""
    with failing_on(RulesError):
        rules.check(settings.CONFIG)
    for file in files:
        with failing_on(OSError):
            reading = read_message(file.read_bytes(), envelope_to or None)
        if json:
            emit(_as_dict(file, reading))
        else:
            _tell(file, reading)


@app.command()
def poll(json: Json = False) -> None:
    """Take in what is new in the mailboxes of the configuration."""
    if not mailboxes(settings.CONFIG):
        fail("no mailbox is configured; set [bounces] maildir, imap_host or pop3_host.")
    with failing_on(DatabaseFailure):
        summary, troubles = collect.poll(timezone.now)
    if json:
        emit(
            {
                "received": summary.received,
                "kinds": summary.kinds,
                "repeated": summary.repeated,
                "failed": summary.failed,
            }
        )
    else:
        say(f"{summary.received} taken in, {summary.repeated} seen before, {summary.failed} left for later")
    if summary.failed:
        troubles.append(
            f"{summary.failed} messages could not be stored; they stay in the mailbox and are tried again."
        )
    if troubles:
        fail("\n".join(troubles))


@app.command()
def receive(
    envelope_to: Annotated[str, typer.Option(help="The address it was delivered to.")] = "",
) -> None:
    """Take in one message from stdin (a mail server's pipe); status 75 asks the server to try again."""
    try:
        ingest.receive(sys.stdin.buffer.read(MAX_OCTETS), timezone.now(), envelope_to or None)
    except Exception as error:  # whatever went wrong, the mail server must keep it
        sys.stderr.write(
            f"mailer: the message was not stored ({type(error).__name__}); keep it and try again.\n"
        )
        raise typer.Exit(_TRY_AGAIN) from error


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Messages and their expected.json.")], json: Json = False
) -> None:
    """Say how good the reader is on messages whose answers are known."""
    with failing_on(OSError, ScoreError, RulesError):
        rules.check(settings.CONFIG)
        result = score_folder(folder)
    if json:
        emit(result.as_dict())
        return
    for error in result.errors:
        say(error)
    console.print(_table(result))


def _table(result: Score) -> Table:
    """The score with its goals."""
    told = result.as_dict()
    table = Table("", "count", "of", "%", "goal")
    for words, count, of, goal in _ROWS:
        percent = told.get(f"{count}_percent", "")
        table.add_row(words, str(told[count]), str(told.get(of, "")), str(percent), goal)
    table.add_row("messages read a second", str(told["messages_per_second"]), "", "", "at least 1,000")
    return table


def _as_dict(file: Path, reading: Reading) -> dict[str, Any]:
    return {
        "file": str(file),
        "kind": reading.kind,
        "recipients": [_recipient(recipient) for recipient in reading.recipients],
        "delivery": reading.delivery,
        "identity": reading.identity,
        "message_id": reading.original_message_id,
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "address": recipient.address,
        "class": recipient.bounce_class,
        "reason": recipient.reason,
        "status": recipient.status,
        "action": recipient.action,
        "alias": recipient.alias,
        "rule": recipient.rule,
    }


def _tell(file: Path, reading: Reading) -> None:
    say(f"{file}: {reading.kind}")
    for recipient in reading.recipients:
        what = " ".join(filter(None, (recipient.bounce_class, recipient.reason, recipient.status)))
        say(f"  {recipient.address or 'somebody unnamed'}: {what or recipient.action}")
