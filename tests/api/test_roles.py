"""Who may call what: every operation, with keys of every role, with and without its scope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group, Permission, User

from mailer.accounts import api_keys
from mailer.api.openapi import document
from mailer.delivery.models import Mailing
from mailer.outgoing_webhooks import deliver, endpoints
from subscribers import suppression
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group as RuleGroup
from subscribers.segments.rule_format import to_json
from tests import cast as everyone
from tests.api.client import Api
from tests.desk import cast
from tests.desk.cast import Desk

# W, A and D: an account in the group Writers, Approvers or Admins; M: one that manages lists and subscribers;
# V: one that may open the desk and nothing else. The same letters as in tests/project/test_access_table.py.
#
# Columns: operation, its scope, and whose keys may call it. No line approves an edition.
TABLE = """
show_key                   -                   VWAMD
list_lists                 lists:read          AMD
show_list                  lists:read          AMD
create_list                lists:write         MD
change_list                lists:write         MD
list_segments              segments:read       AMD
show_segment               segments:read       AMD
estimate_segment           segments:read       AMD
create_segment             segments:write      MD
replace_segment            segments:write      MD
list_tags                  subscribers:read    AMD
list_fields                subscribers:read    AMD
list_subscribers           subscribers:read    AMD
find_subscriber            subscribers:read    AMD
show_subscriber            subscribers:read    AMD
create_subscriber          subscribers:write   MD
change_subscriber          subscribers:write   MD
add_subscription           subscribers:write   MD
unsubscribe_subscriber     subscribers:write   MD
sign_up                    subscribers:write   MD
erase_subscriber           subscribers:erase   MD
list_imports               imports:read        MD
show_import                imports:read        MD
show_columns               imports:read        MD
create_import              imports:write       MD
set_columns                imports:write       MD
apply_import               imports:write       MD
undo_import                imports:write       MD
discard_import             imports:write       MD
list_stories               stories:read        WAD
show_story                 stories:read        WAD
create_story               stories:write       WD
change_story               stories:write       WD
list_newsletters           editions:read       WAD
list_editions              editions:read       WAD
show_edition               editions:read       WAD
preview_edition            editions:read       WAD
check_edition              editions:read       WAD
assemble_edition           editions:write      WD
submit_edition             editions:write      WD
schedule_edition           mailings:write      AD
unschedule_edition         mailings:write      AD
list_mailings              mailings:read       WAD
show_mailing               mailings:read       WAD
pause_mailing              mailings:write      AD
resume_mailing             mailings:write      AD
cancel_mailing             mailings:write      AD
show_report                reports:read        WAD
download_report            reports:read        WAD
list_suppressions          suppressions:read   AMD
create_suppression         suppressions:write  MD
remove_suppression         suppressions:write  MD
list_webhooks              webhooks:read       D
show_webhook               webhooks:read       D
list_webhook_messages      webhooks:read       D
create_webhook             webhooks:write      D
change_webhook             webhooks:write      D
test_webhook               webhooks:write      D
resend_webhook_message     webhooks:write      D
"""


class Line(NamedTuple):
    operation: str
    scope: str
    roles: str


LINES = {line.split()[0]: Line(*line.split()) for line in TABLE.strip().splitlines()}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of the document."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path.removeprefix("/api/v1"), method.upper(), operation


@pytest.fixture
def accounts(desk: Desk) -> dict[str, User]:
    viewers, managers = Group.objects.create(name="Desk only"), Group.objects.create(name="List managers")
    access = Permission.objects.filter(codename="access_admin")
    viewers.permissions.set(access)
    managers.permissions.set(access | Permission.objects.filter(content_type__app_label="subscribers"))
    made = {"W": desk.writer, "A": desk.approver, "D": desk.admin}
    for letter, group in (("V", viewers), ("M", managers)):
        made[letter] = User.objects.create_user(f"user {letter}", "", "a long password")
        made[letter].groups.add(group)
    return made


@pytest.fixture
def ids(desk: Desk) -> dict[str, int]:
    """A row of every kind, by the name of its parameter."""
    mailing: Mailing = cast.sending(desk)
    now = everyone.NOW
    everybody = to_json(RuleGroup("all", ()))
    monthly = MailingList.objects.order_by("pk")[0]
    job = ImportJob.objects.create(
        file_name="a.csv", mailing_list=monthly, source="paper", state="failed", created_at=now
    )
    stopped = suppression.suppress(everyone.reader("stopped"), "manual", "asked", now)
    endpoint, _ = endpoints.create("CRM", "https://crm.example.org/", ["mailing.finished"], "lola", now)
    return {
        "list_id": monthly.pk,
        "segment_id": Segment.objects.create(name="All", rule=everybody, changed_at=now).pk,
        "subscriber_id": desk.reader.pk,
        "import_id": job.pk,
        "story_id": mailing.edition.body[0].value.pk,
        "edition_id": desk.edition.pk,
        "mailing_id": mailing.pk,
        "suppression_id": stopped.pk,
        "webhook_id": endpoint.pk,
        "message_id": deliver.queue_test_message(endpoint, now).pk,
    }


def test_every_operation_has_a_line_with_its_scope() -> None:
    found = {one["operationId"]: one.get("x-required-scope", "-") for _, _, one in operations()}
    assert found == {line.operation: line.scope for line in LINES.values()}


def test_each_role_may_call_what_the_table_says(
    accounts: dict[str, User], ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is 403; whoever may call it gets anything else: most bodies here are empty."""
    monkeypatch.setattr(api_keys, "MAX_KEYS", 100)
    wrong = []
    for role, user in accounts.items():
        if not (scopes := tuple(api_keys.grantable_scopes(user))):
            continue
        everything = Api.of(user)
        without = {scope: _without(user, scopes, scope) for scope in scopes}
        for path, method, operation in operations():
            line = LINES[operation["operationId"]]
            path = path.format(**ids)
            allowed = role in line.roles
            status = everything.send(method, path, _body(operation)).status_code
            if (status != 403) != allowed or status >= 500:
                wrong.append(f"{role} {line.operation}: {status}")
            if allowed and (other := without.get(line.scope)) is not None:
                status = other.send(method, path, _body(operation)).status_code
                if status != 403:
                    wrong.append(f"{role} {line.operation} without {line.scope}: {status}")
    assert not wrong, "\n".join(wrong)


def _without(user: User, scopes: tuple[str, ...], scope: str) -> Api | None:
    others = tuple(one for one in scopes if one != scope)
    return Api.of(user, *others) if others else None


def _body(operation: dict[str, Any]) -> dict[str, Any] | None:
    return {} if "requestBody" in operation else None


def test_a_key_of_who_wrote_nothing_cannot_approve_either(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    api = Api.of(desk.approver)
    for path in ("approve", "approval", "approvals", "review"):
        answer = api.post(f"/editions/{desk.edition.pk}/{path}", {"sha256": snapshot.sha256})
        assert answer.status_code in (404, 405)
    snapshot.refresh_from_db()
    assert snapshot.state == "submitted"
    paths = [path for path, _, _ in operations()]
    assert not [path for path in paths if "approv" in path]
