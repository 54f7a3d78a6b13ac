from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery import identity, verp

ID = st.integers(min_value=1, max_value=2**63 - 1)


@given(ID)
def test_the_envelope_sender_names_its_delivery_and_fits_any_server(delivery):
    address = verp.address(delivery)
    local, domain = address.split("@")
    assert verp.read(address) == delivery
    assert len(local) <= 39 and local == local.lower()
    assert domain == "bounces.example.org"


def test_without_a_bounce_domain_the_senders_own_is_used(settings):
    settings.CONFIG = _with_bounces(settings.CONFIG, "")
    assert verp.address(7, "office.example.org").endswith("@office.example.org")


@pytest.mark.parametrize(
    "written",
    [
        "<{}>",
        "rfc822;{}",
        "prvs=1234567890={}",
        "prvs=0123abcdef/{}",
        'SRS0=Xy1z=AB=bounces.example.org="{0}"@forwarder.example',
    ],
)
def test_an_envelope_sender_is_read_in_whatever_dress_it_comes_back(written):
    address = verp.address(12345)
    local = address.split("@")[0]
    for shape in (address, address.upper(), address.replace("b+", "b-"), f'"{local}"@bounces.example.org'):
        assert verp.read(written.format(shape)) == 12345
    assert verp.read(f"SRS0=HHH=TT=bounces.example.org={local}@forwarder.example") == 12345
    assert verp.read(f"{local}+tag@bounces.example.org") == 12345


def test_an_envelope_sender_that_was_changed_in_one_character_is_nobodys():
    local = verp.address(12345).split("@")[0]
    for at in range(2, len(local)):
        if local[at] != ".":
            changed = local[:at] + ("a" if local[at] != "a" else "b") + local[at + 1 :]
            assert verp.read(f"{changed}@bounces.example.org") is None
    assert verp.read("reader@example.org") is None
    assert verp.read("") is None


@given(ID)
def test_a_message_id_is_the_same_each_time_and_proves_its_delivery(delivery):
    written = identity.message_id(delivery, "office.example.org")
    assert written == identity.message_id(delivery, "office.example.org")
    assert identity.delivery_of(written) == delivery
    assert identity.delivery_of(f"<other@example.org> {written.upper()}") == delivery


def test_a_token_made_for_one_purpose_is_refused_for_another():
    token = verp.address(99).split("@")[0].removeprefix("b+")
    assert identity.delivery_of(f"<m.{token}@example.org>") is None


@given(ID, st.integers(min_value=1, max_value=2**31))
def test_a_leave_address_names_reader_and_newsletter(subscriber, newsletter):
    address = identity.leave_address(subscriber, newsletter)
    assert identity.read_leave_address(address.upper()) == (subscriber, newsletter)
    assert identity.read_leave_address(address.replace("u+", "u-")) == (subscriber, newsletter)
    assert len(address.split("@")[0]) <= 50
    assert verp.read(address) is None


@given(st.text())
def test_reading_never_fails_on_anything(text):
    assert verp.read(text) is None
    assert identity.delivery_of(text) is None
    assert identity.read_leave_address(text) is None


def _with_bounces(config, domain):
    import dataclasses

    return dataclasses.replace(config, bounces=dataclasses.replace(config.bounces, domain=domain))


@given(ID)
def test_a_probe_is_named_by_its_envelope_sender_and_its_message_id_and_is_no_delivery(number):
    address = verp.probe_address(number, "office.example.org")
    written = verp.probe_message_id(number, "office.example.org")
    assert verp.read_probe(address.upper()) == verp.read_probe(f"In-Reply-To: {written}") == number
    assert verp.read(address) is None and identity.delivery_of(written) is None
    assert verp.read_probe(verp.address(number)) is None
