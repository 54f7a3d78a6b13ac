"""Delivery reports (RFC 3464) as servers write them: loose, damaged, or about several recipients."""

from __future__ import annotations

import base64

import pytest

from mailer.feedback.parsing.parse import parse_message

TO = "aigerim.s@villages.example"
FAILED = f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1\n"


def report(
    fields: str,
    *,
    kind: str = "multipart/report; report-type=delivery-status",
    part: str = "message/delivery-status",
    words: str = "It did not arrive.",
    returned_to: str = TO,
    writer: str = "MAILER-DAEMON@mx.villages.example",
) -> bytes:
    returned = (
        f"--B\nContent-Type: message/rfc822\n\nFrom: digest@news.example.org\nTo: {returned_to}\n\nStories.\n"
    )
    return (
        f"From: {writer}\nTo: b@news.example.org\nSubject: Undelivered\nContent-Type: {kind}; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\n{words}\n\n--B\nContent-Type: {part}\n\n{fields}\n\n"
        f"{returned}--B--\n"
    ).encode()


@pytest.mark.parametrize(
    "raw",
    [
        report(FAILED),
        report(f"Reporting-MTA: dns; mx.villages.example\n\n{FAILED}"),
        report(f"Reporting-MTA: dns; mx.villages.example\n{FAILED}"),
        report(FAILED.replace("rfc822; ", "")),
        report(FAILED.replace("rfc822; ", "rfc822;\n  ")),
        report(FAILED.replace(TO, f"<{TO.upper()}>")),
        report(FAILED.replace(TO, f"@mx.villages.example:{TO}")),
        report(FAILED.lower()),
        report(FAILED.replace("Final-", "Original-")),
        report(FAILED.replace("Action: failed\n", "")),
        report(FAILED.replace("failed", "Failed (permanent)").replace("5.1.1", "5.1.1 (no such user)")),
        report(FAILED.replace("rfc822;", "utf-8;"), part="message/global-delivery-status"),
        report(FAILED, part="text/plain"),
        report(FAILED, part="application/octet-stream; name=report"),
        report(FAILED, kind="multipart/mixed"),
        report(FAILED, writer="somebody@mx.villages.example"),
        report(
            base64.b64encode(FAILED.encode()).decode().rstrip("="),
            part="message/delivery-status\nContent-Transfer-Encoding: base64",
        ),
        report(
            FAILED.replace("failed", "fai=\nled"),
            part="message/delivery-status\nContent-Transfer-Encoding: quoted-printable",
        ),
        report("", words=f"<{TO}>: 550 5.1.1 user unknown"),
        b"List-Id: <digest.news.example.org>\nPrecedence: bulk\n" + report(FAILED),
    ],
    ids=range(20),
)
def test_a_report_in_any_form_names_the_recipient_and_reason(raw: bytes) -> None:
    reading = parse_message(raw)
    (found,) = reading.recipients
    assert (reading.kind, found.address, found.classification.reason, found.classification.status) == (
        "bounce",
        TO,
        "unknown_user",
        "5.1.1",
    )


@pytest.mark.parametrize("name", ["x400; /PN=1/OU=2", "rfc822; aigerim", "unknown"])
def test_a_report_without_an_address_gets_the_returned_to(name: str) -> None:
    (found,) = parse_message(report(FAILED.replace(f"rfc822; {TO}", name))).recipients
    assert (found.address, found.classification.reason) == (TO, "unknown_user")


def test_a_forwarded_recipient_keeps_the_original_address_as_alias() -> None:
    forwarded = FAILED.replace(TO, "private@elsewhere.example")
    assert parse_message(report(f"{forwarded}Original-Recipient: rfc822; {TO}\n")).recipients[0].alias == TO
    (found,) = parse_message(report(forwarded)).recipients
    assert (found.address, found.alias) == ("private@elsewhere.example", TO)


def test_each_recipient_of_a_report_is_classified_separately() -> None:
    full = "Final-Recipient: rfc822; two@villages.example\nAction: failed\nStatus: 5.0.0\n"
    waiting = "Final-Recipient: rfc822; three@villages.example\nAction: delayed\nStatus: 4.4.1\n"
    arrived = "Final-Recipient: rfc822; four@villages.example\nAction: delivered\nStatus: 2.0.0\n"
    words = f"<{TO}>: no such user\n<two@villages.example>: mailbox full\n"
    reading = parse_message(report("\n".join([FAILED, full, waiting, arrived]), words=words))
    assert reading.kind == "bounce"
    assert [(one.action, one.classification.bounce_class) for one in reading.recipients] == [
        ("failed", "hard"),
        ("failed", "soft"),
        ("delayed", ""),
        ("delivered", ""),
    ]


@pytest.mark.parametrize(
    ("action", "kind"),
    [("delayed", "delay"), ("delivered", "receipt"), ("relayed", "receipt"), ("expanded", "receipt")],
)
def test_reports_without_failures_are_no_bounces(action: str, kind: str) -> None:
    reading = parse_message(report(FAILED.replace("failed", action)))
    assert reading.kind == kind
    assert reading.recipients[0].classification.bounce_class == ""


def test_the_code_in_the_diagnostic_beats_expiry() -> None:
    given_up = FAILED.replace("5.1.1", "5.4.7")
    (found,) = parse_message(report(f"{given_up}Diagnostic-Code: smtp; 452 4.2.2 mailbox full\n")).recipients
    assert (found.classification.reason, found.classification.bounce_class) == ("mailbox_full", "soft")


def test_the_notice_explains_a_report_without_a_reason() -> None:
    (found,) = parse_message(
        report(FAILED.replace("5.1.1", "5.0.0"), words=f"{TO}\n  the mailbox is full")
    ).recipients
    assert found.classification.reason == "mailbox_full"


def test_a_report_enclosed_by_a_gateway_is_parsed() -> None:
    inner = report(FAILED).replace(b"boundary=B", b"boundary=C").replace(b"--B", b"--C")
    outer = (
        b"From: postmaster@gate.villages.example\nTo: b@news.example.org\nSubject: Delivery Status\n"
        b"Content-Type: multipart/mixed; boundary=O\n\n--O\nContent-Type: message/rfc822\n\n"
        + inner
        + b"\n--O--\n"
    )
    reading = parse_message(outer)
    assert (reading.kind, [one.address for one in reading.recipients]) == ("bounce", [TO])
    # A person who forwards one is a person.
    assert parse_message(outer.replace(b"postmaster@", b"dana@")).kind == "other"


@pytest.mark.parametrize(
    "fields",
    [
        "\nAction: failed\nStatus: 5.2.2\n",
        "\nAction: failed\n\nStatus: 5.0.0\n\nDiagnostic-Code: smtp; 552 mailbox full\n",
        "Status: 5.0.0\nDiagnostic-Code: smtp; =?latin1?Q?Postfach_=FCberf=FCllt?=\n",
    ],
)
def test_a_report_with_empty_lines_or_encoded_words_has_its_reason(fields: str) -> None:
    group = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {TO}\n{fields}"
    for raw in (report(group), report(f"{group}\n{FAILED}")):
        first = parse_message(raw).recipients[0]
        assert (first.address, first.action, first.classification.reason) == (TO, "failed", "mailbox_full")


def test_an_empty_line_hides_no_delay() -> None:
    waiting = f"Final-Recipient: rfc822; {TO}\n\nAction: delayed\nStatus: 4.2.2\n"
    assert parse_message(report(waiting)).kind == "delay"


def test_line_ends_that_were_written_twice_are_one() -> None:
    raw = report(FAILED.replace("5.1.1", "5.2.2"))
    assert parse_message(raw.replace(b"\n", b"\r\r\n")) == parse_message(raw)
