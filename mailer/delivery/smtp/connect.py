"""Opening an SMTP session: greeting, EHLO, encryption, sign-in. What fails here is no recipient's fault."""

from __future__ import annotations

import asyncio
import logging
import ssl

from mailer.delivery.smtp import auth, tls
from mailer.delivery.smtp.base import OurFault, Relay, Unavailable
from mailer.delivery.smtp.reply import Reply
from mailer.delivery.smtp.session import Session
from mailer.delivery.smtp.transport import ConnectionLost, Wire

log = logging.getLogger(__name__)


class _NotEncrypted(Exception):  # noqa: N818
    """Encryption was tried and failed, and is not required."""


async def open_session(relay: Relay) -> Session:
    """Connect, say hello, encrypt and sign in as `relay` asks.

    Raises Unavailable (not reached, busy, ended, not to be trusted), OurFault (turned down for good, or the
    configuration cannot work with this server).
    """
    try:
        return await _open(relay, encrypt=relay.security in ("starttls", "opportunistic"))
    except _NotEncrypted as failure:
        log.warning("action=sent_in_clear relay=%s because=%s", relay.host, failure)
        return await _open(relay, encrypt=False)


async def _open(relay: Relay, encrypt: bool) -> Session:
    try:
        wire = await _connect(relay)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"{_name(relay)} cannot be reached: {_words(error, relay)}.") from error
    try:
        return await _greet(wire, relay, encrypt)
    except ConnectionLost as error:
        await wire.close()
        raise Unavailable(f"{_name(relay)} ended the greeting: {_words(error, relay)}.") from error
    except BaseException:
        await wire.close()
        raise


async def _connect(relay: Relay) -> Wire:
    loop = asyncio.get_running_loop()
    direct = relay.security == "tls"
    async with asyncio.timeout(relay.timeouts.connect):
        _, wire = await loop.create_connection(
            Wire,
            relay.host,
            relay.port,
            ssl=_trust(relay) if direct else None,
            server_hostname=relay.host if direct else None,
        )
    return wire


async def _greet(wire: Wire, relay: Relay, encrypt: bool) -> Session:
    _accept(await wire.reply(relay.timeouts.greeting), "The relay turns us away at once")
    session = Session(wire, relay)
    session.offers = await _hello(wire, relay)
    if encrypt and await _encrypted(wire, relay, session.offers):
        # What was offered in clear counts for nothing any more (RFC 3207 §4.2).
        session.offers = await _hello(wire, relay)
    if relay.username:
        if relay.security in ("none", "opportunistic") and not tls.is_loopback(relay.host):
            # Without a look at the certificate, anybody between could be listening.
            raise OurFault(
                f"{_name(relay)} has a username and no sure encryption; security must be starttls or tls."
            )
        await auth.sign_in(wire, relay, session.offers)
    return session


async def _encrypted(wire: Wire, relay: Relay, offers: dict[str, str]) -> bool:
    """Encrypt the connection; False where it stays in clear because that is good enough."""
    required = relay.security == "starttls"
    if "STARTTLS" not in offers:
        if required:
            raise OurFault(f"{_name(relay)} offers no STARTTLS, and its security asks for it.")
        return False
    wire.write(b"STARTTLS\r\n")
    reply = await wire.reply(relay.timeouts.command)
    if reply.code != 220 and not required:
        return False
    _accept(reply, "The relay refuses STARTTLS")
    try:
        await wire.start_tls(_trust(relay), relay.host, relay.timeouts.connect)
    except ConnectionLost as error:
        if required:
            raise
        raise _NotEncrypted(str(error)) from error
    return True


async def _hello(wire: Wire, relay: Relay) -> dict[str, str]:
    """What the server offers: keywords in upper case, each with its parameters."""
    seconds = relay.timeouts.command
    wire.write(f"EHLO {relay.ehlo}\r\n".encode())
    reply = await wire.reply(seconds)
    if reply.code in (500, 502, 503, 504):
        wire.write(f"HELO {relay.ehlo}\r\n".encode())
        _accept(await wire.reply(seconds), "The relay refuses our HELO")
        return {}
    _accept(reply, "The relay refuses our EHLO")
    offers: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.partition(" ")
        offers[keyword.upper()] = parameters.strip()
    return offers


def _accept(reply: Reply, complaint: str) -> None:
    if reply.permanent:
        raise OurFault(f"{complaint}: {reply}")
    if not reply.positive:
        raise Unavailable(f"{complaint}: {reply}")


def _trust(relay: Relay) -> ssl.SSLContext:
    if relay.security == "opportunistic":
        # Better than nothing against who only listens: RFC 7435.
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        return anybody
    return relay.trust or ssl.create_default_context()


def _name(relay: Relay) -> str:
    return f"The relay {relay.host}:{relay.port}"


def _words(error: BaseException, relay: Relay) -> str:
    """What is wrong and, where it is known, what to do."""
    cause = error.__cause__ if isinstance(error, ConnectionLost) and error.__cause__ else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate {tls.wrong(cause)}"
    if isinstance(cause, ssl.SSLError) and relay.security == "tls":
        return f"it speaks no TLS from the first byte ({cause.reason}); is security = starttls meant?"
    if isinstance(cause, TimeoutError):
        return f"no answer within {relay.timeouts.connect:g} seconds"
    return str(error) or type(error).__name__
