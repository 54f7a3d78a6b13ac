"""The recipients that the demo simulates: the bounce of an unknown one, and the clicks of readers."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime, make_msgid
from html import unescape
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from mailer.demo import seed

log = logging.getLogger(__name__)

_WORDS = """\
This is the mail system at host {host}.

Your message could not be delivered to the recipient below. It is returned to you
because this server accepted it and then found that there is no such mailbox.

<{recipient}>: host mailstore.{host} said: {reply}
"""


def bounce_report(sender: str, recipient: str, raw: bytes, host: str, now: datetime) -> bytes:
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
    """The returned message's headers (RFC 6522 §4), without its body."""
    headers = BytesHeaderParser(policy=compat32).parsebytes(raw)
    part = MIMENonMultipart("text", "rfc822-headers")
    part.set_payload("".join(f"{name}: {value}\n" for name, value in headers.items()))
    return part


_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
_LINK = re.compile(r'<a\b[^>]*\shref="(http[^"]*/r/[^"]*)"')
# Seconds after delivery at which a person follows the first and the second link.
_OPENED, _EACH, _READ = 20.0, 2.0, 15.0
_FILTERED = 1.0


@dataclass(frozen=True)
class Visit:
    """A simulated click."""

    # Seconds after the mail was caught.
    after: float
    url: str
    # The client's address (RFC 5737).
    address: str


def clicks_of(recipient: str, raw: bytes) -> Iterator[Visit]:
    """The simulated clicks on a message; none for other addresses."""
    number = next((place for place, reader in enumerate(seed.READERS) if reader.email == recipient), None)
    if number is None:
        return
    body = message_from_bytes(raw, policy=policy.default).get_body(("html",))
    links = [unescape(found) for found in _LINK.findall(body.get_content())] if body else []
    # The honeypot link has no visible target; only bots follow it.
    seen = [link for link in links if not link.endswith("/")]
    habit = seed.READERS[number].habit
    if habit == "filtered":
        yield from (Visit(_FILTERED + place / 10, link, "203.0.113.1") for place, link in enumerate(links))
    elif habit == "reads on":
        # The first link, and another one that differs between readers.
        for place, link in enumerate(dict.fromkeys((*seen[:1], *seen[1 + number % 3 :][:1]))):
            yield Visit(_OPENED + _EACH * number + _READ * place, link, f"198.51.100.{number + 1}")


def request_tracked_link(visit: Visit, port: int) -> None:
    """Request the tracked link; the redirect is not followed."""
    headers: Mapping[str, str] = {"User-Agent": _BROWSER, "X-Forwarded-For": visit.address}
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", urlsplit(visit.url).path, headers=headers)
        connection.getresponse().read()
    except (OSError, HTTPException):
        log.info("action=demo_reader_waited_in_vain")
    finally:
        connection.close()
