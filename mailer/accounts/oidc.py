"""Sign-in by OpenID Connect: of the existing account with the address that the provider confirms.

Nothing is stored about it, and no account is created. The account's second factor is asked for as usual.
"""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import redirect

from mailer.accounts import audit


class OidcAdapter(DefaultSocialAccountAdapter):
    """Ends the provider's sign-in either with the account's or at the sign-in page."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Always raises ImmediateHttpResponse, with the next step of the sign-in."""
        if sociallogin.state.get("process") != "login":
            _refuse(request, None, "This address cannot be used for that.")
        user = _account_of(sociallogin)
        if user is None:
            _refuse(request, None, "The provider confirmed no address of an account here. Ask an admin.")
        record_authentication(request, user, "socialaccount", provider="oidc")
        login = Login(user=user, redirect_url=sociallogin.get_redirect_url(request))
        raise ImmediateHttpResponse(perform_login(request, login))

    def on_authentication_error(self, request: HttpRequest, *_: Any, **__: Any) -> None:
        """Raises ImmediateHttpResponse: back to the sign-in page."""
        _refuse(request, None, "The sign-in at the provider failed. Try again, or use your password.")


def _account_of(sociallogin: SocialLogin) -> User | None:
    """The only active account with an address that the provider says it verified."""
    verified = [address.email for address in sociallogin.email_addresses if address.verified]
    found = [user for email in verified for user in User.objects.filter(email__iexact=email, is_active=True)]
    return found[0] if len(found) == 1 else None


def _refuse(request: HttpRequest, user: User | None, message: str) -> NoReturn:
    audit.record("accounts.sign_in_failed", user, request, by="OpenID Connect")
    messages.error(request, message)
    raise ImmediateHttpResponse(redirect("account_login"))
