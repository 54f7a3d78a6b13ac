"""Proofs that a post comes from the service: a password in its address, or a signature over it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from mailer.config import Service

# Mailgun goes on offering a post for eight hours, and warns of delays beyond its control.
_MAILGUN_PATIENCE = timedelta(hours=12)
# What the authors of Svix advise; each attempt is stamped anew.
_SVIX_PATIENCE = timedelta(minutes=5)
# How far a service's clock may be ahead of ours.
_AHEAD = timedelta(minutes=5)


class Refused(Exception):  # noqa: N818  (what happened, not what went wrong)
    """The post does not prove where it comes from. The message says why, for the log."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        # The HTTP status that says so to whoever posted.
        self.status = status


class Post(NamedTuple):
    """What arrived."""

    body: bytes
    # Names in any case.
    headers: Mapping[str, str]
    # The password, where the address ends in it; "" without.
    word: str = ""


Proof = Callable[[Post, Service, datetime], None]


def prove(post: Post, service: Service, now: datetime) -> None:
    """Raises Refused unless the post comes from the service that is configured."""
    _PROOFS[service.name](post, service, now)


def _by_password(post: Post, service: Service, now: datetime) -> None:
    """HTTP Basic (RFC 7617) under any user name, or the last part of the address."""
    if not _same(post.word or _basic(post.headers.get("Authorization", "")), service.webhook_secret):
        # Asks for the password: some services send it only then.
        raise Refused("password", 401)


def _by_mailgun(post: Post, service: Service, now: datetime) -> None:
    """HMAC over time and token; the body itself is not signed, so what is old is not taken."""
    try:
        signed = json.loads(post.body)["signature"]
        stamp, token, signature = (str(signed[name]) for name in ("timestamp", "token", "signature"))
        at = float(stamp)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("no signature") from error
    wanted = hmac.new(service.webhook_secret.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not _same(signature, wanted):
        raise Refused("signature")
    _fresh(at, now, _MAILGUN_PATIENCE)


def _by_svix(post: Post, service: Service, now: datetime) -> None:
    """Svix's signature, which Resend uses: HMAC over id, time and body; one of several must fit."""
    name, stamp = post.headers.get("svix-id", ""), post.headers.get("svix-timestamp", "")
    try:
        at = float(stamp)
        key = base64.b64decode(service.webhook_secret.removeprefix("whsec_"))
    except (ValueError, binascii.Error) as error:
        raise Refused("no signature") from error
    signed = b".".join([name.encode(), stamp.encode(), post.body])
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = post.headers.get("svix-signature", "").split(" ")
    # All are compared, so that time tells nothing of which.
    if not any([_same(one, wanted) for one in given]):  # noqa: C419
        raise Refused("signature")
    _fresh(at, now, _SVIX_PATIENCE)


def _by_amazon(post: Post, service: Service, now: datetime) -> None:
    from mailer.feedback.webhooks import sns  # loads X.509, which only Amazon needs

    try:
        sns.prove(post.body, service.webhook_topics, sns.CERTIFICATES)
    except sns.Unproved as error:
        raise Refused(str(error)) from error
    except sns.NoCertificate as error:
        # Asks for another attempt: Amazon gives up at once on anything below 500.
        raise Refused(str(error), 503) from error


_PROOFS: dict[str, Proof] = {
    "amazon_ses": _by_amazon,
    "brevo": _by_password,
    "mailgun": _by_mailgun,
    "mailjet": _by_password,
    "postmark": _by_password,
    "resend": _by_svix,
    "sparkpost": _by_password,
}


def _basic(header: str) -> str:
    """The password in an Authorization header; "" where there is none."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _same(given: str, wanted: str) -> bool:
    """Whether they are the same and there is one, in a time that tells nothing."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode()) and bool(wanted)


def _fresh(at: float, now: datetime, patience: timedelta) -> None:
    age = now.timestamp() - at
    # Written so that a "nan" is refused, too.
    if not -_AHEAD.total_seconds() <= age <= patience.total_seconds():
        raise Refused("too old, or a clock is wrong")
