"""The adapters of allauth: its own limits and audit log in place of allauth's, no sign-up, OpenID Connect."""

from __future__ import annotations

import ipaddress
from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailer.accounts import audit_log_entries, sign_in_limits
from mailer.accounts.auth_backend import find_account
from mailer.accounts.reauthentication import signed_in_recently
from subscribers.client_address import client_address


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in with locks that all processes share; accounts are created by invitation only."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("The username or the password is wrong."),
        "email_password_mismatch": _("The address or the password is wrong."),
        "incorrect_password": _("The password is wrong."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address; 0.0.0.0 where the proxy wrote something that is none."""
        address = client_address(request)
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            return "0.0.0.0"  # noqa: S104  (an address that is none)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises ValidationError while the account or the network is locked."""
        refuse_if_locked(request, *self._subject(credentials))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the failure. Raises ValidationError if the account is locked from now on."""
        user, login = self._subject(credentials)
        record_failure_and_refuse_if_locked(request, user, login, "accounts.sign_in_failed")

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not signed_in_recently(current_request())

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("wagtailadmin_home")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("wagtailadmin_home")

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        assert isinstance(user, User)
        user.set_password(password)
        user.save(update_fields=["password"])

    def _subject(self, credentials: dict[str, Any]) -> tuple[User | None, str]:
        login = str(credentials.get("username") or credentials.get("email") or "")
        return find_account(login), login


def refuse_if_locked(request: HttpRequest, user: User | None, login: str = "") -> None:
    """Raises ValidationError, with the code too_many_login_attempts, while sign-ins are locked."""
    now = timezone.now()
    until = sign_in_limits.locked_until(
        [sign_in_limits.account_key(user, login), sign_in_limits.network_key(request)], now
    )
    if until is not None:
        raise _locked(request, (until - now).total_seconds())


def record_failure_and_refuse_if_locked(
    request: HttpRequest, user: User | None, login: str, action: str
) -> None:
    """Count and log a wrong password or code. Raises ValidationError if sign-ins are locked from now on."""
    now = timezone.now()
    audit_log_entries.record_refusal(action, user, request, now)
    until = sign_in_limits.record_failure(
        [sign_in_limits.account_key(user, login), sign_in_limits.network_key(request)], now
    )
    if until is not None:
        seconds = (until - now).total_seconds()
        audit_log_entries.record_refusal("accounts.locked", user, request, now, minutes=round(seconds / 60))
        raise _locked(request, seconds)


def current_request() -> HttpRequest:
    """The request that is being answered, as allauth's middleware remembers it."""
    request: HttpRequest = context.request
    return request


def _locked(request: HttpRequest, seconds: float) -> ValidationError:
    # The sign-in page answers 429 with this.
    request.locked_seconds = max(int(seconds), 1)  # type: ignore[attr-defined]
    minutes = max(round(seconds / 60), 1)
    return ValidationError(
        ngettext(
            "Too many failed attempts. Try again in %(minutes)s minute, or set a new password by “Forgotten "
            "password?”.",
            "Too many failed attempts. Try again in %(minutes)s minutes, or set a new password by “Forgotten "
            "password?”.",
            minutes,
        )
        % {"minutes": minutes},
        code="too_many_login_attempts",
    )


class OidcAdapter(DefaultSocialAccountAdapter):
    """Ends the provider's sign-in either with the account's or at the sign-in page."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Always raises ImmediateHttpResponse, with the next step of the sign-in."""
        if sociallogin.state.get("process") != "login":
            _refuse(request, None, gettext("This sign-in provider cannot be used for that step."))
        user = _account_of(sociallogin)
        if user is None:
            _refuse(
                request,
                None,
                gettext("The sign-in provider confirmed no email address of an account here. Ask an admin."),
            )
        record_authentication(request, user, "socialaccount", provider="oidc")
        login = Login(user=user, redirect_url=sociallogin.get_redirect_url(request))
        raise ImmediateHttpResponse(perform_login(request, login))

    def on_authentication_error(self, request: HttpRequest, *_: Any, **__: Any) -> None:
        """Raises ImmediateHttpResponse: back to the sign-in page."""
        _refuse(
            request,
            None,
            gettext("Signing in with the external provider failed. Try again, or use your password."),
        )


def _account_of(sociallogin: SocialLogin) -> User | None:
    """The only active account with an address that the provider says it verified."""
    verified = [address.email for address in sociallogin.email_addresses if address.verified]
    found = [user for email in verified for user in User.objects.filter(email__iexact=email, is_active=True)]
    return found[0] if len(found) == 1 else None


def _refuse(request: HttpRequest, user: User | None, message: str) -> NoReturn:
    audit_log_entries.record_refusal(
        "accounts.sign_in_failed", user, request, timezone.now(), by="OpenID Connect"
    )
    messages.error(request, message)
    raise ImmediateHttpResponse(redirect("account_login"))
