"""The records in which parsing returns what a returned message says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailer.delivery.message_identifiers import UnsubscribeAddress
from mailer.feedback.parsing.classify_bounce_reasons import UNCLASSIFIED, Classification
from mailer.feedback.parsing.collect_message_evidence import Kind

# Ways of identifying the subscriber that cannot be forged: a token of ours in the envelope or in
# the returned message, a service's signed event, a server's reply to our own session, and the decision of a
# member of staff.
AUTHENTICATED = ("verp", "message_id", "service", "session", "person")


@dataclass(frozen=True)
class Recipient:
    """What a returned message says about one recipient."""

    # Lower case; "" when only a token identifies the recipient.
    address: str
    # The address that was written to, where it differs.
    alias: str = ""
    # failed, delayed, delivered, relayed, expanded; complained.
    action: str = "failed"
    # Reply of the server that refused.
    diagnostic: str = ""
    # Without a class where nothing failed.
    classification: Classification = UNCLASSIFIED
    # How the recipient was found: report, header, text, flufl, returned_to, token, session.
    found_by: str = ""


class UnsubscribeRequest(NamedTuple):
    """Who unsubscribes from which lists, as an ESP says of an address."""

    # Id of the subscriber.
    subscriber: int
    list_ids: tuple[int, ...]
    # Id of the newsletter that it names; None: it names a list, or everything.
    newsletter: int | None


@dataclass(frozen=True)
class ParsedReturnedMessage:
    """A returned message, a service's event or a refusal, in one vocabulary."""

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    # Id of the delivery that a token of ours names; None without one.
    delivery: int | None = None
    # Id of the suppression decision whose probe a token of ours names; None without one.
    probe: int | None = None
    # One of AUTHENTICATED; "" where nothing authenticates it. A service and a member of staff also
    # authenticate the address of the recipient that they name.
    identity: str = ""
    # Message-ID of the returned message, with angle brackets; "" when it was not returned.
    original_message_id: str = ""
    # For kind unsubscribe by an unsubscribe address: who unsubscribes from what.
    unsubscribe_address: UnsubscribeAddress | None = None
    # The same from an ESP's event that names no delivery.
    unsubscribe_request: UnsubscribeRequest | None = None
    # For a feedback report: abuse, fraud, opt-out.
    feedback_type: str = ""


@dataclass(frozen=True)
class EventSource:
    """Where a parsed return came from."""

    # Unique, and the same when it arrives again, so that it is applied once: "mail SHA-256", "session
    # DELIVERY", "postmark EVENT". At most 120 characters.
    key: str
    # When the event happened, as far as that is known; aware UTC.
    at: datetime
    # Id of the returned message it was parsed from; None where it did not come by mail.
    message: int | None = None
