"""Our mail through Postfix and through Exim, signed in and encrypted, into a mailbox of Dovecot."""

from __future__ import annotations

import asyncio
import email
import imaplib
import time
from datetime import timedelta

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Delivery
from mailer.delivery.outbox import outbox
from mailer.delivery.smtp import dkim
from mailer.delivery.smtp.message_encoder import message_builder
from mailer.delivery.smtp.relays import PermanentRelayError, Relay
from mailer.delivery.smtp.session_setup import open_session
from subscribers.models import Subscriber
from tests import cast
from tests.delivery.cast import NOW, released, send
from tests.real.servers import HOST, NAME, PASSWORD
from tests.waiting import SAFETY_SECONDS

pytestmark = [
    pytest.mark.journey,
    pytest.mark.xdist_group("servers"),
    pytest.mark.django_db(transaction=True),
]
# What servers may put before a message.
TRACE = {"Return-Path", "Delivered-To", "Received"}
HEAD = (
    "From: news@example.org",
    "Message-ID: <1@example.org>",
    "Date: Fri, 03 Dec 2021 12:11:47 +0000",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)


@pytest.fixture
def through(server, configure):
    """The server, configured as our relay."""
    signed_in = {"security": "starttls", "username": NAME, "password": PASSWORD}
    configure(smtp={"host": HOST, "port": server.port, "connections": 2, **signed_in})
    return server


def mailbox(dovecot, reader, count):
    """Every message in a reader's mailbox, once there are so many, newest last."""
    limit = time.monotonic() + SAFETY_SECONDS
    while True:
        with imaplib.IMAP4("127.0.0.1", dovecot.imap) as imap:
            imap.login(reader, PASSWORD)
            (found,) = imap.select(readonly=True)[1]
            if int(found) >= count:
                numbers = range(1, int(found) + 1)
                return [imap.fetch(str(number), "(BODY.PEEK[])")[1][0][1] for number in numbers]
        assert time.monotonic() < limit, f"{reader} has {found} messages, not {count}"
        time.sleep(0.05)


def without_trace(arrived, sent):
    """What arrived, without the lines that servers put before it."""
    trace, found = arrived[: -len(sent)], arrived[-len(sent) :]
    assert trace.endswith(b"\r\n") and set(email.message_from_bytes(trace).keys()) <= TRACE
    return found


def composed(mailing):
    """What is going to be sent, by address, made beforehand from the same moment."""
    claimed = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "test", NOW + timedelta(minutes=1), 10, NOW
    )
    envelopes = [make() for make in message_builder().messages(mailing, claimed, NOW)]
    for one in envelopes:
        one.sign()
    claim_and_record.release([one.id for one in claimed], "test", NOW)
    return {one.recipient: b"".join(one.pieces) for one in envelopes}


def test_an_edition_arrives_byte_for_byte_and_its_signature_verifies(through, dovecot, configure, request):
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    configure(dkim={"domain": "example.org", "selector": "news", "key": pem.decode()})
    here = request.node.callspec.id
    for name, country, language in (("aida", "KZ", "kk"), ("bek", "UZ", "ru"), ("rustam", "TJ", "en")):
        cast.reader(f"{name}-{here}", (country,), language)
    mailing = released()
    sent = composed(mailing)
    summary = send()
    assert summary.error == "" and summary.accepted == 3, Delivery.objects.values_list("reply", flat=True)
    (key,) = dkim.configured_signer().keys
    for address, message in sent.items():
        (arrived,) = mailbox(dovecot, address, 1)
        assert without_trace(arrived, message) == message
        assert dkimpy.verify(arrived, dnsfunc=lambda *_, **__: key.dns_record.encode())
    assert set(sent) == set(Subscriber.objects.values_list("email", flat=True))


def test_lines_that_mail_has_always_stumbled_over_arrive_as_they_are(through, dovecot, request):
    to = f"lines-{request.node.callspec.id}@example.net"
    lines = [".", "..", ".hidden", "From here on", "", "x" * 998, "\tблок", " ", "end.", ""]
    message = "\r\n".join([*HEAD, f"To: {to}", "", *lines]).encode()
    outbox.enqueue("news@example.org", to, message, NOW)
    assert outbox.send_due(NOW).sent == 1
    (arrived,) = mailbox(dovecot, to, 1)
    assert without_trace(arrived, message) == message


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5"])
def test_signing_in_works_with_each_offered_mechanism_and_a_wrong_password_is_reported(server, mechanism):
    async def sign_in(password):
        relay = Relay(HOST, server.port, "starttls", mechanism, NAME, password)
        session = await open_session(relay)
        await session.quit()

    asyncio.run(sign_in(PASSWORD))
    with pytest.raises(PermanentRelayError, match=f"sign-in by {mechanism.upper()}: 535"):
        asyncio.run(sign_in("wrong"))
