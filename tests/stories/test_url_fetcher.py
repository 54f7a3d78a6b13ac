from __future__ import annotations

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from mailer.stories.url_fetcher import (
    FetchError,
    ForbiddenAddress,
    Limits,
    StatusError,
    fetch,
    get_final_status_and_url,
    post,
    require_public_ip,
)
from tests.loopback import Quiet, serving
from tests.stories.conftest import Answer, Site

FEED = {"application/rss+xml"}

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "64:ff9b::a83f:8110",
    "192.0.2.7",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001:db8::1",
    # IETF protocol assignments, 6to4 relays, and networks of documentation, benchmarks and reserved use.
    "192.0.0.9",
    "192.0.0.170",
    "192.88.99.1",
    "198.51.100.1",
    "203.0.113.1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
    "100::1",
    "5f00::1",
    "4000::1",
    # Site-local, unique local, multicast.
    "fec0::1",
    "feff::1",
    "fdff::1",
    "ff0e::1",
    # IPv4 addresses inside: mapped, compatible, translated, NAT64 of a network's own, 6to4 and Teredo.
    "::ffff:169.254.169.254",
    "::ffff:192.0.0.9",
    "::10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::192.0.0.9",
    "64:ff9b:1::10.0.0.1",
    "2002:a00:1::",
    "2002:5db8:d822::",
    "2001:0:5db8:d822::1",
    "2001:0:0:0:0:0:f5ff:fffe",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_outside_the_public_internet_is_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        require_public_ip(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700:4700::1111", "64:ff9b::5db8:d822"])
def test_a_public_address_is_let_through(address: str) -> None:
    require_public_ip(address)


@pytest.mark.parametrize(
    "address", [*FORBIDDEN[2:7], "169.254.169.254", "168.63.129.16", "fe80::1", "::ffff:10.0.0.1"]
)
def test_allowing_loopback_allows_nothing_else(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        require_public_ip(address, allow_loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_not_reached_under_any_spelling(site: Site, host: str) -> None:
    site.answers["/feed"] = Answer(b"secret")

    with pytest.raises(FetchError):
        fetch(f"http://{host}:{site.port}/feed", FEED)

    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/feed",
        "gopher://example.org/",
        "//example.org/feed",
        "example.org",
        "http://",
        "http://[::1",
        "http://example.org:99999/",
        "javascript:alert(1)",
    ],
)
def test_only_http_and_https_addresses_are_followed(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url, FEED)


def test_an_address_with_a_password_is_refused_and_the_password_is_not_repeated() -> None:
    with pytest.raises(FetchError) as caught:
        fetch("http://me:hunter2@example.org/feed", FEED)

    assert "hunter2" not in str(caught.value)


def test_the_bytes_and_their_type_come_back(site: Site) -> None:
    site.answers["/feed"] = Answer(b"<rss/>", "Application/RSS+XML; charset=utf-8")

    found = fetch(site.url("/feed"), FEED, allow_loopback=True)

    assert (found.body, found.content_type, found.url) == (
        b"<rss/>",
        "application/rss+xml",
        site.url("/feed"),
    )


def test_a_redirect_is_followed_to_its_end(site: Site) -> None:
    site.answers["/old"] = Answer(status=301, headers={"Location": "/new"})
    site.answers["/new"] = Answer(b"here")

    assert fetch(site.url("/old"), FEED, allow_loopback=True).url == site.url("/new")


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_a_private_place_is_refused(site: Site, target: str) -> None:
    site.answers["/feed"] = Answer(status=302, headers={"Location": target})

    with pytest.raises(FetchError):
        fetch(site.url("/feed"), FEED, allow_loopback=True)


def test_what_is_stored_of_an_answer_has_no_control_characters(site: Site) -> None:
    site.answers["/old"] = Answer(status=301, headers={"Location": "/ne\0w"})
    with pytest.raises(FetchError):
        fetch(site.url("/old"), FEED, allow_loopback=True)
    with pytest.raises(FetchError):
        get_final_status_and_url(site.url("/old"), allow_loopback=True)
    site.answers["/feed"] = Answer(b"<rss/>", headers={"ETag": '"a\0b"'})
    found = fetch(site.url("/feed"), FEED, allow_loopback=True)
    assert found.headers["etag"] == '"a b"'
    site.answers["/busy"] = Answer(status=503, headers={"Retry-After": "1\x0b"})
    with pytest.raises(StatusError) as refused:
        fetch(site.url("/busy"), FEED, allow_loopback=True)
    assert refused.value.headers["retry-after"].strip() == "1"


def test_redirects_end_somewhere(site: Site) -> None:
    site.answers["/round"] = Answer(status=302, headers={"Location": "/round"})

    with pytest.raises(FetchError, match="redirects"):
        fetch(site.url("/round"), FEED, Limits(redirects=3), allow_loopback=True)

    assert len(site.asked) == 4


class Names:
    """A resolver that answers differently each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]


def test_the_connection_goes_to_the_address_that_was_judged(site: Site) -> None:
    """DNS rebinding: public for the check, loopback for the connection."""
    site.answers["/feed"] = Answer(b"reached through the judged address")
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    dialled: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        dialled.append(address)
        return socket.create_connection(("127.0.0.1", site.port), timeout)

    limits = Limits(ports={8080})
    found = fetch("http://feeds.example.org:8080/feed", FEED, limits, resolve=names, connect=connect)

    assert names.asked == 1
    assert dialled == [("93.184.216.34", 8080)]
    assert site.asked == [("/feed", "feeds.example.org:8080")]
    assert found.body == b"reached through the judged address"


@pytest.mark.parametrize("port", [22, 25, 6379, 8080, 65_535])
def test_only_the_ports_of_the_web_are_reached(port: int) -> None:
    dialled: list[Any] = []
    for url in (f"http://feeds.example.org:{port}/", f"https://feeds.example.org:{port}/"):
        with pytest.raises(ForbiddenAddress, match=str(port)):
            fetch(
                url,
                FEED,
                resolve=Names(["93.184.216.34"]),
                connect=lambda *args, **_: dialled.append(args),  # type: ignore[arg-type,return-value]
            )
    assert dialled == []


def test_a_redirect_to_another_port_is_refused(site: Site) -> None:
    site.answers["/feed"] = Answer(status=302, headers={"Location": "http://feeds.example.org:6379/"})

    with pytest.raises(ForbiddenAddress):
        fetch(
            site.url("/feed"),
            FEED,
            allow_loopback=True,
            resolve=lambda host, port, **more: (
                Names(["93.184.216.34"]) if host == "feeds.example.org" else socket.getaddrinfo
            )(host, port, **more),
        )


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    dialled: list[Any] = []

    with pytest.raises(ForbiddenAddress, match=r"feeds\.example\.org"):
        fetch(
            "http://feeds.example.org/",
            FEED,
            resolve=Names(["93.184.216.34", "10.0.0.7"]),
            connect=lambda *args, **_: dialled.append(args),  # type: ignore[arg-type,return-value]
        )

    assert dialled == []


def test_more_bytes_than_allowed_are_not_taken(site: Site) -> None:
    site.answers["/feed"] = Answer(b"x" * 200_000)

    with pytest.raises(FetchError, match="larger than 100,000 bytes"):
        fetch(site.url("/feed"), FEED, Limits(size=100_000), allow_loopback=True)


def test_compression_does_not_smuggle_size_past_the_limit(site: Site) -> None:
    site.answers["/feed"] = Answer(gzip.compress(b"x" * 5_000_000), headers={"Content-Encoding": "gzip"})

    with pytest.raises(FetchError, match="larger"):
        fetch(site.url("/feed"), FEED, Limits(size=100_000), allow_loopback=True)


def test_another_content_type_is_refused_and_named(site: Site) -> None:
    site.answers["/page"] = Answer(b"<html>", "text/html")

    with pytest.raises(FetchError, match="text/html"):
        fetch(site.url("/page"), FEED, allow_loopback=True)


def test_an_answer_other_than_success_is_named(site: Site) -> None:
    with pytest.raises(FetchError, match="404"):
        fetch(site.url("/nowhere"), FEED, allow_loopback=True)


def test_a_server_that_sends_headers_too_slowly_is_disconnected() -> None:
    """Each step stays within its own limit; the limit for everything ends it."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def drip() -> None:
        line, _ = listener.accept()
        with line:
            line.recv(4096)
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            try:
                while not done.wait(0.05):
                    line.sendall(b"X-More: 1\r\n")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(FetchError):
            fetch(
                f"http://127.0.0.1:{listener.getsockname()[1]}/",
                FEED,
                Limits(seconds=0.4, step_seconds=5),
                allow_loopback=True,
            )
    finally:
        done.set()
        thread.join()
        listener.close()


def test_an_unknown_host_name_is_an_error() -> None:
    def nobody(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(FetchError, match=r"no server named nowhere\.example"):
        fetch("https://nowhere.example/", FEED, resolve=nobody)


def test_proxy_variables_of_the_environment_are_ignored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    site.answers["/feed"] = Answer(b"direct")

    assert fetch(site.url("/feed"), FEED, allow_loopback=True).body == b"direct"


def test_the_body_of_a_redirect_is_not_read() -> None:
    """It may have any size."""
    done = threading.Event()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/" else 200)
            self.send_header("Location", "/feed")
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(1 << 40) if self.path == "/" else "4")
            self.end_headers()
            if self.path == "/":
                done.wait(60)
            else:
                self.wfile.write(b"feed")

    with serving(Handler) as port:
        try:
            found = fetch(f"http://127.0.0.1:{port}/", FEED, Limits(seconds=20), allow_loopback=True)
        finally:
            done.set()
    assert found.body == b"feed"


class Receiver(Quiet, BaseHTTPRequestHandler):
    """Redirects every POST, and remembers it."""

    received: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["X-Mark"], body))
        self.send_response(307)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"x" * 5000)


def test_a_post_returns_the_reply_and_follows_no_redirect() -> None:
    Receiver.received = []
    with serving(Receiver) as port:
        reply = post(f"http://127.0.0.1:{port}/hook", b"{}", {"X-Mark": "seen"}, allow_private=True)
    assert (reply.status, len(reply.body)) == (307, 2_000)
    assert Receiver.received == [("/hook", "seen", b"{}")]


@pytest.mark.parametrize("url", ["http://hooks.example.org:8025/", "http://hooks.example.org/"])
def test_a_post_reaches_private_addresses_and_ports_only_where_that_is_allowed(url: str) -> None:
    dialled: list[Any] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        dialled.append(address)
        raise OSError

    for allowed in (False, True):
        with pytest.raises(FetchError) as caught:
            post(url, b"", {}, allow_private=allowed, resolve=Names(["10.0.0.7"]), connect=connect)
        assert isinstance(caught.value, ForbiddenAddress) is not allowed
    assert [address for address, _ in dialled] == ["10.0.0.7"]


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0", "168.63.129.16"]
)
def test_no_setting_lets_a_post_reach_the_credentials_of_a_cloud(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        post("http://hooks.example.org/", b"", {}, allow_private=True, resolve=Names([address]))
