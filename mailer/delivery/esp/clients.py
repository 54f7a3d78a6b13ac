"""The clients of the ESPs whose API is HTTP, and the choice of the one that is configured.

Each class knows what its ESP's requests need beyond anymail, and what its responses mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from anymail.backends import brevo, mailgun, mailjet, postmark, resend, sparkpost
from django.conf import settings

from mailer.config import Service
from mailer.delivery.esp.errors import AccountError, CallError, accepted, deferred, in_doubt, refused
from mailer.delivery.esp.http_client import READ_TIMEOUT, Client, HttpClient, Item, Result
from mailer.delivery.esp.message_encoder import EspMessage


class BrevoClient(HttpClient):
    """POST /smtp/email: one call per recipient, with an idempotency key that is valid for minutes."""

    name = "brevo"
    check_path = "account"
    _about_recipient = re.compile(r"\bin to\b|\bto is (not valid|missing)|\brecipient", re.IGNORECASE)
    _about_sender = re.compile(r"\bsender\b", re.IGNORECASE)
    _account = ("not_enough_credits", "permission_denied", "unauthorized", "account_under_validation")

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return brevo.EmailBackend(api_key=service.key, **address)

    def extra_headers(self, message: EspMessage) -> dict[str, str]:
        return {"idempotencyKey": str(uuid5(NAMESPACE_URL, message.token))}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return [accepted(f"queued {self.redact(answer['messageId'].partition('@')[0].strip('<'))}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        code, text = answer.get("code", ""), self.error_text(answer)
        if code == "duplicate_parameter":
            return [
                in_doubt("Brevo received an earlier call for this recipient; it may have been carried out.")
            ]
        if code in self._account:
            raise self.account_error(f"{code} {text}")
        if status == 400 and self._about_sender.search(text):
            raise self.account_error(f"{code} {text}", sender=True)
        if status == 400 and self._about_recipient.search(text):
            return [refused(self.redact(f"{code} {text}"))]
        return None


class MailgunClient(HttpClient):
    """POST /v3/DOMAIN/messages: one call per recipient."""

    name = "mailgun"
    _about_recipient = re.compile(r"['\"]?\bto\b['\"]? (parameter|field) is not a valid", re.IGNORECASE)
    _about_sender = re.compile(r"['\"]?\bfrom\b['\"]? (parameter|field)|domain", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        self.check_path = f"domains/{quote(service.domain, safe='')}"
        return mailgun.EmailBackend(api_key=service.key, sender_domain=service.domain, **address)

    def extra_headers(self, message: EspMessage) -> dict[str, str]:
        return {"Message-Id": message.message_id}

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        return {"o:tracking": "no"}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        # At a wrong address Mailgun answers 200 with other JSON.
        return [accepted(f"{answer['message']} {self.redact(answer['id'])}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        text = self.error_text(answer)
        if status == 400 and self._about_recipient.search(text):
            return [refused(self.redact(f"{status} {text}"))]
        if status == 400 and self._about_sender.search(text):
            raise self.account_error(f"{status} {text}", sender=True)
        return None


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
        if code == self._inactive or field == "to":
            return refused(f"{code} {text}")
        if code in self._transient_codes:
            return deferred(f"{code} {text}")
        if code in self._sender_codes or field == "from":
            return self.account_error(f"{code} {raw}", sender=True)
        if code in self._account_codes:
            return self.account_error(f"{code} {raw}")
        return self.ambiguous(f"{code} {raw}")


class ResendClient(HttpClient):
    """POST /emails: one call per recipient, with an idempotency key that is valid for a day."""

    name = "resend"
    check_path = "domains"
    _about_recipient = re.compile(r"[`'\"]to[`'\"]", re.IGNORECASE)
    # "The … domain is not verified", and addresses that are for tests only.
    _about_sender = re.compile(r"domain|[`'\"]from[`'\"]|testing emails", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return resend.EmailBackend(api_key=service.key, **address)

    def batch_request(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().batch_request(payloads)
        key = {"Idempotency-Key": payloads[0].metadata["delivery"]}
        return request | {"headers": request["headers"] | key}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return [accepted(f"queued {answer['id']}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        name, raw = answer.get("name", ""), self.error_text(answer)
        text = self.redact(f"{status} {raw}")
        if name == "concurrent_idempotent_requests":
            return [deferred(text)]
        if name == "invalid_idempotent_request":
            return [
                in_doubt("An earlier call for this recipient, with other content, may have been carried out.")
            ]
        if status in (400, 403, 422) and name != "invalid_api_key" and self._about_sender.search(raw):
            raise self.account_error(f"{status} {raw}", sender=True)
        if status in (400, 422) and self._about_recipient.search(raw):
            return [refused(text)]
        return None

    def credentials_ok(self, status: int, answer: Any) -> bool:
        # A key that may only send.
        return status == 401 and isinstance(answer, dict) and answer.get("name") == "restricted_api_key"


class SparkPostClient(HttpClient):
    """POST /transmissions/: one call per recipient."""

    name = "sparkpost"
    check_path = "account"
    # SparkPost's error codes.
    _recipient_codes = ("5001", "5002")
    _sender_codes = ("7001",)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return sparkpost.EmailBackend(api_key=service.key, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        # Otherwise SparkPost replaces our List-Unsubscribe by its own.
        return {"options": {"transactional": True}}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        results = answer["results"]
        if results["total_accepted_recipients"] == 1:
            return [accepted(f"queued {results['id']}")]
        return [refused("SparkPost rejected the recipient")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        code, text = str(self._error(answer).get("code", "")), self.error_text(answer)
        if code in self._recipient_codes:
            return [refused(self.redact(f"{code} {text}"))]
        if code in self._sender_codes:
            raise self.account_error(f"{code} {text}", sender=True)
        return None

    def credentials_ok(self, status: int, answer: Any) -> bool:
        # A key that may only send.
        return status == 403

    def error_text(self, answer: Any) -> str:
        error = self._error(answer)
        return f"{error.get('message', '')} {error.get('description', '')}".strip()

    def _error(self, answer: Any) -> dict[str, Any]:
        errors = answer.get("errors") if isinstance(answer, dict) else None
        return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


_CLIENTS: dict[str, Callable[[Service, float], Client]] = {
    client.name: client
    for client in (BrevoClient, MailgunClient, MailjetClient, PostmarkClient, ResendClient, SparkPostClient)
}


def client(service: Service, read_timeout: float = READ_TIMEOUT) -> Client:
    """A client for the ESP that the configuration names, for one thread. `read_timeout`: seconds."""
    if service.name == "amazon_ses":
        # Optional dependency: boto3 is installed for this ESP only.
        from mailer.delivery.esp.amazon_ses import AmazonSesClient

        return AmazonSesClient(service, read_timeout)
    return _CLIENTS[service.name](service, read_timeout)


def check_credentials() -> str | None:
    """Verify the configured credentials by a call that sends nothing; the error message, or None."""
    connection = client(settings.CONFIG.service)
    try:
        connection.check()
    except CallError as error:
        return str(error)
    finally:
        connection.close()
    return None
