from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailer.delivery.esp.call_outcomes import (
    ENOUGH_REJECTIONS,
    AccountError,
    Ambiguous,
    Attribution,
    NoResponse,
    Throttled,
    raise_for_status,
    redact_addresses_and_secrets,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, Throttled) for status in (429, 500, 501, 503, 520)),
        *((status, NoResponse) for status in (408, 502, 504)),
        *((status, Ambiguous) for status in (400, 409, 413, 422)),
        *((status, AccountError) for status in (301, 307, 401, 402, 403, 404, 405)),
    ],
)
def test_each_http_status_has_its_error(status, error):
    with pytest.raises(error, match=f"Postmark answered {status}"):
        raise_for_status("Postmark", status, "", None, NOW)


def test_a_successful_status_raises_nothing():
    raise_for_status("Postmark", 200, "", None, NOW)
    raise_for_status("Postmark", 202, "", None, NOW)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("-1", 0),
        ("Tue, 24 Nov 2026 04:00:10 GMT", 10),
        ("Tue, 24 Nov 2026 03:59:00 GMT", 0),
        ("soon", None),
        ("Mon, 1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


def test_redacted_text_contains_no_address_and_no_secret():
    text = redact_addresses_and_secrets(
        "key k3y: <aida@example.net>,\n'b.c+d@sub.example.org' is unknown", ["k3y", ""]
    )
    assert text == "key …: <(address)>, '(address)' is unknown"


def test_ambiguous_rejections_are_the_recipients_own_once_a_message_was_accepted():
    attribution = Attribution[str]()
    assert attribution.rejected(1, "a") == []
    assert attribution.accepted(2) == []
    assert attribution.accepted(1) == ["a"]
    assert attribution.rejected(1, "b") == ["b"] and attribution.unattributable(idle=True) == []


def test_ambiguous_rejections_are_ours_if_there_are_enough_or_no_message_is_left():
    attribution = Attribution[int]()
    for number in range(ENOUGH_REJECTIONS - 1):
        attribution.rejected(1, number)
    assert attribution.unattributable(idle=False) == []
    attribution.rejected(2, 9)
    attribution.rejected(1, ENOUGH_REJECTIONS)
    assert attribution.unattributable(idle=False) == [(1, [*range(ENOUGH_REJECTIONS - 1), ENOUGH_REJECTIONS])]
    assert attribution.unattributable(idle=True) == [(2, [9])]
