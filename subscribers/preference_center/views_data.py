"""`/your-data/<token>/`: everything that is kept about a reader, to be downloaded or erased."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.http import require_http_methods

from subscribers import tokens
from subscribers.emails import page_language
from subscribers.models import Subscriber
from subscribers.preference_center import data_access
from subscribers.privacy.data_export import collect
from subscribers.responses import page, subscriber_context


@require_http_methods(["GET", "HEAD", "POST"])
def data_access_page(request: HttpRequest, token: str) -> HttpResponse:
    """A page with two buttons. A GET neither hands anything out nor changes anything."""
    now = timezone.now()
    try:
        person = data_access.read_link(token, now)
    except tokens.InvalidToken:
        return page(request, "pages/your_data_over.html", status=404, private=True)
    language = page_language(person)
    if "download" in request.POST:
        return _download(person)
    if "erase" in request.POST:
        data_access.erase_and_notify(person, now)
        return page(request, "pages/your_data_erased.html", language=language, private=True)
    with override(language):
        context = {"consequences": _consequences(), **subscriber_context(person, 0)}
    return page(request, "pages/your_data.html", context, language=language, private=True)


def _download(person: Subscriber) -> HttpResponse:
    text = json.dumps(collect(person), ensure_ascii=False, indent=2)
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    answer["Cache-Control"] = "no-store"
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _consequences() -> list[str]:
    """What erasing means, in the active language."""
    return [
        gettext("This cannot be taken back:"),
        gettext("Your address, your name, your choices and your history here are deleted."),
        gettext("Nothing more comes from us, and links in our earlier mail to you stop working."),
        gettext("Sums stay, such as how many copies of an edition were sent. You are not in them by name."),
        gettext("A fingerprint of your address stays, so that no list brings you back. Nobody can read it."),
    ]
