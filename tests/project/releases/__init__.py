"""Databases as earlier releases left them, and what those releases do with them.

    python -m tests.project.releases

writes three files here for the version in pyproject.toml: VERSION.sqlite.gz (a database file),
VERSION.postgresql.gz (by pg_dump) and VERSION.json.gz (the statements that the release executed meanwhile).
`make release-dump` does it. test_upgrades.py reads them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.postgres import ROOT, Server, dump, serving

FOLDER = Path(__file__).parent
BACKENDS = ("sqlite", "postgresql")
_ENVIRONMENT = {
    "MAILER_CONFIG": str(ROOT / "tests" / "config.toml"),
    "DJANGO_SETTINGS_MODULE": "mailer.settings",
}
# Longer ones are bulk inserts of which there are shorter ones too.
_LONGEST_STATEMENT = 6_000


@dataclass(frozen=True)
class Statement:
    """One that the release executed; placeholders are %s."""

    sql: str
    # Placeholders; None: the text is not formatted.
    parameters: int | None


@dataclass(frozen=True)
class Release:
    """The files of a release."""

    version: str
    folder: Path = FOLDER

    def dump(self, backend: str) -> Path:
        return self.folder / f"{self.version}.{backend}.gz"

    @property
    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(
            gzip.decompress((self.folder / f"{self.version}.json.gz").read_bytes())
        )
        return record

    @property
    def migrations(self) -> str:
        """The digest of the migrations that made the databases."""
        return str(self._record["migrations"])

    def statements(self, backend: str) -> list[Statement]:
        return [Statement(*one) for one in self._record["statements"][backend]]


def stored() -> list[Release]:
    """Every release of which there are files."""
    return [Release(path.name.removesuffix(".json.gz")) for path in sorted(FOLDER.glob("*.json.gz"))]


def current_version() -> str:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def is_released(version: str) -> bool:
    """What CHANGELOG.md says of it."""
    return f"## {version} — unreleased" not in (ROOT / "CHANGELOG.md").read_text("utf-8")


def migrations_digest() -> str:
    """The digest of the migrations of both packages, and of what they create besides tables."""
    digest = hashlib.sha256()
    for package in ("mailer", "subscribers"):
        for path in sorted((ROOT / package / "migrations").glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def make(
    version: str,
    server: Server | None,
    folder: Path = FOLDER,
    backends: Sequence[str] = BACKENDS,
) -> Release:
    """Write the files of a release, made by the code as it is now; PostgreSQL's need a server."""
    release = Release(version, folder)
    statements = {}
    with tempfile.TemporaryDirectory(prefix="mailer-release-") as name:
        work = Path(name)
        for backend in backends:
            database = work / "mailer.db"
            url = f"sqlite:///{database}"
            if server and backend == "postgresql":
                url = server.database(f"release_{os.getpid()}")
            run(url, "-m", "tests.project.releases", "--fill", str(work / "statements.json"))
            statements[backend] = json.loads((work / "statements.json").read_text("utf-8"))
            plain = work / "dump"
            if backend == "sqlite":
                with closing(sqlite3.connect(database)) as source:
                    source.execute("VACUUM INTO ?", [str(plain)])
            else:
                plain.write_bytes(dump(url))
            # Without a time in it, so that the same content gives the same file.
            release.dump(backend).write_bytes(gzip.compress(plain.read_bytes(), 9, mtime=0))
    record = {"migrations": migrations_digest(), "statements": statements}
    (folder / f"{version}.json.gz").write_bytes(gzip.compress(json.dumps(record).encode(), 9, mtime=0))
    return release


def load(release: Release, backend: str, folder: Path, server: Server | None) -> str:
    """A new database with what the release left in it; its URL."""
    content = gzip.decompress(release.dump(backend).read_bytes())
    if server is None:
        path = folder / "mailer.db"
        path.write_bytes(content)
        return f"sqlite:///{path}"
    return server.restored(f"upgraded_{os.getpid()}", content.decode())


def copy(server: Server, url: str, name: str) -> str:
    """A database with the same content, dumped and loaded; its URL."""
    return server.restored(f"{name}_copy_{os.getpid()}", dump(url).decode())


def run(url: str, *arguments: str) -> None:
    """Run Python with this database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"MAILER_DATABASE__URL": url, **_ENVIRONMENT}
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True)


def _fill(statements: Path) -> None:
    """Migrate the database and put a row of most kinds into it; write down what was executed."""
    # Not that of the tests, if one of them called this.
    storage = os.environ["MAILER_STORAGE__PATH"] = tempfile.mkdtemp(prefix="mailer-release-")
    import django

    django.setup()
    from django.core.management import call_command
    from django.core.management.commands import migrate
    from django.db import connection

    # Django's own: what the migrations make is compared with what mailer/database_schema loads.
    call_command(migrate.Command(), verbosity=0)
    executed: dict[str, int | None] = {}

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        one = (params[0] if params else None) if many else params
        if (
            sql.lstrip()[:6].upper() in ("SELECT", "INSERT", "UPDATE", "DELETE")
            and len(sql) < _LONGEST_STATEMENT
        ):
            executed.setdefault(sql, None if one is None else len(one))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        _live()
    shutil.rmtree(storage, ignore_errors=True)
    statements.write_text(json.dumps(list(executed.items())), encoding="utf-8")


def _live() -> None:
    """What an installation does in its first days, as far as it needs no other server."""
    from datetime import timedelta

    from mailer.delivery.ledger import claim_and_record
    from mailer.delivery.models import Mailing, OutboxMessage
    from mailer.delivery.outbox import staff_alerts
    from mailer.feedback.models import WebhookPayload
    from mailer.job_index import JOBS
    from mailer.reports.stats import mailing_totals
    from subscribers import suppression
    from tests import cast
    from tests.delivery.cast import readers, released

    readers(3)
    suppression.suppress_manually("gone@example.net", "on request", cast.NOW)
    mailing = released()
    staff_alerts.warn("test", "Please check.", mailing.pk, cast.NOW)
    claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "worker", cast.NOW + timedelta(minutes=5), 2, cast.NOW
    )
    claim_and_record.release([], "worker", cast.NOW)
    mailing_totals(mailing)
    WebhookPayload.objects.create(service="brevo", body=b"{}", due_at=cast.NOW + timedelta(days=9))
    OutboxMessage.objects.update(due_at=cast.NOW + timedelta(days=9))
    Mailing.objects.update(state=Mailing.State.PAUSED)
    for job in JOBS:
        # With nothing to send or to fetch: what a worker asks again and again.
        if job.name not in ("serve lmtp", "gather stories"):
            job.run(lambda: cast.NOW, lambda: False)


def main() -> None:
    if sys.argv[1:2] == ["--fill"]:
        _fill(Path(sys.argv[2]))
        return
    os.environ |= _ENVIRONMENT
    with serving() as server:
        release = make(current_version(), server)
    for path in sorted(FOLDER.glob(f"{release.version}.*.gz")):
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB\n")
