"""What the ground tells the house: it sends these, and knows nobody who listens."""

from __future__ import annotations

from django.dispatch import Signal

# Arguments: subscriber_id (int), list_ids (tuple of int),
# newsletter_id (int, or None: by no newsletter's link).
unsubscribed = Signal()

# Arguments: subscriber_id (int), newsletter_id (as above). Whoever left took it back.
resubscribed = Signal()

# Arguments: subscriber_id (int), newsletter_id (as above), reason (a key of centre.returning.REASONS),
# now (aware datetime). Whoever left says why.
unsubscribe_reason_given = Signal()

# Argument: now (aware datetime). So many sign up at this moment that the form grows careful.
signup_flood = Signal()

# Arguments: kept, gone (int, numbers of subscribers). Two became one, in the transaction under way.
merged = Signal()

# Arguments: numbers (of the subscriber, and of whoever became one with them), addresses (as letters name
# them). They are being erased, in the transaction under way: what the rooms above keep in words goes as well.
erased = Signal()

# Argument: person (Subscriber). What is kept about them? A listener answers with a dict, name of a section to
# records that are ready for JSON; `personal.everything` puts them together.
collect_personal_data = Signal()

# Argument: segment (SavedSegment). Its rule is another now.
segment_changed = Signal()
