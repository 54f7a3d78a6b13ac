"""The script that fills in a form again which the server did not take, tried on a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.conftest import SAFETY_MILLISECONDS

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

SCRIPT = Path("mailer/static/desk/form_keeper.js").read_text(encoding="utf-8")
FORM = """<!doctype html><title>x</title><script>SCRIPT</script><div class="desk-page">
<form method="post" action="/desk/other/"></form>
<form method="post" action="/desk/form/"><input type="hidden" name="seen" value="new">
<details><summary>More</summary><textarea name="reason"></textarea></details>
<input type="checkbox" name="each"><input type="password" name="secret">
<select name="country" multiple><option value="KZ">K</option><option value="UZ">U</option></select>
<button>Save</button></form></div>""".replace("SCRIPT", SCRIPT)


def serve(route: Route) -> None:
    """The page, whatever was sent to it."""
    route.fulfill(status=200, content_type="text/html; charset=utf-8", body=FORM)


@pytest.mark.parametrize("ended", [True, False])
def test_what_was_typed_comes_back_only_where_the_session_had_ended(browser: Browser, ended: bool) -> None:
    context = browser.new_context()
    context.set_default_timeout(SAFETY_MILLISECONDS)
    page = context.new_page()
    page.route("http://desk.test/**", serve)
    page.goto("http://desk.test/desk/form/")
    page.locator("summary").click()
    page.locator("textarea").fill("A long text")
    page.locator("[name=each]").check()
    page.locator("[name=secret]").fill("secret")
    page.locator("select").select_option(["UZ"])
    if ended:
        # As the server's answer sets it.
        cookie = {"name": "desk_restore_form", "value": "yes", "domain": "desk.test", "path": "/desk/"}
        context.add_cookies([cookie])  # type: ignore[list-item]
    with page.expect_navigation():
        page.get_by_role("button").click()
    expect(page.locator("textarea")).to_have_value("A long text" if ended else "")
    expect(page.locator("[name=each]")).to_be_checked(checked=ended)
    expect(page.locator("select")).to_have_values(["UZ"] if ended else [])
    expect(page.locator("[name=secret]")).to_have_value("")
    expect(page.locator("[name=seen]")).to_have_value("new")
    assert "secret" not in page.evaluate("JSON.stringify(sessionStorage)")
    # Once: the page is empty when it is opened again.
    page.reload()
    expect(page.locator("textarea")).to_have_value("")
    context.close()
