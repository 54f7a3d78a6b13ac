"""Subscribers, their subscriptions to lists, suppressed addresses and consent records."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from subscribers.addresses import address_hash
from subscribers.bulk.models import BulkChange, BulkJob
from subscribers.code_list_field import CountriesField
from subscribers.imports.models import ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.named_model import NamedModel
from subscribers.reconfirmation.models import ReconfirmationCampaign, ReconfirmationRequest
from subscribers.segments.models import CustomField, FieldValue, RuleCount, Segment, Tag, Tagging

__all__ = [
    "AddressChange",
    "BulkChange",
    "BulkJob",
    "ConsentRecord",
    "ConsentText",
    "CustomField",
    "DataLink",
    "FieldValue",
    "FormerAddress",
    "ImportChange",
    "ImportJob",
    "ImportRow",
    "KeyCanary",
    "ListGrowth",
    "MailingList",
    "RateLimitCounter",
    "ReconfirmationCampaign",
    "ReconfirmationRequest",
    "RejectedRow",
    "ReversibleErasure",
    "RuleCount",
    "Segment",
    "Subscriber",
    "Subscription",
    "Suppression",
    "Tag",
    "Tagging",
]


_ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f]*$", _("This text must be a single line."))


class Subscriber(models.Model):
    """A person who may get newsletters; never logs in."""

    # Lower case, domain as A-labels; see addresses.normalise.
    email = models.EmailField(unique=True, max_length=254, verbose_name=_("email"))
    # Keyed hash of the address: suppressions are matched by it, also after erasure.
    address_hash = models.BinaryField(
        max_length=16, unique=True, editable=False, verbose_name=_("hash of the email address")
    )
    name = models.CharField(max_length=200, blank=True, verbose_name=_("name"))
    # Preferred language code.
    language = models.CharField(max_length=12, default="en", verbose_name=_("language"))
    # Countries whose stories the subscriber wants; none means every country.
    countries = CountriesField(verbose_name=_("countries"))
    # When the subscriber agreed to tracking under their name; null: they did not.
    tracking_consent_at = models.DateTimeField(
        null=True, editable=False, verbose_name=_("time of the tracking consent")
    )
    # The subscriber gets no edition before this time; null or past: no pause.
    paused_until = models.DateTimeField(
        null=True, editable=False, verbose_name=_("subscription paused until")
    )
    # When the sign-up form last caused an email to this address.
    signup_email_at = models.DateTimeField(
        null=True, editable=False, verbose_name=_("time of the last sign-up email")
    )
    # Whether a link that is emailed to the subscriber opens their data. Not after the address was changed
    # without a click from the old one: who reads the present address may be another person than the data is
    # about.
    data_by_link = models.BooleanField(
        default=True, db_default=True, editable=False, verbose_name=_("link to the subscriber’s own data")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))
    updated_at = models.DateTimeField(auto_now=True, verbose_name=_("time of the last change"))

    class Meta:
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        indexes = [
            models.Index(fields=["language", "countries"], name="subscriber_preferences"),
            models.Index(
                fields=["signup_email_at"],
                condition=Q(signup_email_at__isnull=False),
                name="subscriber_signup_email",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: object, **kwargs: object) -> None:
        self.address_hash = address_hash(self.email)
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class MailingList(NamedModel):
    """A list that people subscribe to; newsletters are sent to lists."""

    class OptIn(models.TextChoices):
        DOUBLE = "double", _("double opt-in")
        SINGLE = "single", _("single opt-in")

    slug = models.SlugField(unique=True, verbose_name=_("slug"))
    name = models.CharField(max_length=200, verbose_name=pgettext_lazy("of a thing", "name"))
    description = models.CharField(max_length=400, blank=True, verbose_name=_("description"))
    # Whether the sign-up page offers it.
    public = models.BooleanField(default=True, verbose_name=_("public"))
    opt_in = models.CharField(_("opt-in"), max_length=8, choices=OptIn.choices, default=OptIn.DOUBLE)
    # From of transactional emails about the list; empty: the site's own.
    sender_name = models.CharField(_("sender's name"), max_length=120, blank=True, validators=[_ONE_LINE])
    sender_email = models.EmailField(_("sender's address"), blank=True)
    # Language code to the text of the welcome email; empty: none is sent.
    welcome_texts = models.JSONField(default=dict, blank=True, verbose_name=_("texts of the welcome email"))
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    class Meta(NamedModel.Meta):
        verbose_name = _("mailing list")
        verbose_name_plural = _("mailing lists")


class ListGrowth(models.Model):
    """Subscriptions and unsubscriptions of a list by month, as `list_growth` counts them."""

    mailing_list = models.OneToOneField(MailingList, on_delete=models.CASCADE, related_name="growth")
    months = models.JSONField()
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.mailing_list_id} as of {self.counted_at:%Y-%m-%d}"


class Subscription(models.Model):
    """One subscriber on one list, and whether they confirmed it."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for confirmation")
        CONFIRMED = "confirmed", _("confirmed")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")

    # Sources that are the subscriber's own act.
    BY_READER = ("form", "preferences")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="subscriptions")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    # How the subscription came about: "form", "import FILE", "admin NAME".
    source = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "mailing_list"], name="subscription_unique"),
        ]
        indexes = [models.Index(fields=["mailing_list", "state", "subscriber"], name="subscription_audience")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.mailing_list_id}: {self.state}"


class Suppression(models.Model):
    """An address that gets no mail until the suppression is lifted."""

    class Reason(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", _("hard bounce")
        SOFT_BOUNCES = "soft_bounces", _("repeated soft bounces")
        COMPLAINT = "complaint", _("spam complaint")
        MANUAL = "manual", _("suppressed by staff")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed in another system")
        ERASED = "erased", _("erased on the subscriber's request")

    address_hash = models.BinaryField(max_length=16)
    # For staff to read; empty after erasure.
    email = models.EmailField(blank=True, max_length=254)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    # What the suppression rests on: the server's reply, its code, the rule.
    evidence = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    # After a complaint: when and by whom the address was reopened. A confirmed new sign-up then lifts it.
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash"], condition=Q(lifted_at__isnull=True), name="suppression_unique_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email or 'an erased address'}: {self.get_reason_display()}"


class KeyCanary(models.Model):
    """The keyed hash of a fixed text, by which a wrong address-hash key is noticed; one row."""

    fingerprint = models.BinaryField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"canary of {self.created_at:%Y-%m-%d}"


class ConsentText(models.Model):
    """A text that was shown beside a button, stored once in each version."""

    # SHA-256 of language and text, hexadecimal.
    sha256 = models.CharField(max_length=64, unique=True)
    language = models.CharField(max_length=12)
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.language}: {self.text[:60]}"


class ConsentRecord(models.Model):
    """One consent event: what a subscriber did about their mail, or what was done for them.

    Rows are only added, which the database enforces, and deleted with the subscriber.
    """

    class Event(models.TextChoices):
        REQUESTED = "requested", _("requested a subscription")
        CONFIRMED = "confirmed", _("confirmed by the link in our email")
        SUBSCRIBED = "subscribed", _("subscribed")
        IMPORTED = "imported", _("added by an import")
        ADDED = "added", _("added by staff")
        RESTORED = "restored", _("subscription restored")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        REMOVED = "removed", _("removed from the list")
        PREFERENCES = "preferences", _("changed preferences")
        ADDRESS_CHANGED = "address_changed", _("changed the email address")
        TRACKING_ON = "tracking_on", _("agreed to tracking of clicks")
        TRACKING_OFF = "tracking_off", _("withdrew consent to tracking of clicks")

    class Channel(models.TextChoices):
        FORM = "form", _("sign-up form")
        EMAIL_LINK = "email_link", _("link in a transactional email")
        PREFERENCES = "preferences", _("preference center")
        ONE_CLICK = "one_click", _("one-click unsubscribe")
        EMAIL = "email", _("unsubscribe request by email")
        ESP = "esp", _("email service provider")
        IMPORT = "import", _("import")
        DESK = "desk", _("desk")
        API = "api", _("REST API")
        CLI = "cli", _("server administrator (command line)")
        DECISION = "decision", _("suppression decision")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    # None: not about one list.
    mailing_list = models.ForeignKey(MailingList, null=True, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=16, choices=Event.choices)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    at = models.DateTimeField()
    # The text beside the button.
    text = models.ForeignKey(ConsentText, null=True, on_delete=models.PROTECT, related_name="+")
    # Where it came from: the import's source, the page of a form, the rule.
    source = models.CharField(max_length=200, blank=True)
    # The user who attests it, where it is not the subscriber's own act.
    attested_by = models.CharField(max_length=150, blank=True)
    # Client network (/24 or /48) and user agent; emptied after `[retention] consent_details_months`.
    network = models.CharField(max_length=49, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["at"], condition=~Q(network="") | ~Q(user_agent=""), name="consent_with_details"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.event} at {self.at:%Y-%m-%d}"


class RateLimitCounter(models.Model):
    """How often something happened since a time; rate_limit counts here."""

    # "all", "network 203.0.113.0/24", "domain example.org", "address HASH", "form NONCE".
    key = models.CharField(max_length=300, unique=True)
    started_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["started_at"], name="rate_limit_counter_age")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class AddressChange(models.Model):
    """A subscriber's request to get mail at another address, which both addresses have to confirm.

    An old address that bounces confirms nothing; the new one is enough then.
    """

    # How long the links that confirm work, and after the request and the change the one that rejects it.
    CONFIRM_WITHIN = timedelta(days=3)
    REJECT_WITHIN = timedelta(days=30)

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="address_changes")
    old_email = models.EmailField(max_length=254)
    new_email = models.EmailField(max_length=254)
    requested_at = models.DateTimeField()
    # Whether the old address has to confirm; it got its links then.
    needs_old = models.BooleanField(default=True)
    # When the change was confirmed by the link sent to the old address, and to the new one.
    old_confirmed_at = models.DateTimeField(null=True)
    new_confirmed_at = models.DateTimeField(null=True)
    # Ids of the lists that were shown when the new address confirmed.
    lists = models.JSONField(default=list)
    # When the address was changed.
    changed_at = models.DateTimeField(null=True)
    # The new address belonged to another subscriber, who got the lists; this one was unsubscribed.
    new_is_known = models.BooleanField(default=False)
    # When the change was rejected by the link sent to the old address.
    rejected_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["requested_at"], name="address_change_age")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} requested at {self.requested_at:%Y-%m-%d}"

    @property
    def reject_until(self) -> datetime:
        """Until when the link sent to the old address rejects the change."""
        return (self.changed_at or self.requested_at) + self.REJECT_WITHIN


class DataLink(models.Model):
    """A link to a subscriber's data, as it was emailed to one address; the token has its id."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="data_links")
    # Hash of the address that the link was emailed to.
    address_hash = models.BinaryField(max_length=16)
    requested_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["requested_at"], name="data_link_age")]

    def __str__(self) -> str:
        return f"data of {self.subscriber_id}, requested at {self.requested_at:%Y-%m-%d}"


class ReversibleErasure(models.Model):
    """An erased subscriber, encrypted, until the erasure cannot be reversed any more."""

    # Ids of the AddressChange rows whose links reverse it.
    change_ids = models.JSONField()
    # Hexadecimal hashes of all addresses that were erased.
    address_hashes = models.JSONField()
    encrypted = models.BinaryField()
    # When the row is deleted.
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="reversible_erasure_age")]

    def __str__(self) -> str:
        return f"an erasure that can be reversed until {self.expires_at:%Y-%m-%d}"


class FormerAddress(models.Model):
    """An address that a subscriber had before, as a hash: mail from it and imports of it lead to them."""

    address_hash = models.BinaryField(max_length=16, unique=True)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="former_addresses")
    # Id of the subscriber who had the address and was merged into this one; null: this one had it.
    merged_subscriber_id = models.BigIntegerField(null=True, unique=True)
    # False: they rejected the address. No import adds it again, and requests from it are not theirs.
    is_own = models.BooleanField(default=True)
    replaced_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"a former address of {self.subscriber_id}"
