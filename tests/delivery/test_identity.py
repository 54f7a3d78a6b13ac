from __future__ import annotations

import dataclasses
import re

from django.conf import settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery import identity, signed_ids, verp
from mailer.delivery.smtp.envelope import CommandBuilder

ID = st.integers(min_value=1, max_value=2**63 - 1)
SUBSCRIBER, NEWSLETTER = st.integers(1, 2**36 - 1), st.integers(1, 2**28 - 1)


@given(ID)
def test_the_envelope_sender_names_its_delivery_and_fits_any_server(delivery):
    address = verp.address(delivery)
    local, domain = address.split("@")
    assert verp.read(address) == delivery
    assert len(local) <= 51 and local == local.lower()
    assert domain == "bounces.example.org"


def test_without_a_bounce_domain_the_senders_own_is_used(settings):
    settings.CONFIG = _with_bounces(settings.CONFIG, domain="")
    assert verp.address(7, "office.example.org").endswith("@office.example.org")


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
def test_an_envelope_sender_of_any_form_is_read_in_whatever_dress_it_comes_back(delivery, form, dress, case):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, address=form)):
        local, domain = verp.address(delivery).split("@")
    # The configuration may have changed since it was sent.
    assert verp.read(case(dress.format(local=local, domain=domain))) == delivery
    assert len(local) <= 64


@given(SUBSCRIBER, NEWSLETTER, FORMS, DRESSES, CASES)
def test_so_is_a_leave_address(subscriber, newsletter, form, dress, case):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, leave_address=form)):
        local, domain = identity.leave_address(subscriber, newsletter).split("@")
    written = case(dress.format(local=local, domain=domain))
    assert identity.read_leave_address(written) == (subscriber, newsletter)
    assert verp.read(written) is None
    assert len(local) <= 64


@given(ID, FORMS)
def test_a_relay_that_reports_is_told_the_mark_of_any_form(delivery, form):
    with override_settings(CONFIG=_with_bounces(settings.CONFIG, address=form)):
        address = verp.address(delivery)
    said = CommandBuilder({"DSN": ""}).commands(address, "reader@example.org", 1).decode()
    assert verp.read(re.search(r" ENVID=(\S+) ", said)[1]) == delivery


def test_an_envelope_sender_that_was_changed_in_one_character_is_nobodys():
    local = verp.address(12345).split("@")[0]
    for at in range(2, len(local)):
        changed = local[:at] + ("1" if local[at] != "1" else "2") + local[at + 1 :]
        assert verp.read(f"{changed}@bounces.example.org") is None
    assert verp.read("reader@example.org") is None
    assert verp.read("") is None


@given(ID)
def test_a_message_id_is_the_same_each_time_and_proves_its_delivery(delivery):
    written = identity.message_id(delivery, "office.example.org")
    assert written == identity.message_id(delivery, "office.example.org")
    assert identity.delivery_of(written) == delivery
    assert identity.delivery_of(f"<other@example.org> {written.upper()}") == delivery


@given(ID)
def test_a_token_made_for_another_purpose_names_no_delivery(number):
    token = signed_ids.token("probe", number)
    assert identity.delivery_of(f"<m.{token}@example.org>") is None
    assert verp.read(f"b+{token}@example.org") is None


@given(st.lists(ID, max_size=5))
def test_the_tokens_of_many_deliveries_are_those_of_each(deliveries):
    assert signed_ids.delivery_tokens(deliveries) == [signed_ids.token("delivery", one) for one in deliveries]


@given(SUBSCRIBER, NEWSLETTER)
def test_a_leave_address_names_reader_and_newsletter(subscriber, newsletter):
    address = identity.leave_address(subscriber, newsletter)
    assert identity.read_leave_address(address) == (subscriber, newsletter)
    assert len(address.split("@")[0]) <= 51
    assert verp.read(address) is None


@given(st.text())
def test_reading_never_fails_on_anything(text):
    assert verp.read(text) is None
    assert identity.delivery_of(text) is None
    assert identity.read_leave_address(text) is None


@given(ID)
def test_a_probe_is_named_by_its_envelope_sender_and_its_message_id_and_is_no_delivery(number):
    address = verp.probe_address(number, "office.example.org")
    written = verp.probe_message_id(number, "office.example.org")
    assert verp.read_probe(address.upper()) == verp.read_probe(f"In-Reply-To: {written}") == number
    assert verp.read(address) is None and identity.delivery_of(written) is None
    assert verp.read_probe(verp.address(number)) is None


def _with_bounces(config, **changed):
    return dataclasses.replace(config, bounces=dataclasses.replace(config.bounces, **changed))
