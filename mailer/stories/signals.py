"""What packages above are told of stories and their sources."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `source` (a StorySource) and `now` when polls have failed so often that admins should know.
source_failing = Signal()
