"""People: subscribers, the lists they are on, and the addresses that must not be mailed."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from subscribers.addresses import address_hash
from subscribers.bulk.models import BulkChange, BulkRun
from subscribers.fields import CountriesField
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow, ImportRun
from subscribers.reconfirmation.models import Asked, Asking
from subscribers.segments.models import CustomField, FieldValue, SavedSegment, Tag, Tagging

__all__ = [
    "Asked",
    "Asking",
    "BulkChange",
    "BulkRun",
    "ConsentRecord",
    "ConsentText",
    "CustomField",
    "FieldValue",
    "ImportChange",
    "ImportRefusal",
    "ImportRow",
    "ImportRun",
    "ListGrowth",
    "MailingList",
    "SavedSegment",
    "SignUpCount",
    "Subscriber",
    "Subscription",
    "Suppression",
    "Tag",
    "Tagging",
]


_ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f]*$", "Must be a single line.")


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
    # Until when the reader wants no edition; null, or past: they get every one.
    paused_until = models.DateTimeField(null=True, editable=False)
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

    class OptIn(models.TextChoices):
        DOUBLE = "double", "with a confirmation"
        SINGLE = "single", "at once"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=400, blank=True)
    # Whether the sign-up page offers it.
    public = models.BooleanField(default=True)
    opt_in = models.CharField("joining", max_length=8, choices=OptIn.choices, default=OptIn.DOUBLE)
    # Of letters about the list; empty: the office's own.
    sender_name = models.CharField("sender's name", max_length=120, blank=True, validators=[_ONE_LINE])
    sender_email = models.EmailField("sender's address", blank=True)
    # Language code to the words that greet whoever is confirmed; none: no letter.
    welcome = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ListGrowth(models.Model):
    """Who joined and left a list, month by month, as `growth` counted it."""

    mailing_list = models.OneToOneField(MailingList, on_delete=models.CASCADE, related_name="growth")
    months = models.JSONField()
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.mailing_list_id} as of {self.counted_at:%Y-%m-%d}"


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


class ConsentText(models.Model):
    """Words that readers were shown beside a button, kept once in each version."""

    # SHA-256 of language and text, hexadecimal.
    sha256 = models.CharField(max_length=64, unique=True)
    language = models.CharField(max_length=12)
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.language}: {self.text[:60]}"


class ConsentRecord(models.Model):
    """One thing that a reader said about their mail, or that was said for them. Rows are added and never
    changed, which the database sees to; they go with the person."""

    class Act(models.TextChoices):
        ASKED = "asked", "asked for it"
        CONFIRMED = "confirmed", "confirmed by the link in our letter"
        JOINED = "joined", "joined"
        IMPORTED = "imported", "put on the list by an import"
        ADDED = "added", "put on the list by staff"
        RESTORED = "restored", "put back on the list"
        LEFT = "left", "left"
        ENDED = "ended", "taken off the list"
        CHOSE = "chose", "changed what they get"
        MOVED = "moved", "changed their address"
        TRACKING_ON = "tracking_on", "agreed that clicks are counted for them"
        TRACKING_OFF = "tracking_off", "wants no clicks counted for them"

    class How(models.TextChoices):
        FORM = "form", "the sign-up form"
        LETTER = "letter", "the link in a letter of ours"
        PREFERENCES = "preferences", "their preferences page"
        ONE_CLICK = "one_click", "the unsubscribe button of a mail"
        MAIL = "mail", "a mail to us"
        SERVICE = "service", "the service that sends our mail"
        IMPORT = "import", "an import"
        DESK = "desk", "the desk"
        COMMAND = "command", "the command line"
        VERDICT = "verdict", "a rule about what came back"

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    # None: about every list, or about none.
    mailing_list = models.ForeignKey(MailingList, null=True, on_delete=models.CASCADE, related_name="+")
    act = models.CharField(max_length=16, choices=Act.choices)
    how = models.CharField(max_length=12, choices=How.choices)
    at = models.DateTimeField()
    # What stood beside the button.
    text = models.ForeignKey(ConsentText, null=True, on_delete=models.PROTECT, related_name="+")
    # Where it came from, in words: the import's source, the page of a form, the rule.
    source = models.CharField(max_length=200, blank=True)
    # Who answers for it, where it is not the reader's own act.
    vouched_by = models.CharField(max_length=150, blank=True)
    # Network (/24 or /48) and program of the reader; emptied after some months.
    network = models.CharField(max_length=49, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["at"], condition=~Q(network="") | ~Q(agent=""), name="consent_with_details")
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.act} at {self.at:%Y-%m-%d}"


class SignUpCount(models.Model):
    """How often something happened since a moment: what the limits of signing up go by."""

    # "all", "network 203.0.113.0/24", "domain example.org", "address HASH", "form NONCE".
    key = models.CharField(max_length=300, unique=True)
    since = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["since"], name="sign_up_count_age")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class AddressChange(models.Model):
    """A reader's wish to be written to at another address: confirmed there, told of at the one before."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="address_changes")
    old_email = models.EmailField(max_length=254)
    new_email = models.EmailField(max_length=254)
    asked_at = models.DateTimeField()
    # When the button behind the link to the new address was pressed.
    confirmed_at = models.DateTimeField(null=True)
    # When somebody at the old address said that it was not them.
    disowned_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["asked_at"], name="address_change_age")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} asked at {self.asked_at:%Y-%m-%d}"


class FormerAddress(models.Model):
    """An address that a person had before, as a hash: whoever writes or is imported by it is that person."""

    address_hash = models.BinaryField(max_length=16, unique=True)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="former_addresses")
    # Number of the person who had it and became one with this one; null: it was this one.
    number = models.BigIntegerField(null=True, unique=True)
    # False: they said that it was not theirs. Then no file brings it back, and no wish from there is theirs.
    own = models.BooleanField(default=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"a former address of {self.subscriber_id}"
