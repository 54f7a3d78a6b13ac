from __future__ import annotations

import pytest

from mailer.tracking.bots import told_by
from mailer.tracking.records import Kind, Why

pytestmark = pytest.mark.both_databases

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CHROME = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
YANDEX = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 YaBrowser/24.6 Safari/537.36"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/8.0; .NET4.0C; Microsoft Outlook 16.0)"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.mark.parametrize("program", [PHONE, CHROME, YANDEX, OUTLOOK, THUNDERBIRD])
@pytest.mark.parametrize("kind", list(Kind))
def test_browsers_and_mail_programs_are_peoples(kind: Kind, program: str) -> None:
    assert told_by(kind, "GET", {"User-Agent": program}) == Why.NONE


@pytest.mark.parametrize(
    "program",
    [
        "",
        "curl/8.5.0",
        "python-requests/2.32",
        "Go-http-client/2.0",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 BarracudaSentinel",
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23",
    ],
)
def test_filters_previews_and_robots_are_machines(program: str) -> None:
    assert told_by(Kind.CLICK, "GET", {"User-Agent": program}) == Why.AGENT


def test_apples_mail_that_loads_every_picture_is_a_machine() -> None:
    assert told_by(Kind.OPEN, "GET", {"User-Agent": "Mozilla/5.0"}) == Why.AGENT


def test_gmails_picture_server_loads_a_picture_when_its_reader_opens_the_mail() -> None:
    assert told_by(Kind.OPEN, "GET", {"User-Agent": GMAIL}) == Why.NONE


def test_asking_without_following_is_a_machines() -> None:
    assert told_by(Kind.CLICK, "HEAD", {"User-Agent": CHROME}) == Why.HEAD


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_loading_ahead_is_no_click(header: str) -> None:
    said = {"User-Agent": CHROME, header: "prefetch;prerender"}
    assert told_by(Kind.CLICK, "GET", said) == Why.PREFETCH
