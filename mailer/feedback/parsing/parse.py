"""Parses one returned message: its kind, recipients and reasons, and the delivery it is about.

Detectors are asked in order; the first that recognises the message decides. Feedback reports (RFC 5965,
"ARF") are read in all their forms.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email import message_from_bytes

from flufl.bounce import scan_message

from mailer.feedback.parsing import collect_message_evidence as evidence_of
from mailer.feedback.parsing import dsn, message_kind_signals, plain_text_bounces
from mailer.feedback.parsing.classify_bounce_reasons import UNCLASSIFIED, Classification, classify
from mailer.feedback.parsing.collect_message_evidence import Evidence, Kind
from mailer.feedback.parsing.dsn import RecipientStatus
from mailer.feedback.parsing.mime import Headers, Part, split_headers
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage, Recipient
from mailer.feedback.parsing.plain_text_bounces import NamedRecipient, NoticeText

log = logging.getLogger(__name__)


def parse_message(raw: bytes, envelope_to: str | None = None) -> ParsedReturnedMessage:
    """What the message `raw` says; its line ends may be LF, CRLF or CR, and make no difference.

    `envelope_to` is the address it was delivered to, where the transport says so; else header fields are
    used. Input is hostile: what cannot be read is of kind "other", for staff. Never raises.
    """
    try:
        return parse_or_raise(raw, envelope_to)
    except Exception as error:  # noqa: BLE001  (one message must never stop the mailbox; it is kept for staff)
        # The error's text could name a subscriber.
        log.warning("action=feedback_unreadable error=%s", type(error).__name__)
        return ParsedReturnedMessage("other")


def parse_or_raise(raw: bytes, envelope_to: str | None = None) -> ParsedReturnedMessage:
    """`parse_message` without the guard: tests use it to see exceptions."""
    evidence = evidence_of.collect_evidence(raw, envelope_to)
    detection = detect(evidence)
    # Other mail may quote a token of ours without being about its delivery: only its envelope counts.
    only_envelope = detection.kind in ("other", "unsubscribe")
    match = evidence.envelope_match if only_envelope else evidence.token_match()
    recipients = detection.recipients
    if not recipients and match is not None and detection.kind in ("bounce", "delay"):
        recipients = (recipient_without_address(evidence, detection.kind),)
    # A bounce that is about nobody has no effect: staff may know better.
    about_nobody = match is None and not any(one.address or one.alias for one in recipients)
    return ParsedReturnedMessage(
        kind="other" if detection.kind == "bounce" and about_nobody else detection.kind,
        recipients=recipients,
        delivery=match.delivery if match else None,
        probe=match.probe if match else None,
        identity=match.identity if match else "",
        original_message_id=evidence.original_message_id(),
        unsubscribe_address=evidence.unsubscribe_address() if detection.kind == "unsubscribe" else None,
        feedback_type=detection.feedback_type,
    )


# flufl.bounce logs each detector that it tries, and each exception before it raises it, which
# `_scan_with_flufl` logs at debug level.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_MAX_DIAGNOSTIC = 1_000
# How much of a message flufl.bounce is given: it applies each of its many patterns to every line.
_FLUFL_OCTETS = 32 * 1024
_FLUFL_LINES = 600


@dataclass(frozen=True)
class Detection:
    """What a message is, and whom it is about."""

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    # Type of a feedback report (RFC 5965), lower case; "" for another message.
    feedback_type: str = ""


Detector = Callable[[Evidence], Detection | None]

OTHER = Detection("other")


def detect(evidence: Evidence) -> Detection:
    """What the first detector says that recognises the message; OTHER when none does."""
    for detector in DETECTORS:
        if (detection := detector(evidence)) is not None:
            return detection
    return OTHER


def detect_feedback_report(evidence: Evidence) -> Detection | None:
    """A feedback report (RFC 5965): a complaint if its type asks for no more mail, else nothing to act on."""
    feedback_type = find_feedback_type(evidence.root, evidence.notice)
    is_forwarded = message_kind_signals.is_reply_or_forward_subject(evidence.headers)
    if not feedback_type or (is_forwarded and not _is_by_program(evidence)):
        return None
    if is_complaint_type(feedback_type):
        recipients = complaining_recipients(evidence.root, evidence.notice)
        return Detection("complaint", tuple(recipients), feedback_type)
    # The address to which it was sent may still ask for something.
    asked = detect_mail_to_unsubscribe_address(evidence) or detect_unsubscribe_subject(evidence)
    return replace(asked or OTHER, feedback_type=feedback_type)


def detect_read_receipt(evidence: Evidence) -> Detection | None:
    """A read receipt (RFC 8098), unless a mail system uses its form to report a failure."""
    if not dsn.is_read_receipt(evidence.root):
        return None
    reports_failure = _is_from_daemon(evidence) and _mentions_failure(evidence)
    return None if reports_failure else Detection("receipt")


def detect_delivery_report(evidence: Evidence) -> Detection | None:
    """A delivery report (RFC 3464): a bounce, a delay, or a receipt when every recipient got the message."""
    statuses = dsn.recipient_statuses(evidence.root)
    if not statuses or _is_forwarded_report(evidence):
        return None
    addresses = [status.address for status in statuses]
    recipients = tuple(
        _from_status(status, plain_text_bounces.text_about(evidence.notice.text, status.address, addresses))
        for status in _with_original_recipient(statuses, evidence)
    )
    return Detection(_kind_by_actions(recipients), recipients)


def detect_bounce_or_delay_notice(evidence: Evidence) -> Detection | None:
    """A bounce or a delay that is reported in plain text."""
    if message_kind_signals.asks_for_a_human(evidence.notice.text) or not _is_bounce_notice(evidence):
        return None
    kind: Kind = (
        "delay" if message_kind_signals.is_delay_notice(evidence.headers, evidence.notice.text) else "bounce"
    )
    recipients = _named_recipients(evidence, "delayed" if kind == "delay" else "failed")
    return Detection(kind, tuple(recipients))


def detect_auto_reply(evidence: Evidence) -> Detection | None:
    """An automatic reply (RFC 3834), or a challenge by a filter; asked after bounces, since many set its
    fields.
    """
    headers, text = evidence.headers, evidence.notice.text
    if (
        message_kind_signals.is_auto_reply(headers)
        or message_kind_signals.is_challenge(headers, text)
        or message_kind_signals.asks_for_a_human(text)
    ):
        return Detection("auto_reply")
    return None


def detect_mail_to_unsubscribe_address(evidence: Evidence) -> Detection | None:
    """Any message to an unsubscribe address: mail programs send it for the reader, and Apple's marks it as an
    automatic reply.
    """
    return Detection("unsubscribe") if evidence.unsubscribe_address() else None


def detect_with_flufl(evidence: Evidence) -> Detection | None:
    """A bounce of a form that flufl.bounce knows alone, unless a person sent it."""
    if not _is_by_program(evidence) or message_kind_signals.is_reply_or_forward_subject(evidence.headers):
        return None
    found = _recipients_by_flufl(evidence, "failed")
    return Detection("bounce", tuple(found)) if found else None


def detect_unsubscribe_subject(evidence: Evidence) -> Detection | None:
    """A message whose subject only asks for it, at an envelope address with a token."""
    signed = evidence.envelope_match is not None
    if signed and message_kind_signals.is_unsubscribe_subject(evidence.headers):
        return Detection("unsubscribe")
    return None


# The order keeps one kind from passing for another: reports come before text, bounces before automatic
# replies. What was sent to an unsubscribe address is one, whatever else it looks like.
DETECTORS: tuple[Detector, ...] = (
    detect_feedback_report,
    detect_mail_to_unsubscribe_address,
    detect_read_receipt,
    detect_delivery_report,
    detect_bounce_or_delay_notice,
    detect_auto_reply,
    detect_unsubscribe_subject,
    detect_with_flufl,
)


def recipient_without_address(evidence: Evidence, kind: Kind) -> Recipient:
    """The recipient of a bounce or delay whose text names none, and which only a token identifies."""
    named = NamedRecipient("", "", evidence.notice.text)
    return _from_text(named, "delayed" if kind == "delay" else "failed", "token")


def _is_bounce_notice(evidence: Evidence) -> bool:
    """Whether a message without a readable report is a bounce: a mail system sent it, and it reports a
    failure.

    One of these alone is not enough: people forward bounces, and auto-responders use an empty return path
    too.
    """
    headers, notice = evidence.headers, evidence.notice
    if (
        evidence.root.parameters.get("report-type", "").lower() == "delivery-status"
        or "x-failed-recipients" in headers
        or message_kind_signals.ses_bounce_or_complaint(notice.text) == "bounce"
    ):
        return True
    if message_kind_signals.is_reply_or_forward_subject(headers):
        return False
    if not notice.has_returned_message and message_kind_signals.looks_like_sign_in_phishing(notice.text):
        return False
    daemon, subject = _is_from_daemon(evidence), message_kind_signals.is_failure_subject(headers)
    if not daemon and _is_by_recipient(evidence):
        return False
    if message_kind_signals.is_auto_reply_subject(headers) and not daemon:
        return False
    if daemon and (subject or notice.has_returned_message):
        return True
    if not daemon and message_kind_signals.is_auto_reply(headers) and not subject:
        return False
    # Few messages but bounces, and replies by programs that quote ours, arrive at an envelope sender of ours
    # with its token.
    signed = evidence.envelope_match is not None
    if signed and (daemon or notice.has_whole_header):
        return True
    # Any other sender needs two signals more; the text alone may be that of a person who is away.
    null_path = message_kind_signals.has_null_return_path(headers)
    returned = null_path and notice.has_returned_message
    titled = subject and (
        null_path or notice.has_returned_message or message_kind_signals.is_automated(headers)
    )
    return (daemon or returned or titled) and _mentions_failure(evidence)


def _is_by_recipient(evidence: Evidence) -> bool:
    """Whether the message comes from the address that ours was sent to: its mailbox works."""
    authors = dsn.find_addresses(evidence.headers.decoded("from")[:300])
    return bool(set(authors) & set(evidence.notice.returned_to))


def _is_forwarded_report(evidence: Evidence) -> bool:
    """Whether a person forwards or quotes the report: its subject says so, or the report lost its type and
    nothing else tells of a failure.
    """
    if _is_by_program(evidence):
        return False
    headers = evidence.headers
    return message_kind_signals.is_reply_or_forward_subject(headers) or not (
        dsn.has_report_part(evidence.root) or message_kind_signals.is_failure_subject(headers)
    )


def _is_by_program(evidence: Evidence) -> bool:
    headers = evidence.headers
    return (
        _is_from_daemon(evidence)
        or message_kind_signals.has_null_return_path(headers)
        or message_kind_signals.is_automated(headers)
        or evidence.root.type == "multipart/report"
    )


def _is_from_daemon(evidence: Evidence) -> bool:
    return message_kind_signals.is_mailer_daemon(evidence.headers)


def _mentions_failure(evidence: Evidence) -> bool:
    return message_kind_signals.mentions_failure(evidence.notice.text)


def _kind_by_actions(recipients: Iterable[Recipient]) -> Kind:
    actions = {recipient.action for recipient in recipients}
    if "failed" in actions:
        return "bounce"
    return "delay" if "delayed" in actions else "receipt"


def _with_original_recipient(statuses: list[RecipientStatus], evidence: Evidence) -> list[RecipientStatus]:
    """The statuses; a single one without an address, or with another than ours, gets the returned To."""
    if len(statuses) != 1:
        return statuses
    (status,) = statuses
    written = evidence.notice.original_recipient(status.address)
    if not status.address:
        return [replace(status, address=written)]
    return [replace(status, alias=status.alias or written)]


def _named_recipients(evidence: Evidence, action: str) -> list[Recipient]:
    """Recipients of a bounce in plain text: Exim's field, the text, the returned To, flufl.bounce."""
    notice, own = evidence.notice, evidence.own_addresses()
    failed = dsn.find_addresses(" ".join(evidence.headers.all("x-failed-recipients")[:20]))
    named = plain_text_bounces.named_recipients(notice, own)
    if len(failed) == len(named) == 1 and failed[0] != named[0].address:
        # The header field names whom we wrote to, the text the address it was forwarded to.
        named = [named[0]._replace(alias=failed[0])]
    elif failed:
        texts = {recipient.address: recipient.text for recipient in named}
        alias = notice.original_recipient(failed[0]) if len(failed) == 1 else ""
        named = [NamedRecipient(address, alias, texts.get(address, notice.text)) for address in failed]
        return [_from_text(one, action, "header") for one in named[: plain_text_bounces.MAX_RECIPIENTS]]
    if named:
        return [_from_text(one, action, "text") for one in named]
    written = notice.original_recipient("")
    if written:
        return [_from_text(NamedRecipient(written, "", notice.text), action, "returned_to")]
    by_flufl = _recipients_by_flufl(evidence, action)
    if by_flufl:
        return by_flufl
    # Last, an address that seems to be ours: people who write to themselves have it in the header too.
    last = plain_text_bounces.sole_recipient(notice, own) or plain_text_bounces.named_recipients(notice, ())
    return [_from_text(one, action, "text") for one in last]


def _recipients_by_flufl(evidence: Evidence, action: str) -> list[Recipient]:
    own, text = evidence.own_addresses(), evidence.notice.text
    return [
        _from_text(NamedRecipient(address, "", text), action, "flufl")
        for address in _scan_with_flufl(evidence.message)
        if address not in own
    ]


def _from_status(status: RecipientStatus, text: str) -> Recipient:
    if status.action in ("failed", "delayed"):
        found = _of_action(status.action, classify(status.diagnostic, text, status.status, status.mta))
    else:
        found = replace(UNCLASSIFIED, status=status.status)
    return Recipient(
        address=status.address,
        alias=status.alias,
        action=status.action,
        diagnostic=status.diagnostic[:_MAX_DIAGNOSTIC],
        classification=found,
        found_by="report",
    )


def _from_text(named: NamedRecipient, action: str, found_by: str) -> Recipient:
    return Recipient(
        address=named.address,
        alias=named.alias,
        action=action,
        diagnostic=named.text.strip()[:_MAX_DIAGNOSTIC],
        classification=_of_action(action, classify("", named.text)),
        found_by=found_by,
    )


def _of_action(action: str, classification: Classification) -> Classification:
    """The classification of a failed or delayed delivery: of a delay it is the reason alone."""
    return replace(classification, bounce_class="") if action == "delayed" else classification


def _scan_with_flufl(message: bytes) -> list[str]:
    """Addresses that flufl.bounce finds. It is asked last: it costs twice as much as our own parser."""
    try:
        lines = message[:_FLUFL_OCTETS].split(b"\n", _FLUFL_LINES)[:_FLUFL_LINES]
        found = scan_message(message_from_bytes(b"\n".join(lines)))
    except Exception as error:  # noqa: BLE001  (it raises on some messages, and the input is hostile)
        log.debug("action=flufl_failed error=%s", type(error).__name__)
        return []
    addresses = [address.decode("ascii", "replace").lower() for address in found]
    return sorted(address for address in addresses if "@" in address)[: plain_text_bounces.MAX_RECIPIENTS]


# Types that mean "do not mail this recipient" (RFC 5965 §7.3); others do not.
_COMPLAINT_TYPES = {"abuse", "fraud", "opt-out", "opt-out-list"}
# A report without a type asks for nothing.
_UNTYPED = "other"
# Microsoft returns what a user of Outlook.com called junk, with this field in it and no report around it.
_JUNKED = "x-hmxmroriginalrecipient"
# Fields that name the recipient who complained.
_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to", _JUNKED)
_TYPE_FIELD = re.compile(r"\s*feedback-type[ \t]*:", re.IGNORECASE)


def find_feedback_type(root: Part, notice: NoticeText) -> str:
    """The type of a feedback report in lower case; "" when the message is none."""
    fields = _report_fields(root)
    if fields is not None:
        return _first_token(fields.first("feedback-type")) or _UNTYPED
    if message_kind_signals.ses_bounce_or_complaint(notice.text) == "complaint":
        return message_kind_signals.ses_complaint_type_or_abuse(notice.text)
    return "abuse" if _JUNKED in notice.returned else ""


def is_complaint_type(feedback_type: str) -> bool:
    """Whether a report of this type is a complaint by a recipient."""
    return feedback_type in _COMPLAINT_TYPES


def complaining_recipients(root: Part, notice: NoticeText) -> list[Recipient]:
    """The recipients that the report names, else those to whom the returned message was written."""
    fields = _report_fields(root) or notice.returned
    listed = " ".join(value for name in _RECIPIENT_FIELDS for value in fields.all(name)[:50])
    named = dsn.find_addresses(listed) or notice.returned_to or plain_text_bounces.json_recipients(notice)
    return [
        Recipient(address, action="complained", found_by="report")
        for address in named[: plain_text_bounces.MAX_RECIPIENTS]
    ]


def _report_fields(root: Part) -> Headers | None:
    """The fields of a feedback report; None when the message is none."""
    parts = list(root.walk())
    for part in parts:
        if part.type == "message/feedback-report":
            return split_headers(part.text.lstrip("\n"))[0]
    if root.parameters.get("report-type", "").lower() == "feedback-report":
        # The part lost its type on the way.
        return next((split_headers(part.text)[0] for part in parts if _TYPE_FIELD.match(part.text)), None)
    return None


def _first_token(value: str) -> str:
    """What a field says before any comment."""
    token = re.match(r"\s*([\w-]+)", value)
    return token[1].lower() if token else ""
