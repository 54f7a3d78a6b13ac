"""Who changed what: recorded when the content changes, not when it is only saved, and who may not approve."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.signals import post_delete, post_save, pre_delete
from django.utils import timezone
from wagtail.images import get_image_model
from wagtail.models import ModelLogEntry, Revision

from mailer.approval.acting_user_of_account_changes import acting_user
from mailer.approval.models import Approval, Authorship, Snapshot, SnapshotQuerySet
from mailer.editions.models import STORY_BLOCKS, Edition, Newsletter, story_ids, story_ids_in
from mailer.editions.shown_pictures import (
    draft_content,
    newsletters_with_logo,
    picture_ids_in,
    pictures_of,
    unsent_editions,
)
from mailer.insert_rows import insert_rows
from mailer.stories.models import Story
from mailer.stories.signals import drafts_added
from subscribers.models import MailingList
from subscribers.segments import conditions
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import all_conditions, from_json
from subscribers.translate_stored_texts import stored, translated

Subject = Edition | Story | Newsletter | Segment
_NOT_READY = ":not ready"

# The fields that subscribers see; other fields may change without a record of authorship.
_CONTENT_FIELDS: dict[type[models.Model], tuple[str, ...]] = {
    Story: ("kind", "date", "starts", "ends", "zone", "countries", "picture", "link", "texts"),
    Edition: ("newsletter", "period", "name", "number", "body", "texts", "overrides", "segment", "excluded"),
    Newsletter: (
        *("slug", "name", "office", "postal_address", "sender_name", "sender_email", "reply_to"),
        *("countries", "languages", "fallbacks", "lists", "theme", "templates", "texts", "logo", "logo_dark"),
        *("own_countries_first", "lead_rule", "max_per_country", "min_stories", "silent_rule"),
    ),
}
_BOOKKEEPING = frozenset({"pk", "id", "story", "edition", "newsletter", "sort_order", "translated_from"})


def fingerprint(subject: Subject, revision_content: dict[str, Any] | None = None) -> str:
    """Hex SHA-256 of the fields that subscribers see; `revision_content`: a revision's content, else the live
    row's.

    Of a segment: of its rule.
    """
    if isinstance(subject, Segment):
        return rule_fingerprint(subject)
    live = revision_content is None
    revision_content = subject.serializable_data() if revision_content is None else revision_content
    telling = {
        name: _stored_value(name, revision_content.get(name)) for name in _CONTENT_FIELDS[type(subject)]
    }
    if isinstance(subject, Story):
        telling["picture"] = _image_content(subject.picture) if live else _picture_content(telling["picture"])
    if isinstance(subject, Newsletter):
        # The audience is a part of what is approved, and is stored in a table of its own.
        telling |= {name: _picture_content(telling[name]) for name in ("logo", "logo_dark")}
        telling["lists"] = sorted(subject.lists.values_list("pk", flat=True)) if subject.pk else []
    text = json.dumps(telling, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_with_readiness(subject: Subject) -> str:
    """The live row's fingerprint; a story that is not ready, and so left out, has another one."""
    left_out = isinstance(subject, Story) and not subject.live
    return fingerprint(subject) + (_NOT_READY if left_out else "")


def record_visible_change_and_invalidate(
    user: User | None, subject: Subject, action: str, at: datetime, data: dict[str, Any] | None = None
) -> Authorship | None:
    """Record that `user` changed the subject; None when subscribers would see no difference.

    A change invalidates every open snapshot that holds the subject, except for a draft of a story that is
    ready: subscribers get the ready version until the draft is published, and `_record_readiness` sees that.
    """
    mark = fingerprint(subject, data)
    last = _notes(subject).order_by("-pk").first()
    if last and last.fingerprint.removesuffix(_NOT_READY) == mark:
        return None
    note = _note(user, subject, action, at, mark)
    is_newer_draft = isinstance(subject, Story) and subject.live and data is not None
    if not is_newer_draft:
        sendable_snapshots(subject).invalidate(_reason(user, action, subject))
    return note


def _reason(user: User | None, action: str, subject: Subject) -> str:
    """Why a snapshot is no longer valid."""
    changed = "changed" if action in ("wrote", "published") else action
    return f"{user_or_system_name(user)} {changed} {kind_and_quoted_title(subject)}"


def _notes(subject: Subject) -> models.QuerySet[Authorship]:
    return Authorship.objects.filter(**{_column(subject): subject})


def _note(user: User | None, subject: Subject, action: str, at: datetime, mark: str) -> Authorship:
    return Authorship.objects.create(
        user=user, action=action[:250], at=at, fingerprint=mark, **{_column(subject): subject}
    )


def sendable_snapshots(subject: Subject) -> SnapshotQuerySet:
    """Snapshots that hold the subject and are not being sent yet."""
    found = Snapshot.objects.sendable()
    if isinstance(subject, Edition):
        return found.filter(edition=subject)
    if isinstance(subject, Newsletter):
        return found.filter(edition__newsletter=subject)
    if isinstance(subject, Segment):
        name = f"segment:{subject.pk}"
        manifests = found.values_list("pk", "manifest")
        return found.filter(
            pk__in=[pk for pk, manifest in manifests if name in json.loads(manifest)["fingerprints"]]
        )
    with_edition = found.select_related("edition")
    return found.filter(
        pk__in=[snapshot.pk for snapshot in with_edition if subject.pk in story_ids(snapshot.edition)]
    )


def user_or_system_name(user: User | None) -> str:
    """A staff member's name for display."""
    return (user.get_full_name() or user.get_username()) if user else stored("An automatic job of the system")


def kind_and_quoted_title(subject: Subject) -> str:
    """The subject as reasons name it, in English: "the story “…”"."""
    named = edition_name_to_store(subject) if isinstance(subject, Edition) else str(subject)
    title = named.replace("“", "‘").replace("”", "’")
    return f"the {_column(subject)} “{title}”"


def edition_name_to_store(edition: Edition) -> str:
    """An edition as stored texts name it, in “quotation marks”.

    Its period is as in the database, "2021-12", and `translated` replaces it by its name.
    """
    return f"{edition.newsletter.name}, {edition.name or edition.period}"


# What reasons consist of; "the system" and users precede it where a snapshot was invalidated.
_REASONS = (
    stored("wrote the story “%(title)s”"),
    stored("wrote the edition “%(title)s”"),
    stored("wrote the newsletter “%(title)s”"),
    stored("created the story “%(title)s”"),
    stored("created the edition “%(title)s”"),
    stored("created the newsletter “%(title)s”"),
    stored("changed the story “%(title)s”"),
    stored("changed the edition “%(title)s”"),
    stored("changed the newsletter “%(title)s”"),
    stored("changed the segment “%(title)s”"),
    stored("replaced the picture of the story “%(title)s”"),
    stored("deleted the story “%(story)s” from the edition “%(title)s”"),
    stored("%(name)s wrote the story “%(title)s”"),
    stored("%(name)s wrote the edition “%(title)s”"),
    stored("%(name)s wrote the newsletter “%(title)s”"),
    stored("%(name)s created the story “%(title)s”"),
    stored("%(name)s created the edition “%(title)s”"),
    stored("%(name)s created the newsletter “%(title)s”"),
    stored("%(name)s changed the story “%(title)s”"),
    stored("%(name)s changed the edition “%(title)s”"),
    stored("%(name)s changed the newsletter “%(title)s”"),
    stored("%(name)s changed the segment “%(title)s”"),
    stored("%(name)s replaced the picture of the story “%(title)s”"),
    stored("%(name)s unpublished the story “%(title)s”"),
    stored("%(name)s replaced a picture of the edition “%(title)s”"),
    stored("%(name)s deleted the story “%(story)s” from the edition “%(title)s”"),
    stored("%(reason)s and changed %(count)s more parts of the edition"),
    stored("%(reason)s and submitted the edition"),
    stored("submitted the edition"),
)
_BETWEEN_REASONS = re.compile(r"(?<=”), (?=(?:wrote|created|changed|replaced|deleted) )")


def translated_reason(reason: str) -> str:
    """A stored reason, such as why a user may not approve, in the active language."""
    return ", ".join(map(translated, _BETWEEN_REASONS.split(reason)))


def connect_signals() -> None:
    """Listen to revisions, Wagtail's log entries, segments, and deletions of stories, pictures and lists."""
    post_save.connect(_on_revision, sender=Revision, dispatch_uid="authorship-revision")
    post_save.connect(_on_log_entry, sender=ModelLogEntry, dispatch_uid="authorship-log-entry")
    post_save.connect(_on_segment, sender=Segment, dispatch_uid="authorship-segment")
    drafts_added.connect(_on_drafts, dispatch_uid="authorship-drafts-added")
    post_delete.connect(_on_story_deleted, sender=Story, dispatch_uid="authorship-story-deleted")
    pictures = get_image_model()
    pre_delete.connect(_before_picture_deleted, sender=pictures, dispatch_uid="authorship-picture-deletion")
    post_delete.connect(_on_picture_deleted, sender=pictures, dispatch_uid="authorship-picture-deleted")
    pre_delete.connect(_before_list_deleted, sender=MailingList, dispatch_uid="authorship-list-deletion")
    post_delete.connect(_on_list_deleted, sender=MailingList, dispatch_uid="authorship-list-deleted")


def _on_revision(sender: object, instance: Revision, created: bool, **_: object) -> None:
    """Autosave rewrites the newest revision in place, so a revision that is saved again counts too."""
    model = instance.content_type.model_class() if instance.content_type else None
    if model not in (Story, Edition):
        return
    subject = model._default_manager.filter(pk=instance.object_id).first()
    if subject is not None:
        record_visible_change_and_invalidate(
            instance.user, subject, "wrote", instance.created_at or timezone.now(), instance.content
        )


def _on_drafts(sender: object, revisions: list[Revision], stories: list[Story], **_: object) -> None:
    """Drafts that were stored at once. No snapshot holds a story that is new."""
    insert_rows(
        Authorship,
        ("user_id", "action", "at", "fingerprint", "story_id"),
        (
            (revision.user_id, "wrote", revision.created_at, fingerprint(story, revision.content), story.pk)
            for story, revision in zip(stories, revisions, strict=True)
        ),
        keys_wanted=False,
    )


def _on_log_entry(sender: object, instance: ModelLogEntry, created: bool, **_: object) -> None:
    """Newsletters and pictures have no revisions; Wagtail's log names who saved them."""
    content_type: ContentType | None = instance.content_type
    model = content_type.model_class() if content_type else None
    if not created or model is None:
        return
    if model is Story and instance.action in ("wagtail.publish", "wagtail.unpublish"):
        for story in Story.objects.filter(pk=instance.object_id):
            _record_readiness(
                story, instance.user, instance.action.removeprefix("wagtail.") + "ed", instance.timestamp
            )
    elif instance.action in ("wagtail.create", "wagtail.edit"):
        _record_change_without_revision(model, instance)


def _record_readiness(story: Story, user: User | None, action: str, at: datetime) -> None:
    """A saved draft is published, or a story unpublished, without another change of its text."""
    now = fingerprint_with_readiness(story)
    last = _notes(story).order_by("-pk").first()
    # Publishing what was never unpublished repeats the last change.
    if last is None or (_NOT_READY in now + last.fingerprint and last.fingerprint != now):
        _note(user, story, action, at, now)
    touched = [
        snapshot.pk
        for snapshot in sendable_snapshots(story)
        if json.loads(snapshot.manifest)["fingerprints"].get(f"story:{story.key}", now) != now
    ]
    Snapshot.objects.filter(pk__in=touched).invalidate(
        # Where a job publishes what a user wrote, the user is named.
        _reason(user or (last.user if last else None), action, story)
    )


def _on_segment(sender: object, instance: Segment, raw: bool = False, **_: object) -> None:
    """The user is known by their key from here on: renaming the account changes nothing."""
    if raw:
        return
    user = acting_user() or User.objects.filter(username=instance.changed_by).first()
    record_visible_change_and_invalidate(user, instance, "changed", instance.changed_at)


def _on_story_deleted(sender: object, instance: Story, **_: object) -> None:
    """Leaving out a story that was deleted is a change of every edition that shows it."""
    action = f"deleted {kind_and_quoted_title(instance)} from"
    for edition in Edition.objects.exclude(snapshots__mailings__dry_run_to=""):
        if instance.pk in story_ids(edition):
            record_visible_change_and_invalidate(acting_user(), edition, action, timezone.now())


def _record_change_without_revision(model: type[models.Model], entry: ModelLogEntry) -> None:
    if model is Newsletter:
        for newsletter in Newsletter.objects.filter(pk=entry.object_id):
            record_visible_change_and_invalidate(entry.user, newsletter, "changed", entry.timestamp)
    elif model is get_image_model():
        for story in Story.objects.filter(picture_id=entry.object_id):
            record_visible_change_and_invalidate(
                entry.user, story, "replaced the picture of", entry.timestamp
            )
        _record_changed_picture(entry.user, _shown_in(int(entry.object_id)), entry.timestamp)


def _before_picture_deleted(sender: object, instance: Any, **_: object) -> None:
    """Deleting it takes it out of the rows that show it: afterwards no query finds them."""
    instance.was_shown_in = _shown_in(instance.pk)


def _on_picture_deleted(sender: object, instance: Any, **_: object) -> None:
    """Deleting a picture is a change of whatever showed it."""
    _record_changed_picture(acting_user(), instance.was_shown_in, timezone.now())


def _before_list_deleted(sender: object, instance: Any, **_: object) -> None:
    instance.was_list_of = list(Newsletter.objects.filter(lists=instance).values_list("pk", flat=True))


def _on_list_deleted(sender: object, instance: Any, **_: object) -> None:
    """Deleting a list changes the audience of its newsletters."""
    for newsletter in Newsletter.objects.filter(pk__in=instance.was_list_of):
        record_visible_change_and_invalidate(acting_user(), newsletter, "changed", timezone.now())


# Model and primary key of what shows a picture.
_Place = tuple[type[Newsletter | Edition | Story], int]


def _shown_in(picture: int) -> list[_Place]:
    """Newsletters whose logo it is, editions that are not sent yet and show it, and such drafts of stories.

    The picture of a saved story is a column of its own, and cannot be deleted.
    """
    drafts = Story.objects.filter(latest_revision__content__picture=picture, has_unpublished_changes=True)
    return [
        *((Newsletter, pk) for pk in newsletters_with_logo(picture)),
        *((Edition, edition.pk) for edition in unsent_editions() if picture in pictures_of(edition)),
        *((Story, pk) for pk in drafts.values_list("pk", flat=True)),
    ]


def _record_changed_picture(user: User | None, places: Iterable[_Place], at: datetime) -> None:
    for model, pk in places:
        rows: models.Manager[Any] = model._default_manager
        for subject in rows.filter(pk=pk):
            if isinstance(subject, Newsletter):
                record_visible_change_and_invalidate(user, subject, "changed", at)
                continue
            action = "replaced the picture of" if isinstance(subject, Story) else "replaced a picture of"
            record_visible_change_and_invalidate(user, subject, action, at, draft_content(subject))


def _picture_content(pk: Any) -> list[Any] | None:
    """What decides how an image looks in an email: its file and its focal point. None if there is none."""
    return _image_content(get_image_model().objects.filter(pk=pk).first() if pk else None)


def _image_content(image: Any) -> list[Any] | None:
    if image is None:
        return None
    kept = ("focal_point_x", "focal_point_y", "focal_point_width", "focal_point_height")
    return [image.get_file_hash(), *(getattr(image, name) for name in kept)]


def _stored_value(name: str, value: Any) -> Any:
    """A field's stored value without primary keys and without the order of its children."""
    if name == "texts":
        children = [{key: child[key] for key in child if key not in _BOOKKEEPING} for child in value or []]
        return sorted(children, key=lambda child: str(child.get("language")))
    if name == "overrides":
        return _overrides(value or [])
    if name == "body" and isinstance(value, str):
        return _blocks(json.loads(value or "[]"))
    if name in ("countries", "languages", "fallbacks") and not isinstance(value, str):
        return ",".join(value or ())
    return value


def _overrides(raw: list[dict[str, Any]]) -> list[list[Any]]:
    """What an edition shows differently, by story, with the content of pictures."""
    return sorted(
        [
            one["story"],
            one["size"],
            one["headlines"],
            _picture_content(one["picture"]),
            one["picture_alts"],
        ]
        for one in raw
    )


def _blocks(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An edition's blocks without their ids, and None in the place of each story that was deleted.

    In the place of a picture is what decides how it looks. Wagtail writes None itself, but only into rows and
    revisions that are saved after the deletion.
    """
    existing = set(Story.objects.filter(pk__in=story_ids_in(raw)).values_list("pk", flat=True))

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {**value, "value": kept(value["value"])}
        return value if value in existing else None

    blocks = [{key: block[key] for key in ("type", "value")} for block in raw]
    for block in blocks:
        if block["type"] in STORY_BLOCKS:
            block["value"] = kept(block["value"])
        elif block["type"] == "titles":
            block["value"] = [kept(item) for item in block["value"]]
        elif picture_ids_in([block]):
            block["value"] = {**block["value"], "picture": _picture_content(block["value"]["picture"])}
    return blocks


_COLUMNS: dict[type[models.Model], str] = {
    Edition: "edition",
    Story: "story",
    Newsletter: "newsletter",
    Segment: "segment",
}


def _column(subject: Subject) -> str:
    return _COLUMNS[type(subject)]


_ACTIONS_LISTED = 2


def edition_newsletter_and_stories(edition: Edition) -> dict[str, Subject]:
    """Everything that an edition is made of, by the names that a manifest uses."""
    stories = Story.objects.filter(pk__in=story_ids(edition))
    stories = stories.select_related("picture").prefetch_related("texts")
    parts: dict[str, Subject] = {"edition": edition, "newsletter": edition.newsletter}
    return parts | {f"story:{story.key}": story for story in stories}


def fingerprints(edition: Edition) -> dict[str, str]:
    """The current fingerprint of every part, segments included."""
    people = {name: rule_fingerprint(one) for name, one in audience_segments_with_nested(edition).items()}
    return people | {
        name: fingerprint_with_readiness(part)
        for name, part in edition_newsletter_and_stories(edition).items()
    }


def authors_of_unapproved_changes(edition: Edition) -> dict[User, str]:
    """Users who may not approve the edition, with the reason: {user: "wrote the story “…”"}."""
    found: dict[User, list[str]] = {}
    approved = list(_approved_manifests(edition))
    parts = {**edition_newsletter_and_stories(edition), **audience_segments_with_nested(edition)}
    for name, notes in _notes_by_part(parts).items():
        part = parts[name]
        for note in _changes_since_approval(name, part, notes, approved):
            if note.user is not None:
                found.setdefault(note.user, []).append(f"{note.action} {kind_and_quoted_title(part)}")
    return {user: _summarise(list(dict.fromkeys(actions))) for user, actions in found.items()}


def _summarise(actions: list[str]) -> str:
    """The first actions, and the number of the others, as one sentence."""
    if len(actions) <= _ACTIONS_LISTED + 1:
        return ", ".join(actions)
    more = len(actions) - _ACTIONS_LISTED
    return ", ".join(actions[:_ACTIONS_LISTED]) + f" and changed {more} more parts of the edition"


def _approved_manifests(edition: Edition) -> Iterable[dict[str, str]]:
    """Fingerprints of each approved snapshot of this newsletter, newest first: {part: fingerprint}."""
    # Where a snapshot needs several approvals, the first ones alone free no author.
    given = Snapshot.objects.filter(
        Exists(Approval.objects.filter(snapshot=OuterRef("pk"))),
        edition__newsletter=edition.newsletter,
        approved_at__isnull=False,
    )
    for snapshot in given.defer("content").order_by("-approved_at", "-pk").iterator(chunk_size=50):
        prints: dict[str, str] = json.loads(snapshot.manifest)["fingerprints"]
        # The part "edition" is another one in every edition.
        if snapshot.edition_id != edition.pk:
            prints = {name: mark for name, mark in prints.items() if name != "edition"}
        yield prints


def _notes_by_part(parts: dict[str, Subject]) -> dict[str, list[Authorship]]:
    """The records of each part, oldest first, by the parts' names; one query."""
    names = {(_column(part), part.pk): name for name, part in parts.items()}
    wanted = Q(pk__in=[])
    for column in {column for column, _pk in names}:
        wanted |= Q(**{f"{column}__in": [pk for one, pk in names if one == column]})
    found: dict[str, list[Authorship]] = {name: [] for name in parts}
    for note in Authorship.objects.filter(wanted).select_related("user").order_by("pk"):
        subject = next(
            (column, pk) for column in _COLUMNS.values() if (pk := getattr(note, f"{column}_id")) is not None
        )
        found[names[subject]].append(note)
    return found


def _changes_since_approval(
    name: str, part: Subject, notes: list[Authorship], approved: list[dict[str, str]]
) -> Iterable[Authorship]:
    """Changes after the approved content; all of them when no approved content is found.

    The boundary is the content that was approved and not the time of approval: a draft saved before an
    approval that did not contain it is still unapproved.
    """
    if not notes or not any(name in prints for prints in approved):
        return notes
    # An older draft may have been published after a newer one that only repeats the approved content.
    live = fingerprint(part)
    last = max((place for place, note in enumerate(notes) if note.fingerprint == live), default=len(notes))
    for prints in approved:
        if name not in prints:
            continue
        sealed = [place for place, note in enumerate(notes[: last + 1]) if note.fingerprint == prints[name]]
        return notes[sealed[-1] + 1 :] if sealed else notes
    return notes


def audience_segments_with_nested(edition: Edition) -> dict[str, Segment]:
    """The edition's segments, nested ones included, by the names that a manifest uses."""
    chosen = [one for one in (edition.segment, edition.excluded) if one is not None]
    found: dict[str, Segment] = {}
    for segment in chosen:
        found |= {f"segment:{one.pk}": one for one in _with_parts(segment, frozenset())}
    return found


def rule_fingerprint(segment: Segment) -> str:
    """Hex SHA-256 of the rule."""
    text = json.dumps(segment.rule, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_parts(segment: Segment, seen: frozenset[int]) -> Iterator[Segment]:
    yield segment
    seen |= {segment.pk}
    named = {
        value
        for condition in all_conditions(from_json(segment.rule))
        if condition.attribute == "segment"
        for value in conditions.int_values(condition)
    }
    for part in Segment.objects.filter(pk__in=named - seen):
        yield from _with_parts(part, seen)
