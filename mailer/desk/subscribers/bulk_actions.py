"""Bulk actions on subscribers: choose an action, follow its progress, undo it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import ObjectPage, StaffPage
from mailer.desk.base.tables import subscribers_label
from mailer.desk.subscribers.subscriber_pages import QUERY_PARAMETERS, SubscriberFilters, query_from
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.bulk.models import BulkJob
from subscribers.models import MailingList
from subscribers.resumable_jobs import UNDO_FOR, WrongState
from subscribers.search import subscriber_search
from subscribers.search.subscriber_search import Query
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import Tag

Action = BulkJob.Action
_PERMISSION = "subscribers.change_subscriber"
# As everywhere else, suppressing addresses needs a permission of its own, and so does lifting it.
_SUPPRESS = "subscribers.add_suppression"
_SUPPRESSING = (_SUPPRESS, "subscribers.change_suppression")
_MAX_SELECTED = 500
_SHOWN = 50


_ACTIONS = (
    (Action.TAG, _("Add a tag to subscribers")),
    (Action.UNTAG, _("Remove a tag from subscribers")),
    (Action.ADD, _("Add subscribers to a list")),
    (Action.REMOVE, _("Remove subscribers from a list")),
    (Action.SUPPRESS, _("Suppress subscribers: they receive no more emails")),
)


class BulkActionForm(forms.Form):
    """The action to run on the selected subscribers."""

    action = forms.ChoiceField(label=_("Action"), widget=forms.RadioSelect)
    tag_name = forms.CharField(
        label=_("Tag"), max_length=60, required=False, widget=forms.TextInput(attrs={"list": "tags-known"})
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label=_("List"), required=False, empty_label=_("Choose a mailing list")
    )
    note = forms.CharField(
        label=_("Reason"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "A note for your colleagues. When adding to a list: how the subscribers gave their consent."
        ),
    )

    def __init__(self, *args: Any, may_suppress: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        action = self.fields["action"]
        assert isinstance(action, forms.ChoiceField)
        action.choices = [one for one in _ACTIONS if may_suppress or one[0] != Action.SUPPRESS]

    def bulk_request(self, ids: tuple[int, ...], query: Query) -> apply_and_undo_bulk_actions.BulkRequest:
        """What the form asks for. Creates a new tag if needed. Raises ValueError with a message."""
        data = self.cleaned_data
        target: Tag | MailingList | None = data["mailing_list"]
        if data["action"] in (Action.TAG, Action.UNTAG):
            target = subscriber_tags_and_fields.get_or_create_tag(data["tag_name"])
        elif data["action"] == Action.SUPPRESS:
            target = None
        target_id, name = (target.pk, str(target)) if target else (None, "")
        return apply_and_undo_bulk_actions.BulkRequest(
            data["action"], ids, query, target=target_id, target_name=name, reason=data["note"]
        )


class _BulkView(StaffPage, TemplateView):
    permission_required = _PERMISSION
    breadcrumbs_above = (("desk_subscribers:index", _("Subscribers")),)
    header_icon = "group"


class BulkActionPage(_BulkView):
    """Shows how many subscribers are selected and the form (GET), then starts the job (POST)."""

    template_name = "desk/subscribers/bulk_action.html"
    page_title = _("Bulk action on subscribers")

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        request = self.request
        given = request.POST if request.method == "POST" else request.GET
        ids = [pk for one in given.getlist("ids") if (pk := parse_non_negative_int(one)) is not None]
        self.all_matching = given.get("all") == "yes"
        # "All" includes subscribers that are not selected, even if some are.
        self.ids = () if self.all_matching else tuple(ids[:_MAX_SELECTED])
        filters = SubscriberFilters(given, request=request)
        self.filter_is_invalid = self.all_matching and not filters.is_valid()
        self.query = query_from(filters, given.get("q", ""))

    def _refusal(self) -> HttpResponse:
        # Ignoring the filter would select far more subscribers.
        messages.error(
            self.request,
            gettext(
                "The filter uses a list, tag, segment or other value that no longer "
                "exists. No subscriber was changed."
            ),
        )
        return redirect("desk_subscribers:index")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.filter_is_invalid:
            return self._refusal()
        if not self.ids and not self.all_matching:
            messages.error(
                request,
                gettext("No subscribers are selected. Select some in the table, or choose all of them."),
            )
            return redirect("desk_subscribers:index")
        return super().get(request, *args, **kwargs)

    def _form(self, *args: Any, **kwargs: Any) -> BulkActionForm:
        return BulkActionForm(*args, may_suppress=self.request.user.has_perm(_SUPPRESS), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.filter_is_invalid:
            return self._refusal()
        form = self._form(request.POST)
        if (self.ids or self.all_matching) and form.is_valid():
            try:
                with transaction.atomic():
                    if self.is_repeated("bulk"):
                        return redirect("desk_bulk_jobs")
                    job = apply_and_undo_bulk_actions.create(
                        form.bulk_request(self.ids, self.query), request.user.get_username(), timezone.now()
                    )
                    log(instance=job, action="desk.bulk", user=request.user)
            except ValueError as error:
                form.add_error(None, str(error))
            else:
                # The first batch runs before the page is shown; the worker does the rest.
                apply_and_undo_bulk_actions.RUNNER.attempt(job, timezone.now)
                return redirect("desk_bulk_job", job.pk)
        return self.render_to_response(self.get_context_data(form=form, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if self.ids:
            count = len(self.ids)
            selected = ngettext("%(count)s subscriber", "%(count)s subscribers", count) % {"count": count}
        else:
            selected = subscribers_label(subscriber_search.count_matches(self.query))
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        kept = (*QUERY_PARAMETERS, "all") if self.all_matching else ("ids",)
        return {
            "form": self._form(initial={"action": given.get("action", "")}),
            **context,
            "selected": selected,
            "hidden": [(name, value) for name in kept for value in given.getlist(name) if value],
            "back": f"{reverse('desk_subscribers:index')}?{urlencode({'q': self.query.text})}",
            "tags": Tag.objects.all()[:200],
        }


class BulkJobPage(_BulkView, ObjectPage[BulkJob]):
    """Shows progress and result of a job (GET); undoes it, or resumes it after an error (POST)."""

    model = BulkJob
    template_name = "desk/subscribers/bulk_job.html"

    def get_page_title(self) -> str:
        return str(self.object)

    def has_permission(self) -> bool:
        return bool(super().has_permission()) and (self.request.method != "POST" or self._may_change_job)

    @property
    def _may_change_job(self) -> bool:
        """Who undoes or resumes suppressing needs the permission for that, too."""
        of_suppressing = BulkJob.objects.filter(pk=self.kwargs["pk"], action=Action.SUPPRESS).exists()
        return not of_suppressing or bool(self.request.user.has_perms(_SUPPRESSING))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        resume = "resume" in request.POST
        try:
            if resume:
                apply_and_undo_bulk_actions.RUNNER.resume(self.object)
            else:
                apply_and_undo_bulk_actions.RUNNER.start_undo(
                    self.object, request.user.get_username(), timezone.now()
                )
        except WrongState as error:
            messages.error(request, str(error))
        else:
            action = "desk.bulk_resume" if resume else "desk.bulk_undo"
            log(instance=self.object, action=action, user=request.user)
            apply_and_undo_bulk_actions.RUNNER.attempt(self.object, timezone.now)
        return redirect("desk_bulk_job", self.object.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        job, now = self.object, timezone.now()
        total = job.last_subscriber if job.state == BulkJob.State.RUNNING else None
        return super().get_context_data(
            job=job,
            in_progress=job.is_running,
            percent=round(100 * job.position / total) if total else None,
            may_change=self._may_change_job,
            may_undo=self._may_change_job and apply_and_undo_bulk_actions.RUNNER.can_undo(job, now),
            undo_until=job.created_at + UNDO_FOR,
            **kwargs,
        )


class BulkJobsPage(_BulkView):
    """Lists the jobs, newest first."""

    template_name = "desk/subscribers/bulk_jobs.html"
    page_title = _("Bulk actions on subscribers")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(jobs=BulkJob.objects.all()[:_SHOWN], **kwargs)
