"""The client's address behind proxies: what a client writes itself is never believed."""

from __future__ import annotations

import pytest

from subscribers.client_address import address_from
from subscribers.consent import network_of
from subscribers.subscribe import signup_limits
from tests.cast import NOW

PROXIES = ("127.0.0.1", "10.0.0.0/24", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        # Only proxies are believed.
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        # From right to left: two proxies of ours, then the client, then what it invented.
        ("127.0.0.1", "192.0.2.66, 127.0.0.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("10.0.0.7", "192.0.2.66,203.0.113.9", "203.0.113.9"),
        ("2001:db8:1::5", "2001:db8:7::1", "2001:db8:7::1"),
        # A request that a proxy made itself.
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
        # Some proxies add the port.
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8:7::1]:4711", "2001:db8:7::1"),
        ("::ffff:127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        # What is no address has none.
        ("127.0.0.1", "unknown", ""),
        ("127.0.0.1", "203.0.113.9, <script>", ""),
        ("127.0.0.1", "203.0.113.9, 1" + "0" * 5_000, ""),
        ("", "203.0.113.9", ""),
        ("unix:", "203.0.113.9", ""),
    ],
)
def test_it_is_the_first_from_the_right_that_is_no_proxy(
    configure, peer: str, forwarded: str, client: str
) -> None:
    configure(site={"trusted_proxies": PROXIES})
    assert address_from({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == client


@pytest.mark.django_db
@pytest.mark.both_databases
def test_all_who_have_no_address_share_a_limit(configure) -> None:
    configure(signup={"per_network_per_hour": 2})
    for number, said in enumerate(("unknown", "x", "_hidden")):
        network = network_of(address_from({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": said}))
        decision = signup_limits.decide_and_count_signup(f"a@{number}.example.org", network, True, NOW)
        assert decision == ("go" if number < 2 else "busy")
