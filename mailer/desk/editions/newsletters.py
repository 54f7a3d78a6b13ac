"""Newsletters: sender, audience, schedule and design."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parseaddr
from itertools import chain, count
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import CreateView, IndexView
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base.edit_conflicts import GuardedEditView
from mailer.desk.base.form_widgets import TranslationsForm
from mailer.desk.base.page_base_classes import may_view_editions
from mailer.desk.base.tables import DeskViewSet, LinkColumn
from mailer.desk.editions.newsletter_form_panels import PANELS, FoldedList
from mailer.desk.editions.newsletter_schedule_field import ScheduleField, schedule_text
from mailer.desk.editions.theme_field_and_preview import ThemeField
from mailer.editions import allowed_sender_domains, newsletter_template_parts, sample_edition_markers
from mailer.editions.assemble import (
    now_or_demo_time,
)
from mailer.editions.audience import Audience
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import Newsletter
from subscribers.models import MailingList

# What a number counts, the least and the most that it may be.
_LIMITS = {
    "window_days": ("days", 1, 60),
    "office_reminder_days": ("days", 1, 14),
    "cutoff_hours": ("hours", 0, 336),
    "approval_reminder_hours": ("hours", 1, 240),
    "thin_below": ("stories", 1, 50),
    "max_per_country": ("stories", 1, 50),
    "min_stories": ("stories", 1, 50),
}


class NewsletterForm(TranslationsForm):
    """A newsletter. Its theme must keep enough contrast, and its sender have an allowed domain.

    The slug follows from the name where it is left empty, and a list can be made on the way.
    """

    slug = forms.SlugField(label=_("Short name in web addresses"), required=False, max_length=50)
    new_list = forms.CharField(required=False, max_length=200)
    theme = ThemeField(required=False)
    assemble_on = ScheduleField(
        required=False,
        label=_("Assembly of editions"),
        help_text=_(
            "A draft edition is assembled from the stories that are ready. Nothing is sent without approval."
        ),
    )
    send_on = ScheduleField(
        required=False,
        label=_("Planned sending of the edition"),
        help_text=_(
            "The first such time after the edition is assembled. An edition that is not "
            "approved by then is not sent."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "lists" in self.fields:
            self.fields["lists"].required = False
        texts = {
            "days": _("Choose a number of days from %(least)s to %(most)s."),
            "hours": _("Choose a number of hours from %(least)s to %(most)s."),
            "stories": _("Choose a number of stories from %(least)s to %(most)s."),
        }
        for name, (what, least, most) in _LIMITS.items():
            if name in self.fields:
                message = texts[what] % {"least": least, "most": most}
                _limit(self.fields[name], least, most, message)
        if not self.instance.pk:
            self._suggest_list()

    def _suggest_list(self) -> None:
        """The only list; the name of a new one where there is none."""
        lists = list(MailingList.objects.exclude(slug=sample_edition_markers.SLUG)[:2])
        if len(lists) == 1:
            self.initial["lists"] = lists
        elif not lists and "new_list" in self.fields:
            self.initial["new_list"] = self.instance.name

    def clean_sender_email(self) -> str:
        address: str = self.cleaned_data["sender_email"]
        allowed_sender_domains.validate_sender(address)
        return address

    def clean_name(self) -> str:
        """Another name than every other newsletter's: a form that is sent twice makes one newsletter."""
        name: str = self.cleaned_data["name"]
        if Newsletter.objects.exclude(pk=self.instance.pk).filter(name__iexact=name).exists():
            raise ValidationError(gettext("There is already a newsletter with this name."), code="same")
        return name

    def clean_new_list(self) -> str:
        """Another name than every other list's: a form that is sent again after “Back” makes one list."""
        name: str = self.cleaned_data["new_list"].strip()
        if name and MailingList.objects.filter(name__iexact=name).exists():
            raise ValidationError(
                gettext("There is already a mailing list with this name. Choose it, or enter another name."),
                code="same",
            )
        return name

    def clean_slug(self) -> str:
        """Another slug only once the folder of the newsletter's own template parts has that name too."""
        slug: str = self.cleaned_data["slug"] or free_slug(Newsletter, self.cleaned_data.get("name", ""))
        before = self.initial.get("slug", "") if self.instance.pk else slug
        parts_of = newsletter_template_parts.folder_parts
        if before != slug and parts_of(before) and not parts_of(slug):
            raise ValidationError(
                gettext(
                    "Template parts of this newsletter are in the folder %(folder)s on the server, which "
                    "has this name. Ask the administrator to rename the folder to “%(name)s” first."
                )
                % {"folder": newsletter_template_parts.newsletter_folder(before), "name": slug},
                code="folder",
            )
        return slug

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "lists" in self.fields and not cleaned.get("lists") and not cleaned.get("new_list"):
            field = "lists" if MailingList.objects.exists() or "new_list" not in self.fields else "new_list"
            self.add_error(
                field,
                gettext(
                    "Choose a mailing list, or enter a name for a new one: its "
                    "subscribers get the newsletter."
                ),
            )
        return cleaned

    def save(self, commit: bool = True) -> Newsletter:
        """Nothing that was due by a schedule before it was changed is caught up on."""
        if {"assemble_on", "zone", "period_kind", "period_offset", "on_holidays"} & set(self.changed_data):
            self.instance.schedule_since = now_or_demo_time(timezone.now())
        saved: Newsletter = super().save(commit=commit)
        return saved

    def _save_m2m(self) -> None:
        super()._save_m2m()
        if name := self.cleaned_data.get("new_list"):
            made = MailingList.objects.create(name=name, slug=free_slug(MailingList, name))
            log(instance=made, action="wagtail.create", user=self.for_user)
            self.instance.lists.add(made)


def _limit(field: forms.Field, least: int, most: int, message: str) -> None:
    """Set the limits of a number input, and the message for a number outside of them."""
    field.widget.attrs.update(min=least, max=most)
    field.error_messages.update(min_value=message, max_value=message)


def free_slug(model: type[Newsletter] | type[MailingList], name: str) -> str:
    """A slug made of the name, such as "silk-road-monthly", that no other row has."""
    base = slugify(name)[:40] or model._meta.verbose_name_raw.replace(" ", "-")
    taken = set(model._default_manager.filter(slug__startswith=base).values_list("slug", flat=True))
    candidates = chain([base], (f"{base}-{number}" for number in count(2)))
    return next(slug for slug in candidates if slug not in taken)


def audience_size(newsletter: Newsletter) -> int:
    """The number of subscribers who would get an edition now; of a large audience, as it was counted last."""
    return cached_or_live_count(Audience.of_newsletter(newsletter), timezone.now()).total


def schedule_label(newsletter: Newsletter) -> str:
    """When editions are assembled, as text."""
    return schedule_text(newsletter.assemble_on, newsletter.zone)


class NewsletterIndex(IndexView):
    """The table, with links to assemble an edition and to the trend."""

    def get_list_more_buttons(self, instance: Newsletter) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        return [*_links(self.request.user, instance, Button), *buttons]


class NewsletterCreate(CreateView):
    """The form of a new newsletter, filled in from the configuration of the site."""

    def get_initial_form_instance(self) -> Newsletter:
        site = settings.CONFIG.site
        lists = list(MailingList.objects.exclude(slug=sample_edition_markers.SLUG)[:2])
        name = gettext("%(office)s newsletter") % {"office": site.name}
        return Newsletter(
            # The office has a name of its own, and subscribers may know the newsletter by its list.
            name=lists[0].name if len(lists) == 1 else name,
            office=site.name,
            sender_name=site.name,
            sender_email=parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
            countries=site.countries,
            languages=site.languages,
            fallbacks=site.languages[:2],
            zone=site.timezone,
        )

    def get_success_url(self) -> str:
        return reverse("wagtailadmin_home")


class NewsletterEdit(GuardedEditView):
    """The form, with the same links."""

    @property
    def header_buttons(self) -> list[HeaderButton]:
        return list(_links(self.request.user, self.object, HeaderButton))


def _links(user: Any, newsletter: Newsletter, kind: Any) -> Iterator[Any]:
    """Links to the newsletter's other pages that this user may open."""
    if user.has_perm("mailer.add_edition"):
        address = reverse("desk_assemble", args=[newsletter.pk])
        yield kind(gettext("Assemble an edition"), url=address, icon_name="plus", priority=5)
    if user.has_perm("mailer.change_edition"):
        address = reverse("desk_glossary", args=[newsletter.pk])
        yield kind(gettext("Glossary of names"), url=address, icon_name="list-ul", priority=8)
    if user.has_perm("mailer.change_newsletter"):
        address = reverse("desk_templates", args=[newsletter.pk])
        yield kind(gettext("Email templates"), url=address, icon_name="code", priority=7)
    if may_view_editions(user):
        address = reverse("desk_trend", args=[newsletter.pk])
        yield kind(gettext("Compare editions"), url=address, icon_name="history", priority=6)


class NewsletterViewSet(DeskViewSet):
    """Publications: each with its sender, schedule, countries and languages."""

    model = Newsletter
    name = "desk_newsletters"
    icon = "mail"
    menu_label = _("Newsletters")
    menu_name = "newsletters"
    menu_order = 140
    add_to_admin_menu = True
    index_view_class = NewsletterIndex
    add_view_class = NewsletterCreate
    edit_view_class = NewsletterEdit
    list_display = [
        "name",
        Column("readers", label=_("Subscribers"), accessor=audience_size),
        Column(
            "countries",
            label=_("Countries"),
            accessor=lambda one: staff_localization.country_names(one.countries),
        ),
        Column("languages", label=_("Languages"), accessor=lambda one: ", ".join(_languages(one))),
        Column(
            "schedule",
            label=pgettext_lazy("when editions are assembled", "Schedule of editions"),
            accessor=schedule_label,
        ),
        LinkColumn("editions", label=_("Editions"), accessor=lambda one: _editions_link(one)),
    ]
    edit_handler = FoldedList(PANELS, base_form_class=NewsletterForm)


def _languages(newsletter: Newsletter) -> list[str]:
    return [staff_localization.language_name(code) for code in newsletter.languages]


def _editions_link(newsletter: Newsletter) -> tuple[str, str]:
    address = f"{reverse('desk_editions:list')}?newsletter={newsletter.pk}"
    return address, str(newsletter.editions.count())
