"""The places that stories come in from: their health, and forms that find, try and change them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import EditGuard
from mailer.desk.base.form_widgets import CountriesInput, LanguageSelect
from mailer.desk.base.page_base_classes import FormPage, ObjectPage, StaffPage, current_user
from mailer.desk.base.setup_progress import checklist_message_buttons
from mailer.instance.no_send_status import NoSend, require_sending
from mailer.stories.draft_fields_from_source_entry import SuggestedStory
from mailer.stories.models import Story, StorySource
from mailer.stories.record_source_items import preview_items
from mailer.stories.sources import polling
from mailer.stories.sources.discovery import Offer
from mailer.stories.sources.parser_pool import Parsers
from mailer.stories.sources.polite_fetch import PollLimits
from mailer.stories.sources.reader_interface import SourceError
from mailer.stories.sources.readers import READERS
from mailer.stories.url_fetcher import FetchError, Limits
from subscribers import iso_codes
from subscribers.code_list_field import split_codes
from subscribers.translate_stored_texts import translated

_VIEW, _ADD = "mailer.view_storysource", "mailer.add_storysource"
_CHANGE, _DELETE = "mailer.change_storysource", "mailer.delete_storysource"
# Kinds that have an address on the web.
_WEB = (
    StorySource.Kind.FEED,
    StorySource.Kind.WORDPRESS,
    StorySource.Kind.DRUPAL,
    StorySource.Kind.SITEMAP,
)
# While a person waits for the page.
_TRY_LIMITS = PollLimits(
    request=Limits(seconds=10, step_seconds=8), seconds=20, requests=12, host_interval=0.2
)
_SHOWN, _STORIES = 30, 30
_LINE = re.compile(r"\s*(.+?)\s*[:=]\s*([A-Za-z]{2}(?:\s*[, ]\s*[A-Za-z]{2})*)\s*")
_OUTCOMES: Mapping[str, tuple[str, Promise]] = {
    "new": ("done", _("will be imported as a new draft")),
    "known": ("draft", _("was imported earlier")),
    "changed": ("waiting", _("was imported earlier, and has changed since")),
    "duplicate": ("draft", _("seems to repeat a story that is already here")),
    "translation": ("done", _("seems to be the translation of a story that is already here")),
    "deleted": ("draft", _("was imported earlier, and staff deleted the draft")),
}


def offered_kinds() -> list[tuple[str, str]]:
    """The kinds that staff can add here, with their labels."""
    kinds = [kind for kind in StorySource.Kind if kind in _WEB]
    if settings.CONFIG.stories.folders and StorySource.Kind.FOLDER in READERS:
        kinds.append(StorySource.Kind.FOLDER)
    return [(str(kind), str(kind.label)) for kind in kinds]


class SourceForm(forms.Form):
    """Where stories come in from, and what is known of all of them."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        required=False,
        help_text=_(
            "Address of the feed or of the website: click “Find sources” and choose from "
            "what the website offers."
        ),
    )
    kind = forms.ChoiceField(label=pgettext_lazy("of a source", "Kind"), choices=offered_kinds)
    folder = forms.CharField(
        label=_("Folder"),
        max_length=500,
        required=False,
        help_text=_("For a folder on the server: its path within the folder that the configuration names."),
    )
    name = forms.CharField(
        label=pgettext_lazy("of a thing", "Name"),
        max_length=120,
        required=False,
        help_text=_("Name shown to your colleagues, such as “Office in Almaty”."),
    )
    language = forms.CharField(
        label=_("Language"),
        required=False,
        widget=LanguageSelect,
        help_text=_("Language used for entries whose language cannot be recognised."),
    )
    countries = forms.MultipleChoiceField(
        label=_("Countries"),
        required=False,
        widget=CountriesInput,
        choices=lambda: StorySource._meta.get_field("countries").choices_for_form(),
        help_text=_("Countries suggested for entries that name no country."),
    )
    category_countries = forms.CharField(
        label=_("Countries for the source's categories"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "Write one category of the source per line, with its countries, such as "
            "“Astana: KZ” or “Region: KZ, KG”."
        ),
    )
    poll_minutes = forms.IntegerField(
        label=_("Minutes between two checks of the source"),
        min_value=10,
        max_value=10_080,
        initial=60,
        help_text=_("One check per hour (60) is enough for most websites."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = dict(offered_kinds())
        if (held := self.initial.get("kind")) and held not in kinds:
            self.fields["kind"].choices = [  # type: ignore[attr-defined]
                (held, StorySource.Kind(held).label),
                *kinds.items(),
            ]
        if not settings.CONFIG.stories.folders and not self.initial.get("folder"):
            del self.fields["folder"]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if url and "://" not in url:
            url = f"https://{url}"
        if url and not url.lower().startswith(("http://", "https://")):
            raise forms.ValidationError(gettext("The web address must begin with http:// or https://."))
        return url

    def clean_category_countries(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in filter(str.strip, str(self.cleaned_data["category_countries"]).splitlines()):
            read = _LINE.fullmatch(line)
            codes = [code.upper() for code in re.findall("[A-Za-z]{2}", read[2])] if read else []
            if read is None or not set(codes) <= iso_codes.COUNTRIES:
                text = gettext(
                    "Write a category, a colon and valid country codes; this line is not valid: “%(line)s”."
                )
                raise forms.ValidationError(text % {"line": line.strip()})
            found[read[1]] = codes
        return found

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("kind") in _WEB and not data.get("url") and "url" not in self.errors:
            self.add_error("url", gettext("Enter the web address of the source."))
        if data.get("kind") == StorySource.Kind.FOLDER and not data.get("folder"):
            self.add_error(
                "folder" if "folder" in self.fields else None, gettext("Enter the path of a folder.")
            )
        return data

    def check_name(self, pk: int | None) -> bool:
        """Whether the source can be saved under this name; else the form says why."""
        name = self.cleaned_data.get("name", "").strip()
        if not name:
            self.add_error("name", gettext("Enter a name for the source."))
        elif StorySource.objects.filter(name__iexact=name).exclude(pk=pk or 0).exists():
            self.add_error("name", gettext("Another source has this name: choose another one."))
        return not self.errors

    def values(self) -> dict[str, Any]:
        """The fields of StorySource."""
        data = {name: self.cleaned_data[name] for name in SourceForm.base_fields if name in self.cleaned_data}
        return {**data, "name": data["name"].strip(), "countries": split_codes(data["countries"])}


@dataclass(frozen=True)
class Row:
    """A story that would come in, as the page shows it."""

    story: SuggestedStory
    language: str
    countries: str
    kind: str
    tone: str
    outcome: str
    # Of the story, in the language of the page.
    day: str


def row_of(story: SuggestedStory) -> Row:
    """The story in words."""
    tone, outcome = _OUTCOMES[story.outcome]
    return Row(
        story,
        staff_localization.language_name(story.language),
        ", ".join(map(staff_localization.country_name, story.countries.countries)),
        str(Story.Kind(story.values["kind"]).label),
        tone,
        str(outcome),
        localized_names_and_dates.format_day(date.fromisoformat(story.values["date"])),
    )


def state_tone_and_label(source: StorySource) -> tuple[str, str]:
    """(tone, label) of the source's health."""
    if not source.active:
        return "draft", gettext("Paused")
    if source.failures:
        tone = "problem" if source.failures >= polling.ALERT_AFTER else "waiting"
        return tone, pgettext("of a source", "Failing")
    return ("done", gettext("Works")) if source.last_success_at else ("waiting", gettext("Not checked yet"))


class _SourcePage(StaffPage):
    permission_required = _VIEW
    breadcrumbs_above = (("desk_sources", _("Sources")),)
    header_icon = "download"


class SourcesPage(StaffPage, TemplateView):
    """Lists the sources with their health."""

    permission_required = _VIEW
    header_icon = "download"
    page_title = _("Sources")
    template_name = "desk/stories/sources.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sources = StorySource.objects.exclude(kind__in=("document", "email")).order_by("-failures", "name")
        return super().get_context_data(
            rows=[(one, translated(one.problem), *state_tone_and_label(one)) for one in sources[:500]],
            may_add=self.request.user.has_perm(_ADD),
            **kwargs,
        )


class _SourceFormPage(_SourcePage, FormPage[SourceForm]):
    """The form; two of its buttons only show what the source has."""

    form_class = SourceForm
    template_name = "desk/stories/source_form.html"
    source: StorySource | None = None
    # For tests, whose servers are on this machine.
    allow_loopback = False
    parsers: Parsers | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action = request.POST.get("action", "")
        if kind_and_url := request.POST.get("choose", ""):
            # One of the offers: it is filled in and tried.
            data = request.POST.copy()
            data["kind"], _, data["url"] = kind_and_url.partition(" ")
            request.POST, action = data, "try"  # type: ignore[assignment]
        if action not in ("find", "try"):
            return super().post(request, *args, **kwargs)
        form = self.get_form()
        shown = self._look(form, action) if form.is_valid() else {}
        return self.render_to_response(self.get_context_data(form=form, **shown))

    def _look(self, form: SourceForm, action: str) -> dict[str, Any]:
        """What the site offers, or what would come in."""
        now = timezone.now()
        try:
            require_sending()
            if action == "find":
                return {"offers": self._offers(form.cleaned_data["url"], now), "looked": True}
            return self._preview(form, now)
        except (FetchError, SourceError, NoSend) as error:
            form.add_error(None, translated(str(error)))
            return {}

    def _offers(self, url: str, now: datetime) -> list[tuple[Offer, str]]:
        if not url:
            return []
        loopback = self.allow_loopback
        found = polling.discover_once(url, now, _TRY_LIMITS, parsers=self.parsers, allow_loopback=loopback)
        return [(offer, str(StorySource.Kind(offer.kind).label)) for offer in found]

    def _preview(self, form: SourceForm, now: datetime) -> dict[str, Any]:
        source = StorySource(pk=self.source.pk if self.source else None, **form.values())
        known, loopback = polling.settings_of(source, now), self.allow_loopback
        result = polling.read_source_without_recording(
            known, {}, now, _TRY_LIMITS, parsers=self.parsers, allow_loopback=loopback
        )
        rows = [row_of(story) for story in preview_items(source, result.items[:_SHOWN], now)]
        return {
            "rows": rows,
            "tried": True,
            "found": len(result.items),
            "warnings": [translated(text) for text in result.warnings],
        }


class AddSourcePage(_SourceFormPage):
    """Adds a source; the worker reads it at once."""

    permission_required = _ADD
    page_title = _("New source of stories")

    def form_valid(self, form: SourceForm) -> HttpResponse:
        if not form.check_name(None):
            return self.form_invalid(form)
        source = StorySource.objects.create(**form.values())
        log(instance=source, action="desk.source_create", user=current_user(self.request))
        messages.success(
            self.request,
            gettext("The source is saved. Its first stories arrive within a minute."),
            buttons=checklist_message_buttons(current_user(self.request)),
        )
        return redirect("desk_source", source.pk)


class EditSourcePage(_SourceFormPage, EditGuard, ObjectPage[StorySource]):
    """Changes a source."""

    model = StorySource
    permission_required = _CHANGE
    page_title = _("Edit the source")

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.source = self.object

    def get_object(self) -> StorySource:
        return self.get_queryset().get(pk=self.object.pk)

    def get_initial(self) -> dict[str, Any]:
        source = self.object
        lines = (f"{name}: {', '.join(codes)}" for name, codes in source.category_countries.items())
        fields = ("url", "kind", "folder", "name", "language", "countries", "poll_minutes")
        known = {name: getattr(source, name) for name in fields}
        return {**known, "category_countries": "\n".join(lines)}

    def form_valid(self, form: SourceForm) -> HttpResponse:
        if not form.check_name(self.object.pk):
            return self.form_invalid(form)
        source, values = self.object, form.values()
        moved = any(getattr(source, name) != values.get(name, "") for name in ("kind", "url"))
        for name, value in values.items():
            setattr(source, name, value)
        if moved or values.get("folder", source.folder) != source.folder:
            _forget_answers(source)
        source.next_poll_at = timezone.now()
        source.save()
        log(instance=source, action="desk.source_change", user=current_user(self.request))
        messages.success(
            self.request, gettext("The source is saved. It is checked for stories again within a minute.")
        )
        return redirect("desk_source", source.pk)


def _forget_answers(source: StorySource) -> None:
    """What the old address answered says nothing about the new one."""
    source.validators, source.warnings, source.moved_to = {}, [], ""
    source.problem, source.failures, source.last_success_at = "", 0, None


class SourcePage(_SourcePage, ObjectPage[StorySource], TemplateView):
    """Shows health and latest stories of a source (GET); polls, pauses, moves or deletes it (POST)."""

    model = StorySource
    post_permission = _CHANGE
    template_name = "desk/stories/source.html"

    def get_page_title(self) -> str:
        return self.object.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        source, user = self.object, self.request.user
        items = source.items.exclude(story=None).select_related("story").order_by("-first_seen_at", "-pk")
        return super().get_context_data(
            source=source,
            state=state_tone_and_label(source),
            problem=translated(source.problem),
            warnings=[translated(text) for text in source.warnings],
            items=items.prefetch_related("story__texts")[:_STORIES],
            may_change=user.has_perm(_CHANGE),
            may_delete=user.has_perm(_DELETE),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        source, user, now = self.object, current_user(request), timezone.now()
        action = request.POST.get("action", "")
        if action == "poll":
            polling.poll_soon(source, now)
            messages.success(request, gettext("The source will be checked for new stories within a minute."))
        elif action in ("pause", "resume"):
            StorySource.objects.filter(pk=pk).update(active=action == "resume", next_poll_at=now)
        elif action == "move" and source.moved_to:
            source.url = source.moved_to
            _forget_answers(source)
            source.save(update_fields=["url", "validators", "warnings", "moved_to", "problem", "failures"])
            messages.success(request, gettext("The web address of the source is changed."))
        elif action == "delete" and user.has_perm(_DELETE):
            log(instance=source, action="desk.source_delete", user=user, deleted=True)
            source.delete()
            messages.success(
                request, gettext("The source is deleted. The stories that came from it are kept.")
            )
            return redirect("desk_sources")
        else:
            messages.error(request, gettext("Nothing was changed: this page has no such action."))
            return redirect("desk_source", pk)
        log(instance=source, action=f"desk.source_{action}", user=user)
        return redirect("desk_source", pk)
