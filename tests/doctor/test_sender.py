"""What the doctor says about us as a sender, and the records it tells us to publish."""

from __future__ import annotations

import dataclasses
import re

import pytest

from mailer.config import Dkim
from mailer.delivery.smtp import dkim
from mailer.doctor import sender
from tests.delivery.smtp.test_dkim import BOTH

RELAY = {"host": "mail.example.net"}
(RSA_KEY, ED25519_KEY) = dkim.Signer(BOTH).keys


@pytest.fixture(autouse=True)
def _relay(zone):
    zone.has("mail.example.net", "A", "192.0.2.7")


def test_spf_that_is_missing_is_written_out_for_the_relay_s_address(world):
    (found,) = sender.envelope_spf(world(bounces={"domain": "bounces.example.org"}))
    (record,) = found.records
    assert found.verdict == "problem"
    assert (record.name, record.type) == ("bounces.example.org", "TXT")
    assert record.value == "v=spf1 ip4:192.0.2.7 -all"


def test_publishing_what_it_says_satisfies_it(zone, world):
    zone.text("bounces.example.org", "v=spf1 a:other.example.net -all")
    zone.has("other.example.net", "A", "192.0.2.99")
    office = world(bounces={"domain": "bounces.example.org"})
    (before,) = sender.envelope_spf(office)
    assert before.verdict == "warning" and "192.0.2.7" in before.seen
    zone.text("bounces.example.org", before.records[0].value)
    office.names._known.clear()
    (after,) = sender.envelope_spf(office)
    assert after.verdict == "ok" and "1 of 10 lookups" in after.seen


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        ("v=spf1 +all", "problem"),
        ("v=spf1 ip4:192.0.2.7 ?all", "warning"),
        ("v=spf1 ip4:192.0.2.7", "warning"),
    ],
)
def test_spf_that_allows_everybody_is_told(zone, world, record, verdict):
    zone.text("bounces.example.org", record)
    (found,) = sender.envelope_spf(world(bounces={"domain": "bounces.example.org"}))
    assert found.verdict == verdict and "-all" in found.advice


def test_a_relay_on_this_machine_is_taken_to_send_from_the_site_s_address(zone, world):
    zone.has("news.example.org", "A", "192.0.2.50")
    office = world(smtp={"host": "localhost"}, bounces={"domain": "bounces.example.org"})
    (found,) = sender.envelope_spf(office)
    assert found.records[0].value == "v=spf1 ip4:192.0.2.50 -all" and "this machine" in found.advice


def test_a_service_s_addresses_are_its_own_affair(world):
    (found,) = sender.envelope_spf(world(service={"name": "postmark", "key": "k"}))
    assert "postmark" in found.advice and "ip4" not in found.records[0].value


def keyed(world):
    return world(dkim=dataclasses.asdict(BOTH))


def test_keys_that_dns_has_verify_a_signature(zone, world):
    for key in (RSA_KEY, ED25519_KEY):
        zone.text(key.name, key.record)
    assert [found.verdict for found in sender.keys(keyed(world))] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "no key there"),
        ([RSA_KEY.record, RSA_KEY.record + ";"], "2 records"),
        (["v=DKIM1; k=rsa; p="], "revoked"),
        (["v=spf1 -all"], "no DKIM key"),
        ([ED25519_KEY.record], "is for ed25519"),
        ([RSA_KEY.record.replace("p=MII", "h=sha1; p=MII")], "does not allow SHA-256"),
        ([RSA_KEY.record.replace("p=MII", "s=tlsrpt; p=MII")], "not meant for mail"),
        ([RSA_KEY.record[:-9] + "AAAAIDAQAB"], "not the public half"),
        (["v=DKIM1; p=nonsense!"], "not the public half"),
    ],
)
def test_a_key_that_would_not_verify_is_a_problem_with_the_record_beside_it(zone, world, texts, words):
    if texts:
        zone.text(RSA_KEY.name, *texts)
    found = next(iter(sender.keys(keyed(world))))
    assert found.verdict == "problem" and words in found.seen
    assert found.records[0].value == RSA_KEY.record and found.records[0].name == RSA_KEY.name


def test_a_key_in_test_mode_is_a_warning(zone, world):
    zone.text(RSA_KEY.name, RSA_KEY.record + "; t=s:y")
    assert next(iter(sender.keys(keyed(world)))).verdict == "warning"


def test_spaces_and_the_missing_version_in_a_record_do_no_harm(zone, world):
    zone.text(RSA_KEY.name, re.sub(r"v=DKIM1; k=rsa; p=(.{40})", r"p=\1 ", RSA_KEY.record))
    assert next(iter(sender.keys(keyed(world)))).verdict == "ok"


def test_without_keys_of_ours_the_relay_must_sign(world):
    (found,) = sender.keys(world(dkim=dataclasses.asdict(Dkim())))
    assert found.verdict == "skipped" and "dkim=pass" in found.advice


def test_a_service_signs_by_itself_and_our_keys_rest(world):
    section = {"service": {"name": "postmark", "key": "k"}}
    assert next(iter(sender.keys(world(**section)))).verdict == "skipped"
    assert next(iter(sender.keys(world(**section, dkim=dataclasses.asdict(BOTH))))).verdict == "warning"


def test_dmarc_that_is_missing_is_written_out_for_the_organisation(world):
    (found,) = sender.policies(world(senders=("a@example.org", "b@example.org")))
    (record,) = found.records
    assert found.verdict == "problem" and record.name == "_dmarc.example.org"
    assert record.value.startswith("v=DMARC1; p=none; rua=mailto:")


@pytest.mark.parametrize(
    ("dmarc", "signed", "bounces", "verdict"),
    [
        ("p=reject", "example.org", "bounces.example.org", "ok"),
        ("p=reject", "example.org", "bounces.example.net", "ok"),
        ("p=reject", "example.net", "bounces.example.org", "warning"),
        ("p=reject", "example.net", "bounces.example.net", "problem"),
        ("p=reject; adkim=s", "news.example.org", "bounces.example.net", "problem"),
        ("p=none", "", "bounces.example.org", "ok"),
        ("p=none", "", "", "ok"),
        ("p=none; aspf=s", "", "bounces.example.org", "warning"),
        ("p=none", "", "bounces.example.net", "warning"),
    ],
)
def test_what_we_verify_as_must_speak_for_the_sender(zone, world, dmarc, signed, bounces, verdict):
    zone.text("_dmarc.example.org", f"v=DMARC1; {dmarc}")
    key = {**dataclasses.asdict(BOTH), "domain": signed}
    (found,) = sender.policies(world(dkim=key, bounces={"domain": bounces}))
    assert found.verdict == verdict, found
