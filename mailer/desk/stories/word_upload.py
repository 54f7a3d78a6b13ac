"""Stories from a Word document: upload, choosing among the stories found, and undoing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer import staff_localization
from mailer.accounts import contributor_permissions
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.page_base_classes import FormPage, StaffPage, current_user
from mailer.rendering import sanitize
from mailer.stories import word_uploads
from mailer.stories.models import Story
from mailer.stories.sources.reader_interface import SourceError, SourceResult
from mailer.stories.sources.word_documents import MAX_BYTES
from mailer.stories.word_uploads import DocumentStory
from subscribers.translate_stored_texts import stored, translated

# The user's uploads in their session, by the name in the URL; the last ones are kept.
_SESSION_KEY, _KEPT = "desk_story_documents", 5
# Tone and label of what becomes of a story, as desk/state.html shows them.
_OUTCOMES = {
    "new": ("waiting", gettext_lazy("New")),
    "known": ("done", gettext_lazy("Already imported")),
    "changed": ("busy", gettext_lazy("Already imported; its text has changed since")),
    "duplicate": ("done", gettext_lazy("Already imported")),
    "translation": ("waiting", gettext_lazy("New")),
    "deleted": ("draft", gettext_lazy("Imported earlier, then deleted")),
}
# Those that are chosen at first, and those that can be.
_CHOSEN, _CHOOSABLE = ("new", "translation"), ("new", "translation", "changed", "deleted")


class UploadForm(forms.Form):
    """A Word document."""

    file = forms.FileField(
        label=gettext_lazy("Word document"),
        help_text=gettext_lazy(
            "A .docx file of at most 40 MB. Each heading becomes a story; headings that name "
            "countries set the countries of the stories below them."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".docx"}),
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(
                translated(stored("The Word file is larger than 40 MB. Reduce its pictures.")),
                code="too_large",
            )
        return file


class WordUploadPage(FormPage[UploadForm]):
    """Uploads a document; the next page shows its stories."""

    permission_required = "mailer.add_story"
    form_class = UploadForm
    template_name = "desk/stories/word_upload.html"
    page_title = gettext_lazy("Import stories from a Word document")
    header_icon = "upload"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)

    def form_valid(self, form: UploadForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        try:
            name = word_uploads.store(file.chunks())
        except OSError:
            messages.error(self.request, _("The file cannot be stored: the disk of the server is full."))
            return self.form_invalid(form)
        try:
            word_uploads.read(name)
        except SourceError as error:
            form.add_error("file", translated(str(error)))
            return self.form_invalid(form)
        key = secrets.token_urlsafe(12)
        kept = list(self.request.session.get(_SESSION_KEY, {}).items())[1 - _KEPT :]
        self.request.session[_SESSION_KEY] = {
            **dict(kept),
            key: {"stored": name, "name": str(file.name)[:120]},
        }
        return redirect("desk_word_stories", key)


@dataclass(frozen=True)
class StoryRow:
    """A story of the document, in words."""

    key: str
    headline: str
    summary: str
    tone: str
    label: str
    kind: str
    day: str
    times: str
    countries: str
    languages: tuple[tuple[str, str], ...]
    picture: str
    has_picture: bool
    link: str
    chosen: bool
    choosable: bool
    # Whether the user may write about its countries.
    allowed: bool
    # Where the story is that is there already; or "".
    url: str


class WordStoriesPage(StaffPage, TemplateView):
    """The stories of a document (GET); makes drafts of the chosen ones, or undoes that (POST)."""

    permission_required = "mailer.add_story"
    template_name = "desk/stories/word_stories.html"
    page_title = gettext_lazy("Stories of the Word document")
    header_icon = "doc-full-inverse"
    breadcrumbs_above = (
        ("desk_stories:list", gettext_lazy("Stories")),
        ("desk_word_upload", gettext_lazy("Import stories from a Word document")),
    )

    def load(self, **kwargs: Any) -> None:
        self.key = str(kwargs["document"])
        self.kept = self.request.session.get(_SESSION_KEY, {}).get(self.key)
        if self.kept is None:
            raise Http404

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        added = Story.objects.filter(pk__in=self.kept.get("added", ())).prefetch_related("texts")
        found = self._read()
        rows = [] if found is None else [self._row(one) for one in self._stories(found)]
        return super().get_context_data(
            file_name=self.kept["name"],
            rows=rows,
            number=sum(row.choosable and row.allowed for row in rows),
            warnings=[] if found is None else [translated(one) for one in found.warnings],
            gone=found is None,
            added=[
                (
                    story.headline(staff_localization.active_language()),
                    reverse("desk_stories:edit", args=[story.pk]),
                )
                for story in added
            ],
            **kwargs,
        )

    def post(self, request: HttpRequest, document: str) -> HttpResponse:
        if "undo" in request.POST:
            self._undo()
        else:
            self._add()
        return redirect("desk_word_stories", self.key)

    def _add(self) -> None:
        found = self._read()
        if found is None:
            messages.error(self.request, _("The uploaded document is no longer stored. Upload it again."))
            return
        wanted = set(self.request.POST.getlist("story"))
        rows = (self._row(one) for one in self._stories(found))
        chosen = {row.key for row in rows if row.choosable and row.allowed and row.key in wanted}
        if not chosen:
            messages.warning(self.request, _("Select at least one story."))
            return
        user = current_user(self.request)
        done = word_uploads.add(self._items(found), chosen, user, timezone.now())
        stories = done.added
        self._keep_added([*self.kept.get("added", ()), *(story.pk for story in stories)])
        messages.success(
            self.request,
            ngettext(
                "%(number)s draft story was added.", "%(number)s draft stories were added.", len(stories)
            )
            % {"number": len(stories)},
        )
        for one in done.skipped:
            problem = _("“%(title)s” could not be saved. Try to add it again.")
            messages.error(self.request, problem % {"title": sanitize.shorten(one.title, 100)})

    def _undo(self) -> None:
        deleted, kept = word_uploads.undo(self.kept.get("added", ()), current_user(self.request))
        self._keep_added([])
        messages.success(
            self.request,
            ngettext(
                "%(number)s added draft story was deleted.",
                "%(number)s added draft stories were deleted.",
                deleted,
            )
            % {"number": deleted},
        )
        if kept:
            messages.warning(
                self.request,
                ngettext(
                    "%(number)s story was not deleted: it is ready, or another person changed it.",
                    "%(number)s stories were not deleted: they are ready, or another person changed them.",
                    kept,
                )
                % {"number": kept},
            )

    def _keep_added(self, added: list[int]) -> None:
        documents = self.request.session[_SESSION_KEY]
        documents[self.key] = self.kept = {**self.kept, "added": added}
        self.request.session[_SESSION_KEY] = documents

    def _read(self) -> SourceResult | None:
        """The document's stories; None when it is no longer kept."""
        try:
            return word_uploads.read(self.kept["stored"])
        except (FileNotFoundError, SourceError):
            return None

    def _items(self, found: SourceResult) -> tuple[Any, ...]:
        own = contributor_permissions.contributor_countries(current_user(self.request))
        return word_uploads.fill_countries_from_single_country_author(found.items, own)

    def _stories(self, found: SourceResult) -> list[DocumentStory]:
        return word_uploads.preview_document_stories(self._items(found), timezone.now())

    def _row(self, story: DocumentStory) -> StoryRow:
        suggested, values = story.suggested, story.suggested.values
        tone, label = _OUTCOMES[suggested.outcome]
        countries = suggested.countries.countries
        texts = (suggested, *story.translations)
        return StoryRow(
            key=story.key,
            headline=suggested.headline,
            summary=suggested.summary,
            tone=tone,
            label=str(label),
            kind=str(Story.Kind(values["kind"]).label),
            day=localized_names_and_dates.format_day(date.fromisoformat(values["date"])),
            times="–".join(filter(None, (values["starts"], values["ends"]))),
            countries=localized_names_and_dates.country_names_or_all(countries),
            languages=tuple((one.language, staff_localization.language_name(one.language)) for one in texts),
            picture=story.item.picture_alt,
            has_picture=bool(story.item.picture),
            link=suggested.link,
            chosen=suggested.outcome in _CHOSEN,
            choosable=suggested.outcome in _CHOOSABLE,
            allowed=contributor_permissions.may_write_about(current_user(self.request), countries),
            url=reverse("desk_stories:edit", args=[story.story]) if story.story else "",
        )
