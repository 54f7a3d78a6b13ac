"""Posts webhook events like an ESP, over connections that stay open, and measures each response."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
