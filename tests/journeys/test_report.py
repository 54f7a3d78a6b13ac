"""The report of a mailing in progress refreshes automatically and keeps the focus."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Demo

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]


def test_the_report_refreshes_automatically_without_a_reload(demo: Demo, page: Page) -> None:
    demo.submit()
    demo.approve()
    page.goto(f"{demo.url}/demo/")
    page.get_by_role("button", name="Sign in as approver").click()
    page.wait_for_url("**/desk/")
    demo.schedule()
    page.goto(f"{demo.url}/desk/editions/1/report/")
    # The report refreshes while the mailing is sent.
    expect(page.get_by_text("Cancel sending…")).to_be_visible()
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
