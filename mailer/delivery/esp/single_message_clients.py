"""The clients of the ESPs that get one call per recipient.

Each class knows what its ESP's requests need beyond anymail, and what its responses mean.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import requests
from anymail.backends import (
    brevo,
    mailersend,
    mailgun,
    mandrill,
    postal,
    resend,
    sendgrid,
    sparkpost,
    unisender_go,
)
from anymail.backends.base_requests import AnymailRequestsBackend

from mailer.config import Service
from mailer.delivery.esp.call_outcomes import (
    accepted_outcome,
    deferred_outcome,
    in_doubt_outcome,
    refused_outcome,
    suppressed_by_esp_outcome,
)
from mailer.delivery.esp.client_base import HttpClient, Item, Result
from mailer.delivery.esp.message_parts_encoder import EspMessage


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
        return [accepted_outcome(f"queued {self.redact(answer['messageId'].partition('@')[0].strip('<'))}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        code, text = answer.get("code", ""), self.error_text(answer)
        if code == "duplicate_parameter":
            return [
                in_doubt_outcome(
                    "Brevo received an earlier call for this recipient; it may have been carried out."
                )
            ]
        if code in self._account:
            raise self.account_error(f"{code} {text}")
        if status == 400 and self._about_sender.search(text):
            raise self.account_error(f"{code} {text}", sender=True)
        if status == 400 and self._about_recipient.search(text):
            return [refused_outcome(self.redact(f"{code} {text}"))]
        return None


class MailerSendClient(HttpClient):
    """POST /email: one call per recipient."""

    name = "mailersend"
    check_path = "domains?limit=10"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return mailersend.EmailBackend(api_token=service.key, **address)

    def metadata(self, message: EspMessage) -> dict[str, str]:
        # MailerSend keeps tags only.
        return {}

    def decode(self, response: requests.Response) -> Any:
        answer = super().decode(response)
        if response.status_code == 202 and (answer is None or isinstance(answer, dict)):
            return {**(answer or {}), "id": response.headers.get("X-Message-Id", "")}
        return answer

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        message_id, warnings = answer["id"], answer.get("warnings") or []
        suppressed = [
            reason
            for warning in warnings
            if warning["type"] in ("ALL_SUPPRESSED", "SOME_SUPPRESSED")
            for recipient in warning["recipients"]
            for reason in recipient.get("reasons") or recipient.get("reason") or [warning["type"]]
        ]
        if suppressed:
            return [suppressed_by_esp_outcome(self.redact(", ".join(map(str, suppressed))))]
        return [accepted_outcome(f"queued {message_id}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        fields = answer.get("errors")
        if status != 422 or not isinstance(fields, dict):
            return None
        text = f"{status} {self.error_text(answer)}"
        if any(name.startswith("from") for name in fields):
            raise self.account_error(text, sender=True)
        if any(name.startswith("to") for name in fields):
            return [refused_outcome(self.redact(text))]
        if "headers" in fields:
            # The plan does not include custom headers, and ours are needed.
            raise self.account_error(text)
        return None

    def credentials_ok(self, status: int, answer: Any) -> bool:
        # A token that may only send.
        return status == 403

    def error_text(self, answer: Any) -> str:
        fields = answer.get("errors") if isinstance(answer, dict) else None
        if not isinstance(fields, dict):
            return super().error_text(answer)
        return " ".join(str(text) for texts in fields.values() for text in texts)


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
        return [accepted_outcome(f"{answer['message']} {self.redact(answer['id'])}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        text = self.error_text(answer)
        if status == 400 and self._about_recipient.search(text):
            return [refused_outcome(self.redact(f"{status} {text}"))]
        if status == 400 and self._about_sender.search(text):
            raise self.account_error(f"{status} {text}", sender=True)
        return None


class MandrillClient(HttpClient):
    """POST /messages/send.json: one call per recipient. Errors have status 500 and a name."""

    name = "mandrill"
    check_path, check_method = "users/ping2.json", "POST"
    _account = ("Invalid_Key", "PaymentRequired", "Unknown_Subaccount", "ServiceUnavailable")
    # Reasons of a rejection that are about our sender, and about our account.
    _sender_reasons = ("invalid-sender", "unsigned")
    _account_reasons = ("test-mode-limit", "rule", "recipient-limit-exceeded", "global-block")

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return mandrill.EmailBackend(api_key=service.key, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        # Without merge tags, *|NAME|* in a story is text.
        return {"message": {"merge": False, "auto_text": False, "inline_css": False}}

    def check_body(self) -> str | None:
        return json.dumps({"key": self._service.key})

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        (result,) = answer
        status, reason = result["status"], str(result.get("reject_reason") or "")
        if status in ("sent", "queued", "scheduled"):
            return [accepted_outcome(f"{status} {result['_id']}")]
        if reason in self._sender_reasons or reason in self._account_reasons:
            return [self.account_error(f"{status} {reason}", sender=reason in self._sender_reasons)]
        if status == "invalid" or reason == "invalid":
            return [refused_outcome(f"{status} {reason}")]
        return [suppressed_by_esp_outcome(f"{status} {reason}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        name, text = str(answer.get("name", "")), self.error_text(answer)
        if name in self._account:
            raise self.account_error(f"{name} {text}")
        if name != "ValidationError":
            return None
        if "from_" in text:
            raise self.account_error(f"{name} {text}", sender=True)
        if '"to"' in text:
            return [refused_outcome(self.redact(f"{name} {text}"))]
        raise self.ambiguous(f"{name} {text}")


class PostalClient(HttpClient):
    """POST /api/v1/send/message: one call per recipient. Errors have status 200 and a code."""

    name = "postal"
    # Needs an id, and answers that it is missing where the key is valid.
    check_path = "api/v1/messages/message"
    has_tracking_options = False
    _account = ("InvalidServerAPIKey", "AccessDenied", "ServerSuspended")
    _sender = ("UnauthenticatedFromAddress", "FromAddressMissing")
    _message = ("NoRecipients", "ValidationError")
    _about_recipient = re.compile(r"\bto\b|recipient", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return postal.EmailBackend(api_key=service.key, **address)

    def metadata(self, message: EspMessage) -> dict[str, str]:
        # Postal keeps a tag only.
        return {}

    def extra_headers(self, message: EspMessage) -> dict[str, str]:
        # Switches tracking off.
        return {"X-AMP": "skip"}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        if answer["status"] == "success":
            (message,) = answer["data"]["messages"].values()
            return [accepted_outcome(f"queued {message['id']}")]
        data = answer["data"]
        self._raise_for_code(data)
        code, text = str(data.get("code", "")), str(data.get("message", ""))
        if code in ("NoRecipients", "ValidationError") and re.search(
            r"\bto\b|recipient", text, re.IGNORECASE
        ):
            return [refused_outcome(self.redact(f"{code} {text}"))]
        return [self.ambiguous(f"{code} {text}")]

    def credentials_ok(self, status: int, answer: Any) -> bool:
        data = answer.get("data") if isinstance(answer, dict) else None
        self._raise_for_code(data if isinstance(data, dict) else {})
        return False

    def _raise_for_code(self, data: dict[str, Any]) -> None:
        code = str(data.get("code", ""))
        if code in self._account or code in self._sender:
            raise self.account_error(f"{code} {data.get('message', '')}", sender=code in self._sender)


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
        return [accepted_outcome(f"queued {answer['id']}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        name, raw = answer.get("name", ""), self.error_text(answer)
        text = self.redact(f"{status} {raw}")
        if name == "concurrent_idempotent_requests":
            return [deferred_outcome(text)]
        if name == "invalid_idempotent_request":
            return [
                in_doubt_outcome(
                    "An earlier call for this recipient, with other content, may have been carried out."
                )
            ]
        if status in (400, 403, 422) and name != "invalid_api_key" and self._about_sender.search(raw):
            raise self.account_error(f"{status} {raw}", sender=True)
        if status in (400, 422) and self._about_recipient.search(raw):
            return [refused_outcome(text)]
        return None

    def credentials_ok(self, status: int, answer: Any) -> bool:
        # A key that may only send.
        return status == 401 and isinstance(answer, dict) and answer.get("name") == "restricted_api_key"


class _SendGridBackend(sendgrid.EmailBackend):  # type: ignore[misc]
    """Without the parent's warning that anymail no longer has an account to test with."""

    def __init__(self, api_key: str, api_url: str = "https://api.sendgrid.com/v3/") -> None:
        self.api_key, self.generate_message_id, self.merge_field_format = api_key, False, None
        AnymailRequestsBackend.__init__(self, api_url)


class SendGridClient(HttpClient):
    """POST /mail/send: one call per recipient."""

    name = "sendgrid"
    check_path = "scopes"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return _SendGridBackend(service.key, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        # Otherwise SendGrid may add its own unsubscribe link and List-Unsubscribe.
        return {"tracking_settings": {"subscription_tracking": {"enable": False}}}

    def decode(self, response: requests.Response) -> Any:
        if response.status_code == 202 and not response.content:
            return {"id": response.headers.get("X-Message-Id", "")}
        return super().decode(response)

    def retry_after(self, response: requests.Response) -> str | None:
        reset = response.headers.get("X-RateLimit-Reset", "")
        given = super().retry_after(response)
        # The time at which calls are accepted again, in seconds since 1970.
        return str(int(reset) - int(time.time())) if given is None and reset.isdigit() else given

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        return [accepted_outcome(f"queued {answer['id']}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        field, text = str(self._error(answer).get("field") or ""), f"{status} {self.error_text(answer)}"
        if status in (400, 403) and field.startswith("from"):
            raise self.account_error(text, sender=True)
        if status == 400 and re.match(r"personalizations\.\d+\.to", field):
            return [refused_outcome(self.redact(text))]
        return None

    def error_text(self, answer: Any) -> str:
        return str(self._error(answer).get("message") or "")

    def _error(self, answer: Any) -> dict[str, Any]:
        errors = answer.get("errors") if isinstance(answer, dict) else None
        return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


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
            return [accepted_outcome(f"queued {results['id']}")]
        return [refused_outcome("SparkPost rejected the recipient")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        code, text = str(self._error(answer).get("code", "")), self.error_text(answer)
        if code in self._recipient_codes:
            return [refused_outcome(self.redact(f"{code} {text}"))]
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


class UnisenderGoClient(HttpClient):
    """POST /email/send.json: one call per recipient."""

    name = "unisender_go"
    check_path, check_method = "system/info.json", "POST"
    _about_sender = re.compile(r"from_email|from_name|domain|sender|домен|отправител", re.IGNORECASE)
    _about_recipient = re.compile(r"recipients?\b|получател", re.IGNORECASE)

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return unisender_go.EmailBackend(api_key=service.key, generate_message_id=False, **address)

    def esp_extra(self, message: EspMessage) -> dict[str, Any]:
        # Without its template language and its own unsubscribe link, which its support must allow.
        return {"template_engine": "none", "skip_unsubscribe": 1}

    def check_body(self) -> str | None:
        return "{}"

    def read(self, answer: Any, items: Sequence[Item]) -> list[Result]:
        if failed := answer.get("failed_emails"):
            return [self._failed(str(next(iter(failed.values()))))]
        (_,) = answer["emails"]
        return [accepted_outcome(f"queued {answer['job_id']}")]

    def read_error(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Result] | None:
        failed, text = answer.get("failed_emails"), f"{answer.get('code', '')} {self.error_text(answer)}"
        if isinstance(failed, dict) and failed:
            return [self._failed(str(next(iter(failed.values()))))]
        if status in (400, 403) and self._about_sender.search(text):
            raise self.account_error(text, sender=True)
        if status == 400 and self._about_recipient.search(text):
            return [refused_outcome(self.redact(text))]
        return None

    def _failed(self, why: str) -> Result:
        if why == "invalid":
            return refused_outcome(why)
        if why == "temporary_unavailable":
            return deferred_outcome(why)
        return self.ambiguous(why) if why == "duplicate" else suppressed_by_esp_outcome(why)
