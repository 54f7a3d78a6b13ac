"""How staff look at an email: wide, narrow, dark, without pictures or as text."""

from __future__ import annotations

import re
from dataclasses import replace

from django.utils.translation import gettext_lazy

from mailer.rendering.data_types import RenderedVariant

# Ways to show a variant: the name in the URL, and the label.
VIEWS = (
    ("html", gettext_lazy("Desktop")),
    ("tablet", gettext_lazy("Tablet")),
    ("phone", gettext_lazy("Mobile")),
    ("dark", gettext_lazy("Dark mode")),
    ("no-pictures", gettext_lazy("Email without pictures")),
    ("text", gettext_lazy("Plain text version")),
)


_DARK_MEDIA = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")


_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


_NO_PICTURES = '<meta http-equiv="Content-Security-Policy" content="img-src \'none\'">'


def shown_as(email: RenderedVariant, view: str) -> RenderedVariant:
    """A variant for a preview, as a mail program in this view would show it."""
    html = email.html
    if view == "dark":
        # The rules for dark mode then apply always.
        html = _DARK_MEDIA.sub("(min-width:0)", html)
    if view == "no-pictures":
        html = _HEAD.sub(lambda head: head[0] + _NO_PICTURES, html, count=1)
    return replace(email, html=html)
