"""The WSGI application that waitress or gunicorn serves."""

from __future__ import annotations

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
application = get_wsgi_application()
# What is opened is written by the process that serves it. Settings must be loaded before it is imported.
import_module("mailer.tracking.recording").requests.start()
