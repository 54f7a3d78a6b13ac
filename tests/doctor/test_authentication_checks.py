"""Checks of SPF, DKIM and DMARC, and the records that they propose to publish."""

from __future__ import annotations

import dataclasses
import re

import pytest

from mailer.config import Dkim
from mailer.delivery.smtp import dkim
from mailer.doctor import authentication_checks
from mailer.doctor.dns_client import DnsError
from tests.delivery.smtp.test_dkim import BOTH

RELAY = {"host": "mail.example.net"}
(RSA_KEY, ED25519_KEY) = dkim.Signer(BOTH).keys


@pytest.fixture(autouse=True)
def _relay(zone):
    zone.has("mail.example.net", "A", "192.0.2.7")


def test_missing_spf_gets_a_record_with_the_relays_address(context):
    (found,) = authentication_checks.check_envelope_spf(context(bounces={"domain": "bounces.example.org"}))
    (record,) = found.records
    assert found.status == "problem"
    assert (record.name, record.type) == ("bounces.example.org", "TXT")
    assert record.value == "v=spf1 ip4:192.0.2.7 -all"


def test_publishing_the_proposed_spf_record_fixes_the_check(zone, context):
    zone.text("bounces.example.org", "v=spf1 a:other.example.net -all")
    zone.has("other.example.net", "A", "192.0.2.99")
    office = context(bounces={"domain": "bounces.example.org"})
    (before,) = authentication_checks.check_envelope_spf(office)
    assert before.status == "warning" and "192.0.2.7" in before.message
    zone.text("bounces.example.org", before.records[0].value)
    office.dns.clear_cache()
    (after,) = authentication_checks.check_envelope_spf(office)
    assert after.status == "ok" and "1 of 10 lookups" in after.message


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ("v=spf1 +all", "problem"),
        ("v=spf1 ip4:192.0.2.7 ?all", "warning"),
        ("v=spf1 ip4:192.0.2.7", "warning"),
    ],
)
def test_spf_that_allows_all_senders_is_reported(zone, context, record, status):
    zone.text("bounces.example.org", record)
    (found,) = authentication_checks.check_envelope_spf(context(bounces={"domain": "bounces.example.org"}))
    assert found.status == status and "-all" in found.advice


def test_a_relay_on_this_machine_sends_from_the_sites_address(zone, context):
    zone.has("news.example.org", "A", "192.0.2.50")
    office = context(smtp={"host": "localhost"}, bounces={"domain": "bounces.example.org"})
    (found,) = authentication_checks.check_envelope_spf(office)
    assert found.records[0].value == "v=spf1 ip4:192.0.2.50 -all" and "this machine" in found.advice


def test_an_esp_gives_the_spf_include_itself(context):
    esp = {"name": "amazon_ses", "key": "k"}
    own = {"domain": "bounces.example.org", "maildir": "box"}
    (found,) = authentication_checks.check_envelope_spf(context(service=esp, bounces=own))
    assert "amazon_ses" in found.advice and "ip4" not in found.records[0].value


def test_an_esp_with_an_envelope_sender_of_its_own_publishes_its_spf_record(context):
    office = context(service={"name": "postmark", "key": "k"}, bounces={"domain": "bounces.example.org"})
    envelope, header = authentication_checks.check_spf(office)
    assert (envelope.status, header.status) == ("skipped", "warning")
    assert header.subject == "example.org"


def test_dns_without_an_answer_is_reported_once(zone, context):
    zone.failing.add("mail.example.net")
    with pytest.raises(DnsError):
        list(authentication_checks.check_spf(context(bounces={"domain": "bounces.example.org"})))
    zone.failing.clear()
    zone.failing.add("bounces.example.org")
    zone.text("example.org", "v=spf1 -all")
    found = list(authentication_checks.check_spf(context(bounces={"domain": "bounces.example.org"})))
    assert [(one.subject, one.status) for one in found] == [
        ("bounces.example.org", "warning"),
        ("example.org", "ok"),
    ]


def keyed(context):
    return context(dkim=dataclasses.asdict(BOTH))


def test_published_dkim_keys_verify_a_signature(zone, context):
    for key in (RSA_KEY, ED25519_KEY):
        zone.text(key.dns_name, key.dns_record)
    assert [found.status for found in authentication_checks.check_dkim_keys(keyed(context))] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ([], "DNS has no DKIM key"),
        ([RSA_KEY.dns_record, RSA_KEY.dns_record + ";"], "2 DKIM records"),
        (["v=DKIM1; k=rsa; p="], "revoked"),
        (["v=spf1 -all"], "not a DKIM key"),
        ([ED25519_KEY.dns_record], "is for ed25519"),
        ([RSA_KEY.dns_record.replace("p=MII", "h=sha1; p=MII")], "does not allow SHA-256"),
        ([RSA_KEY.dns_record.replace("p=MII", "s=tlsrpt; p=MII")], "not for email"),
        ([RSA_KEY.dns_record[:-9] + "AAAAIDAQAB"], "does not match"),
        (["v=DKIM1; p=nonsense!"], "does not match"),
    ],
)
def test_a_dkim_key_that_does_not_verify_is_a_problem_with_the_record_to_publish(zone, context, texts, error):
    if texts:
        zone.text(RSA_KEY.dns_name, *texts)
    found = next(iter(authentication_checks.check_dkim_keys(keyed(context))))
    assert found.status == "problem" and error in found.message
    assert found.records[0].value == RSA_KEY.dns_record and found.records[0].name == RSA_KEY.dns_name


def test_a_dkim_key_in_test_mode_is_a_warning(zone, context):
    zone.text(RSA_KEY.dns_name, RSA_KEY.dns_record + "; t=s:y")
    assert next(iter(authentication_checks.check_dkim_keys(keyed(context)))).status == "warning"


def test_a_dkim_record_may_contain_spaces_and_lack_the_version(zone, context):
    zone.text(RSA_KEY.dns_name, re.sub(r"v=DKIM1; k=rsa; p=(.{40})", r"p=\1 ", RSA_KEY.dns_record))
    assert next(iter(authentication_checks.check_dkim_keys(keyed(context)))).status == "ok"


def test_a_dkim_record_may_contain_spaces_between_values(zone, context):
    record = RSA_KEY.dns_record.replace("p=MII", "h=sha1 : sha256; s=tlsrpt : email; p=MII")
    zone.text(RSA_KEY.dns_name, record)
    assert next(iter(authentication_checks.check_dkim_keys(keyed(context)))).status == "ok"
    zone.text(RSA_KEY.dns_name, f"{record}; t=s : y")
    office = keyed(context)
    office.dns.clear_cache()
    assert next(iter(authentication_checks.check_dkim_keys(office))).status == "warning"


@pytest.mark.parametrize("sender", ["news@почта.example.org", "news@Почта.example.org"])
def test_a_domain_with_other_letters_is_checked_as_dns_has_it(zone, context, sender):
    name = "xn--80a1acny.example.org"
    zone.text(f"_dmarc.{name}", "v=DMARC1; p=none; adkim=s; aspf=s")
    key = {**dataclasses.asdict(BOTH), "domain": name}
    office = context(senders=(sender,), dkim=key, bounces={"domain": "почта.example.org"})
    (found,) = authentication_checks.check_dmarc(office)
    assert (found.status, found.subject) == ("ok", name)
    assert [one.subject for one in authentication_checks.check_envelope_spf(office)] == [name]


def test_without_dkim_keys_the_relay_must_sign(context):
    (found,) = authentication_checks.check_dkim_keys(context(dkim=dataclasses.asdict(Dkim())))
    assert found.status == "skipped" and "dkim=pass" in found.advice


def test_an_esp_signs_and_our_dkim_keys_are_unused(context):
    section = {"service": {"name": "postmark", "key": "k"}}
    assert next(iter(authentication_checks.check_dkim_keys(context(**section)))).status == "skipped"
    assert (
        next(
            iter(authentication_checks.check_dkim_keys(context(**section, dkim=dataclasses.asdict(BOTH))))
        ).status
        == "warning"
    )


def test_missing_dmarc_gets_a_record_for_the_organizational_domain(context):
    (found,) = authentication_checks.check_dmarc(context(senders=("a@example.org", "b@example.org")))
    (record,) = found.records
    assert found.status == "problem" and record.name == "_dmarc.example.org"
    assert record.value.startswith("v=DMARC1; p=none; rua=mailto:")


@pytest.mark.parametrize(
    "policy", ["p=monitor", "p=", "rua=mailto:d@example.org", "p=none; sp=block", "P=any"]
)
def test_dmarc_without_a_valid_policy_is_a_problem(zone, context, policy):
    zone.text("_dmarc.example.org", f"v=DMARC1; {policy}")
    key = {**dataclasses.asdict(BOTH), "domain": "example.org"}
    (found,) = authentication_checks.check_dmarc(context(dkim=key))
    assert found.status == "problem" and policy in found.message


@pytest.mark.parametrize("check", ["check_envelope_spf", "check_dmarc"])
def test_a_domain_whose_dns_fails_leaves_the_others_to_be_checked(zone, context, check):
    zone.failing |= {"broken.example.org", "_dmarc.broken.example.org"}
    zone.text("example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("_dmarc.example.net", "v=DMARC1; p=none")
    office = context(senders=("a@broken.example.org", "a@example.net"), bounces={"domain": ""})
    found = list(getattr(authentication_checks, check)(office))
    assert [(one.subject, one.status) for one in found] == [
        ("broken.example.org", "warning"),
        ("example.net", "ok"),
    ]


@pytest.mark.parametrize("sender", ["news@example.org", "news@letters.example.org"])
def test_several_dmarc_records_are_a_problem_that_another_one_does_not_solve(zone, context, sender):
    zone.text("_dmarc.example.org", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    (found,) = authentication_checks.check_dmarc(context(senders=(sender,)))
    assert found.status == "problem" and not found.records and "_dmarc.example.org" in found.advice


@pytest.mark.parametrize(
    ("dmarc", "signed", "bounces", "status"),
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
def test_dkim_or_spf_must_be_aligned_with_the_sender(zone, context, dmarc, signed, bounces, status):
    zone.text("_dmarc.example.org", f"v=DMARC1; {dmarc}")
    key = {**dataclasses.asdict(BOTH), "domain": signed}
    (found,) = authentication_checks.check_dmarc(context(dkim=key, bounces={"domain": bounces}))
    assert found.status == status, found
