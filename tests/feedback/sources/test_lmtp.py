"""The LMTP server, as mail servers use it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.demo.folder import free_port
from mailer.feedback.ingest_returned_mail import ingest_message
from mailer.feedback.models import InboundSource
from mailer.feedback.sources import lmtp
from mailer.feedback.sources.base import MAX_OCTETS
from tests.delivery.cast import Clock
from tests.waiting import SAFETY_SECONDS


class FakeStore:
    """Where the server delivers: messages are kept, or fail as the test says."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, bytes]] = []
        # Recipients for whom storing fails.
        self.failing: set[str] = set()
        # Held until it is set: storing takes its time.
        self.go = threading.Event()
        # Set as soon as a message is being stored.
        self.entered = threading.Event()
        self.go.set()

    def __call__(self, raw: bytes, recipient: str) -> None:
        self.entered.set()
        self.go.wait(60)
        if recipient in self.failing:
            raise OSError("the disk is full")
        self.kept.append((recipient, raw))


class Client:
    """Says lines and hears replies."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self.socket.makefile("rb")

    def hear(self) -> str:
        """One reply, its lines joined; "" at the end."""
        lines = []
        while line := self._file.readline().decode():
            lines.append(line.rstrip())
            if line[3:4] != "-":
                break
        return " ".join(lines)

    def write(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def say(self, line: str) -> str:
        self.write(f"{line}\r\n".encode())
        return self.hear()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@contextmanager
def serving(store: FakeStore, stop: threading.Event, **limits: int) -> Iterator[lmtp.Server]:
    with lmtp.Server("127.0.0.1", 0, store, **limits) as listening:
        listening.timeout = 0.05
        thread = threading.Thread(target=listening.serve, args=(stop.is_set,))
        thread.start()
        yield listening
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def server(store: FakeStore, stop: threading.Event) -> Iterator[lmtp.Server]:
    with serving(store, stop) as listening:
        yield listening


@pytest.fixture
def client(server: lmtp.Server) -> Iterator[Client]:
    connected = Client(server.server_address[1])
    assert connected.hear().startswith("220 ")
    yield connected
    connected.close()


def begin(client: Client, *recipients: str) -> None:
    """Up to and with DATA."""
    assert client.say("LHLO mx.example.org").startswith("250")
    assert client.say("MAIL FROM:<> BODY=8BITMIME").startswith("250")
    assert all(client.say(f"RCPT TO:<{one}>").startswith("250") for one in recipients)
    assert client.say("DATA").startswith("354")


def test_lhlo_announces_the_extensions(client: Client) -> None:
    offers = client.say("LHLO mx.example.org")
    for keyword in ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 67108864"):
        assert keyword in offers


def test_each_recipient_gets_its_own_reply(client: Client, store: FakeStore) -> None:
    store.failing = {"b+2@bounces.example.org"}
    begin(client, *(f"b+{number}@bounces.example.org" for number in (1, 2, 3)))
    client.write(b"Subject: x\r\n\r\nwords\r\n.\r\n")
    assert [client.hear()[:9] for _ in range(3)] == ["250 2.0.0", "451 4.3.0", "250 2.0.0"]
    raw = b"Return-Path: <>\r\nSubject: x\r\n\r\nwords\r\n"
    assert store.kept == [("b+1@bounces.example.org", raw), ("b+3@bounces.example.org", raw)]


def test_the_reply_follows_storage(client: Client, store: FakeStore) -> None:
    store.go.clear()
    begin(client, "b@example.org")
    client.write(b"x\r\n.\r\n")
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    store.go.set()
    client.socket.settimeout(60)
    assert client.socket.recv(3) == b"250"


def test_pipelined_transactions_are_accepted(client: Client, store: FakeStore) -> None:
    one = b"MAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
    client.write(b"LHLO x\r\n" + one)
    assert [client.hear()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    client.write(b"1\r\n.\r\n" + one)
    assert [client.hear()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    client.write(b"2\r\n.\r\nQUIT\r\n")
    assert [client.hear()[:3] for _ in range(3)] == ["250", "221", ""]
    assert [raw.splitlines() for _, raw in store.kept] == [
        [b"Return-Path: <a@b.example>", b"1"],
        [b"Return-Path: <a@b.example>", b"2"],
    ]


def test_lines_of_any_content_and_length_are_preserved(client: Client, store: FakeStore) -> None:
    content = b"\r\n".join([b"..", b"...", b"..x", b"\xd0\xb1\xff\x00", b"y" * 200_000, b"bare\nline", b""])
    begin(client, "b@example.org")
    client.write(content + b".\r\n")
    assert client.hear().startswith("250")
    ((_, raw),) = store.kept
    assert raw == b"Return-Path: <>\r\n" + content.replace(b"..", b".", 3)


@pytest.mark.parametrize("end", [b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\n"])
def test_only_a_dot_between_two_crlf_ends_a_message(client: Client, store: FakeStore, end: bytes) -> None:
    begin(client, "b@example.org")
    smuggled = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<b+2@example.org>\r\nDATA\r\nsecond\r\n"
    client.write(b"first" + end + smuggled + b".\r\n")
    assert client.hear().startswith("250")
    assert len(store.kept) == 1
    assert client.say("NOOP").startswith("250")


def test_a_large_message_is_cut(client: Client, store: FakeStore) -> None:
    begin(client, "b@example.org")
    client.write(b"0123456789abcdef\r\n" * (MAX_OCTETS // 8) + b".\r\n")
    assert client.hear().startswith("250")
    assert MAX_OCTETS <= len(store.kept[0][1]) < MAX_OCTETS + 100


def test_a_message_over_the_limit_is_refused_for_each_recipient(
    store: FakeStore, stop: threading.Event
) -> None:
    with serving(store, stop, max_octets=1_000) as server:
        client = Client(server.server_address[1])
        assert client.hear().startswith("220 ")
        begin(client, "b@example.org", "c@example.org")
        client.write(b"0123456789abcdef\r\n" * 100 + b".\r\n")
        assert [client.hear()[:9] for _ in range(2)] == ["552 5.3.4", "552 5.3.4"]
        assert client.say("MAIL FROM:<> SIZE=1001").startswith("552 5.3.4")
        client.close()
    assert store.kept == []


def test_commands_out_of_order_or_unknown_are_refused(client: Client) -> None:
    for line, code in (
        ("EHLO x", "500"),
        ("HELO x", "500"),
        ("MAIL FROM:<>", "503"),
        ("LHLO x", "250"),
        ("RCPT TO:<b@example.org>", "503"),
        ("DATA", "503"),
        ("MAIL TO:<b@example.org>", "501"),
        ("MAIL FROM:b@example.org", "501"),
        ("MAIL FROM: <>", "250"),
        ("MAIL FROM:<>", "503"),
        ("RCPT TO:<>", "501"),
        ("RCPT TO:<b@example.org> NOTIFY=NEVER", "250"),
        ("VRFY b", "252"),
        ("NOOP", "250"),
        ("RSET", "250"),
        ("DATA", "503"),
        ("x" * 100_000, "500"),
        ("", "500"),
        ("QUIT", "221"),
    ):
        assert client.say(line)[:3] == code, line
    assert client.hear() == ""


def test_recipients_over_a_hundred_are_deferred(client: Client, store: FakeStore) -> None:
    client.write(b"LHLO x\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<b@example.org>\r\n" * 101 + b"DATA\r\n")
    replies = [client.hear()[:3] for _ in range(104)]
    assert replies == ["250"] * 102 + ["452", "354"]


def test_a_lost_connection_stores_nothing(server: lmtp.Server, client: Client, store: FakeStore) -> None:
    begin(client, "b@example.org")
    client.write(b"half a mess")
    client.close()
    other = Client(server.server_address[1])
    assert other.hear().startswith("220") and other.say("NOOP").startswith("250")
    other.close()
    assert store.kept == []


def test_sessions_over_the_limit_are_deferred(store: FakeStore, stop: threading.Event) -> None:
    with serving(store, stop, max_sessions=1) as server:
        first, second = Client(server.server_address[1]), Client(server.server_address[1])
        assert {first.hear()[:3], second.hear()[:3]} == {"220", "421"}
        first.close()
        second.close()


def test_stop_finishes_the_current_message_and_closes_idle_sessions(
    server: lmtp.Server, client: Client, store: FakeStore, stop: threading.Event
) -> None:
    silent = Client(server.server_address[1])
    assert silent.hear().startswith("220")
    store.go.clear()
    begin(client, "b@example.org")
    client.write(b"x\r\n.\r\n")
    assert store.entered.wait(60)
    stop.set()
    assert silent.hear() == ""
    store.go.set()
    assert client.hear().startswith("250") and client.hear() == ""
    silent.close()


class BusyServer(lmtp.Server):
    """On a machine on which the threads of sessions come late: when `begins` is set."""

    begins: threading.Event

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.begins.wait(SAFETY_SECONDS)
        super().finish_request(request, client_address)


def test_a_session_that_begins_while_the_server_stops_does_not_hold_it_up(store: FakeStore) -> None:
    with BusyServer("127.0.0.1", 0, store) as server:
        server.begins = threading.Event()
        client = Client(server.server_address[1])
        stopped = iter([False])
        server.serve(lambda: next(stopped, True))
        server.begins.set()
        try:
            # Without a command of the client: it reads the greeting, and the end.
            assert client.hear().startswith("220") and client.hear() == ""
        finally:
            client.close()


def test_sessions_that_begin_together_are_not_all_refused(store: FakeStore) -> None:
    with BusyServer("127.0.0.1", 0, store, max_sessions=1) as server:
        server.begins = threading.Event()
        both = Client(server.server_address[1]), Client(server.server_address[1])
        for _ in both:
            server.handle_request()
        server.begins.set()
        try:
            assert [client.hear()[:3] for client in both] == ["220", "421"]
        finally:
            for client in both:
                client.close()


@settings(max_examples=60)
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"LHLO", b"MAIL FROM:<", b">", b"\r\n", b"DATA", b"."]))
)
def test_no_input_stops_the_server(server: lmtp.Server, said: Any) -> None:
    octets = said if isinstance(said, bytes) else b"".join(said)
    rude = Client(server.server_address[1])
    rude.write(octets)
    rude.close()
    polite = Client(server.server_address[1])
    assert polite.hear().startswith("220")
    assert polite.say("LHLO x").startswith("250")
    polite.close()


@pytest.mark.django_db(transaction=True)
def test_the_worker_serves_on_the_configured_port_and_passes_the_recipient(
    settings: Any,
) -> None:
    taken: list[tuple[Any, ...]] = []
    port, stop, clock = free_port(), threading.Event(), Clock()
    config = django_settings.CONFIG
    settings.CONFIG = replace(config, bounces=replace(config.bounces, lmtp_port=port))

    def ingest(*arguments: Any) -> Any:
        taken.append(arguments)

    def work() -> None:
        try:
            lmtp.serve_configured(ingest, clock, stop.is_set)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        client = connected(port)
        begin(client, "b+1@bounces.example.org")
        client.write(b"Subject: x\r\n\r\n\r\n.\r\n")
        assert client.hear().startswith("250")
        client.close()
    finally:
        stop.set()
        worker.join(60)
    raw = b"Return-Path: <>\r\nSubject: x\r\n\r\n\r\n"
    assert taken == [(raw, clock(), "b+1@bounces.example.org")]
    assert InboundSource.objects.get().last_read_at == clock()


def connected(port: int) -> Client:
    """A client that was greeted, as soon as the server listens."""
    limit = time.monotonic() + SAFETY_SECONDS
    while True:
        try:
            client = Client(port)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            time.sleep(0.02)
    assert client.hear().startswith("220")
    return client


@pytest.mark.django_db
def test_a_port_in_use_is_recorded_as_an_error(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = django_settings.CONFIG
        settings.CONFIG = replace(config, bounces=replace(config.bounces, lmtp_port=taken.getsockname()[1]))
        lmtp.serve_configured(ingest_message, Clock(), lambda: False)
    assert "Address already in use" in InboundSource.objects.get().error
