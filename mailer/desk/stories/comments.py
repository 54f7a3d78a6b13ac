"""Comments on a story: written, shown beside it, and marked as done."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.admin import messages

from mailer.accounts import contributor_permissions
from mailer.desk.base.page_base_classes import current_user
from mailer.desk.stories.duplicate_and_restore import StoryAction
from mailer.stories.models import Story, StoryComment

# The same comment again within this time is a second press of the button.
_ONE_PRESS = timedelta(minutes=10)


class CommentAction(StoryAction):
    """Adds a comment for colleagues."""

    permission_required = "mailer.view_story"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        text = request.POST.get("text", "").strip()[:2000]
        if not text:
            messages.error(request, _("Write a comment before you add it."))
            return self.to_story("#story-comment")
        user, now = current_user(request), timezone.now()
        with transaction.atomic():
            # One request at a time: the same comment again is a second press of the button.
            Story.objects.select_for_update().get(pk=self.object.pk)
            recent = self.object.comments.filter(author=user, text=text, created_at__gt=now - _ONE_PRESS)
            comment = recent.first() or self.object.comments.create(author=user, text=text)
        messages.success(request, _("The comment is added."))
        return self.to_story(f"#comment-{comment.pk}")


def comments_with_may_mark_done(user: User, story: Story) -> list[tuple[StoryComment, bool]]:
    """The comments, oldest first, each with whether the user may mark it as done.

    Those may who may edit the story, and who wrote the comment.
    """
    may_edit = user.has_perm("mailer.change_story") and contributor_permissions.may_write_about(
        user, story.countries
    )
    found = story.comments.select_related("author", "resolved_by")
    return [(one, may_edit or one.author_id == user.pk) for one in found]


class CommentDoneAction(StoryAction):
    """Marks a comment as done."""

    permission_required = "mailer.view_story"

    def post(self, request: HttpRequest, pk: int, comment: int) -> HttpResponse:
        user = current_user(request)
        allowed = {one.pk: may_settle for one, may_settle in comments_with_may_mark_done(user, self.object)}
        if comment not in allowed:
            raise Http404
        if not allowed[comment]:
            raise PermissionDenied
        still_open = self.object.comments.filter(pk=comment, resolved_at=None)
        still_open.update(resolved_at=timezone.now(), resolved_by=user)
        messages.success(request, _("The comment is marked as done."))
        return self.to_story(f"#comment-{comment}")
