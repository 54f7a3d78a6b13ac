"""Pages of the demo: the guided tour and the readers' inboxes; mounted under /demo/ in the demo only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from mailer.demo import caught_mail, seed
from mailer.demo.seed import NEWSLETTER, PERIOD
from mailer.editions.models import Edition
from mailer.reports.edition_state import WITH_WRITERS, edition_state
from mailer.reports.stats import Totals, latest_mailing_totals

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

# Views of a message: the name in the URL, and its label.
SIDES = {
    "mail": _("As on a desktop computer"),
    "phone": _("As on a phone"),
    "text": _("Text"),
    "source": _("Headers"),
}
Progress = Literal["done", "now", "later"]


@dataclass(frozen=True)
class Action:
    label: str
    url: str
    # The account that is needed; None: any.
    member: seed.Member | None = None


@dataclass(frozen=True)
class Step:
    number: int
    title: str
    text: str
    progress: Progress
    action: Action | None
    # Whether this is the recommended next action.
    primary: bool

    @property
    def progress_label(self) -> str:
        """The state as text, for screen readers."""
        if self.progress == "now" and not self.primary:
            return gettext("this step is optional")
        return {"done": gettext("done"), "now": gettext("the next thing to do"), "later": gettext("later")}[
            self.progress
        ]


def demo_only(view: View[P]) -> View[P]:
    """These pages know passwords: outside the demo they answer 404."""

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.CONFIG.demo.enabled:
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(guarded)


@demo_only
@require_safe
def show_start_page(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/start.html", {**_story(), "staff": seed.STAFF})


@demo_only
@require_safe
def progress_fragment(request: HttpRequest) -> HttpResponse:
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
    UserSession.objects.create_from_request(request)
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("wagtailadmin_home")
    return redirect(target)


@demo_only
@require_safe
def inboxes(request: HttpRequest) -> HttpResponse:
    found = caught_mail.all_mailboxes(_directory())
    readers = [box for box in found if box.reader]
    others = [box for box in found if not box.reader]
    return render(request, "demo/inboxes.html", {"readers": readers, "others": others})


@demo_only
@require_safe
def inbox(request: HttpRequest, number: int) -> HttpResponse:
    return render(request, "demo/inbox.html", {"box": _box(number)})


@demo_only
@require_safe
def mail_page(request: HttpRequest, number: int, mail_number: int) -> HttpResponse:
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
    return framed_email(_mail(_box(number), mail_number).html)


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
        "status": edition_state_sentence(state, counted),
        "steps": steps(edition, state, counted),
        "account": shown,
        "left_out": {reason.replace("_", " "): count for reason, count in counted.excluded.items()},
        "finished": is_tour_complete(state, counted),
    }


def _directory() -> Path:
    return settings.CONFIG.path(settings.CONFIG.demo.inbox)


def _box(number: int) -> caught_mail.Mailbox:
    box = caught_mail.mailbox_by_number(_directory(), number)
    if box is None:
        raise Http404(gettext("There is no such inbox in the demo."))
    return box


def _mail(box: caught_mail.Mailbox, number: int) -> caught_mail.Mail:
    found = box.mail(number)
    if found is None:
        raise Http404(gettext("There is no such email in the demo."))
    return found


_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'


def framed_email(html: str) -> HttpResponse:
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


# The state of the edition as one sentence.
_STATUS = {
    "": _("The worker is assembling the draft edition. This takes a few seconds."),
    "draft": _("The edition is a draft: the writer can change and submit it."),
    "rejected": _("An approver rejected the edition: the writer can change it and submit it again."),
    "submitted": _("The edition waits for approval by a person who wrote no part of it."),
    "approved": _("The edition is approved. It can be scheduled."),
    "scheduled": _("The edition is scheduled and will be sent automatically."),
    "planning": _("The list of subscribers who get the edition is being prepared."),
    "held": _("Sending is on hold: a person must confirm the number of readers."),
    "sending": _("The edition is being sent, two messages a second."),
    "paused": _("Sending of the edition is paused: resume or cancel it."),
    "sent": _("The edition is sent. One email will bounce in a moment."),
    "cancelled": _("Sending was cancelled; the remaining messages were not sent."),
}
_RETURNED = _("The edition is sent, one email bounced, and the numbers of the report add up.")
# Completed steps and current steps, per state.
_REACHED: dict[str, tuple[int, int]] = {
    "": (0, 0),
    "draft": (0, 3),
    "rejected": (0, 3),
    "submitted": (3, 4),
    "sent": (5, 7),
}
_FROM_APPROVAL = (4, 5)
# Of several current steps, the recommended one.
_LEADS_ON = {"draft": 3, "rejected": 3, "sent": 6}


def edition_state_sentence(state: str, account: Totals) -> str:
    """The edition's state as one sentence; `state` is of reports.lifecycle, "" without an edition."""
    return str(_RETURNED if is_tour_complete(state, account) else _STATUS[state])


def is_tour_complete(state: str, account: Totals) -> bool:
    """Whether the tour is complete: sent, the bounce counted, the account balanced."""
    return state == "sent" and account.bounced > 0 and account.balances


def steps(edition: Edition | None, state: str, account: Totals) -> tuple[Step, ...]:
    """The seven steps, with progress and action."""
    behind, open_until = (7, 7) if is_tour_complete(state, account) else _REACHED.get(state, _FROM_APPROVAL)
    leads_on = _LEADS_ON.get(state, open_until)
    found = []
    for number, (title, words) in enumerate(_STEPS, 1):
        progress: Progress = "done" if number <= behind else "now" if number <= open_until else "later"
        action = _action(number, edition, state) if progress != "later" else None
        found.append(Step(number, str(title), str(words), progress, action, primary=number == leads_on))
    return tuple(found)


_STEPS = (
    (
        _("See the draft edition"),
        _(
            "On 3 December 2021 the worker assembled a draft edition of eight stories. The "
            "writer can edit it."
        ),
    ),
    (
        _("Preview the variants of the edition"),
        _("Readers get the stories of the countries they chose, in their language. Look at a few variants."),
    ),
    (
        _("Submit the edition for approval"),
        _(
            "Every text and picture is stored as it is now, with a hash. After any later change, the "
            "edition must be submitted again."
        ),
    ),
    (
        _("Approve the edition as a second person"),
        _(
            "Authors cannot approve their own work: try it as the writer. Then approve the "
            "edition as the approver."
        ),
    ),
    (
        _("Send it"),
        _("The approver chooses the time of sending, for example now. Two emails are sent per second."),
    ),
    (
        _("Open the inboxes of the demo's readers"),
        _(
            "Compare a few emails: their stories and language depend on the reader. The mail "
            "server refused the email to one address."
        ),
    ),
    (
        _("See a bounce arrive"),
        _(
            "A moment later one message bounces, and its address is suppressed. The report balances. "
            "After two minutes it also shows clicks; a scanner that opened all links is excluded."
        ),
    ),
)


def _action(number: int, edition: Edition | None, state: str) -> Action | None:
    if number == 6:
        return Action(gettext("Open the inboxes of the demo's readers"), reverse("demo:inboxes"))
    if edition is None:
        return None

    def desk(page: str) -> str:
        return reverse(page, args=[edition.pk])

    writer, approver = seed.WRITER, seed.APPROVER
    send = None
    if state in ("approved", "scheduled"):
        send = Action(
            gettext("Sign in as the approver and open “Schedule”"), desk("desk_edition:schedule"), approver
        )
    elif state != "sent":
        send = Action(
            gettext("Sign in as the approver and watch the sending"), desk("desk_edition:report"), approver
        )
    return {
        1: Action(
            gettext("Sign in as the writer and open the draft edition"), desk("desk_editions:edit"), writer
        ),
        2: Action(
            gettext("Sign in as the writer and preview the edition"), desk("desk_edition:variants"), writer
        ),
        3: Action(
            gettext("Sign in as the writer and open “Submit for approval”"),
            desk("desk_edition:submit"),
            writer,
        )
        if state in WITH_WRITERS
        else None,
        4: Action(
            gettext("Sign in as the approver and review the edition"), desk("desk_edition:review"), approver
        ),
        5: send,
        7: Action(
            gettext("Sign in as the approver and read the report"), desk("desk_edition:report"), approver
        ),
    }[number]


app_name = "demo"
urlpatterns = [
    path("", show_start_page, name="start"),
    path("progress/", progress_fragment, name="progress"),
    path("sign-in/", sign_in, name="sign_in"),
    path("inbox/", inboxes, name="inboxes"),
    path("inbox/<int:number>/", inbox, name="inbox"),
    path("inbox/<int:number>/<int:mail_number>/", mail_page, name="mail"),
    path("inbox/<int:number>/<int:mail_number>/html/", mail_html, name="mail_html"),
    path("inbox/<int:number>/<int:mail_number>/source/", mail_source, name="mail_source"),
]
