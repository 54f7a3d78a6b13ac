"""A story as readers see it: in its block of the digest, in one language."""

from __future__ import annotations

from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import content_of_story
from mailer.rendering import variants
from mailer.stories.models import Story


def of_story(story: Story, language: str) -> str:
    """The HTML of the story's block; empty while it has no text, or there is no newsletter yet."""
    served = list(Newsletter.objects.all())
    wanted = set(story.countries)
    newsletter = next((one for one in served if wanted & set(one.countries)), next(iter(served), None))
    if newsletter is None:
        return ""
    content = content_of_story(story, newsletter, f"{story.date:%Y-%m}")
    if not content.stories:
        return ""
    return variants.render_blocks(content, language)
