"""`/preferences/<token>/`: what a reader gets, how it is changed, and the way out of all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import merge, tokens, unsubscribe
from subscribers.consent.evidence import How, Word
from subscribers.emails import language_of
from subscribers.models import Subscriber, Subscription
from subscribers.preference_center import change_address, change_summary, data_access, resubscribe
from subscribers.preference_center import preferences as wishes
from subscribers.preference_center.forms import AddressForm, WishesForm
from subscribers.preference_center.preferences import Wishes
from subscribers.responses import about, page, word_of
from subscribers.subscribe import forms
from subscribers.suppression.suppression import is_suppressed


@dataclass(frozen=True)
class _Visit:
    request: HttpRequest
    person: Subscriber
    # The newsletter whose mail carried the link; None: a letter of ours.
    newsletter: int | None
    now: datetime
    # What the consent ledger keeps of the visit.
    word: Word

    def keep(self, wanted: Wishes) -> None:
        word = replace(self.word, text=forms.promise())
        wishes.keep(self.person, wanted, self.newsletter, word, self.now)
        self.person.refresh_from_db()


# What was done, in a word for the page ("": nothing); or the form that has to be looked at again.
_Done = str | WishesForm | AddressForm


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """All of a reader's choices on one page. A GET changes nothing."""
    try:
        claim, person = merge.read("preferences", token)
    except tokens.InvalidToken:
        return page(request, "pages/unknown_link.html", status=404, private=True)
    now = timezone.now()
    before = wishes.of(person, now)
    word = word_of(request, How.PREFERENCES, language_of(person))
    visit = _Visit(request, person, claim.scope or None, now, word)
    with override(word.language):
        done = _do(visit) if request.method == "POST" else ""
    # Whoever chose another language reads on in it.
    language = language_of(person)
    with override(language):
        after = wishes.of(person, now)
        said = done if isinstance(done, str) else ""
        form = done if isinstance(done, WishesForm) else None
        move = done if isinstance(done, AddressForm) else None
        context = {
            "form": form or WishesForm(None, person=person, spoken=language, now=now),
            "move": move or AddressForm(None, present=person.email),
            "may_move": change_address.is_open(person, now),
            "agreement": forms.agreement(None, person),
            "promise": forms.promise(),
            "said": said,
            "reasons": resubscribe.REASONS.items(),
            "changes": change_summary.changes(before, after, language),
            "undo": wishes.undo_token(person, before) if said in ("saved", "left") else "",
            "paused": change_summary.day(after.paused_until, language) if after.paused_until else "",
            "suppressed": is_suppressed(person),
            "joined": person.subscriptions.exclude(state=Subscription.State.UNSUBSCRIBED).exists(),
            **about(person, claim.scope),
        }
    status = 200 if isinstance(done, str) else 422
    return page(request, "pages/preferences.html", context, language=language, status=status, private=True)


def _do(visit: _Visit) -> _Done:
    """Do what the button that was pressed is for; without one of the others it is the one that saves."""
    acts = {"leave_all": _leave, "undo": _undo, "resume": _resume, "move": _move, "own": _own, "tell": _tell}
    act = next((act for name, act in acts.items() if name in visit.request.POST), _save)
    return act(visit)


def _save(visit: _Visit) -> _Done:
    post, person = visit.request.POST, visit.person
    form = WishesForm(post, person=person, spoken=visit.word.language, now=visit.now)
    if not form.is_valid():
        return form
    agreement = forms.agreement(post, person)
    agrees = person.tracking_agreed_at is not None
    if agreement is not None and agreement.is_valid():
        agrees = bool(agreement.cleaned_data["tracking"])
    visit.keep(form.wanted(agrees))
    return "saved"


def _resume(visit: _Visit) -> _Done:
    visit.keep(replace(wishes.of(visit.person, visit.now), paused_until=None))
    return "saved"


def _undo(visit: _Visit) -> _Done:
    before = wishes.read_undo(visit.person, visit.request.POST["undo"])
    if before is None:
        return "too_late"
    lists = set(unsubscribe.confirmed(visit.person.pk))
    visit.keep(before)
    if set(before.lists) - lists:
        resubscribe.told_back(visit.person, visit.newsletter)
    return "undone"


def _leave(visit: _Visit) -> _Done:
    text = gettext("This ends everything that we send you. It works at once.")
    unsubscribe.leave_all(visit.person.pk, visit.newsletter, replace(visit.word, text=text), visit.now)
    return "left"


def _move(visit: _Visit) -> _Done:
    form = AddressForm(visit.request.POST, present=visit.person.email)
    if not form.is_valid():
        return form
    outcome = change_address.ask(visit.person, form.cleaned_data["new_email"], visit.word, visit.now)
    return {"asked": "moving", "busy": "busy", "closed": ""}[outcome]


def _own(visit: _Visit) -> _Done:
    return "own" if data_access.ask(visit.person, visit.now) else "busy"


def _tell(visit: _Visit) -> _Done:
    why = visit.request.POST.get("why", "")
    return "thanks" if resubscribe.explain(visit.person, visit.newsletter, why, visit.now) else ""
