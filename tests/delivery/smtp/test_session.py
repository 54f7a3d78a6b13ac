from __future__ import annotations

import asyncio
import dataclasses
import os

import pytest

from mailer.delivery.outcome import ReplyClass, outcome_of
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.relays import PermanentRelayError, RelayUnavailable, Timeouts
from mailer.delivery.smtp.session import SendAborted
from mailer.delivery.smtp.session_setup import open_session
from tests.delivery.relay import DROP, Relay, Script

PLAIN = ("SIZE 10000000",)


def envelope(to="aida@example.org", message=b"Subject: x\r\n\r\nhello\r\n"):
    return Envelope("b+1@bounces.example.org", to, message)


def address(server):
    return relays.Relay("127.0.0.1", server.port, "opportunistic" if server.script.tls else "none")


def deliver(server, *envelopes, before_final_dot=lambda: None, **changes):
    """Deliver envelopes one after another in a session; return the outcomes."""

    async def run():
        relay = dataclasses.replace(address(server), **changes)
        session = await open_session(relay)
        outcomes = []
        try:
            for one in envelopes:
                if not session.usable:
                    session = await open_session(relay)
                outcomes.append(await session.deliver(one, before_final_dot))
        finally:
            await session.quit()
        return outcomes

    return asyncio.run(run())


@pytest.fixture(params=["pipelined", "one by one", "encrypted"])
def server(request, certified):
    with Relay() as relay:
        if request.param == "one by one":
            relay.script.offers = PLAIN
        elif request.param == "encrypted":
            _, relay.script.tls = certified()
        yield relay
        encrypted = sum(line.startswith("EHLO") for line in relay.commands) - relay.connections
        assert bool(encrypted) == bool(relay.script.tls)


def test_messages_arrive_unchanged_over_one_connection(server):
    first, second = b"A: b\r\n\r\n.dot\r\n..two\r\nend.\r\n", b"A: b\r\n\r\nno last line end"
    outcomes = deliver(server, envelope(message=first), envelope("bek@example.org", second))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED, ReplyClass.ACCEPTED]
    assert [t.message for t in server.taken] == [first, second + b"\r\n"]
    assert server.connections == 1
    assert "queued as 1" in outcomes[0].reply


def test_a_refused_recipient_does_not_affect_the_next(server):
    server.script.rcpt = lambda to: "550 5.1.1 no such user" if to.startswith("gone") else None
    outcomes = deliver(
        server, envelope("gone@example.org"), envelope(), envelope("gone2@example.org"), envelope()
    )
    assert [o.reply_class for o in outcomes] == [ReplyClass.REFUSED, ReplyClass.ACCEPTED] * 2
    assert outcomes[0].reply == "550 5.1.1 no such user (in reply to RCPT TO command)"
    assert server.connections == 1


@pytest.mark.parametrize("stage, option", [("mail", "RET="), ("rcpt", "NOTIFY=")])
def test_a_message_whose_dsn_parameters_are_rejected_is_sent_without_them(server, stage, option):
    def reject(who):
        return "555 5.5.4 unsupported option" if option in server.commands[-1] else None

    setattr(server.script, stage, reject)
    server.script.offers += ("DSN",)
    outcomes = deliver(server, envelope(), envelope("bek@example.org"))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED] * 2
    assert server.recipients() == ["aida@example.org", "bek@example.org"] and server.connections == 1
    # The server is asked once.
    assert sum(option in line for line in server.commands) == 1


def test_a_recipient_is_not_refused_for_a_command_that_the_server_rejects(server):
    server.script.rcpt = lambda to: "501 5.5.4 no such parameter"
    server.script.offers += ("DSN",)
    (outcome,) = deliver(server, envelope())
    assert outcome.reply_class is ReplyClass.COMMAND_REJECTED and not outcome.permanent
    assert sum(line.startswith("RCPT") for line in server.commands) == 2


@pytest.mark.parametrize("step, command", [("data", "DATA"), ("dot", "end of DATA"), ("mail", "MAIL FROM")])
def test_a_rejection_is_recorded_with_the_command_that_it_answers_however_long_it_is(server, step, command):
    setattr(server.script, step, lambda who: f"451 4.3.0 {'later ' * 200}")
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary and len(outcome.reply) <= 500
    assert outcome.reply.startswith("451 4.3.0 later") and outcome.reply.endswith(
        f"(in reply to {command} command)"
    )


def test_data_accepted_without_a_recipient_is_ended_by_a_lone_dot():
    with Relay(Script(careless=True)) as server:
        server.script.rcpt = lambda to: "550 5.1.1 no" if to.startswith("gone") else None
        outcomes = deliver(server, envelope("gone@example.org"), envelope())
        assert [o.reply_class for o in outcomes] == [ReplyClass.REFUSED, ReplyClass.ACCEPTED]
        assert server.recipients() == ["aida@example.org"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_a_temporary_rejection_at_any_stage_defers_the_message(server, stage):
    setattr(server.script, stage, lambda who: "451 4.7.1 greylisted")
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary and (outcome.reply_class, outcome.code) == (ReplyClass.TRY_LATER, 451)


def test_a_data_command_that_is_answered_by_success_is_no_acceptance_in_the_journal_either(server):
    server.script.data = lambda to: "250 2.0.0 ok"
    (outcome,) = deliver(server, envelope())
    assert outcome.temporary and outcome_of(outcome.code, outcome.reply).temporary
    assert server.taken == []


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
def test_a_permanent_rejection_of_recipient_or_content_has_the_whole_reply(server, stage):
    setattr(server.script, stage, lambda who: "550-5.7.1 first line\n550 5.7.1 second")
    (outcome,) = deliver(server, envelope())
    assert outcome.permanent and outcome.reply_class is ReplyClass.BLOCKED
    assert "first line" in outcome.reply and "second" in outcome.reply


def test_a_rejection_of_the_sender_is_a_permanent_relay_error(server):
    server.script.mail = lambda sender: "550 5.7.1 sender denied"
    with pytest.raises(PermanentRelayError, match="sender denied"):
        deliver(server, envelope())


def test_a_connection_that_ends_after_the_final_dot_leaves_the_message_in_doubt(server):
    server.script.dot = lambda to: DROP
    (outcome,) = deliver(server, envelope())
    assert outcome.reply_class is ReplyClass.IN_DOUBT


def test_an_acceptance_counts_also_where_no_valid_reply_follows_it(server):
    server.script.dot = lambda to: "250 2.0.0 queued as 1\nTrace: the filter has ended"
    outcomes = deliver(server, envelope(), envelope("bek@example.org"))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED] * 2
    assert server.recipients() == ["aida@example.org", "bek@example.org"]


def test_a_timeout_after_the_final_dot_leaves_the_message_in_doubt(server):
    server.script.latency = 600
    (outcome,) = deliver(server, envelope(), timeouts=Timeouts(final_dot=0.2))
    assert outcome.reply_class is ReplyClass.IN_DOUBT and "no reply" in outcome.reply


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_connection_that_ends_before_the_final_dot_leaves_no_doubt(server, stage):
    setattr(server.script, stage, lambda who: DROP)
    (outcome,) = deliver(server, envelope())
    assert outcome.reply_class is ReplyClass.CONNECTION_LOST and outcome.temporary
    assert server.taken == []


def test_a_message_is_not_tried_if_the_server_ends_the_session_before_it(server):
    server.script.per_connection = 1
    outcomes = deliver(server, envelope(), envelope("bek@example.org"), envelope("bek@example.org"))
    assert [o.reply_class for o in outcomes] == [
        ReplyClass.ACCEPTED,
        ReplyClass.NOT_TRIED,
        ReplyClass.ACCEPTED,
    ]
    assert server.connections == 2


def test_a_message_aborted_before_its_final_dot_is_not_sent(server):
    def no():
        raise SendAborted

    (outcome,) = deliver(server, envelope(), before_final_dot=no)
    assert outcome.reply_class is ReplyClass.NOT_TRIED
    assert server.taken == []


def test_an_error_of_the_source_ends_the_session_and_is_raised(server):
    def broken():
        raise LookupError("no such journal")

    with pytest.raises(LookupError, match="no such journal"):
        deliver(server, envelope(), before_final_dot=broken)
    assert server.taken == []


def test_cancelling_reports_a_message_in_doubt_after_its_final_dot(server):
    server.script.latency = 60
    asked = []

    async def run():
        session = await open_session(address(server))
        task = asyncio.create_task(session.deliver(envelope(), lambda: asked.append(1)))
        while not server.taken:
            await asyncio.sleep(0.01)
        task.cancel()
        outcome = await task
        await session.abort()
        return outcome

    outcome = asyncio.run(run())
    assert asked and outcome.reply_class is ReplyClass.IN_DOUBT


class ListSource:
    """A source of messages in a list that keeps the outcome of each."""

    def __init__(self, *envelopes):
        self.waiting = list(envelopes)
        self.outcomes = {}
        # Recipients whose final dot was about to be sent.
        self.before = []
        self.aborted = ()

    def next_message(self, behind):
        return self.waiting.pop(0) if self.waiting else None

    def before_final_dot(self, envelope):
        self.before.append(envelope.recipient)
        if envelope.recipient in self.aborted:
            raise SendAborted

    def record_outcome(self, envelope, outcome):
        assert envelope.recipient not in self.outcomes
        self.outcomes[envelope.recipient] = outcome.reply_class


def serve(server, source, **changes):
    async def run():
        session = await open_session(dataclasses.replace(address(server), **changes))
        await session.serve(source, until_empty=True)
        await session.quit()

    asyncio.run(run())
    return source.outcomes


RECIPIENTS = [f"{name}@example.org" for name in ("aida", "bek", "chinara", "dana", "erlan")]


def test_the_next_envelope_is_pipelined_behind_the_final_dot(server):
    outcomes = serve(server, ListSource(*map(envelope, RECIPIENTS)))
    assert set(outcomes.values()) == {ReplyClass.ACCEPTED}
    assert server.recipients() == RECIPIENTS and server.connections == 1
    assert server.pipelined == ((len(RECIPIENTS) - 1) if "PIPELINING" in server.script.offers else 0)


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
def test_a_rejection_in_a_pipeline_affects_its_recipient_only(server, stage):
    setattr(server.script, stage, lambda to: "550 5.1.1 no" if to.startswith("chinara") else None)
    outcomes = serve(server, ListSource(*map(envelope, RECIPIENTS)))
    assert [outcomes[one] for one in RECIPIENTS] == [
        ReplyClass.REFUSED if one.startswith("chinara") else ReplyClass.ACCEPTED for one in RECIPIENTS
    ]
    assert server.recipients() == [one for one in RECIPIENTS if not one.startswith("chinara")]


def test_a_message_pipelined_behind_an_unanswered_final_dot_is_not_tried(server):
    server.script.dot = lambda to: DROP if to.startswith("bek") else None
    outcomes = serve(server, ListSource(*map(envelope, RECIPIENTS)))
    assert outcomes["aida@example.org"] is ReplyClass.ACCEPTED
    assert outcomes["bek@example.org"] is ReplyClass.IN_DOUBT
    assert outcomes.get("chinara@example.org", ReplyClass.NOT_TRIED) is ReplyClass.NOT_TRIED
    assert len(outcomes) <= 3


def test_a_message_behind_a_reply_that_is_malformed_is_not_tried(server):
    server.script.dot = lambda to: "250 2.0.0 queued as 1\nTrace: the filter has ended"
    outcomes = serve(server, ListSource(*map(envelope, RECIPIENTS)))
    assert outcomes.pop(RECIPIENTS[0]) is ReplyClass.ACCEPTED
    assert set(outcomes.values()) <= {ReplyClass.NOT_TRIED}


def test_a_message_aborted_in_a_pipeline_is_not_sent_and_ends_the_connection(server):
    source = ListSource(*map(envelope, RECIPIENTS[:3]))
    source.aborted = ("bek@example.org",)
    outcomes = serve(server, source)
    assert outcomes["bek@example.org"] is ReplyClass.NOT_TRIED
    assert server.recipients() == ["aida@example.org"]


def test_an_address_that_cannot_be_encoded_is_refused_and_the_others_arrive(server):
    recipients = [RECIPIENTS[0], "a b@example.org", RECIPIENTS[1], "\u00fc@example.org", RECIPIENTS[2]]
    outcomes = serve(server, ListSource(*map(envelope, recipients)))
    assert [outcomes[one] for one in recipients] == [ReplyClass.ACCEPTED, ReplyClass.REFUSED] * 2 + [
        ReplyClass.ACCEPTED
    ]
    assert server.recipients() == RECIPIENTS[:3]


def test_a_session_ends_at_its_message_limit_and_the_other_messages_remain(server):
    source = ListSource(*map(envelope, RECIPIENTS))
    outcomes = serve(server, source, messages_per_connection=2)
    assert list(outcomes) == RECIPIENTS[:2] and [one.recipient for one in source.waiting] == RECIPIENTS[2:]


@pytest.mark.parametrize("lines", [1, 3_000])
def test_a_message_of_any_number_of_pieces_arrives_whole(server, lines):
    pieces = (b"A: b\r\n\r\n", *[b"text\r\n"] * lines)
    (outcome,) = deliver(server, Envelope("b+1@bounces.example.org", "aida@example.org", pieces=pieces))
    assert outcome.reply_class is ReplyClass.ACCEPTED
    assert server.taken[0].message == b"".join(pieces)


@pytest.mark.parametrize("taken_at_once", [0, 1, 70_000])
def test_a_message_that_the_kernel_takes_in_parts_arrives_whole(server, monkeypatch, taken_at_once):
    writev = os.writev

    def some(descriptor, pieces):
        if not taken_at_once:
            raise BlockingIOError
        return writev(descriptor, [b"".join(pieces)[:taken_at_once]])

    monkeypatch.setattr(os, "writev", some)
    message = b"A: b\r\n\r\n" + b"A line of some length.\r\n" * 40_000
    outcomes = deliver(server, envelope(message=message), envelope("bek@example.org", message))
    assert [o.reply_class for o in outcomes] == [ReplyClass.ACCEPTED] * 2
    assert [t.message for t in server.taken] == [message] * 2


def test_a_message_of_which_the_kernel_took_nothing_is_not_in_doubt(monkeypatch):
    def broken(descriptor, pieces):
        raise BrokenPipeError("broken pipe")

    monkeypatch.setattr(os, "writev", broken)
    with Relay() as server:
        (outcome,) = deliver(server, envelope())
    assert outcome.reply_class is ReplyClass.CONNECTION_LOST
    assert not server.taken


def test_an_address_that_could_inject_a_command_is_never_sent(server):
    for bad in ("a@b.example>\r\nRSET", "a b@example.org", "a@b.example\n", "@", "ünïcode@example.org"):
        (outcome,) = deliver(server, envelope(bad))
        assert outcome.reply_class is ReplyClass.REFUSED
    assert not any(line.startswith("RCPT") for line in server.commands)


def test_a_message_too_large_for_the_relay_is_a_permanent_relay_error():
    with (
        Relay(Script(offers=("SIZE 100",))) as server,
        pytest.raises(PermanentRelayError, match="at most 100"),
    ):
        deliver(server, envelope(message=b"x" * 200))


@pytest.mark.parametrize(
    "greeting, error", [("554 5.3.2 go away", PermanentRelayError), ("421 4.3.2 busy", RelayUnavailable)]
)
def test_a_greeting_decides_if_a_retry_can_help(greeting, error):
    with Relay(Script(greeting=greeting)) as server, pytest.raises(error):
        deliver(server, envelope())


@pytest.mark.parametrize("host", ["relay..example.org", "x" * 64 + ".example.org"])
def test_a_relay_whose_host_is_no_name_is_unavailable(host):
    with pytest.raises(RelayUnavailable):
        asyncio.run(open_session(relays.Relay(host, 25)))


def test_a_relay_that_is_not_there_is_unavailable():
    with Relay() as server:
        port = server.port
    with pytest.raises(RelayUnavailable, match="cannot be reached"):
        asyncio.run(open_session(relays.Relay("127.0.0.1", port)))
