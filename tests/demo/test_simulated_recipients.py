from __future__ import annotations

from http.server import BaseHTTPRequestHandler

from mailer.demo import seed, simulated_recipients
from tests.demo.conftest import a_message
from tests.loopback import Quiet, serving

LINKS = [f"http://127.0.0.1:8000/r/{place:033}/example.org" for place in range(4)]
TRAP = f"http://127.0.0.1:8000/r/{9:033}/"
MAIL = "".join(f'<p><a href="{link}">more</a></p>' for link in [*LINKS, TRAP, "http://127.0.0.1:8000/x/"])


def _visits(address: str) -> list[simulated_recipients.Visit]:
    return list(simulated_recipients.clicks_of(address, a_message(address, html=MAIL)))


def test_a_reader_follows_what_a_reader_sees_one_after_another() -> None:
    for reader in seed.READERS:
        if reader.habit == "reads on":
            found = _visits(reader.email)
            assert found[0].url == LINKS[0]
            assert {visit.url for visit in found} <= set(LINKS) and len(found) == 2
            assert found[1].after - found[0].after > 10 and found[0].after > 10


def test_readers_are_in_different_places() -> None:
    addresses = [_visits(reader.email)[0].address for reader in seed.READERS if reader.habit == "reads on"]
    assert len(set(addresses)) == len(addresses)


def test_the_filter_follows_everything_within_seconds() -> None:
    (filtered,) = [reader for reader in seed.READERS if reader.habit == "filtered"]
    found = _visits(filtered.email)
    assert [visit.url for visit in found] == [*LINKS, TRAP]
    assert found[-1].after < 5


def test_the_mail_of_other_addresses_is_not_shown() -> None:
    assert _visits("stranger@example.net") == []


def test_a_visit_is_a_request_from_the_visitors_address_and_goes_no_further() -> None:
    asked: list[tuple[str, str | None]] = []

    class Pages(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["X-Forwarded-For"]))
            self.send_response(302)
            self.send_header("Location", "https://example.org/outside")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Pages) as port:
        simulated_recipients.request_tracked_link(
            simulated_recipients.Visit(0, LINKS[2], "198.51.100.3"), port
        )
    assert asked == [(f"/r/{2:033}/example.org", "198.51.100.3")]
