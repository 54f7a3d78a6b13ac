"""Rules for passwords, resets by mail, first passwords, and sessions that end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.accounts import find_unused_accounts, password_links, session_start_and_expiry
from mailer.accounts.models import PasswordResetRequest
from mailer.approval import account_change_notices
from mailer.config.log_masking import mask
from mailer.doctor import local_checks
from tests.accounts.conftest import PASSWORD, actions, sign_in, signed_in

pytestmark = pytest.mark.django_db
Configured = Callable[..., AbstractContextManager[None]]
NEW = "three-blue-lanterns-burn"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short-otter", "password_too_short"),
        ("583920174650", "password_entirely_numeric"),
        ("dana@office.example.org", "password_too_similar"),
        ("password1234!", "password_too_common"),
        ("P@ssw0rd!!2021", "password_too_common"),
        ("letmeinletmein", "password_too_common"),
        ("qwertyuiopqwert", "password_too_common"),
        ("йцукенгшщзхъ", "password_too_common"),
        ("aaaaaaaabbbbbbbb", "password_too_common"),
        ("Regional-Office-1", "password_too_similar"),
    ],
)
def test_weak_passwords_are_refused(dana: User, password: str, code: str) -> None:
    with pytest.raises(ValidationError) as raised:
        validate_password(password, dana)
    assert code in [error.code for error in raised.value.error_list]


@pytest.mark.parametrize("password", [PASSWORD, NEW, "Кот-читает-7-газет", "x9!kQ2m#Lp4z"])
def test_good_passwords_are_accepted(dana: User, password: str) -> None:
    validate_password(password, dana)


def _link() -> str:
    found = re.search(r"http://localhost:8000(/accounts/set-password/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def _reset(login: str, network: str = "203.0.113") -> bytes:
    answer = Client().post(
        "/accounts/password/forgotten/", {"login": login}, headers={"X-Forwarded-For": f"{network}.7"}
    )
    assert answer.status_code == 200
    return answer.content


def test_a_forgotten_password_is_replaced_by_a_mailed_link_once(dana: User) -> None:
    old_session = Client()
    sign_in("dana", PASSWORD, client=old_session)
    for attempt in range(5):
        sign_in("dana", "wrong", f"10.0.{attempt}")
    _reset("dana")
    assert password_links.mail_requested_reset_links(timezone.now()) == 1
    link, browser = _link(), Client()
    page = browser.get(link, follow=True)
    # The token stays neither in the address nor in the history.
    assert page.redirect_chain[-1][0].endswith("/set-password/")
    answer = browser.post(page.redirect_chain[-1][0], {"new_password1": NEW, "new_password2": NEW})
    assert answer["Location"] == reverse("account_login")
    assert Client().get(link).status_code == 410
    assert not signed_in(old_session)
    # The lock ends with it.
    assert sign_in("dana", NEW, client=browser).status_code == 302
    assert actions(dana)[-3:] == ["accounts.reset_requested", "accounts.password_set", "accounts.sign_in"]


def test_the_link_of_the_worker_is_the_page_of_the_site(dana: User) -> None:
    path = password_links.set_password_url(dana).removeprefix("http://localhost:8000")
    uid, token = path.strip("/").split("/")[2:]
    assert path == reverse("accounts:set_password", args=[uid, token])
    assert token not in mask(path)
    assert Client().get(f"/desk/password_reset/confirm/{uid}/{token}/")["Location"] == path


def test_a_link_is_refused_for_a_weak_password_a_wrong_token_and_a_closed_account(dana: User) -> None:
    path = password_links.set_password_url(dana).removeprefix("http://localhost:8000")
    browser = Client()
    form = browser.get(path)["Location"]
    assert (
        browser.post(form, {"new_password1": "password1234", "new_password2": "password1234"}).status_code
        == 200
    )
    assert User.objects.get(pk=dana.pk).check_password(PASSWORD)
    assert Client().get(path[:-3] + "xx/").status_code == 410
    assert Client().get(form).status_code == 410
    User.objects.filter(pk=dana.pk).update(is_active=False)
    assert browser.get(form).status_code == 410


def test_a_reset_request_does_the_same_whether_or_not_the_account_exists(dana: User) -> None:
    answers = []
    for login in ("dana", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            _reset(login, "203.0.113" if login == "dana" else "198.51.100")
        answers.append([re.sub(r"\W.*", "", query["sql"]) for query in queries])
    assert answers[0] == answers[1]
    assert PasswordResetRequest.objects.count() == 2
    assert password_links.mail_requested_reset_links(timezone.now()) == 1
    assert actions(None) == ["accounts.reset_requested"]
    assert not PasswordResetRequest.objects.exists()


def test_reset_mails_are_limited_per_name_and_per_network(dana: User, configured: Configured) -> None:
    for attempt in range(5):
        _reset("dana", f"10.0.{attempt}")
    assert PasswordResetRequest.objects.count() == 3
    with configured(reset_mails_per_network_per_hour=2):
        for name in ("a", "b", "c"):
            _reset(name, "10.9.9")
    assert PasswordResetRequest.objects.count() == 5
    assert actions(None).count("accounts.reset_refused") == 3


def test_changing_the_password_ends_the_other_sessions(dana: User) -> None:
    here, there = Client(), Client()
    for browser in (here, there):
        sign_in("dana", PASSWORD, client=browser)
    answer = here.post("/accounts/password/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert answer.status_code == 302
    assert signed_in(here)
    assert not signed_in(there)
    assert "accounts.password_changed" in actions(dana)


def test_guesses_at_the_present_password_count_as_failed_sign_ins(dana: User) -> None:
    browser = Client()
    sign_in("dana", PASSWORD, client=browser)
    for _ in range(5):
        browser.post("/accounts/password/", {"oldpassword": "wrong", "password1": NEW, "password2": NEW})
    browser.post("/accounts/password/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert User.objects.get(pk=dana.pk).check_password(PASSWORD)
    assert sign_in("dana", PASSWORD, "10.1.0").status_code == 429


@pytest.mark.parametrize(
    ("started", "seen", "open_"),
    [(1, 7.9, True), (1, 8.1, False), (13.9 * 24, 0, True), (14.1 * 24, 0, False)],
)
def test_a_session_ends_when_idle_and_in_any_case_after_two_weeks(
    dana: User, started: float, seen: float, open_: bool
) -> None:
    browser = Client()
    sign_in("dana", PASSWORD, client=browser)
    session = browser.session
    session[session_start_and_expiry.STARTED] = (
        time.time() - timedelta(hours=max(started, seen)).total_seconds()
    )
    session[session_start_and_expiry.SEEN] = time.time() - timedelta(hours=seen).total_seconds()
    session.save()
    assert signed_in(browser) is open_


def test_wagtails_account_page_offers_no_way_round(dana: User) -> None:
    browser = Client()
    browser.force_login(dana)
    html = browser.get("/desk/account/").content.decode()
    assert "old_password" not in html
    assert 'name="name_email-email"' not in html


def _change_address(browser: Client, email: str, password: str = PASSWORD) -> str:
    """Ask for another address; the path of the link in the mail to it, or ""."""
    before = len(mail.outbox)
    browser.post("/accounts/email/", {"email": email, "password": password})
    if len(mail.outbox) == before:
        return ""
    assert mail.outbox[-1].to == [email]
    found = re.search(r"http://localhost:8000(/accounts/email/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_an_address_changes_with_the_password_and_a_link_to_the_new_one(dana: User) -> None:
    browser, other = Client(), Client()
    sign_in("dana", PASSWORD, client=browser)
    assert not _change_address(browser, "new@office.example.org", "wrong")
    link = _change_address(browser, "new@office.example.org")
    assert link not in mask(link)
    assert User.objects.get(pk=dana.pk).email == "dana@office.example.org"
    # The link alone is of no use to another account, and looking at it changes nothing.
    other.force_login(User.objects.create_user("mira", "mira@office.example.org"))
    assert other.post(link).status_code == 410
    assert browser.get(link).status_code == 200
    assert User.objects.get(pk=dana.pk).email == "dana@office.example.org"
    assert browser.post(link).status_code == 302
    assert User.objects.get(pk=dana.pk).email == "new@office.example.org"
    assert browser.post(link).status_code == 410
    # The old address is told as well.
    account_change_notices.send_account_notices(timezone.now())
    assert "dana@office.example.org" in {to for message in mail.outbox for to in message.to}
    assert actions(dana)[-2:] == ["accounts.email_change_requested", "accounts.email_changed"]


def test_the_address_of_another_account_is_refused(dana: User) -> None:
    User.objects.create_user("mira", "mira@office.example.org")
    browser = Client()
    sign_in("dana", PASSWORD, client=browser)
    assert not _change_address(browser, "mira@office.example.org")


def test_unused_accounts_are_listed(dana: User) -> None:
    now = timezone.now()
    User.objects.create_user("old", last_login=now - timedelta(days=91))
    User.objects.create_user("never", date_joined=now - timedelta(days=91))
    User.objects.create_user("closed", last_login=now - timedelta(days=91), is_active=False)
    User.objects.create_user("new")
    # Approves by mailed links, and cannot sign in.
    external = User.objects.create_user("external", date_joined=now - timedelta(days=91))
    external.user_permissions.add(Permission.objects.get(codename="approve_edition"))
    names = [user.username for user in find_unused_accounts.unused_accounts(now)]
    assert names == ["never", "old"]
    assert [
        user.username
        for user in User.objects.order_by("username")
        if find_unused_accounts.is_unused_account(user, now)
    ] == names
    (result,) = local_checks.check_unused_accounts(now)
    assert result.status == "warning" and "never, old" in result.message
    User.objects.filter(username__in=names).update(is_active=False)
    assert [result.status for result in local_checks.check_unused_accounts(now)] == ["ok"]
    dana.is_superuser = True
    dana.save()
    browser = Client()
    browser.force_login(dana)
    User.objects.filter(username="old").update(is_active=True)
    assert browser.get("/desk/users/").content.decode().count("not used for 90 days") == 1
