"""Parses one returned message: its kind, recipients and reasons, and the delivery it is about."""

from __future__ import annotations

import logging

from mailer.feedback.parsing import evidence as evidence_of
from mailer.feedback.parsing.detectors import detect, unnamed_recipient
from mailer.feedback.parsing.records import ParsedReturn

log = logging.getLogger(__name__)


def parse_message(raw: bytes, envelope_to: str | None = None) -> ParsedReturn:
    """What the message `raw` says; its line ends may be LF, CRLF or CR, and make no difference.

    `envelope_to` is the address it was delivered to, where the transport says so; else header fields are
    used. Input is hostile: what cannot be read is of kind "other", for staff. Never raises.
    """
    try:
        return parse_unguarded(raw, envelope_to)
    except Exception as error:  # noqa: BLE001  (one message must never stop the mailbox; it is kept for staff)
        # The error's text could name a subscriber.
        log.warning("action=feedback_unreadable error=%s", type(error).__name__)
        return ParsedReturn("other")


def parse_unguarded(raw: bytes, envelope_to: str | None = None) -> ParsedReturn:
    """`parse_message` without the guard: tests use it to see exceptions."""
    evidence = evidence_of.collect(raw, envelope_to)
    detection = detect(evidence)
    # Other mail may quote a token of ours without being about its delivery: only its envelope counts.
    only_envelope = detection.kind in ("other", "unsubscribe")
    match = evidence.envelope_match if only_envelope else evidence.token_match()
    recipients = detection.recipients
    if not recipients and match is not None and detection.kind in ("bounce", "delay"):
        recipients = (unnamed_recipient(evidence, detection.kind),)
    return ParsedReturn(
        kind=detection.kind,
        recipients=recipients,
        delivery=match.delivery if match else None,
        probe=match.probe if match else None,
        identity=match.identity if match else "",
        original_message_id=evidence.original_message_id(),
        unsubscribe_address=evidence.unsubscribe_address() if detection.kind == "unsubscribe" else None,
        feedback_type=detection.feedback_type,
    )
