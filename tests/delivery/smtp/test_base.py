from __future__ import annotations

import asyncio
import dataclasses
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.outcome import ReplyClass
from mailer.delivery.smtp import base
from mailer.delivery.smtp.base import Envelope, NotNow, OurFault, Unavailable, wire_form
from mailer.delivery.smtp.connect import open_session
from mailer.delivery.smtp.reply import NotAReply, Reader
from mailer.delivery.smtp.transport import Timeouts
from tests.delivery.relay import DROP, Relay, Script

PLAIN = ("SIZE 10000000",)


def envelope(to="aida@example.org", message=b"Subject: x\r\n\r\nhello\r\n"):
    return Envelope("b+1@bounces.example.org", to, message)


def deliver(server, *envelopes, before_dot=lambda: None, **changes):
    """Deliver one after another in a session; the outcomes."""

    async def run():
        relay = dataclasses.replace(base.Relay("127.0.0.1", server.port), **changes)
        session = await open_session(relay)
        outcomes = []
        try:
            for one in envelopes:
                if not session.usable:
                    session = await open_session(relay)
                outcomes.append(await session.deliver(one, before_dot))
        finally:
            await session.quit()
        return outcomes

    return asyncio.run(run())


@pytest.fixture(params=["pipelined", "one by one"])
def server(request):
    with Relay() as relay:
        if request.param == "one by one":
            relay.script.offers = PLAIN
        yield relay


def test_messages_arrive_as_they_were_over_one_connection(server):
    first, second = b"A: b\r\n\r\n.dot\r\n..two\r\nend.\r\n", b"A: b\r\n\r\nno last line end"
    outcomes = deliver(server, envelope(message=first), envelope("bek@example.org", second))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED, ReplyClass.ACCEPTED]
    assert [t.message for t in server.taken] == [first, second + b"\r\n"]
    assert server.connections == 1
    assert "queued as 1" in outcomes[0].reply


def test_a_refused_recipient_does_not_disturb_the_next(server):
    server.script.rcpt = lambda to: "550 5.1.1 no such user" if to.startswith("gone") else None
    outcomes = deliver(
        server, envelope("gone@example.org"), envelope(), envelope("gone2@example.org"), envelope()
    )
    assert [o.reply_class for o in outcomes] == [ReplyClass.REFUSED, ReplyClass.ACCEPTED] * 2
    assert outcomes[0].reply == "550 5.1.1 no such user (in reply to RCPT TO command)"
    assert server.connections == 1


@pytest.mark.parametrize("step, command", [("data", "DATA"), ("dot", "end of DATA"), ("mail", "MAIL FROM")])
def test_a_no_is_kept_with_the_step_at_which_it_was_said_however_long_it_is(server, step, command):
    setattr(server.script, step, lambda who: f"451 4.3.0 {'later ' * 200}")
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary and len(outcome.reply) <= 500
    assert outcome.reply.startswith("451 4.3.0 later") and outcome.reply.endswith(
        f"(in reply to {command} command)"
    )


def test_a_server_that_takes_data_for_nobody_is_answered_with_a_lone_dot():
    with Relay(Script(careless=True)) as server:
        server.script.rcpt = lambda to: "550 5.1.1 no" if to.startswith("gone") else None
        outcomes = deliver(server, envelope("gone@example.org"), envelope())
        assert [o.reply_class for o in outcomes] == [ReplyClass.REFUSED, ReplyClass.ACCEPTED]
        assert server.recipients() == ["aida@example.org"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_a_passing_refusal_at_any_stage_puts_the_message_off(server, stage):
    setattr(server.script, stage, lambda who: "451 4.7.1 greylisted")
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary and outcome.code == 451


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
def test_a_final_refusal_of_recipient_or_message_is_theirs(server, stage):
    setattr(server.script, stage, lambda who: "550-5.7.1 first line\n550 5.7.1 second")
    (outcome,) = deliver(server, envelope())
    assert outcome.permanent
    assert "first line" in outcome.reply and "second" in outcome.reply


def test_a_refusal_of_the_sender_is_our_fault(server):
    server.script.mail = lambda sender: "550 5.7.1 sender denied"
    with pytest.raises(OurFault, match="sender denied"):
        deliver(server, envelope())


def test_a_connection_that_ends_after_the_dot_leaves_doubt(server):
    server.script.dot = lambda to: DROP
    (outcome,) = deliver(server, envelope())
    assert outcome.reply_class is ReplyClass.IN_DOUBT


def test_a_silent_server_after_the_dot_leaves_doubt(server):
    server.script.latency = 5
    (outcome,) = deliver(server, envelope(), timeouts=Timeouts(dot=0.2))
    assert outcome.reply_class is ReplyClass.IN_DOUBT and "no reply" in outcome.reply


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_connection_that_ends_before_the_dot_leaves_none(server, stage):
    setattr(server.script, stage, lambda who: DROP)
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary
    assert server.taken == []


def test_a_server_that_ends_the_session_between_messages_has_not_touched_the_next(server):
    server.script.per_connection = 1
    outcomes = deliver(server, envelope(), envelope("bek@example.org"), envelope("bek@example.org"))
    assert [o.reply_class for o in outcomes] == [
        ReplyClass.ACCEPTED,
        ReplyClass.NOT_TRIED,
        ReplyClass.ACCEPTED,
    ]
    assert server.connections == 2


def test_a_message_held_back_at_the_last_moment_never_leaves(server):
    def no():
        raise NotNow

    (outcome,) = deliver(server, envelope(), before_dot=no)
    assert outcome.reply_class is ReplyClass.NOT_TRIED
    assert server.taken == []


def test_a_fault_of_our_own_ends_the_session_and_is_not_swallowed(server):
    def broken():
        raise LookupError("no such journal")

    with pytest.raises(LookupError, match="no such journal"):
        deliver(server, envelope(), before_dot=broken)
    assert server.taken == []


def test_cancelling_says_whether_the_dot_had_left(server):
    server.script.latency = 60
    asked = []

    async def run():
        session = await open_session(base.Relay("127.0.0.1", server.port))
        task = asyncio.create_task(session.deliver(envelope(), lambda: asked.append(1)))
        while not server.taken:
            await asyncio.sleep(0.01)
        task.cancel()
        outcome = await task
        await session.end()
        return outcome

    outcome = asyncio.run(run())
    assert asked and outcome.reply_class is ReplyClass.IN_DOUBT


class Line:
    """A source of messages in a line, which keeps what became of each."""

    def __init__(self, *envelopes):
        self.waiting = list(envelopes)
        self.outcomes = {}
        # What the server had been told when each dot was about to leave.
        self.before = []
        self.refused_now = ()

    def following(self, behind):
        return self.waiting.pop(0) if self.waiting else None

    def before_dot(self, envelope):
        self.before.append(envelope.recipient)
        if envelope.recipient in self.refused_now:
            raise NotNow

    def settle(self, envelope, outcome):
        assert envelope.recipient not in self.outcomes
        self.outcomes[envelope.recipient] = outcome.reply_class


def serve(server, line, **changes):
    async def run():
        session = await open_session(
            dataclasses.replace(base.Relay("127.0.0.1", server.port, "none"), **changes)
        )
        await session.serve(line, until_empty=True)
        await session.quit()

    asyncio.run(run())
    return line.outcomes


PEOPLE = [f"{name}@example.org" for name in ("aida", "bek", "chinara", "dana", "erlan")]


def test_the_next_envelope_rides_behind_the_dot(server):
    outcomes = serve(server, Line(*map(envelope, PEOPLE)))
    assert set(outcomes.values()) == {ReplyClass.ACCEPTED}
    assert server.recipients() == PEOPLE and server.connections == 1
    assert server.rode == ((len(PEOPLE) - 1) if "PIPELINING" in server.script.offers else 0)


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
def test_a_refusal_in_the_middle_of_a_line_is_that_readers_alone(server, stage):
    setattr(server.script, stage, lambda to: "550 5.1.1 no" if to.startswith("chinara") else None)
    outcomes = serve(server, Line(*map(envelope, PEOPLE)))
    assert [outcomes[one] for one in PEOPLE] == [
        ReplyClass.REFUSED if one.startswith("chinara") else ReplyClass.ACCEPTED for one in PEOPLE
    ]
    assert server.recipients() == [one for one in PEOPLE if not one.startswith("chinara")]


def test_whoever_rode_behind_a_dot_that_was_not_answered_is_untouched(server):
    server.script.dot = lambda to: DROP if to.startswith("bek") else None
    outcomes = serve(server, Line(*map(envelope, PEOPLE)))
    assert outcomes["aida@example.org"] is ReplyClass.ACCEPTED
    assert outcomes["bek@example.org"] is ReplyClass.IN_DOUBT
    assert outcomes.get("chinara@example.org", ReplyClass.NOT_TRIED) is ReplyClass.NOT_TRIED
    assert len(outcomes) <= 3


def test_a_message_held_back_in_a_line_never_leaves_and_ends_the_connection(server):
    line = Line(*map(envelope, PEOPLE[:3]))
    line.refused_now = ("bek@example.org",)
    outcomes = serve(server, line)
    assert outcomes["bek@example.org"] is ReplyClass.NOT_TRIED
    assert server.recipients() == ["aida@example.org"]


def test_an_unspeakable_address_in_a_line_is_refused_and_the_others_arrive(server):
    people = [PEOPLE[0], "a b@example.org", PEOPLE[1], "\u00fc@example.org", PEOPLE[2]]
    outcomes = serve(server, Line(*map(envelope, people)))
    assert [outcomes[one] for one in people] == [ReplyClass.ACCEPTED, ReplyClass.REFUSED] * 2 + [
        ReplyClass.ACCEPTED
    ]
    assert server.recipients() == PEOPLE[:3]


def test_a_session_ends_when_it_is_used_up_and_says_nothing_of_the_others(server):
    line = Line(*map(envelope, PEOPLE))
    outcomes = serve(server, line, messages_per_connection=2)
    assert list(outcomes) == PEOPLE[:2] and [one.recipient for one in line.waiting] == PEOPLE[2:]


@pytest.mark.parametrize("lines", [1, 3_000])
def test_a_message_in_pieces_arrives_whole_however_many_they_are(lines):
    with Relay() as server:
        pieces = (b"A: b\r\n\r\n", *[b"text\r\n"] * lines)
        (outcome,) = deliver(server, Envelope("b+1@bounces.example.org", "aida@example.org", pieces=pieces))
        assert outcome.reply_class is ReplyClass.ACCEPTED
        assert server.taken[0].message == b"".join(pieces)


@pytest.mark.parametrize("taken_at_once", [0, 1, 70_000])
def test_what_the_system_takes_only_in_parts_arrives_whole(monkeypatch, taken_at_once):
    writev = os.writev

    def some(descriptor, pieces):
        if not taken_at_once:
            raise BlockingIOError
        return writev(descriptor, [b"".join(pieces)[:taken_at_once]])

    monkeypatch.setattr(os, "writev", some)
    message = b"A: b\r\n\r\n" + b"A line of some length.\r\n" * 40_000
    with Relay() as server:
        outcomes = deliver(server, envelope(message=message), envelope("bek@example.org", message))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED] * 2
    assert [t.message for t in server.taken] == [message] * 2


def test_a_message_of_which_the_system_took_nothing_is_in_no_doubt(server, monkeypatch):
    def broken(descriptor, pieces):
        raise BrokenPipeError("the other side is gone")

    monkeypatch.setattr(os, "writev", broken)
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary
    assert not server.taken


def test_an_address_that_could_carry_a_command_is_never_spoken(server):
    for bad in ("a@b.example>\r\nRSET", "a b@example.org", "a@b.example\n", "@", "ünïcode@example.org"):
        (outcome,) = deliver(server, envelope(bad))
        assert outcome.reply_class is ReplyClass.REFUSED
    assert not any(line.startswith("RCPT") for line in server.commands)


def test_a_message_too_large_for_the_relay_is_our_fault():
    with Relay(Script(offers=("SIZE 100",))) as server, pytest.raises(OurFault, match="at most 100"):
        deliver(server, envelope(message=b"x" * 200))


@pytest.mark.parametrize(
    "greeting, error", [("554 5.3.2 go away", OurFault), ("421 4.3.2 busy", Unavailable)]
)
def test_a_greeting_says_whether_to_come_back(greeting, error):
    with Relay(Script(greeting=greeting)) as server, pytest.raises(error):
        deliver(server, envelope())


def test_a_relay_that_is_not_there_is_unavailable():
    with Relay() as server:
        port = server.port
    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(open_session(base.Relay("127.0.0.1", port)))


@given(st.binary(max_size=200) | st.text("\r\n.a", max_size=30).map(str.encode))
def test_no_message_can_end_early_or_carry_a_lone_line_end(message):
    octets = wire_form(message)
    assert octets.endswith(b"\r\n.\r\n") or octets == b".\r\n"
    assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n")
    lines = octets.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2
    unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines[:-2])
    normal = b"\n".join(message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    assert unstuffed.replace(b"\r\n", b"\n") == normal.removesuffix(b"\n")


@given(st.lists(st.integers(1, 40), max_size=20))
def test_replies_are_read_however_the_octets_are_cut(cuts):
    stream = b"220 hi\r\n250-one\r\n250-SIZE 10\r\n250 PIPELINING\r\n550-5.1.1 gone\r\n550 5.1.1 for good\r\n"
    stream += b"354\r\n"
    reader, replies, at = Reader(), [], 0
    for cut in [*cuts, len(stream)]:
        replies += reader.feed(stream[at : at + cut])
        at += cut
    assert [r.code for r in replies] == [220, 250, 550, 354]
    assert replies[1].lines == ("one", "SIZE 10", "PIPELINING")
    assert (replies[2].enhanced, replies[2].text) == ("5.1.1", "gone for good")


def read(chunks):
    """The replies in chunks of octets, and whether anything is left over; None where they are no replies."""
    reader = Reader()
    try:
        return [reply for chunk in chunks for reply in reader.feed(chunk)], reader.clear()
    except NotAReply:
        return None


LINES = [
    b"250 2.0.0 Ok\r\n",
    b"354\r\n",
    b"550-5.1.1 gone\r\n",
    b"550 5.1.1 for good\r\n",
    b"421 \xff\0\n",
    b"25",
]


@given(st.lists(st.sampled_from([*LINES, b"Ok\r\n", b"\r\n"]), max_size=6))
def test_replies_that_come_at_once_are_those_that_come_octet_by_octet(lines):
    octets = b"".join(lines)
    assert read([octets]) == read(octets[at : at + 1] for at in range(len(octets)))
