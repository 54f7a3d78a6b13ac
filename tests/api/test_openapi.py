"""Schemathesis calls every operation with data that fit the OpenAPI document, and with data that do not.

Every answer is one that the document describes: no error of the server, no undescribed status, media type or
field, and nothing accepted that the document forbids. API_EXAMPLES=200 makes a longer run by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mailer.api.openapi import document
from tests.api.client import make_key
from tests.api.test_roles import ids
from tests.desk.cast import Desk

__all__ = ["ids"]

EXAMPLES = int(os.environ.get("API_EXAMPLES", "2"))
SEED = 20211203


@pytest.fixture
def schema(desk: Desk, configure: Any) -> Iterator[Any]:
    configure(api={"requests_per_minute": 1_000_000}, signup={"emails_per_hour": 1_000_000})
    desk.admin.is_superuser = True
    desk.admin.save()
    loaded = schemathesis.openapi.from_dict(document())
    loaded.app = get_wsgi_application()
    # Looking for constants in our source takes a tenth of the time; two examples need none.
    loaded.config.analysis.constants.enabled = False
    # The end of a request closes the connection, and with it the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield loaded
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_answer_is_one_that_the_document_describes(
    desk: Desk, ids: dict[str, int], schema: Any, mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {make_key(desk.admin)}", "Host": "localhost"}
    found = []
    for operation in operations(schema):
        known = {one.name: ids[one.name] for one in operation.path_parameters}
        # Data that fit are about rows that exist, so that operations do what they are for.
        chosen = {"path_parameters": known} if mode.is_positive and known else {}
        strategy = operation.as_strategy(generation_mode=mode, **chosen)

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def check(case: Any) -> None:
            with transaction.atomic():
                try:
                    # Data that fit may still name lists that do not exist.
                    case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])
                finally:
                    transaction.set_rollback(True)

        try:
            check()
        except FailureGroup as group:
            found += [f"{operation.label}: {one}" for one in group.exceptions]
    assert not found, "\n\n".join(found)
