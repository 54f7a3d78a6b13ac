"""Feedback reports (RFC 5965) of many senders; only those that ask for no more mail are complaints."""

from __future__ import annotations

import pytest

from mailer.delivery import message_identifiers
from mailer.feedback.parsing.parse import parse_message

TO = "aigerim.s@villages.example"
SENT = "From: Digest <digest@news.example.org>\nTo: {to}\nSubject: December digest\nMessage-ID: {id}\n"


def abuse_report(
    fields: str = "Feedback-Type: abuse\n",
    *,
    to: str = TO,
    message_id: str = "<e@news.example.org>",
    kind: str = "multipart/report; report-type=feedback-report",
    part: str = "message/feedback-report",
    writer: str = "fbl@villages.example",
    returned: str = "message/rfc822",
) -> bytes:
    sent = SENT.format(to=to, id=message_id)
    return (
        f"From: {writer}\nTo: fbl@news.example.org\nSubject: Complaint\n"
        f"Content-Type: {kind}; boundary=B\n\n--B\nContent-Type: text/plain\n\nAn email abuse report.\n\n"
        f"--B\nContent-Type: {part}\n\n{fields}User-Agent: SomeLoop/1.0\nVersion: 1\n\n"
        f"--B\nContent-Type: {returned}\n\n{sent}\nStories.\n--B--\n"
    ).encode()


@pytest.mark.parametrize(
    "raw",
    [
        abuse_report(),
        abuse_report(returned="text/rfc822-headers"),
        abuse_report(f"Feedback-Type: abuse\nOriginal-Rcpt-To: <{TO}>\n", to="undisclosed"),
        abuse_report(f"Feedback-Type: abuse\nRemoval-Recipient: {TO}\n", to="undisclosed"),
        abuse_report(f"Feedback-Type: opt-out\nOriginal-Rcpt-To: rfc822;{TO}\n", to="undisclosed"),
        abuse_report("Feedback-Type: ABUSE (by a button)\n"),
        abuse_report("Feedback-Type: opt-out-list\n"),
        abuse_report("Feedback-Type: fraud\n"),
        abuse_report(part="text/plain"),
        abuse_report(kind="multipart/mixed"),
        abuse_report(writer="complaints@email-abuse.amazonses.example"),
    ],
    ids=range(11),
)
def test_a_feedback_report_names_the_complaining_recipient(raw: bytes) -> None:
    reading = parse_message(raw)
    assert (reading.kind, [one.address for one in reading.recipients]) == ("complaint", [TO])
    assert reading.feedback_type in ("abuse", "opt-out", "opt-out-list", "fraud")
    assert reading.original_message_id == "<e@news.example.org>"


@pytest.mark.parametrize(
    "feedback_type", ["not-spam", "auth-failure", "virus", "other", "dmarc", "", "x-new"]
)
def test_other_feedback_types_are_no_complaints(feedback_type: str) -> None:
    reading = parse_message(
        abuse_report(f"Feedback-Type: {feedback_type}\nOriginal-Rcpt-To: <{TO}>\n"),
        message_identifiers.envelope_sender(3),
    )
    assert (reading.kind, reading.recipients) == ("other", ())


def complaint_recipients(message: str) -> list[str]:
    reading = parse_message(message.encode())
    assert reading.kind == "complaint"
    return [one.address for one in reading.recipients]


def test_microsofts_returned_junk_is_a_complaint() -> None:
    raw = (
        "From: staff@hotmail.example\nTo: fbl@news.example.org\nSubject: complaint about message\n"
        "Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\n\n"
        f"X-HmXmrOriginalRecipient: {TO}\n{SENT.format(to='x', id='<e@news.example.org>')}\nStories.\n--B--\n"
    )
    assert complaint_recipients(raw) == [TO]


@pytest.mark.parametrize("hidden", ["redacted@villages.example", "undisclosed", "", "[Redacted]"])
def test_a_redacted_complaint_is_identified_by_the_signed_message_id(
    hidden: str,
) -> None:
    signed = message_identifiers.message_id(815, "news.example.org")
    fields = f"Feedback-Type: abuse\nOriginal-Rcpt-To: {hidden}\n"
    reading = parse_message(abuse_report(fields, to=hidden, message_id=signed))
    assert (reading.kind, reading.delivery, reading.identity) == ("complaint", 815, "message_id")


def test_an_ses_complaint_in_json_counts_by_its_type() -> None:
    notice = (
        "From: no-reply@sns.amazonaws.example\nTo: fbl@news.example.org\nSubject: Notification\n\n"
        '{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"abuse",'
        f'"complainedRecipients":[{{"emailAddress":"{TO}"}}]}}}}\n'
    )
    assert complaint_recipients(notice) == [TO]
    assert parse_message(notice.replace('"abuse"', '"not-spam"').encode()).kind == "other"


def test_every_recipient_in_one_complaint_is_named() -> None:
    fields = "Feedback-Type: abuse\n" + "".join(
        f"Original-Rcpt-To: <{name}@villages.example>\n" for name in ("one", "two", "three")
    )
    assert [one.address for one in parse_message(abuse_report(fields)).recipients] == [
        "one@villages.example",
        "two@villages.example",
        "three@villages.example",
    ]


@pytest.mark.parametrize(
    "subject", ["Report domain: news.example.org Submitter: mail.example Report-ID: 2021.12.06", "TLS report"]
)
def test_dmarc_and_tls_reports_are_unclassified(subject: str) -> None:
    raw = (
        f"From: noreply-dmarc-support@mail.example\nTo: dmarc@news.example.org\nSubject: {subject}\n"
        "Content-Type: application/gzip; name=report.gz\nContent-Transfer-Encoding: base64\n\nH4sIAAAAAAAA\n"
    )
    assert parse_message(raw.encode(), message_identifiers.envelope_sender(3)).kind == "other"
