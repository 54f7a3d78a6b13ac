"""`/address/…`: the pages behind the two letters about a new address. No GET changes anything."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import tokens
from subscribers.consent import Channel
from subscribers.emails import page_language
from subscribers.preference_center import change_address
from subscribers.responses import evidence_from, mask, page, subscriber_context

_methods = require_http_methods(["GET", "HEAD", "POST"])


@_methods
def confirm_address(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/<token>/`: whoever reads the new address agrees to get what came to the old one."""
    now = timezone.now()
    try:
        change = change_address.read_confirmation(token, now)
        language = page_language(change.subscriber)
        with override(language):
            words = gettext("Press the button, and what came to your old address comes to this one.")
        if request.method == "POST":
            person = change_address.confirm(
                token, evidence_from(request, Channel.EMAIL_LINK, language, words), now
            )
            done = subscriber_context(person, 0)
            return page(request, "pages/address_changed.html", done, language=language, private=True)
    except (tokens.InvalidToken, change_address.LinkExpired):
        return page(request, "pages/address_over.html", status=404, private=True)
    context = {
        "words": words,
        "old": mask(change.old_email),
        "new": mask(change.new_email),
        "lists": change_address.lists_after(change),
    }
    return page(request, "pages/address_confirm.html", context, language=language, private=True)


@_methods
def reject_address_change(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/not-me/<token>/`: whoever reads the old address keeps it."""
    now = timezone.now()
    try:
        change = change_address.read_rejection(token, now)
    except (tokens.InvalidToken, change_address.LinkExpired):
        return page(request, "pages/address_over.html", status=404, private=True)
    language = page_language(change.subscriber)
    with override(language):
        words = gettext("Press the button, and what you get from us comes to your old address as before.")
    if request.method == "POST":
        change_address.reject(change, evidence_from(request, Channel.EMAIL_LINK, language, words), now)
    change.refresh_from_db()
    if change.rejected_at is None:
        return page(request, "pages/address_not_me.html", {"words": words}, language=language, private=True)
    context = {**subscriber_context(change.subscriber, 0), "masked": mask(change.old_email)}
    return page(request, "pages/address_kept.html", context, language=language, private=True)
