"""The WSGI application that waitress or gunicorn serves."""

from __future__ import annotations

import os
from importlib import import_module

import django
from django.core.wsgi import get_wsgi_application

from subscribers.client_address import distrust_others

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
django.setup()
_startup = import_module("mailer.worker.process_startup")
_startup.log_uncaught_exceptions()
_startup.start_tracing("web")
_startup.make_files_private()
_startup.require_matching_address_hash_key()
_startup.hold_database()
_startup.begin_no_send_if_copied_or_restored()
# The application looks for them once.
_startup.collect_static_files()
application = distrust_others(get_wsgi_application())
# Each web process writes the clicks and opens that it records. The module needs loaded settings.
import_module("mailer.tracking.record_events").event_buffer.start()
