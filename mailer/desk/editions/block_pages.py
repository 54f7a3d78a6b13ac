"""Pages of one block: its text, its heading, or what this edition shows of a story in another way."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from django_stubs_ext import StrOrPromise
from wagtail.admin import messages
from wagtail.images import get_image_model
from wagtail.images.widgets import AdminImageChooser

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import last_change
from mailer.desk.base.edition_workflow import EditionLocked, change_draft
from mailer.desk.base.form_widgets import CountriesInput, RichTextArea
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.editions.workbench import BLOCK_LABELS, rows_of
from mailer.desk.stories.editor import serialize_form_value, without_markup
from mailer.editions import draft_blocks, translation_glossary
from mailer.editions.draft_blocks import BlockNotFound, RawBlock
from mailer.editions.models import STORY_BLOCKS, Edition, Newsletter, StoryOverride
from mailer.rendering import sanitize
from mailer.rendering.data_types import BlockKind
from mailer.rendering.edition_text_parts import BLOCK_PARTS, TextPart
from mailer.stories import draft_editing
from mailer.stories.draft_editing import Conflict, Values
from mailer.stories.models import RICH_TEXT_FEATURES, Story
from subscribers import iso_codes
from subscribers.code_list_field import split_codes

# The field of a new block's place; the choice between two versions; no mark.
PLACE, THEIRS, _NONE = "before", "theirs", ""


def _countries(newsletter: Newsletter) -> list[tuple[str, str]]:
    """The newsletter's countries first, then all others by name."""
    others = sorted(iso_codes.COUNTRIES - set(newsletter.countries), key=staff_localization.country_name)
    return [(code, staff_localization.country_name(code)) for code in [*newsletter.countries, *others]]


class BlockForm(forms.Form):
    """A form for one block of a newsletter's edition, with one field per language."""

    def __init__(self, *args: Any, newsletter: Newsletter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.newsletter = newsletter

    def by_language(self, name: str) -> dict[str, str]:
        """What was written into the fields of this name: {"ru": "…"}; empty ones are left out."""
        given = self.cleaned_data
        written = {code: given.get(f"{name}_{code}", "").strip() for code in self.newsletter.languages}
        # An empty rich text is an empty paragraph.
        return {code: text for code, text in written.items() if sanitize.to_plain_text(text).strip()}

    def is_rich(self, field: str) -> bool:
        """Whether the field holds rich text."""
        return False

    def written(self) -> Values:
        """The valid fields as flat values, as the block stores them."""
        return {
            name: serialize_form_value(value) for name, value in self.cleaned_data.items() if name != PLACE
        }

    def coupled(self, touched: Collection[str]) -> set[str]:
        """Fields that make sense only together, if one of `touched` is among those that decide about them."""
        return set()


class HeadingForm(BlockForm):
    """A country's name, or one's own text in each language."""

    country = forms.ChoiceField(required=False, label=gettext_lazy("Country"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)
        country.choices = [("", _("None: I write the heading myself")), *_countries(self.newsletter)]
        country.help_text = _("Readers see the country's name in their language.")
        for code in self.newsletter.languages:
            label = _("Heading in %(language)s") % {"language": staff_localization.language_name(code)}
            attributes = {"lang": code}
            self.fields[f"text_{code}"] = forms.CharField(
                label=label, required=False, max_length=120, widget=forms.TextInput(attributes)
            )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and not cleaned.get("country") and not self.by_language("text"):
            self.add_error("country", _("Choose a country, or write the text of the heading."))
        return cleaned

    def written(self) -> Values:
        values = super().written()
        # A country's name takes the place of a text.
        return {
            name: value if name == "country" or not values.get("country") else ""
            for name, value in values.items()
        }

    def coupled(self, touched: Collection[str]) -> set[str]:
        return set(self.fields) if "country" in touched else set()

    @staticmethod
    def stored(values: Mapping[str, str]) -> dict[str, Any]:
        """The block's value for flat values."""
        texts = {} if values["country"] else _by_language(values, "text")
        return {"country": values["country"], "texts": draft_blocks.raw_language_texts(texts)}

    @staticmethod
    def values_of(value: Mapping[str, Any]) -> Values:
        """The inverse of `stored`."""
        texts = draft_blocks.texts_by_language(value)
        return {
            "country": value.get("country") or "",
            **{f"text_{code}": text for code, text in texts.items()},
        }


class TextForm(BlockForm):
    """A text in each language, for all readers or for those of some countries."""

    countries = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("For readers in"),
        help_text=gettext_lazy("If no country is selected, every reader gets this part of the edition."),
        widget=CountriesInput,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        countries = self.fields["countries"]
        assert isinstance(countries, forms.MultipleChoiceField)
        countries.choices = _countries(self.newsletter)
        for code in self.newsletter.languages:
            label = _("Text in %(language)s") % {"language": staff_localization.language_name(code)}
            self.fields[f"text_{code}"] = forms.CharField(
                label=label, required=False, widget=RichTextArea(features=RICH_TEXT_FEATURES)
            )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and not self.by_language("text"):
            self.add_error(
                f"text_{self.newsletter.languages[0]}", _("Write a text in at least one language.")
            )
        return cleaned

    def is_rich(self, field: str) -> bool:
        return field.startswith("text_")

    def written(self) -> Values:
        kept = self.by_language("text")
        blank = {f"text_{code}": kept.get(code, "") for code in self.newsletter.languages}
        return super().written() | blank

    @staticmethod
    def stored(values: Mapping[str, str]) -> dict[str, Any]:
        """The block's value for flat values."""
        texts = draft_blocks.raw_language_texts(_by_language(values, "text"))
        return {"countries": list(split_codes(values["countries"])), "texts": texts}

    @staticmethod
    def values_of(value: Mapping[str, Any]) -> Values:
        """The inverse of `stored`."""
        texts = draft_blocks.texts_by_language(value)
        return {
            "countries": serialize_form_value(value.get("countries") or ()),
            **{f"text_{code}": text for code, text in texts.items()},
        }


class Part(NamedTuple):
    """A text of a written block, in each language."""

    # With the place of the language.
    label: StrOrPromise
    help_text: StrOrPromise = ""


_DESCRIPTION = Part(gettext_lazy("Description of the picture in %(language)s"))
# Longer ones have several lines in the form.
_ONE_LINE = 250


class WrittenForm(BlockForm):
    """A block of the editors' own; its kind says which texts, and whether a link and a picture, it has."""

    kind: ClassVar[BlockKind]
    # The labels of edition_text_parts.BLOCK_PARTS of this kind, by name, in the order of the form.
    parts: ClassVar[Mapping[str, Part]] = {}
    # The texts that it needs in one language at least.
    needed: ClassVar[tuple[str, ...]] = ()
    link: ClassVar[Literal["", "may", "must"]] = ""
    picture: ClassVar[Literal["", "may", "must"]] = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.picture:
            self.fields["picture"] = forms.ModelChoiceField(
                queryset=get_image_model().objects.all(),
                required=self.picture == "must",
                label=_("Picture"),
                widget=AdminImageChooser,
            )
        if self.link:
            self.fields["link"] = forms.URLField(
                label=_("Link"), required=self.link == "must", max_length=500, assume_scheme="https"
            )
        for name, part in self.parts.items():
            for code in self.newsletter.languages:
                self.fields[f"{name}_{code}"] = self._field(name, part, code)
        self.fields["countries"] = forms.MultipleChoiceField(
            required=False,
            label=_("For readers in"),
            help_text=_("If no country is selected, every reader gets this part of the edition."),
            choices=_countries(self.newsletter),
            widget=CountriesInput,
        )

    def _field(self, name: str, part: Part, code: str) -> forms.Field:
        text = self._part(name)
        widget: forms.Widget = forms.TextInput({"lang": code})
        if text.rich:
            widget = RichTextArea(features=RICH_TEXT_FEATURES)
        elif text.lines or text.longest > _ONE_LINE:
            widget = forms.Textarea({"lang": code, "rows": 3})
        return forms.CharField(
            label=part.label % {"language": staff_localization.language_name(code)},
            required=False,
            # The markup of a rich text is longer than its text.
            max_length=None if text.rich else text.longest,
            help_text=part.help_text,
            widget=widget,
        )

    def _part(self, name: str) -> TextPart:
        return next(part for part in BLOCK_PARTS[self.kind] if part.name == name)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in self.needed:
            if cleaned is not None and not self.by_language(name):
                first = f"{name}_{self.newsletter.languages[0]}"
                self.add_error(first, _("Write a text in at least one language."))
        return cleaned

    def is_rich(self, field: str) -> bool:
        name = field.partition("_")[0]
        return name in self.parts and self._part(name).rich

    def written(self) -> Values:
        blank = {
            f"{name}_{code}": self.by_language(name).get(code, "")
            for name in self.parts
            for code in self.newsletter.languages
        }
        return super().written() | blank

    @staticmethod
    def stored(values: Mapping[str, str]) -> dict[str, Any]:
        """The block's value for flat values."""
        parts = {name: _by_language(values, name) for name in ("text", "detail", "alt")}
        languages = dict.fromkeys(code for texts in parts.values() for code in texts)
        texts = {code: {name: parts[name].get(code, "") for name in parts} for code in languages}
        picture = values.get("picture", "")
        return {
            "countries": list(split_codes(values["countries"])),
            "texts": draft_blocks.written_texts(texts),
            "link": values.get("link", ""),
            "picture": int(picture) if picture else None,
        }

    @staticmethod
    def values_of(value: Mapping[str, Any]) -> Values:
        """The inverse of `stored`."""
        return {
            "countries": serialize_form_value(value.get("countries") or ()),
            "link": value.get("link") or "",
            "picture": str(value.get("picture") or ""),
            **{
                f"{name}_{code}": text
                for code, texts in draft_blocks.written_by_language(value).items()
                for name, text in texts.items()
            },
        }


class QuoteForm(WrittenForm):
    """Words of a person, perhaps with a portrait."""

    kind = "quote"
    parts: ClassVar = {
        "text": Part(gettext_lazy("Quote in %(language)s")),
        "detail": Part(gettext_lazy("Name of the quoted person, in %(language)s")),
        "alt": _DESCRIPTION,
    }
    needed = ("text",)
    picture = "may"


class FiguresForm(WrittenForm):
    """Up to three numbers beside each other."""

    kind = "figures"
    parts: ClassVar = {
        "text": Part(
            gettext_lazy("Figures in %(language)s (numbers with labels)"),
            gettext_lazy(
                "Write up to three lines, each with a number and its label: 12 000 | people trained"
            ),
        )
    }
    needed = ("text",)


class VideoForm(WrittenForm):
    """A still that leads to a video elsewhere."""

    kind = "video"
    parts: ClassVar = {"text": Part(gettext_lazy("Title of the video in %(language)s")), "alt": _DESCRIPTION}
    needed = ("text",)
    link, picture = "must", "may"


class ButtonForm(WrittenForm):
    """A link as a button."""

    kind = "button"
    parts: ClassVar = {"text": Part(gettext_lazy("Text of the button in %(language)s"))}
    needed = ("text",)
    link = "must"


class PictureForm(WrittenForm):
    """A picture that belongs to no story."""

    kind = "picture"
    parts: ClassVar = {
        "alt": _DESCRIPTION,
        "text": Part(gettext_lazy("Caption of the picture in %(language)s")),
        "detail": Part(gettext_lazy("Name of the photographer, in %(language)s")),
    }
    needed = ("alt",)
    link, picture = "may", "must"


class DividerForm(WrittenForm):
    """A short line between two parts of the edition."""

    kind = "divider"


class NoteForm(WrittenForm):
    """A text that the team signs."""

    kind = "note"
    parts: ClassVar = {
        "text": Part(gettext_lazy("Text in %(language)s")),
        "detail": Part(gettext_lazy("Signature in %(language)s")),
    }
    needed = ("text",)


class StoryHereForm(BlockForm):
    """Size, headline and picture of a story in this edition only."""

    LEAD = "lead"
    size = forms.ChoiceField(label=gettext_lazy("Size"), widget=forms.RadioSelect, required=False)
    picture = forms.ModelChoiceField(
        queryset=get_image_model().objects.all(),
        required=False,
        label=gettext_lazy("Another picture for this story"),
        help_text=gettext_lazy("Used only in this edition. If empty: the story’s own picture."),
        widget=AdminImageChooser,
    )

    def __init__(self, *args: Any, story: Story, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        size = self.fields["size"]
        assert isinstance(size, forms.ChoiceField)
        leading = [(self.LEAD, _("Large, as the lead story"))] if kind in ("lead", "story") else []
        size.choices = [*leading, *StoryOverride.Size.choices]
        own = {text.language: text for text in story.texts.all()}
        self.languages = [code for code in self.newsletter.languages if code in own]
        for code in self.newsletter.languages:
            if code not in own:
                continue
            named = {"language": staff_localization.language_name(code)}
            self.fields[f"headline_{code}"] = forms.CharField(
                label=_("Headline in %(language)s") % named,
                required=False,
                max_length=200,
                help_text=_("If empty: the story’s own headline, %(headline)s")
                % {"headline": own[code].headline},
                widget=forms.TextInput({"lang": code}),
            )
        # After the headlines, before its descriptions.
        self.fields["picture"] = self.fields.pop("picture")
        for code in self.languages:
            named = {"language": staff_localization.language_name(code)}
            self.fields[f"alt_{code}"] = forms.CharField(
                label=_("Description of the other picture in %(language)s") % named,
                required=False,
                max_length=250,
                widget=forms.TextInput({"lang": code}),
            )

    def by_language(self, name: str) -> dict[str, str]:
        written = {code: self.cleaned_data.get(f"{name}_{code}", "").strip() for code in self.languages}
        return {code: text for code, text in written.items() if text}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and cleaned.get("picture"):
            described = self.by_language("alt")
            for code in self.languages:
                if code not in described:
                    self.add_error(f"alt_{code}", _("Describe in a few words what the picture shows."))
        return cleaned

    def written(self) -> Values:
        values = super().written()
        # A description belongs to a picture.
        return {
            name: "" if name.startswith("alt_") and not values.get("picture") else value
            for name, value in values.items()
        }

    def coupled(self, touched: Collection[str]) -> set[str]:
        descriptions = {name for name in self.fields if name.startswith("alt_")}
        return {"picture", *descriptions} if "picture" in touched else set()

    @staticmethod
    def stored(values: Mapping[str, str], story: Story) -> StoryOverride:
        """What the edition shows differently, for flat values."""
        picture = values["picture"]
        return StoryOverride(
            story=story,
            size="" if values["size"] == StoryHereForm.LEAD else values["size"],
            headlines=_by_language(values, "headline"),
            picture=get_image_model().objects.filter(pk=int(picture)).first() if picture else None,
            picture_alts=_by_language(values, "alt") if picture else {},
        )

    @staticmethod
    def values_of(here: StoryOverride, kind: str) -> Values:
        """The inverse of `stored`, for the story of a block of this kind."""
        return {
            "size": StoryHereForm.LEAD if kind == "lead" and not here.size else here.size,
            "picture": str(here.picture_id or ""),
            **{f"headline_{code}": text for code, text in here.headlines.items()},
            **{f"alt_{code}": text for code, text in here.picture_alts.items()},
        }


def _by_language(values: Mapping[str, str], name: str) -> dict[str, str]:
    """The flat values of this name, by language: {"ru": "…"} of "text_ru"; empty ones are left out."""
    found = (field.partition("_") for field in values)
    return {
        code: values[f"{name}_{code}"]
        for part, _dash, code in found
        if part == name and values[f"{name}_{code}"]
    }


class _BlockPage(EditionPage, FormView[BlockForm], ABC):
    """A page with the form of one block. Saving leads back to the block in the workbench."""

    template_name = "desk/editions/block_form.html"
    post_permission = "mailer.change_edition"
    tab = gettext_lazy("Edit")

    def has_permission(self) -> bool:
        return bool(self.request.user.has_perm("mailer.change_edition"))

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.draft = draft_blocks.latest_draft(self.edition)

    # Whether the edition was submitted after the form was loaded.
    submitted_meanwhile = False

    def form_valid(self, form: BlockForm) -> HttpResponse:
        user, now = current_user(self.request), timezone.now()
        try:
            block = change_draft(
                self.edition,
                user,
                now,
                lambda draft: self.apply(draft, form),
                withdrawal_acknowledged=self.is_unlocked(),
            )
        except BlockNotFound:
            text = _("Your change was not saved: another person has removed this part of the edition.")
            messages.error(self.request, f"{text} {last_change(self.edition)}".strip())
            return redirect(self.back_url(""))
        except EditionLocked as error:
            if error.submitted:
                self.submitted_meanwhile = True
                return self.form_invalid(form)
            messages.error(self.request, str(error))
            return redirect(self.back_url(""))
        messages.success(self.request, _("The settings of the edition are saved."))
        return redirect(self.back_url(block))

    def is_unlocked(self) -> bool:
        """Whether the user knows that the change withdraws a submission."""
        return "unlocked" in self.request.POST

    def back_url(self, block: str) -> str:
        """The workbench, with the focus on the block."""
        unlocked = "?change=1" if "change" in self.request.GET or self.is_unlocked() else ""
        return f"{reverse('desk_editions:edit', args=[self.edition.pk])}{unlocked}#handle-{block}"

    @abstractmethod
    def apply(self, draft: Edition, form: BlockForm) -> str:
        """Change the draft; returns the id of the block."""

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "newsletter": self.edition.newsletter}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {
            **context,
            "media": context["form"].media,
            "back_url": self.back_url(self.kwargs.get("block", "")),
            "unlocked": "change" in self.request.GET or self.is_unlocked() or self.submitted_meanwhile,
            "submitted_meanwhile": self.submitted_meanwhile,
        }


FORMS: dict[str, type[HeadingForm] | type[TextForm] | type[WrittenForm]] = {
    "heading": HeadingForm,
    "text": TextForm,
    "quote": QuoteForm,
    "figures": FiguresForm,
    "video": VideoForm,
    "button": ButtonForm,
    "picture": PictureForm,
    "divider": DividerForm,
    "note": NoteForm,
}


class AddBlockPage(_BlockPage):
    """Adds a block of the editors' own."""

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        kind = self.request.GET.get("kind", "")
        self.kind = kind if kind in FORMS else "text"

    def get_page_title(self) -> str:
        if self.kind in ("heading", "text"):
            return (
                _("Add a heading to the edition")
                if self.kind == "heading"
                else _("Add a text to the edition")
            )
        return _("Add to the edition: %(kind)s") % {"kind": BLOCK_LABELS[self.kind]}

    def get_form_class(self) -> type[BlockForm]:
        return FORMS[self.kind]

    def get_form(self, form_class: type[BlockForm] | None = None) -> BlockForm:
        form = super().get_form(form_class)
        before = ((row.id, row.title) for row in rows_of(self.draft))
        form.fields[PLACE] = forms.ChoiceField(
            label=_("Place"),
            required=False,
            choices=[("", _("At the end of the edition")), *_placements(before)],
        )
        return form

    def apply(self, draft: Edition, form: BlockForm) -> str:
        assert isinstance(form, HeadingForm | TextForm | WrittenForm)
        value = form.stored(form.written())
        return draft_blocks.add_block(draft, self.kind, value, form.cleaned_data[PLACE] or None)


def _placements(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(block, _("Before “%(title)s”") % {"title": title}) for block, title in rows]


class EditBlockPage(_BlockPage):
    """Changes a text, a heading, or how a story looks in this edition."""

    block: RawBlock

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        try:
            self.block = draft_blocks.raw_block(self.draft, kwargs["block"])
        except BlockNotFound as error:
            raise Http404 from error
        self.story = None
        if self.block["type"] in STORY_BLOCKS:
            stories = Story.objects.select_related("picture").prefetch_related("texts")
            self.story = stories.filter(pk=self.block["value"]).first()
        if self.story is None and self.block["type"] not in FORMS:
            raise Http404

    def get_page_title(self) -> str:
        if self.story is not None:
            return _("Change the story for this edition only")
        kind = self.block["type"]
        if kind in ("heading", "text"):
            return _("Change the heading in the edition") if kind == "heading" else _("Change the text")
        return _("Change: %(kind)s") % {"kind": BLOCK_LABELS[kind]}

    def get_form_class(self) -> type[BlockForm]:
        return StoryHereForm if self.story is not None else FORMS[self.block["type"]]

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs = super().get_form_kwargs()
        if self.story is not None:
            return {**kwargs, "story": self.story, "kind": self.block["type"]}
        return kwargs

    def get_initial(self) -> dict[str, Any]:
        return _initial(self.values(self.draft))

    def values(self, draft: Edition) -> Values:
        """What the form shows, as flat values. Raises BlockNotFound."""
        block = draft_blocks.raw_block(draft, str(self.block["id"]))
        if self.story is None:
            return FORMS[block["type"]].values_of(block["value"])
        here = next((one for one in draft.overrides.all() if one.story_id == self.story.pk), None)
        return StoryHereForm.values_of(here or StoryOverride(), block["type"])

    def form_valid(self, form: BlockForm) -> HttpResponse:
        try:
            return super().form_valid(form)
        except _ChangedMeanwhile as found:
            return self.render_to_response(self.get_context_data(form=self._merged(form, found), found=found))

    def form_invalid(self, form: BlockForm) -> HttpResponse:
        latest, written = self.values(self.draft), form.written()
        asked = [name for name in form.fields if f"version-{name}" in self.request.POST]
        conflicts = tuple(Conflict(name, latest.get(name, ""), written.get(name, "")) for name in asked)
        base = self.request.POST.get("base", "{}")
        context = self.get_context_data(form=form, found=_ChangedMeanwhile(latest, conflicts), base=base)
        return self.render_to_response(context)

    def _merged(self, form: BlockForm, found: _ChangedMeanwhile) -> BlockForm:
        """The form with what the user wrote; fields that the user left alone hold the other person's text."""
        written, base = form.written(), draft_editing.parse_value_hashes(self.request.POST.get("base", "{}"))
        asked = {one.field for one in found.conflicts}
        mine = {
            name: value
            for name, value in written.items()
            if name in asked or draft_editing.value_hash(value, rich=form.is_rich(name)) != base.get(name)
        }
        kwargs = {
            name: value for name, value in self.get_form_kwargs().items() if name not in ("data", "files")
        }
        return self.get_form_class()(**{**kwargs, "initial": _initial({**found.latest, **mine})})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = kwargs.pop("found", None) or _ChangedMeanwhile(self.values(self.draft), ())
        context = super().get_context_data(story=self.story, **kwargs)
        form = context["form"]
        latest = {**dict.fromkeys(form.fields, ""), **found.latest}
        context.setdefault("base", json.dumps(draft_editing.value_hashes(latest, form.is_rich)))
        conflicts = [_versions(form, one, self.request.POST) for one in found.conflicts]
        context["glossary_names"] = self._names()
        return {**context, "conflicts": conflicts, "last_change": conflicts and last_change(self.edition)}

    def _names(self) -> list[Any]:
        """The names of the glossary that the block's saved texts hold."""
        texts = {
            code: sanitize.to_plain_text("\n".join(parts.values()))
            for code, parts in draft_blocks.block_texts_by_language(self.block).items()
        }
        named = [(code, staff_localization.language_name(code)) for code in self.edition.newsletter.languages]
        return translation_glossary.terms_with_forms_in(
            texts, translation_glossary.glossary_terms_of_one_or_all(self.edition.newsletter), named
        )

    def apply(self, draft: Edition, form: BlockForm) -> str:
        block = str(self.block["id"])
        values = self._merge(self.values(draft), form)
        if self.story is not None:
            self._show_differently(draft, block, values)
        else:
            draft_blocks.set_value(draft, block, FORMS[self.block["type"]].stored(values))
        return block

    def _merge(self, latest: Values, form: BlockForm) -> Values:
        """The block's new values. Raises _ChangedMeanwhile if another person changed the same fields."""
        base = draft_editing.parse_value_hashes(self.request.POST.get("base", "{}"))
        latest = {**dict.fromkeys(form.fields, ""), **latest}
        now = draft_editing.value_hashes(latest, form.is_rich)
        written = form.written()
        for name in written:
            # Only the version that the user has seen.
            if self.request.POST.get(f"version-{name}") == THEIRS and now.get(name, _NONE) == base.get(name):
                written[name] = latest.get(name, "")
        changes, conflicts = draft_editing.find_changes_and_conflicts(latest, written, base, form.is_rich)
        mine = draft_editing.value_hashes(written, form.is_rich)
        by_me = {name for name in base if mine.get(name, _NONE) not in (base[name], now.get(name, _NONE))}
        by_others = {name for name in base if now.get(name, _NONE) not in (base[name], mine.get(name, _NONE))}
        together = form.coupled(by_me | by_others)
        if together & by_me and together & by_others:
            known = {one.field for one in conflicts}
            conflicts += tuple(
                Conflict(name, latest.get(name, ""), written[name])
                for name in form.fields
                if name in together & (by_me | by_others) - known
            )
        if conflicts:
            raise _ChangedMeanwhile(latest, conflicts)
        return {**latest, **changes}

    def _show_differently(self, draft: Edition, block: str, values: Values) -> None:
        assert self.story is not None
        now = draft_blocks.raw_block(draft, block)
        if values["size"] == StoryHereForm.LEAD:
            draft_blocks.make_lead(draft, block)
        elif now["type"] == "lead" and not values["size"]:
            draft_blocks.make_ordinary(draft, block)
        draft_blocks.set_override(draft, StoryHereForm.stored(values, self.story))


class _ChangedMeanwhile(Exception):  # noqa: N818  (an event, not an error)
    """Another person changed fields of the block that the user changed too."""

    def __init__(self, latest: Values, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__(latest, conflicts)
        self.latest, self.conflicts = latest, conflicts


def _initial(values: Mapping[str, str]) -> dict[str, Any]:
    """A form's initial values for flat ones."""
    initial: dict[str, Any] = dict(values)
    if "countries" in values:
        initial["countries"] = list(split_codes(values["countries"]))
    if "picture" in values:
        initial["picture"] = values["picture"] or None
    return initial


def _versions(form: BlockForm, conflict: Conflict, data: Mapping[str, str]) -> dict[str, Any]:
    """A conflict as the page shows it: both versions as text, and which one is chosen."""
    name = f"version-{conflict.field}"
    return {
        "name": name,
        "label": form.fields[conflict.field].label,
        "mine": _shown(form, conflict.field, conflict.mine),
        "theirs": _shown(form, conflict.field, conflict.theirs),
        "take_theirs": data.get(name) == THEIRS,
    }


def _shown(form: BlockForm, name: str, value: str) -> str:
    """A flat value as staff read it; empty if it is."""
    field = form.fields[name]
    if name == "picture":
        picture = get_image_model().objects.filter(pk=int(value)).first() if value else None
        return picture.title if picture else ""
    if name == "countries":
        return localized_names_and_dates.country_names_or_all(split_codes(value))
    if isinstance(field, forms.ChoiceField):
        return str(dict(field.widget.choices).get(value, value))
    return without_markup(value)
