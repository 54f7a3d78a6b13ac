from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.tracking import bot_detection
from mailer.tracking.bot_detection import (
    EventKind,
    Observation,
    SentVariant,
    filter_reasons,
    reason_to_ignore,
)
from mailer.tracking.bot_detection import FilterReason as Reason

SENT = 1_000_000.0
LATER = SENT + 3600
VARIANTS = {1: SentVariant(link_count=6, sent_at=SENT), 2: SentVariant(link_count=3, sent_at=SENT)}


def _click(
    after: float, number: int = 1, client: str | None = "a", variant_id: int = 1, reason: str = ""
) -> Observation:
    return Observation(LATER + after, client, variant_id, EventKind.CLICK, number, reason)


def _open(after: float, client: str | None = "a", reason: str = "") -> Observation:
    return Observation(LATER + after, client, 1, EventKind.OPEN, 0, reason)


def test_three_clicks_within_a_minute_are_a_persons() -> None:
    assert (
        filter_reasons([_click(0, 1), _click(9, 2), _click(25, 3), _open(-5)], VARIANTS) == [Reason.NONE] * 4
    )


def test_a_burst_filters_the_whole_visit() -> None:
    observations = [_open(-20), _click(0, 1), _click(0.7, 2), _click(1.9, 3), _click(40, 5)]
    assert filter_reasons(observations, VARIANTS) == [Reason.BURST] * 5


def test_clicks_of_three_clients_are_no_burst() -> None:
    observations = [_click(0, 1, "a"), _click(0.7, 2, "b"), _click(1.9, 3, "c")]
    assert filter_reasons(observations, VARIANTS) == [Reason.NONE] * 3


def test_all_links_of_a_message_in_one_visit_are_filtered() -> None:
    assert filter_reasons([_click(5 * n, n) for n in range(1, 7)], VARIANTS) == [Reason.ALL_LINKS] * 6


def test_all_links_of_a_short_message_are_a_persons() -> None:
    assert (
        filter_reasons([_click(9 * n, n, variant_id=2) for n in range(1, 4)], VARIANTS) == [Reason.NONE] * 3
    )


@pytest.mark.parametrize(
    ("telling", "reason"),
    [(_click(30, 0), Reason.HONEYPOT), (_click(30, 4, reason=Reason.HEAD), Reason.HEAD)],
)
def test_a_bot_click_filters_the_whole_visit(telling: Observation, reason: Reason) -> None:
    before, after, another_day = _click(0, 1), _click(70, 2), _click(10_000, 2)
    assert filter_reasons([before, telling, after, another_day], VARIANTS) == [
        reason,
        reason,
        reason,
        Reason.NONE,
    ]


def test_a_flood_of_clicks_on_one_link_is_filtered() -> None:
    assert filter_reasons([_click(n, 1) for n in range(8)], VARIANTS) == [Reason.FLOOD] * 8


def test_a_click_within_seconds_of_the_sending_is_filtered() -> None:
    observations = [
        Observation(SENT + 4, "a", 1, EventKind.CLICK, 1, ""),
        Observation(SENT + 40, "b", 1, EventKind.CLICK, 1, ""),
    ]
    assert filter_reasons(observations, VARIANTS) == [Reason.TOO_SOON, Reason.NONE]


def test_the_same_link_within_a_minute_is_a_repeat() -> None:
    assert filter_reasons([_click(0), _click(3), _click(300)], VARIANTS) == [
        Reason.NONE,
        Reason.REPEAT,
        Reason.NONE,
    ]


def test_opens_through_one_proxy_are_no_burst() -> None:
    assert filter_reasons([_open(n / 10, "proxy") for n in range(30)], VARIANTS) == [Reason.NONE] * 30


def test_an_earlier_reason_filters_later_clicks_of_the_visit() -> None:
    assert filter_reasons([_click(0, 1, reason=Reason.BURST), _click(20, 2)], VARIANTS) == [
        Reason.BURST,
        Reason.BURST,
    ]


_ANY = st.builds(
    Observation,
    at=st.floats(SENT, SENT + 300),
    client=st.sampled_from(["a", "b", None]),
    variant_id=st.sampled_from([1, 2]),
    kind=st.sampled_from(list(EventKind)),
    link_number=st.integers(0, 6),
    filter_reason=st.sampled_from([Reason.NONE, Reason.USER_AGENT, Reason.HEAD]),
)


@given(st.lists(_ANY, max_size=40), st.randoms())
def test_the_order_of_observations_does_not_matter(observations: list[Observation], chance: object) -> None:
    observations = list({(one.at, one.client): one for one in observations}.values())
    shuffled = observations.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    reasons = dict(zip(shuffled, filter_reasons(shuffled, VARIANTS), strict=True))
    assert [reasons[one] for one in observations] == filter_reasons(observations, VARIANTS)


@given(st.lists(_ANY, max_size=40))
def test_an_observation_with_a_reason_never_counts_as_a_persons(observations: list[Observation]) -> None:
    for one, reason in zip(observations, filter_reasons(observations, VARIANTS), strict=True):
        assert reason != Reason.NONE or (
            one.filter_reason == Reason.NONE and one.at >= SENT + bot_detection.TOO_SOON_SECONDS
        )


# Single requests

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CHROME = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
YANDEX = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 YaBrowser/24.6 Safari/537.36"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/8.0; .NET4.0C; Microsoft Outlook 16.0)"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.mark.parametrize("user_agent", [PHONE, CHROME, YANDEX, OUTLOOK, THUNDERBIRD])
@pytest.mark.parametrize("kind", list(EventKind))
def test_browsers_and_mail_programs_pass(kind: EventKind, user_agent: str) -> None:
    assert reason_to_ignore(kind, "GET", {"User-Agent": user_agent}) == Reason.NONE


@pytest.mark.parametrize(
    "user_agent",
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
def test_scanners_previews_and_robots_are_filtered(user_agent: str) -> None:
    assert reason_to_ignore(EventKind.CLICK, "GET", {"User-Agent": user_agent}) == Reason.USER_AGENT


def test_apple_mail_privacy_protection_is_filtered() -> None:
    assert reason_to_ignore(EventKind.OPEN, "GET", {"User-Agent": "Mozilla/5.0"}) == Reason.USER_AGENT


def test_the_image_proxy_of_gmail_passes() -> None:
    assert reason_to_ignore(EventKind.OPEN, "GET", {"User-Agent": GMAIL}) == Reason.NONE


def test_a_head_request_is_filtered() -> None:
    assert reason_to_ignore(EventKind.CLICK, "HEAD", {"User-Agent": CHROME}) == Reason.HEAD


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_a_prefetch_is_filtered(header: str) -> None:
    said = {"User-Agent": CHROME, header: "prefetch;prerender"}
    assert reason_to_ignore(EventKind.CLICK, "GET", said) == Reason.PREFETCH
