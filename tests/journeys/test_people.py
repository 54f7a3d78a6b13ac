"""What a reader does from the sign-up to the way back: on a phone, without scripts, by keyboard alone."""

from __future__ import annotations

import email
import email.policy
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page

from tests import programs
from tests.journeys.conftest import ENVIRONMENT, SAFETY_MILLISECONDS, Demo
from tests.journeys.test_accessible import AXE, DESK, FIND, PHONE, RULES, tab_to
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

NEXT_MONTH = date.today() + timedelta(days=40)  # noqa: DTZ011  (as the browser has it)
_LINK = """
import sys
from mailer.cli.main import start_django
start_django(None)
from subscribers import tokens
from subscribers.models import Subscriber
print(tokens.make_token("unsubscribe", Subscriber.objects.get(email=sys.argv[1]).pk, 1))
"""


@dataclass
class Reader:
    """Somebody at a browser, with a mailbox in the demo."""

    demo: Demo
    page: Page
    language: str
    by_keyboard: bool
    scripts: bool
    # What was wrong with the pages that were seen.
    barriers: list[str] = field(default_factory=list)

    def goes(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.demo.url + path)
        self.looks()

    def presses(self, selector: str) -> None:
        """Press a button, or choose a box."""
        if self.by_keyboard:
            tab_to(self.page, selector)
            self.page.keyboard.press("Space")
        else:
            self.page.locator(selector).click()
        self.page.wait_for_load_state()

    def sends(self, selector: str) -> None:
        """Press a button that leads to a page."""
        with self.page.expect_navigation():
            self.presses(selector)
        self.looks()

    def follows(self, selector: str) -> None:
        """Follow a link."""
        if self.by_keyboard:
            tab_to(self.page, selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter") if self.by_keyboard else self.page.locator(selector).click()
        self.looks()

    def picks(self, name: str, value: str) -> None:
        """Choose the second of two radio buttons, which are one stop for the keyboard."""
        if self.by_keyboard:
            tab_to(self.page, f"input[name={name}]:checked")
            self.page.keyboard.press("ArrowDown")
        else:
            self.page.locator(f"input[name={name}][value={value}]").click()

    def writes(self, selector: str, text: str) -> None:
        if self.by_keyboard:
            tab_to(self.page, selector)
            self.page.keyboard.type(text)
        else:
            self.page.locator(selector).fill(text)

    def picks_day(self, selector: str, day: date) -> None:
        if self.by_keyboard:
            tab_to(self.page, selector)
            # Month, day and year are three stops of the field in this browser's English.
            self.page.keyboard.type(f"{day:%m%d%Y}")
        else:
            self.page.locator(selector).fill(day.isoformat())

    def looks(self) -> None:
        """The page is in the reader's language, has no barrier, and is no wider than the window."""
        found = self.page.locator("html").get_attribute("lang")
        if found != self.language:
            self.barriers.append(f"{self.page.url} is in {found}")
        excess = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            self.barriers.append(f"{self.page.url} is {excess} px too wide")
        if not self.scripts:
            # axe is one. The same pages are looked at by those who have scripts: none of ours needs any.
            return
        self.page.evaluate(AXE)
        self.barriers += [f"{self.page.url}: {line}" for line in self.page.evaluate(FIND, RULES)]

    def letter(self, address: str, page: str) -> str:
        """The link to such a page in the latest letter to an address."""
        inbox = self.demo.folder / "mail" / "inbox"

        def find() -> str | None:
            for path in sorted(inbox.glob(f"{address}-*.eml"), reverse=True):
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                part = mail.get_body(("plain",))
                text = part.get_content() if part is not None else ""
                if found := re.search(rf"{re.escape(self.demo.url)}/{page}\S+", text):
                    return found[0]
            return None

        return str(until(find))

    def says(self, *words: str) -> None:
        text = self.page.locator("main").inner_text()
        for one in words:
            assert one in text, f"“{one}” is not on {self.page.url}: {text}"


def known(demo: Demo, address: str) -> dict[str, list[dict[str, str]]]:
    return dict(json.loads(demo.command("subscribers", "show", address, "--json").stdout))


def way_out(demo: Demo, address: str) -> str:
    """The link to leave of a mail to this reader."""
    environment = {
        **ENVIRONMENT,
        "MAILER_CONFIG": str(demo.folder / "config.toml"),
        "DJANGO_SETTINGS_MODULE": "mailer.settings",
    }
    command = [sys.executable, "-c", _LINK, address]
    done = programs.run(command, env=environment, capture_output=True, text=True, check=True)
    return f"/unsubscribe/{done.stdout.strip()}/"


@dataclass(frozen=True)
class Way:
    """How somebody comes to us."""

    name: str
    language: str
    scripts: bool
    width: int
    by_keyboard: bool = False


WAYS = [
    Way("phone.kk", "kk", scripts=False, width=PHONE),
    Way("keyboard.ru", "ru", scripts=True, width=DESK, by_keyboard=True),
]
# What the pages say on the way, by language.
WORDS = {
    "ru": {
        "confirmed": "Вы подписаны",
        "saved": "Ваш выбор сохранён.",
        "paused": "ничего не придёт",
        "waiting": "Осталась одна кнопка",
        "moved": "Ваш адрес изменён",
        "left": "Вы отписались",
        "thanks": "Спасибо",
        "back": "С возвращением",
        "erased": "Ваши данные удалены",
    },
    "kk": {
        "confirmed": "Сіз жазылдыңыз",
        "saved": "Таңдауыңыз сақталды.",
        "paused": "ештеңе келмейді",
        "waiting": "Бір түйме қалды",
        "moved": "Мекенжайыңыз өзгерді",
        "left": "Жазылымыңыз тоқтатылды",
        "thanks": "Рақмет",
        "back": "Қайта қош келдіңіз",
        "erased": "Деректеріңіз өшірілді",
    },
}


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def reader(shared_demo: Demo, browser: Browser, way: Way) -> Iterator[Reader]:
    context = browser.new_context(
        viewport={"width": way.width, "height": 844}, java_script_enabled=way.scripts, locale="en-US"
    )
    context.set_default_timeout(SAFETY_MILLISECONDS)
    yield Reader(shared_demo, context.new_page(), way.language, way.by_keyboard, way.scripts)
    context.close()


def test_from_the_sign_up_to_the_way_back(reader: Reader, way: Way) -> None:
    address, words = f"{way.name}@example.org", WORDS[way.language]
    signs_up(reader, address, words)
    chooses_and_pauses(reader, words)
    address = moves(reader, address, words)
    leaves_and_comes_back(reader, address, words)
    shown = known(reader.demo, address)
    assert {row["state"] for row in shown["subscriptions"]} == {"confirmed"}
    assert [row["event"] for row in shown["consents"]] == [
        *("requested", "confirmed", "preferences", "preferences"),
        *("address_changed", "unsubscribed", "subscribed"),
    ]
    # The words that were agreed to, in the language in which they were read.
    assert all(re.search("[а-яё]", row["text"], re.I) for row in shown["consents"] if row["text"])
    is_erased(reader, address, words)
    assert reader.barriers == []


def signs_up(reader: Reader, address: str, words: dict[str, str]) -> None:
    reader.goes(f"/?lang={reader.language}")
    reader.writes("#id_email", address)
    if reader.page.locator("input[name=lists]").count():
        reader.presses("input[name=lists] >> nth=0")
    reader.presses("input[name=countries][value=KZ]")
    # A form sent within two seconds counts as a machine's.
    reader.page.wait_for_timeout(2_200)
    reader.sends("main form button[type=submit]")
    reader.goes(reader.letter(address, "confirm"))
    reader.sends("main form button")
    reader.says(words["confirmed"])


def chooses_and_pauses(reader: Reader, words: dict[str, str]) -> None:
    save = "form:has(#id_language) button[type=submit]"
    reader.follows("main a[href^='/preferences/']")
    reader.presses("input[name=countries][value=UZ]")
    reader.sends(save)
    reader.says(words["saved"])
    reader.picks("often", "until")
    reader.picks_day("#id_until", NEXT_MONTH)
    reader.sends(save)
    reader.says(words["saved"], words["paused"])


def moves(reader: Reader, address: str, words: dict[str, str]) -> str:
    new = f"new.{address}"
    reader.writes("#id_new_email", new)
    reader.sends("button[name=move]")
    reader.goes(reader.letter(address, "address/not-me"))
    reader.goes(reader.letter(address, "address/agree"))
    reader.sends("main form button")
    reader.says(words["waiting"])
    reader.goes(reader.letter(new, "address"))
    reader.sends("main form button")
    reader.says(words["moved"])
    return new


def leaves_and_comes_back(reader: Reader, address: str, words: dict[str, str]) -> None:
    out = way_out(reader.demo, address)
    reader.goes(out)
    reader.sends("main form >> nth=0 >> button")
    reader.says(words["left"])
    reader.presses("input[name=why] >> nth=0")
    reader.sends("button[name=tell]")
    reader.says(words["thanks"])
    reader.goes(out)
    reader.sends("button[name=back]")
    reader.says(words["back"])


def is_erased(reader: Reader, address: str, words: dict[str, str]) -> None:
    # The link to leave does not open the preferences: they come by mail.
    reader.sends("button[name=send]")
    reader.goes(reader.letter(address, "preferences"))
    reader.sends("button[name=own]")
    reader.goes(reader.letter(address, "your-data"))
    reader.sends("button[name=erase]")
    reader.says(words["erased"])
    assert known(reader.demo, address)["email"] is None
