"""Approval by a mailed link, for a person without access to the desk: an external approver.

External approvers are accounts that may approve editions but not open the desk, so that every rule about a
second person holds for them too: authors, account changes of the last 30 days, one account per person.
A link is for one snapshot, expires, can be revoked, and changes nothing when it is opened. A decision needs a
one-time code as well, which is sent to the same address when the person asks for it on the page.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext

from mailer.approval import (
    possible_approvers,
    required_approvals,
    snapshot_state_changes,
    staff_by_permission,
)
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Approval, ApprovalLink, Rejection, Snapshot
from mailer.approval.snapshot_state_changes import ApprovalError, NoLanguageChosen, ReasonMissing, WrongState
from mailer.staff_localization import in_language_of
from subscribers import tokens
from subscribers.rate_limit import Limit, count_hit_unless_limited

# A link ends after this time, or with the sending window of its snapshot.
VALID_FOR = timedelta(days=7)
CODE_VALID_FOR = timedelta(minutes=15)
CODE_DIGITS = 6
# Wrong codes until a new one must be asked for, and codes that one link may ask for in an hour.
MAX_FAILURES, CODES_PER_HOUR = 5, 5
# Wrong codes in a day, with whichever codes were sent meanwhile, that end the link.
MAX_LINK_FAILURES = 20


class WrongCode(ApprovalError):  # noqa: N818
    """The code is wrong, used or too old; ask for a new one."""


class TooManyCodes(ApprovalError):  # noqa: N818
    """Too many codes were sent for this link; wait an hour."""


def external_approvers(snapshot: Snapshot) -> list[User]:
    """External approvers with an address who may approve this snapshot."""
    return [
        user
        for user in possible_approvers.users_who_may_approve(snapshot)
        if user.email and staff_by_permission.is_external_approver(user)
    ]


def create_and_mail_link(snapshot: Snapshot, user: User, requested_by: User, now: datetime) -> ApprovalLink:
    """Mail a link for the submitted snapshot to an external approver; their earlier links to it end.

    Raises NotPermitted, WrongState, AuthorMayNotApprove and AccountNotIndependent.
    """
    snapshot_state_changes.require_permission(requested_by, "mailer.submit_edition")
    snapshot_state_changes.require_permission(user, "mailer.approve_edition")
    if not staff_by_permission.is_external_approver(user) or not user.email:
        raise WrongState(
            gettext("Approval links can be sent only to external approvers who have an email address.")
        )
    if snapshot.state != Snapshot.State.SUBMITTED:
        raise WrongState(gettext("This edition is not waiting for approval."))
    snapshot_state_changes.require_second_person(snapshot, user)
    with transaction.atomic():
        _valid(now).filter(snapshot=snapshot, user=user).update(revoked_at=now, code_digest="")
        link = ApprovalLink.objects.create(
            snapshot=snapshot,
            user=user,
            requested_by=requested_by,
            requested_at=now,
            expires_at=min(now + VALID_FOR, snapshot.window_until),
        )
        _mail_link(link)
    return link


def _valid(now: datetime) -> QuerySet[ApprovalLink]:
    return ApprovalLink.objects.filter(revoked_at=None, used_at=None, expires_at__gt=now)


def revoke(link: ApprovalLink, now: datetime) -> bool:
    """End the link; whether it was valid until now."""
    return bool(_valid(now).filter(pk=link.pk).update(revoked_at=now, code_digest=""))


def find_link(token: str, now: datetime) -> ApprovalLink:
    """The valid link of this token. Raises InvalidToken, or LinkExpired for one that was valid once."""
    links = ApprovalLink.objects.select_related("snapshot__edition__newsletter", "user", "requested_by")
    link = links.filter(pk=tokens.decrypt_id("approval_link", token)).first()
    if link is None:
        raise tokens.InvalidToken("no such link")
    ended = link.revoked_at is not None or link.used_at is not None or link.expires_at <= now
    if ended or not staff_by_permission.is_external_approver(link.user):
        raise tokens.LinkExpired("used, revoked or too old")
    return link


def token_of(link: ApprovalLink) -> str:
    """The token in the link's URL."""
    return tokens.encrypt_id_for_url("approval_link", link.pk)


def url_of(link: ApprovalLink) -> str:
    """The absolute URL of the link's page."""
    return f"{settings.CONFIG.site.url}/accounts/approval/{token_of(link)}/"


def send_code(link: ApprovalLink, now: datetime) -> None:
    """Mail a new one-time code, which replaces an earlier one. Raises TooManyCodes."""
    if (
        count_hit_unless_limited([Limit(f"approval code {link.pk}", CODES_PER_HOUR, timedelta(hours=1))], now)
        is not None
    ):
        raise TooManyCodes(
            gettext(
                "Too many codes were sent for this approval link. Wait an hour, then ask for another code."
            )
        )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    with transaction.atomic():
        _valid(now).filter(pk=link.pk).update(
            code_digest=_digest(link, code), code_expires_at=now + CODE_VALID_FOR, code_failures=0
        )
        _mail_code(link, code)


def _mail_code(link: ApprovalLink, code: str) -> None:
    minutes = int(CODE_VALID_FOR.total_seconds() // 60)
    with in_language_of(link.user):
        _send(
            link,
            gettext("Your code to approve %(edition)s") % {"edition": link.snapshot.edition},
            gettext(
                "Your code is %(code)s. For %(minutes)s minutes it is valid on the page where you asked.\n"
                "\n"
                "If you did not ask for a code, give it to nobody, and forward this message to %(name)s.\n"
            )
            % {"code": code, "minutes": minutes, "name": user_or_system_name(link.requested_by)},
            # The outbox removes codes from such a message, once it is sent.
            {"Sensitivity": "Private"},
        )


def approve_by_link(
    link: ApprovalLink, code: str, sha256: str, now: datetime, languages: Collection[str] | None = None
) -> list[Approval]:
    """Approve the link's snapshot as its external approver; `sha256` is the hash on the page.

    `languages` as for `approve.approve`.

    Raises WrongCode, and what `approve.approve` raises.
    """
    if languages is not None and not set(languages) & set(required_approvals.unapproved_parts(link.snapshot)):
        # Before the code is used up.
        raise NoLanguageChosen
    _use_code(link, code, now)
    # Without a transaction around both: where a part of the edition has changed, `approve` marks the snapshot
    # as invalidated before it raises.
    given = snapshot_state_changes.approve(
        link.snapshot, link.user, sha256, now, parts_to_approve=languages, by_link=True
    )
    ApprovalLink.objects.filter(pk=link.pk).update(used_at=now)
    return given


def reject_by_link(link: ApprovalLink, code: str, sha256: str, reason: str, now: datetime) -> Rejection:
    """Reject the link's snapshot as its external approver, as `approve_by_link`.

    Raises WrongCode, and what `approve.reject` raises.
    """
    if not reason.strip():
        # Before the code is used up.
        raise ReasonMissing
    _use_code(link, code, now)
    rejection = snapshot_state_changes.reject(link.snapshot, link.user, sha256, reason, now, by_link=True)
    ApprovalLink.objects.filter(pk=link.pk).update(used_at=now)
    return rejection


def return_to_draft_by_link(link: ApprovalLink, code: str, reason: str, now: datetime) -> None:
    """Return the edition to its writers as the external approver. Raises WrongCode, WrongState."""
    _use_code(link, code, now)
    with transaction.atomic():
        snapshot_state_changes.withdraw(link.snapshot, link.user, reason)
        ApprovalLink.objects.filter(pk=link.pk).update(used_at=now)


def _use_code(link: ApprovalLink, code: str, now: datetime) -> None:
    """Take the code, or count the failure. The failure stays counted when the exception is raised."""
    with transaction.atomic():
        held = ApprovalLink.objects.select_for_update().get(pk=link.pk)
        waiting = bool(held.code_digest) and held.code_expires_at is not None and held.code_expires_at > now
        digits = "".join(character for character in code if character.isdigit())
        matches = waiting and constant_time_compare(held.code_digest, _digest(held, digits))
        if not matches:
            held.code_failures += 1
        if waiting and not matches and _is_last_failure(held, now):
            held.revoked_at = now
        if matches or held.code_failures >= MAX_FAILURES:
            held.code_digest = ""
        held.save(update_fields=["code_failures", "code_digest", "revoked_at"])
    if not matches:
        raise WrongCode(
            gettext("This code is wrong, was used already or is too old. Ask for a new one and type it here.")
        )


def _is_last_failure(link: ApprovalLink, now: datetime) -> bool:
    """Count a wrong code; whether the link had so many in a day that it ends."""
    limit = Limit(f"approval link failures {link.pk}", MAX_LINK_FAILURES - 1, timedelta(days=1))
    return count_hit_unless_limited([limit], now) is not None


def _digest(link: ApprovalLink, code: str) -> str:
    return salted_hmac(__name__, f"{link.pk}:{code}", algorithm="sha256").hexdigest()


def _mail_link(link: ApprovalLink) -> None:
    snapshot = link.snapshot
    # In the office's time zone: the account that sends the link may have another one.
    until = timezone.localtime(link.expires_at, ZoneInfo(settings.TIME_ZONE))
    with in_language_of(link.user):
        _send(
            link,
            gettext("Please review the edition %(edition)s") % {"edition": snapshot.edition},
            gettext(
                "%(name)s asks you to review %(edition)s of %(office)s before %(count)s subscribers get it.\n"
                "\n"
                "This page shows exactly what would be sent. You can approve or reject it there, or request "
                "changes:\n"
                "%(url)s\n"
                "\n"
                "The link is for you alone: do not forward it. It is valid until %(until)s.\n"
            )
            % {
                "name": user_or_system_name(link.requested_by),
                "edition": snapshot.edition,
                "office": settings.CONFIG.site.name,
                "count": snapshot.audience_count,
                "url": url_of(link),
                "until": f"{until:%Y-%m-%d %H:%M} ({settings.TIME_ZONE})",
            },
        )


def _send(
    link: ApprovalLink, subject: str, body: str, headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    headers = {"Auto-Submitted": "auto-generated", **headers}
    EmailMessage(subject, body, to=[link.user.email], headers=headers).send()


def links_of(snapshot: Snapshot) -> QuerySet[ApprovalLink]:
    """The links to a snapshot, newest first."""
    return ApprovalLink.objects.filter(snapshot=snapshot).select_related("user", "requested_by")
