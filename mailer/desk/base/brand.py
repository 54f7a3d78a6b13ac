"""The name, logo and style sheet of the desk."""

from __future__ import annotations

from django.conf import settings
from django.templatetags.static import static
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

# Sizes email frames, shows countdowns, labels rich text fields, and refreshes changing pages.
_SCRIPTS = ("desk/mail_frames.js", "desk/countdown.js", "desk/accessible_names.js", "desk/auto_refresh.js")


def styles() -> SafeString:
    """Wagtail hook `insert_global_admin_css`."""
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


def scripts() -> SafeString:
    """Wagtail hook `insert_global_admin_js`."""
    return format_html_join(
        "", '<script src="{}" defer></script>', ((static(script),) for script in _SCRIPTS)
    )


def site_name() -> SafeString:
    """Our own hook `desk_name`: templates read it with `hook_output`, also on the sign-in page."""
    return escape(settings.CONFIG.site.name)
