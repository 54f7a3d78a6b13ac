"""The forms of the account pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.accounts.allauth_adapters import AccountAdapter, current_request, refuse_if_locked
from mailer.accounts.second_factor import claim_code
from mailer.approval.one_account_per_person import require_one_account

if TYPE_CHECKING:
    _SetPasswordForm = SetPasswordForm[User]
else:
    _SetPasswordForm = SetPasswordForm


def _plain(form: forms.BaseForm) -> None:
    """Labels instead of placeholders, and each field linked to its error by Django's own attributes."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class SignInForm(LoginForm):
    """Username or address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = gettext("Username or email address")
        login.widget.attrs |= {"autocomplete": "username", "maxlength": 254}
        # The first field that is empty.
        (password if self.initial.get("login") else login).widget.attrs["autofocus"] = True
        login.max_length = 254
        # A longer password would cost more to hash than anyone needs.
        password.widget.attrs["maxlength"] = 1000
        password.max_length = 1000
        password.help_text = ""
        _plain(self)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if len(password) > 1000:
            raise forms.ValidationError(gettext("This password is too long."))
        return password


class ResetRequestForm(forms.Form):
    """The account whose password was forgotten."""

    login = forms.CharField(
        label=_("Username or email address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class FirstPasswordForm(_SetPasswordForm):
    """A new password, twice; for invitations and resets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["maxlength"] = 1000
            field.max_length = 1000  # type: ignore[attr-defined]
        self.fields["new_password1"].label = gettext("New password")
        self.fields["new_password2"].label = gettext("Repeat the new password")


class PasswordChangeForm(ChangePasswordForm):
    """The present password, whose failures count as failed sign-ins, and a new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["oldpassword"].label = gettext("Current password")
        self.fields["oldpassword"].help_text = ""
        self.fields["password1"].label = gettext("New password")
        self.fields["password2"].label = gettext("Repeat the new password")

    def clean_oldpassword(self) -> str:
        password: str = self.cleaned_data["oldpassword"]
        adapter = AccountAdapter(current_request())
        if not adapter.reauthenticate(self.user, password):
            raise adapter.validation_error("incorrect_password")
        return password


class EmailChangeForm(forms.Form):
    """A new address, and the present password, whose failures count as failed sign-ins."""

    email = forms.EmailField(
        label=_("New email address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        email, password = cleaned.get("email"), cleaned.get("password")
        if email and password:
            adapter = AccountAdapter(current_request())
            if not adapter.reauthenticate(self._user, password):
                raise adapter.validation_error("incorrect_password")
            wanted = User.objects.get(pk=self._user.pk)
            wanted.email = email
            require_one_account(wanted)
        return cleaned


class _CodeMixin:
    """Mixin: wrong codes count as failed sign-ins, and none is looked at while the account is locked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]  # type: ignore[attr-defined]
        code.label = gettext("Code from your authenticator app, or a recovery code")
        code.max_length = 32
        code.widget.attrs |= {"autofocus": True, "maxlength": 32, "inputmode": "text"}
        code.widget.attrs.pop("placeholder", None)

    def clean_code(self) -> str:
        refuse_if_locked(current_request(), self.user)  # type: ignore[attr-defined]
        code: str = super().clean_code()  # type: ignore[misc]
        found: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if found.type == Authenticator.Type.TOTP and not claim_code(found, code):
            self._emit_authentication_failed(found)  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        return code


class SecondFactorForm(_CodeMixin, AuthenticateForm):
    """The code at a sign-in."""


class RepeatSecondFactorForm(_CodeMixin, ReauthenticateForm):
    """The code that confirms that it is still the same person."""
