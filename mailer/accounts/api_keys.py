"""Keys of the REST API: made by staff for programs that act for them, hashed at rest, scoped, expiring.

A key allows what its scopes name, and of that only what its account may do at the time of the request. It
never approves an edition. It ends when it expires or is revoked, when its account is deactivated, and with
every change of the account's password.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.signals import pre_save
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import ModelLogEntry

from mailer.accounts import audit_log_entries, stored_secrets
from mailer.accounts.models import ApiKey, IdempotentRequest
from mailer.staff_localization import in_language_of
from subscribers.addresses import address_pattern
from subscribers.signals import erased

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# How every key begins, so that programs that look for leaked secrets recognise one; then the public id, and
# the secret part: 32 random octets.
PREFIX = "mailer_key_"
_KEY = re.compile(rf"{PREFIX}[0-9a-f]{{8}}_[0-9a-f]{{64}}")
# How long a key is valid, by default and at most.
DEFAULT_LIFETIME, MAX_LIFETIME = timedelta(days=365), timedelta(days=730)
# Keys that one account may have at a time.
MAX_KEYS = 20
# How long the answers of idempotent requests are kept.
ANSWERS_KEPT = timedelta(hours=24)
_LAST_USE_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True)
class Scope:
    """What a key may be allowed to do."""

    # For staff.
    label: StrOrPromise
    # The account needs one of these permissions to give it to a key, and again at each request.
    permissions: tuple[str, ...]


# Any of these allows looking at editions, as in the desk.
_EDITIONS = tuple(
    f"mailer.{action}_edition" for action in ("view", "change", "submit", "approve", "schedule")
)
SCOPES = {
    "lists:read": Scope(_("Lists: read"), ("subscribers.view_mailinglist",)),
    "lists:write": Scope(_("Lists: create and change"), ("subscribers.change_mailinglist",)),
    "subscribers:read": Scope(_("Subscribers, tags and fields: read"), ("subscribers.view_subscriber",)),
    "subscribers:write": Scope(
        _("Subscribers: add, change, subscribe and unsubscribe"), ("subscribers.change_subscriber",)
    ),
    "subscribers:erase": Scope(_("Subscribers: erase"), ("subscribers.delete_subscriber",)),
    "segments:read": Scope(_("Segments: read"), ("subscribers.view_segment",)),
    "segments:write": Scope(_("Segments: create and change"), ("subscribers.change_segment",)),
    "imports:read": Scope(_("Imports: read"), ("subscribers.view_importjob",)),
    "imports:write": Scope(_("Imports: upload, apply, undo and discard"), ("subscribers.change_importjob",)),
    "stories:read": Scope(_("Stories: read"), ("mailer.view_story",)),
    "stories:write": Scope(_("Stories: write"), ("mailer.change_story",)),
    "editions:read": Scope(_("Newsletters and editions: read and preview"), _EDITIONS),
    "editions:write": Scope(
        _("Editions: assemble and submit"), ("mailer.add_edition", "mailer.submit_edition")
    ),
    "mailings:read": Scope(_("Sending of editions: read"), _EDITIONS),
    "mailings:write": Scope(
        _("Sending of editions: schedule, pause, resume and cancel"), ("mailer.schedule_edition",)
    ),
    "reports:read": Scope(_("Reports: read"), _EDITIONS),
    "suppressions:read": Scope(_("Suppressed addresses: read"), ("subscribers.view_suppression",)),
    "suppressions:write": Scope(_("Suppressed addresses: add and remove"), ("subscribers.add_suppression",)),
    "webhooks:read": Scope(_("Webhooks: read"), ("mailer.view_webhookendpoint",)),
    "webhooks:write": Scope(
        _("Webhooks: create, change and send messages again"), ("mailer.change_webhookendpoint",)
    ),
}


class InvalidKey(Exception):  # noqa: N818  (the verdict on what a client sent)
    """The request has no valid API key."""


def grantable_scopes(user: User) -> dict[str, Scope]:
    """The scopes that the account may give to a key, by name."""
    return {name: scope for name, scope in SCOPES.items() if any(map(user.has_perm, scope.permissions))}


def create(
    user: User,
    name: str,
    scopes: Collection[str],
    lifetime: timedelta,
    request: HttpRequest | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key for the account, and its text, which is stored nowhere.

    Raises ValueError with a message for its owner: a scope that the account may not give, none at all, a
    lifetime that is too long, or too many keys.
    """
    lacking = set(scopes) - grantable_scopes(user).keys()
    if lacking:
        names = ", ".join(sorted(lacking))
        raise ValueError(
            gettext("Your account cannot give these scopes to an API key: %(names)s.") % {"names": names}
        )
    if not scopes or not name.strip():
        raise ValueError(gettext("An API key needs a name and at least one scope."))
    if not timedelta() < lifetime <= MAX_LIFETIME:
        raise ValueError(
            gettext("An API key can be valid for 1 to %(days)s days.") % {"days": MAX_LIFETIME.days}
        )
    if valid_keys(now).filter(user=user).count() >= MAX_KEYS:
        text = gettext("You have %(count)s API keys already. Revoke one that is not used any more.")
        raise ValueError(text % {"count": MAX_KEYS})
    public_id = secrets.token_hex(4)
    text = f"{PREFIX}{public_id}_{secrets.token_hex(32)}"
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            name=name.strip()[:80],
            public_id=public_id,
            digest=_digest(text),
            scopes=[one for one in SCOPES if one in scopes],
            created_at=now,
            expires_at=now + lifetime,
        )
        audit_log_entries.record(
            "accounts.api_key_created", user, request, because=f"{key}: {', '.join(key.scopes)}"
        )
        _report(key)
    return key, text


def _report(key: ApiKey) -> None:
    """Notify the account's owner of the new key."""
    if not key.user.email:
        return
    site = settings.CONFIG.site
    with in_language_of(key.user):
        subject = gettext("New API key for your account at %(site)s") % {"site": site.name}
        body = gettext(
            "An API key was made for your account at %(site)s (%(username)s).\n\n"
            "Name: %(key)s\n"
            "Scopes: %(scopes)s\n"
            "Valid until: %(expires_at)s\n\n"
            "If this was not you, revoke it (%(url)s/desk/api-keys/), set a new password at once "
            "(%(url)s/accounts/password/forgotten/), and tell an admin."
        ) % {
            "site": site.name,
            "username": key.user.get_username(),
            "key": key.name,
            "scopes": ", ".join(key.scopes),
            "expires_at": f"{key.expires_at:%Y-%m-%d}",
            "url": site.url,
        }
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(subject, body, to=[key.user.email], headers=headers).send()


def authenticate(text: str, now: datetime) -> ApiKey:
    """The valid key that a client sent, with its account. Raises InvalidKey."""
    if not _KEY.fullmatch(text):
        raise InvalidKey
    # Looked up by a digest of 256 random bits: how long it takes tells nothing about other keys.
    found = valid_keys(now).select_related("user").filter(digest=_digest(text), user__is_active=True).first()
    if found is None:
        raise InvalidKey
    return found


def note_use(key: ApiKey, now: datetime) -> None:
    """Remember when the key was used last, to the minute."""
    before = now - _LAST_USE_INTERVAL
    if key.last_used_at is None or key.last_used_at <= before:
        unused = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)


def valid_keys(now: datetime) -> QuerySet[ApiKey]:
    """Keys that are neither expired nor revoked."""
    return ApiKey.objects.filter(revoked_at__isnull=True, expires_at__gt=now)


def revoke(key: ApiKey, by: User, request: HttpRequest | None, now: datetime) -> bool:
    """Revoke a key at once; False when it was revoked before."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(
            revoked_at=now, revoked_by=by.get_username()
        )
        if ended:
            audit_log_entries.record("accounts.api_key_revoked", by, request, because=_title(key, by))
    key.refresh_from_db()
    return bool(ended)


def revoke_all(user: User, reason: str, now: datetime) -> int:
    """Revoke every key of the account; how many."""
    with transaction.atomic():
        keys = list(valid_keys(now).filter(user=user)) if user.pk else []
        for key in keys:
            ApiKey.objects.filter(pk=key.pk).update(revoked_at=now, revoked_by=reason[:150])
            audit_log_entries.record("accounts.api_key_revoked", user, because=f"{key}, by {reason}")
    return len(keys)


def _title(key: ApiKey, by: User) -> str:
    return str(key) if key.user_id == by.pk else f"{key} of {key.user.get_username()}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_acting: ContextVar[ApiKey | None] = ContextVar("acting_key", default=None)


@contextmanager
def naming_key_in_audit_log(key: ApiKey) -> Iterator[None]:
    """Entries of the audit log that are written inside name the key."""
    token = _acting.set(key)
    try:
        yield
    finally:
        _acting.reset(token)


def connect_signals() -> None:
    """Let entries of the audit log name the key. Called once when the application is ready."""
    pre_save.connect(_before_entry, sender=ModelLogEntry, dispatch_uid="mailer.accounts.api_keys")
    erased.connect(_on_erased, dispatch_uid="mailer.accounts.api_keys")


def delete_old_idempotent_responses(now: datetime) -> int:
    """Delete answers of idempotent requests that are not repeated any more; how many. A job of the worker."""
    return IdempotentRequest.objects.filter(created_at__lte=now - ANSWERS_KEPT).delete()[0]


def _on_erased(addresses: Collection[str], **_: Any) -> None:
    """Delete the kept answers that name an erased subscriber."""
    patterns = [address_pattern(address) for address in addresses]
    named = []
    for pk, answer in IdempotentRequest.objects.values_list("pk", "answer").iterator():
        text = stored_secrets.decrypt(bytes(answer)).decode() if answer else ""
        if any(pattern.search(text) for pattern in patterns):
            named.append(pk)
    IdempotentRequest.objects.filter(pk__in=named).delete()


def _before_entry(instance: ModelLogEntry, raw: bool = False, **_: Any) -> None:
    key = _acting.get()
    if key is not None and instance.pk is None and not raw:
        instance.data = {**instance.data, "api_key": str(key)}
