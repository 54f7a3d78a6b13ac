"""Answers of staff to messages: sent through the outbox, threaded, and kept with the message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr

from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction

from mailer.editions.models import Newsletter
from mailer.feedback.decisions import manual_triage
from mailer.feedback.decisions.manual_triage import TriageError
from mailer.feedback.models import ReplyAnswer, ReturnedMessage
from mailer.feedback.parsing import mime
from subscribers.addresses import normalise

# RFC 5322 §3.6.4, without the forms that nobody writes.
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>")
# So many ids of a long thread are enough to keep it together.
_MAX_REFERENCES = 10
# The same text again within this time is a second press of the button.
_ONE_PRESS = timedelta(minutes=10)
_RE = re.compile(r"\s*(?:re|aw|ответ|отв|на)\s*:", re.IGNORECASE)


def reply_address_of(message: ReturnedMessage) -> str:
    """The normalised address to which an answer goes: of Reply-To, else of From; "" where there is none."""
    if message.service or message.kind in manual_triage.CLASSIFIED_KINDS:
        return ""
    headers = _headers(message)
    for name in ("reply-to", "from"):
        try:
            return normalise(parseaddr(headers.first(name))[1])
        except ValueError:
            continue
    return ""


def reply_subject(message: ReturnedMessage) -> str:
    """The subject of an answer."""
    subject = message.subject.strip()
    return subject[:200] if _RE.match(subject) else f"Re: {subject}"[:200].strip()


def send_reply_and_mark_done(
    message: ReturnedMessage, newsletter: Newsletter, subject: str, body: str, user: User, now: datetime
) -> ReplyAnswer:
    """Send an answer from the newsletter's address, keep it, and mark an open message as done.

    The same answer again within ten minutes is not sent; the first one is returned. Raises ValueError where
    the message has no address to answer to.
    """
    recipient = reply_address_of(message)
    if not recipient:
        raise ValueError("The message has no address to answer to.")
    with transaction.atomic():
        # One request at a time, so that the second of two presses sees what the first has done.
        ReturnedMessage.objects.select_for_update().filter(pk=message.pk).values_list("pk").first()
        recent = ReplyAnswer.objects.filter(message=message, answered_by=user, at__gt=now - _ONE_PRESS)
        if sent := recent.filter(sender=newsletter.sender_email, subject=subject, body=body).first():
            return sent
        kept = ReplyAnswer.objects.create(
            message=message,
            answered_by=user,
            at=now,
            recipient=recipient,
            sender=newsletter.sender_email,
            subject=subject,
            body=body,
        )
        EmailMessage(
            subject,
            body,
            from_email=formataddr((newsletter.sender_name, newsletter.sender_email)),
            to=[recipient],
            reply_to=[newsletter.reply_to] if newsletter.reply_to else None,
            # A person wrote it (RFC 3834 §5).
            headers={**_thread(message), "Auto-Submitted": "no"},
        ).send()
        if message.triaged_at is None:
            try:
                manual_triage.triage(message, "nothing", None, user.get_username(), now)
            except TriageError:
                # A colleague marked it in the same moment.
                message.refresh_from_db()
    return kept


def _headers(message: ReturnedMessage) -> mime.Headers:
    return mime.parse_parts(mime.normalise_line_ends(bytes(message.raw)[: mime.MAX_OCTETS])).headers


def _thread(message: ReturnedMessage) -> dict[str, str]:
    """In-Reply-To and References (RFC 5322 §3.6.4); nothing for a message without an id."""
    headers = _headers(message)
    own: Sequence[str] = _MESSAGE_ID.findall(headers.first("message-id"))[:1]
    if not own:
        return {}
    earlier = _MESSAGE_ID.findall(headers.first("references") or headers.first("in-reply-to"))
    references = list(dict.fromkeys([*earlier, *own]))
    return {"In-Reply-To": own[0], "References": " ".join(references[-_MAX_REFERENCES:])}
