"""A bounce as a mail server writes it: a delivery report (RFC 3464) with the returned headers."""

from __future__ import annotations

from datetime import datetime
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime, make_msgid

_WORDS = """\
This is the mail system at host {host}.

Your message could not be delivered to the recipient below. It is returned to you
because this server accepted it and then found that there is no such mailbox.

<{recipient}>: host mailstore.{host} said: {reply}
"""


def report(sender: str, recipient: str, raw: bytes, host: str, now: datetime) -> bytes:
    """The report that `host` sends to the envelope sender of `raw`: 5.1.1, no such mailbox. CRLF lines."""
    reply = f"550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table"
    message = MIMEMultipart("report", report_type="delivery-status", policy=compat32)
    message["Return-Path"] = "<>"
    message["Delivered-To"] = sender
    message["From"] = f"Mail Delivery System <MAILER-DAEMON@{host}>"
    message["To"] = sender
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-replied"
    message.attach(MIMEText(_WORDS.format(host=host, recipient=recipient, reply=reply), "plain", "us-ascii"))
    message.attach(_status(recipient, host, reply, now))
    message.attach(_returned(raw))
    return message.as_bytes(policy=compat32.clone(linesep=SMTP.linesep, max_line_length=None))


def _status(recipient: str, host: str, reply: str, now: datetime) -> Message:
    """RFC 3464 §2: fields about the message, then fields about the recipient."""
    about_message = Message()
    about_message["Reporting-MTA"] = f"dns; {host}"
    about_message["Arrival-Date"] = format_datetime(now)
    about_recipient = Message()
    about_recipient["Final-Recipient"] = f"rfc822; {recipient}"
    about_recipient["Original-Recipient"] = f"rfc822;{recipient}"
    about_recipient["Action"] = "failed"
    about_recipient["Status"] = "5.1.1"
    about_recipient["Remote-MTA"] = f"dns; mailstore.{host}"
    about_recipient["Diagnostic-Code"] = f"smtp; {reply}"
    part = MIMENonMultipart("message", "delivery-status")
    part.set_payload([about_message, about_recipient])
    return part


def _returned(raw: bytes) -> Message:
    """The headers of the message that came back (RFC 6522 §4), and none of its words."""
    headers = BytesHeaderParser(policy=compat32).parsebytes(raw)
    part = MIMENonMultipart("text", "rfc822-headers")
    part.set_payload("".join(f"{name}: {value}\n" for name, value in headers.items()))
    return part
