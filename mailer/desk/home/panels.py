"""The panels of the home page: alerts, newsletters, the last edition and replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from wagtail.admin.ui.components import Component
from wagtail.users.models import UserProfile

from mailer.accounts import second_factor
from mailer.approval import list_sender_and_welcome_approval
from mailer.delivery.models import Alert, Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.desk.base.menu_badge_counts import MOST, label_with_count, menu_badge_counts
from mailer.desk.base.page_base_classes import current_user
from mailer.desk.base.setup_progress import PERMISSION
from mailer.desk.home import checklist, sample_edition
from mailer.desk.home.edition_cards import cards_for
from mailer.desk.stories.imported_story_review import waiting_items
from mailer.feedback.sources import source_health
from mailer.feedback.sources.poll import configured_urls
from mailer.reports.collect_stats import key_figures_of
from mailer.stories.models import Story


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
        token = get_token(self.request)
        return {"request": self.request, "csrf_token": token, "visible": visible, **shown}

    def panel_context(self, user: User) -> dict[str, Any]:
        """Template context for this user."""
        return {}


def _checklist(request: HttpRequest) -> dict[str, Any]:
    """What the checklist shows to the user, looked up once for each request; empty if it is hidden."""
    user = current_user(request)
    if not user.has_perm(ChecklistPanel.permission):
        return {}
    found: dict[str, Any] | None = getattr(request, "desk_checklist", None)
    if found is None:
        found = checklist.context_for(user, timezone.now())
        request.desk_checklist = found  # type: ignore[attr-defined]
    return found


class ChecklistPanel(_Panel):
    """What is still to set up, and the sample edition."""

    permission = PERMISSION
    template_name = "desk/home/checklist.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        return {
            **_checklist(self.request),
            "sample_loaded": sample_edition.is_loaded(),
            "may_load_sample": user.has_perms(sample_edition.SampleAction.permission_required),
        }


class SecondFactorPanel(_Panel):
    """A hint for accounts with power that only a password protects, until its user closes it."""

    template_name = "desk/home/second_factor.html"
    # The key under which Wagtail keeps that the user closed it.
    dismissible_id = "desk-second-factor"

    def panel_context(self, user: User) -> dict[str, Any]:
        profile = UserProfile.objects.filter(user=user).first()
        is_closed = profile is not None and profile.dismissibles.get(self.dismissible_id)
        shown = not is_closed and second_factor.is_privileged_without_second_factor(user)
        return {"visible": shown, "dismissible_id": self.dismissible_id}


class EditionsPanel(_Panel):
    """Where each newsletter stands, and what of it waits for this user."""

    permission = "mailer.view_edition"
    template_name = "desk/home/editions.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        cards = cards_for(user, timezone.now())
        story_form = reverse("desk_stories:add")
        in_checklist = any(step.url == story_form for step in _checklist(self.request).get("steps", ()))
        return {
            "mine": [card for card in cards if card.is_mine],
            "others": [card for card in cards if not card.is_mine],
            "list_changes": list_sender_and_welcome_approval.open_to(user),
            "may_write": user.has_perm("mailer.add_story"),
            # The form is offered once on the page.
            "story_form": "" if in_checklist else story_form,
            "came_in": waiting_items(user).count() if user.has_perm("mailer.change_story") else 0,
            "drafts": Story.objects.filter(live=False).count() if user.has_perm("mailer.change_story") else 0,
        }


class AlertsPanel(_Panel):
    """Alerts that are still active. Those about a stopped mailing are on the card of its edition."""

    permission = "mailer.view_edition"
    template_name = "desk/home/alerts.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        return {"alerts": [one for one in staff_alerts.active_alerts(timezone.now()) if not _on_a_card(one)]}


def _on_a_card(alert: Alert) -> bool:
    return alert.sending_stopped and alert.mailing is not None


class LastEditionPanel(_Panel):
    """The figures of the edition that was sent last."""

    permission = "mailer.view_edition"
    template_name = "desk/home/last_edition.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        mailings = Mailing.objects.real().select_related("edition__newsletter")
        last = mailings.filter(state=Mailing.State.DONE).first()
        figures = key_figures_of([last] if last else [], timezone.now())
        if last is None:
            return {"last": None}
        totals = figures[last.pk].totals
        return {"last": last, "totals": totals, "excluded": sum(totals.excluded.values())}


class RepliesPanel(_Panel):
    """Unclassified replies, and sources of returned mail that fail."""

    permission = "mailer.view_returnedmessage"
    template_name = "desk/home/replies.html"

    def panel_context(self, user: User) -> dict[str, Any]:
        found = menu_badge_counts(self.request).unclassified_replies
        return {
            "unclassified": found,
            # More are not counted.
            "many": label_with_count(gettext("Unclassified replies"), found) if found > MOST else "",
            "source_errors": source_health.sources_needing_attention(
                configured_urls(settings.CONFIG), timezone.now()
            ),
        }


def replace_panels(request: HttpRequest, shown: list[Any]) -> None:
    """Wagtail hook `construct_homepage_panels`: replaces the panels about pages."""
    shown[:] = [panel(request) for panel in _PANELS]


_PANELS: Iterable[type[_Panel]] = (
    AlertsPanel,
    SecondFactorPanel,
    ChecklistPanel,
    EditionsPanel,
    LastEditionPanel,
    RepliesPanel,
)


def remove_summary(request: HttpRequest, items: list[Any]) -> None:
    """Wagtail hook `construct_homepage_summary_items`: removes the counts of pages and images."""
    items.clear()
