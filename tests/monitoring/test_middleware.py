"""Ids of requests: in the response, in the log, and from which proxy they are taken."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from django.test import Client

from mailer.config import log_context
from mailer.config.log_masking import MaskingFormatter

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("peer", "sent", "taken"),
    [
        ("192.0.2.1", UUID, True),
        ("192.0.2.1", "9a3b" * 8, True),
        ("192.0.2.1", "short", False),
        ("192.0.2.1", f"{UUID} x=1", False),
        ("192.0.2.1", "a" * 37, False),
        ("203.0.113.5", UUID, False),
    ],
)
def test_the_id_of_a_configured_proxy_is_taken(configure: Any, peer: str, sent: str, taken: bool) -> None:
    configure(site={"trusted_proxies": ["192.0.2.1"]})
    found = Client().get("/healthz", REMOTE_ADDR=peer, headers={"X-Request-ID": sent})["X-Request-ID"]
    assert (found == sent) is taken
    assert taken or len(found) == 16


def test_log_lines_of_a_request_end_in_its_id(db: None) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(MaskingFormatter("%(message)s"))
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    level = logger.level
    # Not by its attribute: what it answered before about levels is remembered.
    logger.setLevel(logging.WARNING)
    try:
        answers = [Client().get("/no-such-page/") for _ in range(2)]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    ids = [answer["X-Request-ID"] for answer in answers]
    assert ids[0] != ids[1]
    lines = written.getvalue().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == [f"request_id={one}" for one in ids]
    assert log_context.current_log_id() is None


def test_refusals_of_the_api_have_an_id_too(db: None) -> None:
    answer = Client().get("/api/v1/key")
    assert (answer.status_code, len(answer["X-Request-ID"])) == (401, 16)
