from __future__ import annotations

import dataclasses

import pytest
from django.conf import settings as django_settings

from mailer.config import Config
from mailer.doctor.check_types import Context
from mailer.doctor.dns_client import Dns
from tests.delivery.conftest import certificate, configure  # noqa: F401
from tests.doctor.zone import Zone


@pytest.fixture
def zone():
    with Zone() as server:
        yield server


@pytest.fixture
def dns(zone):
    return Dns("127.0.0.1", zone.port, seconds=60)


@pytest.fixture
def context(dns):
    """context(senders=…, smtp={…}, …): an office whose DNS is the zone."""

    def make(senders=("news@example.org",), mx_port=25, timeout=60.0, **sections) -> Context:
        config: Config = django_settings.CONFIG
        usual = {"site": {"url": "https://news.example.org"}, "smtp": {"host": "mail.example.net"}}
        for name in usual.keys() | sections.keys():
            values = {**usual.get(name, {}), **sections.get(name, {})}
            config = dataclasses.replace(
                config, **{name: dataclasses.replace(getattr(config, name), **values)}
            )
        return Context(config, dns, tuple(senders), timeout=timeout, mx_port=mx_port)

    return make
