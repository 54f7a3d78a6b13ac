"""What packages above are told of stories and their sources."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `source` (a StorySource) and `now` when polls have failed so often that admins should know.
source_failing = Signal()

# Sent with `stories` and their first `revisions`, lists of equal length, when drafts were stored at once: no
# signal of a single revision is sent for them.
drafts_added = Signal()
