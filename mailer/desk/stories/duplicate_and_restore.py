"""Duplicates a story, carries it over to the next period, and restores an earlier version of it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer import staff_localization
from mailer.accounts import contributor_permissions
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.page_base_classes import ObjectPage, current_user
from mailer.editions.assemble import now_or_demo_time, upcoming_edition
from mailer.editions.models import Newsletter
from mailer.editions.planned_dates import period_assembled_on
from mailer.rendering.edition_period import Period
from mailer.stories import draft_editing
from mailer.stories.models import Story
from subscribers.translate_stored_texts import translated


class StoryAction(ObjectPage[Story], View):
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


class OwnStory(ObjectPage[Story]):
    """Mixin: a contributor changes stories of their own countries only, as the editor does."""

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.require_own(self.object, draft_editing.latest_draft(self.object))

    def require_own(self, *versions: Story) -> None:
        """Raises PermissionDenied unless the user may write about the countries of each version."""
        user = current_user(self.request)
        if not all(contributor_permissions.may_write_about(user, one.countries) for one in versions):
            raise PermissionDenied


class DuplicateAction(OwnStory, StoryAction):
    """Makes a draft with the same content."""

    permission_required = ("mailer.add_story", "mailer.change_story")  # type: ignore[assignment]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        copy = draft_editing.duplicate(self.object, current_user(request), timezone.now())
        messages.success(
            request, _("This is a copy of the story “%(story)s”, saved as a draft.") % {"story": copy}
        )
        return redirect("desk_stories:edit", copy.pk)


class CarryOverAction(OwnStory, StoryAction):
    """Lets the next edition take the story, and none before it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if "undo" in request.POST:
            draft_editing.set_earliest_period(self.object, "", current_user(request), timezone.now())
            messages.success(request, _("Saved"))
            return self.to_story()
        period = month_after_planned_edition(self.object)
        draft_editing.set_earliest_period(self.object, period, current_user(request), timezone.now())
        text = _("The story “%(story)s” is carried over to the edition of %(month)s.")
        messages.success(
            request, text % {"story": self.object, "month": localized_names_and_dates.month_name(period)}
        )
        return self.to_story()


def month_after_planned_edition(story: Story) -> str:
    """The period after the one whose edition would take the story or holds it: "2022-01", "2021-12-13"."""
    now = now_or_demo_time(timezone.now())
    newsletters = [
        one
        for one in Newsletter.objects.all()
        if not story.countries or set(story.countries) & set(one.countries)
    ]
    periods: list[str] = []
    for newsletter in newsletters:
        here = period_assembled_on(newsletter, now.astimezone(ZoneInfo(newsletter.zone)).date())
        coming = upcoming_edition(newsletter, now)
        # It waits for this one now, so it is carried past it.
        taken = any(one.pk == story.pk for one in coming.stories)
        periods += [str(here.next), str(coming.period.next if taken else coming.period)]
    return max(periods, default=str(Period.at(now, "UTC").next))


class RestoreStoryPage(OwnStory, TemplateView):
    """Shows an earlier version of a story (GET) and makes it the latest draft (POST)."""

    model = Story
    permission_required = "mailer.change_story"
    page_title = gettext_lazy("Earlier version of the edition")
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
            author=translated(user_or_system_name(self.revision.user)),
            texts=[(staff_localization.language_name(text.language), text) for text in earlier.texts.all()],
            **kwargs,
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        earlier = self.revision.as_object()
        languages = [text.language for text in draft_editing.latest_draft(self.object).texts.all()]
        languages += [text.language for text in earlier.texts.all()]
        written = draft_editing.values_of(earlier, dict.fromkeys(languages))
        user, now = current_user(request), timezone.now()
        draft_editing.save(self.object, written, {}, user, now)
        messages.success(request, _("The earlier version of the story is restored as its latest draft."))
        return redirect("desk_stories:edit", self.object.pk)
