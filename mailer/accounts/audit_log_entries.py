"""What happens to accounts, in the audit log: who, from which network, and never a password or typed name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from wagtail.log_actions import log

from mailer.accounts.models import SignInFailures
from subscribers.client_address import client_address
from subscribers.consent import network_of
from subscribers.translate_stored_texts import stored

# Actions with their labels and messages, for mailer/desk/base/audit_log_actions_and_models.py.
ACTIONS = {
    "accounts.sign_in": (_("Sign in"), _("Signed in")),
    "accounts.sign_in_failed": (_("Failed sign-in"), _("Failed to sign in")),
    "accounts.locked": (_("Lockout"), _("Sign-in was locked after failed attempts")),
    "accounts.sign_out": (_("Sign out"), _("Signed out")),
    "accounts.reset_requested": (_("Password reset requested"), _("A password reset was requested")),
    "accounts.reset_refused": (
        _("Password reset requested"),
        _("A password reset was refused: too many requests"),
    ),
    "accounts.password_set": (_("Set password"), _("Set a password by an emailed link")),
    "accounts.factor_added": (_("Add a second factor"), _("Added a second factor")),
    "accounts.factor_removed": (_("Remove the second factor"), _("Removed a second factor")),
    "accounts.factor_failed": (_("Second factor failed"), _("Entered a wrong second-factor code")),
    "accounts.email_change_requested": (
        _("Change the email address"),
        _("Requested a change of email address"),
    ),
    "accounts.email_changed": (_("Change the email address"), _("Confirmed the account's new email address")),
    "accounts.password_link_printed": (
        _("Print a password link"),
        _("Printed a link to set the account's password, by a command on the server"),
    ),
    "accounts.factors_removed": (
        _("Remove all second factors"),
        _("Removed all second factors of the account by a command on the server"),
    ),
    "accounts.sessions_ended": (_("End other sessions"), _("Ended all other sessions of the account")),
    "accounts.password_changed": (_("Change the password"), _("Changed the account's password")),
    "accounts.api_key_created": (_("Create an API key"), _("Created an API key")),
    "accounts.api_key_revoked": (_("Revoke API key"), _("Revoked an API key")),
    "accounts.api_personal_data": (_("View"), _("Viewed email addresses")),
    "accounts.api_unsubscribe": (
        pgettext_lazy("staff", "Unsubscribe"),
        _("Unsubscribed at the subscriber’s request"),
    ),
}
_UNKNOWN = stored("an unknown account")
# An account's refusals make one entry in this time for each network, and for so many networks.
_PERIOD, _NETWORKS = timedelta(hours=1), 20
# Begins the keys of refusals that were only counted.
_COUNTED = "counted "


def record(
    action: str,
    user: User | None,
    request: HttpRequest | None = None,
    *,
    network: str = "",
    **data: Any,
) -> None:
    """Add an entry about an account (None: a name that no account has), made by the account itself.

    The client's network comes from `request`, or is given. A typed name is not recorded, because people type
    passwords into the wrong field.
    """
    if request is not None:
        network = network_of(client_address(request))
    subject = user if user is not None else User(pk=0, username=_UNKNOWN)
    log(
        instance=subject,
        action=action,
        user=user,
        title=subject.get_username(),
        data={**({"network": network} if network else {}), **data},
    )


def record_refusal(action: str, user: User | None, request: HttpRequest, now: datetime, **data: Any) -> None:
    """`record`, but at most once an hour for an account and network, so that a flood does not fill the log.

    The others are counted. The next entry, or `write_counted_refusals`, says how many there were (`times`).
    Beyond 20 networks an hour, all further ones count as one.
    """
    network = network_of(client_address(request))
    about = f"{_COUNTED}{action} {user.pk if user else 0} "
    recent = SignInFailures.objects.filter(key__startswith=about, last_failed_at__gt=now - _PERIOD)
    if recent.count() >= _NETWORKS and not recent.filter(key=about + network).exists():
        network = stored("many networks at once")
    with transaction.atomic():
        row, is_new = SignInFailures.objects.select_for_update().get_or_create(
            key=about + network, defaults={"last_failed_at": now}
        )
        row.failures += 1
        if is_new or row.last_failed_at <= now - _PERIOD:
            _record_times(action, user, network, row.failures, data)
            row.failures, row.last_failed_at = 0, now
        row.save(update_fields=["failures", "last_failed_at"])


def write_counted_refusals(now: datetime) -> int:
    """Add entries for refusals that were only counted, once their hour is over; how many entries."""
    written = 0
    over = SignInFailures.objects.filter(key__startswith=_COUNTED, last_failed_at__lte=now - _PERIOD)
    for pk in list(over.values_list("pk", flat=True)):
        with transaction.atomic():
            row = over.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            action, account, network = row.key.removeprefix(_COUNTED).split(" ", 2)
            if row.failures:
                user = User.objects.filter(pk=int(account)).first()
                _record_times(action, user, network, row.failures, {})
                written += 1
            row.delete()
    return written


def _record_times(action: str, user: User | None, network: str, times: int, data: dict[str, Any]) -> None:
    counted: dict[str, Any] = {"times": times} if times > 1 else {}
    record(action, user, network=network, **data, **counted)
