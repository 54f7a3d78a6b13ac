"""The page on which a second person approves another sender and welcome text of a list."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.approval import list_changes
from mailer.approval.approve import ApprovalError
from mailer.approval.authorship import name_of
from mailer.approval.list_changes import ListEmails
from mailer.approval.models import ListChange
from mailer.desk.base.page_classes import ObjectPage, current_user
from subscribers import iso_codes


class ListChangePage(ObjectPage[ListChange], TemplateView):
    """Shows what is in force and what is proposed (GET); approves or rejects the proposal (POST)."""

    model = ListChange
    permission_required = "subscribers.view_mailinglist"
    page_title = "Emails of a list"
    header_icon = "list-ul"
    breadcrumbs_above = (("desk_lists:index", "Lists"),)
    template_name = "desk/subscribers/list_change.html"

    def get_queryset(self) -> QuerySet[ListChange]:
        return super().get_queryset().select_related("mailing_list", "proposed_by", "decided_by")

    def get_page_subtitle(self) -> str:
        return str(self.object.mailing_list)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = current_user(self.request)
        change = self.object
        return super().get_context_data(
            change=change,
            rows=_comparison(ListEmails.of(change.mailing_list), ListEmails.of(change)),
            proposer=name_of(change.proposed_by),
            decided_by=name_of(change.decided_by) if change.decided_by else "",
            open=change.state == ListChange.State.PROPOSED,
            may_approve=user.has_perm(list_changes.PERMISSION) and user.pk != change.proposed_by_id,
            may_reject=user.has_perm(list_changes.PERMISSION) or user.pk == change.proposed_by_id,
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        approves = request.POST.get("action") == "approve"
        decide = list_changes.approve if approves else list_changes.reject
        try:
            decide(self.object, current_user(request), timezone.now())
        except ApprovalError as error:
            messages.error(request, str(error))
        else:
            action = "approve" if approves else "reject"
            log(instance=self.object.mailing_list, action=f"desk.list_change_{action}", user=request.user)
            messages.success(request, f"The change is {'approved and in force' if approves else 'rejected'}.")
        return redirect("desk_list_change", self.object.pk)


def _comparison(now: ListEmails, proposed: ListEmails) -> list[tuple[str, str, str, bool]]:
    """Rows of the table: (label, in force, proposed, whether they differ)."""
    rows = [
        ("Sender’s name", now.sender_name, proposed.sender_name),
        ("Sender’s address", now.sender_email, proposed.sender_email),
    ]
    codes = dict.fromkeys([*settings.CONFIG.site.languages, *now.welcome_texts, *proposed.welcome_texts])
    for code in codes:
        before, after = now.welcome_texts.get(code, ""), proposed.welcome_texts.get(code, "")
        if before or after:
            rows.append((f"Welcome text, {iso_codes.language_name(code, 'en')}", before, after))
    return [(label, before, after, before != after) for label, before, after in rows]
