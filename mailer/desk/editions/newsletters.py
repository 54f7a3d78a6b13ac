"""Newsletters: sender, audience, schedule and design; and assembling an edition by hand."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from email.utils import parseaddr
from itertools import chain, count
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import CreateView, EditView, IndexView
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import log

from mailer import staff_language
from mailer.desk.base.forms import (
    CountriesInput,
    LanguageOrderInput,
    LanguageSelect,
    LanguagesInput,
    TranslationsForm,
    ZoneSelect,
)
from mailer.desk.base.page_classes import NewsletterPage, current_user, may_view_editions
from mailer.desk.base.tables import DeskViewSet, LinkColumn
from mailer.desk.editions.theme_field import ThemeField
from mailer.editions import sample, sender_domains
from mailer.editions.assemble import EditionExists, InvalidPeriod, Period, assemble, now_or_demo_time
from mailer.editions.audience import Audience
from mailer.editions.models import Newsletter
from subscribers.models import MailingList

_ZONES = sorted(
    zoneinfo.available_timezones(), key=lambda zone: (not zone.startswith(("Asia/", "UTC")), zone)
)


class NewsletterForm(TranslationsForm):
    """A newsletter. Its theme must keep enough contrast, and its sender have an allowed domain.

    The slug follows from the name where it is left empty, and a list can be made on the way.
    """

    slug = forms.SlugField(label=_("Slug"), required=False, max_length=50)
    new_list = forms.CharField(required=False, max_length=200)
    theme = ThemeField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "lists" in self.fields:
            self.fields["lists"].required = False
        if "assemble_day" in self.fields:
            _limit(
                self.fields["assemble_day"],
                1,
                28,
                gettext("Choose a day from 1 to 28, which every month has."),
            )
            _limit(self.fields["assemble_hour"], 0, 23, gettext("Choose an hour from 0 to 23."))
            _limit(self.fields["window_days"], 1, 60, gettext("Choose a number of days from 1 to 60."))
        if not self.instance.pk:
            self._suggest_list()

    def _suggest_list(self) -> None:
        """The only list; the name of a new one where there is none."""
        lists = list(MailingList.objects.exclude(slug=sample.SLUG)[:2])
        if len(lists) == 1:
            self.initial["lists"] = lists
        elif not lists and "new_list" in self.fields:
            self.initial["new_list"] = self.instance.name or settings.CONFIG.site.name

    def clean_sender_email(self) -> str:
        address: str = self.cleaned_data["sender_email"]
        sender_domains.validate(address)
        return address

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or free_slug(Newsletter, self.cleaned_data.get("name", ""))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "lists" in self.fields and not cleaned.get("lists") and not cleaned.get("new_list"):
            field = "lists" if MailingList.objects.exists() or "new_list" not in self.fields else "new_list"
            self.add_error(
                field, gettext("Choose a list, or name a new one: its subscribers get the newsletter.")
            )
        return cleaned

    def _save_m2m(self) -> None:
        super()._save_m2m()
        if name := self.cleaned_data.get("new_list", "").strip():
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
    """The number of subscribers who would get an edition now."""
    return Audience.of_newsletter(newsletter).count()


def schedule_label(newsletter: Newsletter) -> str:
    """When editions are assembled, as text."""
    if newsletter.assemble_day is None:
        return gettext("Manually")
    return gettext("Day %(day)s of the month, %(hour)s:00 (%(zone)s)") % {
        "day": newsletter.assemble_day,
        "hour": f"{newsletter.assemble_hour:02d}",
        "zone": newsletter.zone,
    }


class NewsletterIndex(IndexView):
    """The table, with links to assemble an edition and to the trend."""

    def get_list_more_buttons(self, instance: Newsletter) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        return [*_links(self.request.user, instance, Button), *buttons]


class NewsletterCreate(CreateView):
    """The form of a new newsletter, filled in from the configuration of the site."""

    def get_initial_form_instance(self) -> Newsletter:
        site = settings.CONFIG.site
        return Newsletter(
            name=site.name,
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


class NewsletterEdit(EditView):
    """The form, with the same links."""

    @property
    def header_buttons(self) -> list[HeaderButton]:
        return list(_links(self.request.user, self.object, HeaderButton))


def _links(user: Any, newsletter: Newsletter, kind: Any) -> Iterator[Any]:
    """Links to the newsletter's other pages that this user may open."""
    if user.has_perm("mailer.add_edition"):
        address = reverse("desk_assemble", args=[newsletter.pk])
        yield kind(gettext("Assemble an edition"), url=address, icon_name="plus", priority=5)
    if may_view_editions(user):
        address = reverse("desk_trend", args=[newsletter.pk])
        yield kind(gettext("Compare editions"), url=address, icon_name="history", priority=6)


class NewsletterViewSet(DeskViewSet):
    """Publications: each with its sender, schedule, countries and languages."""

    model = Newsletter
    name = "desk_newsletters"
    icon = "mail"
    menu_label = _("Newsletters")
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
            accessor=lambda one: staff_language.country_names(one.countries),
        ),
        Column("languages", label=_("Languages"), accessor=lambda one: ", ".join(_languages(one))),
        Column("schedule", label=_("Schedule"), accessor=schedule_label),
        LinkColumn("editions", label=_("Editions"), accessor=lambda one: _editions_link(one)),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel("name"),
                    FieldPanel(
                        "slug",
                        help_text=_(
                            "Used in URLs and List-Id. If empty, it is made of the name. Do not change it "
                            "once an edition was sent."
                        ),
                    ),
                    FieldPanel("office", help_text=_("Name of the publisher in the footer of every email.")),
                    FieldPanel(
                        "postal_address",
                        help_text=_("In the footer of every email; many countries require it."),
                    ),
                ],
                heading=pgettext_lazy("of a thing", "Name"),
            ),
            InlinePanel(
                "texts",
                [FieldPanel("language", widget=LanguageSelect), FieldPanel("tagline")],
                heading=_("Tagline"),
                label=_("language"),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("sender_name"), FieldPanel("sender_email")]),
                    FieldPanel("reply_to", help_text=_("Where replies go. If empty: to the sender.")),
                ],
                heading=_("Sender"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "lists",
                        widget=forms.CheckboxSelectMultiple,
                        help_text=_("Subscribers of these lists receive it."),
                    ),
                    FieldPanel(
                        "new_list",
                        heading=_("Make a new list"),
                        help_text=_("Its name, as subscribers see it. It is made when you save, and chosen."),
                        permission="subscribers.add_mailinglist",
                    ),
                    FieldPanel("countries", widget=CountriesInput),
                    FieldPanel("languages", widget=LanguagesInput),
                    FieldPanel("fallbacks", widget=LanguageOrderInput),
                ],
                heading=_("Audience"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("zone", widget=ZoneSelect(zones=_ZONES)),
                    FieldRowPanel(
                        [
                            FieldPanel(
                                "assemble_day",
                                heading=_("Day of the month (1 to 28)"),
                                help_text=_("If empty, editions are assembled manually."),
                            ),
                            FieldPanel("assemble_hour", heading=_("Hour (0 to 23)")),
                        ]
                    ),
                    FieldPanel(
                        "window_days",
                        help_text=_(
                            "Days after submission within which an approved edition can be sent (1 to 60)."
                        ),
                    ),
                    FieldPanel("review_rule"),
                ],
                heading=_("Schedule"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "theme",
                        heading=_("Colours, font and width"),
                        help_text=_("Contrast is checked, so that every text can be read."),
                    )
                ],
                heading=_("Design"),
                classname="collapsed",
            ),
        ],
        base_form_class=NewsletterForm,
    )


def _languages(newsletter: Newsletter) -> list[str]:
    return [staff_language.language_name(code) for code in newsletter.languages]


def _editions_link(newsletter: Newsletter) -> tuple[str, str]:
    address = f"{reverse('desk_editions:list')}?newsletter={newsletter.pk}"
    return address, str(newsletter.editions.count())


class PeriodForm(forms.Form):
    """The month that an edition is for."""

    period = forms.CharField(
        label=_("Month"),
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2021-12"}),
        max_length=7,
    )

    def clean_period(self) -> str:
        try:
            return str(Period.parse(self.cleaned_data["period"]))
        except InvalidPeriod as error:
            raise ValidationError(str(error)) from error


class AssembleView(NewsletterPage, FormView[PeriodForm]):
    """Shows the form (GET) and assembles the month's edition from ready stories (POST)."""

    permission_required = "mailer.add_edition"
    form_class = PeriodForm
    template_name = "desk/editions/assemble.html"
    page_title = _("Assemble an edition")

    def get_initial(self) -> dict[str, Any]:
        return {"period": str(Period.at(now_or_demo_time(timezone.now()), self.object.zone))}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(newsletter=self.object, **kwargs)

    def form_valid(self, form: PeriodForm) -> HttpResponse:
        try:
            now = now_or_demo_time(timezone.now())
            edition = assemble(self.object, form.cleaned_data["period"], now, current_user(self.request))
        except EditionExists as error:
            form.add_error("period", str(error))
            return self.form_invalid(form)
        log(instance=edition, action="desk.assemble", user=self.request.user)
        messages.success(
            self.request,
            gettext("%(edition)s is assembled. Review and edit it, then submit it for approval.")
            % {"edition": edition},
        )
        return redirect("desk_editions:edit", edition.pk)
