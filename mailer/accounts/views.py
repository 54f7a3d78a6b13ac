"""The pages of sign-in, passwords, the account's address, second factors and sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.password_change import finalize_password_change
from allauth.account.models import Login
from allauth.account.views import LoginView, LogoutView, PasswordChangeView
from allauth.mfa.base.views import IndexView
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from allauth.usersessions.views import ListUserSessionsView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import EmailMessage
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from requests import RequestException

from mailer.accounts import (
    audit_log_entries,
    password_links,
    second_factor,
    session_start_and_expiry,
    sign_in_limits,
)
from mailer.accounts.allauth_adapters import OidcAdapter
from mailer.accounts.forms import (
    EmailChangeForm,
    FirstPasswordForm,
    PasswordChangeForm,
    ResetRequestForm,
    SignInForm,
)
from mailer.accounts.models import Invitation
from mailer.approval import account_change_notices
from mailer.approval.one_account_per_person import SamePerson
from mailer.approval.staff_by_permission import has_joined

logger = logging.getLogger(__name__)

# In place of the token in the URL, so that the token is not in the history and in no Referer.
_STORED = "set-password"
_SESSION_TOKEN = "accounts_password_token"  # noqa: S105  (a name)
# The username of who has just chosen a password, for the sign-in form that follows.
_SESSION_NAME = "accounts_sign_in_name"
_EMAIL_LINK_SALT = "mailer.accounts.email_change"
# Seconds for which the link in the email works.
_EMAIL_LINK_VALID_FOR = 86400


class SignInView(LoginView):
    """The sign-in form; a locked account or network gets 429 and when to try again."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.has_perm("wagtailadmin.access_admin"):
            # The desk sends such accounts back here.
            return render(request, "accounts/no_access.html", status=403)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_form_class(self) -> type[Form]:
        return SignInForm

    def get_initial(self) -> dict[str, Any]:
        name = self.request.session.pop(_SESSION_NAME, "") if _SESSION_NAME in self.request.session else ""
        return {**super().get_initial(), **({"login": name} if name else {})}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(oidc=settings.CONFIG.oidc, **kwargs)
        return context

    def form_invalid(self, form: Form) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        seconds = getattr(self.request, "locked_seconds", 0)
        if seconds:
            response.status_code = 429
            response["Retry-After"] = str(seconds)
        return response


class SignOutView(LogoutView):
    """Asks, and signs out."""

    template_name = "accounts/sign_out.html"


class ChangePasswordView(PasswordChangeView):
    """A new password; every other session of the account ends with it."""

    template_name = "accounts/change_password.html"

    def get_form_class(self) -> type[Form]:
        return PasswordChangeForm

    def form_valid(self, form: Any) -> HttpResponse:
        form.save()
        user: User = form.user
        audit_log_entries.record("accounts.password_changed", user, self.request)
        finalize_password_change(self.request, user)
        return redirect(self.get_success_url())


@method_decorator(never_cache, name="dispatch")
class RequestResetView(FormView[ResetRequestForm]):
    """Asks for a mail with a link to a new password. The answer is the same for every name."""

    template_name = "accounts/request_reset.html"
    form_class = ResetRequestForm

    def form_valid(self, form: ResetRequestForm) -> HttpResponse:
        password_links.queue_reset_request(form.cleaned_data["login"], self.request, timezone.now())
        return render(self.request, "accounts/reset_requested.html")


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class SetPasswordView(FormView[FirstPasswordForm]):
    """The page of a mailed link, of an invitation or a password reset, where the account sets a password.

    The link's token goes into the session, and the page continues at a URL without it.
    """

    template_name = "accounts/set_password.html"
    form_class = FirstPasswordForm
    user: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user, token = _account_of(kwargs["uidb64"]), kwargs["token"]
        stored = token == _STORED
        if stored:
            token = request.session.get(_SESSION_TOKEN, "")
        if user is None or not user.is_active or not default_token_generator.check_token(user, token):
            return render(request, "accounts/link_expired.html", status=410)
        if not stored:
            request.session[_SESSION_TOKEN] = token
            return redirect("accounts:set_password", kwargs["uidb64"], _STORED)
        self.user = user
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(account=self.user, **kwargs)

    def form_valid(self, form: FirstPasswordForm) -> HttpResponse:
        del self.request.session[_SESSION_TOKEN]
        joins = not has_joined(self.user)
        form.save()
        if joins:
            account_change_notices.skip_owner_notice_of_new_account(self.user, timezone.now())
        Invitation.objects.filter(user=self.user).delete()
        sign_in_limits.reset_failed_attempts(sign_in_limits.account_key(self.user, ""))
        audit_log_entries.record("accounts.password_set", self.user, self.request)
        if joins:
            return _sign_in(self.request, self.user)
        self.request.session[_SESSION_NAME] = self.user.get_username()
        messages.success(self.request, gettext("Your new password is set. Sign in with it."))
        return redirect(reverse("account_login"))


def _sign_in(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in who has just chosen the first password: it was the link of the invitation that proved who.

    The stages of a sign-in follow, such as the second factor, and the session gets another key.
    """
    if request.user.is_authenticated:
        # Another account, in the same browser.
        logout(request)
    messages.success(request, gettext("Your password is set."))
    record_authentication(request, user, "password", username=user.get_username())
    response: HttpResponse = perform_login(request, Login(user=user))
    return response


@dataclass(frozen=True)
class EmailChange:
    """A change that its owner asked for."""

    user: User
    email: str


def _send_link(user: User, email: str) -> None:
    """Mail a link to the new address; nothing changes before it is followed.

    mailer/approval/account_change_notices.py reports the change to the old address.
    """
    # With the old address: once it changed, by this link or another, the link is void.
    token = signing.dumps([user.pk, user.email, email], salt=_EMAIL_LINK_SALT, compress=True)
    url = f"{settings.CONFIG.site.url}/accounts/email/{token}/"
    context = {"user": user, "url": url, "site": settings.CONFIG.site}
    body = render_to_string("accounts/emails/email_change.txt", context)
    EmailMessage(
        gettext("Confirm your address – %(site)s") % {"site": settings.CONFIG.site.name}, body, to=[email]
    ).send()


def _read_link(token: str) -> EmailChange | None:
    """The change that a link stands for; None for one that is forged, too old or void."""
    try:
        pk, before, email = signing.loads(token, salt=_EMAIL_LINK_SALT, max_age=_EMAIL_LINK_VALID_FOR)
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.filter(pk=pk, email=before, is_active=True).first()
    return EmailChange(user, email) if user else None


@method_decorator([sensitive_post_parameters(), login_required, never_cache], name="dispatch")
class ChangeEmailView(FormView[EmailChangeForm]):
    """Asks for a new address and the password, and mails a link to the new address."""

    template_name = "accounts/change_email.html"
    form_class = EmailChangeForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.request.user}

    def form_valid(self, form: EmailChangeForm) -> HttpResponse:
        assert isinstance(self.request.user, User)
        _send_link(self.request.user, form.cleaned_data["email"])
        audit_log_entries.record("accounts.email_change_requested", self.request.user, self.request)
        messages.success(self.request, gettext("A confirmation link is being sent to the new address."))
        return redirect("mfa_index")


@login_required
@never_cache
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the link: shows the new address, and sets it by POST."""
    change = _read_link(token)
    if change is None or change.user != request.user:
        return render(request, "accounts/link_expired.html", {"change_email": True}, status=410)
    error = ""
    if request.method == "POST":
        change.user.email = change.email
        try:
            change.user.save(update_fields=["email"])
        except SamePerson as refused:
            error = refused.messages[0]
        else:
            audit_log_entries.record("accounts.email_changed", change.user, request)
            messages.success(request, gettext("Your new email address is set."))
            return redirect("mfa_index")
    return render(request, "accounts/confirm_email.html", {"change": change, "error": error})


def oidc_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirects to the OpenID Connect provider."""
    return _ask_provider(openid_connect.login, request, provider_id)


def oidc_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the provider redirects to."""
    return _ask_provider(openid_connect.callback, request, provider_id)


def _ask_provider(
    view: Callable[[HttpRequest, str], HttpResponse], request: HttpRequest, provider_id: str
) -> HttpResponse:
    try:
        return view(request, provider_id)
    except (RequestException, ValueError, LookupError, TypeError, AttributeError) as error:
        # It cannot be reached, or its answer is not what OpenID Connect defines.
        logger.warning("action=oidc_provider_failed error=%s", type(error).__name__)
        OidcAdapter(request).on_authentication_error(request)
        raise


class SecurityView(IndexView):
    """The second factors, and the way to password and sessions."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        required = isinstance(user, User) and second_factor.is_required(user)
        context: dict[str, Any] = super().get_context_data(required=required, **kwargs)
        return context


class SessionsView(ListUserSessionsView):
    """Where the account is signed in, and a button that ends all other sessions."""

    template_name = "accounts/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for session in context["sessions"]:
            session.browser = session_start_and_expiry.browser_name(session.user_agent)
        return context

    def form_valid(self, form: Any) -> HttpResponse:
        assert isinstance(self.request.user, User)
        audit_log_entries.record("accounts.sessions_ended", self.request.user, self.request)
        response: HttpResponse = super().form_valid(form)
        return response


def _account_of(uidb64: str) -> User | None:
    try:
        return User.objects.filter(pk=int(urlsafe_base64_decode(uidb64))).first()
    except (ValueError, OverflowError):
        return None
