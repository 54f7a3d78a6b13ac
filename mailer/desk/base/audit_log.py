"""The audit log: actions with their labels, entries about opened pages, and removal of erased addresses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.images import get_image_model
from wagtail.log_actions import LogFormatter, log
from wagtail.models import ModelLogEntry

from mailer.accounts.audit import ACTIONS as _ACCOUNT_ACTIONS
from mailer.audit_log import chain
from mailer.audit_log.changes import CHANGES, audit
from mailer.editions.models import Newsletter
from mailer.feedback.models import ReturnedMessage, SuppressionDecision
from subscribers.addresses import address_pattern, mentions
from subscribers.models import CustomField, MailingList, Segment, Subscriber, Suppression, Tag
from subscribers.segments import tags_and_fields
from subscribers.signals import erased

_ACTIONS = {
    **_ACCOUNT_ACTIONS,
    "desk.assemble": ("Assemble", "Assembled from ready stories"),
    "desk.submit": ("Submit", "Submitted for approval"),
    "desk.approve": ("Approve", "Approved"),
    "desk.request_changes": ("Request changes", "Requested changes"),
    "desk.approval_link": ("Ask by link", "Mailed a link to an external approver"),
    "desk.approval_link_revoke": ("Revoke link", "Revoked the link of an external approver"),
    "desk.approve_by_link": ("Approve", "Approved by a mailed link and a one-time code"),
    "desk.request_changes_by_link": ("Request changes", "Requested changes by a mailed link"),
    "desk.schedule": ("Schedule", "Scheduled"),
    "desk.unschedule": ("Unschedule", "Cancelled the schedule"),
    "desk.test_send": ("Test email", "Sent test emails"),
    "desk.dry_run": ("Dry run", "Started a dry run"),
    "desk.pause": ("Pause", "Paused sending"),
    "desk.resume": ("Resume", "Resumed sending"),
    "desk.release_all": ("Send to all", "Ended the gradual rollout: sent to all remaining subscribers"),
    "desk.cancel": ("Cancel", "Cancelled the remaining messages"),
    "desk.confirm_audience": ("Confirm audience", "Confirmed the audience of a mailing on hold"),
    "desk.pause_sending": ("Pause all sending", "Paused all sending"),
    "desk.resume_sending": ("Resume all sending", "Confirmed that this installation may send"),
    "desk.stop_rules_warned": ("Warning", "The stop rules issued a warning"),
    "desk.stop_rules_slowed": ("Slowed down", "The stop rules slowed down sending"),
    "desk.stop_rules_paused": ("Paused automatically", "The stop rules paused sending"),
    "desk.view_subscriber": ("View", "Opened a subscriber's page"),
    "desk.view_returned_message": ("View", "Opened a returned message"),
    "desk.view_suppression": ("View", "Opened a suppression"),
    "desk.view_decision": ("View", "Opened a suppression decision"),
    "desk.view_personal_data": ("View", "Opened a list of addresses"),
    "desk.export_not_delivered": ("Export", "Exported the list of messages that were not delivered"),
    "desk.export_report": ("Export", "Exported the report"),
    "desk.export_subscribers": ("Export", "Exported subscribers"),
    "desk.import_upload": ("Upload", "Uploaded a file to import"),
    "desk.import_apply": ("Import", "Imported a file"),
    "desk.import_undo": ("Undo", "Undid an import"),
    "desk.import_discard": ("Discard", "Discarded an uploaded file"),
    "desk.import_export_rejected": ("Export", "Exported the rejected rows of an import"),
    "desk.suppress": ("Suppress", "Suppressed an address"),
    "desk.unsuppress": ("Remove suppression", "Removed a suppression"),
    "desk.superuser": ("Superuser", "Changed whether the account is a superuser"),
    "desk.send_password_link": ("Send link", "Sent a link to choose a password"),
    "desk.list_change_propose": ("Propose", "Proposed another sender or welcome text of a list"),
    "desk.list_change_approve": ("Approve", "Approved another sender or welcome text of a list"),
    "desk.list_change_reject": ("Reject", "Rejected another sender or welcome text of a list"),
    "desk.segment": ("Save", "Saved a segment"),
    "desk.bulk": ("Bulk action", "Started a bulk action"),
    "desk.bulk_undo": ("Undo", "Undid a bulk action"),
    "desk.bulk_resume": ("Resume", "Resumed a bulk action"),
    "desk.erase": ("Erase", "Erased a subscriber"),
    "desk.merge": ("Merge", "Merged a duplicate subscriber:"),
    "desk.reconfirm": ("Reconfirmation", "Started a reconfirmation campaign"),
    "desk.reconfirm_stop": ("Stop reconfirmation", "Stopped a reconfirmation campaign"),
    "desk.reply_done": ("Mark as done", "Marked a returned message as done"),
    "desk.reply_bounce": ("Bounce", "Classified a returned message as a bounce"),
    "desk.reply_unsubscribe": (
        "Unsubscribe request",
        "Classified a returned message as an unsubscribe request",
    ),
    "desk.reply_complaint": ("Complaint", "Classified a returned message as a complaint"),
    "desk.reply_reopen": ("Undo", "Undid the classification of a returned message"),
    "desk.decision_revert": ("Remove suppression", "Reverted a suppression decision"),
    "desk.decision_restore": ("Suppress again", "Restored a suppression decision"),
    "desk.decision_confirm": ("Suppress", "Confirmed a suppression decision"),
    "desk.webhook_create": ("Create webhook", "Created a webhook"),
    "desk.webhook_change": ("Change webhook", "Changed a webhook"),
    "desk.webhook_test": ("Test webhook", "Sent a test message"),
    "desk.webhook_resend": ("Resend", "Sent a message of a webhook again"),
    "desk.webhook_activate": ("Activate", "Activated a webhook"),
    "desk.webhook_deactivate": ("Deactivate", "Deactivated a webhook"),
    "desk.webhook_rotate": ("Replace secret", "Replaced the secret of a webhook"),
    "desk.wave_suppress": ("Suppress bounce wave", "Suppressed the addresses of a bounce wave"),
    "desk.wave_keep": ("Keep bounce wave", "Kept the addresses of a bounce wave"),
}


# Data of an entry that its message shows, and how.
_DETAILS = {
    "to": " to {}",
    "by": " by {}",
    "because": " – {}",
    "page": ": {}",
    "times": ", {} times",
    "api_key": " through the API, key {}",
}
# Actions of Wagtail whose messages show what changed.
_CHANGING = ("wagtail.create", "wagtail.edit")
_REDACTED = "(erased address)"


class _Formatter(LogFormatter):
    """The action's message with the entry's details, such as who acted where no user was signed in."""

    def format_message(self, entry: ModelLogEntry) -> str:
        details = [form.format(entry.data[key]) for key, form in _DETAILS.items() if entry.data.get(key)]
        return "".join([str(self.message), *details]) + _describe(entry.data.get(CHANGES, {}))


def _describe(changed: Mapping[str, Sequence[str]]) -> str:
    """The changes as text: ": name “old” → “new”"."""
    parts = [f"{name.replace('_', ' ')} “{before}” → “{after}”" for name, (before, after) in changed.items()]
    return f": {', '.join(parts)}" if parts else ""


def register_actions(registry: Any) -> None:
    """Wagtail hook `register_log_actions`, after Wagtail's own."""
    for name, (label, message) in _ACTIONS.items():
        registry.register_action(name)(type(f"_{label}", (_Formatter,), {"label": label, "message": message}))
    for name in _CHANGING:
        known = registry.formatters[name]
        texts = {"label": known.label, "message": known.message}
        registry.formatters[name] = type("_Changing", (_Formatter,), texts)()


def connect() -> None:
    """Redact entries of erased subscribers, and keep what staff change. Called once, when all is loaded."""
    erased.connect(_erased, dispatch_uid="mailer.desk.base.audit_log")
    for model in (Newsletter, MailingList, Segment, Tag, CustomField, User, Group, get_image_model()):
        audit(model)
    audit(Subscriber, _attributes)


def _attributes(subscriber: Subscriber) -> dict[str, Any]:
    """A subscriber's tags and custom fields, by name."""
    tags = sorted(subscriber.taggings.values_list("tag__name", flat=True))
    return {"tags": tags, **tags_and_fields.values_of(subscriber)}


def _erased(subscriber_ids: Collection[int], addresses: Collection[str], **_: Any) -> None:
    kind = ContentType.objects.get_for_model(Subscriber)
    about = Q(content_type=kind, object_id__in=[str(number) for number in subscriber_ids])
    for address in addresses:
        about |= Q(label__icontains=address) | Q(data__icontains=address)
    ids = {str(number) for number in subscriber_ids}
    for entry in ModelLogEntry.objects.filter(about).order_by("pk"):
        if entry.content_type_id == kind.pk and entry.object_id in ids:
            label = f"Subscriber {entry.object_id}"
            # Before and after may be their name or address; which fields changed stays.
            changed = {name: ["", ""] for name in entry.data.get(CHANGES, {})}
            data = {**_without(entry.data, addresses), **({CHANGES: changed} if changed else {})}
        else:
            named = any(mentions(entry.label, address) for address in addresses)
            label, data = _REDACTED if named else entry.label, _without(entry.data, addresses)
        if (label, data) != (entry.label, entry.data):
            chain.redact(entry, label, data)


def _without(value: Any, addresses: Collection[str]) -> Any:
    """JSON without these addresses in its texts."""
    if isinstance(value, dict):
        return {key: _without(one, addresses) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, addresses) for one in value]
    if isinstance(value, str):
        for address in addresses:
            value = address_pattern(address).sub(_REDACTED, value)
    return value


# Pages about one row whose primary key is in the URL, by URL name: the action, and the row's model.
ROW_PAGES: dict[str, tuple[str, type[Model]]] = {
    **dict.fromkeys(
        (
            *(
                f"desk_subscribers:{page}"
                for page in ("edit", "delete", "history", "history_results", "usage")
            ),
            *("desk_merge", "desk_erase"),
        ),
        ("desk.view_subscriber", Subscriber),
    ),
    "desk_reply": ("desk.view_returned_message", ReturnedMessage),
    "desk_reply_source": ("desk.view_returned_message", ReturnedMessage),
    "desk_suppressions:remove": ("desk.view_suppression", Suppression),
    "desk_suppression_decision": ("desk.view_decision", SuppressionDecision),
}
# Pages that list addresses of many subscribers.
LIST_PAGES: dict[str, str] = {
    **{
        f"desk_{table}:index{part}": title
        for table, title in (
            ("subscribers", "Subscribers"),
            ("suppressions", "Suppressed addresses"),
            ("suppression_decisions", "Suppression decisions"),
            ("replies", "Unclassified replies"),
        )
        for part in ("", "_results")
    },
    "desk_edition:not_delivered": "Not delivered",
    "desk_import": "Rows of an import",
    "desk_import_columns": "Rows of an import",
    "desk_segments:add": "Sample of a segment",
    "desk_segments:edit": "Sample of a segment",
    "desk_bounce_wave": "Addresses of a bounce wave",
    "wagtailadmin_reports:site_history": "Audit log",
    "wagtailadmin_reports:site_history_results": "Audit log",
}
# Those that show no address to users who may not view subscribers.
_HIDING_PAGES = {
    "desk_edition:not_delivered",
    "desk_segments:add",
    "desk_segments:edit",
    "desk_bounce_wave",
}
_LIST_ACTION = "desk.view_personal_data"
# Opening the same page again within this time makes no further entry.
_INTERVAL = timedelta(minutes=10)


class PersonalDataMiddleware:
    """Logs each page of the tables above that was shown. A page that cannot be logged is not shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        match = request.resolver_match
        # A form that is shown again after a POST shows the same.
        if match is None or response.status_code != 200:
            return response
        if match.view_name in ROW_PAGES:
            action, model = ROW_PAGES[match.view_name]
            row = model(pk=match.kwargs["pk"])
            # Without the address, which a row's own title would be.
            _note(request, row, action, title=f"{model._meta.verbose_name} {row.pk}".capitalize(), data={})
        elif match.view_name in LIST_PAGES and isinstance(request.user, User):
            hidden = match.view_name in _HIDING_PAGES
            if not hidden or request.user.has_perm("subscribers.view_subscriber"):
                _note(request, request.user, _LIST_ACTION, data={"page": LIST_PAGES[match.view_name]})
        return response


def _note(request: HttpRequest, row: Model, action: str, *, data: dict[str, str], title: str = "") -> None:
    if not isinstance(request.user, User):
        return
    now = timezone.now()
    before = ModelLogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        user=request.user,
        action=action,
        timestamp__gt=now - _INTERVAL,
    )
    more: dict[str, Any] = {"title": title} if title else {}
    if not any(entry.data == data for entry in before.only("data")):
        log(instance=row, action=action, user=request.user, data=data, timestamp=now, **more)
