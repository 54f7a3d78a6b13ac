"""Sign-in: its limits per account and per network, what it reveals, and what the audit log says of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts import (
    audit_log_entries,
    auth_backend,
    middleware,
    session_start_and_expiry,
    sign_in_limits,
)
from mailer.accounts.models import SignInFailures
from tests.accounts.conftest import PASSWORD, actions, sign_in, signed_in
from tests.waiting import SAFETY_SECONDS

pytestmark = pytest.mark.django_db
Configured = Callable[..., AbstractContextManager[None]]


@pytest.mark.parametrize("login", ["dana", "dana@office.example.org", "DANA@office.example.org"])
def test_an_account_signs_in_by_name_or_address(dana: User, login: str) -> None:
    browser = Client()
    answer = sign_in(login, PASSWORD, client=browser)
    assert answer.status_code == 302
    assert answer["Location"] == "/desk/"
    assert signed_in(browser)
    assert actions(dana) == ["accounts.sign_in"]


def test_an_address_means_its_owner_and_not_the_account_with_that_username(dana: User) -> None:
    # Accounts of former versions: none is made like this any more.
    User.objects.bulk_create([User(username=dana.email, email="second@office.example.org")])
    assert auth_backend.find_account(dana.email) == dana
    User.objects.filter(pk=dana.pk).update(is_active=False)
    assert auth_backend.find_account(dana.email) == User.objects.get(username=dana.email)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/desk/login/?next=/desk/", "/accounts/sign-in/?next=/desk/"),
        ("/desk/password_reset/", "/accounts/password/forgotten/"),
    ],
)
def test_old_addresses_lead_to_the_new_pages(old: str, new: str) -> None:
    assert Client().get(old)["Location"] == new
    assert Client().post("/desk/login/", {"username": "dana", "password": PASSWORD}).status_code == 302


@pytest.mark.both_databases
def test_an_account_is_locked_after_failures_and_longer_after_each_further_one(dana: User) -> None:
    for attempt in range(4):
        assert sign_in("dana", "wrong", f"10.0.{attempt}").status_code == 200
    waits = []
    for attempt in range(4, 8):
        answer = sign_in("dana", "wrong", f"10.0.{attempt}")
        assert answer.status_code == 429
        waits.append(int(answer["Retry-After"]))
        # Even the right password is not looked at, in whichever network.
        assert sign_in("dana", PASSWORD, f"10.1.{attempt}").status_code == 429
        SignInFailures.objects.filter(key=f"account {dana.pk}").update(locked_until=timezone.now())
    assert [round(wait / 60) for wait in waits] == [1, 2, 4, 8]
    assert sign_in("dana", PASSWORD, "10.2.0").status_code == 302
    assert not SignInFailures.objects.filter(key=f"account {dana.pk}").exists()
    assert actions(dana).count("accounts.sign_in_failed") == 8
    assert actions(dana).count("accounts.locked") == 4


def test_a_locked_account_is_named_by_either_of_its_names(dana: User) -> None:
    for attempt in range(5):
        sign_in(("dana", "dana@office.example.org")[attempt % 2], "wrong", f"10.0.{attempt}")
    for login in ("dana", "dana@office.example.org"):
        assert sign_in(login, PASSWORD, "10.1.0").status_code == 429


def test_a_name_without_an_account_is_locked_like_one_with(dana: User) -> None:
    known = [sign_in("dana", "wrong", f"10.0.{attempt}").status_code for attempt in range(6)]
    unknown = [sign_in("nobody", "wrong", f"10.1.{attempt}").status_code for attempt in range(6)]
    assert known == unknown == [200, 200, 200, 200, 429, 429]
    # What was typed may be a password.
    assert "nobody" not in str(list(ModelLogEntry.objects.values_list("label", "data")))
    assert not SignInFailures.objects.filter(key__contains="nobody").exists()


@pytest.mark.parametrize("login", ["dana", "dana@office.example.org", "nobody", "nobody@example.org", "gone"])
def test_every_attempt_hashes_once(dana: User, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("gone", "gone@office.example.org", "x", is_active=False)
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda *arguments: hashed.append(1) or encode(*arguments)
    )
    assert auth_backend.PasswordBackend().authenticate(None, login, "wrong") is None
    assert len(hashed) == 1


def test_a_network_is_locked_after_failures_with_many_names(dana: User, configured: Configured) -> None:
    with configured(failures_per_network=3):
        for name in ("a", "b", "c"):
            sign_in(name, "wrong")
        answer = sign_in("dana", PASSWORD)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 61
        # The rest of the world signs in.
        assert sign_in("dana", PASSWORD, "198.51.100").status_code == 302


def test_failures_are_forgotten_after_a_day(dana: User) -> None:
    key, now = f"account {dana.pk}", timezone.now()
    for _ in range(4):
        sign_in_limits.record_failure([key], now - timedelta(hours=25))
    assert sign_in_limits.record_failure([key], now) is None
    assert sign_in_limits.audit_and_delete_old_failures(now + timedelta(hours=25)) == 1


@pytest.mark.both_databases
def test_a_flood_of_failures_makes_few_entries_and_none_is_lost(dana: User) -> None:
    now, factory = timezone.now(), RequestFactory()

    def fail(user: User | None, network: str, at: datetime) -> None:
        request = factory.post("/accounts/sign-in/", headers={"X-Forwarded-For": f"{network}.7"})
        audit_log_entries.record_refusal("accounts.sign_in_failed", user, request, at)

    for attempt in range(20):
        fail(dana, "203.0.113", now + timedelta(minutes=attempt))
    fail(dana, "203.0.113", now + timedelta(minutes=61))
    for attempt in range(120):
        fail(None, f"10.0.{attempt % 60}", now)
    audit_log_entries.write_counted_refusals(now + timedelta(minutes=59))
    assert (len(actions(dana)), len(actions())) == (2, 21)
    sign_in_limits.audit_and_delete_old_failures(now + timedelta(hours=3))
    assert (len(actions(dana)), len(actions())) == (2, 42)
    entries = ModelLogEntry.objects.filter(action="accounts.sign_in_failed").values_list("object_id", "data")
    times = {
        who: sum(data.get("times", 1) for key, data in entries if key == who) for who in (str(dana.pk), "0")
    }
    assert times == {str(dana.pk): 21, "0": 120}
    # Nothing is left to be counted, or written twice.
    assert audit_log_entries.write_counted_refusals(now + timedelta(hours=9)) == 0
    assert not SignInFailures.objects.exists()


@pytest.mark.both_databases
def test_resets_that_are_refused_make_one_entry() -> None:
    for _ in range(8):
        Client().post("/accounts/password/forgotten/", {"login": "dana"})
    assert actions() == ["accounts.reset_refused"]


def test_more_checks_than_allowed_at_a_time_are_refused_at_once(configured: Configured) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(request: Any) -> HttpResponse:
        entered.set()
        leave.wait(SAFETY_SECONDS)
        return HttpResponse()

    with configured(concurrent_checks=1):
        throttle = middleware.SignInThrottle(slow)
    post = RequestFactory().post("/accounts/sign-in/")
    first = threading.Thread(target=_in_thread, args=(throttle, post))
    first.start()
    try:
        assert entered.wait(SAFETY_SECONDS)
        refused = throttle(RequestFactory().post("/accounts/sign-in/"))
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
    finally:
        leave.set()
        first.join()
    # Other requests never wait for a place.
    leave.set()
    assert throttle(RequestFactory().get("/accounts/sign-in/")).status_code == 200
    assert throttle(RequestFactory().post("/accounts/sign-in/")).status_code == 200


def _in_thread(throttle: middleware.SignInThrottle, request: Any) -> None:
    # The thread has no database connection of the test's.
    with mock.patch.object(sign_in_limits, "locked_until", return_value=None):
        throttle(request)


def test_signing_out_is_logged(dana: User) -> None:
    browser = Client()
    sign_in("dana", PASSWORD, client=browser)
    browser.post("/accounts/sign-out/")
    assert not signed_in(browser)
    assert actions(dana) == ["accounts.sign_in", "accounts.sign_out"]


def test_an_account_without_access_sees_why_and_can_sign_out(db: None) -> None:
    User.objects.create_user("guest", "guest@office.example.org", PASSWORD)
    browser = Client()
    sign_in("guest", PASSWORD, client=browser)
    assert browser.get("/desk/")["Location"].startswith("/accounts/sign-in/")
    assert browser.get("/accounts/sign-in/").status_code == 403


def test_who_was_signed_out_in_the_meantime_returns_to_the_form(dana: User) -> None:
    page = "http://testserver/desk/editions/1/review/?variant=2"
    answer = Client().post("/desk/editions/1/approve/", headers={"Referer": page})
    assert answer["Location"] == "/accounts/sign-in/?next=/desk/editions/1/review/%3Fvariant%3D2"
    # Without a page to return to, or with another site's, it is the home page.
    for headers in ({}, {"Referer": "http://elsewhere.example/desk/users/"}):
        answer = Client().post("/desk/editions/1/approve/", headers=headers)
        assert answer["Location"] == "/accounts/sign-in/?next=/desk/"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/141 Safari/537.36 Edg/141", "Edge on Linux"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/141 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 YaBrowser/25 Safari/537", "Yandex Browser on Windows"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_has_the_name_that_its_owner_knows(user_agent: str, name: str) -> None:
    assert session_start_and_expiry.browser_name(user_agent) == name


def test_there_is_no_sign_up() -> None:
    assert Client().get("/accounts/signup/").status_code == 404
