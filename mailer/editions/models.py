"""Newsletters and their editions, with the blocks of an edition's body."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail import blocks
from wagtail.fields import StreamField
from wagtail.images import get_image_model_string
from wagtail.models import DraftStateMixin, RevisionMixin
from wagtail.snippets.blocks import SnippetChooserBlock

from mailer import staff_language
from mailer.stories.models import RICH_TEXT_FEATURES, Story
from subscribers import iso_codes
from subscribers.code_list_field import CountriesField, LanguagesField
from subscribers.models import MailingList, Segment
from subscribers.stored_texts import stored


def country_choices() -> list[tuple[str, str]]:
    """(code, English name): the office's countries first, then all others."""
    first = list(settings.CONFIG.site.countries)
    others = sorted(iso_codes.COUNTRIES - set(first), key=lambda code: staff_language.country_name(code))
    return [(code, staff_language.country_name(code)) for code in [*first, *others]]


def language_choices() -> list[tuple[str, str]]:
    """The site's languages, by their English names."""
    return [(code, staff_language.language_name(code)) for code in settings.CONFIG.site.languages]


def _story(**kwargs: Any) -> SnippetChooserBlock:
    return SnippetChooserBlock("mailer.Story", **kwargs)


class HeadingText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.CharBlock(max_length=120)


class Heading(blocks.StructBlock):
    """A heading over the blocks that follow; shown to a reader who gets at least one of them."""

    country = blocks.ChoiceBlock(
        choices=country_choices, required=False, help_text=_("The country's name, in each reader's language…")
    )
    texts = blocks.ListBlock(HeadingText(), default=[], label=_("…or your own text, per language"), min_num=0)

    class Meta:
        icon = "title"


class ParagraphText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.RichTextBlock(features=RICH_TEXT_FEATURES)


class Paragraph(blocks.StructBlock):
    """Text from the editors, for all readers or for those of some countries."""

    countries = blocks.MultipleChoiceBlock(
        choices=country_choices, required=False, help_text=_("None: for every reader.")
    )
    texts = blocks.ListBlock(ParagraphText(), label=_("Text, per language"))

    class Meta:
        icon = "pilcrow"


EDITION_BLOCKS = [
    ("lead", _story(label=_("Lead story"), icon="pick")),
    ("story", _story(label=_("Story"), icon="doc-full-inverse")),
    ("heading", Heading(label=_("Heading"))),
    ("date", _story(label=_("Save the date"), icon="date")),
    ("titles", blocks.ListBlock(_story(label=_("Publication")), label=_("Titles"), icon="list-ul")),
    ("text", Paragraph(label=_("Text"))),
    ("social", _story(label=_("Social call"), icon="group")),
]


class Newsletter(ClusterableModel):
    """A publication: its sender, schedule, countries, languages and theme."""

    class ReviewRule(models.TextChoices):
        NONE = "", _("None: the approver chooses what to look at")
        LANGUAGES = "languages", _("The largest variant of each language")
        ALL = "all", _("Every variant that has subscribers")

    slug = models.SlugField(unique=True, verbose_name=_("slug"))
    name = models.CharField(max_length=120, verbose_name=pgettext_lazy("of a thing", "name"))
    # The sending office, named in the footer of every message.
    office = models.CharField(max_length=160, verbose_name=_("office"))
    postal_address = models.CharField(max_length=240, verbose_name=_("postal address"))
    sender_name = models.CharField(max_length=120, verbose_name=_("sender name"))
    sender_email = models.EmailField(verbose_name=_("sender email"))
    reply_to = models.EmailField(blank=True, verbose_name=_("reply to"))
    countries = CountriesField(blank=False, verbose_name=_("countries"))
    languages = LanguagesField(blank=False, verbose_name=_("languages"))
    # A text missing in the reader's language is taken from the first of these languages that has it.
    fallbacks = LanguagesField(
        help_text=_(
            "Where a text is missing in the reader's language, the first of these that has it is used."
        ),
        default="en",
        verbose_name=_("fallbacks"),
    )
    lists = models.ManyToManyField(MailingList, related_name="+", verbose_name=_("lists"))
    # IANA zone of the schedule, and of the dates that staff see.
    zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    # Day of the month and hour at which that month's edition is assembled; empty: by hand.
    assemble_day = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        verbose_name=_("assemble day"),
    )
    assemble_hour = models.PositiveSmallIntegerField(
        default=9, validators=[MaxValueValidator(23)], verbose_name=_("assemble hour")
    )
    # The last month, "2021-12", whose assembly was skipped because no story was ready at its time.
    assembly_skipped = models.CharField(
        max_length=7, blank=True, editable=False, verbose_name=_("skipped assembly")
    )
    # Days after submission within which an approved edition may leave.
    window_days = models.PositiveSmallIntegerField(
        default=7, validators=[MinValueValidator(1), MaxValueValidator(60)], verbose_name=_("window days")
    )
    # Which variants an approver must have checked; see approval.review.
    review_rule = models.CharField(
        _("review rule"),
        max_length=10,
        blank=True,
        choices=ReviewRule.choices,
        default=ReviewRule.NONE,
        help_text=_("Variants that an approver must have checked before approving an edition."),
    )
    # Changed tokens of the theme: {"accent": "#0A6E7A", …}; see rendering.theme.
    theme = models.JSONField(default=dict, blank=True, verbose_name=_("theme"))
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    class Meta:
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.zone not in zoneinfo.available_timezones():
            raise ValidationError({"zone": gettext("Write an IANA time zone, such as Asia/Almaty.")})
        for name in ("name", "office", "postal_address", "sender_name"):
            _refuse_lines(self, name)
        if not self.sender_email.isascii():
            words = gettext(
                "Write the domain in its ASCII form (xn--…); some mail systems support nothing else."
            )
            raise ValidationError({"sender_email": words})


class NewsletterText(models.Model):
    """A newsletter's tagline in one language."""

    newsletter = ParentalKey(
        Newsletter, on_delete=models.CASCADE, related_name="texts", verbose_name=_("newsletter")
    )
    language = models.CharField(max_length=12, verbose_name=_("language"))
    tagline = models.CharField(max_length=160, verbose_name=_("tagline"))

    class Meta:
        verbose_name = _("newsletter text")
        verbose_name_plural = _("newsletter texts")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "language"], name="newsletter_text_once")
        ]

    def __str__(self) -> str:
        return f"{self.language}: {self.tagline}"


def _segment(verbose_name: StrOrPromise) -> models.ForeignKey[Segment | None, Segment | None]:
    return models.ForeignKey(
        Segment,
        verbose_name=verbose_name,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )


class Edition(DraftStateMixin, RevisionMixin, ClusterableModel):
    """One number of a newsletter, for a period. Snapshots and mailings hold its state after the draft."""

    newsletter = models.ForeignKey(
        Newsletter, on_delete=models.PROTECT, related_name="editions", verbose_name=_("newsletter")
    )
    slug = models.SlugField(unique=True, max_length=80, editable=False, verbose_name=_("slug"))
    # The month, "2021-12".
    period = models.CharField(
        max_length=7,
        validators=[RegexValidator(r"^\d{4}-(0[1-9]|1[0-2])$", _("Write year and month: 2021-12."))],
        verbose_name=_("period"),
    )
    number = models.PositiveIntegerField(_("number of the edition"), default=1)
    body = StreamField(EDITION_BLOCKS, blank=True, verbose_name=_("body"))
    # Segments that restrict the newsletter's lists: only subscribers in one, and none in the other.
    segment = _segment(_("only subscribers in the segment"))
    excluded = _segment(_("no subscribers in the segment"))
    # Primary keys of stories that a writer took out of the draft, so that nothing adds them unasked.
    left_out = models.JSONField(default=list, blank=True, editable=False, verbose_name=_("left out"))
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    class Meta:
        verbose_name = _("edition")
        verbose_name_plural = _("editions")
        ordering = ["-period", "newsletter"]
        constraints = [models.UniqueConstraint(fields=["newsletter", "period"], name="edition_once_a_period")]
        permissions = [
            ("submit_edition", stored("Can submit an edition for approval")),
            ("approve_edition", stored("Can approve an edition that others wrote")),
            ("schedule_edition", stored("Can schedule, pause and cancel an approved edition")),
        ]

    def __str__(self) -> str:
        return f"{self.newsletter.name}, {self.period}"

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.slug:
            self.slug = f"{self.newsletter.slug}-{self.period}"
        super().save(*args, **kwargs)


class EditionText(models.Model):
    """Subject line and preheader of an edition in one language; assembly suggests them, staff edit them."""

    edition = ParentalKey(Edition, on_delete=models.CASCADE, related_name="texts", verbose_name=_("edition"))
    language = models.CharField(max_length=12, verbose_name=_("language"))
    subject = models.CharField(
        max_length=150, help_text=_("Shown in the inbox; about 50 characters fit."), verbose_name=_("subject")
    )
    preheader = models.CharField(
        max_length=200,
        blank=True,
        help_text=_("The preview text behind the subject in the inbox."),
        verbose_name=_("preheader"),
    )

    class Meta:
        verbose_name = _("edition text")
        verbose_name_plural = _("edition texts")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["edition", "language"], name="edition_text_once")]

    def __str__(self) -> str:
        return f"{self.language}: {self.subject}"

    def clean(self) -> None:
        for name in ("subject", "preheader"):
            _refuse_lines(self, name)


class StoryOverride(models.Model):
    """How one edition shows a story where it differs from the story itself."""

    class Size(models.TextChoices):
        NORMAL = "", _("As usual")
        SMALL = "small", _("Small, without the picture")

    edition = ParentalKey(Edition, on_delete=models.CASCADE, related_name="overrides")
    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="+")
    size = models.CharField(max_length=8, blank=True, choices=Size.choices, default=Size.NORMAL)
    # Headlines and picture descriptions by language, {"ru": "…"}; for the other languages, the story's own.
    headlines = models.JSONField(default=dict, blank=True)
    picture = models.ForeignKey(
        get_image_model_string(), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    picture_alts = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("story override")
        verbose_name_plural = _("story overrides")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["edition", "story"], name="story_override_once")]

    def __str__(self) -> str:
        return f"{self.edition_id}: {self.story_id}"


def _refuse_lines(row: models.Model, name: str) -> None:
    """Raises ValidationError for a line break or another control character, which no header can carry."""
    if any(character < " " or character == "\x7f" for character in getattr(row, name)):
        raise ValidationError({name: gettext("Must be a single line.")})
