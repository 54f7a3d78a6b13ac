"""API keys: listed with their last use, made for one's own account and shown once, and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View
from wagtail.admin import messages

from mailer.accounts import api_keys
from mailer.accounts.models import ApiKey
from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.desk.accounts import role_permissions_and_grantable_groups
from mailer.desk.base.page_base_classes import FormPage, ObjectPage, current_user

_DAYS = ((30, _("30 days")), (90, _("90 days")), (365, _("One year")), (730, _("Two years")))
# Keys that ended longer ago are not listed.
_SHOWN_FOR = timedelta(days=90)
# Who manages accounts sees and revokes the keys of others, too.
_MANAGES = "auth.change_user"


class ApiKeyForm(forms.Form):
    """What a new key is for, what it may do, and for how long."""

    name = forms.CharField(
        label=pgettext_lazy("of a thing", "Name"),
        max_length=80,
        help_text=_("What the API key is for, for example “Website sign-up form”."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "What this API key is allowed to do. Choose no more than the program needs. "
            "A key can do nothing that your account cannot do."
        ),
    )
    days = forms.TypedChoiceField(label=_("The key is valid for"), choices=_DAYS, coerce=int, initial=365)

    def __init__(self, *args: Any, scopes: dict[str, api_keys.Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            (name, scope.label) for name, scope in scopes.items()
        ]


@method_decorator([requires_recent_sign_in, sensitive_post_parameters()], name="dispatch")
class ApiKeysPage(FormPage[ApiKeyForm]):
    """Lists keys with a form for a new one (GET), and makes one, which this page alone shows (POST)."""

    permission_required = "wagtailadmin.access_admin"
    form_class = ApiKeyForm
    template_name = "desk/accounts/api_keys.html"
    page_title = _("API keys")
    header_icon = "key"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {
            **super().get_form_kwargs(),
            "scopes": api_keys.grantable_scopes(current_user(self.request)),
        }

    def form_valid(self, form: ApiKeyForm) -> HttpResponse:
        user, data = current_user(self.request), form.cleaned_data
        lifetime = timedelta(days=data["days"])
        try:
            key, text = api_keys.create(
                user, data["name"], data["scopes"], lifetime, self.request, timezone.now()
            )
        except ValueError as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        fresh = ApiKeyForm(scopes=api_keys.grantable_scopes(user))
        response = self.render_to_response(self.get_context_data(form=fresh, made=key, text=text))
        response["Cache-Control"] = "no-store"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user, now = current_user(self.request), timezone.now()
        return super().get_context_data(
            keys=[
                (key, _labels(key), _state(key, now), may_revoke(user, key)) for key in _listed(self.request)
            ],
            manages=user.has_perm(_MANAGES),
            **kwargs,
        )


def _listed(request: HttpRequest) -> QuerySet[ApiKey]:
    user = current_user(request)
    keys = ApiKey.objects.select_related("user").order_by("-pk")
    keys = keys.filter(expires_at__gt=timezone.now() - _SHOWN_FOR)
    return keys if user.has_perm(_MANAGES) else keys.filter(user=user)


def _labels(key: ApiKey) -> list[str]:
    """What the key may do, for staff."""
    return [str(api_keys.SCOPES[one].label) if one in api_keys.SCOPES else one for one in key.scopes]


def _state(key: ApiKey, now: Any) -> tuple[str, str]:
    """(tone, label) of the key's state."""
    if key.revoked_at is not None:
        return "draft", gettext("The key was revoked by %(name)s") % {"name": key.revoked_by}
    if key.expires_at <= now:
        return "draft", gettext("Expired")
    return (
        ("done", gettext("Valid"))
        if key.user.is_active
        else ("draft", gettext("The owner's account is deactivated"))
    )


def may_revoke(user: Any, key: ApiKey) -> bool:
    """Whether the user may revoke the key: it is their own, or they manage its account."""
    if key.revoked_at is not None or key.expires_at <= timezone.now():
        return False
    return key.user_id == user.pk or (
        user.has_perm(_MANAGES) and role_permissions_and_grantable_groups.may_manage(user, key.user)
    )


@method_decorator(requires_recent_sign_in, name="dispatch")
class RevokeApiKeyAction(ObjectPage[ApiKey], View):
    """POST only: revokes a key at once."""

    model = ApiKey
    permission_required = "wagtailadmin.access_admin"
    http_method_names = ["post"]

    def get_queryset(self) -> QuerySet[ApiKey]:
        # The keys of others are not there for who does not manage accounts.
        return _listed(self.request)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = current_user(request)
        if not may_revoke(user, self.object):
            messages.error(request, gettext("You cannot revoke this API key."))
        elif api_keys.revoke(self.object, user, request, timezone.now()):
            messages.success(request, gettext("The API key %(key)s is revoked.") % {"key": self.object})
        return redirect("desk_api_keys")
