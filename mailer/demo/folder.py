"""The demo's folder with its configuration, database and caught mail."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

from mailer.config import key_ring
from mailer.config.sections import Keys

# The time as of which the sample edition is assembled, so that its event is still in the future.
ASSEMBLE_AT = "2021-12-03T09:30:00+06:00"

TEMPLATE = """\
# Written by `mailer demo`; rewritten at each start. Nothing is sent outside this machine.
[site]
url = {url}
name = "Regional Office for Central Asia"
email = "newsletters@office.example.org"
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

[accounts]
# Its passwords are on the start page; it is reached from this machine only.
require_second_factor = false

[web]
host = "127.0.0.1"
port = {port}

[demo]
enabled = true
inbox = {inbox}
assemble_at = "{assemble_at}"
"""


def is_of_demo_or_new(folder: Path) -> bool:
    """Whether the folder has no configuration, or one that the demo wrote."""
    try:
        text = (folder / "config.toml").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True
    return text.partition("\n")[0] == TEMPLATE.partition("\n")[0]


def prepare(folder: Path, *, port: int, rate: float, connections: int, inbox: Path, undo: int = 0) -> Path:
    """Write the demo's configuration and return its path; existing keys and an existing database are kept.

    `port`: of the web process; `rate`: messages a second (0: no limit); `inbox`: the folder of caught mail;
    `undo`: seconds in which "send now" can be undone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = folder / Keys.file
    if not keys.exists():
        key_ring.create(keys, datetime.now(UTC))
    for part in ("new", "cur", "tmp"):
        (folder / "bounces" / part).mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    text = TEMPLATE.format(
        url=json.dumps(f"http://127.0.0.1:{port}"),
        port=port,
        smtp_port=free_port(),
        rate=float(rate),
        undo=undo,
        # Short enough to wait for, and longer than the burst of a simulated link scanner.
        settle=0.5,
        connections=connections,
        # A JSON string is a TOML basic string.
        inbox=json.dumps(str(inbox.resolve()), ensure_ascii=False),
        assemble_at=ASSEMBLE_AT,
    )
    path.write_text(text, encoding="utf-8")
    return path


def free_port() -> int:
    """A free loopback port."""
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
