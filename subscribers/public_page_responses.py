"""HTTP responses of the public pages: language, security headers, and what they show of a subscriber."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, override

from subscribers import tokens
from subscribers.addresses import mask_address
from subscribers.client_address import client_address
from subscribers.consent import Evidence, network_of
from subscribers.models import Subscriber

# The view of a link, by its token.
LinkView = Callable[[HttpRequest, str], HttpResponse]

# What `mask_address` makes, within a longer text.
_MASKED = re.compile(r"\S*…@\S+")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    language: str | None = None,
    status: int = 200,
    private: bool = False,
) -> HttpResponse:
    """A page in `language` (default: the negotiated one); a private one is neither cached nor indexed."""
    code = language or get_language() or "en"
    with override(code):
        html = render_to_string(template, {**(context or {}), "page_language": code}, request)
    response = HttpResponse(html, status=status)
    response["Content-Language"] = code
    response["Content-Security-Policy"] = _POLICY
    if private:
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
    return response


def link_page(invalid_token_template: str, status: int = 404) -> Callable[[LinkView], LinkView]:
    """Decorates the view of a link in an email: where it raises InvalidToken, the page
    `invalid_token_template` answers.
    """

    def decorate(view: LinkView) -> LinkView:
        @wraps(view)
        def answer(request: HttpRequest, token: str) -> HttpResponse:
            try:
                return view(request, token)
            except tokens.InvalidToken:
                return render_page(request, invalid_token_template, status=status, private=True)

        return answer

    return decorate


def requested_language(request: HttpRequest) -> str:
    """The language of ?lang= where the pages have it, else the negotiated one."""
    wanted = request.GET.get("lang", "")
    return wanted if wanted in dict(settings.LANGUAGES) else get_language() or "en"


def offered_languages() -> list[tuple[str, str]]:
    """(code, native name) of the site's languages that the pages have."""
    names = dict(settings.LANGUAGES)
    return [(code, names[code]) for code in settings.CONFIG.site.languages if code in names]


def evidence_from(request: HttpRequest, channel: str, language: str, text: str = "") -> Evidence:
    """The evidence of a request for a consent record; `text` stood beside the button."""
    return Evidence(
        channel,
        text=text,
        language=language,
        network=network_of(client_address(request)),
        user_agent=request.headers.get("User-Agent", ""),
    )


def masked_address_and_preferences_link(subscriber: Subscriber, newsletter_id: int) -> dict[str, str]:
    """The masked address, and the link to the preferences: for pages that only the subscriber's own mailbox
    opens. An unsubscribe token does not: mail systems and forwarded mail carry it.
    """
    link = tokens.make_token("preferences", subscriber.pk, newsletter_id)
    return {"masked": mask_address(subscriber.email), "preferences_url": f"/preferences/{link}/"}


def keep_addresses_together(text: str) -> SafeString:
    """A text as HTML in which no line breaks within a masked address."""
    return mark_safe(_MASKED.sub(r'<span class="address">\g<0></span>', escape(text)))  # noqa: S308  (escaped)
