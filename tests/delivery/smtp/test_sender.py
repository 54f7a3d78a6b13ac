from __future__ import annotations

import os
import re
import signal
import time
from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailer.delivery.ledger import attempt_journal
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery, SendJob
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.smtp import dkim, relays, signer_pool
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.relays import RelayPool
from mailer.delivery.smtp.sender import Sender
from tests.delivery.cast import Clock
from tests.delivery.deadlines import deadline
from tests.delivery.relay import Relay
from tests.waiting import SAFETY_SECONDS, until


def claimed(number, domain="example.net", mailing=1):
    return ClaimedDelivery(number, mailing, 1, 1, number, f"reader-{number}@{domain}", "", ())


def job(one, at=0.0, latest=None):
    message = f"Subject: {one.id}\r\n\r\nhello\r\n".encode()
    return SendJob(one, lambda: Envelope("b+1@example.org", one.email, message), latest or deadline(), at)


@pytest.fixture
def server():
    with Relay() as relay:
        yield relay


@pytest.fixture
def opened(server, tmp_path):
    """opened(connections) returns a running sender."""
    senders = []

    def open_one(connections=3, per_connection=1000):
        address = relays.Relay(
            "127.0.0.1", server.port, connections=connections, messages_per_connection=per_connection
        )
        senders.append(Sender(RelayPool([address]), Journal.open(tmp_path)))
        return senders[-1].__enter__()

    yield open_one
    for sender in senders:
        sender.stop(2)


def outcomes(sender, count):
    """Outcomes by delivery, as soon as there are `count`."""
    found, limit = {}, time.monotonic() + SAFETY_SECONDS
    while len(found) < count and time.monotonic() < limit:
        found.update((one.id, outcome) for one, outcome in sender.collect(0.1))
    assert len(found) == count
    return found


def test_each_job_has_an_outcome_and_each_recipient_one_message(server, opened):
    sender = opened()
    sender.submit(job(claimed(number)) for number in range(50))
    found = outcomes(sender, 50)
    assert {one.reply_class for one in found.values()} == {ReplyClass.ACCEPTED}
    assert len({taken.recipient for taken in server.taken}) == len(server.taken) == 50
    assert server.most_open <= 3


def test_jobs_wait_for_their_time_in_order_without_delaying_others(server, opened):
    sender = opened(1)
    now = time.monotonic()
    times = {1: now + 2.2, 2: now + 2.0, 3: 0.0, 4: now + 2.1, 5: 0.0}
    sender.submit(job(claimed(number), at) for number, at in times.items())
    outcomes(sender, 5)
    assert time.monotonic() >= times[1]
    assert [int(taken.recipient[7]) for taken in server.taken] == [3, 5, 2, 4, 1]


def test_nothing_is_sent_while_the_ledger_records_nothing(server, opened):
    server.script.latency = 0.05
    sender = opened(1)
    sender.submit(job(claimed(number)) for number in range(5))
    until(lambda: server.taken)
    # As after a minute in which the database did not answer.
    sender._ledger_seen_at -= 60
    until(lambda: len(sender._attempts) == 5)
    found = outcomes(sender, 5)
    tried = [one for one in found.values() if one.reply_class is not ReplyClass.NOT_TRIED]
    assert len(tried) == len(server.taken) < 5


def test_a_job_past_its_deadline_is_not_tried(server, opened):
    sender = opened()
    sender.submit([job(claimed(1), latest=deadline(-1)), job(claimed(2))])
    found = outcomes(sender, 2)
    assert found[1].reply_class is ReplyClass.NOT_TRIED and found[2].reply_class is ReplyClass.ACCEPTED


def test_nothing_more_is_sent_once_the_time_of_day_is_set_past_the_deadline(server, opened):
    server.script.latency = 0.05
    sender = opened(1)
    clock = Clock()
    latest = deadline(now=clock)
    sender.submit(job(claimed(number), latest=latest) for number in range(20))
    until(lambda: server.taken)
    clock.move(hours=1)
    found = outcomes(sender, 20)
    tried = [one for one in found.values() if one.reply_class is not ReplyClass.NOT_TRIED]
    assert len(tried) == len(server.taken) < 20


def test_a_time_of_day_that_is_set_back_delays_nothing(server, opened):
    sender = opened(1)
    clock = Clock()
    latest = deadline(now=clock)
    clock.move(hours=-1)
    sender.submit(job(claimed(number), latest=latest) for number in range(5))
    assert {one.reply_class for one in outcomes(sender, 5).values()} == {ReplyClass.ACCEPTED}


def test_the_jobs_of_a_dropped_mailing_are_not_tried_and_others_continue(server, opened):
    server.script.latency = 0.05
    sender = opened(1)
    sender.submit(job(claimed(number, mailing=number % 2)) for number in range(40))
    sender.drop_mailing(1)
    found = outcomes(sender, 40)
    taken = {int(one.recipient.removeprefix("reader-").partition("@")[0]) for one in server.taken}
    assert {number for number in found if found[number].reply_class is ReplyClass.ACCEPTED} == taken
    assert taken >= set(range(0, 40, 2)) and len(taken) < 40
    assert {found[number].reply_class for number in found.keys() - taken} == {ReplyClass.NOT_TRIED}


def test_jobs_of_a_slow_provider_return_unsent_and_the_others_do_not_wait(server, opened):
    server.script.slow = lambda to: 1.0 if "slow" in to else 0.0
    sender = opened(4)
    slow = [job(claimed(number, "slow.example")) for number in range(400)]
    quick = [job(claimed(number, "quick.example")) for number in range(1000, 1300)]
    sender.submit([*slow, *quick])
    found = {}
    while len(found.keys() & set(range(1000, 1300))) < 300 or not returned_unsent(found):
        found.update((one.id, outcome) for one, outcome in sender.collect(0.1))
    kinds = ["slow" in one.recipient for one in server.taken]
    # In the order of submission, all of them would have come before the last quick one.
    assert sum(kinds[: max(place for place, is_slow in enumerate(kinds) if not is_slow)]) < 30
    assert all("slow.example" in one.reply for one in returned_unsent(found))
    # The others wait for its share of the sessions.
    assert len(returned_unsent(found)) <= 400 - 250


def returned_unsent(found):
    return [one for one in found.values() if one.reply_class is ReplyClass.PROVIDER_SLOW]


def test_a_session_is_renewed_at_its_message_limit(server, opened):
    sender = opened(1, per_connection=10)
    sender.submit(job(claimed(number)) for number in range(35))
    outcomes(sender, 35)
    assert server.connections == 4


def test_the_message_limit_of_a_server_that_ends_sessions_early_is_learned(server, opened):
    server.script.per_connection = 5
    sender = opened(1)
    sender.submit(job(claimed(number)) for number in range(40))
    found = outcomes(sender, 40)
    # Learned once; after that each session ends before the server ends it.
    assert sum(one.reply_class is ReplyClass.NOT_TRIED for one in found.values()) == 1
    assert server.connections == 8


def test_a_session_that_a_server_ends_once_limits_the_next_ones_for_a_while(server, opened):
    begun = []

    def restart(sender):
        begun.append(sender)
        return "421 4.3.2 shutting down" if len(begun) == 2 else None

    server.script.mail = restart
    sender = opened(1)
    sender.submit(job(claimed(number)) for number in range(100))
    outcomes(sender, 100)
    # Eight times one message, eight times two, and so on.
    assert server.connections <= 1 + 8 + 8 + 8 + 6


def test_a_rejected_sender_returns_its_mailing_untried(server, opened):
    server.script.mail = lambda sender: "550 5.7.1 not you"
    sender = opened(2)
    sender.submit(job(claimed(number)) for number in range(10))
    found = outcomes(sender, 10)
    assert {one.reply_class for one in found.values()} == {ReplyClass.NOT_TRIED}
    (error,) = {one.message for one in sender.take_errors()}
    assert "not you" in error


def test_a_stop_waits_for_replies_and_returns_the_other_jobs(server, opened):
    server.script.latency = 0.3
    sender = opened(2)
    sender.submit(job(claimed(number)) for number in range(20))
    while not server.taken:
        time.sleep(0.01)
    sender.stop(5)
    found = {one.id: outcome.reply_class for one, outcome in sender.collect(0)}
    assert len(found) == 20 and set(found.values()) == {ReplyClass.ACCEPTED, ReplyClass.NOT_TRIED}
    assert sum(one is ReplyClass.ACCEPTED for one in found.values()) == len(server.taken)


def test_an_error_in_the_calling_thread_cuts_no_reply_off(server, opened, tmp_path):
    server.script.latency = 0.3
    sender = opened(2)
    sender.submit(job(claimed(number)) for number in range(20))
    until(lambda: server.taken)
    # As `with` does.
    sender.__exit__(ValueError, ValueError("the database is locked"), None)
    journaled = attempt_journal.find_journal(tmp_path, sender._journal.owner).attempts
    assert len(journaled) == len(server.taken) and None not in journaled.values()


def test_a_message_that_cannot_be_built_is_refused_alone(server, opened):
    def broken():
        raise ValueError("no such place")

    sender = opened()
    sender.submit([job(claimed(1))._replace(build=broken), job(claimed(2))])
    found = outcomes(sender, 2)
    assert found[1].reply_class is ReplyClass.REFUSED and "no such place" in found[1].reply
    assert found[2].reply_class is ReplyClass.ACCEPTED


KEY = dkim.Key("example.org", "news", Ed25519PrivateKey.generate())
KEYS = (KEY,)
FIELD = re.compile(rb"DKIM-Signature: v=1; b=((?:[\w+/=]|\r\n )+)\r\nSubject: (\d+)\r\n")


def signed_job(one):
    def build():
        pieces = [b"Subject: %d\r\n\r\n" % one.id, b"hello\r\n"]
        request = dkim.SignatureRequest(KEYS, [b"v=1; b="], [digest(one.id)])
        return Envelope("b+1@example.org", one.email, pieces=pieces, signature=request)

    return SendJob(one, build, deadline())


def digest(number):
    return sha256(b"%d" % number).digest()


def arrived_signed(server):
    """The numbers of the messages that arrived, each with one signature, of its own digest."""
    numbers = []
    for one in server.taken:
        signature, number = FIELD.match(one.message).groups()
        KEY.private.public_key().verify(b64decode(signature), digest(int(number)))
        numbers.append(int(number))
    return sorted(numbers)


@pytest.fixture
def many(monkeypatch):
    """Two cores, and all signatures made by other processes."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(signer_pool, "_WORTHWHILE", 1)


def signal_signers(sender, number):
    pids = [one.pid for one in sender._signers._processes]
    for pid in pids:
        os.kill(pid, number)
    return pids


def test_a_few_messages_are_signed_without_a_process(server, opened):
    sender = opened()
    sender.submit([*(signed_job(claimed(number)) for number in range(100))])
    assert {one.reply_class for one in outcomes(sender, 100).values()} == {ReplyClass.ACCEPTED}
    assert arrived_signed(server) == list(range(100)) and signal_signers(sender, 0) == []


def test_many_messages_are_signed_by_other_processes(server, opened, many, monkeypatch):
    monkeypatch.setattr(dkim.Key, "sign", lambda *_: pytest.fail("signed here"))
    sender = opened()
    sender.submit([*(signed_job(claimed(number)) for number in range(300)), job(claimed(300))])
    assert {one.reply_class for one in outcomes(sender, 301).values()} == {ReplyClass.ACCEPTED}
    plain = server.taken.pop(next(n for n, one in enumerate(server.taken) if one.message[:1] == b"S"))
    assert plain.recipient.startswith("reader-300@") and arrived_signed(server) == list(range(300))
    sender.stop(2)
    assert signal_signers(sender, 0) == []


def test_messages_of_a_dead_signing_process_are_signed_all_the_same(server, opened, many):
    sender = opened()
    sender.submit(signed_job(claimed(number)) for number in range(300))
    killed = signal_signers(sender, signal.SIGKILL)
    assert len(killed) == 2
    outcomes(sender, 300)
    assert arrived_signed(server) == list(range(300))
    # They are started again.
    sender.submit(signed_job(claimed(number)) for number in range(300, 500))
    assert not set(killed) & set(signal_signers(sender, 0))
    outcomes(sender, 200)
    assert arrived_signed(server) == list(range(500))


def test_a_frozen_signing_process_is_replaced(server, opened, many, monkeypatch):
    monkeypatch.setattr(signer_pool, "_PATIENCE", 0.5)
    sender = opened()
    sender.submit(signed_job(claimed(number)) for number in range(2))
    outcomes(sender, 2)
    signal_signers(sender, signal.SIGSTOP)
    sender.submit(signed_job(claimed(number)) for number in range(2, 300))
    outcomes(sender, 298)
    assert arrived_signed(server) == list(range(300))


def test_those_that_cannot_be_built_or_are_not_signed_go_between_those_that_are(server, opened, many):
    def broken():
        raise ValueError("no such place")

    def mixed(number):
        one = claimed(number)
        return (signed_job(one), job(one), job(one)._replace(build=broken))[number % 3]

    sender = opened()
    # More than two chunks in a row that no process signs.
    jobs = [mixed(number) for number in range(600)]
    jobs += [mixed(number) for number in range(600, 1200) if number % 3]
    sender.submit([*jobs, signed_job(claimed(1200))])
    found = outcomes(sender, 1001)
    refused = {number for number, one in found.items() if one.reply_class is ReplyClass.REFUSED}
    assert refused == set(range(2, 1200, 3))
    assert {one.reply_class for number, one in found.items() if number not in refused} == {
        ReplyClass.ACCEPTED
    }
    server.taken[:] = [one for one in server.taken if one.message[:1] == b"D"]
    assert arrived_signed(server) == [*range(0, 600, 3), 1200]


def test_an_error_in_building_what_processes_sign_ends_the_sender(server, opened, many):
    def wrong():
        raise RuntimeError("ours")

    sender = opened()
    jobs = [signed_job(claimed(number)) for number in range(2000)]
    sender.submit([*jobs, job(claimed(2000))._replace(build=wrong)])
    with pytest.raises(RuntimeError, match="ours"):
        outcomes(sender, 2001)


def test_messages_are_built_as_the_signing_processes_need_them(server, opened, many):
    built = []

    def counted(one):
        build = signed_job(one).build
        return signed_job(one)._replace(build=lambda: built.append(one.id) or build())

    sender = opened()
    sender.submit(signed_job(claimed(number)) for number in range(2))
    outcomes(sender, 2)
    signal_signers(sender, signal.SIGSTOP)
    sender.submit(counted(claimed(number)) for number in range(2, 5000))
    sender.drop_mailing(claimed(2).mailing)
    signal_signers(sender, signal.SIGCONT)
    assert {one.reply_class for one in outcomes(sender, 4998).values()} == {ReplyClass.NOT_TRIED}
    assert len(built) <= 5 * signer_pool.CHUNK


def test_a_stop_returns_the_jobs_that_are_not_signed(server, opened, many):
    sender = opened()
    sender.submit(signed_job(claimed(number)) for number in range(2))
    outcomes(sender, 2)
    signal_signers(sender, signal.SIGSTOP)
    sender.submit(signed_job(claimed(number)) for number in range(2, 500))
    sender.stop(2)
    found = {one.id: outcome.reply_class for one, outcome in sender.collect(0)}
    assert len(found) == 498 and set(found.values()) == {ReplyClass.NOT_TRIED}
    assert arrived_signed(server) == [0, 1]


def test_nothing_of_a_mailing_dropped_while_it_is_signed_is_tried(server, opened, many):
    sender = opened()
    sender.submit(signed_job(claimed(number, mailing=number % 2)) for number in range(2))
    outcomes(sender, 2)
    signal_signers(sender, signal.SIGSTOP)
    sender.submit(signed_job(claimed(number, mailing=number % 2)) for number in range(2, 100))
    sender.drop_mailing(1)
    signal_signers(sender, signal.SIGCONT)
    found = outcomes(sender, 98)
    assert {found[number].reply_class for number in range(2, 100, 2)} == {ReplyClass.ACCEPTED}
    assert {found[number].reply_class for number in range(3, 100, 2)} == {ReplyClass.NOT_TRIED}
