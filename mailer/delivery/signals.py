"""Signals about mailings, to the packages above."""

from __future__ import annotations

from django.dispatch import Signal

# Arguments: mailing_id (int), event: "started", "held", "paused", "resumed", "finished" or "cancelled". Sent
# within the transaction in which the mailing's state changes; also of dry runs.
mailing_changed = Signal()
