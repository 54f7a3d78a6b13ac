"""Every page by the rules of WCAG 2.2 A and AA, on a desk and a phone, under its Content-Security-Policy."""

from __future__ import annotations

import email
import email.policy
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests import programs
from tests.journeys.conftest import EDITION, ENVIRONMENT, SAFETY_MILLISECONDS, Demo
from tests.waiting import SAFETY_SECONDS

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# One line for each part of the page that breaks a rule. Frames are left out: the mail in a frame is the web
# copy, which is tried by itself.
FIND = """async (rules) => (await axe.run(
    document, {iframes: false, runOnly: rules, resultTypes: ['violations']})).violations.flatMap(
    (broken) => broken.nodes.map((node) => `${broken.id} at ${node.target}`))"""
ALL_BUT_COLOURS = FIND.replace(
    "runOnly: rules", "runOnly: rules, rules: {'color-contrast': {enabled: false}}"
)


def outside_menu(find: str) -> str:
    """The same without the menu of the desk, which all pages have, and which is half of their elements."""
    return find.replace("document, {", "{exclude: ['#wagtail-sidebar']}, {")


# The rules whose result may depend on the colour scheme. They take most of the time.
COLOURS = ["color-contrast", "link-in-text-block"]
# Tables of the desk that are wider than the window and in nothing that scrolls: Wagtail cuts the rest off. On
# a phone also the title of a page, and a search beside it.
CLIPPED = """() => [...document.querySelectorAll('main table')].filter((table) => {
    if (table.getBoundingClientRect().right <= window.innerWidth) return false;
    for (let one = table.parentElement; one; one = one.parentElement)
        if (/auto|scroll/.test(getComputedStyle(one).overflowX)) return false;
    return true;
}).concat([
    ...document.querySelectorAll('.w-breadcrumbs li:last-child, .w-slim-header form')
].filter((part) => {
    if (window.innerWidth > 800 || !part.clientWidth) return false;
    const content = document.createRange();
    content.selectNodeContents(part);
    const {left, right} = content.getBoundingClientRect();
    for (let one = part; one && one !== document.body; one = one.parentElement) {
        const edges = one.getBoundingClientRect();
        if (getComputedStyle(one).overflowX === 'visible') continue;
        if (left < edges.left - 1 || right > edges.right + 1) return true;
    }
    return left < 0;
})).map((part) => part.className)"""
DESK, PHONE, NARROW = 1280, 390, 320


# Further screens of the desk: forms with choosers and dates, and tables with filters.
SCREENS = (
    *(f"desk/{table}/" for table in ("newsletters", "images", "groups", "imports", "tags", "fields")),
    *("desk/suppression-decisions/", "desk/newsletters/new/", "desk/images/add/", "desk/images/1/"),
    *("desk/imports/new/", "desk/suppressions/new/", "desk/lists/new/", "desk/newsletters/edit/1/"),
    *("desk/reports/site-history/", "desk/account/", "desk/stories/history/1/", "accounts/sign-in/"),
)


@dataclass(frozen=True)
class View:
    """How somebody looks at a page: a window's width in px, and the colour scheme."""

    width: int
    dark: bool = False


WIDE, ON_PHONE, DARK = View(DESK), View(PHONE), View(DESK, dark=True)


def note_violations(page: Page) -> list[str]:
    """What the page's policy will have blocked, filled by and by."""
    violations: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            violations.append(f"{page.url}: {message.text[:200]}")

    page.on("console", note)
    return violations


def load(page: Page, url: str) -> None:
    """Open it, ready for the rules."""
    page.goto(url)
    # What Wagtail's scripts put up comes a moment after the page.
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE)


def look(page: Page, view: View) -> None:
    """Change the window of the page that is open."""
    page.set_viewport_size({"width": view.width, "height": 900})
    page.emulate_media(color_scheme="dark" if view.dark else "light")
    # Styles and scripts that depend on the window have followed by the frame after the next.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def broken_rules(page: Page, rules: list[str] = RULES, find: str = FIND) -> list[str]:
    """What breaks a rule on the page that is loaded, in words that name the page."""
    width = (page.viewport_size or {})["width"]
    where = f"{re.sub(r'^https?://[^/]+', '', page.url)} ({width} px)"
    found = [f"{where}: {line}" for line in page.evaluate(find, rules)]
    return found + [f"{where}: cut off: {name}" for name in page.evaluate(CLIPPED)]


def sideways(page: Page, url: str) -> list[str]:
    """The page at `url`, when it is wider than the window."""
    page.goto(url)
    return excess_width(page)


def excess_width(page: Page) -> list[str]:
    excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    width = (page.viewport_size or {})["width"]
    return [f"{page.url}: {excess} px too wide for {width} px"] if excess > 0 else []


def window(browser: Browser, width: int, *, dark: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        # What moves is drawn again and again, which takes most of the processor's time.
        reduced_motion="reduce",
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


def public_barriers(demo: Demo, page: Page) -> list[str]:
    """On a desk and on a dark phone, and what needs scrolling sideways on a phone."""
    assert {"archive", "preferences", "unsubscribe"} == set(personal_links(demo))
    found = []
    for url in public_pages(demo):
        look(page, WIDE)
        load(page, url)
        found += broken_rules(page)
        look(page, View(PHONE, dark=True))
        found += broken_rules(page)
        for width in (PHONE, NARROW):
            look(page, View(width))
            found += excess_width(page)
    return found


def desk_barriers(demo: Demo, page: Page, views: Sequence[View], *paths: str) -> list[str]:
    """Each page is loaded once, and looked at in every view; after the first, by what may differ there.

    The menu is looked at on the first page.
    """
    found = []
    for path in paths:
        every, others = (FIND, ALL_BUT_COLOURS)
        if path != paths[0]:
            every, others = outside_menu(FIND), outside_menu(ALL_BUT_COLOURS)
        look(page, views[0])
        load(page, f"{demo.url}/desk/{path}")
        found += broken_rules(page, find=every)
        for view in views[1:]:
            look(page, view)
            found += broken_rules(page, COLOURS, every) if view.dark else broken_rules(page, find=others)
    return found


def test_no_page_has_a_barrier_or_breaks_its_policy_or_needs_scrolling_sideways(
    demo: Demo, browser: Browser
) -> None:
    """The other screens of the desk are on the way from an empty installation (test_first_edition)."""
    demo.until_drafted()
    page, all_views = window(browser, DESK), (WIDE, ON_PHONE, DARK)
    violations = note_violations(page)
    sign_in(page, demo, "admin")
    for path in SCREENS:
        answer = page.goto(f"{demo.url}/{path}", wait_until="networkidle")
        assert answer is not None and answer.status == 200, path
    found = desk_barriers(
        demo,
        page,
        [WIDE],
        *(
            "editions/",
            "subscribers/",
            "subscribers/edit/1/",
            "suppressions/",
            "lists/",
            "replies/?state=all",
        ),
        *("lists/edit/1/", "subscribers/health/", "subscribers/bulk/?all=yes", "subscribers/1/merge/"),
        "users/edit/1/",
        *("api-keys/", "webhooks/", "webhooks/new/", "no-send/"),
    )
    # On a phone these are on the way of a source (test_sources_and_calendar).
    found += desk_barriers(
        demo, page, [WIDE, DARK], "calendar/", "sources/new/", "newsletters/1/glossary/add/"
    )
    page.goto(f"{demo.url}/desk/lists/edit/1/")
    page.locator("#welcome-en").fill("Welcome to the list!")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.wait_for_url("**/desk/lists/")
    found += desk_barriers(demo, page, [WIDE, ON_PHONE], "segments/new/")
    found += desk_barriers(demo, page, [WIDE], "editions/1/block/add/?kind=text")
    found += desk_barriers(demo, page, [ON_PHONE], "subscribers/", "suppressions/", "segments/")
    look(page, WIDE)
    order_by_keyboard(page, demo)
    demo.submit()
    sign_in(page, demo, "approver")
    found += desk_barriers(demo, page, all_views, "lists/changes/1/")
    demo.approve()
    found += desk_barriers(demo, page, [WIDE], "editions/1/test/")
    demo.schedule()
    demo.until_bounced()
    figures = ("editions/1/report/", "editions/1/not-delivered/", "newsletters/1/trend/")
    found += desk_barriers(demo, page, all_views, *figures[1:])
    look(page, ON_PHONE)
    found += [line for path in figures for line in sideways(page, f"{demo.url}/desk/{path}")]
    look(page, WIDE)
    sign_in(page, demo, "admin")
    answer_to_the_bounce_address(demo)
    found += desk_barriers(demo, page, all_views, "replies/", "replies/2/")
    page.context.close()
    # By somebody who is not signed in.
    page = window(browser, DESK)
    violations_in_public = note_violations(page)
    found += public_barriers(demo, page)
    page.context.close()
    assert found == []
    assert violations + violations_in_public == []


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


def answer_to_the_bounce_address(demo: Demo) -> None:
    """A reader writes back, and no rule understands it: the second message that came back."""
    letter = b"From: Elena <elena@example.net>\nSubject: Thank you\n\nIt was useful.\n"
    done = programs.run(
        [sys.executable, "-m", "mailer", "--config", str(demo.folder / "config.toml"), "bounces", "receive"],
        input=letter,
        env=ENVIRONMENT,
        check=False,
        timeout=SAFETY_SECONDS,
    )
    assert done.returncode == 0


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
