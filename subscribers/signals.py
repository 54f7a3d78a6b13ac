"""Signals to the applications above: `subscribers` sends them and imports no receiver."""

from __future__ import annotations

from django.dispatch import Signal

# Arguments: subscriber_id (int), list_ids (tuple of int). The subscriber confirmed these subscriptions, or
# subscribed where no confirmation is needed; or they were restored. Sent within the transaction.
confirmed = Signal()

# Arguments: subscriber_id (int), list_ids (tuple of int),
# newsletter_id (int, or None: by no newsletter's link).
unsubscribed = Signal()

# Arguments: subscriber_id (int), newsletter_id (as above). The subscriber took back an unsubscribe.
resubscribed = Signal()

# Arguments: subscriber_id (int), newsletter_id (as above), reason (a key of unsubscribe.UNSUBSCRIBE_REASONS),
# now (aware datetime).
unsubscribe_reason_given = Signal()

# Argument: now (aware datetime). So many sign-ups arrive that the form shows a question.
signup_flood = Signal()

# Arguments: kept_id, merged_id (ids of subscribers). Sent within the transaction that merges them.
merged = Signal()

# Arguments: subscriber_ids (of the subscriber, and of those merged into them), addresses (normalised),
# address_hashes (of these, and of former addresses of which no more is known). Sent within the transaction
# that erases them: receivers delete what they store about them.
erased = Signal()

# Argument: subscriber. Receivers return a dict, name of a section → records ready for JSON;
# `privacy.data_access.collect` puts them together.
collect_personal_data = Signal()
