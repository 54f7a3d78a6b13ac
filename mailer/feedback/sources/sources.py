"""The ways by which the configuration lets returned mail be fetched, and how each is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from mailer.config import Config
from mailer.feedback.models import WayIn
from mailer.feedback.sources import imap, maildir, pop3
from mailer.feedback.sources.mailbox import Mailbox


@dataclass(frozen=True)
class Way:
    # maildir, imap, pop3.
    kind: str
    # Which mailbox it is (WayIn.address).
    address: str
    # Between two visits; one that can wait in the mailbox for more comes again at once.
    rest: timedelta
    open: Callable[[datetime], AbstractContextManager[Mailbox]]


def mailboxes(config: Config) -> list[Way]:
    """Every mailbox that is configured."""
    bounces = config.bounces
    found = []
    if bounces.maildir:
        folder = config.path(bounces.maildir)
        found.append(Way("maildir", f"maildir:{folder}", timedelta(), lambda now: maildir.opened(folder)))
    if bounces.imap_host:
        found.append(Way("imap", imap.address_of(bounces), timedelta(minutes=1), partial(_imap, config)))
    if bounces.pop3_host:
        address = pop3.address_of(bounces)
        found.append(Way("pop3", address, timedelta(minutes=1), lambda now: pop3.opened(bounces)))
    return found


def addresses(config: Config) -> list[str]:
    """Of every way that is configured (WayIn.address), also of the one by which mail is handed to us."""
    found = [way.address for way in mailboxes(config)]
    return [*found, lmtp_address(config)] if config.bounces.lmtp_port else found


def lmtp_address(config: Config) -> str:
    return f"lmtp://{config.bounces.lmtp_host}:{config.bounces.lmtp_port}"


def _imap(config: Config, now: datetime) -> AbstractContextManager[Mailbox]:
    bounces = config.bounces
    address = imap.address_of(bounces)
    row = WayIn.objects.filter(address=address).first()
    token_path = config.path(bounces.imap_token_path) if bounces.imap_token_path else None
    # In a mailbox that is new to us may lie years of mail, of which nothing would be kept.
    since = now - timedelta(days=bounces.keep_days)
    return imap.opened(bounces, token_path, row.position if row else "", partial(_remember, address), since)


def _remember(address: str, position: str) -> None:
    WayIn.objects.update_or_create(address=address, defaults={"position": position})
