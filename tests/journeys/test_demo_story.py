"""A newcomer's walk through the demo, from the draft to the balanced report."""

from __future__ import annotations

import email
import html
import json
import re
import urllib.parse
import urllib.request
from email import policy
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Demo, answers
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]


def lead_on(page: Page, demo: Demo, button: str) -> None:
    """Go on from the start page by one of its buttons."""
    page.goto(f"{demo.url}/demo/")
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()


def test_from_the_draft_to_the_balanced_report(demo: Demo, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    until(lambda: "is a draft" in _status(page, demo))

    lead_on(page, demo, "Open the draft as the writer")
    expect(page.get_by_role("heading", name="Silk Road Monthly, 2021-12")).to_be_visible()
    first = page.locator("#workbench-rows").get_by_text(
        "Four steps for the day that illness reaches a border"
    )
    expect(first.first).to_be_visible()

    lead_on(page, demo, "Preview as the writer")
    page.get_by_label("Kyrgyzstan").check()
    page.get_by_label("Language").select_option("ky")
    page.get_by_role("button", name="Show", exact=True).click()
    mail = page.frame_locator("iframe").first
    expect(mail.get_by_text("Оору чек арага жеткенде")).to_be_visible()
    expect(mail.get_by_text("Казакстан өз диаспорасынын")).to_have_count(0)

    lead_on(page, demo, "Submit as the writer")
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Waiting for approval").first).to_be_visible()
    # The writer may look at the copy, and is told why approving it is for somebody else.
    expect(page.get_by_role("button", name=re.compile(r"Approve \("))).to_have_count(0)

    lead_on(page, demo, "Review as the approver")
    page.get_by_role("button", name=re.compile(r"Approve \(")).click()
    expect(page.get_by_text("Approved, not yet scheduled")).to_be_visible()

    lead_on(page, demo, "Send as the approver")
    page.get_by_role("button", name="Send now…").click()
    page.get_by_role("button", name=re.compile(r"Send to \d+ subscribers")).click()
    until(lambda: demo.deliveries().get("accepted", 0) == 11, 90)

    page.goto(f"{demo.url}/demo/inbox/")
    page.get_by_role("link", name="Maral Annayeva").click()
    page.get_by_role("link", name=re.compile("Silk Road Monthly")).click()
    mail = page.frame_locator("iframe").first
    expect(mail.get_by_text("Dört", exact=False)).to_have_count(0)
    expect(mail.locator("body")).to_contain_text("Türkmenistan")

    until(lambda: "the report balances" in _status(page, demo), 60)
    lead_on(page, demo, "Read the report as the approver")
    expect(page.get_by_text("Bounced").first).to_be_visible()
    account = demo.report()
    assert account["state"] == "sent"
    assert account["audience"] == 15
    assert (account["accepted"], account["refused"], account["bounced"]) == (11, 1, 1)
    assert account["excluded"] == {"suppressed": 1, "unconfirmed": 1, "unsubscribed": 1}
    assert errors == []
    no_link_is_dead(demo)
    one_click_leaves(demo, "saule@example.net")


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
