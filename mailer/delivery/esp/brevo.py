"""Brevo: one call per reader, with a key against repeats that holds for a while (POST /smtp/email)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from anymail.backends.brevo import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import accepted, in_doubt, refused
from mailer.delivery.esp.message import Letter

_ABOUT_READER = re.compile(r"\bin to\b|\bto is (not valid|missing)|\brecipient", re.IGNORECASE)
_ABOUT_SENDER = re.compile(r"\bsender\b", re.IGNORECASE)
_ACCOUNT = ("not_enough_credits", "permission_denied", "unauthorized", "account_under_validation")


class BrevoLine(HttpLine):
    name = "brevo"
    check_path = "account"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return EmailBackend(api_key=service.key, **address)

    def own_headers(self, letter: Letter) -> dict[str, str]:
        return {"idempotencyKey": str(uuid5(NAMESPACE_URL, letter.token))}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        return [accepted(f"queued {self.discreet(answer['messageId'].partition('@')[0].strip('<'))}")]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        code, said = answer.get("code", ""), self.words(answer)
        words = f"{code} {said}"
        if code == "duplicate_parameter":
            return [
                in_doubt("An earlier call for this reader was carried out or not; Brevo only says it came.")
            ]
        if code in _ACCOUNT:
            raise self.fault(words)
        if status == 400 and _ABOUT_SENDER.search(said):
            raise self.fault(words, sender=True)
        if status == 400 and _ABOUT_READER.search(said):
            return [refused(self.discreet(words))]
        return None
