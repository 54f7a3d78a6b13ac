"""Entries of sources: each becomes one draft, whatever the source does later."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from PIL import Image as Drawing
from wagtail.models import ModelLogEntry, ReferenceIndex
from wagtail.search.backends import get_search_backend
from wagtail.search.models import IndexEntry

from mailer.approval import content_changes_and_authors
from mailer.approval.models import Authorship
from mailer.audit_log import chain
from mailer.stories import (
    bulk_insert_drafts,
    draft_editing,
    draft_fields_from_source_entry,
    source_change_and_merge_decisions,
)
from mailer.stories.draft_fields_from_source_entry import MOST_HTML, digest_of
from mailer.stories.models import Story, StorySource, StorySourceItem, StoryText
from mailer.stories.record_source_items import (
    items_with_picture_to_load,
    make_and_update_drafts,
    preview_items,
)
from mailer.stories.source_item_pictures import Picture
from mailer.stories.sources.parser_pool import ParserPool
from mailer.stories.sources.reader_interface import SourceItem
from mailer.stories.suggestion_context import context_of
from mailer.stories.translation_states import set_translation_sources_unsaved
from tests.stories.conftest import NOW, Answer, Site

pytestmark = pytest.mark.django_db

PUBLISHED = datetime.fromisoformat("2021-11-30T09:00:00+00:00")
RUSSIAN = SourceItem(
    id="https://kz.example.org/?p=1",
    title="В Алматы открыли новый мост",
    html="<p onclick='x()'>Мост длиной 420 метров соединил два района. В церемонии участвовал Аскар "
    "Жумагалиев, и после неё жители прошли по мосту до набережной.</p><script>x</script>",
    link="https://kz.example.org/bridge",
    published=PUBLISHED,
)
KAZAKH = replace(
    RUSSIAN,
    id="https://kz.example.org/?p=2",
    title="Алматыда жаңа көпір ашылды",
    html="<p>Ұзындығы 420 метр көпір екі ауданды жалғады. Салтанатқа Асқар Жұмағалиев қатысты.</p>",
    link="https://kz.example.org/kk/bridge",
)


def a_source(name: str = "The office", **changes: Any) -> StorySource:
    return StorySource.objects.create(name=name, url=f"https://{len(name)}.example.org/", **changes)


def png_file(colour: str = "#0A6E7A") -> bytes:
    data = BytesIO()
    Drawing.new("RGB", (60, 40), colour).save(data, "PNG")
    return data.getvalue()


def latest(story: Story) -> Story:
    return draft_editing.latest_draft(Story.objects.get(pk=story.pk))


@pytest.fixture
def writer() -> User:
    return User.objects.create_user("dana", "dana@office.example.org")


@pytest.mark.both_databases
def test_an_entry_becomes_one_draft_with_suggestions_and_their_reasons() -> None:
    source = a_source()
    (story,) = make_and_update_drafts(source, [RUSSIAN], NOW).added
    assert make_and_update_drafts(source, [RUSSIAN], NOW) == make_and_update_drafts(source, [], NOW)
    text = story.texts.get()
    assert (story.live, story.countries, story.date) == (False, ("KZ",), date(2021, 11, 30))
    assert (story.link, text.language, text.headline) == (RUSSIAN.link, "ru", RUSSIAN.title)
    assert text.body.startswith("<p>Мост") and "script" not in text.body and "onclick" not in text.body
    row = story.source_items.get()
    assert row.suggestion["reasons"] == [["KZ", "Алматы", "headline"]]
    assert (row.suggestion["language"], row.suggestion["kind"][0]) == (["ru", "detected"], "news")
    assert (row.reviewed_at, story.revisions.count()) == (None, 1)


@pytest.mark.parametrize(
    ("published", "day", "reason"),
    [
        (None, date(2021, 12, 3), "missing"),
        (NOW + timedelta(days=400), date(2021, 12, 3), "future"),
        (PUBLISHED, date(2021, 11, 30), "stated"),
    ],
)
def test_a_missing_or_future_date_is_that_of_today(
    published: datetime | None, day: date, reason: str
) -> None:
    (found,) = preview_items(a_source(), [replace(RUSSIAN, published=published)], NOW)
    assert (found.values["date"], found.date_reason) == (day.isoformat(), reason)


@pytest.mark.both_databases
def test_characters_that_no_database_takes_lose_no_story() -> None:
    item = replace(RUSSIAN, id="a\0b", title="В Алматы\0 мост \ud800", categories=("Каза\0хстан",))
    done = make_and_update_drafts(a_source(language="ru-KZ"), [replace(item, language="", html="x\0")], NOW)
    assert (len(done.added), len(done.skipped)) == (1, 0)
    assert Story.objects.get().texts.get().language == "ru"


def test_a_text_that_is_too_short_to_recognise_has_a_language_of_its_letters() -> None:
    short = replace(RUSSIAN, title="Дорога открыта", html="<p>Первый день.</p>")
    bare = replace(short, id="2", title="Vol. 2", html="")
    russian, english = preview_items(a_source(), [short, bare], NOW)
    # The office's first language is English.
    assert (russian.language, english.language) == ("ru", "en")


@pytest.mark.parametrize(
    ("stated", "title", "text", "language"),
    [
        ("", "Тошкентда янги боғча очилди", "Тадбирда вазир иштирок этди.", "uz"),
        ("ru-RU", "Тошкентда янги боғча очилди", "Тадбирда вазир иштирок этди.", "uz"),
        ("uz-Cyrl", "Тошкентда янги боғча очилди", "Тадбирда вазир иштирок этди.", "uz"),
        ("ru-RU", "Кино и театр", "Гости из Казахстана приняли участие.", "ru"),
        ("", "Соҳаи маориф дар вилоят", "", "tg"),
    ],
)
def test_uzbek_in_cyrillic_letters_is_no_russian(stated: str, title: str, text: str, language: str) -> None:
    item = replace(RUSSIAN, title=title, html=f"<p>{text}</p>", language=stated)
    (found,) = preview_items(a_source(), [item], NOW)
    assert found.language == language


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        *(
            ("Reporter wins a prize", "news"),
            ("New reports on water", "publication"),
            ("Studying abroad", "news"),
        ),
        *(
            ("Three studies of rivers", "publication"),
            ("Granted asylum", "news"),
            ("Grants for schools", "notice"),
        ),
        *(("He calls it home", "news"), ("Call for papers", "notice"), ("Callous attack", "news")),
        *(("Докладчик говорил о реках", "news"), ("Доклады о реках", "publication")),
        *(("Показатели экономики растут", "news"), ("Конкурсы для школ", "notice")),
    ],
)
def test_words_that_only_begin_like_a_kind_are_none(title: str, kind: str) -> None:
    (found,) = preview_items(a_source(), [replace(RUSSIAN, title=title, html="<p>Text.</p>")], NOW)
    assert found.values["kind"] == kind


def test_an_event_has_its_day_time_and_place() -> None:
    item = replace(
        RUSSIAN,
        title="Фестиваль кино в Алматы",
        html="<p>Состоится 18 декабря в 18:30–20:00.</p><p>Место: Дом кино, Алматы.</p>",
    )
    (story,) = make_and_update_drafts(a_source(), [item], NOW).added
    assert (story.kind, story.date, f"{story.starts:%H:%M}") == ("event", date(2021, 12, 18), "18:30")
    assert story.texts.get().venue == "Дом кино, Алматы"


@pytest.mark.both_databases
def test_two_workers_that_both_see_an_entry_as_new_make_one_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source()
    make_and_update_drafts(source, [RUSSIAN], NOW)
    # The second worker looked before the first one was done.
    monkeypatch.setattr("mailer.stories.record_source_items._rows", lambda source, given: {})
    done = make_and_update_drafts(source, [RUSSIAN], NOW)
    assert (done.added, len(done.skipped), Story.objects.count()) == ((), 0, 1)


@pytest.mark.both_databases
def test_a_draft_that_staff_deleted_stays_deleted_and_so_does_its_copy_elsewhere() -> None:
    source = a_source()
    (story,) = make_and_update_drafts(source, [RUSSIAN], NOW).added
    story.delete()
    changed = replace(RUSSIAN, title="В Алматы открыли мост через реку")
    assert make_and_update_drafts(source, [changed], NOW).added == ()
    assert make_and_update_drafts(a_source("Another office"), [replace(RUSSIAN, id="x")], NOW).added == ()
    assert not Story.objects.exists()


def test_one_failing_entry_keeps_no_other_out(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    broken = replace(RUSSIAN, id="broken", published="yesterday")  # type: ignore[arg-type]
    other = replace(RUSSIAN, id="other", title="Бишкекте театр ачылды", html="", link="")
    done = make_and_update_drafts(a_source(), [broken, other], NOW)
    assert (len(done.added), len(done.skipped)) == (1, 1)
    caplog.clear()


@pytest.mark.both_databases
def test_entries_that_are_stored_at_once_have_all_that_a_saved_draft_has() -> None:
    source, png = a_source(), png_file()
    other = replace(RUSSIAN, id="o", title="Театр в Оше открыл сезон", html="<p>Пять премьер.</p>", link="")
    kept_apart = replace(
        other, id="p", title="Школа в Нарыне открыта", html="<p>Новый класс.</p>", picture=png
    )
    stories = make_and_update_drafts(source, [RUSSIAN, other, kept_apart], NOW).added
    assert len(stories) == 3
    for story in Story.objects.all():
        revision = story.revisions.get()
        assert (story.latest_revision, story.has_unpublished_changes) == (revision, True)
        content = {**story.serializable_data(), "latest_revision": None}
        assert {**revision.content, "latest_revision": None} == json.loads(
            json.dumps(content, cls=DjangoJSONEncoder)
        )
        entry = ModelLogEntry.objects.get(object_id=story.pk, content_type=revision.content_type)
        assert (entry.action, entry.revision, entry.label) == ("wagtail.edit", revision, str(story))
        note = Authorship.objects.get(story=story)
        assert (note.action, note.fingerprint) == ("wrote", content_changes_and_authors.fingerprint(story))
        # The next revision changes nothing that subscribers see.
        latest(story).save_revision()
        assert Authorship.objects.filter(story=story).count() == 1
    assert chain.verify().count == 0
    entries = IndexEntry.objects.filter(content_type__model="story").order_by("pk")
    indexed = list(entries.values())
    get_search_backend().add_bulk(Story, list(Story.objects.all()))
    assert (len(indexed), list(entries.values())) == (3, indexed)
    found = get_search_backend().autocomplete("сезон", Story)
    assert [story.texts.get().headline for story in found] == [other.title]
    assert ReferenceIndex.objects.filter(base_content_type__model="story").count() == 1


def _outcome(make: Callable[[], tuple[Story, list[StoryText]]]) -> Any:
    """The values of a story and its texts; or what it was refused for."""
    try:
        story, texts = make()
    except ValidationError as error:
        return error.message_dict
    return [[getattr(row, one.attname) for one in row._meta.concrete_fields] for row in (story, *texts)]


def test_a_new_draft_has_the_values_and_the_refusals_of_one_that_is_checked_in_full() -> None:
    chance, refused = random.Random(1), 0
    for _ in range(300):
        key = chance.choice(("a-1", "a-2", "ключ", "k" * 121))
        values = {
            "kind": chance.choice(("news", "event", "rumour")),
            "date": "2021-11-30",
            "starts": chance.choice(("", "18:30")),
            "ends": chance.choice(("", "19:00")),
            "zone": chance.choice(("", "Asia/Almaty", "z" * 65)),
            "countries": chance.choice(("", "KZ,KG", "kz", "KZ,KZ,", "XX")),
            "link": chance.choice(("", "https://kz.example.org/1", "http://localhost", "x", "https://a b/")),
        }
        for language in chance.sample(("ru", "kk", "language-too-long"), chance.randint(0, 3)):
            values |= {
                f"headline-{language}": chance.choice(("", "Мост")),
                f"body-{language}": chance.choice(("", "<p></p>", "<p>Текст.</p>")),
            }

        def in_full(key: str = key, values: dict[str, str] = values) -> tuple[Story, list[StoryText]]:
            story = Story(key=key, live=False, created_at=NOW, has_unpublished_changes=True)
            draft_editing.apply_changes_without_saving(story, values)
            set_translation_sources_unsaved(story, {})
            story.full_clean(validate_unique=False, validate_constraints=False)
            return story, list(story.texts.all())

        built = _outcome(
            lambda key=key, values=values: bulk_insert_drafts.store_picture_and_build_draft(
                key, values, Picture(), "", NOW
            )
        )
        assert built == _outcome(in_full)
        refused += isinstance(built, dict)
    assert 50 < refused < 290


@pytest.mark.both_databases
def test_an_entry_that_cannot_be_stored_keeps_no_other_of_its_batch_out(
    monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    source, original = a_source(), bulk_insert_drafts.store_picture_and_build_draft

    def build(key: str, values: Any, *rest: Any) -> bulk_insert_drafts.Draft:
        if "Театр" in values["headline-ru"]:
            raise ValidationError("no draft")
        return original(key, values, *rest)

    monkeypatch.setattr(bulk_insert_drafts, "store_picture_and_build_draft", build)
    other = replace(RUSSIAN, id="o", title="Театр в Оше открыл сезон", html="", link="")
    done = make_and_update_drafts(source, [RUSSIAN, other], NOW)
    assert ([str(story) for story in done.added], len(done.skipped)) == ([RUSSIAN.title], 1)
    # The next poll tries it again.
    monkeypatch.setattr(bulk_insert_drafts, "store_picture_and_build_draft", original)
    assert len(make_and_update_drafts(source, [RUSSIAN, other], NOW).added) == 1
    caplog.clear()


@pytest.mark.both_databases
def test_a_worker_that_dies_within_a_batch_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mailer.stories.draft_or_merge_new_items._store", die)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        make_and_update_drafts(source, [RUSSIAN, KAZAKH], NOW)
    assert (Story.objects.count(), StorySourceItem.objects.count()) == (0, 0)
    monkeypatch.undo()
    assert len(make_and_update_drafts(source, [RUSSIAN, KAZAKH], NOW).added) == 2


def test_many_new_entries_need_no_more_queries_than_a_few() -> None:
    queries = []
    for count in (2, 12):
        source = a_source(f"Office {count}")
        items = [
            replace(RUSSIAN, id=f"{count} {n}", title=f"Мост {count} {n}", html="", link="")
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            assert len(make_and_update_drafts(source, items, NOW).added) == count
        queries.append(len(captured))
    assert queries[1] <= queries[0]


def test_entries_of_one_batch_are_compared_with_each_other() -> None:
    source, copy = a_source(), replace(RUSSIAN, id="copy", link="https://kz.example.org/copy")
    translated = replace(KAZAKH, translation_of=RUSSIAN.id)
    html = "<p>The bridge connects two districts of the city, and it was opened by the mayor.</p>"
    second = replace(KAZAKH, id="t", title="A new bridge", html=html, translation_of=RUSSIAN.id)
    done = make_and_update_drafts(source, [second, translated, copy, RUSSIAN], NOW)
    story = Story.objects.get()
    assert (done.added, done.merged) == ((story,), (story, story, story))
    assert {row.item_id: row.role for row in StorySourceItem.objects.all()} == {
        RUSSIAN.id: "origin",
        "copy": "duplicate",
        translated.id: "translation",
        "t": "translation",
    }
    assert {text.language for text in latest(story).texts.all()} == {"ru", "kk", "en"}


def test_a_process_that_parses_suggests_the_same() -> None:
    context = context_of(a_source(countries=("KG",), category_countries={"Astana": ["KZ"]}))
    html = "<p>Состоится 18 декабря в 18:30–20:00.</p><p>Место: Дом кино, Алматы.</p>"
    event = replace(RUSSIAN, title="Фестиваль кино в Алматы", html=html, categories=("Astana",))
    items = [RUSSIAN, KAZAKH, event, replace(RUSSIAN, id="x" * 900, published=None)]
    with ParserPool(1) as pool:
        answers = pool.parse(
            "suggestions", draft_fields_from_source_entry.build_suggestion_request(context, items, NOW)
        )["stories"]
    for item, answer in zip(items, answers, strict=True):
        expected = draft_fields_from_source_entry.suggest_story(context, item, NOW)
        assert draft_fields_from_source_entry.read_answer(answer, item) == expected
    assert answers[2]["kind"]["starts"] == "18:30:00"


def test_the_digest_of_an_entry_stays_what_it_is() -> None:
    """Else every entry would seem to have changed."""
    assert digest_of(RUSSIAN) == "ccb8b411966c4452ea5a56094999522cc9d67268ac433ebf54efba85d7cb8064"


def test_a_picture_is_fetched_and_cleaned_and_a_bad_one_loses_no_story(site: Site) -> None:
    site.answers["/p.png"] = Answer(png_file(), "image/png")
    site.answers["/big.png"] = Answer(b"no picture", "image/png")
    good = replace(RUSSIAN, picture_url=site.url("/p.png"), picture_alt="Мост")
    bad = replace(RUSSIAN, id="bad", title="Бишкекте театр ачылды", html="", link="")
    bad = replace(bad, picture_url=site.url("/big.png"))
    first, second = make_and_update_drafts(a_source(), [good, bad], NOW, allow_loopback=True).added
    bad_story, good_story = (first, second) if second.picture_id else (second, first)
    assert good_story.picture_id and good_story.texts.get().picture_alt == "Мост"
    assert not bad_story.picture_id and bad_story.source_items.get().picture_problem
    # A private address is refused where the source is a real one.
    private = replace(RUSSIAN, id="private", title="Театр в Оше открыт", html="", link="")
    (third,) = make_and_update_drafts(
        a_source("Other"), [replace(private, picture_url=site.url("/p.png"))], NOW
    ).added
    assert third.source_items.get().picture_problem


@pytest.mark.parametrize("kind", ["image/jpg", "image/pjpeg", "image/x-png"])
def test_a_picture_is_fetched_by_another_name_of_its_type(site: Site, kind: str) -> None:
    site.answers["/p"] = Answer(png_file(), kind)
    item = replace(RUSSIAN, picture_url=site.url("/p"))
    (story,) = make_and_update_drafts(a_source(), [item], NOW, allow_loopback=True).added
    assert story.picture_id


@pytest.mark.both_databases
def test_the_same_story_from_another_source_is_merged_and_can_be_set_apart(writer: User) -> None:
    (story,) = make_and_update_drafts(a_source(), [RUSSIAN], NOW).added
    copy = replace(RUSSIAN, id="b", title="В Алматы открыли новый мост.", link="https://news.example.net/b")
    assert make_and_update_drafts(a_source("Another office"), [copy], NOW).merged == (story,)
    row = story.source_items.get(role="duplicate")
    assert (row.similar_reason, Story.objects.count()) == ("text", 1)
    own = source_change_and_merge_decisions.separate_duplicate(row, writer, NOW)
    assert own and own.texts.get().headline == copy.title and Story.objects.count() == 2


@pytest.mark.parametrize(
    ("first", "second", "stories"),
    [
        ("https://a.example.org/view.php?1207", "https://a.example.org/view.php?1208", 2),
        ("https://a.example.org/app/#/news/7", "https://a.example.org/app/#!/news/8", 2),
        ("https://a.example.org/view.php?1207", "http://www.a.example.org/view.php?1207&ysclid=x#top", 1),
        ("https://a.example.org/#/news/7/", "https://a.example.org/#/news/7", 1),
    ],
)
def test_pages_that_only_a_bare_query_or_a_fragment_chooses_are_not_the_same(
    first: str, second: str, stories: int
) -> None:
    make_and_update_drafts(a_source(), [replace(RUSSIAN, link=first)], NOW)
    other = replace(RUSSIAN, id="o", title="Через реку можно ехать: открыли движение", html="<p>Утром.</p>")
    make_and_update_drafts(a_source("Another office"), [replace(other, link=second)], NOW)
    assert Story.objects.count() == stories


NOTICE = (
    "<p>Представительство сообщает, что {} приёма посетителей нет, телефонная линия не работает. По срочным "
    "вопросам просим писать на электронную почту дежурного сотрудника. Со следующего рабочего дня офис "
    "работает в обычном режиме, с девяти до восемнадцати часов, без перерыва на обед.</p>"
)


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        (("Офис закрыт 16 декабря", "16 декабря"), ("Офис закрыт 31 декабря", "31 декабря"), (2, 2)),
        (("Офис закрыт", "6 декабря"), ("Офис закрыт", "7 декабря"), (2, 1)),
        (("Вакансия водителя в Оше", "водителям"), ("Вакансия бухгалтера в Оше", "бухгалтерам"), (2, 1)),
        (("Офис закрыт", "6 декабря"), ("Офис закрыт", "6 декабря, увы,"), (1, 1)),
    ],
)
def test_notices_that_differ_in_a_few_words_are_stories_of_their_own(
    first: tuple[str, str], second: tuple[str, str], apart: tuple[int, int]
) -> None:
    """`apart`: how many stories they are where one source has them, and where two have."""
    for place, sources in enumerate((1, 2)):
        Story.objects.all().delete()
        StorySource.objects.all().delete()
        for number, (title, text) in enumerate((first, second)):
            source, _ = StorySource.objects.get_or_create(
                name=str(number % sources), url="https://a.example/"
            )
            item = SourceItem(str(number), title, NOTICE.format(text), published=PUBLISHED)
            make_and_update_drafts(source, [replace(item, link=f"https://a.example/{number}")], NOW)
        assert Story.objects.count() == apart[place]


def test_stories_that_only_link_to_the_same_page_are_not_the_same() -> None:
    form = replace(RUSSIAN, link="https://forms.example.org/office")
    make_and_update_drafts(a_source(), [form], NOW)
    other = replace(form, id="o", title="Театр в Оше ждёт заявок", html="<p>Пять премьер за месяц.</p>")
    assert make_and_update_drafts(a_source("Another office"), [other], NOW).merged == ()


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("ru", "Концерт пройдёт 15 мая 2022 года"),
        ("ky", "Концерт 15-майда болот"),
        ("tg", "Консерт 15 майи соли 2022"),
    ],
)
def test_a_day_in_may_is_read(language: str, title: str) -> None:
    item = replace(RUSSIAN, title=title, html="<p>Начало в 18:30.</p>", language=language)
    published = datetime.fromisoformat("2022-04-20T09:00:00+00:00")
    later = published + timedelta(days=1)
    (found,) = preview_items(a_source(), [replace(item, published=published)], later)
    assert (found.values["kind"], found.values["date"]) == ("event", "2022-05-15")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_translation_that_the_source_states_joins_the_story(order: tuple[int, int]) -> None:
    source = a_source()
    items = (RUSSIAN, replace(KAZAKH, translation_of=RUSSIAN.id))
    for place in order:
        make_and_update_drafts(source, [items[place]], NOW)
    story = Story.objects.get()
    assert {text.language for text in latest(story).texts.all()} == {"ru", "kk"}


@pytest.mark.parametrize("at_once", [True, False])
def test_translations_of_an_entry_that_is_not_listed_are_one_story(at_once: bool) -> None:
    source = a_source()
    items = [replace(one, translation_of="old") for one in (RUSSIAN, KAZAKH)]
    for part in [items] if at_once else [[one] for one in items]:
        make_and_update_drafts(source, part, NOW)
    story = Story.objects.get()
    assert {text.language for text in latest(story).texts.all()} == {"ru", "kk"}
    # Its original comes later, and in a language that the story has: it is a story of its own.
    original = replace(RUSSIAN, id="old", title="Театр в Оше открыл сезон", html="<p>Пять.</p>", link="")
    make_and_update_drafts(source, [original], NOW)
    assert Story.objects.count() == 2


def test_what_looks_like_a_translation_is_suggested_and_merged_or_kept_apart(writer: User) -> None:
    source, png = a_source(), png_file()
    (story,) = make_and_update_drafts(source, [replace(RUSSIAN, picture=png)], NOW).added
    (own,) = make_and_update_drafts(source, [replace(KAZAKH, picture=png)], NOW).added
    row = own.source_items.get()
    assert (row.similar_to, row.similar_reason) == (story, "picture")
    source_change_and_merge_decisions.keep_apart(row)
    row.refresh_from_db()
    assert row.similar_to is None
    StorySourceItem.objects.filter(pk=row.pk).update(similar_to=story)
    row.refresh_from_db()
    source_change_and_merge_decisions.merge_into_similar_story(row, writer, NOW)
    assert {text.language for text in latest(story).texts.all()} == {"ru", "kk"}
    assert Story.objects.get() == story
    # The source still has it: nothing new comes in.
    assert make_and_update_drafts(source, [replace(KAZAKH, picture=png)], NOW).added == ()


def test_other_news_with_the_same_picture_are_stories_of_their_own() -> None:
    source, png = a_source(), png_file()
    other = replace(RUSSIAN, id="o", title="Театр в Оше открыл сезон", html="<p>Пять премьер.</p>", link="")
    make_and_update_drafts(source, [replace(RUSSIAN, picture=png), replace(other, picture=png)], NOW)
    assert Story.objects.count() == 2
    assert not StorySourceItem.objects.exclude(similar_to=None).exists()


@pytest.mark.both_databases
def test_an_untouched_draft_follows_its_source() -> None:
    source = a_source()
    (story,) = make_and_update_drafts(source, [RUSSIAN], NOW).added
    changed = replace(RUSSIAN, title="В Шымкенте открыли новый мост")
    assert make_and_update_drafts(source, [changed], NOW).updated == (story,)
    draft = latest(story)
    assert (draft.headline("ru"), draft.countries) == (changed.title, ("KZ",))
    assert (story.revisions.count(), story.source_items.get().update) == (2, {})


def test_a_changed_source_waits_where_an_editor_wrote(writer: User) -> None:
    source = a_source()
    (story,) = make_and_update_drafts(source, [RUSSIAN], NOW).added
    draft_editing.save(story, {"headline-ru": "Мост открыт"}, {}, writer, NOW)
    html = "<p>Совсем другой текст.</p>"
    make_and_update_drafts(source, [replace(RUSSIAN, title="Мост закрыли", html=html)], NOW)
    row = story.source_items.get()
    assert set(row.update) == {"headline-ru", "summary-ru", "body-ru"}
    assert latest(story).headline("ru") == "Мост открыт"
    source_change_and_merge_decisions.accept_changes(row, ["body-ru"], writer, NOW)
    source_change_and_merge_decisions.ignore_changes(row, ["headline-ru"])
    row.refresh_from_db()
    text = latest(story).texts.get()
    assert (text.headline, text.body, set(row.update)) == ("Мост открыт", html, {"summary-ru"})


def test_another_picture_is_taken_by_an_untouched_draft_and_waits_on_others(writer: User) -> None:
    source = a_source()
    first, second = png_file(), png_file("#E9A724")
    (story,) = make_and_update_drafts(source, [replace(RUSSIAN, picture=first)], NOW).added
    old = latest(story).picture
    make_and_update_drafts(source, [replace(RUSSIAN, picture=second)], NOW)
    new = latest(story).picture
    assert old and new and new.pk != old.pk and not story.source_items.get().update
    # An editor chose the first one again; the source has none any more.
    draft_editing.save(story, {"picture": str(old.pk)}, {}, writer, NOW)
    make_and_update_drafts(source, [RUSSIAN], NOW)
    row = story.source_items.get()
    assert (row.update, latest(story).picture) == ({"picture": ""}, old)
    make_and_update_drafts(source, [replace(RUSSIAN, picture=second)], NOW)
    row.refresh_from_db()
    assert row.update == {"picture": str(new.pk)}
    source_change_and_merge_decisions.accept_changes(row, ["picture"], writer, NOW)
    assert latest(story).picture == new


def test_a_changed_address_of_a_picture_is_loaded_once(site: Site) -> None:
    source = a_source()
    site.answers["/a.png"] = Answer(png_file(), "image/png")
    site.answers["/b.png"] = Answer(png_file("#E9A724"), "image/png")
    item = replace(RUSSIAN, picture_url=site.url("/a.png"))
    (story,) = make_and_update_drafts(source, [item], NOW, allow_loopback=True).added
    old = latest(story).picture
    other = replace(item, picture_url=site.url("/b.png"))
    assert [one.id for one in items_with_picture_to_load(source, [other])] == [other.id]
    assert items_with_picture_to_load(source, [item, replace(item, title="Мост закрыли")]) == []
    for _ in range(2):
        make_and_update_drafts(source, [other], NOW, allow_loopback=True)
    new = latest(story).picture
    assert old and new and new.pk != old.pk
    assert [path for path, _host in site.asked] == ["/a.png", "/b.png"]
    # One that cannot be loaded leaves the picture as it is.
    gone = replace(item, picture_url=site.url("/gone.png"))
    make_and_update_drafts(source, [gone], NOW, allow_loopback=True)
    assert latest(story).picture == new and story.source_items.get().picture_problem


def test_a_very_long_text_is_cut_behind_a_paragraph_and_says_so() -> None:
    paragraph = "<p>" + "Мост длиной <b>420</b> метров соединил два района. " * 20 + "</p>"
    long = replace(RUSSIAN, html=paragraph * 300)
    (story,) = make_and_update_drafts(a_source(), [long], NOW).added
    row, body = story.source_items.get(), story.texts.get().body
    assert MOST_HTML * 0.9 < len(body) <= MOST_HTML and body.endswith("</p>")
    assert len(row.content["body-ru"]) == len(body) and row.suggestion["shortened"]
    make_and_update_drafts(row.source, [RUSSIAN], NOW)
    row.refresh_from_db()
    assert not row.suggestion["shortened"]
    # Without paragraphs it is cut between words.
    (other,) = preview_items(row.source, [replace(RUSSIAN, id="x", html="Слово " * 50_000)], NOW)
    assert other.shortened and other.values[f"body-{other.language}"].endswith("Слово")


def test_a_ready_story_is_never_changed_by_its_source(writer: User) -> None:
    source = a_source()
    (story,) = make_and_update_drafts(source, [RUSSIAN], NOW).added
    story.get_latest_revision().publish()
    make_and_update_drafts(source, [replace(RUSSIAN, title="Мост закрыли")], NOW)
    assert latest(story).headline("ru") == RUSSIAN.title
    assert story.source_items.get().update == {"headline-ru": "Мост закрыли"}


def test_a_preview_says_what_would_come_in_and_writes_nothing() -> None:
    source = a_source()
    make_and_update_drafts(source, [RUSSIAN], NOW)
    copy = replace(RUSSIAN, id="copy", link="https://news.example.net/b")
    new = replace(KAZAKH, id="new")
    found = preview_items(a_source("Another office"), [copy, new], NOW)
    assert [one.outcome for one in found] == ["duplicate", "new"]
    assert [one.outcome for one in preview_items(source, [RUSSIAN], NOW)] == ["known"]
    assert (Story.objects.count(), StorySourceItem.objects.count()) == (1, 1)
