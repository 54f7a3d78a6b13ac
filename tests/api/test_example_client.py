"""The client of docs/examples does what it says, with the requests library and without a network."""

from __future__ import annotations

import io
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from django.test import Client
from requests.adapters import BaseAdapter

from subscribers.models import MailingList, Subscriber
from tests.api.client import make_key
from tests.desk import cast
from tests.desk.cast import Desk

EXAMPLE = Path(__file__).parents[2] / "docs/examples/api_client.py"
SCOPES = ("lists:read", "subscribers:read", "subscribers:write", "mailings:read")


class InProcess(BaseAdapter):
    """Answers the requests of a session by this process's application."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        answer = Client().generic(
            str(request.method),
            str(request.path_url),
            request.body or "",
            request.headers.get("Content-Type") or "",
            headers=dict(request.headers),
        )
        made = requests.Response()
        made.status_code, made.raw = answer.status_code, io.BytesIO(answer.content)
        made.headers.update(answer.headers)
        return made

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = util.spec_from_file_location("api_client", EXAMPLE)
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_adds_people_and_prints_the_account(
    desk: Desk, example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cast.sending(desk)
    session = requests.Session()
    session.mount("http://", InProcess())
    newsletter = example.Newsletter("http://localhost", make_key(desk.admin, *SCOPES), session)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"email,name,language\nainur@example.net,Ainur,kk\n{desk.reader.email},,kk\n")
    monthly = MailingList.objects.order_by("pk")[0]
    example.main(newsletter, monthly.slug, str(sheet))
    reader = Subscriber.objects.get(email="ainur@example.net")
    assert reader.subscriptions.get().mailing_list == monthly
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["added", "already_subscribed", "1 of 4 accepted"]
    with pytest.raises(SystemExit, match=monthly.slug):
        example.main(newsletter, "no-such-list", str(sheet))


def test_the_example_goes_through_all_pages_and_reports_problems(desk: Desk, example: Any) -> None:
    for number in range(3):
        MailingList.objects.create(slug=f"list-{number}", name=f"List {number}")
    session = requests.Session()
    session.mount("http://", InProcess())
    newsletter = example.Newsletter("http://localhost", make_key(desk.admin, "lists:read"), session)
    listed = [one["id"] for one in newsletter.pages("/lists", limit=2)]
    assert sorted(listed) == sorted(MailingList.objects.values_list("pk", flat=True))
    with pytest.raises(example.ApiError) as found:
        newsletter.call("GET", "/subscribers")
    assert found.value.problem["code"] == "scope_missing"
