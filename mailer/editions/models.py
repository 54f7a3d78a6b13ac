"""Newsletters and their editions, with the blocks of an edition's body."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail import blocks
from wagtail.fields import StreamField
from wagtail.images import get_image_model_string
from wagtail.models import DraftStateMixin, RevisionMixin
from wagtail.snippets.blocks import SnippetChooserBlock

from mailer import staff_localization
from mailer.editions import schedule_rules
from mailer.editions.schedule_rules import InvalidSchedule, Schedule
from mailer.rendering import edition_period, localization
from mailer.stories.models import RICH_TEXT_FEATURES, Story
from mailer.stories.revision_content import without_deleted_rows
from subscribers import iso_codes
from subscribers.code_list_field import CountriesField, LanguagesField
from subscribers.models import MailingList, Segment
from subscribers.translate_stored_texts import stored

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Characters of a schedule's line; see `schedule.Schedule`.
SCHEDULE_LENGTH = 120


def country_choices() -> list[tuple[str, str]]:
    """(code, English name): the office's countries first, then all others."""
    return list(_country_choices(staff_localization.active_language(), tuple(settings.CONFIG.site.countries)))


@lru_cache(maxsize=8)
def _country_choices(language: str, first: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    names = {code: iso_codes.country_name(code, language) for code in [*first, *iso_codes.COUNTRIES]}
    others = sorted(iso_codes.COUNTRIES - set(first), key=names.__getitem__)
    return tuple((code, names[code]) for code in [*first, *others])


def language_choices() -> list[tuple[str, str]]:
    """The site's languages, by their English names."""
    return [(code, staff_localization.language_name(code)) for code in settings.CONFIG.site.languages]


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
    texts = blocks.ListBlock(
        HeadingText(), default=[], label=_("…or your own text for the heading, per language"), min_num=0
    )

    class Meta:
        icon = "title"


class ParagraphText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.RichTextBlock(features=RICH_TEXT_FEATURES)


class Paragraph(blocks.StructBlock):
    """Text from the editors, for all readers or for those of some countries."""

    countries = blocks.MultipleChoiceBlock(
        choices=country_choices,
        required=False,
        help_text=_("If none is selected, every reader gets this block."),
    )
    texts = blocks.ListBlock(ParagraphText(), label=_("Text in each language"))

    class Meta:
        icon = "pilcrow"


class WrittenText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.TextBlock(required=False)
    # Who said a quote, who took a picture, who signs a note.
    detail = blocks.CharBlock(max_length=160, required=False)
    # What the picture shows.
    alt = blocks.CharBlock(max_length=250, required=False)


class PictureBlock(blocks.ChooserBlock):
    """Wagtail's ImageChooserBlock, which would load what compares versions of pages into every process.

    Migrations name that one: what is stored is the same, the image's id.
    """

    target_model = "wagtailimages.Image"

    @cached_property
    def widget(self) -> Any:
        from wagtail.images.widgets import AdminImageChooser

        return AdminImageChooser()

    def deconstruct(self) -> Any:
        _, positional, keywords = super().deconstruct()
        return "wagtail.images.blocks.ImageChooserBlock", positional, keywords

    class Meta:
        icon = "image"


class Written(blocks.StructBlock):
    """A block of the editors' own: a quote, figures, a video, a button, a picture, a divider or a note."""

    countries = blocks.MultipleChoiceBlock(choices=country_choices, required=False)
    texts = blocks.ListBlock(WrittenText(), default=[], min_num=0)
    link = blocks.URLBlock(required=False)
    picture = PictureBlock(required=False)


EDITION_BLOCKS = [
    ("lead", _story(label=_("Lead story"), icon="pick")),
    ("story", _story(label=_("Story"), icon="doc-full-inverse")),
    ("heading", Heading(label=_("Heading"))),
    ("date", _story(label=_("Save the date"), icon="date")),
    ("titles", blocks.ListBlock(_story(label=_("Publication")), label=_("Titles"), icon="list-ul")),
    ("text", Paragraph(label=_("Text"))),
    ("social", _story(label=_("Notice with a link"), icon="group")),
    ("quote", Written(label=_("Quote"), icon="openquote")),
    ("figures", Written(label=_("Figures"), icon="list-ol")),
    ("video", Written(label=_("Video"), icon="media")),
    ("button", Written(label=_("Button"), icon="link")),
    ("picture", Written(label=_("Picture"), icon="image")),
    ("divider", Written(label=_("Divider"), icon="dots-horizontal")),
    ("note", Written(label=_("Note from the team"), icon="comment")),
]
# Blocks whose stored value is the primary key of a story; "titles" is a list of them.
STORY_BLOCKS = ("lead", "story", "date", "social")


def story_ids(edition: Edition) -> list[int]:
    """Primary keys of the stories in the edition's blocks, ready or not, in order, without repeats.

    Read from the stored JSON: no story is fetched, and deleted stories are included.
    """
    return story_ids_in(edition.body.raw_data)


def story_ids_in(stored: Iterable[Any]) -> list[int]:
    """The same from blocks as they are stored: [{"type": "story", "value": 7}, …]."""
    found: list[int] = []
    for raw in stored:
        value = raw["value"]
        if raw["type"] in STORY_BLOCKS:
            found.append(value)
        elif raw["type"] == "titles":
            found.extend(item["value"] if isinstance(item, dict) else item for item in value)
    return list(dict.fromkeys(int(pk) for pk in found if pk))


class Newsletter(ClusterableModel):
    """A publication: its sender, schedule, countries, languages and theme."""

    class PeriodKind(models.TextChoices):
        MONTH = edition_period.Kind.MONTH.value, _("a month")
        WEEK = edition_period.Kind.WEEK.value, _("a week")
        TWO_WEEKS = edition_period.Kind.TWO_WEEKS.value, _("two weeks")

    class PeriodOffset(models.IntegerChoices):
        PRESENT = 0, _("the period in which the edition is assembled")
        PREVIOUS = -1, _("the period before the one in which the edition is assembled")

    class OnHolidays(models.TextChoices):
        IGNORE = schedule_rules.OnHolidays.IGNORE.value, _("Send on public holidays too")
        NEXT = schedule_rules.OnHolidays.NEXT.value, _("Move sending to the next working day")
        PREVIOUS = schedule_rules.OnHolidays.PREVIOUS.value, _("Move sending to the working day before")

    class ThinRule(models.TextChoices):
        ASK = "ask", _("Ask staff whether to assemble the edition")
        SKIP = "skip", _("Skip the edition; its stories wait for the next one")

    class ReviewRule(models.TextChoices):
        NONE = "", _("None: the approver chooses which variants to check")
        LANGUAGES = "languages", _("For each language, the variant with the most subscribers must be checked")
        ALL = "all", _("Every variant that has subscribers must be checked")

    class ApprovalRule(models.TextChoices):
        ONE = "", _("One approval for all languages")
        ALL = "all", _("One approval for each language")
        CHOSEN = "chosen", _("One approval for each of these languages, and one for the others")

    class TranslationRule(models.TextChoices):
        WARN = "", _("An edition with incomplete translations can be submitted, with a warning")
        BLOCK = "block", _("An edition can be submitted only when every language is complete")

    class LeadRule(models.TextChoices):
        FIXED = "", _("The edition's lead story, for every reader whom it concerns")
        OWN = "own", _("A story about the reader’s own countries, if the edition has one")

    class SilentRule(models.TextChoices):
        REGIONAL = "", _("These readers get the regional stories")
        SKIP = "skip", _("These readers get no email")
        ROLL_OVER = (
            "roll_over",
            _("These readers get no email now, and the regional stories with the next edition"),
        )

    slug = models.SlugField(unique=True, verbose_name=_("slug"))
    name = models.CharField(max_length=120, verbose_name=pgettext_lazy("of a thing", "name"))
    # The sending office, named in the footer of every message.
    office = models.CharField(max_length=160, verbose_name=_("office"))
    postal_address = models.CharField(max_length=240, verbose_name=_("postal address"))
    sender_name = models.CharField(max_length=120, verbose_name=_("sender name"))
    sender_email = models.EmailField(verbose_name=_("sender email"))
    reply_to = models.EmailField(blank=True, verbose_name=_("address for replies"))
    countries = CountriesField(blank=False, verbose_name=_("countries"))
    languages = LanguagesField(blank=False, verbose_name=_("languages"))
    # A text missing in the reader's language is taken from the first of these languages that has it.
    fallbacks = LanguagesField(
        help_text=_(
            "If a text is missing in the reader's language, the first of these languages that has it is used."
        ),
        default="en",
        verbose_name=_("languages for missing texts"),
    )
    lists = models.ManyToManyField(MailingList, related_name="+", verbose_name=_("lists"))
    # IANA zone of the schedule, and of the dates that staff see.
    zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    # When editions are assembled, as `schedule.Schedule` reads it; empty: by hand.
    assemble_on = models.CharField(
        max_length=SCHEDULE_LENGTH,
        blank=True,
        verbose_name=_("time of assembly"),
        help_text=_(
            "A draft edition is assembled from the stories that are ready. Nothing is sent without approval."
        ),
    )
    # When the schedule was changed last: nothing that was due before is caught up on.
    schedule_since = models.DateTimeField(null=True, editable=False)
    # What an edition is for: `edition_period.Kind`, and which one, counted from that of its assembly.
    period_kind = models.CharField(
        max_length=10,
        choices=PeriodKind.choices,
        default=PeriodKind.MONTH,
        verbose_name=_("period that an edition is for"),
    )
    period_offset = models.SmallIntegerField(
        choices=PeriodOffset.choices, default=PeriodOffset.PRESENT, verbose_name=_("which period")
    )
    on_holidays = models.CharField(
        max_length=10,
        blank=True,
        choices=OnHolidays.choices,
        default=OnHolidays.IGNORE,
        verbose_name=_("public holidays"),
        help_text=_("Public holidays of the newsletter’s countries, for assembling and sending editions."),
    )
    cutoff_hours = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(24 * 14)],
        verbose_name=_("deadline for stories"),
        help_text=_(
            "Number of hours before an edition is assembled. Stories that are ready later "
            "are not included automatically; staff can add them."
        ),
    )
    # Days before the cut-off; null: no reminders.
    office_reminder_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(14)],
        verbose_name=_("reminder to offices"),
        help_text=_(
            "Number of days before the deadline on which writers are reminded of countries "
            "without a story. If empty: never."
        ),
    )
    # Fewer stories than that are too few for a draft.
    thin_below = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        verbose_name=_("minimum number of stories for a draft"),
    )
    thin_rule = models.CharField(
        max_length=10,
        choices=ThinRule.choices,
        default=ThinRule.ASK,
        verbose_name=_("if there are fewer stories"),
    )
    # The moment behind the assembly at which the edition is to be sent; empty: a person decides each time.
    send_on = models.CharField(
        max_length=SCHEDULE_LENGTH,
        blank=True,
        verbose_name=_("planned time of sending"),
        help_text=_(
            "The first such time after the edition is assembled. An edition that is not "
            "approved by then is not sent."
        ),
    )
    schedules_itself = models.BooleanField(
        _("schedule approved editions automatically for the planned time"),
        default=False,
        help_text=_("Otherwise staff schedule each edition after its approval."),
    )
    approval_reminder_hours = models.PositiveSmallIntegerField(
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(240)],
        verbose_name=_("approval reminder"),
        help_text=_("Number of hours before the planned time at which approvers are reminded."),
    )
    # Days after submission within which an approved edition may leave.
    window_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        verbose_name=_("sending window in days"),
    )
    # Which variants an approver must have checked; see approval.review_comments_and_checked_variants.
    review_rule = models.CharField(
        _("variants that must be checked"),
        max_length=10,
        blank=True,
        choices=ReviewRule.choices,
        default=ReviewRule.NONE,
        help_text=_("Variants that an approver must have checked before approving an edition."),
    )
    # Which languages an approver approves on their own; see approval.required_approvals.
    approval_rule = models.CharField(
        _("how an edition is approved"),
        max_length=10,
        blank=True,
        choices=ApprovalRule.choices,
        default=ApprovalRule.ONE,
        help_text=_(
            "Whether the languages of an edition are approved one by one. The edition is "
            "approved when all approvals are given."
        ),
    )
    # Whether an edition with incomplete translations can be submitted; see approval.preflight.
    translation_rule = models.CharField(
        _("translations"),
        max_length=10,
        blank=True,
        choices=TranslationRule.choices,
        default=TranslationRule.WARN,
        help_text=_(
            "Readers see another language where a story is not translated. A translation is "
            "also incomplete if its source was changed later."
        ),
    )
    approval_languages = LanguagesField(_("languages that are approved separately"), blank=True, default="")
    # How each reader sees an edition; see rendering.data_types.ReaderRules.
    own_countries_first = models.BooleanField(
        _("stories about the reader’s own countries first"),
        default=False,
        help_text=_(
            "A reader who chose countries sees their stories before the regional ones. "
            "Stories do not move across headings and texts of the edition."
        ),
    )
    lead_rule = models.CharField(
        _("choice of the lead story"),
        max_length=10,
        blank=True,
        choices=LeadRule.choices,
        default=LeadRule.FIXED,
        help_text=_(
            "For readers whom the lead story does not concern, the first story with "
            "a picture takes its place."
        ),
    )
    max_per_country = models.PositiveSmallIntegerField(
        _("maximum number of stories per country"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text=_(
            "Each reader sees the first stories in the order of the edition. A story counts "
            "for the country in which it happened. Regional stories, dates and publications "
            "do not count. If empty: all stories."
        ),
    )
    min_stories = models.PositiveSmallIntegerField(
        _("minimum number of stories in an email"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text=_(
            "A reader for whom the edition has fewer stories gets no email, and the report "
            "says so. Notices do not count. If empty: one story is enough."
        ),
    )
    silent_rule = models.CharField(
        _("readers whose countries have no story"),
        max_length=10,
        blank=True,
        choices=SilentRule.choices,
        default=SilentRule.REGIONAL,
        help_text=_(
            "What readers get if other countries have stories but theirs have none. The "
            "report counts those who get no email. No reader has to wait twice in a row."
        ),
    )
    # At the head of every email; the other one is for readers in the dark, where the theme's ground is light.
    logo = models.ForeignKey(
        get_image_model_string(),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("logo"),
    )
    logo_dark = models.ForeignKey(
        get_image_model_string(),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("logo for dark mode"),
    )
    # Changed tokens of the theme: {"accent": "#0A6E7A", …}; see rendering.theme.
    theme = models.JSONField(default=dict, blank=True, verbose_name=_("theme"))
    # Template parts changed in the desk, {"blocks/foot.mjml": source}; see `newsletter_template_parts`.
    templates = models.JSONField(default=dict, blank=True, editable=False, verbose_name=_("email templates"))
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    class Meta:
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.zone not in zoneinfo.available_timezones():
            raise ValidationError(
                {"zone": gettext("Write a time zone by its IANA name, such as Asia/Almaty.")}
            )
        for name in ("assemble_on", "send_on"):
            _refuse_schedule(self, name)
        for name in ("name", "office", "postal_address", "sender_name"):
            _refuse_lines(self, name)
        if self.approval_rule == self.ApprovalRule.CHOSEN and not (
            set(self.approval_languages) & set(self.languages)
        ):
            words = gettext("Choose at least one of the newsletter’s languages.")
            raise ValidationError({"approval_languages": words})
        if not self.sender_email.isascii():
            words = gettext(
                "Write the domain in its ASCII form (xn--…); some mail systems support nothing else."
            )
            raise ValidationError({"sender_email": words})


class TemplateVersion(models.Model):
    """One version of a template part of a newsletter, as it was saved in the desk. Rows are only added."""

    newsletter = models.ForeignKey(Newsletter, on_delete=models.CASCADE, related_name="template_versions")
    # The part's path below templates/mail, "blocks/foot.mjml".
    part = models.CharField(max_length=160)
    # Null: the default part is used again.
    source = models.TextField(null=True)  # noqa: DJ001 (an empty part is a part)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["newsletter", "part", "-id"], name="template_version_part")]

    def __str__(self) -> str:
        return f"{self.newsletter_id}: {self.part}"


class GlossaryTerm(models.Model):
    """A name of an organisation, project or place that translations must keep; see glossary_matching."""

    # Null: it holds for every newsletter.
    newsletter = models.ForeignKey(
        Newsletter, null=True, blank=True, on_delete=models.CASCADE, related_name="glossary"
    )
    # Forms by language, {"ru": ["Международная организация по миграции", "МОМ"]}: the first is preferred.
    names = models.JSONField(default=dict)
    forbidden = models.JSONField(default=dict, blank=True)
    # What translators should know.
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(next((forms[0] for forms in self.names.values() if forms), ""))


class NewsletterText(models.Model):
    """What stands at the head and the foot of a newsletter in one language; empty: as in every language."""

    newsletter = ParentalKey(
        Newsletter, on_delete=models.CASCADE, related_name="texts", verbose_name=_("newsletter")
    )
    language = models.CharField(max_length=12, verbose_name=_("language"))
    tagline = models.CharField(max_length=160, blank=True, verbose_name=_("tagline"))
    name = models.CharField(max_length=120, blank=True, verbose_name=pgettext_lazy("of a thing", "name"))
    office = models.CharField(max_length=160, blank=True, verbose_name=_("office"))
    postal_address = models.CharField(max_length=240, blank=True, verbose_name=_("postal address"))
    # Empty: the office.
    logo_alt = models.CharField(max_length=160, blank=True, verbose_name=_("description of the logo"))

    class Meta:
        verbose_name = _("text of a newsletter in a language")
        verbose_name_plural = _("texts of a newsletter by language")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "language"], name="newsletter_text_once")
        ]

    def __str__(self) -> str:
        return f"{self.language}: {self.tagline}"

    def clean(self) -> None:
        for name in ("tagline", "name", "office", "postal_address", "logo_alt"):
            _refuse_lines(self, name)


def _segment(verbose_name: StrOrPromise) -> models.ForeignKey[Segment | None, Segment | None]:
    return models.ForeignKey(
        Segment,
        verbose_name=verbose_name,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )


class EditionQuerySet(models.QuerySet["Edition"]):
    def sent(self) -> Self:
        """Editions with a mailing to subscribers that was not cancelled before any message left."""
        mailed = self.model._default_manager.filter(
            snapshots__mailings__dry_run_to="", snapshots__mailings__cancelled_unsent=False
        )
        return self.filter(pk__in=mailed.values("pk"))

    def cancelled_unsent(self) -> Self:
        """Editions whose mailing was cancelled before any message left. They are never sent."""
        return self.filter(mailings__cancelled_unsent=True)


class Edition(DraftStateMixin, RevisionMixin, ClusterableModel):
    """One number of a newsletter, for a period. Snapshots and mailings hold its state after the draft."""

    newsletter = models.ForeignKey(
        Newsletter, on_delete=models.PROTECT, related_name="editions", verbose_name=_("newsletter")
    )
    slug = models.SlugField(unique=True, max_length=80, editable=False, verbose_name=_("slug"))
    # As `rendering.edition_period` writes it: "2021-12".
    period = models.CharField(
        max_length=edition_period.MAX_LENGTH,
        validators=[
            RegexValidator(
                rf"^{edition_period.PATTERN}$", _("Write the year and the month of the period: 2021-12.")
            )
        ],
        verbose_name=_("period"),
    )
    # Of an edition outside of the schedule, which readers see instead of a period.
    name = models.CharField(_("name"), max_length=80, blank=True)
    number = models.PositiveIntegerField(_("number of the edition"), default=1)
    body = StreamField(EDITION_BLOCKS, blank=True, verbose_name=_("body"))
    # Segments that restrict the newsletter's lists: only subscribers in one, and none in the other.
    segment = _segment(_("send only to subscribers in the segment"))
    excluded = _segment(_("do not send to subscribers in the segment"))
    # Primary keys of stories that a writer took out of the draft, so that nothing adds them unasked.
    left_out = models.JSONField(
        default=list, blank=True, editable=False, verbose_name=_("left out of the edition")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("created at"))

    objects = EditionQuerySet.as_manager()

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
        """The newsletter and the month in the language of the page: "Silk Road Monthly, December 2021"."""
        return f"{self.newsletter.name}, {self.period_label}"

    @property
    def period_label(self) -> str:
        """Its name, or its period in the language of the page: "December 2021"."""
        try:
            return self.name or localization.period_in_sentence(
                self.period, staff_localization.active_language()
            )
        except ValueError:
            # Of a form that was not checked yet.
            return self.period

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.slug:
            self.slug = f"{self.newsletter.slug}-{self.period}"
        super().save(*args, **kwargs)

    @classmethod
    def from_serializable_data(cls, data: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Segments that were deleted after the revision was saved are left out."""
        kept = without_deleted_rows(cls, data, "segment", "excluded")
        return super().from_serializable_data(kept, *args, **kwargs)


class EditionPlan(models.Model):
    """What the schedule of a newsletter has done for one period. The row is made with the first step of it.

    Each step is one conditional UPDATE or is in the transaction of what it does, so that two workers, or one
    that died in between, do it once.
    """

    class State(models.TextChoices):
        COLLECTING = "collecting", _("Stories are being collected")
        ASSEMBLED = "assembled", _("Edition assembled")
        # The rule for too few stories.
        SKIPPED = "skipped", _("Edition skipped: too few stories")
        THIN = "thin", _("Edition waits for staff: too few stories")
        # No worker ran at the time.
        LATE = "late", _("Edition waits for staff: the time was missed")

    newsletter = models.ForeignKey(Newsletter, on_delete=models.CASCADE, related_name="plans")
    period = models.CharField(max_length=edition_period.MAX_LENGTH)
    state = models.CharField(max_length=10, choices=State.choices, default=State.COLLECTING)
    # When the edition was to be assembled.
    assemble_at = models.DateTimeField()
    # Stories that were ready at that time.
    stories = models.PositiveIntegerField(default=0)
    # Null: not assembled, or deleted by staff since; it is not assembled again then.
    edition = models.OneToOneField(Edition, null=True, on_delete=models.SET_NULL, related_name="plan")
    # The planned time; null: none.
    send_at = models.DateTimeField(null=True)
    # When each step was done; null: not yet, or not needed.
    offices_reminded_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    approvers_reminded_at = models.DateTimeField(null=True)
    scheduled_at = models.DateTimeField(null=True)
    # The planned time came, and the edition was not approved.
    held_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["newsletter", "period"], name="plan_once_a_period")]
        indexes = [models.Index(fields=["send_at"], name="plan_send_at")]

    def __str__(self) -> str:
        return f"{self.newsletter_id}: {self.period}, {self.state}"


class EditionText(models.Model):
    """Subject line and preheader of an edition in one language, where staff wrote them.

    Without any, the subject of each email is the headline of its first story.
    """

    edition = ParentalKey(Edition, on_delete=models.CASCADE, related_name="texts", verbose_name=_("edition"))
    language = models.CharField(max_length=12, verbose_name=_("language"))
    subject = models.CharField(
        max_length=150,
        help_text=_("Subject line shown in the inbox; about 50 characters fit."),
        verbose_name=_("subject"),
    )
    preheader = models.CharField(
        max_length=200,
        blank=True,
        help_text=_("The preview text that inboxes show after the subject line."),
        verbose_name=_("preview text"),
    )

    class Meta:
        verbose_name = _("subject line of an edition in a language")
        verbose_name_plural = _("subject lines of editions")
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
        NORMAL = "", _("Normal size")
        LARGE = "large", _("With a wide picture above the text")
        SMALL = "small", _("Small, without the picture")
        BRIEF = "brief", _("Brief: only the headline")

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
        verbose_name = _("text of a story changed for one edition")
        verbose_name_plural = _("texts of stories changed for one edition")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["edition", "story"], name="story_override_once")]

    def __str__(self) -> str:
        return f"{self.edition_id}: {self.story_id}"


class AudienceCount(models.Model):
    """How many subscribers an audience has, as the worker counted them last; see `cached_audience_counts`."""

    # SHA-256 of the audience's definition.
    key = models.CharField(max_length=64, unique=True)
    # [[countries, language, subscribers], …], most subscribers first.
    combinations = models.JSONField()
    total = models.PositiveIntegerField()
    counted_at = models.DateTimeField()
    # How long counting took.
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.total} at {self.counted_at:%Y-%m-%d %H:%M:%S}"


class DraftCheck(models.Model):
    """What rendering every variant of an edition's draft showed; see `desk.editions.views`.

    It can be made again at any time.
    """

    edition = models.OneToOneField(Edition, on_delete=models.CASCADE, related_name="draft_check")
    # SHA-256 of the content and of everything else that the findings depend on.
    digest = models.CharField(max_length=64)
    # Bytes of HTML by the variant's key.
    sizes = models.JSONField()
    # What preflight found, each as preflight.findings_and_overrides.Finding.as_dict.
    findings = models.JSONField()

    def __str__(self) -> str:
        return f"{self.edition_id}: {self.digest[:12]}"


def _refuse_schedule(newsletter: Newsletter, name: str) -> None:
    """Raises ValidationError for a schedule that is none."""
    text = getattr(newsletter, name)
    try:
        if text:
            Schedule.parse(text)
    except InvalidSchedule as error:
        raise ValidationError({name: gettext("This text is not a valid schedule.")}) from error


def _refuse_lines(row: models.Model, name: str) -> None:
    """Raises ValidationError for a line break or another control character, which no header can carry."""
    if any(character < " " or character == "\x7f" for character in getattr(row, name)):
        raise ValidationError({name: gettext("This text must be a single line.")})
