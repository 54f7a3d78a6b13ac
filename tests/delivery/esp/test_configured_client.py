"""One suite for all ESPs: each call is as documented, and each response has its documented meaning."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import time
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest

from mailer.backoff import BackoffPolicy
from mailer.config import Service
from mailer.delivery import message_identifiers
from mailer.delivery.esp import sender
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.configured_client import check_credentials, create_client
from mailer.delivery.esp.message_parts_encoder import FilledText, TextTemplate, delivery_of, literal_text
from mailer.delivery.ledger.attempt_types_and_retry_schedule import SendJob
from mailer.delivery.outcome import ReplyClass, outcome_of
from mailer.rendering.merge_tags import html_value
from tests.delivery.cast import Clock
from tests.delivery.deadlines import deadline
from tests.delivery.esp.api import DROP, ENDLESS_BODY, ENDLESS_HEAD, HANG, Reply
from tests.delivery.esp.documented import KEY, SECRET, SERVICES
from tests.delivery.esp.drive import HTML, LEAVE, SHORT, TEXT, Drive, claimed, message
from tests.waiting import until


def only(wanted):
    """Run the test for the ESPs of which `wanted` is true."""
    return pytest.mark.parametrize("documented", list(filter(wanted, sorted(SERVICES))), indirect=True)


WITH_KEY = only(lambda name: CAPABILITIES[name].idempotency)
WITHOUT_KEY = only(lambda name: not CAPABILITIES[name].idempotency)


def test_each_recipient_gets_a_separate_message_with_every_part(api, drive, documented):
    outcomes = drive.send(7)
    assert {outcome.reply_class for outcome in outcomes.values()} == {ReplyClass.ACCEPTED}
    assert api.recipients() == [f"reader-{number}@example.net" for number in range(1, 8)]
    for mail in api.taken:
        number = int(mail.to.split("@")[0].removeprefix("reader-"))
        assert delivery_of(mail.token) == number
        assert mail.subject == "Новости" and mail.reply_to == "office@example.org"
        name, address = parseaddr(mail.sender)
        assert (str(make_header(decode_header(name))), address) == ("Офис, «Азия»", "news@example.org")
        assert (mail.html.strip(), mail.text.strip()) == (HTML, TEXT)


def test_each_message_has_the_one_click_unsubscribe_headers(api, drive, documented):
    drive.send(3)
    assert len(api.taken) == 3
    for mail in api.taken:
        assert mail.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
        assert mail.headers["list-unsubscribe"].startswith(f"<{LEAVE}>")
        assert "<monthly.example.org>" in mail.headers["list-id"]
        kept = mail.headers.get("message-id", "").endswith("@example.org>")
        assert kept or not CAPABILITIES[documented.name].keeps_message_id


def test_a_call_contains_no_more_messages_than_the_batch_size(api, drive, documented):
    drive.send(60)
    assert len(api.calls) >= 60 / CAPABILITIES[documented.name].batch_size
    assert CAPABILITIES[documented.name].batch_size <= CAPABILITIES[documented.name].max_batch_size


@only(lambda name: CAPABILITIES[name].batch_size > 1)
def test_a_message_of_a_batch_is_what_it_would_be_alone(service, documented):
    sender = create_client(service)
    messages = [message(claimed(number)) for number in range(3)]
    messages.append(
        dataclasses.replace(
            messages[0], to="ünï@bücher.example", text=literal_text('", "x": "'), subject="Other"
        )
    )
    messages.append(dataclasses.replace(messages[1], reply_to="", html=literal_text('<p>"\\ \u2028</p>')))
    values = {"countries": '"A" & <Б>', "unsubscribe_url": f"{LEAVE}?a=1&b=2"}
    tagged = TextTemplate("%%countries%%\n<p>%%unsubscribe_url%%</p>%%countries%%", html_value)
    messages.append(dataclasses.replace(messages[2], html=FilledText(tagged, values)))
    together = json.loads(sender.request(messages)["data"])
    alone = [json.loads(sender.request([one])["data"]) for one in messages]
    lists = [found if isinstance(found, list) else found.popitem()[1] for found in (together, *alone)]
    assert lists[0] == [one for found in lists[1:] for one in found]
    assert lists[0] == [json.loads(sender.one(sender.payload(one))) for one in messages]
    assert all(template.usable for template in sender._templates.values())
    sender.close()


def test_no_more_calls_are_made_at_a_time_than_there_are_connections(api, drive, documented):
    api.latency = 0.02
    drive.send(20)
    assert api.most_open <= drive.service.connections


def test_a_rejected_address_affects_no_other_recipient(api, drive):
    api.bad = {"reader-3@example.net"}
    outcomes = drive.send(6)
    assert outcomes[3].reply_class is ReplyClass.REFUSED and "@" not in outcomes[3].reply
    assert drive.counts() == {"accepted": 5, "refused": 1}
    assert drive.pool.take_errors() == []


def test_replies_are_journaled_as_recovery_reads_them(api, drive):
    api.bad = {"reader-2@example.net"}
    drive.send(3)
    journaled = {
        delivery: outcome_of(logged.code, "").reply_class
        for (delivery, _), logged in drive.journaled().items()
    }
    assert journaled == {1: ReplyClass.ACCEPTED, 2: ReplyClass.REFUSED, 3: ReplyClass.ACCEPTED}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_call_is_repeated_if_the_esp_throttles_it(api, drive, documented, status):
    api.script = lambda call: Reply(status) if len(api.calls) == 1 else None
    assert {o.reply_class for o in drive.send(2).values()} == {ReplyClass.ACCEPTED}
    assert api.recipients() == ["reader-1@example.net", "reader-2@example.net"]


@pytest.mark.parametrize("status", [429, 500])
def test_an_esp_that_keeps_throttling_ends_the_run_without_an_attempt(api, drive, documented, status):
    api.script = lambda call: Reply(status, documented.busy)
    drive.submit(claimed(1))
    error = drive.error()
    assert len(api.calls) == 4
    drive.pool.stop(60)
    assert drive.until(1)[1].reply_class is ReplyClass.NOT_TRIED
    assert error.transient and error.mailing is None
    assert CAPABILITIES[documented.name].title in error.message


@only(lambda name: name != "amazon_ses")
def test_retry_after_is_respected(api, drive, documented):
    moments = []

    def script(call):
        moments.append(time.monotonic())
        return Reply(429, documented.busy, {"Retry-After": "1"}) if len(moments) == 1 else None

    api.script = script
    drive.send(1)
    assert moments[1] - moments[0] >= 1


@pytest.mark.parametrize("reply", ["unauthorised", "unverified"])
def test_an_account_error_is_reported_and_affects_no_recipient(api, drive, documented, reply):
    api.script = lambda call: documented.fails(reply, call)
    drive.submit(claimed(1), claimed(2))
    error = drive.error()
    drive.pool.stop(60)
    assert {o.reply_class for o in drive.until(2).values()} == {ReplyClass.NOT_TRIED}
    assert not error.transient
    assert error.mailing == (None if reply == "unauthorised" else 1)
    assert KEY not in error.message and SECRET not in error.message
    assert "@" not in error.message
    assert {logged.code for logged in drive.journaled().values()} <= {451}


def test_an_ambiguous_rejection_is_the_recipients_if_others_are_accepted(api, drive, documented):
    drive.send(2)
    api.script = lambda call: documented.fails("unexplained", call)
    drive.submit(claimed(9))
    assert drive.until(3)[9].reply_class is ReplyClass.REFUSED
    assert drive.pool.take_errors() == []


def test_ambiguous_rejections_are_our_fault_if_no_message_is_accepted(api, drive, documented):
    api.script = lambda call: documented.fails("unexplained", call)
    drive.submit(*(claimed(number) for number in range(1, 21)))
    assert {o.reply_class for o in drive.until(20).values()} == {ReplyClass.NOT_TRIED}
    (error, *_) = drive.pool.take_errors()
    assert not error.transient and error.mailing == 1


@pytest.mark.parametrize("how", ["dropped", "not built"])
@pytest.mark.parametrize("documented", ["resend"], indirect=True)
def test_an_ambiguous_rejection_is_decided_if_no_call_follows_it(api, drive, documented, how):
    def build():
        raise ValueError("no address")

    api.script = lambda call: documented.fails("unexplained", call)
    now = time.monotonic()
    later = now + (0.5 if how == "not built" else 50)
    drive.submit(claimed(1))
    drive.pool.submit([SendJob(claimed(2), build, now + 60, later)])
    until(lambda: drive.journaled().get((1, 1)))
    if how == "dropped":
        # The workers wait for the second job's time.
        until(lambda: not any(worker.in_flight for worker in drive.pool._workers))
        drive.pool.drop_mailing(1)
    assert drive.until(2)[1].reply_class is ReplyClass.NOT_TRIED
    (error,) = drive.pool.take_errors()
    assert not error.transient and error.mailing == 1


@WITHOUT_KEY
def test_a_call_without_a_response_is_in_doubt_and_not_repeated(api, service, tmp_path):
    api.script = lambda call: HANG
    with Drive(service, tmp_path, read_timeout=0.3) as drive:
        assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT
        # The client may give up before the API has read the call.
        until(lambda: api.calls)
        assert len(api.calls) == 1
        assert drive.journaled() == {(1, 1): None}


@pytest.mark.parametrize("documented", ["postmark"], indirect=True)
def test_an_error_in_the_calling_thread_leaves_no_call_without_its_response(api, drive):
    api.latency = 0.3
    drive.submit(claimed(1))
    until(lambda: api.calls)
    # As `with` does.
    drive.pool.__exit__(ValueError, ValueError("the database is locked"), None)
    assert None not in drive.journaled().values() and drive.until(1)[1].reply_class is ReplyClass.ACCEPTED


@pytest.mark.parametrize("documented", ["postmark"], indirect=True)
def test_a_call_without_a_response_is_not_waited_for_twice_at_a_stop(api, drive):
    api.script = lambda call: HANG
    drive.submit(claimed(1))
    until(lambda: api.calls)
    drive.pool.stop(0.1)
    began = time.monotonic()
    drive.pool.__exit__(None, None, None)
    assert time.monotonic() - began < sender.STOP_GRACE / 2


@pytest.mark.parametrize("endless", [ENDLESS_HEAD, ENDLESS_BODY], ids=["head", "body"])
@pytest.mark.parametrize("documented", ["amazon_ses", "postmark"], indirect=True)
def test_a_response_that_never_ends_leaves_the_call_in_doubt(api, service, tmp_path, endless):
    api.script = lambda call: endless
    with Drive(service, tmp_path, read_timeout=0.2) as drive:
        assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT


@pytest.mark.parametrize(
    ("documented", "encode"),
    [("amazon_ses", bytes), ("postmark", bytes), ("postmark", gzip.compress)],
    indirect=["documented"],
)
def test_a_response_of_many_octets_leaves_the_call_in_doubt(api, drive, documented, encode):
    def script(call):
        reply, _ = documented.answer(documented.read(call), set())
        body = encode(json.dumps(reply.body).encode() + b" " * (2 << 20))
        encoding = {"Content-Encoding": "gzip"} if encode is gzip.compress else {}
        return Reply(reply.status, body, {**reply.headers, **encoding})

    api.script = script
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT
    # The connection of the next call has nothing left of it.
    api.script = lambda call: None
    drive.submit(claimed(2))
    assert drive.until(2)[2].reply_class is ReplyClass.ACCEPTED


def test_connections_are_used_again(api, drive):
    for number in range(1, 10):
        drive.submit(claimed(number))
        drive.until(number)
    # One for each thread.
    assert len(api.calls) == 9 and len(api.ports) <= 2 * drive.service.connections


@WITHOUT_KEY
def test_a_connection_that_ends_after_the_call_leaves_it_in_doubt(api, drive):
    api.script = lambda call: DROP
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT and len(api.calls) == 1


@WITHOUT_KEY
@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_error_leaves_the_call_in_doubt(api, drive, status):
    api.script = lambda call: Reply(status, {"message": "Bad Gateway"})
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT and len(api.calls) == 1


def test_an_undocumented_response_leaves_the_call_in_doubt(api, drive):
    api.script = lambda call: Reply(200, ["what"])
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT


@pytest.mark.parametrize("odd", [None, {}, {"ErrorCode": 0, "Message": "OK"}, {"Status": "", "Errors": []}])
@only(lambda name: CAPABILITIES[name].batch_size > 1)
def test_an_undocumented_result_of_a_batch_leaves_only_its_message_in_doubt(api, drive, documented, odd):
    def script(call):
        reply, _ = documented.answer(documented.read(call), set())
        body = reply.body
        results = body if isinstance(body, list) else next(one for one in body.values() if one is not True)
        results[2] = odd
        return reply

    api.script = script
    outcomes = drive.send(6)
    assert len(api.calls) == 1 and outcomes[3].reply_class is ReplyClass.IN_DOUBT
    assert drive.counts() == {"accepted": 5, "in_doubt": 1} and drive.pool.take_errors() == []
    assert [key for key, reply in drive.journaled().items() if reply is None] == [(3, 1)]


@pytest.mark.parametrize("results", [[], [{}] * 2, [{}] * 3, {"0": {}, "1": {}}])
@pytest.mark.parametrize("documented", ["postmark"], indirect=True)
def test_a_batch_whose_results_cannot_be_told_apart_is_in_doubt_as_a_whole(api, drive, results):
    api.script = lambda call: Reply(200, results)
    drive.submit(*(claimed(number) for number in range(1, 121)))
    drive.error()
    drive.pool.stop(60)
    drive.until(120)
    assert set(drive.counts()) <= {"in_doubt", "not_tried"} and len(api.calls) <= 4


@pytest.mark.parametrize("documented", ["postmark"], indirect=True)
@pytest.mark.parametrize("body", [b'[{"ErrorCode": 1e999}]', b"[" * 100_000], ids=["infinite", "deep"])
def test_json_that_cannot_be_read_leaves_the_call_in_doubt(api, drive, body):
    api.script = lambda call: Reply(200, body)
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT


@WITH_KEY
def test_a_lost_call_is_repeated_with_the_same_idempotency_key(api, drive):
    keys = []

    def script(call):
        keys.append(call.headers.get("idempotency-key") or call.json["headers"]["idempotencyKey"])
        return DROP if len(keys) == 1 else None

    api.script = script
    assert drive.send(1)[1].reply_class is ReplyClass.ACCEPTED
    assert len(keys) == 2 and len(set(keys)) == 1


@WITH_KEY
@pytest.mark.parametrize("status", [409, 429, 401])
def test_what_follows_a_lost_call_does_not_say_that_it_was_not_carried_out(api, drive, documented, status):
    api.script = lambda call: DROP if len(api.calls) == 1 else Reply(status, documented.busy)
    drive.submit(claimed(1))
    assert drive.until(1)[1].reply_class is ReplyClass.IN_DOUBT
    assert drive.journaled() == {(1, 1): None}
    assert [one.transient for one in drive.pool.take_errors()] == {409: [], 429: [True], 401: [False]}[status]


@WITH_KEY
def test_a_mailing_that_is_paused_before_a_lost_call_is_repeated_leaves_it_in_doubt(api, service, tmp_path):
    slow = dataclasses.replace(SHORT, backoff=BackoffPolicy(first=0.5, cap=0.5))
    with Drive(service, tmp_path, slow) as drive:
        api.script = lambda call: DROP
        drive.submit(claimed(1))
        until(lambda: api.calls)
        drive.pool.drop_mailing(1)
        assert drive.until(1)[1].reply_class is ReplyClass.IN_DOUBT
        assert len(api.calls) == 1


@only(lambda name: CAPABILITIES[name].batch_size == 1)
def test_nothing_more_is_sent_while_the_ledger_is_not_heard_of(api, drive, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(sender, "lease_clock", lambda: clock[0])

    def script(call):
        # The thread of the ledger waits for the database.
        clock[0] = sender.MAX_UNRECORDED

    api.script = script
    drive.submit(*(claimed(number) for number in range(1, 9)))
    until(lambda: len(drive.pool._attempts) == 8)
    drive.until(8)
    # The calls that were under way already.
    assert 1 <= drive.counts()["accepted"] <= drive.service.connections
    assert set(drive.counts()) == {"accepted", "not_tried"}
    assert len(api.taken) == drive.counts()["accepted"]


@only(lambda name: CAPABILITIES[name].batch_size == 1)
def test_nothing_more_is_sent_once_the_time_of_day_is_set_past_the_deadline(api, drive):
    clock = Clock()
    latest = deadline(now=clock)
    api.script = lambda call: clock.move(hours=1)
    drive.submit(*(claimed(number) for number in range(1, 9)), latest=latest)
    drive.until(8)
    # The calls that were under way already.
    assert 1 <= drive.counts()["accepted"] <= drive.service.connections
    assert set(drive.counts()) == {"accepted", "not_tried"}
    assert len(api.taken) == drive.counts()["accepted"]


def test_an_esp_that_never_answers_ends_the_run_before_many_are_in_doubt(api, drive):
    api.script = lambda call: DROP
    drive.submit(*(claimed(number) for number in range(1, 1001)))
    error = drive.error()
    drive.pool.stop(60)
    drive.until(1000)
    # The calls that are under way when the last one in a row is lost are lost too.
    calls = drive.pool.policy.max_lost - 1 + drive.service.connections
    limit = calls * CAPABILITIES[drive.service.name].batch_size
    assert error.transient and 1 <= drive.counts()["in_doubt"] <= limit


def test_an_unreachable_esp_is_a_transient_error_without_an_attempt(documented, configure, tmp_path):
    service = Service(name=documented.name, url="http://127.0.0.1:1/", **documented.config)
    with Drive(service, tmp_path) as drive:
        drive.submit(claimed(1))
        error = drive.error()
        drive.pool.stop(60)
        assert drive.until(1)[1].reply_class is ReplyClass.NOT_TRIED
        assert error.transient and "cannot be reached" in error.message


def test_no_redirect_is_followed(api, drive):
    api.script = lambda call: Reply(307, {"message": "there"}, {"Location": "/elsewhere"})
    drive.submit(claimed(1))
    error = drive.error()
    assert len(api.calls) == 1 and not error.transient


def test_our_envelope_sender_is_used_if_bounces_are_read_and_the_esp_accepts_it(
    api, service, configure, tmp_path, documented
):
    configure(bounces={"domain": "bounces.example.org", "maildir": "returned"})
    with Drive(service, tmp_path) as drive:
        drive.send(1)
    (mail,) = api.taken
    ours = CAPABILITIES[documented.name].envelope_sender
    assert message_identifiers.read_envelope_sender(mail.envelope_sender) == (1 if ours else None)


def test_credentials_are_verified_without_sending_anything(api, service, configure, documented):
    fields = {"name": service.name, "url": service.url, **documented.config}
    configure(service=fields)
    assert check_credentials() is None
    api.script = lambda call: documented.unauthorised
    error = check_credentials()
    assert error and KEY not in error
    assert api.taken == [] and len(api.calls) == 2


@only(lambda name: hasattr(SERVICES[name], "suppressed"))
def test_an_address_on_the_esps_list_is_refused_without_a_servers_reply(api, drive, documented):
    def script(call):
        (mail,) = documented.read(call)
        return documented.suppressed(mail)

    api.script = script
    outcome = drive.send(1)[1]
    assert outcome.reply_class is ReplyClass.REFUSED and "@" not in outcome.reply
    # So the address itself is not judged by it.
    assert not re.match(r"[245]\d\d[ -]", outcome.reply)
    assert drive.pool.take_errors() == []


@pytest.mark.parametrize("documented", ["unisender_go"], indirect=True)
def test_an_address_that_is_unavailable_for_now_is_deferred(api, drive, documented):
    api.script = lambda call: documented._failed(*documented.read(call), "temporary_unavailable")
    assert drive.send(1)[1].reply_class is ReplyClass.TRY_LATER


@pytest.mark.parametrize("documented", ["sendgrid"], indirect=True)
def test_sendgrids_time_of_the_next_call_is_respected(api, drive, documented):
    def script(call):
        if len(api.calls) > 1:
            return None
        return Reply(429, documented.busy, {"X-RateLimit-Reset": str(int(time.time()) + 2)})

    api.script = script
    began = time.monotonic()
    drive.send(1)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("reason, about_sender", [("invalid-sender", True), ("test-mode-limit", False)])
@pytest.mark.parametrize("documented", ["mandrill"], indirect=True)
def test_mandrills_rejections_because_of_us_affect_no_recipient(api, drive, documented, reason, about_sender):
    api.script = lambda call: documented._result(*documented.read(call), "rejected", reason)
    drive.submit(claimed(1))
    error = drive.error()
    drive.pool.stop(60)
    assert drive.until(1)[1].reply_class is ReplyClass.NOT_TRIED
    assert not error.transient and error.mailing == (1 if about_sender else None)
