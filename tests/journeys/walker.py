"""A person at a browser: by mouse or by keyboard alone, in one language, at one width. Each step is counted.

Every page on the way is looked at: language, width, rules of accessibility, and words of another language.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, expect

from tests.journeys.conftest import SAFETY_MILLISECONDS
from tests.journeys.test_accessible import ALL_BUT_COLOURS, AXE, CLIPPED, FIND, RULES, outside_menu
from tests.project.test_untranslated import _SAME

# Where the focus is: reached, before the element (-1) or after it (1); and whether it is seen.
_FOCUS = """(wanted) => {
    const now = document.activeElement;
    const style = getComputedStyle(now);
    const seen = now === document.body || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        || style.boxShadow !== 'none' || now.tagName === 'IFRAME'
        // Their parts have the focus, one after another, and the browser marks them.
        || ['date', 'month', 'time'].includes(now.type) || now.type === 'datetime-local';
    const behind = now.compareDocumentPosition(wanted) & Node.DOCUMENT_POSITION_PRECEDING;
    return [now === wanted ? 0 : behind ? 1 : -1, seen, now.outerHTML.slice(0, 200)];
}"""
# Wagtail fades messages in.
_AT_REST = """() => Promise.all(document.getAnimations().filter(
    (one) => one.effect.getComputedTiming().endTime !== Infinity
).map((one) => one.finished.catch(() => null)))"""
# What a person reads or hears, without texts that are in another language on purpose.
_TEXTS = """(own) => {
    const found = [];
    const foreign = (node) => {
        const at = node.closest('[lang]');
        return at && at.lang.slice(0, 2) !== own
            || node.closest('script, style, noscript, svg, code, pre, textarea');
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (parent && parent.checkVisibility() && !foreign(parent)) found.push(walker.currentNode.data);
    }
    const names = ['aria-label', 'title', 'placeholder', 'alt'];
    document.querySelectorAll(names.map((name) => `[${name}]`).join()).forEach((node) => {
        if (!foreign(node) && node.checkVisibility())
            found.push(...names.map((name) => node.getAttribute(name) || ''));
    });
    return found;
}"""
# The kinds of elements on a page: a state, such as an error, is a class.
_KINDS = """() => [...new Set([...document.querySelectorAll('body *')].map(
    (one) => `${one.localName}.${one.getAttribute('class')}.${one.getAttribute('role')}`))]"""
# From here on the menu is always there.
MENU_WIDTH = 800
_WORD = re.compile(r"[A-Za-z]{3,}")
_CODES = re.compile(r"[\w.+-]+@[\w.-]+|https?://\S+|\w+(?:[._/=-]\w+)+|\b[0-9a-f]{7,}\b")
# Where the pictures of every page go, for somebody who wants to look at them.
PICTURES = os.environ.get("WALK_PICTURES", "")


@dataclass(frozen=True)
class Way:
    """How a walk is done."""

    name: str
    language: str
    width: int
    by_keyboard: bool = False
    dark: bool = False
    # Further widths at which every page is looked at.
    also_at: tuple[int, ...] = ()


@dataclass
class Walker:
    """A person at a browser of their own."""

    name: str
    page: Page
    url: str
    way: Way
    # Words of data, which are the same in every language.
    data: frozenset[str] = frozenset()
    # Presses, choices and fields filled in.
    interactions: int = 0
    # What was wrong with the pages that were seen.
    barriers: list[str] = field(default_factory=list)
    # The kinds of elements that were looked at, by the path without numbers.
    looked_at: dict[str, set[str]] = field(default_factory=dict)
    _number: count[int] = field(default_factory=lambda: count(1))

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url).partition("?")[0].partition("#")[0]

    def notes(self, response: Response) -> None:
        """No page or part of one fails."""
        if response.status >= 400:
            self.barriers.append(f"{self.path}: {response.status} of {response.url}")

    def notes_policy(self, message: ConsoleMessage) -> None:
        """Nothing breaks the page's Content-Security-Policy."""
        if "Content Security Policy" in message.text:
            self.barriers.append(f"{self.path}: {message.text[:200]}")

    def goes(self, path: str) -> None:
        """Open an address, such as that of a link in an email."""
        self.page.goto(path if path.startswith("http") else self.url + path)
        self.looks()

    def presses(self, selector: str, *, leads: bool = True, twice: bool = False) -> None:
        """Press a link or a button, which leads to a page unless `leads` is false."""
        self.interactions += 1
        if leads:
            with self.page.expect_navigation(wait_until="load"):
                self._press(selector, twice=twice)
            self.looks()
        else:
            self._press(selector, twice=twice)

    def _press(self, selector: str, key: str = "Enter", *, twice: bool = False) -> None:
        if self.way.by_keyboard:
            self.reaches(selector)
            for _ in range(1 + twice):
                self.page.keyboard.press(key)
        else:
            self._one(selector).click(click_count=1 + twice)

    def follows_menu(self, href: str) -> None:
        """Go by the menu at the side, which is behind a button on a phone."""
        if self.way.width < MENU_WIDTH:
            self.presses("button.sidebar-nav-toggle", leads=False)
        self.presses(f".sidebar a[href='{href}']")

    def opens_tab(self, selector: str) -> None:
        """Open another tab of a set of tabs, which are one stop for the keyboard."""
        self.interactions += 1
        if not self.way.by_keyboard:
            self._one(selector).click()
            return
        self.reaches("[role=tab][aria-selected=true]:visible")
        for _ in range(self.page.locator("[role=tab]:visible").count()):
            if self._one(selector).get_attribute("aria-selected") == "true":
                return
            self.page.keyboard.press("ArrowRight")
        expect(self._one(selector)).to_have_attribute("aria-selected", "true")

    def ticks(self, selector: str) -> None:
        """Tick a box."""
        self.interactions += 1
        self._press(selector, "Space")
        expect(self._one(selector)).to_be_checked()

    def writes(self, selector: str, text: str) -> None:
        """Fill in a field in place of what it says."""
        self.interactions += 1
        if self.way.by_keyboard:
            self.reaches(selector)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
        else:
            self._one(selector).click()
            self._one(selector).fill(text)

    def sends(self) -> None:
        """Press Enter in a field."""
        self.interactions += 1
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press("Enter")
        self.looks()

    def chooses(self, selector: str, value: str) -> None:
        """Choose an option of a list."""
        self.interactions += 1
        if not self.way.by_keyboard:
            self._one(selector).select_option(value)
            return
        self.reaches(selector)
        self.page.keyboard.press("Home")
        for _ in range(self._one(selector).locator("option").count()):
            if self._one(selector).input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        assert self._one(selector).input_value() == value

    def picks_moment(self, selector: str, moment: datetime) -> None:
        """Fill in a field for date and time, in whole hours."""
        self.interactions += 1
        if self.way.by_keyboard:
            self.reaches(selector)
            # Month, day, year and time are stops of the field in this browser's English.
            self.page.keyboard.type(f"{moment:%m%d%Y}")
            self.page.keyboard.press("ArrowRight")
            self.page.keyboard.type(f"{moment:%I}00{moment:%p}")
        else:
            self._one(selector).fill(f"{moment:%Y-%m-%dT%H:00}")

    def uploads(self, selector: str, path: Path) -> None:
        """Choose a file."""
        self.interactions += 1
        with self.page.expect_file_chooser() as chooser:
            self._press(selector)
        chooser.value.set_files(path)

    def waits_for(self, selector: str) -> Locator:
        found = self.page.locator(selector).first
        expect(found).to_be_visible()
        return found

    def reaches(self, selector: str) -> None:
        """Press Tab, or Shift and Tab, until the element has the focus."""
        wanted = self._one(selector)
        wanted.wait_for(state="attached")
        for _ in range(200):
            where, seen, html = wanted.evaluate(f"(wanted) => ({_FOCUS})(wanted)")
            if not seen:
                self.barriers.append(f"{self.path}: the focus is not seen on {html}")
            if where == 0:
                return
            self.page.keyboard.press("Tab" if where < 0 else "Shift+Tab")
        pytest.fail(f"Tab never reached {selector} on {self.page.url}")

    def _one(self, selector: str) -> Locator:
        return self.page.locator(selector).first

    def looks(self) -> None:
        """The page is in the person's language, has no barrier, and is no wider than the window.

        Barriers are looked for where the page has an element of a kind that it had not before.
        """
        self.page.wait_for_load_state()
        self.page.evaluate(_AT_REST)
        found = self.page.locator("html").get_attribute("lang")
        if found != self.way.language:
            self.barriers.append(f"{self.path} is in {found}")
        seen = self.looked_at.setdefault(re.sub(r"\d+", "0", self.path), set())
        kinds = set(self.page.evaluate(_KINDS))
        is_new = not kinds <= seen
        seen |= kinds
        menu_is_new = self.name not in self.looked_at.setdefault("menus", set())
        if is_new:
            self.page.evaluate(AXE)
            if self.path.startswith("/desk/"):
                self.looked_at["menus"].add(self.name)
        height = (self.page.viewport_size or {})["height"]
        for width in (*self.way.also_at, self.way.width):
            if self.way.also_at:
                self.page.set_viewport_size({"width": width, "height": height})
                # The menu slides away from a narrower window.
                self.page.evaluate(_AT_REST)
            find = FIND if width == self.way.width else ALL_BUT_COLOURS
            if not menu_is_new:
                find = outside_menu(find)
            self._looks_at(width, find if is_new else "() => []")
        if self.way.language == "ru":
            self.barriers += [f"{self.path}: English {words}" for words in self._english()]

    def _looks_at(self, width: int, find: str) -> None:
        where = f"{self.path} ({self.name}, {width} px)"
        excess = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            self.barriers.append(f"{where} is {excess} px too wide")
        self.barriers += [f"{where}: {line}" for line in self.page.evaluate(find, RULES)]
        self.barriers += [f"{where}: cut off: {name}" for name in self.page.evaluate(CLIPPED)]
        if PICTURES:
            name = f"{self.way.name}-{width}-{self.name}-{next(self._number):03}"
            path = Path(PICTURES) / f"{name}{re.sub('[^a-z0-9]+', '-', self.path)}.png"
            self._picture(path, width)

    def _picture(self, path: Path, width: int) -> None:
        """A picture of the whole page, whose content scrolls in a part of it."""
        tall: Any = self.page.evaluate(
            "Math.max(...['main', '#main', '.content', 'body'].map("
            "(at) => (document.querySelector(at) || document.body).scrollHeight))"
        )
        before = self.page.viewport_size or {"width": width, "height": 900}
        self.page.set_viewport_size(
            {"width": width, "height": max(before["height"], min(int(tall) + 60, 6000))}
        )
        self.page.screenshot(path=str(path))
        self.page.set_viewport_size(before)

    def _english(self) -> list[str]:
        known = _SAME | self.data
        return [
            text.strip()[:120]
            for text in self.page.evaluate(_TEXTS, self.way.language)
            if [word for word in _WORD.findall(_CODES.sub(" ", text)) if word.lower() not in known]
        ]


def open_walker(
    browser: Browser,
    name: str,
    url: str,
    way: Way,
    data: frozenset[str] = frozenset(),
    looked_at: dict[str, set[str]] | None = None,
) -> Walker:
    """A person with a browser window of their own; its context is closed by the caller.

    People with the same `looked_at` look for barriers together.
    """
    context = browser.new_context(
        viewport={"width": way.width, "height": 900},
        color_scheme="dark" if way.dark else "light",
        locale={"ru": "ru-RU", "en": "en-US"}[way.language],
        reduced_motion="reduce",
    )
    context.set_default_timeout(SAFETY_MILLISECONDS)
    made = Walker(name, context.new_page(), url, way, data, looked_at={} if looked_at is None else looked_at)
    made.page.on("response", made.notes)
    made.page.on("console", made.notes_policy)
    made.page.on("pageerror", lambda error: made.barriers.append(f"{made.path}: {error}"))
    return made
