"""A story as readers see it: its block of the digest in one language, and the page that shows it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from mailer import staff_localization
from mailer.desk.base.page_base_classes import ObjectPage, current_user
from mailer.desk.stories import unsent_editions_of_story
from mailer.desk.stories.comments import comments_with_may_mark_done
from mailer.editions import pictures
from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import content_of_story
from mailer.rendering import variants
from mailer.stories import draft_editing
from mailer.stories.models import Story


def store_pictures_and_render_story(story: Story, language: str) -> str:
    """The HTML of the story's block; empty while it has no text, or there is no newsletter yet."""
    served = list(Newsletter.objects.all())
    wanted = set(story.countries)
    newsletter = next((one for one in served if wanted & set(one.countries)), next(iter(served), None))
    if newsletter is None:
        return ""
    content = content_of_story(story, newsletter, f"{story.date:%Y-%m}")
    if not content.stories:
        return ""
    return pictures.with_pictures_from_site(variants.render_blocks(content, language))


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
        draft = draft_editing.latest_draft(self.object)
        offered = unsent_editions_of_story.site_and_written_languages(draft)
        language = self.request.GET.get("language", "")
        language = language if language in offered else offered[0]
        return super().get_context_data(
            html=store_pictures_and_render_story(draft, language),
            comments=comments_with_may_mark_done(current_user(self.request), draft),
            story=draft,
            language_name=staff_localization.language_name(language),
            **kwargs,
        )
