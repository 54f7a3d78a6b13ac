"""Second factors: who needs one, their secrets encrypted at rest, and their entries in the audit log."""

from __future__ import annotations

from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.accounts import audit_log_entries, stored_secrets
from mailer.accounts.allauth_adapters import record_failure_and_refuse_if_locked

# Each of these permits sending mail to all subscribers, reading all addresses, or letting others do so.
_POWERFUL = (
    "mailer.approve_edition",
    "mailer.schedule_edition",
    "auth.change_user",
    "subscribers.change_subscriber",
)
# Where the data of an authenticator app holds the time step of the last code that was used.
_USED = "last_used_step"
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class MfaAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of authenticator apps and recovery codes, and keeps the last factor."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is wrong, or was used already."),
        "cannot_delete_authenticator": _(
            "Your account must keep a second factor. Before you remove this one, add another."
        ),
    }

    def encrypt(self, text: str) -> str:
        return stored_secrets.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return stored_secrets.decrypt(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        others = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey number %(others)s") % {"others": others + 1} if others else gettext("Passkey")

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """What browsers show of this site: its host, and the office's name."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": settings.CONFIG.site.name}

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=_FACTORS)
        return not is_required(authenticator.user) or others.exclude(pk=authenticator.pk).exists()


def is_required(user: User) -> bool:
    """Whether the configuration requires a second factor of this account."""
    return bool(settings.CONFIG.accounts.require_second_factor) and any(map(user.has_perm, _POWERFUL))


def is_privileged_without_second_factor(user: User) -> bool:
    """Whether the account has power and a password, and no second factor protects it."""
    return user.has_usable_password() and any(map(user.has_perm, _POWERFUL)) and not has_one(user)


def is_missing(user: User) -> bool:
    """Whether a second factor is required of this account, and it has none."""
    return is_required(user) and not has_one(user)


def has_one(user: User) -> bool:
    """Whether the account has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user=user, type__in=_FACTORS).exists())


def claim_code(authenticator: Authenticator, code: str) -> bool:
    """Use up a valid code of an authenticator app: False if it, or a later one, was used before.

    allauth remembers used codes in the memory of one process; the database is shared by all (RFC 6238 §5.2).
    """
    secret = decrypt(authenticator.data["secret"])
    steps = [
        step
        for step in yield_hotp_counters_from_time()
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step)))
    ]
    with transaction.atomic():
        stored = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        if not steps or max(steps) <= stored.data.get(_USED, 0):
            return False
        stored.data[_USED] = max(steps)
        stored.save(update_fields=["data"])
    # The caller may save its copy.
    authenticator.data = stored.data
    return True


def connect_signals() -> None:
    """Connect the receivers; called once when the application of the pages is ready."""
    for name in ("added", "removed", "reset"):
        signal = getattr(signals, f"authenticator_{name}")
        signal.connect(_RECEIVERS[name], dispatch_uid=f"mailer.accounts.{name}")
    signals.authentication_failed.connect(_failed, dispatch_uid="mailer.accounts.factor_failed")


def _added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record(request, user, authenticator, "accounts.factor_added")


def _removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record(request, user, authenticator, "accounts.factor_removed")


_RECEIVERS = {"added": _added, "removed": _removed, "reset": _added}


def _record(request: HttpRequest, user: User, authenticator: Authenticator, action: str) -> None:
    """Log a change of the factors; mailer/approval/account_change_notices.py emails the owner."""
    audit_log_entries.record(action, user, request, to=str(authenticator.type))


def _failed(request: HttpRequest, user: User, **_: Any) -> None:
    record_failure_and_refuse_if_locked(request, user, "", "accounts.factor_failed")
