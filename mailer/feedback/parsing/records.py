"""What reading a returned message yields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mailer.delivery.identifiers import UnsubscribeAddress

Kind = Literal["bounce", "delay", "complaint", "auto_reply", "unsubscribe", "receipt", "other"]
BounceClass = Literal["hard", "soft", "block", "unknown", ""]

# Ways of knowing whom a reading is about that nobody else could have written: a token of ours in the envelope
# or in the returned message, a service's signed word, what a server said to our own connection, and the word
# of a colleague who read it.
PROOFS = ("verp", "message_id", "service", "session", "person")


@dataclass(frozen=True)
class Recipient:
    # Lower case; "" when only a token tells whom it is about.
    address: str
    # The address that was written to, where it differs.
    alias: str = ""
    # failed, delayed, delivered, relayed, expanded; complained.
    action: str = "failed"
    # Enhanced code (RFC 3463), "5.1.1"; "" without one.
    status: str = ""
    # What the refusing server said.
    diagnostic: str = ""
    # hard, soft, block, unknown; "" where nothing failed.
    bounce_class: str = ""
    # A key of [reasons] in rules.toml.
    reason: str = ""
    # Name of the rule that decided.
    rule: str = ""
    # How the recipient was found: report, header, text, flufl, returned_to, token, session.
    found: str = ""


@dataclass(frozen=True)
class Reading:
    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    # The delivery it is about, by a token of ours; None where there was none.
    delivery: int | None = None
    # The probe that it answers, likewise.
    probe: int | None = None
    # One of PROOFS; "" without proof. The word of a service or a person also proves whom its recipient's
    # address names.
    identity: str = ""
    # Of the message that came back, with angle brackets; "" when it was not returned.
    original_message_id: str = ""
    # For kind unsubscribe by a leave address: who leaves what.
    departure: UnsubscribeAddress | None = None
    # For kind complaint: abuse, fraud, opt-out.
    feedback_type: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a reading came from."""

    # Names it among all, and is the same when it comes again: "mail SHA-256", "session DELIVERY",
    # "postmark EVENT". What was put into effect once is not put into effect again. At most 120 characters.
    key: str
    # When what it tells of happened, as far as that is known; aware UTC.
    at: datetime
    # Number of the returned message it was read from; None where it did not come by mail.
    message: int | None = None
