"""Fetches and posts to URLs that users or feeds name, on public web servers only (protection against SSRF).

Every host is resolved once, every address of the answer is checked, and the connection goes to a checked
address, so that DNS rebinding has no effect. Redirects are checked alike, and ports other than those of the
web are refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from subscribers.translate_stored_texts import stored

USER_AGENT = "newsletter-mailer/0.1"
_REDIRECTS = (301, 302, 303, 307, 308)
# The ports of http and https.
WEB_PORTS = frozenset({80, 443})
# Addresses that carry an IPv4 address inside (RFC 6052 §2.1); the inner one is what is reached.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# A public address that is the host of the machine within Microsoft's cloud, which gives out its secrets.
_CLOUD_HOST = ipaddress.IPv4Address("168.63.129.16")
# What the IANA registries of special-purpose addresses (RFC 6890) do not call globally reachable, with ranges
# that only other hosts on the way use: written out, because Python's own table depends on its version.
_SPECIAL_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            _CLOUD_HOST,
        ),
    )
)
# All public IPv6 addresses are in the first; of these, the others are special, Teredo and 6to4 among them.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_IPV6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_PIECE = 16 * 1024
# In no address and no header, though servers can send them; PostgreSQL stores no NUL.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Resolve = Callable[..., list[Any]]
Connect = Callable[..., socket.socket]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(Exception):
    """The URL could not be fetched; the message, a stored text, gives the reason for staff."""


class ForbiddenAddress(FetchError):  # noqa: N818  (a verdict, named as one)
    """The URL leads to a private or reserved address."""


class NoServer(FetchError):  # noqa: N818  (a verdict, named as one)
    """No server has the URL's name."""


class StatusError(FetchError):
    """The server answered, but not with the content."""

    def __init__(self, text: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(text)
        # Of HTTP.
        self.status = status
        # By name in lower case.
        self.headers = headers


@dataclass(frozen=True)
class Probed:
    # Of HTTP.
    status: int
    # Where the URL led, after redirects.
    url: str
    # Whether every redirect on the way was permanent (301, 308); True where there was none.
    permanent: bool


@dataclass(frozen=True)
class Fetched:
    # The final URL, after redirects.
    url: str
    # Lower case, without parameters: "application/rss+xml".
    content_type: str
    # The Content-Type header as sent, with its charset.
    content_type_header: str
    # Empty where `unchanged`.
    body: bytes
    # By name in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    # HTTP 304: what the conditional request named is still current.
    unchanged: bool = False
    # Where permanent redirects (301, 308) lead from the requested URL, before any temporary one; else "".
    moved_to: str = ""


@dataclass(frozen=True)
class PostReply:
    # Of HTTP; a redirect is not followed.
    status: int
    # The first octets of the answer.
    body: bytes


@dataclass(frozen=True)
class Limits:
    # Bytes after decompression.
    size: int = 5 * 1024 * 1024
    # Seconds in total, redirects included.
    seconds: float = 30
    # Seconds for each connect and read.
    step_seconds: float = 10
    redirects: int = 4
    # What may be connected to.
    ports: Collection[int] = WEB_PORTS


def fetch(
    url: str,
    content_types: Collection[str] | None,
    limits: Limits = Limits(),
    *,
    form: str | None = None,
    headers: Mapping[str, str] | None = None,
    allow_loopback: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Fetched:
    """Fetch `url` (http or https, public servers only) if its type is one of `content_types` (None: any).

    `form`, an encoded form, is sent by POST. `headers` may make the request conditional (RFC 9110 §13.1).
    `allow_loopback` permits servers on this machine, on any port. Raises FetchError.
    """
    guard = _Guard(limits, allow_loopback, resolve, connect)
    sent = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    sent |= headers or {}
    permanent, moved_to = True, ""
    with guard.watching(), closing(requests.Session()) as session:
        # No proxy and no .netrc of the environment is used.
        session.trust_env = False
        session.mount("http://", _Adapter(guard))
        session.mount("https://", _Adapter(guard))
        for _ in range(limits.redirects + 1):
            response = _request(session, url, guard, form, sent)
            with closing(response):
                if response.status_code not in _REDIRECTS:
                    return replace(_read(response, url, content_types, guard), moved_to=moved_to)
                target = response.headers.get("Location", "")
                permanent = permanent and response.status_code in (301, 308)
            if not target:
                raise FetchError(stored("%(url)s redirects, but not to any address.", url=url))
            url = _joined(url, target)
            moved_to = url if permanent else moved_to
    raise FetchError(
        stored(
            "There were more than %(most)s redirects; the last led to %(url)s.",
            most=limits.redirects,
            url=url,
        )
    )


def get_final_status_and_url(
    url: str,
    limits: Limits = Limits(seconds=20),
    *,
    allow_loopback: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Probed:
    """Ask for `url` as a browser does, follow its redirects, and read no body.

    Not by HEAD, which many servers refuse. Raises FetchError where there is no answer.
    """
    guard = _Guard(limits, allow_loopback, resolve, connect)
    permanent = True
    with guard.watching(), closing(requests.Session()) as session:
        session.trust_env = False
        session.mount("http://", _Adapter(guard))
        session.mount("https://", _Adapter(guard))
        for _ in range(limits.redirects + 1):
            with closing(_request(session, url, guard, None, {"Accept": "text/html,*/*"})) as response:
                target = response.headers.get("Location", "")
                if response.status_code not in _REDIRECTS or not target:
                    return Probed(response.status_code, url, permanent)
                permanent = permanent and response.status_code in (301, 308)
            url = _joined(url, target)
    raise FetchError(
        stored(
            "There were more than %(most)s redirects; the last led to %(url)s.",
            most=limits.redirects,
            url=url,
        )
    )


def _joined(url: str, target: str) -> str:
    try:
        if _CONTROL.search(target):
            raise ValueError("control characters in an address")
        return urljoin(url, target)
    except ValueError as error:
        raise FetchError(stored("%(url)s redirects, but not to any address.", url=url)) from error


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    limits: Limits = Limits(size=2_000, seconds=15, step_seconds=10),
    *,
    allow_private: bool = False,
    allow_loopback: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> PostReply:
    """POST `body` to `url`, the address of a webhook, and return the reply whatever its status.

    No redirect is followed. `allow_private` permits addresses of private networks and this machine, and every
    port; only the operator's configuration may set it. Raises FetchError, whose text holds the URL.
    """
    guard = _Guard(limits, allow_loopback, resolve, connect, allow_private=allow_private)
    with guard.watching(), closing(requests.Session()) as session:
        session.trust_env = False
        session.mount("http://", _Adapter(guard))
        session.mount("https://", _Adapter(guard))
        with closing(_request(session, url, guard, body, headers)) as response:
            try:
                start = response.raw.read(limits.size, decode_content=False)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise _to_fetch_error(error, url, guard) from error
            if guard.expired:
                raise _to_fetch_error(None, url, guard)
            return PostReply(response.status_code, start)


def require_public_ip(ip_address: str, *, allow_loopback: bool = False) -> Address:
    """The parsed IP address; raises ForbiddenAddress unless it is a public one."""
    try:
        found: Address = ipaddress.ip_address(ip_address.split("%", 1)[0])
    except ValueError as error:
        raise ForbiddenAddress(stored("%(address)s is not an IP address.", address=ip_address)) from error
    reached = _reached(found)
    if not (allow_loopback and reached.is_loopback) and not _is_public(reached):
        raise ForbiddenAddress(stored("%(address)s is not on the public internet.", address=ip_address))
    return found


def _refuse_link_local(host: str, found: Iterable[str]) -> None:
    """Raises ForbiddenAddress: there, a cloud's machines get their credentials, and no webhook is."""
    for one in found:
        reached = _reached(ipaddress.ip_address(one.split("%", 1)[0]))
        is_special = reached.is_link_local or reached.is_multicast or reached.is_unspecified
        if is_special or reached == _CLOUD_HOST:
            raise ForbiddenAddress(
                stored(
                    "%(host)s leads to %(address)s, to which no webhook may be sent.", host=host, address=one
                )
            )


def _reached(address: Address) -> Address:
    """The address, or the IPv4 address embedded in it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            # Formally reserved, but how a network without IPv4 reaches every server that has nothing else.
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _SPECIAL_IPV4)
    return (
        address.is_global
        and address in _GLOBAL_IPV6
        and not any(address in network for network in _SPECIAL_IPV6)
    )


class _Guard:
    """Opens checked connections for one fetch, and closes them when its time is over."""

    def __init__(
        self,
        limits: Limits,
        allow_loopback: bool,
        resolve: Resolve,
        connect: Connect,
        *,
        allow_private: bool = False,
    ) -> None:
        self.limits, self.allow_loopback, self.allow_private = limits, allow_loopback, allow_private
        self.resolve, self.connect = resolve, connect
        self.expired = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Closes all connections when the total time is over, however slowly the server sends."""
        timer = threading.Timer(self.limits.seconds, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                for line in self._lines:
                    line.close()

    def _hang_up(self) -> None:
        with self._lock:
            self.expired = True
            for line in self._lines:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed already

    def connect_checked(self, host: str, port: int) -> socket.socket:
        """A connection to one of the host's addresses, all of which are public."""
        try:
            answers = self.resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NoServer(stored("There is no server named %(host)s on the internet.", host=host)) from error
        found = [str(answer[4][0]) for answer in answers]
        if self.allow_private:
            _refuse_link_local(host, found)
        else:
            found = self._checked(host, port, found)
        failure: OSError | None = None
        for address in found[:4]:
            try:
                line = self.connect((address, port), timeout=self.limits.step_seconds)
            except OSError as error:
                failure = error
                continue
            self._watch(line)
            return line
        raise FetchError(stored("The server %(host)s does not answer.", host=host)) from failure

    def _checked(self, host: str, port: int, found: list[str]) -> list[str]:
        addresses = []
        for one in found:
            try:
                addresses.append(require_public_ip(one, allow_loopback=self.allow_loopback))
            except ForbiddenAddress as error:
                text = stored(
                    "%(host)s leads to %(address)s, which is not on the public internet.",
                    host=host,
                    address=one,
                )
                raise ForbiddenAddress(text) from error
        if port not in self.limits.ports and not all(_reached(one).is_loopback for one in addresses):
            raise ForbiddenAddress(
                stored(
                    "Port %(port)s of %(host)s is not one of the ports that are allowed for web servers.",
                    host=host,
                    port=port,
                )
            )
        return list(map(str, addresses))

    def _watch(self, line: socket.socket) -> None:
        # A duplicate, because TLS takes over the original socket.
        with self._lock:
            if self.expired:
                line.close()
                seconds = f"{self.limits.seconds:g}"
                raise FetchError(
                    stored("Loading the page took longer than %(seconds)s seconds.", seconds=seconds)
                )
            self._lines.append(line.dup())


class _Adapter(HTTPAdapter):
    """Makes requests connect through the guard; TLS and the Host header still use the name."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard = self._guard

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect_checked(self.host, self.port)

        class Tls(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect_checked(self.host, self.port)

        plain = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
        tls = type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": Tls})
        self.poolmanager.pool_classes_by_scheme = {"http": plain, "https": tls}


def _request(
    session: requests.Session,
    url: str,
    guard: _Guard,
    body: str | bytes | None,
    headers: Mapping[str, str],
) -> requests.Response:
    """GET, or POST with a body. Raises FetchError."""
    _check_url(url)
    try:
        request = session.prepare_request(
            requests.Request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
            )
        )
        # Not by `session.send`, which reads the whole body of a redirect, whatever its size.
        response = session.get_adapter(url).send(request, stream=True, timeout=guard.limits.step_seconds)
        extract_cookies_to_jar(session.cookies, request, response.raw)  # type: ignore[no-untyped-call]
        return response
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _to_fetch_error(error, url, guard) from error


def _check_url(url: str) -> None:
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError(stored("%(url)s is not a web address.", url=url)) from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise FetchError(
            stored("%(url)s is not a web address; it must begin with http:// or https://.", url=url)
        )
    if parts.username is not None or parts.password is not None:
        raise FetchError(stored("The web address contains a user name or a password; use one without."))


def _read(
    response: requests.Response, url: str, content_types: Collection[str] | None, guard: _Guard
) -> Fetched:
    headers = {name.lower(): _CONTROL.sub(" ", value) for name, value in response.headers.items()}
    header = headers.get("content-type", "")
    kind = header.split(";", 1)[0].strip().lower()
    if response.status_code == 304 and _is_conditional(response.request):
        return Fetched(url, kind, header, b"", headers, unchanged=True)
    if response.status_code != 200:
        status = f"{response.status_code} {response.reason or ''}".rstrip()
        text = stored("%(url)s answers with the status %(status)s.", url=url, status=status)
        raise StatusError(text, response.status_code, headers)
    if content_types is not None and kind not in content_types:
        expected = ", ".join(sorted(content_types))
        raise FetchError(
            stored(
                "%(url)s is a file of the type %(kind)s; expected: %(expected)s.",
                url=url,
                kind=kind,
                expected=expected,
            )
            if kind
            else stored(
                "%(url)s does not say what type of file it is; expected: %(expected)s.",
                url=url,
                expected=expected,
            )
        )
    body = bytearray()
    try:
        while piece := response.raw.read(_PIECE, decode_content=True):
            body += piece
            if len(body) > guard.limits.size:
                most = f"{guard.limits.size:,}"
                raise FetchError(stored("%(url)s is larger than %(most)s bytes.", url=url, most=most))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _to_fetch_error(error, url, guard) from error
    if guard.expired:
        raise _to_fetch_error(None, url, guard)
    return Fetched(url, kind, header, bytes(body), headers)


def _is_conditional(request: requests.PreparedRequest) -> bool:
    return "If-None-Match" in request.headers or "If-Modified-Since" in request.headers


def _to_fetch_error(error: Exception | None, url: str, guard: _Guard) -> FetchError:
    if guard.expired or isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return FetchError(stored("%(url)s took too long to answer.", url=url))
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return FetchError(stored("The certificate of %(url)s cannot be trusted.", url=url))
    return FetchError(stored("%(url)s could not be read: the connection failed.", url=url))
