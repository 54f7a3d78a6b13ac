from __future__ import annotations

import pytest

from mailer.delivery.throttle import provider_throttle
from mailer.delivery.throttle.mailbox_providers import provider_of
from tests.delivery.cast import NOW


def test_a_family_of_domains_is_one_provider():
    assert {provider_of(f"aida@{d}") for d in ("mail.ru", "BK.ru", "list.ru", "inbox.ru")} == {"mail.ru"}
    assert provider_of("a@googlemail.com") == "gmail.com" and provider_of("a@hotmail.co.uk") == "outlook.com"
    assert provider_of("a@yandex.kz") == provider_of("a@ya.ru") == "yandex.ru"
    assert provider_of("a@news.example.org") == "news.example.org"


@pytest.mark.django_db
@pytest.mark.both_databases
def test_a_provider_with_the_longest_name_can_be_slowed_down():
    domain = f"{'.'.join(['long' * 15] * 4)}.org"
    provider = provider_of(f"a@{domain}")
    assert domain.endswith(provider) and provider.endswith(".org")
    provider_throttle.penalise(provider, NOW)
    assert provider in provider_throttle.backoff_seconds(NOW)
