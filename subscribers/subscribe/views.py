"""The sign-up page, and the page that confirms by the link in our email. No GET changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import consent, iso_codes, tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber
from subscribers.public_page_responses import (
    evidence_from,
    link_page,
    masked_address_and_preferences_link,
    offered_languages,
    render_page,
    requested_language,
)
from subscribers.subscribe import forms, subscribe
from subscribers.transactional_emails import page_language

_methods = require_http_methods(["GET", "HEAD", "POST"])


@_methods
def sign_up(request: HttpRequest) -> HttpResponse:
    """`/`: the sign-up form. The answer is the same for every address."""
    language, now = requested_language(request), timezone.now()
    with override(language):
        form = _sign_up_form(request.POST if request.method == "POST" else None, language)
        if request.method == "POST" and form.is_honeypot_filled():
            return render_page(request, "pages/sign_up_sent.html", language=language, private=True)
        question = None
        if form.is_valid():
            if form.is_suspicious(now):
                form.add_error(None, gettext("Please press the button once more."))
            else:
                outcome = _request(request, form, language, now)
                if outcome != "question":
                    return _outcome_page(request, outcome, language)
                question = forms.Question.new()
                form.add_error(
                    "answer", gettext("Many people are signing up just now. Please answer the question.")
                )
        return _sign_up_page(request, form, language, now, question)


@csrf_exempt
@_methods
def prefill_form_from_other_site(request: HttpRequest) -> HttpResponse:
    """`/subscribe/`: a form on another site posts here; our form is shown prefilled, to be submitted."""
    language = requested_language(request)
    if request.method != "POST":
        # Somebody who loads the page again, or types its address.
        return redirect(f"/?lang={language}")
    with override(language):
        form = _sign_up_form(None, language, request.POST)
        return _sign_up_page(request, form, language, timezone.now(), None, status=200)


def _sign_up_form(
    data: QueryDict | None, language: str, prefilled: QueryDict | None = None
) -> forms.SignUpForm:
    lists = MailingList.objects.filter(public=True)
    # No box is ticked beforehand: consent is an act of the subscriber, also on another site.
    initial: dict[str, object] = {"language": language}
    if prefilled is not None:
        chosen = lists.filter(slug__in=prefilled.getlist("list"))
        initial |= {
            "email": prefilled.get("email", "")[:254],
            "language": prefilled.get("language", language),
            "countries": prefilled.getlist("countries"),
            "lists": list(chosen.values_list("pk", flat=True)),
        }
    return forms.SignUpForm(data, lists=lists, page_language=language, initial=initial)


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
        "form_token": forms.form_token(now),
        "question": question,
        "consent_text": forms.consent_text(),
        "languages": offered_languages(),
    }
    status = status or (422 if form.errors else 200)
    return render_page(request, "pages/sign_up.html", context, language=language, status=status)


def _request(request: HttpRequest, form: forms.SignUpForm, language: str, now: datetime) -> subscribe.Outcome:
    data = form.cleaned_data
    evidence = evidence_from(request, Channel.FORM, language, forms.consent_text())
    return subscribe.request_signup(
        data["email"],
        data["lists"],
        data["language"],
        data["countries"],
        evidence,
        now,
        answered=form.is_question_answered(),
    )


def _outcome_page(request: HttpRequest, outcome: subscribe.Outcome, language: str) -> HttpResponse:
    if outcome == "busy":
        return render_page(request, "pages/sign_up_busy.html", language=language, status=429, private=True)
    return render_page(request, "pages/sign_up_sent.html", language=language, private=True)


@_methods
@link_page("pages/confirm_expired.html")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """`/confirm/<token>/`: a button that confirms the sign-up."""
    now = timezone.now()
    subscriber = subscribe.read_token(token, now)
    if not unsubscribe.is_on_any_list(subscriber.pk):
        raise tokens.LinkExpired("the subscriber unsubscribed since")
    if request.method == "POST":
        language = page_language(subscriber)
        with override(language):
            text = forms.confirmation_text()
        evidence = evidence_from(request, Channel.EMAIL_LINK, language, text)
        subscribe.confirm_signup(subscriber, evidence, now)
        _save_tracking_consent(request, subscriber, evidence, now)
    lists = subscribe.pending_lists(subscriber)
    template = "pages/confirm.html" if lists else "pages/confirmed.html"
    context = {
        "lists": lists,
        "tracking_form": forms.tracking_consent_form(None, subscriber),
        "paused": _pause_notice(subscriber, page_language(subscriber), now),
        **masked_address_and_preferences_link(subscriber, 0),
    }
    return render_page(request, template, context, language=page_language(subscriber), private=True)


def _pause_notice(subscriber: Subscriber, language: str, now: datetime) -> str:
    """That nothing comes before a day, where the subscriber paused their mail; else empty."""
    if subscriber.paused_until is None or subscriber.paused_until <= now:
        return ""
    day = iso_codes.long_date(timezone.localdate(subscriber.paused_until), language)
    with override(language):
        return gettext("You will receive nothing before %(day)s.") % {"day": day}


def _save_tracking_consent(
    request: HttpRequest, subscriber: Subscriber, evidence: Evidence, now: datetime
) -> None:
    """Save the answer about tracking, from a page that only the subscriber's own link opens."""
    form = forms.tracking_consent_form(request.POST, subscriber)
    if form is not None and form.is_valid():
        with override(evidence.language):
            evidence = replace(evidence, text=forms.tracking_consent_text())
        consent.set_tracking_consent(subscriber, form.cleaned_data["tracking"], evidence, now)
