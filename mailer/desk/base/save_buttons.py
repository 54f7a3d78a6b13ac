"""The buttons under a form: Wagtail's word for them, "publish", could be mistaken for sending."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from wagtail.snippets.action_menu import ActionMenuItem, PublishMenuItem, SaveMenuItem, UnpublishMenuItem
from wagtail.snippets.views import snippets

from mailer.editions.models import Edition
from mailer.stories.models import Story


class Save(SaveMenuItem):
    """Keeps an edition; submitting takes what was saved last, so there is nothing else to put it to."""

    template_name = "desk/saving/save.html"


class SaveReady(PublishMenuItem):
    """Keeps a story and lets editions take it; nothing is sent by that."""

    template_name = "desk/saving/ready.html"


class TakeBack(UnpublishMenuItem):
    """Makes a ready story a draft again."""

    label = "Back to draft"


class _SaysReady:
    """What is told after saving."""

    def get_success_message(self, instance: Story | None = None) -> str:
        view: Any = self
        story = instance or view.object
        return (
            f"“{story}” is saved, and ready for editions."
            if view.action == "publish"
            else f"“{story}” is saved."
        )


class CreateStory(_SaysReady, snippets.CreateView):
    pass


class EditStory(_SaysReady, snippets.EditView):
    pass


class StoryBackToDraft(snippets.UnpublishView):
    """Asks first, and says what it means for editions."""

    page_title = "Back to draft"
    success_message = "“%(object)s” is a draft again. Editions leave it out until it is ready."
    template_name = "desk/saving/take_back.html"


def tidy_actions(items: list[ActionMenuItem], request: HttpRequest, context: dict[str, Any]) -> None:
    """construct_snippet_action_menu."""
    if context["model"] is Edition:
        items[:] = [Save(order=item.order) for item in items if isinstance(item, SaveMenuItem)]
    elif context["model"] is Story:
        items[:] = [_worded(item) for item in items]


def _worded(item: ActionMenuItem) -> ActionMenuItem:
    if isinstance(item, PublishMenuItem):
        return SaveReady(order=item.order)
    return TakeBack(order=item.order) if isinstance(item, UnpublishMenuItem) else item
