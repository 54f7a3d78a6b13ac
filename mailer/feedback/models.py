"""What came back: the messages as they arrived, what each said about whom, and the verdicts on it."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from mailer.delivery.models import Delivery, Mailing, OutboxMessage
from subscribers.models import Subscriber, Suppression


class ReturnedMessageQuerySet(models.QuerySet["ReturnedMessage"]):
    def for_a_person(self) -> Self:
        """Those that no rule understood, and that nobody is done with."""
        return self.filter(kind="other", done_at__isnull=True)


class ReturnedMessage(models.Model):
    """What came back, as it came: a message to the bounce mailbox, or one event of a service in JSON.

    Kept so that every verdict can be shown its evidence.
    """

    class Kind(models.TextChoices):
        BOUNCE = "bounce", "bounce"
        DELAY = "delay", "delayed, still being tried"
        COMPLAINT = "complaint", "complaint"
        AUTO_REPLY = "auto_reply", "automatic answer"
        UNSUBSCRIBE = "unsubscribe", "wish to leave"
        RECEIPT = "receipt", "receipt"
        OTHER = "other", "for a person"

    class Sorted(models.TextChoices):
        NOTHING = "nothing", "nothing to do"
        BOUNCE = "bounce", "the address does not work"
        COMPLAINT = "complaint", "a complaint"
        LEAVE = "leave", "a wish to leave"

    # SHA-256 of the message with normalised line ends, or of the event's name: the same twice is one.
    sha256 = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    raw = models.BinaryField()
    # The service that told of it, by its name in the configuration; empty: it came by mail.
    service = models.CharField(max_length=16, blank=True, default="")
    received_at = models.DateTimeField(default=timezone.now)
    # As its head says, decoded; for people to find it by.
    sender = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    # When a person was done with it, who, what they say it is, and number of the subscriber it is about.
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=150, blank=True)
    sorted_as = models.CharField(max_length=10, choices=Sorted.choices, blank=True)
    about = models.BigIntegerField(null=True)

    objects = ReturnedMessageQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(fields=["-received_at"], name="returned_latest"),
            models.Index(fields=["kind", "-received_at"], name="returned_of_kind"),
            # Partial, and used only where a query repeats the condition word for word.
            models.Index(
                fields=["-received_at"],
                condition=Q(kind="other", done_at__isnull=True),
                name="returned_for_a_person",
            ),
            models.Index(fields=["-received_at"], condition=Q(done_at__isnull=False), name="returned_done"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class WayIn(models.Model):
    """A way by which returned mail is taken in, and how it fares."""

    # Which one it is: "imap://bounces@mail.example.org:993/INBOX".
    address = models.CharField(max_length=255, unique=True)
    # Up to where all was taken in, where that is known by place: "UIDVALIDITY:UID".
    position = models.CharField(max_length=60, blank=True)
    # When it was last read without trouble.
    read_at = models.DateTimeField(null=True)
    # Messages in it that can be neither read nor stored; they are tried again and again.
    stuck = models.PositiveIntegerField(default=0)
    # Since when it cannot be read, how often that was tried, and why not, in words for staff.
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=500, blank=True)
    # When the worker looks again.
    due_at = models.DateTimeField(null=True)
    # When staff were told of the trouble.
    told_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["address"]

    def __str__(self) -> str:
        return self.address


class FeedbackEvent(models.Model):
    """What was said about one recipient: a bounce, a complaint, a departure."""

    class Kind(models.TextChoices):
        BOUNCE = "bounce", "bounce"
        COMPLAINT = "complaint", "complaint"
        UNSUBSCRIBE = "unsubscribe", "unsubscribe"

    class Class(models.TextChoices):
        HARD = "hard", "hard"
        SOFT = "soft", "soft"
        BLOCK = "block", "block"
        UNKNOWN = "unknown", "unknown"
        NONE = "", "none"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    bounce_class = models.CharField(max_length=8, choices=Class.choices, blank=True)
    # unknown_user, mailbox_full, spam_content…
    reason = models.CharField(max_length=40, blank=True)
    # Enhanced status code (RFC 3463), "5.1.1".
    status = models.CharField(max_length=12, blank=True)
    diagnostic = models.TextField(blank=True)
    # Name of the rule by which it was classified.
    rule = models.CharField(max_length=120, blank=True)
    # How the reader was found: one of records.PROOFS, or "recipient": an address that anybody could have
    # written.
    identity = models.CharField(max_length=20, blank=True)
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.SET_NULL, related_name="events")
    # The delivery's mailing.
    mailing = models.ForeignKey(
        Mailing, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False
    )
    # Whose mail system it was (delivery.providers); empty when no address is known.
    provider = models.CharField(max_length=255, blank=True)
    # Number of the subscriber, null when nobody was found.
    subscriber = models.BigIntegerField(null=True)
    # Keyed hash of their address then: what came back from one address says nothing about the next.
    address_hash = models.BinaryField(max_length=16, null=True)
    newsletter = models.BigIntegerField(null=True)
    message = models.ForeignKey(ReturnedMessage, null=True, on_delete=models.SET_NULL, related_name="events")
    # When it happened, as far as that is known.
    at = models.DateTimeField(default=timezone.now)
    # When the stop rules took notice of it.
    counted_at = models.DateTimeField(null=True)
    # The key of its origin (records.Origin) and which of its recipients it is about; null for a departure.
    origin = models.CharField(max_length=128, null=True, blank=True, unique=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["subscriber", "kind", "at"], name="feedback_of_reader"),
            models.Index(fields=["mailing", "kind", "bounce_class"], name="feedback_of_mailing"),
            models.Index(fields=["newsletter", "kind", "at"], name="feedback_of_newsletter"),
            # Partial, and used only where a query repeats the condition word for word.
            models.Index(fields=["id"], condition=Q(counted_at__isnull=True), name="feedback_uncounted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reason} at {self.at:%Y-%m-%d}"


class Outage(models.Model):
    """Many readers at one domain, fine before, came back within hours: perhaps its server is broken."""

    class State(models.TextChoices):
        # Some came back, too few to tell.
        WATCHED = "watched", "watched"
        OPEN = "open", "waiting for a decision"
        CONFIRMED = "confirmed", "the addresses were stopped"
        DISMISSED = "dismissed", "the addresses were kept"
        # Mail was accepted again, or nothing was heard any more.
        OVER = "over", "over by itself"

    domain = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WATCHED)
    # Readers who came back so far, and those that could be mailed there (null: not counted yet).
    returned = models.PositiveIntegerField(default=1)
    readers = models.PositiveIntegerField(null=True)
    began_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    # Empty: by itself.
    decided_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-began_at", "-pk"]
        indexes = [models.Index(fields=["domain", "began_at"], name="outage_of_domain")]

    def __str__(self) -> str:
        return f"{self.domain}: {self.get_state_display()}"


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def with_address(self) -> Any:
        """With `email`, the address of whoever still has it; None of whoever has not."""
        person = Subscriber.objects.filter(address_hash=OuterRef("address_hash"))
        return self.annotate(email=Subquery(person.values("email")[:1]))


class Verdict(models.Model):
    """An automatic verdict on one reader's address, and what it rests on; taken back in one step."""

    class State(models.TextChoices):
        STANDING = "standing", "stopped"
        # Mail goes on meanwhile, in both cases.
        HELD = "held", "held for a decision"
        PROBING = "probing", "being asked"
        DISMISSED = "dismissed", "dropped"
        REVERSED = "reversed", "taken back"

    class Rule(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", "the address does not exist"
        TWO_HARD_BOUNCES = "two_hard_bounces", "bounces say that the address does not exist"
        SOFT_BOUNCES = "soft_bounces", "mail kept coming back"
        COMPLAINT = "complaint", "marked as unwanted"

    # States in which it still counts.
    OPEN = (State.STANDING, State.HELD, State.PROBING)

    # Number of the subscriber; stays when the person is erased.
    subscriber = models.BigIntegerField()
    # The reader's address then, as a keyed hash, and its domain.
    address_hash = models.BinaryField(max_length=16)
    domain = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices)
    rule = models.CharField(max_length=20, choices=Rule.choices)
    # Why, in words for staff.
    because = models.CharField(max_length=300)
    # What counted.
    events = models.ManyToManyField(FeedbackEvent, related_name="verdicts")
    # Whether mail had arrived at the address before.
    was_fine = models.BooleanField(default=False)
    at = models.DateTimeField()
    # Since when it stands.
    stood_at = models.DateTimeField(null=True)
    # What keeps mail away while it stands.
    suppression = models.ForeignKey(
        Suppression, null=True, on_delete=models.SET_NULL, related_name="verdicts"
    )
    # Ids of the lists that it took the reader off.
    ended_lists = models.JSONField(default=list)
    outage = models.ForeignKey(Outage, null=True, on_delete=models.SET_NULL, related_name="verdicts")
    # The mail that asks whether the address still works.
    probe = models.ForeignKey(OutboxMessage, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(null=True)
    # When it was dropped or taken back, and why or by whom, in words.
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            # One that counts for each address, whoever else judges at the same moment.
            models.UniqueConstraint(
                fields=["address_hash"],
                condition=Q(state__in=["standing", "held", "probing"]),
                name="verdict_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["subscriber", "at"], name="verdict_of_reader"),
            models.Index(fields=["address_hash", "state"], name="verdict_of_address"),
            models.Index(fields=["domain", "stood_at"], name="verdict_of_domain"),
            models.Index(fields=["state", "at"], name="verdict_in_state"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.rule}, {self.state}"
