"""Opens SMTP sessions: picks a relay, connects, greets, encrypts and authenticates.

SMTP AUTH is by PLAIN, LOGIN, CRAM-MD5 or XOAUTH2 (RFC 4954, 4616, 2195). No recipient is to blame for a
failure here.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from mailer.config.log_masking import MASK, mask
from mailer.delivery.smtp.connection import ConnectionLost, SmtpTransport
from mailer.delivery.smtp.relays import (
    PermanentRelayError,
    Relay,
    RelayPool,
    RelayUnavailable,
    SmtpError,
    configured_pool,
)
from mailer.delivery.smtp.reply import Reply
from mailer.delivery.smtp.session import Session

log = logging.getLogger(__name__)
_EXPIRED = "has expired; the server's operator must renew it"
_WRONG_NAME = "is for another name; host must be a name in the certificate"
_UNKNOWN = (
    "is not signed by an authority that this machine trusts; add the authority to the system's certificates"
)
# By OpenSSL's error numbers.
_CERTIFICATE_ERRORS = {
    9: "is not valid yet; check this machine's clock",
    10: _EXPIRED,
    **dict.fromkeys((18, 19, 20, 21), _UNKNOWN),
    **dict.fromkeys((62, 64), _WRONG_NAME),
}
# Seconds after which the system's certificates are read again, because they may have changed.
_CERTIFICATES_SECONDS = 600.0
# In order of preference. On an encrypted connection: the mechanism that works with every password store.
# In clear, which is allowed on this machine only: the one that does not reveal the password.
_ENCRYPTED = ("PLAIN", "LOGIN", "CRAM-MD5")
_CLEAR = ("CRAM-MD5", "PLAIN", "LOGIN")


class _TlsFailed(Exception):  # noqa: N818  (an event, not an error)
    """Opportunistic encryption was tried and failed."""


async def connect_within_quota(
    pool: RelayPool, clock: Callable[[], float] = time.monotonic
) -> tuple[Session, Relay] | None:
    """A session with a relay of the pool; if one fails, with another.

    Returns None if the available relays have their quota of connections. Raises SmtpError if none is
    available.
    """
    while (relay := pool.reserve(clock())) is not None:
        try:
            session = await open_session(relay)
        except SmtpError as error:
            log.warning("action=relay_failed relay=%s:%d reason=%s", relay.host, relay.port, error)
            pool.failed(relay, clock(), error)
        except BaseException:
            pool.failed(relay, clock(), RelayUnavailable("The connection attempt was cancelled."))
            raise
        else:
            pool.session_opened(relay)
            return session, relay
    if reason := pool.unavailable_error(clock()):
        raise reason
    return None


async def open_with_any_relay() -> Session:
    """A session with the first configured relay that works, for a few messages. Raises SmtpError."""
    pool = configured_pool()
    opened = await connect_within_quota(pool)
    # Nothing else uses this pool, so that it has a free relay or an error.
    assert opened is not None
    session, relay = opened
    pool.worked(relay)
    return session


async def open_session(relay: Relay) -> Session:
    """Connect, greet, encrypt and authenticate as `relay` asks.

    Raises RelayUnavailable (not reached, busy, connection ended, certificate not trusted) and
    PermanentRelayError (rejected permanently, or the configuration cannot work with this server).
    """
    try:
        return await _open(relay, encrypt=relay.security in ("starttls", "opportunistic"))
    except _TlsFailed as failure:
        log.warning("action=sent_in_clear relay=%s reason=%s", relay.host, failure)
        return await _open(relay, encrypt=False)


async def _open(relay: Relay, encrypt: bool) -> Session:
    try:
        transport = await _connect(relay)
    except (OSError, TimeoutError, UnicodeError) as error:
        # UnicodeError: the host cannot be a name, such as "relay..example.org".
        raise RelayUnavailable(f"{_name(relay)} cannot be reached: {_explain(error, relay)}.") from error
    try:
        if relay.security == "tls":
            await transport.finish_handshake(relay.timeouts.connect)
        return await _handshake(transport, relay, encrypt)
    except ConnectionLost as error:
        await transport.close()
        raise RelayUnavailable(
            f"{_name(relay)} ended the connection during the greeting: {_explain(error, relay)}."
        ) from error
    except BaseException:
        await transport.close()
        raise


async def _connect(relay: Relay) -> SmtpTransport:
    context = _tls_context(relay) if relay.security == "tls" else None
    async with asyncio.timeout(relay.timeouts.connect):
        _, transport = await asyncio.get_running_loop().create_connection(
            partial(SmtpTransport, context, relay.host), relay.host, relay.port
        )
    return transport


async def _handshake(transport: SmtpTransport, relay: Relay, encrypt: bool) -> Session:
    greeting = await transport.read_reply(relay.timeouts.greeting)
    _require_positive(greeting, "The relay rejects the connection")
    session = Session(transport, relay)
    session.extensions = await _ehlo(transport, relay)
    if encrypt and await _start_tls(transport, relay, session.extensions):
        # Extensions offered in clear must be discarded (RFC 3207 §4.2).
        session.extensions = await _ehlo(transport, relay)
    if relay.username:
        if relay.security in ("none", "opportunistic") and not is_loopback(relay.host):
            # Without certificate verification an attacker in between could read the password.
            raise PermanentRelayError(
                f"{_name(relay)} has a username and no verified encryption; security must be starttls or tls."
            )
        await authenticate(transport, relay, session.extensions)
    return session


async def _start_tls(transport: SmtpTransport, relay: Relay, extensions: dict[str, str]) -> bool:
    """Encrypt the connection; False if it stays in clear because the relay's security allows that."""
    required = relay.security == "starttls"
    if "STARTTLS" not in extensions:
        if required:
            raise PermanentRelayError(f"{_name(relay)} does not offer STARTTLS, which its security requires.")
        return False
    transport.write(b"STARTTLS\r\n")
    reply = await transport.read_reply(relay.timeouts.command)
    if reply.code != 220 and not required:
        return False
    _require_positive(reply, "The relay rejects STARTTLS")
    try:
        await transport.start_tls(_tls_context(relay), relay.host, relay.timeouts.connect)
    except ConnectionLost as error:
        if required:
            raise
        raise _TlsFailed(str(error)) from error
    return True


async def _ehlo(transport: SmtpTransport, relay: Relay) -> dict[str, str]:
    """The server's extensions: keywords in upper case, each with its parameters."""
    seconds = relay.timeouts.command
    transport.write(f"EHLO {relay.ehlo}\r\n".encode())
    reply = await transport.read_reply(seconds)
    if reply.code in (500, 502, 503, 504):
        transport.write(f"HELO {relay.ehlo}\r\n".encode())
        _require_positive(await transport.read_reply(seconds), "The relay rejects our HELO")
        return {}
    _require_positive(reply, "The relay rejects our EHLO")
    extensions: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.partition(" ")
        extensions[keyword.upper()] = parameters.strip()
    return extensions


def _require_positive(reply: Reply, message: str) -> None:
    if reply.permanent:
        raise PermanentRelayError(f"{message}: {mask(str(reply))}")
    if not reply.positive:
        raise RelayUnavailable(f"{message}: {mask(str(reply))}")


def _tls_context(relay: Relay) -> ssl.SSLContext:
    if relay.security == "opportunistic":
        return unverified_context()
    return relay.tls_context or _default_context(int(time.monotonic() // _CERTIFICATES_SECONDS))


@lru_cache(maxsize=1)
def _default_context(_: int) -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than a handshake."""
    return ssl.create_default_context()


def _name(relay: Relay) -> str:
    return f"The relay {relay.host}:{relay.port}"


def _explain(error: BaseException, relay: Relay) -> str:
    """What is wrong and, where that is known, how to fix it."""
    cause = error.__cause__ if isinstance(error, ConnectionLost) and error.__cause__ else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate {explain_certificate_error(cause)}"
    if isinstance(cause, ssl.SSLError) and relay.security == "tls":
        return f"it does not start with TLS ({cause.reason}); did you mean security = starttls?"
    if isinstance(cause, TimeoutError):
        return f"no answer within {relay.timeouts.connect:g} seconds"
    return str(error) or type(error).__name__


def explain_certificate_error(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with the certificate and how to fix it: a predicate for "its certificate"."""
    return _CERTIFICATE_ERRORS.get(error.verify_code, f"cannot be trusted: {error.verify_message}")


def unverified_context() -> ssl.SSLContext:
    """Encrypts without checking the certificate: protects against passive eavesdropping only (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Exchange(NamedTuple):
    # Initial response, sent with the AUTH command; None: the server sends the first challenge.
    initial: bytes | None
    # A response to each challenge of the server.
    responses: Sequence[Callable[[bytes], bytes]]
    # The password or access token.
    secret: bytes


async def authenticate(transport: SmtpTransport, relay: Relay, extensions: Mapping[str, str]) -> None:
    """Authenticate as `relay` configures. Raises PermanentRelayError if that cannot work, else
    RelayUnavailable."""
    mechanism = _choose_mechanism(relay, extensions)
    exchange = _exchange(mechanism, relay)
    command = f"AUTH {mechanism}".encode()
    # What the server's reply may repeat.
    secrets = [exchange.secret, b64encode(exchange.secret)]
    if exchange.initial is not None:
        secrets.append(b64encode(exchange.initial))
        command += b" " + secrets[-1]
    reply = await _send(transport, relay, command)
    status = ""
    for respond in exchange.responses:
        if reply.code != 334:
            break
        challenge = _challenge(reply)
        status = _xoauth2_status(challenge) or status
        secrets.append(b64encode(respond(challenge)))
        reply = await _send(transport, relay, secrets[-1])
    if reply.code == 334:
        # The server asks for more than the mechanism provides: cancel (RFC 4954 §4).
        reply = await _send(transport, relay, b"*")
    if 200 <= reply.code < 300:
        return
    text = _without_secrets(str(reply), secrets)
    message = f"The relay {relay.host} rejects our sign-in by {mechanism}: {text}{status}"
    raise PermanentRelayError(message) if reply.permanent else RelayUnavailable(message)


def _without_secrets(text: str, secrets: Iterable[bytes]) -> str:
    """`text` for staff, without `secrets`, and without the addresses and secrets that no log may contain."""
    # Some servers leave out the padding of base64. Longer ones first: one may contain another.
    found = {one.decode(errors="replace").rstrip("=") for one in secrets}
    for secret in sorted(filter(None, found), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return mask(text)


def _choose_mechanism(relay: Relay, extensions: Mapping[str, str]) -> str:
    offered = extensions.get("AUTH", "").upper().split()
    if relay.auth != "auto":
        wanted: tuple[str, ...] = (relay.auth.upper(),)
    elif relay.token_path:
        wanted = ("XOAUTH2",)
    else:
        wanted = _ENCRYPTED if relay.security in ("starttls", "tls") else _CLEAR
    for mechanism in wanted:
        if mechanism in offered:
            return mechanism
    found = ", ".join(offered) or "nothing"
    hint = (
        " It may offer more on an encrypted connection: check its security."
        if "STARTTLS" in extensions
        else ""
    )
    raise PermanentRelayError(
        f"The relay {relay.host} offers for sign-in: {found}; not {' or '.join(wanted)}.{hint}"
    )


def _exchange(mechanism: str, relay: Relay) -> _Exchange:
    name, secret = relay.username.encode(), relay.password.encode()
    if mechanism == "PLAIN":
        plain = b"\0" + name + b"\0" + secret
        # A server that ignores the initial response asks for it.
        return _Exchange(plain, [lambda _: plain], secret)
    if mechanism == "LOGIN":
        return _Exchange(None, [lambda _: name, lambda _: secret], secret)
    if mechanism == "CRAM-MD5":
        return _Exchange(None, [lambda challenge: b"%s %s" % (name, _cram_md5(secret, challenge))], secret)
    token = _access_token(relay)
    bearer = b"user=" + name + b"\1auth=Bearer " + token + b"\1\1"
    # The server's only challenge carries the reason of a rejection; the response to it is empty.
    return _Exchange(bearer, [lambda _: b""], token)


def _cram_md5(secret: bytes, challenge: bytes) -> bytes:
    """RFC 2195 §2"""
    return hmac.new(secret, challenge, "md5").hexdigest().encode()


def _access_token(relay: Relay) -> bytes:
    """The access token, read from its file each time, because another program renews it."""
    try:
        token = Path(relay.token_path).read_bytes().strip() if relay.token_path else relay.password.encode()
    except OSError as error:
        message = f"The relay {relay.host}: token_path {relay.token_path} cannot be read ({error.strerror})."
        raise PermanentRelayError(message) from error
    if not token:
        raise PermanentRelayError(
            f"The relay {relay.host}: sign-in by XOAUTH2 needs an access token in token_path."
        )
    return token


async def _send(transport: SmtpTransport, relay: Relay, line: bytes) -> Reply:
    transport.write(line + b"\r\n")
    return await transport.read_reply(relay.timeouts.command)


def _challenge(reply: Reply) -> bytes:
    try:
        return b64decode(reply.lines[0].encode(), validate=True)
    except ValueError:
        # Some servers send plain text.
        return b""


def _xoauth2_status(challenge: bytes) -> str:
    """The status that XOAUTH2 gives for a rejected token; empty for any other challenge."""
    try:
        status = json.loads(challenge)["status"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" (status {str(status)[:20]!r}; has the access token expired?)"
