"""Staff who sign in with a password, and a clock-free way to look at what they did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from wagtail.models import ModelLogEntry

from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from tests.recorded import recorded

PASSWORD = "a-quiet-otter-swims-east"


@pytest.fixture
def dana(db: None) -> User:
    return writer()


@recorded
def writer() -> User:
    """In the group of writers, and no other."""
    user = User.objects.create_user("dana", "dana@office.example.org", PASSWORD)
    user.groups.add(set_up_role_groups()["Writers"])
    return user


def sign_in(login: str, password: str, network: str = "203.0.113", client: Client | None = None) -> Any:
    """The answer of the sign-in form to a client in this network."""
    browser = client or Client()
    return browser.post(
        "/accounts/sign-in/",
        {"login": login, "password": password},
        headers={"X-Forwarded-For": f"{network}.7"},
    )


def signed_in(client: Client) -> bool:
    return client.get("/desk/").status_code == 200


def actions(user: User | None = None) -> list[str]:
    """The actions of the audit log about an account (None: about names that no account has), oldest first."""
    entries = ModelLogEntry.objects.filter(
        action__startswith="accounts.", object_id=str(user.pk if user else 0)
    )
    return list(entries.order_by("pk").values_list("action", flat=True))


@contextmanager
def _configured(**changes: Any) -> Iterator[None]:
    accounts = dataclasses.replace(settings.CONFIG.accounts, **changes)
    with override_settings(CONFIG=dataclasses.replace(settings.CONFIG, accounts=accounts)):
        yield


@pytest.fixture
def configured() -> Callable[..., AbstractContextManager[None]]:
    """[accounts] with other values."""
    return _configured
