"""The pages of a change of address, behind links at the new address and at the old. No GET changes anything.

They hold no link to anything else of the subscriber's: until the change is made, who reads the new address
may be a stranger.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers.consent import Channel
from subscribers.models import AddressChange
from subscribers.preference_center import change_address, preferences
from subscribers.responses import evidence_from, link_page, mask, page, subscriber_context
from subscribers.transactional_emails import page_language

_methods = require_http_methods(["GET", "HEAD", "POST"])


@_methods
@link_page("pages/address_link_expired.html")
def confirm_address_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/<token>/`: a button at the new address that confirms it."""
    now = timezone.now()
    change = change_address.read_confirmation(token, now)
    language = page_language(change.subscriber)
    with override(language):
        text = (
            gettext(
                "Press the button here and in the letter to the old address, and what came there comes to "
                "this one."
            )
            if change_address.waits_for(change) == "both"
            else gettext("Press the button, and what came to your old address comes to this one.")
        )
    if request.method == "POST":
        change = change_address.confirm(
            token, evidence_from(request, Channel.EMAIL_LINK, language, text), now
        )
    if change.new_confirmed_at is not None:
        return _confirmed_page(request, change, language)
    context = {**_change_context(change, text), "lists": change_address.lists_after_change(change)}
    return page(request, "pages/confirm_address.html", context, language=language, private=True)


@_methods
@link_page("pages/address_link_expired.html")
def agree_address_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/agree/<token>/`: a button at the old address that agrees to the new one."""
    now = timezone.now()
    change = change_address.read_agreement(token, now)
    language = page_language(change.subscriber)
    with override(language):
        text = (
            gettext(
                "Press the button here and in the letter to the new address, and what comes to this one "
                "comes there."
            )
            if change_address.waits_for(change) == "both"
            else gettext("Press the button, and what comes to this address comes to the new one.")
        )
    if request.method == "POST":
        change = change_address.agree(token, evidence_from(request, Channel.EMAIL_LINK, language, text), now)
    if change.old_confirmed_at is not None:
        return _confirmed_page(request, change, language)
    # Without the lists: some may be those of another subscriber, who has the new address.
    context = _change_context(change, text)
    return page(request, "pages/agree_address.html", context, language=language, private=True)


@_methods
@link_page("pages/address_link_expired.html")
def reject_address_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/not-me/<token>/`: a button that keeps or restores the old address and reverses erasure."""
    now = timezone.now()
    rejection = change_address.read_rejection(token, now)
    language = page_language(rejection.subscriber)
    with override(language):
        text = (
            gettext("Press the button, and what you get from us comes to your old address as before.")
            if rejection.erasure is None
            else gettext(
                "Press the button, and your data is as it was, and what you get from us comes to your old "
                "address."
            )
        )
    if request.method == "POST":
        change_address.reject(rejection, evidence_from(request, Channel.EMAIL_LINK, language, text), now)
        rejection = change_address.read_rejection(token, now)
    change = rejection.change
    if change.rejected_at is None:
        return page(request, "pages/reject_address.html", {"text": text}, language=language, private=True)
    context = {"masked": mask(change.old_email)}
    if rejection.subscriber.email == change.old_email:
        context = subscriber_context(rejection.subscriber, 0)
    return page(request, "pages/address_kept.html", context, language=language, private=True)


def waiting_context(change: AddressChange, language: str) -> dict[str, object]:
    """What a change waits for, until when, and the masked new address; call it in `language`."""
    until = timezone.localdate(change.requested_at + AddressChange.CONFIRM_WITHIN)
    return {
        "waits_for": change_address.waits_for(change),
        "wait_until": preferences.format_day(until, language),
        "new": mask(change.new_email),
    }


def _change_context(change: AddressChange, text: str) -> dict[str, object]:
    return {"text": text, "old": mask(change.old_email), "new": mask(change.new_email)}


def _confirmed_page(request: HttpRequest, change: AddressChange, language: str) -> HttpResponse:
    """That the address is changed, or whose button it waits for."""
    if change.changed_at is None:
        context = waiting_context(change, language)
        return page(request, "pages/address_waiting.html", context, language=language, private=True)
    context = {"masked": mask(change.new_email)}
    return page(request, "pages/address_changed.html", context, language=language, private=True)
