from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mailer.delivery import message_identifiers
from mailer.feedback.parsing import mime
from mailer.feedback.parsing.accuracy import score
from mailer.feedback.parsing.parse import parse_message, parse_or_raise

SAMPLES = Path(__file__).parents[2] / "payloads" / "bounces"
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_every_sample_has_its_kind_recipients_and_reasons_with_any_line_ends() -> None:
    wrong = []
    for name, expected in EXPECTED.items():
        raw = sample(name)
        found = parse_message(raw)
        if found.kind != expected.get("kind", "bounce"):
            wrong.append((name, found.kind))
        for record in expected.get("records", []):
            recipients = [
                (one.classification.reason, one.classification.bounce_class == "hard", one.alias)
                for one in found.recipients
                if one.address == record["recipient"]
            ]
            if recipients != [(record["reason"], record["hardbounce"], record["alias"])]:
                wrong.append((name, recipients))
        wrong += [
            (name, ends) for ends in (b"\r\n", b"\r") if parse_message(raw.replace(b"\n", ends)) != found
        ]
    assert wrong == []


def test_the_samples_score_without_errors() -> None:
    result = score(SAMPLES)
    assert result.errors == []
    assert result.found == result.recipients > 15


def test_a_valid_envelope_token_identifies_the_delivery_of_any_bounce() -> None:
    envelope = message_identifiers.envelope_sender(4711)
    forms = itertools.cycle(("{}", "{} ", "<{}>", "prvs=0123456789={}", '"{}"'))
    bounces = [name for name, expected in EXPECTED.items() if expected.get("kind", "bounce") == "bounce"]
    # Each is read once for its recipients' sake, and the forms of the envelope are the same for all.
    for name, form in zip(bounces, forms, strict=False):
        found = parse_message(sample(name), form.format(envelope))
        assert (found.kind, found.delivery, found.identity) == ("bounce", 4711, "verp"), (name, form)
        assert found.recipients, name


def test_the_envelope_is_read_from_header_fields() -> None:
    raw = f"X-Original-To: {message_identifiers.envelope_sender(12).upper()}\n".encode() + sample(
        "qmail-words.eml"
    )
    assert parse_message(raw).delivery == 12


def test_a_signed_message_id_identifies_the_delivery() -> None:
    signed = message_identifiers.message_id(815, "example.org")
    raw = sample("postfix-unknown.eml").replace(b"<m1@news.example.org>", signed.encode())
    reading = parse_message(raw)
    assert (reading.delivery, reading.identity) == (815, "message_id")
    assert reading.original_message_id == signed


def test_a_forged_token_identifies_nothing() -> None:
    genuine = message_identifiers.envelope_sender(12)
    forged = genuine.replace(genuine[20:24], "aaaa")
    assert parse_message(sample("postfix-unknown.eml"), forged).delivery is None


def test_a_token_gives_a_bounce_without_names_a_recipient() -> None:
    raw = (
        b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Undelivered mail\n\nThe mailbox is full.\n"
    )
    found = parse_message(raw)
    assert (found.kind, found.recipients) == ("other", ())
    (nameless,) = parse_message(raw, message_identifiers.envelope_sender(3)).recipients
    assert (nameless.address, nameless.classification.reason) == ("", "mailbox_full")


def test_our_message_returned_to_a_signed_address_is_a_bounce() -> None:
    raw = (
        b"From: list-admin@villages.example\nSubject: Loop alert\n\nSeen.\n\nOriginal mail as follows:\n\n"
        b"Received: from x\nMessage-ID: <e@news.example.org>\nTo: <aigerim@villages.example>\n\nStories.\n"
    )
    (found,) = parse_message(raw, message_identifiers.envelope_sender(3)).recipients
    assert (found.address, found.classification.bounce_class) == ("aigerim@villages.example", "unknown")
    assert parse_message(raw).kind == "other"
    # A person who answers quotes our message too.
    assert (
        parse_message(
            raw.replace(b"Loop alert", b"Re: December digest"), message_identifiers.envelope_sender(3)
        ).kind
        == "other"
    )


def test_mail_to_an_unsubscribe_address_is_an_unsubscribe() -> None:
    own = message_identifiers.unsubscribe_address(7, 2)
    raw = f"From: dana@ministry.example\nTo: {own}\nSubject: x\n\n".encode()
    reading = parse_message(raw)
    assert reading.kind == "unsubscribe"
    assert reading.unsubscribe_address is not None
    assert (reading.unsubscribe_address.subscriber, reading.unsubscribe_address.newsletter) == (7, 2)


@pytest.mark.parametrize(
    "fields",
    [
        # Apple's Mail.
        "Auto-Submitted: auto-replied\nSubject: Unsubscribe\n",
        "Subject: Automatic reply: x\nAuto-Submitted: auto-replied\nPrecedence: auto_reply\n",
        "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example\nSubject: Undelivered Mail\n",
        "Subject: confirm that you are human\nX-Autoreply: yes\n",
        "Subject:\n",
    ],
)
def test_any_message_to_an_unsubscribe_address_is_an_unsubscribe(fields: str) -> None:
    address = message_identifiers.unsubscribe_address(7, 2)
    raw = f"From: dana@ministry.example\nTo: {address}\n{fields}\nThis message could not be delivered.\n"
    reading = parse_message(raw.encode())
    assert reading.kind == "unsubscribe"
    assert reading.unsubscribe_address == (7, 2)
    assert parse_message(raw.replace(address, "bounces@news.example.org").encode()).kind != "unsubscribe"


@pytest.mark.parametrize("subject", ["unsubscribe", "Отписаться", "Re: STOP"])
def test_an_unsubscribe_subject_counts_when_the_envelope_is_signed(subject: str) -> None:
    raw = f"From: dana@ministry.example\nSubject: {subject}\n\n".encode()
    assert parse_message(raw, message_identifiers.envelope_sender(5)).kind == "unsubscribe"
    assert parse_message(raw, "b@example.org").kind == "other"


def test_an_auto_reply_is_never_a_bounce() -> None:
    for name in (name for name in EXPECTED if name.startswith("away")):
        reading = parse_message(sample(name), message_identifiers.envelope_sender(5))
        assert (reading.kind, reading.recipients) == ("auto_reply", ())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n\n",
        b"\x00\xff" * 1000,
        b"From: \xff\xfe\nSubject: =?x-unknown?B?////?=\n\n\xff",
        b"Content-Type: multipart/report; boundary=\n\n--\n--\n",
        b"Content-Transfer-Encoding: base64\n\n====",
        b"Subject: " + b"a" * 100_000,
        b"Content-Type: text/plain; charset=utf-16\n\nx",
        b"Content-Type: text/plain; charset=idna\n\n\xff..",
    ],
)
def test_unreadable_input_is_unclassified(raw: bytes) -> None:
    assert parse_message(raw).kind == "other"


def _nested(levels: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(levels)
    )
    return head + b"\nwords"


@pytest.mark.parametrize(
    "raw",
    [
        _nested(5_000),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"<a@b.example>:\n" * 50_000,
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"a@" * 200_000,
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"mailbox " * 60_000,
        b"X: y\n" * 200_000,
        b"Content-Type: text/html\nFrom: mailer-daemon@x.example\nSubject: failure notice\n\n"
        + b"<" * 400_000,
        b"Content-Type: text/html\nFrom: mailer-daemon@x.example\nSubject: failure notice\n\n"
        + b"<style>" * 60_000,
        b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@b.example\n\n" * 20_000,
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b" " * 500_000,
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"-=* \n" * 100_000,
    ],
    ids=range(11),
)
def test_hostile_messages_are_parsed_within_limits(raw: bytes) -> None:
    # Unbounded work on these would not end in any reasonable time.
    assert len(parse_message(raw).recipients) <= 100


@pytest.mark.parametrize("piece", [b"x: y\n", b"--b\n\nx\n", b"<a@b.example>:\n", b"=41", b"\r", b"QUFB"])
def test_a_large_message_needs_little_memory(piece: bytes) -> None:
    head = (
        b"From: mailer-daemon@x.example\nSubject: failure notice\nContent-Type: multipart/mixed; boundary=b\n"
        b"Content-Transfer-Encoding: base64\n\n"
    )
    raw = head + piece * (20_000_000 // len(piece))
    parse_message(raw)  # What is loaded once is no part of it.
    tracemalloc.start()
    parse_message(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16_000_000


def test_parts_and_levels_are_limited() -> None:
    root = mime.parse_parts(mime.normalise_line_ends(_nested(100)))
    depth = 0
    while root.children:
        root, depth = root.children[0], depth + 1
    assert depth == mime.MAX_DEPTH


@pytest.mark.parametrize(
    "word", ["=?utf-8?b?abcde?=", "=?utf-8?b?%%?=", "=?utf-8?x?a?=", "=?no-such?q?=00?="]
)
def test_an_encoded_word_that_cannot_be_decoded_is_harmless(word: str) -> None:
    head = f"From: {word} <mailer-daemon@x.example>\nSubject: {word} failure notice\n\n"
    raw = f"{head}<a@b.example>: mailbox full\n"
    (found,) = parse_or_raise(raw.encode()).recipients
    assert (found.address, found.classification.reason) == ("a@b.example", "mailbox_full")


@pytest.mark.parametrize("charset", ["punycode", "raw_unicode_escape", "idna", "rot13", "utf-7", "no-such"])
def test_an_invalid_charset_is_harmless(charset: str) -> None:
    head = f"From: mailer-daemon\nSubject: failure notice\nContent-Type: text/plain; charset={charset}\n\n"
    body = b"<a@b.example>:\n550 mailbox\0 full \\ud800\n" + b"-abc" * 30_000
    (found,) = parse_message(head.encode() + body).recipients
    assert found.address == "a@b.example"
    assert "\0" not in found.diagnostic
    found.diagnostic.encode()
