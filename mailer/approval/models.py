"""Authorship, changes of accounts and lists, snapshots of submitted editions, approvals, notices to staff."""

from __future__ import annotations

import hashlib
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story
from subscribers.models import MailingList
from subscribers.segments.models import Segment


def _exactly_one(*names: str) -> models.Q:
    """Exactly one of these fields is set."""
    any_one = models.Q()
    for chosen in names:
        any_one |= models.Q(**{f"{name}__isnull": name != chosen for name in names})
    return any_one


def _kept_reference(model: type[models.Model]) -> Any:
    """A reference that outlives the row it refers to: the record stays when a story is deleted."""
    return models.ForeignKey(
        model, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )


class Authorship(models.Model):
    """Append-only: who changed what subscribers would see. Exactly one subject is set."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    edition = _kept_reference(Edition)
    story = _kept_reference(Story)
    newsletter = _kept_reference(Newsletter)
    segment = _kept_reference(Segment)
    # "wrote", "imported", "assembled", "replaced the picture", "changed the sender"…
    action = models.CharField(max_length=250)
    # Of the subject's content after the change, see `content_changes_and_authors.fingerprint_with_readiness`.
    fingerprint = models.CharField(max_length=80)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="authorship_one_subject",
                condition=_exactly_one("edition", "story", "newsletter", "segment"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.action}"


class AccountChange(models.Model):
    """Append-only, written by the database's triggers: what of an account was changed, when, and by whom."""

    class What(models.TextChoices):
        CREATED = "created", _("account")
        USERNAME = "username", _("username")
        NAME = "name", _("name")
        EMAIL = "email", _("email address")
        PASSWORD = "password", _("password")
        ACTIVE = "active", _("active")
        SUPERUSER = "superuser", _("superuser")
        SECOND_FACTOR = "second_factor", _("second factor")
        GROUP = "group", _("group")
        PERMISSION = "permission", _("permission")
        # A permission of a group that the user is in: "Approvers: approve_edition".
        GROUP_PERMISSION = "group_permission", _("permission of a group of users")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # The user who was signed in; null: none was (a command, or a link from an email).
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=20, choices=What.choices)
    # The values; empty for a password, and where something was added or removed.
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    # When the owner and the approvers were notified; the only column that changes.
    notified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["id"], name="account_change_unnotified", condition=models.Q(notified_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.user_id}"


class ListChange(models.Model):
    """A proposed sender and welcome text of a list; in force once a second person has approved it."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("waiting for approval")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        REPLACED = "replaced", _("replaced by a later proposal")

    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="+")
    # As the fields of `MailingList`.
    sender_name = models.CharField(max_length=120, blank=True)
    sender_email = models.EmailField(blank=True)
    welcome_texts = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_list"],
                condition=models.Q(state="proposed"),
                name="list_change_one_proposed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_list}: {self.state}"


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def not_mailed(self) -> Self:
        """Snapshots without a mailing to subscribers; dry runs do not count."""
        return self.exclude(mailings__dry_run_to="")

    def sendable(self) -> Self:
        """Open snapshots without a mailing to subscribers."""
        return self.not_mailed().filter(state__in=Snapshot.OPEN)

    def invalidate(self, reason: str) -> int:
        """Mark them as invalidated; returns how many. The time they were scheduled for is kept."""
        return self.update(
            state=Snapshot.State.INVALIDATED,
            invalidated_reason=reason[:300],
            invalidated_at=timezone.now(),
        )


class Snapshot(models.Model):
    """What was submitted: everything that decides what a reader sees, under one SHA-256."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", _("waiting for approval")
        APPROVED = "approved", _("approved")
        SCHEDULED = "scheduled", _("scheduled")
        INVALIDATED = "invalidated", _("invalidated by a later change of the edition")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REJECTED = "rejected", _("rejected")

    # An edition has at most one snapshot in these states.
    OPEN = (State.SUBMITTED, State.APPROVED, State.SCHEDULED)

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="snapshots")
    # Hex SHA-256 over `manifest`.
    sha256 = models.CharField(max_length=64, unique=True)
    # Canonical JSON of rendering.data_types.Content.
    content = models.TextField()
    # Canonical JSON: hashes of content and of every variant, audience and count, sender, window.
    manifest = models.TextField()
    # {"lists": [ids], "countries": [codes], "languages": [codes]}; see editions.audience.
    audience = models.JSONField()
    # Readers counted when it was submitted.
    audience_count = models.PositiveIntegerField()
    # The same by country and language; see editions.audience.ReaderCounts.
    readers = models.JSONField(default=dict)
    # What preflight found, and the reasons for sending in spite of errors:
    # see preflight.findings_and_overrides.Finding.
    findings = models.JSONField(default=list)
    window_from = models.DateTimeField()
    window_until = models.DateTimeField()
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField()
    # What the submitter tells the approver.
    note = models.TextField(blank=True)
    # Keys of the variants that an approver must have checked, after the newsletter's review rule.
    must_check = models.JSONField(default=list, blank=True)
    # The approvals that it needs, "<kk><ru><>"; see required_approvals.
    approval_parts = models.TextField(default="<>")
    # Only the fields below change after the snapshot was created.
    state = models.CharField(max_length=12, choices=State.choices, default=State.SUBMITTED)
    # When the last approval that it needs was given.
    approved_at = models.DateTimeField(null=True, blank=True)
    send_at = models.DateTimeField(null=True, blank=True)
    # Hour (0 to 23) in each subscriber's own time zone, from `send_at` on; null: all at `send_at`.
    local_hour = models.PositiveSmallIntegerField(null=True, blank=True)
    scheduled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    invalidated_reason = models.CharField(max_length=300, blank=True)
    # When a change, or a request for changes, ended it; None where it is open, or this was not recorded.
    invalidated_at = models.DateTimeField(null=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-submitted_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["edition"],
                condition=models.Q(state__in=["submitted", "approved", "scheduled"]),
                name="snapshot_one_open",
            ),
            models.CheckConstraint(
                name="snapshot_needs_approval", condition=models.Q(approval_parts__startswith="<")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.edition} {self.sha256[:12]}"

    @property
    def mailed(self) -> bool:
        """Whether a mailing to subscribers exists."""
        return self.mailings.filter(dry_run_to="").exists()


class SnapshotVariant(models.Model):
    """The exact bytes of one variant of a snapshot; personal values are merge tags."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="variants")
    # rendering.story_selection.variant_key of story set and language.
    key = models.CharField(max_length=16)
    language = models.CharField(max_length=12)
    # Keys of the stories shown, in order, comma-separated.
    stories = models.TextField(blank=True)
    subject = models.CharField(max_length=200)
    preheader = models.CharField(max_length=250, blank=True)
    html = models.TextField()
    text = models.TextField()
    # SHA-256 over subject, preheader, html and text.
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "key"], name="snapshot_variant_once")]

    def __str__(self) -> str:
        return f"{self.key} ({self.language})"


class SnapshotAuthor(models.Model):
    """A user who changed a part of a snapshot, and may not approve it."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="authors")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # For display: "wrote the story “…”".
    reason = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "user"], name="snapshot_author_once")]

    def __str__(self) -> str:
        return f"{self.user} {self.reason}"


class Approval(models.Model):
    """A user's approval of one hash, for one of its parts. The database refuses an approval by an author."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="approvals")
    # The part: a language code; empty: the languages without an approval of their own.
    language = models.CharField(max_length=12, blank=True, default="")
    sha256 = models.CharField(max_length=64)
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # True when given through `mailer edition approve --as`.
    by_command = models.BooleanField(default=False)
    # True when given through a mailed link and a one-time code; see `external_approval`.
    by_link = models.BooleanField(default=False)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["snapshot", "language"], name="approval_once_a_part")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} by {self.approver}"


class Rejection(models.Model):
    """A second person's decision that one hash is not sent; it ends the submission for good."""

    snapshot = models.OneToOneField(Snapshot, on_delete=models.CASCADE, related_name="rejection")
    sha256 = models.CharField(max_length=64)
    rejected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    at = models.DateTimeField()
    # As for an approval.
    by_command = models.BooleanField(default=False)
    by_link = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="rejection_has_reason", condition=~models.Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} by {self.rejected_by}"


class ReviewComment(models.Model):
    """What a reviewer says about a submitted edition, or about one story of it."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="comments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Key of the story in the snapshot's content; empty: about the whole edition.
    story_key = models.CharField(max_length=100, blank=True)
    text = models.CharField(max_length=1000)
    at = models.DateTimeField()
    # When a writer marked it as done, and who.
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.user}: {self.text[:60]}"


class VariantCheck(models.Model):
    """A reviewer has looked at one variant of a snapshot and found it right."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="checks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # `SnapshotVariant.key`.
    variant_key = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "user", "variant_key"], name="variant_check_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} checked {self.variant_key}"


class ApprovalLink(models.Model):
    """A mailed link by which a person without access to the desk reviews and approves one snapshot."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="approval_links")
    # The external approver.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    # A keyed digest of the latest one-time code; empty: none was sent, or it was used or voided.
    code_digest = models.CharField(max_length=64, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    # Wrong codes typed since the latest code was sent.
    code_failures = models.PositiveSmallIntegerField(default=0)
    # When a decision was made with it.
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.snapshot} to {self.user}"


class LinkCheck(models.Model):
    """What the worker found at the address of a link that staff wrote; see `preflight.link_crawler`."""

    class State(models.TextChoices):
        OK = "ok", _("answers")
        MOVED = "moved", _("the link redirects to another address")
        MISSING = "missing", _("the page of the link does not exist")
        REFUSED = "refused", _("the server of the link refuses or fails")
        NO_SERVER = "no_server", _("the server of the link does not exist")
        NO_ANSWER = "no_answer", _("the server of the link does not answer")
        PRIVATE = "private", _("the link is not on the public internet")

    # Hex SHA-256 of the URL: an index cannot hold every URL.
    key = models.CharField(max_length=64, unique=True)
    url = models.TextField()
    # Empty: it was not checked yet.
    state = models.CharField(max_length=10, choices=State.choices, blank=True)
    # HTTP status; 0: there was no answer.
    status = models.PositiveSmallIntegerField(default=0)
    final_url = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    # When it is checked next, and until when an edition in preparation has it.
    due_at = models.DateTimeField()
    wanted_until = models.DateTimeField()
    # Checks in a row that found no page.
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["due_at"], name="link_check_due")]

    def __str__(self) -> str:
        return f"{self.key[:12]} {self.state}"

    @staticmethod
    def key_of(url: str) -> str:
        """The key of a URL's row."""
        return hashlib.sha256(url.encode()).hexdigest()


class StaffNotice(models.Model):
    """A notice that was emailed to staff, so that it is sent once."""

    # "assembled:EDITION" or "submitted:SNAPSHOT", with primary keys.
    key = models.CharField(max_length=60, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class NotificationChoice(models.Model):
    """How an account wants to be notified of each event; what is missing has its default."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_choice"
    )
    # Event to ways: {"submitted": ["email", "desk"], "sent": []}; see notifications.EVENTS.
    ways = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"notifications of {self.user_id}"


class Notification(models.Model):
    """A notification in the desk, for one account."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    # One of notifications.EVENTS.
    event = models.CharField(max_length=20)
    text = models.CharField(max_length=300)
    # The page to open, "/desk/…".
    path = models.CharField(max_length=200)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["user", "-id"], name="notification_unread", condition=models.Q(read_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} for {self.user_id}"
