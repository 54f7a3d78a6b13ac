from __future__ import annotations

from mailer.delivery.throttle.mailbox_providers import provider_of


def test_a_family_of_domains_is_one_provider():
    assert {provider_of(f"aida@{d}") for d in ("mail.ru", "BK.ru", "list.ru", "inbox.ru")} == {"mail.ru"}
    assert provider_of("a@googlemail.com") == "gmail.com" and provider_of("a@hotmail.co.uk") == "outlook.com"
    assert provider_of("a@yandex.kz") == provider_of("a@ya.ru") == "yandex.ru"
    assert provider_of("a@news.example.org") == "news.example.org"
