"""The pages of joining: the form, and the button behind the link in our letter. No GET changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import tokens
from subscribers.consent import tracking_consent
from subscribers.consent.evidence import How, Word
from subscribers.emails import language_of
from subscribers.models import MailingList, Subscriber
from subscribers.responses import about, asked_language, offered_languages, page, word_of
from subscribers.subscribe import forms, subscribe

_methods = require_http_methods(["GET", "HEAD", "POST"])


@_methods
def sign_up(request: HttpRequest) -> HttpResponse:
    """`/`: ask for a newsletter. The answer is the same for every address."""
    language, now = asked_language(request), timezone.now()
    with override(language):
        form = _sign_up_form(request.POST if request.method == "POST" else None, language)
        if request.method == "POST" and form.by_a_machine():
            return page(request, "pages/sign_up_sent.html", language=language, private=True)
        question = None
        if form.is_valid():
            if form.needs_another_press(now):
                form.add_error(None, gettext("Please press the button once more."))
            else:
                outcome = _ask(request, form, language, now)
                if outcome != "question":
                    return _told(request, outcome, language)
                question = forms.Question.new()
                form.add_error(
                    "answer", gettext("Many people are signing up just now. Please answer the question.")
                )
        return _sign_up_page(request, form, language, now, question)


@csrf_exempt
@require_http_methods(["POST"])
def sign_up_elsewhere(request: HttpRequest) -> HttpResponse:
    """`/subscribe/`: a form on another site leads here, is shown filled in, and sent by one more press."""
    language = asked_language(request)
    with override(language):
        form = _sign_up_form(None, language, request.POST)
        return _sign_up_page(request, form, language, timezone.now(), None, status=200)


def _sign_up_form(
    data: QueryDict | None, language: str, elsewhere: QueryDict | None = None
) -> forms.SignUpForm:
    lists = MailingList.objects.filter(public=True)
    # No box is ticked beforehand: consent is what somebody does, be it on another site.
    initial: dict[str, object] = {"language": language}
    if elsewhere is not None:
        chosen = lists.filter(slug__in=elsewhere.getlist("list"))
        initial |= {
            "email": elsewhere.get("email", "")[:254],
            "language": elsewhere.get("language", language),
            "countries": elsewhere.getlist("countries"),
            "lists": list(chosen.values_list("pk", flat=True)),
        }
    return forms.SignUpForm(data, lists=lists, spoken=language, initial=initial)


def _sign_up_page(
    request: HttpRequest,
    form: forms.SignUpForm,
    language: str,
    now: datetime,
    question: forms.Question | None,
    status: int = 0,
) -> HttpResponse:
    context = {
        "form": form,
        "shown": forms.stamp(now),
        "question": question,
        "promise": forms.promise(),
        "languages": offered_languages(),
    }
    status = status or (422 if form.errors else 200)
    return page(request, "pages/sign_up.html", context, language=language, status=status)


def _ask(request: HttpRequest, form: forms.SignUpForm, language: str, now: datetime) -> subscribe.Outcome:
    data = form.cleaned_data
    word = word_of(request, How.FORM, language, forms.promise())
    return subscribe.ask(
        data["email"],
        data["lists"],
        data["language"],
        data["countries"],
        word,
        now,
        answered=form.answered(),
    )


def _told(request: HttpRequest, outcome: subscribe.Outcome, language: str) -> HttpResponse:
    if outcome == "busy":
        return page(request, "pages/sign_up_busy.html", language=language, status=429, private=True)
    return page(request, "pages/sign_up_sent.html", language=language, private=True)


@_methods
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """`/confirm/<token>/`: a page with a button; the button confirms."""
    now = timezone.now()
    try:
        subscriber = subscribe.read_token(token, now)
    except (tokens.InvalidToken, subscribe.LinkExpired):
        return page(request, "pages/confirm_expired.html", status=404, private=True)
    if request.method == "POST":
        word = word_of(request, How.LETTER, language_of(subscriber))
        subscribe.confirm(subscriber, word, now)
        _hear(request, subscriber, word, now)
    lists = subscribe.waiting_lists(subscriber)
    template = "pages/confirm.html" if lists else "pages/confirmed.html"
    context = {"lists": lists, "agreement": forms.agreement(None, subscriber), **about(subscriber, 0)}
    return page(request, template, context, language=language_of(subscriber), private=True)


def _hear(request: HttpRequest, subscriber: Subscriber, word: Word, now: datetime) -> None:
    """Note whether the reader agrees, from a page that only their link opens."""
    form = forms.agreement(request.POST, subscriber)
    if form is not None and form.is_valid():
        with override(word.language):
            said = replace(word, text=forms.agreement_words())
        tracking_consent.agree(subscriber, form.cleaned_data["tracking"], said, now)
