"""A program that calls the API with a key."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from mailer.accounts import api_keys
from tests.logs import note_secrets

ROOT = "/api/v1"


def make_key(user: User, *scopes: str) -> str:
    """A key of the account; without scopes, with all that it may give."""
    wanted = scopes or tuple(api_keys.grantable_scopes(user))
    _, text = api_keys.create(user, "test", wanted, timedelta(days=1), None, timezone.now())
    note_secrets([text])
    return text


class Api:
    """Requests with one key; paths are relative to the API's root."""

    def __init__(self, key: str) -> None:
        self._browser, self.key = Client(raise_request_exception=False), key

    @classmethod
    def of(cls, user: User, *scopes: str) -> Api:
        return cls(make_key(user, *scopes))

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self._browser.generic(method, ROOT + path, headers=sent, **content)


def code(answer: Any) -> tuple[int, str]:
    """Status and code of a problem."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]
