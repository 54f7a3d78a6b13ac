"""Settings of processes without pages (every command but `mailer web`): the same, without screens.

mailer/apps.py says what is left out.
"""

from __future__ import annotations

from mailer import settings as _full
from mailer.settings import *  # noqa: F403

DESK = False
# These processes have no pages, so no user signs in.
INSTALLED_APPS = [app for app in _full.INSTALLED_APPS if not app.startswith("allauth")]
MIDDLEWARE = [layer for layer in _full.MIDDLEWARE if not layer.startswith("allauth")]
