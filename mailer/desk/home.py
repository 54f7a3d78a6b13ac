"""The home page of the desk: alerts, editions that need you, sending and replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from wagtail.admin.ui.components import Component

from mailer.approval import list_changes
from mailer.approval.models import SnapshotAuthor
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import alerts
from mailer.desk.base.edition_workflow import Action, next_action, state_label
from mailer.desk.base.page_classes import current_user
from mailer.desk.sending.mailing_control import progress
from mailer.editions.models import Edition, Newsletter
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.sources import base
from mailer.feedback.sources.poll import configured_urls
from mailer.reports.collect_stats import key_figures_of
from mailer.reports.edition_state import edition_states
from mailer.stories.models import Story

# Only this many of the latest editions are checked.
_RECENT_EDITIONS = 50
_IN_PROGRESS = (Mailing.State.PLANNING, Mailing.State.HELD, Mailing.State.SENDING, Mailing.State.PAUSED)


@dataclass(frozen=True)
class PendingEdition:
    """An edition whose next step this user can take."""

    edition: Edition
    tone: str
    label: str
    action: Action


def pending_editions(user: User) -> list[PendingEdition]:
    """Editions whose next step this user may take, newest first, except approving their own."""
    editions = list(Edition.objects.select_related("newsletter").order_by("-period")[:_RECENT_EDITIONS])
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
        found.append(PendingEdition(edition, *state_label(state), action))
    return found


class _Panel(Component):
    """A panel of the home page, with a context that depends on the user's permissions."""

    # Wagtail sorts panels by it; with equal ones, the order of _PANELS stays.
    order = 0
    # Without this permission the panel is hidden; empty if everyone sees it.
    permission = ""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        user = current_user(self.request)
        visible = not self.permission or user.has_perm(self.permission)
        shown = self.panel_context(user) if visible else {}
        return {"request": self.request, "perms_of": user, "visible": visible, **shown}

    def panel_context(self, user: User) -> dict[str, Any]:
        """Template context for this user."""
        return {}


class EditionsPanel(_Panel):
    """Editions that need an action by this user."""

    template_name = "desk/home/editions.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        return {
            "pending": pending_editions(user),
            "list_changes": list_changes.open_to(user),
            "newsletters": Newsletter.objects.all() if user.has_perm("mailer.add_edition") else (),
            "may_write": user.has_perm("mailer.add_story"),
            "drafts": Story.objects.filter(live=False).count() if user.has_perm("mailer.change_story") else 0,
        }


class AlertsPanel(_Panel):
    """Alerts that are still active, such as a mailing that was paused automatically."""

    template_name = "desk/home/alerts.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        return {"alerts": alerts.active(timezone.now()) if user.has_perm("mailer.view_edition") else ()}


class SendingPanel(_Panel):
    """Mailings in progress and the totals of the last one."""

    permission = "mailer.view_edition"
    template_name = "desk/home/sending.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        mailings = Mailing.objects.select_related("edition__newsletter")
        busy = list(mailings.filter(state__in=_IN_PROGRESS))
        last = mailings.real().filter(state=Mailing.State.DONE).first()
        gists = key_figures_of([*busy, *([last] if last else [])], timezone.now())
        totals = {pk: gist.totals for pk, gist in gists.items()}
        return {
            "busy": [(mailing, totals[mailing.pk], progress(totals[mailing.pk])) for mailing in busy],
            "last": last,
            "totals": totals[last.pk] if last else None,
        }


class RepliesPanel(_Panel):
    """Unclassified replies, and sources of returned mail that fail."""

    permission = "mailer.view_returnedmessage"
    template_name = "desk/home/replies.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        return {
            "unclassified": ReturnedMessage.objects.unclassified().count(),
            "source_errors": base.failing_sources(configured_urls(settings.CONFIG), timezone.now()),
        }


def replace_panels(request: HttpRequest, shown: list[Any]) -> None:
    """Wagtail hook `construct_homepage_panels`: replaces the panels about pages."""
    shown[:] = [panel(request) for panel in _PANELS]


_PANELS: Iterable[type[_Panel]] = (AlertsPanel, EditionsPanel, SendingPanel, RepliesPanel)


def remove_summary(request: HttpRequest, items: list[Any]) -> None:
    """Wagtail hook `construct_homepage_summary_items`: removes the counts of pages and images."""
    items.clear()
