"""What all services have in common: letters become anymail's payloads, these a call, its answer outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urljoin

import requests
from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from mailer.config import Service
from mailer.delivery.esp import http
from mailer.delivery.esp.capabilities import CAPABILITIES, Capability
from mailer.delivery.esp.errors import CallError, Fault, Lost, Unclear, discreet, refuse
from mailer.delivery.esp.message import Letter
from mailer.delivery.ledger.records import ClaimedDelivery
from mailer.delivery.outcome import Outcome


class Item(NamedTuple):
    """A delivery and its message: a Letter, or for Amazon an Envelope."""

    claimed: ClaimedDelivery
    letter: Any


# What became of one message of a call: an outcome, or what would be raised if it had been a call of its own.
Answer = Outcome | CallError


class Line(Protocol):
    """A thread's own way to the service."""

    def send(self, items: Sequence[Item]) -> list[Answer]:
        """What became of each, in their order. Raises CallError when the call as a whole failed."""
        ...

    def check(self) -> None:
        """Prove the credentials without sending anything. Raises CallError."""
        ...

    def close(self) -> None: ...


class HttpLine(ABC):
    """A way to a service that anymail knows and that takes HTTP. Subclasses say what is its own."""

    name: str
    # What check() asks for, relative to the API's address.
    check_path: str

    def __init__(self, service: Service) -> None:
        self._service = service
        self.capability: Capability = CAPABILITIES[self.name]
        self._backend = self.backend(service, {"api_url": service.url} if service.url else {})
        self._session = self._backend.session = http.session()

    @abstractmethod
    def backend(self, service: Service, address: dict[str, str]) -> Any:
        """Anymail's backend with our credentials."""

    def extras(self, letter: Letter) -> dict[str, Any]:
        """What this service needs beyond what anymail has a word for."""
        return {}

    def own_headers(self, letter: Letter) -> dict[str, str]:
        """Header fields for this service alone."""
        return {}

    def joined(self, payloads: list[Any]) -> dict[str, Any]:
        """The request that carries these payloads."""
        (payload,) = payloads
        return dict(payload.get_request_params(self._backend.api_url))

    @abstractmethod
    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        """Outcomes from the JSON of an answer below 300. KeyError and the like: it is not as documented."""

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        """Outcomes or CallError from an answer of 300 or more that says more than its status; else None."""
        return None

    def proves(self, status: int, answer: Any) -> bool:
        """Whether an answer to check() proves the credentials although they may not read what it asks for."""
        return False

    def words(self, answer: Any) -> str:
        """What an error's JSON says to people."""
        return str(answer.get("message") or answer.get("Message") or "") if isinstance(answer, dict) else ""

    def send(self, items: Sequence[Item]) -> list[Answer]:
        try:
            payloads = [self._backend.build_message_payload(self._message(item.letter), {}) for item in items]
            request = self.joined(payloads)
        except (AnymailError, ValueError) as error:
            raise Unclear(f"the message cannot be put for {self.capability.title}") from error
        return self._outcomes(self._ask(**request), items)

    def check(self) -> None:
        probe = Letter("", "x@example.org", "x@example.org", "", "x", "x", "x", {}, "<x@example.org>", "")
        payload = self._backend.build_message_payload(self._message(probe), {})
        known = payload.get_request_params(self._backend.api_url)
        url = urljoin(self._backend.api_url, self.check_path)
        response = self._ask(method="GET", url=url, headers=known["headers"], auth=known["auth"])
        answer = _json(response)
        if not self.proves(response.status_code, answer):
            self._refuse(response, answer)

    def close(self) -> None:
        self._session.close()

    def _message(self, letter: Letter) -> EmailMultiAlternatives:
        message: Any = EmailMultiAlternatives(
            letter.subject,
            letter.text,
            letter.sender,
            [letter.to],
            headers={**letter.headers, **self.own_headers(letter)},
            reply_to=[letter.reply_to] if letter.reply_to else None,
        )
        message.attach_alternative(letter.html, "text/html")
        message.metadata = {"delivery": letter.token}
        if self.capability.untracked:
            message.track_clicks = message.track_opens = False
        if self.capability.envelope_sender and returned_mail_is_read():
            message.envelope_sender = letter.return_path
        message.esp_extra = self.extras(letter)
        return message  # type: ignore[no-any-return]

    def _ask(self, **request: Any) -> requests.Response:
        try:
            return http.ask(self._session, **request)
        except CallError as error:
            raise type(error)(f"{self.capability.title}: {error}.") from error

    def _outcomes(self, response: requests.Response, items: Sequence[Item]) -> list[Answer]:
        answer = _json(response)
        answers: list[Answer] | None = None
        try:
            if response.status_code >= 300:
                told = answer if isinstance(answer, dict) else {}
                answers = self.judge(response.status_code, told, items)
                if answers is None:
                    self._refuse(response, answer)
            answers = self.read(answer, items) if answers is None else answers
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise Lost(f"{self.capability.title} answered something that it does not document.") from error
        if len(answers) != len(items):
            raise Lost(f"{self.capability.title} did not answer for every message.")
        return answers

    def _refuse(self, response: requests.Response, answer: Any) -> None:
        words = self.discreet(self.words(answer))
        title = self.capability.title
        refuse(title, response.status_code, words, response.headers.get("Retry-After"), datetime.now(UTC))

    def discreet(self, words: str) -> str:
        """The service's words without addresses and without our credentials."""
        return discreet(words, (self._service.key, self._service.secret))

    def fault(self, words: str, sender: bool = False) -> Fault:
        return Fault(f"{self.capability.title} answered: {self.discreet(words)}", sender)

    def unclear(self, words: str) -> Unclear:
        return Unclear(f"{self.capability.title} answered: {self.discreet(words)}")


def returned_mail_is_read() -> bool:
    """Whether an envelope sender of ours is of use; the service must know its domain."""
    bounces = settings.CONFIG.bounces
    return bool(bounces.domain and bounces.comes_back)


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
