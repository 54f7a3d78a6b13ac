"""What the audit log calls the desk's own deeds."""

from __future__ import annotations

from typing import Any

from wagtail.log_actions import LogFormatter
from wagtail.models import ModelLogEntry

_ACTIONS = {
    "desk.assemble": ("Assemble", "Assembled from the stories that were ready"),
    "desk.submit": ("Submit", "Submitted for approval"),
    "desk.approve": ("Approve", "Approved"),
    "desk.send_back": ("Send back", "Sent back to its writers"),
    "desk.schedule": ("Schedule", "Scheduled"),
    "desk.unschedule": ("Take back", "Took back the moment of sending"),
    "desk.rehearse": ("Rehearse", "Began a rehearsal"),
    "desk.pause": ("Pause", "Paused the sending"),
    "desk.resume": ("Resume", "Resumed the sending"),
    "desk.release_rest": ("Release the rest", "Released the rest of a mailing in steps"),
    "desk.cancel": ("Cancel", "Cancelled what was not sent"),
    "desk.confirm": ("Let go", "Let a held mailing go"),
    "desk.warned": ("Warning", "The stop rules warned"),
    "desk.braked": ("Slowed down", "The stop rules slowed it down"),
    "desk.paused": ("Paused by itself", "The stop rules paused the sending"),
    "desk.unreached": ("Download", "Downloaded who was not reached"),
    "desk.export": ("Download", "Downloaded figures of the report"),
    "desk.export_people": ("Download", "Downloaded the people"),
    "desk.import_bring": ("Import", "Brought a file of people"),
    "desk.import_apply": ("Apply", "Applied an import"),
    "desk.import_undo": ("Undo", "Undid an import"),
    "desk.import_discard": ("Discard", "Discarded an import"),
    "desk.import_refused": ("Download", "Downloaded whom an import did not take"),
    "desk.suppress": ("Suppress", "Suppressed an address"),
    "desk.segment": ("Save", "Saved a segment"),
    "desk.bulk": ("Change many", "Changed many people at once"),
    "desk.bulk_undo": ("Undo", "Undid a change to many people"),
    "desk.bulk_again": ("Go on", "Let a change to many people go on"),
    "desk.erase": ("Erase", "Erased a person"),
    "desk.merge": ("Merge", "Made one person of two:"),
    "desk.ask": ("Ask", "Began to ask people whether they still want a list"),
    "desk.ask_stop": ("Stop asking", "Stopped asking people"),
    "desk.lift": ("Lift", "Lifted a suppression"),
    "desk.mail_nothing": ("Done", "Was done with a returned message"),
    "desk.mail_bounce": ("Dead address", "Read in a message that an address does not work"),
    "desk.mail_leave": ("Wish to leave", "Read in a message that a reader wishes to leave"),
    "desk.mail_complaint": ("Complaint", "Read in a message that a reader complains"),
    "desk.mail_take_back": ("Take back", "Took back what was read in a message"),
    "desk.mail_again": ("Mail again", "Took back that an address was stopped"),
    "desk.stop_again": ("Stop again", "Stopped an address again"),
    "desk.stop": ("Stop", "Decided to stop an address"),
    "desk.stop_domain": ("Stop a domain", "Decided to stop the addresses of a domain"),
    "desk.keep_domain": ("Keep a domain", "Decided to keep the addresses of a domain"),
}


# What entries know beside their user, and the word before it.
_KNOWN = {"to": "to", "by": "by", "because": "–"}


class _Deed(LogFormatter):
    """The deed in words, with what the entry knows beside its user: who, where nobody was signed in."""

    def format_message(self, entry: ModelLogEntry) -> str:
        known = [f"{word} {entry.data[key]}" for key, word in _KNOWN.items() if entry.data.get(key)]
        return " ".join([self.message, *known])


def register_actions(registry: Any) -> None:
    """register_log_actions."""
    for name, (label, message) in _ACTIONS.items():
        registry.register_action(name)(type(f"_{label}", (_Deed,), {"label": label, "message": message}))
