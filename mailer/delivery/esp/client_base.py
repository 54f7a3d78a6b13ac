"""The base of ESP clients over HTTP: messages become anymail's payloads, these a request, its response
outcomes.

Requests go to the ESP only: no redirect is followed, and no proxy or password of the machine is used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urljoin

import requests
from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from mailer.config import Service
from mailer.delivery.esp.call_outcomes import (
    AccountError,
    Ambiguous,
    CallError,
    NoResponse,
    NotConnected,
    raise_for_status,
    redact_addresses_and_secrets,
)
from mailer.delivery.esp.capabilities import CAPABILITIES, Capability
from mailer.delivery.esp.limited_response import MAX_OCTETS, LimitedResponse
from mailer.delivery.esp.message_parts_encoder import EspMessage, literal_text
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.outcome import Outcome

# Seconds to connect, and for each wait for the response.
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
# Octets of a response's body that are decoded at a time.
_PIECE = 1 << 14
# What reading a response raises that is not as documented.
UNDOCUMENTED = (LookupError, TypeError, AttributeError, ValueError, OverflowError)


class Item(NamedTuple):
    """A delivery and its message: an EspMessage, or for Amazon an Envelope."""

    claimed: ClaimedDelivery
    message: Any


# The result of one message of a call: an outcome, or what would be raised if it had been a call of its own.
Result = Outcome | CallError


class Client(Protocol):
    """A connection to the ESP for one thread."""

    def prepare(self, items: Sequence[Item]) -> Callable[[], list[Result]]:
        """Encode a call; the returned function makes it, and returns the result of each item, in their order.

        Both raise CallError if the call as a whole fails.
        """
        ...

    def check(self) -> None:
        """Verify the credentials without sending anything. Raises CallError."""
        ...

    def close(self) -> None: ...


class HttpClient(ABC):
    """A client for an ESP that anymail supports and whose API is HTTP. Subclasses add what is specific."""

    name: str
    # The path that check() requests, relative to the API's address, and its method.
    check_path: str
    check_method = "GET"
    # Whether anymail can switch tracking off, where the API can.
    has_tracking_options = True

    def __init__(self, service: Service, read_timeout: float = READ_TIMEOUT) -> None:
        """`read_timeout`: seconds to wait for a response."""
        self._service = service
        self.capability: Capability = CAPABILITIES[self.name]
        self._backend = self.backend(service, {"api_url": service.url} if service.url else {})
        self._session = self._backend.session = create_session()
        self._read_timeout = read_timeout

    @abstractmethod
    def backend(self, service: Service, address: dict[str, str]) -> Any:
        """Anymail's backend with our credentials."""

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        """Parameters of this ESP for which anymail has no name."""
        return {}

    def extra_headers(self, message: EspMessage) -> dict[str, str]:
        """Header fields for this ESP only."""
        return {}

    def metadata(self, message: EspMessage) -> dict[str, str]:
        """What the ESP keeps with the message and its webhooks repeat."""
        return {"delivery": message.token}

    def check_body(self) -> str | None:
        """The body of check()'s request; None: it has none."""
        return None

    def batch_request(self, payloads: list[Any]) -> dict[str, Any]:
        """The request that transmits these payloads."""
        (payload,) = payloads
        return dict(payload.get_request_params(self._backend.api_url))

    @abstractmethod
    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        """Results from the JSON of a response below 300. Raises KeyError and similar if it is not as
        documented."""

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        """Results, or a raised CallError, from a response of 300 or more that says more than its status; else
        None."""
        return None

    def credentials_ok(self, status: int, answer: Any) -> bool:
        """Whether an error response to check() proves the credentials, which only lack permission to read."""
        return False

    def error_text(self, answer: Any) -> str:
        """The human-readable text of an error's JSON."""
        return str(answer.get("message") or answer.get("Message") or "") if isinstance(answer, dict) else ""

    def prepare(self, items: Sequence[Item]) -> Callable[[], list[Result]]:
        try:
            request = self.request([item.message for item in items])
        except (AnymailError, ValueError) as error:
            raise Ambiguous(f"the message cannot be encoded for {self.capability.title}") from error
        return lambda: self._results(self._request(**request), items)

    def request(self, messages: Sequence[EspMessage]) -> dict[str, Any]:
        """The request that transmits these messages. Raises AnymailError and ValueError."""
        return self.batch_request([self.payload(message) for message in messages])

    def payload(self, message: EspMessage) -> Any:
        """Anymail's payload of a message. Raises AnymailError and ValueError."""
        return self._backend.build_message_payload(self._email(message), {})

    def check(self) -> None:
        x = literal_text("x")
        probe = EspMessage("", "x@example.org", "x@example.org", "", "x", x, x, {}, "<x@example.org>", "")
        payload = self._backend.build_message_payload(self._email(probe), {})
        known = payload.get_request_params(self._backend.api_url)
        response = self._request(
            method=self.check_method,
            url=urljoin(self._backend.api_url, self.check_path),
            headers=known["headers"],
            auth=known["auth"],
            data=self.check_body(),
        )
        answer = self.decode(response)
        if not self.credentials_ok(response.status_code, answer):
            if response.status_code >= 300 and isinstance(answer, dict):
                self.read_error(response.status_code, answer, ())
            self._raise_for_status(response, answer)

    def close(self) -> None:
        self._session.close()

    def _email(self, message: EspMessage) -> EmailMultiAlternatives:
        email: Any = EmailMultiAlternatives(
            message.subject,
            str(message.text),
            message.sender,
            [message.to],
            headers={**message.headers, **self.extra_headers(message)},
            reply_to=[message.reply_to] if message.reply_to else None,
        )
        email.attach_alternative(str(message.html), "text/html")
        if metadata := self.metadata(message):
            email.metadata = metadata
        else:
            email.tags = [message.token]
        if self.capability.disables_tracking and self.has_tracking_options:
            email.track_clicks = email.track_opens = False
        if self.capability.envelope_sender and receives_own_bounces():
            email.envelope_sender = message.envelope_sender
        email.esp_extra = self.esp_extra(message)
        return email  # type: ignore[no-any-return]

    def _request(self, **parameters: Any) -> requests.Response:
        try:
            return request(self._session, self._read_timeout, **parameters)
        except CallError as error:
            raise type(error)(f"{self.capability.title}: {error}.") from error

    def decode(self, response: requests.Response) -> Any:
        """What read() and read_error() get: the JSON of a response, None where it has none."""
        try:
            return response.json()
        except (ValueError, RecursionError):
            return None

    def retry_after(self, response: requests.Response) -> str | None:
        """Retry-After of a response that throttles us."""
        return response.headers.get("Retry-After")

    def _results(self, response: requests.Response, items: Sequence[Item]) -> list[Result]:
        answer = self.decode(response)
        results: list[Result] | None = None
        try:
            if response.status_code >= 300:
                error = answer if isinstance(answer, dict) else {}
                results = self.read_error(response.status_code, error, items)
                if results is None:
                    self._raise_for_status(response, answer)
            results = self.read(answer, items) if results is None else results
        except UNDOCUMENTED as error:
            raise self.undocumented() from error
        if len(results) != len(items):
            raise NoResponse(f"{self.capability.title} did not answer for every message.")
        return results

    def _raise_for_status(self, response: requests.Response, answer: Any) -> None:
        text = self.redact(self.error_text(answer))
        title = self.capability.title
        raise_for_status(title, response.status_code, text, self.retry_after(response), datetime.now(UTC))

    def redact(self, text: str) -> str:
        """The ESP's text without addresses and without our credentials."""
        return redact_addresses_and_secrets(text, (self._service.key, self._service.secret))

    def account_error(self, text: str, sender: bool = False) -> AccountError:
        return AccountError(f"{self.capability.title} answered: {self.redact(text)}", sender)

    def undocumented(self) -> NoResponse:
        return NoResponse(f"{self.capability.title} sent a response that it does not document.")

    def ambiguous(self, text: str) -> Ambiguous:
        return Ambiguous(f"{self.capability.title} answered: {self.redact(text)}")


def receives_own_bounces() -> bool:
    """Whether our own envelope sender is of use; the ESP must have verified its domain."""
    bounces = settings.CONFIG.bounces
    return bool(bounces.domain and bounces.has_inbound)


def create_session() -> requests.Session:
    """An HTTP session for one thread. It raises NotConnected if it cannot connect."""
    created = requests.Session()
    created.trust_env = False
    created.mount("http://", _Adapter())
    created.mount("https://", _Adapter())
    return created


def request(session: requests.Session, read_timeout: float, **parameters: Any) -> requests.Response:
    """Make one call. Raises NotConnected if nothing was sent, NoResponse if it was sent and no complete
    response of a usual size came in time."""
    timeout = (CONNECT_TIMEOUT, read_timeout)
    try:
        with session.request(timeout=timeout, allow_redirects=False, stream=True, **parameters) as response:
            response._content = _read_body(response)
            return response
    except requests.RequestException as error:
        raise NoResponse(f"no answer came ({type(error).__name__})") from error


def _read_body(response: requests.Response) -> bytes:
    """The decoded body; a small compressed one may decode to any size."""
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > MAX_OCTETS:
            raise NoResponse("the answer is too long")
    return bytes(body)


@contextmanager
def _connecting() -> Iterator[None]:
    """Any error before the connection is open, TLS included, means that nothing was sent."""
    try:
        yield
    except Exception as error:
        raise NotConnected(f"cannot be reached ({type(error).__name__})") from error


class _PlainConnection(HTTPConnection):
    response_class = LimitedResponse

    def connect(self) -> None:
        with _connecting():
            super().connect()


class _TlsConnection(HTTPSConnection):
    response_class = LimitedResponse

    def connect(self) -> None:
        with _connecting():
            super().connect()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
