"""Reads the caught mail: a mailbox per reader, one for the office, and one per other address."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

from django.utils.translation import gettext

from mailer import staff_localization
from mailer.demo import seed

# Numbers of mailboxes: readers from 1 in the sample's order.
OFFICE = 100
_FIRST_GUEST = 101


@dataclass(frozen=True)
class Mail:
    """One caught message."""

    # Counts from 1 in its box, oldest first.
    number: int
    path: Path
    # The envelope's address.
    sender: str
    recipient: str
    received_at: datetime

    @cached_property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message.get(gettext("Subject"), "")).strip() or gettext("(no subject)")

    @property
    def from_(self) -> str:
        return str(self.message.get(gettext("From"), ""))

    @property
    def to(self) -> str:
        return str(self.message.get("To", ""))

    @property
    def headers(self) -> str:
        """Every header as it was received."""
        return self.raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")

    @property
    def html(self) -> str:
        """The HTML part; empty when there is none."""
        return self._part("html")

    @property
    def text(self) -> str:
        """The plain text part; empty when there is none."""
        return self._part("plain")

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        if part is None:
            return ""
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset("utf-8")
        assert isinstance(payload, bytes)
        try:
            return payload.decode(charset, "replace")
        except LookupError:  # an unknown charset
            return payload.decode("utf-8", "replace")


@dataclass(frozen=True)
class Mailbox:
    """All messages to one address, or to the office's domain."""

    number: int
    address: str
    # None for the office and for guests.
    reader: seed.Reader | None
    # Newest first.
    mails: tuple[Mail, ...]

    @property
    def name(self) -> str:
        if self.reader is not None:
            return self.reader.name
        return gettext("The office's staff") if self.number == OFFICE else self.address

    @property
    def purpose(self) -> str:
        if self.reader is not None:
            return self.reader.purpose
        if self.number == OFFICE:
            return gettext("Notices to staff, for example about a new draft edition.")
        return gettext("An email address that you used yourself in the demo.")

    @property
    def choice(self) -> str:
        """Countries and language of a reader, for display; empty for others."""
        if self.reader is None:
            return ""
        countries = staff_localization.country_names(self.reader.countries) or gettext("Every country")
        return f"{countries} · {staff_localization.language_name(self.reader.language)}"

    def mail(self, number: int) -> Mail | None:
        return next((mail for mail in self.mails if mail.number == number), None)


def all_mailboxes(directory: Path) -> tuple[Mailbox, ...]:
    """Every mailbox: the sample's readers in order, the office, other addresses in order of arrival."""
    caught = _caught(directory)
    readers = [
        Mailbox(number, reader.email, reader, _newest_first(caught.pop(reader.email, [])))
        for number, reader in enumerate(seed.READERS, 1)
    ]
    office = Mailbox(OFFICE, seed.STAFF_DOMAIN, None, _newest_first(caught.pop(seed.STAFF_DOMAIN, [])))
    guests = [
        Mailbox(number, address, None, _newest_first(mails))
        for number, (address, mails) in enumerate(caught.items(), _FIRST_GUEST)
    ]
    return (*readers, office, *guests)


def mailbox_by_number(directory: Path, number: int) -> Mailbox | None:
    """The box with this number, None when there is none."""
    return next((found for found in all_mailboxes(directory) if found.number == number), None)


def _caught(directory: Path) -> dict[str, list[Mail]]:
    """Messages by recipient, in order of arrival; those to the office under its domain."""
    found = [
        (json.loads(path.read_text(encoding="utf-8")), path.name)
        for path in (directory / "envelopes").glob("*.json")
    ]
    found.sort(key=lambda one: (one[0]["received_at"], one[1]))
    caught: dict[str, list[Mail]] = defaultdict(list)
    for envelope, _ in found:
        recipient = str(envelope["rcpt_to"])
        staff = recipient.lower().endswith(f"@{seed.STAFF_DOMAIN}")
        mails = caught[seed.STAFF_DOMAIN if staff else recipient.lower()]
        mails.append(
            Mail(
                number=len(mails) + 1,
                path=directory / envelope["file"],
                sender=envelope["mail_from"],
                recipient=recipient,
                received_at=datetime.fromisoformat(envelope["received_at"]),
            )
        )
    return caught


def _newest_first(mails: list[Mail]) -> tuple[Mail, ...]:
    return tuple(reversed(mails))
