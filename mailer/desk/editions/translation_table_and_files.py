"""How complete an edition is in each language; files for translators, and what they would change."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base.edition_workflow import OPEN_STATES, EditionLocked, change_draft
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.editions.glossary import notes_for
from mailer.desk.editions.workbench import BLOCK_LABELS, notes_on_languages_without_readers
from mailer.editions import draft_blocks, translation_glossary
from mailer.editions.audience import Audience, Combination
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import story_ids
from mailer.editions.translation_completeness import Row, completeness_of
from mailer.editions.translation_units_and_returned_files import (
    Change,
    ForeignFile,
    TranslatedUnit,
    TranslationFile,
    Unit,
    changes_in,
    set_texts_unsaved,
    story_values,
    units_of,
)
from mailer.editions.translation_xliff import ChangedTable, InvalidFile
from mailer.rendering import sanitize
from mailer.reports.edition_state import edition_state
from mailer.stories import draft_editing, translation_states
from mailer.stories.models import Story
from mailer.stories.translation_states import Translation
from subscribers.segments.rule_format import InvalidRule

# Tone and label of each state, as desk/state.html shows it.
_STATES = {
    "source": ("done", _("Source")),
    "translated": ("done", _("Translated")),
    "changed": ("busy", _("Source text changed after translation")),
    "incomplete": ("draft", _("Translation incomplete")),
    "missing": ("problem", _("Missing")),
}
_PARTS = {
    "headline": _("headline"),
    "summary": _("summary"),
    "body": _("body"),
    "link_label": _("link label"),
    "venue": _("place of the event"),
    "picture_alt": _("picture description"),
    "subject": _("subject line"),
    "preheader": _("preview text"),
    "heading": _("heading"),
    "text": _("text"),
    "quote": _("quote"),
    "quoted_person": _("person who is quoted"),
    "figures": _("figures, one per line, each as “number | label”"),
    "video_title": _("title of the video"),
    "button": _("text of the button"),
    "caption": _("caption"),
    "photographer": _("photographer"),
    "alt": _("picture description"),
    "note": _("note from the team"),
    "signature": _("signature below the note"),
}
# Formats of files for translators. Their modules are loaded when they are used.
_FORMATS = {
    "xliff": ("mailer.editions.translation_xliff", "xlf"),
    "docx": ("mailer.editions.translation_docx", "docx"),
}
_MAX_UPLOAD = 5_000_000
# Characters of the texts that a form carries from the preview to what is applied.
_MAX_PAYLOAD = 1_500_000
_STATUSES = {
    "new": ("waiting", _("This text will be changed")),
    "source_changed": ("problem", _("Not imported: the source text was changed after the export")),
    "target_changed": ("problem", _("Not imported: the translation was changed after the export")),
    "gone": ("problem", _("Not imported: the text is no longer in the edition")),
    "too_long": ("problem", _("Not imported: the new text is too long")),
}
_KINDS = {"subject": _("Subject line"), **BLOCK_LABELS}


@dataclass(frozen=True)
class CellView:
    """The state of one text in one language, in words."""

    tone: str
    label: str
    language: str
    language_name: str
    # "headline, body"; empty unless parts are missing.
    lacks: str
    # Whether the page offers to confirm the translation.
    confirmable: bool


@dataclass(frozen=True)
class RowView:
    kind: str
    label: str
    # The page on which it is written.
    url: str
    ready: bool
    story: int | None
    cells: tuple[CellView, ...]


class TranslationsPage(EditionPage):
    """The table of the latest draft (GET); confirms a translation whose source was changed (POST)."""

    page_title = _("Translations")
    template_name = "desk/editions/translations.html"
    post_permission = "mailer.publish_story"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        draft = draft_blocks.latest_draft(self.edition)
        found = completeness_of(draft, get_language() or "en")
        lacking = found.incomplete()
        newsletter = self.edition.newsletter
        counted: Collection[Combination] = ()
        # An invalid segment is a finding of the checks.
        with suppress(InvalidRule):
            audience = Audience.of_edition(draft, timezone.now())
            counted = cached_or_live_count(audience, timezone.now()).combinations
        unread = notes_on_languages_without_readers(counted, newsletter)
        return super().get_context_data(
            languages=[
                (
                    code,
                    staff_localization.language_name(code),
                    len(lacking.get(code, ())) if code not in unread else 0,
                )
                for code in found.languages
            ],
            unread=", ".join(staff_localization.language_name(code) for code in unread if code in lacking),
            withdraws=edition_state(self.edition) in OPEN_STATES,
            rows=[self._row(row, unread) for row in found.rows],
            blocks=self.edition.newsletter.translation_rule,
            complete=not lacking,
            may_import=may_import(self.request),
            source=found.languages[0],
            target=max(found.languages[1:], key=lambda code: len(lacking.get(code, ())), default=""),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm the translation of the story into the language that are posted."""
        story = parse_non_negative_int(request.POST.get("story", "")) or 0
        language = request.POST.get("language", "")[:12]
        if story in story_ids(draft_blocks.latest_draft(self.edition)):
            with transaction.atomic():
                row = get_object_or_404(Story.objects.select_for_update(), pk=story)
                confirm_translation(row, language, request)
        return self.redirect_to("translations")

    def _row(self, row: Row, unread: Collection[str]) -> RowView:
        if row.story is not None:
            url = reverse("desk_stories:edit", args=[row.story])
        elif row.block:
            url = reverse("desk_edition:block_edit", args=[self.edition.pk, row.block])
        else:
            url = reverse("desk_editions:edit", args=[self.edition.pk])
        may_confirm = row.story is not None and self.request.user.has_perm(self.post_permission)
        return RowView(
            kind=str(_KINDS[row.kind]),
            label=row.label,
            url=url,
            ready=row.ready,
            story=row.story,
            cells=tuple(_cell(cell, may_confirm, read=cell.language not in unread) for cell in row.cells),
        )


def confirm_translation(story: Story, language: str, request: HttpRequest) -> None:
    """Record that the translation fits today's source, in the draft and where readers see it."""
    draft = draft_editing.latest_draft(story)
    if not translation_states.mark_current_if_translated_unsaved(draft, language):
        messages.error(request, gettext("This story no longer has a translation into this language."))
        return
    if translation_states.mark_current_if_translated_unsaved(story, language):
        for text in story.texts.all():
            story.texts.model.objects.filter(pk=text.pk).update(translated_from=text.translated_from)
    draft.save_revision(user=current_user(request), changed=False, log_action="desk.confirm_translation")
    messages.success(
        request,
        gettext("The %(language)s translation of “%(story)s” is now marked as up to date.")
        % {"language": staff_localization.language_name(language), "story": story},
    )


def _cell(cell: Translation, may_confirm: bool, *, read: bool) -> CellView:
    """`read`: whether any subscriber gets the edition in this language now."""
    tone, label = _STATES[cell.state]
    if cell.state == "missing" and not read:
        tone = "draft"
    return CellView(
        tone=tone,
        label=str(label),
        language=cell.language,
        language_name=staff_localization.language_name(cell.language),
        lacks=", ".join(str(_PARTS[part]) for part in cell.lacks),
        confirmable=may_confirm and cell.state == "changed",
    )


def may_import(request: HttpRequest) -> bool:
    """Whether the user may change what a translated file has: stories and the edition."""
    return bool(request.user.has_perms(("mailer.publish_story", "mailer.change_edition")))


class TranslationExport(EditionPage):
    """A file for translators of the edition's draft, or of one story in it (GET)."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        languages = self.edition.newsletter.languages
        source, target = (request.GET.get(name, "") for name in ("source", "target"))
        if source == target or not {source, target} <= set(languages):
            messages.error(request, gettext("Choose two different languages for the translation."))
            return self.redirect_to("translations")
        try:
            module_name, ending = _FORMATS[request.GET.get("format", "")]
        except KeyError:
            raise Http404 from None
        story = parse_non_negative_int(request.GET.get("story", ""))
        units = units_of(draft_blocks.latest_draft(self.edition), source, target, story)
        terms = translation_glossary.glossary_terms_of_one_or_all(self.edition.newsletter)
        notes = [
            (_note(unit), *notes_for(sanitize.to_plain_text(unit.source), source, target, terms))
            for unit in units
        ]
        module = import_module(module_name)
        more = (str(self.edition),) if ending == "docx" else ()
        data = module.write(self.edition.slug, source, target, units, notes, *more)
        name = "-".join((self.edition.slug, *([str(story)] if story else []), source, target))
        headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
        return HttpResponse(data, content_type=module.MEDIA_TYPE, headers=headers)


@dataclass(frozen=True)
class ChangeView:
    """A text of a file, before and after."""

    about: str
    part: str
    tone: str
    label: str
    source: str
    before: str
    after: str


class TranslationImport(EditionPage):
    """Shows what a translated file would change (POST with a file), and applies it (POST without).

    Shows it again where the edition was submitted since: the import would withdraw the submission.
    """

    http_method_names = ["post"]
    page_title = _("Import translations from a file")
    tab = _("Translations")
    template_name = "desk/editions/translation_import.html"

    def has_permission(self) -> bool:
        return may_import(self.request)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = draft_blocks.latest_draft(self.edition)
        upload = request.FILES.get("file")
        try:
            file = _read(upload) if upload is not None else _payload(request.POST.get("units", ""))
            changes = changes_in(file, draft)
        except ChangedTable:
            messages.error(
                request,
                gettext(
                    "The table of this Word file was changed: cells were merged, split or deleted. Copy the "
                    "translations into the file that was exported here, and import that one."
                ),
            )
            return self.redirect_to("translations")
        except InvalidFile:
            messages.error(
                request,
                gettext(
                    "This file cannot be read. Choose the XLIFF or Word file that you exported here, with "
                    "the translations in it."
                ),
            )
            return self.redirect_to("translations")
        except ForeignFile:
            messages.error(
                request,
                gettext(
                    "This file is for another edition, or for a language that the newsletter does not have."
                ),
            )
            return self.redirect_to("translations")
        unannounced = edition_state(self.edition) in OPEN_STATES and "unlocked" not in request.POST
        if upload is None and not unannounced:
            self._apply(changes, file)
            return self.redirect_to("translations")
        if not changes:
            messages.warning(
                request, gettext("This file changes nothing: all of its texts were already imported.")
            )
            return self.redirect_to("translations")
        return self.render_to_response(self.get_context_data(**self._preview(changes, file)))

    def _preview(self, changes: list[Change], file: TranslationFile) -> dict[str, Any]:
        return {
            "changes": [_change_view(change) for change in changes],
            "number": sum(change.status == "new" for change in changes),
            "language": staff_localization.language_name(file.target),
            "language_code": file.target,
            "units": json.dumps(
                [
                    *(file.edition, file.source, file.target),
                    [(one.id, one.mark, one.new) for one in changes if one.status == "new"],
                ],
                ensure_ascii=False,
            ),
            "withdraws": edition_state(self.edition) in OPEN_STATES,
        }

    def _apply(self, changes: list[Change], file: TranslationFile) -> None:
        request, now = self.request, timezone.now()
        user = current_user(request)
        publish = "publish" in request.POST
        with transaction.atomic():
            written = story_values(changes, file.target)
            for pk, values in written.items():
                story = Story.objects.get(pk=pk)
                was_ready = story.live and not story.has_unpublished_changes
                draft = draft_editing.latest_draft(story)
                base = draft_editing.value_hashes(draft_editing.values_of(draft, [file.target]))
                saved = draft_editing.save(story, values, base, user, now).story
                if publish and was_ready and not draft_editing.missing_for_readers(saved):
                    saved.get_latest_revision().publish(user=user)
            number = sum(len(values) for values in written.values())
            own = [change for change in changes if change.unit is not None and change.unit.story is None]
            try:
                if any(change.status == "new" for change in own):
                    number += change_draft(
                        self.edition,
                        user,
                        now,
                        lambda latest: set_texts_unsaved(latest, own, file.target),
                        withdrawal_acknowledged="unlocked" in request.POST,
                    )
            except EditionLocked as error:
                messages.error(request, str(error))
        log(instance=self.edition, action="desk.import_translation", user=user, data={"texts": number})
        messages.success(
            request,
            ngettext("%(number)s text was imported.", "%(number)s texts were imported.", number)
            % {"number": number},
        )


def _read(upload: UploadedFile[Any]) -> TranslationFile:
    """Raises InvalidFile."""
    if upload.size is None or upload.size > _MAX_UPLOAD:
        raise InvalidFile("too large")
    data = upload.read()
    module = import_module(_FORMATS["docx" if data.startswith(b"PK") else "xliff"][0])
    file: TranslationFile = module.read(data)
    if sum(len(unit.target) for unit in file.units) > _MAX_PAYLOAD:
        raise InvalidFile("too large")
    return file


def _payload(text: str) -> TranslationFile:
    """What the preview's form sends back. Raises InvalidFile."""
    try:
        edition, source, target, units = json.loads(text)
        found = tuple(TranslatedUnit(str(key), str(mark), str(new)) for key, mark, new in units)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidFile("broken form") from error
    return TranslationFile(str(edition), str(source), str(target), found)


def _note(unit: Unit) -> str:
    part = str(_PARTS[unit.part])
    if not unit.about:
        return gettext("%(part)s, with at most %(number)s characters") % {"part": part, "number": unit.limit}
    return gettext("“%(story)s”: %(part)s, with at most %(number)s characters") % {
        "story": unit.about,
        "part": part,
        "number": unit.limit,
    }


def _change_view(change: Change) -> ChangeView:
    tone, label = _STATUSES[change.status]
    unit = change.unit
    return ChangeView(
        about=unit.about if unit else "",
        part=str(_PARTS[unit.part]) if unit else change.id,
        tone=tone,
        label=str(label),
        source=sanitize.to_plain_text(unit.source) if unit and unit.rich else (unit.source if unit else ""),
        before=sanitize.to_plain_text(unit.target) if unit and unit.rich else (unit.target if unit else ""),
        after=sanitize.to_plain_text(change.new) if unit and unit.rich else change.new,
    )
