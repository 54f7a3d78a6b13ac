"""Every page by the rules of WCAG 2.2 A and AA, on a desk and on a phone, and the form by keyboard alone."""

from __future__ import annotations

import email
import email.policy
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import resources

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import EDITION, ENVIRONMENT, SAFETY_MILLISECONDS, Demo
from tests.waiting import SAFETY_SECONDS, until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# One line for each part of the page that breaks a rule. Frames are left out: the mail in a frame is the web
# copy, which is tried by itself.
FIND = """async (rules) => (await axe.run(document, {iframes: false, runOnly: rules})).violations.flatMap(
    (broken) => broken.nodes.map((node) => `${broken.id} at ${node.target}`))"""
# Tables of the desk that are wider than the window and in nothing that scrolls: Wagtail cuts the rest off.
CLIPPED = """() => [...document.querySelectorAll('main table')].filter((table) => {
    if (table.getBoundingClientRect().right <= window.innerWidth) return false;
    for (let one = table.parentElement; one; one = one.parentElement)
        if (/auto|scroll/.test(getComputedStyle(one).overflowX)) return false;
    return true;
}).map((table) => table.className)"""
DESK, PHONE, NARROW = 1280, 390, 320


def barriers(page: Page, url: str) -> list[str]:
    """What breaks a rule on the page at `url`, in words that name the page."""
    page.goto(url)
    # What Wagtail's scripts put up comes a moment after the page.
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE)
    width = (page.viewport_size or {})["width"]
    where = f"{re.sub(r'^https?://[^/]+', '', page.url)} ({width} px)"
    found = [f"{where}: {line}" for line in page.evaluate(FIND, RULES)]
    return found + [f"{where}: cut off: {name}" for name in page.evaluate(CLIPPED)]


def sideways(page: Page, url: str) -> list[str]:
    """The page at `url`, when it is wider than the window."""
    page.goto(url)
    excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    width = (page.viewport_size or {})["width"]
    return [f"{page.url}: {excess} px too wide for {width} px"] if excess > 0 else []


def window(browser: Browser, width: int, *, dark: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(SAFETY_MILLISECONDS)
    return context.new_page()


def sign_in(page: Page, demo: Demo, who: str) -> None:
    page.goto(f"{demo.url}/demo/")
    page.get_by_role("button", name=f"Sign in as {who}").click()
    page.wait_for_url("**/desk/")


def personal_links(demo: Demo) -> dict[str, str]:
    """Where a reader's own mail leads: {"archive": web copy, "preferences": …, "unsubscribe": …}."""
    caught = next((demo.folder / "mail" / "inbox").glob("elena*.eml"))
    mail = email.message_from_bytes(caught.read_bytes(), policy=email.policy.default)
    part = mail.get_body(("plain",))
    assert part is not None
    links = re.findall(
        r"https?://[^/\s]+/(archive(?=/\S+/[0-9a-f]{16}/)|preferences|unsubscribe)/(\S+)", part.get_content()
    )
    return {page: f"{demo.url}/{page}/{rest}" for page, rest in links}


def public_pages(demo: Demo) -> list[str]:
    paths = (
        "/",
        "/archive/",
        f"/archive/{EDITION}/",
        "/confirm/never-sent/",
        "/preferences/never-sent/",
        "/address/never-sent/",
        "/your-data/never-sent/",
        "/nothing-here/",
        "/demo/",
        "/demo/inbox/",
        "/demo/inbox/1/",
        *(f"/demo/inbox/1/1/?as={side}" for side in ("mail", "phone", "text", "source")),
    )
    return [*(demo.url + path for path in paths), *personal_links(demo).values()]


def test_no_public_page_has_a_barrier_or_needs_scrolling_sideways(
    shared_demo: Demo, browser: Browser
) -> None:
    demo = shared_demo
    demo.submit()
    demo.approve()
    demo.schedule()
    demo.until_bounced()
    pages = public_pages(demo)
    assert {"archive", "preferences", "unsubscribe"} == set(personal_links(demo))
    found: list[str] = []
    for looking in (window(browser, DESK), window(browser, PHONE, dark=True)):
        for url in pages:
            found += barriers(looking, url)
        looking.context.close()
    for width in (PHONE, NARROW):
        looking = window(browser, width)
        for url in pages:
            found += sideways(looking, url)
        looking.context.close()
    assert found == []


def desk_barriers(demo: Demo, looking: Iterable[Page], *paths: str) -> list[str]:
    return [line for page in looking for path in paths for line in barriers(page, f"{demo.url}/desk/{path}")]


def test_no_page_of_the_desk_has_a_barrier(demo: Demo, browser: Browser) -> None:
    demo.until_drafted()
    wide, phone, dark = window(browser, DESK), window(browser, PHONE), window(browser, DESK, dark=True)
    looking = (wide, phone, dark)
    for page in looking:
        sign_in(page, demo, "admin")
    found = desk_barriers(
        demo,
        [wide],
        *("editions/", "editions/1/variants/", "editions/1/submit/", "stories/", "subscribers/"),
        *("subscribers/edit/1/", "suppressions/", "lists/", "replies/?state=all", "newsletters/1/assemble/"),
        *("lists/edit/1/", "subscribers/health/", "subscribers/bulk/?all=yes", "subscribers/1/merge/"),
        *("users/", "users/new/", "users/edit/1/"),
        *("api-keys/", "webhooks/", "webhooks/new/", "no-send/"),
    )
    wide.goto(f"{demo.url}/desk/lists/edit/1/")
    wide.locator("#welcome-en").fill("Welcome to the list!")
    wide.get_by_role("button", name="Save", exact=True).first.click()
    wide.wait_for_url("**/desk/lists/")
    found += desk_barriers(demo, [wide, phone], "editions/edit/1/", "stories/edit/1/", "segments/new/")
    found += desk_barriers(demo, [wide], "stories/add/", "editions/1/block/add/?kind=text")
    found += desk_barriers(
        demo, [phone], "editions/1/variants/", "subscribers/", "suppressions/", "segments/"
    )
    order_by_keyboard(wide, demo)
    write_from_the_first_key(wide, demo)
    demo.submit()
    for page in looking:
        sign_in(page, demo, "approver")
    found += desk_barriers(demo, looking, "editions/1/review/", "lists/changes/1/")
    demo.approve()
    found += desk_barriers(demo, looking, "editions/1/schedule/?when=now")
    found += desk_barriers(demo, [wide], "editions/1/schedule/", "editions/1/test/")
    demo.schedule()
    demo.until_bounced()
    figures = ("editions/1/report/", "editions/1/not-delivered/", "newsletters/1/trend/")
    found += desk_barriers(demo, looking, "", *figures)
    found += desk_barriers(demo, [wide], "editions/1/progress/")
    found += [line for path in figures for line in sideways(phone, f"{demo.url}/desk/{path}")]
    for page in looking:
        sign_in(page, demo, "admin")
    answer_to_the_bounce_address(demo)
    found += desk_barriers(demo, looking, "replies/", "replies/2/")
    for page in looking:
        page.context.close()
    assert found == []


def order_by_keyboard(page: Page, demo: Demo) -> None:
    """A block moves, is taken out and added again; the focus stays with it, and the result is announced."""
    page.goto(f"{demo.url}/desk/editions/edit/1/")
    rows, live = page.locator("[data-block]"), page.locator("[data-workbench-live]")
    block = rows.nth(2).get_attribute("data-block") or ""
    page.locator("[data-workbench-list]").evaluate("(list) => { list.dataset.old = ''; }")
    page.locator(f"#handle-{block}").focus()
    page.keyboard.press("ArrowUp")
    expect(rows.nth(1)).to_have_attribute("data-block", block)
    expect(page.locator(f"#handle-{block}")).to_be_focused()
    # The server's answer has replaced the list.
    expect(page.locator("[data-old]")).to_have_count(0)
    expect(page.locator(f"#handle-{block}")).to_be_focused()
    page.locator(f"#down-{block}").press("Enter")
    expect(rows.nth(2)).to_have_attribute("data-block", block)
    expect(page.locator(f"#down-{block}")).to_be_focused()
    expect(live).not_to_be_empty()
    below = rows.nth(3).get_attribute("data-block")
    page.locator(f"#block-{block} button[value=remove]").press("Enter")
    expect(rows.nth(2)).to_have_attribute("data-block", below or "")
    expect(page.locator(f"#handle-{below}")).to_be_focused()
    page.locator("#workbench-pool summary").first.press("Enter")
    page.locator("#workbench-pool button[value=add]").first.press("Enter")
    expect(page.locator("[data-handle]:focus")).to_have_count(1)


def write_from_the_first_key(page: Page, demo: Demo) -> None:
    """A new story is saved before a button is pressed, and is there after the page is loaded again."""
    page.goto(f"{demo.url}/desk/stories/add/")
    page.locator("[name=headline-en]").press_sequentially("A new bridge")
    page.wait_for_url("**/desk/stories/edit/**")
    page.get_by_role("button", name="Save as ready").click()
    expect(page.locator(".error-message")).not_to_have_count(0)
    page.goto(page.url)
    expect(page.locator("[name=headline-en]")).to_have_value("A new bridge")


def answer_to_the_bounce_address(demo: Demo) -> None:
    """A reader writes back, and no rule understands it: the second message that came back."""
    letter = b"From: Elena <elena@example.net>\nSubject: Thank you\n\nIt was useful.\n"
    done = subprocess.run(
        [sys.executable, "-m", "mailer", "--config", str(demo.folder / "config.toml"), "bounces", "receive"],
        input=letter,
        env=ENVIRONMENT,
        check=False,
        timeout=SAFETY_SECONDS,
    )
    assert done.returncode == 0


def test_the_sign_up_form_is_filled_and_sent_by_keyboard_alone(shared_demo: Demo, page: Page) -> None:
    demo = shared_demo
    page.goto(demo.url)
    tab_to(page, "#id_email")
    page.keyboard.type("a.new.reader@example.org")
    tab_to(page, "input[name=countries][value=UZ]")
    page.keyboard.press("Space")
    tab_to(page, "select[name=language]")
    tab_to(page, "main button[type=submit]")
    # A form sent within two seconds counts as a machine's, and asks to press once more.
    page.wait_for_timeout(2_500)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Get our newsletter")
    letters = demo.folder / "mail" / "inbox"
    until(lambda: list(letters.glob("a.new.reader*.eml")))


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and see that every stop on the way shows it."""
    wanted = page.locator(selector)
    for _ in range(40):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement);"
            " return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; }"
        )
        assert shown, page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"Tab never reached {selector}")
