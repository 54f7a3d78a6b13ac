from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.smtp.envelope import Commands, NotTaken, Unspeakable

TOKEN = "10123456789abcdef0123456789abcdef0123456789abcdef"
SENDER = f"b+{TOKEN}@bounces.example.org"
EVERYTHING = {"SIZE": "10000000", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}


def said(offers, recipient="aida@example.org", sender=SENDER, size=50_000, eight_bit=False):
    """MAIL and RCPT, without what every line has."""
    octets = Commands(offers).lines(sender, recipient, size, eight_bit)
    mail, rcpt, data, end = octets.decode().split("\r\n")
    assert (data, end) == ("DATA", "")
    return mail.removeprefix("MAIL FROM:"), rcpt.removeprefix("RCPT TO:")


def test_a_server_that_offers_nothing_hears_the_addresses_alone():
    assert said({}, eight_bit=True) == (f"<{SENDER}>", "<aida@example.org>")


def test_size_and_eight_bits_are_said_where_they_are_offered_and_needed():
    assert said({"SIZE": ""})[0] == f"<{SENDER}> SIZE=50000"
    assert said({"8BITMIME": ""})[0] == f"<{SENDER}>"
    assert said({"8BITMIME": ""}, eight_bit=True)[0] == f"<{SENDER}> BODY=8BITMIME"


def test_reports_are_asked_for_by_our_mark_and_the_readers_address():
    assert said({"DSN": ""}) == (
        f"<{SENDER}> ENVID={TOKEN} RET=HDRS",
        "<aida@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;aida@example.org",
    )
    _, rcpt = said({"DSN": ""}, "aida+news=x@example.org")
    assert rcpt.endswith(" ORCPT=rfc822;aida+2Bnews+3Dx@example.org")
    mail, _ = said({"DSN": ""}, sender="office@example.org")
    assert mail == "<office@example.org> RET=HDRS"


def test_an_international_domain_is_said_in_ascii_and_needs_nothing_of_the_server():
    assert said({}, "aida@почта.example")[1] == "<aida@xn--80a1acny.example>"
    assert "SMTPUTF8" not in said(EVERYTHING, "aida@почта.example")[0]
    assert said({"DSN": ""}, "aida@почта.example")[1].endswith("ORCPT=rfc822;aida@xn--80a1acny.example")


def test_an_international_name_is_said_where_the_server_takes_it_and_refused_early_elsewhere():
    mail, rcpt = said(EVERYTHING, "аида+x@почта.example")
    assert " SMTPUTF8" in mail
    assert rcpt.startswith("<аида+x@xn--80a1acny.example> ")
    assert rcpt.endswith(r"ORCPT=utf-8;аида\x{2B}x@xn--80a1acny.example")
    with pytest.raises(Unspeakable, match=r"^5\.6\.7 .*SMTPUTF8"):
        said({"DSN": ""}, "аида@example.org")
    with pytest.raises(NotTaken, match="sender address is not ASCII"):
        said({}, sender="аида@example.org")


def test_a_message_too_large_and_a_sender_that_cannot_be_named_are_nobodys_fault_but_ours():
    with pytest.raises(NotTaken, match="at most 100"):
        said({"SIZE": "100"})
    assert said({"SIZE": "0"}) and said({"SIZE": "50000"}) and said({"SIZE": "lots"})
    with pytest.raises(NotTaken, match="sender address"):
        said({}, sender="")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "aida",
        "aida@",
        "@example.org",
        "aida bek@example.org",
        "aida@example.org>",
        "aida@example.org\r\nRSET",
        "aida@example.org\n",
        '"a>b"@example.org',
        "a\x00@example.org",
        "a\u2028@example.org",
        "a\ud800@example.org",
        "aida@exa_mple.org",
        "aida@" + "\u0440" * 64 + ".example",
        "a" * 65 + "@example.org",
        "\u0430" * 33 + "@example.org",
        "aida@" + "a." * 125 + "org",
    ],
)
def test_an_address_that_smtp_cannot_carry_is_refused_in_words(address):
    with pytest.raises(Unspeakable, match=r"^5\.1\.3 the address .*[a-zP]$"):
        said(EVERYTHING, address)


def test_an_address_by_number_and_one_of_full_length_are_said():
    longest = "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".org"
    assert len(longest) == 254
    for address in ("aida@[127.0.0.1]", "aida@[IPv6:::1]", longest):
        assert said(EVERYTHING, address)[1].startswith(f"<{address}>")


SHAPE = re.compile(
    r"MAIL FROM:<(?P<sender>[^\x00-\x20<>\x7f]+)>"
    r"( SIZE=\d+)?( BODY=8BITMIME)?( SMTPUTF8)?( ENVID=[!-~]{1,100})?( RET=HDRS)?\r\n"
    r"RCPT TO:<(?P<recipient>[^\x00-\x20<>\x7f]+)>"
    r"( NOTIFY=FAILURE,DELAY( ORCPT=(rfc822|utf-8);[^\x00-\x20=\x7f]{1,500})?)?\r\n"
    r"DATA\r\n"
)
ADDRESSES = (
    st.text(max_size=40)
    | st.tuples(
        st.text(min_size=1, max_size=20), st.sampled_from(["example.org", "[::1]", "\u043f\u043e.example"])
    ).map("@".join)
    | st.text("ab+=@.<> \r\n\u0430[]", max_size=20).map(lambda text: f"{text}@example.org")
    | st.from_regex(r"\Ab\+[a-z2-7.]{1,60}@[a-z.]{1,20}\Z")
)


@given(
    st.sets(st.sampled_from(sorted(EVERYTHING))), ADDRESSES, ADDRESSES, st.integers(0, 10**7), st.booleans()
)
def test_whatever_the_addresses_are_three_commands_are_said_or_none(offered, sender, recipient, size, eight):
    offers = {keyword: EVERYTHING[keyword] for keyword in offered}
    try:
        octets = Commands(offers).lines(sender, recipient, size, eight)
    except (Unspeakable, NotTaken) as refused:
        assert "\r" not in str(refused) and "\n" not in str(refused)
        return
    match = SHAPE.fullmatch(octets.decode())
    assert match
    for given_one, named in ((sender, match["sender"]), (recipient, match["recipient"])):
        assert named.rpartition("@")[0] == given_one.rpartition("@")[0]
        assert named.rpartition("@")[2].isascii()
    assert octets.isascii() or b" SMTPUTF8" in octets
    assert all(len(line) <= 1000 for line in octets.split(b"\r\n"))
