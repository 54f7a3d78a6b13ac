from __future__ import annotations

import datetime as dt
import html as html_module
import itertools
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from mailer.rendering import (
    data_types,
    edition_text_parts,
    merge_tags,
    story_selection,
    theme,
    variants,
    web_version,
)
from mailer.rendering.data_types import Block, LocalText, Picture, Story, StoryLayout, StoryText
from mailer.rendering.template_sandbox import theme_parts
from tests.rendering.cast import DIASPORA, EDITION, FILM, MASTHEAD, PROFILE, edition, story

VALUES = {
    "unsubscribe_url": "https://news.example.org/unsubscribe/t0/",
    "preferences_url": "https://news.example.org/preferences/t0/",
    "countries": "Kazakhstan",
}


def shown(html: str) -> str:
    """The words of a page, without its head and its comments."""
    body = re.sub(r"(?s)<!--.*?-->", "", html[html.index("<body") :])
    return " ".join(html_module.unescape(re.sub("<[^>]+>", " ", body)).split())


def test_a_variant_holds_the_stories_of_its_reader_and_no_others() -> None:
    rendered = variants.render(EDITION, ("KG",), "en")
    for part in (shown(rendered.html), rendered.text):
        assert "Cash is still king" in part
        assert "A country maps its people abroad" not in part
        assert "A plan against trafficking" not in part
    assert rendered.stories == ("border", "cash", "online", "page")
    assert rendered.key == story_selection.variant_key(rendered.stories, "en")


def test_readers_who_see_the_same_stories_share_a_variant() -> None:
    assert variants.render(EDITION, ("UZ",), "ru") == variants.render(EDITION, ("UZ", "TM"), "ru")


def test_equal_contents_give_equal_bytes_also_after_a_round_trip_through_json() -> None:
    again = data_types.from_json(data_types.to_json(EDITION))
    assert variants.render(again, ("KZ",), "kk") == variants.render(EDITION, ("KZ",), "kk")


def test_head_and_foot_are_in_the_language_of_the_reader_where_they_are_written() -> None:
    texts = (data_types.MastheadText("ru", "Вестник", "Бюро", "Алматы, улица 12", "Знак бюро"),)
    logo, dark = (Picture(f"https://news.example.org/media/{one}.png", 480, 96) for one in "ab")
    head = replace(EDITION.masthead, texts=texts, logo=logo, logo_dark=dark)
    content = data_types.from_json(data_types.to_json(replace(EDITION, masthead=head)))
    for base in theme.THEMES:
        themed = replace(
            head, theme=theme.unvalidated_token_changes({theme.BASE: base}), templates=theme_parts(base)
        )
        russian, kazakh = (
            variants.render(replace(content, masthead=themed), ("KZ",), one) for one in ("ru", "kk")
        )
        for text in ("Вестник", "Бюро", "Алматы, улица 12"):
            assert text in shown(russian.html) and (text.upper() in russian.text or text in russian.text)
            assert text not in kazakh.html
        for text in (head.name, head.office, head.postal_address):
            assert text in shown(kazakh.html) and text not in russian.html
        # Twice as dense as it is shown, and read aloud; the bulletin names the office beside it.
        for one, alt in ((russian, "Знак бюро"), (kazakh, "" if base == "bulletin" else head.office)):
            assert re.search(rf'<img[^>]* alt="{alt}" width="240" height="48"', one.html)
        assert re.search(r'<source media="[^"]*dark\)" srcset="[^"]*/b.png"', russian.html)
    assert "<picture" not in variants.render(EDITION, ("KZ",), "ru").html


def test_there_is_nothing_to_show_where_no_story_is_for_the_reader() -> None:
    content = edition(Block("story", ("one",)), stories=(story("one", "KZ"),))
    with pytest.raises(variants.NothingToShow, match="UZ"):
        variants.render(content, ("UZ",), "en")


def test_a_reader_of_countries_without_stories_sees_a_notice() -> None:
    rendered = variants.render(EDITION, ("TM",), "ru")
    sentence = "В этом месяце нет новостей по выбранным вами странам."
    assert sentence in shown(rendered.html)
    assert sentence in rendered.text
    assert "подпишитесь" in rendered.text
    assert "Казахстан" not in shown(rendered.html).replace("Almaty 050000, Kazakhstan", "")


def test_a_regional_edition_shows_no_notice_about_missing_country_stories() -> None:
    sentence = "No country stories for your choice this month."
    assert sentence in variants.render(EDITION, ("TM",), "en").text
    content = edition(Block("story", ("one",)), stories=(story("one"),))
    assert sentence not in variants.render(content, ("UZ",), "en").text


def test_a_missing_text_falls_back_along_the_chain_and_says_so_to_staff_and_to_screen_readers() -> None:
    rendered = variants.render(EDITION, ("UZ",), "kk")
    assert (
        "The story “Четыре шага, когда болезнь приходит на границу” has no Kazakh text; readers see Russian."
        in rendered.warnings
    )
    assert '<h2 class="big" lang="ru"' in rendered.html
    assert rendered.subject == "Декабрь: страна составляет карту своей диаспоры"
    assert "The subject line has no Kazakh text; readers see Russian." in rendered.warnings


def test_staff_are_warned_of_a_language_without_a_catalogue() -> None:
    notes = variants.render(EDITION, (), "de").warnings
    assert "The fixed texts of the email have no German translation; readers see them in English." in notes


def test_an_existing_text_gives_no_warning() -> None:
    assert variants.render(EDITION, (), "en").warnings == ()


def test_without_a_written_subject_each_reader_sees_the_headline_of_their_first_story() -> None:
    content = replace(EDITION, subjects=())
    rendered = variants.render(content, ("KZ",), "ru")
    assert rendered.subject == "Страна составляет карту своей диаспоры"
    assert rendered.preheader.startswith("Меморандум")
    assert variants.render(content, ("UZ",), "ru").subject == "Четыре шага, когда болезнь приходит на границу"
    titles = edition(Block("titles", ("profile",)), stories=(PROFILE,))
    assert (
        variants.render(replace(titles, subjects=()), (), "ru").subject == "Silk Road Monthly, Декабрь 2021"
    )


def test_a_preview_text_that_staff_did_not_write_is_as_short_as_theirs() -> None:
    (preheader,) = (part for part in edition_text_parts.SUBJECT_PARTS if part.name == "preheader")
    summary = "A long summary of a story. " * 70
    told = replace(story("one"), texts=(StoryText("en", "Headline", summary),))
    content = replace(edition(Block("lead", ("one",)), stories=(told,)), subjects=())
    rendered = variants.render(content, (), "en")
    assert 0 < len(rendered.preheader) <= preheader.longest
    assert " ".join(summary.split()) in rendered.html


def test_a_quote_whose_picture_alone_is_translated_is_shown_in_another_language() -> None:
    texts = (
        LocalText("kk", "", "", "Терезе жанындағы әйел"),
        LocalText("ru", "Теперь я могу.", "Швея", "Женщина"),
    )
    quote = Block("quote", texts=texts, picture=Picture("https://news.example.org/media/a.png", 240, 240))
    rendered = variants.render(edition(Block("lead", ("one",)), quote, stories=(story("one"),)), (), "kk")
    assert "Теперь я могу." in rendered.html and "Теперь я могу." in rendered.text


def test_the_text_part_numbers_the_items_of_lists_as_the_html_does() -> None:
    body = (
        "<ol><li>Sign</li><li>Keep<ul><li>a copy</li></ul></li><li>Call</li></ol>"
        "<ul><li>One</li></ul><ol><li>First</li></ol>"
    )
    told = replace(story("one"), texts=(StoryText("en", "Headline", "Summary.", body),))
    text = variants.render(edition(Block("lead", ("one",)), stories=(told,)), (), "en").text
    items = ["1. Sign", "2. Keep", "- a copy", "3. Call", "- One", "1. First"]
    assert [line for line in text.splitlines() if line in items] == items


def test_a_story_without_any_text_is_named_in_the_error() -> None:
    content = edition(Block("story", ("one",)), stories=(replace(story("one"), texts=()),))
    with pytest.raises(ValueError, match="'one'"):
        variants.render(content, (), "en")


def test_a_story_in_another_language_says_which_to_its_readers() -> None:
    rendered = variants.render(EDITION, ("UZ",), "kk")
    for part in (shown(rendered.html), rendered.text):
        assert "29 қараша · орыс тілі" in part.replace("\xa0", " ")
    assert "орыс" not in variants.render(EDITION, ("UZ",), "ru").text


def test_a_long_edition_begins_with_its_headlines() -> None:
    for part in (shown(variants.render(EDITION, (), "en").html), variants.render(EDITION, (), "en").text):
        part = part.replace("\xa0", " ")
        contents = part[part.index("In this edition") : part.index("16 November")]
        assert [part in contents for part in ("A country maps", "Four steps", "Cash is still", "“Ayka”")] == [
            *(True, True, True, False)
        ]
    assert "In this edition" not in variants.render(EDITION, ("KZ",), "en").text


@pytest.mark.parametrize(
    ("layout", "picture", "summary"),
    [("", "small", True), ("large", "wide", True), ("small", "", True), ("brief", "", False)],
)
def test_the_layout_of_a_story_decides_about_picture_and_summary(
    layout: StoryLayout, picture: str, summary: bool
) -> None:
    crops = {crop: Picture(f"https://news.example.org/media/{crop}.jpg", 6, 4) for crop in ("wide", "small")}
    if layout == "small":
        crops = {}
    laid = replace(
        story("one"),
        texts=(StoryText("en", "Headline", "Summary.", picture_alt="Hills"),),
        picture=crops.get("wide"),
        small_picture=crops.get("small"),
        layout=layout,
        link="https://example.org/one",
    )
    rendered = variants.render(edition(Block("story", ("one",)), stories=(laid,)), (), "en")
    assert re.findall(r"/media/(\w+)\.jpg", rendered.html) == ([picture] if picture else [])
    assert ("Summary." in shown(rendered.html), "Summary." in rendered.text) == (summary, summary)
    for part in (rendered.html, rendered.text):
        assert "Headline" in part and "https://example.org/one" in part


def test_many_countries_are_shown_as_the_own_country_and_the_region() -> None:
    rendered = variants.render(EDITION, ("UZ",), "en")
    assert "Uzbekistan · and the region · 29 November" in shown(rendered.html)
    assert "UZBEKISTAN · and the region · 29" in rendered.text


def test_a_few_countries_are_named_one_by_one() -> None:
    content = edition(Block("story", ("one",)), stories=(story("one", "KG", "TJ"),))
    assert "KYRGYZSTAN, TAJIKISTAN" in variants.render(content, (), "en").text


def test_all_countries_of_a_newsletter_are_the_region() -> None:
    content = replace(
        edition(Block("story", ("one",)), stories=(story("one", "TJ", "KG", "UZ"),)),
        masthead=replace(MASTHEAD, countries=("KG", "TJ", "UZ")),
    )
    assert "TAJIKISTAN · and the region" in variants.render(content, (), "en").text


def test_a_story_under_the_heading_of_its_country_does_not_name_it_twice() -> None:
    text = variants.render(EDITION, ("KG",), "en").text
    assert text.upper().count("KYRGYZSTAN") == 1
    assert text.splitlines().count("KYRGYZSTAN") == 1


def test_a_date_to_save_has_its_day_its_month_and_a_calendar_file() -> None:
    rendered = variants.render(EDITION, ("KZ",), "en")
    address = "https://news.example.org/archive/silk-road-monthly-2021-12/film.ics?lang=en"
    assert f'href="{address}"' in rendered.html
    assert address in rendered.text
    assert "18 December ■ Save the date · Kazakhstan" in shown(rendered.html)


def test_an_event_says_when_and_where_in_both_parts() -> None:
    texts = (StoryText("en", "“Ayka”", "A film.", venue="House of Cinema"),)
    film = replace(FILM, texts=texts, starts="18:30", ends="20:00", zone="Asia/Almaty")
    rendered = variants.render(edition(Block("date", ("film",)), stories=(film,)), (), "en")
    for part in (shown(rendered.html), rendered.text):
        assert "18:30–20:00 (UTC+6) · House of Cinema" in part


def test_the_key_of_a_story_cannot_leave_its_place_in_an_address() -> None:
    odd = replace(story("../x?y"), date=dt.date(2021, 12, 18))
    content = edition(Block("date", ("../x?y",)), stories=(odd,))
    assert (
        "/archive/silk-road-monthly-2021-12/..%2Fx%3Fy.ics?lang=en" in variants.render(content, (), "en").text
    )


def test_every_mail_says_why_it_came_and_how_to_change_or_end_it() -> None:
    rendered = variants.render(EDITION, ("KZ",), "en")
    html, text = merge_tags.fill_html(rendered.html, VALUES), merge_tags.fill_text(rendered.text, VALUES)
    assert "You are receiving “Silk Road Monthly” because you subscribed to it." in shown(html)
    assert "Your countries: Kazakhstan" in shown(html)
    assert "12 Example Street" in shown(html)
    for part in (html, text):
        assert VALUES["unsubscribe_url"] in part
        assert VALUES["preferences_url"] in part
        assert f"https://news.example.org/archive/{EDITION.slug}/{rendered.key}/" in part
        assert not merge_tags.TAG_RE.search(part)
    # Near the top as well, where a long mail may be cut.
    assert html.index(VALUES["unsubscribe_url"]) < html.index("<h1")


def test_values_are_escaped_in_html_and_left_alone_in_text() -> None:
    values = {**VALUES, "countries": "A & B <c>"}
    rendered = variants.render(EDITION, ("KZ",), "en")
    assert "Your countries: A &amp; B &lt;c&gt;" in merge_tags.fill_html(rendered.html, values)
    assert "Your countries: A & B <c>" in merge_tags.fill_text(rendered.text, values)


def test_the_web_version_speaks_to_everyone_and_offers_other_languages_and_subscribing() -> None:
    rendered = variants.render(EDITION, ("KZ",), "ru")
    other = web_version.OtherLanguage("kk", "Қазақша", "https://news.example.org/archive/x/0123456789abcdef/")
    page = web_version.of_variant(rendered.html, "ru", EDITION.site_url, [other])
    words = shown(page)
    assert "Вы получаете" not in words and "Ваши страны" not in words and "Отписаться" not in words
    assert not merge_tags.TAG_RE.search(page)
    assert f'<a href="{other.url}" lang="kk" hreflang="kk"' in page
    assert page.count('href="https://news.example.org/"') == 2
    assert 'href="https://news.example.org/archive/"' in page
    assert "Страна составляет карту своей диаспоры" in words and "12 Example Street" in words


def test_the_page_names_its_language_and_its_direction() -> None:
    assert '<html lang="kk" dir="ltr"' in variants.render(EDITION, ("KZ",), "kk").html
    assert '<html lang="fa" dir="rtl"' in variants.render(EDITION, ("KZ",), "fa").html


def test_tables_are_for_layout_and_images_have_alternative_text() -> None:
    html = variants.render(EDITION, ("KZ",), "en").html
    tables, images = re.findall(r"<table[^>]*>", html), re.findall(r"<img[^>]*>", html)
    assert tables and all('role="presentation"' in table for table in tables)
    ornament, *pictures = images
    assert 'alt=""' in ornament and "/ornament/" in ornament
    assert pictures and all(re.search(r'alt="[^"]+"', image) for image in pictures)


@pytest.mark.parametrize("without", [(), ("lead",), ("heading",), ("lead", "heading")])
def test_headings_are_in_order(without: tuple[str, ...]) -> None:
    blocks = tuple(block for block in EDITION.blocks if block.kind not in without)
    rich = Block("text", texts=(LocalText("en", "<h2>About us</h2><p>We write.</p>"),))
    html = variants.render(replace(EDITION, blocks=(rich, *blocks)), (), "en").html
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1 and len(levels) > 3
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_dark_mode_has_its_own_colours() -> None:
    html = variants.render(EDITION, ("KZ",), "en").html
    assert "@media (prefers-color-scheme:dark)" in html
    assert "[data-ogsc] .d p" in html
    assert '<meta name="color-scheme" content="light dark">' in html


def test_the_longest_variant_stays_well_below_the_size_at_which_mail_is_cut() -> None:
    long = replace(DIASPORA, texts=(replace(DIASPORA.texts[1], body="<p>" + "Слово " * 60 + "</p>"),))
    stories = tuple(replace(long, key=f"s{index}") for index in range(12))
    content = edition(*(Block("story", (one.key,)) for one in stories), stories=stories)
    assert len(variants.render(content, (), "ru").html.encode()) < 90_000


def test_the_text_part_is_wrapped_and_its_addresses_are_whole() -> None:
    text = variants.render(EDITION, (), "ru").text
    long = [line for line in text.splitlines() if len(line) > 72]
    assert long and all(re.match(r"\[\d+\] https://", line) for line in long)
    assert re.search(r"^\[\d+\] https://example.org/diaspora\?from=mail&part=1$", text, re.MULTILINE)
    assert "\n\n\n\n" not in text


def test_a_body_is_read_in_both_parts() -> None:
    texts = (
        StoryText(
            "en", "Headline", "Summary.", "<p>One <a href='https://example.org/x'>link</a></p><ul><li>A"
        ),
    )
    content = edition(Block("story", ("one",)), stories=(replace(story("one"), texts=texts),))
    rendered = variants.render(content, (), "en")
    assert '<a href="https://example.org/x"' in rendered.html
    assert "One link [3]\n\n- A" in rendered.text
    assert "[3] https://example.org/x\n" in rendered.text


def test_links_of_the_text_part_are_numbers_with_one_list_of_addresses_at_the_end() -> None:
    text = variants.render(EDITION, (), "en").text
    reading, _, listed = text.partition("\nLinks:\n")
    assert "://" not in reading
    numbers = re.findall(r"\[(\d+)\]", reading)
    found = dict(re.findall(r"^\[(\d+)\] (https://\S+)$", listed, re.MULTILINE))
    assert list(dict.fromkeys(numbers)) == list(found)
    assert len(set(found.values())) == len(found)


def test_a_text_part_of_an_office_that_lists_no_addresses_gets_them_all_the_same() -> None:
    own = (
        (
            "digest.txt",
            "{{ link_number(digest.web_url) }} {{ number_links('a (https://example.org/%%countries%%)') }}",
        ),
    )
    text = variants.render(replace(EDITION, masthead=replace(MASTHEAD, templates=own)), (), "en").text
    assert text.startswith("[1] a [2]\n") and "\n[1] https://news.example.org/archive/" in text
    assert text.splitlines()[-1].startswith("[2] https://example.org/")
    assert not merge_tags.TAG_RE.search(text)


def test_rendering_is_imported_without_django() -> None:
    probe = (
        "import sys, mailer.rendering.variants, mailer.rendering.mime; "
        "sys.exit(bool({'django', 'wagtail', 'subscribers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_the_lead_has_its_full_text_and_other_stories_their_summary_unless_they_have_no_link() -> None:
    def told(key: str, link: str) -> Story:
        text = StoryText("en", f"Headline {key}", f"Summary {key}.", body=f"<p>Body {key}.</p>")
        return Story(key, "news", dt.date(2021, 11, 20), (), (text,), link=link)

    links = (("a", "https://a.example.org/"), ("b", "https://b.example.org/"), ("c", ""))
    stories = tuple(told(key, link) for key, link in links)
    blocks = (Block("lead", ("a",)), Block("story", ("b",)), Block("story", ("c",)))
    rendered = variants.render(edition(*blocks, stories=stories), (), "en")
    for part in (rendered.html, rendered.text):
        assert all(f"Summary {key}." in part for key in "abc")
        assert [key for key in "abc" if f"Body {key}." in part] == ["a", "c"]
