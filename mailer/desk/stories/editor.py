"""The editor of a story: two languages side by side, saved from the first key on, and ready when complete."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from datetime import time
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.images import get_image_model
from wagtail.images.widgets import AdminImageChooser

from mailer import staff_localization
from mailer.accounts import contributor_permissions
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import last_change
from mailer.desk.base.form_widgets import OrderedCountriesInput, RichTextArea, parse_non_negative_int
from mailer.desk.base.page_base_classes import ObjectPage, StaffPage, current_user
from mailer.desk.stories import imported_story_review, preview, unsent_editions_of_story
from mailer.desk.stories.comments import comments_with_may_mark_done
from mailer.desk.stories.story_rows import edition_periods_by_story, language_marks, state_tone_and_label
from mailer.editions import translation_glossary
from mailer.editions.models import country_choices
from mailer.rendering import localization, sanitize
from mailer.stories import draft_editing
from mailer.stories.draft_editing import PARTS, Saved
from mailer.stories.models import RICH_TEXT_FEATURES, Story, time_errors
from subscribers.code_list_field import split_codes
from subscribers.translate_stored_texts import translated

PART_LABELS = {
    "headline": gettext_lazy("Headline"),
    "summary": gettext_lazy("Summary"),
    "body": gettext_lazy("Full text of the story"),
    "link_label": gettext_lazy("Text of the link"),
    "venue": gettext_lazy("Place of the event"),
    "picture_alt": gettext_lazy("Description of the picture"),
}
_HINTS = {
    "summary": gettext_lazy("One or two sentences, shown below the headline in the email."),
    "body": gettext_lazy(
        "Optional. Readers see the full text if this is their lead story, or if the story has no link. Where "
        "it is empty, they see the headline and the summary."
    ),
    "link_label": gettext_lazy(
        "Optional. The words of the link say where it leads: “How the project will work”. If "
        "empty: “Read more”."
    ),
    "venue": gettext_lazy("For events: where the event takes place, for example “House of Cinema, Almaty”."),
    "picture_alt": gettext_lazy(
        "The alternative text: what the picture shows, read aloud to readers who cannot see it."
    ),
}
_LENGTHS = {"headline": 200, "link_label": 80, "venue": 160, "picture_alt": 250}
# The parts of the texts by the group of the form that they stand in: beside what they belong to.
_GROUPS = {
    "text_rows": ("headline", "summary", "body"),
    "event_rows": ("venue",),
    "picture_rows": ("picture_alt",),
    "link_rows": ("link_label",),
}
# The key of a story that is not saved yet, so that saving twice makes one story.
_NEW_KEY = re.compile(r"\d{4}-\d{2}-[0-9a-f]{8}")


class StoryForm(forms.Form):
    """The fields of a story, and of its texts in some languages. Nothing is required of a draft."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Story.Kind.choices)
    date = forms.DateField(
        label=gettext_lazy("Date"),
        help_text=gettext_lazy(
            "Day on which the story’s news happened. For an event: the day on which it takes place."
        ),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    starts = forms.TimeField(
        label=gettext_lazy("Start time of the event"),
        required=False,
        help_text=gettext_lazy("If empty, the event lasts all day."),
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    ends = forms.TimeField(
        label=gettext_lazy("End time of the event"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        help_text=gettext_lazy("Time zone of these times: Asia/Almaty."),
    )
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries"),
        required=False,
        help_text=gettext_lazy(
            "Readers who chose these countries get the story; the first is where it "
            "happened. If none is selected: readers of the whole region."
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
        help_text=gettext_lazy(
            "Optional. Web page to which the “Read more” link leads. Without a link, readers see the full "
            "text in the email."
        ),
    )

    def __init__(
        self, *args: Any, languages: list[str], own_countries: frozenset[str] | None, **kwargs: Any
    ) -> None:
        """`own_countries`: the only ones that a contributor writes about; None: all."""
        super().__init__(*args, **kwargs)
        self.languages, self.own_countries = languages, own_countries
        countries = self.fields["countries"]
        assert isinstance(countries, forms.MultipleChoiceField)
        countries.choices = [
            (code, staff_localization.country_name(code)) for code, _name in country_choices()
        ]
        for language in languages:
            for part in PARTS:
                self.fields[f"{part}-{language}"] = _text_field(part, language)

    def clean_countries(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["countries"]
        own = self.own_countries
        if own is not None and not (chosen and set(chosen) <= own):
            names = staff_localization.country_names(sorted(own))
            raise ValidationError(
                _("You can write stories about these countries: %(names)s.") % {"names": names}
            )
        return chosen

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        errors = time_errors(given.get("starts"), given.get("ends"), given.get("zone", ""))
        for field, message in errors.items():
            self.add_error(field, message)
        if errors:
            # They are right or wrong together; the draft keeps what it has.
            for field in ("starts", "ends", "zone"):
                given.pop(field, None)
        return given

    def written(self) -> dict[str, str]:
        """The valid fields as flat values; fields with an error keep what is saved."""
        values = {}
        for name in self.fields:
            if name in self.cleaned_data:
                values[name] = serialize_form_value(self.cleaned_data[name])
        return values

    def rows(self, parts: Sequence[str]) -> list[tuple[str, Any, list[tuple[str, str, Any]]]]:
        """(part, hint, [(language, its name, field)]) for each of these parts of the texts."""
        return [
            (
                part,
                _HINTS.get(part, ""),
                [
                    (language, staff_localization.language_name(language), self[f"{part}-{language}"])
                    for language in self.languages
                ],
            )
            for part in parts
        ]


class _OneLineField(forms.CharField):
    """A text in which a line break is a space."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value) or "").splitlines())


def _text_field(part: str, language: str) -> forms.Field:
    label = _("%(part)s in %(language)s") % {
        "part": PART_LABELS[part],
        "language": staff_localization.language_name(language),
    }
    attributes = {"lang": language, "dir": localization.text_direction(language)}
    widget: forms.Widget = forms.TextInput(attributes)
    kind: type[forms.CharField] = forms.CharField
    if part == "headline":
        # It wraps, so that a long one is seen as a whole.
        widget, kind = forms.Textarea({**attributes, "rows": 1}), _OneLineField
    elif part == "summary":
        widget = forms.Textarea({**attributes, "rows": 3})
    elif part == "body":
        widget = RichTextArea(features=RICH_TEXT_FEATURES)
    return kind(label=label, required=False, max_length=_LENGTHS.get(part), widget=widget)


def serialize_form_value(cleaned_value: Any) -> str:
    """A form field's clean value as text: codes with commas, a date in ISO 8601, a primary key."""
    if cleaned_value is None:
        return ""
    if isinstance(cleaned_value, (list, tuple)):
        return ",".join(split_codes(cleaned_value))
    if isinstance(cleaned_value, time):
        return f"{cleaned_value:%H:%M}"
    if hasattr(cleaned_value, "isoformat"):
        return str(cleaned_value.isoformat())
    return str(getattr(cleaned_value, "pk", cleaned_value))


class _Editor(StaffPage, TemplateView):
    """The form of a story that is new or exists."""

    template_name = "desk/stories/editor.html"
    header_icon = "doc-full-inverse"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)
    story: Story
    # What the form holds after a failed POST, and the marks of what it was made from.
    form: StoryForm | None = None
    base: dict[str, str] | None = None

    def is_ajax(self) -> bool:
        return self.request.headers.get("X-Requested-With") == "fetch"

    # The two languages beside each other.

    def offered(self) -> list[str]:
        """The office's languages, and others that the story has a text in."""
        return unsent_editions_of_story.site_and_written_languages(self.story)

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
        return self.story.headline(staff_localization.active_language()) if self.story.pk else _("New story")

    def values(self) -> dict[str, str]:
        return draft_editing.values_of(self.story, self.languages())

    def bound_form(self, data: QueryDict | None = None) -> StoryForm:
        values = self.values()
        initial: dict[str, Any] = {
            **values,
            "countries": split_codes(values["countries"].split(",")),
            "picture": values["picture"] or None,
        }
        own = contributor_permissions.contributor_countries(current_user(self.request))
        return StoryForm(data, initial=initial, languages=self.languages(), own_countries=own)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if self.request.method == "GET" and self.story.pk:
            # They are looked at many times.
            prefetch_related_objects([self.story], "texts")
        languages = self.languages()
        form = self.form or self.bound_form()
        base = draft_editing.value_hashes(self.values()) if self.base is None else self.base
        exists = bool(self.story.pk)
        context = {
            "story": self.story,
            "form": form,
            "media": form.media,
            **{group: form.rows(parts) for group, parts in _GROUPS.items()},
            "columns": [(code, staff_localization.language_name(code)) for code in languages],
            "source": languages[0],
            "beside": languages[1] if len(languages) > 1 else "-",
            "base": json.dumps(base),
            "new_key": "" if exists else self.request.POST.get("new_key") or _new_key(),
            "may_publish": self.request.user.has_perm("mailer.publish_story"),
            "overwrite": False,
            "glossary_names": self._names(languages),
            **editor_sidebar(self.story, self.request, languages),
        }
        return super().get_context_data(**{**context, **kwargs})

    def _names(self, languages: list[str]) -> list[Any]:
        """The names of the glossary that the saved texts hold, in the languages beside each other."""
        terms = translation_glossary.glossary_terms_of_one_or_all(None)
        if not (terms and self.story.pk):
            return []
        texts = {
            text.language: f"{text.headline}\n{text.summary}\n{text.body}" for text in self.story.texts.all()
        }
        plain = {code: sanitize.to_plain_text(text) for code, text in texts.items()}
        named = [(code, staff_localization.language_name(code)) for code in languages]
        return translation_glossary.terms_with_forms_in(plain, terms, named)

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
        messages.success(request, _("The story “%(story)s” is saved as a draft.") % {"story": self.story})
        return redirect(self.url())

    def save(self, form: StoryForm) -> Saved:
        """Save what is valid. A new story is created once, however often it is sent."""
        user, now = current_user(self.request), timezone.now()
        written = form.written()
        base = draft_editing.parse_value_hashes(self.request.POST.get("base", "{}"))
        if not self.story.pk:
            key = self.request.POST.get("new_key", "")
            known = Story.objects.filter(key=key).first() if _NEW_KEY.fullmatch(key) else None
            if known is not None and known.latest_revision and known.latest_revision.user_id == user.pk:
                # The answer to the first attempt was lost, or the browser went back to the empty form.
                self.story = draft_editing.latest_draft(known)
            elif known is None and _NEW_KEY.fullmatch(key):
                self.story.key = key
        saved = draft_editing.save(self.story, written, base, user, now)
        latest = draft_editing.values_of(saved.story, self.languages())
        self.base = draft_editing.base_hashes_after_saving(latest, written, base, saved.conflicts)
        return saved

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
        tone, label = state_tone_and_label(row)
        return JsonResponse(
            {
                "url": self.url(),
                "preview": reverse("desk_story:preview", args=[self.story.pk]),
                "title": str(self.story),
                "base": self.base,
                "errors": {name: [str(error) for error in errors] for name, errors in form.errors.items()},
                "conflicts": [
                    {
                        "field": one.field,
                        "label": field_label(one.field),
                        "theirs": without_markup(one.theirs),
                        "change": last_change(self.story),
                    }
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
            text = _(
                "Another person changed this field while you were editing it: "
                "“%(text)s”. Save again to keep your text."
            )
            form.add_error(conflict.field, text % {"text": without_markup(conflict.theirs)})
        text = _("Some of your changes are not saved: see the marked fields.")
        if saved.conflicts:
            text = f"{text} {last_change(self.story)}".strip()
        messages.error(self.request, text)
        return self.render_to_response(self.get_context_data())

    def _ready(self, form: StoryForm) -> HttpResponse:
        if not self.request.user.has_perm("mailer.publish_story"):
            raise PermissionDenied
        missing = draft_editing.missing_for_readers(self.story)
        for one in missing:
            text, field = _missing_text(one.part, one.language), f"{one.part}-{one.language}"
            if one.part == "text":
                form.add_error(
                    f"headline-{form.languages[0]}", _("Write a headline and a summary for the story.")
                )
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
        self._say_ready(user)
        return redirect(self.url())

    def _say_ready(self, user: User) -> None:
        """That the story is ready, and what comes next: the edition it goes into, or where to put it in."""
        said = [_("The story “%(story)s” is saved and ready for editions.") % {"story": self.story}]
        found = unsent_editions_of_story.of_story(
            Story.objects.get(pk=self.story.pk),
            timezone.now(),
            may_assemble=user.has_perm("mailer.add_edition"),
        )
        steps = sorted((one for one in found if one.next_step), key=lambda one: not one.announced)
        if found and not steps:
            said.append(found[0].text)
        said += [one.text for one in steps[:1] if one.announced]
        buttons = [messages.button(one.url, one.next_step) for one in steps[:1]]
        if user.has_perm("mailer.add_story"):
            buttons.append(messages.button(reverse("desk_stories:add"), _("Write another story")))
        messages.success(self.request, " ".join(said), buttons=buttons)


def _missing_text(part: str, language: str) -> str:
    name = staff_localization.language_name(language)
    if part == "picture_alt":
        return _("The story has a picture: describe it in %(language)s.") % {"language": name}
    values = {"part": PART_LABELS.get(part, part), "language": name}
    return _("The %(part)s is missing in %(language)s.") % values


def field_label(field: str) -> str:
    """A field of a story as staff call it: "Headline, Russian"."""
    part, _dash, language = field.partition("-")
    if part in PARTS:
        named = {"part": PART_LABELS[part], "language": staff_localization.language_name(language)}
        return _("%(part)s in %(language)s") % named
    return str(StoryForm.base_fields[field].label)


def without_markup(value: str) -> str:
    """A stored value as text, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", value).split())


def _new_key() -> str:
    return f"{timezone.localdate():%Y-%m}-{secrets.token_hex(4)}"


def editor_sidebar(story: Story, request: HttpRequest, languages: list[str]) -> dict[str, Any]:
    """What stands beside the form: state, languages, where the story goes, who wrote what, comments."""
    offered = unsent_editions_of_story.site_and_written_languages(story)
    context: dict[str, Any] = {
        "marks": language_marks(story, offered),
        "preview_language": languages[0],
    }
    row = Story.objects.get(pk=story.pk) if story.pk else story
    context |= {
        "state": state_tone_and_label(row),
        "open_editions": unsent_editions_of_story.editions_withdrawn_by_change(row),
    }
    if not story.pk:
        return context
    shown = preview.store_pictures_and_render_story(story, languages[0])
    return {
        **context,
        "destinations": unsent_editions_of_story.of_story(
            story, timezone.now(), may_assemble=request.user.has_perm("mailer.add_edition")
        ),
        "used_in": [
            localized_names_and_dates.month_name(one)
            for one in edition_periods_by_story([story.pk]).get(story.pk, ())
        ],
        "changes": [
            (
                translated(user_or_system_name(change.user)),
                change.at,
                localized_names_and_dates.language_names(change.languages),
                change.about,
            )
            for change in draft_editing.changes_of(story, 20)[:6]
        ],
        "comments": comments_with_may_mark_done(current_user(request), story),
        **imported_story_review.panel_of(story, field_label),
        "preview_html": shown,
    }


class StoryAddPage(_Editor):
    """A new story. The first key creates it."""

    permission_required = "mailer.add_story"

    def load(self, **kwargs: Any) -> None:
        own = contributor_permissions.contributor_countries(current_user(self.request))
        self.story = Story(live=False, countries=tuple(sorted(own or ())))


class StoryEditPage(ObjectPage[Story], _Editor):
    """A story that exists."""

    model = Story
    permission_required = "mailer.change_story"

    def load(self, **kwargs: Any) -> None:
        pk = parse_non_negative_int(str(kwargs["pk"]))
        super().load(pk=0 if pk is None else pk)
        self.story = draft_editing.latest_draft(self.object)
        user = current_user(self.request)
        if not all(
            contributor_permissions.may_write_about(user, one.countries) for one in (self.object, self.story)
        ):
            raise PermissionDenied
