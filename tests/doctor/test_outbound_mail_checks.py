"""Checks of outbound mail against real servers on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailer.delivery.smtp import relays
from mailer.doctor import outbound_mail_checks
from tests.delivery.relay import Relay, Script

NOW = datetime.now(UTC)


def statuses(findings) -> dict[str, str]:
    return {found.check: found.status for found in findings}


def test_a_relay_is_connected_and_authenticated_and_gets_no_mail(context, certificate):
    trusting, server = certificate
    script = Script(tls=server, login=("mailer", "secret"))
    with Relay(script) as there:
        one = relays.Relay(
            "localhost", there.port, "starttls", username="mailer", password="secret", tls_context=trusting
        )
        found = list(outbound_mail_checks.check_relay(context(), one, NOW - timedelta(days=30)))
        assert statuses(found) == {"relay": "ok", "tls": "ok"}
        assert "PIPELINING" in found[0].message and "as mailer" in found[0].message
        assert "TLSv1" in found[1].message
        assert not any(line.startswith(("MAIL", "RCPT", "DATA")) for line in there.commands)
        (soon,) = [one for one in outbound_mail_checks.check_relay(context(), one, NOW) if one.check == "tls"]
        assert soon.status == "warning"


def test_a_relay_that_does_not_work_is_a_problem_with_its_reason(context, certificate):
    with Relay(Script(login=("mailer", "secret"))) as there:
        wrong = relays.Relay("localhost", there.port, username="mailer", password="guess")
        (found,) = outbound_mail_checks.check_relay(context(), wrong, NOW)
        assert found.status == "problem" and "535" in found.message
        (found,) = outbound_mail_checks.check_relay(
            context(), relays.Relay("localhost", there.port, "starttls"), NOW
        )
        assert found.status == "problem" and "STARTTLS" in found.message
    (found,) = outbound_mail_checks.check_relay(context(), relays.Relay("localhost", there.port), NOW)
    assert found.status == "problem" and "cannot be reached" in found.message
    with Relay(Script(greeting="554 go away")) as there:
        (found,) = outbound_mail_checks.check_relay(context(), relays.Relay("localhost", there.port), NOW)
        assert found.status == "problem" and "go away" in found.message


def test_a_relay_with_a_low_size_limit_is_a_warning(context):
    with Relay(Script(offers=("SIZE 50000",))) as there:
        found = list(outbound_mail_checks.check_relay(context(), relays.Relay("localhost", there.port), NOW))
    assert [one.status for one in found] == ["ok", "warning"] and "50 KB" in found[1].message


def test_a_silent_relay_times_out(context):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        (found,) = outbound_mail_checks.check_relay(
            context(timeout=0.5), relays.Relay("localhost", port), NOW
        )
    assert found.status == "problem"


@pytest.mark.parametrize(
    ("host", "pointer", "status"),
    [
        ("localhost", "news.example.org.", "ok"),
        ("localhost", "elsewhere.example.net.", "problem"),
        ("localhost", "", "problem"),
        ("mail.example.net", "", "warning"),
    ],
)
def test_the_sending_address_needs_forward_confirmed_reverse_dns(zone, context, host, pointer, status):
    zone.has("news.example.org", "A", "192.0.2.50")
    zone.has("mail.example.net", "A", "192.0.2.50")
    zone.has("elsewhere.example.net", "A", "192.0.2.51")
    if pointer:
        zone.has("50.2.0.192.in-addr.arpa", "PTR", pointer)
    (found,) = outbound_mail_checks.check_reverse_dns(context(smtp={"host": host}))
    assert found.status == status
    if status == "problem":
        assert (found.records[0].name, found.records[0].value) == (
            "50.2.0.192.in-addr.arpa",
            "news.example.org.",
        )


@pytest.mark.parametrize("address", ["10.0.0.7", "127.0.0.1"])
def test_reverse_dns_of_a_private_address_is_skipped(zone, context, address):
    zone.has("mail.example.net", "A", address)
    (found,) = outbound_mail_checks.check_reverse_dns(context())
    assert found.status == "skipped"
