"""The editor of a story: two languages side by side, saved from the first key on, and ready when complete."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.rich_text.editors.draftail import DraftailRichTextArea
from wagtail.images import get_image_model
from wagtail.images.widgets import AdminImageChooser

from mailer import staff_language
from mailer.accounts import contributors
from mailer.approval.authorship import name_of
from mailer.desk.base import labels
from mailer.desk.base.forms import OrderedCountriesInput, parse_int
from mailer.desk.base.page_classes import ObjectPage, StaffPage, current_user
from mailer.desk.stories import destinations, preview
from mailer.desk.stories.story_lines import language_marks, state_label, used_in_editions
from mailer.editions.models import country_choices
from mailer.rendering import localization
from mailer.stories import story_drafts
from mailer.stories.models import RICH_TEXT_FEATURES, Story
from mailer.stories.story_drafts import PARTS, Saved
from subscribers.code_list_field import split_codes

PART_LABELS = {
    "headline": gettext_lazy("Headline"),
    "summary": gettext_lazy("Summary"),
    "body": gettext_lazy("Full text"),
    "link_label": gettext_lazy("Text of the link"),
    "picture_alt": gettext_lazy("Description of the picture"),
}
_HINTS = {
    "summary": gettext_lazy("One or two sentences, shown in the email."),
    "body": gettext_lazy("Shown when the story leads an edition, and when it has no link to read on."),
    "link_label": gettext_lazy("Says where the link leads: “How the project will work”. Empty: “Read more”."),
    "picture_alt": gettext_lazy("Says what the picture shows, for readers who cannot see it."),
}
_LENGTHS = {"headline": 200, "link_label": 80, "picture_alt": 250}
# The key of a story that is not saved yet, so that saving twice makes one story.
_NEW_KEY = re.compile(r"\d{4}-\d{2}-[0-9a-f]{8}")


class StoryForm(forms.Form):
    """The fields of a story, and of its texts in some languages. Nothing is required of a draft."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Story.Kind.choices)
    date = forms.DateField(
        label=gettext_lazy("Date"),
        help_text=gettext_lazy("When it happened. For an event: the day it takes place."),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries"),
        required=False,
        help_text=gettext_lazy(
            "Readers of these countries get it; the first is where it happened. None: the whole region."
        ),
        widget=OrderedCountriesInput,
    )
    picture = forms.ModelChoiceField(
        label=gettext_lazy("Picture"),
        queryset=get_image_model().objects.all(),
        required=False,
        widget=AdminImageChooser,
    )
    link = forms.URLField(
        label=gettext_lazy("Link"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=gettext_lazy("Where “read more” leads."),
    )

    def __init__(
        self, *args: Any, languages: list[str], own_countries: frozenset[str] | None, **kwargs: Any
    ) -> None:
        """`own_countries`: the only ones that a contributor writes about; None: all."""
        super().__init__(*args, **kwargs)
        self.languages, self.own_countries = languages, own_countries
        countries = self.fields["countries"]
        assert isinstance(countries, forms.MultipleChoiceField)
        countries.choices = [(code, staff_language.country_name(code)) for code, _name in country_choices()]
        for language in languages:
            for part in PARTS:
                self.fields[f"{part}-{language}"] = _text_field(part, language)

    def clean_countries(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["countries"]
        own = self.own_countries
        if own is not None and not (chosen and set(chosen) <= own):
            names = staff_language.country_names(sorted(own))
            raise ValidationError(_("You write stories of these countries: %(names)s.") % {"names": names})
        return chosen

    def written(self) -> dict[str, str]:
        """The valid fields as flat values; fields with an error keep what is saved."""
        values = {}
        for name in self.fields:
            if name in self.cleaned_data:
                values[name] = _flat(self.cleaned_data[name])
        return values

    def rows(self) -> list[tuple[str, Any, list[tuple[str, str, Any]]]]:
        """(part, hint, [(language, its name, field)]) for each part of the texts."""
        return [
            (
                part,
                _HINTS.get(part, ""),
                [
                    (language, staff_language.language_name(language), self[f"{part}-{language}"])
                    for language in self.languages
                ],
            )
            for part in PARTS
        ]


def _text_field(part: str, language: str) -> forms.Field:
    label = _("%(part)s, %(language)s") % {
        "part": PART_LABELS[part],
        "language": staff_language.language_name(language),
    }
    attributes = {"lang": language, "dir": localization.direction(language)}
    widget: forms.Widget = forms.TextInput(attributes)
    if part == "summary":
        widget = forms.Textarea({**attributes, "rows": 3})
    elif part == "body":
        widget = DraftailRichTextArea(features=RICH_TEXT_FEATURES)
    return forms.CharField(label=label, required=False, max_length=_LENGTHS.get(part), widget=widget)


def _flat(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(split_codes(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(getattr(value, "pk", value))


class _Editor(StaffPage, TemplateView):
    """The form of a story that is new or exists."""

    template_name = "desk/stories/editor.html"
    header_icon = "doc-full-inverse"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)
    story: Story
    # What the form holds after a failed POST.
    form: StoryForm | None = None

    def is_ajax(self) -> bool:
        return self.request.headers.get("X-Requested-With") == "fetch"

    # The two languages beside each other.

    def offered(self) -> list[str]:
        """The office's languages, and others that the story has a text in."""
        return destinations.languages_of(self.story)

    def languages(self) -> list[str]:
        """The source, and the language that is written beside it; one if the office has only one."""
        offered = self.offered()
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        source = given.get("source", "")
        if source not in offered:
            complete = [mark.code for mark in language_marks(self.story, offered) if mark.complete]
            source = complete[0] if complete else offered[0]
        others = [code for code in offered if code != source]
        beside = given.get("language", "")
        if beside == "-" or not others:
            return [source]
        if beside not in others:
            written = [mark.code for mark in language_marks(self.story, others) if not mark.complete]
            beside = written[0] if written else others[0]
        return [source, beside]

    def get_page_title(self) -> str:
        return self.story.headline(staff_language.active_language()) if self.story.pk else _("New story")

    def values(self) -> dict[str, str]:
        return story_drafts.values_of(self.story, self.languages())

    def bound_form(self, data: QueryDict | None = None) -> StoryForm:
        values = self.values()
        initial: dict[str, Any] = {
            **values,
            "countries": split_codes(values["countries"].split(",")),
            "picture": values["picture"] or None,
        }
        own = contributors.contributor_countries(current_user(self.request))
        return StoryForm(data, initial=initial, languages=self.languages(), own_countries=own)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        languages = self.languages()
        form = self.form or self.bound_form()
        base = story_drafts.marks_of(self.values())
        exists = bool(self.story.pk)
        context = {
            "story": self.story,
            "form": form,
            "media": form.media,
            "rows": form.rows(),
            "columns": [(code, staff_language.language_name(code)) for code in languages],
            "source": languages[0],
            "beside": languages[1] if len(languages) > 1 else "-",
            "base": json.dumps(base),
            "new_key": "" if exists else self.request.POST.get("new_key") or _new_key(),
            "may_publish": self.request.user.has_perm("mailer.publish_story"),
            "overwrite": False,
            **status(self.story, self.request, languages),
        }
        return super().get_context_data(**{**context, **kwargs})

    # Saving.

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.bound_form(request.POST)
        valid = form.is_valid()
        saved = self.save(form)
        self.story = saved.story
        ready = request.POST.get("action") == "ready"
        if self.is_ajax() and not ready:
            return self._json(form, saved)
        if not valid or saved.conflicts:
            return self._again(form, saved)
        if ready:
            return self._ready(form)
        messages.success(request, _("“%(story)s” is saved as a draft.") % {"story": self.story})
        return redirect(self.url())

    def save(self, form: StoryForm) -> Saved:
        """Save what is valid. A new story is created once, however often it is sent."""
        user, now = current_user(self.request), timezone.now()
        written = form.written()
        base = _base(self.request.POST)
        if not self.story.pk:
            key = self.request.POST.get("new_key", "")
            known = Story.objects.filter(key=key).first() if _NEW_KEY.fullmatch(key) else None
            if known is not None and known.latest_revision and known.latest_revision.user_id == user.pk:
                # The answer to the first attempt was lost, or the browser went back to the empty form.
                self.story = story_drafts.latest_draft(known)
            elif known is None and _NEW_KEY.fullmatch(key):
                self.story.key = key
        return story_drafts.save(self.story, written, base, user, now)

    def url(self) -> str:
        """The editor of the saved story, with the same languages beside each other."""
        given = self.request.POST
        query = QueryDict(mutable=True)
        for name in ("source", "language"):
            if given.get(name):
                query[name] = given[name]
        encoded = f"?{query.urlencode()}" if query else ""
        return f"{reverse('desk_stories:edit', args=[self.story.pk])}{encoded}"

    def _json(self, form: StoryForm, saved: Saved) -> JsonResponse:
        marks = language_marks(self.story, self.offered())
        row = Story.objects.get(pk=self.story.pk)
        tone, label = state_label(row)
        return JsonResponse(
            {
                "url": self.url(),
                "preview": reverse("desk_story:preview", args=[self.story.pk]),
                "title": str(self.story),
                "base": story_drafts.marks_of(self.values()),
                "errors": {name: [str(error) for error in errors] for name, errors in form.errors.items()},
                "conflicts": [
                    {"field": one.field, "label": field_label(one.field), "theirs": plain(one.theirs)}
                    for one in saved.conflicts
                ],
                "marks": render_to_string("desk/stories/language_marks.html", {"marks": marks}),
                "state": render_to_string("desk/state.html", {"tone": tone, "label": label}),
            }
        )

    def _again(self, form: StoryForm, saved: Saved) -> HttpResponse:
        """The form as it was written, with its errors and what another person wrote meanwhile."""
        self.form = form
        for conflict in saved.conflicts:
            text = _("Another person changed this meanwhile: “%(text)s”. Save again to keep yours.")
            form.add_error(conflict.field, text % {"text": plain(conflict.theirs)})
        messages.error(self.request, _("Not everything is saved: see the marked fields."))
        return self.render_to_response(self.get_context_data())

    def _ready(self, form: StoryForm) -> HttpResponse:
        if not self.request.user.has_perm("mailer.publish_story"):
            raise PermissionDenied
        missing = story_drafts.missing_for_readers(self.story)
        for one in missing:
            text, field = _missing_text(one.part, one.language), f"{one.part}-{one.language}"
            if one.part == "text":
                form.add_error(f"headline-{form.languages[0]}", _("Write a headline and a summary."))
            elif field in form.fields:
                form.add_error(field, text)
            else:
                form.add_error(None, text)
        if missing:
            self.form = form
            messages.error(
                self.request, _("The story is saved as a draft. It is not ready yet: something is missing.")
            )
            return self.render_to_response(self.get_context_data())
        user = current_user(self.request)
        latest = Story.objects.get(pk=self.story.pk).get_latest_revision()
        latest.publish(user=user)
        ready = _("“%(story)s” is saved and ready for editions.") % {"story": self.story}
        messages.success(self.request, ready)
        return redirect(self.url())


def _missing_text(part: str, language: str) -> str:
    name = staff_language.language_name(language)
    if part == "picture_alt":
        return _("The story has a picture: describe it in %(language)s.") % {"language": name}
    values = {"part": PART_LABELS.get(part, part), "language": name}
    return _("%(part)s is missing in %(language)s.") % values


def field_label(field: str) -> str:
    """A field of a story as staff call it: "Headline, Russian"."""
    part, _dash, language = field.partition("-")
    if part in PARTS:
        named = {"part": PART_LABELS[part], "language": staff_language.language_name(language)}
        return _("%(part)s, %(language)s") % named
    return str(StoryForm.base_fields[field].label)


def plain(value: str) -> str:
    """A stored value as text, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", value).split())


def _base(data: Mapping[str, str]) -> dict[str, str]:
    try:
        base = json.loads(data.get("base", "{}"))
    except ValueError:
        return {}
    return {str(name): str(mark) for name, mark in base.items()} if isinstance(base, dict) else {}


def _new_key() -> str:
    return f"{timezone.localdate():%Y-%m}-{secrets.token_hex(4)}"


def status(story: Story, request: HttpRequest, languages: list[str]) -> dict[str, Any]:
    """What stands beside the form: state, languages, where the story goes, who wrote what, comments."""
    offered = destinations.languages_of(story)
    context: dict[str, Any] = {
        "marks": language_marks(story, offered),
        "state": state_label(Story.objects.get(pk=story.pk) if story.pk else story),
        "preview_language": languages[-1],
    }
    if not story.pk:
        return context
    shown = preview.of_story(story, languages[-1])
    return {
        **context,
        "destinations": destinations.of_story(story, timezone.now()),
        "used_in": [labels.month_name(one) for one in used_in_editions([story.pk]).get(story.pk, ())],
        "changes": [
            (name_of(change.user), change.at, labels.language_names(change.languages), change.about)
            for change in story_drafts.changes_of(story, 20)[:6]
        ],
        "comments": story.comments.select_related("author", "resolved_by"),
        "preview_html": shown,
    }


class StoryAddPage(_Editor):
    """A new story. The first key creates it."""

    permission_required = "mailer.add_story"

    def load(self, **kwargs: Any) -> None:
        own = contributors.contributor_countries(current_user(self.request))
        self.story = Story(live=False, countries=tuple(sorted(own or ())))


class StoryEditPage(ObjectPage[Story], _Editor):
    """A story that exists."""

    model = Story
    permission_required = "mailer.change_story"

    def load(self, **kwargs: Any) -> None:
        pk = parse_int(str(kwargs["pk"]))
        super().load(pk=0 if pk is None else pk)
        self.story = story_drafts.latest_draft(self.object)
        user = current_user(self.request)
        if not all(contributors.may_write_about(user, one.countries) for one in (self.object, self.story)):
            raise PermissionDenied
