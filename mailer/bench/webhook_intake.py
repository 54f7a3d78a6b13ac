"""Webhook events in the measured process: posted, stored and processed."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from mailer.bench.webhooks import SECRET
from mailer.delivery.esp import message
from mailer.delivery.models import Delivery
from mailer.feedback.webhooks.models import WebhookPayload
from mailer.feedback.webhooks.process import process_due


def accept() -> int:
    """Mark every delivery as accepted."""
    return Delivery.objects.update(state=Delivery.State.ACCEPTED, accepted_at=timezone.now())


def commit(rows: str) -> int:
    """Store this many posts one by one, and delete them again."""
    for _ in range(int(rows)):
        WebhookPayload.objects.create(service="postmark", body=b"x" * 400)
    WebhookPayload.objects.all().delete()
    return int(rows)


def post(port: str, count: str, connections: str) -> dict[str, float]:
    """Post this many events; how many were accepted, and how long one took."""
    tokens = [message.delivery_token(number) for number in Delivery.objects.values_list("pk", flat=True)]
    posted = post_events(int(port), SECRET, tokens, int(count), int(connections))
    took = sorted(posted.seconds)
    return {
        "done": posted.taken,
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
    }


def read() -> int:
    """Process all stored posts."""
    return process_due(timezone.now(), lambda: False)


# One in this many is a bounce, the others are deliveries.
BOUNCES = 20


@dataclass
class Posted:
    # Posts that were answered with 200.
    taken: int = 0
    # For each of them, from the first octet written to the last read.
    seconds: list[float] = field(default_factory=list)


def post_events(port: int, secret: str, tokens: Sequence[str], count: int, connections: int) -> Posted:
    """Post this many events about deliveries in turn to the web process on loopback. Raises OSError."""
    posted = Posted()
    numbers = iter(range(count))

    async def all_of_them() -> None:
        await asyncio.gather(*(_talk(port, secret, tokens, numbers, posted) for _ in range(connections)))

    asyncio.run(all_of_them())
    return posted


async def _talk(
    port: int, secret: str, tokens: Sequence[str], numbers: Iterator[int], posted: Posted
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    signed_in = base64.b64encode(f"hooks:{secret}".encode()).decode()
    for number in numbers:
        body = json.dumps(_event(number, tokens[number % len(tokens)])).encode()
        head = (
            f"POST /hooks/postmark/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {signed_in}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        posted.seconds.append(time.perf_counter() - started)
        posted.taken += answer.startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


def _event(number: int, token: str) -> dict[str, object]:
    """An event in Postmark's format, without the message's content."""
    about: dict[str, object] = {
        "MessageID": f"883953f4-6105-42a2-a16a-{number:012}",
        "ServerID": 23,
        "MessageStream": "broadcast",
        "Tag": "",
        "Metadata": {"delivery": token},
    }
    if number % BOUNCES:
        return about | {
            "RecordType": "Delivery",
            "Recipient": "reader@example.net",
            "DeliveredAt": "2021-12-03T04:05:06Z",
            "Details": "smtp;250 2.0.0 OK 1638504306 taken",
        }
    return about | {
        "RecordType": "Bounce",
        "ID": number + 1,
        "Type": "SoftBounce",
        "TypeCode": 4096,
        "Name": "Soft bounce",
        "Email": "reader@example.net",
        "BouncedAt": "2021-12-03T04:05:06Z",
        "Details": "smtp;452 4.2.2 The mailbox is over its quota",
    }
