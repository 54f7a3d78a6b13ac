"""Stories with a text per language, and the feeds that stories are gathered from."""

from __future__ import annotations

import secrets
import zoneinfo
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail.fields import RichTextField
from wagtail.images import get_image_model_string
from wagtail.models import DraftStateMixin, RevisionMixin
from wagtail.search import index

from mailer.rendering import edition_period, localization
from mailer.stories.revision_content import without_deleted_rows
from mailer.stories.translation_states import set_translation_sources_unsaved
from subscribers.code_list_field import OrderedCountriesField
from subscribers.named_model import NamedModel

RICH_TEXT_FEATURES = ["bold", "italic", "link", "ol", "ul"]


def time_errors(starts: time | None, ends: time | None, zone: str) -> dict[str, str]:
    """What is wrong with the times of an event, by field; empty when nothing is."""
    if ends is not None and (starts is None or ends <= starts):
        return {"ends": gettext("Enter an end time that is later than the start, on the same day.")}
    if zone and zone not in zoneinfo.available_timezones():
        return {"zone": gettext("Write a time zone by its IANA name, such as Asia/Almaty.")}
    if starts is not None and not zone:
        return {"zone": gettext("Write the time zone of these times, such as Asia/Almaty.")}
    return {}


class Story(index.Indexed, DraftStateMixin, RevisionMixin, ClusterableModel):
    """One piece of news, event, publication or notice, with a text per language. `live` means ready."""

    class Kind(models.TextChoices):
        NEWS = "news", _("News")
        EVENT = "event", _("Event")
        PUBLICATION = "publication", _("Publication")
        NOTICE = "notice", _("Notice")

    # Identifies the story in imports and URLs; generated for stories written in the desk.
    key = models.SlugField(unique=True, max_length=120, blank=True, verbose_name=_("key"))
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.NEWS, verbose_name=_("kind"))
    # The date of the news; for an event, the day it takes place.
    date = models.DateField(
        default=timezone.localdate,
        help_text=_("Day on which the story’s news happened. For an event: the day on which it takes place."),
        verbose_name=_("date"),
    )
    # Of an event, on its day; empty: all day, or no end is known.
    starts = models.TimeField(_("start time of the event"), null=True, blank=True)
    ends = models.TimeField(_("ends at"), null=True, blank=True)
    # IANA zone of these times.
    zone = models.CharField(_("time zone"), max_length=64, blank=True)
    countries = OrderedCountriesField(
        help_text=_(
            "Readers who chose these countries get the story; the first is where it "
            "happened. If none is selected: readers of the whole region."
        ),
        verbose_name=_("countries"),
    )
    picture = models.ForeignKey(
        get_image_model_string(),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("picture"),
    )
    link = models.URLField(
        blank=True,
        max_length=500,
        help_text=_("Web page to which the “Read more” link leads."),
        verbose_name=_("link"),
    )
    # The language in which it was written first, which the others are translated from.
    source_language = models.CharField(max_length=12, blank=True, editable=False)
    # The first period, "2022-01", whose edition takes the story, again if an earlier one had it; empty: any.
    from_period = models.CharField(
        max_length=edition_period.MAX_LENGTH,
        blank=True,
        editable=False,
        validators=[RegexValidator(rf"^{edition_period.PATTERN}$")],
        verbose_name=_("not before the edition of"),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    search_fields = [
        index.AutocompleteField("key"),
        index.FilterField("kind"),
        index.RelatedFields(
            "texts",
            [
                # The desk's search matches word prefixes.
                index.AutocompleteField("headline"),
                index.SearchField("headline"),
                index.SearchField("summary"),
            ],
        ),
    ]

    class Meta:
        verbose_name = _("story")
        verbose_name_plural = _("stories")
        ordering = ["-date", "-pk"]
        # A list and a search read the newest, and stop.
        indexes = [models.Index(fields=["-date", "-id"], name="story_newest_first")]

    def __str__(self) -> str:
        return self.headline("en")

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.key:
            self.key = f"{self.date:%Y-%m}-{secrets.token_hex(4)}"
        super().save(*args, **kwargs)

    def save_revision(self, *args: Any, **kwargs: Any) -> Any:
        """Also notes which source each translation that was changed belongs to."""
        set_translation_sources_unsaved(self, self.latest_revision.content if self.latest_revision else {})
        return super().save_revision(*args, **kwargs)

    @classmethod
    def from_serializable_data(cls, data: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """A picture that was deleted after the revision was saved is left out."""
        return super().from_serializable_data(without_deleted_rows(cls, data, "picture"), *args, **kwargs)

    def headline(self, language: str) -> str:
        """The headline in `language`, else in any language, else "Untitled story of 29 November"."""
        headlines = {text.language: text.headline for text in self.texts.all()}
        return choose_headline(headlines, language, self.created_at)


def choose_headline(headlines: Mapping[str, str], language: str, created_at: datetime | None) -> str:
    """`Story.headline` from the story's headlines by language."""
    chosen = headlines.get(language) or next(filter(None, headlines.values()), "")
    if chosen:
        return chosen
    day = timezone.localdate(created_at) if created_at else timezone.localdate()
    named = localization.format_day_without_year_of_period(day, f"{day:%Y-%m}", get_language() or "en")
    return gettext("Untitled story of %(day)s") % {"day": named}


class StoryText(models.Model):
    """A story's text in one language."""

    story = ParentalKey(Story, on_delete=models.CASCADE, related_name="texts", verbose_name=_("story"))
    language = models.CharField(max_length=12, verbose_name=_("language"))
    headline = models.CharField(max_length=200, verbose_name=_("headline"))
    summary = models.TextField(
        help_text=_("One or two sentences, shown below the headline in the email."), verbose_name=_("summary")
    )
    body = RichTextField(
        blank=True,
        features=RICH_TEXT_FEATURES,
        help_text=_(
            "Shown when this is the lead story of an edition, and when the story has no “Read more” link."
        ),
        verbose_name=_("body"),
    )
    link_label = models.CharField(
        max_length=80,
        blank=True,
        help_text=_("The text of the link describes its target, for example “How the project will work”."),
        verbose_name=_("link label"),
    )
    # Of an event: "House of Cinema, Almaty".
    venue = models.CharField(
        _("place of the event"),
        max_length=160,
        blank=True,
        help_text=_("For events: where the event takes place, for example “House of Cinema, Almaty”."),
    )
    picture_alt = models.CharField(
        _("picture description"),
        max_length=250,
        blank=True,
        help_text=_("Describes the picture for screen readers. Required if the story has a picture."),
    )
    # The digest of the source text when this translation was last written or confirmed; empty for the source,
    # and where it is not known. See stories.translation_states.
    translated_from = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("text of a story in a language")
        verbose_name_plural = _("texts of stories")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["story", "language"], name="story_text_once")]

    def __str__(self) -> str:
        return f"{self.language}: {self.headline}"

    def clean(self) -> None:
        # A text in a form has no story yet.
        story = getattr(self, "story", None)
        if story is not None and story.picture_id and not self.picture_alt.strip():
            raise ValidationError(
                {"picture_alt": gettext("The story has a picture: describe it in a few words.")}
            )


class StoryComment(models.Model):
    """What a member of staff says about a story to the others. Subscribers never see it."""

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    text = models.TextField(max_length=2000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When it was marked as done, and who did.
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("comment on a story")
        verbose_name_plural = _("comments on stories")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]


class StorySource(NamedModel):
    """A place from which stories come in as drafts."""

    class Kind(models.TextChoices):
        FEED = "feed", _("feed (RSS, Atom, JSON Feed)")
        WORDPRESS = "wordpress", _("WordPress site")
        DRUPAL = "drupal", _("Drupal site")
        SITEMAP = "sitemap", _("sitemap with article pages")
        FOLDER = "folder", _("folder of Markdown and Word files")
        EMAIL = "email", _("email")
        # One source for all documents that staff upload; it is never polled.
        DOCUMENT = "document", _("Word documents")

    name = models.CharField(_("name"), max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.FEED)
    # Of the feed, API or sitemap; of a mailbox, without its password.
    url = models.URLField(_("address"), max_length=500, blank=True)
    # A path on the server, of the kind "folder".
    folder = models.CharField(_("folder"), max_length=500, blank=True)
    # Of the kind "email": what stands behind the + in its address, and who may send stories to it, an address
    # or "@domain" a line.
    mail_tag = models.SlugField(_("tag of the email address"), max_length=40, blank=True)
    senders = models.TextField(_("senders"), blank=True)
    # Of entries that do not state theirs; "": detected from the text.
    language = models.CharField(_("language"), max_length=12, blank=True)
    # Of entries for which nothing better is known.
    countries = OrderedCountriesField(verbose_name=_("countries"))
    # Codes of countries by the name of a category of the source: {"Astana": ["KZ"]}.
    category_countries = models.JSONField(
        _("countries for the source's categories"), default=dict, blank=True
    )
    active = models.BooleanField(_("active"), default=True)
    poll_minutes = models.PositiveIntegerField(_("minutes between two checks of the source"), default=60)
    # For conditional requests, as the reader returned them.
    validators = models.JSONField(default=dict, editable=False)
    # The worker polls it from this moment on; empty: at once.
    next_poll_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The error message of the last attempt, a stored text; empty after success.
    problem = models.CharField(max_length=400, blank=True, editable=False)
    # What staff should know of the last successful poll, as stored texts.
    warnings = models.JSONField(default=list, editable=False)
    # Polls in a row that failed.
    failures = models.PositiveIntegerField(default=0, editable=False)
    # Where the source moved for good, for staff to accept; or "".
    moved_to = models.URLField(max_length=500, blank=True, editable=False)


class StoryMail(models.Model):
    """An email that was sent to the address for stories."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting to be processed")
        ADDED = "added", _("added as draft stories")
        UNKNOWN = "unknown", _("waiting: unknown sender")
        FORGED = "forged", _("waiting: sender not confirmed")
        UNREADABLE = "unreadable", _("no story found in the email")

    # SHA-256 of the message: the same one twice is one row.
    sha256 = models.CharField(max_length=64, unique=True)
    # As it arrived; empty once drafts were made of all of it.
    raw = models.BinaryField()
    received_at = models.DateTimeField()
    # What stood behind the + in the address; "" without one.
    tag = models.CharField(max_length=64, blank=True)
    source = models.ForeignKey(
        StorySource, null=True, blank=True, on_delete=models.SET_NULL, related_name="mails"
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    sender = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    # What our mail server found (RFC 8601): {"spf": "pass", "dkim": "none"}.
    authentication = models.JSONField(default=dict, blank=True)
    # What staff should know, as stored texts.
    warnings = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("email with stories")
        verbose_name_plural = _("emails with stories")
        ordering = ["-received_at", "-pk"]
        indexes = [models.Index(fields=["state", "-received_at"], name="story_mail_by_state")]

    def __str__(self) -> str:
        return self.subject

    @property
    def kind(self) -> str:
        """As the kinds of returned mail are named."""
        return "story"


class StorySourceItem(models.Model):
    """One entry of a source, and the story that it became. Without a story: staff deleted it."""

    class Role(models.TextChoices):
        ORIGIN = "origin", _("the story was made from this entry")
        DUPLICATE = "duplicate", _("this entry is the same story, from another source")
        TRANSLATION = "translation", _("this entry is the same story in another language")

    source = models.ForeignKey(StorySource, on_delete=models.CASCADE, related_name="items")
    # SourceItem.id, or its digest where it is longer.
    item_id = models.CharField(max_length=500)
    # SHA-256 of what the source published last.
    digest = models.CharField(max_length=64)
    story = models.ForeignKey(
        Story, null=True, blank=True, on_delete=models.SET_NULL, related_name="source_items"
    )
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.ORIGIN)
    link = models.CharField(max_length=500, blank=True)
    language = models.CharField(max_length=12)
    published = models.DateTimeField(null=True, blank=True)
    # When the source changed it, as far as it was read since.
    modified = models.DateTimeField(null=True, blank=True)
    # The item_id of the entry that this one translates, as the source states it.
    translation_of = models.CharField(max_length=500, blank=True, db_index=True)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    # When the source first did not list it any more; empty: it does.
    missing_since = models.DateTimeField(null=True, blank=True)
    # When it was missing for the second time in a row; then it counts as deleted there.
    removed_at = models.DateTimeField(null=True, blank=True)
    # When staff decided to keep the story although its source deleted it.
    kept_at = models.DateTimeField(null=True, blank=True)
    # Where the source has its picture; or "".
    picture_url = models.CharField(max_length=500, blank=True, default="", db_default="")
    # SHA-256 of the picture as it is stored; empty: none.
    picture_digest = models.CharField(max_length=64, blank=True)
    # Why the picture could not be used, a stored text; or "".
    picture_problem = models.CharField(max_length=400, blank=True)
    # The fields of the story as the source gives them, by the names of draft_editing.values_of.
    content = models.JSONField(default=dict)
    # The suggestions and their reasons, see draft_fields_from_source_entry.suggestions_with_reasons.
    suggestion = models.JSONField(default=dict)
    # When staff accepted or corrected the suggestions, and who did; empty: they wait.
    reviewed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Fields that the source changed and staff have not decided on, with the new values; empty: none.
    update = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    # The story that this one seems to repeat or translate, and by what sign; empty: none, or staff decided.
    similar_to = models.ForeignKey(
        Story, null=True, blank=True, on_delete=models.SET_NULL, related_name="similar_items"
    )
    similar_reason = models.CharField(max_length=12, blank=True)

    class Meta:
        verbose_name = _("item imported from a story source")
        verbose_name_plural = _("items imported from story sources")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["source", "item_id"], name="source_item_once")]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.item_id[:60]}"


class StorySourceItemKey(models.Model):
    """A sign by which entries that repeat each other are found, see stories.duplicates."""

    item = models.ForeignKey(StorySourceItem, on_delete=models.CASCADE, related_name="keys")
    key = models.CharField(max_length=40, db_index=True)

    class Meta:
        verbose_name = _("search key of a story source's entry")
        verbose_name_plural = _("search keys of story sources' entries")
        constraints = [models.UniqueConstraint(fields=["item", "key"], name="source_item_key_once")]

    def __str__(self) -> str:
        return self.key
