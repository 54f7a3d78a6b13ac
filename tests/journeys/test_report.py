"""The report while a mailing leaves: it renews itself, and nobody who works in it loses their place."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Demo

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]


def test_the_report_renews_itself_and_leaves_focus_where_it_is(demo: Demo, page: Page) -> None:
    demo.submit()
    demo.approve()
    page.goto(f"{demo.url}/demo/")
    page.get_by_role("button", name="Sign in as approver").click()
    page.wait_for_url("**/desk/")
    demo.schedule()
    page.goto(f"{demo.url}/desk/editions/1/report/")
    # It waits for the mailing by itself.
    cancel = page.get_by_text("Cancel sending…")
    expect(cancel).to_be_visible()
    cancel.focus()
    page.evaluate("window.stayed = true")
    reached = page.locator("#desk-figures .desk-figure__count").first
    before = reached.inner_text()
    expect(reached).not_to_have_text(before)
    assert cancel.evaluate("(element) => element === document.activeElement")
    expect(page.locator("[data-announce]")).to_contain_text("Reached", timeout=60_000)
    # Said aloud as well, once it is over; and the page was never loaded anew.
    expect(page.locator("[data-announcer]")).to_contain_text("Reached")
    assert page.evaluate("window.stayed")
    expect(page.locator("[data-refresh]")).to_have_count(0)
