from __future__ import annotations

import json
import smtplib
import socket
from email import message_from_bytes
from email.policy import default

import pytest

from mailer.demo import seed
from mailer.demo.simulated_recipients import bounce_report
from tests.demo.conftest import NOW, Running, a_message


def test_a_readers_copy_is_kept_byte_for_byte(running: Running) -> None:
    raw = running.send("aigerim@example.org")

    assert (running.directory / "inbox/aigerim@example.org-1.eml").read_bytes() == raw


def test_the_envelope_is_written_beside_the_message(running: Running) -> None:
    running.send("aigerim@example.org")

    envelope = json.loads((running.directory / "envelopes/aigerim@example.org-1.json").read_text())
    assert envelope["mail_from"] == "b+token@bounces.example.org"
    assert envelope["rcpt_to"] == "aigerim@example.org"
    assert envelope["file"] == "inbox/aigerim@example.org-1.eml"


def test_a_second_mail_does_not_overwrite_the_first(running: Running) -> None:
    running.send("aigerim@example.org")
    running.send("aigerim@example.org")

    assert running.boxes() == ["inbox/aigerim@example.org-1.eml", "inbox/aigerim@example.org-2.eml"]


def test_mail_to_the_office_is_kept_apart(running: Running) -> None:
    running.send(seed.APPROVER.email)

    assert running.boxes() == ["staff/approver@office.example.org-1.eml"]


def test_an_address_cannot_choose_its_folder(running: Running) -> None:
    running.send("../../x@example.org")

    assert running.boxes() == ["inbox/.._.._x@example.org-1.eml"]


def test_the_closed_mailbox_is_refused_at_its_address(running: Running) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        running.send("Gulnara@example.org")

    code, words = caught.value.recipients["Gulnara@example.org"]
    assert (code, words[:5]) == (550, b"5.1.1")
    assert running.boxes() == []


def test_the_missing_mailbox_accepts_and_then_returns(running: Running) -> None:
    running.send("kairat@example.net")
    assert list((running.maildir / "new").iterdir()) == []

    running.catcher.stop()

    (bounce,) = (running.maildir / "new").iterdir()
    assert message_from_bytes(bounce.read_bytes(), policy=default)["To"] == "b+token@bounces.example.org"
    assert running.boxes() == ["inbox/kairat@example.net-1.eml"]


def test_mail_without_an_envelope_sender_is_never_returned(running: Running) -> None:
    with smtplib.SMTP("127.0.0.1", running.port) as client:
        client.sendmail("", ["kairat@example.net"], a_message("kairat@example.net"))
    running.catcher.stop()

    assert list((running.maildir / "new").iterdir()) == []


def test_a_group_of_commands_may_be_sent_at_once(running: Running) -> None:
    """RFC 2920: the replies come in order, and a refused address spoils nothing that follows."""
    message = a_message("aigerim@example.org")
    with socket.create_connection(("127.0.0.1", running.port)) as line, line.makefile("rb") as replies:

        def codes(number: int) -> list[bytes]:
            return [replies.readline()[:3] for _ in range(number)]

        codes(1)
        line.sendall(b"EHLO client.example.org\r\n")
        offered = [replies.readline()]
        while offered[-1][3:4] == b"-":
            offered.append(replies.readline())
        line.sendall(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<gulnara@example.org>\r\nDATA\r\n")
        refused = codes(3)
        line.sendall(b"RSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<aigerim@example.org>\r\nDATA\r\n")
        taken = codes(4)
        line.sendall(message.replace(b"\r\n.", b"\r\n..") + b".\r\nQUIT\r\n")
        ended = codes(2)

    assert b"250-PIPELINING\r\n" in offered
    assert (refused, taken, ended) == (
        [b"250", b"550", b"503"],
        [b"250", b"250", b"250", b"354"],
        [b"250", b"221"],
    )
    assert (running.directory / "inbox/aigerim@example.org-1.eml").read_bytes() == message


def test_a_bounce_is_a_report_that_mail_programs_understand() -> None:
    raw = a_message("kairat@example.net")

    bounce = bounce_report("b+token@bounces.example.org", "kairat@example.net", raw, "mx.example.net", NOW)

    message = message_from_bytes(bounce, policy=default)
    words, status, returned = message.iter_parts()
    about_message, about_recipient = status.get_payload()
    assert (message.get_content_type(), message.get_param("report-type")) == (
        "multipart/report",
        "delivery-status",
    )
    assert message.defects == [] and message["Auto-Submitted"] == "auto-replied"
    assert about_message["Reporting-MTA"] == "dns; mx.example.net"
    assert about_recipient["Final-Recipient"] == "rfc822; kairat@example.net"
    assert (about_recipient["Action"], about_recipient["Status"]) == ("failed", "5.1.1")
    assert "Message-ID: <one@example.org>" in returned.get_payload()
    assert "begins with a dot" not in bounce.decode()
    assert "no such mailbox" in words.get_payload()
    assert b"\n" not in bounce.replace(b"\r\n", b"")
