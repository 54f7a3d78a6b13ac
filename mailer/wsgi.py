"""The WSGI application that waitress or gunicorn serves."""

from __future__ import annotations

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
application = get_wsgi_application()
# Each web process writes the clicks and opens that it records. The module needs loaded settings.
import_module("mailer.tracking.record_events").event_buffer.start()
