"""HTTP to a service, and to nowhere else: no redirect, no proxy or password that the machine knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from mailer.delivery.esp.errors import Lost, NotSent

# Seconds for a connection, and for each wait for the answer.
CONNECT, READ = 10.0, 60.0


@contextmanager
def _connecting() -> Iterator[None]:
    """Whatever goes wrong before a connection stands, TLS included: nothing of the call was sent."""
    try:
        yield
    except Exception as error:
        raise NotSent(f"cannot be reached ({type(error).__name__})") from error


class _Plain(HTTPConnection):
    def connect(self) -> None:
        with _connecting():
            super().connect()


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        with _connecting():
            super().connect()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


def session() -> requests.Session:
    """A session for one thread. Where it cannot connect it raises NotSent."""
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", _Adapter())
    made.mount("https://", _Adapter())
    return made


def ask(session: requests.Session, **request: Any) -> requests.Response:
    """One call. Raises NotSent when nothing left, Lost when it left and no answer came."""
    try:
        return session.request(timeout=(CONNECT, READ), allow_redirects=False, **request)
    except requests.RequestException as error:
        raise Lost(f"no answer came ({type(error).__name__})") from error
