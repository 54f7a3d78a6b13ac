"""A process that has loaded Django and the models, and starts programs of ours by forking itself.

Most of the time of a short program is loading what every program loads. tests/programs.py starts this one
with the environment of the first program that it is asked for, and describes each program in a request. A
forked process loads the settings again, with an environment of its own, and runs the program as Python would.
Where its settings have other applications or another database than those that are loaded, it replaces itself
with a new Python.
"""

from __future__ import annotations

import array
import faulthandler
import functools
import gc
import json
import os
import runpy
import socket
import sys
import threading
import time
from importlib import import_module
from types import ModuleType
from typing import Any

SOCKET = "TEST_PROGRAM_SERVER"
# What most commands load, and nothing that depends on the configuration.
_COMMANDS = (
    "mailer.cli.edition",
    "mailer.cli.doctor",
    "mailer.cli.processes",
    "mailer.worker.process_startup",
    "mailer.worker.single_worker",
)
_SETTINGS = ("mailer.settings", "mailer.settings_without_web")
_PACKAGES = ("mailer", "subscribers", "django", "wagtail")


def main() -> None:
    connection = socket.socket(fileno=int(os.environ.pop(SOCKET)))
    _load()
    connection.sendall(b"ready\n")
    while True:
        request, descriptors = _receive(connection)
        if request is None:
            return
        if _fork(connection):
            break
        for one in descriptors:
            os.close(one)
    connection.close()
    _become(request, descriptors)
    _run(request["arguments"])


def _load() -> None:
    from mailer.cli.main import start_django

    start_django(desk=os.environ["DJANGO_SETTINGS_MODULE"] == "mailer.settings")
    for name in _COMMANDS:
        import_module(name)
    gc.collect()
    for one in gc.get_objects():
        # What was looked up in these settings.
        if type(one) is functools._lru_cache_wrapper and one.__module__.startswith(_PACKAGES):
            one.cache_clear()
    gc.freeze()
    assert threading.active_count() == 1, threading.enumerate()


def _receive(connection: socket.socket) -> tuple[Any, list[int]]:
    """A request, and the standard streams of its program; None when the tests have ended."""
    found = array.array("i")
    data, ancillary, *_ = connection.recvmsg(8, socket.CMSG_SPACE(3 * found.itemsize))
    for _, _, content in ancillary:
        found.frombytes(content)
    if not data:
        return None, []
    text = b""
    while len(text) < int(data, 16):
        text += connection.recv(int(data, 16) - len(text))
    return json.loads(text), found.tolist()


def _fork(connection: socket.socket) -> bool:
    """Whether this is the new process. Its parent ends, so the process of the tests becomes its parent."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    parent = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == parent:
        time.sleep(0.0005)
    connection.sendall(b"%d\n" % os.getpid())
    return True


def _become(request: Any, descriptors: list[int]) -> None:
    """Be what the new process of a program is."""
    for target, one in enumerate(descriptors):
        os.dup2(one, target)
    os.closerange(3, max(descriptors) + 1)
    # SIGABRT lets it say what its threads do.
    faulthandler.enable(2)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["session"]:
        os.setsid()
    if request["umask"] >= 0:
        os.umask(request["umask"])
    sys.orig_argv[:] = request["arguments"]
    if "TEST_LOGS" in os.environ:
        import_module("sitecustomize")._note_secrets(os.environ["TEST_LOGS"])
    _forget_settings()


def _forget_settings() -> None:
    import django
    from django.conf import empty, settings
    from django.core.cache import caches
    from django.core.files.storage import storages
    from django.db import connections

    loaded = _loaded(settings)
    package: ModuleType = sys.modules["mailer"]
    for name in _SETTINGS:
        sys.modules.pop(name, None)
        vars(package).pop(name.rpartition(".")[2], None)
    vars(settings).clear()
    vars(settings)["_wrapped"] = empty
    for handler in (connections, caches):
        vars(handler).pop("settings", None)
        handler.__init__()  # type: ignore[misc]
    vars(storages).clear()
    storages.__init__()  # type: ignore[misc]
    setup = django.setup

    def checked(set_prefix: bool = True) -> None:
        if _loaded(settings) != loaded:
            os.execv(sys.executable, sys.orig_argv)
        setup(set_prefix)

    django.setup = checked


def _loaded(settings: Any) -> Any:
    """The settings that decide what is loaded."""
    return settings.INSTALLED_APPS, settings.DATABASES["default"]["ENGINE"], settings.DESK


def _run(arguments: list[str]) -> None:
    """As Python does what its command line says: -m MODULE …, or -c CODE …"""
    _, how, what, *rest = arguments
    sys.path[0] = os.getcwd() if how == "-m" else ""
    sys.argv = [how, *rest]
    if how == "-m":
        runpy._run_module_as_main(what)  # type: ignore[attr-defined]
    else:
        exec(compile(what, "<string>", "exec"), vars(sys.modules["__main__"]))
