"""The parser against samples that were cut, mixed and damaged: it never raises, and keeps its limits."""

from __future__ import annotations

import re
import time
from importlib import resources

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.feedback.parsing import parse
from tests.feedback.parsing.test_parse import EXPECTED, sample

_RAW = [sample(name) for name in EXPECTED]
_KINDS = {"bounce", "delay", "complaint", "auto_reply", "unsubscribe", "receipt", "other"}
_calm = settings(max_examples=150)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample with pieces cut out, doubled, overwritten with noise or replaced by pieces of another."""
    raw = bytearray(draw(st.sampled_from(_RAW)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        upto = min(len(raw), at + draw(st.integers(0, 200)))
        other = draw(st.sampled_from(_RAW))
        begin = draw(st.integers(0, len(other)))
        raw[at:upto] = draw(
            st.one_of(
                st.binary(max_size=60),
                st.just(bytes(raw[at:upto]) * 2),
                st.just(other[begin : begin + 150]),
                st.sampled_from([b"\r", b"\n\n", b"\0", b"=?utf-8?B?", b"--", b"<>", b"@", b"\xff\xfe"]),
            )
        )
    return bytes(raw)


@_calm
@given(damaged())
def test_damaged_samples_raise_nothing(raw: bytes) -> None:
    reading = parse.parse_or_raise(raw, None)  # the inner function: the outer one would hide an exception
    assert reading.kind in _KINDS
    assert len(reading.recipients) <= 100
    assert reading.delivery is None


# Words that signs and rules look for, and what makes a notice of them.
_LOOKED_FOR = sorted(
    {
        word
        for name in ("rules.toml", "keywords.toml")
        for word in re.findall(
            r"\w{3,}", resources.files("mailer.feedback.parsing").joinpath(name).read_text("utf-8")
        )
    }
)
_SHAPES = [
    "a@b.example",
    "<a@b.example>:",
    "550",
    "5.1.1",
    "\n",
    "\n\n",
    "\n>>> ",
    "\nReceived: ",
    "\nTo: ",
    "\n--B\n",
]
_WORDS = st.lists(st.sampled_from(_LOOKED_FOR) | st.sampled_from(_SHAPES), max_size=400)


@_calm
@given(_WORDS, st.sampled_from([" ", "", "\n"]))
def test_keywords_in_any_combination_are_parsed_in_time(words: list[str], between: str) -> None:
    head = (
        "From: mailer-daemon@x.example\nSubject: failure notice\nContent-Type: text/plain; charset=utf-8\n\n"
    )
    began = time.process_time()
    parse.parse_or_raise((head + between.join(words)).encode(), None)
    # It takes some milliseconds; what backtracks takes minutes.
    assert time.process_time() - began < 20


@_calm
@given(st.binary(max_size=2_000))
def test_noise_raises_nothing(raw: bytes) -> None:
    assert parse.parse_or_raise(raw, None).kind in _KINDS


@_calm
@given(damaged())
def test_line_ends_make_no_difference_to_damaged_samples(raw: bytes) -> None:
    plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert (
        parse.parse_message(plain)
        == parse.parse_message(plain.replace(b"\n", b"\r\n"))
        == parse.parse_message(plain.replace(b"\n", b"\r"))
    )
