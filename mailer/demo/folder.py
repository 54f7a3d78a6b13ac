"""The demo's folder: its configuration, database and caught mail, all in one place on this machine."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path

# The moment as of which the sample edition is assembled: its own days, so that its event is still to come.
ASSEMBLE_AT = "2021-12-03T09:30:00+06:00"

TEMPLATE = """\
# Written by `mailer demo`; rewritten at each start. Nothing in here leaves this machine.
[site]
url = {url}
name = "Regional Office for Central Asia"
email = "newsletters@office.example.org"
secret_key_file = "secret"
timezone = "Asia/Almaty"

[database]
url = "sqlite:///demo.db"

[storage]
path = "data"

[smtp]
host = "127.0.0.1"
port = {smtp_port}
connections = {connections}

[bounces]
domain = "bounces.example.org"
maildir = "bounces"

[sending]
rate_per_second = {rate}
undo_seconds = {undo}

[tracking]
finalize_minutes = {settle}

[approval]
by_command = true

[web]
host = "127.0.0.1"
port = {port}

[demo]
enabled = true
inbox = {inbox}
assemble_at = "{assemble_at}"
"""


def prepare(folder: Path, *, port: int, rate: float, connections: int, inbox: Path, undo: int = 0) -> Path:
    """Write the demo's configuration and return its path; an existing secret and database are kept.

    `port` is that of the pages, `rate` messages a second (0: no limit), `inbox` where caught mail lands,
    `undo` seconds in which "send now" can be undone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    for part in ("new", "cur", "tmp"):
        (folder / "bounces" / part).mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    text = TEMPLATE.format(
        url=json.dumps(f"http://127.0.0.1:{port}"),
        port=port,
        smtp_port=free_port(),
        rate=float(rate),
        undo=undo,
        # Soon enough to be waited for, and long enough that a filter's burst is over.
        settle=0.5,
        connections=connections,
        # A JSON string is a TOML basic string.
        inbox=json.dumps(str(inbox.resolve()), ensure_ascii=False),
        assemble_at=ASSEMBLE_AT,
    )
    path.write_text(text, encoding="utf-8")
    return path


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
