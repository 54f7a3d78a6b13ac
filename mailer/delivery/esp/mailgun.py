"""Mailgun: one call per reader (POST /v3/DOMAIN/messages)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from anymail.backends.mailgun import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import accepted, refused
from mailer.delivery.esp.message import Letter

_ABOUT_READER = re.compile(r"['\"]?\bto\b['\"]? (parameter|field) is not a valid", re.IGNORECASE)
_ABOUT_SENDER = re.compile(r"['\"]?\bfrom\b['\"]? (parameter|field)|domain", re.IGNORECASE)


class MailgunLine(HttpLine):
    name = "mailgun"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        self.check_path = f"domains/{quote(service.domain, safe='')}"
        return EmailBackend(api_key=service.key, sender_domain=service.domain, **address)

    def own_headers(self, letter: Letter) -> dict[str, str]:
        return {"Message-Id": letter.message_id}

    def extras(self, letter: Letter) -> dict[str, Any]:
        return {"o:tracking": "no"}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        # Under a wrong address Mailgun greets with 200 and something else.
        return [accepted(f"{answer['message']} {self.discreet(answer['id'])}")]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        said = self.words(answer)
        if status == 400 and _ABOUT_READER.search(said):
            return [refused(self.discreet(f"{status} {said}"))]
        if status == 400 and _ABOUT_SENDER.search(said):
            raise self.fault(f"{status} {said}", sender=True)
        return None
