"""The audit log: actions with their labels, and models whose changes it records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from django.utils.translation import gettext, override, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from wagtail.images import get_image_model
from wagtail.log_actions import LogFormatter
from wagtail.models import ModelLogEntry

from mailer.accounts.audit_log_entries import ACTIONS as _ACCOUNT_ACTIONS
from mailer.audit_log.changes import CHANGES, add_changes_to_log_entries
from mailer.editions.models import Newsletter
from subscribers.models import CustomField, MailingList, Segment, Subscriber, Tag
from subscribers.segments import subscriber_tags_and_fields

_ACTIONS = {
    **_ACCOUNT_ACTIONS,
    "desk.sample": (_("Sample"), _("Loaded the sample edition")),
    "desk.assemble": (_("Assemble"), _("Assembled an edition from ready stories")),
    "desk.carry_over": (_("Carry over a story"), _("Carried a story over to the next edition")),
    "desk.source_accept": (_("Accept suggestions"), _("Accepted the suggestions for a story from a source")),
    "desk.source_correct": (_("Correct the countries"), _("Changed a story's suggested countries")),
    "desk.source_take_over": (
        _("Use the source's text"),
        _("Replaced a story's text with that of its source"),
    ),
    "desk.source_ignore": (_("Keep our text"), _("Kept a story's text when its source changed")),
    "desk.source_keep": (_("Keep"), _("Kept a story that its source no longer has")),
    "desk.source_merge": (_("Merge"), _("Merged a story with its translation")),
    "desk.source_keep_apart": (_("Do not merge"), _("Decided that two similar stories are not duplicates")),
    "desk.source_separate": (
        _("Separate merged stories"),
        _("Separated a merged story into its own story again"),
    ),
    "desk.confirm_translation": (
        _("Confirm a translation"),
        _("Confirmed that a translation still fits its source"),
    ),
    "desk.change_glossary": (_("Change the glossary"), _("Changed the glossary of names")),
    "desk.import_translation": (_("Import translations"), _("Imported translations from a file")),
    "desk.submit": (_("Submit"), _("Submitted an edition for approval")),
    "desk.approve": (_("Approve"), _("Approved an edition")),
    "desk.reject": (_("Reject"), _("Rejected an edition")),
    "desk.request_changes": (_("Request changes"), _("Requested changes to an edition")),
    "desk.comment": (_("Comment"), _("Commented on a submitted edition")),
    "desk.comment_done": (_("Mark the comment as done"), _("Marked a comment as done")),
    "desk.approval_link": (
        _("Ask for approval by link"),
        _("Emailed an approval link to an external approver"),
    ),
    "desk.approval_link_revoke": (_("Revoke an approval link"), _("Revoked an external approver's link")),
    "desk.approve_by_link": (_("Approve"), _("Approved an edition by an emailed link and a one-time code")),
    "desk.reject_by_link": (_("Reject"), _("Rejected an edition by an emailed link and a one-time code")),
    "desk.request_changes_by_link": (
        _("Request changes"),
        _("Requested changes to an edition by an emailed link"),
    ),
    "desk.schedule": (_("Schedule"), _("Scheduled an edition")),
    "desk.unschedule": (_("Cancel an edition's schedule"), _("Cancelled an edition's schedule")),
    "desk.test_send": (_("Test email"), _("Sent test emails")),
    "desk.dry_run": (_("Test with all emails"), _("Started a test with all emails of an edition")),
    "desk.pause": (_("Pause"), _("Paused sending of an edition")),
    "desk.resume": (_("Resume"), _("Resumed sending of an edition")),
    "desk.release_all": (
        _("Send to all remaining subscribers now"),
        _("Ended the gradual rollout: sent to all remaining subscribers"),
    ),
    "desk.cancel": (_("Cancel"), _("Cancelled sending the remaining messages")),
    "desk.confirm_audience": (_("Confirm the audience"), _("Confirmed the audience of an edition on hold")),
    "desk.pause_sending": (_("Pause all sending"), _("Paused all sending from this installation")),
    "desk.resume_sending": (_("Resume all sending"), _("Confirmed that this installation may send mail")),
    "desk.stop_rules_warned": (_("Warning"), _("The automatic stop rules issued a warning")),
    "desk.stop_rules_slowed": (
        _("Sending was slowed down"),
        _("The automatic stop rules slowed down sending"),
    ),
    "desk.stop_rules_paused": (
        _("Sending was paused automatically"),
        _("The automatic stop rules paused sending"),
    ),
    "desk.view_subscriber": (_("View"), _("Viewed a subscriber's page")),
    "desk.view_returned_message": (_("View"), _("Viewed a returned email")),
    "desk.view_suppression": (_("View"), _("Viewed the record of a suppressed address")),
    "desk.view_decision": (_("View"), _("Viewed a suppression decision")),
    "desk.view_personal_data": (_("View"), _("Viewed a list of email addresses")),
    "desk.view_delivered_email": (_("View"), _("Viewed the email as a subscriber got it")),
    "desk.export_not_delivered": (_("Export"), _("Exported the list of undelivered emails")),
    "desk.export_report": (_("Export"), _("Exported the report of an edition")),
    "desk.export_subscribers": (_("Export"), _("Exported subscribers to a file")),
    "desk.import_upload": (_("Upload"), _("Uploaded a file of subscribers")),
    "desk.import_apply": (_("Import"), _("Imported a file of subscribers")),
    "desk.import_map_values": (_("Map unknown values"), _("Chose how unknown values of an import are used")),
    "desk.import_undo": (pgettext_lazy("staff", "Undo"), _("Undid an import of subscribers")),
    "desk.import_discard": (_("Discard"), _("Discarded an uploaded file of subscribers")),
    "desk.import_export_rejected": (_("Export"), _("Exported the rejected rows of an import")),
    "desk.suppress": (_("Suppress"), _("Suppressed an email address")),
    "desk.unsuppress": (_("Remove the suppression"), _("Removed a suppression of an email address")),
    "desk.superuser": (_("Superuser"), _("Gave superuser status to an account, or removed it")),
    "desk.revoke_invitation": (_("Revoke"), _("Revoked the invitation of a colleague")),
    "desk.send_password_link": (_("Send a password link"), _("Sent a colleague a link to choose a password")),
    "desk.list_change_propose": (
        _("Propose"),
        _("Proposed a change of the sender or welcome emails of a list"),
    ),
    "desk.list_change_approve": (_("Approve"), _("Approved a change of a list's sender or welcome email")),
    "desk.list_change_reject": (
        _("Reject"),
        _("Rejected a change of the sender or welcome emails of a list"),
    ),
    "desk.segment": (_("Save"), _("Saved a segment")),
    "desk.bulk": (_("Bulk action on subscribers"), _("Started a bulk action on subscribers")),
    "desk.bulk_undo": (pgettext_lazy("staff", "Undo"), _("Undid a bulk action on subscribers")),
    "desk.bulk_resume": (_("Resume"), _("Resumed a bulk action on subscribers")),
    "desk.erase": (_("Erase"), _("Erased a subscriber")),
    "desk.merge": (_("Merge"), _("Merged a duplicate subscriber")),
    "desk.reconfirm": (_("Reconfirmation"), _("Started a reconfirmation of subscriptions")),
    "desk.reconfirm_stop": (_("Stop the reconfirmation"), _("Stopped a reconfirmation of subscriptions")),
    "desk.reply_answer": (_("Answer"), _("Answered a returned email")),
    "desk.reply_done": (_("Mark the message as done"), _("Marked a returned email as done")),
    "desk.reply_bounce": (_("Bounce"), _("Classified a returned email as a bounce")),
    "desk.reply_unsubscribe": (
        _("Unsubscribe request"),
        _("Classified a returned email as an unsubscribe request"),
    ),
    "desk.reply_complaint": (_("Complaint"), _("Classified a returned email as a complaint")),
    "desk.reply_reopen": (
        pgettext_lazy("staff", "Undo"),
        _("Undid the classification of a returned email"),
    ),
    "desk.decision_revert": (_("Remove the suppression"), _("Reverted a suppression decision")),
    "desk.decision_restore": (_("Suppress the address again"), _("Suppressed an address again")),
    "desk.decision_confirm": (_("Suppress"), _("Suppressed an address that was waiting for a decision")),
    "desk.source_create": (_("Add a source of stories"), _("Added a source of stories")),
    "desk.source_change": (_("Change the source"), _("Changed a source of stories")),
    "desk.source_poll": (_("Check the source now"), _("Checked a source of stories for new entries")),
    "desk.source_pause": (_("Pause"), _("Paused a source of stories")),
    "desk.source_resume": (_("Resume"), _("Resumed a source of stories")),
    "desk.source_move": (
        _("Use the new address of the source"),
        _("Changed a source's address to its new one"),
    ),
    "desk.source_delete": (_("Delete this source of stories"), _("Deleted a source of stories")),
    "desk.webhook_create": (_("Create a webhook"), _("Created a webhook")),
    "desk.webhook_change": (_("Change the webhook"), _("Changed a webhook")),
    "desk.webhook_test": (_("Test the webhook"), _("Sent a test message to a webhook")),
    "desk.webhook_resend": (_("Resend"), _("Sent a webhook message again")),
    "desk.webhook_activate": (_("Activate"), _("Activated a webhook")),
    "desk.webhook_deactivate": (_("Deactivate"), _("Deactivated a webhook")),
    "desk.webhook_rotate": (_("Replace the signing secret"), _("Replaced the signing secret of a webhook")),
    "desk.wave_suppress": (
        _("Suppress the addresses of a bounce wave"),
        _("Suppressed the addresses of a bounce wave"),
    ),
    "desk.wave_keep": (
        _("Keep the addresses of a bounce wave subscribed"),
        _("Kept the addresses of a bounce wave subscribed"),
    ),
}


# Data of an entry that its message shows, and how.
_DETAILS = {
    "to": _("%(action)s to %(detail)s"),
    "by": _("%(action)s by %(detail)s"),
    "because": _("%(action)s – %(detail)s"),
    "page": _("%(action)s: %(detail)s"),
    "times": _("%(action)s (%(detail)s times)"),
    "subscriber": _("%(action)s, subscriber number %(detail)s"),
    "api_key": _("%(action)s through the API with the key %(detail)s"),
}
# Actions of Wagtail whose messages show what changed.
_CHANGING = ("wagtail.create", "wagtail.edit")
# What Wagtail calls publishing sends nothing here, and no reader sees it yet.
_RENAMED = {
    "wagtail.publish": (_("Save as ready"), _("Saved as ready")),
    "wagtail.unpublish": (_("Change back to draft"), _("Changed back to draft")),
}


class _Formatter(LogFormatter):
    """The action's message with the entry's details, such as who acted where no user was signed in."""

    def format_message(self, entry: ModelLogEntry) -> str:
        message = str(self.message)
        for key, form in _DETAILS.items():
            if detail := entry.data.get(key):
                # Pages and reasons are stored in English.
                message = form % {"action": message, "detail": gettext(str(detail))}
        return message + _describe(entry.data.get(CHANGES, {}))


def _describe(changed: Mapping[str, Sequence[str]]) -> str:
    """The changes as text: ": name “old” → “new”"."""
    names = {name: gettext(name.replace("_", " ")) for name in changed}
    parts = [f"{names[name]} “{before}” → “{after}”" for name, (before, after) in changed.items()]
    return f": {', '.join(parts)}" if parts else ""


def title_in_english(manager: Any, instance: Any) -> str:
    """In place of `BaseLogEntryManager.get_instance_title`.

    In English and in the office's time zone: the name of an edition contains its month, and would otherwise
    depend on the language of the user.
    """
    with override("en"), timezone.override(settings.TIME_ZONE):
        return str(instance) or f"{instance.__class__.__name__} object ({instance.pk})"


def register_actions(registry: Any) -> None:
    """Wagtail hook `register_log_actions`, after Wagtail's own."""
    for name, (label, message) in _ACTIONS.items():
        registry.register_action(name)(type("_Action", (_Formatter,), {"label": label, "message": message}))
    for name in _CHANGING:
        known = registry.formatters[name]
        texts = {"label": known.label, "message": known.message}
        registry.formatters[name] = type("_Changing", (_Formatter,), texts)()
    for name, (label, message) in _RENAMED.items():
        registry.formatters[name] = type("_Renamed", (_Formatter,), {"label": label, "message": message})()
        registry.choices = [(one, label if one == name else known) for one, known in registry.choices]


def log_staff_model_changes() -> None:
    """Record what staff change in these models. Called once, when all is loaded."""
    for model in (Newsletter, MailingList, Segment, Tag, CustomField, User, Group, get_image_model()):
        add_changes_to_log_entries(model)
    add_changes_to_log_entries(Subscriber, _attributes)


def _attributes(subscriber: Subscriber) -> dict[str, Any]:
    """A subscriber's tags and custom fields, by name."""
    tags = sorted(subscriber.taggings.values_list("tag__name", flat=True))
    return {"tags": tags, **subscriber_tags_and_fields.custom_field_values(subscriber)}
