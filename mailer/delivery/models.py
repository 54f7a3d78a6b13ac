"""Mailings, one delivery per subscriber, the state of throttle and stop rules, alerts, and the outbox."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.editions.models import Edition


class MailingQuerySet(models.QuerySet["Mailing"]):
    def real(self) -> Self:
        """Mailings to subscribers."""
        return self.filter(dry_run_to="")

    def dry_runs(self) -> Self:
        """Mailings of which every message goes to a staff address."""
        return self.exclude(dry_run_to="")


class Mailing(models.Model):
    """The sending of an approved edition to its audience, or a dry run of that."""

    class State(models.TextChoices):
        PLANNING = "planning", _("being prepared")
        HELD = "held", _("waiting for confirmation")
        SENDING = "sending", _("sending")
        PAUSED = "paused", _("paused")
        DONE = "done", _("sent")
        CANCELLED = "cancelled", _("cancelled")

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="mailings")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="mailings")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNING)
    # Subscribers when the audience was fixed; null until planned.
    audience = models.PositiveIntegerField(null=True)
    # Why it is held, paused or waiting, for staff.
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    planned_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When it was held or paused last.
    stopped_at = models.DateTimeField(null=True)
    # When deliveries that are still deferred become refused.
    expires_at = models.DateTimeField(null=True)
    # In a rollout: the last delivery (by id) that may be sent so far (null: all may), the step, from 0, and
    # since when all deliveries of the step were tried.
    released_up_to = models.BigIntegerField(null=True)
    step = models.PositiveSmallIntegerField(null=True)
    step_completed_at = models.DateTimeField(null=True)
    # Since when the stop rules count: staff resumed what they had paused; null: since it began.
    counted_from = models.DateTimeField(null=True)
    # The staff address that every message of a dry run goes to; empty for the real mailing. A trigger refuses
    # to change it.
    dry_run_to = models.CharField(max_length=320, blank=True, default="")
    # The most subscribers that a dry run is made for; null: all.
    dry_run_limit = models.PositiveIntegerField(null=True)
    # It was to go to subscribers, and was cancelled before any message left: its stories count as not sent.
    cancelled_unsent = models.BooleanField(default=False)

    objects = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot"], condition=Q(dry_run_to=""), name="mailing_one_real")
        ]

    def __str__(self) -> str:
        return f"{self.edition}: {self.get_state_display()}"


class Delivery(models.Model):
    """One subscriber's copy of a mailing. `accepted` means only that the next server took it."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        CLAIMED = "claimed", _("being sent")
        ACCEPTED = "accepted", _("accepted")
        DEFERRED = "deferred", _("deferred")
        REFUSED = "refused", _("refused")
        IN_DOUBT = "in_doubt", _("result in doubt")
        EXCLUDED = "excluded", _("excluded")

    # Neither reference needs an index of its own: those below begin with mailing, and no variant is deleted.
    # Nor does the database check them: planning writes a million rows at once from rows that it has locked,
    # and the checks would take a third of its time.
    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    # The subscriber's id. It stays after an erasure, so it is not a foreign key.
    subscriber = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    variant = models.ForeignKey(
        SnapshotVariant,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # The subscriber's countries when planned, "KZ,UZ", as the message names them.
    countries = models.CharField(max_length=800, blank=True)
    # Why it is excluded, refused or deferred: suppressed, expired, a reason of rendering.story_selection,
    # or a ReplyClass.
    reason = models.CharField(max_length=40, blank=True)
    # The worker that claimed it, and until when.
    claimed_by = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # How often its final dot was sent and no reply read; it is sent again only after the first time.
    doubts = models.PositiveSmallIntegerField(default=0)
    # When it is due again, or to be settled.
    due_at = models.DateTimeField(null=True)
    # The server's last reply.
    reply = models.CharField(max_length=500, blank=True)
    accepted_at = models.DateTimeField(null=True)
    # When a server first refused it for good, or blocked it for our reputation or its content. After a block
    # it is tried again, and may be accepted.
    rejected_at = models.DateTimeField(null=True)
    # Marks on an accepted delivery.
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    # When the feedback stage processed its rejection.
    refusal_processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "subscriber"], name="delivery_once")]
        indexes = [
            # Partial indexes, used only by queries that repeat the condition literally.
            models.Index(fields=["mailing", "id"], condition=Q(state="planned"), name="delivery_planned"),
            models.Index(
                fields=["mailing", "due_at"], condition=Q(state="deferred"), name="delivery_deferred"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="claimed"), name="delivery_claimed"),
            models.Index(fields=["mailing", "id"], condition=Q(state="in_doubt"), name="delivery_in_doubt"),
            models.Index(
                fields=["id"],
                condition=Q(state="refused", refusal_processed_at__isnull=True),
                name="delivery_unprocessed_refusal",
            ),
            models.Index(fields=["subscriber", "id"], name="delivery_by_subscriber"),
            # Without the accepted ones: an entry for each would cost as much as recording it.
            models.Index(
                fields=["mailing", "state", "reason"],
                condition=~Q(state="accepted"),
                name="delivery_not_accepted",
            ),
            models.Index(
                fields=["mailing", "state"], condition=Q(bounced_at__isnull=False), name="delivery_bounced"
            ),
            models.Index(
                fields=["mailing", "state"],
                condition=Q(complained_at__isnull=False),
                name="delivery_complained",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.subscriber}: {self.state}"


class Claim(models.Model):
    """A worker's claim on the planned deliveries with ids from `first` to `last`. See ledger.claims."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="claims")
    owner = models.CharField(max_length=64)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.first} to {self.last} claimed by {self.owner}"


class OutcomeBatch(models.Model):
    """Outcomes of deliveries, written in the transaction that records them, until the throttle has added them
    to ProviderHour and to the mailing's circuit breaker. See ledger.outcome_count_batches."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    at = models.DateTimeField()
    # JSON: by domain of the address, the deliveries attempted, accepted and blocked; nothing in a dry run.
    domains = models.TextField()
    # Attempts for the circuit breaker: all, and how many failed or were blocked.
    attempts = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    blocked = models.PositiveIntegerField()
    # The server's last reply that counts as a failure.
    reply = models.CharField(max_length=200, blank=True)
    # JSON: by domain of the address, attempts that were not accepted, by ReplyClass; nothing in a dry run.
    errors = models.TextField(default="{}")

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.at:%Y-%m-%d %H:%M:%S}"


class OutcomeTotal(models.Model):
    """Outcomes since the installation began, for monitoring: the count only rises."""

    # A family of providers, or mailbox_providers.OTHER.
    provider = models.CharField(max_length=64)
    # A ReplyClass other than those for "not tried"; bounced and complained, as ProviderHour counts them.
    outcome = models.CharField(max_length=20)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "outcome"], name="outcome_total_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.outcome}: {self.count}"


class ProviderHour(models.Model):
    """Deliveries of a mailing sent to one provider within an hour, and their outcomes."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="hours", db_index=False)
    # See throttle.providers.
    provider = models.CharField(max_length=255)
    # Start of the hour in UTC, or a time within it since which the mailing is counted anew.
    since = models.DateTimeField()
    # See throttle.hourly_outcomes_by_provider.ProviderCounts.
    attempted = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    complained = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "provider", "since"], name="provider_hour_once")
        ]
        indexes = [models.Index(fields=["since"], name="provider_hour_since")]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.provider} {self.since:%Y-%m-%d %H:%M}"


class Intervention(models.Model):
    """An action of the stop rules on a mailing, and its figures. Rows are added and never changed."""

    class Action(models.TextChoices):
        WARNED = "warned", _("staff were warned")
        SLOWED = "slowed", _("sending slowed down")
        PAUSED = "paused", _("paused")

    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="interventions", db_index=False
    )
    action = models.CharField(max_length=8, choices=Action.choices)
    # See rollout.stop_rules.ReachedLimit.
    metric = models.CharField(max_length=12)
    provider = models.CharField(max_length=255, blank=True)
    cases = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    limit = models.FloatField()
    total_cases = models.PositiveIntegerField()
    # For staff.
    message = models.CharField(max_length=300)
    at = models.DateTimeField()
    # Since when was counted.
    counted_from = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            # A second worker that evaluates the same counts does nothing more.
            models.UniqueConstraint(
                fields=["mailing", "counted_from", "provider", "metric", "action", "total_cases"],
                name="intervention_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.action}: {self.message}"


class ThrottleState(models.Model):
    """State of the throttle that all workers share; see throttle.shared_state."""

    # What it is about: "office", "relay HOST", "provider mail.ru", "breaker 7"…
    key = models.CharField(max_length=120, unique=True)
    data = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """Something that staff should check; one row per kind and mailing, which later alerts update."""

    # "KIND:MAILING", with 0 for no mailing.
    key = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=60)
    mailing = models.ForeignKey(Mailing, null=True, on_delete=models.CASCADE, related_name="alerts")
    # For staff.
    message = models.CharField(max_length=500)
    # Whether sending stopped; else it goes on.
    sending_stopped = models.BooleanField(default=True)
    # The page to open, "/desk/…"; empty: the mailing's report.
    path = models.CharField(max_length=200, blank=True)
    # When staff were notified last.
    raised_at = models.DateTimeField()

    class Meta:
        ordering = ["-raised_at"]

    def __str__(self) -> str:
        return self.key


class AlertPost(models.Model):
    """An alert for one webhook of [alerts]."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="posts")
    # Digest of the webhook's URL.
    webhook = models.CharField(max_length=32)
    # When it is posted next; null: it is accepted, or given up.
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True)
    # "status 500", or the kind of the error.
    reply = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "webhook"], name="alert_post_once")]

    def __str__(self) -> str:
        return f"alert {self.alert_id}: {self.reply or 'not posted yet'}"


class OutboxMessage(models.Model):
    """A transactional email: written in the caller's transaction, sent by the worker."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        REFUSED = "refused", _("refused")

    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    # The whole message, CRLF line ends; once sent or refused, without the secret parts of its links.
    message = models.BinaryField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    reply = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="outbox_waiting")]

    def __str__(self) -> str:
        return f"outbox {self.pk}: {self.state}"
