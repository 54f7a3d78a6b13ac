"""Points the settings at the tests' configuration before anything loads them."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, settings

# The tests start some hundred programs of ours: what those import is compiled once, and not by each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Loading and collecting make no garbage: nobody looks for any until the tests begin.
gc.disable()

# What a shell starts in the background ignores Ctrl-C, and the tests' programs would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No property test depends on how fast the machine is, or on what else it does. Each run draws other examples:
# many runs of some find what one run of more would.
settings.register_profile(
    "mailer",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("mailer")

os.environ["MAILER_CONFIG"] = str(Path(__file__).with_name("config.toml"))
os.environ.setdefault("MAILER_STORAGE__PATH", tempfile.mkdtemp(prefix="mailer-tests-"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
# Playwright's loop runs in the test's thread beside Django's synchronous database calls.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
# WhiteNoise warns of a missing folder, and warnings are errors here.
(Path(os.environ["MAILER_STORAGE__PATH"]) / "static").mkdir(parents=True, exist_ok=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shuffle", type=int, metavar="SEED", help="run the tests in random order, by this seed"
    )


_TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Beside other processes each begins at another folder, and compiles what no other has compiled yet.

    Where nothing is compiled, that takes longer than loading, and all of them would do the same.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or [Path(one).absolute() for one in session.config.args] != [_TESTS]:
        return
    modules = sorted(_TESTS.rglob("test_*.py"))
    parts = list(dict.fromkeys(str(_TESTS / _part(one)) for one in modules))
    place = len(modules) * int(worker.removeprefix("gw")) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    begin = parts.index(str(_TESTS / _part(modules[place])))
    session.config.args = parts[begin:] + parts[:begin]


def _part(path: Path) -> str:
    """The folder of the tests, or the module beside such folders, that a module is in."""
    return path.relative_to(_TESTS).parts[0] if path.is_relative_to(_TESTS) else ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every process has the same order, wherever it began.

    With --shuffle: the modules in random order, and within each its tests.

    A module stays together, for the sake of its fixtures.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _part(item.path))
        for item in items:
            if item.get_closest_marker("xdist_group") is None:
                # One process has a module's fixtures, and what its tests build and remember.
                item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(_TESTS))))
    seed = config.getoption("shuffle")
    if seed is None:
        return
    chance = random.Random(seed)
    items.sort(key=lambda item: item.nodeid)
    chance.shuffle(items)
    rank: dict[Path, float] = {}
    for item in items:
        rank.setdefault(item.path, chance.random())
    items.sort(key=lambda item: rank[item.path])


def quick_passwords() -> AbstractContextManager[None]:
    """Passwords are hashed in no time: the slowness that protects them is Django's, and under test there."""
    return override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])


def examples(count: int) -> int:
    """How many examples a property of something in the database gets; on PostgreSQL a third.

    Its rules are the same on both: statements differ, and each example executes most of them.
    """
    on_postgresql = os.environ.get("MAILER_DATABASE__URL", "").startswith("postgresql")
    return -(-count // 3) if on_postgresql else count


def pytest_collection_finish() -> None:
    """What is loaded by now stays, and is not looked through again and again."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 10, 10)
