"""Who wrote what: recorded when content really changes, and not when it is only saved."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.signals import post_save
from django.utils import timezone
from wagtail.images import get_image_model
from wagtail.models import ModelLogEntry, Revision

from mailer.approval.models import Authorship, FrozenCopy
from mailer.editions.contents import story_ids
from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story

Subject = Edition | Story | Newsletter

# What a reader sees of each, by field name; the rest may change without an author.
_TELLING: dict[type[models.Model], tuple[str, ...]] = {
    Story: ("kind", "date", "countries", "picture", "link", "texts"),
    Edition: ("newsletter", "period", "number", "body", "texts"),
    Newsletter: (
        *("slug", "name", "office", "postal_address", "sender_name", "sender_email", "reply_to"),
        *("countries", "languages", "fallbacks", "theme", "texts"),
    ),
}
_BOOKKEEPING = frozenset({"pk", "id", "story", "edition", "newsletter", "sort_order"})


def fingerprint(subject: Subject, data: dict[str, Any] | None = None) -> str:
    """Hex SHA-256 of what a reader sees of the subject; `data`: a revision's content, else the live row's."""
    data = subject.serializable_data() if data is None else data
    telling = {name: _plain(name, data.get(name)) for name in _TELLING[type(subject)]}
    if isinstance(subject, Story) and telling["picture"]:
        image = get_image_model().objects.filter(pk=telling["picture"]).first()
        telling["picture"] = image.get_file_hash() if image else None
    text = json.dumps(telling, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    user: User | None, subject: Subject, action: str, at: datetime, data: dict[str, Any] | None = None
) -> Authorship | None:
    """Note that `user` changed the subject; None when readers would see nothing else than before.

    A real change breaks the seal of every open copy that holds the subject.
    """
    mark = fingerprint(subject, data)
    column = _column(subject)
    last = Authorship.objects.filter(**{column: subject}).order_by("-pk").first()
    if last and last.fingerprint == mark:
        return None
    note = Authorship.objects.create(user=user, action=action, at=at, fingerprint=mark, **{column: subject})
    break_open_copies(subject, f"{name_of(user)} {action} {title_of(subject)}")
    return note


def break_open_copies(subject: Subject, because: str) -> int:
    """Break the seal of the subject's copies that are not being sent yet; returns how many."""
    open_copies = FrozenCopy.objects.filter(state__in=OPEN_STATES, mailing__isnull=True)
    if isinstance(subject, Edition):
        touched = open_copies.filter(edition=subject)
    elif isinstance(subject, Newsletter):
        touched = open_copies.filter(edition__newsletter=subject)
    else:
        holding = [
            copy.pk for copy in open_copies.select_related("edition") if subject.pk in story_ids(copy.edition)
        ]
        touched = open_copies.filter(pk__in=holding)
    return touched.update(state=FrozenCopy.State.BROKEN, broken_because=because[:300])


OPEN_STATES = (FrozenCopy.State.SUBMITTED, FrozenCopy.State.APPROVED, FrozenCopy.State.SCHEDULED)


def name_of(user: User | None) -> str:
    """The person's name as colleagues read it."""
    return (user.get_full_name() or user.get_username()) if user else "The system"


def title_of(subject: Subject) -> str:
    """The subject in words: "the story “…”"."""
    title = str(subject).replace("“", "‘").replace("”", "’")
    return f"the {subject._meta.verbose_name} “{title}”"


def connect() -> None:
    """Listen to everything through which staff change content."""
    post_save.connect(_on_revision, sender=Revision, dispatch_uid="authorship-revision")
    post_save.connect(_on_log_entry, sender=ModelLogEntry, dispatch_uid="authorship-log-entry")


def _on_revision(sender: object, instance: Revision, created: bool, **_: object) -> None:
    """Autosave rewrites the newest revision in place, so one that was saved again counts too."""
    model = instance.content_type.model_class() if instance.content_type else None
    if model not in (Story, Edition):
        return
    subject = model._default_manager.filter(pk=instance.object_id).first()
    if subject is not None:
        record(instance.user, subject, "wrote", instance.created_at or timezone.now(), instance.content)


def _on_log_entry(sender: object, instance: ModelLogEntry, created: bool, **_: object) -> None:
    """Newsletters and pictures have no revisions; Wagtail's log names who saved them."""
    if not created or instance.action not in ("wagtail.create", "wagtail.edit"):
        return
    content_type: ContentType | None = instance.content_type
    model = content_type.model_class() if content_type else None
    if model is Newsletter:
        newsletter = Newsletter.objects.filter(pk=instance.object_id).first()
        if newsletter:
            record(instance.user, newsletter, "changed", instance.timestamp)
    elif model is get_image_model():
        for story in Story.objects.filter(picture_id=instance.object_id):
            record(instance.user, story, "replaced the picture of", instance.timestamp)


def _plain(name: str, value: Any) -> Any:
    """A field's stored value without primary keys and without the order of its children."""
    if name == "texts":
        children = [{key: child[key] for key in child if key not in _BOOKKEEPING} for child in value or []]
        return sorted(children, key=lambda child: str(child.get("language")))
    if name == "body" and isinstance(value, str):
        return [{key: block[key] for key in ("type", "value")} for block in json.loads(value or "[]")]
    if name in ("countries", "languages", "fallbacks") and not isinstance(value, str):
        return ",".join(value or ())
    return value


def _column(subject: Subject) -> str:
    return {Edition: "edition", Story: "story", Newsletter: "newsletter"}[type(subject)]
