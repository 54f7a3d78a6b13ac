"""The desk's first page: what waits for you, what is leaving, the last figures, and mail for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from wagtail.admin.ui.components import Component

from mailer.approval.models import SnapshotAuthor
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import alerts
from mailer.desk.base.current_user import staff
from mailer.desk.editions.edition_workflow import Action, next_action, state_word
from mailer.editions.models import Edition, Newsletter
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.sources import source_health
from mailer.feedback.sources.sources import addresses
from mailer.reports.cached_stats import gists_of
from mailer.reports.edition_state import edition_states
from mailer.stories.models import Story

# Older editions than these wait for nobody.
_LOOKED_AT = 50
_BUSY = (Mailing.State.PLANNING, Mailing.State.HELD, Mailing.State.SENDING, Mailing.State.PAUSED)


@dataclass(frozen=True)
class Waiting:
    """An edition that this user can move on."""

    edition: Edition
    tone: str
    word: str
    action: Action


def waiting_for(user: User) -> list[Waiting]:
    """Editions whose next step this user may take, newest first; never one to approve that the user wrote."""
    editions = list(Edition.objects.select_related("newsletter").order_by("-period")[:_LOOKED_AT])
    states = edition_states(editions)
    own = set(
        SnapshotAuthor.objects.filter(user=user.pk, snapshot__state="submitted").values_list(
            "snapshot__edition_id", flat=True
        )
    )
    found = []
    for edition in editions:
        state = states[edition.pk]
        action = next_action(edition, state, user)
        if state in ("sent", "cancelled", "scheduled", "sending", "planning") or action is None:
            continue
        if state == "submitted" and edition.pk in own:
            continue
        found.append(Waiting(edition, *state_word(state), action))
    return found


class _DeskPanel(Component):
    """A panel of the first page; it is left out where `facts` has nothing for this user."""

    order = 0

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {"request": self.request, "perms_of": self.request.user, **self.facts(staff(self.request))}

    def facts(self, user: User) -> dict[str, Any]:
        """What the panel's template tells this user."""
        return {}


class WaitingPanel(_DeskPanel):
    """Editions that wait for you."""

    name = "desk_waiting"
    order = 10
    template_name = "desk/home/waiting.html"

    def facts(self, user: User) -> dict[str, Any]:
        return {
            "waiting": waiting_for(user),
            "newsletters": Newsletter.objects.all() if user.has_perm("mailer.add_edition") else (),
            "may_write": user.has_perm("mailer.add_story"),
            "drafts": Story.objects.filter(live=False).count() if user.has_perm("mailer.change_story") else 0,
        }


class AlertsPanel(_DeskPanel):
    """What stopped by itself, as long as it stands still."""

    name = "desk_alerts"
    order = 5
    template_name = "desk/home/alerts.html"

    def facts(self, user: User) -> dict[str, Any]:
        return {"alerts": alerts.standing(timezone.now()) if user.has_perm("mailer.view_edition") else ()}


class SendingPanel(_DeskPanel):
    """What is leaving now, and how the last mailings did."""

    name = "desk_sending"
    order = 20
    template_name = "desk/home/sending.html"

    def facts(self, user: User) -> dict[str, Any]:
        if not user.has_perm("mailer.view_edition"):
            return {"visible": False}
        mailings = Mailing.objects.select_related("edition__newsletter")
        busy = list(mailings.filter(state__in=_BUSY))
        last = mailings.real().filter(state=Mailing.State.DONE).first()
        gists = gists_of([*busy, *([last] if last else [])], timezone.now())
        told = {pk: gist.account for pk, gist in gists.items()}
        return {
            "visible": True,
            "busy": [(mailing, told[mailing.pk], progress(told[mailing.pk])) for mailing in busy],
            "last": last,
            "account": told[last.pk] if last else None,
        }


class MailboxPanel(_DeskPanel):
    """Mail that came back and waits for a person."""

    name = "desk_mailbox"
    order = 30
    template_name = "desk/home/mailbox.html"

    def facts(self, user: User) -> dict[str, Any]:
        if not user.has_perm("mailer.view_returnedmessage"):
            return {"visible": False}
        return {
            "visible": True,
            "waiting": ReturnedMessage.objects.for_a_person().count(),
            "troubles": source_health.troubles(addresses(settings.CONFIG), timezone.now()),
        }


def progress(account: Any) -> int:
    """Percent of the audience about whom nothing more will be done; 0 before it is counted."""
    return round(100 * account.settled / account.audience) if account.audience else 0


def panels(request: HttpRequest, shown: list[Any]) -> None:
    """construct_homepage_panels: ours in place of those about pages."""
    shown[:] = [panel(request) for panel in _PANELS]


_PANELS: Iterable[type[_DeskPanel]] = (AlertsPanel, WaitingPanel, SendingPanel, MailboxPanel)


def no_summary(request: HttpRequest, items: list[Any]) -> None:
    """construct_homepage_summary_items: counts of pages and pictures say nothing here."""
    items.clear()
