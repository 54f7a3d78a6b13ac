"""`/unsubscribe/<token>/`: leaving by one click, RFC 8058."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscribers import leaving, merging, tokens
from subscribers.consent import How
from subscribers.letters import language_of
from subscribers.pages import about, page, word_of


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """`/unsubscribe/<token>/`: RFC 8058 by POST, a page with a button by GET. Never a cookie."""
    try:
        claim, subscriber = merging.read("leave", token)
    except tokens.BadToken:
        return page(request, "pages/unknown_link.html", private=True)
    lists = leaving.scope_of(claim.scope)
    status = 200
    if request.method == "POST":
        if _one_click(request):
            word = word_of(request, How.ONE_CLICK, language_of(subscriber))
            leaving.leave(subscriber.pk, lists, claim.scope, word, timezone.now())
        else:
            status = 400
    template = "pages/unsubscribe.html" if leaving.is_on(subscriber.pk, lists) else "pages/unsubscribed.html"
    context = about(subscriber, claim.scope)
    return page(request, template, context, language=language_of(subscriber), status=status, private=True)


def _one_click(request: HttpRequest) -> bool:
    """Whether the body holds the one pair of RFC 8058 §3.1, in either of the two encodings."""
    try:
        return request.POST.get("List-Unsubscribe", "").strip().lower() == "one-click"
    except MultiPartParserError:
        return False
