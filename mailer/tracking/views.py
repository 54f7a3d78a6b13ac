"""Where the links of a mail lead through, and its picture: they count, and change nothing else."""

from __future__ import annotations

from base64 import b64decode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from mailer.delivery import tracking_urls
from mailer.tracking import bots, clients, link_targets
from mailer.tracking.recording import counts, requests
from mailer.tracking.records import Kind, Request
from subscribers.responses import page

# The smallest GIF: one transparent pixel.
PIXEL = b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")


@require_safe
def link(request: HttpRequest, token: str, whose: str = "") -> HttpResponseBase:
    """`/r/<token>/`: on to where the link leads; what is written behind the token is for the reader's eye."""
    named = tracking_urls.read_link(token)
    target = link_targets.of(named) if named else None
    if named is None or target is None:
        return page(request, "pages/unknown_link.html", status=404, private=True)
    _note(request, named, Kind.CLICK, whose)
    return _private(HttpResponseRedirect(target))


@require_safe
def picture(request: HttpRequest, token: str, whose: str = "") -> HttpResponseBase:
    """`/o/<token>.gif`: one pixel."""
    named = tracking_urls.read_opening(token)
    if named is None:
        return page(request, "pages/unknown_link.html", status=404, private=True)
    _note(request, named, Kind.OPEN, whose)
    return _private(HttpResponse(PIXEL, content_type="image/gif"))


def _note(request: HttpRequest, named: tracking_urls.Named, kind: Kind, whose: str) -> None:
    if not counts(kind):
        return
    now = timezone.now()
    program = request.headers.get("User-Agent", "")
    requests.put(
        Request(
            variant=named.variant,
            kind=kind,
            number=named.number,
            at=now,
            client=clients.hashed(clients.address_of(request.META), program, now.date()),
            why=bots.told_by(kind, request.method or "", request.headers),
            delivery=tracking_urls.read_whose(whose) if whose else None,
        )
    )


def _private(response: HttpResponse) -> HttpResponse:
    """Kept nowhere, and where it leads learns nothing of where it came from."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
