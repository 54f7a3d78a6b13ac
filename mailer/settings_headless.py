"""Settings of processes without pages (every command but `mailer web`): the same, without screens.

mailer/apps.py says what is left out.
"""

from __future__ import annotations

from mailer.settings import *  # noqa: F403

DESK = False
