"""The benchmark of the sign-in does what its figures say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mailer.bench import page_load_times
from tests import cast


@pytest.mark.parametrize("networks", ["one", "many"])
def test_attackers_are_checked_or_refused_and_the_page_is_timed(
    live_server: Any, transactional_db: None, networks: str
) -> None:
    from mailer.accounts.models import SignInFailures
    from subscribers import tokens

    reader, newsletter = cast.reader("aigul", ("KZ",)), cast.newsletter()
    path = f"/unsubscribe/{tokens.make_token('unsubscribe', reader.pk, newsletter.pk)}/"
    port = int(live_server.url.rpartition(":")[2])
    # One client: in memory, all threads share a connection, and with it a transaction.
    figures = asyncio.run(page_load_times.time_page_during_failed_sign_ins(port, path, 1, networks, 1.5))
    assert figures["other"] == 0
    assert figures["checked"] > 0
    assert figures["p95_ms"] >= figures["p50_ms"] > 0
    # Only the one network comes to its limit, and is refused from then on.
    found = SignInFailures.objects.filter(key__startswith="network 10.", locked_until__isnull=False).exists()
    assert found is (figures["refused"] > 0)
    assert networks == "one" or not found
