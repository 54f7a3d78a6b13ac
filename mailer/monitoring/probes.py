"""Probes for load balancers and process managers: `/healthz` (alive) and `/readyz` (can serve).

Neither writes, and neither needs a session.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from mailer.config import ConfigError, key_ring
from subscribers import verify_address_hash_key


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """`/healthz`: 200 as long as this process answers, whatever the database does."""
    return _response({"process": "ok"}, 200)


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """`/readyz`: 200 when pages can be served, else 503; JSON with "ok" or "failed" for each check.

    A check that needs one that failed is left out.
    """
    results: dict[str, str] = {}
    for name, check in _CHECKS.items():
        results[name] = "ok" if check() else "failed"
        if results[name] == "failed":
            break
    return _response(results, 503 if "failed" in results.values() else 200)


def _response(content: dict[str, str], status: int) -> HttpResponse:
    response = JsonResponse(content, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        return False


def _is_migrated() -> bool:
    """Whether all migrations of this release are applied; those of a newer release may be too."""
    try:
        applied = set(MigrationRecorder.Migration.objects.values_list("app", "name"))
    except DatabaseError:
        # There is no such table.
        return False
    return _migrations() <= applied


def _keys_fit() -> bool:
    """Whether the keys file can be read, and its key of the address hashes is the database's."""
    try:
        key_ring.load(settings.CONFIG.path(settings.CONFIG.keys.file), datetime.now(UTC))
        verify_address_hash_key.verify_address_hash_key()
    except (ConfigError, verify_address_hash_key.WrongAddressHashKey):
        return False
    return True


_CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database_answers,
    "migrations": _is_migrated,
    "keys": _keys_fit,
}


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """App and name of every migration of this release, by file name: loading them all takes a second."""
    return frozenset(_migration_files())


def _migration_files() -> Iterator[tuple[str, str]]:
    for app in apps.get_app_configs():
        try:
            package = import_module(f"{app.name}.migrations")
        except ModuleNotFoundError:
            continue
        for module in pkgutil.iter_modules(package.__path__):
            # As Django's loader does.
            if not module.ispkg and module.name[0] not in "_~":
                yield app.label, module.name
