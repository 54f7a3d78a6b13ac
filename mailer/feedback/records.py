"""What reading a returned message yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mailer.delivery.identity import Departure

Kind = Literal["bounce", "delay", "complaint", "auto_reply", "unsubscribe", "receipt", "other"]
BounceClass = Literal["hard", "soft", "block", "unknown", ""]


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
    # How the recipient was found: report, header, text, flufl, returned_to, token.
    found: str = ""


@dataclass(frozen=True)
class Reading:
    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    # The delivery it is about, proved by a token; None without proof.
    delivery: int | None = None
    # How that was found: verp, message_id; "" without proof.
    identity: str = ""
    # Of the message that came back, with angle brackets; "" when it was not returned.
    original_message_id: str = ""
    # For kind unsubscribe by a leave address: who leaves what.
    departure: Departure | None = None
    # For kind complaint: abuse, fraud, opt-out.
    feedback_type: str = ""
