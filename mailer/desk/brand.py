"""The desk's name, mark and accent."""

from __future__ import annotations

from django.conf import settings
from django.templatetags.static import static
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString


def styles() -> SafeString:
    """insert_global_admin_css."""
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


def scripts() -> SafeString:
    """insert_global_admin_js: sizes the frames of mails, counts down to a moment, names rich text fields."""
    return format_html(
        '<script src="{}" defer></script><script src="{}" defer></script><script src="{}" defer></script>',
        static("desk/frames.js"),
        static("desk/countdown.js"),
        static("desk/labels.js"),
    )


def name() -> SafeString:
    """desk_name: what our templates ask for by `hook_output`, also where nobody has signed in yet."""
    return escape(settings.CONFIG.site.name)
