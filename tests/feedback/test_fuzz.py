"""The reader against samples that were cut, mixed and damaged: it never raises, and knows its limits."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.feedback import reader
from tests.feedback.test_reader import EXPECTED, sample

_RAW = [sample(name) for name in EXPECTED]
_KINDS = {"bounce", "delay", "complaint", "auto_reply", "unsubscribe", "receipt", "other"}
_calm = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
def test_damaged_samples_are_read_without_an_exception(raw: bytes) -> None:
    reading = reader._read(raw, None)  # the inner function: the outer one would hide an exception
    assert reading.kind in _KINDS
    assert len(reading.recipients) <= 200
    assert reading.delivery is None


@_calm
@given(st.binary(max_size=2_000))
def test_noise_is_read_without_an_exception(raw: bytes) -> None:
    assert reader._read(raw, None).kind in _KINDS


@_calm
@given(damaged())
def test_damaged_samples_read_alike_with_every_line_end(raw: bytes) -> None:
    plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert (
        reader.read(plain)
        == reader.read(plain.replace(b"\n", b"\r\n"))
        == reader.read(plain.replace(b"\n", b"\r"))
    )
