"""Feedback reports (RFC 5965, "ARF") in all their forms: their type, and the recipients who complained."""

from __future__ import annotations

import re

from mailer.feedback.parsing import dsn, message_kind, notice_text
from mailer.feedback.parsing.mime import Headers, Part, split_headers
from mailer.feedback.parsing.notice_text import NoticeText
from mailer.feedback.parsing.records import Recipient

# Types that mean "do not mail this recipient" (RFC 5965 §7.3); others do not.
_COMPLAINT_TYPES = {"abuse", "fraud", "opt-out", "opt-out-list"}
# A report without a type asks for nothing.
_UNTYPED = "other"
# Microsoft returns what a user of Outlook.com called junk, with this field in it and no report around it.
_JUNKED = "x-hmxmroriginalrecipient"
# Fields that name the recipient who complained.
_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to", _JUNKED)
_TYPE_FIELD = re.compile(r"\s*feedback-type[ \t]*:", re.IGNORECASE)


def feedback_type(root: Part, notice: NoticeText) -> str:
    """The type of a feedback report in lower case; "" when the message is none."""
    fields = _report_fields(root)
    if fields is not None:
        return _first_token(fields.first("feedback-type")) or _UNTYPED
    if message_kind.ses_event_type(notice.text) == "complaint":
        return message_kind.ses_complaint_type(notice.text)
    return "abuse" if _JUNKED in notice.returned else ""


def is_complaint_type(feedback_type: str) -> bool:
    """Whether a report of this type is a complaint by a recipient."""
    return feedback_type in _COMPLAINT_TYPES


def complaining_recipients(root: Part, notice: NoticeText) -> list[Recipient]:
    """The recipients that the report names, else those to whom the returned message was written."""
    fields = _report_fields(root) or notice.returned
    listed = " ".join(value for name in _RECIPIENT_FIELDS for value in fields.all(name)[:50])
    named = dsn.find_addresses(listed) or notice.returned_to or notice_text.json_recipients(notice)
    return [
        Recipient(address, action="complained", found_by="report")
        for address in named[: notice_text.MAX_RECIPIENTS]
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
