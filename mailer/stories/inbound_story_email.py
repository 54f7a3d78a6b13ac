"""Emails to the address for stories: stored as they arrive, then read into drafts where the sender is known.

Nothing is ever answered. Mail of unknown senders, and mail whose sender our own mail server does not confirm,
waits for staff.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from mailer.stories.models import StoryMail, StorySource, StorySourceItem
from subscribers.translate_stored_texts import stored

if TYPE_CHECKING:
    from mailer.stories.sources.email_messages import MailMessage

_State = StoryMail.State
# Messages that are read in one run of the job.
_AT_A_TIME = 20

log = logging.getLogger(__name__)


def tag_of_our_address(addresses: Iterable[str]) -> str | None:
    """What stands behind the + in the address for stories, "" without one; None: it is not among these."""
    local, _, domain = settings.CONFIG.stories.address.lower().partition("@")
    for _name, address in getaddresses(list(addresses)):
        given, _, host = address.lower().rpartition("@")
        name, _, tag = given.partition("+")
        if host == domain and name == local:
            return tag[:64]
    return None


def store_message(raw: bytes, tag: str, now: datetime) -> tuple[StoryMail, bool]:
    """Store a message for the worker to read; False: it was stored before."""
    return StoryMail.objects.get_or_create(
        sha256=hashlib.sha256(raw).hexdigest(), defaults={"raw": raw, "tag": tag, "received_at": now}
    )


def address_of(source: StorySource) -> str:
    """The address to which stories for the source are sent."""
    local, _, domain = settings.CONFIG.stories.address.partition("@")
    return f"{local}+{source.mail_tag}@{domain}" if source.mail_tag else f"{local}@{domain}"


def allows_sender(source: StorySource, sender: str) -> bool:
    """Whether the address, or its domain, is on the source's list."""
    listed = {line.strip().lower() for line in source.senders.splitlines()}
    address = sender.lower()
    return bool(address) and (address in listed or f"@{address.rpartition('@')[2]}" in listed)


def process_due(now: Callable[[], datetime], stop: Callable[[], bool]) -> int:
    """Read the messages that wait; how many there were. A job of the worker."""
    waiting = (
        StoryMail.objects.filter(state=_State.WAITING).order_by("received_at").values_list("pk", flat=True)
    )
    done = 0
    for pk in list(waiting[:_AT_A_TIME]):
        if stop():
            break
        mail = StoryMail.objects.get(pk=pk)
        try:
            process_message(mail, now())
        except Exception:
            # A message is hostile input: no error in it keeps the others out.
            log.exception("action=story_mail_failed mail=%d", pk)
            StoryMail.objects.filter(pk=pk).update(state=_State.UNREADABLE)
        done += 1
    return done


def process_message(
    mail: StoryMail, now: datetime, source_vouched_by_staff: StorySource | None = None
) -> None:
    """Make drafts of the message's stories, or say why not.

    `source_vouched_by_staff`: staff have chosen it, and vouch.
    """
    # Loads the readers, which few installations need.
    from mailer.stories.sources import email_messages
    from mailer.stories.sources.reader_interface import SourceError

    chosen = (
        source_vouched_by_staff
        or StorySource.objects.filter(kind=StorySource.Kind.EMAIL, active=True, mail_tag=mail.tag)
        .order_by("pk")
        .first()
    )
    mail.source, mail.warnings = chosen, []
    try:
        # Anybody may write: what is expensive to read is read only of those who may send stories.
        head = email_messages.read_head(bytes(mail.raw))
        mail.sender, mail.subject = head.sender[:254], head.subject[:200]
        mail.authentication = email_messages.authentication_results(
            head, settings.CONFIG.stories.trusted_servers
        )
        if chosen is None or (source_vouched_by_staff is None and not allows_sender(chosen, head.sender)):
            mail.state = _State.UNKNOWN
        elif source_vouched_by_staff is None and email_messages.is_forged(mail.authentication):
            mail.state = _State.FORGED
        else:
            message = email_messages.read_message(bytes(mail.raw))
            _make_drafts(mail, message, chosen, now, None if source_vouched_by_staff else head.sender)
    except SourceError as error:
        mail.state, mail.warnings = _State.UNREADABLE, [str(error)]
    if mail.state == _State.ADDED and not mail.warnings:
        mail.raw = b""
    mail.save()
    log.info("action=story_mail mail=%d state=%s", mail.pk, mail.state)


def _make_drafts(
    mail: StoryMail, message: MailMessage, source: StorySource, now: datetime, sender: str | None
) -> None:
    """Make drafts of the stories, and note what no draft has. `sender`: the author; None: who makes them."""
    from mailer.stories.draft_fields_from_source_entry import storable_item_id
    from mailer.stories.record_source_items import make_and_update_drafts
    from mailer.stories.sources import email_messages

    found = email_messages.stories_of(message, mail.sha256)
    mail.state = _State.ADDED if found.items else _State.UNREADABLE
    mail.warnings = list(found.warnings)
    if message.is_empty or not found.items:
        mail.warnings.append(stored("The email has no text."))
    with _as_author(sender):
        recorded = make_and_update_drafts(source, found.items, now)
    refused = StorySourceItem.objects.filter(
        source=source, item_id__in=[storable_item_id(item.id) for item in found.items]
    ).exclude(picture_problem="")
    mail.warnings += refused.values_list("picture_problem", flat=True)
    if recorded.skipped:
        mail.state, mail.warnings = (
            _State.UNREADABLE,
            [stored("The stories were read, but could not be saved.")],
        )


def _as_author(sender: str | None) -> AbstractContextManager[object]:
    """Drafts made inside are of the member of staff who sent them, who may not approve what they wrote.

    Without a sender: of the member of staff who makes them.
    """
    from wagtail.log_actions import LogContext

    user = User.objects.filter(email__iexact=sender).first() if sender else None
    return LogContext(user=user) if user else nullcontext()


def make_drafts_from_email(
    mail: StoryMail, source: StorySource, now: datetime, *, remember_sender: bool
) -> None:
    """Make drafts of a message that waits for staff; `remember_sender`: its sender is known from now on."""
    if remember_sender and mail.sender and not allows_sender(source, mail.sender):
        with transaction.atomic():
            row = StorySource.objects.select_for_update().get(pk=source.pk)
            row.senders = f"{row.senders.rstrip()}\n{mail.sender}".strip()
            row.save(update_fields=["senders"])
    process_message(mail, now, source)


def held_messages() -> QuerySet[StoryMail]:
    """The messages that wait for staff, the newest first, without their content.

    Also those of which a part is in no draft: their original is kept until staff have looked.
    """
    undecided = Q(state__in=(_State.UNKNOWN, _State.FORGED, _State.UNREADABLE))
    partly_added = Q(state=_State.ADDED) & ~Q(raw=b"")
    return StoryMail.objects.filter(undecided | partly_added).select_related("source").defer("raw")


def delete_old(now: datetime) -> int:
    """Delete messages older than `[bounces] keep_days`; how many. Their drafts stay."""
    until = now - timedelta(days=settings.CONFIG.bounces.keep_days)
    return StoryMail.objects.filter(received_at__lt=until).delete()[0]
