"""Complaints: feedback reports (RFC 5965) in all their flavours, what they ask for, and who complained."""

from __future__ import annotations

import re

from mailer.feedback.parsing import dsn, message_kind, notice_text
from mailer.feedback.parsing.mime import Headers, Part, split_headers
from mailer.feedback.parsing.notice_text import Notice
from mailer.feedback.parsing.records import Recipient

# Types that mean "do not mail this reader" (RFC 5965 §7.3); others do not.
_ASK_TO_STOP = {"abuse", "fraud", "opt-out", "opt-out-list"}
# A report that gives no type asks for nothing.
_UNTYPED = "other"
# Microsoft sends back what a reader of Outlook.com called junk, with this field in it and no report around.
_JUNKED = "x-hmxmroriginalrecipient"
# Fields that name who complained.
_COMPLAINED = ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to", _JUNKED)
_FIELDS = re.compile(r"\s*feedback-type[ \t]*:", re.IGNORECASE)


def feedback_type(root: Part, found: Notice) -> str:
    """What a feedback report is about, in lower case; "" when the message is none."""
    fields = _fields(root)
    if fields is not None:
        return _first_word(fields.first("feedback-type")) or _UNTYPED
    if message_kind.machine_notice(found.words) == "complaint":
        return message_kind.complaint_type(found.words)
    return "abuse" if _JUNKED in found.returned else ""


def asks_to_stop(feedback_type: str) -> bool:
    """Whether a report of this type is a complaint by a reader."""
    return feedback_type in _ASK_TO_STOP


def complainers(root: Part, found: Notice) -> list[Recipient]:
    """Who complained: whom the report names, else to whom the returned message was written."""
    fields = _fields(root) or found.returned
    listed = " ".join(value for name in _COMPLAINED for value in fields.all(name)[:50])
    named = dsn.addresses(listed) or found.returned_to or notice_text.in_json(found)
    return [
        Recipient(address, action="complained", found="report")
        for address in named[: notice_text.MAX_RECIPIENTS]
    ]


def _fields(root: Part) -> Headers | None:
    """The fields of a feedback report, or None when the message is none."""
    parts = list(root.walk())
    for part in parts:
        if part.type == "message/feedback-report":
            return split_headers(part.text.lstrip("\n"))[0]
    if root.parameters.get("report-type", "").lower() == "feedback-report":
        # Its part lost its type on the way.
        return next((split_headers(part.text)[0] for part in parts if _FIELDS.match(part.text)), None)
    return None


def _first_word(value: str) -> str:
    """What a field says before any remark."""
    word = re.match(r"\s*([\w-]+)", value)
    return word[1].lower() if word else ""
