"""Signals about bounces and complaints, to the packages above."""

from __future__ import annotations

from django.dispatch import Signal

# Argument: events (list of FeedbackEvent, of the kinds bounce and complaint). Sent within the transaction
# that stores them.
events_recorded = Signal()
