"""Reads one returned message: what kind it is, whom it is about, and why it came back. Never raises."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from email import message_from_bytes

from flufl.bounce import scan_message

from mailer.feedback.parsing import complaints, dsn, identity, message_kind, mime, notice_text
from mailer.feedback.parsing.classify import Verdict, classify
from mailer.feedback.parsing.mime import Headers, Part
from mailer.feedback.parsing.notice_text import Named, Notice
from mailer.feedback.parsing.records import Kind, Reading, Recipient

logger = logging.getLogger(__name__)
# It announces every detector that it tries.
logging.getLogger("flufl.bounce").setLevel(logging.WARNING)

# Fields that name who wrote a message.
_WRITERS = ("from", "sender", "reply-to", "return-path")
_MAX_DIAGNOSTIC = 1_000
# What flufl is given of a message: it asks each of its many questions of every line.
_FLUFL_OCTETS = 32 * 1024
_FLUFL_LINES = 600


def read(raw: bytes, envelope_to: str | None = None) -> Reading:
    """What the message `raw` says, its line ends LF, CRLF or CR alike.

    `envelope_to` is the address it was delivered to, where the transport tells; else headers are asked.
    Input is hostile: whatever cannot be read is of kind "other", for a person.
    """
    try:
        return _read(raw, envelope_to)
    except Exception as error:  # noqa: BLE001  (a message must never stop the mailbox; it is kept for a person)
        # The error's own words could name a reader.
        logger.warning("action=feedback_unreadable error=%s", type(error).__name__)
        return Reading("other")


def _read(raw: bytes, envelope_to: str | None) -> Reading:
    message = mime.normalise(raw[: mime.MAX_OCTETS * 2])[: mime.MAX_OCTETS]
    outer = mime.parse(message)
    root = _unwrapped(outer)
    found = notice_text.notice(root)
    envelope = identity.envelope_recipients(outer.headers, envelope_to)
    kind, recipients, feedback_type = _kind(root, found, message, envelope)
    # What is for a person anyway is not searched for tokens that it may only quote.
    known = identity.identify(envelope, "" if kind == "other" else _searchable(message, root, found))
    departure = identity.departure(envelope) if kind == "other" else None
    if departure or (kind == "other" and known and message_kind.leave_subject(root.headers)):
        kind = "unsubscribe"
    return Reading(
        kind=kind,
        recipients=tuple(recipients) or _nameless(kind, known is not None, found),
        delivery=known.delivery if known else None,
        probe=known.probe if known else None,
        identity=known.found if known else "",
        original_message_id=_message_id(found.returned),
        departure=departure,
        feedback_type=feedback_type,
    )


def _unwrapped(root: Part) -> Part:
    """The report that a gateway passed on within a message of its own; else the message as it is."""
    passed_on = next((part for part in root.walk() if part.type == "message/rfc822"), None)
    if passed_on is None or b"delivery-status" not in passed_on.body or dsn.statuses(root):
        return root
    inner = mime.parse(passed_on.body.lstrip(b"\n"))
    by_daemons = message_kind.by_daemon(root.headers) and message_kind.by_daemon(inner.headers)
    return inner if by_daemons and dsn.statuses(inner) else root


def _kind(
    root: Part, found: Notice, message: bytes, envelope: list[str]
) -> tuple[Kind, list[Recipient], str]:
    """Kind, recipients and feedback type, asked in this order so that no report passes for another."""
    headers = root.headers
    feedback_type = complaints.feedback_type(root, found)
    if complaints.asks_to_stop(feedback_type):
        return "complaint", complaints.complainers(root, found), feedback_type
    if feedback_type:
        return "other", [], feedback_type
    if dsn.is_receipt(root) and not (
        message_kind.by_daemon(headers) and message_kind.failure_words(found.words)
    ):
        return "receipt", [], ""
    statuses = dsn.statuses(root)
    if statuses:
        names = [status.address for status in statuses]
        recipients = [
            _reported(status, notice_text.words_about(found.words, status.address, names))
            for status in _addressed(statuses, found)
        ]
        return _reported_kind(recipients), recipients, ""
    if _is_bounce(root, found, signed=identity.identify(envelope, "") is not None):
        kind: Kind = "delay" if message_kind.says_delay(headers, found.words) else "bounce"
        return kind, _named(root, found, message, envelope, "delayed" if kind == "delay" else "failed"), ""
    if message_kind.auto_reply(headers) or message_kind.challenge(headers, found.words):
        return "auto_reply", [], ""
    return "other", [], ""


def _is_bounce(root: Part, found: Notice, *, signed: bool) -> bool:
    """Whether a message without a readable report is a bounce: by a mail system, and telling of a failure.

    One sign alone is not enough: people forward bounces, and answering programs use an empty return path too.
    `signed` says that it came to an envelope sender of ours, with its token, where few but bounces come.
    """
    headers = root.headers
    if (
        root.parameters.get("report-type", "").lower() == "delivery-status"
        or "x-failed-recipients" in headers
    ):
        return True
    if message_kind.machine_notice(found.words) == "bounce":
        return True
    daemon, subject = message_kind.by_daemon(headers), message_kind.failure_subject(headers)
    if message_kind.auto_subject(headers) and not daemon:
        return False
    if daemon and (subject or found.returns):
        return True
    if not daemon and message_kind.auto_reply(headers) and not subject:
        return False
    # Who is no mail system by name needs two signs more; the words alone are those of people who are away.
    if signed and (daemon or found.returns) and not message_kind.personal(headers):
        return True
    returned = message_kind.null_path(headers) and found.returns
    titled = subject and (
        message_kind.null_path(headers) or found.returns or message_kind.by_machine(headers)
    )
    return (daemon or returned or titled) and message_kind.failure_words(found.words)


def _addressed(statuses: list[dsn.Status], found: Notice) -> list[dsn.Status]:
    """A single status that names nobody, or not whom we wrote to, learns it from the returned message."""
    if len(statuses) != 1:
        return statuses
    (status,) = statuses
    written = found.alias_of(status.address)
    if not status.address:
        return [replace(status, address=written)]
    return [replace(status, alias=status.alias or written)]


def _reported(status: dsn.Status, words: str) -> Recipient:
    recipient = Recipient(
        address=status.address,
        alias=status.alias,
        action=status.action,
        status=status.status,
        diagnostic=status.diagnostic[:_MAX_DIAGNOSTIC],
        found="report",
    )
    return _judged(recipient, classify(status.diagnostic, words, status.status, status.mta))


def _judged(recipient: Recipient, verdict: Verdict) -> Recipient:
    """The recipient with the verdict: a class where delivery failed, a reason where it is waited for."""
    if recipient.action not in ("failed", "delayed"):
        return recipient
    return replace(
        recipient,
        status=verdict.status,
        bounce_class=verdict.bounce_class if recipient.action == "failed" else "",
        reason=verdict.reason,
        rule=verdict.rule,
    )


def _reported_kind(recipients: Iterable[Recipient]) -> Kind:
    actions = {recipient.action for recipient in recipients}
    if "failed" in actions:
        return "bounce"
    return "delay" if "delayed" in actions else "receipt"


def _named(root: Part, found: Notice, message: bytes, envelope: list[str], action: str) -> list[Recipient]:
    """Recipients of a bounce in words: the header that Exim writes, the text, the returned To:, flufl."""
    own = set(
        dsn.addresses(
            " ".join(
                [
                    *envelope,
                    *(root.headers.first(name) for name in _WRITERS),
                    *(found.returned.first(name) for name in _WRITERS),
                ]
            )
        )
    )
    failed = dsn.addresses(" ".join(root.headers.all("x-failed-recipients")[:20]))
    named = notice_text.recipients(found, own)
    if len(failed) == len(named) == 1 and failed[0] != named[0].address:
        # The header names whom we wrote to, the text the place it was forwarded to.
        named = [named[0]._replace(alias=failed[0])]
    elif failed:
        about = {one.address: one.words for one in named}
        return [
            _told(Named(address, "", about.get(address, found.words)), action, "header")
            for address in failed[: notice_text.MAX_RECIPIENTS]
        ]
    if named:
        return [_told(one, action, "text") for one in named]
    written = found.alias_of("")
    if written:
        return [_told(Named(written, "", found.words), action, "returned_to")]
    by_flufl = _flufl(message)
    if by_flufl:
        return [_told(Named(address, "", found.words), action, "flufl") for address in by_flufl]
    return [_told(one, action, "text") for one in notice_text.only(found, own)]


def _told(named: Named, action: str, how: str) -> Recipient:
    recipient = Recipient(
        address=named.address,
        alias=named.alias,
        action=action,
        diagnostic=named.words.strip()[:_MAX_DIAGNOSTIC],
        found=how,
    )
    return _judged(recipient, classify("", named.words))


def _nameless(kind: Kind, proved: bool, found: Notice) -> tuple[Recipient, ...]:
    """A token tells whom it is about even where the words name nobody."""
    if kind in ("bounce", "delay") and proved:
        return (_told(Named("", "", found.words), "delayed" if kind == "delay" else "failed", "token"),)
    return ()


def _flufl(message: bytes) -> list[str]:
    """What flufl.bounce finds; it raises on some mails, so that every call is guarded."""
    try:
        lines = message[:_FLUFL_OCTETS].split(b"\n", _FLUFL_LINES)[:_FLUFL_LINES]
        found = scan_message(message_from_bytes(b"\n".join(lines)))
    except Exception:  # noqa: BLE001  (a detector of another project on hostile input)
        return []
    addresses = [address.decode("ascii", "replace").lower() for address in found]
    return sorted(address for address in addresses if "@" in address)[: notice_text.MAX_RECIPIENTS]


def _message_id(returned: Headers) -> str:
    return returned.first("message-id").strip()[:300]


def _searchable(message: bytes, root: Part, found: Notice) -> str:
    """Everything in which a token may stand: the message as it came, and its parts decoded."""
    decoded = (part.text for part in root.walk() if part.headers.first("content-transfer-encoding").strip())
    return "\n".join([message.decode("latin-1"), *decoded])
