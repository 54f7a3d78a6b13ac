"""Two people with the same form, for every page of the desk that edits a row: Wagtail's pages and ours."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mailer.desk.base.edit_conflicts import BASE
from mailer.editions.models import Newsletter
from subscribers.models import MailingList
from tests.project.access_world import Url, World, world
from tests.project.edit_forms import Form, forms_of
from tests.project.test_access_table import lines

__all__ = ["world"]

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("access")]

SESSIONS = [("superuser", "passed")]
# Pages that merge or refuse in a way of their own, each with the hidden input by which they know the version
# of the form, and the test that shows it.
OWN = {
    "desk_stories:edit": "base",  # tests/desk/stories/test_editor.py
    "desk_editions:edit": "was-subject-en",  # tests/desk/editions/test_workbench.py
    "desk_edition:settings": "base",  # tests/desk/editions/test_workbench.py
    "desk_edition:block_edit": "base",  # tests/desk/editions/test_workbench.py
    "desk_template_part": "base",  # tests/desk/editions/test_template_part_pages.py
    "desk_glossary_term": "base",  # tests/desk/editions/test_glossary_of_names.py
    "desk_segments:edit": "seen",  # tests/desk/segments/test_views.py
}
# Pages whose form does something with a row and leaves its fields as they are.
ACTIONS = {
    "desk_edition:test": "sends a test email",
    "desk_assemble": "makes an edition, of each month one",
    "desk_reconfirm": "starts a campaign, once for each page",
    "desk_reply": "sorts an open message into its kind, once",
    "desk_reply_answer": "sends an answer, once for each page",
}


def edit_forms(world: World) -> Iterator[tuple[Url, str, Form]]:
    """Each page about a row with a form that holds saved values, as a superuser sees it."""
    for url, line in lines():
        path = world.path(url)
        writable = {line.get, line.post}.isdisjoint({"-", "nobody", "unused", "sign-in", "anyone"})
        if url.arguments and writable and path.startswith("/desk/"):
            body = world.ask("GET", path, world.cookies["superuser", "passed"]).body
            # A form that is sent elsewhere does something with the row.
            here = {"", path, path.partition("?")[0]}
            yield from (
                (url, path, form)
                for form in forms_of(body)
                if form.filled and form.action.partition("?")[0] in here
            )


def test_two_people_with_one_form_lose_nothing(world: World) -> None:
    """Each keeps what they changed; the same field is saved by the second only when they insist."""
    # They may be saved as they are.
    User.objects.filter(pk=world.keys["wagtailusers_users"]).update(first_name="Aru", last_name="Kim")
    Newsletter.objects.get(pk=world.keys["desk_newsletters"]).lists.set(MailingList.objects.all()[:1])
    unguarded, lost, guarded = [], [], []
    for url, path, form in edit_forms(world):
        if form.values(BASE):
            guarded.append(url.key)
            lost += [f"{url.key}: {one}" for one in _lost(world, path, form)]
        elif url.key not in ACTIONS and not form.values(OWN.get(url.key, "")):
            unguarded.append(url.key)
    assert unguarded == [], "Let these views extend EditGuard of mailer/desk/base/edit_conflicts.py."
    assert lost == [], "\n".join(lost)
    # As many as there are, so that the test cannot pass by finding none.
    assert len(guarded) >= 10, guarded


def _lost(world: World, path: str, form: Form) -> Iterator[str]:
    """What the form loses when two people send it."""
    # Pages of the same table may refuse a name that another row has.
    by_first, by_second, by_third = (f"By the {one} {crc32(path.encode())}" for one in ("1st", "2nd", "3rd"))
    client = Client(headers={"Cookie": world.cookies["superuser", "passed"]})
    # Fields that take any text.
    own_format = ("slug", "username", "url", "mail_tag", "senders", "category_countries")
    free = [name for name in form.typed if name not in own_format]
    first, second = (*free, "", "")[:2]
    # The other person saves a field, and this one another.
    saved = client.post(path, form.changed(first, by_first))
    if saved.status_code != 302:
        errors = saved.context["form"].errors
        yield f"{first} of the first, which is not valid: {errors.as_json()}"
    if second:
        client.post(path, form.changed(second, by_second))
        now = _form(client, path)
        if now.values(first) != [by_first]:
            yield f"{first} of the first, where the second changed {second}"
        if now.values(second) != [by_second]:
            yield f"{second} of the second, where the first changed {first}"
    # Both change the same.
    answer = client.post(path, form.changed(first, by_third))
    again = next((one for one in forms_of(answer.content.decode()) if one.values(BASE)), None)
    if answer.status_code != 200 or again is None:
        yield f"{first}, which the third replaced unseen"
        return
    if again.values(first) != [by_third]:
        yield f"what the third typed into {first}"
    if by_first not in answer.content.decode():
        yield "what the first saved, to be seen"
    if _form(client, path).values(first) != [by_first]:
        yield f"{first} of the first, before the third insisted"
    client.post(path, again.changed(first, by_third))
    if _form(client, path).values(first) != [by_third]:
        yield f"{first} of the third, who insisted"


def _form(client: Client, path: str) -> Form:
    html = client.get(path).content.decode()
    return next(form for form in forms_of(html) if form.values(BASE))
