"""SaveEdition buttons of stories and editions. Wagtail's label "Publish" could be mistaken for sending."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from wagtail.snippets.action_menu import ActionMenuItem, PublishMenuItem, SaveMenuItem, UnpublishMenuItem
from wagtail.snippets.views import snippets

from mailer.editions.models import Edition
from mailer.stories.models import Story


class SaveEdition(SaveMenuItem):
    """Saves an edition. Submitting takes the latest saved version, so there is no "publish" step."""

    template_name = "desk/editions/save_button.html"


class MarkReady(PublishMenuItem):
    """Saves a story and makes it available to editions. It sends nothing."""

    template_name = "desk/stories/save_ready_button.html"


class BackToDraft(UnpublishMenuItem):
    """Makes a ready story a draft again."""

    label = "Back to draft"


class _StorySavedMessage:
    """The message after saving a story."""

    def get_success_message(self, instance: Story | None = None) -> str:
        view: Any = self
        story = instance or view.object
        return (
            f"“{story}” is saved and ready for editions."
            if view.action == "publish"
            else f"“{story}” is saved."
        )


class StoryCreateView(_StorySavedMessage, snippets.CreateView):
    pass


class StoryEditView(_StorySavedMessage, snippets.EditView):
    pass


class BackToDraftView(snippets.UnpublishView):
    """Confirmation page for making a ready story a draft again."""

    page_title = "Back to draft"
    success_message = "“%(object)s” is a draft again. Editions do not include it until it is ready."
    template_name = "desk/stories/back_to_draft.html"


def customize_action_menu(items: list[ActionMenuItem], request: HttpRequest, context: dict[str, Any]) -> None:
    """Wagtail hook `construct_snippet_action_menu`: replaces the publish buttons."""
    if context["model"] is Edition:
        items[:] = [SaveEdition(order=item.order) for item in items if isinstance(item, SaveMenuItem)]
    elif context["model"] is Story:
        items[:] = [_relabelled(item) for item in items]


def _relabelled(item: ActionMenuItem) -> ActionMenuItem:
    if isinstance(item, PublishMenuItem):
        return MarkReady(order=item.order)
    return BackToDraft(order=item.order) if isinstance(item, UnpublishMenuItem) else item
