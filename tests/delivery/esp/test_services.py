"""One suite for every service: each call is as it documents, and each answer means what it says."""

from __future__ import annotations

import time
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest

from mailer.config import Service
from mailer.delivery import esp, verp
from mailer.delivery.esp import http, message
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.outcome import ReplyClass, outcome_of
from tests.delivery.esp.api import DROP, HANG, Reply
from tests.delivery.esp.documented import KEY, SECRET, SERVICES
from tests.delivery.esp.drive import HTML, LEAVE, TEXT, Drive, claimed


def only(wanted):
    """The test is about the services of which this is true."""
    return pytest.mark.parametrize("documented", list(filter(wanted, sorted(SERVICES))), indirect=True)


WITH_KEY = only(lambda name: CAPABILITIES[name].key)
WITHOUT_KEY = only(lambda name: not CAPABILITIES[name].key)


def test_each_reader_gets_a_mail_of_their_own_with_every_part(api, drive, documented):
    outcomes = drive.send(7)
    assert {outcome.reply_class for outcome in outcomes.values()} == {ReplyClass.ACCEPTED}
    assert api.recipients() == [f"reader-{number}@example.net" for number in range(1, 8)]
    for mail in api.taken:
        number = int(mail.to.split("@")[0].removeprefix("reader-"))
        assert message.delivery_of(mail.token) == number
        assert mail.subject == "Новости" and mail.reply_to == "office@example.org"
        name, address = parseaddr(mail.sender)
        assert (str(make_header(decode_header(name))), address) == ("Офис, «Азия»", "news@example.org")
        assert (mail.html.strip(), mail.text.strip()) == (HTML, TEXT)


def test_leaving_by_one_click_stands_in_the_headers_of_each(api, drive, documented):
    drive.send(3)
    for mail in api.taken:
        assert mail.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
        assert mail.headers["list-unsubscribe"].startswith(f"<{LEAVE}>")
        assert "<monthly.example.org>" in mail.headers["list-id"]
        kept = mail.headers.get("message-id", "").endswith("@example.org>")
        assert kept or not CAPABILITIES[documented.name].keeps_message_id


def test_a_call_holds_no_more_than_the_table_says(api, drive, documented):
    drive.send(60)
    assert len(api.calls) >= 60 / CAPABILITIES[documented.name].chunk
    assert CAPABILITIES[documented.name].chunk <= CAPABILITIES[documented.name].most


def test_an_address_that_the_service_refuses_costs_nobody_else_anything(api, drive):
    api.bad = {"reader-3@example.net"}
    outcomes = drive.send(6)
    assert outcomes[3].reply_class is ReplyClass.REFUSED and "@" not in outcomes[3].reply
    assert drive.verdicts() == {"accepted": 5, "refused": 1}
    assert drive.sender.troubles() == []


def test_refusals_and_acceptances_are_in_the_journal_as_recovery_reads_them(api, drive):
    api.bad = {"reader-2@example.net"}
    drive.send(3)
    told = {
        delivery: outcome_of(spoken.code, spoken.words).reply_class
        for (delivery, _), spoken in drive.told().items()
    }
    assert told == {1: ReplyClass.ACCEPTED, 2: ReplyClass.REFUSED, 3: ReplyClass.ACCEPTED}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_gets_the_call_again(api, drive, documented, status):
    api.script = lambda call: Reply(status) if len(api.calls) == 1 else None
    assert {o.reply_class for o in drive.send(2).values()} == {ReplyClass.ACCEPTED}
    assert api.recipients() == ["reader-1@example.net", "reader-2@example.net"]


@pytest.mark.parametrize("status", [429, 500])
def test_a_service_that_stays_busy_ends_the_run_and_costs_nobody_a_try(api, drive, documented, status):
    api.script = lambda call: Reply(status, documented.busy)
    drive.put(claimed(1))
    trouble = drive.trouble()
    assert len(api.calls) == 4
    drive.sender.stop(5)
    assert drive.until(1)[1].reply_class is ReplyClass.NOT_TRIED
    assert trouble.passing and trouble.mailing is None
    assert CAPABILITIES[documented.name].title in trouble.words


@only(lambda name: name != "amazon_ses")
def test_it_is_not_called_before_the_moment_that_it_named(api, drive, documented):
    moments = []

    def script(call):
        moments.append(time.monotonic())
        return Reply(429, documented.busy, {"Retry-After": "1"}) if len(moments) == 1 else None

    api.script = script
    drive.send(1)
    assert moments[1] - moments[0] >= 1


@pytest.mark.parametrize("reply", ["unauthorised", "unverified"])
def test_our_own_fault_is_told_and_touches_nobody(api, drive, documented, reply):
    api.script = lambda call: documented.fails(reply, call)
    drive.put(claimed(1), claimed(2))
    trouble = drive.trouble()
    drive.sender.stop(5)
    assert {o.reply_class for o in drive.until(2).values()} == {ReplyClass.NOT_TRIED}
    assert not trouble.passing
    assert trouble.mailing == (None if reply == "unauthorised" else 1)
    assert KEY not in trouble.words and SECRET not in trouble.words
    assert "@" not in trouble.words
    assert all(outcome_of(spoken.code, spoken.words).temporary for spoken in drive.told().values())


def test_a_refusal_without_a_reason_is_the_readers_where_others_get_through(api, drive, documented):
    drive.send(2)
    api.script = lambda call: documented.fails("unexplained", call)
    drive.put(claimed(9))
    assert drive.until(3)[9].reply_class is ReplyClass.REFUSED
    assert drive.sender.troubles() == []


def test_a_refusal_without_a_reason_is_ours_where_nobody_gets_through(api, drive, documented):
    api.script = lambda call: documented.fails("unexplained", call)
    drive.put(*(claimed(number) for number in range(1, 21)))
    assert {o.reply_class for o in drive.until(20).values()} == {ReplyClass.NOT_TRIED}
    (trouble, *_) = drive.sender.troubles()
    assert not trouble.passing and trouble.mailing == 1


@WITHOUT_KEY
def test_a_call_without_an_answer_is_in_doubt_and_not_made_again(api, service, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "READ", 0.3)
    api.script = lambda call: HANG
    with Drive(service, tmp_path) as drive:
        assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT
        assert len(api.calls) == 1
        assert drive.told() == {(1, 1): None}


@WITHOUT_KEY
def test_a_connection_that_ends_behind_the_call_leaves_it_in_doubt(api, drive):
    api.script = lambda call: DROP
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT and len(api.calls) == 1


@WITHOUT_KEY
@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_lost_the_answer_leaves_the_call_in_doubt(api, drive, status):
    api.script = lambda call: Reply(status, {"message": "Bad Gateway"})
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT and len(api.calls) == 1


def test_an_answer_that_makes_no_sense_leaves_the_call_in_doubt(api, drive):
    api.script = lambda call: Reply(200, ["what"])
    assert drive.send(1)[1].reply_class is ReplyClass.IN_DOUBT


@WITH_KEY
def test_where_a_key_stands_for_the_mail_a_lost_call_is_made_again_under_it(api, drive):
    keys = []

    def script(call):
        keys.append(call.headers.get("idempotency-key") or call.json["headers"]["idempotencyKey"])
        return DROP if len(keys) == 1 else None

    api.script = script
    assert drive.send(1)[1].reply_class is ReplyClass.ACCEPTED
    assert len(keys) == 2 and len(set(keys)) == 1


def test_a_service_that_never_answers_ends_the_run_before_many_are_in_doubt(api, drive):
    api.script = lambda call: DROP
    drive.put(*(claimed(number) for number in range(1, 1001)))
    trouble = drive.trouble()
    drive.sender.stop(5)
    drive.until(1000)
    chunk = CAPABILITIES[drive.service.name].chunk
    assert trouble.passing and 1 <= drive.verdicts()["in_doubt"] <= 4 * chunk


def test_a_service_that_cannot_be_reached_is_safe_to_try_again(documented, configure, tmp_path):
    service = Service(name=documented.name, url="http://127.0.0.1:1/", **documented.config)
    with Drive(service, tmp_path) as drive:
        drive.put(claimed(1))
        trouble = drive.trouble()
        drive.sender.stop(5)
        assert drive.until(1)[1].reply_class is ReplyClass.NOT_TRIED
        assert trouble.passing and "cannot be reached" in trouble.words


def test_no_redirect_is_followed(api, drive):
    api.script = lambda call: Reply(307, {"message": "there"}, {"Location": "/elsewhere"})
    drive.put(claimed(1))
    trouble = drive.trouble()
    assert len(api.calls) == 1 and not trouble.passing


def test_what_returns_names_its_delivery_where_it_is_read_and_the_service_lets_us(
    api, service, configure, tmp_path, documented
):
    configure(bounces={"domain": "bounces.example.org", "maildir": "returned"})
    with Drive(service, tmp_path) as drive:
        drive.send(1)
    (mail,) = api.taken
    ours = CAPABILITIES[documented.name].envelope_sender
    assert verp.read(mail.return_path) == (1 if ours else None)


def test_credentials_are_proved_without_sending_anything(api, service, configure, documented):
    fields = {"name": service.name, "url": service.url, **documented.config}
    configure(service=fields)
    assert esp.check() is None
    api.script = lambda call: documented.unauthorised
    words = esp.check()
    assert words and KEY not in words
    assert api.taken == [] and {call.method for call in api.calls} == {"GET"}
