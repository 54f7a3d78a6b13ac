"""What every public page shows, also where no view is in charge (an error page has no context)."""

from __future__ import annotations

from django import template
from django.conf import settings

from subscribers.responses import keep_addresses_together

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
def counted_openings() -> str:
    """What is counted of what readers open: "links", "mail" (links or not), or nothing."""
    tracking = settings.CONFIG.tracking
    if tracking.opens != "off":
        return "mail"
    return "links" if tracking.clicks != "off" else ""
