"""Signing in to a relay: AUTH by PLAIN, LOGIN, CRAM-MD5 or XOAUTH2 (RFC 4954, 4616, 2195)."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mailer.delivery.smtp.base import OurFault, Relay, Unavailable
from mailer.delivery.smtp.reply import Reply
from mailer.delivery.smtp.transport import Wire

# Best first. Where the connection is encrypted, the way that works with every store of passwords;
# in clear, which is on this machine alone, the one that keeps the password to itself.
_ENCRYPTED = ("PLAIN", "LOGIN", "CRAM-MD5")
_CLEAR = ("CRAM-MD5", "PLAIN", "LOGIN")


class _Dialogue(NamedTuple):
    # Said with the AUTH command itself; None: the server speaks first.
    initial: bytes | None
    # One for each time that the server asks, from what it says.
    answers: Sequence[Callable[[bytes], bytes]]


async def sign_in(wire: Wire, relay: Relay, offers: Mapping[str, str]) -> None:
    """Sign in as `relay` says. Raises OurFault when that cannot work, Unavailable when it may later."""
    mechanism = _chosen(relay, offers)
    dialogue = _dialogue(mechanism, relay)
    command = f"AUTH {mechanism}".encode()
    if dialogue.initial is not None:
        command += b" " + b64encode(dialogue.initial)
    reply = await _say(wire, relay, command)
    asked = ""
    for answer in dialogue.answers:
        if reply.code != 334:
            break
        challenge = _challenge(reply)
        asked = _reason(challenge) or asked
        reply = await _say(wire, relay, b64encode(answer(challenge)))
    if reply.code == 334:
        # It asks for more than there is to say (RFC 4954 §4).
        reply = await _say(wire, relay, b"*")
    if 200 <= reply.code < 300:
        return
    complaint = f"The relay {relay.host} refuses our sign-in by {mechanism}: {reply}{asked}"
    raise OurFault(complaint) if reply.permanent else Unavailable(complaint)


def _chosen(relay: Relay, offers: Mapping[str, str]) -> str:
    offered = offers.get("AUTH", "").upper().split()
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
    hint = " It may offer more once encrypted: see its security." if "STARTTLS" in offers else ""
    raise OurFault(f"The relay {relay.host} offers for sign-in: {found}; not {' or '.join(wanted)}.{hint}")


def _dialogue(mechanism: str, relay: Relay) -> _Dialogue:
    name, secret = relay.username.encode(), relay.password.encode()
    if mechanism == "PLAIN":
        plain = b"\0" + name + b"\0" + secret
        # A server that overlooks what came with the command asks for it.
        return _Dialogue(plain, [lambda _: plain])
    if mechanism == "LOGIN":
        return _Dialogue(None, [lambda _: name, lambda _: secret])
    if mechanism == "CRAM-MD5":
        return _Dialogue(None, [lambda asked: b"%s %s" % (name, _digest(secret, asked))])
    bearer = b"user=" + name + b"\1auth=Bearer " + _token(relay) + b"\1\1"
    # The server's only question is the reason of its refusal, to be answered with nothing.
    return _Dialogue(bearer, [lambda _: b""])


def _digest(secret: bytes, asked: bytes) -> bytes:
    """RFC 2195 §2"""
    return hmac.new(secret, asked, "md5").hexdigest().encode()


def _token(relay: Relay) -> bytes:
    """The access token as it is in its file now: another program renews it."""
    try:
        token = Path(relay.token_path).read_bytes().strip() if relay.token_path else relay.password.encode()
    except OSError as error:
        words = f"The relay {relay.host}: token_path {relay.token_path} cannot be read ({error.strerror})."
        raise OurFault(words) from error
    if not token:
        raise OurFault(f"The relay {relay.host}: signing in by XOAUTH2 needs an access token in token_path.")
    return token


async def _say(wire: Wire, relay: Relay, line: bytes) -> Reply:
    wire.write(line + b"\r\n")
    return await wire.reply(relay.timeouts.command)


def _challenge(reply: Reply) -> bytes:
    try:
        return b64decode(reply.lines[0].encode(), validate=True)
    except ValueError:
        # Some servers ask in plain words.
        return b""


def _reason(challenge: bytes) -> str:
    """What XOAUTH2 says of a token that it refuses; empty for any other question."""
    try:
        status = json.loads(challenge)["status"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" (status {str(status)[:20]!r}; is the access token still fresh?)"
