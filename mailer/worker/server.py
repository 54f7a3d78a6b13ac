"""The web process: waitress serving the WSGI application."""

from __future__ import annotations

from typing import Any

import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from mailer.tracking.recording import requests


def serve() -> None:
    """Serve on [web] host and port until the process is asked to end."""
    web = settings.CONFIG.web
    application: Any = get_wsgi_application()
    requests.start()
    waitress.serve(
        application,
        host=web.host,
        port=web.port,
        threads=8,
        ident="mailer",
        # The proxy with TLS stands on this machine; what anybody else says of the connection is not believed.
        trusted_proxy="127.0.0.1",
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto"},
        clear_untrusted_proxy_headers=True,
    )
