"""Reads the posts that were kept, and puts what they say into effect: each event once, in whatever order.

A post may hold many events. Those are taken by themselves, so that one which cannot be read or acted upon
holds up no other: it is tried again later, and in the end kept for a person.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from mailer.delivery.ledger import housekeeping
from mailer.feedback.decisions.apply import apply_all
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.parsing.records import EventSource, ParsedReturn
from mailer.feedback.webhooks.models import ServiceContact, ServicePost

if TYPE_CHECKING:
    from mailer.feedback.webhooks.services.base import Event, Heard

log = logging.getLogger(__name__)

# Posts that are put into effect together.
AT_ONCE = 50
# How long an event rests that failed so often; after that it is for a person.
RESTS = (timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=2), timedelta(hours=12))
# An event is never told later than this.
_LATE = timedelta(days=30)
# What is wrong with the database and not with the event: nothing happened, and all of it is done again.
_NOT_ITS_FAULT = (OperationalError, InterfaceError)


@dataclass(frozen=True)
class _Told:
    """One event of a post, read."""

    post: ServicePost
    # As it came.
    raw: bytes
    heard: Heard | None
    # Why it could not be read; empty: it could.
    trouble: str = ""

    @property
    def at(self) -> datetime:
        """When it happened, as far as what the service says of that can be true."""
        said, latest = self.heard.at if self.heard else None, self.post.received_at
        return said if said is not None and latest - _LATE < said < latest else latest


def work_off(now: datetime, stop: Callable[[], bool]) -> int:
    """Put what is due into effect; returns how many posts it was. Raises django.db.OperationalError."""
    done = 0
    while not stop():
        posts = list(ServicePost.objects.filter(due_at__lte=now).order_by("pk")[:AT_ONCE])
        if not posts:
            break
        # Before the transaction: what needs time or the network must not keep others from writing.
        read = {post.pk: list(_read(post)) for post in posts}
        count = _put_into_effect(posts, read, now)
        if not count:
            # Another worker is at these.
            break
        done += count
    return done


def _read(post: ServicePost) -> Iterator[_Told]:
    # The parsers load anymail and boto3, which takes 60 ms and 10 MB: only where webhooks arrive.
    from mailer.feedback.webhooks.services import HOOKS

    hook = HOOKS[post.service]
    for event, raw in _events(bytes(post.body)):
        try:
            if not isinstance(event, dict):
                raise TypeError("no event")
            hook.reply(event)
            yield _Told(post, raw, hook.hear(event))
        except Exception as error:  # noqa: BLE001  (anymail on what a service, or somebody with its secret, made up)
            yield _Told(post, raw, None, type(error).__name__)


def _events(body: bytes) -> Iterator[tuple[Event | None, bytes]]:
    """Each event of a post, and its octets; None for what is no JSON."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        yield None, body
        return
    if not isinstance(told, list):
        yield told, body
        return
    for event in told:
        yield event, json.dumps(event).encode()


def _put_into_effect(posts: Sequence[ServicePost], read: dict[int, list[_Told]], now: datetime) -> int:
    left: dict[int, datetime] = {}
    telling: list[_Told] = []
    with transaction.atomic():
        # Another worker may have been faster, or be at it just now.
        held = ServicePost.objects.select_for_update(skip_locked=True)
        mine = list(held.filter(pk__in=[post.pk for post in posts]).order_by("pk"))
        for told in (told for post in mine for told in read[post.pk]):
            if told.heard is None:
                _again(told, told.trouble, now)
                continue
            if told.heard.delivery is not None:
                left[told.heard.delivery] = min(told.at, left.get(told.heard.delivery, told.at))
            if told.heard.reading is not None:
                telling.append(told)
        _act_upon(telling, now)
        housekeeping.settle_as_accepted(left)
        _note(mine)
        ServicePost.objects.filter(pk__in=[post.pk for post in mine]).delete()
    return len(mine)


def _act_upon(telling: Sequence[_Told], now: datetime) -> None:
    """All of it together, which costs far less; where that fails, one after another."""
    if len(telling) != 1 and _acted_upon(telling, now) is None:
        return
    for told in telling:
        trouble = _acted_upon([told], now)
        if trouble is not None:
            _again(told, trouble, now)


def _acted_upon(telling: Sequence[_Told], now: datetime) -> str | None:
    """None when it is done; else nothing of it is, for an error of this name."""
    try:
        with transaction.atomic():
            apply_all([found for told in telling if (found := _new(told)) is not None], now)
    except _NOT_ITS_FAULT:
        raise
    except Exception as error:  # noqa: BLE001  (what cannot be acted upon must not hold up the others)
        return type(error).__name__
    return None


def _new(told: _Told) -> tuple[ParsedReturn, EventSource] | None:
    """What an event says, with the event kept as evidence; None when it was told before."""
    heard = told.heard
    if heard is None or heard.reading is None:
        return None
    key = f"{told.post.service} {heard.key}"
    message, new = _kept(key, heard.reading.kind, told)
    return (heard.reading, EventSource(key, told.at, message.pk)) if new else None


def _kept(key: str, kind: str, told: _Told) -> tuple[ReturnedMessage, bool]:
    """The event as evidence, and whether it is new."""
    post = told.post
    return ReturnedMessage.objects.get_or_create(
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        defaults={"kind": kind, "raw": told.raw, "service": post.service, "received_at": post.received_at},
    )


def _again(told: _Told, trouble: str, now: datetime) -> None:
    """Try this event by itself later; when that was done often enough, it is for a person."""
    post = told.post
    log.warning(
        "action=hook_event_failed service=%s attempts=%d error=%s", post.service, post.attempts + 1, trouble
    )
    if post.attempts < len(RESTS):
        ServicePost.objects.create(
            service=post.service,
            body=told.raw,
            received_at=post.received_at,
            attempts=post.attempts + 1,
            due_at=now + RESTS[post.attempts],
        )
    else:
        _kept(f"{post.service} unread {hashlib.sha256(told.raw).hexdigest()}", "other", told)


def _note(posts: Sequence[ServicePost]) -> None:
    """That the services were heard. What is tried again was heard before."""
    for service in {post.service for post in posts}:
        new = [post.received_at for post in posts if post.service == service and not post.attempts]
        if new:
            contact, _ = ServiceContact.objects.get_or_create(service=service, defaults={"last_at": max(new)})
            contact.posts = F("posts") + len(new)
            contact.last_at = max(contact.last_at, *new)
            contact.save(update_fields=["posts", "last_at"])
