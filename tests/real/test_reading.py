"""Reading real mailboxes: with and without TLS, with IDLE, and while other programs read them."""

from __future__ import annotations

import itertools
import threading

import pytest

from mailer.feedback.sources import imap
from mailer.feedback.sources.base import MailboxError
from tests.real.boxes import Account

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("servers")]
_numbers = itertools.count(1)


@pytest.fixture
def account(dovecot):
    """account("imap", security="tls"): a mailbox of its own."""

    def make(kind="imap", **settings):
        return Account(dovecot, f"reading-{next(_numbers)}@bounces.example.org", kind, **settings)

    return make


@pytest.fixture
def trusted(certificate, monkeypatch):
    """This machine trusts the server's certificate during the test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def taken(box) -> int:
    """Acknowledge everything, without storing it."""
    with box.opened() as mailbox:
        names = mailbox.list_new()
        for name in names:
            assert mailbox.fetch(name)
            mailbox.acknowledge(name)
    return len(names)


@pytest.mark.parametrize("kind", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mailbox_is_read_with_and_without_tls(account, dovecot, trusted, kind, security):
    port = getattr(dovecot, f"{kind}s" if security == "tls" else kind)
    box = account(kind, security=security, port=port)
    box.put(b"Subject: one\n\n")
    assert (taken(box), taken(box)) == (1, 0)


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_connection_and_sign_in_errors_are_explained(account, dovecot, certificate, monkeypatch, kind):
    tls = {"security": "tls", "port": getattr(dovecot, f"{kind}s")}
    refusals = [
        ({"password": "wrong"}, f"refuses our sign-in as reading-.*See .bounces. {kind}_username"),
        ({"security": "starttls"}, "its certificate is not signed by an authority that this machine trusts"),
        (tls, "its certificate is not signed by an authority that this machine trusts"),
        ({"security": "tls"}, "does not offer TLS in a form that this system supports .*must be starttls"),
        ({"port": 1}, "cannot be reached: Connection refused"),
    ]
    for settings, words in refusals:
        with pytest.raises(MailboxError, match=words), account(kind, **settings).opened():
            pass
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    elsewhere = account(kind, **tls, host="127.0.0.1")
    with pytest.raises(MailboxError, match="its certificate is for another name"), elsewhere.opened():
        pass


def test_a_missing_folder_is_named(account):
    box = account(folder="Bounces")
    with pytest.raises(MailboxError, match="does not open the folder 'Bounces'"), box.opened():
        pass


def test_a_message_marked_as_read_is_stored(account):
    box = account()
    box.put(b"Subject: one\n\n")
    with box.client() as other:
        other.select()
        other.fetch("1", "(BODY[])")
    assert b"Seen" in box.flags()[0]
    assert (taken(box), taken(box)) == (1, 0)


def test_fetch_marks_nothing_and_acknowledge_marks_as_read(account):
    box = account()
    box.put(b"Subject: one\n\n")
    with box.opened() as mailbox:
        (name,) = mailbox.list_new()
        mailbox.fetch(name)
        assert b"Seen" not in box.flags()[0]
        mailbox.acknowledge(name)
        assert b"Seen" in box.flags()[0]


def test_stored_messages_are_moved_or_deleted_as_configured(account):
    moved, deleted = account(after="move", move_to="Принято"), account(after="delete")
    for box in (moved, deleted):
        box.put(b"Subject: one\n\n")
        assert (taken(box), box.flags()) == (1, [])
    assert len(moved.flags('"&BB8EQAQ4BD0ETwRCBD4-"')) == 1


def test_a_folder_of_any_name_is_read(account):
    box = account(folder='Zurück & "mehr"')
    with box.client() as other:
        name = '"Zur&APw-ck &- \\"mehr\\""'
        other.create(name)
        other.append(name, "", None, b"Subject: one\r\n\r\n")
    assert taken(box) == 1


def test_a_changed_uidvalidity_reads_everything_again(account, dovecot):
    box = account()
    box.put(b"Subject: one\n\n")
    assert (taken(box), taken(box)) == (1, 0)
    validity, _, uid = box.position.partition(":")
    box.position = f"{int(validity) - 1}:{uid}"
    assert taken(box) == 1


def test_idle_reports_new_messages_and_ends_at_stop(account):
    box, stop, asked = account(timing=imap.Timing(shortest_idle=60.0)), threading.Event(), []
    reported = 0
    with box.opened() as mailbox:
        for number in range(3):
            timer = threading.Timer(0.5, box.put, [b"Subject: %d\n\n" % number])
            timer.start()
            # It may also be woken by what is of no use to us.
            while not (names := mailbox.list_new()):
                assert mailbox.wait_for_more(stop.is_set)
                # An idle command that runs to its end doubles the next one.
                reported += mailbox.idle_seconds == 60.0
            assert len(names) == 1
            timer.join()
            mailbox.acknowledge(names[0])
        threading.Timer(0.5, stop.set).start()
        # A message that arrives just as the command begins may be reported at its end only.
        assert reported
        assert not mailbox.wait_for_more(lambda: asked.append(stop.is_set()) or asked[-1])
    # Once while it waited, and once afterwards.
    assert asked.count(True) == 2


def test_pop3_deletes_nothing_when_the_connection_is_lost_before_quit(account):
    box = account("pop3")
    box.put(b"Subject: one\n\n")
    with pytest.raises(MailboxError), box.opened() as mailbox:
        for name in mailbox.list_new():
            mailbox.acknowledge(name)
        raise OSError("the line is lost")
    assert taken(box) == 1
