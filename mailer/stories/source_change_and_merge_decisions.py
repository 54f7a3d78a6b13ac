"""What staff decide about stories that came in from a source, and what the source changes afterwards.

A draft that nobody touched follows its source. On any other story the changes wait, field by field, until
staff take them over or ignore them: no text of an editor is overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext
from wagtail.log_actions import get_active_log_context

from mailer.stories import draft_editing
from mailer.stories.models import Story, StorySourceItem
from mailer.stories.translation_states import PARTS

_APART = "apart"


class MergeError(Exception):
    """The two stories cannot be merged; the message, in the language of staff, gives the reason."""


@dataclass(frozen=True)
class PendingChange:
    """A field that the source changed, and that staff decide on."""

    # By the names of `draft_editing.values_of`.
    field: str
    # The latest draft's value, and the source's.
    ours: str
    theirs: str


@dataclass(frozen=True)
class PictureChange:
    """Another picture than the source had."""

    # Primary key in the library; "": the source has none any more.
    picture: str
    # SHA-256 of the one before; "": there was none.
    before: str

    @classmethod
    def of(cls, picture: str | None, before: str) -> PictureChange | None:
        """None where the picture did not change."""
        return None if picture is None else cls(picture, before)

    def replaces_that_of(self, draft: Story) -> bool:
        """Whether the draft still has the source's picture, or none as the source had none."""
        if draft.picture is None:
            return not self.before
        with draft.picture.open_file() as file:
            return hashlib.sha256(file.read()).hexdigest() == self.before


def apply_or_hold_any_change(
    row: StorySourceItem,
    values: Mapping[str, str],
    suggestion: Mapping[str, Any],
    now: datetime,
    picture: PictureChange | None = None,
) -> bool:
    """Store what the source publishes now; whether its story changed, or waits for staff.

    Call it in a transaction, with the row locked.
    """
    before, after = row.content, _in_language(values, row.language)
    changed = {field: value for field, value in after.items() if value != before.get(field, "")}
    changed.pop("countries", None)
    row.content = dict(after)
    row.suggestion = {**row.suggestion, "shortened": suggestion.get("shortened", False)}
    if picture is not None and row.role == row.Role.ORIGIN:
        changed["picture"] = picture.picture
    fields = ["content", "update", "updated_at", "suggestion"]
    follows = row.story_id is not None and row.role != row.Role.DUPLICATE
    if not follows or not changed:
        row.save(update_fields=fields)
        return False
    story = Story.objects.select_for_update().get(pk=row.story_id)
    draft = draft_editing.latest_draft(story)
    ours = draft_editing.values_of(draft, [row.language])
    row.updated_at = now
    if _is_untouched(story, row, before, ours) and (picture is None or picture.replaces_that_of(draft)):
        if row.reviewed_at is None and ours["countries"] == before.get("countries", ""):
            changed["countries"] = after["countries"]
            row.suggestion = dict(suggestion)
        draft_editing.apply_changes_without_saving(draft, changed)
        _store(draft)
        row.update = {}
    else:
        waiting = {**row.update, **changed}
        row.update = {field: value for field, value in waiting.items() if _differs(field, ours, value)}
    row.save(update_fields=fields)
    return True


def draft_may_be_remade(row: StorySourceItem) -> bool:
    """Whether the entry's story is a draft of this entry alone that staff have not touched.

    Then the draft is made anew after a large change, such as another language because a wrong encoding was
    corrected. Call it in a transaction, with the row locked.
    """
    if row.story_id is None or row.role != row.Role.ORIGIN or row.reviewed_at is not None:
        return False
    story = Story.objects.select_for_update().get(pk=row.story_id)
    if story.live or story.source_items.exclude(pk=row.pk).exists():
        return False
    ours = draft_editing.values_of(draft_editing.latest_draft(story), [row.language])
    return _is_untouched(story, row, row.content, ours)


def is_untouched(row: StorySourceItem, draft: Story) -> bool:
    """Whether the story was never ready and every field of its draft is still as the source gave it."""
    ours = draft_editing.values_of(draft, [row.language])
    return _is_untouched(draft, row, row.content, ours)


def pending_changes(row: StorySourceItem, draft: Story) -> list[PendingChange]:
    """What the source changed and staff have not decided on, in the order of the form."""
    ours = draft_editing.values_of(draft, [row.language])
    return [
        PendingChange(field, ours.get(field, ""), row.update[field]) for field in ours if field in row.update
    ]


def accept_changes(row: StorySourceItem, fields: Collection[str], user: User, now: datetime) -> None:
    """Let the story's draft have the source's values of these fields."""
    with transaction.atomic():
        held = _locked(row)
        wanted = {field: value for field, value in held.update.items() if field in fields}
        if held.story is None or not wanted:
            return
        draft = draft_editing.latest_draft(held.story)
        base = draft_editing.value_hashes(draft_editing.values_of(draft, [held.language]))
        draft_editing.save(held.story, wanted, base, user, now)
        _drop(held, wanted)


def ignore_changes(row: StorySourceItem, fields: Collection[str]) -> None:
    """Keep the story's own values of these fields; a later change at the source is reported again."""
    with transaction.atomic():
        _drop(_locked(row), fields)


def review_suggestions(
    row: StorySourceItem, countries: Collection[str] | None, user: User, now: datetime
) -> None:
    """Accept the suggestions, or correct them: `countries` of the story's draft; empty: the whole region."""
    with transaction.atomic():
        held = _locked(row)
        if held.story is None:
            return
        if countries is not None:
            draft = draft_editing.latest_draft(held.story)
            base = draft_editing.value_hashes({"countries": ",".join(draft.countries)})
            draft_editing.save(held.story, {"countries": ",".join(countries)}, base, user, now)
        held.reviewed_at, held.reviewed_by = now, user
        held.save(update_fields=["reviewed_at", "reviewed_by"])


def add_translation_to_draft(story: Story, row: StorySourceItem) -> bool:
    """Add the entry's text to the story's draft; False where the draft has a text in its language.

    Call it in a transaction, with the story locked.
    """
    draft = draft_editing.latest_draft(story)
    if any(text.language == row.language and draft_editing.is_written(text) for text in draft.texts.all()):
        return False
    parts = {f"{part}-{row.language}" for part in PARTS}
    draft_editing.apply_changes_without_saving(
        draft, {field: value for field, value in row.content.items() if field in parts}
    )
    _store(draft)
    return True


def merge_into_similar_story(row: StorySourceItem, user: User, now: datetime) -> Story:
    """Let the texts of the entry's story join the story that it seems to translate; its own is deleted.

    Raises MergeError where both have a text in one language.
    """
    with transaction.atomic():
        held = _locked(row)
        own, target = held.story, held.similar_to
        if own is None or target is None:
            raise MergeError(gettext("One of the two stories was deleted meanwhile."))
        Story.objects.select_for_update().get(pk=target.pk)
        mine, theirs = draft_editing.latest_draft(own), draft_editing.latest_draft(target)
        texts = [text for text in mine.texts.all() if draft_editing.is_written(text)]
        taken = {text.language for text in theirs.texts.all() if draft_editing.is_written(text)}
        if any(text.language in taken for text in texts):
            raise MergeError(
                gettext(
                    "Both stories have a text in the same language; delete "
                    "one of these texts before you merge the stories."
                )
            )
        if own.live:
            raise MergeError(
                gettext("A story that is ready cannot be merged. Change it back to draft first.")
            )
        for text in texts:
            values = {f"{part}-{text.language}": str(getattr(text, part)) for part in PARTS}
            draft_editing.apply_changes_without_saving(theirs, values)
        draft_editing.save_revision(theirs, user, now)
        StorySourceItem.objects.filter(story=own, role=StorySourceItem.Role.ORIGIN).update(
            role=StorySourceItem.Role.TRANSLATION, reviewed_at=now, reviewed_by=user
        )
        StorySourceItem.objects.filter(story=own).update(story=target)
        StorySourceItem.objects.filter(pk=held.pk).update(similar_to=None)
        StorySourceItem.objects.filter(similar_to=own).update(similar_to=target)
        own.delete()
    return target


def keep_apart(row: StorySourceItem) -> None:
    """Remember that the entry's story is no translation of the one that it resembles."""
    StorySourceItem.objects.filter(pk=row.pk).update(similar_to=None, similar_reason=_APART)


def separate_duplicate(row: StorySourceItem, user: User, now: datetime) -> Story | None:
    """Make a story of its own of an entry that was merged as a duplicate; None: it is none any more."""
    with transaction.atomic():
        held = _locked(row)
        if held.role != held.Role.DUPLICATE or held.story is None:
            return None
        story = Story(live=False, created_at=now)
        draft_editing.apply_changes_without_saving(story, held.content)
        story.save()
        story.save_revision(user=user, log_action=True)
        held.story, held.role, held.similar_reason = story, held.Role.ORIGIN, _APART
        held.reviewed_at = None
        held.save(update_fields=["story", "role", "similar_reason", "reviewed_at"])
    return story


def _locked(row: StorySourceItem) -> StorySourceItem:
    return StorySourceItem.objects.select_for_update(of=("self",)).get(pk=row.pk)


def _drop(row: StorySourceItem, fields: Collection[str]) -> None:
    row.update = {field: value for field, value in row.update.items() if field not in fields}
    row.save(update_fields=["update"])


def _in_language(values: Mapping[str, str], language: str) -> dict[str, str]:
    """The values with the parts of the text under the language that the entry had at first."""
    renamed = {}
    for field, value in values.items():
        part, dash, _language = field.partition("-")
        renamed[f"{part}-{language}" if dash and part in PARTS else field] = value
    return renamed


def _is_untouched(
    story: Story, row: StorySourceItem, before: Mapping[str, str], ours: Mapping[str, str]
) -> bool:
    """Whether the story was never ready and every field is still as the source gave it."""
    if story.live or story.first_published_at is not None or row.update:
        return False
    about_text = row.role == StorySourceItem.Role.TRANSLATION
    fields = (field for field in before if field != "countries" and (not about_text or "-" in field))
    return not any(_differs(field, ours, before[field]) for field in fields)


def _differs(field: str, ours: Mapping[str, str], value: str) -> bool:
    rich = field.startswith("body-")
    return draft_editing.value_hash(ours.get(field, ""), rich=rich) != draft_editing.value_hash(
        value, rich=rich
    )


def _store(draft: Story) -> None:
    """A revision of who uploads the text, otherwise of no user; the row too, while the story is not ready."""
    if not draft.live:
        draft.save()
    draft.save_revision(user=get_active_log_context().user, changed=True, log_action=True)
