"""A real DNS server on loopback with records that a test defines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class Zone:
    """Answers over UDP from `records`: {(name, type): texts}. A context manager."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        # Names for which it answers SERVFAIL, or does not answer.
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        # Every query, as (name, type).
        self.asked: list[tuple[str, str]] = []

    def has(self, name: str, kind: str, *values: str) -> None:
        self.records[name, kind] = list(values)

    def text(self, name: str, *texts: str) -> None:
        """TXT records, each split into strings of 255 bytes as DNS requires."""
        cut = ([text[at : at + 255] for at in range(0, len(text), 255)] for text in texts)
        self.has(name, "TXT", *(" ".join(f'"{part}"' for part in parts) for parts in cut))

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            wire, asker = self._socket.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(dns.message.from_wire(wire))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), asker)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            texts: Iterable[str] = self.records[name, kind]
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, list(texts)))
        elif name not in {known for known, _ in self.records}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
