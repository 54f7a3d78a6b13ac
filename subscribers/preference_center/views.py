"""The preference center's pages, which subscribers open by a link in our mail. No GET changes anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import former_addresses_and_merged_ids, unsubscribe
from subscribers.addresses import mask_address
from subscribers.client_address import client_address
from subscribers.consent import Channel, Evidence, network_of
from subscribers.models import AddressChange, Subscriber, Subscription
from subscribers.preference_center import change_address, preferences
from subscribers.preference_center.preferences import AddressChangeForm, Preferences, PreferencesForm
from subscribers.privacy import data_access, erase_and_notify
from subscribers.public_page_responses import (
    evidence_from,
    link_page,
    masked_address_and_preferences_link,
    render_page,
)
from subscribers.reconfirmation import campaigns
from subscribers.subscribe import forms, subscribe
from subscribers.suppression import is_suppressed
from subscribers.transactional_emails import page_language

_methods = require_http_methods(["GET", "HEAD", "POST"])


# Preferences


@dataclass(frozen=True)
class _Visit:
    request: HttpRequest
    subscriber: Subscriber
    # The newsletter whose mail carried the link; None: a transactional email.
    newsletter_id: int | None
    now: datetime
    # What consent records keep of the visit.
    evidence: Evidence

    def save(self, wanted: Preferences) -> None:
        evidence = replace(self.evidence, text=forms.consent_text())
        preferences.save(self.subscriber, wanted, self.newsletter_id, evidence, self.now)
        self.subscriber.refresh_from_db()


# A code of what was done, for the page ("": nothing); or the form that has errors.
_Outcome = str | PreferencesForm | AddressChangeForm


@_methods
@link_page("pages/unknown_link.html")
def preferences_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/preferences/<token>/`: all preferences of a subscriber on one page."""
    claim, subscriber = former_addresses_and_merged_ids.read_subscriber_token("preferences", token)
    now = timezone.now()
    before = preferences.read_preferences(subscriber, now)
    evidence = evidence_from(request, Channel.PREFERENCES, page_language(subscriber))
    visit = _Visit(request, subscriber, claim.scope or None, now, evidence)
    with override(evidence.language):
        outcome = _handle_preferences(visit) if request.method == "POST" else ""
    # The subscriber may have chosen another language.
    language = page_language(subscriber)
    with override(language):
        context = _preferences_context(visit, before, outcome, language)
    status = 200 if isinstance(outcome, str) else 422
    return render_page(
        request, "pages/preferences.html", context, language=language, status=status, private=True
    )


def _preferences_context(
    visit: _Visit, before: Preferences, outcome: _Outcome, language: str
) -> dict[str, object]:
    subscriber, now = visit.subscriber, visit.now
    after = preferences.read_preferences(subscriber, now)
    form = outcome if isinstance(outcome, PreferencesForm) else None
    address_form = outcome if isinstance(outcome, AddressChangeForm) else None
    change = change_address.pending_change(subscriber, now)
    return {
        "masked": mask_address(subscriber.email),
        "form": form or PreferencesForm(None, subscriber=subscriber, page_language=language, now=now),
        "address_form": address_form or AddressChangeForm(),
        "may_change_address": change_address.may_change_address_by_link(subscriber, now),
        "bounces": change_address.is_bouncing(subscriber),
        **(waiting_context(change, language) if change else {}),
        "data_by_link": subscriber.data_by_link,
        "tracking_form": forms.tracking_consent_form(None, subscriber),
        "consent_text": forms.consent_text(),
        "outcome": outcome if isinstance(outcome, str) else "",
        "reasons": unsubscribe.UNSUBSCRIBE_REASONS.items(),
        "changes": preferences.describe_changes(before, after, language),
        "undo": preferences.undo_token(subscriber, before) if outcome in ("saved", "unsubscribed") else "",
        "paused": preferences.format_day(after.paused_until, language) if after.paused_until else "",
        "suppressed": is_suppressed(subscriber),
        "is_subscribed": subscriber.subscriptions.exclude(state=Subscription.State.UNSUBSCRIBED).exists(),
    }


def _handle_preferences(visit: _Visit) -> _Outcome:
    """Do what the pressed button is for; without the name of another one it is the button that saves."""
    actions = {
        "leave_all": _unsubscribe_all,
        "undo": _undo,
        "resume": _resume,
        "move": _request_address_change,
        "own": _send_data_link,
        "tell": _record_reason,
    }
    return next((action for name, action in actions.items() if name in visit.request.POST), _save)(visit)


def _save(visit: _Visit) -> _Outcome:
    post, subscriber = visit.request.POST, visit.subscriber
    form = PreferencesForm(post, subscriber=subscriber, page_language=visit.evidence.language, now=visit.now)
    if not form.is_valid():
        return form
    tracking_form = forms.tracking_consent_form(post, subscriber)
    tracking = subscriber.tracking_consent_at is not None
    if tracking_form is not None and tracking_form.is_valid():
        tracking = bool(tracking_form.cleaned_data["tracking"])
    visit.save(form.preferences(tracking))
    return "saved"


def _resume(visit: _Visit) -> _Outcome:
    visit.save(replace(preferences.read_preferences(visit.subscriber, visit.now), paused_until=None))
    return "saved"


def _undo(visit: _Visit) -> _Outcome:
    before = preferences.read_undo_token(visit.subscriber, visit.request.POST["undo"])
    if before is None:
        return "undo_expired"
    lists = set(unsubscribe.confirmed_list_ids(visit.subscriber.pk))
    visit.save(before)
    if set(before.lists) - lists:
        subscribe.send_resubscribed_signal(visit.subscriber, visit.newsletter_id)
    return "undone"


def _unsubscribe_all(visit: _Visit) -> _Outcome:
    evidence = replace(visit.evidence, text=gettext("This stops everything that we send you, at once."))
    unsubscribe.unsubscribe_all(visit.subscriber.pk, visit.newsletter_id, evidence, visit.now)
    return "unsubscribed"


def _request_address_change(visit: _Visit) -> _Outcome:
    form = AddressChangeForm(visit.request.POST)
    if not form.is_valid():
        return form
    new_email = form.cleaned_data["new_email"]
    outcome = change_address.request(visit.subscriber, new_email, visit.evidence, visit.now)
    if outcome == "same":
        form.add_error("new_email", gettext("This is the address that you have already."))
        return form
    return {"requested": "address_requested", "busy": "busy", "closed": ""}[outcome]


def _send_data_link(visit: _Visit) -> _Outcome:
    outcome = data_access.request_link(visit.subscriber, visit.now)
    return {"sent": "link_sent", "busy": "busy", "closed": ""}[outcome]


def _record_reason(visit: _Visit) -> _Outcome:
    reason = visit.request.POST.get("why", "")
    is_known = unsubscribe.send_unsubscribe_reason_signal(
        visit.subscriber, visit.newsletter_id, reason, visit.now
    )
    return "thanks" if is_known else ""


# Unsubscribing


@csrf_exempt
@_methods
@link_page("pages/unknown_link.html", status=200)
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/unsubscribe/<token>/`: one-click unsubscribe by POST (RFC 8058), a button by GET. Sets no cookie."""
    claim, subscriber = former_addresses_and_merged_ids.read_subscriber_token("unsubscribe", token)
    known = unsubscribe.known_newsletter_list_ids(claim.scope)
    lists = unsubscribe.newsletter_list_ids(claim.scope) if known is None else known
    # Among all lists are those that the subscriber unsubscribed from long ago: none is offered again.
    return _unsubscribe_response(request, subscriber, claim.scope, lists, known or (), ends_all=known is None)


@csrf_exempt
@_methods
@link_page("pages/unknown_link.html", status=200)
def unsubscribe_list_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/unsubscribe/list/<token>/`: as `unsubscribe_page`, for one list, from an email about that list."""
    claim, subscriber = former_addresses_and_merged_ids.read_subscriber_token("unsubscribe_list", token)
    return _unsubscribe_response(request, subscriber, None, (claim.scope,), (claim.scope,), ends_all=False)


def _unsubscribe_response(
    request: HttpRequest,
    subscriber: Subscriber,
    newsletter_id: int | None,
    lists: tuple[int, ...],
    offered: tuple[int, ...],
    *,
    ends_all: bool,
) -> HttpResponse:
    """The link ends `lists`; `offered` may be subscribed to again."""
    language = page_language(subscriber)
    with override(language):
        consent_text = gettext("Press the button, and you will receive this newsletter again.")
        outcome = ""
        if request.method == "POST":
            outcome = _handle_unsubscribe(request, subscriber, newsletter_id, lists, offered, consent_text)
        # No link to the preferences: mail systems and forwarded mail carry this token.
        context = {
            "masked": mask_address(subscriber.email),
            "outcome": outcome,
            "consent_text": consent_text,
            "may_resubscribe": bool(subscribe.resubscribable_lists(subscriber, offered)),
            "ends_all": ends_all,
            "reasons": unsubscribe.UNSUBSCRIBE_REASONS.items(),
            "paused": _pause_notice(subscriber, language),
        }
    is_subscribed = unsubscribe.has_confirmed_or_pending_subscription(subscriber.pk, lists)
    template = "pages/unsubscribe.html" if is_subscribed else "pages/unsubscribed.html"
    if outcome == "resubscribed":
        template = "pages/resubscribed.html"
    status = 400 if outcome == "nothing" else 200
    return render_page(request, template, context, language=language, status=status, private=True)


def _handle_unsubscribe(
    request: HttpRequest,
    subscriber: Subscriber,
    newsletter_id: int | None,
    lists: tuple[int, ...],
    offered: tuple[int, ...],
    text: str,
) -> str:
    """A code of what was done, for the page."""
    now, post = timezone.now(), _post_data(request)
    language = page_language(subscriber)
    if post.get("List-Unsubscribe", "").strip().lower() == "one-click":
        evidence = evidence_from(request, Channel.ONE_CLICK, language)
        unsubscribe.unsubscribe(subscriber.pk, lists, newsletter_id, evidence, now)
        return "unsubscribed"
    if "back" in post:
        evidence = evidence_from(request, Channel.PREFERENCES, language, text)
        is_back = subscribe.resubscribe_where_allowed(subscriber, offered, newsletter_id, evidence, now)
        return "resubscribed" if is_back else "unsubscribed"
    if "send" in post:
        network = network_of(client_address(request))
        return preferences.send_preferences_link(subscriber, newsletter_id or 0, network, now)
    if unsubscribe.send_unsubscribe_reason_signal(subscriber, newsletter_id, post.get("why", ""), now):
        return "thanks"
    # The button without a choice among the reasons is a valid answer too.
    return "unsubscribed" if "tell" in post else "nothing"


def _post_data(request: HttpRequest) -> QueryDict:
    """What was posted, in either of the two encodings of RFC 8058 §3.1; empty where it is malformed."""
    try:
        return request.POST
    except MultiPartParserError:
        return QueryDict()


def _pause_notice(subscriber: Subscriber, language: str) -> str:
    """That nothing comes before a day, where mail is paused; call it in `language`."""
    current = preferences.read_preferences(subscriber, timezone.now())
    return preferences.mail_frequency_text(current, language) if current.paused_until else ""


# Links in transactional emails


@_methods
@link_page("pages/unknown_link.html", status=200)
def reconfirm_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/stay/<token>/`: a button by which a subscriber confirms that they still want the newsletter."""
    campaign, subscriber = campaigns.read_token(token)
    language = page_language(subscriber)
    with override(language):
        text = gettext("Press the button, and the newsletter keeps coming to you.")
    template = "pages/reconfirm.html"
    if request.method == "POST":
        evidence = evidence_from(request, Channel.EMAIL_LINK, language, text)
        campaigns.confirm_or_resubscribe(campaign, subscriber, evidence, timezone.now())
        template = "pages/reconfirmed.html"
    with override(language):
        paused = _pause_notice(subscriber, language)
    context = {**masked_address_and_preferences_link(subscriber, 0), "text": text, "paused": paused}
    return render_page(request, template, context, language=language, private=True)


@_methods
@link_page("pages/your_data_link_expired.html")
def your_data_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/your-data/<token>/`: buttons to download all data about the subscriber, or to erase it."""
    now = timezone.now()
    subscriber = data_access.read_link(token, now)
    language = page_language(subscriber)
    if "download" in request.POST:
        return _download(subscriber)
    until = erase_and_notify.old_address_may_undo_erasure_until(subscriber, now)
    day = preferences.format_day(timezone.localdate(until), language) if until else ""
    if "erase" in request.POST:
        erase_and_notify.erase_and_notify(subscriber, now)
        context: dict[str, object] = {"until": day}
        return render_page(request, "pages/your_data_erased.html", context, language=language, private=True)
    with override(language):
        context = {
            "consequences": _erasure_consequences(day),
            **masked_address_and_preferences_link(subscriber, 0),
        }
    return render_page(request, "pages/your_data.html", context, language=language, private=True)


def _download(subscriber: Subscriber) -> HttpResponse:
    text = json.dumps(data_access.collect_data(subscriber), ensure_ascii=False, indent=2)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response


def _erasure_consequences(until: str) -> list[str]:
    """What erasure means, in the active language; `until`: the day until which it can be reversed, or ""."""
    reversal = gettext(
        "We also write to the address that you had before. Only from there can this be undone, until "
        "%(until)s:"
    ) % {"until": until}
    return [
        reversal if until else gettext("This cannot be undone:"),
        gettext("Your address, your name, your choices and your history here are deleted."),
        gettext("You will receive nothing more from us, and the links in our earlier emails stop working."),
        gettext(
            "Totals are kept, such as how many copies of an edition were sent. They do not contain your name."
        ),
        gettext(
            "A fingerprint of your address is kept, so that no imported list adds you again. Nobody can "
            "read the address from it."
        ),
    ]


# Changing the address. Until the change is made, who reads the new address may be a stranger: these pages
# hold no link to anything else of the subscriber's.


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
                "Press the button here and in the email to the old address, and what went there will come to "
                "this one."
            )
            if change_address.waits_for(change) == "both"
            else gettext("Press the button, and what went to your old address will come to this one.")
        )
    if request.method == "POST":
        change = change_address.confirm_from_new_address(
            token, evidence_from(request, Channel.EMAIL_LINK, language, text), now
        )
    if change.new_confirmed_at is not None:
        return _confirmed_page(request, change, language)
    context = {**_change_context(change, text), "lists": change_address.lists_after_change(change)}
    return render_page(request, "pages/confirm_address.html", context, language=language, private=True)


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
                "Press the button here and in the email to the new address, and what comes to this address "
                "will go there."
            )
            if change_address.waits_for(change) == "both"
            else gettext("Press the button, and what comes to this address will go to the new one.")
        )
    if request.method == "POST":
        change = change_address.confirm_from_old_address(
            token, evidence_from(request, Channel.EMAIL_LINK, language, text), now
        )
    if change.old_confirmed_at is not None:
        return _confirmed_page(request, change, language)
    # Without the lists: some may be those of another subscriber, who has the new address.
    context = _change_context(change, text)
    return render_page(request, "pages/agree_address.html", context, language=language, private=True)


@_methods
@link_page("pages/address_link_expired.html")
def reject_address_page(request: HttpRequest, token: str) -> HttpResponse:
    """`/address/not-me/<token>/`: a button that keeps or restores the old address and reverses erasure."""
    now = timezone.now()
    rejection = change_address.read_rejection(token, now)
    language = page_language(rejection.subscriber)
    with override(language):
        text = (
            gettext("Press the button, and our emails will go to your old address as before.")
            if rejection.erasure is None
            else gettext(
                "Press the button, and your data will be restored and our emails will go to your old address "
                "again."
            )
        )
    if request.method == "POST":
        change_address.reject_and_restore_old_address(
            rejection, evidence_from(request, Channel.EMAIL_LINK, language, text), now
        )
        rejection = change_address.read_rejection(token, now)
    change = rejection.change
    if change.rejected_at is None:
        return render_page(
            request, "pages/reject_address.html", {"text": text}, language=language, private=True
        )
    context = {"masked": mask_address(change.old_email)}
    if rejection.subscriber.email == change.old_email:
        context = masked_address_and_preferences_link(rejection.subscriber, 0)
    return render_page(request, "pages/address_kept.html", context, language=language, private=True)


def waiting_context(change: AddressChange, language: str) -> dict[str, object]:
    """What a change waits for, until when, and the masked new address; call it in `language`."""
    until = timezone.localdate(change.requested_at + AddressChange.CONFIRM_WITHIN)
    return {
        "waits_for": change_address.waits_for(change),
        "wait_until": preferences.format_day(until, language),
        "new": mask_address(change.new_email),
    }


def _change_context(change: AddressChange, text: str) -> dict[str, object]:
    return {"text": text, "old": mask_address(change.old_email), "new": mask_address(change.new_email)}


def _confirmed_page(request: HttpRequest, change: AddressChange, language: str) -> HttpResponse:
    """That the address is changed, or whose button it waits for."""
    if change.changed_at is None:
        context = waiting_context(change, language)
        return render_page(request, "pages/address_waiting.html", context, language=language, private=True)
    context = {"masked": mask_address(change.new_email)}
    return render_page(request, "pages/address_changed.html", context, language=language, private=True)
