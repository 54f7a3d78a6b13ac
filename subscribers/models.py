"""People: subscribers, the lists they are on, and the addresses that must not be mailed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from subscribers.addresses import address_hash
from subscribers.fields import CountriesField


class Subscriber(models.Model):
    """A person who may receive newsletters; never logs in."""

    # Lower case, domain as A-labels; see addresses.normalise.
    email = models.EmailField(unique=True, max_length=254)
    # Keyed hash of the address: what a suppression is matched by, also after erasure.
    address_hash = models.BinaryField(max_length=16, unique=True, editable=False)
    name = models.CharField(max_length=200, blank=True)
    # Language code of the reader's choice.
    language = models.CharField(max_length=12, default="en")
    # Countries whose stories the reader wants; none means every country.
    countries = CountriesField()
    # When the reader agreed that what they open may be kept under their name; null: they did not.
    tracking_agreed_at = models.DateTimeField(null=True, editable=False)
    # When the sign-up form last made us write to this address.
    letter_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["language", "countries"], name="subscriber_choice"),
            models.Index(
                fields=["letter_at"], condition=Q(letter_at__isnull=False), name="subscriber_letters"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: object, **kwargs: object) -> None:
        self.address_hash = address_hash(self.email)
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class MailingList(models.Model):
    """A list that people join; newsletters are sent to lists."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=400, blank=True)
    # Whether the sign-up page offers it.
    public = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """One person on one list, and whether they asked for it."""

    class State(models.TextChoices):
        PENDING = "pending", "waiting for confirmation"
        CONFIRMED = "confirmed", "confirmed"
        UNSUBSCRIBED = "unsubscribed", "unsubscribed"

    # Sources that are the reader's own word.
    BY_READER = ("form", "preferences")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="subscriptions")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    # How the person came to be here: "form", "import FILE", "admin NAME".
    source = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "mailing_list"], name="subscription_once"),
        ]
        indexes = [models.Index(fields=["mailing_list", "state", "subscriber"], name="subscription_audience")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.mailing_list_id}: {self.state}"


class Suppression(models.Model):
    """An address that no mailing may reach until the suppression is lifted."""

    class Reason(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", "the address does not exist"
        SOFT_BOUNCES = "soft_bounces", "mail kept coming back"
        COMPLAINT = "complaint", "marked as unwanted"
        MANUAL = "manual", "stopped by a person"
        ERASED = "erased", "erased at their request"

    address_hash = models.BinaryField(max_length=16)
    # For people to read; empty after erasure.
    email = models.EmailField(blank=True, max_length=254)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    # What the verdict rests on: the server's words, the code, the rule.
    evidence = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    # After a complaint: when and by whom the reader was let back in. Confirming a new sign-up lifts it then.
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash"], condition=Q(lifted_at__isnull=True), name="suppression_once_in_force"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email or 'an erased address'}: {self.get_reason_display()}"
