from __future__ import annotations

import dataclasses
import re

from django.conf import settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery import message_identifiers
from mailer.delivery.smtp.envelope_and_commands import CommandBuilder

ID = st.integers(min_value=1, max_value=2**63 - 1)
SUBSCRIBER, NEWSLETTER = st.integers(1, 2**36 - 1), st.integers(1, 2**28 - 1)


@given(ID)
def test_the_envelope_sender_names_its_delivery_and_fits_any_server(delivery):
    address = message_identifiers.envelope_sender(delivery)
    local, domain = address.split("@")
    assert message_identifiers.read_envelope_sender(address) == delivery
    assert len(local) <= 51 and local == local.lower()
    assert domain == "bounces.example.org"


def test_without_a_bounce_domain_the_senders_own_is_used(settings):
    settings.CONFIG = _with_bounces(settings.CONFIG, domain="")
    assert message_identifiers.envelope_sender(7, "office.example.org").endswith("@office.example.org")


# How the configuration may have an address written, and what servers on the way make of it.
FORMS = st.sampled_from(["b+{token}", "b-{token}", "b={token}", "{token}", "office.bounces+{token}"])
DRESSES = st.sampled_from(
    [
        "{local}@{domain}",
        '"{local}"@{domain}',
        "{local}+tag@{domain}",
        "prvs=1234567890={local}@{domain}",
        "prvs=0123abcdef/{local}@{domain}",
        "btv1==0a1b2c3d4e5==={local}@{domain}",
        "SRS0=Xy1z=AB={domain}={local}@forwarder.example",
        'SRS0=Xy1z=AB={domain}="{local}"@forwarder.example',
        "SRS1=Qq9=forwarder.example==Xy1z=AB={domain}={local}@second.example",
        "{local}%{domain}@gateway.example",
        "<{local}@{domain}>",
        "rfc822;{local}@{domain}",
        "Bounces <{local}@{domain}>",
    ]
)
CASES = st.sampled_from([str, str.upper, str.title, str.swapcase])


@given(ID, FORMS, DRESSES, CASES)
def test_an_envelope_sender_is_read_in_any_form(delivery, form, dress, case):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, address=form)):
        local, domain = message_identifiers.envelope_sender(delivery).split("@")
    # The configuration may have changed since it was sent.
    assert (
        message_identifiers.read_envelope_sender(case(dress.format(local=local, domain=domain))) == delivery
    )
    assert len(local) <= 64


@given(SUBSCRIBER, NEWSLETTER, FORMS, DRESSES, CASES)
def test_so_is_a_leave_address(subscriber, newsletter, form, dress, case):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, unsubscribe_address=form)):
        local, domain = message_identifiers.unsubscribe_address(subscriber, newsletter).split("@")
    written = case(dress.format(local=local, domain=domain))
    assert message_identifiers.read_unsubscribe_address(written) == (subscriber, newsletter)
    assert message_identifiers.read_envelope_sender(written) is None
    assert len(local) <= 64


@given(ID, FORMS)
def test_a_relay_with_dsn_gets_the_envelope_id(delivery, form):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, address=form)):
        address = message_identifiers.envelope_sender(delivery)
    said = CommandBuilder({"DSN": ""}).commands(address, "reader@example.org", 1).decode()
    assert message_identifiers.read_envelope_sender(re.search(r" ENVID=(\S+) ", said)[1]) == delivery


def test_an_envelope_sender_with_one_changed_character_is_unknown():
    local = message_identifiers.envelope_sender(12345).split("@")[0]
    for at in range(2, len(local)):
        changed = local[:at] + ("1" if local[at] != "1" else "2") + local[at + 1 :]
        assert message_identifiers.read_envelope_sender(f"{changed}@bounces.example.org") is None
    assert message_identifiers.read_envelope_sender("reader@example.org") is None
    assert message_identifiers.read_envelope_sender("") is None


@given(ID)
def test_a_message_id_is_the_same_each_time_and_proves_its_delivery(delivery):
    written = message_identifiers.message_id(delivery, "office.example.org")
    assert written == message_identifiers.message_id(delivery, "office.example.org")
    assert message_identifiers.read_message_id(written) == delivery
    assert message_identifiers.read_message_id(f"<other@example.org> {written.upper()}") == delivery


@given(ID)
def test_a_token_made_for_another_purpose_names_no_delivery(number):
    token = message_identifiers.make_token("probe", number)
    assert message_identifiers.read_message_id(f"<m.{token}@example.org>") is None
    assert message_identifiers.read_envelope_sender(f"b+{token}@example.org") is None


@given(st.lists(ID, max_size=5))
def test_the_tokens_of_many_deliveries_are_those_of_each(deliveries):
    assert message_identifiers.delivery_tokens(deliveries) == [
        message_identifiers.make_token("delivery", one) for one in deliveries
    ]


@given(st.lists(ID, max_size=4), st.text(alphabet=" \n+=@é\u0130中"), CASES)
def test_every_token_of_a_text_is_found_in_order(deliveries, between, case):
    tokens = message_identifiers.delivery_tokens(deliveries)
    text = "".join(f"é {case(token)}{between}." for token in tokens)
    assert [found.token for found in message_identifiers.find_possible_tokens(text)] == tokens


@given(ID, st.sampled_from("0aFgZ"))
def test_a_token_within_a_longer_word_is_not_found(delivery, letter):
    token = message_identifiers.make_token("delivery", delivery)
    assert (
        message_identifiers.find_possible_tokens(f"{letter}{token} {token}{letter} {token[1:]} {token * 2}")
        == []
    )


@given(ID)
def test_a_token_is_that_of_a_message_id_only_in_its_form(delivery):
    token = message_identifiers.make_token("delivery", delivery)
    text = f"<m.{token}@a.example> M.{token}@ m.{token}+ xm.{token}@ p.{token}@ m{token}@"
    assert [found.in_message_id for found in message_identifiers.find_possible_tokens(text)] == [
        True,
        True,
        *[False] * 3,
    ]


@given(SUBSCRIBER, NEWSLETTER)
def test_a_leave_address_names_reader_and_newsletter(subscriber, newsletter):
    address = message_identifiers.unsubscribe_address(subscriber, newsletter)
    assert message_identifiers.read_unsubscribe_address(address) == (subscriber, newsletter)
    assert len(address.split("@")[0]) <= 51
    assert message_identifiers.read_envelope_sender(address) is None


@given(st.text())
def test_reading_never_fails_on_anything(text):
    assert message_identifiers.read_envelope_sender(text) is None
    assert message_identifiers.read_message_id(text) is None
    assert message_identifiers.read_unsubscribe_address(text) is None


@given(ID)
def test_a_probe_is_named_by_its_envelope_sender_and_its_message_id_and_is_no_delivery(number):
    address = message_identifiers.probe_envelope_sender(number, "office.example.org")
    written = message_identifiers.probe_message_id(number, "office.example.org")
    assert (
        message_identifiers.read_probe(address.upper())
        == message_identifiers.read_probe(f"In-Reply-To: {written}")
        == number
    )
    assert (
        message_identifiers.read_envelope_sender(address) is None
        and message_identifiers.read_message_id(written) is None
    )
    assert message_identifiers.read_probe(message_identifiers.envelope_sender(number)) is None


def _with_bounces(config, **changed):
    return dataclasses.replace(config, bounces=dataclasses.replace(config.bounces, **changed))
