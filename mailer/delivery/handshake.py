"""Opening an SMTP session: greeting, EHLO, encryption, login. What fails here is no recipient's fault."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl

from mailer.delivery.replies import Reply
from mailer.delivery.smtp import OurFault, Relay, Session, Unavailable
from mailer.delivery.wire import ConnectionLost, Wire


async def open_session(relay: Relay) -> Session:
    """Connect and say hello.

    Raises Unavailable (not reached, busy, ended), OurFault (turned down for good, or the configuration cannot
    work with this server).
    """
    try:
        wire = await _connect(relay)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"{relay.host}:{relay.port} cannot be reached: {_words(error)}.") from error
    try:
        return await _greet(wire, relay)
    except ConnectionLost as error:
        await wire.close()
        raise Unavailable(f"{relay.host}:{relay.port} ended the greeting: {error}.") from error
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


async def _greet(wire: Wire, relay: Relay) -> Session:
    seconds = relay.timeouts.command
    _accept(await wire.reply(relay.timeouts.greeting), "The relay turns us away at once")
    session = Session(wire, relay)
    session.offers = await _hello(wire, relay)
    if relay.security == "starttls":
        if "STARTTLS" not in session.offers:
            raise OurFault(f"The relay {relay.host} offers no STARTTLS, and [smtp] security asks for it.")
        wire.write(b"STARTTLS\r\n")
        _accept(await wire.reply(seconds), "The relay refuses STARTTLS")
        await wire.start_tls(_trust(relay), relay.host, relay.timeouts.connect)
        # What was offered in clear counts for nothing any more (RFC 3207 §4.2).
        session.offers = await _hello(wire, relay)
    if relay.username:
        await _log_in(wire, relay, session.offers.get("AUTH", "").upper().split())
    return session


async def _hello(wire: Wire, relay: Relay) -> dict[str, str]:
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


async def _log_in(wire: Wire, relay: Relay, mechanisms: list[str]) -> None:
    if relay.security == "none" and not _is_loopback(relay.host):
        raise OurFault("[smtp] has a username but no encryption; set security to starttls or tls.")
    name, secret = relay.username.encode(), relay.password.encode()
    if "PLAIN" in mechanisms:
        steps = [b"AUTH PLAIN " + base64.b64encode(b"\0" + name + b"\0" + secret)]
    elif "LOGIN" in mechanisms:
        steps = [b"AUTH LOGIN", base64.b64encode(name), base64.b64encode(secret)]
    else:
        offered = ", ".join(mechanisms) or "none"
        raise OurFault(f"The relay {relay.host} offers neither AUTH PLAIN nor LOGIN, but: {offered}.")
    for step in steps:
        wire.write(step + b"\r\n")
        _accept(await wire.reply(relay.timeouts.command), "The relay refuses our login")


def _accept(reply: Reply, complaint: str) -> None:
    if reply.permanent:
        raise OurFault(f"{complaint}: {reply}")
    if not reply.positive:
        raise Unavailable(f"{complaint}: {reply}")


def _trust(relay: Relay) -> ssl.SSLContext:
    return relay.trust or ssl.create_default_context()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
