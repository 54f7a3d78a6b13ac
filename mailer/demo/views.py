"""Pages of the demo: the guided tour and the readers' inboxes; mounted in the demo only."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from mailer.demo import mailboxes, seed, tour_steps
from mailer.demo.seed import NEWSLETTER, PERIOD
from mailer.editions.models import Edition
from mailer.reports.edition_state import edition_state
from mailer.reports.stats import Totals, latest_mailing_totals

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

# Views of a message: the name in the URL, and its label.
SIDES = {"mail": "On a desk", "phone": "On a phone", "text": "Text", "source": "Headers"}


def demo_only(view: View[P]) -> View[P]:
    """These pages know passwords: outside the demo they answer 404."""

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.CONFIG.demo.enabled:
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(guarded)


@demo_only
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/start.html", {**_story(), "staff": seed.STAFF})


@demo_only
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The part of the start page that is refreshed."""
    return render(request, "demo/progress.html", _story())


@demo_only
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the three members of staff, and redirect to the button's target."""
    member = next((one for one in seed.STAFF if one.username == request.POST.get("username")), None)
    user = get_user_model().objects.filter(username=member.username).first() if member else None
    if user is None:
        raise Http404
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("wagtailadmin_home")
    return redirect(target)


@demo_only
@require_safe
def inboxes(request: HttpRequest) -> HttpResponse:
    found = mailboxes.boxes(_directory())
    readers = [box for box in found if box.reader]
    others = [box for box in found if not box.reader]
    return render(request, "demo/inboxes.html", {"readers": readers, "others": others})


@demo_only
@require_safe
def inbox(request: HttpRequest, number: int) -> HttpResponse:
    return render(request, "demo/inbox.html", {"box": _box(number)})


@demo_only
@require_safe
def mail(request: HttpRequest, number: int, mail_number: int) -> HttpResponse:
    box = _box(number)
    found = _mail(box, mail_number)
    side = request.GET.get("as", "")
    if side not in SIDES or (side in ("mail", "phone") and not found.html):
        side = "mail" if found.html else "text"
    sides = {key: words for key, words in SIDES.items() if found.html or key in ("text", "source")}
    return render(request, "demo/mail.html", {"box": box, "mail": found, "side": side, "sides": sides})


@demo_only
@require_safe
def mail_html(request: HttpRequest, number: int, mail_number: int) -> HttpResponse:
    """The HTML part alone, for the sandboxed frame on the message's page."""
    return framed(_mail(_box(number), mail_number).html)


@demo_only
@require_safe
def mail_source(request: HttpRequest, number: int, mail_number: int) -> HttpResponse:
    """The raw message."""
    found = _mail(_box(number), mail_number)
    response = HttpResponse(found.raw, content_type="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="{found.path.name}"'
    return response


def _story() -> dict[str, object]:
    edition = Edition.objects.filter(newsletter__slug=NEWSLETTER, period=PERIOD).first()
    state = edition_state(edition) if edition else ""
    account = latest_mailing_totals(edition) if edition else None
    shown = account if account and account.audience else None
    counted = account or Totals()
    return {
        "edition": edition,
        "status": tour_steps.status(state, counted),
        "steps": tour_steps.steps(edition, state, counted),
        "account": shown,
        "left_out": {reason.replace("_", " "): count for reason, count in counted.excluded.items()},
        "finished": tour_steps.is_complete(state, counted),
    }


def _directory() -> Path:
    return settings.CONFIG.path(settings.CONFIG.demo.inbox)


def _box(number: int) -> mailboxes.Mailbox:
    box = mailboxes.box(_directory(), number)
    if box is None:
        raise Http404("There is no such inbox.")
    return box


def _mail(box: mailboxes.Mailbox, number: int) -> mailboxes.Mail:
    found = box.mail(number)
    if found is None:
        raise Http404("There is no such mail.")
    return found


_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'


def framed(html: str) -> HttpResponse:
    """The HTML with a Content-Security-Policy (CSP level 3) that permits pictures and styles only."""
    head = _HEAD.search(html)
    at = head.end() if head else 0
    response = HttpResponse(html[:at] + _NEW_TAB + html[at:])
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            f"img-src 'self' {settings.CONFIG.site.url} data:",
            "style-src 'unsafe-inline'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )
    return response
