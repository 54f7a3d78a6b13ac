"""Resend: one call per reader, with a key under which a repeat is not sent again for a day (POST /emails)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anymail.backends.resend import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import accepted, deferred, in_doubt, refused

_ABOUT_READER = re.compile(r"[`'\"]to[`'\"]", re.IGNORECASE)
# "The … domain is not verified", and addresses that only a test may use.
_ABOUT_SENDER = re.compile(r"domain|[`'\"]from[`'\"]|testing emails", re.IGNORECASE)


class ResendLine(HttpLine):
    name = "resend"
    check_path = "domains"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return EmailBackend(api_key=service.key, **address)

    def joined(self, payloads: list[Any]) -> dict[str, Any]:
        request = super().joined(payloads)
        key = {"Idempotency-Key": payloads[0].metadata["delivery"]}
        return request | {"headers": request["headers"] | key}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        return [accepted(f"queued {answer['id']}")]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        name, said = answer.get("name", ""), self.words(answer)
        words = self.discreet(f"{status} {said}")
        if name == "concurrent_idempotent_requests":
            return [deferred(words)]
        if name == "invalid_idempotent_request":
            return [
                in_doubt("An earlier call for this reader, with another content, was carried out or not.")
            ]
        if status in (400, 403, 422) and name != "invalid_api_key" and _ABOUT_SENDER.search(said):
            raise self.fault(f"{status} {said}", sender=True)
        if status in (400, 422) and _ABOUT_READER.search(said):
            return [refused(words)]
        return None

    def proves(self, status: int, answer: Any) -> bool:
        # A key that may send and nothing else.
        return status == 401 and isinstance(answer, dict) and answer.get("name") == "restricted_api_key"
