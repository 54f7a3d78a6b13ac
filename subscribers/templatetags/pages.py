"""What every public page shows, also error pages, which have no context."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.template.context import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY

from subscribers.public_page_responses import keep_addresses_together
from subscribers.translate_stored_texts import translated

register = template.Library()
register.filter(keep_addresses_together)


@register.simple_tag
def office_name() -> str:
    """The office's name, as the configuration has it."""
    return str(settings.CONFIG.site.name)


@register.simple_tag
def in_demo() -> bool:
    """Whether the guided demonstration is mounted."""
    return bool(settings.CONFIG.demo.enabled)


@register.simple_tag
def tracking_level() -> str:
    """What tracking counts: "links" (clicks), "mail" (opens too), or nothing."""
    tracking = settings.CONFIG.tracking
    if tracking.opens != "off":
        return "mail"
    return "links" if tracking.clicks != "off" else ""


@register.simple_tag(takes_context=True)
def page_title(context: Context) -> str:
    """The page's block `title` once more, for its heading."""
    title = context.render_context[BLOCK_CONTEXT_KEY].get_block("title")
    return str(title.render(context))


@register.filter
def translate_stored(text: str) -> str:
    """A text that was written to the database, such as a reason, in the active language."""
    return translated(text)
