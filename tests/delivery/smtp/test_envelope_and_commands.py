from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.smtp.envelope_and_commands import (
    AddressNotEncodable,
    CommandBuilder,
    UnsendableMessage,
    encode_data,
)

TOKEN = "10123456789abcdef0123456789abcdef0123456789abcdef"
SENDER = f"b+{TOKEN}@bounces.example.org"
EVERYTHING = {"SIZE": "10000000", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}


def commands(extensions, recipient="aida@example.org", sender=SENDER, size=50_000, eight_bit=False):
    """MAIL and RCPT, without the start that every line has."""
    octets = CommandBuilder(extensions).commands(sender, recipient, size, eight_bit)
    mail, rcpt, data, end = octets.decode().split("\r\n")
    assert (data, end) == ("DATA", "")
    return mail.removeprefix("MAIL FROM:"), rcpt.removeprefix("RCPT TO:")


def test_without_extensions_the_commands_contain_the_addresses_only():
    assert commands({}, eight_bit=True) == (f"<{SENDER}>", "<aida@example.org>")


def test_size_and_8bitmime_are_used_if_offered_and_needed():
    assert commands({"SIZE": ""})[0] == f"<{SENDER}> SIZE=50000"
    assert commands({"8BITMIME": ""})[0] == f"<{SENDER}>"
    assert commands({"8BITMIME": ""}, eight_bit=True)[0] == f"<{SENDER}> BODY=8BITMIME"


def test_dsn_asks_for_reports_with_our_signed_id_and_the_recipient():
    assert commands({"DSN": ""}) == (
        f"<{SENDER}> ENVID={TOKEN} RET=HDRS",
        "<aida@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;aida@example.org",
    )
    _, rcpt = commands({"DSN": ""}, "aida+news=x@example.org")
    assert rcpt.endswith(" ORCPT=rfc822;aida+2Bnews+3Dx@example.org")
    mail, _ = commands({"DSN": ""}, sender="office@example.org")
    assert mail == "<office@example.org> RET=HDRS"


def test_an_international_domain_is_encoded_in_ascii_without_smtputf8():
    assert commands({}, "aida@почта.example")[1] == "<aida@xn--80a1acny.example>"
    assert "SMTPUTF8" not in commands(EVERYTHING, "aida@почта.example")[0]
    assert commands({"DSN": ""}, "aida@почта.example")[1].endswith("ORCPT=rfc822;aida@xn--80a1acny.example")


def test_an_international_local_part_needs_smtputf8():
    mail, rcpt = commands(EVERYTHING, "аида+x@почта.example")
    assert " SMTPUTF8" in mail
    assert rcpt.startswith("<аида+x@xn--80a1acny.example> ")
    assert rcpt.endswith(r"ORCPT=utf-8;аида\x{2B}x@xn--80a1acny.example")
    with pytest.raises(AddressNotEncodable, match=r"^5\.6\.7 .*SMTPUTF8"):
        commands({"DSN": ""}, "аида@example.org")
    with pytest.raises(UnsendableMessage, match="sender address is not ASCII"):
        commands({}, sender="аида@example.org")


def test_a_message_too_large_or_a_sender_that_cannot_be_encoded_is_unsendable():
    with pytest.raises(UnsendableMessage, match="at most 100"):
        commands({"SIZE": "100"})
    assert commands({"SIZE": "0"}) and commands({"SIZE": "50000"}) and commands({"SIZE": "lots"})
    with pytest.raises(UnsendableMessage, match="sender address"):
        commands({}, sender="")


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
def test_an_address_that_smtp_cannot_transmit_is_refused_with_a_code(address):
    with pytest.raises(AddressNotEncodable, match=r"^5\.1\.3 the address .*[a-zP]$"):
        commands(EVERYTHING, address)


def test_an_address_literal_and_the_longest_address_are_accepted():
    longest = "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".org"
    assert len(longest) == 254
    for address in ("aida@[127.0.0.1]", "aida@[IPv6:::1]", longest):
        assert commands(EVERYTHING, address)[1].startswith(f"<{address}>")


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
def test_any_addresses_give_exactly_three_commands_or_an_error(offered, sender, recipient, size, eight):
    extensions = {keyword: EVERYTHING[keyword] for keyword in offered}
    try:
        octets = CommandBuilder(extensions).commands(sender, recipient, size, eight)
    except (AddressNotEncodable, UnsendableMessage) as refused:
        assert "\r" not in str(refused) and "\n" not in str(refused)
        return
    match = SHAPE.fullmatch(octets.decode())
    assert match
    for given_one, named in ((sender, match["sender"]), (recipient, match["recipient"])):
        assert named.rpartition("@")[0] == given_one.rpartition("@")[0]
        assert named.rpartition("@")[2].isascii()
    assert octets.isascii() or b" SMTPUTF8" in octets
    assert all(len(line) <= 1000 for line in octets.split(b"\r\n"))


@given(st.binary(max_size=200) | st.text("\r\n.a", max_size=30).map(str.encode))
def test_encoded_data_contains_no_early_end_and_no_lone_line_end(message):
    octets = encode_data(message)
    assert octets.endswith(b"\r\n.\r\n") or octets == b".\r\n"
    assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n")
    lines = octets.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2
    unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines[:-2])
    normal = b"\n".join(message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    assert unstuffed.replace(b"\r\n", b"\n") == normal.removesuffix(b"\n")
