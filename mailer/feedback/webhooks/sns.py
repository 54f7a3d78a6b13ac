"""Amazon Simple Notification Service (SNS), which carries the events of SES: signatures and subscriptions."""

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

from mailer.stories.url_fetcher import Fetched, FetchError, Limits, fetch

# A region's own server, and never a customer's bucket of that name: those hosts begin with s3.
_HOST = r"sns\.[a-z]{2}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(rf"https://{_HOST}/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem")
_SERVER = re.compile(_HOST)
_LIMITS = Limits(size=64 * 1024, seconds=8, step_seconds=4, redirects=0)
# Cached signing keys; Amazon renews one about once a year.
_MAX_KEYS = 16

NOTIFICATION, SUBSCRIPTION_CONFIRMATION, UNSUBSCRIBE_CONFIRMATION = (
    "Notification",
    "SubscriptionConfirmation",
    "UnsubscribeConfirmation",
)
# The signed fields, in this order; a missing subject is left out.
_SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
    UNSUBSCRIBE_CONFIRMATION: (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}

Fetch = Callable[[str, None, Limits], Fetched]


class InvalidNotification(Exception):  # noqa: N818  (what is the case, not what went wrong)
    """The request is not signed by Amazon, or not about a configured topic; the message says which."""


class CertificateUnavailable(Exception):  # noqa: N818
    """Amazon's certificate cannot be fetched at present."""


class CertificateCache:
    """Amazon's public keys, each fetched once in the life of the process."""

    def __init__(self, fetch: Fetch = fetch) -> None:
        self._fetch = fetch
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetching = threading.Lock()

    def key(self, url: str) -> RSAPublicKey:
        """The key of the certificate at `url`.

        Raises InvalidNotification when the URL is not Amazon's, CertificateUnavailable when fetching fails.
        """
        known = self._keys.get(url)
        if known is not None:
            return known
        if not _CERTIFICATE_URL.fullmatch(url):
            raise InvalidNotification("certificate URL")
        # One at a time: made-up URLs must not occupy all threads of the web process.
        if not self._fetching.acquire(blocking=False):
            raise CertificateUnavailable("another certificate is being fetched")
        try:
            return self._fetch_key(url)
        finally:
            self._fetching.release()

    def _fetch_key(self, url: str) -> RSAPublicKey:
        try:
            key = x509.load_pem_x509_certificate(self._fetch(url, None, _LIMITS).body).public_key()
        except (FetchError, ValueError) as error:
            raise CertificateUnavailable(f"certificate: {type(error).__name__}") from error
        if not isinstance(key, RSAPublicKey):
            raise CertificateUnavailable("certificate without an RSA key")
        if len(self._keys) >= _MAX_KEYS:
            self._keys.clear()
        self._keys[url] = key
        return key


CERTIFICATES = CertificateCache()


def verify(body: bytes, topics: Collection[str], certificates: CertificateCache) -> None:
    """Check Amazon's signature of a request, and that it is about one of the topics (ARNs).

    Raises InvalidNotification or CertificateUnavailable.
    """
    try:
        message: Mapping[str, Any] = json.loads(body)
        fields = _SIGNED_FIELDS[message["Type"]]
        signature = base64.b64decode(message["Signature"], validate=True)
        signed = "".join(
            f"{name}\n{message[name]}\n" for name in fields if _is_signed(message, name)
        ).encode()
        version, url, topic = message["SignatureVersion"], str(message["SigningCertURL"]), message["TopicArn"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidNotification("no signature") from error
    if topic not in topics:
        raise InvalidNotification("topic")
    # Version 1 is the default of a topic.
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303
    try:
        certificates.key(url).verify(signature, signed, PKCS1v15(), digest)
    except InvalidSignature as error:
        raise InvalidNotification("signature") from error


def _is_signed(message: Mapping[str, Any], name: str) -> bool:
    return name != "Subject" or message.get(name) is not None


def confirm_subscription(message: Mapping[str, Any], fetch: Fetch) -> None:
    """Confirm a verified subscription by opening its URL. Safe to repeat.

    Raises FetchError, also where the URL is not one of Amazon's for this topic.
    """
    url = str(message["SubscribeURL"])
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if (
        (parts.scheme, parts.path) != ("https", "/")
        or not _SERVER.fullmatch(parts.netloc)
        or query.get("Action") != ["ConfirmSubscription"]
        or query.get("TopicArn") != [message["TopicArn"]]
    ):
        raise FetchError("The URL that confirms the subscription is not Amazon's.")
    fetch(url, None, _LIMITS)
