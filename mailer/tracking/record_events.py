"""Recording clicks and opens: from a request, through a buffer in memory, to rows a batch at a time.

No request waits for a write to the database, or fails with it.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction

from mailer.delivery.models import Delivery
from mailer.tracking.bot_detection import TOO_SOON_SECONDS, EventKind, FilterReason
from mailer.tracking.models import TrackingEvent
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

T = TypeVar("T")


class TrackedRequest(NamedTuple):
    """A click or open as it came in."""

    variant_id: int
    kind: EventKind
    # The link's number in the tracking policy; 0: the pixel of an open, or the honeypot.
    link_number: int
    # Aware.
    at: datetime
    # See hash_client.
    client_hash: str
    # See bot_detection.reason_to_ignore.
    filter_reason: FilterReason
    # The delivery of a consenting subscriber; None: the URL names none.
    delivery_id: int | None = None


class WriteBuffer(Generic[T]):
    """Takes items from any thread and writes them in batches; once started, in a thread of its own.

    Items that the database does not take stay, up to `capacity`; further ones are dropped, and that is
    logged.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        interval_seconds: float = 1.0,
        batch_size: int = 2_000,
        capacity: int = 100_000,
    ) -> None:
        """`write` raises DatabaseError when it wrote nothing of a batch."""
        self._write, self._interval = write, interval_seconds
        self._batch_size, self._capacity = batch_size, capacity
        self._pending: deque[T] = deque()
        self._dropped = 0
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Take one item; returns at once."""
        if len(self._pending) >= self._capacity:
            self._dropped += 1
        else:
            self._pending.append(item)

    def flush(self) -> None:
        """Write the pending items, as far as the database takes them."""
        with self._writing:
            while batch := self._next_batch():
                try:
                    self._write(batch)
                except DatabaseError:
                    self._pending.extendleft(reversed(batch))
                    log.warning("action=buffer_write_failed pending=%d", len(self._pending), exc_info=True)
                    break
            if self._dropped:
                log.error("action=buffer_full dropped=%d", self._dropped)
                self._dropped = 0

    def clear(self) -> None:
        """Discard the pending items."""
        self._pending.clear()

    def start(self) -> None:
        """Write regularly from now on and when the process ends; also in processes forked from it."""
        self._start_thread()
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._restart_in_child)

    def stop(self) -> None:
        """Write the rest, and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _next_batch(self) -> list[T]:
        pending = self._pending
        return [pending.popleft() for _ in range(min(self._batch_size, len(pending)))]

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._write_regularly, name="write-buffer", daemon=True)
        self._thread.start()

    def _write_regularly(self) -> None:
        while not self._stop.wait(self._interval):
            close_old_connections()
            self.flush()

    def _restart_in_child(self) -> None:
        """A fork has the parent's items, which the parent writes, and none of its threads."""
        self.clear()
        self._writing = threading.Lock()
        self._start_thread()


class _DeliveryInfo(NamedTuple):
    # None: without the subscriber's consent, or erased.
    subscriber_id: int | None
    variant_id: int | None
    accepted_at: datetime | None


def is_tracked(kind: EventKind) -> bool:
    """Whether the configuration tracks events of this kind."""
    tracking = settings.CONFIG.tracking
    return (tracking.clicks if kind == EventKind.CLICK else tracking.opens) != "off"


def hash_client(address: str, user_agent: str, day: date) -> str:
    """16 hexadecimal characters for a network address and user agent; others on another day."""
    mac = _keyed_hasher(settings.SECRET_KEY, day).copy()
    mac.update(f"{address}\n{user_agent}".encode())
    return mac.hexdigest()


def record(requests: Sequence[TrackedRequest]) -> None:
    """Store the requests as events to be judged later, in one transaction. Raises DatabaseError."""
    with transaction.atomic():
        deliveries = _deliveries({one.delivery_id for one in requests if one.delivery_id is not None})
        TrackingEvent.objects.bulk_create(_event(one, deliveries) for one in requests)


@lru_cache(maxsize=4)
def _keyed_hasher(secret: str, day: date) -> hashlib.blake2b:
    key = hashlib.blake2b(f"{secret}\n{day}".encode(), digest_size=32, person=b"click client").digest()
    return hashlib.blake2b(key=key, digest_size=8)


def _event(one: TrackedRequest, deliveries: Mapping[int, _DeliveryInfo]) -> TrackingEvent:
    fields = one._asdict()
    delivery = deliveries.get(fields.pop("delivery_id"))
    event = TrackingEvent(**fields)
    # The two tokens of a URL may have been put together from two messages.
    if delivery is not None and delivery.variant_id == one.variant_id:
        event.subscriber_id = delivery.subscriber_id
        event.filter_reason = one.filter_reason or _if_too_soon(one, delivery)
    return event


def _if_too_soon(one: TrackedRequest, delivery: _DeliveryInfo) -> FilterReason:
    """A delivery without a time of acceptance in the ledger was accepted a moment ago."""
    accepted_at, soon = delivery.accepted_at, timedelta(seconds=TOO_SOON_SECONDS)
    too_soon = accepted_at is None or one.at < accepted_at + soon
    return FilterReason.TOO_SOON if too_soon else FilterReason.NONE


def _deliveries(delivery_ids: Iterable[int]) -> dict[int, _DeliveryInfo]:
    columns = ("pk", "subscriber", "variant_id", "accepted_at")
    rows = Delivery.objects.filter(pk__in=delivery_ids).values_list(*columns)
    found = {pk: _DeliveryInfo(*info) for pk, *info in rows}
    subscribers = Subscriber.objects.filter(pk__in={info.subscriber_id for info in found.values()})
    consenting = set(subscribers.filter(tracking_consent_at__isnull=False).values_list("pk", flat=True))
    return {
        pk: info if info.subscriber_id in consenting else info._replace(subscriber_id=None)
        for pk, info in found.items()
    }


# Filled by the views, written by the process that serves them.
event_buffer = WriteBuffer(record)
