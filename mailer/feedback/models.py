"""Tables of feedback: returned messages, their events, mail sources, webhook payloads, and decisions."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.delivery.models import Delivery, Mailing, OutboxMessage
from subscribers.models import Subscriber, Suppression


class ReturnedMessageQuerySet(models.QuerySet["ReturnedMessage"]):
    def unclassified(self) -> Self:
        """Messages that no rule recognised, and that staff have not triaged yet."""
        return self.filter(kind="other", triaged_at__isnull=True)


class ReturnedMessage(models.Model):
    """A message as it arrived in a bounce mailbox, or one event of a service in JSON.

    It is the evidence of suppression decisions.
    """

    class Kind(models.TextChoices):
        BOUNCE = "bounce", _("bounce")
        DELAY = "delay", _("delayed")
        COMPLAINT = "complaint", _("complaint")
        AUTO_REPLY = "auto_reply", _("automatic reply")
        UNSUBSCRIBE = "unsubscribe", _("unsubscribe request")
        RECEIPT = "receipt", _("receipt")
        OTHER = "other", _("unclassified")

    class TriageResult(models.TextChoices):
        NOTHING = "nothing", _("no action was taken")
        BOUNCE = "bounce", _("the address does not exist")
        COMPLAINT = "complaint", _("complaint")
        UNSUBSCRIBE = "unsubscribe", _("unsubscribe request")

    # SHA-256 of the message with LF line ends, or of the event's id: the same message twice is one row.
    sha256 = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    raw = models.BinaryField()
    # The service that reported the event, by its name in the configuration; empty: it came by mail.
    service = models.CharField(max_length=16, blank=True, default="")
    received_at = models.DateTimeField(default=timezone.now)
    # From its header, decoded; staff find messages by them.
    sender = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    # When staff triaged it, who, what they say it is, and id of the subscriber it is about.
    triaged_at = models.DateTimeField(null=True)
    triaged_by = models.CharField(max_length=150, blank=True)
    triage_result = models.CharField(max_length=12, choices=TriageResult.choices, blank=True)
    subscriber = models.BigIntegerField(null=True)

    objects = ReturnedMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("returned message")
        verbose_name_plural = _("returned messages")
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(fields=["-received_at"], name="returned_latest"),
            models.Index(fields=["kind", "-received_at"], name="returned_by_kind"),
            # Partial, and used only where a query repeats the condition exactly.
            models.Index(
                fields=["-received_at"],
                condition=Q(kind="other", triaged_at__isnull=True),
                name="returned_unclassified",
            ),
            models.Index(
                fields=["-received_at"], condition=Q(triaged_at__isnull=False), name="returned_triaged"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class ReplyAnswer(models.Model):
    """What staff answered to a returned message; it goes with the message."""

    message = models.ForeignKey(ReturnedMessage, on_delete=models.CASCADE, related_name="answers")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    # The address that it was sent to, and the one that it was sent from.
    recipient = models.EmailField(max_length=254)
    sender = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    body = models.TextField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"answer to message {self.message_id}"


class InboundSource(models.Model):
    """A mailbox or server through which returned mail arrives, and its health."""

    # Identifies it: "imap://bounces@mail.example.org:993/INBOX".
    url = models.CharField(max_length=255, unique=True)
    # Up to where every message was acknowledged, for IMAP: "UIDVALIDITY:UID".
    position = models.CharField(max_length=60, blank=True)
    # When it was last read without an error.
    last_read_at = models.DateTimeField(null=True)
    # Messages in it that can be neither read nor stored; they are tried again.
    failed_messages = models.PositiveIntegerField(default=0)
    # Since when it cannot be read, how often that was tried, and the error, as text for staff.
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    # When the worker polls it again.
    next_poll_at = models.DateTimeField(null=True)
    # When staff were last notified of the error.
    notified_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["url"]

    def __str__(self) -> str:
        return self.url


class FeedbackEvent(models.Model):
    """A bounce, a complaint or an unsubscribe of one subscriber."""

    class Kind(models.TextChoices):
        BOUNCE = "bounce", _("bounce")
        COMPLAINT = "complaint", _("complaint")
        UNSUBSCRIBE = "unsubscribe", _("unsubscribe")

    class Class(models.TextChoices):
        HARD = "hard", _("hard")
        SOFT = "soft", _("soft")
        BLOCK = "block", _("block")
        UNKNOWN = "unknown", _("unknown")
        NONE = "", pgettext_lazy("staff", "none")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    bounce_class = models.CharField(max_length=8, choices=Class.choices, blank=True)
    # unknown_user, mailbox_full, spam_content…
    reason = models.CharField(max_length=40, blank=True)
    # Enhanced status code (RFC 3463), "5.1.1".
    status = models.CharField(max_length=12, blank=True)
    diagnostic = models.TextField(blank=True)
    # Name of the rule that classified it.
    rule = models.CharField(max_length=120, blank=True)
    # How the subscriber was identified: one of parsing.evidence.AUTHENTICATED, or "recipient": by an address,
    # which can be forged.
    identity = models.CharField(max_length=20, blank=True)
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.SET_NULL, related_name="events")
    # The delivery's mailing.
    mailing = models.ForeignKey(
        Mailing, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False
    )
    # The mailbox provider of the address; empty when no address is known.
    provider = models.CharField(max_length=255, blank=True)
    # Id of the subscriber; null when none was identified.
    subscriber = models.BigIntegerField(null=True)
    # Keyed hash of their address at that time: a bounce says nothing about an address that they have later.
    address_hash = models.BinaryField(max_length=16, null=True)
    # Equal for the same reply about other addresses (classify.reply_fingerprint); "" where no server replied.
    reply_fingerprint = models.CharField(max_length=32, blank=True)
    newsletter = models.BigIntegerField(null=True)
    message = models.ForeignKey(ReturnedMessage, null=True, on_delete=models.SET_NULL, related_name="events")
    # When it happened, as far as that is known.
    at = models.DateTimeField(default=timezone.now)
    # When the stop rules counted it.
    counted_at = models.DateTimeField(null=True)
    # EventSource.key, and the position of the recipient that it is about; null for an unsubscribe.
    source_key = models.CharField(max_length=128, null=True, blank=True, unique=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["subscriber", "kind", "at"], name="feedback_by_subscriber"),
            models.Index(fields=["mailing", "kind", "bounce_class"], name="feedback_by_mailing"),
            models.Index(fields=["newsletter", "kind", "at"], name="feedback_by_newsletter"),
            models.Index(fields=["reply_fingerprint", "at"], name="feedback_by_reply"),
            # Partial, and used only where a query repeats the condition exactly.
            models.Index(fields=["id"], condition=Q(counted_at__isnull=True), name="feedback_uncounted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reason} at {self.at:%Y-%m-%d}"


class BounceWave(models.Model):
    """Many bounces at once that may have another cause than the addresses: decisions wait until staff decide.

    Either subscribers of one domain whose mail was delivered before: perhaps its server is broken. Or
    subscribers who got the same reply, which is new: perhaps it is about us.
    """

    class State(models.TextChoices):
        # Some bounced, too few to tell.
        WATCHED = "watched", _("watched")
        OPEN = "open", _("waiting for a decision by staff")
        CONFIRMED = "confirmed", _("the addresses were suppressed")
        DISMISSED = "dismissed", _("the addresses were kept subscribed")
        # Mail was delivered again, or nothing confirmed the bounces.
        OVER = "over", _("closed automatically: no address is waiting for a decision")

    # Of a domain: its name. Of a reply: "".
    domain = models.CharField(max_length=255, blank=True)
    # Of a reply: FeedbackEvent.reply_fingerprint, and its words without addresses. Of a domain: "".
    reply_fingerprint = models.CharField(max_length=32, blank=True)
    reply = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WATCHED)
    # Subscribers who bounced so far (of a reply: with a decision), and those at the domain that can be
    # mailed (null: not counted).
    bounced = models.PositiveIntegerField(default=1)
    mailable = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    # Empty: automatically.
    decided_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = _("bounce wave")
        verbose_name_plural = _("bounce waves")
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["domain", "started_at"], name="wave_by_domain"),
            models.Index(fields=["reply_fingerprint", "started_at"], name="wave_by_reply"),
        ]

    def __str__(self) -> str:
        return f"{self.domain or self.reply}: {self.get_state_display()}"


class SuppressionDecisionQuerySet(models.QuerySet["SuppressionDecision"]):
    def with_email(self) -> Any:
        """Annotated with `email`, the address, where a subscriber still has it; else None."""
        person = Subscriber.objects.filter(address_hash=OuterRef("address_hash"))
        return self.annotate(email=Subquery(person.values("email")[:1]))


class SuppressionDecision(models.Model):
    """An automatic decision about one subscriber's address, with its evidence; staff can revert it in one
    step.
    """

    class State(models.TextChoices):
        APPLIED = "applied", _("suppressed")
        # The subscriber still gets mail while it is held or probing.
        HELD = "held", _("needs a decision by staff")
        PROBING = "probing", _("waiting for the result of a test email")
        DISMISSED = "dismissed", _("no suppression needed")
        REVERTED = "reverted", _("decision reverted")

    class Rule(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", _("the address does not exist")
        TWO_HARD_BOUNCES = "two_hard_bounces", _("bounces say that the address does not exist")
        SOFT_BOUNCES = "soft_bounces", _("repeated soft bounces")
        COMPLAINT = "complaint", _("marked as spam")

    # States in which it is in effect or may come into effect.
    OPEN = (State.APPLIED, State.HELD, State.PROBING)

    # Id of the subscriber; it stays when they are erased.
    subscriber = models.BigIntegerField()
    # Keyed hash of the subscriber's address at that time, and its domain.
    address_hash = models.BinaryField(max_length=16)
    domain = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices)
    rule = models.CharField(max_length=20, choices=Rule.choices)
    # Explanation for staff.
    reason = models.CharField(max_length=300)
    # The events that counted.
    events = models.ManyToManyField(FeedbackEvent, related_name="decisions")
    # Whether mail was delivered to the address before.
    had_deliveries = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # When it was applied.
    applied_at = models.DateTimeField(null=True)
    # The suppression that it made.
    suppression = models.ForeignKey(
        Suppression, null=True, on_delete=models.SET_NULL, related_name="decisions"
    )
    # Ids of the lists from which it unsubscribed them.
    unsubscribed_lists = models.JSONField(default=list)
    wave = models.ForeignKey(BounceWave, null=True, on_delete=models.SET_NULL, related_name="decisions")
    # The message that tests whether the address still works.
    probe = models.ForeignKey(OutboxMessage, null=True, on_delete=models.SET_NULL, related_name="+")
    probed_at = models.DateTimeField(null=True)
    # When it was dismissed or reverted, and why or by whom.
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True)

    objects = SuppressionDecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression decision")
        verbose_name_plural = _("suppression decisions")
        ordering = ["-created_at", "-pk"]
        constraints = [
            # One open decision for each address, also when two workers decide at the same moment.
            models.UniqueConstraint(
                fields=["address_hash"],
                condition=Q(state__in=["applied", "held", "probing"]),
                name="decision_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["subscriber", "created_at"], name="decision_by_subscriber"),
            models.Index(fields=["address_hash", "state"], name="decision_by_address"),
            models.Index(fields=["domain", "applied_at"], name="decision_by_domain"),
            models.Index(fields=["state", "created_at"], name="decision_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.rule}, {self.state}"


class WebhookPayload(models.Model):
    """A verified request as it came, until the worker has applied it."""

    # The ESP's name in the configuration.
    service = models.CharField(max_length=16)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=timezone.now)
    # Attempts to apply it that failed, and when the next one is due.
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # A scan of the table would read the bodies.
        indexes = [models.Index(fields=["due_at"], name="webhook_payload_due")]

    def __str__(self) -> str:
        return f"{self.service} {self.pk}"


class WebhookHeartbeat(models.Model):
    """That an ESP's webhooks arrive: a row for each ESP that was ever heard."""

    service = models.CharField(max_length=16, unique=True)
    last_received_at = models.DateTimeField()
    # Payloads that were processed so far.
    payload_count = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.service
