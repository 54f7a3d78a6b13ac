"""Failed sign-ins, requested password resets, what an account must do before it can be used, and API keys."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from subscribers.code_list_field import CountriesField


class SignInFailures(models.Model):
    """Failed sign-ins in a row to one account, or from one network; or those that the audit log lacks yet."""

    # "account …" or "network …", as mailer/accounts/sign_in_limits.py writes it, or "counted …", as audit.py
    # does; holds no name and no address.
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


class Invitation(models.Model):
    """An account whose owner was mailed a link to choose the first password, and has not followed it yet.

    It is void once the account is deactivated; the row goes when the password is set.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitation")
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # When the latest link was mailed.
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return f"invitation of {self.user_id}"


class ContributorCountries(models.Model):
    """The countries whose stories a contributor may write; an account without a row is not restricted."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contributor_countries"
    )
    countries = CountriesField(blank=False)

    def __str__(self) -> str:
        return f"countries of {self.user_id}"


class ApiKey(models.Model):
    """A key with which a program acts for an account through the REST API. Revoked keys stay."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    # What the key is for, such as "Website".
    name = models.CharField(max_length=80)
    # The part of the key that may be shown: it tells keys apart and opens nothing.
    public_id = models.CharField(max_length=8, unique=True)
    # SHA-256 of the whole key, hexadecimal.
    digest = models.CharField(max_length=64, unique=True)
    # Names of api_keys.SCOPES.
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    # To the minute.
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # The user who revoked it, or what did.
    revoked_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class IdempotentRequest(models.Model):
    """A request with an Idempotency-Key and its answer, for 24 hours: repeating it does nothing more."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="requests")
    # SHA-256 of the Idempotency-Key; and of method, URL and body.
    digest = models.BinaryField(max_length=32)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    # Encrypted, because it may be about a subscriber: the headers and the body.
    answer = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "digest"], name="idempotent_request_once")]

    def __str__(self) -> str:
        return f"idempotent request {self.pk}"
