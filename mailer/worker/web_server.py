"""The web process: waitress serving the WSGI application, with a limit of bytes for the body of each path."""

from __future__ import annotations

import copy
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server

from mailer.config import ConfigError
from mailer.config.sections import Web
from mailer.feedback.webhooks.views import MAX_BODY_OCTETS
from mailer.tracking.record_events import event_buffer
from mailer.worker.supervisor import limit_own_malloc_arenas, notify_systemd, start_trimming
from subscribers.client_address import Application, distrust_others
from subscribers.imports.uploads_and_staging import MAX_UPLOAD_BYTES

_MB = 1 << 20
# What surrounds a file in a form.
_FORM = _MB
# Bytes of a body by the beginning of the path; the first that fits.
_LIMITS = (
    ("/desk/imports/", MAX_UPLOAD_BYTES + _FORM),
    *((path, settings.WAGTAILIMAGES_MAX_UPLOAD_SIZE + _FORM) for path in ("/desk/images/", "/desk/account/")),
    # Word documents with stories, and translations that come back. To import the limits of these pages would
    # load the desk.
    ("/desk/stories/word/", 40_000_000 + _FORM),
    ("/desk/editions/", 5_000_000 + _FORM),
    ("/desk/", 4 * _MB),
    ("/hooks/", MAX_BODY_OCTETS),
    # ApiMiddleware answers larger ones with a problem in JSON, up to this.
    ("/api/", 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
)
# Forms of readers have a few fields.
_READERS_LIMIT = 64 * 1024


def serve() -> None:
    """Serve on [web] host and port until the process is asked to end. Raises ConfigError."""
    limit_own_malloc_arenas()
    web = settings.CONFIG.web
    application: Any = get_wsgi_application()
    event_buffer.start()
    start_trimming()
    server = _listening_server(distrust_others(application), web)
    server.print_listen("Serving on http://{}:{}")
    notify_systemd("READY=1")
    server.run()


def _listening_server(application: Application, web: Web) -> Any:
    try:
        return limited_server(application, host=web.host, port=web.port, threads=8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or "no such host"
        raise ConfigError(
            f"the web process cannot listen on {web.host}:{web.port} ({reason}). Stop the program that uses "
            "it, or change [web] host and port."
        ) from error


def limited_server(application: Application, **options: Any) -> Any:
    """A waitress server that answers 413 to a body that is too large for its path, before it is read."""
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            application,
            map=sockets,
            ident="mailer",
            max_request_body_size=max(size for _, size in _LIMITS),
            # `distrust_others` does this for any number of proxies; waitress knows one.
            clear_untrusted_proxy_headers=False,
            **options,
        )
    except BaseException:
        wasyncore.close_all(sockets)
        raise
    for one in sockets.values():
        if hasattr(one, "channel_class"):
            one.channel_class = _Channel
    return server


def max_body_bytes(path: str) -> int:
    """The bytes that the body of a request for this path may have."""
    return next((size for prefix, size in _LIMITS if path.startswith(prefix)), _READERS_LIMIT)


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Knows the limit once it has read the path."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        limits: Any = copy.copy(self.adj)
        # Waitress refuses a body of as many bytes as the limit.
        limits.max_request_body_size = max_body_bytes(self.path) + 1
        self.adj: Any = limits


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
