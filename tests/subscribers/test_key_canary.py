"""Suppression outlives every rotation of keys, and a wrong address-hash key is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.test import Client, override_settings
from typer.testing import CliRunner

from mailer.cli.subscribers import app
from mailer.config import key_ring
from subscribers import tokens, verify_address_hash_key
from subscribers.consent import Channel, Evidence
from subscribers.models import KeyCanary, MailingList, Subscriber, Subscription
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.segments.mailing_audience_query import REACHABLE, AudienceQuery, with_reachability
from subscribers.subscribe import subscribe
from subscribers.suppression import is_suppressed, suppress
from subscribers.verify_address_hash_key import WrongAddressHashKey
from tests.subscribers.conftest import NOW, Join

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

STOPPED, ERASED = "stopped@example.org", "erased@example.org"


@contextmanager
def started_with(path: Path) -> Iterator[None]:
    """The settings of a process that starts with this keys file."""
    ring = key_ring.load(path, NOW)
    sessions = ring.secrets("sessions")
    with override_settings(
        SECRET_KEY=sessions[0],
        SECRET_KEY_FALLBACKS=sessions[1:],
        TOKEN_KEYS=tuple((key.id, key.secret) for key in ring.keys["tokens"]),
        ADDRESS_HASH_KEY=ring.current("addresses").secret,
    ):
        yield


def test_after_a_rotation_suppressed_addresses_stay_out_and_old_links_work(
    tmp_path: Path, monthly: MailingList, join: Join, client: Client
) -> None:
    path = tmp_path / "keys.toml"
    key_ring.create(path, NOW)
    KeyCanary.objects.all().delete()
    with started_with(path):
        verify_address_hash_key.create_and_verify_key_canary()
        reader = join("reader")
        join("erased")
        link = tokens.make_token("preferences", reader.pk, 0)
        staff = User.objects.create_superuser("lola", "lola@office.example.org", "a long password")
        client.force_login(staff)
        suppress(STOPPED, "complaint", "", NOW)
        erase_and_suppress(ERASED, NOW)
    for purpose in ("sessions", "tokens"):
        key_ring.rotate(path, purpose, timedelta(days=30), NOW)
    with started_with(path):
        verify_address_hash_key.verify_address_hash_key()
        assert tokens.make_token("preferences", reader.pk, 0) != link
        assert client.get(f"/preferences/{link}/").status_code == 200
        assert get_user(client) == staff
        evidence = Evidence(Channel.FORM)
        assert subscribe.request_signup(STOPPED, [monthly.pk], "en", [], evidence, NOW) == "answered"
        assert not Subscriber.objects.filter(email=STOPPED).exists()
        file = tmp_path / "people.csv"
        file.write_text(f"email\n{STOPPED}\n{ERASED}\n", encoding="utf-8")
        done = CliRunner().invoke(app, ["import", str(file), "--list", "monthly", "--source", "paper"])
        assert done.exit_code == 0, done.output
        assert not Subscriber.objects.filter(email=ERASED).exists()
        assert all(map(is_suppressed, (STOPPED, ERASED)))
        reached = with_reachability(AudienceQuery(lists=(monthly.pk,)), NOW)
        reached = reached.filter(reachability=REACHABLE).values_list("email", flat=True)
        assert list(reached) == [reader.email]
        assert Subscription.objects.filter(subscriber=reader, state="confirmed").exists()


def test_another_address_hash_key_is_refused() -> None:
    verify_address_hash_key.verify_address_hash_key()
    with override_settings(ADDRESS_HASH_KEY="another key, which hashes otherwise"):
        with pytest.raises(WrongAddressHashKey):
            verify_address_hash_key.verify_address_hash_key()
        with pytest.raises(WrongAddressHashKey):
            verify_address_hash_key.create_and_verify_key_canary()


def test_a_lost_canary_is_not_replaced_by_that_of_another_key(join: Join) -> None:
    join("reader")
    KeyCanary.objects.all().delete()
    with pytest.raises(WrongAddressHashKey):
        verify_address_hash_key.verify_address_hash_key()
    wrong = override_settings(ADDRESS_HASH_KEY="another key, which hashes otherwise")
    with wrong, pytest.raises(WrongAddressHashKey):
        verify_address_hash_key.create_and_verify_key_canary()
    assert not KeyCanary.objects.exists()
    verify_address_hash_key.create_and_verify_key_canary()
    verify_address_hash_key.verify_address_hash_key()
