"""Tokens of ours are found anywhere in a bounce, and forged ones are not."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery import message_identifiers
from mailer.feedback.parsing.parse import parse_message
from tests.feedback.parsing.test_parse import EXPECTED, sample

BOUNCES = [name for name, expected in EXPECTED.items() if expected.get("kind", "bounce") == "bounce"]
COMPLAINTS = [name for name, expected in EXPECTED.items() if expected.get("kind") == "complaint"]
ID = st.integers(min_value=1, max_value=2**63 - 1)
# What mail servers write on arrival.
ARRIVALS = st.sampled_from(
    ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Rcpt-To", "To"]
)
DRESSES = st.sampled_from(
    [
        "{local}@{domain}",
        "<{local}@{domain}>",
        '"{local}"@{domain}',
        "Returned mail <{local}@{domain}>",
        "prvs=0123456789={local}@{domain}",
        "SRS0=Xy1z=AB={domain}={local}@forwarder.example",
        "{local}+spam@{domain}",
    ]
)
CASES = st.sampled_from([str, str.upper])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
# How the returned message's head may travel.
ENCODINGS = st.sampled_from(["7bit", "base64", "quoted-printable"])
HEADS = st.sampled_from(["text/rfc822-headers", "message/rfc822", "text/plain"])


def ends(raw: bytes, end: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", end)


def encoded(text: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(text)
    return quopri.encodestring(text) if encoding == "quoted-printable" else text


def bounce(head: str, kind: str, encoding: str, extra: str = "") -> bytes:
    """A report whose returned head is `head`; its own envelope and headers name no copy of ours."""
    returned = encoded(head.encode(), encoding).decode()
    return f"""Return-Path: <>
Delivered-To: bounces@example.org
From: Mail Delivery System <mailer-daemon@relay.example>
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

<reader@readers.example>: 550 5.1.1 User unknown

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
{extra}
Final-Recipient: rfc822; reader@readers.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--b
Content-Type: {kind}
Content-Transfer-Encoding: {encoding}

{returned}
--b--
""".encode()


@given(st.sampled_from(BOUNCES + COMPLAINTS), ID, ARRIVALS, DRESSES, CASES, ENDS)
def test_an_envelope_token_identifies_the_delivery(name, delivery, field, dress, case, end):
    local, domain = message_identifiers.envelope_sender(delivery).split("@")
    written = case(dress.format(local=local, domain=domain))
    raw = ends(f"{field}: {written}\n".encode() + sample(name), end)
    reading = parse_message(raw)
    assert (reading.delivery, reading.identity) == (delivery, "verp")
    assert parse_message(ends(sample(name), end), written).delivery == delivery


@given(ID, HEADS, ENCODINGS, CASES, ENDS)
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Message-ID: {message_id}", "message_id"),
        # The relay has given it a Message-ID and a sender of its own, and keeps what it does not know.
        ("Message-ID: <1@relay.example>\nX-Delivery: {token}", "verp"),
        ("Message-ID: <1@relay.example>\nReturn-Path: <{address}>", "verp"),
        ("References: <first@example.org>\n {message_id}", "message_id"),
    ],
    ids=["message-id", "x-delivery", "return-path", "references"],
)
def test_a_token_in_the_returned_header_identifies_the_delivery(
    line, found, delivery, kind, encoding, case, end
):
    names = {
        "message_id": message_identifiers.message_id(delivery, "office.example.org"),
        "address": message_identifiers.envelope_sender(delivery),
        "token": message_identifiers.envelope_sender(delivery).split("@")[0].removeprefix("b+"),
    }
    head = "From: news@example.org\n" + case(line.format(**names)) + "\nSubject: December"
    reading = parse_message(ends(bounce(head, kind, encoding), end))
    assert (reading.delivery, reading.identity) == (delivery, found)


@given(ID, ENDS)
def test_the_original_envelope_id_identifies_the_delivery(delivery, end):
    token = message_identifiers.envelope_sender(delivery).split("@")[0].removeprefix("b+")
    raw = bounce("", "text/plain", "7bit", f"Original-Envelope-Id: {token}\n")
    assert parse_message(ends(raw, end)).delivery == delivery


@given(ID, st.integers(min_value=0, max_value=19), st.sampled_from("0123456789abcdef"))
def test_a_token_with_one_changed_digit_is_rejected(delivery, place, digit):
    local, domain = message_identifiers.envelope_sender(delivery).split("@")
    at = len(local) - 20 + place
    forged = local[:at] + digit + local[at + 1 :]
    reading = parse_message(sample("postfix-unknown.eml"), f"{forged}@{domain}")
    assert reading.delivery == (delivery if forged == local else None)


def test_a_message_that_quotes_a_token_is_no_bounce():
    quoted = message_identifiers.message_id(7, "example.org")
    raw = f"From: dana@ministry.example\nSubject: Re: news\n\n> {quoted}\n".encode()
    assert (parse_message(raw).kind, parse_message(raw).delivery) == ("other", None)
