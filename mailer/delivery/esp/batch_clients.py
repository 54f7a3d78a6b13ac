"""The clients of the ESPs that take a list of whole messages per call, and answer for each of them.

Each class knows what its ESP's requests need beyond anymail, and what its responses mean.
"""

from __future__ import annotations

import dataclasses
import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from anymail.backends import mailjet, mailtrap, postmark

from mailer.config import Service
from mailer.delivery.esp.call_outcomes import (
    AccountError,
    NoResponse,
    accepted_outcome,
    deferred_outcome,
    refused_outcome,
    suppressed_by_esp_outcome,
)
from mailer.delivery.esp.client_base import READ_TIMEOUT, UNDOCUMENTED, HttpClient, Item, Result
from mailer.delivery.esp.message_parts_encoder import EspMessage, json_string, literal_text

# Variants whose template a client keeps.
_MAX_TEMPLATES = 128
# An address that every ESP takes as it is written.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+\-]*@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
# In a template message, these stand for the recipient's own values. The token, which is letters and digits,
# may stand inside another value.
_MARK = "1f6etoken1f6e"
_TO, _MESSAGE_ID = "to-1f6e@placeholder.example", "<message-1f6e@placeholder.example>"
_HTML, _TEXT = "html-1f6e", "text-1f6e"
_UNSUBSCRIBE, _UNSUBSCRIBE_PLACEHOLDER = "List-Unsubscribe", "<https://placeholder.example/1f6e>"
_PLACEHOLDERS = (_TO, _MESSAGE_ID, _HTML, _TEXT, _UNSUBSCRIBE_PLACEHOLDER)
_MARKS = re.compile("|".join([f"({_MARK}", *(f'"{one}"' for one in _PLACEHOLDERS)]) + ")")


class Frame(NamedTuple):
    """A call without its messages."""

    # Of the request, without its body.
    parameters: dict[str, Any]
    # What the body begins and ends with, around the messages, which are separated by commas.
    before: bytes
    behind: bytes


class _Template:
    """The JSON of one message in a call's list, made by anymail once for all messages that differ only in the
    recipient's own values."""

    def __init__(self, text: str, frame: Frame) -> None:
        """`text`: the JSON of a message with the placeholders as values; `frame`: of a call with it."""
        *pieces, last = _MARKS.split(text)
        self._literals, self._marks = [one.encode() for one in pieces[::2]], pieces[1::2]
        self._last = last.encode()
        self.frame = frame
        # Whether each placeholder became a whole value.
        self.usable = not any(b"1f6e" in one for one in (*self._literals, self._last))

    def fill(self, message: EspMessage) -> list[bytes]:
        values = {
            _MARK: (message.token.encode(),),
            f'"{_TO}"': (json_string(message.to),),
            f'"{_MESSAGE_ID}"': (json_string(message.message_id),),
            f'"{_UNSUBSCRIBE_PLACEHOLDER}"': (json_string(message.headers[_UNSUBSCRIBE]),),
            f'"{_HTML}"': message.html.json(),
            f'"{_TEXT}"': message.text.json(),
        }
        pieces: list[bytes] = []
        for literal, mark in zip(self._literals, self._marks, strict=True):
            pieces.append(literal)
            pieces += values[mark]
        pieces.append(self._last)
        return pieces


class BatchClient(HttpClient):
    """A client whose calls are lists of whole messages.

    Anymail takes longer over a message than such a service needs for it, so it builds one of each kind, and
    the others are filled in: what they share is encoded once.
    """

    def __init__(self, service: Service, read_timeout: float = READ_TIMEOUT) -> None:
        super().__init__(service, read_timeout)
        # By what all messages of a variant share.
        self._templates: dict[tuple[object, ...], _Template] = {}

    @abstractmethod
    def one(self, payload: Any) -> str:
        """What the list contains of a payload, in JSON."""

    @abstractmethod
    def frame(self, payload: Any) -> Frame:
        """The call that transmits a payload and others of the same sender, without them."""

    @abstractmethod
    def result(self, one: Any) -> Result:
        """The result of one message. Raises KeyError and similar if it is not as documented."""

    def results(self, answers: Any) -> list[Result]:
        """The result of each message. Raises TypeError if this is no list, and NoResponse if it contains
        nothing as documented."""
        if not isinstance(answers, list):
            raise TypeError("not a list of results")
        results = [self._result_or_doubt(one) for one in answers]
        # Counts as a call without a response: many in a row end the run.
        if results and all(isinstance(one, NoResponse) for one in results):
            raise self.undocumented()
        return results

    def _result_or_doubt(self, one: Any) -> Result:
        try:
            return self.result(one)
        except UNDOCUMENTED:
            return self.undocumented()

    def request(self, messages: Sequence[EspMessage]) -> dict[str, Any]:
        templates = [self._template(message) for message in messages]
        frame = templates[0].frame if templates[0] else self.frame(self.payload(messages[0]))
        body = [frame.before]
        for message, template in zip(messages, templates, strict=True):
            body += template.fill(message) if template else (self.one(self.payload(message)).encode(),)
            body.append(b",")
        body[-1] = frame.behind
        return frame.parameters | {"data": b"".join(body)}

    def _template(self, message: EspMessage) -> _Template | None:
        """The template of messages such as this one; None if anymail has to build it."""
        if _UNSUBSCRIBE not in message.headers or not message.token.isalnum():
            return None
        if not _PLAIN_ADDRESS.fullmatch(message.to):
            return None
        shared = {name: value for name, value in message.headers.items() if name != _UNSUBSCRIBE}
        key = (message.sender, message.reply_to, message.subject, *shared.items())
        template = self._templates.get(key)
        if template is None:
            sample = dataclasses.replace(
                message,
                token=_MARK,
                to=_TO,
                message_id=_MESSAGE_ID,
                html=literal_text(_HTML),
                text=literal_text(_TEXT),
                headers={**message.headers, _UNSUBSCRIBE: _UNSUBSCRIBE_PLACEHOLDER},
            )
            payload = self.payload(sample)
            template = _Template(self.one(payload), self.frame(payload))
            while len(self._templates) >= _MAX_TEMPLATES:
                del self._templates[next(iter(self._templates))]
            self._templates[key] = template
        return template if template.usable else None


class MailjetClient(BatchClient):
    """POST /v3.1/send: a list of whole messages per call, with a result for each."""

    name = "mailjet"
    check_path = "../v3/REST/sender?Limit=1"
    # "Sender not validated", and problems of the account.
    _sender_codes = ("send-0008", "send-0009")

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return mailjet.EmailBackend(api_key=service.key, secret_key=service.secret, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        return {"Globals": {"TemplateLanguage": False, "CustomID": message.token}}

    def one(self, payload: Any) -> str:
        return str(payload.serialize_json({**payload.data["Globals"], **payload.data["Messages"][0]}))

    def frame(self, payload: Any) -> Frame:
        return Frame(self.batch_request([payload]), b'{"Messages": [', b"]}")

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return self.results(answer["Messages"])

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        # If some messages are rejected the response is 400, and the others were accepted.
        if "Messages" in answer and status < 500:
            return self.read(answer, items)
        return None

    def error_text(self, answer: Any) -> str:
        return str(answer.get("ErrorMessage", "")) if isinstance(answer, dict) else ""

    def result(self, one: Any) -> Result:
        if one["Status"] == "success":
            return accepted_outcome(f"success {one['To'][0]['MessageID']}")
        error = one["Errors"][0]
        code, text = str(error["ErrorCode"]), f"{error['ErrorCode']} {error['ErrorMessage']}"
        about = " ".join(error.get("ErrorRelatedTo") or ())
        if code in self._sender_codes or about.startswith("From"):
            return self.account_error(text, sender=True)
        if about.startswith("To"):
            return refused_outcome(self.redact(text))
        return self.account_error(text) if error.get("StatusCode") in (401, 403) else self.ambiguous(text)


class MailtrapClient(BatchClient):
    """POST /api/batch: a list of whole messages per call, with a result for each."""

    name = "mailtrap"
    _about_sender = re.compile(r"\bfrom\b|\bdomain\b|\bsender\b", re.IGNORECASE)
    _about_recipient = re.compile(r"\bto\b|\brecipient", re.IGNORECASE)
    _suppressed = re.compile(r"suppress", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        # The stream for newsletters.
        return mailtrap.EmailBackend(
            api_token=service.key, **{"api_url": "https://bulk.api.mailtrap.io/api/", **address}
        )

    @property
    def check_path(self) -> str:  # type: ignore[override]
        # The hosts that send have nothing else.
        host = urlsplit(self._backend.api_url).hostname or ""
        return "https://mailtrap.io/api/accounts" if host.endswith(".mailtrap.io") else "accounts"

    def one(self, payload: Any) -> str:
        return str(payload.serialize_json(payload.data))

    def frame(self, payload: Any) -> Frame:
        base = json.dumps({"from": payload.data["from"]}).encode()
        parameters = self.batch_request([payload]) | {"url": f"{self._backend.api_url}batch"}
        return Frame(parameters, b'{"base": %b, "requests": [' % base, b"]}")

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        if not answer["success"]:
            raise self.ambiguous(self.error_text(answer))
        return self.results(answer["responses"])

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        text = self.error_text(answer)
        if status in (400, 403, 422) and self._about_sender.search(text):
            raise self.account_error(f"{status} {text}", sender=True)
        return None

    def error_text(self, answer: Any) -> str:
        found = answer.get("errors") or answer.get("error") if isinstance(answer, dict) else None
        return " ".join(map(str, found)) if isinstance(found, list) else str(found or "")

    def result(self, one: Any) -> Result:
        if one["success"]:
            return accepted_outcome(f"queued {one['message_ids'][0]}")
        text = self.error_text(one)
        if self._about_sender.search(text):
            return self.account_error(text, sender=True)
        if self._suppressed.search(text):
            return suppressed_by_esp_outcome(self.redact(text))
        return (
            refused_outcome(self.redact(text)) if self._about_recipient.search(text) else self.ambiguous(text)
        )


class PostmarkClient(BatchClient):
    """POST /email/batch: a list of whole messages per call, with a result for each."""

    name = "postmark"
    check_path = "server"
    # Postmark's error codes, in a response of 422 or in one message's result.
    _ok, _invalid, _inactive = 0, 300, 406
    _sender_codes = (400, 401)
    _account_codes = (10, 405, 412, 413)
    _transient_codes = (100, 429)
    # "Invalid 'To' address: '…'." or "Error parsing 'From': Illegal email address '…'."
    _about = re.compile(r"(?:Invalid|Error parsing) '(To|From)'", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        stream = service.stream or "broadcast"
        return postmark.EmailBackend(server_token=service.key, message_stream=stream, **address)

    def extra_headers(self, message: EspMessage) -> dict[str, str]:
        return {"Message-ID": message.message_id, "X-PM-KeepID": "true"}

    def one(self, payload: Any) -> str:
        return str(payload.serialize_json(payload.data))

    def frame(self, payload: Any) -> Frame:
        parameters = self.batch_request([payload]) | {"url": f"{self._backend.api_url}email/batch"}
        return Frame(parameters, b"[", b"]")

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return self.results(answer)

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        if status != 422 or "Message" not in answer:
            return None
        result = self.result(answer)
        if isinstance(result, AccountError):
            raise result
        return [result] if len(items) == 1 else None

    def result(self, one: Any) -> Result:
        code, raw = int(one.get("ErrorCode", self._ok)), str(one["Message"])
        text = self.redact(raw)
        if code == self._ok:
            return accepted_outcome(f"{text} {one['MessageID']}")
        about = self._about.match(raw) if code == self._invalid else None
        field = about[1].lower() if about else ""
        if code == self._inactive:
            return suppressed_by_esp_outcome(f"{code} {text}")
        if field == "to":
            return refused_outcome(f"{code} {text}")
        if code in self._transient_codes:
            return deferred_outcome(f"{code} {text}")
        if code in self._sender_codes or field == "from":
            return self.account_error(f"{code} {raw}", sender=True)
        if code in self._account_codes:
            return self.account_error(f"{code} {raw}")
        return self.ambiguous(f"{code} {raw}")
