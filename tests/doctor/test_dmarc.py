"""Which DMARC record governs a domain, and which domains belong together (RFC 9989)."""

from __future__ import annotations

import pytest

from mailer.doctor import dmarc


def test_a_domain_without_a_record_takes_its_organisation_s(zone, names):
    zone.text("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@example.org")
    found = dmarc.policy(names, "news.office.example.org")
    assert found is not None and found.domain == "example.org"
    assert (found.of("news.office.example.org"), found.of("example.org")) == ("quarantine", "reject")


def test_its_own_record_comes_first(zone, names):
    zone.text("_dmarc.example.org", "v=DMARC1; p=reject")
    zone.text("_dmarc.news.example.org", "v=DMARC1; p=none; adkim=s")
    found = dmarc.policy(names, "news.example.org")
    assert found is not None and found.of("news.example.org") == "none" and found.strict("adkim")


@pytest.mark.parametrize(
    "texts", [[], ["v=spf1 -all"], ["v=DMARC1; p=none", "v=DMARC1; p=reject"], ["v=DMARC10; p=none"]]
)
def test_none_or_two_or_something_else_is_no_record(zone, names, texts):
    zone.text("_dmarc.example.org", *texts) if texts else None
    assert dmarc.policy(names, "example.org") is None


@pytest.mark.parametrize(
    ("domain", "sender", "strict", "expected"),
    [
        ("example.org", "example.org", True, True),
        ("bounces.example.org", "example.org", False, True),
        ("bounces.example.org", "example.org", True, False),
        ("bounces.example.org", "news.example.org", False, True),
        ("example.net", "example.org", False, False),
        ("one.co.example", "two.co.example", False, False),
        ("x.own.example.org", "example.org", False, False),
    ],
)
def test_domains_of_one_organisation_speak_for_each_other(zone, names, domain, sender, strict, expected):
    zone.text("_dmarc.example.org", "v=DMARC1; p=none")
    zone.text("_dmarc.co.example", "v=DMARC1; p=none; psd=y")
    zone.text("_dmarc.own.example.org", "v=DMARC1; p=none; psd=n")
    assert dmarc.aligned(names, domain, sender, strict) is expected


def test_a_very_long_name_costs_eight_questions(zone, names):
    zone.text("_dmarc.example.org", "v=DMARC1; p=none")
    long = ".".join("abcdefghijklm") + ".example.org"
    found = dmarc.policy(names, long)
    assert found is not None and found.domain == "example.org"
    assert len(zone.asked) == 8
