"""No secret link and no one-time code outlives the sending of its message."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from django.contrib.auth.models import User
from django.core import signing

from mailer.accounts.password_links import set_password_url
from mailer.delivery.outbox.secret_removal import without_secrets
from subscribers import tokens
from tests.cast import NOW

SITE = "https://news.example.org"


def after_sending(text: str) -> str:
    """What is stored of a message with this text."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "Hello"
    message.set_content(text)
    stored = email.message_from_bytes(without_secrets(message.as_bytes()), policy=email.policy.default)
    assert stored["Subject"] == "Hello"
    return str(stored.get_content())


@pytest.mark.django_db
def test_links_that_set_a_password_or_confirm_an_address_are_removed() -> None:
    user = User.objects.create_user("writer", "writer@office.example.org", "a long password")
    reset = set_password_url(user)
    address = signing.dumps([user.pk, user.email, "new@office.example.org"], salt="x", compress=True)
    stored = after_sending(f"Choose a password: {reset}\nOr {SITE}/accounts/email/{address}/ now.")
    assert "Choose a password: http" in stored and stored.rstrip().endswith("now.")
    for secret in (reset.split("/")[-2], *address.split(":")[::2]):
        assert secret not in stored


@pytest.mark.parametrize(
    "page", ["confirm", "preferences", "unsubscribe", "address", "address/not-me", "your-data", "stay"]
)
def test_every_token_of_a_page_is_removed(page: str) -> None:
    for number in range(50):
        token = tokens.make_dated("confirm", number, NOW)
        assert token not in after_sending(f"Click: {SITE}/{page}/{token}/ Thank you.")


def test_the_token_of_the_unsubscribe_header_is_removed() -> None:
    token = tokens.make_token("unsubscribe_list", 7, 3)
    message = EmailMessage(policy=email.policy.SMTP)
    message["List-Unsubscribe"] = f"<{SITE}/unsubscribe/list/{token}/>"
    message.set_content("Hello")
    stored = without_secrets(message.as_bytes())
    assert token.encode() not in stored and b"/unsubscribe/list/" in stored and b"Hello" in stored


def test_links_without_a_secret_stay() -> None:
    text = f"{SITE}/desk/editions/12/report/ {SITE}/archive/silk-road-monthly-2021-12/ {SITE}/desk/?next=/a"
    assert after_sending(text).strip() == text


@pytest.mark.parametrize(
    "message", [b"", b"no header", b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff"]
)
def test_a_message_that_cannot_be_parsed_keeps_no_body(message: bytes) -> None:
    assert b"\xff" not in without_secrets(message)


def test_a_code_is_removed_from_a_message_that_says_that_it_is_private() -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Sensitivity"] = "Private"
    message.set_content("Your code is 012345. For 15 minutes it is valid.")
    stored = without_secrets(message.as_bytes())
    assert b"012345" not in stored and b"For 15 minutes" in stored
    # Numbers of other messages stay.
    assert after_sending("1000000 subscribers").strip() == "1000000 subscribers"
