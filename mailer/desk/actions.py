"""What the audit log calls the desk's own deeds."""

from __future__ import annotations

from typing import Any

_ACTIONS = {
    "desk.assemble": ("Assemble", "Assembled from the stories that were ready"),
    "desk.submit": ("Submit", "Submitted for approval"),
    "desk.approve": ("Approve", "Approved"),
    "desk.send_back": ("Send back", "Sent back to its writers"),
    "desk.schedule": ("Schedule", "Scheduled"),
    "desk.unschedule": ("Take back", "Took back the moment of sending"),
    "desk.pause": ("Pause", "Paused the sending"),
    "desk.resume": ("Resume", "Resumed the sending"),
    "desk.cancel": ("Cancel", "Cancelled what was not sent"),
    "desk.confirm": ("Let go", "Let a held mailing go"),
    "desk.suppress": ("Suppress", "Suppressed an address"),
    "desk.lift": ("Lift", "Lifted a suppression"),
}


def register_actions(registry: Any) -> None:
    """register_log_actions."""
    for name, (label, message) in _ACTIONS.items():
        registry.register_action(name, label, message)
