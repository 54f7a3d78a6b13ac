"""The readers' own pages: join, confirm, choose, leave. No GET changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import agreeing, consent, forms, joining, leaving, tokens
from subscribers.consent import Act, How, Word, network_of
from subscribers.letters import language_of
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.pages import asked_language, client_address, offered_languages, page
from subscribers.suppress import is_suppressed

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


def _ask(request: HttpRequest, form: forms.SignUpForm, language: str, now: datetime) -> joining.Outcome:
    data = form.cleaned_data
    word = _word(request, How.FORM, language, forms.promise())
    return joining.ask(
        data["email"],
        data["lists"],
        data["language"],
        data["countries"],
        word,
        now,
        answered=form.answered(),
    )


def _told(request: HttpRequest, outcome: joining.Outcome, language: str) -> HttpResponse:
    if outcome == "busy":
        return page(request, "pages/sign_up_busy.html", language=language, status=429, private=True)
    return page(request, "pages/sign_up_sent.html", language=language, private=True)


@_methods
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """`/confirm/<token>/`: a page with a button; the button confirms."""
    now = timezone.now()
    try:
        subscriber = joining.read_token(token, now)
    except (tokens.BadToken, joining.LinkExpired):
        return page(request, "pages/confirm_expired.html", status=404, private=True)
    if request.method == "POST":
        word = _word(request, How.LETTER, language_of(subscriber))
        joining.confirm(subscriber, word, now)
        _hear(request, subscriber, word, now)
    lists = joining.waiting_lists(subscriber)
    template = "pages/confirm.html" if lists else "pages/confirmed.html"
    context = {"lists": lists, "agreement": _agreement(None, subscriber), **_reader(subscriber, 0)}
    return page(request, template, context, language=language_of(subscriber), private=True)


@_methods
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """`/preferences/<token>/`: what the reader gets, and the way out of all of it."""
    try:
        claim = tokens.read("prefs", token)
        subscriber = Subscriber.objects.get(pk=claim.subscriber)
    except (tokens.BadToken, Subscriber.DoesNotExist):
        return page(request, "pages/unknown_link.html", status=404, private=True)
    now = timezone.now()
    said = ""
    if request.method == "POST" and "leave_all" in request.POST:
        word = _word(request, How.PREFERENCES, language_of(subscriber))
        leaving.leave_all(subscriber.pk, claim.scope or None, word, now)
        said = "left"
    form = _choices(request if request.method == "POST" and not said else None, subscriber)
    if form.is_bound and form.is_valid():
        word = _word(request, How.PREFERENCES, language_of(subscriber))
        _save(subscriber, form, claim.scope or None, word, now)
        _hear(request, subscriber, word, now)
        form = _choices(None, subscriber)
        said = "saved"
    context = {
        "form": form,
        "agreement": _agreement(None, subscriber),
        "said": said,
        "suppressed": is_suppressed(subscriber),
        "joined": subscriber.subscriptions.exclude(state=Subscription.State.UNSUBSCRIBED).exists(),
        **_reader(subscriber, claim.scope),
    }
    language, status = language_of(subscriber), 422 if form.errors else 200
    return page(request, "pages/preferences.html", context, language=language, status=status, private=True)


def _choices(request: HttpRequest | None, subscriber: Subscriber) -> forms.ChoicesForm:
    """The form about what this reader has, and has the choice of."""
    on = subscriber.subscriptions.filter(state=Subscription.State.CONFIRMED)
    lists = MailingList.objects.filter(Q(public=True) | Q(subscriptions__subscriber=subscriber)).distinct()
    with override(language_of(subscriber)):
        return forms.ChoicesForm(
            request.POST if request else None,
            lists=lists,
            spoken=language_of(subscriber),
            also_countries=subscriber.countries,
            also_language=subscriber.language,
            initial={
                "language": subscriber.language,
                "countries": list(subscriber.countries),
                "lists": list(on.values_list("mailing_list", flat=True)),
            },
        )


def _agreement(request: HttpRequest | None, subscriber: Subscriber) -> forms.AgreementForm | None:
    """The box that gives the reader's word; None where the office does not ask for it."""
    if not agreeing.is_asked():
        return None
    ticked = subscriber.tracking_agreed_at is not None
    return forms.AgreementForm(request.POST if request else None, initial={"tracking": ticked})


def _hear(request: HttpRequest, subscriber: Subscriber, word: Word, now: datetime) -> None:
    """Note whether the reader agrees, from a page that only their link opens."""
    form = _agreement(request, subscriber)
    if form is not None and form.is_valid():
        with override(word.language):
            said = replace(word, text=f"{form['tracking'].label}\n{form['tracking'].help_text}")
        agreeing.agree(subscriber, form.cleaned_data["tracking"], said, now)


@transaction.atomic
def _save(
    subscriber: Subscriber, form: forms.ChoicesForm, newsletter_id: int | None, word: Word, now: datetime
) -> None:
    chosen = set(form.cleaned_data["lists"])
    before = (subscriber.language, subscriber.countries)
    subscriber.language = form.cleaned_data["language"]
    subscriber.countries = tuple(form.cleaned_data["countries"])
    if (subscriber.language, subscriber.countries) != before:
        subscriber.save(update_fields=["language", "countries", "updated_at"])
        said = f"{subscriber.language}: {', '.join(subscriber.countries) or 'every country'}"
        consent.record(Act.CHOSE, [subscriber.pk], [None], replace(word, source=said), now)
    joining.join(subscriber, sorted(chosen), word, now)
    # Only what the form showed as chosen can be given up by it; what waits for confirmation goes on waiting.
    on = subscriber.subscriptions.filter(state=Subscription.State.CONFIRMED)
    given_up = set(on.values_list("mailing_list", flat=True)) - chosen
    leaving.leave(subscriber.pk, given_up, newsletter_id, word, now)


@csrf_exempt
@_methods
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """`/unsubscribe/<token>/`: RFC 8058 by POST, a page with a button by GET. Never a cookie."""
    try:
        claim = tokens.read("leave", token)
        subscriber = Subscriber.objects.get(pk=claim.subscriber)
    except (tokens.BadToken, Subscriber.DoesNotExist):
        return page(request, "pages/unknown_link.html", private=True)
    lists = leaving.scope_of(claim.scope)
    status = 200
    if request.method == "POST":
        if _one_click(request):
            word = _word(request, How.ONE_CLICK, language_of(subscriber))
            leaving.leave(subscriber.pk, lists, claim.scope, word, timezone.now())
        else:
            status = 400
    template = "pages/unsubscribe.html" if leaving.is_on(subscriber.pk, lists) else "pages/unsubscribed.html"
    context = _reader(subscriber, claim.scope)
    return page(request, template, context, language=language_of(subscriber), status=status, private=True)


def _one_click(request: HttpRequest) -> bool:
    """Whether the body holds the one pair of RFC 8058 §3.1, in either of the two encodings."""
    try:
        return request.POST.get("List-Unsubscribe", "").strip().lower() == "one-click"
    except MultiPartParserError:
        return False


def _word(request: HttpRequest, how: str, language: str, text: str = "") -> Word:
    """What the consent ledger keeps of a request beside what was asked for."""
    return Word(
        how,
        text=text,
        language=language,
        network=network_of(client_address(request)),
        agent=request.headers.get("User-Agent", ""),
    )


def _reader(subscriber: Subscriber, newsletter_id: int) -> dict[str, str]:
    """What every page about a reader shows: the address as its owner knows it, and the way on."""
    link = tokens.make("prefs", subscriber.pk, newsletter_id)
    return {"masked": masked(subscriber.email), "preferences_url": f"/preferences/{link}/"}


def masked(email: str) -> str:
    """The address as “a…@example.org”: enough for its owner, too little for whoever looks over a shoulder."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"
