"""Sending with the ledger, beside a sender in C: same size, number and sessions, same sink.

The peer is Postfix's smtp-source, and with TLS, which that does not speak, curl. Signatures are compared with
what `openssl speed` signs on all cores.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer.bench import smtp_sinks_and_reference_senders
from mailer.bench.databases import BenchmarkDatabase, open_database
from mailer.config import key_ring
from mailer.config.sections import Keys

# What mailer.bench.measurement_subprocess can be asked to do.
Action = Literal[
    "prepare",
    "add_readers",
    "schedule",
    "plan",
    "deliver_one",
    "send",
    "follow",
    "hammer",
    "written",
    "accept",
    "commit",
    "post",
    "read",
    "fill",
    "count",
    "visit",
    "prepare_list",
    "import_file",
    "add_sources",
    "gather",
]
# With this last argument, an action begins when a line arrives.
WAIT = "--wait"
DATABASES = ("sqlite", "postgresql")
SESSIONS = (1, 20)
# Octets of a message.
SIZE = 50_000

CONFIG = """
[site]
url = "http://localhost:8000"
name = "Regional Office"
[bounces]
domain = "bounces.example.org"
"""


class Failed(Exception):  # noqa: N818  (what happened, as the command says it)
    """A benchmark failed."""


@dataclass(frozen=True)
class _Round:
    ours_seconds: float
    ours_cpu: float
    reference_seconds: float
    reference_cpu: float
    # Processor seconds of the sink while we sent.
    sink_cpu: float
    rss: int


class Plan(NamedTuple):
    """Parameters of the benchmark."""

    messages: int
    # The median of these is reported.
    rounds: int
    backends: tuple[str, ...] = DATABASES
    sessions: tuple[int, ...] = SESSIONS
    sinks: tuple[str, ...] = smtp_sinks_and_reference_senders.SINKS
    # Keys that sign each message: any of "rsa", "ed25519".
    dkim: tuple[str, ...] = ()
    # Whether connections are encrypted with STARTTLS; of the sinks only "light" offers it.
    tls: bool = False


def measure(what: Plan) -> Iterator[dict[str, Any]]:
    """A record for each backend, sink and number of sessions. Raises Missing, Failed."""
    smtp_sinks_and_reference_senders.find("curl" if what.tls else "smtp-source")
    with workspace(CONFIG + _signing(what.dkim)) as folder:
        if what.tls:
            smtp_sinks_and_reference_senders.create_certificate(folder)
        for kind in what.backends:
            with open_database(kind, folder) as database:
                size = _prepare(folder, database, what.messages)
                for sink, sessions in itertools.product(what.sinks, what.sessions):
                    # Before and after, because other load of the machine changes.
                    limits = [_signing_limit(what.dkim)]
                    done = [_round(folder, database, sink, what, sessions, size) for _ in range(what.rounds)]
                    limits.append(_signing_limit(what.dkim))
                    yield _figures(kind, sink, sessions, what, size, done) | _signing_figures(
                        what.messages, done, limits
                    )


def million(messages: int, backends: tuple[str, ...] = DATABASES) -> Iterator[dict[str, Any]]:
    """One run over this many subscribers, without a peer: rate and memory. Raises Missing, Failed."""
    with workspace() as folder:
        for kind in backends:
            with (
                open_database(kind, folder) as database,
                smtp_sinks_and_reference_senders.Sink("light") as sink,
            ):
                _prepare(folder, database, messages)
                ours = run_measured(
                    folder, database.origin, "send", port=sink.port, host="127.0.0.1", connections=20
                )
                _check(ours, messages, "accepted")
                yield {
                    "backend": kind,
                    "sessions": 20,
                    "messages": messages,
                    "seconds": round(ours["seconds"], 1),
                    "ours_per_s": round(messages / ours["seconds"]),
                    "cpu_us_per_message": round(ours["cpu_seconds"] / messages * 1e6, 1),
                    "peak_rss_mb": ours["peak_rss_mb"],
                }


def plan(readers: int, backends: tuple[str, ...] = DATABASES) -> Iterator[dict[str, Any]]:
    """How long it takes to plan a mailing. Raises Missing, Failed."""
    with workspace() as folder:
        for kind in backends:
            with open_database(kind, folder) as database:
                run_measured(folder, database.origin, "prepare", readers, SIZE)
                found = run_measured(folder, database.origin, "plan")
                _check(found, readers, "planned")
                yield {
                    "backend": kind,
                    "readers": readers,
                    "seconds": round(found["seconds"], 2),
                    "cpu_seconds": round(found["cpu_seconds"], 2),
                    "peak_rss_mb": found["peak_rss_mb"],
                }


@contextmanager
def workspace(config: str = CONFIG) -> Iterator[Path]:
    """A folder with this configuration, deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name)
        write_config(folder, config)
        yield folder


def write_config(folder: Path, config: str = CONFIG) -> None:
    """Write a configuration and new keys into the folder."""
    (folder / "config.toml").write_text(config, encoding="utf-8")
    key_ring.create(folder / Keys.file, datetime.now(UTC))


def run_measured(
    folder: Path, url: str, action: Action, /, *arguments: object, section: str = "smtp", **keys: object
) -> dict[str, Any]:
    """Run an action in a process of its own; its figures. `keys`: of that section of the configuration.
    Raises Failed."""
    settings = environment(folder, url) | {
        f"MAILER_{section.upper()}__{key.upper()}": str(value) for key, value in keys.items()
    }
    command = [sys.executable, "-m", "mailer.bench.measurement_subprocess", action, *map(str, arguments)]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"measuring failed at {action}:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def environment(folder: Path, url: str) -> dict[str, str]:
    """The environment of a measured process: the folder's configuration, and this database."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
    if (certificate := folder / smtp_sinks_and_reference_senders.CERTIFICATE).exists():
        kept["SSL_CERT_FILE"] = str(certificate)
    return kept | {
        "MAILER_CONFIG": str(folder / "config.toml"),
        "DJANGO_SETTINGS_MODULE": "mailer.settings",
        "MAILER_DATABASE__URL": url,
    }


def _prepare(folder: Path, database: BenchmarkDatabase, messages: int) -> int:
    """Prepare subscribers, edition and mailing; returns the octets of a message on the wire."""
    run_measured(folder, database.origin, "prepare", messages, SIZE)
    _check(run_measured(folder, database.origin, "plan"), messages, "planned")
    with smtp_sinks_and_reference_senders.Scales() as scales:
        run_measured(folder, database.origin, "deliver_one", scales.port)
        return scales.octets


def _signing(keys: tuple[str, ...]) -> str:
    """A configuration section with new DKIM keys."""
    if not keys:
        return ""
    lines = ["[dkim]", 'domain = "example.org"']
    for kind in keys:
        prefix = "" if kind == "rsa" else "ed25519_"
        lines += [f'{prefix}selector = "bench-{kind}"', f'{prefix}key = """\n{_pem(kind)}"""']
    return "\n".join([*lines, ""])


def _pem(kind: str) -> str:
    key: PrivateKeyTypes = (
        Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _round(
    folder: Path, database: BenchmarkDatabase, kind: str, what: Plan, sessions: int, size: int
) -> _Round:
    messages, security = what.messages, "starttls" if what.tls else "none"
    with smtp_sinks_and_reference_senders.Sink(kind, folder if what.tls else None) as sink:
        with database.fresh() as url:
            before = sink.cpu_seconds()
            ours = run_measured(
                folder,
                url,
                "send",
                port=sink.port,
                host="127.0.0.1",
                connections=sessions,
                security=security,
            )
            sink_cpu = sink.cpu_seconds() - before
        _check(ours, messages, "accepted")
        if what.tls:
            theirs = smtp_sinks_and_reference_senders.curl(sink.port, messages, sessions, size, folder)
        else:
            # smtp-source adds to the requested size; subtract that first.
            asked = 2 * size - smtp_sinks_and_reference_senders.smtp_source_message_octets(size)
            theirs = smtp_sinks_and_reference_senders.source(sink.port, messages, sessions, asked)
    return _Round(
        ours["seconds"],
        ours["cpu_seconds"],
        theirs.seconds,
        theirs.cpu_seconds,
        sink_cpu,
        ours["peak_rss_mb"],
    )


def _signing_limit(keys: tuple[str, ...]) -> smtp_sinks_and_reference_senders.SigningSpeed | None:
    """What `openssl speed` signs if each message is signed with these keys; None without."""
    if not keys:
        return None
    speeds = [smtp_sinks_and_reference_senders.signing_speed(key) for key in keys]
    return smtp_sinks_and_reference_senders.SigningSpeed(
        1 / sum(1 / speed.per_second for speed in speeds), sum(speed.cpu_seconds for speed in speeds)
    )


def _signing_figures(
    messages: int, done: list[_Round], limits: list[smtp_sinks_and_reference_senders.SigningSpeed | None]
) -> dict[str, Any]:
    """Our rate beside `openssl speed`; empty without signatures.

    `signing_ratio` compares what the clock shows. The sink needs a part of the cores, which a relay on
    another machine does not: `signing_ratio_without_sink` is in proportion to the cores that it leaves.
    `signature_share` is the share of our processor time that openssl needs for the signatures alone; other
    load of the machine changes it least.
    """
    found = [limit for limit in limits if limit is not None]
    if not found:
        return {}
    limit = sum(one.per_second for one in found) / len(found)
    signature = min(one.cpu_seconds for one in found)
    rate = messages / median(one.ours_seconds for one in done)
    sink_cores = median(one.sink_cpu / one.ours_seconds for one in done)
    ours_cpu = median(one.ours_cpu for one in done) / messages
    return {
        "openssl_signs_per_s": round(limit),
        "signing_ratio": round(rate / limit, 2),
        "signing_ratio_without_sink": round(
            rate / (limit * (1 - sink_cores / smtp_sinks_and_reference_senders.cores())), 2
        ),
        "openssl_cpu_us": round(signature * 1e6, 1),
        "signature_share": round(signature / ours_cpu, 2),
    }


def _check(found: dict[str, Any], wanted: int, action: str) -> None:
    if found["done"] != wanted:
        raise Failed(f"only {found['done']} of {wanted} were {action}")


def _figures(
    kind: str, sink: str, sessions: int, what: Plan, size: int, done: list[_Round]
) -> dict[str, Any]:
    messages = what.messages
    ours = messages / median(one.ours_seconds for one in done)
    reference = messages / median(one.reference_seconds for one in done)
    cpu = median(one.ours_cpu for one in done)
    reference_cpu = median(one.reference_cpu for one in done)
    return {
        "backend": kind,
        "sink": sink,
        "tls": what.tls,
        "dkim": "+".join(what.dkim) or "none",
        "sessions": sessions,
        "messages": messages,
        "size_bytes": size,
        "ours_per_s": round(ours),
        "reference": "curl" if what.tls else "smtp-source",
        "reference_per_s": round(reference),
        "ratio": round(ours / reference, 2),
        "cpu_us_per_message": round(cpu / messages * 1e6, 1),
        "reference_cpu_us_per_message": round(reference_cpu / messages * 1e6, 1),
        "cpu_ratio": round(cpu / reference_cpu, 2),
        # Cores that the sink used while we sent; near 1 it was the bottleneck.
        "sink_cpu": round(median(one.sink_cpu / one.ours_seconds for one in done), 2),
        "peak_rss_mb": max(one.rss for one in done),
    }
