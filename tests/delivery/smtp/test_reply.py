from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.smtp.reply import MalformedReply, ReplyParser


@given(st.lists(st.integers(1, 40), max_size=20))
def test_replies_are_parsed_however_the_bytes_are_split(cuts):
    stream = b"220 hi\r\n250-one\r\n250-SIZE 10\r\n250 PIPELINING\r\n550-5.1.1 gone\r\n550 5.1.1 for good\r\n"
    stream += b"354\r\n"
    reader, replies, at = ReplyParser(), [], 0
    for cut in [*cuts, len(stream)]:
        replies += reader.feed(stream[at : at + cut])
        at += cut
    assert [r.code for r in replies] == [220, 250, 550, 354]
    assert replies[1].lines == ("one", "SIZE 10", "PIPELINING")
    assert (replies[2].enhanced, replies[2].text) == ("5.1.1", "gone for good")


def read(chunks):
    """The replies in chunks of bytes, and whether an incomplete one is left; None if they are malformed."""
    reader = ReplyParser()
    try:
        return [reply for chunk in chunks for reply in reader.feed(chunk)], reader.clear()
    except MalformedReply:
        return None


LINES = [
    b"250 2.0.0 Ok\r\n",
    b"354\r\n",
    b"550-5.1.1 gone\r\n",
    b"550 5.1.1 for good\r\n",
    b"421 \xff\0\n",
    b"25",
]


@given(st.lists(st.sampled_from([*LINES, b"Ok\r\n", b"\r\n"]), max_size=6))
def test_replies_that_arrive_at_once_equal_those_that_arrive_byte_by_byte(lines):
    octets = b"".join(lines)
    assert read([octets]) == read(octets[at : at + 1] for at in range(len(octets)))


@pytest.mark.parametrize("chunks", [[b"250 2.0.0 Ok\r\nTrace\r\n"], [b"250 2.0", b".0 Ok\r\n\r\n"]])
def test_the_replies_before_a_malformed_one_are_kept(chunks):
    reader = ReplyParser()
    with pytest.raises(MalformedReply) as raised:
        for chunk in chunks:
            assert not reader.feed(chunk)
    assert [reply.code for reply in raised.value.replies] == [250]
