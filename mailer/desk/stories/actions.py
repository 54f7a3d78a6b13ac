"""What one does with a story besides writing it: preview, duplicate, carry over, comment, restore."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer import staff_language
from mailer.accounts import contributors
from mailer.approval.authorship import name_of
from mailer.desk.base import labels
from mailer.desk.base.page_classes import ObjectPage, current_user
from mailer.desk.stories import destinations, preview
from mailer.editions.assemble import Period, now_or_demo_time, upcoming
from mailer.editions.models import Newsletter
from mailer.stories import story_drafts
from mailer.stories.models import Story


class StoryPreview(ObjectPage[Story], TemplateView):
    """The story as readers see it, in a language: a page, or with `?part=1` only the frame."""

    model = Story
    permission_required = "mailer.view_story"
    page_title = gettext_lazy("Preview")
    template_name = "desk/stories/preview.html"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "part" in request.GET:
            return render(request, "desk/stories/preview_frame.html", self.get_context_data())
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        draft = story_drafts.latest_draft(self.object)
        offered = destinations.languages_of(draft)
        language = self.request.GET.get("language", "")
        language = language if language in offered else offered[0]
        return super().get_context_data(
            html=preview.of_story(draft, language),
            comments=draft.comments.select_related("author", "resolved_by"),
            story=draft,
            language_name=staff_language.language_name(language),
            **kwargs,
        )


class _StoryAction(ObjectPage[Story], View):
    """Changes a story (POST only)."""

    model = Story
    permission_required = "mailer.change_story"
    http_method_names = ["post"]

    def to_story(self, fragment: str = "") -> HttpResponse:
        # Approvers read and comment, and have no editor.
        name = (
            "desk_stories:edit" if self.request.user.has_perm("mailer.change_story") else "desk_story:preview"
        )
        return redirect(reverse(name, args=[self.object.pk]) + fragment)


class _OwnStory(ObjectPage[Story]):
    """Mixin: a contributor changes stories of their own countries only, as the editor does."""

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.require_own(self.object, story_drafts.latest_draft(self.object))

    def require_own(self, *versions: Story) -> None:
        """Raises PermissionDenied unless the user may write about the countries of each version."""
        user = current_user(self.request)
        if not all(contributors.may_write_about(user, one.countries) for one in versions):
            raise PermissionDenied


class DuplicateAction(_OwnStory, _StoryAction):
    """Makes a draft with the same content."""

    permission_required = ("mailer.add_story", "mailer.change_story")  # type: ignore[assignment]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        copy = story_drafts.duplicate(self.object, current_user(request), timezone.now())
        messages.success(request, _("This is a copy of “%(story)s”, as a draft.") % {"story": copy})
        return redirect("desk_stories:edit", copy.pk)


class CarryOverAction(_OwnStory, _StoryAction):
    """Lets the next edition take the story, and none before it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if "undo" in request.POST:
            story_drafts.carry_over(self.object, "", current_user(request), timezone.now())
            messages.success(request, _("Saved"))
            return self.to_story()
        period = next_period(self.object)
        story_drafts.carry_over(self.object, period, current_user(request), timezone.now())
        text = _("“%(story)s” is carried over to the edition of %(month)s.")
        messages.success(request, text % {"story": self.object, "month": labels.month_name(period)})
        return self.to_story()


def next_period(story: Story) -> str:
    """The month after the one whose edition would take the story or holds it: "2022-01"."""
    now = now_or_demo_time(timezone.now())
    newsletters = [
        one
        for one in Newsletter.objects.all()
        if not story.countries or set(story.countries) & set(one.countries)
    ]
    zone = newsletters[0].zone if newsletters else "UTC"
    here = Period.at(now, zone)
    months = [str(Period.of(here.end))]
    for newsletter in newsletters:
        coming = upcoming(newsletter, now)
        # It waits for this one now, so it is carried past it.
        taken = any(one.pk == story.pk for one in coming.stories)
        months.append(str(Period.of(coming.period.end) if taken else coming.period))
    return max(months)


class CommentAction(_StoryAction):
    """Adds a comment for colleagues."""

    permission_required = "mailer.view_story"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        text = request.POST.get("text", "").strip()[:2000]
        if not text:
            messages.error(request, _("Write a comment first."))
            return self.to_story("#story-comment")
        comment = self.object.comments.create(author=current_user(request), text=text)
        messages.success(request, _("The comment is added."))
        return self.to_story(f"#comment-{comment.pk}")


class CommentDoneAction(_StoryAction):
    """Marks a comment as done."""

    permission_required = "mailer.view_story"

    def post(self, request: HttpRequest, pk: int, comment: int) -> HttpResponse:
        done = get_object_or_404(self.object.comments, pk=comment)
        if done.resolved_at is None:
            done.resolved_at, done.resolved_by = timezone.now(), current_user(request)
            done.save(update_fields=["resolved_at", "resolved_by"])
        messages.success(request, _("The comment is marked as done."))
        return self.to_story(f"#comment-{done.pk}")


class RestoreStoryPage(_OwnStory, TemplateView):
    """Shows an earlier version of a story (GET) and makes it the latest draft (POST)."""

    model = Story
    permission_required = "mailer.change_story"
    page_title = gettext_lazy("Earlier version")
    template_name = "desk/stories/restore.html"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)

    def load(self, **kwargs: Any) -> None:
        super().load(pk=kwargs["pk"] if str(kwargs["pk"]).isdigit() else 0)
        self.revision = get_object_or_404(self.object.revisions, pk=kwargs["revision_id"])
        self.require_own(self.revision.as_object())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        earlier = self.revision.as_object()
        return super().get_context_data(
            story=earlier,
            revision=self.revision,
            author=name_of(self.revision.user),
            texts=[(staff_language.language_name(text.language), text) for text in earlier.texts.all()],
            **kwargs,
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        earlier = self.revision.as_object()
        languages = [text.language for text in story_drafts.latest_draft(self.object).texts.all()]
        languages += [text.language for text in earlier.texts.all()]
        written = story_drafts.values_of(earlier, dict.fromkeys(languages))
        user, now = current_user(request), timezone.now()
        story_drafts.save(self.object, written, {}, user, now)
        messages.success(request, _("The earlier version is the latest draft again."))
        return redirect("desk_stories:edit", self.object.pk)
