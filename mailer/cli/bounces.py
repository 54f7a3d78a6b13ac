"""`mailer bounces …`: read bounces and other returned mail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.utils import timezone

from mailer.cli.output import Json, command_group, console, fail, failing_on, print_json, print_text
from mailer.feedback.parsing import classify_bounce_reasons
from mailer.feedback.parsing.accuracy import Score, ScoreError
from mailer.feedback.parsing.accuracy import score as score_folder
from mailer.feedback.parsing.classify_bounce_reasons import RulesError
from mailer.feedback.parsing.parse import parse_message
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage, Recipient
from mailer.instance.no_send_status import NoSend, require_sending
from mailer.worker import process_startup

app = command_group("Read bounces and other returned mail.")

# (label, the count, the count it is a part of, its goal)
_SCORE_ROWS = (
    ("recipients found", "found", "recipients", "at least 95 %"),
    ("deliveries identified by a token", "identified", "bounces", "all"),
    ("soft bounces classified as hard", "false_hard", "soft", "at most 5 %"),
    ("hard bounces not classified as hard", "missed_hard", "hard", "at most 15 %"),
    ("other mail classified as bounces", "false_bounces", "messages", "none"),
    ("different results with other line endings", "line_end_differences", "messages", "none"),
)
# sysexits.h EX_TEMPFAIL: the mail server keeps the message and tries again.
_EX_TEMPFAIL = 75


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(help="Messages, one in each file.")],
    envelope_to: Annotated[str, typer.Option(help="The address they were delivered to.")] = "",
    json: Json = False,
) -> None:
    """Classify messages without using the database."""
    with failing_on(RulesError):
        classify_bounce_reasons.require_valid_custom_rules(settings.CONFIG)
    for file in files:
        with failing_on(OSError):
            parsed = parse_message(file.read_bytes(), envelope_to or None)
        if json:
            print_json(_as_dict(file, parsed))
        else:
            _print_message(file, parsed)


@app.command()
def poll(json: Json = False) -> None:
    """Fetch and process new messages from the configured mailboxes."""
    from mailer.feedback import ingest_returned_mail
    from mailer.feedback.sources import poll as polling

    if not polling.configured_mailboxes(settings.CONFIG):
        fail("no mailbox is configured; set [bounces] maildir, imap_host or pop3_host.")
    process_startup.require_matching_address_hash_key()
    with failing_on(NoSend):
        require_sending()
    with failing_on(DatabaseFailure):
        summary, errors = polling.poll_all(ingest_returned_mail.ingest_message, timezone.now)
    if json:
        print_json(
            {
                "received": summary.received,
                "kinds": summary.kinds,
                "repeated": summary.repeated,
                "failed": summary.failed,
            }
        )
    else:
        print_text(f"{summary.received} received, {summary.repeated} duplicates, {summary.failed} failed")
    if summary.failed:
        errors.append(f"{summary.failed} messages could not be stored; they stay in the mailbox for a retry.")
    if errors:
        fail("\n".join(errors))


@app.command()
def receive(
    envelope_to: Annotated[str, typer.Option(help="The address it was delivered to.")] = "",
) -> None:
    """Process one message from stdin (a mail server's pipe); exit status 75 makes the server retry."""
    try:
        from mailer.feedback import ingest_returned_mail
        from mailer.feedback.sources.base import max_message_octets

        process_startup.require_matching_address_hash_key()
        require_sending()
        ingest_returned_mail.ingest_message(
            sys.stdin.buffer.read(max_message_octets()), timezone.now(), envelope_to or None
        )
    except Exception as error:  # after any failure the mail server must keep the message
        sys.stderr.write(
            f"mailer: the message was not stored ({type(error).__name__}); keep it and try again.\n"
        )
        raise typer.Exit(_EX_TEMPFAIL) from error


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Messages and their expected.json.")], json: Json = False
) -> None:
    """Measure the parser's accuracy on messages with known answers."""
    with failing_on(OSError, ScoreError, RulesError):
        classify_bounce_reasons.require_valid_custom_rules(settings.CONFIG)
        result = score_folder(folder)
    if json:
        print_json(result.as_dict())
        return
    for error in result.errors:
        print_text(error)
    _print_score(result)


def _print_score(result: Score) -> None:
    from rich.table import Table  # slow, and only for people

    counts = result.as_dict()
    table = Table("", "count", "of", "%", "goal")
    for label, count, of, goal in _SCORE_ROWS:
        percent = counts.get(f"{count}_percent", "")
        table.add_row(label, str(counts[count]), str(counts.get(of, "")), str(percent), goal)
    table.add_row("messages a second", str(counts["messages_per_second"]), "", "", "at least 1,000")
    console().print(table)


def _as_dict(file: Path, parsed: ParsedReturnedMessage) -> dict[str, Any]:
    return {
        "file": str(file),
        "kind": parsed.kind,
        "recipients": [_recipient(recipient) for recipient in parsed.recipients],
        "delivery": parsed.delivery,
        "identity": parsed.identity,
        "message_id": parsed.original_message_id,
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    classification = recipient.classification
    return {
        "address": recipient.address,
        "class": classification.bounce_class,
        "reason": classification.reason,
        "status": classification.status,
        "action": recipient.action,
        "alias": recipient.alias,
        "rule": classification.rule,
    }


def _print_message(file: Path, parsed: ParsedReturnedMessage) -> None:
    print_text(f"{file}: {parsed.kind}")
    for recipient in parsed.recipients:
        found = recipient.classification
        result = " ".join(filter(None, (found.bounce_class, found.reason, found.status)))
        print_text(f"  {recipient.address or 'unknown recipient'}: {result or recipient.action}")
