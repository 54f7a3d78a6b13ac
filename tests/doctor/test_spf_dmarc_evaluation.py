"""SPF (RFC 7208) and DMARC (RFC 9989) against a real DNS server on loopback."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from mailer.doctor import spf_dmarc_evaluation
from mailer.doctor.dns_client import Dns, DnsError

RELAY = ip_address("192.0.2.7")


def evaluate(dns, domain="example.org", address=RELAY):
    found = spf_dmarc_evaluation.evaluate_spf(dns, domain, [address])
    return found, found.results[address]


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:192.0.2.7 -all", "pass"),
        ("v=spf1 ip4:192.0.2.0/29 -all", "pass"),
        ("V=SPF1 IP4:192.0.2.7 -ALL", "pass"),
        ("v=spf1 ip4:192.0.2.8 ~all", "softfail"),
        ("v=spf1 -all", "fail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1 +all", "pass"),
        ("v=spf1", "neutral"),
        ("v=spf1 -ip4:192.0.2.7 ip4:192.0.2.0/24 -all", "fail"),
        ("v=spf1 a -all", "pass"),
        ("v=spf1 a:mail.example.net -all", "pass"),
        ("v=spf1 a:near.example.net/28 -all", "pass"),
        ("v=spf1 a:near.example.net/28//64 -all", "pass"),
        ("v=spf1 a:near.example.net//64 -all", "fail"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 include:ours.example.net -all", "pass"),
        ("v=spf1 include:theirs.example.net -all", "fail"),
        ("v=spf1 include:theirs.example.net ~all", "softfail"),
        ("v=spf1 redirect=ours.example.net", "pass"),
        ("v=spf1 exists:mail.example.net -all", "pass"),
        ("v=spf1 exists:%{i}.list.example.net -all", "fail"),
        ("v=spf1 ip6:2001:db8::/32 -all", "fail"),
        ("v=spf1 include:%{ir}.%{v}.list.example.net -all", "pass"),
        ("v=spf1 exists:%{i1r}._.%{d2}.lists.example.net -all", "pass"),
        ("v=spf1 redirect=%{d1r}.list.example.net", "pass"),
        # Whom it lets pass depends on the sender of each message.
        ("v=spf1 exists:%{l}.list.example.net -all", "unknown"),
        ("v=spf1 exists:%{l}.list.example.net ip4:192.0.2.7 -all", "pass"),
    ],
)
def test_spf_evaluates_an_address(zone, dns, record, result):
    zone.text("example.org", "google-verification=x", record)
    zone.has("example.org", "A", "192.0.2.7")
    zone.has("example.org", "MX", "10 mail.example.net.")
    zone.has("mail.example.net", "A", "192.0.2.7")
    zone.has("near.example.net", "A", "192.0.2.1")
    zone.text("7.2.0.192.in-addr.list.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.has("192._.example.org.lists.example.net", "A", "127.0.0.2")
    zone.text("example.list.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("ours.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("theirs.example.net", "v=spf1 ip4:198.51.100.0/24 -all")
    found, evaluated = evaluate(dns)
    assert (evaluated, found.errors) == (result, [])


def test_spf_lookups_are_counted_through_includes(zone, dns):
    zone.text("example.org", "v=spf1 include:a.example.net include:b.example.net mx a -all")
    zone.text("a.example.net", "v=spf1 include:c.example.net ip4:192.0.2.7 ~all")
    zone.text("b.example.net", "v=spf1 ip4:198.51.100.1 ~all")
    zone.text("c.example.net", "v=spf1 ip4:198.51.100.2 ~all")
    zone.has("example.org", "MX", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "192.0.2.7")
    zone.has("example.org", "A", "192.0.2.7")
    found, result = evaluate(dns)
    assert (found.lookups, found.all_term, result, found.errors) == (5, "-all", "pass", [])


def test_more_than_ten_spf_lookups_are_an_error_even_if_the_first_term_matches(zone, dns):
    includes = [f"include:i{n}.example.net" for n in range(11)]
    for n in range(11):
        zone.text(f"i{n}.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("example.org", f"v=spf1 {' '.join(includes)} -all")
    found, _ = evaluate(dns)
    assert found.lookups == 11 and "11 DNS lookups" in found.errors[0]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (
            "v=spf1 ipv4:192.0.2.7 -all",
            "“ipv4:192.0.2.7” in the SPF record of example.org is not an SPF term",
        ),
        *(
            (f"v=spf1 {term} -all", "is not an SPF term")
            for term in ("include", "include:", "exists", "ip4", "a:", "mx/", "all:x", "-all=")
        ),
        ("v=spf1 -all ipv4:192.0.2.7", "“ipv4:192.0.2.7” in the SPF record"),
        *(
            (f"v=spf1 {term} -all", "is not an IP address range")
            for term in ("ip4:192.0.2.0/255.255.255.0", "ip4:2001:db8::1", "ip6:192.0.2.7", "ip4:192.0.2.7/")
        ),
        ("v=spf1 ip4:192.0.2.700 -all", "“192.0.2.700” in the SPF record is not an IP address range"),
        (
            "v=spf1 include:nobody.example.net -all",
            "include:nobody.example.net names a domain without SPF",
        ),
        ("v=spf1 redirect=nobody.example.net", "redirect=nobody.example.net names a domain without"),
        ("v=spf1 include:example.org -all", "DNS lookups"),
        (
            "v=spf1 a:x.example.net a:y.example.net a:z.example.net -all",
            "3 of the SPF record's DNS lookups find nothing",
        ),
    ],
)
def test_spf_errors_are_reported(zone, dns, record, error):
    zone.text("example.org", record)
    assert error in " ".join(evaluate(dns)[0].errors)


def test_a_record_that_includes_itself_twice_is_evaluated_in_time(zone, dns):
    zone.text("example.org", "v=spf1 include:example.org include:example.org -all")
    found, _ = evaluate(dns)
    assert "DNS lookups" in " ".join(found.errors) and len(zone.asked) < 100


def test_two_spf_records_are_an_error(zone, dns):
    zone.text("example.org", "v=spf1 -all", "v=spf1 ip4:192.0.2.7 -all")
    assert "2 SPF records" in evaluate(dns)[0].errors[0]


def test_a_dns_failure_is_not_an_empty_answer(zone, dns):
    zone.failing.add("example.org")
    with pytest.raises(DnsError, match=r"for example\.org failed with an error"):
        evaluate(dns)
    zone.silent.add("quiet.example.org")
    with pytest.raises(DnsError, match=r"within 0\.5 seconds"):
        evaluate(Dns("127.0.0.1", zone.port, seconds=0.5), "quiet.example.org")


def test_dmarc_of_the_organizational_domain_applies_to_subdomains(zone, dns):
    zone.text("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@example.org")
    found = spf_dmarc_evaluation.find_dmarc(dns, "news.office.example.org")
    assert found is not None and found.domain == "example.org"
    assert (found.policy_for("news.office.example.org"), found.policy_for("example.org")) == (
        "quarantine",
        "reject",
    )


def test_a_domains_own_dmarc_record_comes_first(zone, dns):
    zone.text("_dmarc.example.org", "v=DMARC1; p=reject")
    zone.text("_dmarc.news.example.org", "v=DMARC1; p=none; adkim=s")
    found = spf_dmarc_evaluation.find_dmarc(dns, "news.example.org")
    assert found is not None and found.policy_for("news.example.org") == "none" and found.is_strict("adkim")


def test_dmarc_of_a_public_suffix_applies_to_an_organization_without_one(zone, dns):
    zone.text("_dmarc.gov.example", "v=DMARC1; p=reject; sp=none; psd=y")
    found = spf_dmarc_evaluation.find_dmarc(dns, "news.office.gov.example")
    assert found is not None and found.policy_for("news.office.gov.example") == "none"


@pytest.mark.parametrize(
    "texts", [[], ["v=spf1 -all"], ["v=DMARC1; p=none", "v=DMARC1; p=reject"], ["v=DMARC10; p=none"]]
)
def test_a_missing_duplicate_or_foreign_record_is_no_dmarc_record(zone, dns, texts):
    zone.text("_dmarc.example.org", *texts) if texts else None
    assert spf_dmarc_evaluation.find_dmarc(dns, "example.org") is None


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
def test_domains_of_one_organization_are_aligned(zone, dns, domain, sender, strict, expected):
    zone.text("_dmarc.example.org", "v=DMARC1; p=none")
    zone.text("_dmarc.co.example", "v=DMARC1; p=none; psd=y")
    zone.text("_dmarc.own.example.org", "v=DMARC1; p=none; psd=n")
    assert spf_dmarc_evaluation.is_aligned(dns, domain, sender, strict) is expected


def test_the_tree_walk_of_a_long_name_costs_eight_queries(zone, dns):
    zone.text("_dmarc.example.org", "v=DMARC1; p=none")
    long = ".".join("abcdefghijklm") + ".example.org"
    found = spf_dmarc_evaluation.find_dmarc(dns, long)
    assert found is not None and found.domain == "example.org"
    assert len(zone.asked) == 8
