"""The clients of the ESPs that take a list of whole messages per call, and answer for each of them.

Each class knows what its ESP's requests need beyond anymail, and what its responses mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from anymail.backends import mailjet, mailtrap, postmark

from mailer.config import Service
from mailer.delivery.esp.errors import AccountError, accepted, deferred, on_service_list, refused
from mailer.delivery.esp.http_client import HttpClient, Item, Result
from mailer.delivery.esp.message_encoder import EspMessage


class MailjetClient(HttpClient):
    """POST /v3.1/send: a list of whole messages per call, with a result for each."""

    name = "mailjet"
    check_path = "../v3/REST/sender?Limit=1"
    # "Sender not validated", and problems of the account.
    _sender_codes = ("send-0008", "send-0009")

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return mailjet.EmailBackend(api_key=service.key, secret_key=service.secret, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        return {"Globals": {"TemplateLanguage": False, "CustomID": message.token}}

    def batch_request(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().batch_request(payloads[:1])
        messages = [{**payload.data["Globals"], **payload.data["Messages"][0]} for payload in payloads]
        return request | {"data": payloads[0].serialize_json({"Messages": messages})}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return [self._result(result) for result in answer["Messages"]]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        # If some messages are rejected the response is 400, and the others were accepted.
        if "Messages" in answer and status < 500:
            return self.read(answer, items)
        return None

    def error_text(self, answer: Any) -> str:
        return str(answer.get("ErrorMessage", "")) if isinstance(answer, dict) else ""

    def _result(self, result: dict[str, Any]) -> Result:
        if result["Status"] == "success":
            return accepted(f"success {result['To'][0]['MessageID']}")
        error = result["Errors"][0]
        code, text = str(error["ErrorCode"]), f"{error['ErrorCode']} {error['ErrorMessage']}"
        about = " ".join(error.get("ErrorRelatedTo") or ())
        if code in self._sender_codes or about.startswith("From"):
            return self.account_error(text, sender=True)
        if about.startswith("To"):
            return refused(self.redact(text))
        return self.account_error(text) if error.get("StatusCode") in (401, 403) else self.ambiguous(text)


class MailtrapClient(HttpClient):
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

    def batch_request(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().batch_request(payloads[:1])
        body = {"base": {"from": payloads[0].data["from"]}, "requests": [one.data for one in payloads]}
        return request | {"url": f"{self._backend.api_url}batch", "data": json.dumps(body)}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        if not answer["success"]:
            raise self.ambiguous(self.error_text(answer))
        return [self._result(result) for result in answer["responses"]]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        text = self.error_text(answer)
        if status in (400, 403, 422) and self._about_sender.search(text):
            raise self.account_error(f"{status} {text}", sender=True)
        return None

    def error_text(self, answer: Any) -> str:
        found = answer.get("errors") or answer.get("error") if isinstance(answer, dict) else None
        return " ".join(map(str, found)) if isinstance(found, list) else str(found or "")

    def _result(self, result: dict[str, Any]) -> Result:
        if result["success"]:
            return accepted(f"queued {result['message_ids'][0]}")
        text = self.error_text(result)
        if self._about_sender.search(text):
            return self.account_error(text, sender=True)
        if self._suppressed.search(text):
            return on_service_list(self.redact(text))
        return refused(self.redact(text)) if self._about_recipient.search(text) else self.ambiguous(text)


class PostmarkClient(HttpClient):
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

    def batch_request(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().batch_request(payloads[:1])
        body = json.dumps([payload.data for payload in payloads])
        return request | {"url": f"{self._backend.api_url}email/batch", "data": body}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return [self._result(result) for result in answer]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        if status != 422 or "Message" not in answer:
            return None
        result = self._result(answer)
        if isinstance(result, AccountError):
            raise result
        return [result] if len(items) == 1 else None

    def _result(self, result: dict[str, Any]) -> Result:
        code, raw = int(result.get("ErrorCode", self._ok)), str(result["Message"])
        text = self.redact(raw)
        if code == self._ok:
            return accepted(f"{text} {result['MessageID']}")
        about = self._about.match(raw) if code == self._invalid else None
        field = about[1].lower() if about else ""
        if code == self._inactive:
            return on_service_list(f"{code} {text}")
        if field == "to":
            return refused(f"{code} {text}")
        if code in self._transient_codes:
            return deferred(f"{code} {text}")
        if code in self._sender_codes or field == "from":
            return self.account_error(f"{code} {raw}", sender=True)
        if code in self._account_codes:
            return self.account_error(f"{code} {raw}")
        return self.ambiguous(f"{code} {raw}")
