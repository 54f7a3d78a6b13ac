"""The ledger: mailings, one row per reader's copy, and the outbox for every other mail."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.editions.models import Edition


class MailingQuerySet(models.QuerySet["Mailing"]):
    def real(self) -> Self:
        """Those that go to readers."""
        return self.filter(rehearsal_to="")

    def rehearsals(self) -> Self:
        """Those of which every message goes to a colleague."""
        return self.exclude(rehearsal_to="")


class Mailing(models.Model):
    """The sending of an approved edition to its audience, or the rehearsal of that."""

    class State(models.TextChoices):
        PLANNING = "planning", "counting its readers"
        HELD = "held", "held for a person"
        SENDING = "sending", "sending"
        PAUSED = "paused", "paused"
        DONE = "done", "sent"
        CANCELLED = "cancelled", "cancelled"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="mailings")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="mailings")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNING)
    # Readers when membership was frozen; null until planned.
    audience = models.PositiveIntegerField(null=True)
    # Why it is held or paused, in words for staff.
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    planned_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When what is still deferred counts as refused.
    expires_at = models.DateTimeField(null=True)
    # While it is released in steps: the last delivery (by id) that may leave so far (null: all may), which
    # step it is, from 0, and since when all of it is out.
    released_up_to = models.BigIntegerField(null=True)
    step = models.PositiveSmallIntegerField(null=True)
    step_at = models.DateTimeField(null=True)
    # From when on the stop rules count: since a person resumed what they had stopped; null: since it began.
    counted_from = models.DateTimeField(null=True)
    # The colleague's address that every message of a rehearsal goes to; empty for the real mailing. The
    # database lets nobody change it.
    rehearsal_to = models.CharField(max_length=320, blank=True, default="")
    # Readers that a rehearsal is made for, at most; null: all.
    rehearsal_limit = models.PositiveIntegerField(null=True)

    objects = MailingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot"], condition=Q(rehearsal_to=""), name="mailing_one_real"
            )
        ]

    def __str__(self) -> str:
        return f"{self.edition}: {self.get_state_display()}"


class Delivery(models.Model):
    """One reader's copy in a mailing. `accepted` means that the next server took it, and no more."""

    class State(models.TextChoices):
        PLANNED = "planned", "planned"
        CLAIMED = "claimed", "being sent"
        ACCEPTED = "accepted", "accepted"
        DEFERRED = "deferred", "deferred"
        REFUSED = "refused", "refused"
        IN_DOUBT = "in_doubt", "in doubt"
        EXCLUDED = "excluded", "left out"

    # Neither reference needs an index of its own: those below begin with mailing, and no variant is deleted.
    # Nor does the database prove them: planning writes a million rows at once from rows that it holds, and
    # the proof would take a third of its time.
    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    # Number of the subscriber; stays when the person is erased, so it is no foreign key.
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
    # The reader's countries when planned, "KZ,UZ"; what the mail's own words name.
    countries = models.CharField(max_length=800, blank=True)
    # Why it is excluded or refused: suppressed, unconfirmed, no_stories, cancelled, expired…
    reason = models.CharField(max_length=40, blank=True)
    # Who holds it, and until when.
    claimed_by = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # How often its dot was sent and no reply read; a message is sent again for the first doubt only.
    doubts = models.PositiveSmallIntegerField(default=0)
    # When a deferred one is due again.
    due_at = models.DateTimeField(null=True)
    # The server's last words.
    reply = models.CharField(max_length=500, blank=True)
    accepted_at = models.DateTimeField(null=True)
    # Marks on an accepted delivery.
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    # When the feedback stage read its refusal.
    refusal_read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "subscriber"], name="delivery_once")]
        indexes = [
            # Partial, and used only where a query repeats the condition word for word.
            models.Index(fields=["mailing", "id"], condition=Q(state="planned"), name="delivery_planned"),
            models.Index(
                fields=["mailing", "due_at"], condition=Q(state="deferred"), name="delivery_deferred"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="claimed"), name="delivery_claimed"),
            models.Index(fields=["mailing", "id"], condition=Q(state="in_doubt"), name="delivery_in_doubt"),
            models.Index(
                fields=["id"],
                condition=Q(state="refused", refusal_read_at__isnull=True),
                name="delivery_refusal_unread",
            ),
            models.Index(fields=["subscriber", "id"], name="delivery_of_reader"),
            # Of all but the many: an entry for each that is accepted would cost what recording it costs.
            models.Index(
                fields=["mailing", "state", "reason"], condition=~Q(state="accepted"), name="delivery_missed"
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
    """What a worker holds: of a mailing's deliveries the planned ones from `first` to `last`. See claims."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="claims")
    owner = models.CharField(max_length=64)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.first} to {self.last} held by {self.owner}"


class ProviderHour(models.Model):
    """Copies of a mailing that left for one provider within an hour, and what became of them since."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="hours", db_index=False)
    # See providers.
    provider = models.CharField(max_length=255)
    # Beginning of the hour in UTC, or a moment within it from which counting began afresh.
    since = models.DateTimeField()
    # See limits.Counted.
    tried = models.PositiveIntegerField(default=0)
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
    """What the stop rules did about a mailing, and on what counts. Rows are added and never changed."""

    class Deed(models.TextChoices):
        WARNED = "warned", "staff were warned"
        BRAKED = "braked", "slowed down"
        PAUSED = "paused", "paused"

    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="interventions", db_index=False
    )
    deed = models.CharField(max_length=8, choices=Deed.choices)
    # See limits.Finding.
    sign = models.CharField(max_length=12)
    provider = models.CharField(max_length=255, blank=True)
    cases = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    limit = models.FloatField()
    seen = models.PositiveIntegerField()
    # In words for staff.
    words = models.CharField(max_length=300)
    at = models.DateTimeField()
    # From when on was counted.
    counted_from = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            # Whoever else looks at the same counts at the same moment does nothing more.
            models.UniqueConstraint(
                fields=["mailing", "counted_from", "provider", "sign", "deed", "seen"],
                name="intervention_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.deed}: {self.words}"


class Pace(models.Model):
    """What the workers know together about how fast mail may leave; rows come and go."""

    # What it is about: "relay second", "provider mail.ru"…
    key = models.CharField(max_length=120, unique=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """Something that staff should look at; one row of a kind and mailing, told anew later."""

    # "KIND:MAILING", with 0 for no mailing.
    key = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=60)
    mailing = models.ForeignKey(Mailing, null=True, on_delete=models.CASCADE, related_name="alerts")
    # In words for staff.
    words = models.CharField(max_length=500)
    # Whether sending stopped by itself; else it goes on.
    stopped = models.BooleanField(default=True)
    # The page to look at, "/desk/…"; empty: the mailing's report.
    path = models.CharField(max_length=200, blank=True)
    # When it was told last.
    at = models.DateTimeField()
    # When the webhook is tried next; null: it was told, or there is none.
    post_at = models.DateTimeField(null=True)
    posts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.key


class OutboxMessage(models.Model):
    """A mail that is not an edition: written in the caller's transaction, sent by the worker."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        REFUSED = "refused", "refused"

    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    # The whole message, CRLF line ends.
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
