"""The demo's mail server: nothing leaves this machine.

It accepts every message and stores it as a file: DIR/inbox holds messages to readers, DIR/staff those to the
office, as received; DIR/envelopes holds their envelopes. One address is refused; one bounces after
acceptance. What the recipients do is in simulated_recipients.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import re
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from mailer.config import Config
from mailer.demo import seed
from mailer.demo.simulated_recipients import bounce_report, clicks_of, request_tracked_link

_HOSTNAME = "mx.example.net"
_LARGEST = 20 * 1024 * 1024
# Long enough to be noticed in the guided tour; none in the unattended run.
_WATCHED_DELAY = 4.0
_UNWATCHED_DELAY = 0.1
_UNSAFE = re.compile(r"[^a-z0-9@._+-]")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """What the server does per address (lower case)."""

    # Refused at RCPT.
    refused: Collection[str] = frozenset()
    # Accepted, then returned.
    bouncing: Collection[str] = frozenset()
    # The office's own domain.
    staff_domain: str = seed.STAFF_DOMAIN
    # Seconds between acceptance and bounce.
    bounce_delay: float = _UNWATCHED_DELAY
    # Port of the web process, where simulated readers follow links; None: they do not.
    pages: int | None = None


def sample_reader_rules(bounce_delay: float, pages_port: int | None = None) -> Rules:
    """The rules for the sample's readers."""
    return Rules(
        refused={reader.email for reader in seed.READERS if reader.fate == "refused"},
        bouncing={reader.email for reader in seed.READERS if reader.fate == "bounces"},
        bounce_delay=bounce_delay,
        pages=pages_port,
    )


class Catcher:
    """An SMTP server on the loopback interface, in a thread of its own."""

    def __init__(self, directory: Path, maildir: Path, port: int, rules: Rules) -> None:
        # aiosmtpd logs addresses at level INFO; our logs hold none.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self.handler = _Handler(directory, maildir, rules)
        self._listening = False
        self._controller = Controller(
            self.handler,
            hostname="127.0.0.1",
            port=port,
            server_hostname=_HOSTNAME,
            ident="the demo's mail catcher",
            data_size_limit=_LARGEST,
            enable_SMTPUTF8=False,
        )

    def start(self) -> None:
        """Returns when the server listens; raises OSError when the port is taken."""
        self._controller.start()
        self._listening = True

    def stop(self) -> None:
        """Stop the server, and deliver the bounces that are pending; may be called again."""
        if self._listening:
            self._listening = False
            self._controller.stop()
        self.handler.write_pending()


def serve(config: Config, stop: threading.Event) -> None:
    """Accept the mail of the demo that `config` describes, until `stop` is set."""
    rules = sample_reader_rules(_UNWATCHED_DELAY)
    if config.sending.rate_per_second:
        rules = sample_reader_rules(_WATCHED_DELAY, config.web.port)
    catcher = Catcher(
        config.path(config.demo.inbox), config.path(config.bounces.maildir), config.smtp.port, rules
    )
    catcher.start()
    try:
        stop.wait()
    finally:
        catcher.stop()


class _Handler:
    """aiosmtpd's handler for each step of a transaction (RFC 5321)."""

    def __init__(self, directory: Path, maildir: Path, rules: Rules) -> None:
        self.directory, self.maildir, self.rules = directory, maildir, rules
        self._pending: dict[int, bytes] = {}
        self._numbers = itertools.count(1)
        for folder in ("inbox", "staff", "envelopes", ".arriving"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("tmp", "new", "cur"):
            (maildir / folder).mkdir(parents=True, exist_ok=True)

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # Commands are read from a buffer in order, so a client may send a group of them at once (RFC 2920).
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.lower() in self.rules.refused:
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        raw: bytes = envelope.original_content
        # The null reverse-path (RFC 5321 §4.5.5) arrives as it was written.
        sender = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
        for recipient in envelope.rcpt_tos:
            name = self._keep(recipient, sender, raw)
            if recipient.lower() in self.rules.bouncing and sender:
                self._return_later(sender, recipient, raw)
            elif self.rules.pages is not None:
                self._read_later(recipient, raw, self.rules.pages)
        return f"250 2.0.0 OK: caught as {name}"

    def _keep(self, recipient: str, sender: str, raw: bytes) -> str:
        """Write the message into its mailbox atomically."""
        staff = recipient.lower().endswith(f"@{self.rules.staff_domain}")
        box = self.directory / ("staff" if staff else "inbox")
        arriving = self.directory / ".arriving" / f"{os.getpid()}-{next(self._numbers)}"
        arriving.write_bytes(raw)
        stem = _UNSAFE.sub("_", recipient.lower())
        for number in itertools.count(1):
            name = f"{stem}-{number}"
            try:
                # Linking fails where a message of that name exists, also from an earlier run.
                os.link(arriving, box / f"{name}.eml")
                break
            except FileExistsError:
                continue
        arriving.unlink()
        envelope = {
            "file": f"{box.name}/{name}.eml",
            "mail_from": sender,
            "rcpt_to": recipient,
            "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        arriving.write_text(json.dumps(envelope, ensure_ascii=False) + "\n", encoding="utf-8")
        arriving.rename(self.directory / "envelopes" / f"{name}.json")
        return name

    def _return_later(self, sender: str, recipient: str, raw: bytes) -> None:
        key = next(self._numbers)
        self._pending[key] = bounce_report(sender, recipient, raw, _HOSTNAME, datetime.now(UTC))
        asyncio.get_running_loop().call_later(self.rules.bounce_delay, self._write_bounce, key)

    def _read_later(self, recipient: str, raw: bytes, port: int) -> None:
        loop = asyncio.get_running_loop()
        for visit in clicks_of(recipient.lower(), raw):
            loop.call_later(visit.after, loop.run_in_executor, None, request_tracked_link, visit, port)

    def write_pending(self) -> None:
        for key in list(self._pending):
            self._write_bounce(key)

    def _write_bounce(self, key: int) -> None:
        """Deliver a bounce to the Maildir: written to tmp, then renamed into new (maildir(5))."""
        raw = self._pending.pop(key, None)
        if raw is None:
            return
        name = f"{time.time_ns()}.{os.getpid()}_{key}.{_HOSTNAME}"
        (self.maildir / "tmp" / name).write_bytes(raw)
        (self.maildir / "tmp" / name).rename(self.maildir / "new" / name)
