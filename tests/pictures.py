"""The pictures of README.md and docs/tour.md: `make pictures` walks through the demo and takes them.

It writes docs/pictures/*.webp in English, each below LARGEST bytes. Dates are those of the day; all else is
the same each time. It needs Debian's package chromium; nothing leaves this machine.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from mailer.demo.folder import free_port

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
# Bytes of a picture.
LARGEST = 120_000
DESK = (1280, 800)
PATIENCE_MILLISECONDS = 600_000
# The story whose languages are shown, and the reader whose mail is.
STORY = "Four steps for the day"
READER = "Aigul Omarova"


class Camera:
    """A browser in the demo: goes from step to step, and takes pictures."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        self.page = self.open(DESK)

    def open(self, size: tuple[int, int], *, phone: bool = False, dark: bool = False) -> Page:
        """A page in a window of this size in CSS pixels."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=2 if phone else 1.5,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Asia/Almaty",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        # Stories lead to pages elsewhere; none of them is asked for anything.
        context.route(lambda address: not address.startswith(self.url), _refuse)
        return context.new_page()

    def start(self) -> None:
        """Open the demo's start page."""
        self.page.goto(f"{self.url}/demo/")

    def press(self, button: str) -> None:
        """Press one of the buttons of the start page, which sign in and lead into the desk."""
        self.start()
        self.page.get_by_role("button", name=button).click()
        self.page.wait_for_load_state("networkidle")

    def take(
        self, name: str, page: Page | None = None, height: int | None = None, *, settled: bool = True
    ) -> None:
        """Write docs/pictures/NAME.webp of what the window shows, unless not `settled` once all is loaded."""
        shown = page or self.page
        if height and shown.viewport_size:
            shown.set_viewport_size({"width": shown.viewport_size["width"], "height": height})
        if settled:
            shown.wait_for_load_state("networkidle")
        shown.mouse.move(0, 0)
        shown.evaluate("document.fonts.ready")
        save(name, shown.screenshot(animations="disabled", caret="hide"))
        if height and page is None:
            shown.set_viewport_size({"width": DESK[0], "height": DESK[1]})


def _refuse(route: Route) -> None:
    route.abort()


def save(name: str, png: bytes) -> None:
    """Write a picture as WebP, at the best quality that is small enough."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (85, 75, 65, 50):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= LARGEST:
            break
    else:
        raise SystemExit(f"{name} is larger than {LARGEST} bytes")
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.webp").write_bytes(out.getvalue())
    print(f"{name}.webp: {picture.width} × {picture.height}, {out.tell() // 1024} KB", flush=True)  # noqa: T201


def walk(camera: Camera) -> None:
    """From the draft to the report, as docs/tour.md tells it."""
    page = camera.page
    _until(
        camera,
        lambda: page.get_by_role(
            "button", name="Sign in as the writer and open “Submit for approval”"
        ).is_visible(),
    )
    narrow = camera.open((760, 900))
    narrow.goto(f"{camera.url}/demo/")
    camera.take("start", narrow)
    narrow.context.close()

    camera.press("Sign in as writer")
    page.goto(f"{camera.url}/desk/")
    camera.take("desk", height=560)

    page.goto(f"{camera.url}/desk/stories/")
    page.get_by_role("link", name=re.compile(STORY)).first.click()
    page.get_by_label("Language shown beside it").select_option("ru")
    expect(page.get_by_label("Headline in Russian")).to_be_visible()
    camera.take("story")

    camera.press("Sign in as the writer and open the draft edition")
    camera.take("workbench", height=1000)

    camera.press("Sign in as the writer and preview the edition")
    camera.take("preview", height=1000)

    camera.press("Sign in as the writer and open “Submit for approval”")
    camera.take("submit", height=900)
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Waiting for approval").first).to_be_visible()

    camera.press("Sign in as the approver and review the edition")
    camera.take("review", height=1000)
    page.get_by_role("button", name="Approve", exact=True).click()

    camera.press("Sign in as the approver and open “Schedule”")
    page.get_by_role("button", name="Send the edition now…").click()
    camera.take("confirm", height=900)
    page.get_by_role("button", name=re.compile(r"Send the edition to \d+ subscribers")).click()
    expect(page.get_by_text(re.compile(r"([2-9]|10) of 12 emails accepted")).first).to_be_visible()
    camera.take("progress", settled=False)

    _mails(camera)

    _until(camera, lambda: "of the report add up" in page.locator("main").inner_text())
    camera.press("Sign in as the approver and read the report")
    camera.take("report", height=1000)


def _mails(camera: Camera) -> None:
    """The edition in readers' inboxes: on a desktop, on a phone, and in Kazakh on a phone in the dark."""
    for name, reader, size, phone, dark in [
        ("mail-desktop", "Mary Miller", (760, 900), False, False),
        ("mail-phone", "Saule Akhmetova", (375, 812), True, False),
        ("mail-phone-dark", "Aigerim Sadykova", (375, 812), True, True),
    ]:
        shown = camera.open(size, phone=phone, dark=dark)
        shown.goto(_mail_of(camera, reader))
        camera.take(name, shown)
        shown.context.close()


def _mail_of(camera: Camera, reader: str) -> str:
    """The address of the edition as the reader got it, once it arrived."""
    page = camera.page
    mails = page.locator(".demo-mails a")

    def has_mail() -> bool:
        page.goto(f"{camera.url}/demo/inbox/")
        page.get_by_role("link", name=reader).click()
        page.wait_for_load_state()
        return mails.count() > 0

    _until(camera, has_mail)
    mails.first.click()
    return f"{camera.url}{page.locator('iframe').get_attribute('src')}"


def _until(camera: Camera, condition: Callable[[], bool]) -> None:
    """Look at the start page again and again until the condition holds."""
    limit = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while True:
        camera.start()
        if condition():
            return
        if time.monotonic() > limit:
            raise SystemExit("The demo did not come so far in time.")
        time.sleep(0.5)


@contextmanager
def demo() -> Iterator[str]:
    """The address of a new demo with processes of its own."""
    with tempfile.TemporaryDirectory() as place:
        port = free_port()
        command = [sys.executable, "-m", "mailer", "demo", "--folder", f"{place}/demo", "--port", str(port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
        with Path(place, "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Install Debian's package chromium first.")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        _wait_for(url)
        walk(Camera(browser, url))
        browser.close()


def _wait_for(url: str) -> None:
    limit = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=10):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("The demo did not start.")


if __name__ == "__main__":
    main()
