"""What one bad row, address or file could do to everybody else's mail: nothing."""

from __future__ import annotations

import pytest

from subscribers.models import Subscriber
from tests.delivery.cast import balances, readers, released, send, states
from tests.delivery.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(configure):
    with Relay() as server:
        configure(smtp={"port": server.port, "connections": 3})
        yield server


@pytest.mark.parametrize("address", ['"two words"@example.net', f"{'a' * 70}@example.net"])
def test_an_address_that_no_header_can_carry_is_refused_and_holds_up_nobody(relay, address):
    readers(5)
    mailing = released()
    Subscriber.objects.filter(email="reader-2@example.net").update(email=address)
    summary = send()
    assert states(mailing) == {"accepted": 4, "refused": 1}
    assert summary.finished == [mailing.pk] and balances(mailing)
