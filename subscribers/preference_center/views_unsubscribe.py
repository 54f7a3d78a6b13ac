"""`/unsubscribe/<token>/`: leaving by one click (RFC 8058), the way back, and why."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import merge, tokens
from subscribers import unsubscribe as leaving
from subscribers.consent import Channel
from subscribers.emails import page_language
from subscribers.models import Subscriber
from subscribers.preference_center import change_summary, preferences, resubscribe
from subscribers.responses import evidence_from, page, subscriber_context


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058 by POST, a page with a button by GET. Never a cookie."""
    try:
        claim, person = merge.read_token("unsubscribe", token)
    except tokens.InvalidToken:
        return page(request, "pages/unknown_link.html", private=True)
    lists, language = leaving.newsletter_list_ids(claim.scope), page_language(person)
    with override(language):
        promise = gettext("Press the button, and this newsletter comes to you again.")
        said = _handle_post(request, person, claim.scope, lists, promise) if request.method == "POST" else ""
        context = {
            **subscriber_context(person, claim.scope),
            "said": said,
            "promise": promise,
            "way_back": bool(resubscribe.resubscribable(person, lists)),
            "reasons": resubscribe.UNSUBSCRIBE_REASONS.items(),
            "paused": _pause_notice(person, language),
        }
    template = (
        "pages/unsubscribe.html" if leaving.is_subscribed(person.pk, lists) else "pages/unsubscribed.html"
    )
    if said == "back":
        template = "pages/returned.html"
    status = 400 if said == "nothing" else 200
    return page(request, template, context, language=language, status=status, private=True)


def _pause_notice(person: Subscriber, language: str) -> str:
    """That nothing comes before a day, for whoever paused; call it in `language`."""
    wanted = preferences.current(person, timezone.now())
    return change_summary.pause_text(wanted, language) if wanted.paused_until else ""


def _handle_post(
    request: HttpRequest, person: Subscriber, newsletter: int, lists: tuple[int, ...], promise: str
) -> str:
    """What was done, in a word for the page."""
    now, post = timezone.now(), _body(request)
    if post.get("List-Unsubscribe", "").strip().lower() == "one-click":
        word = evidence_from(request, Channel.ONE_CLICK, page_language(person))
        leaving.unsubscribe(person.pk, lists, newsletter, word, now)
        return "left"
    if "back" in post:
        word = replace(evidence_from(request, Channel.PREFERENCES, page_language(person)), text=promise)
        return "back" if resubscribe.resubscribe(person, lists, newsletter, word, now) else "left"
    if resubscribe.record_reason(person, newsletter, post.get("why", ""), now):
        return "thanks"
    # The button pressed without a choice among reasons: that is an answer too.
    return "left" if "tell" in post else "nothing"


def _body(request: HttpRequest) -> QueryDict:
    """What was posted, in either of the two encodings of RFC 8058 §3.1; nothing where it is broken."""
    try:
        return request.POST
    except MultiPartParserError:
        return QueryDict()
