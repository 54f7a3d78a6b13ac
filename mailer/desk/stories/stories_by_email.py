"""Stories by email: the addresses and who may write to them, and the messages that wait for staff."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView, TemplateView, View
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import EditGuard
from mailer.desk.base.form_widgets import OrderedCountriesInput, content_languages, parse_non_negative_int
from mailer.desk.base.page_base_classes import ObjectPage, StaffPage, current_user
from mailer.editions.models import country_choices
from mailer.stories import inbound_story_email
from mailer.stories.models import StoryMail, StorySource
from subscribers.translate_stored_texts import translated

_State = StoryMail.State
_TONES = {
    _State.UNKNOWN: "waiting",
    _State.FORGED: "problem",
    _State.UNREADABLE: "problem",
    _State.ADDED: "waiting",
}
# What staff open may harm them: not what strangers send. A message whose header was not read has no sender.
_OF_KNOWN_SENDERS = (_State.ADDED, _State.UNREADABLE)
_DOMAIN = re.compile(r"@(?:[\w-]+\.)+[\w-]{2,}")
# Results of RFC 8601, as staff read them.
_RESULTS = {
    "pass": gettext_lazy("confirmed"),
    "fail": gettext_lazy("failed"),
    "softfail": gettext_lazy("failed"),
    "permerror": gettext_lazy("failed"),
}
_UNCONFIRMED = gettext_lazy("not confirmed by the sender")


class MailSourceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """An address for stories and those who may write to it."""

    class Meta:
        model = StorySource
        fields = ("name", "mail_tag", "senders", "language", "active")

    name = forms.CharField(
        label=gettext_lazy("Office or group"),
        max_length=120,
        help_text=gettext_lazy("Name shown to your colleagues, such as “Office in Almaty”."),
    )
    mail_tag = forms.SlugField(
        label=gettext_lazy("Tag of the email address"),
        max_length=40,
        required=False,
        help_text=gettext_lazy(
            "With the tag “almaty”, the address is stories+almaty@example.org. If empty: the "
            "address without a tag."
        ),
    )
    senders = forms.CharField(
        label=gettext_lazy("Senders"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "Write one email address per line, or @almaty.example.org for everyone at a domain."
        ),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries"),
        required=False,
        widget=OrderedCountriesInput,
        help_text=gettext_lazy("Countries suggested for messages that name no country."),
    )
    active = forms.BooleanField(
        label=gettext_lazy("This address accepts stories by email"), required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language, countries = self.fields["language"], self.fields["countries"]
        assert isinstance(language, forms.ChoiceField) and isinstance(countries, forms.MultipleChoiceField)
        language.choices = [("", _("Recognised from the text")), *content_languages()]
        countries.choices = [
            (code, staff_localization.country_name(code)) for code, _name in country_choices()
        ]
        countries.initial = list(self.instance.countries)

    def clean_mail_tag(self) -> str:
        tag = str(self.cleaned_data["mail_tag"]).lower()
        same = StorySource.objects.filter(kind=StorySource.Kind.EMAIL, mail_tag=tag)
        if same.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("Another office already has this email address."))
        return tag

    def clean_senders(self) -> str:
        listed = [line.strip().lower() for line in self.cleaned_data["senders"].splitlines() if line.strip()]
        for one in listed:
            if _DOMAIN.fullmatch(one):
                continue
            try:
                validate_email(one)
            except ValidationError:
                text = _("“%(word)s” is not an email address; write one per line, or @almaty.example.org.")
                raise ValidationError(text % {"word": one[:80]}) from None
        return "\n".join(dict.fromkeys(listed))

    def save(self, commit: bool = True) -> StorySource:
        self.instance.kind = StorySource.Kind.EMAIL
        self.instance.countries = tuple(self.cleaned_data["countries"])
        source: StorySource = super().save(commit)
        return source


@dataclass(frozen=True)
class MailRow:
    """A message that waits for staff, in words."""

    pk: int
    sender: str
    subject: str
    received: str
    tone: str
    label: str
    # "SPF: confirmed, DKIM: not checked".
    authentication: str
    warnings: tuple[str, ...]
    source: int | None
    # Whether its stories can be taken over.
    readable: bool
    # Whether staff may download it: its sender is known.
    downloadable: bool


class StoryMailPage(StaffPage, TemplateView):
    """The addresses and the messages that wait (GET); adds an address, or decides about a message (POST)."""

    permission_required = "mailer.publish_story"
    template_name = "desk/stories/stories_by_email.html"
    page_title = gettext_lazy("Stories sent by email")
    header_icon = "mail"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": MailSourceForm(), **_shown(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        if "mail" in request.POST:
            self._decide(request)
            return redirect("desk_story_mail")
        form = MailSourceForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        log(instance=form.save(), action="wagtail.create", user=current_user(request))
        messages.success(request, _("Saved"))
        return redirect("desk_story_mail")

    def _decide(self, request: HttpRequest) -> None:
        mail = get_object_or_404(
            inbound_story_email.held_messages(), pk=parse_non_negative_int(request.POST["mail"]) or 0
        )
        if "delete" in request.POST:
            mail.delete()
            messages.success(request, _("The email is deleted."))
            return
        if mail.state == _State.ADDED:
            raise Http404
        source = StorySource.objects.filter(
            pk=parse_non_negative_int(request.POST.get("source", "")) or 0, kind=StorySource.Kind.EMAIL
        ).first()
        if source is None:
            messages.error(request, _("Choose the office that sent these stories."))
            return
        inbound_story_email.make_drafts_from_email(
            mail, source, timezone.now(), remember_sender="remember" in request.POST
        )
        if mail.state == _State.ADDED:
            messages.success(request, _("Draft stories were made from the email."))
        else:
            messages.error(
                request,
                " ".join(translated(one) for one in mail.warnings)
                or str(_("No story was found in the email.")),
            )


class StoryMailOriginal(StaffPage, View):
    """The message as it arrived, for its attachments that no draft has."""

    permission_required = StoryMailPage.permission_required

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        held = inbound_story_email.held_messages().filter(state__in=_OF_KNOWN_SENDERS)
        mail = get_object_or_404(held.exclude(sender=""), pk=pk)
        headers = {"Content-Disposition": f'attachment; filename="email-{mail.pk}.eml"'}
        return HttpResponse(bytes(mail.raw), content_type="message/rfc822", headers=headers)


class StoryMailAddressPage(EditGuard, ObjectPage[StorySource], FormView[MailSourceForm]):
    """Changes an address and who may write to it."""

    model = StorySource
    form_class = MailSourceForm
    permission_required = StoryMailPage.permission_required
    template_name = StoryMailPage.template_name
    page_title = StoryMailPage.page_title
    header_icon = StoryMailPage.header_icon
    breadcrumbs_above = (
        *StoryMailPage.breadcrumbs_above,
        ("desk_story_mail", gettext_lazy("Stories sent by email")),
    )

    def get_queryset(self) -> QuerySet[StorySource]:
        return StorySource.objects.filter(kind=StorySource.Kind.EMAIL)

    def get_object(self) -> StorySource:
        return self.get_queryset().get(pk=self.object.pk)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": self.object}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"source": self.object, **_shown(), **kwargs})

    def form_valid(self, form: MailSourceForm) -> HttpResponse:
        log(instance=form.save(), action="wagtail.edit", user=current_user(self.request))
        messages.success(self.request, _("Saved"))
        return redirect("desk_story_mail")


def _shown() -> dict[str, Any]:
    """The addresses, and the messages that wait."""
    address = settings.CONFIG.stories.address
    sources = StorySource.objects.filter(kind=StorySource.Kind.EMAIL).order_by("name")
    rows = [
        (
            one,
            inbound_story_email.address_of(one) if address else "",
            one.senders.splitlines(),
            localized_names_and_dates.country_names_or_all(one.countries) if one.countries else "",
        )
        for one in sources
    ]
    return {
        "address": address,
        "sources": rows,
        "mails": [_row(one) for one in inbound_story_email.held_messages()[:100]],
    }


def _row(mail: StoryMail) -> MailRow:
    state = _State(mail.state)
    results = [
        f"{name.upper()}: {_RESULTS.get(mail.authentication.get(name, ''), _UNCONFIRMED)}"
        for name in ("spf", "dkim")
    ]
    return MailRow(
        pk=mail.pk,
        sender=mail.sender,
        subject=mail.subject,
        received=localized_names_and_dates.format_moment(mail.received_at, settings.CONFIG.site.timezone),
        tone=_TONES[state],
        label=str(state.label),
        authentication=", ".join(results)
        if mail.authentication
        else _("the sender was not checked by your mail server"),
        warnings=tuple(translated(one) for one in mail.warnings),
        source=mail.source_id,
        readable=state in (_State.UNKNOWN, _State.FORGED),
        downloadable=state in _OF_KNOWN_SENDERS and bool(mail.sender),
    )
