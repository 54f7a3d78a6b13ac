"""Second factors and recent sign-in: who needs them, and what happens without."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from mailer.accounts import session_start_and_expiry
from mailer.approval.account_change_notices import mark_account_changes_notified, send_account_notices
from mailer.approval.models import Approval
from tests.accounts.conftest import PASSWORD, actions, sign_in, signed_in
from tests.desk.cast import Desk, as_user, submitted
from tests.desk.cast import desk as make_desk
from tests.waiting import totp_counter

pytestmark = pytest.mark.django_db
Configured = Callable[..., AbstractContextManager[None]]
CODE_PAGE = "/accounts/security/authenticate/"


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


@pytest.fixture
def required(configured: Configured) -> Iterator[None]:
    """As the product is delivered."""
    with configured(require_second_factor=True):
        yield


def code(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, totp_counter() + steps))


def set_up_app(browser: Client) -> str:
    """Set an authenticator app up; its secret."""
    page = browser.get("/accounts/security/totp/activate/")
    secret: str = page.context["form"].secret
    answer = browser.post("/accounts/security/totp/activate/", {"code": code(secret, -1)})
    assert answer["Location"] == "/accounts/security/recovery-codes/"
    return secret


def age(browser: Client, minutes: float) -> None:
    """Let the session's sign-in be so long ago."""
    session = browser.session
    session[session_start_and_expiry.STARTED] = time.time() - minutes * 60
    for record in session.get("account_authentication_methods", []):
        record["at"] -= minutes * 60
    session.save()


@pytest.mark.parametrize(("name", "needs"), [("writer", False), ("approver", True), ("admin", True)])
def test_approvers_and_admins_set_up_a_second_factor_before_anything_else(
    desk: Desk, required: None, name: str, needs: bool
) -> None:
    browser = as_user(getattr(desk, name))
    answer = browser.get("/desk/")
    assert (answer.status_code == 302 and answer["Location"] == "/accounts/security/") is needs
    assert browser.get(reverse("desk_edition:review", args=[desk.edition.pk])).status_code == (
        302 if needs else 200
    )
    if needs:
        assert browser.get("/accounts/security/").context["required"]
        set_up_app(browser)
        assert signed_in(browser)


def test_a_superuser_needs_one_whatever_their_groups(desk: Desk, required: None) -> None:
    desk.stranger.is_superuser = True
    desk.stranger.save()
    assert as_user(desk.stranger).get("/desk/")["Location"] == "/accounts/security/"


def test_a_password_alone_does_not_sign_in_any_more(desk: Desk, required: None) -> None:
    secret = set_up_app(as_user(desk.approver))
    browser = Client()
    assert sign_in("timur", "a long password", client=browser)["Location"] == CODE_PAGE
    assert not signed_in(browser)
    assert browser.post(CODE_PAGE, {"code": "000000"}).status_code == 200
    assert not signed_in(browser)
    assert browser.post(CODE_PAGE, {"code": code(secret)}).status_code == 302
    assert signed_in(browser)
    assert actions(desk.approver)[-2:] == ["accounts.factor_failed", "accounts.sign_in"]


def test_a_code_works_once_and_a_recovery_code_too(desk: Desk) -> None:
    first = as_user(desk.approver)
    secret = set_up_app(first)
    recovery = first.get("/accounts/security/recovery-codes/").context["unused_codes"][0]
    for used in (code(secret), recovery):
        for works in (True, False):
            browser = Client()
            sign_in("timur", "a long password", client=browser)
            browser.post(CODE_PAGE, {"code": used})
            assert signed_in(browser) is works


@pytest.mark.both_databases
def test_a_code_that_was_used_is_refused_by_every_process(desk: Desk) -> None:
    secret, results = set_up_app(as_user(desk.approver)), []
    # An earlier code than the last one is as used as that one (RFC 6238, section 5.2).
    for used in (code(secret), code(secret), code(secret, -1), code(secret, 1)):
        # What another process remembers.
        cache.clear()
        browser = Client()
        sign_in("timur", "a long password", client=browser)
        browser.post(CODE_PAGE, {"code": used})
        results.append(signed_in(browser))
    assert results == [True, False, False, True]
    assert "accounts.factor_failed" in actions(desk.approver)


def test_guessing_codes_locks_the_account(desk: Desk) -> None:
    secret = set_up_app(as_user(desk.approver))
    browser = Client()
    sign_in("timur", "a long password", client=browser)
    for _ in range(5):
        browser.post(CODE_PAGE, {"code": "000000"})
    browser.post(CODE_PAGE, {"code": code(secret)})
    assert not signed_in(browser)
    assert sign_in("timur", "a long password", "10.1.0").status_code == 429


def test_secrets_are_encrypted_and_survive_a_rotation_of_keys(desk: Desk) -> None:
    from django.conf import settings

    secret = set_up_app(as_user(desk.approver))
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))
    with override_settings(
        STORED_SECRET_KEYS=["a new secret, for this test only", *settings.STORED_SECRET_KEYS],
        TOKEN_KEYS=((2, "a new secret of tokens, for this test only"),),
    ):
        assert Authenticator.objects.get(type="totp").wrap().validate_code(code(secret))


def test_the_owner_gets_a_mail_and_the_last_factor_stays(desk: Desk, required: None) -> None:
    browser = as_user(desk.approver)
    mark_account_changes_notified(timezone.now())
    with pytest.MonkeyPatch.context() as patch:
        # The audit log is written when the transaction is committed.
        patch.setattr("django.db.transaction.on_commit", lambda function, **_: function())
        set_up_app(browser)
    # One for the app and its recovery codes.
    assert not mail.outbox
    send_account_notices(timezone.now())
    (message,) = (one for one in mail.outbox if one.to == [desk.approver.email])
    assert "authenticator app" in message.body and "recovery codes" in message.body
    send_account_notices(timezone.now())
    assert [one.to for one in mail.outbox].count([desk.approver.email]) == 1
    assert "accounts.factor_added" in actions(desk.approver)
    browser.post("/accounts/security/totp/deactivate/")
    assert Authenticator.objects.filter(user=desk.approver, type="totp").exists()


def test_a_session_ends_from_another_browser(dana: User) -> None:
    here, there = Client(), Client()
    for browser in (here, there):
        sign_in("dana", PASSWORD, client=browser)
    assert here.get("/accounts/sessions/").context["session_count"] == 2
    here.post("/accounts/sessions/")
    assert signed_in(here)
    assert not signed_in(there)
    assert "accounts.sessions_ended" in actions(dana)


def _approve(browser: Client, desk: Desk, sha256: str) -> Any:
    page = reverse("desk_edition:review", args=[desk.edition.pk])
    return browser.post(
        reverse("desk_edition:approve", args=[desk.edition.pk]),
        {"sha256": sha256},
        headers={"Referer": f"http://testserver{page}"},
    )


def test_an_approval_needs_a_recent_sign_in(desk: Desk) -> None:
    snapshot = submitted(desk)
    browser = Client()
    sign_in("timur", "a long password", client=browser)
    age(browser, 16)
    answer = _approve(browser, desk, snapshot.sha256)
    review = reverse("desk_edition:review", args=[desk.edition.pk])
    assert answer["Location"].startswith("/accounts/confirm/?next=")
    assert not Approval.objects.exists()
    assert browser.post(answer["Location"], {"password": "wrong"}).status_code == 200
    assert browser.post(answer["Location"], {"password": "a long password"})["Location"] == review
    _approve(browser, desk, snapshot.sha256)
    assert Approval.objects.exists()


def test_a_second_factor_is_recent_enough_too(desk: Desk) -> None:
    snapshot, browser = submitted(desk), Client()
    sign_in("timur", "a long password", client=browser)
    secret = set_up_app(browser)
    age(browser, 16)
    assert _approve(browser, desk, snapshot.sha256)["Location"].startswith("/accounts/confirm/")
    browser.post("/accounts/security/reauthenticate/", {"code": code(secret)})
    _approve(browser, desk, snapshot.sha256)
    assert Approval.objects.exists()


def test_a_sign_in_is_recent_for_fifteen_minutes(desk: Desk) -> None:
    browser, page = as_user(desk.admin), "/desk/users/"
    assert browser.get(page, follow=True).status_code == 200
    age(browser, 14)
    assert browser.get(page).status_code == 200
    age(browser, 16)
    assert browser.get(page)["Location"].startswith("/accounts/confirm/")
    # The rest of the desk stays open.
    assert signed_in(browser)


def test_another_accounts_records_in_the_session_do_not_count(desk: Desk) -> None:
    browser = as_user(desk.admin)
    session = browser.session
    session["account_authentication_methods"] = [{"method": "password", "at": timezone.now().timestamp()}]
    session["account_authentication_methods_user"] = str(desk.writer.pk)
    session[session_start_and_expiry.STARTED] = time.time() - 3600
    session.save()
    assert browser.get("/desk/users/")["Location"].startswith("/accounts/confirm/")


def test_the_product_requires_a_second_factor_and_the_demo_does_not() -> None:
    from mailer.config.sections import Accounts
    from mailer.demo import folder

    assert Accounts().require_second_factor
    assert "require_second_factor = false" in folder.TEMPLATE
    assert dataclasses.asdict(Accounts())["recent_minutes"] == 15


PAGES = (
    "account_change_password",
    "account_logout",
    "account_reauthenticate",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_view_recovery_codes",
    "usersessions_list",
)


def test_every_page_has_our_heading_and_no_script_in_it(desk: Desk) -> None:
    browser = Client()
    sign_in("timur", "a long password", client=browser)
    set_up_app(browser)
    for name in PAGES:
        answer = browser.get(reverse(name), follow=True)
        html = answer.content.decode()
        assert answer.status_code == 200, name
        assert html.count("<h1>") == 1 and 'id="main"' in html, name
        # allauth's own pages use other words, and explain less.
        assert Path(answer.templates[0].origin.name).is_relative_to(settings.TEMPLATES[0]["DIRS"][0]), name
        assert all(
            "src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", html)
        ), name


def test_an_operator_removes_lost_factors(desk: Desk) -> None:
    set_up_app(as_user(desk.approver))
    from mailer.cli.accounts import remove_second_factors as command

    command("timur")
    assert not Authenticator.objects.filter(user=desk.approver).exists()
    assert actions(desk.approver)[-1] == "accounts.factors_removed"
