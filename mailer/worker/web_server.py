"""The web process: waitress serving the WSGI application."""

from __future__ import annotations

from typing import Any

import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from mailer.tracking.record_events import event_buffer
from mailer.worker.supervisor import limit_arenas, start_trimming


def serve() -> None:
    """Serve on [web] host and port until the process is asked to end."""
    limit_arenas()
    web = settings.CONFIG.web
    application: Any = get_wsgi_application()
    event_buffer.start()
    start_trimming()
    waitress.serve(
        application,
        host=web.host,
        port=web.port,
        threads=8,
        ident="mailer",
        # The proxy with TLS runs on this machine; what other clients say about the connection is ignored.
        trusted_proxy="127.0.0.1",
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto"},
        clear_untrusted_proxy_headers=True,
    )
