"""Addresses of the readers' pages. A link whose last slash a mail program dropped works all the same."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from subscribers.preference_center.views_address import confirm_address, reject_address_change
from subscribers.preference_center.views_data import data_access_page
from subscribers.preference_center.views_preferences import preferences
from subscribers.preference_center.views_reconfirm import reconfirm
from subscribers.preference_center.views_unsubscribe import unsubscribe
from subscribers.subscribe import views

urlpatterns: list[URLPattern] = [
    path("", views.sign_up, name="sign-up"),
    re_path(r"^subscribe/?$", views.sign_up_from_other_site, name="sign-up-elsewhere"),
    re_path(r"^confirm/(?P<token>[^/]{1,100})/?$", views.confirm, name="confirm"),
    re_path(r"^preferences/(?P<token>[^/]{1,100})/?$", preferences, name="preferences"),
    re_path(r"^address/not-me/(?P<token>[^/]{1,100})/?$", reject_address_change, name="address-not-me"),
    re_path(r"^address/(?P<token>[^/]{1,100})/?$", confirm_address, name="address"),
    re_path(r"^stay/(?P<token>[^/]{1,100})/?$", reconfirm, name="stay"),
    re_path(r"^your-data/(?P<token>[^/]{1,100})/?$", data_access_page, name="your-data"),
    re_path(r"^unsubscribe/(?P<token>[^/]{1,100})/?$", unsubscribe, name="unsubscribe"),
]
