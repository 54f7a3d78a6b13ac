"""`/r/` and `/o/`: redirects of tracked links and the tracking pixel.

They record an event and change nothing.
"""

from __future__ import annotations

from base64 import b64decode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from mailer import link_tracking
from mailer.link_tracking import LinkRef
from mailer.tracking import link_targets
from mailer.tracking.bot_detection import EventKind, reason_to_ignore
from mailer.tracking.record_events import (
    TrackedRequest,
    event_buffer,
    hash_client,
    is_tracked,
)
from subscribers.client_address import address_from
from subscribers.public_page_responses import render_page

# The smallest GIF: one transparent pixel.
PIXEL = b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")


@require_safe
def tracked_click(request: HttpRequest, token: str, subscriber: str = "") -> HttpResponseBase:
    """`/r/<token>/`: redirect to the link's target; what follows the token is only for the eye."""
    ref = link_tracking.parse_link_token(token)
    target = link_targets.resolve_link(ref) if ref else None
    if ref is None or target is None:
        return render_page(request, "pages/unknown_link.html", status=404, private=True)
    _record(request, ref, EventKind.CLICK, subscriber)
    return _private(HttpResponseRedirect(target))


@require_safe
def open_pixel(request: HttpRequest, token: str, subscriber: str = "") -> HttpResponseBase:
    """`/o/<token>.gif`: one transparent pixel."""
    ref = link_tracking.parse_open_pixel_token(token)
    if ref is None:
        return render_page(request, "pages/unknown_link.html", status=404, private=True)
    _record(request, ref, EventKind.OPEN, subscriber)
    return _private(HttpResponse(PIXEL, content_type="image/gif"))


def _record(request: HttpRequest, ref: LinkRef, kind: EventKind, subscriber: str) -> None:
    if not is_tracked(kind):
        return
    now = timezone.now()
    user_agent = request.headers.get("User-Agent", "")
    event_buffer.put(
        TrackedRequest(
            variant_id=ref.variant_id,
            kind=kind,
            link_number=ref.link_number,
            at=now,
            client_hash=hash_client(address_from(request.META), user_agent, now.date()),
            filter_reason=reason_to_ignore(kind, request.method or "", request.headers),
            delivery_id=link_tracking.delivery_id_from_subscriber_token(subscriber) if subscriber else None,
        )
    )


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the response out of caches, and the mail's URL from the target."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
