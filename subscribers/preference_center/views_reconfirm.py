"""`/stay/<token>/`: behind the letter that asks whether a reader still wants it. No GET changes anything."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import tokens
from subscribers.consent import Channel
from subscribers.emails import page_language
from subscribers.reconfirmation import reconfirmation
from subscribers.responses import evidence_from, page, subscriber_context


@require_http_methods(["GET", "HEAD", "POST"])
def reconfirm(request: HttpRequest, token: str) -> HttpResponse:
    """A button; whoever presses it has said that they want it."""
    try:
        question, person = reconfirmation.read(token)
    except tokens.InvalidToken:
        return page(request, "pages/unknown_link.html", private=True)
    language = page_language(person)
    with override(language):
        words = gettext("Press the button, and the newsletter keeps coming to you.")
    template = "pages/stay.html"
    if request.method == "POST":
        reconfirmation.stay(
            question, person, evidence_from(request, Channel.EMAIL_LINK, language, words), timezone.now()
        )
        template = "pages/stays.html"
    context = {**subscriber_context(person, 0), "words": words}
    return page(request, template, context, language=language, private=True)
