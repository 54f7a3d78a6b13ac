"""`/preferences/<token>/`: what a reader gets, how it is changed, and the way out of all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import forms, leaving, tokens
from subscribers.centre import telling, wishes
from subscribers.centre.forms import WishesForm
from subscribers.centre.wishes import Wishes
from subscribers.consent import How, Word
from subscribers.letters import language_of
from subscribers.models import Subscriber, Subscription
from subscribers.pages import about, page, word_of
from subscribers.suppress import is_suppressed


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """All of a reader's choices on one page. A GET changes nothing."""
    try:
        claim = tokens.read("prefs", token)
        person = Subscriber.objects.get(pk=claim.subscriber)
    except (tokens.BadToken, Subscriber.DoesNotExist):
        return page(request, "pages/unknown_link.html", status=404, private=True)
    now, newsletter = timezone.now(), claim.scope or None
    before = wishes.of(person, now)
    with override(language_of(person)):
        said, form = _do(request, person, newsletter, now) if request.method == "POST" else ("", None)
    # Whoever chose another language reads on in it.
    language = language_of(person)
    with override(language):
        after = wishes.of(person, now)
        context = {
            "form": form or WishesForm(None, person=person, spoken=language, now=now),
            "agreement": forms.agreement(None, person),
            "promise": forms.promise(),
            "said": said,
            "changes": telling.changes(before, after, language) if said else (),
            "undo": wishes.undo_token(person, before) if said and said != "undone" else "",
            "paused": telling.day(after.paused_until, language) if after.paused_until else "",
            "suppressed": is_suppressed(person),
            "joined": person.subscriptions.exclude(state=Subscription.State.UNSUBSCRIBED).exists(),
            **about(person, claim.scope),
        }
    status = 422 if form else 200
    return page(request, "pages/preferences.html", context, language=language, status=status, private=True)


def _do(
    request: HttpRequest, person: Subscriber, newsletter: int | None, now: datetime
) -> tuple[str, WishesForm | None]:
    """What was done, in a word for the page; or the form that has to be looked at again."""
    word = word_of(request, How.PREFERENCES, language_of(person))
    if "leave_all" in request.POST:
        text = gettext("This ends everything that we send you. It works at once.")
        leaving.leave_all(person.pk, newsletter, replace(word, text=text), now)
        return "left", None
    if "undo" in request.POST:
        return _undo(request, person, newsletter, word, now), None
    if "resume" in request.POST:
        resumed = replace(wishes.of(person, now), paused_until=None)
        _keep(person, resumed, newsletter, word, now)
        return "saved", None
    form = WishesForm(request.POST, person=person, spoken=language_of(person), now=now)
    if not form.is_valid():
        return "", form
    _keep(person, form.wanted(_agrees(request, person)), newsletter, word, now)
    return "saved", None


def _keep(person: Subscriber, wanted: Wishes, newsletter: int | None, word: Word, now: datetime) -> None:
    wishes.keep(person, wanted, newsletter, replace(word, text=forms.promise()), now)
    person.refresh_from_db()


def _undo(request: HttpRequest, person: Subscriber, newsletter: int | None, word: Word, now: datetime) -> str:
    before = wishes.read_undo(person, request.POST["undo"])
    if before is None:
        return "too_late"
    _keep(person, before, newsletter, word, now)
    return "undone"


def _agrees(request: HttpRequest, person: Subscriber) -> bool:
    form = forms.agreement(request.POST, person)
    if form is not None and form.is_valid():
        return bool(form.cleaned_data["tracking"])
    return person.tracking_agreed_at is not None
