"""Failed sign-ins, requested password resets, and what an account must do before it can be used."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class SignInFailures(models.Model):
    """Failed sign-ins in a row to one account, or from one network; or those that the audit log lacks yet."""

    # "account …" or "network …", as mailer/accounts/limits.py writes it, or "counted …", as audit.py does;
    # holds no name and no address.
    key = models.CharField(max_length=120, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_failed_at = models.DateTimeField(default=timezone.now, db_index=True)
    # Until then every attempt is refused without a look at the password; null: never locked.
    locked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key


class PasswordResetRequest(models.Model):
    """A request for a password reset, to be answered by the worker.

    The page only writes this row, so that its answer takes equally long whether or not the account exists.
    """

    # As typed: a username or an address.
    login = models.CharField(max_length=254)
    network = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"password reset request {self.pk}"


class AccountState(models.Model):
    """What an account must do before it can be used; without a row: nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_state"
    )
    # A password that another person or a command chose.
    must_change_password = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"state of account {self.user_id}"
