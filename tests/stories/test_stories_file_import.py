from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image as Pillow
from wagtail.images import get_image_model

from mailer.stories.models import Story, StoryText
from mailer.stories.stories_file_import import StoriesFileError, import_stories
from tests.stories.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def writer() -> User:
    return User.objects.create_user("writer")


def a_story(**changes: Any) -> dict[str, Any]:
    story = {
        "key": "bridge",
        "kind": "news",
        "date": "2021-11-16",
        "countries": ["UZ", "KZ"],
        "link": "https://www.example.org/bridge",
        "texts": {"en": {"headline": "A bridge", "summary": "It opened.", "body": "<p>Wide.</p>"}},
    }
    return {**story, **changes}


def a_file(folder: Path, *stories: Any) -> Path:
    path = folder / "stories.json"
    path.write_text(json.dumps({"stories": list(stories)}), encoding="utf-8")
    return path


def problems(path: Path) -> str:
    with pytest.raises(StoriesFileError) as caught:
        import_stories(path, None, NOW)
    assert not Story.objects.exists()
    return "\n".join(caught.value.problems)


def with_picture(folder: Path, name: str = "bridge.png", **changes: Any) -> dict[str, Any]:
    Pillow.new("RGB", (40, 20), "#0A6E7A").save(folder / name)
    return a_story(picture={"file": name, "alt": {"en": "A bridge over a river."}}, **changes)


@pytest.mark.both_databases
def test_a_story_comes_in_published_and_as_the_user_wrote_it(tmp_path: Path, writer: User) -> None:
    report = import_stories(a_file(tmp_path, a_story()), writer, NOW)

    story = Story.objects.get()
    assert report.added == ("bridge",)
    assert (story.live, story.has_unpublished_changes, story.created_at) == (True, False, NOW)
    assert (story.kind, story.date, story.countries) == ("news", date(2021, 11, 16), ("UZ", "KZ"))
    assert story.texts.get().body == "<p>Wide.</p>"
    assert story.latest_revision.user == writer


def test_headlines_keep_no_break_spaces_soft_hyphens_and_joined_emoji(tmp_path: Path) -> None:
    headline = "12\u00a0сом, 5\u202f% Infor\u00admation 👩\u200d🌾"
    text = {"headline": headline, "summary": "s"}
    import_stories(a_file(tmp_path, a_story(texts={"en": text})), None, NOW)
    assert StoryText.objects.get().headline == headline


def test_an_event_comes_in_with_its_times_and_its_place(tmp_path: Path) -> None:
    text = {"headline": "Film", "summary": "s", "venue": "House of Cinema"}
    event = a_story(kind="event", starts="18:30", ends="20:00", zone="Asia/Almaty", texts={"en": text})
    import_stories(a_file(tmp_path, event), None, NOW)
    assert import_stories(a_file(tmp_path, event), None, NOW).unchanged
    story = Story.objects.get()
    assert (f"{story.starts:%H:%M}", f"{story.ends:%H:%M}", story.zone) == ("18:30", "20:00", "Asia/Almaty")
    assert story.texts.get().venue == "House of Cinema"


def test_a_draft_stays_unpublished(tmp_path: Path) -> None:
    import_stories(a_file(tmp_path, a_story(draft=True)), None, NOW)

    assert not Story.objects.get().live


@pytest.mark.both_databases
def test_the_same_file_again_changes_nothing(tmp_path: Path, writer: User) -> None:
    path = a_file(tmp_path, with_picture(tmp_path), a_story(key="draft", draft=True))
    import_stories(path, writer, NOW)

    report = import_stories(path, writer, NOW)

    assert report.unchanged == ("bridge", "draft")
    assert [story.revisions.count() for story in Story.objects.all()] == [1, 1]
    assert get_image_model().objects.count() == 1


@pytest.mark.both_databases
def test_a_changed_story_is_changed_and_the_others_are_left_alone(tmp_path: Path, writer: User) -> None:
    import_stories(a_file(tmp_path, a_story(), a_story(key="road")), None, NOW)
    texts = {
        "ru": {"headline": "Мост", "summary": "Он открыт."},
        "en": {"headline": "The bridge", "summary": "It opened."},
    }

    report = import_stories(a_file(tmp_path, a_story(texts=texts), a_story(key="road")), writer, NOW)

    story = Story.objects.get(key="bridge")
    assert (report.updated, report.unchanged) == (("bridge",), ("road",))
    assert {text.language: text.headline for text in story.texts.all()} == {"ru": "Мост", "en": "The bridge"}
    assert story.latest_revision.user == writer


def test_a_draft_of_a_published_story_leaves_what_readers_see(tmp_path: Path) -> None:
    import_stories(a_file(tmp_path, a_story()), None, NOW)

    import_stories(a_file(tmp_path, a_story(draft=True, link="https://www.example.org/new")), None, NOW)

    story = Story.objects.get()
    assert (story.live, story.link) == (True, "https://www.example.org/bridge")
    assert story.get_latest_revision_as_object().link == "https://www.example.org/new"


def test_toml_is_read_with_its_own_dates(tmp_path: Path) -> None:
    path = tmp_path / "stories.toml"
    path.write_text(
        '[[stories]]\nkey = "film"\nkind = "event"\ndate = 2021-12-18\n'
        '[stories.texts.en]\nheadline = "A film"\nsummary = "In the evening."\n'
    )

    import_stories(path, None, NOW)

    assert (Story.objects.get().date, Story.objects.get().countries) == (date(2021, 12, 18), ())


def test_one_picture_in_two_stories_is_kept_once(tmp_path: Path) -> None:
    import_stories(
        a_file(tmp_path, with_picture(tmp_path), with_picture(tmp_path, "copy.png", key="road")), None, NOW
    )

    assert get_image_model().objects.count() == 1
    assert len({story.picture_id for story in Story.objects.all()}) == 1


def test_what_could_run_is_cleaned_out_of_the_body(tmp_path: Path) -> None:
    body = '<p onclick="x()">Hello <b>you</b><script>alert(1)</script></p><mj-raw>no</mj-raw>'
    body += '<a href="javascript:x">y</a>'
    texts = {"en": {"headline": "H", "summary": "S", "body": body}}

    import_stories(a_file(tmp_path, a_story(texts=texts)), None, NOW)

    assert Story.objects.get().texts.get().body == "<p>Hello <b>you</b></p>no<a>y</a>"


def test_one_wrong_story_keeps_all_out(tmp_path: Path) -> None:
    said = problems(a_file(tmp_path, a_story(), a_story(key="road", kind="rumour")))

    assert "story 2 (“road”), kind: is “rumour”; write one of news, event, publication, notice." in said


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    broken = a_story(
        date="18.12.2021", countries=["KZ", "XX"], link="example.org", colour="red", texts={"english": {}}
    )

    said = problems(a_file(tmp_path, broken))

    for words in (
        "colour: is an unknown key",
        "date: is '18.12.2021'; write the day as 2021-12-18",
        "“XX” is not an ISO 3166-1 country code",
        "link: is not a URL",
        "“english” is not a language code",
        "texts.english.headline: is missing",
        "texts.english.summary: is missing",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("text", "must be a table"),
        (a_story(key=""), "key: is missing"),
        (a_story(key="a b"), "key: may hold only"),
        (a_story(date=None), "date: is None"),
        (a_story(countries="KZ"), "countries: must be a list"),
        (a_story(starts="half past six"), "starts: is 'half past six'"),
        (a_story(starts="18:30"), "zone: Write the time zone"),
        (a_story(starts="18:30", ends="18:00", zone="Asia/Almaty"), "ends: Enter an end time"),
        (a_story(draft="yes"), "draft: must be true or false"),
        (a_story(texts={}), "texts: must hold at least one language"),
        (a_story(texts={"en": {"headline": "x" * 201, "summary": "s"}}), "shorten it to 200"),
        (a_story(texts={"en": {"headline": "a\nb", "summary": "s"}}), "must be a single line"),
        (a_story(texts={"en": {"headline": "a\u202eb", "summary": "s"}}), "must be a single line"),
        (
            a_story(texts={"en": {"headline": "a", "summary": "s", "lead": "l"}}),
            "texts.en.lead: is an unknown key",
        ),
        (a_story(picture={"file": "none.png", "alt": {"en": "A"}}), "there is no file “none.png”"),
        (a_story(picture={"file": "../../etc/passwd", "alt": {"en": "A"}}), "lies outside the folder"),
        (a_story(picture="x.png"), "picture: must be a table"),
        (a_story(picture={"file": "x.png", "alt": {"ru": "А"}}), "no text in “ru”"),
    ],
)
def test_an_error_names_its_place(tmp_path: Path, story: Any, words: str) -> None:
    said = problems(a_file(tmp_path, story))

    assert words in said
    assert str(tmp_path / "stories.json") in said


def test_a_key_used_twice_is_an_error(tmp_path: Path) -> None:
    assert "story 2 (“bridge”), key: is used twice" in problems(a_file(tmp_path, a_story(), a_story()))


def test_a_picture_needs_a_description_in_every_language(tmp_path: Path) -> None:
    story = with_picture(tmp_path)
    story["texts"]["ru"] = {"headline": "Мост", "summary": "Он открыт."}

    assert "texts.ru.picture_alt: the story has a picture" in problems(a_file(tmp_path, story))


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    story = with_picture(tmp_path)
    (tmp_path / "bridge.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")

    assert "SVG" in problems(a_file(tmp_path, story))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("stories.json", b"{", "is not valid JSON"),
        ("stories.json", b"[]", 'must hold a list named "stories"'),
        ("stories.json", b'{"stories": []}', "is empty"),
        ("stories.json", b'{"stories": "\xff"}', "is not UTF-8"),
        ("stories.toml", b"stories =", "is not valid TOML"),
        ("stories.xml", b"", "read from .json or .toml"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)

    assert words in problems(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '{"stories": [{"x": %s}]}' % ("9" * 5_000)), ("a.toml", f"x = {'9' * 5_000}")],
    ids=["json", "toml"],
)
def test_a_number_of_many_digits_is_reported(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert "digits" in problems(tmp_path / name)


@pytest.mark.parametrize("name", ["a\0b.png", "a" * 5_000, "\ud800.png"], ids=["nul", "long", "surrogate"])
def test_a_picture_with_an_impossible_name_is_reported(tmp_path: Path, name: str) -> None:
    assert "picture.file" in problems(
        a_file(tmp_path, with_picture(tmp_path) | a_story(picture={"file": name}))
    )


def test_a_summary_has_no_characters_that_no_database_takes(tmp_path: Path) -> None:
    text = {"headline": "A bridge", "summary": "It\0 opened\ud800.\nToday."}
    import_stories(a_file(tmp_path, a_story(texts={"en": text})), None, NOW)
    assert StoryText.objects.get().summary == "It opened.\nToday."
