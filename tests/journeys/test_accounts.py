"""A new approver by keyboard: invitation, password, app, passkey, sessions, approval, recovery code."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from mailer.accounts import password_links
from mailer.approval.models import Approval
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from tests.desk.cast import Desk, submitted
from tests.desk.cast import desk as make_desk
from tests.journeys.test_accessible import (
    AXE,
    COLOURS,
    FIND,
    NARROW,
    ON_PHONE,
    PHONE,
    RULES,
    View,
    broken_rules,
    excess_width,
    load,
    look,
    tab_to,
    window,
)
from tests.waiting import totp_counter, until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]
PASSWORD = "three-blue-lanterns-burn"


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    """The product's own requirement, and an edition that waits for approval."""
    accounts = dataclasses.replace(settings.CONFIG.accounts, require_second_factor=True)
    with override_settings(CONFIG=dataclasses.replace(settings.CONFIG, accounts=accounts)):
        yield make_desk()


class Person:
    """Somebody at a keyboard, at a browser that has a passkey built in."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.barriers: list[str] = []
        self.devices = page.context.new_cdp_session(page)
        self.devices.send("WebAuthn.enable")
        self.passkeys = self.devices.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )

    def can_show_a_fingerprint(self, able: bool) -> None:
        self.devices.send("WebAuthn.setUserVerified", {**self.passkeys, "isUserVerified": able})

    def goes(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.looks()

    def looks(self) -> None:
        """Note what breaks a rule of WCAG on an account page; the desk's are looked at elsewhere."""
        self.page.wait_for_load_state()
        if "/accounts/" in self.page.url:
            self.page.evaluate(AXE)
            self.barriers += [f"{self.page.url}: {line}" for line in self.page.evaluate(FIND, RULES)]

    def writes(self, selector: str, text: str) -> None:
        """Fill a field in; the first one of a page may have the focus already."""
        if not self.page.locator(selector).evaluate("(field) => field === document.activeElement"):
            tab_to(self.page, selector)
        self.page.keyboard.type(text)

    def follows(self, selector: str) -> None:
        """Press a link or a button that leads to a page."""
        tab_to(self.page, selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.looks()

    def sends(self) -> None:
        """Press Enter in the last field of a form, or on its button."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.looks()

    def signs_in(self, name: str) -> None:
        self.goes("/accounts/sign-in/")
        self.writes("[name=login]", name)
        self.writes("[name=password]", PASSWORD)
        self.sends()

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)


def code(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, totp_counter(use_within=10) + steps))


def age_sessions(minutes: float) -> None:
    """Let every sign-in be so long ago."""
    from mailer.accounts import session_start_and_expiry

    for row in Session.objects.all():
        store: Any = row.get_session_store_class()(row.session_key)
        if session_start_and_expiry.STARTED in store:
            store[session_start_and_expiry.STARTED] -= minutes * 60
            for record in store.get("account_authentication_methods", []):
                record["at"] -= minutes * 60
            store.save()


def test_a_new_approver_from_the_invitation_to_the_recovery_code(
    live_server: Any, browser: Browser, desk: Desk
) -> None:
    snapshot = submitted(desk)
    user = User.objects.create_user("nodira", "nodira@office.example.org", first_name="Nodira")
    user.groups.add(set_up_role_groups()["Approvers"])
    password_links.send_invitation(user)
    found = re.search(r"http://localhost:8000(/accounts/\S+)", str(mail.outbox[-1].body))
    assert found
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    person = Person(context.new_page(), live_server.url)

    # The invitation, and the first password.
    person.goes(found[1])
    person.writes("[name=new_password1]", PASSWORD)
    person.writes("[name=new_password2]", PASSWORD)
    person.sends()

    # The desk is closed until there is a second factor: an app first.
    assert person.path == "/accounts/security/"
    person.follows("#add-app")
    secret = person.page.locator("#authenticator_secret").inner_text()
    person.writes("[name=code]", code(secret, -1))
    person.sends()
    recovery = person.page.locator("#recovery_codes").inner_text().split()
    assert len(recovery) == 10

    # And a passkey.
    person.goes("/accounts/security/")
    person.follows("#add-passkey")
    person.can_show_a_fingerprint(False)
    tab_to(person.page, "#mfa_webauthn_add")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#passkey_error")).not_to_be_empty()
    person.can_show_a_fingerprint(True)
    person.sends()
    assert person.path == "/accounts/security/"
    tab_to(person.page, "form button")
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")

    # Signing in with the passkey alone, while another browser is signed in with the app.
    person.goes("/accounts/sign-in/")
    person.follows("#passkey_login")
    until(lambda: person.path == "/desk/")
    other = Person(browser.new_context().new_page(), live_server.url)
    other.signs_in("nodira")
    other.writes("[name=code]", code(secret))
    other.sends()
    assert other.path == "/desk/"
    person.goes("/accounts/sessions/")
    person.follows("#end-others")
    other.goes("/desk/")
    assert other.path.startswith("/accounts/sign-in/")

    # An hour later, an approval needs a password or second factor once more.
    age_sessions(60)
    review = f"/desk/editions/{desk.edition.pk}/review/"
    person.page.goto(live_server.url + review)
    approve = person.page.locator("form[action$='/approve/'] button[type=submit]")
    approve.focus()
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    assert person.path.startswith("/accounts/confirm/")
    assert not Approval.objects.exists()
    person.writes("[name=password]", PASSWORD)
    person.sends()
    assert person.path == review
    approve.focus()
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    assert Approval.objects.get().snapshot_id == snapshot.pk

    # The phone is lost: a recovery code.
    other.signs_in("nodira")
    other.writes("[name=code]", recovery[0])
    other.sends()
    assert other.path == "/desk/"
    assert person.barriers + other.barriers == []


def test_no_page_of_the_sign_in_has_a_barrier_or_needs_scrolling_sideways(
    live_server: Any, browser: Browser, desk: Desk
) -> None:
    password_links.send_invitation(desk.approver)
    sent = re.search(r"http://localhost:8000(/accounts/\S+)", str(mail.outbox[-1].body))
    assert sent
    page, found = window(browser, PHONE), []
    for path in (
        "/accounts/sign-in/",
        "/accounts/password/forgotten/",
        sent[1],
        "/accounts/set-password/a/b/",
    ):
        look(page, ON_PHONE)
        load(page, live_server.url + path)
        found += broken_rules(page)
        look(page, View(PHONE, dark=True))
        found += broken_rules(page, COLOURS)
        look(page, View(NARROW))
        found += excess_width(page)
    assert found == []
