"""`/preferences/<token>/`: what a reader gets, how it is changed, and the way out of all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import merge, tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.emails import page_language
from subscribers.models import Subscriber, Subscription
from subscribers.preference_center import change_address, change_summary, data_access, resubscribe
from subscribers.preference_center import preferences as wishes
from subscribers.preference_center.forms import AddressChangeForm, PreferencesForm
from subscribers.preference_center.preferences import Preferences
from subscribers.responses import evidence_from, page, subscriber_context
from subscribers.subscribe import forms
from subscribers.suppression import is_suppressed


@dataclass(frozen=True)
class _Visit:
    request: HttpRequest
    subscriber: Subscriber
    # The newsletter whose mail carried the link; None: a letter of ours.
    newsletter: int | None
    now: datetime
    # What the consent ledger keeps of the visit.
    evidence: Evidence

    def save(self, wanted: Preferences) -> None:
        word = replace(self.evidence, text=forms.consent_text())
        wishes.save(self.subscriber, wanted, self.newsletter, word, self.now)
        self.subscriber.refresh_from_db()


# What was done, in a word for the page ("": nothing); or the form that has to be looked at again.
_Result = str | PreferencesForm | AddressChangeForm


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """All of a reader's choices on one page. A GET changes nothing."""
    try:
        claim, person = merge.read_token("preferences", token)
    except tokens.InvalidToken:
        return page(request, "pages/unknown_link.html", status=404, private=True)
    now = timezone.now()
    before = wishes.current(person, now)
    word = evidence_from(request, Channel.PREFERENCES, page_language(person))
    visit = _Visit(request, person, claim.scope or None, now, word)
    with override(word.language):
        done = _handle_post(visit) if request.method == "POST" else ""
    # Whoever chose another language reads on in it.
    language = page_language(person)
    with override(language):
        after = wishes.current(person, now)
        said = done if isinstance(done, str) else ""
        form = done if isinstance(done, PreferencesForm) else None
        move = done if isinstance(done, AddressChangeForm) else None
        context = {
            "form": form or PreferencesForm(None, subscriber=person, page_language=language, now=now),
            "move": move or AddressChangeForm(None, current_email=person.email),
            "may_move": change_address.is_allowed(person, now),
            "agreement": forms.tracking_consent_form(None, person),
            "promise": forms.consent_text(),
            "said": said,
            "reasons": resubscribe.UNSUBSCRIBE_REASONS.items(),
            "changes": change_summary.changes(before, after, language),
            "undo": wishes.undo_token(person, before) if said in ("saved", "left") else "",
            "paused": change_summary.format_day(after.paused_until, language) if after.paused_until else "",
            "suppressed": is_suppressed(person),
            "joined": person.subscriptions.exclude(state=Subscription.State.UNSUBSCRIBED).exists(),
            **subscriber_context(person, claim.scope),
        }
    status = 200 if isinstance(done, str) else 422
    return page(request, "pages/preferences.html", context, language=language, status=status, private=True)


def _handle_post(visit: _Visit) -> _Result:
    """Do what the button that was pressed is for; without one of the others it is the one that saves."""
    acts = {
        "leave_all": _unsubscribe_all,
        "undo": _undo,
        "resume": _resume,
        "move": _change_address,
        "own": _send_data_link,
        "tell": _record_reason,
    }
    act = next((act for name, act in acts.items() if name in visit.request.POST), _save)
    return act(visit)


def _save(visit: _Visit) -> _Result:
    post, person = visit.request.POST, visit.subscriber
    form = PreferencesForm(post, subscriber=person, page_language=visit.evidence.language, now=visit.now)
    if not form.is_valid():
        return form
    agreement = forms.tracking_consent_form(post, person)
    agrees = person.tracking_consent_at is not None
    if agreement is not None and agreement.is_valid():
        agrees = bool(agreement.cleaned_data["tracking"])
    visit.save(form.preferences(agrees))
    return "saved"


def _resume(visit: _Visit) -> _Result:
    visit.save(replace(wishes.current(visit.subscriber, visit.now), paused_until=None))
    return "saved"


def _undo(visit: _Visit) -> _Result:
    before = wishes.read_undo_token(visit.subscriber, visit.request.POST["undo"])
    if before is None:
        return "too_late"
    lists = set(unsubscribe.confirmed_list_ids(visit.subscriber.pk))
    visit.save(before)
    if set(before.lists) - lists:
        resubscribe.notify_resubscribed(visit.subscriber, visit.newsletter)
    return "undone"


def _unsubscribe_all(visit: _Visit) -> _Result:
    text = gettext("This ends everything that we send you. It works at once.")
    unsubscribe.unsubscribe_all(
        visit.subscriber.pk, visit.newsletter, replace(visit.evidence, text=text), visit.now
    )
    return "left"


def _change_address(visit: _Visit) -> _Result:
    form = AddressChangeForm(visit.request.POST, current_email=visit.subscriber.email)
    if not form.is_valid():
        return form
    outcome = change_address.request(
        visit.subscriber, form.cleaned_data["new_email"], visit.evidence, visit.now
    )
    return {"asked": "moving", "busy": "busy", "closed": ""}[outcome]


def _send_data_link(visit: _Visit) -> _Result:
    return "own" if data_access.request_link(visit.subscriber, visit.now) else "busy"


def _record_reason(visit: _Visit) -> _Result:
    why = visit.request.POST.get("why", "")
    return "thanks" if resubscribe.record_reason(visit.subscriber, visit.newsletter, why, visit.now) else ""
