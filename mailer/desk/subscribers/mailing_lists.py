"""Lists: sign-up settings, welcome emails and growth; senders and texts are approved by a second person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import IntegerField, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList, Panel
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import CreateView, DeleteView, IndexView
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.approval import list_sender_and_welcome_approval
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.list_sender_and_welcome_approval import ListEmails
from mailer.approval.models import ListChange
from mailer.approval.snapshot_state_changes import ApprovalError
from mailer.desk.base.edit_conflicts import GuardedEditView, PlainInput
from mailer.desk.base.page_base_classes import ObjectPage, current_user
from mailer.desk.base.tables import DeskViewSet, StateColumn
from mailer.editions import allowed_sender_domains
from mailer.reports.charts import Point, line_chart
from mailer.reports.number_formats import format_number
from subscribers.models import ListGrowth, MailingList, Subscription
from subscribers.search.subscriber_search import CAP

_WELCOME = "welcome_"


class ListForm(WagtailAdminModelForm):
    """A list, with a welcome text for each language of the office.

    It saves neither sender nor welcome texts: those are proposed, for a second person to approve.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_force = ListEmails.of(self.instance)
        self._wanted = self._in_force

    def clean_sender_email(self) -> str:
        address: str = self.cleaned_data["sender_email"]
        if address != self._in_force.sender_email:
            allowed_sender_domains.validate_sender(address)
        return address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("sender_name") and not cleaned.get("sender_email"):
            self.add_error("sender_email", gettext("Enter the sender's email address as well as the name."))
        return cleaned

    @cached_property
    def plain_inputs(self) -> dict[str, PlainInput]:
        """The welcome texts of `WelcomePanel`, by the names of their inputs."""
        saved = self.instance.welcome_texts or {}
        return {
            f"{_WELCOME}{code}": PlainInput(
                gettext("Welcome text in %(name)s") % {"name": staff_localization.language_name(code)},
                saved.get(code, ""),
            )
            for code in settings.CONFIG.site.languages
        }

    def save(self, commit: bool = True) -> Any:
        texts = self._in_force.welcome_texts
        codes = settings.CONFIG.site.languages
        if any(f"{_WELCOME}{code}" in self.data for code in codes):
            written = {code: self.data.get(f"{_WELCOME}{code}", "").strip()[:4000] for code in codes}
            texts = {code: text for code, text in written.items() if text}
        self._wanted = ListEmails(self.cleaned_data["sender_name"], self.cleaned_data["sender_email"], texts)
        self.instance.sender_name = self._in_force.sender_name
        self.instance.sender_email = self._in_force.sender_email
        self.instance.welcome_texts = self._in_force.welcome_texts
        return super().save(commit)

    def propose(self, request: HttpRequest) -> None:
        """Propose the sender and texts of the saved form, where they differ from those in force."""
        earlier = list_sender_and_welcome_approval.waiting_proposal(self.instance)
        if self._wanted in (self._in_force, earlier and ListEmails.of(earlier)):
            return
        user = current_user(request)
        change = list_sender_and_welcome_approval.propose(self.instance, self._wanted, user, timezone.now())
        log(instance=self.instance, action="desk.list_change_propose", user=user)
        messages.info(
            request,
            gettext(
                "The new sender and welcome texts must be approved by a second person, who gets an email."
            ),
            buttons=[
                messages.button(
                    reverse("desk_list_change", args=[change.pk]), gettext("Show the proposed change")
                )
            ],
        )


class WaitingPanel(Panel):
    """Says that a change of sender or texts waits for a second person."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/list_waiting.html"

        @cached_property
        def change(self) -> ListChange | None:
            return (
                list_sender_and_welcome_approval.waiting_proposal(self.instance) if self.instance.pk else None
            )

        def is_shown(self) -> bool:
            return self.change is not None

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            proposer = user_or_system_name(self.change.proposed_by) if self.change else ""
            return {**context, "change": self.change, "proposer": proposer}


class WelcomePanel(Panel):
    """The welcome text in each language; ListForm reads the inputs by their names."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/welcome_panel.html"

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            saved, data = self.instance.welcome_texts or {}, self.form.data
            return {
                **context,
                "texts": [
                    (
                        code,
                        staff_localization.language_name(code),
                        data.get(f"{_WELCOME}{code}", saved.get(code, "")),
                    )
                    for code in settings.CONFIG.site.languages
                ],
            }


class GrowthPanel(Panel):
    """New subscribers and unsubscribes by month."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/growth_panel.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            kept = ListGrowth.objects.filter(mailing_list=self.instance).first()
            months = kept.months if kept else []
            points = [Point(one["month"], one["people"]) for one in months]
            return {
                **context,
                "kept": kept,
                "months": months[::-1],
                "chart": line_chart(
                    points,
                    gettext("Confirmed subscribers"),
                    "list-growth",
                    lambda one: format_number(int(one)),
                )
                if any(point.value for point in points)
                else "",
            }


class ListCreate(CreateView):
    """Creates a list, and proposes its sender and welcome texts."""

    def save_instance(self) -> Any:
        saved = super().save_instance()
        self.form.propose(self.request)
        return saved


class ListEdit(GuardedEditView):
    """Edits a list, and proposes another sender or other welcome texts."""

    def save_instance(self) -> Any:
        saved = super().save_instance()
        self.form.propose(self.request)
        return saved


class ListIndex(IndexView):
    """Lists with their numbers of subscribers."""

    page_title = _("Lists")

    def get_base_queryset(self) -> QuerySet[MailingList]:
        return MailingList.objects.select_related("growth").annotate(
            desk_confirmed=_count_on(Subscription.State.CONFIRMED),
            desk_pending=_count_on(Subscription.State.PENDING),
        )


class ListDelete(DeleteView):
    """Deletes a list without unsubscribes. Otherwise imports could add unsubscribed addresses again."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._refusal() or super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._refusal() or super().post(request, *args, **kwargs)

    def _refusal(self) -> HttpResponseBase | None:
        rows = Subscription.objects.filter(mailing_list=self.object)
        if not rows.filter(Q(ended_at__isnull=False) | Q(state=Subscription.State.UNSUBSCRIBED)).exists():
            return None
        messages.error(
            self.request,
            gettext(
                "The mailing list was not deleted: it records who unsubscribed. Hide it from "
                "the sign-up page and remove it from your newsletters instead."
            ),
        )
        return redirect("desk_lists:edit", self.object.pk)


def confirmed_count(mailing_list: MailingList) -> str:
    """The number of confirmed subscribers; for a long list, as last counted by the worker."""
    count: int = mailing_list.desk_confirmed  # type: ignore[attr-defined]
    kept: ListGrowth | None = getattr(mailing_list, "growth", None)
    if count > CAP and kept:
        return gettext("about %(count)s") % {"count": format_number(kept.months[-1]["people"])}
    return (
        format_number(count)
        if count <= CAP
        else gettext("more than %(count)s") % {"count": format_number(CAP)}
    )


def pending_count(mailing_list: MailingList) -> str:
    """The number of subscribers who have not confirmed yet."""
    count: int = mailing_list.desk_pending  # type: ignore[attr-defined]
    return (
        format_number(count)
        if count <= CAP
        else gettext("more than %(count)s") % {"count": format_number(CAP)}
    )


class _CappedCount(Subquery):
    """The number of rows of a subquery that has a limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) capped)"
    output_field = IntegerField()


def _count_on(state: str) -> _CappedCount:
    """Of each list, its subscriptions in this state; no more than CAP + 1 are counted."""
    found = Subscription.objects.filter(mailing_list=OuterRef("pk"), state=state)
    return _CappedCount(found.order_by().values("pk")[: CAP + 1])


def visibility_tone_and_label(mailing_list: MailingList) -> tuple[str, str]:
    """(tone, label): whether the sign-up page shows the list."""
    return ("done", gettext("Shown")) if mailing_list.public else ("draft", gettext("Hidden"))


class MailingListViewSet(DeskViewSet):
    """Lists of subscribers; newsletters are sent to lists."""

    model = MailingList
    name = "desk_lists"
    icon = "list-ul"
    index_view_class = ListIndex
    add_view_class = ListCreate
    edit_view_class = ListEdit
    delete_view_class = ListDelete
    list_display = [
        "name",
        Column("confirmed", label=_("Confirmed subscriptions"), accessor=confirmed_count),
        Column("waiting", label=_("Pending"), accessor=pending_count),
        StateColumn("public", label=_("Sign-up page"), accessor=visibility_tone_and_label),
        Column("opt_in", label=_("Opt-in"), accessor="get_opt_in_display"),
    ]
    search_fields = ["name", "slug"]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel(
                        [
                            FieldPanel("name"),
                            FieldPanel(
                                "slug",
                                help_text=_("Short name of the list for imports and the command line."),
                            ),
                        ]
                    ),
                    FieldPanel("description", help_text=_("Description shown on the sign-up page.")),
                ],
                heading=_("Name and description"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "public",
                        heading=_("Show this list on the sign-up page"),
                        help_text=_(
                            "The public archive lists editions of newsletters with such a list only."
                        ),
                    ),
                    FieldPanel(
                        "opt_in",
                        widget=forms.RadioSelect,
                        help_text=_(
                            "Double opt-in prevents signing up someone else’s address. "
                            "Unsubscribed subscribers must always confirm to resubscribe."
                        ),
                    ),
                ],
                heading=_("Sign-up"),
            ),
            MultiFieldPanel(
                [
                    WaitingPanel(),
                    FieldRowPanel([FieldPanel("sender_name"), FieldPanel("sender_email")]),
                    WelcomePanel(),
                ],
                heading=_("Confirmation and welcome emails of this list"),
                help_text=_(
                    "Sender of confirmation and welcome emails. If empty: the office. A "
                    "second person approves every change of sender and texts."
                ),
            ),
            GrowthPanel(heading=_("Growth")),
        ],
        base_form_class=ListForm,
    )


class ListChangePage(ObjectPage[ListChange], TemplateView):
    """Shows what is in force and what is proposed (GET); approves or rejects the proposal (POST)."""

    model = ListChange
    permission_required = "subscribers.view_mailinglist"
    page_title = _("Confirmation and welcome emails")
    header_icon = "list-ul"
    breadcrumbs_above = (("desk_lists:index", _("Lists")),)
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
            proposer=user_or_system_name(change.proposed_by),
            decided_by=user_or_system_name(change.decided_by) if change.decided_by else "",
            open=change.state == ListChange.State.PROPOSED,
            may_approve=user.has_perm(list_sender_and_welcome_approval.PERMISSION)
            and user.pk != change.proposed_by_id,
            may_reject=user.has_perm(list_sender_and_welcome_approval.PERMISSION)
            or user.pk == change.proposed_by_id,
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        approves = request.POST.get("action") == "approve"
        decide = (
            list_sender_and_welcome_approval.approve_list_change
            if approves
            else list_sender_and_welcome_approval.reject_list_change
        )
        try:
            decide(self.object, current_user(request), timezone.now())
        except ApprovalError as error:
            messages.error(request, str(error))
        else:
            action = "approve" if approves else "reject"
            log(instance=self.object.mailing_list, action=f"desk.list_change_{action}", user=request.user)
            messages.success(
                request,
                gettext("The change of sender or texts is approved and used from now on.")
                if approves
                else gettext("The change of sender or texts is rejected."),
            )
        return redirect("desk_list_change", self.object.pk)


def _comparison(now: ListEmails, proposed: ListEmails) -> list[tuple[str, str, str, bool]]:
    """Rows of the table: (label, in force, proposed, whether they differ)."""
    rows = [
        (gettext("Name of the sender"), now.sender_name, proposed.sender_name),
        (gettext("Email address of the sender"), now.sender_email, proposed.sender_email),
    ]
    codes = dict.fromkeys([*settings.CONFIG.site.languages, *now.welcome_texts, *proposed.welcome_texts])
    for code in codes:
        before, after = now.welcome_texts.get(code, ""), proposed.welcome_texts.get(code, "")
        if before or after:
            rows.append(
                (
                    gettext("Welcome text in %(name)s") % {"name": staff_localization.language_name(code)},
                    before,
                    after,
                )
            )
    return [(label, before, after, before != after) for label, before, after in rows]
