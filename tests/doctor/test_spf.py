"""What an SPF record comes to (RFC 7208), asked of a real DNS server."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from mailer.doctor import spf
from mailer.doctor.dns import NoAnswer

RELAY = ip_address("192.0.2.7")


def look(names, domain="example.org", address=RELAY):
    found = spf.look(names, domain, [address])
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
    ],
)
def test_a_record_says_whether_an_address_may_send(zone, names, record, result):
    zone.text("example.org", "google-verification=x", record)
    zone.has("example.org", "A", "192.0.2.7")
    zone.has("example.org", "MX", "10 mail.example.net.")
    zone.has("mail.example.net", "A", "192.0.2.7")
    zone.has("near.example.net", "A", "192.0.2.1")
    zone.text("ours.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("theirs.example.net", "v=spf1 ip4:198.51.100.0/24 -all")
    found, seen = look(names)
    assert (seen, found.problems) == (result, [])


def test_lookups_are_counted_through_everything_that_is_included(zone, names):
    zone.text("example.org", "v=spf1 include:a.example.net include:b.example.net mx a -all")
    zone.text("a.example.net", "v=spf1 include:c.example.net ip4:192.0.2.7 ~all")
    zone.text("b.example.net", "v=spf1 ip4:198.51.100.1 ~all")
    zone.text("c.example.net", "v=spf1 ip4:198.51.100.2 ~all")
    zone.has("example.org", "MX", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "192.0.2.7")
    zone.has("example.org", "A", "192.0.2.7")
    found, result = look(names)
    assert (found.lookups, found.ending, result, found.problems) == (5, "-all", "pass", [])


def test_more_than_ten_lookups_are_a_problem_even_where_the_first_would_match(zone, names):
    includes = [f"include:i{n}.example.net" for n in range(11)]
    for n in range(11):
        zone.text(f"i{n}.example.net", "v=spf1 ip4:192.0.2.7 -all")
    zone.text("example.org", f"v=spf1 {' '.join(includes)} -all")
    found, _ = look(names)
    assert found.lookups == 11 and "11 DNS lookups" in found.problems[0]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=spf1 ipv4:192.0.2.7 -all", "“ipv4:192.0.2.7” in the record of example.org is no SPF term"),
        ("v=spf1 ip4:192.0.2.700 -all", "is no address range"),
        (
            "v=spf1 include:nobody.example.net -all",
            "include:nobody.example.net leads to a domain without SPF",
        ),
        ("v=spf1 redirect=nobody.example.net", "redirect=nobody.example.net leads to a domain without"),
        ("v=spf1 include:example.org -all", "DNS lookups"),
        ("v=spf1 a:x.example.net a:y.example.net a:z.example.net -all", "3 of its lookups find nothing"),
    ],
)
def test_what_receivers_would_trip_over_is_named(zone, names, record, words):
    zone.text("example.org", record)
    assert words in " ".join(look(names)[0].problems)


def test_two_records_are_one_too_many(zone, names):
    zone.text("example.org", "v=spf1 -all", "v=spf1 ip4:192.0.2.7 -all")
    assert "2 SPF records" in look(names)[0].problems[0]


def test_dns_that_fails_is_not_taken_for_an_empty_answer(zone, names):
    zone.failing.add("example.org")
    with pytest.raises(NoAnswer, match=r"about example\.org but an error"):
        look(names)
    zone.silent.add("quiet.example.org")
    with pytest.raises(NoAnswer, match=r"within 0\.5 seconds"):
        look(names, "quiet.example.org")
