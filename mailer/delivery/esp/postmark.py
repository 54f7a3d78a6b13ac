"""Postmark: a list of whole messages in a call, with a result for each (POST /email/batch)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from anymail.backends.postmark import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import Fault, accepted, deferred, refused
from mailer.delivery.esp.message import Letter

# Postmark's own numbers of errors, in an answer of 422 or in one message's result.
_OK, _INVALID, _INACTIVE = 0, 300, 406
_SENDER = (400, 401)
_ACCOUNT = (10, 405, 412, 413)
_PASSING = (100, 429)
# "Invalid 'To' address: '…'." or "Error parsing 'From': Illegal email address '…'."
_ABOUT = re.compile(r"(?:Invalid|Error parsing) '(To|From)'", re.IGNORECASE)


class PostmarkLine(HttpLine):
    name = "postmark"
    check_path = "server"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return EmailBackend(server_token=service.key, message_stream=service.stream or "broadcast", **address)

    def own_headers(self, letter: Letter) -> dict[str, str]:
        return {"Message-ID": letter.message_id, "X-PM-KeepID": "true"}

    def joined(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().joined(payloads[:1])
        body = json.dumps([payload.data for payload in payloads])
        return request | {"url": f"{self._backend.api_url}email/batch", "data": body}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        return [self._one(result) for result in answer]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        if status != 422 or "Message" not in answer:
            return None
        one = self._one(answer)
        if isinstance(one, Fault):
            raise one
        return [one] if len(items) == 1 else None

    def _one(self, result: dict[str, Any]) -> Answer:
        code, said = int(result.get("ErrorCode", _OK)), str(result["Message"])
        words = self.discreet(said)
        if code == _OK:
            return accepted(f"{words} {result['MessageID']}")
        about = _ABOUT.match(said) if code == _INVALID else None
        field = about[1].lower() if about else ""
        if code == _INACTIVE or field == "to":
            return refused(f"{code} {words}")
        if code in _PASSING:
            return deferred(f"{code} {words}")
        if code in _SENDER or field == "from":
            return self.fault(f"{code} {said}", sender=True)
        return self.fault(f"{code} {said}") if code in _ACCOUNT else self.unclear(f"{code} {said}")
