"""When a session began, when it was last used, and when it therefore ends."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

# Names in the session, of times in seconds since 1970.
STARTED, SEEN = "accounts_started_at", "accounts_seen_at"
# How often a session records that it is in use: each time is a write to the database.
_TOUCH_SECONDS = 300


def start_session(request: HttpRequest, now: datetime) -> None:
    """Record in the session that it begins now; called at each sign-in."""
    request.session[STARTED] = request.session[SEEN] = now.timestamp()


def has_expired(request: HttpRequest, now: float) -> bool:
    """Whether the session was idle too long or began too long ago; if not, note that it is in use."""
    config = settings.CONFIG.accounts
    started, seen = request.session.get(STARTED, 0.0), request.session.get(SEEN, 0.0)
    if now - seen > config.idle_hours * 3600 or now - started > config.absolute_days * 86400:
        return True
    if now - seen > _TOUCH_SECONDS:
        request.session[SEEN] = now
    return False
