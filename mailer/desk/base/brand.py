"""The desk's name, mark and accent."""

from __future__ import annotations

from django.conf import settings
from django.templatetags.static import static
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

# Sizes the frames of mails, counts down to a moment, names rich text fields, looks again at what moves.
_SCRIPTS = ("desk/frames.js", "desk/countdown.js", "desk/labels.js", "desk/live.js")


def styles() -> SafeString:
    """insert_global_admin_css."""
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


def scripts() -> SafeString:
    """insert_global_admin_js."""
    return format_html_join("", '<script src="{}" defer></script>', ((static(name),) for name in _SCRIPTS))


def name() -> SafeString:
    """desk_name: what our templates ask for by `hook_output`, also where nobody has signed in yet."""
    return escape(settings.CONFIG.site.name)
