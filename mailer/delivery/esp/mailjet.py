"""Mailjet: a list of whole messages in a call, with a result for each (POST /v3.1/send)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anymail.backends.mailjet import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import accepted, refused
from mailer.delivery.esp.message import Letter

# "Sender not validated", and the account's own troubles.
_SENDER = ("send-0008", "send-0009")


class MailjetLine(HttpLine):
    name = "mailjet"
    check_path = "../v3/REST/sender?Limit=1"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return EmailBackend(api_key=service.key, secret_key=service.secret, **address)

    def extras(self, letter: Letter) -> dict[str, Any]:
        return {"Globals": {"TemplateLanguage": False, "CustomID": letter.token}}

    def joined(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().joined(payloads[:1])
        messages = [{**payload.data["Globals"], **payload.data["Messages"][0]} for payload in payloads]
        return request | {"data": payloads[0].serialize_json({"Messages": messages})}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        return [self._one(result) for result in answer["Messages"]]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        # Where some messages are wrong the whole answer is 400, and the others were taken.
        if "Messages" in answer and status < 500:
            return self.read(answer, items)
        return None

    def words(self, answer: Any) -> str:
        return str(answer.get("ErrorMessage", "")) if isinstance(answer, dict) else ""

    def _one(self, result: dict[str, Any]) -> Answer:
        if result["Status"] == "success":
            return accepted(f"success {result['To'][0]['MessageID']}")
        error = result["Errors"][0]
        code, words = str(error["ErrorCode"]), f"{error['ErrorCode']} {error['ErrorMessage']}"
        about = " ".join(error.get("ErrorRelatedTo") or ())
        if code in _SENDER or about.startswith("From"):
            return self.fault(words, sender=True)
        if about.startswith("To"):
            return refused(self.discreet(words))
        return self.fault(words) if error.get("StatusCode") in (401, 403) else self.unclear(words)
