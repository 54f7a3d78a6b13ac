"""The URLs below /accounts/. The names account_… are those that allauth looks up."""

from __future__ import annotations

from allauth.account.views import reauthenticate
from django.urls import include, path
from django.views.generic import RedirectView

from mailer.accounts import views

_OWN = [
    path("email/", views.ChangeEmailView.as_view(), name="change_email"),
    path("email/<token>/", views.confirm_email, name="confirm_email"),
    path("set-password/<uidb64>/<token>/", views.SetPasswordView.as_view(), name="set_password"),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account_login")),
    path("sign-in/", views.SignInView.as_view(), name="account_login"),
    path("sign-out/", views.SignOutView.as_view(), name="account_logout"),
    path("password/", views.ChangePasswordView.as_view(), name="account_change_password"),
    path("password/forgotten/", views.RequestResetView.as_view(), name="account_reset_password"),
    path("confirm/", reauthenticate, name="account_reauthenticate"),
    path("security/", views.SecurityView.as_view(), name="mfa_index"),
    path("security/", include("allauth.mfa.urls")),
    path("sessions/", views.SessionsView.as_view(), name="usersessions_list"),
    path("oidc/<provider_id>/login/", views.oidc_login, name="openid_connect_login"),
    path("oidc/<provider_id>/login/callback/", views.oidc_callback, name="openid_connect_callback"),
    path("", include((_OWN, "accounts"))),
]
