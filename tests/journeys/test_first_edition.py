"""From an empty installation to the report of its first edition, as admin, writer and approver, by what the
pages say alone: the checklist, people, a story in two languages, the draft, approval, sending.
"""

from __future__ import annotations

import calendar
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Demo, installed
from tests.journeys.walker import Walker, Way, open_walker
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

# Places of roles in the list on the form of an invitation.
WRITERS, APPROVERS = 2, 3
ALMATY = ZoneInfo("Asia/Almaty")
EXTERNAL = "aida@office.example.org"
PASSWORD = "three-blue-lanterns-burn"
_ALL = {
    "en": Way("en", "en", 1440, dark=True),
    "ru": Way("ru", "ru", 390, by_keyboard=True, also_at=(1440,)),
    "ru-wide": Way("ru-wide", "ru", 1440, by_keyboard=True),
}
# WALK=en,ru,ru-wide runs all ways; each takes minutes of a slow machine.
WAYS = [way for name, way in _ALL.items() if name in os.environ.get("WALK", "en").split(",")]
# What staff of the office write, by the language of the office.
TEXTS = {
    "en": {
        "office": "Regional Office",
        "address": "12 Example Street, Almaty",
        "reason": "Our provider publishes them",
        "note": "Please look at the picture",
        "change": "The date is wrong",
        "source": "Paper forms at the water forum, May 2026",
    },
    "ru": {
        "office": "Региональное бюро",
        "address": "Алматы, ул. Примерная, 12",
        "reason": "Их публикует наш провайдер",
        "note": "Посмотрите, пожалуйста, на рисунок",
        "change": "Дата неверна",
        "source": "Бумажные анкеты на водном форуме, май 2026",
    },
}
SUMMARY = "Panels on its roof feed the lamps all night."
HEADLINES = {"en": "A new bridge is open", "ru": "Открыт новый мост", "second": "A school has light"}


# Names, headlines, columns of the file, a command, and the name of a header.
DATA = frozenset(
    re.findall(
        "[a-z]{3,}",
        f"lola dana timur aida karimova serikova akhmetov bekova {HEADLINES} {SUMMARY} a bridge and a school "
        f"almaty email countries invite from {' '.join(calendar.month_name)}".lower(),
    )
)


class Office:
    """An empty installation, and the people who work there."""

    def __init__(self, demo: Demo, browser: Browser, way: Way, place: Path) -> None:
        self.demo, self.browser, self.way, self.place = demo, browser, way, place
        self.texts = TEXTS[way.language]
        self.people: list[Walker] = []
        self.looked_at: dict[str, set[str]] = {}
        # Presses, choices and fields of all people that lead straight to the first scheduled edition.
        self.interactions_of_first_hour = 0

    @contextmanager
    def first_hour(self) -> Iterator[None]:
        """Count what is done meanwhile as a part of the first hour; detours of the walk are left out."""
        before = sum(one.interactions for one in self.people)
        yield
        self.interactions_of_first_hour += sum(one.interactions for one in self.people) - before

    def person(self, name: str) -> Walker:
        made = open_walker(self.browser, name, self.demo.url, self.way, DATA, self.looked_at)
        self.people.append(made)
        return made

    def invite(self, name: str, surname: str, role: str) -> str:
        """What the operator of the server does; the new person's link."""
        done = self.demo.command(
            *("invite", name, "--email", f"{name}@office.example.org", "--first-name", name.title()),
            *("--last-name", surname, "--role", role),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def invited_by_operator(self, name: str, surname: str, role: str) -> Walker:
        return self.joins(name, self.invite(name, surname, role))

    def joins(self, name: str, link: str) -> Walker:
        """The new person follows the link, chooses a password, and is signed in."""
        person = self.person(name)
        person.goes(link)
        person.writes("[name=new_password1]", PASSWORD)
        person.writes("[name=new_password2]", PASSWORD)
        person.sends()
        assert person.path == "/desk/"
        return person

    def mail(self, address: str, pattern: str) -> str:
        """What matches in the newest message to the address that has it."""

        def find() -> str | None:
            for path in sorted((self.demo.folder / "mail").glob(f"*/{address}-*.eml"), reverse=True):
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                part = message.get_body(("plain",))
                if found := re.search(pattern, part.get_content() if part else ""):
                    return found[0]
            return None

        return str(until(find, f"a message to {address}", interval=0.1))


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def office(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    django_db_setup: None,
    sqlite_template: Path,
    browser: Browser,
) -> Iterator[Office]:
    way: Way = request.param
    with ExitStack() as stack:
        demo = stack.enter_context(installed(tmp_path, sqlite_template, TEXTS[way.language]["office"]))
        made = Office(demo, browser, way, tmp_path)
        yield made
        for person in made.people:
            person.page.context.close()


def test_from_the_empty_installation_to_the_report(office: Office) -> None:
    with office.first_hour():
        admin = office.invited_by_operator("lola", "Karimova", "Admins")
        follows_the_checklist(office, admin)
        # The step has chosen the role of writers already.
        admin.presses("#desk-step-writer .desk-setup__act a")
        expect(admin.page.locator("[name=groups]").nth(WRITERS)).to_be_checked()
        invites(admin, "dana", "Serikova", APPROVERS)
        admin.presses(".messages a[href$='#desk-setup']")
        says_who_is_missing(admin)
        # Whom an author of the edition invited may not approve it.
        office.invite("aida", "Bekova", "External approvers")
        approver = office.invited_by_operator("timur", "Akhmetov", "Approvers")
        link = office.mail("dana@office.example.org", r"http\S+/accounts/set-password/\S+")
        writer = office.joins("dana", link)

        writes_a_story(office, writer)
        assembles(writer)
    skips_the_records(office, admin)
    is_stopped_by_a_fault(writer)
    writes_another_story(writer)
    reorders(writer)
    looks_at_the_matrix_and_gets_a_test(office, writer)
    with office.first_hour():
        submits(office, writer, with_note=False)
    may_not_approve_own_work(writer)
    requests_changes(office, approver)
    answers_the_comment(writer)
    submits(office, writer)
    asks_by_link(writer)
    stale = opens_the_review(approver, writer.path)
    approves_by_link(office)
    changes_the_subject(office, writer)
    may_not_approve_what_has_changed(office, stale)
    submits(office, writer)
    with office.first_hour():
        approves(approver)
    schedules(office, approver)
    assert office.interactions_of_first_hour <= 60
    watches_until_the_report(office, approver)

    found = dict.fromkeys(line for one in office.people for line in one.barriers)
    assert not found, "\n".join(found)


READERS = ("aigul", "bakyt", "elena")
SUBSCRIBERS = """\
email,language,countries
aigul@example.net,ru,KZ
bakyt@example.net,en,KG
elena@example.net,ru,UZ
"""


def follows_the_checklist(office: Office, admin: Walker) -> None:
    """List, newsletter, subscribers and relay, each step from the list on the home page and back to it."""
    admin.presses("#desk-step-list .desk-setup__act button")
    admin.presses("#desk-step-newsletter a")
    admin.writes("[name=postal_address]", office.texts["address"])
    admin.sends()
    assert admin.path == "/desk/"
    admin.presses("#desk-step-subscribers a")
    file = office.place / "readers.csv"
    file.write_text(SUBSCRIBERS, encoding="utf-8")
    admin.uploads("[name=file]", file)
    admin.writes("[name=source]", office.texts["source"])
    admin.sends()
    admin.presses("button[form=desk-columns]")
    admin.waits_for("form:has([value=apply]) button:not([form])")
    admin.looks()
    admin.presses("form:has([value=apply]) button:not([form])")
    admin.waits_for("#desk-import-controls details")
    admin.looks()
    admin.presses("#desk-import-done a[href$='#desk-setup']")
    admin.presses("#desk-step-relay button")
    expect(admin.page.locator("#desk-step-relay")).to_have_count(0)
    admin.looks()


def says_who_is_missing(admin: Walker) -> None:
    """The step about colleagues names them, and the command is made of what is typed beside it."""
    step = admin.page.locator("#desk-step-approver")
    expect(step.locator("li", has_text="Dana Serikova")).to_have_count(1)
    step.locator("[name=email]").fill("timur@office.example.org")
    step.locator("[name=last_name]").fill("Akhmetov Jr")
    command = step.locator("[data-invite-command] textarea")
    expect(command).to_have_value(
        re.compile("invite timur --email timur@office.* 'Akhmetov Jr' --role Approvers")
    )


def skips_the_records(office: Office, admin: Walker) -> None:
    """Nothing waits for what is done on the server; the approver is there, so that step is done."""
    admin.goes("/desk/")
    expect(admin.page.locator("#desk-step-approver")).to_have_count(0)
    admin.presses("#desk-step-dns a")
    admin.presses("main a[href$='#desk-setup']")
    admin.presses("#desk-step-dns summary", leads=False)
    admin.writes("#desk-skip-dns", office.texts["reason"])
    admin.sends()


def invites(admin: Walker, name: str, surname: str, *roles: int) -> None:
    """Invite a colleague with the roles at these places of their list."""
    admin.writes("[name=email]", f"{name}@office.example.org")
    admin.writes("[name=first_name]", name.title())
    admin.writes("[name=last_name]", surname)
    for role in roles:
        admin.ticks(f"[name=groups] >> nth={role}")
    admin.presses("main form button[type=submit]")


def writes_a_story(office: Office, writer: Walker) -> None:
    """In English and Russian, with a picture; saved from the first key on."""
    before = writer.interactions
    writer.presses("main a[href='/desk/stories/add/']")
    page = writer.page
    writer.writes("[name=headline-en]", HEADLINES["en"])
    page.wait_for_url("**/desk/stories/edit/**")
    writer.writes("[name=headline-ru]", HEADLINES["ru"])
    writer.writes("[name=summary-en]", "It joins two banks of the river.")
    writer.writes("[name=summary-ru]", "Он соединяет два берега реки.")
    drawing = office.place / "bridge.png"
    Image.new("RGB", (1200, 600), "#0A6E7A").save(drawing)
    writer.presses("[data-chooser-action-choose]", leads=False)
    writer.opens_tab("[role=tab][href='#tab-upload']")
    writer.uploads("[name=image-chooser-upload-file]", drawing)
    writer.looks()
    writer.presses(".modal form[action*=upload] [type=submit], #tab-upload [type=submit]", leads=False)
    expect(page.locator(".modal")).to_have_count(0)
    writer.writes("[name=picture_alt-en]", "A bridge of stone")
    writer.writes("[name=picture_alt-ru]", "Каменный мост")
    writer.presses("[name=action][value=ready]")
    # Fields that are typed into are counted as well.
    assert writer.interactions - before <= 15


def assembles(writer: Walker) -> None:
    """From the home page: the month's edition holds the story that is ready."""
    writer.follows_menu("/desk/")
    writer.presses("main a[href*='/assemble/']")
    writer.presses("main form.desk-form button[type=submit]")
    expect(writer.page.locator("[data-block]")).to_have_count(1)
    # The numbers of subscribers come with the checks.
    expect(writer.page.locator("#readers-")).to_have_text(re.compile(r"\d"))


def is_stopped_by_a_fault(writer: Walker) -> None:
    """Without a story an edition cannot be submitted; with it again, it can."""
    page = writer.page
    writer.presses("[data-block] button[value=remove]", leads=False)
    expect(page.locator("[data-block]")).to_have_count(0)
    writer.presses("#desk-overview a.button[href$='/submit/']")
    writer.waits_for(".desk-findings .is-error")
    expect(page.locator("#desk-note")).to_have_count(0)
    writer.presses("#desk-overview nav a[href*='/editions/edit/']")
    writer.presses("#workbench-pool summary", leads=False)
    writer.presses("#workbench-pool button[value=add]", leads=False)
    expect(page.locator("[data-block]")).to_have_count(1)


def writes_another_story(writer: Walker) -> None:
    writer.follows_menu("/desk/stories/")
    writer.presses("a[href='/desk/stories/add/']")
    writer.writes("[name=headline-en]", HEADLINES["second"])
    writer.page.wait_for_url("**/desk/stories/edit/**")
    writer.writes("[name=summary-en]", "Panels on its roof feed the lamps.")
    keeps_the_text_when_the_session_ends(writer)
    writer.presses("[name=action][value=ready]")
    # The story says which draft lacks it.
    writer.presses(".desk-story__aside a[href*='/editions/edit/']")
    writer.presses("#workbench-pool button[value=add]", leads=False)
    expect(writer.page.locator("[data-block]")).to_have_count(2)


def keeps_the_text_when_the_session_ends(writer: Walker) -> None:
    """What is typed stays in the window, and is saved after a sign-in in another tab."""
    page = writer.page
    expect(page.locator("[data-story-saved]")).to_have_text(re.compile("."))
    page.context.clear_cookies(name="sessionid")
    writer.writes("[name=summary-en]", SUMMARY)
    expect(page.locator("[data-story-problem]")).to_be_visible()
    tab = page.context.new_page()
    tab.goto(f"{writer.url}/accounts/sign-in/")
    tab.locator("[name=login]").fill("dana")
    tab.locator("[name=password]").fill(PASSWORD)
    tab.locator("[name=password]").press("Enter")
    tab.wait_for_url("**/desk/")
    tab.close()
    expect(page.locator("[data-story-problem]")).to_be_hidden()
    expect(page.locator("[name=summary-en]")).to_have_value(SUMMARY)


def reorders(writer: Walker) -> None:
    """The second story comes first; the focus stays with it."""
    block = writer.page.locator("[data-block]").nth(1).get_attribute("data-block")
    writer.presses(f"#up-{block}", leads=False)
    expect(writer.page.locator("[data-block]").first).to_have_attribute("data-block", block or "")


def looks_at_the_matrix_and_gets_a_test(office: Office, writer: Walker) -> None:
    writer.presses("#desk-overview nav a[href$='/variants/']")
    writer.presses(".desk-matrix__cell >> nth=1")
    expect(writer.page.locator(".desk-matrix__cell[aria-current]")).to_have_count(1)
    writer.presses("form[action$='/test/'] button")
    assert "http" in office.mail("dana@office.example.org", r"http\S+/archive/\S+|http\S+")


def submits(office: Office, writer: Walker, *, with_note: bool = True) -> None:
    writer.presses("#desk-overview a.button[href$='/submit/']")
    if with_note:
        writer.writes("#desk-note", office.texts["note"])
    writer.presses("form:has(#desk-note) button[type=submit]")
    expect(writer.page.locator("#desk-overview [aria-current=step]")).to_have_count(1)


def may_not_approve_own_work(writer: Walker) -> None:
    writer.presses("#desk-overview nav a[href$='/review/']")
    writer.waits_for("#desk-decide ~ p b, #desk-decide ~ details")
    expect(writer.page.locator("form[action$='/approve/']")).to_have_count(0)


def requests_changes(office: Office, approver: Walker) -> None:
    """With a comment about a story."""
    approver.follows_menu("/desk/")
    approver.presses("#desk-pending ~ ul a.button, .desk-cards a.button")
    assert approver.path.endswith("/review/")
    story = approver.page.locator("#desk-comment-story option").nth(1).get_attribute("value")
    approver.chooses("#desk-comment-story", story or "")
    approver.writes("#desk-comment-text", office.texts["change"])
    approver.presses("form:has(#desk-comment-text) button")
    approver.presses(".desk-review__decide details summary", leads=False)
    approver.writes("#desk-reason", office.texts["change"])
    approver.presses("form[action$='/request-changes/'] button")


def answers_the_comment(writer: Walker) -> None:
    writer.follows_menu("/desk/")
    writer.presses(".desk-cards .desk-card__title a")
    writer.presses(".desk-overview__comments button[name=done]")


def asks_by_link(writer: Walker) -> None:
    writer.presses("#desk-overview nav a[href$='/review/']")
    writer.presses("form:has(#desk-external) button")


def opens_the_review(approver: Walker, path: str) -> Page:
    """In another tab, which stays open while others go on."""
    tab = approver.page.context.new_page()
    tab.goto(approver.url + path)
    return tab


def may_not_approve_what_has_changed(office: Office, stale: Page) -> None:
    """The tab shows what was submitted before the last change."""
    with stale.expect_navigation():
        stale.locator("form[action$='/approve/'] button").click()
    assert office.demo.rows("SELECT 1 FROM mailer_snapshot WHERE state = 'approved'") == []
    stale.close()


def approves_by_link(office: Office) -> None:
    """A person without access to the desk, with a code from a second email."""
    guest = office.person("aida")
    guest.goes(office.mail(EXTERNAL, r"http\S+/accounts/approval/\S+"))
    before = guest.interactions
    guest.presses("button[value=code]")
    guest.writes("[name=code]", office.mail(EXTERNAL, r"\b\d{6,8}\b"))
    guest.presses("button[value=approve]")
    assert guest.interactions - before <= 3


def changes_the_subject(office: Office, writer: Walker) -> None:
    """What was approved is withdrawn by it."""
    writer.follows_menu("/desk/")
    writer.presses(".desk-card__title a")
    writer.presses("#desk-overview nav a[href*='/editions/edit/']")
    writer.presses("#workbench-note a[href='?change=1']")
    writer.writes("#subject-en", "A bridge and a school")
    writer.presses("button[name=action][value=subjects]", leads=False)
    until(lambda: office.demo.rows("SELECT 1 FROM mailer_snapshot WHERE state = 'approved'") == [])
    writer.goes(writer.path)


def approves(approver: Walker) -> None:
    approver.follows_menu("/desk/")
    before = approver.interactions
    approver.presses(".desk-cards a.button")
    approver.presses("form[action$='/approve/'] button")
    assert approver.interactions - before <= 3


def schedules(office: Office, approver: Walker) -> None:
    """At a wrong moment first, which is refused; then in the window, undone, and now."""
    # In the morning, which a clock of 12 hours and one of 24 hours write alike.
    page, later = approver.page, (datetime.now(ALMATY) + timedelta(days=1)).replace(hour=9)
    approver.picks_moment("[name=at]", later + timedelta(days=30))
    approver.presses("button[name=when][value=later]")
    approver.waits_for("#desk-at-error")
    expect(page.locator("[name=action][value=schedule]")).to_have_count(0)
    before = approver.interactions
    with office.first_hour():
        approver.picks_moment("[name=at]", later)
        approver.presses("button[name=when][value=later]")
        approver.presses("[name=action][value=schedule]")
    assert approver.interactions - before <= 3
    approver.presses("[name=action][value=unschedule]")
    approver.presses("button[name=when][value=now]")
    confirm = "[name=action][value=schedule]"
    stale = page.context.new_page()
    stale.goto(page.url)
    # An impatient person presses twice; the browser gives up the first request for the second.
    approver.presses(confirm, leads=False, twice=True)
    expect(page).to_have_url(re.compile("/progress/"))
    # A tab that still asks the same question, and the page that "back" shows, send nothing again.
    stale.locator(confirm).click()
    stale.wait_for_url(lambda url: "when=" not in url)
    stale.close()


def watches_until_the_report(office: Office, approver: Walker) -> None:
    page = approver.page
    page.wait_for_url("**/progress/")
    approver.looks()
    # It refreshes until everything is sent, without a reload.
    page.evaluate("window.stayed = true")
    expect(page.locator("[data-refresh]")).to_have_count(0)
    assert page.evaluate("window.stayed")
    approver.looks()
    approver.presses("#desk-overview nav a[href$='/report/']")
    got = office.demo.rows("SELECT state, count(*) FROM mailer_delivery GROUP BY state")
    assert dict(got) == {"accepted": 3}
    assert office.demo.rows("SELECT count(*) FROM mailer_mailing") == [(1,)]
    assert sorted(len(list(office.demo.folder.glob(f"mail/inbox/{one}@*"))) for one in READERS) == [1, 1, 1]
