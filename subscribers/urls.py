"""URLs of the public pages. A link whose last slash a mail program dropped works too."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from subscribers.preference_center import views
from subscribers.preference_center import views as preference_center
from subscribers.subscribe import views as subscribe

_TOKEN = r"(?P<token>[^/]{1,100})/?$"  # noqa: S105  (a pattern)

urlpatterns: list[URLPattern] = [
    path("", subscribe.sign_up, name="sign-up"),
    re_path(r"^subscribe/?$", subscribe.prefill_form_from_other_site, name="sign-up-from-other-site"),
    re_path(rf"^confirm/{_TOKEN}", subscribe.confirm, name="confirm"),
    re_path(rf"^preferences/{_TOKEN}", preference_center.preferences_page, name="preferences"),
    re_path(rf"^address/agree/{_TOKEN}", views.agree_address_page, name="agree-address"),
    re_path(rf"^address/not-me/{_TOKEN}", views.reject_address_page, name="reject-address"),
    re_path(rf"^address/{_TOKEN}", views.confirm_address_page, name="confirm-address"),
    re_path(rf"^stay/{_TOKEN}", preference_center.reconfirm_page, name="reconfirm"),
    re_path(rf"^your-data/{_TOKEN}", preference_center.your_data_page, name="data-access"),
    re_path(rf"^unsubscribe/list/{_TOKEN}", preference_center.unsubscribe_list_page, name="unsubscribe-list"),
    re_path(rf"^unsubscribe/{_TOKEN}", preference_center.unsubscribe_page, name="unsubscribe"),
]
