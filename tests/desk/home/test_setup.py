"""The first hour: the checklist on the home page, the checks behind it, and the sample edition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.images import get_image_model

from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.possible_approvers import passes_second_person_rule
from mailer.approval.snapshot_state_changes import PreflightFailed, approve
from mailer.approval.submit import submit
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.desk.base.setup_progress import STEPS as KEYS
from mailer.desk.base.setup_progress import back_link, has_possible_approver
from mailer.desk.home import sample_edition
from mailer.desk.home.checklist import context_for, steps_for
from mailer.doctor import requested_check_runs, runner
from mailer.doctor.check_types import CheckResult, DnsRecord
from mailer.editions.assemble import stories_for
from mailer.editions.models import Edition, Newsletter
from mailer.instance.models import CheckRun, SkippedStep
from mailer.rendering.edition_period import Period
from mailer.stories.models import Story
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList, Subscriber
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

HOME = reverse("wagtailadmin_home")
GOOD = ("relay", "spf", "dkim", "dmarc", "bounce_mailbox")


@pytest.fixture
def admin(db: None) -> User:
    """The only account of an installation in which nothing exists."""
    user = User.objects.create_user("lola", "lola@office.example.org", "a long password")
    user.groups.add(set_up_role_groups()["Admins"])
    return user


@pytest.fixture
def browser(admin: User) -> Client:
    return as_user(admin)


def test_the_form_of_a_story_is_offered_once(browser: Client, admin: User) -> None:
    form = f'href="{reverse("desk_stories:add")}"'
    sample_edition.load_sample(admin, timezone.now())
    assert browser.get(HOME).content.decode().count(form) == 1
    SkippedStep.objects.create(step="edition", reason="later", skipped_by="lola", skipped_at=timezone.now())
    assert browser.get(HOME).content.decode().count(form) == 1


def done(user: User) -> set[str]:
    return {step.key for step in steps_for(user) if step.done}


def finished_run(**statuses: str) -> CheckRun:
    results = [CheckResult(name, "", status, "found").as_dict() for name, status in statuses.items()]  # type: ignore[arg-type]
    now = timezone.now()
    return CheckRun.objects.create(
        requested_by="lola", started_at=now, finished_at=now, results=results, requested_at=now
    )


def shown_steps(browser: Client) -> set[str]:
    page = browser.get(HOME)
    return {key for key in KEYS if f'data-step="{key}"' in page.content.decode()}


def leads_back(answer: Any) -> bool:
    return f'href="{HOME}#desk-setup"' in answer.content.decode()


def test_an_empty_installation_shows_every_step_and_a_ready_one_none(browser: Client, admin: User) -> None:
    assert shown_steps(browser) == set(KEYS) and done(admin) == set()
    finished_run(**dict.fromkeys(GOOD, "ok"))
    required = {"list", "newsletter", "approver", "subscribers", "edition"}
    assert shown_steps(browser) == {*required, "writer", "sources"}
    for key in required:
        browser.post(reverse("desk_skip_step"), {"step": key, "reason": "by hand"})
    # The optional steps alone do not keep the list open.
    assert "desk-setup" not in Page(browser.get(HOME)).ids


def test_steps_are_done_as_soon_as_the_database_has_what_they_ask_for(desk: Desk) -> None:
    assert done(desk.admin) == {"list", "newsletter", "writer", "approver", "subscribers"}
    cast.scheduled(desk)
    assert "edition" in done(desk.admin)


def test_the_step_of_the_first_edition_leads_to_what_is_next_for_this_user(desk: Desk) -> None:
    def page() -> str:
        (step,) = (one for one in steps_for(desk.admin) if one.key == "edition")
        assert any(str(desk.edition) in line for line in step.lines)
        return resolve(step.url).url_name or ""

    assert page() == "variants"
    snapshot = cast.submitted(desk)
    assert page() == ("review" if passes_second_person_rule(snapshot, desk.admin) else "variants")
    approve(snapshot, desk.approver, snapshot.sha256, timezone.now())
    assert page() == "schedule"


@pytest.mark.parametrize(("status", "is_done"), [("ok", True), ("skipped", True), ("warning", False)])
def test_the_steps_about_mail_follow_from_the_last_checks(admin: User, status: str, is_done: bool) -> None:
    finished_run(**{**dict.fromkeys(GOOD, "ok"), "dkim": status})
    assert ("dns" in done(admin)) is is_done and "relay" in done(admin)


def test_two_people_are_needed_of_whom_one_submits_and_an_independent_one_approves(admin: User) -> None:
    groups = set_up_role_groups()
    assert not done(admin) & {"writer", "approver"} and not has_possible_approver(admin)
    with acting_as(admin):
        User.objects.create_user("timur", "timur@office.example.org").groups.add(groups["Approvers"])
    # The approver may not approve what the admin writes, who created the account.
    assert not done(admin) & {"writer", "approver"} and not has_possible_approver(admin)
    with acting_as(admin):
        User.objects.create_user("dana", "dana@office.example.org").groups.add(groups["Writers"])
    assert done(admin) >= {"writer", "approver"} and not has_possible_approver(admin)
    # The operator's command makes an account that nobody among the staff made.
    User.objects.create_user("aida", "aida@office.example.org").groups.add(groups["Approvers"])
    assert has_possible_approver(admin)


def test_the_step_says_by_name_who_cannot_approve_yet_and_the_command_to_copy(
    browser: Client, admin: User
) -> None:
    with acting_as(admin):
        timur = User.objects.create_user("timur", "timur@office.example.org", first_name="Timur")
        timur.groups.add(set_up_role_groups()["Approvers"])
    (step,) = (one for one in steps_for(admin) if one.key == "approver")
    in_a_month = date_format(timezone.localtime() + timedelta(days=30), "DATE_FORMAT")
    assert any("Timur" in line and in_a_month in line for line in step.lines)
    page = browser.get(HOME).content.decode()
    assert "mailer invite USERNAME" in page and "w-clipboard#copy" in page


def test_the_numbers_of_the_checklist_are_those_of_its_rows(browser: Client, admin: User) -> None:
    def numbers() -> list[tuple[int, int]]:
        shown = context_for(admin, timezone.now())
        assert sum(len(part.opened) for part in shown["parts"]) == len(shown_steps(browser))
        assert all(part.total == len(part.opened) + len(part.finished) for part in shown["parts"])
        return [(part.done, part.total) for part in shown["parts"]]

    # Those of the office, and those of the server; what is skipped is not counted.
    assert numbers() == [(0, 7), (0, 3)]
    browser.post(reverse("desk_first_list"), {"name": "All readers"})
    browser.post(reverse("desk_skip_step"), {"step": "dns"})
    assert numbers() == [(1, 7), (0, 2)] and len(shown_steps(browser)) == len(KEYS) - 2
    label = back_link(admin)
    assert label and "1 of 7" in label[1] and "0 of 2" in (back_link(admin, on_server=True) or ("", ""))[1]


def test_the_step_that_stands_out_is_one_that_the_admin_can_do(browser: Client, admin: User) -> None:
    """The approver is invited by another person: what comes next need not wait."""

    def next_step() -> str:
        return str(context_for(admin, timezone.now())["next_step"].key)

    assert next_step() == "list"
    for key in ("list", "newsletter", "writer"):
        browser.post(reverse("desk_skip_step"), {"step": key})
    assert next_step() == "subscribers" and "approver" in shown_steps(browser)


def test_with_a_scheduled_edition_the_first_open_step_of_the_server_stands_out(desk: Desk) -> None:
    def shown() -> Any:
        return context_for(desk.admin, timezone.now())

    assert shown()["first"] is None and not shown()["next_step"].on_server
    snapshot = cast.scheduled(desk)
    assert (shown()["first"], shown()["next_step"].key) == (snapshot, "relay")
    finished_run(relay="ok")
    assert shown()["next_step"].key == "dns"
    zone = desk.edition.newsletter.zone
    at = date_format(timezone.localtime(snapshot.send_at, ZoneInfo(zone)), "DATETIME_FORMAT")
    assert at in Page(as_user(desk.admin).get(HOME)).text


def test_the_result_of_the_last_checks_stays_on_the_home_page(browser: Client) -> None:
    results = f'href="{reverse("desk_checks")}"'
    assert "desk-setup__results" not in browser.get(HOME).content.decode()
    finished_run(relay="ok", spf="problem", dkim="problem")
    page = browser.get(HOME)
    assert results in page.content.decode() and "Problem 2" in Page(page).text


def hinted(browser: Client) -> bool:
    return "desk-second-factor" in Page(browser.get(HOME)).ids


def test_accounts_with_power_and_only_a_password_get_a_hint_until_it_is_closed(desk: Desk) -> None:
    for user in (desk.writer, desk.approver, desk.admin):
        user.set_password("a long password")
        user.save()
    assert [hinted(as_user(user)) for user in (desk.writer, desk.approver, desk.admin)] == [False, True, True]
    Authenticator.objects.create(user=desk.admin, type="totp", data={"secret": "x"})
    assert not hinted(as_user(desk.admin))
    browser = as_user(desk.approver)
    closed = json.dumps({"desk-second-factor": True})
    address = reverse("wagtailadmin_dismissibles")
    assert browser.patch(address, closed, content_type="application/json").status_code == 200
    assert not hinted(browser)


def test_the_sample_is_offered_first_until_a_step_is_done(browser: Client) -> None:
    def comes_first() -> bool:
        page = browser.get(HOME).content.decode()
        return page.index(f'action="{reverse("desk_sample")}"') < page.index("data-step=")

    assert comes_first()
    browser.post(reverse("desk_first_list"), {"name": "All readers"})
    assert not comes_first()


def test_pages_where_a_step_ends_lead_back_until_the_checklist_is_done(browser: Client, admin: User) -> None:
    posted = {"email": "dana@office.example.org", "first_name": "Dana", "last_name": "Serikova"}
    assert leads_back(browser.post(reverse("wagtailusers_users:add"), posted, follow=True))
    pages = ("desk_checks", "desk_dns_records")
    assert all(leads_back(browser.get(reverse(name))) for name in pages)
    for key in KEYS:
        SkippedStep.objects.create(step=key, reason="by hand", skipped_by="lola", skipped_at=timezone.now())
    assert not any(leads_back(browser.get(reverse(name))) for name in pages)


def test_a_finished_import_leads_back_to_the_checklist(browser: Client) -> None:
    job = ImportJob.objects.create(
        file_name="a.csv",
        mailing_list=MailingList.objects.create(slug="all", name="All"),
        source="x",
        language="en",
        state="applied",
        created_at=timezone.now(),
        applied_at=timezone.now(),
    )
    assert leads_back(browser.get(reverse("desk_import", args=[job.pk])))


def test_the_page_of_records_shows_those_alone_each_to_copy(browser: Client) -> None:
    record = DnsRecord("example.org", "TXT", "v=spf1 mx -all")
    run = finished_run(relay="problem")
    spf = CheckResult("spf", "example.org", "problem", "There is no record.", "Publish it.", (record,))
    CheckRun.objects.filter(pk=run.pk).update(results=[*run.results, spf.as_dict()])
    answer = browser.get(reverse("desk_dns_records"))
    assert [row.records for row in answer.context["rows"]] == [
        [("example.org", "TXT", "v=spf1 mx -all", True)]
    ]
    page = answer.content.decode()
    assert page.count("w-clipboard#copy") == 2 and 'value="v=spf1 mx -all"' in page
    assert "Publish it." in Page(answer).text
    assert browser.post(reverse("desk_dns_records"))["Location"] == reverse("desk_dns_records")


@pytest.mark.parametrize("placeholder", ["ip4:…", "include:…"])
def test_a_record_with_an_unknown_part_has_words_for_it_and_no_button_that_copies_it(
    browser: Client, placeholder: str
) -> None:
    record = DnsRecord("example.org", "TXT", f"v=spf1 {placeholder} -all")
    spf = CheckResult("spf", "example.org", "problem", "There is no record.", "Publish it.", (record,))
    CheckRun.objects.filter(pk=finished_run().pk).update(results=[spf.as_dict()])
    for name in ("desk_dns_records", "desk_checks"):
        answer = browser.get(reverse(name))
        ((shown,),) = (row.records for row in answer.context["rows"])
        assert not shown.is_complete and "…" not in shown.value
        # The name of the record can be copied.
        assert answer.content.decode().count("w-clipboard#copy") == 1


def test_a_step_is_skipped_and_can_be_brought_back(browser: Client) -> None:
    page = reverse("desk_skip_step")
    browser.post(page, {"step": "dns", "reason": "because " * 100})
    browser.post(page, {"step": "no such step", "reason": "because"})
    assert not SkippedStep.objects.exists()
    browser.post(page, {"step": "relay"})
    assert SkippedStep.objects.get().reason == "" and "“”" not in Page(browser.get(HOME)).text
    browser.post(page, {"restore": "relay"})
    browser.post(page, {"step": "dns", "reason": "the service does it"})
    assert SkippedStep.objects.get().skipped_by == "lola"
    assert "dns" not in shown_steps(browser) and "the service does it" in Page(browser.get(HOME)).text
    browser.post(page, {"restore": "dns"})
    assert "dns" in shown_steps(browser)


def test_the_first_list_is_made_in_place(browser: Client) -> None:
    browser.post(reverse("desk_first_list"), {"name": "All readers"})
    # Pressed twice.
    browser.post(reverse("desk_first_list"), {"name": "All readers"})
    browser.post(reverse("desk_first_list"), {"name": "Все читатели"})
    slugs = list(MailingList.objects.order_by("pk").values_list("slug", flat=True))
    assert slugs == ["all-readers", "mailing-list"]


def test_a_form_of_the_home_page_is_accepted_with_its_own_token(admin: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin)
    tokens = dict(Page(browser.get(HOME)).controls)
    posted = {"name": "All readers", "csrfmiddlewaretoken": tokens["csrfmiddlewaretoken"]}
    assert browser.post(reverse("desk_first_list"), posted).status_code == 302
    assert MailingList.objects.get().slug == "all-readers"


def test_only_admins_see_the_checklist(desk: Desk) -> None:
    assert "desk-setup" in Page(as_user(desk.admin).get(HOME)).ids
    assert "desk-setup" not in Page(as_user(desk.writer).get(HOME)).ids


@pytest.fixture
def two_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor that finds one thing in order and one to publish in DNS."""

    def run(_context: Any, _now: Any, on_wait: Any = None, only: Any = None) -> Iterator[CheckResult]:
        yield CheckResult("relay", "mail.example.org", "ok", "It answers.")
        on_wait("SPF")
        assert CheckRun.objects.get().waiting_for == "SPF"
        record = DnsRecord("example.org", "TXT", "v=spf1 mx -all")
        yield CheckResult("spf", "example.org", "problem", "There is no record.", "Publish it.", (record,))

    monkeypatch.setattr(runner, "run_checks", run)


@pytest.mark.usefixtures("two_results")
def test_checks_are_asked_for_in_the_desk_made_by_the_worker_and_remembered(browser: Client) -> None:
    page = reverse("desk_checks")
    browser.post(page)
    browser.post(page)
    assert CheckRun.objects.count() == 1
    assert "data-refresh" in browser.get(page).content.decode()
    assert requested_check_runs.run_requested(timezone.now()) == 1
    assert requested_check_runs.run_requested(timezone.now()) == 0
    answer = browser.get(page)
    assert [row.status for row in answer.context["rows"]] == ["problem", "ok"]
    assert 'value="v=spf1 mx -all"' in answer.content.decode(), "beside a button that copies it"
    assert "data-refresh" not in answer.content.decode()


def test_a_run_whose_worker_died_does_not_hold_up_the_next_one(browser: Client) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    CheckRun.objects.create(requested_by="lola", requested_at=long_ago, started_at=long_ago)
    browser.post(reverse("desk_checks"))
    assert CheckRun.objects.filter(started_at=None).count() == 1


def sample_rows() -> tuple[int, ...]:
    models: tuple[Any, ...] = (*(Newsletter, Edition, Story, MailingList, Subscriber, get_image_model()),)
    return tuple(model._default_manager.count() for model in models)


def test_the_sample_is_loaded_cannot_be_sent_and_is_removed_without_residue(desk: Desk) -> None:
    before, browser = sample_rows(), as_user(desk.admin)
    browser.post(reverse("desk_sample"), {"load": "1"})
    browser.post(reverse("desk_sample"), {"load": "1"})
    assert [now - then for now, then in zip(sample_rows(), before, strict=True)] == [1, 1, 4, 1, 5, 4]
    edition = Edition.objects.get(newsletter__slug="sample-newsletter")
    assert browser.get(reverse("desk_edition:variants", args=[edition.pk])).status_code == 200
    with pytest.raises(PreflightFailed):
        submit(edition, desk.writer, timezone.now())
    browser.post(reverse("desk_sample"), {"remove": "1"})
    assert sample_rows() == before and not sample_edition.is_loaded()


def test_the_sample_that_another_request_loads_in_the_same_moment_is_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = sample_edition._loaded

    def late() -> None:
        """Nothing is there yet, but a moment later."""
        monkeypatch.setattr(sample_edition, "_loaded", find)
        monkeypatch.setattr(sample_edition, "is_loaded", lambda: False)
        sample_edition.load_sample(desk.admin, timezone.now())

    monkeypatch.setattr(sample_edition, "_loaded", late)
    answer = as_user(desk.admin).post(reverse("desk_sample"), {"load": "1"})
    edition = Edition.objects.get(newsletter__slug="sample-newsletter")
    assert answer["Location"] == reverse("desk_edition:variants", args=[edition.pk])


def test_a_part_of_the_sample_is_replaced(desk: Desk) -> None:
    sample_edition.load_sample(desk.admin, timezone.now()).delete()
    answer = as_user(desk.admin).post(reverse("desk_sample"), {"load": "1"})
    edition = Edition.objects.get(newsletter__slug="sample-newsletter")
    assert answer["Location"] == reverse("desk_edition:variants", args=[edition.pk])


def test_no_other_edition_takes_the_sample_stories(desk: Desk) -> None:
    newsletter, now = desk.edition.newsletter, timezone.now()
    sample_edition.load_sample(desk.admin, now)
    period = Period.at(now, newsletter.zone)
    assert not [one for one in stories_for(newsletter, period, now) if one.key.startswith("sample-")]


def test_the_sample_finishes_no_step(browser: Client, admin: User) -> None:
    sample_edition.load_sample(admin, timezone.now())
    assert done(admin) == set()
