"""SparkPost: one call per reader (POST /transmissions/)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anymail.backends.sparkpost import EmailBackend

from mailer.config import Service
from mailer.delivery.esp.base import Answer, HttpLine, Item
from mailer.delivery.esp.errors import accepted, refused
from mailer.delivery.esp.message import Letter

# SparkPost's own numbers of errors: who may receive, and who may send.
_NO_RECIPIENT = ("5001", "5002")
_SENDER = ("7001",)


class SparkPostLine(HttpLine):
    name = "sparkpost"
    check_path = "account"

    def backend(self, service: Service, address: dict[str, str]) -> Any:
        return EmailBackend(api_key=service.key, **address)

    def extras(self, letter: Letter) -> dict[str, Any]:
        # Otherwise SparkPost puts its own List-Unsubscribe in place of ours.
        return {"options": {"transactional": True}}

    def read(self, answer: Any, items: Sequence[Item]) -> list[Answer]:
        results = answer["results"]
        if results["total_accepted_recipients"] == 1:
            return [accepted(f"queued {results['id']}")]
        return [refused("SparkPost rejected the recipient")]

    def judge(self, status: int, answer: dict[str, Any], items: Sequence[Item]) -> list[Answer] | None:
        error = self._error(answer)
        code, words = str(error.get("code", "")), self.words(answer)
        if code in _NO_RECIPIENT:
            return [refused(self.discreet(f"{code} {words}"))]
        if code in _SENDER:
            raise self.fault(f"{code} {words}", sender=True)
        return None

    def proves(self, status: int, answer: Any) -> bool:
        # A key that may send and nothing else.
        return status == 403

    def words(self, answer: Any) -> str:
        error = self._error(answer)
        return f"{error.get('message', '')} {error.get('description', '')}".strip()

    def _error(self, answer: Any) -> dict[str, Any]:
        errors = answer.get("errors") if isinstance(answer, dict) else None
        return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
