"""Bounces of real servers, all the way back: made by Postfix, taken in by us, and judged."""

from __future__ import annotations

import email
import imaplib
import re
import smtplib
import sqlite3
import ssl
import time
from contextlib import closing

import pytest

from tests.real.office import Office
from tests.real.servers import BY_LMTP, FULL, HOST, NAME, PASSWORD, REFUSING, REWRITTEN, UNKNOWN
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("servers"), pytest.mark.django_db]
GOOD = "good@example.net"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, sqlite_template, django_db_setup):
    """A database with four readers, and an edition that is due; each office has a copy."""
    made = Office(tmp_path_factory.mktemp("prepared"), sqlite_template)
    made.prepare(*(address.partition("@")[0] for address in (GOOD, UNKNOWN, FULL, REFUSING)))
    with closing(sqlite3.connect(made.database)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made.database


@pytest.fixture
def office(postfix, certificate, prepared, tmp_path, monkeypatch):
    """office(bounces__imap_host=…): sends through Postfix, to four readers of whom one is well."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    relay = {
        "host": HOST,
        "port": postfix.port,
        "security": "starttls",
        "username": NAME,
        "password": PASSWORD,
    }

    def make(**settings):
        sending = {f"smtp__{key}": value for key, value in relay.items()}
        return Office(tmp_path, prepared, **sending, **settings)

    return make


def mailbox(dovecot, domain: str, **settings: object) -> dict[str, object]:
    """[bounces] for the mailbox in which Dovecot keeps what comes back to a domain."""
    kind = "pop3" if "pop3_port" in settings else "imap"
    account = {"host": HOST, "username": f"b@{domain}", "password": PASSWORD}
    keys = {"domain": domain, **{f"{kind}_{key}": value for key, value in account.items()}, **settings}
    return {f"bounces__{key}": value for key, value in keys.items()}


def is_right(facts, found: str = "verp") -> None:
    """Everybody is accounted for, and only who does not exist is written to no more.

    `found` is how the readers were.
    """
    assert facts["balances"]
    totals = facts["totals"]
    assert (totals["audience"], totals["accepted"], totals["bounced"]) == (4, 4, 3)
    assert facts["events"] == {
        UNKNOWN: ["bounce", "hard", "unknown_user", found],
        FULL: ["bounce", "soft", "mailbox_full", found],
        REFUSING: ["bounce", "block", "policy", found],
    }
    assert facts["suppressions"] == {UNKNOWN: "hard_bounce"}
    assert set(facts["subscriptions"].values()) == {"confirmed"}


@pytest.mark.parametrize(
    ("domain", "found"), [("imap.example.org", "verp"), (REWRITTEN, "message_id")], ids=["verp", "no verp"]
)
def test_bounces_are_read_by_imap_as_they_arrive(office, dovecot, domain, found):
    here = office(**mailbox(dovecot, domain, imap_port=dovecot.imaps))
    with here.working():
        until(lambda: here.returned() == 3)
    is_right(here.facts(), found)


def test_bounces_are_read_by_pop3(office, dovecot):
    settings = mailbox(dovecot, "pop3.example.org", pop3_port=dovecot.pop3, pop3_security="starttls")
    here = office(**settings)
    with here.working():
        # The worker may read some of them.
        until(lambda: here.returned() + waiting(dovecot, "b@pop3.example.org") >= 3, interval=0.1)
        done = here.command("bounces", "poll")
        assert done.returncode == 0, done.stderr
        until(lambda: here.returned() == 3)
    is_right(here.facts())


def test_bounces_are_received_by_lmtp_without_plus_addressing(office, postfix, dovecot):
    here = office(bounces__domain=BY_LMTP, bounces__lmtp_port=postfix.lmtp, bounces__address="{token}")
    with here.working():
        until(lambda: here.returned() == 3)
    is_right(here.facts())
    write(postfix, unsubscribe_address(dovecot))
    time.sleep(1)
    assert here.returned() == 3
    with here.working():
        until(lambda: here.returned() == 4)
    assert here.facts()["subscriptions"][GOOD] == "unsubscribed"


def waiting(dovecot, account: str) -> int:
    """How many messages are in a mailbox."""
    with imaplib.IMAP4("127.0.0.1", dovecot.imap) as box:
        box.login(account, PASSWORD)
        return int(box.select(readonly=True)[1][0])


def unsubscribe_address(dovecot) -> str:
    """Where the newest mail in the good reader's mailbox says that one may write to in order to leave."""
    with imaplib.IMAP4("127.0.0.1", dovecot.imap) as box:
        box.login(GOOD, PASSWORD)
        (newest,) = box.select()[1]
        arrived = email.message_from_bytes(box.fetch(newest.decode(), "(BODY[])")[1][0][1])
    return re.search(r"<mailto:([^>]+)>", arrived["List-Unsubscribe"])[1]


def write(postfix, to: str) -> None:
    """A mail program sends what its reader wished."""
    with smtplib.SMTP(HOST, postfix.port) as server:
        server.starttls(context=ssl.create_default_context())
        server.login(NAME, PASSWORD)
        server.sendmail(GOOD, [to], f"From: {GOOD}\r\nTo: {to}\r\nSubject: unsubscribe\r\n\r\n")
