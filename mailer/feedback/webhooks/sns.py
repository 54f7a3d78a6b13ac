"""Amazon's notification service (SNS), by which SES tells of mail: its signatures and confirmations."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mailer.stories.fetch import Fetched, FetchError, Limits, fetch

# A region's own server, and never somebody's bucket of that name: those addresses begin with s3.
_HOST = r"sns\.[a-z]{2}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(rf"https://{_HOST}/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem")
_SERVER = re.compile(_HOST)
_LIMITS = Limits(size=64 * 1024, seconds=8, step_seconds=4, redirects=0)
# Signing keys that are kept; Amazon renews one about once a year.
_KEPT = 16

NOTIFICATION, CONFIRMATION, FAREWELL = (
    "Notification",
    "SubscriptionConfirmation",
    "UnsubscribeConfirmation",
)
# What is signed, in this order; a missing subject is left out.
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    FAREWELL: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}

Fetch = Callable[[str, None, Limits], Fetched]


class Unproved(Exception):  # noqa: N818  (what is the case, not what went wrong)
    """It is not from Amazon, or not about a topic of ours; the message says which."""


class NoCertificate(Exception):  # noqa: N818
    """Amazon's certificate cannot be had just now."""


class Certificates:
    """Amazon's public keys, each fetched once for as long as the process lives."""

    def __init__(self, fetch: Fetch = fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, RSAPublicKey] = {}
        self._fetching = threading.Lock()

    def key(self, url: str) -> RSAPublicKey:
        """Raises Unproved when `url` is no certificate of Amazon's, NoCertificate when it cannot be had."""
        known = self._known.get(url)
        if known is not None:
            return known
        if not _CERTIFICATE.fullmatch(url):
            raise Unproved("certificate's address")
        # One at a time: whoever makes addresses up must not keep the threads of the web process waiting.
        if not self._fetching.acquire(blocking=False):
            raise NoCertificate("another certificate is being fetched")
        try:
            return self._learnt(url)
        finally:
            self._fetching.release()

    def _learnt(self, url: str) -> RSAPublicKey:
        try:
            key = x509.load_pem_x509_certificate(self._fetch(url, None, _LIMITS).body).public_key()
        except (FetchError, ValueError) as error:
            raise NoCertificate(f"certificate: {type(error).__name__}") from error
        if not isinstance(key, RSAPublicKey):
            raise NoCertificate("certificate without an RSA key")
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[url] = key
        return key


CERTIFICATES = Certificates()


def prove(body: bytes, topics: Collection[str], certificates: Certificates) -> None:
    """Raises Unproved unless Amazon signed the post for one of the topics, and NoCertificate."""
    try:
        message: Mapping[str, Any] = json.loads(body)
        names = _SIGNED[message["Type"]]
        signature = base64.b64decode(message["Signature"], validate=True)
        signed = "".join(f"{name}\n{message[name]}\n" for name in names if _is_signed(message, name)).encode()
        version, url, topic = message["SignatureVersion"], str(message["SigningCertURL"]), message["TopicArn"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unproved("no signature") from error
    if topic not in topics:
        raise Unproved("topic")
    # Version 1 is what topics have unless somebody changed it.
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303
    try:
        certificates.key(url).verify(signature, signed, PKCS1v15(), digest)
    except InvalidSignature as error:
        raise Unproved("signature") from error


def _is_signed(message: Mapping[str, Any], name: str) -> bool:
    return name != "Subject" or message.get(name) is not None


def confirm(message: Mapping[str, Any], fetch: Fetch) -> None:
    """Tell Amazon that a proved confirmation is wanted. Twice is once.

    Raises FetchError, also where the address is not one of Amazon's for this topic.
    """
    url = str(message["SubscribeURL"])
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if (
        (parts.scheme, parts.path) != ("https", "/")
        or not _SERVER.fullmatch(parts.netloc)
        or asked.get("Action") != ["ConfirmSubscription"]
        or asked.get("TopicArn") != [message["TopicArn"]]
    ):
        raise FetchError("The address that confirms the subscription is not Amazon's.")
    fetch(url, None, _LIMITS)
