"""SMTP AUTH by PLAIN, LOGIN, CRAM-MD5 or XOAUTH2 (RFC 4954, 4616, 2195)."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mailer.delivery.smtp.relays import PermanentRelayError, Relay, RelayUnavailable
from mailer.delivery.smtp.reply import Reply
from mailer.delivery.smtp.transport import SmtpTransport

# In order of preference. On an encrypted connection: the mechanism that works with every password store.
# In clear, which is allowed on this machine only: the one that does not reveal the password.
_ENCRYPTED = ("PLAIN", "LOGIN", "CRAM-MD5")
_CLEAR = ("CRAM-MD5", "PLAIN", "LOGIN")


class _Exchange(NamedTuple):
    # Initial response, sent with the AUTH command; None: the server sends the first challenge.
    initial: bytes | None
    # A response to each challenge of the server.
    responses: Sequence[Callable[[bytes], bytes]]


async def authenticate(transport: SmtpTransport, relay: Relay, extensions: Mapping[str, str]) -> None:
    """Authenticate as `relay` configures. Raises PermanentRelayError if that cannot work, else
    RelayUnavailable."""
    mechanism = _choose_mechanism(relay, extensions)
    exchange = _exchange(mechanism, relay)
    command = f"AUTH {mechanism}".encode()
    if exchange.initial is not None:
        command += b" " + b64encode(exchange.initial)
    reply = await _send(transport, relay, command)
    status = ""
    for respond in exchange.responses:
        if reply.code != 334:
            break
        challenge = _challenge(reply)
        status = _xoauth2_status(challenge) or status
        reply = await _send(transport, relay, b64encode(respond(challenge)))
    if reply.code == 334:
        # The server asks for more than the mechanism provides: cancel (RFC 4954 §4).
        reply = await _send(transport, relay, b"*")
    if 200 <= reply.code < 300:
        return
    message = f"The relay {relay.host} rejects our sign-in by {mechanism}: {reply}{status}"
    raise PermanentRelayError(message) if reply.permanent else RelayUnavailable(message)


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
        return _Exchange(plain, [lambda _: plain])
    if mechanism == "LOGIN":
        return _Exchange(None, [lambda _: name, lambda _: secret])
    if mechanism == "CRAM-MD5":
        return _Exchange(None, [lambda challenge: b"%s %s" % (name, _cram_md5(secret, challenge))])
    bearer = b"user=" + name + b"\1auth=Bearer " + _access_token(relay) + b"\1\1"
    # The server's only challenge carries the reason of a rejection; the response to it is empty.
    return _Exchange(bearer, [lambda _: b""])


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
