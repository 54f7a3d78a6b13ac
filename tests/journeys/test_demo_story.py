"""A newcomer's walk through the demo, from the draft to the balanced report.

Then a scanner opens every link of a mail: its reader stays subscribed, and the figures count people only.
"""

from __future__ import annotations

import email
import html
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailer.demo import seed, simulated_recipients
from tests.journeys.conftest import Demo, answers, status
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("story")]

SCANNED = "aigerim@example.org"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


def lead_on(page: Page, demo: Demo, button: str) -> None:
    """Go on from the start page by one of its buttons."""
    page.goto(f"{demo.url}/demo/")
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()


def test_from_the_draft_to_the_balanced_report(demo: Demo, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    until(lambda: "is a draft" in _status(page, demo), interval=0.2)

    lead_on(page, demo, "Sign in as the writer and open the draft edition")
    expect(page.get_by_role("heading", name="Silk Road Monthly, December 2021")).to_be_visible()
    first = page.locator("#workbench-rows").get_by_text(
        "Four steps for the day that illness reaches a border"
    )
    expect(first.first).to_be_visible()

    lead_on(page, demo, "Sign in as the writer and preview the edition")
    page.get_by_label("Kyrgyzstan").check()
    page.get_by_label("Language").select_option("ky")
    page.get_by_role("button", name="Show", exact=True).click()
    mail = page.frame_locator("iframe").first
    expect(mail.get_by_text("Оору чек арага жеткенде")).to_be_visible()
    expect(mail.get_by_text("Казакстан өз диаспорасынын")).to_have_count(0)

    lead_on(page, demo, "Sign in as the writer and open “Submit for approval”")
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Waiting for approval").first).to_be_visible()
    # The writer may look at the copy, and is told why approving it is for somebody else.
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)

    lead_on(page, demo, "Sign in as the approver and review the edition")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("Approved, not yet scheduled")).to_be_visible()

    lead_on(page, demo, "Sign in as the approver and open “Schedule”")
    page.get_by_role("button", name="Send the edition now…").click()
    page.get_by_role("button", name=re.compile(r"Send the edition to \d+ subscribers")).click()
    report_refreshes_without_a_reload(page, demo)
    until(lambda: demo.deliveries().get("accepted", 0) == 11)

    page.goto(f"{demo.url}/demo/inbox/")
    page.get_by_role("link", name="Maral Annayeva").click()
    page.get_by_role("link", name=re.compile("Silk Road Monthly")).click()
    mail = page.frame_locator("iframe").first
    expect(mail.get_by_text("Dört", exact=False)).to_have_count(0)
    expect(mail.locator("body")).to_contain_text("Türkmenistan")

    until(lambda: "of the report add up" in _status(page, demo), interval=0.2)
    lead_on(page, demo, "Sign in as the approver and read the report")
    expect(page.get_by_text("Bounced").first).to_be_visible()
    account = demo.report()
    assert account["state"] == "sent"
    assert account["audience"] == 15
    assert (account["accepted"], account["refused"], account["bounced"]) == (11, 1, 1)
    assert account["excluded"] == {"suppressed": 1, "unconfirmed": 1, "unsubscribed": 1}
    assert errors == []
    scanner_unsubscribes_no_reader_and_changes_no_figures(demo)
    no_link_is_dead(demo)
    one_click_leaves(demo, "saule@example.net")


def report_refreshes_without_a_reload(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/desk/editions/1/report/")
    # The report refreshes while the mailing is sent.
    expect(page.get_by_text("Cancel sending the edition…")).to_be_visible()
    page.evaluate("window.stayed = true")
    delivered = page.locator("#desk-figures .desk-figure__count").first
    before = delivered.inner_text()
    expect(delivered).not_to_have_text(before)
    # When the mailing is complete, the page stops refreshing.
    expect(page.locator("[data-refresh]")).to_have_count(0)
    # The final summary is announced to screen readers as well, and the page was never reloaded.
    summary = page.locator("[data-announce]").inner_text().strip()
    assert "excluded" in summary
    expect(page.locator("[data-announcer]")).to_contain_text(summary)
    assert page.evaluate("window.stayed")


def scanner_unsubscribes_no_reader_and_changes_no_figures(demo: Demo) -> None:
    assert _scan(demo, mail_of(demo, SCANNED)) == {200, 302}
    expected = len(list(_people_in(demo.folder / "mail" / "inbox")))
    counted = "SELECT COALESCE(SUM(count), 0) FROM mailer_dailyeventcount WHERE NOT is_bot"
    until(lambda: demo.rows(counted)[0][0] >= expected, interval=0.5)
    unfinished = "SELECT count(*) FROM mailer_trackingevent WHERE NOT finalized"
    until(lambda: demo.rows(unfinished) == [(0,)], interval=0.5)
    assert demo.rows(counted) == [(expected,)]
    machines = demo.rows("SELECT count(*) FROM mailer_dailyeventcount WHERE is_bot")
    assert machines[0][0] > 0
    assert _states(demo, SCANNED) == {"confirmed"}
    assert demo.rows("SELECT count(*) FROM mailer_feedbackevent WHERE kind = 'unsubscribe'") == [(0,)]


def _scan(demo: Demo, message: EmailMessage) -> set[int]:
    """Open everything of ours in the message; which answers came."""
    headers = {"User-Agent": BROWSER, "X-Forwarded-For": "203.0.113.77"}
    ours = [address for address in _addresses(message) if address.startswith(demo.url)]
    assert len(ours) > 8
    return {
        status(urllib.request.Request(address, headers=headers, method=method))
        for method in ("HEAD", "GET")
        for address in ours
    }


def _addresses(message: EmailMessage) -> set[str]:
    """Whatever a scanner finds in a message to open: in the HTML, in the text and in the headers."""
    parts = {kind: message.get_body((kind,)) for kind in ("html", "plain")}
    assert parts["html"] and parts["plain"]
    in_html = re.findall(r'(?:href|src)="(http[^"]*)"', parts["html"].get_content())
    in_text = re.findall(r"https?://[^\s)]+", parts["plain"].get_content())
    in_header = re.findall(r"<(http[^>]*)>", str(message["List-Unsubscribe"]))
    return {*map(html.unescape, in_html), *in_text, *in_header}


def _people_in(folder: Path) -> Iterator[simulated_recipients.Visit]:
    """What the demo's readers were to follow."""
    for reader in seed.READERS:
        if reader.habit == "reads on" and reader.fate == "reads":
            (path,) = folder.glob(f"{reader.email}-*.eml")
            yield from simulated_recipients.clicks_of(reader.email, path.read_bytes())


def mail_of(demo: Demo, address: str) -> EmailMessage:
    (path,) = (demo.folder / "mail" / "inbox").glob(f"{address}-*.eml")
    return email.message_from_bytes(path.read_bytes(), policy=policy.default)


def no_link_is_dead(demo: Demo) -> None:
    """Every address of ours in every mail, pictures too, answers; the rest belongs to the stories."""
    found: set[str] = set()
    for path in (demo.folder / "mail" / "inbox").glob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for kind in ("plain", "html"):
            body = message.get_body((kind,))
            assert body is not None
            found.update(re.findall(rf"{re.escape(demo.url)}[^\s\"<>]*", html.unescape(body.get_content())))
    assert len(found) > 30
    for address in sorted(found):
        assert answers(address), address


def one_click_leaves(demo: Demo, address: str) -> None:
    """As a mail program does it (RFC 8058), while opening the link alone changes nothing."""
    (link,) = re.findall(r"<(http[^>]+)>", mail_of(demo, address)["List-Unsubscribe"])
    assert answers(link)
    assert _states(demo, address) == {"confirmed"}
    data = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
    with urllib.request.urlopen(link, data, timeout=60) as response:
        assert (response.status, response.url) == (200, link)
    assert _states(demo, address) == {"unsubscribed"}


def _states(demo: Demo, address: str) -> set[str]:
    """How the reader stands on each list."""
    shown = json.loads(demo.command("subscribers", "show", address, "--json").stdout)
    return {row["state"] for row in shown["subscriptions"]}


def _status(page: Page, demo: Demo) -> str:
    page.goto(f"{demo.url}/demo/")
    return page.locator("main").inner_text()
