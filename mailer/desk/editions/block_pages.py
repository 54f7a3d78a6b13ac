"""Pages of one block: its text, its heading, or what this edition shows of a story in another way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.rich_text.editors.draftail import DraftailRichTextArea
from wagtail.images import get_image_model
from wagtail.images.widgets import AdminImageChooser

from mailer import staff_language
from mailer.desk.base.forms import CountriesInput
from mailer.desk.base.page_classes import EditionPage, current_user
from mailer.desk.editions.workbench import rows_of
from mailer.editions import draft_blocks
from mailer.editions.draft_blocks import BlockNotFound, RawBlock
from mailer.editions.models import Edition, Newsletter, StoryOverride
from mailer.editions.rendering_input import STORY_BLOCKS
from mailer.rendering import sanitize
from mailer.reports.edition_state import edition_state
from mailer.stories.models import RICH_TEXT_FEATURES, Story
from subscribers import iso_codes


def _countries(newsletter: Newsletter) -> list[tuple[str, str]]:
    """The newsletter's countries first, then all others by name."""
    others = sorted(iso_codes.COUNTRIES - set(newsletter.countries), key=staff_language.country_name)
    return [(code, staff_language.country_name(code)) for code in [*newsletter.countries, *others]]


class BlockForm(forms.Form):
    """A form for one block of a newsletter's edition, with one field per language."""

    def __init__(self, *args: Any, newsletter: Newsletter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.newsletter = newsletter

    def by_language(self, name: str) -> dict[str, str]:
        """What was written into the fields of this name: {"ru": "…"}; empty ones are left out."""
        written = {code: self.cleaned_data[f"{name}_{code}"].strip() for code in self.newsletter.languages}
        # An empty rich text is an empty paragraph.
        return {code: text for code, text in written.items() if sanitize.to_plain_text(text).strip()}


class HeadingForm(BlockForm):
    """A country's name, or one's own text in each language."""

    country = forms.ChoiceField(required=False, label=gettext_lazy("Country"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)
        country.choices = [("", _("None: my own text")), *_countries(self.newsletter)]
        country.help_text = _("Readers see its name in their language.")
        for code in self.newsletter.languages:
            label = _("Heading in %(language)s") % {"language": staff_language.language_name(code)}
            attributes = {"lang": code}
            self.fields[f"text_{code}"] = forms.CharField(
                label=label, required=False, max_length=120, widget=forms.TextInput(attributes)
            )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and not cleaned.get("country") and not self.by_language("text"):
            self.add_error("country", _("Choose a country, or write a heading."))
        return cleaned

    def value(self) -> dict[str, Any]:
        """The value as the block stores it."""
        country = self.cleaned_data["country"]
        return {
            "country": country,
            "texts": [] if country else draft_blocks.local_texts(self.by_language("text")),
        }

    @staticmethod
    def initial_of(value: Mapping[str, Any]) -> dict[str, Any]:
        """The form's initial values for a stored value."""
        texts = draft_blocks.texts_by_language(value)
        return {
            "country": value.get("country") or "",
            **{f"text_{code}": text for code, text in texts.items()},
        }


class TextForm(BlockForm):
    """A text in each language, for all readers or for those of some countries."""

    countries = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Readers in"),
        help_text=gettext_lazy("None: for every reader."),
        widget=CountriesInput,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        countries = self.fields["countries"]
        assert isinstance(countries, forms.MultipleChoiceField)
        countries.choices = _countries(self.newsletter)
        for code in self.newsletter.languages:
            label = _("Text in %(language)s") % {"language": staff_language.language_name(code)}
            self.fields[f"text_{code}"] = forms.CharField(
                label=label, required=False, widget=DraftailRichTextArea(features=RICH_TEXT_FEATURES)
            )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and not self.by_language("text"):
            self.add_error(
                f"text_{self.newsletter.languages[0]}", _("Write a text in one language at least.")
            )
        return cleaned

    def value(self) -> dict[str, Any]:
        """The value as the block stores it."""
        texts = draft_blocks.local_texts(self.by_language("text"))
        return {"countries": self.cleaned_data["countries"], "texts": texts}

    @staticmethod
    def initial_of(value: Mapping[str, Any]) -> dict[str, Any]:
        """The form's initial values for a stored value."""
        texts = draft_blocks.texts_by_language(value)
        return {
            "countries": list(value.get("countries") or ()),
            **{f"text_{code}": text for code, text in texts.items()},
        }


class StoryHereForm(BlockForm):
    """Size, headline and picture of a story in this edition only."""

    LEAD = "lead"
    size = forms.ChoiceField(label=gettext_lazy("Size"), widget=forms.RadioSelect, required=False)
    picture = forms.ModelChoiceField(
        queryset=get_image_model().objects.all(),
        required=False,
        label=gettext_lazy("Another picture"),
        help_text=gettext_lazy("Only in this edition. Empty: the story’s own picture."),
        widget=AdminImageChooser,
    )

    def __init__(self, *args: Any, story: Story, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        size = self.fields["size"]
        assert isinstance(size, forms.ChoiceField)
        leading = [(self.LEAD, _("Large: the lead story"))] if kind in ("lead", "story") else []
        size.choices = [*leading, *StoryOverride.Size.choices]
        own = {text.language: text for text in story.texts.all()}
        self.written = [code for code in self.newsletter.languages if code in own]
        for code in self.newsletter.languages:
            if code not in own:
                continue
            named = {"language": staff_language.language_name(code)}
            self.fields[f"headline_{code}"] = forms.CharField(
                label=_("Headline in %(language)s") % named,
                required=False,
                max_length=200,
                help_text=_("The story’s own: %(headline)s") % {"headline": own[code].headline},
                widget=forms.TextInput({"lang": code}),
            )
        # After the headlines, before its descriptions.
        self.fields["picture"] = self.fields.pop("picture")
        for code in self.written:
            named = {"language": staff_language.language_name(code)}
            self.fields[f"alt_{code}"] = forms.CharField(
                label=_("Description of the other picture in %(language)s") % named,
                required=False,
                max_length=250,
                widget=forms.TextInput({"lang": code}),
            )

    def by_language(self, name: str) -> dict[str, str]:
        written = {code: self.cleaned_data.get(f"{name}_{code}", "").strip() for code in self.written}
        return {code: text for code, text in written.items() if text}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and cleaned.get("picture"):
            described = self.by_language("alt")
            for code in self.written:
                if code not in described:
                    self.add_error(f"alt_{code}", _("Describe the picture in a few words."))
        return cleaned


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

    def form_valid(self, form: BlockForm) -> HttpResponse:
        state = edition_state(self.edition)
        if state != "draft" and not (
            state in ("submitted", "approved", "scheduled") and "unlocked" in self.request.POST
        ):
            messages.error(self.request, _("This edition cannot be changed any more."))
            return redirect(self.back_url(""))
        user, now = current_user(self.request), timezone.now()
        try:
            block = draft_blocks.change(self.edition, user, now, lambda draft: self.apply(draft, form))
        except BlockNotFound:
            text = _("Nothing was changed: another person has removed this block from the edition.")
            messages.error(self.request, text)
            return redirect(self.back_url(""))
        messages.success(self.request, _("The edition is saved."))
        return redirect(self.back_url(block))

    def back_url(self, block: str) -> str:
        """The workbench, with the focus on the block."""
        unlocked = "?change=1" if "change" in self.request.GET or "unlocked" in self.request.POST else ""
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
            "unlocked": "change" in self.request.GET or "unlocked" in self.request.POST,
        }


_FORMS: dict[str, type[HeadingForm] | type[TextForm]] = {"heading": HeadingForm, "text": TextForm}


class AddBlockPage(_BlockPage):
    """Adds a text or a heading."""

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.kind = "heading" if self.request.GET.get("kind") == "heading" else "text"

    def get_page_title(self) -> str:
        return _("Add a heading") if self.kind == "heading" else _("Add a text")

    def get_form_class(self) -> type[BlockForm]:
        return _FORMS[self.kind]

    def get_form(self, form_class: type[BlockForm] | None = None) -> BlockForm:
        form = super().get_form(form_class)
        before = ((row.id, row.title) for row in rows_of(self.draft))
        form.fields["before"] = forms.ChoiceField(
            label=_("Place"),
            required=False,
            choices=[("", _("At the end")), *_placements(before)],
        )
        return form

    def apply(self, draft: Edition, form: BlockForm) -> str:
        assert isinstance(form, HeadingForm | TextForm)
        return draft_blocks.add_block(draft, self.kind, form.value(), form.cleaned_data["before"] or None)


def _placements(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(block, _("Before “%(title)s”") % {"title": title}) for block, title in rows]


class EditBlockPage(_BlockPage):
    """Changes a text, a heading, or how a story looks in this edition."""

    block: RawBlock

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        try:
            self.block = draft_blocks.value_of(self.draft, kwargs["block"])
        except BlockNotFound as error:
            raise Http404 from error
        self.story = None
        if self.block["type"] in STORY_BLOCKS:
            stories = Story.objects.select_related("picture").prefetch_related("texts")
            self.story = stories.filter(pk=self.block["value"]).first()
        if self.story is None and self.block["type"] not in _FORMS:
            raise Http404

    def get_page_title(self) -> str:
        if self.story is not None:
            return _("Change the story in this edition")
        return _("Change the heading") if self.block["type"] == "heading" else _("Change the text")

    def get_form_class(self) -> type[BlockForm]:
        return StoryHereForm if self.story is not None else _FORMS[self.block["type"]]

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs = super().get_form_kwargs()
        if self.story is not None:
            return {**kwargs, "story": self.story, "kind": self.block["type"]}
        return kwargs

    def get_initial(self) -> dict[str, Any]:
        if self.story is None:
            return _FORMS[self.block["type"]].initial_of(self.block["value"])
        here = next((one for one in self.draft.overrides.all() if one.story_id == self.story.pk), None)
        here = here or StoryOverride()
        return {
            "size": StoryHereForm.LEAD if self.block["type"] == "lead" and not here.size else here.size,
            "picture": here.picture_id,
            **{f"headline_{code}": text for code, text in here.headlines.items()},
            **{f"alt_{code}": text for code, text in here.picture_alts.items()},
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(story=self.story, **kwargs)

    def apply(self, draft: Edition, form: BlockForm) -> str:
        block = str(self.block["id"])
        if isinstance(form, StoryHereForm):
            self._show_differently(draft, block, form)
        else:
            assert isinstance(form, HeadingForm | TextForm)
            draft_blocks.set_value(draft, block, form.value())
        return block

    def _show_differently(self, draft: Edition, block: str, form: StoryHereForm) -> None:
        chosen = form.cleaned_data
        now = draft_blocks.value_of(draft, block)
        if chosen["size"] == StoryHereForm.LEAD:
            draft_blocks.make_lead(draft, block)
        elif now["type"] == "lead" and not chosen["size"]:
            draft_blocks.make_ordinary(draft, block)
        override = StoryOverride(
            story=self.story,
            size="" if chosen["size"] == StoryHereForm.LEAD else chosen["size"],
            headlines=form.by_language("headline"),
            picture=chosen["picture"],
            picture_alts=form.by_language("alt") if chosen["picture"] else {},
        )
        draft_blocks.set_override(draft, override)
