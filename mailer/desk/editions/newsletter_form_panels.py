"""The groups of the form of a newsletter: those that seldom change are closed, with a summary."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.images.widgets import AdminImageChooser

from mailer.desk.base.form_widgets import (
    CountriesInput,
    LanguageOrderInput,
    LanguageSelect,
    LanguagesInput,
    ZoneSelect,
)
from mailer.desk.editions.newsletter_form_summaries import SUMMARIES
from mailer.desk.editions.newsletter_schedule_preview import DatesPanel

_ZONES = sorted(
    settings.WAGTAIL_USER_TIME_ZONES, key=lambda zone: (not zone.startswith(("Asia/", "UTC")), zone)
)


def _closed(summary: str) -> dict[str, Any]:
    """Arguments of a group that is closed unless it has an error; `summary`: a key of SUMMARIES."""
    return {"classname": "collapsed", "attrs": {"data-summary": summary}}


PANELS = [
    MultiFieldPanel(
        [
            FieldPanel("name"),
            FieldPanel("office", help_text=_("Name of the publisher, shown in the footer of every email.")),
            FieldPanel(
                "postal_address",
                help_text=_("Postal address shown in the footer of every email; many countries require it."),
            ),
        ],
        heading=pgettext_lazy("of a thing", "Name"),
    ),
    MultiFieldPanel(
        [
            FieldRowPanel([FieldPanel("sender_name"), FieldPanel("sender_email")]),
            FieldPanel(
                "reply_to",
                help_text=_("Address to which readers' replies go. If empty: the sender's address."),
            ),
        ],
        heading=_("Sender"),
    ),
    MultiFieldPanel(
        [
            FieldPanel(
                "lists",
                widget=forms.CheckboxSelectMultiple,
                help_text=_("Subscribers of these mailing lists receive the newsletter."),
            ),
            FieldPanel(
                "new_list",
                heading=_("Create a new mailing list"),
                help_text=_(
                    "Name of the new mailing list, as subscribers see it. Saving "
                    "creates the list and selects it."
                ),
                permission="subscribers.add_mailinglist",
            ),
            FieldPanel("countries", widget=CountriesInput),
            FieldPanel(
                "languages",
                widget=LanguagesInput,
                help_text=_(
                    "Stories can be written in these languages, and subscribers choose one of them. Not "
                    "every story needs every language."
                ),
            ),
            FieldPanel("fallbacks", widget=LanguageOrderInput),
        ],
        heading=_("Audience"),
    ),
    MultiFieldPanel(
        [
            FieldPanel("zone", widget=ZoneSelect(zones=_ZONES)),
            FieldPanel("assemble_on"),
            FieldRowPanel([FieldPanel("period_kind"), FieldPanel("period_offset")]),
            FieldPanel("send_on"),
            FieldPanel("on_holidays"),
            FieldPanel("cutoff_hours"),
            DatesPanel(),
            FieldPanel("office_reminder_days"),
            FieldRowPanel([FieldPanel("thin_below"), FieldPanel("thin_rule")]),
            FieldPanel("schedules_itself"),
            FieldPanel("approval_reminder_hours"),
            FieldPanel(
                "window_days",
                help_text=_(
                    "Number of days after submission in which an approved edition can be sent (1 to 60)."
                ),
            ),
        ],
        heading=pgettext_lazy("when editions are assembled", "Schedule of editions"),
        **_closed("schedule"),
    ),
    MultiFieldPanel(
        [
            FieldPanel("own_countries_first"),
            FieldPanel("lead_rule"),
            FieldRowPanel([FieldPanel("max_per_country"), FieldPanel("min_stories")]),
            FieldPanel("silent_rule"),
        ],
        heading=_("What each reader sees"),
        **_closed("readers"),
    ),
    MultiFieldPanel(
        [
            # Each choice is a sentence, which a list would cut off on a phone.
            FieldPanel("review_rule", widget=forms.RadioSelect),
            FieldPanel("translation_rule", widget=forms.RadioSelect),
            FieldPanel("approval_rule", widget=forms.RadioSelect),
            FieldPanel("approval_languages", widget=LanguagesInput),
        ],
        heading=_("Approval"),
        **_closed("approval"),
    ),
    MultiFieldPanel(
        [
            FieldPanel(
                "logo",
                widget=AdminImageChooser,
                help_text=_(
                    "Shown above the newsletter's name, 240 by 60 pixels at most. "
                    "PNG keeps transparent areas."
                ),
            ),
            FieldPanel(
                "logo_dark",
                widget=AdminImageChooser,
                help_text=_("A logo for dark mode, where other colours are needed. If empty: the same logo."),
            ),
        ],
        heading=_("Logo"),
        **_closed("logo"),
    ),
    InlinePanel(
        "texts",
        [
            FieldPanel("language", widget=LanguageSelect),
            FieldPanel("tagline", help_text=_("A short line shown below the newsletter's name.")),
            FieldRowPanel([FieldPanel("name"), FieldPanel("office")]),
            FieldPanel("postal_address"),
            FieldPanel(
                "logo_alt",
                help_text=_(
                    "Text that screen readers read instead of the logo. If empty: the name of the office."
                ),
            ),
        ],
        heading=_("Texts for each language"),
        help_text=_(
            "Header and footer texts of the emails in this language. If empty, the texts "
            "above are used; without a tagline, readers see that of another language."
        ),
        label=_("language"),
        **_closed("texts"),
    ),
    MultiFieldPanel(
        [
            FieldPanel(
                "theme",
                heading=_("Colours, fonts, width and rounded corners"),
                help_text=_("Contrast is checked, so that every text can be read."),
            )
        ],
        heading=_("Design"),
        **_closed("design"),
    ),
    MultiFieldPanel(
        [
            FieldPanel(
                "slug",
                help_text=_(
                    "Used in web addresses and in the header field List-Id, by which readers filter their "
                    "mail. If empty, it is made from the name. Do not change it after an edition was sent."
                ),
            ),
        ],
        heading=_("Details"),
        **_closed("details"),
    ),
]


class FoldedList(ObjectList):
    """Groups of fields, of which some are closed until they are opened or have an error.

    A closed group shows its values; the form of a new object begins with what is still missing.
    """

    class BoundPanel(ObjectList.BoundPanel):
        template_name = "desk/editions/newsletter_form.html"

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            groups = []
            for child, identifier in self.visible_children_with_identifiers:
                summarize = SUMMARIES.get(child.attrs.get("data-summary", ""))
                groups.append((child, identifier, summarize(self.instance) if summarize else ""))
            new = not self.instance.pk and not self.form.is_bound
            return {**context, "groups": groups, "new": new, "missing": self._missing() if new else []}

        def _missing(self) -> list[Any]:
            """The required fields that are empty."""
            fields = [field for field in self.form.visible_fields() if field.field.required]
            return [field for field in fields if field.value() in (None, "", [], ())]
