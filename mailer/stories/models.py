"""Stories with a text per language, and the feeds that stories are gathered from."""

from __future__ import annotations

import secrets

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

from mailer.rendering import localization
from subscribers.code_list_field import NamedModel, OrderedCountriesField

RICH_TEXT_FEATURES = ["bold", "italic", "link", "ol", "ul"]


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
        help_text=_("When it happened. For an event: the day it takes place."),
        verbose_name=_("date"),
    )
    countries = OrderedCountriesField(
        help_text=_(
            "Readers of these countries get it; the first is where it happened. None: the whole region."
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
        blank=True, max_length=500, help_text=_("Where “read more” leads."), verbose_name=_("link")
    )
    # The first month, "2022-01", whose edition takes the story, again if an earlier one had it; empty: any.
    from_period = models.CharField(
        max_length=7,
        blank=True,
        editable=False,
        validators=[RegexValidator(r"^\d{4}-(0[1-9]|1[0-2])$")],
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

    def __str__(self) -> str:
        return self.headline("en")

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.key:
            self.key = f"{self.date:%Y-%m}-{secrets.token_hex(4)}"
        super().save(*args, **kwargs)

    def headline(self, language: str) -> str:
        """The headline in `language`, else in any language, else "Untitled story of 29 November"."""
        texts = {text.language: text.headline for text in self.texts.all()}
        return texts.get(language) or next(filter(None, texts.values()), "") or self._untitled()

    def _untitled(self) -> str:
        day = timezone.localdate(self.created_at) if self.created_at else timezone.localdate()
        named = localization.day(day, f"{day:%Y-%m}", get_language() or "en")
        return gettext("Untitled story of %(day)s") % {"day": named}


class StoryText(models.Model):
    """A story's text in one language."""

    story = ParentalKey(Story, on_delete=models.CASCADE, related_name="texts", verbose_name=_("story"))
    language = models.CharField(max_length=12, verbose_name=_("language"))
    headline = models.CharField(max_length=200, verbose_name=_("headline"))
    summary = models.TextField(
        help_text=_("One or two sentences, shown in the email."), verbose_name=_("summary")
    )
    body = RichTextField(
        blank=True,
        features=RICH_TEXT_FEATURES,
        help_text=_("Shown when the story leads an edition, and when it has no link to read on."),
        verbose_name=_("body"),
    )
    link_label = models.CharField(
        max_length=80,
        blank=True,
        help_text=_("Describes the link's target, for example “How the project will work”."),
        verbose_name=_("link label"),
    )
    picture_alt = models.CharField(
        _("picture description"),
        max_length=250,
        blank=True,
        help_text=_("Describes the picture for screen readers. Required with a picture."),
    )

    class Meta:
        verbose_name = _("story text")
        verbose_name_plural = _("story texts")
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
        verbose_name = _("story comment")
        verbose_name_plural = _("story comments")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]


class StorySource(NamedModel):
    """A feed from which stories are gathered as drafts."""

    name = models.CharField(max_length=120, unique=True)
    url = models.URLField(_("feed address (RSS or Atom)"), max_length=500)
    language = models.CharField(max_length=12, default="en")
    countries = OrderedCountriesField()
    active = models.BooleanField(default=True)
    gathered_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The error message of the last attempt; empty after success.
    problem = models.CharField(max_length=400, blank=True, editable=False)
