"""Our signatures verify with an independent verifier, for any text, and fail after any change."""

from __future__ import annotations

import dataclasses
import re
import socket
import subprocess
import types

import dkim as dkimpy
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.mail import EmailMultiAlternatives
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.approval.models import SnapshotVariant
from mailer.config import ConfigError, Dkim
from mailer.delivery.message_builder import rendered_of
from mailer.delivery.outbox import staff_test_sends
from mailer.delivery.outbox.outbox import send_due
from mailer.delivery.smtp import dkim, signer_pool
from mailer.rendering import mime, variants
from mailer.rendering.data_types import RenderedVariant
from tests.delivery.cast import NOW, approved_snapshot, readers, released, send
from tests.rendering.cast import EDITION
from tests.rendering.test_mime import COPY, ENVELOPE, FORMS, body, line

AT = 1_638_522_307


class _VerifyKey:
    """The part of libsodium that dkimpy uses, done by OpenSSL."""

    def __init__(self, encoded: bytes, encoder: object) -> None:
        import base64

        self._key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded))

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, digest)
        except InvalidSignature as error:
            raise ValueError from error


@pytest.fixture(autouse=True, scope="module")
def _sodium():
    wanted = types.SimpleNamespace(
        signing=types.SimpleNamespace(VerifyKey=_VerifyKey),
        encoding=types.SimpleNamespace(Base64Encoder=None),
        exceptions=types.SimpleNamespace(BadSignatureError=ValueError, ValueError=ValueError),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dkimpy, "nacl", wanted, raising=False)
        yield


def pem(key, lock=None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock or NoEncryption()).decode()


RSA, ED25519 = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
BOTH = Dkim("example.org", "news2026", pem(RSA), "ed2026", pem(ED25519))
SIGNER = dkim.Signer(BOTH)


def verified(message: bytes, signer: dkim.Signer = SIGNER) -> list[bool]:
    """Whether dkimpy verifies each signature, from the top."""
    zone = {f"{key.dns_name}.": key.dns_record.encode() for key in signer.keys}
    count = len(re.findall(rb"(?m)^DKIM-Signature:", message))
    found = []
    for index in range(count):
        verifier = dkimpy.DKIM(message)
        try:
            found.append(verifier.verify(index, dnsfunc=lambda name, **_: zone.get(name.decode(), b"")))
        except dkimpy.DKIMException:
            found.append(False)
    return found


def copies(
    rendered: RenderedVariant, *all_copies: mime.Personalization, forms: mime.UrlTemplates = FORMS
) -> list[bytes]:
    skeleton = mime.MessageTemplate(rendered, ENVELOPE, forms)
    variant = SIGNER.for_variant(skeleton.own_headers, skeleton.shared)
    messages = []
    for copy in all_copies:
        headers = skeleton.header_values(copy)
        pieces = skeleton.pieces(copy, headers)
        messages.append(b"".join((variant.request(headers, pieces, AT).sign(), *pieces)))
    return messages


@pytest.mark.parametrize("language", ["en", "ru", "kk", "uz"])
def test_every_recipients_message_verifies_with_both_keys(language):
    another = dataclasses.replace(
        COPY, to="b@example.net", to_name="Бек", countries="  Тоҷикистон  ", delivery_token=""
    )
    folded = dataclasses.replace(another, to_name="Имя  и очень   длинная фамилия " * 3)
    for message in copies(variants.render(EDITION, ("KZ",), language), COPY, another, folded, COPY):
        assert verified(message) == [True, True]
        assert message.isascii() and max(map(len, message.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("address", ["https://news.example.org/100%25/%28to%29s/", "https://x.org/%s?a=%d"])
def test_a_percent_sign_and_a_header_that_all_share_are_signed_as_they_are_sent(address):
    shared = mime.UrlTemplates(f"{mime.TOKEN}@example.org", address, address)
    personal = mime.UrlTemplates(f"m.{mime.TOKEN}@example.org", f"{address}{mime.TOKEN}", address)
    for forms in (shared, personal):
        (message,) = copies(variants.render(EDITION, ("KZ",), "en"), COPY, forms=forms)
        assert verified(message) == [True, True]


@given(body, body, line, line)
@settings(deadline=None)
def test_any_text_verifies_and_is_sent_in_canonical_form(text, html, countries, subject):
    rendered = RenderedVariant("0" * 16, "ru", ("a",), subject.replace("\x85", ""), "", html, text)
    (message,) = copies(rendered, dataclasses.replace(COPY, countries=countries))
    assert verified(message) == [True, True]
    sent = message.partition(b"\r\n\r\n")[2]
    assert Relaxed.canonicalize_body(sent) == sent


@given(
    st.lists(
        st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\n", b"\xd0\xb0", b".", b"\r\n\r\n"]), max_size=12
    ),
    st.lists(st.sampled_from([b" ", b"x", b"\t", b"\r\n ", b"\r\n\t"]), max_size=6),
)
@settings(deadline=None)
def test_any_other_message_verifies_whatever_its_white_space(body, value):
    message = b"From: a@example.org\r\nSubject:%s.\r\nto: b@example.net\r\nTo: c@example.net\r\n\r\n%s" % (
        b"".join(value),
        b"".join(body),
    )
    signed = SIGNER.sign(message, AT)
    assert verified(signed) == [True, True]
    assert signed.count(b"\n") == signed.count(b"\r\n") == signed.count(b"\r")


@pytest.mark.parametrize(
    "tamper",
    [
        lambda m: m.replace(b"List-Unsubscribe: <https:", b"List-Unsubscribe: <http:"),
        lambda m: m.replace(b"List-Unsubscribe-Post: ", b"List-Unsubscribe-Post: x"),
        lambda m: m.replace(b"reader@example.net", b"raeder@example.net"),
        lambda m: m.replace(b"Feedback-ID: ", b"Feedback-ID: x"),
        lambda m: m.replace(b"CFBL-Address: ", b"CFBL-Address: x"),
        lambda m: m.replace(b"X-Mailru-Msgtype: ", b"X-Mailru-Msgtype: x"),
        lambda m: b"From: boss@example.org\r\n" + m,
        lambda m: b"Subject: You won\r\n" + m,
        lambda m: b"To: you@example.org\r\n" + m,
        lambda m: m + b"<p>added</p>\r\n",
        lambda m: m.replace(b"; d=example.org", b"; d=example.net"),
        lambda m: m.replace(b"t=1638522307", b"t=1638522308"),
    ],
)
def test_a_change_in_transit_breaks_the_signature(tamper):
    (message,) = copies(variants.render(EDITION, ("KZ",), "en"), COPY)
    changed = tamper(message)
    assert changed != message and True not in verified(changed)


def test_a_relay_may_refold_headers_and_add_its_own():
    (message,) = copies(variants.render(EDITION, ("KZ",), "en"), COPY)
    changed = message.replace(b",\r\n <mailto", b", \r\n\t <mailto").replace(b"Precedence: bulk\r\n", b"")
    assert verified(b"Received: from x\r\n by y\r\n" + changed + b"\r\n\r\n") == [True, True]


@pytest.mark.parametrize("part", [{"ed25519_selector": "", "ed25519_key": ""}, {"selector": "", "key": ""}])
def test_one_key_is_enough(part):
    signer = dkim.Signer(dataclasses.replace(BOTH, **part))
    assert verified(signer.sign(b"From: a@example.org\r\n\r\nHi\r\n", AT), signer) == [True]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"key": "secret"}, "[dkim] key: is not a private key"),
        ({"key": pem(ED25519)}, "[dkim] key: is not an RSA key"),
        ({"ed25519_key": pem(RSA)}, "[dkim] ed25519_key: is not an Ed25519 key"),
        ({"key": pem(rsa.generate_private_key(65537, 1024))}, "has 1024 bits; at least 2048"),
        ({"key": pem(RSA, BestAvailableEncryption(b"x"))}, "encrypted with a password"),
        ({"key": ""}, "has `selector` but no `key`"),
        ({"ed25519_selector": ""}, "has `ed25519_key` but no `ed25519_selector`"),
        ({"selector": "a b"}, "[dkim] selector is 'a b'"),
        ({"selector": "a;\r\n"}, "[dkim] selector is"),
        ({"domain": "почта.example"}, "[dkim] domain is"),
    ],
)
def test_a_key_that_cannot_sign_is_a_configuration_error(change, error):
    with pytest.raises(ConfigError) as caught:
        dkim.signer_for(dataclasses.replace(BOTH, **change))
    assert error in str(caught.value)


def test_without_a_domain_there_is_no_signer():
    assert dkim.signer_for(Dkim()) is None


@pytest.fixture
def relay(relay, configure, settings):
    settings.EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"
    configure(dkim=dataclasses.asdict(BOTH))
    return relay


@pytest.mark.django_db
def test_transactional_and_test_messages_are_signed(relay):
    from datetime import timedelta

    from django.utils import timezone

    mail = EmailMultiAlternatives("Подтвердите", "Текст  \n\n" * 9, "Офис <a@example.org>", ["a@example.net"])
    mail.attach_alternative("<p>Текст</p>", "text/html")
    mail.send()
    snapshot = approved_snapshot()
    variant = SnapshotVariant.objects.filter(snapshot=snapshot, language="ru").first()
    staff_test_sends.enqueue(
        [rendered_of(variant)], snapshot.edition.newsletter, "colleague@office.example.org", NOW
    )
    assert send_due(timezone.now() + timedelta(seconds=1)).sent == 2
    assert [verified(taken.message) for taken in relay.taken] == [[True, True]] * 2


def test_a_signing_process_that_ends_at_once_leaves_nothing_open(monkeypatch):
    started, sockets = [], []
    popen, pair = subprocess.Popen, socket.socketpair

    def ended(command, stdin):
        started.append(popen(["true"], stdin=stdin))
        started[0].wait()
        started[0].returncode = None
        return started[0]

    def opened():
        sockets.extend(pair())
        return sockets

    monkeypatch.setattr(signer_pool.subprocess, "Popen", ended)
    monkeypatch.setattr(signer_pool.socket, "socketpair", opened)
    with pytest.raises(OSError):
        signer_pool._SigningProcess(SIGNER.keys, print, print)
    assert [one.fileno() for one in sockets] == [-1, -1]
    assert started[0].returncode is not None


@pytest.mark.django_db
def test_an_edition_is_signed(relay):
    readers(3)
    mailing = released()
    assert send(mailing=mailing).accepted == 3
    assert [verified(taken.message) for taken in relay.taken] == [[True, True]] * 3
