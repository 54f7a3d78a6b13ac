"""The script that fills in a form again which the server did not take, tried on a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.conftest import SAFETY_MILLISECONDS

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

SCRIPT = Path("mailer/static/desk/form_keeper.js").read_text(encoding="utf-8")
FORM = """<!doctype html><title>x</title><script>SCRIPT</script><div class="desk-page">
<form method="post" action="/desk/other/"></form></div>
<form method="POST" action="/desk/form/" data-edit-form><input type="hidden" name="seen" value="new">
<input type="hidden" name="saved_values" value="NUMBER"><p id="rows"></p>
<button type="button" id="id_texts-ADD" onclick="
  const row = document.createElement('input');
  row.name = 'texts-0-tagline';
  document.getElementById('rows').append(row)
"></button>
<details><summary>More</summary><textarea name="reason"></textarea></details>
<input type="checkbox" name="each"><input type="password" name="secret">
<select name="country" multiple><option value="KZ">K</option><option value="UZ">U</option></select>
<button id="save">Save</button></form>""".replace("SCRIPT", SCRIPT)


class Server:
    """Serves the page, whatever was sent to it, each time with other marks of what is saved."""

    number = 0

    def serve(self, route: Route) -> None:
        self.number += 1
        body = FORM.replace("NUMBER", str(self.number))
        route.fulfill(status=200, content_type="text/html; charset=utf-8", body=body)


@pytest.mark.parametrize("ended", [True, False])
def test_what_was_typed_comes_back_only_where_the_session_had_ended(browser: Browser, ended: bool) -> None:
    context = browser.new_context()
    context.set_default_timeout(SAFETY_MILLISECONDS)
    page = context.new_page()
    page.route("http://desk.test/**", Server().serve)
    page.goto("http://desk.test/desk/form/")
    page.locator("[id=id_texts-ADD]").click()
    page.locator("[name=texts-0-tagline]").fill("News of the month")
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
        page.locator("#save").click()
    expect(page.locator("textarea")).to_have_value("A long text" if ended else "")
    expect(page.locator("[name=each]")).to_be_checked(checked=ended)
    expect(page.locator("select")).to_have_values(["UZ"] if ended else [])
    expect(page.locator("[name=secret]")).to_have_value("")
    expect(page.locator("[name=seen]")).to_have_value("new")
    # A row that was added comes back; so do the marks, by which the server knows what others saved meanwhile.
    expect(page.locator("[name=texts-0-tagline]")).to_have_count(1 if ended else 0)
    expect(page.locator("[name=saved_values]")).to_have_value("1" if ended else "2")
    assert "secret" not in page.evaluate("JSON.stringify(sessionStorage)")
    # Once: the page is empty when it is opened again.
    page.reload()
    expect(page.locator("textarea")).to_have_value("")
    context.close()
