"""What reviewers do before they decide: comments on stories, and variants that they looked at.

A newsletter's review rule names variants that an approver must have checked. Their keys are written into the
snapshot when it is submitted, so that a later change of the rule changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from mailer.approval.models import ReviewComment, Snapshot, VariantCheck
from mailer.approval.snapshot_state_changes import NotPermitted, WrongState
from mailer.editions.audience import Combination
from mailer.editions.models import Newsletter
from mailer.rendering import localization, story_selection
from mailer.rendering.data_types import Content, from_json

MAX_COMMENT = 1000


def required_variants(rule: str, content: Content, combinations: Iterable[Combination]) -> list[str]:
    """Keys of the variants that an approver must check under a newsletter's review rule, largest first."""
    if rule == Newsletter.ReviewRule.NONE:
        return []
    head = content.masthead
    selector = story_selection.Selector(content)
    readers: dict[str, int] = {}
    languages: dict[str, str] = {}
    for one in combinations:
        stories = selector.story_set(one.countries)
        if not stories:
            continue
        language = localization.resolve_language(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        readers[key] = readers.get(key, 0) + one.readers
        languages[key] = language
    largest_first = sorted(readers, key=lambda key: (-readers[key], key))
    if rule == Newsletter.ReviewRule.ALL:
        return largest_first
    largest_of: dict[str, str] = {}
    for key in largest_first:
        largest_of.setdefault(languages[key], key)
    return list(largest_of.values())


def mark_variant_checked(snapshot: Snapshot, user: User, key: str, now: datetime) -> None:
    """Record that the user looked at a variant and found it right. Raises WrongState, NotPermitted."""
    if not user.has_perm("mailer.approve_edition"):
        raise NotPermitted
    _require_waiting(snapshot)
    if not snapshot.variants.filter(key=key).exists():
        raise WrongState(_("This variant is not part of the submitted version of the edition."))
    VariantCheck.objects.get_or_create(snapshot=snapshot, user=user, variant_key=key, defaults={"at": now})


def add_comment(snapshot: Snapshot, user: User, story_key: str, text: str, now: datetime) -> ReviewComment:
    """Add a comment about a story, or about the edition where the key is empty.

    Raises NotPermitted and WrongState.
    """
    if not (user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")):
        raise NotPermitted
    _require_waiting(snapshot)
    text = text.strip()
    if not text:
        raise WrongState(_("Write a comment before you send it."))
    if len(text) > MAX_COMMENT:
        raise WrongState(_("A comment may have at most %(number)s characters.") % {"number": MAX_COMMENT})
    if story_key and story_key not in from_json(snapshot.content).stories_by_key:
        raise WrongState(_("This story is not part of the submitted version of the edition."))
    return ReviewComment.objects.create(snapshot=snapshot, user=user, story_key=story_key, text=text, at=now)


def mark_done(remark: ReviewComment, user: User, now: datetime) -> bool:
    """Mark a comment as done; whether it was open. Raises NotPermitted."""
    if not (user.has_perm("mailer.submit_edition") or user.pk == remark.user_id):
        raise NotPermitted
    open_one = ReviewComment.objects.filter(pk=remark.pk, done_at=None)
    return bool(open_one.update(done_at=now, done_by=user))


def comments_of(snapshot: Snapshot) -> QuerySet[ReviewComment]:
    """The comments on a snapshot, oldest first."""
    return ReviewComment.objects.filter(snapshot=snapshot).select_related("user", "done_by")


def _require_waiting(snapshot: Snapshot) -> None:
    if snapshot.state != Snapshot.State.SUBMITTED:
        raise WrongState(_("This edition is not waiting for approval."))
