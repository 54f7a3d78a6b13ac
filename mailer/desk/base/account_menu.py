"""The menu below the user's name, and the links between the page of the account and that of the sign-in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.menu import MenuItem
from wagtail.admin.telepath import JSContext
from wagtail.admin.ui import sidebar
from wagtail.admin.views.account import BaseSettingsPanel

_SIGN_IN = _("Password and second factor")


class SidebarContext(JSContext):
    """Packs the sidebar with our menu below the user's name.

    It leaves out the list of scripts that unpack the entries, which the page has.
    """

    def pack(self, obj: Any) -> Any:
        for module in obj if isinstance(obj, list) else ():
            if isinstance(module, sidebar.MainMenuModule):
                module.account_menu_items = _entries()
        return super().pack(obj)

    def add_media(self, *args: Any, **kwargs: Any) -> None:
        """Leave them out: to list them takes longer than everything else about the sidebar."""


def no_media(adapter: Any, entry: Any) -> None:
    """Of an entry, in place of Wagtail's function, which looks up the same script for each of them."""


def _entries() -> list[Any]:
    return [
        sidebar.LinkMenuItem("account", str(_("Account")), reverse("wagtailadmin_account"), icon_name="user"),
        sidebar.LinkMenuItem("own-sign-in", str(_SIGN_IN), reverse("mfa_index"), icon_name="key"),
        sidebar.ActionMenuItem(
            "logout", str(_("Sign out")), reverse("wagtailadmin_logout"), icon_name="logout"
        ),
    ]


def own_sign_in() -> MenuItem:
    """Wagtail hook `register_settings_menu_item`: password, second factors and sessions of the user."""
    return MenuItem(_SIGN_IN, reverse("mfa_index"), name="own-sign-in", icon_name="key", order=900)


class SignInPanel(BaseSettingsPanel):
    """On the page of the account: where the password, the address and the second factor are changed."""

    name = "own_sign_in"
    title = _SIGN_IN
    order = 150
    template_name = "desk/accounts/sign_in_panel.html"
    form_class = forms.Form

    def get_form(self) -> forms.Form:
        """A form without fields, which the page does not save."""
        return forms.Form()


def sign_in_panel(*args: Any) -> SignInPanel:
    """Wagtail hook `register_account_settings_panel`."""
    return SignInPanel(*args)
