"""The evidence in one returned message: its parts, the server's text, the envelope, and tokens of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from mailer.delivery import message_identifiers
from mailer.delivery.message_identifiers import FoundToken, UnsubscribeAddress, read_unsubscribe_address
from mailer.feedback.parsing import dsn, message_kind_signals, mime, plain_text_bounces
from mailer.feedback.parsing.mime import Headers, Part
from mailer.feedback.parsing.plain_text_bounces import NoticeText

# Header fields in which a mail server writes the envelope recipient, the most reliable first.
_ENVELOPE_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "to")
# Header fields that name the author of a message.
_AUTHOR_FIELDS = ("from", "sender", "reply-to", "return-path")


class TokenMatch(NamedTuple):
    """What a token of ours with a valid MAC names."""

    # Id of the delivery; None for a probe.
    delivery: int | None
    # Where the token was: "verp" or "message_id" (AUTHENTICATED).
    identity: str
    # Id of the suppression decision whose probe it was; None for a delivery.
    probe: int | None = None


@dataclass(frozen=True)
class Evidence:
    """One returned message, as detectors look at it."""

    # The message with LF line ends, at most mime.MAX_OCTETS.
    message: bytes
    # The parts of the message that arrived, or of the report that a gateway enclosed in it.
    root: Part
    # The server's text, and the headers of the message that it returns.
    notice: NoticeText
    # Addresses to which the message may have been delivered, the most reliable first.
    envelope: tuple[str, ...]

    @property
    def headers(self) -> Headers:
        """The header of the report."""
        return self.root.headers

    @cached_property
    def envelope_match(self) -> TokenMatch | None:
        """The token in the envelope."""
        return match_token(self.envelope)

    def token_match(self) -> TokenMatch | None:
        """The token in the envelope, else any within the message."""
        return self.envelope_match or match_token((), self._searchable_text())

    def unsubscribe_address(self) -> UnsubscribeAddress | None:
        """Who unsubscribes from what, when the message was sent to an unsubscribe address of ours."""
        return next(
            (found for found in map(read_unsubscribe_address, self.envelope) if found is not None), None
        )

    def own_addresses(self) -> frozenset[str]:
        """Addresses that sent or received the report: a notice names them although they did not fail."""
        fields = [
            headers.first(name) for headers in (self.headers, self.notice.returned) for name in _AUTHOR_FIELDS
        ]
        return frozenset(dsn.find_addresses(" ".join([*self.envelope, *fields])))

    def original_message_id(self) -> str:
        """Message-ID of the returned message, at most 300 characters; "" without one."""
        return self.notice.returned.first("message-id").strip()[:300]

    def _searchable_text(self) -> str:
        """The message as it arrived, and its parts decoded."""
        encoded = (
            part for part in self.root.walk() if part.headers.first("content-transfer-encoding").strip()
        )
        return "\n".join([self.message.decode("latin-1"), *(part.text for part in encoded)])


def collect_evidence(raw: bytes, envelope_to: str | None) -> Evidence:
    """The evidence in a message with any line ends.

    `envelope_to` is the address it was delivered to, where the transport says so; else header fields are
    used.
    """
    # Twice as much, since CRLF becomes LF.
    message = mime.normalise_line_ends(raw[: mime.MAX_OCTETS * 2])[: mime.MAX_OCTETS]
    outer = mime.parse_parts(message)
    envelope = envelope_recipients(outer.headers, envelope_to)
    root = _enclosed_report(outer) or outer
    return Evidence(
        message, root, plain_text_bounces.extract_notice_and_returned_headers(root), tuple(envelope)
    )


def envelope_recipients(headers: Headers, envelope_to: str | None) -> list[str]:
    """The addresses to which a message may have been delivered, the most reliable first."""
    written = [value for name in _ENVELOPE_FIELDS for value in headers.all(name)[:5]]
    return [address for address in (envelope_to, *written) if address]


def match_token(addresses: Iterable[str], text: str = "") -> TokenMatch | None:
    """What the first address with a valid token names, else what any token within the text names.

    A token is found when it was cut, folded in case or surrounded by what a relay adds; a forged one is not.
    """
    for address in addresses:
        if (match := _match_tokens(message_identifiers.find_possible_tokens(address))) is not None:
            return match
    if not text:
        return None
    tokens = message_identifiers.find_possible_tokens(text)
    delivery = message_identifiers.first_id("delivery", (found for found in tokens if found.in_message_id))
    return _match_tokens(tokens) if delivery is None else TokenMatch(delivery, "message_id")


def _match_tokens(tokens: list[FoundToken]) -> TokenMatch | None:
    delivery = message_identifiers.first_id("delivery", tokens)
    if delivery is not None:
        return TokenMatch(delivery, "verp")
    probe = message_identifiers.first_id("probe", tokens)
    return None if probe is None else TokenMatch(None, "verp", probe)


def _enclosed_report(outer: Part) -> Part | None:
    """The delivery report that a gateway encloses in a message of its own; None without one.

    Both must be from mailer daemons: a person who forwards a report is a person.
    """
    enclosed = next((part for part in outer.walk() if part.type == "message/rfc822"), None)
    if enclosed is None or b"delivery-status" not in enclosed.body or dsn.recipient_statuses(outer):
        return None
    inner = mime.parse_parts(enclosed.body.lstrip(b"\n"))
    daemons = all(message_kind_signals.is_mailer_daemon(part.headers) for part in (outer, inner))
    return inner if daemons and dsn.recipient_statuses(inner) else None


Kind = Literal["bounce", "delay", "complaint", "auto_reply", "unsubscribe", "receipt", "other"]
BounceClass = Literal["hard", "soft", "block", "unknown", ""]
