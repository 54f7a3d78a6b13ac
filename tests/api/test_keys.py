"""Keys: what is stored of them, what they open, and when they end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts import api_keys
from mailer.accounts.models import ApiKey
from tests.api.client import Api, code, make_key
from tests.desk.cast import Desk, as_user


def test_a_key_is_recognisable_and_stored_as_a_digest_only(desk: Desk) -> None:
    text = make_key(desk.admin, "lists:read")
    assert re.fullmatch(r"mailer_key_[0-9a-f]{8}_[0-9a-f]{64}", text)
    row = ApiKey.objects.get()
    secret = text.rpartition("_")[2]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert secret not in repr(cursor.fetchall()), table
    assert text.split("_")[2] == row.public_id
    assert [message.to for message in mail.outbox] == [[desk.admin.email]]
    assert secret not in mail.outbox[0].body


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer mailer_key_00000000_" + "0" * 64,
        "Basic bWFpbGVyOmtleQ==",
        "Token {}",
    ],
)
def test_without_a_valid_key_nothing_is_answered(desk: Desk, sent: str) -> None:
    key = make_key(desk.admin, "lists:read")
    answer = Api("").get("/lists", Authorization=sent.format(key))
    assert code(answer) == (401, "unauthorized")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_of_the_desk_opens_nothing(desk: Desk) -> None:
    browser = as_user(desk.admin)
    assert browser.get("/desk/lists/").status_code == 200
    assert browser.get("/api/v1/lists").status_code == 401
    assert browser.post("/api/v1/lists", "{}", content_type="application/json").status_code == 401


def test_a_key_expires_and_is_revoked(desk: Desk) -> None:
    api = Api.of(desk.admin, "lists:read")
    assert api.get("/lists").status_code == 200
    key = ApiKey.objects.get()
    assert key.last_used_at is not None
    assert api_keys.revoke(key, desk.admin, None, timezone.now())
    assert code(api.get("/lists")) == (401, "unauthorized")
    other = Api.of(desk.admin, "lists:read")
    ApiKey.objects.filter(revoked_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code(other.get("/lists")) == (401, "unauthorized")


def test_keys_end_with_the_account_and_with_its_password(desk: Desk) -> None:
    api = Api.of(desk.admin, "lists:read")
    desk.admin.is_active = False
    desk.admin.save()
    assert code(api.get("/lists")) == (401, "unauthorized")
    desk.admin.is_active = True
    desk.admin.save()
    assert api.get("/lists").status_code == 200
    desk.admin.set_password("another quiet otter swims")
    desk.admin.save()
    assert code(api.get("/lists")) == (401, "unauthorized")


def test_a_sign_in_that_hashes_the_password_anew_ends_no_key(desk: Desk) -> None:
    api = Api.of(desk.admin, "lists:read")
    desk.admin.password = "pbkdf2_sha256$1$abcdefgh$" + desk.admin.password
    user = type(desk.admin).objects.get(pk=desk.admin.pk)
    user._password = None
    user.save(update_fields=["password"])
    assert api.get("/lists").status_code == 200


def test_a_key_allows_what_its_account_still_may(desk: Desk) -> None:
    api = Api.of(desk.admin, "lists:read")
    desk.admin.groups.clear()
    assert code(api.get("/lists")) == (403, "permission_missing")


def test_no_account_gives_a_key_more_than_it_has(desk: Desk) -> None:
    assert "subscribers:read" not in api_keys.grantable_scopes(desk.writer)
    with pytest.raises(ValueError, match="subscribers:read"):
        make_key(desk.writer, "stories:read", "subscribers:read")
    with pytest.raises(ValueError, match="at least one scope"):
        api_keys.create(desk.writer, "x", [], timedelta(days=1), None, timezone.now())
    with pytest.raises(ValueError, match="days"):
        api_keys.create(desk.writer, "x", ["stories:read"], timedelta(days=800), None, timezone.now())
    assert not ApiKey.objects.exists()


def test_the_audit_log_names_the_key_of_every_write(desk: Desk) -> None:
    api = Api.of(desk.admin)
    key = ApiKey.objects.get()
    made = api.post("/lists", {"slug": "events", "name": "Events"})
    assert made.status_code == 201
    changed = api.send("PATCH", f"/lists/{made.json()['id']}", {"name": "All events"})
    assert changed.json()["name"] == "All events"
    entries = ModelLogEntry.objects.filter(object_id=str(made.json()["id"]), label__contains="vents")
    assert [(one.action, one.user, one.data["api_key"]) for one in entries.order_by("pk")] == [
        ("wagtail.create", desk.admin, str(key)),
        ("wagtail.edit", desk.admin, str(key)),
    ]
    assert entries.latest("pk").data["changes"]["name"] == ["Events", "All events"]
    created = ModelLogEntry.objects.get(action="accounts.api_key_created")
    assert "lists:write" in created.data["because"]


def test_a_key_of_an_account_that_lacks_a_second_factor_waits(desk: Desk, configure: Any) -> None:
    api, writer = Api.of(desk.admin, "lists:read"), Api.of(desk.writer, "stories:read")
    configure(accounts={"require_second_factor": True})
    assert code(api.get("/lists")) == (403, "account_incomplete")
    assert writer.get("/stories").status_code == 200
