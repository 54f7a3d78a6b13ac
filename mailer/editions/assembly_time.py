"""The clock that assembling goes by: the real one, but for the demo's sample month."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings


def assembly_time(now: datetime) -> datetime:
    """`now`, or the demo's moment (aware) where the configuration gives one."""
    moment: str = settings.CONFIG.demo.assemble_at
    return datetime.fromisoformat(moment) if settings.CONFIG.demo.enabled and moment else now
